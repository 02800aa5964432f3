package jwtverifier_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// A keyThreat is what stands in a key set beside K1, which must go on to work,
// in front of it and behind it.
type keyThreat struct {
	name  string
	entry string // one entry or more
	token string // a token for that entry; "": nothing but K1 is asked for
	want  error
	ids   []string // Status.KeyIDs besides k1
}

func (row keyThreat) run(t *testing.T, jwks string) {
	site := newThreatSite()
	site.set(answerWith(200, jwks), threatJWKS)
	online := site.verifier(t)
	offline, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwks)))
	require.NoError(t, err)
	for _, v := range []*jwtverifier.Verifier{online, offline} {
		for range 2 {
			if row.token != "" {
				token, err := v.VerifyAccessToken(t.Context(), row.token)
				require.Equal(t, err == nil, token != nil)
				if row.want == nil {
					require.NoError(t, err)
				} else {
					refusedBecause(t, err, row.want, row.token)
				}
			}
			_, err := v.VerifyAccessToken(t.Context(), at0Token())
			require.NoError(t, err, "the good key")
		}
		want := append([]string{"k1"}, row.ids...)
		slices.Sort(want)
		assert.Equal(t, want, v.Status().KeyIDs)
	}
	assert.Equal(t, []string{threatMetadata, threatJWKS}, site.askedFor())
}

func TestThreatsKeys(t *testing.T) {
	t.Parallel()
	unknown := jwtverifier.ErrUnknownKey
	k2 := &threatK2().PublicKey
	odd := []string{"odd"}
	// An entry of K2 under the kid odd, changed, and a token by K2 for it.
	entry := func(changes ...string) string { return jwkOf("odd", k2, changes...) }
	token := jwsOf(threatK2(), h0("kid", `"odd"`), at0())
	numbers := func(n, e *big.Int, changes ...string) string { return jwkOfNumbers("odd", n, e, changes...) }
	n64 := seg64(k2.N.Bytes())
	e := big.NewInt(65537)
	one := big.NewInt(1)
	randomOdd := func(bits int) *big.Int {
		b := make([]byte, (bits+7)/8)
		_, _ = rand.Read(b)
		n := new(big.Int).SetBytes(b)
		for n.BitLen() > bits {
			n.SetBit(n, n.BitLen()-1, 0)
		}
		return n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
	}
	expired := &x509.Certificate{SerialNumber: one, Subject: pkix.Name{CommonName: "odd"}, NotBefore: threatStart.AddDate(-2, 0, 0), NotAfter: threatStart.AddDate(-1, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, expired, expired, &threatKX().PublicKey, threatKX())
	require.NoError(t, err)
	x5c := base64.StdEncoding.EncodeToString(certificate)

	rows := []keyThreat{
		{name: "t/122 null", entry: `null`},
		{name: "t/122 a number", entry: `1`},
		{name: "t/122 a string", entry: `"x"`},
		{name: "t/122 an array", entry: `[]`},
		{name: "t/122 an empty object", entry: `{}`},
		{name: "t/122 all of them", entry: `null,true,1,"x",[],{},[{}],{"kty":null},{"keys":[]}`},
		{name: "t/122 a good key in an array", entry: `[` + entry() + `]`, token: token, want: unknown},
		{name: "t/122 a good key in a string", entry: strconv.Quote(entry()), token: token, want: unknown},
		{name: "t/124 no n", entry: entry("n", absentMember), token: token, want: unknown},
		{name: "t/124 no e", entry: entry("e", absentMember), token: token, want: unknown},
		{name: "t/124 no kty", entry: entry("kty", absentMember), token: token, want: unknown},
		{name: "t/124 n null", entry: entry("n", `null`), token: token, want: unknown},
		{name: "t/124 n not base64url", entry: entry("n", `"!!"`), token: token, want: unknown},
		{name: "t/124 n a number", entry: entry("n", `65537`), token: token, want: unknown},
		{name: "t/124 e a number", entry: entry("e", `65537`), token: token, want: unknown},
		{name: "t/124 e in decimal", entry: entry("e", `"65537"`), token: token, want: unknown},
		{name: "t/124 e an array", entry: entry("e", `["AQAB"]`), token: token, want: unknown},
		{name: "t/124 kid a number", entry: entry("kid", `123`), token: token, want: unknown},
		{name: "t/124 kid null is none", entry: entry("kid", `null`), token: token, want: unknown, ids: []string{""}},
		{name: "t/124 kid an array", entry: entry("kid", `["odd"]`), token: token, want: unknown},
		{name: "t/124 alg an array", entry: entry("alg", `["RS256"]`), token: token, want: unknown},
		{name: "t/124 alg null is none", entry: entry("alg", `null`), token: token, ids: odd},
		{name: "t/124 kty an array", entry: entry("kty", `["RSA"]`), token: token, want: unknown},
		{name: "t/124 kty in lower case", entry: entry("kty", `"rsa"`), token: token, want: unknown},
		{name: "t/124 kty of a post-quantum key", entry: `{"kty":"AKP","kid":"odd","alg":"ML-DSA-65","pub":"AAAA"}`, token: token, want: unknown},
		{name: "t/126 the same kid, first for encryption", entry: entry("use", `"enc"`, "alg", `"RSA-OAEP"`, "n", strconv.Quote(seg64(threatKX().N.Bytes()))) + "," + entry(), token: token, ids: odd},
		{name: "t/126 the same kid, last for encryption", entry: entry() + "," + entry("use", `"enc"`, "alg", `"RSA-OAEP"`), token: token, ids: odd},
		{name: "t/126 the same kid, first an EC key", entry: `{"kty":"EC","kid":"odd","use":"sig","crv":"P-256","x":"AA","y":"AA"},` + entry(), token: token, ids: odd},
		{name: "t/126 the same kid, first a secret", entry: `{"kty":"oct","kid":"odd","k":"c2VjcmV0"},` + entry(), token: token, ids: odd},
		{name: "t/129 key_ops with verify", entry: entry("key_ops", `["verify"]`), token: token, ids: odd},
		{name: "t/129 key_ops with verify and sign", entry: entry("key_ops", `["sign","verify"]`), token: token, ids: odd},
		{name: "t/129 key_ops with verify and one unheard of", entry: entry("key_ops", `["verify","x"]`), token: token, ids: odd},
		{name: "t/129 key_ops null is none", entry: entry("key_ops", `null`), token: token, ids: odd},
		{name: "t/130 use null is none", entry: entry("use", `null`), token: token, ids: odd},
		{name: "t/130 no use", entry: entry("use", absentMember), token: token, ids: odd},
		{name: "t/131 no alg", entry: entry("alg", absentMember), token: token, ids: odd},
		{name: "t/131 neither use nor alg", entry: entry("alg", absentMember, "use", absentMember), token: token, ids: odd},
		{name: "t/131 no alg, token of another", entry: entry("alg", absentMember), token: jwsOf(threatK2(), h0("alg", `"RS512"`, "kid", `"odd"`), at0()), want: jwtverifier.ErrAlgorithm, ids: odd},
		{name: "t/134 the whole private key", want: unknown, token: token,
			entry: entry("d", `"`+seg64(threatK2().D.Bytes())+`"`, "p", `"`+seg64(threatK2().Primes[0].Bytes())+`"`, "q", `"`+seg64(threatK2().Primes[1].Bytes())+`"`)},
		{name: "t/140 n with a leading zero", entry: entry("n", `"`+seg64(append([]byte{0}, k2.N.Bytes()...))+`"`), token: token, ids: odd},
		{name: "t/140 n with a thousand leading zeros", entry: entry("n", `"`+seg64(append(make([]byte, 1000), k2.N.Bytes()...))+`"`), token: token, ids: odd},
		{name: "t/140 e with a leading zero", entry: entry("e", `"AAEAAQ"`), token: token, ids: odd},
		{name: "t/140 n padded", entry: entry("n", `"`+n64+`=="`), token: token, want: unknown},
		{name: "t/140 n padded by half", entry: entry("n", `"`+n64+`="`), token: token, want: unknown},
		{name: "t/140 n with a line break", entry: entry("n", `"`+n64[:64]+`\n`+n64[64:]+`"`), token: token, want: unknown},
		{name: "t/140 n with a carriage return", entry: entry("n", `"`+n64[:64]+`\r`+n64[64:]+`"`), token: token, want: unknown},
		{name: "t/140 n with a space", entry: entry("n", `"`+n64[:64]+` `+n64[64:]+`"`), token: token, want: unknown},
		{name: "t/140 n with trailing bits", entry: entry("n", `"`+flippedSextet(n64, 0)+`"`), token: token, want: unknown},
		{name: "t/140 n escaped", entry: entry("n", `"`+fmt.Sprintf(`\u%04x`, n64[0])+n64[1:]+`"`), token: token, ids: odd},
		{name: "t/141 n zero", entry: entry("n", `"AA"`), token: token, want: unknown},
		{name: "t/141 n of many zeros", entry: entry("n", `"`+seg64(make([]byte, 256))+`"`), token: token, want: unknown},
		{name: "t/141 n empty", entry: entry("n", `""`), token: token, want: unknown},
		{name: "t/141 n even", entry: numbers(new(big.Int).Sub(k2.N, one), e), token: token, want: unknown},
		{name: "t/141 n one", entry: numbers(one, e), token: token, want: unknown},
		{name: "t/144 Ed25519 a byte short", entry: fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":%q}`, seg64(make([]byte, 31))), token: token, want: unknown},
		{name: "t/144 Ed25519 empty", entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":""}`, token: token, want: unknown},
		{name: "t/144 Ed25519 without x", entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd"}`, token: token, want: unknown},
		{name: "t/144 Ed25519 that says RS256", entry: fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"RS256","kid":"odd","x":%q,"n":%q,"e":"AQAB"}`, seg64(make([]byte, 32)), n64), token: token, want: unknown},
		{name: "t/144 Ed25519, token EdDSA", entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":""}`, token: seg64(`{"alg":"EdDSA","kid":"odd"}`) + "." + seg64(at0()) + "." + seg64(make([]byte, 64)), want: jwtverifier.ErrAlgorithm},
		{name: "t/144 EC point not on the curve", entry: `{"kty":"EC","crv":"P-256","kid":"odd","x":"AQ","y":"AQ"}`, token: token, want: unknown},
		{name: "t/145 X25519", entry: `{"kty":"OKP","crv":"X25519","kid":"odd","x":"AAAA"}`, token: token, want: unknown},
		{name: "t/145 Ed448", entry: `{"kty":"OKP","crv":"Ed448","kid":"odd","x":"AAAA"}`, token: token, want: unknown},
		{name: "t/145 unknown curve", entry: `{"kty":"OKP","crv":"x","kid":"odd","x":"AAAA"}`, token: token, want: unknown},
		{name: "t/145 crv a number", entry: `{"kty":"OKP","crv":1,"kid":"odd","x":"AAAA"}`, token: token, want: unknown},
		{name: "t/146 x5c garbage", entry: entry("x5c", `["!!"]`), token: token, ids: odd},
		{name: "t/146 x5c a string", entry: entry("x5c", `"AAAA"`), token: token, ids: odd},
		{name: "t/146 x5c empty", entry: entry("x5c", `[]`), token: token, ids: odd},
		{name: "t/146 x5c expired and of another key", entry: entry("x5c", `["`+x5c+`"]`), token: token, ids: odd},
		{name: "t/146 token by the key of x5c", entry: entry("x5c", `["`+x5c+`"]`), token: jwsOf(threatKX(), h0("kid", `"odd"`), at0()), want: jwtverifier.ErrSignature, ids: odd},
		{name: "t/146 only x5c", entry: entry("n", absentMember, "e", absentMember, "x5c", `["`+x5c+`"]`), token: jwsOf(threatKX(), h0("kid", `"odd"`), at0()), want: unknown},
		{name: "t/146 x5u of another host", entry: entry("x5u", `"https://evil.example/cert"`), token: token, ids: odd},
		{name: "t/146 x5t garbage", entry: entry("x5t", `0`, "x5t#S256", `"!!"`), token: token, ids: odd},
		{name: "t/149 kid twice", entry: withMore(entry(), `"kid":"other"`), token: token, want: unknown},
		{name: "t/149 kid twice, the other first", entry: `{"kid":"other",` + entry()[1:], token: token, want: unknown},
		{name: "t/149 kid twice, once escaped", entry: withMore(entry(), `"\u006bid":"other"`), token: token, want: unknown},
		{name: "t/149 n twice", entry: withMore(entry(), `"n":"`+seg64(threatKX().N.Bytes())+`"`), token: token, want: unknown},
		{name: "t/149 kty twice", entry: withMore(entry(), `"kty":"RSA"`), token: token, want: unknown},
		{name: "t/149 use twice", entry: withMore(entry(), `"use":"enc"`), token: token, want: unknown},
		{name: "t/149 an unread member twice", entry: withMore(entry(), `"x":1,"x":2`), token: token, want: unknown},
		{name: "t/149 a name twice in an unread member", entry: withMore(entry(), `"x":{"y":1,"y":2}`), token: token, want: unknown},
		{name: "t/150 KTY", entry: entry("kty", absentMember, "KTY", `"RSA"`), token: token, want: unknown},
		{name: "t/150 Kid", entry: entry("kid", absentMember, "Kid", `"odd"`), token: token, want: unknown, ids: []string{""}},
		{name: "t/150 \u212aid", entry: entry("kid", absentMember, `\u212aid`, `"odd"`), token: token, want: unknown, ids: []string{""}},
		{name: "t/150 N and E", entry: entry("n", absentMember, "e", absentMember, "N", `"`+n64+`"`, "E", `"AQAB"`), token: token, want: unknown},
		{name: "t/150 Use, ALG, Key_Ops and D are other names", entry: entry("Use", `"enc"`, "ALG", `"none"`, "Key_Ops", `[]`, "D", `"AQAB"`), token: token, ids: odd},
		{name: "t/150 names escaped", entry: entry("kty", absentMember, `\u006bty`, `"RSA"`), token: token, ids: odd},
		{name: "t/150 d escaped", entry: entry(`\u0064`, `"AQAB"`), token: token, want: unknown},
		{name: "t/152 nesting of 5,000 in a key", entry: entry("x", nested(5_000)), token: token, ids: odd},
		{name: "t/154 kid of 900 KB", entry: entry("kid", strconv.Quote(strings.Repeat("k", 900<<10))), token: token, want: unknown, ids: []string{strings.Repeat("k", 900<<10)}},
		{name: "t/154 kid of 80 characters", entry: entry("kid", strconv.Quote(strings.Repeat("k", 80))), token: jwsOf(threatK2(), h0("kid", strconv.Quote(strings.Repeat("k", 80))), at0()), ids: []string{strings.Repeat("k", 80)}},
		{name: "t/154 kid with NUL", entry: entry("kid", `"odd\u0000"`), token: jwsOf(threatK2(), h0("kid", `"odd\u0000"`), at0()), ids: []string{"odd\x00"}},
		{name: "t/154 kid with NUL, token without", entry: entry("kid", `"odd\u0000"`), token: token, want: unknown, ids: []string{"odd\x00"}},
		{name: "t/154 unknown members", entry: entry("exp", `0`, "nbf", `4102444800`, "issuer", `"https://evil.example"`, "x-ms", `{"a":[1]}`, "iat", `"x"`), token: token, ids: odd},
		{name: "t/154 revoked", entry: entry("revoked", `{"revoked_at":0}`), token: token, ids: odd},
	}
	for _, operations := range []string{`["encrypt"]`, `["sign"]`, `["verify","verify"]`, `["sign","verify","sign"]`, `"verify"`, `[0]`, `["verify",0]`, `["verify",null]`, `[]`, `{}`, `{"verify":true}`, `["VERIFY"]`, `["verify "]`, `[["verify"]]`, `["verify","\u0076erify"]`} {
		rows = append(rows, keyThreat{name: "t/129 key_ops " + operations, entry: entry("key_ops", operations), token: token, want: unknown})
		rows = append(rows, keyThreat{name: "t/129 no use, key_ops " + operations, entry: entry("use", absentMember, "key_ops", operations), token: token, want: unknown})
	}
	for _, use := range []string{`"SIG"`, `"Sig"`, `"foo"`, `"enc"`, `0`, `""`, `["sig"]`, `"sig "`, `{}`} {
		rows = append(rows, keyThreat{name: "t/130 use " + use, entry: entry("use", use), token: token, want: unknown})
	}
	for _, alg := range []string{"RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "RS384", "RS512", "PS256", "foo", "none", "HS256", "ES256", "rs256", "RS256 ", ""} {
		rows = append(rows, keyThreat{name: "t/132 alg " + alg, entry: entry("alg", strconv.Quote(alg)), token: token, want: unknown})
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		rows = append(rows, keyThreat{name: "t/134 " + member + " null is none", entry: entry(member, `null`), token: token, ids: odd})
		for _, value := range []string{`"AQAB"`, `""`, `1`} {
			rows = append(rows, keyThreat{name: "t/134 " + member + " " + value, entry: entry(member, value), token: token, want: unknown})
		}
	}
	for _, size := range []int{512, 768, 1024, 1536, 2040, 2047} {
		key := newRawRSA(size, 65537)
		rows = append(rows, keyThreat{name: fmt.Sprintf("t/135 modulus of %d bits", size), entry: numbers(key.n, key.e), token: key.token(h0("kid", `"odd"`), at0()), want: unknown})
		if size == 2047 {
			rows = append(rows, keyThreat{name: "t/135 modulus of 2047 bits and a leading zero", entry: numbers(key.n, key.e, "n", `"`+seg64(append([]byte{0}, key.n.Bytes()...))+`"`), token: key.token(h0("kid", `"odd"`), at0()), want: unknown})
		}
	}
	key := newRawRSA(2048, 65537)
	rows = append(rows, keyThreat{name: "t/135 modulus of 2048 bits", entry: numbers(key.n, key.e), token: key.token(h0("kid", `"odd"`), at0()), ids: odd})
	key = newRawRSA(2056, 257)
	rows = append(rows, keyThreat{name: "t/135 modulus of 2056 bits, e=257", entry: numbers(key.n, key.e), token: key.token(h0("kid", `"odd"`), at0()), ids: odd})
	for _, size := range []int{8193, 8200, 16_384, 65_536, 262_144, 1_048_576} {
		rows = append(rows, keyThreat{name: fmt.Sprintf("t/136 modulus of %d bits", size), entry: numbers(randomOdd(size), e), token: token, want: unknown})
	}
	rows = append(rows, keyThreat{name: "t/136 modulus of 8192 bits", entry: numbers(randomOdd(8192), e), token: token, want: jwtverifier.ErrSignature, ids: odd})

	// With e=1 everybody can sign: the signature is the encoded message.
	input := seg64(h0("kid", `"odd"`)) + "." + seg64(at0())
	digest := sha256.Sum256([]byte(input))
	byAnybody := input + "." + seg64(padded(256, slices.Concat(sha256Info, digest[:])))
	two31, two63 := new(big.Int).Lsh(one, 31), new(big.Int).Lsh(one, 63)
	for name, exponent := range map[string]*big.Int{
		"t/137 e=0": big.NewInt(0), "t/137 e=1": one, "t/137 e=2": big.NewInt(2), "t/137 e=4": big.NewInt(4), "t/137 e=65536": big.NewInt(65536),
		"t/139 e=2^31": two31, "t/139 e=2^31+1": new(big.Int).Add(two31, one), "t/139 e=2^32+1": new(big.Int).Add(new(big.Int).Lsh(one, 32), one),
		"t/139 e=2^32-1": new(big.Int).Sub(new(big.Int).Lsh(one, 32), one), "t/139 e=2^63+1": new(big.Int).Add(two63, one), "t/139 e=n-1": new(big.Int).Sub(k2.N, one), "t/139 e=n": k2.N,
		"t/139 e=2^64+65537": new(big.Int).Add(new(big.Int).Lsh(one, 64), e),
	} {
		rows = append(rows, keyThreat{name: name, entry: numbers(k2.N, exponent), token: token, want: unknown})
		rows = append(rows, keyThreat{name: name + ", signed by anybody", entry: numbers(k2.N, exponent), token: byAnybody, want: unknown})
	}
	rows = append(rows,
		keyThreat{name: "t/137 e empty", entry: entry("e", `""`), token: token, want: unknown},
		keyThreat{name: "t/137 e=0 in one byte", entry: entry("e", `"AA"`), token: token, want: unknown},
		keyThreat{name: "t/137 e=1 in four bytes", entry: entry("e", `"AAAAAQ"`), token: byAnybody, want: unknown},
		keyThreat{name: "t/137 e padded", entry: entry("e", `"AQAB="`), token: token, want: unknown},
		keyThreat{name: "t/139 e in five bytes", entry: entry("e", `"AAABAAE"`), token: token, want: unknown},
		keyThreat{name: "t/139 e of 1 KB", entry: entry("e", `"`+seg64(append(make([]byte, 1000), 1, 0, 1))+`"`), token: token, want: unknown},
		keyThreat{name: "t/139 e=3", entry: numbers(k2.N, big.NewInt(3)), token: token, want: jwtverifier.ErrSignature, ids: odd},
		keyThreat{name: "t/139 e=2^31-1", entry: numbers(k2.N, new(big.Int).Sub(two31, one)), token: token, want: jwtverifier.ErrSignature, ids: odd},
	)
	// n in the standard alphabet, which differs from base64url in two characters.
	for standard := newThreatKey(); ; standard = newThreatKey() {
		n := base64.RawStdEncoding.EncodeToString(standard.N.Bytes())
		if !strings.ContainsAny(n, "+/") {
			continue
		}
		rows = append(rows, keyThreat{name: "t/140 n in the standard alphabet", entry: entry("n", strconv.Quote(n)), token: jwsOf(standard, h0("kid", `"odd"`), at0()), want: unknown})
		break
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { row.run(t, jwksOf(row.entry, goodJWK1())) })
			synctest.Test(t, func(t *testing.T) { row.run(t, jwksOf(goodJWK1(), row.entry)) })
		})
	}
}

// Several keys under one kid are each tried, but not any number of them.
func TestThreatsKeysOfOneKid(t *testing.T) {
	t.Parallel()
	by := func(key *rsa.PrivateKey) string { return jwsOf(key, h0("kid", `"k"`), at0()) }
	k := func(key *rsa.PrivateKey) string { return jwkOf("k", &key.PublicKey) }
	filler := func(i int) string { // an eligible key that signs nothing
		n := new(big.Int).Add(threatKX().N, big.NewInt(int64(2*i+2)))
		return jwkOfNumbers("k", n, big.NewInt(65537))
	}
	k1, k2, k3 := threatK1(), threatK2(), threatK3()
	fillers := func(n int) (entries []string) {
		for i := range n {
			entries = append(entries, filler(i))
		}
		return entries
	}
	rows := []struct {
		name    string
		entries []string
		token   string
		want    error
	}{
		{"t/125 two keys, token by the first", []string{k(k1), k(k2)}, by(k1), nil},
		{"t/125 two keys, token by the second", []string{k(k1), k(k2)}, by(k2), nil},
		{"t/125 two keys, token by neither", []string{k(k1), k(k2)}, by(k3), jwtverifier.ErrSignature},
		{"t/125 the same key twice", []string{k(k1), k(k1)}, by(k1), nil},
		{"t/125 the same key five times, then another", []string{k(k1), k(k1), k(k1), k(k1), k(k1), k(k2)}, by(k2), nil},
		{"t/125 the same key, once with a leading zero", []string{k(k1), jwkOf("k", &k1.PublicKey, "n", `"`+seg64(append([]byte{0}, k1.N.Bytes()...))+`"`), filler(0), filler(1), k(k2)}, by(k2), nil},
		{"t/125 four keys, token by the last", append(fillers(3), k(k2)), by(k2), nil},
		{"t/125 five keys, token by the last", append(fillers(4), k(k2)), by(k2), jwtverifier.ErrSignature},
		{"t/125 five keys, token by the first", append([]string{k(k2)}, fillers(4)...), by(k2), nil},
		{"t/125 ineligible keys do not count", append(slices.Repeat([]string{jwkOf("k", &k1.PublicKey, "use", `"enc"`)}, 10), append(fillers(3), k(k2))...), by(k2), nil},
		{"t/127 a thousand keys, token by the last", append(fillers(999), k(k2)), by(k2), jwtverifier.ErrSignature},
		{"t/127 a thousand keys, token by the fourth", slices.Concat(fillers(3), []string{k(k2)}, fillers(996)), by(k2), nil},
		{"t/127 two thousand keys", append(fillers(1999), k(k2)), by(k2), jwtverifier.ErrUnavailable},
		{"t/147 1,000 keys, the wanted one last", append(manyKeys(999), k(k2)), by(k2), nil},
		{"t/147 1,001 keys, the wanted one last", append(manyKeys(1000), k(k2)), by(k2), jwtverifier.ErrUnavailable},
		{"t/147 1,001 keys, the wanted one first", append([]string{k(k2)}, manyKeys(1000)...), by(k2), jwtverifier.ErrUnavailable},
		{"t/147 1,000 entries of no use and a good one", append(slices.Repeat([]string{`null`}, 1000), k(k2)), by(k2), jwtverifier.ErrUnavailable},
		{"t/147 999 entries of no use and a good one", append(slices.Repeat([]string{`{}`}, 999), k(k2)), by(k2), nil},
		{"t/147 10,000 keys", append(manyKeys(9_999), k(k2)), by(k2), jwtverifier.ErrUnavailable},
		{"t/147 a document of 1 MiB", []string{k(k2), strconv.Quote(strings.Repeat("x", 1<<20-len(jwksOf(k(k2), `""`))))}, by(k2), nil},
		{"t/147 a document of 1 MiB and a byte", []string{k(k2), strconv.Quote(strings.Repeat("x", 1<<20+1-len(jwksOf(k(k2), `""`))))}, by(k2), jwtverifier.ErrUnavailable},
		{"t/154 a kid of 1 MiB", []string{jwkOf(strings.Repeat("k", 1<<20), &k1.PublicKey), k(k2)}, by(k2), jwtverifier.ErrUnavailable},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite(row.entries...)
				v := site.verifier(t)
				token, err := v.VerifyAccessToken(t.Context(), row.token)
				require.Equal(t, err == nil, token != nil)
				switch row.want {
				case nil:
					require.NoError(t, err)
				case jwtverifier.ErrUnavailable:
					unavailable(t, err)
				default:
					refusedBecause(t, err, row.want, row.token)
				}
				assert.Equal(t, []string{threatMetadata, threatJWKS}, site.askedFor())
			})
		})
	}

	t.Run("t/127 the cost of a thousand keys is that of four", func(t *testing.T) {
		cost := func(entries ...string) time.Duration {
			v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(entries...))))
			require.NoError(t, err)
			fastest := time.Hour
			for range 20 {
				began := time.Now()
				_, err := v.VerifyAccessToken(t.Context(), by(k2))
				fastest = min(fastest, time.Since(began))
				require.ErrorIs(t, err, jwtverifier.ErrSignature)
			}
			return fastest
		}
		assert.Less(t, cost(fillers(1000)...), 20*cost(filler(0)))
	})
}

// Whole documents that are no key set: they are asked for cold, and in place of
// a good one.
func TestThreatsKeyDocuments(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	utf16Of := func(order binary.AppendByteOrder, s string) string {
		var b []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, unit)
		}
		return string(b)
	}
	var rows []outage
	add := func(name, document string) {
		rows = append(rows, outage{name: name, jwks: answerWith(200, document), document: document})
	}
	for _, document := range []string{`{"keys":null}`, `{}`, `null`, `[]`, `"x"`, `1`, `true`, `{"keys":{}}`, `{"keys":"x"}`, `{"keys":1}`, `{"error":"server_error"}`, ` `, ``, `{`, `{"keys":[}`,
		`{"keys":[]`, `{"keys"}`, `{"keys":}`, `{"jwks":{"keys":[]}}`, "\x00"} {
		number := "t/120 "
		if document == `{"keys":null}` {
			number = "t/119 "
		}
		add(number+document, document)
	}
	add("t/121 a key instead of a set", goodJWK1())
	add("t/121 an array of keys", "["+goodJWK1()+"]")
	add("t/121 an array of a set", "["+good+"]")
	add("t/121 a set in a set", `{"keys":`+good+`}`)
	add("t/121 a set in a string", strconv.Quote(good))
	add("t/121 a set under another name", `{"jwks":`+good+`}`)
	add("t/121 keys by kid", `{"keys":{"k1":`+goodJWK1()+`}}`)
	add("t/121 certificates by kid", `{"k1":"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}`)
	add("t/281 no keys", `{"keys":[]}`)
	add("t/281 only entries that are no keys", `{"keys":[null,1,"x",[],{}]}`)
	add("t/281 only a key for encryption", jwksOf(jwkOf("k1", &threatK1().PublicKey, "use", `"enc"`)))
	add("t/281 only an EC key", `{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"AA","y":"AA"}]}`)
	add("t/281 only private keys", jwksOf(jwkOf("k1", &threatK1().PublicKey, "d", `"AQAB"`)))
	add("t/281 only short keys", jwksOf(jwkOfNumbers("k1", big.NewInt(3233), big.NewInt(17))))
	add("t/149 keys twice", `{"keys":[`+goodJWK1()+`],"keys":[`+goodJWK2()+`]}`)
	add("t/149 keys twice, once escaped", `{"keys":[`+goodJWK1()+`],"\u006beys":[]}`)
	add("t/149 keys twice, first empty", `{"keys":[],"keys":[`+goodJWK1()+`]}`)
	add("t/149 another name twice", `{"x":1,"keys":[`+goodJWK1()+`],"x":2}`)
	add("t/149 another name twice, once escaped", `{"x":1,"keys":[`+goodJWK1()+`],"\u0078":2}`)
	add("t/150 KEYS", strings.Replace(good, "keys", "KEYS", 1))
	add("t/150 Keys", strings.Replace(good, "keys", "Keys", 1))
	add("t/150 \u212aeys", strings.Replace(good, "keys", `\u212aeys`, 1))
	add("t/150 KTY in all keys", strings.ReplaceAll(good, `"kty"`, `"KTY"`))
	add("t/151 garbage behind", good+"garbage")
	add("t/151 HTML behind", good+"<html></html>")
	add("t/151 a second document behind", good+good)
	add("t/151 a second document on another line", good+"\n{}")
	add("t/151 a bracket behind", good+"]")
	add("t/151 a brace behind", good+"}")
	add("t/151 a comma behind", good+",")
	add("t/151 NUL behind", good+"\x00")
	add("t/151 anti-hijacking prefix", ")]}',\n"+good)
	add("t/151 a JavaScript call", "callback("+good+")")
	add("t/152 byte order mark", "\ufeff"+good)
	add("t/152 UTF-16, big endian", utf16Of(binary.BigEndian, "\ufeff"+good))
	add("t/152 UTF-16, little endian", utf16Of(binary.LittleEndian, "\ufeff"+good))
	add("t/152 truncated in a key", good[:len(good)/2])
	add("t/152 truncated by a byte", good[:len(good)-1])
	add("t/152 truncated by two bytes", good[:len(good)-2])
	add("t/152 kid that is no UTF-8", jwksOf(goodJWK1(), "{\"kty\":\"RSA\",\"kid\":\"\xff\"}"))
	add("t/152 a lone surrogate in an unread member", jwksOf(goodJWK1(), `{"x":"\ud800"}`))
	add("t/152 no UTF-8 at the top level", withMore(good, "\"x\":\"\xff\""))
	add("t/152 no UTF-8 in a name", withMore(good, "\"\xff\":1"))
	add("t/152 nesting of 20,000", withMore(good, `"x":`+nested(20_000)))
	add("t/152 nesting of 20,000 in a key", jwksOf(goodJWK1(), nested(20_000)))
	add("t/152 nesting that is never closed", `{"keys":`+strings.Repeat("[", 500_000))
	add("t/152 trailing comma", `{"keys":[`+goodJWK1()+`,]}`)
	add("t/152 single quotes", strings.ReplaceAll(good, `"`, `'`))
	add("t/152 a comment", strings.Replace(good, `:`, `:/**/`, 1))
	add("t/152 NaN", withMore(good, `"x":NaN`))
	add("t/147 2 MiB of white space", strings.Repeat(" ", 2<<20)+good)
	add("t/147 2 MiB of white space behind", good+strings.Repeat("\n", 2<<20))
	runOutages(t, rows)

	for _, row := range []struct{ name, document string }{
		{"t/151 white space around", " \r\n\t" + good + "\n\n "},
		{"t/150 KEYS beside keys", withMore(good, `"KEYS":[]`)},
		{"t/150 KEYS in front of keys", `{"KEYS":[],` + good[1:]},
		{"t/149 other members", `{"x":null,"keys":[` + goodJWK1() + `],"y":{"a":[1]}}`},
		{"t/150 keys escaped", strings.Replace(good, "keys", `\u006beys`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				site.set(answerWith(200, row.document), threatJWKS)
				_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
				require.NoError(t, err)
			})
		})
	}
}
