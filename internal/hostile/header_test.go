package hostile_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	var (
		malformed  = jwtverifier.ErrMalformed
		algorithm  = jwtverifier.ErrAlgorithm
		unknownKey = jwtverifier.ErrUnknownKey
		signature  = jwtverifier.ErrSignature
		tokenType  = jwtverifier.ErrTokenType
	)
	good := at0Token()
	p := seg64(at0())
	with := func(header string) string { return jwsOf(key1(), header, at0()) }
	unsigned := func(header string) string { return seg64(header) + "." + p + "." }
	random := make([]byte, 256)
	_, _ = rand.Read(random)
	attacker := jwkOf("k1", &keyX().PublicKey)
	byAttacker := func(header string) string { return jwsOf(keyX(), header, at0()) }
	listOf := func(n int, element string) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	// As long as a certificate in base64 with so many bytes, in JSON that escapes slashes.
	certificate := func(n int) string { return `"` + strings.Repeat(strings.Repeat("M", 62)+`\/`, n/64) + `"` }
	tooComplex := func(t *testing.T, err error) { require.ErrorContains(t, err, "too many members or elements") }

	rows := []attack{
		{
			name:  "t/041 alg none, empty signature",
			token: unsigned(h0("alg", `"none"`)),
			want:  malformed,
			part:  "token",
		},
		{
			name:  "t/041 alg none, empty signature, no kid",
			token: unsigned(`{"alg":"none"}`),
			want:  malformed,
			part:  "token",
		},
		{
			name:  "t/041 alg none, good signature",
			token: with(h0("alg", `"none"`)),
			want:  algorithm,
			claim: "alg",
		},
		{name: "t/041 alg none, a signature of one byte", token: unsigned(h0("alg", `"none"`)) + "AA", want: algorithm},
		{name: "t/045 no alg", token: with(h0("alg", absentMember)), want: malformed},
		{name: "t/045 empty header object", token: with(`{}`), want: malformed},
		{name: "t/046 alg null", token: with(h0("alg", `null`)), want: malformed},
		{name: "t/047 alg an array", token: with(h0("alg", `["RS256"]`)), want: malformed},
		{name: "t/047 alg a number", token: with(h0("alg", `123`)), want: malformed},
		{name: "t/047 alg an object", token: with(h0("alg", `{}`)), want: malformed},
		{name: "t/047 alg true", token: with(h0("alg", `true`)), want: malformed},
		{name: "t/054 alg twice, none first", token: with(`{"alg":"none","alg":"RS256","kid":"k1"}`), want: malformed},
		{name: "t/054 alg twice, none last", token: with(`{"alg":"RS256","alg":"none","kid":"k1"}`), want: malformed},
		{name: "t/054 alg twice, the same", token: with(`{"alg":"RS256","kid":"k1","alg":"RS256"}`), want: malformed},
		{name: "t/054 an unread member twice", token: with(h0("x", `1`, "y", `2`, `x\u0000`, `1`, `\u0078`, `3`)), want: malformed},
		{name: "t/054 a name twice in an unread member", token: with(h0("x", `{"a":1,"a":2}`)), want: malformed},
		{name: "t/055 alg twice, once escaped", token: with(`{"alg":"RS256","\u0061lg":"none","kid":"k1"}`), want: malformed},
		{name: "t/055 alg twice, first escaped", token: with(`{"\u0061lg":"RS256","alg":"none","kid":"k1"}`), want: malformed},
		{name: "t/055 alg escaped, once", token: with(`{"\u0061l\u0067":"RS256","kid":"k1"}`)},
		{name: "t/055 alg escaped, none", token: with(`{"\u0061lg":"none","kid":"k1"}`), want: algorithm},
		{name: "t/055 crit escaped", token: with(h0(`\u0063rit`, `["exp"]`)), want: malformed},
		{name: "t/055 value of alg escaped", token: with(`{"alg":"RS\u0032\u00356","kid":"k1"}`)},
		{name: "t/056 only ALG", token: with(`{"ALG":"RS256","kid":"k1"}`), want: malformed},
		{name: "t/056 only Alg", token: with(`{"Alg":"RS256","kid":"k1"}`), want: malformed},
		{
			name:  "t/056 only KID, no key that it does not name",
			token: jwsOf(keyX(), `{"alg":"RS256","KID":"kx"}`, at0()),
			want:  signature,
			part:  "signature",

			unnamed: true,
		},
		{name: "t/056 only KID, of another key", token: jwsOf(key2(), `{"alg":"RS256","KID":"k1"}`, at0())},
		{name: "t/057 alg and ALG", token: with(`{"alg":"RS256","ALG":"none","kid":"k1"}`)},
		{name: "t/057 kid and its Kelvin sign twin", token: with(`{"alg":"RS256","kid":"k1","\u212Aid":"k2"}`)},
		{name: "t/057 CRIT, Enc, ZIP and B64", token: with(h0("CRIT", `["exp"]`, "Enc", `"A256GCM"`, "ZIP", `"DEF"`, "B64", `false`))},
		{name: "t/057 TYP", token: with(h0("TYP", `"logout+jwt"`))},
		{name: "t/059 kid empty", token: with(h0("kid", `""`)), want: malformed},
		{name: "t/059 kid null is none", token: with(h0("kid", `null`))},
		{
			name:  "t/059 kid null is none, more keys than are tried",
			token: with(h0("kid", `null`)),
			want:  signature,
			part:  "signature",
			jwks:  jwksOf(append(manyKeys(4), goodJWK1())...),

			unnamed: true,
		},
		{name: "t/059 kid null and kid", token: with(h0("kid", `null`, `\u006bid`, `"k1"`)), want: malformed},
		{
			name:  "t/060 kid empty, and a key without kid",
			token: with(h0("kid", `""`)),
			want:  malformed,
			jwks:  jwksOf(jwkOf("", &key1().PublicKey, "kid", absentMember)),
			good:  with(h0("kid", absentMember)),
		},
		{
			name:  "t/060 kid empty, and a key with an empty one",
			token: with(h0("kid", `""`)),
			want:  malformed,
			jwks:  jwksOf(jwkOf("", &key1().PublicKey)),
			good:  with(h0("kid", absentMember)),
		},
		{name: "t/060 no kid, and a key with kid", token: with(h0("kid", absentMember)), jwks: jwksOf(goodJWK1())},
		{name: "t/060 no kid, two keys", token: with(h0("kid", absentMember))},
		{
			name:  "t/060 no kid, two keys under one",
			token: with(h0("kid", absentMember)),
			jwks:  jwksOf(goodJWK1(), jwkOf("k1", &key2().PublicKey)),
		},
		{
			name:  "t/060 no kid, by a key that is not published",
			token: byAttacker(h0("kid", absentMember)),
			want:  signature,
			part:  "signature",

			unnamed: true,
		},
		{name: "t/061 kid a number", token: with(h0("kid", `123`)), want: malformed},
		{name: "t/061 kid an array", token: with(h0("kid", `["k1"]`)), want: malformed},
		{name: "t/061 kid an object", token: with(h0("kid", `{"a":1}`)), want: malformed},
		{name: "t/061 kid true", token: with(h0("kid", `true`)), want: malformed},
		{
			name:  "t/061 kid a number, and one eligible key",
			token: with(h0("kid", `1`)),
			want:  malformed,
			jwks:  jwksOf(goodJWK1()),
		},
		{name: "t/062 kid twice", token: with(`{"alg":"RS256","kid":"zzz","kid":"k1"}`), want: malformed},
		{name: "t/062 kid twice, good first", token: with(`{"alg":"RS256","kid":"k1","kid":"zzz"}`), want: malformed},
		{name: "t/062 kid twice, once escaped", token: with(`{"alg":"RS256","kid":"zzz","\u006bid":"k1"}`), want: malformed},
		{name: "t/064 kid a URL", token: with(h0("kid", `"https://evil.example/jwks#k1"`)), want: unknownKey},
		{name: "t/064 kid a file", token: with(h0("kid", `"../../../../dev/null"`)), want: unknownKey},
		{name: "t/064 kid an SQL injection", token: with(h0("kid", `"x' UNION SELECT 'k1"`)), want: unknownKey},
		{
			name:    "t/065 kid with a line feed",
			token:   with(h0("kid", `"x\nlevel=error msg=forged"`)),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid with an escape sequence",
			token:   with(h0("kid", `"\u001b[31mred"`)),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid with quotes",
			token:   with(h0("kid", `"`+strings.Repeat(`\"`, 100)+`"`)),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid with a bidirectional override",
			token:   with(h0("kid", `"\u202ekid"`)),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid of 64 bytes",
			token:   with(h0("kid", strconv.Quote(strings.Repeat("k", 64)))),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid of 8,000 bytes",
			token:   with(h0("kid", strconv.Quote(strings.Repeat("k", 8_000)))),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:    "t/065 kid of 2,220 bytes, all escaped",
			token:   with(h0("kid", `"`+strings.Repeat(`\u0000`, 370)+`"`)),
			want:    unknownKey,
			refused: kidShownShortly,
		},
		{
			name:  "t/065 kid of 100 KB",
			token: with(h0("kid", strconv.Quote(strings.Repeat("k", 100_000)))),
			want:  malformed,
			part:  "token",
		},
		{name: "t/065 kid of 10 KB", token: with(h0("kid", strconv.Quote(strings.Repeat("k", 10_000)))), want: malformed},
		{name: "t/066 kid in upper case", token: with(h0("kid", `"K1"`)), want: unknownKey},
		{name: "t/066 kid and a space", token: with(h0("kid", `"k1 "`)), want: unknownKey},
		{name: "t/066 kid after a space", token: with(h0("kid", `" k1"`)), want: unknownKey},
		{name: "t/066 kid and NUL", token: with(h0("kid", `"k1\u0000"`)), want: unknownKey},
		{name: "t/066 prefix of a kid", token: with(h0("kid", `"k"`)), want: unknownKey},
		{name: "t/066 kid and more", token: with(h0("kid", `"k11"`)), want: unknownKey},
		{name: "t/066 kid with the Kelvin sign", token: with(h0("kid", `"\u212a1"`)), want: unknownKey},
		{
			name:  "t/066 composed kid, decomposed key",
			token: with(h0("kid", `"caf\u00e9"`)),
			want:  unknownKey,
			jwks:  jwksOf(goodJWK1(), jwkOf("cafe\u0301", &key2().PublicKey)),
		},
		{
			name:  "t/066 decomposed kid, composed key",
			token: with(h0("kid", `"cafe\u0301"`)),
			want:  unknownKey,
			jwks:  jwksOf(goodJWK1(), jwkOf("caf\u00e9", &key2().PublicKey)),
		},
		{name: "t/066 kid escaped", token: with(h0("kid", `"\u006b1"`))},
		{
			name:  "t/067 kid a lone surrogate",
			token: with(h0("kid", `"\ud800"`)),
			want:  malformed,
			jwks:  jwksOf(goodJWK1(), jwkOf("\ufffd", &key1().PublicKey)),
		},
		{
			name:  "t/067 kid with a byte that is no UTF-8",
			token: with(h0("kid", "\"\xff\"")),
			want:  malformed,
			jwks:  jwksOf(goodJWK1(), jwkOf("\ufffd", &key1().PublicKey)),
		},
		{name: "t/067 kid a replacement character", token: jwsOf(key1(), h0("kid", `"\ufffd"`), at0()),
			jwks: jwksOf(goodJWK1(), jwkOf("\ufffd", &key1().PublicKey))},
		{
			name:  "t/071 raw payload",
			want:  malformed,
			part:  "token",
			token: rs256Over(key1(), seg64(h0("b64", `false`, "crit", `["b64"]`))+"."+strings.ReplaceAll(at0(), ".", `\u002e`)),
		},
		{name: "t/071 b64 false, payload encoded", token: with(h0("b64", `false`, "crit", `["b64"]`)), want: malformed},
		{name: "t/071 b64 true and critical", token: with(h0("b64", `true`, "crit", `["b64"]`)), want: malformed},
		{
			name:  "t/071 b64 false, a raw payload that is base64url",
			token: rs256Over(key1(), seg64(h0("b64", `false`, "crit", `["b64"]`))+".1234"),
			want:  malformed,
		},
		{
			name:  "t/072 raw payload without crit",
			want:  malformed,
			part:  "token",
			token: rs256Over(key1(), seg64(h0("b64", `false`))+"."+strings.ReplaceAll(at0(), ".", `\u002e`)),
		},
		{name: "t/072 b64 false without crit", token: with(h0("b64", `false`)), want: malformed},
		{name: "t/072 b64 a string", token: with(h0("b64", `"x"`)), want: malformed},
		{name: "t/072 b64 a number", token: with(h0("b64", `0`)), want: malformed},
		{name: "t/072 b64 null", token: with(h0("b64", `null`)), want: malformed},
		{name: "t/072 b64 true", token: with(h0("b64", `true`)), want: malformed},
		{
			name:  "t/074 jwk of the attacker",
			token: byAttacker(h0("jwk", attacker)),
			want:  signature,
			part:  "signature",
		},
		{
			name:  "t/074 jwk with a private key",
			token: byAttacker(h0("jwk", jwkOf("k1", &keyX().PublicKey, "d", `"AQAB"`))),
			want:  signature,
			part:  "signature",
		},
		{name: "t/074 jwk of the server's own key", token: with(h0("jwk", goodJWK1()))},
		{
			name:  "t/075 jwk of the attacker, no kid, two keys",
			token: byAttacker(h0("kid", absentMember, "jwk", attacker)),
			want:  signature,
			part:  "signature",

			unnamed: true,
		},
		{
			name:  "t/075 jwk of the attacker, no kid, one key",
			token: byAttacker(h0("kid", absentMember, "jwk", attacker)),
			want:  signature,
			part:  "signature",
			jwks:  jwksOf(goodJWK1()),

			unnamed: true,
		},
		{name: "t/075 jwk of the attacker, unknown kid", token: byAttacker(h0("kid", `"kx"`, "jwk", attacker)), want: unknownKey},
		{name: "t/076 jku of the attacker", token: byAttacker(h0("kid", `"kx"`, "jku", `"https://evil.example/jwks"`)), want: unknownKey},
		{
			name:  "t/076 jku of the attacker, a good kid",
			token: byAttacker(h0("jku", `"https://evil.example/jwks"`)),
			want:  signature,
			part:  "signature",
		},
		{
			name:  "t/076 jku on the issuer's own host",
			token: byAttacker(h0("kid", `"kx"`, "jku", `"https://as.example/tenant/upload/jwks"`)),
			want:  unknownKey,
		},
		{name: "t/076 x5u of the attacker", token: byAttacker(h0("kid", `"kx"`, "x5u", `"https://evil.example/cert.pem"`)), want: unknownKey},
		{name: "t/077 jku of a metadata service", token: with(h0("jku", `"http://169.254.169.254/latest/meta-data"`))},
		{name: "t/077 x5u a file", token: with(h0("x5u", `"file:///etc/passwd"`))},
		{name: "t/077 jku of another host", token: with(h0("jku", `"https://evil.example/jwks"`, "x5u", `"https://evil.example/cert"`))},
		{name: "t/077 jku that is no URL", token: with(h0("jku", `[1,"\u0000",{}]`, "x5u", `false`))},
		{name: "t/079 x5c of a thousand certificates", token: with(h0("x5c", "["+strings.Repeat(`"AAAA",`, 999)+`"AAAA"]`))},
		{name: "t/079 x5c garbage", token: with(h0("x5c", `["AAAA"]`))},
		{name: "t/079 x5c a string", token: with(h0("x5c", `"AAAA"`))},
		{name: "t/079 x5c empty", token: with(h0("x5c", `[]`))},
		{name: "t/079 jwk null", token: with(h0("jwk", `null`))},
		{name: "t/079 jwk empty", token: with(h0("jwk", `{}`))},
		{name: "t/079 jwk a string", token: with(h0("jwk", `"x"`))},
		{name: "t/079 x5t garbage", token: with(h0("x5t", `"!!"`, "x5t#S256", `0`))},
		{name: "t/080 zip, payload deflated", token: jwsOf(key1(), h0("zip", `"DEF"`), deflated(at0())), want: malformed},
		{name: "t/080 zip, payload plain", token: with(h0("zip", `"DEF"`)), want: malformed},
		{name: "t/080 zip null", token: with(h0("zip", `null`)), want: malformed},
		{
			name:  "t/080 payload deflated without zip",
			token: jwsOf(key1(), h0(), deflated(at0())),
			want:  malformed,
			part:  "payload",
		},
		{name: "t/081 enc", token: with(h0("enc", `"A256GCM"`)), want: malformed},
		{name: "t/081 enc null", token: with(h0("enc", `null`)), want: malformed},
		{name: "t/082 p2c and p2s", token: with(h0("p2c", `2147483647`, "p2s", `"AAAA"`))},
		{name: "t/082 epk and apu", token: with(h0("epk", `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "apu", `"AA"`))},
		{name: "t/086 typ a number", token: with(h0("typ", `1`)), want: malformed},
		{name: "t/086 typ an array", token: with(h0("typ", `["JWT"]`)), want: malformed},
		{name: "t/086 typ null is none", token: with(h0("typ", `null`))},
		{name: "t/086 typ an object", token: with(h0("typ", `{}`)), want: malformed},
		{name: "t/086 typ twice", token: with(h0("typ", `"JWT"`, `\u0074yp`, `"logout+jwt"`)), want: malformed},
		{name: "t/089 header an array", token: with(`[{"alg":"RS256","kid":"k1"}]`), want: malformed},
		{name: "t/089 header an empty array", token: with(`[]`), want: malformed},
		{name: "t/089 header a string", token: with(`"x"`), want: malformed},
		{name: "t/089 header a number", token: with(`1`), want: malformed},
		{name: "t/089 header null", token: with(`null`), want: malformed},
		{name: "t/089 header true", token: with(`true`), want: malformed},
		{name: "t/089 header a space", token: with(` `), want: malformed},
		{name: "t/089 header a token", token: with(good), want: malformed},
		{name: "t/090 header truncated", token: with(strings.TrimSuffix(h0(), "}")), want: malformed},
		{name: "t/090 header truncated in a string", token: with(strings.TrimSuffix(h0(), `"}`)), want: malformed},
		{name: "t/090 trailing comma", token: with(`{"alg":"RS256","kid":"k1",}`), want: malformed},
		{name: "t/090 leading comma", token: with(`{,"alg":"RS256","kid":"k1"}`), want: malformed},
		{name: "t/090 no comma", token: with(`{"alg":"RS256" "kid":"k1"}`), want: malformed},
		{name: "t/090 single quotes", token: with(`{'alg':'RS256','kid':'k1'}`), want: malformed},
		{name: "t/090 names without quotes", token: with(`{alg:"RS256",kid:"k1"}`), want: malformed},
		{name: "t/090 block comment", token: with(`{"alg":"RS256",/*"alg":"none",*/"kid":"k1"}`), want: malformed},
		{name: "t/090 line comment", token: with("{\"alg\":\"RS256\",//\n\"kid\":\"k1\"}"), want: malformed},
		{name: "t/090 NaN", token: with(h0("x", `NaN`)), want: malformed},
		{name: "t/090 Infinity", token: with(h0("x", `-Infinity`)), want: malformed},
		{name: "t/090 1e999 for a header", token: with(`1e999`), want: malformed},
		{name: "t/090 1e999 for alg", token: with(h0("alg", `1e999`)), want: malformed},
		{name: "t/090 1e999 where nobody reads it", token: with(h0("x", `1e999`)), want: malformed},
		{name: "t/090 1e999 deep where nobody reads it", token: with(h0("x", `[{"y":-1e999}]`)), want: malformed},
		{name: "t/090 1e308 where nobody reads it", token: with(h0("x", `1e308`))},
		{name: "t/090 1e999 for kid", token: with(h0("kid", `1e999`)), want: malformed},
		{name: "t/090 leading zero", token: with(h0("x", `01`)), want: malformed},
		{name: "t/090 plus sign", token: with(h0("x", `+1`)), want: malformed},
		{name: "t/090 bare fraction", token: with(h0("x", `.5`)), want: malformed},
		{name: "t/090 hexadecimal", token: with(h0("x", `0x10`)), want: malformed},
		{name: "t/090 True", token: with(h0("x", `True`)), want: malformed},
		{name: "t/090 raw line feed in a string", token: with("{\"alg\":\"RS256\",\"kid\":\"k1\",\"x\":\"a\nb\"}"), want: malformed},
		{name: "t/090 raw NUL in a string", token: with("{\"alg\":\"RS256\",\"kid\":\"k1\",\"x\":\"a\x00b\"}"), want: malformed},
		{name: "t/090 unknown escape", token: with(h0("x", `"\x41"`)), want: malformed},
		{name: "t/090 form feed between members", token: with("{\"alg\":\"RS256\",\f\"kid\":\"k1\"}"), want: malformed},
		{name: "t/090 byte order mark", token: with("\ufeff" + h0()), want: malformed},
		{name: "t/091 garbage behind the header", token: seg64(h0()+"garbage") + good[len(seg64(h0())):], want: malformed},
		{
			name:  "t/091 an object behind the header",
			token: seg64(h0()+`{"alg":"none","jku":"https://evil.example"}`) + good[len(seg64(h0())):],
			want:  malformed,
		},
		{name: "t/091 a brace behind the header", token: seg64(h0()+`}`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 a bracket behind the header", token: seg64(h0()+`]`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 a comma behind the header", token: seg64(h0()+`,`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 bytes behind the header", token: seg64(h0()+"\x00\xff") + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 an object behind the header, signed", token: with(h0() + `{"alg":"none"}`), want: malformed},
		{name: "t/091 a bracket behind the header, signed", token: with(h0() + `]`), want: malformed},
		{
			name:  "t/091 spaces in front of the header",
			token: seg64("  "+h0()) + good[len(seg64(h0())):],
			want:  signature,
			part:  "signature",
		},
		{
			name:  "t/091 a line feed behind the header",
			token: seg64(h0()+"\n") + good[len(seg64(h0())):],
			want:  signature,
			part:  "signature",
		},
		{
			name:  "t/091 an unread member added",
			token: seg64(h0("x", `1`)) + good[len(seg64(h0())):],
			want:  signature,
			part:  "signature",
		},
		{
			name:  "t/091 the members in another order",
			token: seg64(`{"kid":"k1","alg":"RS256"}`) + good[len(seg64(h0())):],
			want:  signature,
			part:  "signature",
		},
		{name: "t/092 signed with a line feed behind the header", token: with(h0() + "\n")},
		{name: "t/092 signed with a space in front of the header", token: with(" " + h0())},
		{name: "t/092 signed with white space inside", token: with("{\r\n\t\"alg\" : \"RS256\" ,\n \"kid\":\"k1\" }\n")},
		{name: "t/094 an unread member that is no UTF-8", token: with(h0("x", "\"\xff\"")), want: malformed},
		{name: "t/094 an unread name that is no UTF-8", token: with(h0("\xff", `1`)), want: malformed},
		{name: "t/094 an overlong encoding", token: with(h0("x", "\"\xc0\xaf\"")), want: malformed},
		{name: "t/094 a surrogate in UTF-8", token: with(h0("x", "\"\xed\xa0\x80\"")), want: malformed},
		{name: "t/094 a lone surrogate", token: with(h0("x", `"\ud800"`)), want: malformed},
		{name: "t/094 a lone low surrogate", token: with(h0("x", `"\udc00"`)), want: malformed},
		{name: "t/094 surrogates in the wrong order", token: with(h0("x", `"\udc00\ud800"`)), want: malformed},
		{name: "t/094 a lone surrogate in a name", token: with(h0(`\ud800`, `1`)), want: malformed},
		{name: "t/094 a pair of surrogates", token: with(h0("x", `"\ud83d\ude00"`))},
		{name: "t/095 nesting of 9", token: with(h0("x", nested(9)))},
		{name: "t/095 nesting of 50", token: with(h0("x", nested(50)))},
		{name: "t/095 nesting of 100", token: with(h0("x", nested(100)))},
		{name: "t/095 nesting of 123", token: with(h0("x", nested(123)))},
		{
			name:    "t/095 nesting of 124",
			token:   with(h0("x", nested(124))),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/095 nesting of 4,000", token: with(h0("x", nested(4_000))), want: malformed},
		{name: "t/095 nesting of 9,990", token: with(h0("x", nested(9_990))), want: malformed},
		{name: "t/095 nesting of 10,001", token: with(h0("x", nested(10_001))), want: malformed},
		{
			name:  "t/095 nesting of 200,000",
			token: with(h0("x", nested(200_000))),
			want:  malformed,
			part:  "token",
		},
		{name: "t/095 brackets that are never closed", token: with(strings.Repeat("[", 8<<10)), want: malformed},
		{name: "t/095 objects that are never closed", token: with(strings.Repeat(`{"":`, 2<<10)), want: malformed},
		{
			name:  "t/096 10,000 members",
			token: with(manyMembers(10_000)),
			want:  malformed,
			part:  "token",
		},
		{name: "t/096 1,000 members", token: with(manyMembers(1_000)), want: malformed},
		{name: "t/096 39 members more", token: with(manyMembers(39))},
		{
			name:    "t/096 40 members more",
			token:   with(manyMembers(40)),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/096 551 elements", token: with(h0("x", listOf(551, "1")))},
		{
			name:    "t/096 552 elements",
			token:   with(h0("x", listOf(552, "1"))),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/096 91 elements true", token: with(h0("x", listOf(91, "true")))},
		{
			name:    "t/096 92 elements true",
			token:   with(h0("x", listOf(92, "true"))),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/096 91 exponents", token: with(h0("x", listOf(91, "1E1")))},
		{
			name:    "t/096 92 exponents",
			token:   with(h0("x", listOf(92, "1E1"))),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/096 370 escapes", token: with(h0("x", `"`+strings.Repeat(`\n`, 370)+`"`))},
		{
			name:    "t/096 371 escapes",
			token:   with(h0("x", `"`+strings.Repeat(`\n`, 371)+`"`)),
			want:    malformed,
			refused: tooComplex,
		},
		{name: "t/096 a string like structure", token: with(h0("x", `"`+strings.Repeat(`\"{[:e`, 370)+`"`))},
		{
			name:  "t/096 1,110 bytes beyond ASCII",
			token: with(h0("x", `"`+strings.Repeat("é", 555)+`"`)),
		},
		{
			name:    "t/096 1,112 bytes beyond ASCII",
			token:   with(h0("x", `"`+strings.Repeat("é", 556)+`"`)),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:  "t/096 1,112 bytes beyond ASCII in a kid",
			token: with(h0("kid", `"`+strings.Repeat("é", 556)+`"`)),
			want:  unknownKey,
		},
		{
			name:  "t/096 a name of 1,110 bytes",
			token: with(h0(strings.Repeat("x", 1110), `1`)),
		},
		{
			name:    "t/096 a name of 1,111 bytes",
			token:   with(h0(strings.Repeat("x", 1111), `1`)),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:  "t/096 a name of 554 bytes beyond ASCII",
			token: with(h0(strings.Repeat("é", 277), `1`)),
		},
		{
			name:    "t/096 a name of 556 bytes beyond ASCII",
			token:   with(h0(strings.Repeat("é", 278), `1`)),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:  "t/096 a name of escapes",
			token: with(h0(strings.Repeat(`\u00e9`, 123), `1`)),
		},
		{
			name:    "t/096 a longer name of escapes",
			token:   with(h0(strings.Repeat(`\u00e9`, 124), `1`)),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:    "t/096 a name with white space before the colon",
			token:   with(withMore(h0(), `"`+strings.Repeat("x", 1111)+"\" \n:1")),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:  "t/096 a chain of five certificates, slashes escaped",
			token: with(h0("typ", `"JWT"`, "x5t#S256", strconv.Quote(strings.Repeat("x", 43)), "x5c", listOf(5, certificate(1_560)))),
		},
		{
			name: "t/096 an RSA key of 4,096 bits with a chain",
			token: with(h0("jwk", `{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","e":"AQAB","n":"`+
				strings.Repeat("n", 683)+`","x5c":`+listOf(3, certificate(1_560))+`}`)),
		},
		{
			name:  "t/096 some text beyond ASCII",
			token: with(h0("iss_name", `"Größte Anmeldung für Übungszwecke – 認証サーバー"`, "été", `"ñ"`)),
		},
		{
			name:  "t/096 1 MiB of header",
			token: with(h0("x", strconv.Quote(strings.Repeat("x", 1<<20)))),
			want:  malformed,
			part:  "token",
		},
		{
			name:  "t/096 a thousand strings, a token of 12 KiB",
			token: withLength(12<<10, h0("x5c", listOf(1000, `"AAAA"`))),
		},
		{
			name:    "t/096 a thousand strings, a longer token",
			token:   withLength(12<<10+1, h0("x5c", listOf(1000, `"AAAA"`))),
			want:    malformed,
			refused: tooComplex,
		},
		{
			name:  "t/096 a chain of five certificates, a token of 64 KiB",
			token: withLength(64<<10, h0("typ", `"JWT"`, "x5c", listOf(5, `"`+strings.Repeat("M", 1_500)+`"`))),
		},
		{name: "t/096 8 KiB of header", token: with(h0() + strings.Repeat(" ", 8<<10-len(h0())))},
		{name: "t/096 8 KiB of header and a byte", token: with(h0() + strings.Repeat(" ", 8<<10-len(h0())+1)), want: malformed},
		{name: "t/097 a member of no meaning", token: with(h0("x-foo", `1`))},
		{name: "t/097 nonce in the header", token: with(h0("nonce", `"AQABAAAAAA"`))},
		{name: "t/097 iss and aud in the header", token: with(h0("iss", `"https://evil.example"`, "aud", `"elsewhere"`))},
		{name: "t/097 cty", token: with(h0("cty", `"JWT"`))},
		{
			name:  "t/097 claims in the header only",
			token: jwsOf(key1(), withMore(h0(), strings.TrimSuffix(at0()[1:], "}")), `{}`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
			claim: "iss",
		},
	}

	for _, alg := range []string{"None", "NONE", "nOnE", "noNE", "none ", "non\\u0065"} {
		rows = append(rows,
			attack{
				name:  "t/042 alg " + alg + ", empty signature",
				token: unsigned(h0("alg", `"`+alg+`"`)),
				want:  malformed,
				part:  "token",
			},
			attack{name: "t/042 alg " + alg + ", random signature", token: unsigned(h0("alg", `"`+alg+`"`)) + seg64(random), want: algorithm},
		)
	}
	for _, alg := range []string{
		"HS256", "HS512", "ES256", "ES256K", "EdDSA", "Ed25519", "PS256", "RS384", "RS512", "RS1", "ML-DSA-65",
		"foo", "rs256", "Rs256", "RS256 ", " RS256", `RS256\u0000`, `RS\uff12\uff15\uff16`, `R\u017f256`,
		"RS256,none", "RSA", "SHA256withRSA", "https://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "",
	} {
		rows = append(rows, attack{
			name:  "t/044 alg " + alg,
			token: with(h0("alg", `"`+alg+`"`)),
			want:  algorithm,
			claim: "alg",
		})
	}
	for name, token := range hmacForgeries() {
		rows = append(rows, attack{name: "t/049 HMAC with " + name, token: token, want: algorithm})
	}
	rows = append(rows,
		attack{name: "t/050 genuine RS384", token: signedAs("RS384", crypto.SHA384, false), want: algorithm},
		attack{name: "t/050 genuine RS512", token: signedAs("RS512", crypto.SHA512, false), want: algorithm},
		attack{name: "t/050 genuine PS256", token: signedAs("PS256", crypto.SHA256, true), want: algorithm},
		attack{name: "t/050 genuine PS384", token: signedAs("PS384", crypto.SHA384, true), want: algorithm},
	)
	ecKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	edPublic, edKey, _ := ed25519.GenerateKey(rand.Reader)
	ecPoint, _ := ecKey.PublicKey.Bytes()
	mixed := jwksOf(goodJWK1(),
		fmt.Sprintf(`{"kty":"EC","crv":"P-256","kid":"e1","use":"sig","alg":"ES256","x":%q,"y":%q}`, seg64(ecPoint[1:33]), seg64(ecPoint[33:])),
		fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"e2","use":"sig","alg":"EdDSA","x":%q}`, seg64(edPublic)),
		`{"kty":"EC","crv":"secp256k1","kid":"e3","alg":"ES256K","x":"AAAA","y":"AAAA"}`,
		`{"kty":"oct","kid":"e4","alg":"HS256","k":"c2VjcmV0"}`)
	ecInput := seg64(`{"alg":"ES256","kid":"e1"}`) + "." + p
	ecDigest := sha256.Sum256([]byte(ecInput))
	r, s, _ := ecdsa.Sign(rand.Reader, ecKey, ecDigest[:])
	edInput := seg64(`{"alg":"EdDSA","kid":"e2"}`) + "." + p
	macInput := seg64(`{"alg":"HS256","kid":"e4"}`) + "." + p
	rows = append(rows,
		attack{
			name:  "t/051 ES256 by a published key",
			token: ecInput + "." + seg64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)),
			want:  algorithm,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 EdDSA by a published key",
			token: edInput + "." + seg64(ed25519.Sign(edKey, []byte(edInput))),
			want:  algorithm,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 ES256K for a published key",
			token: seg64(`{"alg":"ES256K","kid":"e3"}`) + "." + p + "." + seg64(random[:64]),
			want:  algorithm,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 HS256 by a published secret",
			token: macInput + "." + seg64(macOf("secret", macInput)),
			want:  algorithm,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 RS256 and the kid of an EC key",
			token: with(h0("kid", `"e1"`)),
			want:  unknownKey,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 RS256 and the kid of an Ed25519 key",
			token: with(h0("kid", `"e2"`)),
			want:  unknownKey,
			jwks:  mixed,
		},
		attack{
			name:  "t/051 RS256 and the kid of a secret",
			token: with(h0("kid", `"e4"`)),
			want:  unknownKey,
			jwks:  mixed,
		},
		attack{name: "t/051 RS256, no kid, the only RSA key", token: with(h0("kid", absentMember)), jwks: mixed},
	)
	for _, alg := range []string{"RSA-OAEP", "RSA-OAEP-256", "dir", "A128KW", "RSA1_5", "PBES2-HS256+A128KW", "ECDH-ES"} {
		rows = append(rows, attack{name: "t/052 alg " + alg, token: with(h0("alg", strconv.Quote(alg))), want: algorithm})
	}
	for _, crit := range []string{
		`["exp"],"exp":1`, `["foo"]`, `["foo"],"foo":1`, `[]`, `null`, `["alg"]`, `["foo","foo"]`, `["b64"]`,
		`["crit"]`, `[""]`,
	} {
		rows = append(rows, attack{name: "t/069 crit " + crit, token: with(withMore(h0(), `"crit":`+crit)), want: malformed})
	}
	for _, crit := range []string{`"foo"`, `[1]`, `{}`, `false`, `0`, `""`} {
		rows = append(rows, attack{name: "t/070 crit " + crit, token: with(h0("crit", crit)), want: malformed})
	}
	for _, typ := range []string{
		"dpop+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "jwk-set+jwt",
		"entity-statement+jwt", "kb+jwt", "vc+sd-jwt", "dc+sd-jwt", "client-authentication+jwt",
		"application/logout+jwt", "", " ", "JWS", "JWE", "JWT ", " JWT", "jwt/at", "at", "+jwt", "at+jwtx",
		"application/", "application/application/jwt", "text/jwt", "at+jwt; charset=utf-8",
		"https://example.com/jwt", "\uff2aWT",
	} {
		rows = append(rows, attack{
			name:  "t/084 typ " + typ,
			token: with(h0("typ", strconv.Quote(typ))),
			want:  tokenType,
			part:  "claims",
			claim: "typ",
		})
	}
	for _, typ := range []string{"at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT", "JWT", "jwt", "application/jwt"} {
		rows = append(rows, attack{name: "t/084 typ " + typ, token: with(h0("typ", strconv.Quote(typ)))})
	}
	strict := []jwtverifier.Option{jwtverifier.WithStrictTokenType()}
	rfc9068 := with(h0("typ", `"at+jwt"`))
	rows = append(rows,
		attack{
			name:  "t/084 strict, no typ",
			token: good,
			want:  tokenType,
			part:  "claims",
			opts:  strict,
			good:  rfc9068,
		},
		attack{
			name:  "t/084 strict, typ JWT",
			token: with(h0("typ", `"JWT"`)),
			want:  tokenType,
			part:  "claims",
			opts:  strict,
			good:  rfc9068,
		},
		attack{
			name:  "t/084 strict, typ empty",
			token: with(h0("typ", `""`)),
			want:  tokenType,
			part:  "claims",
			opts:  strict,
			good:  rfc9068,
		},
		attack{
			name:  "t/084 strict, typ null is none",
			token: with(h0("typ", `null`)),
			want:  tokenType,
			part:  "claims",
			opts:  strict,
			good:  rfc9068,
		},
		attack{
			name:  "t/084 strict, typ in upper case",
			token: with(h0("typ", `"application/AT+JWT"`)),
			opts:  strict,
			good:  rfc9068,
		},
	)
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "id_token+jwt", ""} {
		rows = append(rows, attack{
			name:  "t/085 ID token with typ " + typ,
			token: jwsOf(key1(), h0("typ", strconv.Quote(typ)), id0()),
			want:  tokenType,
			part:  "claims",
			claim: "typ",
			id:    asID0,
		})
	}
	for _, typ := range []string{"JWT", "jwt", "application/jwt"} {
		rows = append(rows, attack{name: "t/085 ID token with typ " + typ, token: jwsOf(key1(), h0("typ", strconv.Quote(typ)), id0()), id: asID0})
	}
	for _, typ := range []string{"JOSE+JSON", "JOSE", "application/jose+json", "application/jose"} {
		rows = append(rows,
			attack{
				name:  "t/087 typ " + typ,
				token: with(h0("typ", strconv.Quote(typ))),
				want:  tokenType,
				part:  "claims",
			},
			attack{
				name:  "t/087 ID token with typ " + typ,
				token: jwsOf(key1(), h0("typ", strconv.Quote(typ)), id0()),
				want:  tokenType,
				part:  "claims",
				id:    asID0,
			},
		)
	}
	runAttacks(t, "header", rows)
}

// kidShownShortly asserts that an error shows at most 64 bytes of a kid, quoted.
func kidShownShortly(t *testing.T, err error) {
	t.Helper()
	_, shown, found := strings.Cut(err.Error(), ": kid ")
	require.True(t, found, "%q", err)
	assert.LessOrEqual(t, len(shown), 64)
	assert.True(t, strings.HasPrefix(shown, `"`) && strings.HasSuffix(shown, `"`), "%s", shown)
}

func deflated(s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

// signedAs is AT0, genuinely signed by K1 with another algorithm.
func signedAs(alg string, hash crypto.Hash, pss bool) string {
	input := seg64(h0("alg", strconv.Quote(alg))) + "." + seg64(at0())
	digester := hash.New()
	_, _ = digester.Write([]byte(input))
	digest := digester.Sum(nil)
	var signature []byte
	var err error
	if pss {
		signature, err = rsa.SignPSS(rand.Reader, key1(), hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		signature, err = rsa.SignPKCS1v15(nil, key1(), hash, digest)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + seg64(signature)
}
