package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// algorithms compares each algorithm with the least that its signature can cost, and
// says what junk signatures cost that anyone can send who knows a kid.
func algorithms(out io.Writer) {
	usual := newIssuer()
	functions := []func(){accept(newVerifier(usual), mint(usual, nil))}
	var names []string
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"} {
		names = append(names, alg)
		issuer := jwtverifiertest.New(issuerURL)
		kid := issuer.RotateKeyTo(alg)
		raw := issuer.Token(nil, claims())
		junk := forged(issuer, kid, raw)
		key := issuer.PublicKey(kid)
		v := newVerifier(issuer, jwtverifier.WithAlgorithms(alg))
		functions = append(functions, func() { floorOf(alg, key, raw) }, accept(v, raw), func() {
			if _, err := v.VerifyAccessToken(context.Background(), junk); !errors.Is(err, jwtverifier.ErrSignature) {
				panic(fmt.Sprintf("%s: %v", alg, err))
			}
		})
	}
	ns := interleave(1000, functions...)
	var rows [][]string
	for i, name := range names {
		floor, fresh, junk := ns[3*i+1], ns[3*i+2], ns[3*i+3]
		count, bytes := allocated(functions[3*i+2])
		rows = append(rows, []string{name, times(undisturbed(fresh, floor)), fmt.Sprint(count), fmt.Sprint(bytes),
			times(undisturbed(fresh, ns[0])), times(undisturbed(junk, ns[0])), fmt.Sprintf("%.0f", median(floor))})
	}
	table(out, "Algorithms (RSA with 2048 bits)",
		[]string{"", "fresh, × own floor", "allocations", "bytes", "fresh, × fresh RS256", "junk signature, × fresh RS256", "ns of the floor (here; not portable)"}, rows)
}

// forged returns the token with the signature of another: of the same form, and by
// the same key, so that all of the verification is done.
func forged(issuer *jwtverifiertest.Issuer, kid, raw string) string {
	other := issuer.SignWith(kid, []byte(`{}`), []byte(`{}`))
	return raw[:strings.LastIndexByte(raw, '.')] + other[strings.LastIndexByte(other, '.'):]
}

// floorOf is what verifying the signature costs and nothing else.
func floorOf(alg string, key crypto.PublicKey, raw string) {
	dot := strings.LastIndexByte(raw, '.')
	signature := must(base64.RawURLEncoding.DecodeString(raw[dot+1:]))
	input := []byte(raw[:dot])
	var hash crypto.Hash
	var digest []byte
	switch alg[2:] {
	case "256":
		sum := sha256.Sum256(input)
		hash, digest = crypto.SHA256, sum[:]
	case "384":
		sum := sha512.Sum384(input)
		hash, digest = crypto.SHA384, sum[:]
	case "512":
		sum := sha512.Sum512(input)
		hash, digest = crypto.SHA512, sum[:]
	}
	ok := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		if alg[:2] == "PS" {
			ok = rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil
		}
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		ok = ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, input, signature)
	}
	if !ok {
		panic("a good signature is refused")
	}
}
