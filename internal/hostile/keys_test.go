package hostile_test

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// A keyAttack is what stands in a key set beside K1, which must go on to work,
// in front of it and behind it.
type keyAttack struct {
	name  string
	entry string // one entry or more
	token string // a token for that entry; "": nothing but K1 is asked for
	want  error
	ids   []string // also in Status.KeyIDs, beside k1
}

func (row keyAttack) run(t *testing.T, jwks string) {
	site := newSite()
	site.set(answerWith(200, jwks), jwksURL)
	online := site.verifier(t)
	offline, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwks)))
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
	assert.Equal(t, onceOrAgain(row.want == jwtverifier.ErrUnknownKey), site.askedFor(), "requests")
}

func TestKeys(t *testing.T) {
	t.Parallel()
	unknown := jwtverifier.ErrUnknownKey
	k2 := &key2().PublicKey
	odd := []string{"odd"}
	// An entry of K2 under the kid odd, changed, and a token by K2 for it.
	entry := func(changes ...string) string { return jwkOf("odd", k2, changes...) }
	token := jwsOf(key2(), h0("kid", `"odd"`), at0())
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
	expired := &x509.Certificate{SerialNumber: one, Subject: pkix.Name{CommonName: "odd"}, NotBefore: bubbleStart.AddDate(-2, 0, 0), NotAfter: bubbleStart.AddDate(-1, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, expired, expired, &keyX().PublicKey, keyX())
	require.NoError(t, err)
	x5c := base64.StdEncoding.EncodeToString(certificate)

	rows := []keyAttack{
		{name: "t/122 null", entry: `null`},
		{name: "t/122 a number", entry: `1`},
		{name: "t/122 a string", entry: `"x"`},
		{name: "t/122 an array", entry: `[]`},
		{name: "t/122 an empty object", entry: `{}`},
		{name: "t/122 all of them", entry: `null,true,1,"x",[],{},[{}],{"kty":null},{"keys":[]}`},
		{
			name:  "t/122 a good key in an array",
			entry: `[` + entry() + `]`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/122 a good key in a string",
			entry: strconv.Quote(entry()),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 no n",
			entry: entry("n", absentMember),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 no e",
			entry: entry("e", absentMember),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 no kty",
			entry: entry("kty", absentMember),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 n null",
			entry: entry("n", `null`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 n not base64url",
			entry: entry("n", `"!!"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 n a number",
			entry: entry("n", `65537`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 e a number",
			entry: entry("e", `65537`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 e in decimal",
			entry: entry("e", `"65537"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 e an array",
			entry: entry("e", `["AQAB"]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kid a number",
			entry: entry("kid", `123`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kid null is none",
			entry: entry("kid", `null`),
			token: token,
			ids:   []string{""},
		},
		{
			name:  "t/124 kid empty is none",
			entry: entry("kid", `""`),
			token: token,
			ids:   []string{""},
		},
		{
			name:  "t/124 kid an empty array is none",
			entry: entry("kid", `[]`),
			token: token,
			ids:   []string{""},
		},
		{
			name:  "t/124 kid an array of an empty string",
			entry: entry("kid", `[""]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kid an array",
			entry: entry("kid", `["odd"]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 alg an array",
			entry: entry("alg", `["RS256"]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 alg null is none",
			entry: entry("alg", `null`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/124 kty null",
			entry: entry("kty", `null`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kty empty",
			entry: entry("kty", `""`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kty an empty array",
			entry: entry("kty", `[]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 e null",
			entry: entry("e", `null`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 n an empty array",
			entry: entry("n", `[]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kty an array",
			entry: entry("kty", `["RSA"]`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kty in lower case",
			entry: entry("kty", `"rsa"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/124 kty of a post-quantum key",
			entry: `{"kty":"AKP","kid":"odd","alg":"ML-DSA-65","pub":"AAAA"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/126 the same kid, first for encryption",
			entry: entry("use", `"enc"`, "alg", `"RSA-OAEP"`, "n", strconv.Quote(seg64(keyX().N.Bytes()))) + "," + entry(),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/126 the same kid, last for encryption",
			entry: entry() + "," + entry("use", `"enc"`, "alg", `"RSA-OAEP"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/126 the same kid, first an EC key",
			entry: `{"kty":"EC","kid":"odd","use":"sig","crv":"P-256","x":"AA","y":"AA"},` + entry(),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/126 the same kid, first a secret",
			entry: `{"kty":"oct","kid":"odd","k":"c2VjcmV0"},` + entry(),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/129 key_ops with verify",
			entry: entry("key_ops", `["verify"]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/129 key_ops with verify and sign",
			entry: entry("key_ops", `["sign","verify"]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/129 key_ops with verify and one unheard of",
			entry: entry("key_ops", `["verify","x"]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/130 no use",
			entry: entry("use", absentMember),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/131 no alg",
			entry: entry("alg", absentMember),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/131 neither use nor alg",
			entry: entry("alg", absentMember, "use", absentMember),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/131 no alg, token of another",
			entry: entry("alg", absentMember),
			token: jwsOf(key2(), h0("alg", `"RS512"`, "kid", `"odd"`), at0()),
			want:  jwtverifier.ErrAlgorithm,
			ids:   odd,
		},
		{
			name:  "t/134 the whole private key",
			want:  unknown,
			token: token,
			entry: entry("d", `"`+seg64(key2().D.Bytes())+`"`, "p", `"`+seg64(key2().Primes[0].Bytes())+`"`, "q", `"`+seg64(key2().Primes[1].Bytes())+`"`),
		},
		{
			name:  "t/140 n with a leading zero",
			entry: entry("n", `"`+seg64(append([]byte{0}, k2.N.Bytes()...))+`"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/140 n with a thousand leading zeros",
			entry: entry("n", `"`+seg64(append(make([]byte, 1000), k2.N.Bytes()...))+`"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/140 e with a leading zero",
			entry: entry("e", `"AAEAAQ"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/140 n padded",
			entry: entry("n", `"`+n64+`=="`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/140 n padded too much",
			entry: entry("n", `"`+n64+`==="`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n padded, and a line break",
			entry: entry("n", `"`+n64+`==\n"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n with padding inside",
			entry: entry("n", `"`+n64[:4]+`==`+n64[4:]+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n padded by half",
			entry: entry("n", `"`+n64+`="`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n with a line break",
			entry: entry("n", `"`+n64[:64]+`\n`+n64[64:]+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n with a carriage return",
			entry: entry("n", `"`+n64[:64]+`\r`+n64[64:]+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n with a space",
			entry: entry("n", `"`+n64[:64]+` `+n64[64:]+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n with trailing bits",
			entry: entry("n", `"`+flippedSextet(n64, 0)+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/140 n escaped",
			entry: entry("n", `"`+fmt.Sprintf(`\u%04x`, n64[0])+n64[1:]+`"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/141 n zero",
			entry: entry("n", `"AA"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/141 n of many zeros",
			entry: entry("n", `"`+seg64(make([]byte, 256))+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/141 n empty",
			entry: entry("n", `""`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/141 n even",
			entry: numbers(new(big.Int).Sub(k2.N, one), e),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/141 n one",
			entry: numbers(one, e),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/144 Ed25519 a byte short",
			entry: fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":%q}`, seg64(make([]byte, 31))),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/144 Ed25519 empty",
			entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":""}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/144 Ed25519 without x",
			entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/144 Ed25519 that says RS256",
			entry: fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"RS256","kid":"odd","x":%q,"n":%q,"e":"AQAB"}`, seg64(make([]byte, 32)), n64),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/144 Ed25519, token EdDSA",
			entry: `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"odd","x":""}`,
			token: seg64(`{"alg":"EdDSA","kid":"odd"}`) + "." + seg64(at0()) + "." + seg64(make([]byte, 64)),
			want:  jwtverifier.ErrAlgorithm,
		},
		{
			name:  "t/144 EC point not on the curve",
			entry: `{"kty":"EC","crv":"P-256","kid":"odd","x":"AQ","y":"AQ"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/145 X25519",
			entry: `{"kty":"OKP","crv":"X25519","kid":"odd","x":"AAAA"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/145 Ed448",
			entry: `{"kty":"OKP","crv":"Ed448","kid":"odd","x":"AAAA"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/145 unknown curve",
			entry: `{"kty":"OKP","crv":"x","kid":"odd","x":"AAAA"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/145 crv a number",
			entry: `{"kty":"OKP","crv":1,"kid":"odd","x":"AAAA"}`,
			token: token,
			want:  unknown,
		},
		{
			name:  "t/146 x5c garbage",
			entry: entry("x5c", `["!!"]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/146 x5c a string",
			entry: entry("x5c", `"AAAA"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/146 x5c empty",
			entry: entry("x5c", `[]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/146 x5c expired and of another key",
			entry: entry("x5c", `["`+x5c+`"]`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/146 token by the key of x5c",
			entry: entry("x5c", `["`+x5c+`"]`),
			token: jwsOf(keyX(), h0("kid", `"odd"`), at0()),
			want:  jwtverifier.ErrSignature,
			ids:   odd,
		},
		{
			name:  "t/146 only x5c",
			entry: entry("n", absentMember, "e", absentMember, "x5c", `["`+x5c+`"]`),
			token: jwsOf(keyX(), h0("kid", `"odd"`), at0()),
			want:  unknown,
		},
		{
			name:  "t/146 x5u of another host",
			entry: entry("x5u", `"https://evil.example/cert"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/146 x5t garbage",
			entry: entry("x5t", `0`, "x5t#S256", `"!!"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/149 kid twice",
			entry: withMore(entry(), `"kid":"other"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 kid twice, the other first",
			entry: `{"kid":"other",` + entry()[1:],
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 kid twice, once escaped",
			entry: withMore(entry(), `"\u006bid":"other"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 n twice",
			entry: withMore(entry(), `"n":"`+seg64(keyX().N.Bytes())+`"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 kty twice",
			entry: withMore(entry(), `"kty":"RSA"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 use twice",
			entry: withMore(entry(), `"use":"enc"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 an unread member twice",
			entry: withMore(entry(), `"x":1,"x":2`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/149 a name twice in an unread member",
			entry: withMore(entry(), `"x":{"y":1,"y":2}`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/150 KTY",
			entry: entry("kty", absentMember, "KTY", `"RSA"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/150 Kid",
			entry: entry("kid", absentMember, "Kid", `"odd"`),
			token: token,
			ids:   []string{""},
		},
		{
			name:  "t/150 Kid of a known key",
			entry: entry("kid", absentMember, "Kid", `"k1"`),
			token: jwsOf(key2(), h0(), at0()),
			want:  jwtverifier.ErrSignature,
			ids:   []string{""},
		},
		{
			name:  "t/150 \u212aid",
			entry: entry("kid", absentMember, `\u212aid`, `"odd"`),
			token: token,
			ids:   []string{""},
		},
		{
			name:  "t/150 \u212aid of a known key",
			entry: entry("kid", absentMember, `\u212aid`, `"k1"`),
			token: jwsOf(key2(), h0(), at0()),
			want:  jwtverifier.ErrSignature,
			ids:   []string{""},
		},
		{
			name:  "t/150 N and E",
			entry: entry("n", absentMember, "e", absentMember, "N", `"`+n64+`"`, "E", `"AQAB"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/150 Use, ALG, Key_Ops and D are other names",
			entry: entry("Use", `"enc"`, "ALG", `"none"`, "Key_Ops", `[]`, "D", `"AQAB"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/150 names escaped",
			entry: entry("kty", absentMember, `\u006bty`, `"RSA"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/150 d escaped",
			entry: entry(`\u0064`, `"AQAB"`),
			token: token,
			want:  unknown,
		},
		{
			name:  "t/152 nesting of 5,000 in a key",
			entry: entry("x", nested(5_000)),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/154 kid of 900 KB",
			entry: entry("kid", strconv.Quote(strings.Repeat("k", 900<<10))),
			token: token,
			want:  unknown,
			ids:   []string{strings.Repeat("k", 900<<10)},
		},
		{
			name:  "t/154 kid of 80 characters",
			entry: entry("kid", strconv.Quote(strings.Repeat("k", 80))),
			token: jwsOf(key2(), h0("kid", strconv.Quote(strings.Repeat("k", 80))), at0()),
			ids:   []string{strings.Repeat("k", 80)},
		},
		{
			name:  "t/154 kid with NUL",
			entry: entry("kid", `"odd\u0000"`),
			token: jwsOf(key2(), h0("kid", `"odd\u0000"`), at0()),
			ids:   []string{"odd\x00"},
		},
		{
			name:  "t/154 kid with NUL, token without",
			entry: entry("kid", `"odd\u0000"`),
			token: token,
			want:  unknown,
			ids:   []string{"odd\x00"},
		},
		{
			name:  "t/154 unknown members",
			entry: entry("exp", `0`, "nbf", `4102444800`, "issuer", `"https://evil.example"`, "x-ms", `{"a":[1]}`, "iat", `"x"`),
			token: token,
			ids:   odd,
		},
		{
			name:  "t/154 revoked",
			entry: entry("revoked", `{"revoked_at":0}`),
			token: token,
			ids:   odd,
		},
	}
	for _, operations := range []string{
		`["encrypt"]`, `["sign"]`, `["verify","verify"]`, `["sign","verify","sign"]`, `"verify"`, `[0]`,
		`["verify",0]`, `["verify",null]`, `[null]`, `[""]`, `{}`, `{"verify":true}`, `["VERIFY"]`, `["verify "]`,
		`[["verify"]]`, `["verify","\u0076erify"]`,
	} {
		rows = append(rows, keyAttack{
			name:  "t/129 key_ops " + operations,
			entry: entry("key_ops", operations),
			token: token,
			want:  unknown,
		})
		rows = append(rows, keyAttack{
			name:  "t/129 no use, key_ops " + operations,
			entry: entry("use", absentMember, "key_ops", operations),
			token: token,
			want:  unknown,
		})
	}
	for _, use := range []string{`"SIG"`, `"Sig"`, `"foo"`, `"enc"`, `0`, `" "`, `[""]`, `["sig"]`, `"sig "`, `{}`} {
		rows = append(rows, keyAttack{
			name:  "t/130 use " + use,
			entry: entry("use", use),
			token: token,
			want:  unknown,
		})
	}
	for _, alg := range []string{
		"RSA-OAEP", "RSA-OAEP-256", "RSA1_5", "RS384", "RS512", "PS256", "foo", "none", "HS256", "ES256", "rs256",
		"RS256 ", " ",
	} {
		rows = append(rows, keyAttack{
			name:  "t/132 alg " + alg,
			entry: entry("alg", strconv.Quote(alg)),
			token: token,
			want:  unknown,
		})
	}
	private := []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
	for _, member := range private {
		for _, value := range []string{`"AQAB"`, `1`, `{}`, `[""]`, `[null]`, `false`} {
			rows = append(rows, keyAttack{
				name:  "t/134 " + member + " " + value,
				entry: entry(member, value),
				token: token,
				want:  unknown,
			})
		}
	}
	for _, value := range []string{`null`, `""`, `[]`, "[\n]"} {
		for _, member := range append([]string{"use", "alg", "key_ops"}, private...) {
			rows = append(rows, keyAttack{
				name:  "t/134 as if absent: " + member + " " + value,
				entry: entry(member, value),
				token: token,
				ids:   odd,
			})
		}
		rows = append(rows,
			keyAttack{
				name:  "t/134 d behind an oth of " + value,
				entry: entry("oth", value, "d", `"AQAB"`),
				token: token,
				want:  unknown,
			},
			keyAttack{
				name:  "t/134 d in front of an oth of " + value,
				entry: entry("d", `"AQAB"`, "oth", value),
				token: token,
				want:  unknown,
			},
			keyAttack{
				name:  "t/134 k beside a d of " + value,
				entry: entry("k", `"c2VjcmV0"`, "d", value),
				token: token,
				want:  unknown,
			},
		)
	}
	for _, size := range []int{512, 768, 1024, 1536, 2040, 2047} {
		key := newRawRSA(size, 65537)
		rows = append(rows, keyAttack{
			name:  fmt.Sprintf("t/135 modulus of %d bits", size),
			entry: numbers(key.n, key.e),
			token: key.token(h0("kid", `"odd"`), at0()),
			want:  unknown,
		})
		if size == 2047 {
			rows = append(rows, keyAttack{
				name:  "t/135 modulus of 2047 bits and a leading zero",
				entry: numbers(key.n, key.e, "n", `"`+seg64(append([]byte{0}, key.n.Bytes()...))+`"`),
				token: key.token(h0("kid", `"odd"`), at0()),
				want:  unknown,
			})
		}
	}
	key := newRawRSA(2048, 65537)
	rows = append(rows, keyAttack{
		name:  "t/135 modulus of 2048 bits",
		entry: numbers(key.n, key.e),
		token: key.token(h0("kid", `"odd"`), at0()),
		ids:   odd,
	})
	key = newRawRSA(2056, 257)
	rows = append(rows, keyAttack{
		name:  "t/135 modulus of 2056 bits, e=257",
		entry: numbers(key.n, key.e),
		token: key.token(h0("kid", `"odd"`), at0()),
		ids:   odd,
	})
	for _, size := range []int{8193, 8200, 16_384, 65_536, 262_144, 1_048_576} {
		rows = append(rows, keyAttack{
			name:  fmt.Sprintf("t/136 modulus of %d bits", size),
			entry: numbers(randomOdd(size), e),
			token: token,
			want:  unknown,
		})
	}
	rows = append(rows, keyAttack{
		name:  "t/136 modulus of 8192 bits",
		entry: numbers(randomOdd(8192), e),
		token: token,
		want:  jwtverifier.ErrSignature,
		ids:   odd,
	})

	// With e=1 everybody can sign: the signature is the encoded message.
	input := seg64(h0("kid", `"odd"`)) + "." + seg64(at0())
	digest := sha256.Sum256([]byte(input))
	byAnybody := input + "." + seg64(padded(256, slices.Concat(sha256Info, digest[:])))
	two31, two63 := new(big.Int).Lsh(one, 31), new(big.Int).Lsh(one, 63)
	for name, exponent := range map[string]*big.Int{
		"t/137 e=0":          big.NewInt(0),
		"t/137 e=1":          one,
		"t/137 e=2":          big.NewInt(2),
		"t/137 e=4":          big.NewInt(4),
		"t/137 e=65536":      big.NewInt(65536),
		"t/139 e=2^31":       two31,
		"t/139 e=2^31+1":     new(big.Int).Add(two31, one),
		"t/139 e=2^32+1":     new(big.Int).Add(new(big.Int).Lsh(one, 32), one),
		"t/139 e=2^32-1":     new(big.Int).Sub(new(big.Int).Lsh(one, 32), one),
		"t/139 e=2^63+1":     new(big.Int).Add(two63, one),
		"t/139 e=n-1":        new(big.Int).Sub(k2.N, one),
		"t/139 e=n":          k2.N,
		"t/139 e=2^64+65537": new(big.Int).Add(new(big.Int).Lsh(one, 64), e),
	} {
		rows = append(rows, keyAttack{
			name:  name,
			entry: numbers(k2.N, exponent),
			token: token,
			want:  unknown,
		})
		rows = append(rows, keyAttack{
			name:  name + ", signed by anybody",
			entry: numbers(k2.N, exponent),
			token: byAnybody,
			want:  unknown,
		})
	}
	rows = append(rows,
		keyAttack{
			name:  "t/137 e empty",
			entry: entry("e", `""`),
			token: token,
			want:  unknown,
		},
		keyAttack{
			name:  "t/137 e=0 in one byte",
			entry: entry("e", `"AA"`),
			token: token,
			want:  unknown,
		},
		keyAttack{
			name:  "t/137 e=1 in four bytes",
			entry: entry("e", `"AAAAAQ"`),
			token: byAnybody,
			want:  unknown,
		},
		keyAttack{
			name:  "t/137 e with padding that it does not need",
			entry: entry("e", `"AQAB="`),
			token: token,
			want:  unknown,
		},
		keyAttack{
			name:  "t/140 e padded",
			entry: entry("e", `"AAEAAQ=="`),
			token: token,
			ids:   odd,
		},
		keyAttack{
			name:  "t/139 e in five bytes",
			entry: entry("e", `"AAABAAE"`),
			token: token,
			want:  unknown,
		},
		keyAttack{
			name:  "t/139 e of 1 KB",
			entry: entry("e", `"`+seg64(append(make([]byte, 1000), 1, 0, 1))+`"`),
			token: token,
			want:  unknown,
		},
		keyAttack{
			name:  "t/139 e=3",
			entry: numbers(k2.N, big.NewInt(3)),
			token: token,
			want:  jwtverifier.ErrSignature,
			ids:   odd,
		},
		keyAttack{
			name:  "t/139 e=2^31-1",
			entry: numbers(k2.N, new(big.Int).Sub(two31, one)),
			token: token,
			want:  jwtverifier.ErrSignature,
			ids:   odd,
		},
	)
	// n in the standard alphabet, which differs from base64url in two characters.
	for standard := newRSAKey(); ; standard = newRSAKey() {
		n := base64.RawStdEncoding.EncodeToString(standard.N.Bytes())
		if !strings.Contains(n, "+") || !strings.Contains(n, "/") {
			continue
		}
		by := jwsOf(standard, h0("kid", `"odd"`), at0())
		for name, n := range map[string]string{
			"t/140 n in the standard alphabet":         n,
			"t/140 n in the standard alphabet, padded": n + "==",
		} {
			rows = append(rows, keyAttack{
				name:  name,
				entry: entry("n", strconv.Quote(n)),
				token: by,
				ids:   odd,
			})
		}
		for name, n := range map[string]string{
			"t/140 n in both alphabets":                       strings.ReplaceAll(n, "/", "_"),
			"t/140 n in the standard alphabet, trailing bits": n[:len(n)-1] + string(n[len(n)-1]+1),
			"t/140 n in the standard alphabet, a line break":  n[:64] + "\n" + n[64:],
		} {
			rows = append(rows, keyAttack{
				name:  name,
				entry: entry("n", strconv.Quote(n)),
				token: by,
				want:  unknown,
			})
		}
		break
	}
	for _, row := range rows {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { row.run(t, jwksOf(row.entry, goodJWK1())) })
			synctest.Test(t, func(t *testing.T) { row.run(t, jwksOf(goodJWK1(), row.entry)) })
		})
	}
}
