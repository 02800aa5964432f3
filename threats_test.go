package jwtverifier_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// The threats are numbered, and a test's name begins with the number of the one
// it is about: t/031. The numbers have gaps.

// notTested are the threats without a complete test, and why. All the others have
// one.
var notTested = map[string]string{
	"t/284": "nothing outside the package can set the machine's clocks or suspend it: what is tested here is the claims' clock, and the rest in refresh_internal_test.go",
	"t/289": "ten million kids take too long: a hundred thousand show that nothing is kept",
	"t/301": "a million tokens are a benchmark: the test compares allocations, and the time of a refusal with that of an acceptance",
	"t/311": "a leeway cannot be NaN: it is a time.Duration",
}

func TestThreatsTokenSyntax(t *testing.T) {
	t.Parallel()
	header, payload := h0(), at0()
	good := at0Token()
	h, rest, _ := strings.Cut(good, ".")
	p, s, _ := strings.Cut(rest, ".")
	malformed := jwtverifier.ErrMalformed
	sign := func(h, p string) string { return rs256Over(threatK1(), h+"."+p) }

	rows := []threat{
		{name: "t/001 nothing", token: "", want: malformed},
		{name: "t/002 a space", token: " ", want: malformed},
		{name: "t/002 tab and line feed", token: "\t\n", want: malformed},
		{name: "t/002 no-break space", token: "\u00a0", want: malformed},
		{name: "t/002 spaces with two dots", token: " . . ", want: malformed},
		{name: "t/002 one dot", token: ".", want: malformed},
		{name: "t/002 two dots", token: "..", want: malformed},
		{name: "t/002 NUL", token: "\x00", want: malformed},
		{name: "t/004 a header", token: h, want: malformed},
		{name: "t/004 header and payload", token: h + "." + p, want: malformed},
		{name: "t/004 payload and signature", token: p + "." + s, want: malformed},
		{name: "t/004 header and signature", token: h + "." + s, want: malformed},
		{name: "t/005 an empty fourth segment", token: good + ".", want: malformed},
		{name: "t/005 a fourth segment", token: good + ".foo", want: malformed},
		{name: "t/005 a signature of three segments", token: rs256Over(threatK1(), good), want: malformed},
		{name: "t/005 six segments", token: good + "." + good, want: malformed},
		{name: "t/005 a dot in front", token: "." + good, want: malformed},
		{name: "t/006 encrypted claims", token: jweOf(&threatK1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1"}`, payload), want: malformed,
			refused: func(t *testing.T, err error) { assert.ErrorContains(t, err, "encrypted tokens are not supported") }},
		{name: "t/006 encrypted good token", token: jweOf(&threatK1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1","cty":"JWT"}`, good), want: malformed},
		{name: "t/006 encrypted claims, alg RS256", token: jweOf(&threatK1().PublicKey, `{"alg":"RS256","enc":"A256GCM","kid":"k1"}`, payload), want: malformed},
		{name: "t/007 password-based encryption", token: seg64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA", want: malformed},
		{name: "t/009 empty encrypted key", token: seg64(`{"alg":"A128KW","enc":"A128GCM"}`) + "..AAAA.AAAA.AAAA", want: malformed},
		{name: "t/009 short encrypted key", token: seg64(`{"alg":"A128KW","enc":"A128GCM"}`) + ".AA.AAAA.AAAA.AAAA", want: malformed},
		{name: "t/009 five empty segments", token: "....", want: malformed},
		{name: "t/010 empty header", token: "." + p + "." + s, want: malformed},
		{name: "t/010 empty header, signed", token: sign("", p), want: malformed},
		{name: "t/011 empty payload", token: h + ".." + s, want: malformed},
		{name: "t/011 empty payload, signed", token: sign(h, ""), want: malformed},
		{name: "t/012 empty signature", token: h + "." + p + ".", want: malformed},
		{name: "t/014 a million dots", token: strings.Repeat(".", 1<<20), want: malformed},
		{name: "t/014 a header and a million dots", token: h + "." + strings.Repeat(".", 1<<20), want: malformed},
		{name: "t/014 as many dots as fit", token: strings.Repeat(".", 64<<10), want: malformed},
		{name: "t/015 as long as a token may be", token: tokenOfLength(64 << 10)},
		{name: "t/015 one byte longer", token: tokenOfLength(64<<10 + 1), want: malformed},
		{name: "t/019 Bearer", token: "Bearer " + good, want: malformed},
		{name: "t/019 bearer", token: "bearer " + good, want: malformed},
		{name: "t/019 DPoP", token: "DPoP " + good, want: malformed},
		{name: "t/019 quoted", token: strconv.Quote(good), want: malformed},
		{name: "t/029 fullwidth dots", token: strings.ReplaceAll(good, ".", "\uff0e"), want: malformed},
		{name: "t/029 a fullwidth dot beside two", token: good + "\uff0e", want: malformed},
		{name: "t/029 a Cyrillic letter", token: "\u0435" + good[1:], want: malformed},
		{name: "t/029 a fullwidth letter, signed", token: sign("\uff45"+h[1:], p), want: malformed},
		{name: "t/029 a combining mark", token: h + "." + p + "\u0301." + s, want: malformed},
		{name: "t/030 a byte that is no UTF-8", token: good + "\xff", want: malformed},
		{name: "t/030 a byte that is no UTF-8 in the payload", token: sign(h, p[:4]+"\xff"+p[4:]), want: malformed},
		{name: "t/031 flattened JSON", token: fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s), want: malformed},
		{name: "t/031 flattened JSON in an array", token: fmt.Sprintf(`[{"payload":%q,"protected":%q,"signature":%q}]`, p, h, s), want: malformed},
		{name: "t/031 flattened JSON after a space", token: fmt.Sprintf(` {"payload":%q,"protected":%q,"signature":%q}`, p, h, s), want: malformed},
		{name: "t/031 flattened JSON in base64url", token: seg64(fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)), want: malformed},
		{name: "t/032 general JSON", token: fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s), want: malformed},
		{name: "t/032 general JSON, two signatures", token: fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%[3]q},{"protected":%[2]q,"signature":%[3]q}]}`, p, h, s), want: malformed},
		{name: "t/034 general JSON in upper case, and more", token: fmt.Sprintf(`{"PAYLOAD":%q,"SIGNATURES":[{"Protected":%q,"SIGNATURE":%q}]}xyz`, p, h, s), want: malformed},
		{name: "t/035 only an unprotected header", token: fmt.Sprintf(`{"payload":%q,"header":%s,"signature":%q}`, p, header, s), want: malformed},
		{name: "t/035 general JSON, only an unprotected header", token: fmt.Sprintf(`{"payload":%q,"signatures":[{"header":%s,"signature":%q}]}`, p, header, s), want: malformed},
		{name: "t/035 a null signature", token: fmt.Sprintf(`{"payload":%q,"signatures":[null]}`, p), want: malformed},
		{name: "t/039 nested token", token: jwsOf(threatK1(), h0(), good), want: malformed, part: "payload"},
		{name: "t/039 nested token, and cty", token: jwsOf(threatK1(), h0("cty", `"JWT"`), good), want: malformed, part: "payload"},
		{name: "t/039 nested token in a JSON string", token: jwsOf(threatK1(), h0("cty", `"JWT"`), strconv.Quote(good)), want: malformed, part: "payload"},
		{name: "t/039 nested JSON serialization", token: jwsOf(threatK1(), h0(), fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)), want: jwtverifier.ErrIssuer, part: "claims"},
		{name: "t/040 opaque token", token: "2YotnFZFEjr1zCsicMWpAA", want: malformed},
		{name: "t/040 PASETO", token: "v4.public.x", want: malformed},
		{name: "t/040 PASETO with a longer payload", token: "v4.public." + strings.Repeat("x", 100), want: malformed},
		{name: "t/040 SD-JWT", token: good + "~disclosure~", want: malformed},
		{name: "t/040 SD-JWT without disclosures", token: good + "~", want: malformed},
		{name: "t/040 SAML", token: "PHNhbWw6QXNzZXJ0aW9uPg==", want: malformed},
		{name: "t/040 URL", token: "https://as.example.com/token.jwt", want: malformed},
	}

	// Another serialization of a good token must never be read, whatever stands
	// beside it: a lenient parser would take these claims for verified ones.
	expired := at0Token("exp", inThreatTime(-3600), "aud", `"elsewhere"`)
	eh, rest, _ := strings.Cut(expired, ".")
	ep, es, _ := strings.Cut(rest, ".")
	forged := at0("sub", `"admin"`, "exp", "4102444800")
	for name, token := range map[string]string{
		"claims beside a flattened token":           withMore(forged, fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, eh, ep, es)),
		"claims without aud":                        withMore(membersWith(nil, []string{"iss", strconv.Quote(threatIssuer), "sub", `"admin"`}), fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, eh, ep, es)),
		"claims beside a general token":             withMore(forged, fmt.Sprintf(`"payload":%q,"signatures":[{"protected":%q,"signature":%q}]`, ep, eh, es)),
		"claims beside a good flattened token":      withMore(forged, fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, h, p, s)),
		"claims beside a compact token":             withMore(forged, fmt.Sprintf(`"jwt":%q`, good)),
		"unprotected header beside a general token": fmt.Sprintf(`{"aud":"api","payload":%q,"signatures":[{"header":{"alg":"none"},"protected":%q,"signature":%q}]}`, ep, eh, es),
	} {
		rows = append(rows, threat{name: "t/036 " + name, token: token, want: malformed})
	}
	rows = append(rows,
		threat{name: "t/037 forged claims between the dots", token: fmt.Sprintf(`{"a":".%s.","payload":%q,"protected":%q,"signature":%q}`, seg64(forged), p, h, s), want: malformed},
		threat{name: "t/037 forged claims between the dots of a name", token: fmt.Sprintf(`{"%s.%s.":1,"payload":%q,"protected":%q,"signature":%q}`, h, seg64(forged), p, h, s), want: malformed},
		threat{name: "t/037 a good token in two dots of JSON", token: fmt.Sprintf(`{"a":"%s"}`, good), want: malformed},
	)

	for name, space := range map[string]string{"a space": " ", "a tab": "\t", "a line feed": "\n", "a carriage return": "\r", "a line break": "\r\n",
		"a no-break space": "\u00a0", "a next line": "\u0085", "a line separator": "\u2028", "a zero-width space": "\u200b", "a byte order mark": "\ufeff", "a NUL": "\x00"} {
		rows = append(rows,
			threat{name: "t/017 " + name + " in front", token: space + good, want: malformed},
			threat{name: "t/017 " + name + " behind", token: good + space, want: malformed},
			threat{name: "t/021 " + name + " inside the header, signed", token: sign(h[:8]+space+h[8:], p), want: malformed},
			threat{name: "t/021 " + name + " inside the payload, signed", token: sign(h, p[:8]+space+p[8:]), want: malformed},
			threat{name: "t/021 " + name + " inside the signature", token: h + "." + p + "." + s[:8] + space + s[8:], want: malformed},
			threat{name: "t/021 " + name + " after the header, signed", token: sign(h+space, p), want: malformed},
			threat{name: "t/021 " + name + " before the payload, signed", token: sign(h, space+p), want: malformed},
			threat{name: "t/021 " + name + " before the signature", token: h + "." + p + "." + space + s, want: malformed},
		)
	}
	for name, lineBreak := range map[string]string{"a line feed": "\n", "a line break": "\r\n", "a carriage return": "\r"} {
		for _, at := range []int{4, 5, 7} { // Go's decoder skips them anywhere
			rows = append(rows,
				threat{name: fmt.Sprintf("t/020 %s in the header at %d", name, at), token: h[:at] + lineBreak + h[at:] + "." + p + "." + s, want: malformed},
				threat{name: fmt.Sprintf("t/020 %s in the payload at %d", name, at), token: h + "." + p[:at] + lineBreak + p[at:] + "." + s, want: malformed},
				threat{name: fmt.Sprintf("t/020 %s in the signature at %d", name, at), token: h + "." + p + "." + s[:at] + lineBreak + s[at:], want: malformed},
			)
		}
		rows = append(rows, threat{name: "t/020 " + name + " in the header, signed", token: sign(h[:4]+lineBreak+h[4:], p), want: malformed})
		rows = append(rows, threat{name: "t/020 " + name + " in the payload, signed", token: sign(h, p[:4]+lineBreak+p[4:]), want: malformed})
	}

	// A header, and a payload, whose base64url ends in two bits, in four, in none.
	for spare := range 3 {
		h, p := seg64(header+strings.Repeat(" ", (3-len(header)%3+spare)%3)), seg64(payload+strings.Repeat(" ", (3-len(payload)%3+spare)%3))
		good := sign(h, p)
		_, s, _ := strings.Cut(good[len(h)+1:], ".")
		rows = append(rows, threat{name: fmt.Sprintf("t/022 no padding, %d spare bytes", spare), token: good})
		padding := strings.Repeat("=", (3-spare)%3)
		if padding == "" {
			padding = "="
		}
		rows = append(rows,
			threat{name: fmt.Sprintf("t/022 padding on a header with %d spare bytes, signed", spare), token: sign(h+padding, p), want: malformed},
			threat{name: fmt.Sprintf("t/022 padding on a payload with %d spare bytes, signed", spare), token: sign(h, p+padding), want: malformed},
			threat{name: fmt.Sprintf("t/022 padding on a header with %d spare bytes", spare), token: h + padding + "." + p + "." + s, want: malformed},
			threat{name: fmt.Sprintf("t/026 a character too many in a header with %d spare bytes, signed", spare), token: sign(h+strings.Repeat("A", (5-len(h)%4)%4), p), want: malformed},
			threat{name: fmt.Sprintf("t/026 a character too many in a payload with %d spare bytes, signed", spare), token: sign(h, p+strings.Repeat("A", (5-len(p)%4)%4)), want: malformed},
		)
		if spare == 0 {
			continue
		}
		for bit := range 6 - spare*2 { // the bits that are not used
			rows = append(rows,
				threat{name: fmt.Sprintf("t/025 trailing bit %d of a header with %d spare bytes, signed", bit, spare), token: sign(flippedSextet(h, bit), p), want: malformed},
				threat{name: fmt.Sprintf("t/025 trailing bit %d of a payload with %d spare bytes, signed", bit, spare), token: sign(h, flippedSextet(p, bit)), want: malformed},
				threat{name: fmt.Sprintf("t/025 trailing bit %d of a payload with %d spare bytes", bit, spare), token: h + "." + flippedSextet(p, bit) + "." + s, want: malformed},
			)
		}
	}
	rows = append(rows,
		threat{name: "t/022 padding on the signature", token: good + "==", want: malformed},
		threat{name: "t/022 half the padding on the signature", token: good + "=", want: malformed},
		threat{name: "t/022 padding inside the signature", token: h + "." + p + "." + s[:4] + "==" + s[4:], want: malformed},
		threat{name: "t/024 trailing bit 0 of the signature", token: flippedSextet(good, 0), want: malformed},
		threat{name: "t/024 trailing bit 1 of the signature", token: flippedSextet(good, 1), want: malformed},
		threat{name: "t/024 trailing bit 2 of the signature", token: flippedSextet(good, 2), want: malformed},
		threat{name: "t/024 trailing bit 3 of the signature", token: flippedSextet(good, 3), want: malformed},
		threat{name: "t/026 a signature with a character too many", token: good + "AAA", want: malformed},
	)
	for _, c := range "?#%~:+/!*$&'(),;@[]^`{|}\"\\<>=" {
		rows = append(rows,
			threat{name: fmt.Sprintf("t/027 %c in the header, signed", c), token: sign(h[:3]+string(c)+h[4:], p), want: malformed},
			threat{name: fmt.Sprintf("t/027 %c behind the payload, signed", c), token: sign(h, p+string(c)), want: malformed},
			threat{name: fmt.Sprintf("t/027 %c in the signature", c), token: h + "." + p + "." + s[:3] + string(c) + s[4:], want: malformed},
		)
	}
	// The standard alphabet where the two differ, signed.
	rows = append(rows, threat{name: "t/027 the standard alphabet", want: malformed,
		token: sign(h, strings.NewReplacer("-", "+", "_", "/").Replace(seg64(at0("x", `"~~~???>>>"`))))})
	runThreats(t, "token", rows)
}

// Not parallel: it counts what is allocated.
func TestThreatsTokenSyntaxCost(t *testing.T) {
	v := newThreatSite().verifier(t)
	refusal := func(t *testing.T, raw string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		token, err := v.VerifyAccessToken(t.Context(), raw)
		runtime.ReadMemStats(&after)
		require.Nil(t, token)
		refusedBecause(t, err, jwtverifier.ErrMalformed, raw)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<10), "bytes allocated")
	}
	h, p, s := seg64(h0()), seg64(at0()), strings.Repeat("A", 342)

	huge := strings.Repeat("A", 64<<20)
	t.Run("t/016 64 MiB of header", func(t *testing.T) { refusal(t, huge+"."+p+"."+s) })
	t.Run("t/016 64 MiB of payload", func(t *testing.T) { refusal(t, h+"."+huge+"."+s) })
	t.Run("t/016 64 MiB of signature", func(t *testing.T) { refusal(t, h+"."+p+"."+huge) })
	t.Run("t/117 1 MiB of signature", func(t *testing.T) { refusal(t, h+"."+p+"."+huge[:1<<20]) })
	t.Run("t/014 a million dots", func(t *testing.T) { refusal(t, strings.Repeat(".", 1<<20)) })
	t.Run("t/014 as many dots as fit", func(t *testing.T) { refusal(t, strings.Repeat(".", 64<<10)) })
	t.Run("t/302 ten thousand signatures", func(t *testing.T) {
		one := fmt.Sprintf(`{"protected":%q,"signature":%q}`, h, s)
		refusal(t, fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, p, strings.Repeat(one+",", 9_999)+one))
	})
	t.Run("t/302 as many signatures as fit", func(t *testing.T) {
		one := fmt.Sprintf(`{"protected":%q,"signature":%q}`, h, s)
		refusal(t, fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, p, strings.Repeat(one+",", 140)+one))
	})
	t.Run("t/007 password-based encryption", func(t *testing.T) {
		raw := seg64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA"
		fastest := time.Hour
		for range 20 {
			began := time.Now()
			_, err := v.VerifyAccessToken(t.Context(), raw)
			fastest = min(fastest, time.Since(began))
			refusedBecause(t, err, jwtverifier.ErrMalformed, raw)
		}
		assert.Less(t, fastest, time.Millisecond)
	})
}

func TestThreatsHeader(t *testing.T) {
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
	with := func(header string) string { return jwsOf(threatK1(), header, at0()) }
	unsigned := func(header string) string { return seg64(header) + "." + p + "." }
	random := make([]byte, 256)
	_, _ = rand.Read(random)
	attacker := jwkOf("k1", &threatKX().PublicKey)
	byAttacker := func(header string) string { return jwsOf(threatKX(), header, at0()) }
	listOf := func(n int, element string) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	quoted := strconv.Quote
	// As long as a certificate in base64 with so many bytes, in JSON that escapes slashes.
	quotedChars := func(n int) string { return `"` + strings.Repeat(strings.Repeat("M", 62)+`\/`, n/64) + `"` }
	tooComplex := func(t *testing.T, err error) { require.ErrorContains(t, err, "too many members or elements") }

	rows := []threat{
		{name: "t/041 alg none, empty signature", token: unsigned(h0("alg", `"none"`)), want: malformed, part: "token"},
		{name: "t/041 alg none, empty signature, no kid", token: unsigned(`{"alg":"none"}`), want: malformed, part: "token"},
		{name: "t/041 alg none, good signature", token: with(h0("alg", `"none"`)), want: algorithm, claim: "alg"},
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
		{name: "t/056 only KID, two keys", token: with(`{"alg":"RS256","KID":"k1"}`), want: unknownKey},
		{name: "t/057 alg and ALG", token: with(`{"alg":"RS256","ALG":"none","kid":"k1"}`)},
		{name: "t/057 kid and its Kelvin sign twin", token: with(`{"alg":"RS256","kid":"k1","\u212Aid":"k2"}`)},
		{name: "t/057 CRIT, Enc, ZIP and B64", token: with(h0("CRIT", `["exp"]`, "Enc", `"A256GCM"`, "ZIP", `"DEF"`, "B64", `false`))},
		{name: "t/057 TYP", token: with(h0("TYP", `"logout+jwt"`))},
		{name: "t/059 kid empty", token: with(h0("kid", `""`)), want: malformed},
		{name: "t/059 kid null is none", token: with(h0("kid", `null`)), jwks: jwksOf(goodJWK1())},
		{name: "t/059 kid null is none, two keys", token: with(h0("kid", `null`)), want: unknownKey},
		{name: "t/060 kid empty, and a key without kid", token: with(h0("kid", `""`)), want: malformed,
			jwks: jwksOf(jwkOf("", &threatK1().PublicKey, "kid", absentMember)), good: with(h0("kid", absentMember))},
		{name: "t/060 kid empty, and a key with an empty one", token: with(h0("kid", `""`)), want: malformed,
			jwks: jwksOf(jwkOf("", &threatK1().PublicKey)), good: with(h0("kid", absentMember))},
		{name: "t/060 no kid, and a key with kid", token: with(h0("kid", absentMember)), jwks: jwksOf(goodJWK1())},
		{name: "t/060 no kid, two keys", token: with(h0("kid", absentMember)), want: unknownKey},
		{name: "t/060 no kid, two keys under one", token: with(h0("kid", absentMember)), want: unknownKey,
			jwks: jwksOf(goodJWK1(), jwkOf("k1", &threatK2().PublicKey))},
		{name: "t/061 kid a number", token: with(h0("kid", `123`)), want: malformed},
		{name: "t/061 kid an array", token: with(h0("kid", `["k1"]`)), want: malformed},
		{name: "t/061 kid an object", token: with(h0("kid", `{"a":1}`)), want: malformed},
		{name: "t/061 kid true", token: with(h0("kid", `true`)), want: malformed},
		{name: "t/061 kid a number, and one eligible key", token: with(h0("kid", `1`)), want: malformed, jwks: jwksOf(goodJWK1())},
		{name: "t/062 kid twice", token: with(`{"alg":"RS256","kid":"zzz","kid":"k1"}`), want: malformed},
		{name: "t/062 kid twice, good first", token: with(`{"alg":"RS256","kid":"k1","kid":"zzz"}`), want: malformed},
		{name: "t/062 kid twice, once escaped", token: with(`{"alg":"RS256","kid":"zzz","\u006bid":"k1"}`), want: malformed},
		{name: "t/064 kid a URL", token: with(h0("kid", `"https://evil.example/jwks#k1"`)), want: unknownKey},
		{name: "t/064 kid a file", token: with(h0("kid", `"../../../../dev/null"`)), want: unknownKey},
		{name: "t/064 kid an SQL injection", token: with(h0("kid", `"x' UNION SELECT 'k1"`)), want: unknownKey},
		{name: "t/065 kid with a line feed", token: with(h0("kid", `"x\nlevel=error msg=forged"`)), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid with an escape sequence", token: with(h0("kid", `"\u001b[31mred"`)), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid with quotes", token: with(h0("kid", `"`+strings.Repeat(`\"`, 100)+`"`)), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid with a bidirectional override", token: with(h0("kid", `"\u202ekid"`)), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid of 64 bytes", token: with(h0("kid", strconv.Quote(strings.Repeat("k", 64)))), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid of 8,000 bytes", token: with(h0("kid", strconv.Quote(strings.Repeat("k", 8_000)))), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid of 2,220 bytes, all escaped", token: with(h0("kid", `"`+strings.Repeat(`\u0000`, 370)+`"`)), want: unknownKey, refused: kidShownShortly},
		{name: "t/065 kid of 100 KB", token: with(h0("kid", strconv.Quote(strings.Repeat("k", 100_000)))), want: malformed, part: "token"},
		{name: "t/065 kid of 10 KB", token: with(h0("kid", strconv.Quote(strings.Repeat("k", 10_000)))), want: malformed},
		{name: "t/066 kid in upper case", token: with(h0("kid", `"K1"`)), want: unknownKey},
		{name: "t/066 kid and a space", token: with(h0("kid", `"k1 "`)), want: unknownKey},
		{name: "t/066 kid after a space", token: with(h0("kid", `" k1"`)), want: unknownKey},
		{name: "t/066 kid and NUL", token: with(h0("kid", `"k1\u0000"`)), want: unknownKey},
		{name: "t/066 prefix of a kid", token: with(h0("kid", `"k"`)), want: unknownKey},
		{name: "t/066 kid and more", token: with(h0("kid", `"k11"`)), want: unknownKey},
		{name: "t/066 kid with the Kelvin sign", token: with(h0("kid", `"\u212a1"`)), want: unknownKey},
		{name: "t/066 composed kid, decomposed key", token: with(h0("kid", `"caf\u00e9"`)), want: unknownKey,
			jwks: jwksOf(goodJWK1(), jwkOf("cafe\u0301", &threatK2().PublicKey))},
		{name: "t/066 decomposed kid, composed key", token: with(h0("kid", `"cafe\u0301"`)), want: unknownKey,
			jwks: jwksOf(goodJWK1(), jwkOf("caf\u00e9", &threatK2().PublicKey))},
		{name: "t/066 kid escaped", token: with(h0("kid", `"\u006b1"`))},
		{name: "t/067 kid a lone surrogate", token: with(h0("kid", `"\ud800"`)), want: malformed,
			jwks: jwksOf(goodJWK1(), jwkOf("\ufffd", &threatK1().PublicKey))},
		{name: "t/067 kid with a byte that is no UTF-8", token: with(h0("kid", "\"\xff\"")), want: malformed,
			jwks: jwksOf(goodJWK1(), jwkOf("\ufffd", &threatK1().PublicKey))},
		{name: "t/067 kid a replacement character", token: jwsOf(threatK1(), h0("kid", `"\ufffd"`), at0()),
			jwks: jwksOf(goodJWK1(), jwkOf("\ufffd", &threatK1().PublicKey))},
		{name: "t/071 raw payload", want: malformed, part: "token",
			token: rs256Over(threatK1(), seg64(h0("b64", `false`, "crit", `["b64"]`))+"."+strings.ReplaceAll(at0(), ".", `\u002e`))},
		{name: "t/071 b64 false, payload encoded", token: with(h0("b64", `false`, "crit", `["b64"]`)), want: malformed},
		{name: "t/071 b64 true and critical", token: with(h0("b64", `true`, "crit", `["b64"]`)), want: malformed},
		{name: "t/071 b64 false, a raw payload that is base64url", token: rs256Over(threatK1(), seg64(h0("b64", `false`, "crit", `["b64"]`))+".1234"), want: malformed},
		{name: "t/072 raw payload without crit", want: malformed, part: "token",
			token: rs256Over(threatK1(), seg64(h0("b64", `false`))+"."+strings.ReplaceAll(at0(), ".", `\u002e`))},
		{name: "t/072 b64 false without crit", token: with(h0("b64", `false`)), want: malformed},
		{name: "t/072 b64 a string", token: with(h0("b64", `"x"`)), want: malformed},
		{name: "t/072 b64 a number", token: with(h0("b64", `0`)), want: malformed},
		{name: "t/072 b64 null", token: with(h0("b64", `null`)), want: malformed},
		{name: "t/072 b64 true", token: with(h0("b64", `true`)), want: malformed},
		{name: "t/074 jwk of the attacker", token: byAttacker(h0("jwk", attacker)), want: signature, part: "signature"},
		{name: "t/074 jwk with a private key", token: byAttacker(h0("jwk", jwkOf("k1", &threatKX().PublicKey, "d", `"AQAB"`))), want: signature, part: "signature"},
		{name: "t/074 jwk of the server's own key", token: with(h0("jwk", goodJWK1()))},
		{name: "t/075 jwk of the attacker, no kid, two keys", token: byAttacker(h0("kid", absentMember, "jwk", attacker)), want: unknownKey},
		{name: "t/075 jwk of the attacker, no kid, one key", token: byAttacker(h0("kid", absentMember, "jwk", attacker)), want: signature, part: "signature", jwks: jwksOf(goodJWK1())},
		{name: "t/075 jwk of the attacker, unknown kid", token: byAttacker(h0("kid", `"kx"`, "jwk", attacker)), want: unknownKey},
		{name: "t/076 jku of the attacker", token: byAttacker(h0("kid", `"kx"`, "jku", `"https://evil.example/jwks"`)), want: unknownKey},
		{name: "t/076 jku of the attacker, a good kid", token: byAttacker(h0("jku", `"https://evil.example/jwks"`)), want: signature, part: "signature"},
		{name: "t/076 jku on the issuer's own host", token: byAttacker(h0("kid", `"kx"`, "jku", `"https://as.example/tenant/upload/jwks"`)), want: unknownKey},
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
		{name: "t/080 zip, payload deflated", token: jwsOf(threatK1(), h0("zip", `"DEF"`), deflated(at0())), want: malformed},
		{name: "t/080 zip, payload plain", token: with(h0("zip", `"DEF"`)), want: malformed},
		{name: "t/080 zip null", token: with(h0("zip", `null`)), want: malformed},
		{name: "t/080 payload deflated without zip", token: jwsOf(threatK1(), h0(), deflated(at0())), want: malformed, part: "payload"},
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
		{name: "t/091 an object behind the header", token: seg64(h0()+`{"alg":"none","jku":"https://evil.example"}`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 a brace behind the header", token: seg64(h0()+`}`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 a bracket behind the header", token: seg64(h0()+`]`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 a comma behind the header", token: seg64(h0()+`,`) + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 bytes behind the header", token: seg64(h0()+"\x00\xff") + good[len(seg64(h0())):], want: malformed},
		{name: "t/091 an object behind the header, signed", token: with(h0() + `{"alg":"none"}`), want: malformed},
		{name: "t/091 a bracket behind the header, signed", token: with(h0() + `]`), want: malformed},
		{name: "t/091 spaces in front of the header", token: seg64("  "+h0()) + good[len(seg64(h0())):], want: signature, part: "signature"},
		{name: "t/091 a line feed behind the header", token: seg64(h0()+"\n") + good[len(seg64(h0())):], want: signature, part: "signature"},
		{name: "t/091 an unread member added", token: seg64(h0("x", `1`)) + good[len(seg64(h0())):], want: signature, part: "signature"},
		{name: "t/091 the members in another order", token: seg64(`{"kid":"k1","alg":"RS256"}`) + good[len(seg64(h0())):], want: signature, part: "signature"},
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
		{name: "t/095 nesting of 124", token: with(h0("x", nested(124))), want: malformed, refused: tooComplex},
		{name: "t/095 nesting of 4,000", token: with(h0("x", nested(4_000))), want: malformed},
		{name: "t/095 nesting of 9,990", token: with(h0("x", nested(9_990))), want: malformed},
		{name: "t/095 nesting of 10,001", token: with(h0("x", nested(10_001))), want: malformed},
		{name: "t/095 nesting of 200,000", token: with(h0("x", nested(200_000))), want: malformed, part: "token"},
		{name: "t/095 brackets that are never closed", token: with(strings.Repeat("[", 8<<10)), want: malformed},
		{name: "t/095 objects that are never closed", token: with(strings.Repeat(`{"":`, 2<<10)), want: malformed},
		{name: "t/096 10,000 members", token: with(manyMembers(10_000)), want: malformed, part: "token"},
		{name: "t/096 1,000 members", token: with(manyMembers(1_000)), want: malformed},
		{name: "t/096 39 members more", token: with(manyMembers(39))},
		{name: "t/096 40 members more", token: with(manyMembers(40)), want: malformed, refused: tooComplex},
		{name: "t/096 551 elements", token: with(h0("x", listOf(551, "1")))},
		{name: "t/096 552 elements", token: with(h0("x", listOf(552, "1"))), want: malformed, refused: tooComplex},
		{name: "t/096 91 elements true", token: with(h0("x", listOf(91, "true")))},
		{name: "t/096 92 elements true", token: with(h0("x", listOf(92, "true"))), want: malformed, refused: tooComplex},
		{name: "t/096 91 exponents", token: with(h0("x", listOf(91, "1E1")))},
		{name: "t/096 92 exponents", token: with(h0("x", listOf(92, "1E1"))), want: malformed, refused: tooComplex},
		{name: "t/096 370 escapes", token: with(h0("x", `"`+strings.Repeat(`\n`, 370)+`"`))},
		{name: "t/096 371 escapes", token: with(h0("x", `"`+strings.Repeat(`\n`, 371)+`"`)), want: malformed, refused: tooComplex},
		{name: "t/096 a string like structure", token: with(h0("x", `"`+strings.Repeat(`\"{[:e`, 370)+`"`))},
		{name: "t/096 1,110 bytes beyond ASCII", token: with(h0("x", `"`+strings.Repeat("é", 555)+`"`))},
		{name: "t/096 1,112 bytes beyond ASCII", token: with(h0("x", `"`+strings.Repeat("é", 556)+`"`)), want: malformed, refused: tooComplex},
		{name: "t/096 1,110 bytes beyond ASCII in a kid", token: with(h0("kid", `"`+strings.Repeat("é", 556)+`"`)), want: unknownKey},
		{name: "t/096 a name of 1,110 bytes", token: with(h0(strings.Repeat("x", 1110), `1`))},
		{name: "t/096 a name of 1,111 bytes", token: with(h0(strings.Repeat("x", 1111), `1`)), want: malformed, refused: tooComplex},
		{name: "t/096 a name of 554 bytes beyond ASCII", token: with(h0(strings.Repeat("é", 277), `1`))},
		{name: "t/096 a name of 556 bytes beyond ASCII", token: with(h0(strings.Repeat("é", 278), `1`)), want: malformed, refused: tooComplex},
		{name: "t/096 a name of escapes", token: with(h0(strings.Repeat(`\u00e9`, 123), `1`))},
		{name: "t/096 a longer name of escapes", token: with(h0(strings.Repeat(`\u00e9`, 124), `1`)), want: malformed, refused: tooComplex},
		{name: "t/096 a name with white space before the colon", token: with(withMore(h0(), `"`+strings.Repeat("x", 1111)+"\" \n:1")), want: malformed, refused: tooComplex},
		{name: "t/096 a chain of five certificates, slashes escaped", token: with(h0("typ", `"JWT"`, "x5t#S256", quoted(strings.Repeat("x", 43)), "x5c", listOf(5, quotedChars(1_560))))},
		{name: "t/096 an RSA key of 4,096 bits with a chain", token: with(h0("jwk", `{"kty":"RSA","use":"sig","alg":"RS256","kid":"k1","e":"AQAB","n":"`+strings.Repeat("n", 683)+`","x5c":`+listOf(3, quotedChars(1_560))+`}`))},
		{name: "t/096 some text beyond ASCII", token: with(h0("iss_name", `"Größte Anmeldung für Übungszwecke – 認証サーバー"`, "été", `"ñ"`))},
		{name: "t/096 1 MiB of header", token: with(h0("x", strconv.Quote(strings.Repeat("x", 1<<20)))), want: malformed, part: "token"},
		{name: "t/096 8 KiB of header", token: with(h0() + strings.Repeat(" ", 8<<10-len(h0())))},
		{name: "t/096 8 KiB of header and a byte", token: with(h0() + strings.Repeat(" ", 8<<10-len(h0())+1)), want: malformed},
		{name: "t/097 a member of no meaning", token: with(h0("x-foo", `1`))},
		{name: "t/097 nonce in the header", token: with(h0("nonce", `"AQABAAAAAA"`))},
		{name: "t/097 iss and aud in the header", token: with(h0("iss", `"https://evil.example"`, "aud", `"elsewhere"`))},
		{name: "t/097 cty", token: with(h0("cty", `"JWT"`))},
		{name: "t/097 claims in the header only", token: jwsOf(threatK1(), withMore(h0(), strings.TrimSuffix(at0()[1:], "}")), `{}`), want: jwtverifier.ErrIssuer, part: "claims", claim: "iss"},
	}

	for _, alg := range []string{"None", "NONE", "nOnE", "noNE", "none ", "non\\u0065"} {
		rows = append(rows,
			threat{name: "t/042 alg " + alg + ", empty signature", token: unsigned(h0("alg", `"`+alg+`"`)), want: malformed, part: "token"},
			threat{name: "t/042 alg " + alg + ", random signature", token: unsigned(h0("alg", `"`+alg+`"`)) + seg64(random), want: algorithm},
		)
	}
	for _, alg := range []string{"HS256", "HS512", "ES256", "ES256K", "EdDSA", "Ed25519", "PS256", "RS384", "RS512", "RS1", "ML-DSA-65", "foo", "rs256", "Rs256",
		"RS256 ", " RS256", `RS256\u0000`, `RS\uff12\uff15\uff16`, `R\u017f256`, "RS256,none", "RSA", "SHA256withRSA", "https://www.w3.org/2001/04/xmldsig-more#rsa-sha256", ""} {
		rows = append(rows, threat{name: "t/044 alg " + alg, token: with(h0("alg", `"`+alg+`"`)), want: algorithm, claim: "alg"})
	}
	for name, token := range hmacForgeries() {
		rows = append(rows, threat{name: "t/049 HMAC with " + name, token: token, want: algorithm})
	}
	rows = append(rows,
		threat{name: "t/050 genuine RS384", token: signedAs("RS384", crypto.SHA384, false), want: algorithm},
		threat{name: "t/050 genuine RS512", token: signedAs("RS512", crypto.SHA512, false), want: algorithm},
		threat{name: "t/050 genuine PS256", token: signedAs("PS256", crypto.SHA256, true), want: algorithm},
		threat{name: "t/050 genuine PS384", token: signedAs("PS384", crypto.SHA384, true), want: algorithm},
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
		threat{name: "t/051 ES256 by a published key", token: ecInput + "." + seg64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)), want: algorithm, jwks: mixed},
		threat{name: "t/051 EdDSA by a published key", token: edInput + "." + seg64(ed25519.Sign(edKey, []byte(edInput))), want: algorithm, jwks: mixed},
		threat{name: "t/051 ES256K for a published key", token: seg64(`{"alg":"ES256K","kid":"e3"}`) + "." + p + "." + seg64(random[:64]), want: algorithm, jwks: mixed},
		threat{name: "t/051 HS256 by a published secret", token: macInput + "." + seg64(macOf("secret", macInput)), want: algorithm, jwks: mixed},
		threat{name: "t/051 RS256 and the kid of an EC key", token: with(h0("kid", `"e1"`)), want: unknownKey, jwks: mixed},
		threat{name: "t/051 RS256 and the kid of an Ed25519 key", token: with(h0("kid", `"e2"`)), want: unknownKey, jwks: mixed},
		threat{name: "t/051 RS256 and the kid of a secret", token: with(h0("kid", `"e4"`)), want: unknownKey, jwks: mixed},
		threat{name: "t/051 RS256, no kid, the only RSA key", token: with(h0("kid", absentMember)), jwks: mixed},
	)
	for _, alg := range []string{"RSA-OAEP", "RSA-OAEP-256", "dir", "A128KW", "RSA1_5", "PBES2-HS256+A128KW", "ECDH-ES"} {
		rows = append(rows, threat{name: "t/052 alg " + alg, token: with(h0("alg", strconv.Quote(alg))), want: algorithm})
	}
	for _, crit := range []string{`["exp"],"exp":1`, `["foo"]`, `["foo"],"foo":1`, `[]`, `null`, `["alg"]`, `["foo","foo"]`, `["b64"]`, `["crit"]`, `[""]`} {
		rows = append(rows, threat{name: "t/069 crit " + crit, token: with(withMore(h0(), `"crit":`+crit)), want: malformed})
	}
	for _, crit := range []string{`"foo"`, `[1]`, `{}`, `false`, `0`, `""`} {
		rows = append(rows, threat{name: "t/070 crit " + crit, token: with(h0("crit", crit)), want: malformed})
	}
	for _, typ := range []string{"dpop+jwt", "logout+jwt", "secevent+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "jwk-set+jwt", "entity-statement+jwt",
		"kb+jwt", "vc+sd-jwt", "dc+sd-jwt", "client-authentication+jwt", "application/logout+jwt", "", " ", "JWS", "JWE", "JWT ", " JWT", "jwt/at", "at", "+jwt", "at+jwtx",
		"application/", "application/application/jwt", "text/jwt", "at+jwt; charset=utf-8", "https://example.com/jwt", "\uff2aWT"} {
		rows = append(rows, threat{name: "t/084 typ " + typ, token: with(h0("typ", strconv.Quote(typ))), want: tokenType, part: "claims", claim: "typ"})
	}
	for _, typ := range []string{"at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT", "JWT", "jwt", "application/jwt"} {
		rows = append(rows, threat{name: "t/084 typ " + typ, token: with(h0("typ", strconv.Quote(typ)))})
	}
	strict := []jwtverifier.Option{jwtverifier.WithStrictTokenType()}
	rfc9068 := with(h0("typ", `"at+jwt"`))
	rows = append(rows,
		threat{name: "t/084 strict, no typ", token: good, want: tokenType, part: "claims", opts: strict, good: rfc9068},
		threat{name: "t/084 strict, typ JWT", token: with(h0("typ", `"JWT"`)), want: tokenType, part: "claims", opts: strict, good: rfc9068},
		threat{name: "t/084 strict, typ empty", token: with(h0("typ", `""`)), want: tokenType, part: "claims", opts: strict, good: rfc9068},
		threat{name: "t/084 strict, typ null is none", token: with(h0("typ", `null`)), want: tokenType, part: "claims", opts: strict, good: rfc9068},
		threat{name: "t/084 strict, typ in upper case", token: with(h0("typ", `"application/AT+JWT"`)), opts: strict, good: rfc9068},
	)
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "id_token+jwt", ""} {
		rows = append(rows, threat{name: "t/085 ID token with typ " + typ, token: jwsOf(threatK1(), h0("typ", strconv.Quote(typ)), id0()), want: tokenType, part: "claims", claim: "typ", id: asID0})
	}
	for _, typ := range []string{"JWT", "jwt", "application/jwt"} {
		rows = append(rows, threat{name: "t/085 ID token with typ " + typ, token: jwsOf(threatK1(), h0("typ", strconv.Quote(typ)), id0()), id: asID0})
	}
	for _, typ := range []string{"JOSE+JSON", "JOSE", "application/jose+json", "application/jose"} {
		rows = append(rows,
			threat{name: "t/087 typ " + typ, token: with(h0("typ", strconv.Quote(typ))), want: tokenType, part: "claims"},
			threat{name: "t/087 ID token with typ " + typ, token: jwsOf(threatK1(), h0("typ", strconv.Quote(typ)), id0()), want: tokenType, part: "claims", id: asID0},
		)
	}
	runThreats(t, "header", rows)
}

func TestThreatsSignature(t *testing.T) {
	t.Parallel()
	signature := jwtverifier.ErrSignature
	input := seg64(h0()) + "." + seg64(at0())
	good := rs256Over(threatK1(), input)
	raw, _ := base64.RawURLEncoding.DecodeString(good[len(input)+1:])
	signed := func(signature []byte) string { return input + "." + seg64(signature) }
	other := jwsOf(threatK1(), h0("x", `1`), at0("sub", `"v"`))
	oh, rest, _ := strings.Cut(other, ".")
	op, os, _ := strings.Cut(rest, ".")
	h, p, _ := strings.Cut(input, ".")
	s := good[len(input)+1:]
	private := rawOf(threatK1())
	n := private.n

	rows := []threat{
		{name: "t/100 by a key that is not published", token: jwsOf(threatKX(), h0(), at0()), want: signature},
		{name: "t/101 by another published key", token: jwsOf(threatK2(), h0(), at0()), want: signature},
		{name: "t/101 by K1 under the kid of K2", token: jwsOf(threatK1(), h0("kid", `"k2"`), at0()), want: signature},
		{name: "t/101 by K2 under its own kid", token: jwsOf(threatK2(), h0("kid", `"k2"`), at0())},
		{name: "t/102 payload and signature of another", token: h + "." + op + "." + os, want: signature},
		{name: "t/102 signature of another", token: h + "." + p + "." + os, want: signature},
		{name: "t/102 payload of another", token: h + "." + op + "." + s, want: signature},
		{name: "t/102 header of another", token: oh + "." + p + "." + s, want: signature},
		{name: "t/104 signature a byte shorter", token: signed(raw[:len(raw)-1]), want: signature},
		{name: "t/104 signature without its first byte", token: signed(raw[1:]), want: signature},
		{name: "t/104 a zero in front of the signature", token: signed(append([]byte{0}, raw...)), want: signature},
		{name: "t/104 a zero behind the signature", token: signed(append(slices.Clone(raw), 0)), want: signature},
		{name: "t/104 signature twice", token: signed(append(slices.Clone(raw), raw...)), want: signature},
		{name: "t/104 signature plus the modulus", token: signed(new(big.Int).Add(new(big.Int).SetBytes(raw), n).Bytes()), want: signature},
		{name: "t/104 modulus minus the signature", token: signed(new(big.Int).Sub(n, new(big.Int).SetBytes(raw)).FillBytes(make([]byte, 256))), want: signature},
		{name: "t/104 the modulus", token: signed(n.Bytes()), want: signature},
		{name: "t/104 zero", token: signed(make([]byte, 256)), want: signature},
		{name: "t/104 one", token: signed(big.NewInt(1).FillBytes(make([]byte, 256))), want: signature},
		{name: "t/104 one byte", token: signed([]byte{1}), want: signature},
		{name: "t/104 all bits set", token: signed(bytes.Repeat([]byte{0xff}, 256)), want: signature},
		{name: "t/104 signature in reverse", token: signed(reversed(raw)), want: signature},
		{name: "t/117 signature of 1,024 bytes", token: signed(append(slices.Clone(raw), make([]byte, 768)...)), want: signature},
		{name: "t/117 signature of 1,025 bytes", token: signed(append(slices.Clone(raw), make([]byte, 769)...)), want: jwtverifier.ErrMalformed, part: "token"},
		{name: "t/117 1 MiB of signature", token: signed(make([]byte, 1<<20)), want: jwtverifier.ErrMalformed, part: "token"},
		{name: "t/116 encrypted unsigned token", token: jweOf(&threatK1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1","cty":"JWT"}`, seg64(`{"alg":"none"}`)+"."+p+"."), want: jwtverifier.ErrMalformed, part: "token"},
		{name: "t/116 unsigned token in a signed one", token: jwsOf(threatK1(), h0("cty", `"JWT"`), seg64(`{"alg":"none"}`)+"."+p+"."), want: jwtverifier.ErrMalformed, part: "payload"},
	}

	// A signature that begins with a zero byte must keep it.
	for i := 0; ; i++ {
		input := seg64(h0()) + "." + seg64(at0("jti", strconv.Itoa(i)))
		token := rs256Over(threatK1(), input)
		s, _ := base64.RawURLEncoding.DecodeString(token[len(input)+1:])
		if s[0] != 0 {
			continue
		}
		rows = append(rows,
			threat{name: "t/104 signature that begins with a zero", token: token},
			threat{name: "t/104 leading zero left out", token: input + "." + seg64(s[1:]), want: signature},
		)
		break
	}

	digest := sha256.Sum256([]byte(input))
	hash := digest[:]
	der := func(tag byte, content ...[]byte) []byte {
		body := slices.Concat(content...)
		return append([]byte{tag, byte(len(body))}, body...)
	}
	oid := []byte{0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}
	null := []byte{0x05, 0x00}
	info := slices.Concat(sha256Info, hash)
	rows = append(rows, threat{name: "t/105 the right encoding", token: signed(private.sign(padded(256, info)))})
	for name, info := range map[string][]byte{
		"no NULL":                         der(0x30, der(0x30, oid), der(0x04, hash)),
		"two NULLs":                       der(0x30, der(0x30, oid, null, null), der(0x04, hash)),
		"NULL with a content":             der(0x30, der(0x30, oid, []byte{0x05, 0x01, 0x00}), der(0x04, hash)),
		"an empty string for NULL":        der(0x30, der(0x30, oid, []byte{0x04, 0x00}), der(0x04, hash)),
		"NULL with a long length":         der(0x30, der(0x30, oid, []byte{0x05, 0x81, 0x00}), der(0x04, hash)),
		"outer length in long form":       slices.Concat([]byte{0x30, 0x81, 0x31}, info[2:]),
		"outer length in two bytes":       slices.Concat([]byte{0x30, 0x82, 0x00, 0x31}, info[2:]),
		"indefinite outer length":         slices.Concat([]byte{0x30, 0x80}, info[2:], []byte{0, 0}),
		"inner length in long form":       der(0x30, slices.Concat([]byte{0x30, 0x81, 0x0d}, oid, null), der(0x04, hash)),
		"hash length in long form":        der(0x30, der(0x30, oid, null), slices.Concat([]byte{0x04, 0x81, 0x20}, hash)),
		"OID length in long form":         der(0x30, der(0x30, slices.Concat([]byte{0x06, 0x81, 0x09}, oid[2:]), null), der(0x04, hash)),
		"outer length too small":          slices.Concat([]byte{0x30, 0x30}, info[2:]),
		"outer length too large":          slices.Concat([]byte{0x30, 0x32}, info[2:]),
		"trailing byte in the sequence":   der(0x30, der(0x30, oid, null), der(0x04, hash), []byte{0}),
		"trailing NULL in the sequence":   der(0x30, der(0x30, oid, null), der(0x04, hash), null),
		"trailing byte":                   slices.Concat(info, []byte{0}),
		"trailing garbage":                slices.Concat(info, bytes.Repeat([]byte{0xa5}, 100)),
		"OID of SHA-224":                  der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x04}), null), der(0x04, hash)),
		"OID of SHA-384":                  der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x02}), null), der(0x04, hash)),
		"OID of SHA-512/256":              der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x06}), null), der(0x04, hash)),
		"OID of sha256WithRSAEncryption":  der(0x30, der(0x30, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, null), der(0x04, hash)),
		"OID with a leading zero":         der(0x30, der(0x30, slices.Concat([]byte{0x06, 0x0a, 0x80}, oid[2:]), null), der(0x04, hash)),
		"empty OID":                       der(0x30, der(0x30, []byte{0x06, 0x00}, null), der(0x04, hash)),
		"no algorithm":                    der(0x30, der(0x04, hash)),
		"only the hash":                   hash,
		"hash a byte shorter":             der(0x30, der(0x30, oid, null), der(0x04, hash[:31])),
		"hash with a leading zero":        der(0x30, der(0x30, oid, null), der(0x04, []byte{0}, hash)),
		"empty hash":                      der(0x30, der(0x30, oid, null), der(0x04)),
		"a hash of zeros":                 der(0x30, der(0x30, oid, null), der(0x04, make([]byte, 32))),
		"hash as a bit string":            der(0x30, der(0x30, oid, null), der(0x03, []byte{0}, hash)),
		"hash in hexadecimal":             der(0x30, der(0x30, oid, null), der(0x04, fmt.Appendf(nil, "%x", hash))),
		"members in the other order":      der(0x30, der(0x04, hash), der(0x30, oid, null)),
		"a set for a sequence":            slices.Concat([]byte{0x31}, info[1:]),
		"the hash of the hash":            der(0x30, der(0x30, oid, null), der(0x04, sumOf256(hash))),
		"the hash of payload only":        der(0x30, der(0x30, oid, null), der(0x04, sumOf256([]byte(p)))),
		"the hash of the decoded payload": der(0x30, der(0x30, oid, null), der(0x04, sumOf256([]byte(at0())))),
		"nothing":                         {},
	} {
		rows = append(rows, threat{name: "t/105 DigestInfo: " + name, token: signed(private.sign(padded(256, info))), want: signature})
	}
	right := padded(256, info)
	encoding := func(change func(e []byte) []byte) string {
		return signed(private.sign(change(slices.Clone(right))))
	}
	fill := 256 - 3 - len(info)
	for name, change := range map[string]func(e []byte) []byte{
		"block type 0":                     func(e []byte) []byte { e[1] = 0; return e },
		"block type 2":                     func(e []byte) []byte { e[1] = 2; return e },
		"zeros for the padding":            func(e []byte) []byte { clear(e[2 : 2+fill]); return e },
		"a zero inside the padding":        func(e []byte) []byte { e[2+fill/2] = 0; return e },
		"another byte inside the padding":  func(e []byte) []byte { e[2+fill/2] = 0xfe; return e },
		"another first byte of padding":    func(e []byte) []byte { e[2] = 0x7f; return e },
		"another last byte of padding":     func(e []byte) []byte { e[1+fill] = 0xfe; return e },
		"no separator":                     func(e []byte) []byte { e[2+fill] = 0xff; return e },
		"another separator":                func(e []byte) []byte { e[2+fill] = 1; return e },
		"no padding, garbage behind":       func([]byte) []byte { return behind([]byte{0, 1, 0}, info) },
		"8 bytes of padding, the rest 00":  func([]byte) []byte { return behind(padded(11+len(info), info)) },
		"8 bytes of padding, the rest FF":  func([]byte) []byte { return behind(padded(11+len(info), info), bytes.Repeat([]byte{0xff}, 194)) },
		"7 bytes of padding":               func([]byte) []byte { return behind([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 7), []byte{0}, info) },
		"DigestInfo shifted left by one":   func([]byte) []byte { return behind(padded(255, info)) },
		"DigestInfo twice":                 func([]byte) []byte { return padded(256, append(slices.Clone(info), info...)) },
		"the padding alone":                func([]byte) []byte { return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 254)) },
		"ISO 9796 style trailer":           func(e []byte) []byte { e[255] = 0xbc; return e },
		"the complement of the right bits": func(e []byte) []byte { e[255] ^= 0xff; return e },
	} {
		rows = append(rows, threat{name: "t/105 padding: " + name, token: encoding(change), want: signature})
	}
	// Its padding is right but for the first byte, which must be 0.
	rows = append(rows, threat{name: "t/105 padding: first byte 1", want: signature, token: encoding(func(e []byte) []byte {
		e[0] = 1
		if new(big.Int).SetBytes(e).Cmp(n) >= 0 {
			e[0] = 0
			e[1] = 3
		}
		return e
	})})
	hashed := func(hash crypto.Hash, sum []byte) string {
		s, err := rsa.SignPKCS1v15(nil, threatK1(), hash, sum)
		require.NoError(t, err)
		return signed(s)
	}
	sum1, sum384, sum512 := sha1.Sum([]byte(input)), sha512.Sum384([]byte(input)), sha512.Sum512([]byte(input))
	sum224, sum512256 := sha256.Sum224([]byte(input)), sha512.Sum512_256([]byte(input))
	unhashed, err := rsa.SignPKCS1v15(nil, threatK1(), 0, hash)
	require.NoError(t, err)
	pss, err := rsa.SignPSS(rand.Reader, threatK1(), crypto.SHA256, hash, nil)
	require.NoError(t, err)
	rows = append(rows,
		threat{name: "t/106 SHA-1", token: hashed(crypto.SHA1, sum1[:]), want: signature},
		threat{name: "t/106 SHA-224", token: hashed(crypto.SHA224, sum224[:]), want: signature},
		threat{name: "t/106 SHA-384", token: hashed(crypto.SHA384, sum384[:]), want: signature},
		threat{name: "t/106 SHA-512", token: hashed(crypto.SHA512, sum512[:]), want: signature},
		threat{name: "t/106 SHA-512/256", token: hashed(crypto.SHA512_256, sum512256[:]), want: signature},
		threat{name: "t/106 no DigestInfo", token: signed(unhashed), want: signature},
		threat{name: "t/106 PSS", token: signed(pss), want: signature},
	)

	// With e=3 a number whose cube begins like an encoded message can be found
	// without the private key, if what follows the hash is not looked at.
	three := newRawRSA(2048, 3)
	threeJWKS := jwksOf(goodJWK1(), jwkOfNumbers("k3", three.n, three.e))
	threeInput := seg64(h0("kid", `"k3"`)) + "." + seg64(at0())
	threeHash := sha256.Sum256([]byte(threeInput))
	prefix := padded(11+len(sha256Info)+32, slices.Concat(sha256Info, threeHash[:]))
	root := cubeRootAbove(new(big.Int).SetBytes(behind(prefix)))
	cube := new(big.Int).Exp(root, big.NewInt(3), nil).FillBytes(make([]byte, 256))
	require.Equal(t, prefix, cube[:len(prefix)], "the forgery is well made")
	rows = append(rows,
		threat{name: "t/107 e=3, genuine", token: three.token(h0("kid", `"k3"`), at0()), jwks: threeJWKS},
		threat{name: "t/107 e=3, forged by a cube root", token: threeInput + "." + seg64(root.FillBytes(make([]byte, 256))), want: signature, jwks: threeJWKS},
		threat{name: "t/107 e=3, cube root without leading zeros", token: threeInput + "." + seg64(root.Bytes()), want: signature, jwks: threeJWKS},
	)
	runThreats(t, "signature", rows)
}

func TestThreatsSignatureBits(t *testing.T) {
	t.Parallel()
	header, payload := h0(), at0()
	good := jwsOf(threatK1(), header, payload)
	input := seg64(header) + "." + seg64(payload)
	signature, _ := base64.RawURLEncoding.DecodeString(good[len(input)+1:])

	// eachBit calls f with b, one bit of it changed at a time.
	eachBit := func(b []byte, f func(changed []byte)) {
		for i := range 8 * len(b) {
			changed := slices.Clone(b)
			changed[i/8] ^= 1 << (i % 8)
			f(changed)
		}
	}
	refused := func(t *testing.T, v *jwtverifier.Verifier, raw string, reasons ...error) {
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.Nil(t, token)
		var refused *jwtverifier.TokenError
		require.ErrorAs(t, err, &refused)
		require.Contains(t, reasons, refused.Reason)
		refusedBecause(t, err, refused.Reason, raw)
	}
	inBubble := func(t *testing.T, f func(*testing.T, *jwtverifier.Verifier)) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			v := site.verifier(t)
			_, err := v.VerifyAccessToken(t.Context(), good)
			require.NoError(t, err)
			f(t, v)
			assert.Equal(t, 2, site.requests())
		})
	}
	t.Run("t/099 each bit of the signature", func(t *testing.T) {
		inBubble(t, func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit(signature, func(changed []byte) { refused(t, v, input+"."+seg64(changed), jwtverifier.ErrSignature) })
		})
	})
	t.Run("t/099 each bit of the payload", func(t *testing.T) {
		inBubble(t, func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit([]byte(payload), func(changed []byte) {
				refused(t, v, seg64(header)+"."+seg64(changed)+"."+seg64(signature), jwtverifier.ErrSignature)
			})
		})
	})
	t.Run("t/099 each bit of the header", func(t *testing.T) {
		inBubble(t, func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit([]byte(header), func(changed []byte) {
				refused(t, v, seg64(changed)+"."+seg64(payload)+"."+seg64(signature),
					jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature)
			})
		})
	})
	t.Run("t/100 no request, however old the keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			v := site.verifier(t)
			require.NoError(t, v.Prefetch(t.Context()))
			forged := jwsOf(threatKX(), h0(), at0("exp", "4102444800"))
			for range 20 {
				time.Sleep(30 * time.Second) // up to 10 min; keys are fetched ahead from 10.5 min on
				_, err := v.VerifyAccessToken(t.Context(), forged)
				refusedBecause(t, err, jwtverifier.ErrSignature, forged)
			}
			assert.Equal(t, 2, site.requests())
		})
	})
}
