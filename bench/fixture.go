package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

const (
	issuerURL = "https://acme.okta.com/oauth2/default"
	otherURL  = "https://other.okta.com/oauth2/default"
	audience  = "api://default"
	client    = "0oa1f8n2c9LrXb7Qd5d7"
	subject   = "jane@acme.example"
	leeway    = time.Minute
)

// keyID is as long as Okta's, which jwtverifiertest's are not.
const keyID = "FpnbT2pU3nJ8m1YhvQ0eKc9xR5sL7wZa4dGt6uBiXoE"

// newIssuer returns an authorization server in memory that publishes two keys,
// of which keyID signs.
func newIssuer() *jwtverifiertest.Issuer { return newIssuerAt(issuerURL) }

func newIssuerAt(url string) *jwtverifiertest.Issuer {
	issuer := jwtverifiertest.New(url)
	issuer.PublishKey()
	issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: jwks(issuer)})
	return issuer
}

func jwks(issuer *jwtverifiertest.Issuer) []byte {
	return bytes.ReplaceAll(issuer.JWKS(), []byte(`"key-1"`), []byte(`"`+keyID+`"`))
}

// claims are those of an Okta access token: twelve that Okta writes, and a
// custom one.
func claims() jwtverifiertest.Claims {
	now := time.Now()
	return jwtverifiertest.Claims{
		"ver":       1,
		"jti":       "AT.0mP4JKAZX1iACIT4",
		"iss":       issuerURL,
		"aud":       audience,
		"iat":       now.Unix(),
		"exp":       now.Add(24 * time.Hour).Unix(),
		"cid":       client,
		"uid":       "00u1f8n2c9LrXb7Qd5d7",
		"scp":       []string{"openid", "read"},
		"auth_time": now.Unix(),
		"sub":       subject,
		"groups":    []string{"All"},
		"org":       7,
	}
}

// mint returns an access token with claims, changed as changes say.
func mint(issuer *jwtverifiertest.Issuer, changes jwtverifiertest.Claims) string {
	c := claims()
	maps.Copy(c, changes)
	return issuer.Token(jwtverifiertest.Claims{"kid": keyID}, c)
}

// minted returns an access token of about size bytes, 550 at least: the claims
// that are needed, and as many groups as there is room for.
func minted(issuer *jwtverifiertest.Issuer, size int) string {
	c := jwtverifiertest.Claims{"iss": issuerURL, "aud": audience, "exp": time.Now().Add(24 * time.Hour).Unix()}
	header := jwtverifiertest.Claims{"kid": keyID}
	const group = "everyone in here" // 25 bytes of a token
	c["groups"] = slices.Repeat([]string{group}, max(0, size-len(issuer.Token(header, c)))*3/4/(len(group)+3))
	return issuer.Token(header, c)
}

// newVerifier returns a Verifier of the issuer's access tokens that holds its keys.
func newVerifier(issuer *jwtverifiertest.Issuer, options ...jwtverifier.Option) *jwtverifier.Verifier {
	v := must(jwtverifier.New(issuer.URL(), slices.Concat([]jwtverifier.Option{
		jwtverifier.WithAudience(audience), jwtverifier.WithLeeway(leeway),
		jwtverifier.WithHTTPClient(issuer.Client()),
	}, options)...))
	check(v.Prefetch(context.Background()))
	return v
}

// accept returns a call that verifies a good token: whether it is a fresh one or
// a remembered one is up to the Verifier.
func accept(v *jwtverifier.Verifier, raw string) func() {
	return func() {
		t, err := v.VerifyAccessToken(context.Background(), raw)
		check(err)
		if t.Issuer != issuerURL {
			panic("a result without its issuer")
		}
	}
}

// A toyKey signs thirty times as fast as a real one, so that a hundred thousand
// tokens can be minted in seconds, and verifies like any other: its modulus is a
// product of primes p whose p−1 divides a small number, and so its private
// exponent is small. Nobody checks that a public key is a good one.
type toyKey struct{ n, d *big.Int }

const toyKeyID = "toy"

func newToyKey() toyKey {
	lambda := int64(16 * 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23) // below 2^31
	n := big.NewInt(1)
	for divisor := lambda; divisor > 1; divisor-- {
		if lambda%divisor != 0 {
			continue
		}
		p := big.NewInt(divisor + 1)
		if next := new(big.Int).Mul(n, p); p.Bit(0) == 1 && p.ProbablyPrime(10) && next.BitLen() <= 2048 {
			n = next
		}
	}
	return toyKey{n: n, d: new(big.Int).ModInverse(big.NewInt(65537), big.NewInt(lambda))}
}

func (k toyKey) jwks() []byte { return publicSet(map[string][]*big.Int{toyKeyID: {k.n}}) }

// mint returns count tokens that differ in their jti.
func (k toyKey) mint(count int, changes jwtverifiertest.Claims) []string {
	c := claims()
	maps.Copy(c, changes)
	tokens := make([]string, count)
	for i := range tokens {
		c["jti"] = fmt.Sprintf("AT.%016d", i)
		tokens[i] = k.sign(must(json.Marshal(c)))
	}
	return tokens
}

// sign is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2.1).
func (k toyKey) sign(payload []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"RS256","kid":"`+toyKeyID+`"}`)) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	padding := bytes.Repeat([]byte{0xff}, 256-3-len(prefix)-len(digest))
	encoded := slices.Concat([]byte{0, 1}, padding, []byte{0}, prefix, digest[:])
	signature := new(big.Int).Exp(new(big.Int).SetBytes(encoded), k.d, k.n)
	return input + "." + encode(signature.FillBytes(make([]byte, 256)))
}

func modulus(issuer *jwtverifiertest.Issuer, kid string) *big.Int {
	return issuer.PublicKey(kid).(*rsa.PublicKey).N
}

// manyKeys returns a key set of n keys, the issuer's two among them. The others
// are random: nothing is ever signed with them.
func manyKeys(issuer *jwtverifiertest.Issuer, n int) []byte {
	moduli := map[string][]*big.Int{
		keyID:   {modulus(issuer, "key-1")},
		"key-2": {modulus(issuer, "key-2")},
	}
	for i := len(moduli); i < n; i++ {
		b := make([]byte, 256)
		must(rand.Read(b))
		b[0] |= 0x80
		b[255] |= 1
		moduli[fmt.Sprintf("%-43d", i)] = []*big.Int{new(big.Int).SetBytes(b)}
	}
	return publicSet(moduli)
}

// publicSet returns the JWKS of these moduli by kid, each with the exponent 65537.
func publicSet(moduli map[string][]*big.Int) []byte {
	type jwk map[string]string
	set := map[string][]jwk{}
	for id, keys := range moduli {
		for _, n := range keys {
			set["keys"] = append(set["keys"], jwk{
				"kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB",
				"kid": id, "n": base64.RawURLEncoding.EncodeToString(n.Bytes()),
			})
		}
	}
	return must(json.Marshal(set))
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// check ends the program: a contestant that fails has no place in a table.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
