package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// memory measures what stays on the heap.
func memory(out io.Writer) {
	issuer, key := newIssuer(), newToyKey()
	few, many := manyKeys(issuer, 100), manyKeys(issuer, 900)
	withKeys := func(document []byte) int {
		issuer := newIssuer()
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: document})
		v, size := heap(func() *jwtverifier.Verifier { return newVerifier(issuer) })
		runtime.KeepAlive(v)
		return size
	}
	perToken := func(changes jwtverifiertest.Claims) (size, bytes int) {
		const n, slots = 2000, 1 << 14
		tokens := key.mint(n, changes)
		return len(tokens[0]), (cacheBytes(key, slots, tokens) - cacheBytes(key, slots, nil)) / n
	}

	const n = 200
	unused, idle := heap(func() []*jwtverifier.Verifier {
		all := make([]*jwtverifier.Verifier, n)
		for i := range all {
			all[i] = must(jwtverifier.New(issuerURL, jwtverifier.WithAudience(audience)))
		}
		return all
	})
	used, ready := heap(func() []*jwtverifier.Verifier {
		all := make([]*jwtverifier.Verifier, n)
		for i := range all {
			all[i] = newVerifier(issuer)
		}
		return all
	})
	runtime.KeepAlive(unused)
	runtime.KeepAlive(used)

	rows := [][]string{
		{"a Verifier that has not been used", fmt.Sprint(idle / n)},
		{"a Verifier that holds two keys, and metadata", fmt.Sprint(ready / n)},
		{"each further key", fmt.Sprint((withKeys(many) - withKeys(few)) / 800)},
		{"each token that WithTokenCache makes room for", fmt.Sprintf("%.1f", float64(cacheBytes(key, 1<<20, nil))/(1<<20))},
	}
	for _, kind := range []struct {
		name    string
		changes jwtverifiertest.Claims
	}{
		{"a usual token", nil},
		{"an 8 KiB token of groups", jwtverifiertest.Claims{"groups": slices.Repeat([]string{"everyone in here"}, 292)}},
		{"an 8 KiB token of one-letter scopes", jwtverifiertest.Claims{"scp": slices.Repeat([]string{"a"}, 1392)}},
	} {
		size, bytes := perToken(kind.changes)
		rows = append(rows, []string{fmt.Sprintf("remembering %s (%d bytes)", kind.name, size), fmt.Sprint(bytes)})
	}
	table(out, "Memory", []string{"", "bytes"}, rows)
}

// cacheBytes returns the size of a Verifier that remembers the tokens.
func cacheBytes(key toyKey, slots int, tokens []string) int {
	document := key.jwks()
	v, size := heap(func() *jwtverifier.Verifier {
		v := must(jwtverifier.New(issuerURL, jwtverifier.WithAudience(audience),
			jwtverifier.WithStaticKeys(document), jwtverifier.WithTokenCache(slots)))
		for _, raw := range tokens {
			accept(v, raw)()
		}
		return v
	})
	runtime.KeepAlive(v)
	runtime.KeepAlive(tokens)
	return size
}
