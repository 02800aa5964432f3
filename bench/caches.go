package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"slices"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"

	"example.com/jwtverifier"
)

// A cache is what a token cache needs: the library's part in a verification.
type cache interface {
	get(key [sha256.Size]byte) *jwtverifier.AccessToken
	add(key [sha256.Size]byte, token *jwtverifier.AccessToken)
}

type twoQueues struct {
	*lru.TwoQueueCache[[sha256.Size]byte, *jwtverifier.AccessToken]
}

func (c twoQueues) get(key [sha256.Size]byte) *jwtverifier.AccessToken {
	token, _ := c.Get(key)
	return token
}

func (c twoQueues) add(key [sha256.Size]byte, token *jwtverifier.AccessToken) { c.Add(key, token) }

type leastRecent struct {
	*lru.Cache[[sha256.Size]byte, *jwtverifier.AccessToken]
}

func (c leastRecent) get(key [sha256.Size]byte) *jwtverifier.AccessToken {
	token, _ := c.Get(key)
	return token
}

func (c leastRecent) add(key [sha256.Size]byte, token *jwtverifier.AccessToken) { c.Add(key, token) }

type tinyLFU struct {
	*otter.Cache[[sha256.Size]byte, *jwtverifier.AccessToken]
}

func (c tinyLFU) get(key [sha256.Size]byte) *jwtverifier.AccessToken {
	token, _ := c.GetIfPresent(key)
	return token
}

func (c tinyLFU) add(key [sha256.Size]byte, token *jwtverifier.AccessToken) { c.Set(key, token) }

const cacheSize = 256

// caches compares WithTokenCache with what libraries would be in its place. They
// are asked for less: they do no more than find a token and copy it, while a
// Verifier also asks for the age of the keys, the key and the times.
func caches(out io.Writer) {
	libraries := []struct {
		name string
		make func() cache
	}{
		{"golang-lru, LRU" + version("github.com/hashicorp/golang-lru/v2"), func() cache {
			return leastRecent{must(lru.New[[sha256.Size]byte, *jwtverifier.AccessToken](cacheSize))}
		}},
		{"golang-lru, 2Q", func() cache {
			return twoQueues{must(lru.New2Q[[sha256.Size]byte, *jwtverifier.AccessToken](cacheSize))}
		}},
		{"otter" + version("github.com/maypok86/otter/v2"), func() cache {
			return tinyLFU{must(otter.New(&otter.Options[[sha256.Size]byte, *jwtverifier.AccessToken]{MaximumSize: cacheSize}))}
		}},
	}
	issuer := newIssuer()
	raw := mint(issuer, nil)
	fresh := accept(newVerifier(issuer), raw)
	token := must(newVerifier(issuer).VerifyAccessToken(context.Background(), raw))

	names := []string{"jwtverifier, WithTokenCache"}
	functions := []func(){accept(newVerifier(issuer, jwtverifier.WithTokenCache(cacheSize)), raw)}
	hits := []float64{hotHits(ownCache())}
	for _, l := range libraries {
		names = append(names, l.name)
		c := l.make()
		c.add(sha256.Sum256([]byte(raw)), token)
		functions = append(functions, func() { find(c, raw) })
		scanned := l.make()
		hits = append(hits, hotHits(func(raw string) bool {
			key := sha256.Sum256([]byte(raw))
			found := scanned.get(key) != nil
			if !found {
				scanned.add(key, token)
			}
			return found
		}))
	}

	ns := interleave(1000, append(functions, fresh)...)
	var rows [][]string
	for i, name := range names {
		count, _ := allocated(functions[i])
		scaling := make([]float64, 0, 20)
		for range cap(scaling) {
			runtime.GC()
			scaling = append(scaling, rate(2, batch*50, functions[i])/rate(1, batch*50, functions[i]))
		}
		rows = append(rows, []string{name, times(undisturbed(ns[i], ns[len(names)])), fmt.Sprint(count),
			fmt.Sprintf("%.2f", median(scaling)), fmt.Sprintf("%.0f %%", 100*hits[i])})
	}
	table(out, "The token cache and libraries", []string{"", "one hot token, × fresh", "allocations",
		"two goroutines, × one", "hits of 64 hot tokens, 10 new ones to each, room for 256"}, rows)
}

// find does what a Verifier has to do at the least with a library's cache.
func find(c cache, raw string) {
	found := c.get(sha256.Sum256([]byte(raw)))
	if found == nil {
		panic("not remembered")
	}
	token := *found
	token.Audience, token.Scopes = slices.Clone(token.Audience), slices.Clone(token.Scopes)
	if token.Issuer != issuerURL {
		panic("a result without its issuer")
	}
}

// ownCache returns a call that verifies a token and reports whether it was
// remembered.
func ownCache() func(raw string) bool {
	remembered := false
	key := newToyKey()
	v := must(jwtverifier.New(issuerURL, jwtverifier.WithAudience(audience), jwtverifier.WithStaticKeys(key.jwks()),
		jwtverifier.WithTokenCache(cacheSize), jwtverifier.WithObserver(jwtverifier.Observer{
			VerifyDone: func(i jwtverifier.VerifyDoneInfo) { remembered = i.Cached },
		})))
	return func(raw string) bool {
		must(v.VerifyAccessToken(context.Background(), raw))
		return remembered
	}
}

// hotHits returns the part of the hot tokens that were found.
func hotHits(found func(raw string) bool) float64 {
	const hot, rounds, scan = 64, 20, 10
	tokens := newToyKey().mint(hot*(1+rounds*scan), nil)
	fresh := tokens[hot:]
	for range 4 {
		for _, raw := range tokens[:hot] {
			found(raw)
		}
	}
	hits := 0
	for range rounds {
		for _, raw := range tokens[:hot] {
			if found(raw) {
				hits++
			}
			for range scan {
				found(fresh[0])
				fresh = fresh[1:]
			}
		}
	}
	return float64(hits) / (hot * rounds)
}
