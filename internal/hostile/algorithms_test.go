package hostile_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// The keys of other types. None of them is published unless a row does it.
var (
	keyP256 = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	keyP384 = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P384()) })
	keyP521 = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P521()) })
	keyEd   = sync.OnceValue(func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
)

func newECKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// allAlgorithms are those that can be chosen.
func allAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"}
}

func choosing(alg ...string) []jwtverifier.Option {
	return []jwtverifier.Option{jwtverifier.WithAlgorithms(alg...)}
}

// A primitive signs, by the key and with the hash and form that it is given, however
// they fit together.
type primitive func(hash crypto.Hash, input []byte) []byte

func digestOf(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	h.Write(input)
	return h.Sum(nil)
}

func byPKCS1(key *rsa.PrivateKey) primitive {
	return func(hash crypto.Hash, input []byte) []byte {
		signature, err := rsa.SignPKCS1v15(nil, key, hash, digestOf(hash, input))
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// byPSS salts as options say: by default with as many bytes as the hash has.
func byPSS(key *rsa.PrivateKey, salt int) primitive {
	return func(hash crypto.Hash, input []byte) []byte {
		signature, err := rsa.SignPSS(rand.Reader, key, hash, digestOf(hash, input), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			panic(err)
		}
		return signature
	}
}

const asTheHash = rsa.PSSSaltLengthEqualsHash

// ecNumbers are r and s of a signature.
func ecNumbers(key *ecdsa.PrivateKey, hash crypto.Hash, input []byte) (r, s *big.Int) {
	der, err := key.Sign(rand.Reader, digestOf(hash, input), hash)
	if err != nil {
		panic(err)
	}
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &numbers); err != nil {
		panic(err)
	}
	return numbers.R, numbers.S
}

// byEC writes the numbers that change makes of a good signature, each in size bytes.
func byEC(key *ecdsa.PrivateKey, size int, change func(r, s *big.Int) (*big.Int, *big.Int)) primitive {
	return func(hash crypto.Hash, input []byte) []byte {
		r, s := ecNumbers(key, hash, input)
		if change != nil {
			r, s = change(r, s)
		}
		return slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size)))
	}
}

func byEd(_ crypto.Hash, input []byte) []byte { return ed25519.Sign(keyEd(), input) }

// signedBy returns the compact JWS of exactly these bytes.
func signedBy(sign primitive, hash crypto.Hash, header, payload string) string {
	input := seg64(header) + "." + seg64(payload)
	return input + "." + seg64(sign(hash, []byte(input)))
}

// tokenBy is a good access token in all but what the arguments make of it.
func tokenBy(alg, kid string, sign primitive, hash crypto.Hash) string {
	return signedBy(sign, hash, h0("alg", strconv.Quote(alg), "kid", strconv.Quote(kid)), at0())
}

func goodES256() string { return tokenBy("ES256", "es", byEC(keyP256(), 32, nil), crypto.SHA256) }

func goodEd() string { return tokenBy("EdDSA", "ed", byEd, crypto.SHA512) }

// ecJWK and edJWK are JWKS entries, changed.
func ecJWK(kid string, key *ecdsa.PrivateKey, changes ...string) string {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	half := len(point) / 2
	return membersWith([][2]string{
		{"kty", `"EC"`}, {"use", `"sig"`}, {"kid", strconv.Quote(kid)}, {"crv", strconv.Quote(key.Params().Name)},
		{"x", strconv.Quote(seg64(point[1 : 1+half]))}, {"y", strconv.Quote(seg64(point[1+half:]))},
	}, changes)
}

func edJWK(kid string, key ed25519.PublicKey, changes ...string) string {
	return membersWith([][2]string{
		{"kty", `"OKP"`}, {"use", `"sig"`}, {"kid", strconv.Quote(kid)}, {"crv", `"Ed25519"`}, {"x", strconv.Quote(seg64(key))},
	}, changes)
}

func edPublic() ed25519.PublicKey { return keyEd().Public().(ed25519.PublicKey) }

// mixedJWKS is what a server publishes that signs with everything.
func mixedJWKS(more ...string) string {
	k2 := func(kid, alg string) string { return jwkOf(kid, &key2().PublicKey, "alg", strconv.Quote(alg)) }
	return jwksOf(append([]string{
		goodJWK1(), ecJWK("es", keyP256()), ecJWK("es384", keyP384()), ecJWK("es512", keyP521()), edJWK("ed", edPublic()),
		k2("rs384", "RS384"), k2("rs512", "RS512"), k2("ps", "PS256"), k2("ps384", "PS384"), k2("ps512", "PS512"),
	}, more...)...)
}

func TestAlgorithms(t *testing.T) {
	t.Parallel()
	all, jwks := choosing(allAlgorithms()...), mixedJWKS()
	es256, k2 := byEC(keyP256(), 32, nil), byPSS(key2(), asTheHash)
	row := func(name, token string, want error) attack {
		return attack{name: name, token: token, want: want, jwks: jwks, opts: all, part: map[error]string{jwtverifier.ErrUnknownKey: "header", jwtverifier.ErrAlgorithm: "header"}[want]}
	}
	only := func(a attack, chosen ...string) attack {
		a.opts = choosing(chosen...)
		return a
	}
	byDefault := func(a attack) attack {
		a.opts = nil
		return a
	}
	published := func(a attack, entries ...string) attack {
		a.jwks = jwksOf(append([]string{goodJWK1()}, entries...)...)
		return a
	}
	algorithm, unknown, signature := jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature
	n256 := elliptic.P256().Params().N

	rows := []attack{
		byDefault(row("t/340 ES256, by default", goodES256(), algorithm)),
		byDefault(row("t/340 EdDSA, by default", goodEd(), algorithm)),
		byDefault(row("t/340 PS256, by default", tokenBy("PS256", "ps", k2, crypto.SHA256), algorithm)),
		byDefault(row("t/340 RS512, by default", tokenBy("RS512", "rs512", byPKCS1(key2()), crypto.SHA512), algorithm)),
		row("t/340 none, all chosen", seg64(`{"alg":"none"}`)+"."+seg64(at0())+".AA", algorithm),
		row("t/340 an algorithm that cannot be chosen", tokenBy("ES256K", "es", es256, crypto.SHA256), algorithm),
		row("t/340 another name for it", tokenBy("ESP256", "es", es256, crypto.SHA256), algorithm),
		row("t/340 the name in lower case", tokenBy("es256", "es", es256, crypto.SHA256), algorithm),
		row("t/340 the name with a space", tokenBy("ES256 ", "es", es256, crypto.SHA256), algorithm),
		row("t/340 the curve's name for the algorithm", tokenBy("ed25519", "ed", byEd, 0), algorithm),
		only(row("t/341 RS256 and ES256 chosen: the one", at0Token(), nil), "RS256", "ES256"),
		only(row("t/341 RS256 and ES256 chosen: the other", goodES256(), nil), "RS256", "ES256"),
		only(row("t/341 chosen in two options", goodEd(), nil), "RS256", "EdDSA"),
		row("t/341 all chosen: EdDSA", goodEd(), nil),
		row("t/341 all chosen: Ed25519", tokenBy("Ed25519", "ed", byEd, 0), nil),
		row("t/341 all chosen: ES384", tokenBy("ES384", "es384", byEC(keyP384(), 48, nil), crypto.SHA384), nil),
		row("t/341 all chosen: ES512", tokenBy("ES512", "es512", byEC(keyP521(), 66, nil), crypto.SHA512), nil),
		row("t/341 all chosen: RS384", tokenBy("RS384", "rs384", byPKCS1(key2()), crypto.SHA384), nil),
		row("t/341 all chosen: RS512", tokenBy("RS512", "rs512", byPKCS1(key2()), crypto.SHA512), nil),
		row("t/341 all chosen: PS256", tokenBy("PS256", "ps", k2, crypto.SHA256), nil),
		row("t/341 all chosen: PS384", tokenBy("PS384", "ps384", k2, crypto.SHA384), nil),
		row("t/341 all chosen: PS512", tokenBy("PS512", "ps512", k2, crypto.SHA512), nil),

		row("t/344 RS256, and the kid of an EC key", tokenBy("RS256", "es", byPKCS1(key1()), crypto.SHA256), unknown),
		row("t/344 ES256, and the kid of an RSA key", tokenBy("ES256", "k1", es256, crypto.SHA256), unknown),
		row("t/344 EdDSA, and the kid of an EC key", tokenBy("EdDSA", "es", byEd, 0), unknown),
		row("t/344 RS256 by a key for PS256", tokenBy("RS256", "ps", byPKCS1(key2()), crypto.SHA256), unknown),
		row("t/344 PS256 by a key for RS256", tokenBy("PS256", "k1", byPSS(key1(), asTheHash), crypto.SHA256), unknown),
		row("t/344 PS384 by a key for PS256", tokenBy("PS384", "ps", k2, crypto.SHA384), unknown),
		// crypto/ecdsa verifies this: it cuts the hash to the curve's size, or does not.
		row("t/344 ES256 by a P-384 key, SHA-256", tokenBy("ES256", "es384", byEC(keyP384(), 48, nil), crypto.SHA256), unknown),
		row("t/344 ES384 by a P-256 key, SHA-384", tokenBy("ES384", "es", es256, crypto.SHA384), unknown),
		row("t/344 ES512 by a P-256 key, SHA-512", tokenBy("ES512", "es", es256, crypto.SHA512), unknown),

		published(row("t/345 two types of one kid: the RSA key", tokenBy("RS256", "two", byPKCS1(key2()), crypto.SHA256), nil),
			jwkOf("two", &key2().PublicKey), ecJWK("two", keyP256())),
		published(row("t/345 two types of one kid: the EC key", tokenBy("ES256", "two", es256, crypto.SHA256), nil),
			jwkOf("two", &key2().PublicKey), ecJWK("two", keyP256())),
		published(row("t/345 the RSA key's signature as ES256", tokenBy("ES256", "two", byPKCS1(key2()), crypto.SHA256), signature),
			jwkOf("two", &key2().PublicKey), ecJWK("two", keyP256())),

		published(row("t/346 RSA without alg: RS256", tokenBy("RS256", "odd", byPKCS1(key2()), crypto.SHA256), nil), jwkOf("odd", &key2().PublicKey, "alg", absentMember)),
		published(row("t/346 RSA without alg: not PS256", tokenBy("PS256", "odd", k2, crypto.SHA256), unknown), jwkOf("odd", &key2().PublicKey, "alg", absentMember)),
		published(row("t/346 RSA without alg: not RS512", tokenBy("RS512", "odd", byPKCS1(key2()), crypto.SHA512), unknown), jwkOf("odd", &key2().PublicKey, "alg", absentMember)),
		published(row("t/346 EC with alg", goodES256(), nil), ecJWK("es", keyP256(), "alg", `"ES256"`)),
		published(row("t/346 Ed25519 with its old name", goodEd(), nil), edJWK("ed", edPublic(), "alg", `"EdDSA"`)),
		published(row("t/346 Ed25519 with its new name", goodEd(), nil), edJWK("ed", edPublic(), "alg", `"Ed25519"`)),

		published(row("t/347 P-256 that says ES384", goodES256(), unknown), ecJWK("es", keyP256(), "alg", `"ES384"`)),
		published(row("t/347 P-256 that says RS256", goodES256(), unknown), ecJWK("es", keyP256(), "alg", `"RS256"`)),
		published(row("t/347 P-256 that says P-384", goodES256(), unknown), ecJWK("es", keyP256(), "crv", `"P-384"`)),
		published(row("t/347 P-256 that says secp256k1", goodES256(), unknown), ecJWK("es", keyP256(), "crv", `"secp256k1"`)),
		published(row("t/347 P-256 without crv", goodES256(), unknown), ecJWK("es", keyP256(), "crv", absentMember)),
		published(row("t/347 P-256 as OKP", goodES256(), unknown), ecJWK("es", keyP256(), "kty", `"OKP"`)),
		published(row("t/347 Ed25519 as X25519", goodEd(), unknown), edJWK("ed", edPublic(), "crv", `"X25519"`)),
		published(row("t/347 Ed25519 as Ed448", goodEd(), unknown), edJWK("ed", edPublic(), "crv", `"Ed448"`)),
		published(row("t/347 Ed25519 as EC", goodEd(), unknown), edJWK("ed", edPublic(), "kty", `"EC"`)),
		published(row("t/347 a post-quantum key", goodEd(), unknown), `{"kty":"AKP","kid":"ed","alg":"ML-DSA-44","pub":"`+seg64(make([]byte, 1312))+`"}`),
		published(row("t/347 a post-quantum key, alg of another", goodEd(), unknown), `{"kty":"AKP","kid":"ed","alg":"EdDSA","pub":"`+seg64(edPublic())+`","x":"`+seg64(edPublic())+`"}`),
		published(row("t/347 EC for encryption", goodES256(), unknown), ecJWK("es", keyP256(), "use", `"enc"`)),
		published(row("t/347 EC of a key agreement", goodES256(), unknown), ecJWK("es", keyP256(), "alg", `"ECDH-ES"`)),
		published(row("t/347 EC that only signs", goodES256(), unknown), ecJWK("es", keyP256(), "key_ops", `["sign"]`)),
		published(row("t/347 EC that verifies", goodES256(), nil), ecJWK("es", keyP256(), "key_ops", `["verify"]`)),

		published(row("t/348 no kid, two EC keys: the second", signedBy(es256, crypto.SHA256, h0("alg", `"ES256"`, "kid", absentMember), at0()), nil),
			ecJWK("other", newECKey(elliptic.P256())), ecJWK("es", keyP256())),
		published(attack{unnamed: true, name: "t/348 no kid, five EC keys", token: signedBy(es256, crypto.SHA256, h0("alg", `"ES256"`, "kid", absentMember), at0()), want: signature, opts: all},
			ecJWK("a", newECKey(elliptic.P256())), ecJWK("b", newECKey(elliptic.P256())), ecJWK("c", newECKey(elliptic.P256())), ecJWK("d", newECKey(elliptic.P256())), ecJWK("es", keyP256())),
		published(row("t/348 no kid, one EC key among five RSA keys", signedBy(es256, crypto.SHA256, h0("alg", `"ES256"`, "kid", absentMember), at0()), nil),
			jwkOf("a", &key2().PublicKey), jwkOf("b", &key3().PublicKey), jwkOf("c", &keyX().PublicKey), jwkOf("d", &key2().PublicKey), ecJWK("es", keyP256())),
		published(row("t/348 keys without kid, token with one", goodEd(), nil), edJWK("", edPublic(), "kid", absentMember), ecJWK("", keyP256(), "kid", absentMember)),

		published(row("t/349 among keys of every kind", goodES256(), nil),
			`{"kty":"RSA","use":"enc","alg":"RSA-OAEP","kid":"es","n":"`+seg64(key2().N.Bytes())+`","e":"AQAB"}`, `{"kty":"oct","kid":"es","k":"c2VjcmV0"}`,
			`{"kty":"AKP","kid":"es","alg":"ML-DSA-65","pub":"AAAA"}`, edJWK("es", edPublic()), `{"kty":"EC","crv":"secp256k1","kid":"es","x":"AA","y":"AA"}`, ecJWK("es", keyP256())),

		published(row("t/351 certificates, thumbprints and numbers of another key", goodES256(), nil),
			ecJWK("es", keyP256(), "x5c", `["AAAA"]`, "x5t", `"AAAA"`, "x5u", `"https://evil.example/"`, "n", `"AQAB"`, "e", `"AQAB"`)),

		row("t/356 white space in the header that was signed", signedBy(es256, crypto.SHA256, `{ "kid" : "es", "alg":"ES256" }`, at0()), nil),
		row("t/356 signed over the decoded header and payload", func() string {
			header := h0("alg", `"ES256"`, "kid", `"es"`)
			return seg64(header) + "." + seg64(at0()) + "." + seg64(es256(crypto.SHA256, []byte(header+"."+at0())))
		}(), signature),
		row("t/356 the header encoded again", func() string {
			token := strings.SplitN(signedBy(byEd, 0, `{ "alg":"EdDSA", "kid":"ed" }`, at0()), ".", 2)
			return seg64(`{"alg":"EdDSA","kid":"ed"}`) + "." + token[1]
		}(), signature),
	}

	for _, chosen := range allAlgorithms() {
		for _, of := range []struct {
			alg, kid string
			token    string
		}{{"RS256", "k1", at0Token()}, {"ES256", "es", goodES256()}, {"Ed25519", "ed", goodEd()}} {
			if of.alg == chosen {
				continue
			}
			a := only(row(fmt.Sprintf("t/340 %s, only %s chosen", of.alg, chosen), of.token, algorithm), chosen)
			a.good = goodOf(chosen)
			rows = append(rows, a)
		}
	}
	for member, value := range map[string]string{"d": `"AQAB"`, "k": `"AQAB"`, "p": `"AQAB"`, "priv": `"AQAB"`, "oth": `[{}]`} {
		rows = append(rows, published(row("t/347 EC with the private "+member, goodES256(), unknown), ecJWK("es", keyP256(), member, value)),
			published(row("t/347 Ed25519 with the private "+member, goodEd(), unknown), edJWK("ed", edPublic(), member, value)))
	}

	// EC keys that are no points.
	size := func(b []byte, size int) string {
		return strconv.Quote(seg64(append(make([]byte, max(0, size-len(b))), b...)))
	}
	point, err := keyP256().PublicKey.Bytes()
	require.NoError(t, err)
	x, y := point[1:33], point[33:]
	plusP := new(big.Int).Add(new(big.Int).SetBytes(x), elliptic.P256().Params().P)
	for name, changes := range map[string][]string{
		"x and y exchanged":   {"x", size(y, 32), "y", size(x, 32)},
		"infinity":            {"x", size(nil, 32), "y", size(nil, 32)},
		"x not reduced":       {"x", strconv.Quote(seg64(plusP.Bytes()))},
		"x a byte short":      {"x", strconv.Quote(seg64(x[1:]))},
		"x a byte more":       {"x", size(x, 33)},
		"y a byte more":       {"y", size(y, 33)},
		"compressed in x":     {"x", strconv.Quote(seg64(append([]byte{2 + y[31]&1}, x...))), "y", absentMember},
		"uncompressed in x":   {"x", strconv.Quote(seg64(point)), "y", absentMember},
		"no y":                {"y", absentMember},
		"y empty":             {"y", `""`},
		"x a number":          {"x", `1`},
		"x with a line break": {"x", `"` + seg64(x)[:8] + `\n` + seg64(x)[8:] + `"`},
		"y of the twin point": {"y", size(new(big.Int).Xor(new(big.Int).SetBytes(y), big.NewInt(1)).Bytes(), 32)},
	} {
		rows = append(rows, published(row("t/352 "+name, goodES256(), unknown), ecJWK("es", keyP256(), changes...)))
	}
	rows = append(rows, published(row("t/352 padded: accepted", goodES256(), nil), ecJWK("es", keyP256(), "x", strconv.Quote(seg64(x)+"="))))

	// ECDSA signatures in another form.
	for name, sign := range map[string]primitive{
		"DER": func(hash crypto.Hash, input []byte) []byte {
			der, err := keyP256().Sign(rand.Reader, digestOf(hash, input), hash)
			require.NoError(t, err)
			return der
		},
		"DER, cut to size": func(hash crypto.Hash, input []byte) []byte {
			der, err := keyP256().Sign(rand.Reader, digestOf(hash, input), hash)
			require.NoError(t, err)
			return der[:64]
		},
		"a byte short":     func(hash crypto.Hash, input []byte) []byte { return es256(hash, input)[:63] },
		"a byte more":      func(hash crypto.Hash, input []byte) []byte { return append(es256(hash, input), 0) },
		"96 bytes":         byEC(keyP256(), 48, nil),
		"a byte":           func(crypto.Hash, []byte) []byte { return []byte{1} },
		"another hash":     func(_ crypto.Hash, input []byte) []byte { return es256(crypto.SHA512, input) },
		"another key":      byEC(newECKey(elliptic.P256()), 32, nil),
		"another curve":    byEC(keyP384(), 48, nil),
		"by HMAC":          func(_ crypto.Hash, input []byte) []byte { sum := sha256.Sum256(append(point, input...)); return sum[:] },
		"Ed25519":          byEd,
		"RSA":              byPKCS1(key2()),
		"halves exchanged": byEC(keyP256(), 32, func(r, s *big.Int) (*big.Int, *big.Int) { return s, r }),
	} {
		rows = append(rows, row("t/353 "+name, tokenBy("ES256", "es", sign, crypto.SHA256), signature))
	}
	for name, change := range map[string]func(r, s *big.Int) (*big.Int, *big.Int){
		"all zero":   func(_, _ *big.Int) (*big.Int, *big.Int) { return new(big.Int), new(big.Int) },
		"r zero":     func(_, s *big.Int) (*big.Int, *big.Int) { return new(big.Int), s },
		"s zero":     func(r, _ *big.Int) (*big.Int, *big.Int) { return r, new(big.Int) },
		"r n":        func(_, s *big.Int) (*big.Int, *big.Int) { return n256, s },
		"s n":        func(r, _ *big.Int) (*big.Int, *big.Int) { return r, n256 },
		"all n":      func(_, _ *big.Int) (*big.Int, *big.Int) { return n256, n256 },
		"all one":    func(_, _ *big.Int) (*big.Int, *big.Int) { return big.NewInt(1), big.NewInt(1) },
		"r negative": func(r, s *big.Int) (*big.Int, *big.Int) { return new(big.Int).Sub(n256, r), s },
	} {
		rows = append(rows, row("t/354 "+name, tokenBy("ES256", "es", byEC(keyP256(), 32, change), crypto.SHA256), signature))
	}
	rows = append(rows, row("t/355 the twin of a signature", tokenBy("ES256", "es", byEC(keyP256(), 32, func(r, s *big.Int) (*big.Int, *big.Int) {
		return r, new(big.Int).Sub(n256, s)
	}), crypto.SHA256), nil))

	// Ed25519: under a key of small order this signature is good for any message.
	forged := func(crypto.Hash, []byte) []byte { return append([]byte{1}, make([]byte, 63)...) }
	for _, point := range smallOrderPoints(t) {
		rows = append(rows, published(row(fmt.Sprintf("t/357 %x", point), tokenBy("EdDSA", "ed", forged, 0), unknown), edJWK("ed", point)))
	}
	rows = append(rows,
		published(row("t/357 31 bytes", goodEd(), unknown), edJWK("ed", edPublic()[:31])),
		published(row("t/357 33 bytes", goodEd(), unknown), edJWK("ed", append(slices.Clone(edPublic()), 0))),
		published(row("t/357 nothing", goodEd(), unknown), edJWK("ed", nil)),
		published(row("t/357 no x", goodEd(), unknown), edJWK("ed", nil, "x", absentMember)),
		published(row("t/357 not on the curve", goodEd(), unknown), edJWK("ed", append([]byte{2}, make([]byte, 31)...))),
		published(row("t/357 y not reduced", goodEd(), unknown), edJWK("ed", bytes.Repeat([]byte{0xff}, 32))),
	)
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	for name, sign := range map[string]primitive{
		"S plus the order": func(hash crypto.Hash, input []byte) []byte {
			signature := byEd(hash, input)
			slices.Reverse(signature[32:])
			s := new(big.Int).SetBytes(signature[32:])
			s.Add(s, order).FillBytes(signature[32:])
			slices.Reverse(signature[32:])
			return signature
		},
		"R not reduced": func(crypto.Hash, []byte) []byte {
			return append([]byte{0xee}, append(bytes.Repeat([]byte{0xff}, 30), append([]byte{0x7f}, make([]byte, 32)...)...)...)
		},
		"a byte short": func(hash crypto.Hash, input []byte) []byte { return byEd(hash, input)[:63] },
		"a byte more":  func(hash crypto.Hash, input []byte) []byte { return append(byEd(hash, input), 0) },
		"of the hash": func(_ crypto.Hash, input []byte) []byte {
			sum := sha512.Sum512(input)
			return byEd(0, sum[:])
		},
		"Ed25519ph": func(_ crypto.Hash, input []byte) []byte {
			sum := sha512.Sum512(input)
			signature, err := keyEd().Sign(nil, sum[:], crypto.SHA512)
			require.NoError(t, err)
			return signature
		},
		"Ed25519ctx": func(_ crypto.Hash, input []byte) []byte {
			signature, err := keyEd().Sign(nil, input, &ed25519.Options{Context: "JWT"})
			require.NoError(t, err)
			return signature
		},
		"zeros":     func(crypto.Hash, []byte) []byte { return make([]byte, 64) },
		"the forge": forged,
	} {
		rows = append(rows, row("t/358 "+name, tokenBy("EdDSA", "ed", sign, 0), signature))
	}

	// RSA with the padding, salt or hash of another.
	for name, sign := range map[string]primitive{
		"a salt of 20":     byPSS(key2(), 20),
		"a salt of 31":     byPSS(key2(), 31),
		"a salt of 33":     byPSS(key2(), 33),
		"a salt of 64":     byPSS(key2(), 64),
		"the longest salt": byPSS(key2(), rsa.PSSSaltLengthAuto),
		"SHA-384":          func(_ crypto.Hash, input []byte) []byte { return k2(crypto.SHA384, input) },
		"SHA-512":          func(_ crypto.Hash, input []byte) []byte { return k2(crypto.SHA512, input) },
		"SHA-1":            func(_ crypto.Hash, input []byte) []byte { return k2(crypto.SHA1, input) },
		"no salt":          withoutSalt(crypto.SHA256, crypto.SHA256),
		"PKCS #1":          byPKCS1(key2()),
		"another key":      byPSS(keyX(), asTheHash),
		"MGF1 with SHA-1":  withMGF(crypto.SHA256, crypto.SHA1),
	} {
		rows = append(rows, row("t/359 PS256 with "+name, tokenBy("PS256", "ps", sign, crypto.SHA256), signature))
	}
	rows = append(rows,
		row("t/359 PS256 made by hand", tokenBy("PS256", "ps", withMGF(crypto.SHA256, crypto.SHA256), crypto.SHA256), nil),
		row("t/360 RS256 with PSS", tokenBy("RS256", "k1", byPSS(key1(), asTheHash), crypto.SHA256), signature),
		row("t/360 RS512 with PSS", tokenBy("RS512", "rs512", k2, crypto.SHA512), signature),
		row("t/360 RS512 with SHA-256", tokenBy("RS512", "rs512", byPKCS1(key2()), crypto.SHA256), signature),
		row("t/360 RS384 with SHA-512", tokenBy("RS384", "rs384", byPKCS1(key2()), crypto.SHA512), signature),
		row("t/360 RS256 with SHA-384", tokenBy("RS256", "k1", byPKCS1(key1()), crypto.SHA384), signature),
		row("t/360 RS512, a DigestInfo of SHA-256", tokenBy("RS512", "rs512", func(_ crypto.Hash, input []byte) []byte {
			return byPKCS1(key2())(crypto.SHA256, input)
		}, crypto.SHA512), signature),
	)
	runAttacks(t, "signature", rows)
}

// goodOf is a token that is accepted if this algorithm is chosen.
func goodOf(alg string) string {
	kid := map[string]string{"RS256": "k1", "RS384": "rs384", "RS512": "rs512", "PS256": "ps", "PS384": "ps384", "PS512": "ps512"}[alg]
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	switch alg {
	case "RS256":
		return at0Token()
	case "RS384", "RS512":
		return tokenBy(alg, kid, byPKCS1(key2()), hash)
	case "PS256", "PS384", "PS512":
		return tokenBy(alg, kid, byPSS(key2(), asTheHash), hash)
	case "ES256":
		return goodES256()
	case "ES384":
		return tokenBy(alg, "es384", byEC(keyP384(), 48, nil), hash)
	case "ES512":
		return tokenBy(alg, "es512", byEC(keyP521(), 66, nil), hash)
	}
	return goodEd()
}

// withMGF signs by K2 with PSS, with the salt as long as the hash, and another hash in
// the mask (RFC 8017 §9.1.1). withoutSalt is the same without a salt.
func withMGF(hash, mask crypto.Hash) primitive { return pssByHand(hash, mask, hash.Size()) }

func withoutSalt(hash, mask crypto.Hash) primitive { return pssByHand(hash, mask, 0) }

func pssByHand(hash, mask crypto.Hash, saltLength int) primitive {
	return func(_ crypto.Hash, input []byte) []byte {
		const size = 256
		salt := make([]byte, saltLength)
		_, _ = rand.Read(salt)
		h := digestOf(hash, slices.Concat(make([]byte, 8), digestOf(hash, input), salt))
		db := slices.Concat(make([]byte, size-len(salt)-len(h)-2), []byte{1}, salt)
		for i, counter := 0, byte(0); i < len(db); counter++ {
			for _, b := range digestOf(mask, slices.Concat(h, []byte{0, 0, 0, counter})) {
				if i < len(db) {
					db[i] ^= b
					i++
				}
			}
		}
		db[0] &= 0x7f
		m := new(big.Int).SetBytes(slices.Concat(db, h, []byte{0xbc}))
		return m.Exp(m, key2().D, key2().N).FillBytes(make([]byte, size))
	}
}

// smallOrderPoints are the points of small order on Ed25519, with either sign, and
// two of their spellings that are not reduced.
func smallOrderPoints(t *testing.T) (points []ed25519.PublicKey) {
	t.Helper()
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		point, err := hex.DecodeString(text)
		require.NoError(t, err)
		negative := slices.Clone(point)
		negative[31] |= 0x80
		points = append(points, point, negative)
	}
	return points
}

func TestAlgorithmsChosen(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{
		{}, {""}, {"none"}, {"HS256"}, {"HS512"}, {"rs256"}, {"RS256 "}, {"Es256"}, {"ES256K"}, {"Ed448"}, {"RSA-OAEP"}, {"ESP256"}, {"ML-DSA-44"}, {"ML-DSA-65"}, {"ML-DSA-87"},
		{"RS256", "none"}, {"none", "RS256"}, {"RS256", ""}, {"RS256,ES256"}, {"RS256", "HS256", "ES256"}, {"*"}, {"all"}, {strings.Repeat("RS256", 1000)},
	} {
		runRow(t, fmt.Sprintf("t/342 %.40q", names), func(t *testing.T) {
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithAlgorithms(names...))
			require.Nil(t, v)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			oneShortLine(t, err)
			for _, known := range allAlgorithms() {
				assert.Contains(t, err.Error(), known, "what can be had")
			}
		})
	}
	runRow(t, "t/343 the option twice, and a name twice", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(answerWith(200, mixedJWKS()), jwksURL)
			v := site.verifier(t, jwtverifier.WithAlgorithms("ES256", "ES256"), jwtverifier.WithAlgorithms("EdDSA", "Ed25519"))
			accepts(t, v, goodES256())
			accepts(t, v, goodEd())
			refuses(t, v, at0Token(), jwtverifier.ErrAlgorithm)
			assert.Equal(t, []string{"ed", "es"}, v.Status().KeyIDs)
		})
	})
	runRow(t, "t/350 another type under the same kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite(goodJWK1(), jwkOf("es", &key2().PublicKey))
			v := site.verifier(t, choosing("RS256", "ES256")...)
			old := tokenBy("RS256", "es", byPKCS1(key2()), crypto.SHA256)
			accepts(t, v, old)
			accepts(t, v, old)
			site.publish(goodJWK1(), ecJWK("es", keyP256()))
			accepts(t, v, goodES256()) // found at once, as a new kid is
			refuses(t, v, old, jwtverifier.ErrUnknownKey)
			accepts(t, v, goodES256())
		})
	})
	runRow(t, "t/362 issuers that chose different ones", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(answerWith(200, mixedJWKS()), jwksURL)
			one := site.verifier(t)
			other, err := jwtverifier.New("https://b.example", jwtverifier.WithAudience("api"), jwtverifier.WithAlgorithms("ES256"),
				jwtverifier.WithJWKSURL(jwksURL), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			both, err := jwtverifier.NewIssuers(one, other)
			require.NoError(t, err)
			es256 := byEC(keyP256(), 32, nil)
			of := func(issuer, alg string) string {
				header, payload := h0("alg", strconv.Quote(alg)), at0("iss", strconv.Quote(issuer))
				if alg == "RS256" {
					return jwsOf(key1(), header, payload)
				}
				return signedBy(es256, crypto.SHA256, h0("alg", strconv.Quote(alg), "kid", `"es"`), payload)
			}
			for _, row := range []struct {
				issuer, alg string
				want        error
			}{
				{issuerURL, "RS256", nil},
				{issuerURL, "ES256", jwtverifier.ErrAlgorithm},
				{"https://b.example", "ES256", nil},
				{"https://b.example", "RS256", jwtverifier.ErrAlgorithm},
				{"https://c.example", "RS256", jwtverifier.ErrIssuer},
				{"https://c.example", "ES256", jwtverifier.ErrIssuer},
				{"https://c.example", "ES384", jwtverifier.ErrAlgorithm},
			} {
				_, err := both.VerifyAccessToken(t.Context(), of(row.issuer, row.alg))
				if row.want == nil {
					require.NoError(t, err, "%s %s", row.issuer, row.alg)
					continue
				}
				var refused *jwtverifier.TokenError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, row.want, refused.Reason, "%s %s", row.issuer, row.alg)
				onlyReasons(t, err, jwtverifier.ErrInvalidToken, row.want)
			}
		})
	})
	runRow(t, "t/363 what is skipped says which option would take it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(answerWith(200, mixedJWKS(edJWK("enc", edPublic(), "crv", `"X25519"`))), jwksURL)
			reasons := map[string]string{}
			v := site.verifier(t, jwtverifier.WithObserver(jwtverifier.Observer{KeysChanged: func(i jwtverifier.KeysChangedInfo) {
				for _, s := range i.Skipped {
					reasons[s.KeyID] = s.Reason
				}
			}}))
			accepts(t, v, at0Token())
			assert.Equal(t, map[string]string{
				"es":    `no alg: kty "EC" with crv "P-256" is for ES256, which is not accepted: WithAlgorithms`,
				"es384": `no alg: kty "EC" with crv "P-384" is for ES384, which is not accepted: WithAlgorithms`,
				"es512": `no alg: kty "EC" with crv "P-521" is for ES512, which is not accepted: WithAlgorithms`,
				"ed":    `no alg: kty "OKP" with crv "Ed25519" is for Ed25519, which is not accepted: WithAlgorithms`,
				"rs384": `alg "RS384" is not accepted: WithAlgorithms`,
				"rs512": `alg "RS512" is not accepted: WithAlgorithms`,
				"ps":    `alg "PS256" is not accepted: WithAlgorithms`,
				"ps384": `alg "PS384" is not accepted: WithAlgorithms`,
				"ps512": `alg "PS512" is not accepted: WithAlgorithms`,
				"enc":   `kty "OKP" with crv "X25519" is not accepted`,
			}, reasons)
		})
	})
	runRow(t, "t/364 a flood of junk signatures: no request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(answerWith(200, mixedJWKS()), jwksURL)
			v := site.verifier(t, choosing(allAlgorithms()...)...)
			accepts(t, v, goodES256())
			asked := site.requests()
			for i := range 50 {
				junk := make([]byte, 132)
				junk[131] = byte(i)
				for alg, kid := range map[string]string{"ES256": "es", "ES384": "es384", "ES512": "es512", "EdDSA": "ed", "PS512": "ps512"} {
					size := map[string]int{"ES256": 64, "ES384": 96, "ES512": 132, "EdDSA": 64, "PS512": 132}[alg]
					refuses(t, v, tokenBy(alg, kid, func(crypto.Hash, []byte) []byte { return junk[132-size:] }, 0), jwtverifier.ErrSignature)
				}
			}
			assert.Equal(t, asked, site.requests())
		})
	})
}

// The rules about claims are the same, whatever the algorithm.
func TestClaimsByAlgorithm(t *testing.T) {
	t.Parallel()
	all, jwks := choosing(allAlgorithms()...), mixedJWKS()
	es256 := func(header, payload string) string {
		return signedBy(byEC(keyP256(), 32, nil), crypto.SHA256, header, payload)
	}
	header := func(changes ...string) string {
		return h0(append([]string{"alg", `"ES256"`, "kid", `"es"`}, changes...)...)
	}
	var rows []attack
	add := func(name, token string, want error, id *idCall) {
		rows = append(rows, attack{name: name, token: token, want: want, jwks: jwks, opts: all, id: id})
	}
	add("t/365 an access token at a login", es256(header("typ", `"at+jwt"`), id0()), jwtverifier.ErrTokenType, asID0)
	add("t/365 an ID token shown to an API", es256(header(), at0("at_hash", `"x"`)), jwtverifier.ErrTokenType, nil)
	add("t/365 expired", es256(header(), at0("exp", inSeconds(-61))), jwtverifier.ErrExpired, nil)
	add("t/365 of another issuer", es256(header(), at0("iss", `"https://evil.example"`)), jwtverifier.ErrIssuer, nil)
	add("t/365 at+jwt", es256(header("typ", `"at+jwt"`), at0()), nil, nil)

	half := func(sum []byte) string { return strconv.Quote(seg64(sum[:len(sum)/2])) }
	const value = "an access token"
	sum256, sum384, sum512 := sha256.Sum256([]byte(value)), sha512.Sum384([]byte(value)), sha512.Sum512([]byte(value))
	hashes := map[string]string{"256": half(sum256[:]), "384": half(sum384[:]), "512": half(sum512[:]), "512, all of it": strconv.Quote(seg64(sum512[:]))}
	checks := map[string]jwtverifier.IDTokenCheck{"at_hash": jwtverifier.AccessTokenHash(value), "c_hash": jwtverifier.CodeHash(value)}
	for _, signer := range []struct {
		alg, kid, hash string
		sign           primitive
		of             crypto.Hash
	}{
		{"RS256", "k1", "256", byPKCS1(key1()), crypto.SHA256},
		{"RS384", "rs384", "384", byPKCS1(key2()), crypto.SHA384},
		{"PS512", "ps512", "512", byPSS(key2(), asTheHash), crypto.SHA512},
		{"ES256", "es", "256", byEC(keyP256(), 32, nil), crypto.SHA256},
		{"ES384", "es384", "384", byEC(keyP384(), 48, nil), crypto.SHA384},
		{"ES512", "es512", "512", byEC(keyP521(), 66, nil), crypto.SHA512},
		{"EdDSA", "ed", "512", byEd, 0},
		{"Ed25519", "ed", "512", byEd, 0},
	} {
		for size, hash := range hashes {
			for claim, check := range checks {
				want := jwtverifier.ErrTokenHash
				if size == signer.hash {
					want = nil
				}
				header := h0("alg", strconv.Quote(signer.alg), "kid", strconv.Quote(signer.kid))
				rows = append(rows, attack{
					name:  fmt.Sprintf("t/361 %s, %s by SHA-%s", signer.alg, claim, size),
					token: signedBy(signer.sign, signer.of, header, id0(claim, hash)),
					want:  want,
					jwks:  jwks,
					opts:  all,
					id:    &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{check}},
					good:  id0Token("at_hash", half(sum256[:]), "c_hash", half(sum256[:])),
				})
			}
		}
	}
	runAttacks(t, "claims", rows)
}
