package hostile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/jwtverifier"
)

func TestTokenSyntax(t *testing.T) {
	t.Parallel()
	header, payload := h0(), at0()
	good := at0Token()
	h, rest, _ := strings.Cut(good, ".")
	p, s, _ := strings.Cut(rest, ".")
	malformed := jwtverifier.ErrMalformed
	sign := func(h, p string) string { return rs256Over(key1(), h+"."+p) }

	rows := []attack{
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
		{name: "t/005 a signature of three segments", token: rs256Over(key1(), good), want: malformed},
		{name: "t/005 six segments", token: good + "." + good, want: malformed},
		{name: "t/005 a dot in front", token: "." + good, want: malformed},
		{
			name:    "t/006 encrypted claims",
			token:   jweOf(&key1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1"}`, payload),
			want:    malformed,
			refused: func(t *testing.T, err error) { assert.ErrorContains(t, err, "encrypted tokens are not supported") },
		},
		{
			name:  "t/006 encrypted good token",
			token: jweOf(&key1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1","cty":"JWT"}`, good),
			want:  malformed,
		},
		{
			name:  "t/006 encrypted claims, alg RS256",
			token: jweOf(&key1().PublicKey, `{"alg":"RS256","enc":"A256GCM","kid":"k1"}`, payload),
			want:  malformed,
		},
		{
			name:  "t/007 password-based encryption",
			token: seg64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA",
			want:  malformed,
		},
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
		{
			name:  "t/032 general JSON, two signatures",
			token: fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%[3]q},{"protected":%[2]q,"signature":%[3]q}]}`, p, h, s),
			want:  malformed,
		},
		{
			name:  "t/034 general JSON in upper case, and more",
			token: fmt.Sprintf(`{"PAYLOAD":%q,"SIGNATURES":[{"Protected":%q,"SIGNATURE":%q}]}xyz`, p, h, s),
			want:  malformed,
		},
		{name: "t/035 only an unprotected header", token: fmt.Sprintf(`{"payload":%q,"header":%s,"signature":%q}`, p, header, s), want: malformed},
		{
			name:  "t/035 general JSON, only an unprotected header",
			token: fmt.Sprintf(`{"payload":%q,"signatures":[{"header":%s,"signature":%q}]}`, p, header, s),
			want:  malformed,
		},
		{name: "t/035 a null signature", token: fmt.Sprintf(`{"payload":%q,"signatures":[null]}`, p), want: malformed},
		{
			name:  "t/039 nested token",
			token: jwsOf(key1(), h0(), good),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/039 nested token, and cty",
			token: jwsOf(key1(), h0("cty", `"JWT"`), good),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/039 nested token in a JSON string",
			token: jwsOf(key1(), h0("cty", `"JWT"`), strconv.Quote(good)),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/039 nested JSON serialization",
			token: jwsOf(key1(), h0(), fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, p, h, s)),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
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
	expired := at0Token("exp", inSeconds(-3600), "aud", `"elsewhere"`)
	eh, rest, _ := strings.Cut(expired, ".")
	ep, es, _ := strings.Cut(rest, ".")
	forged := at0("sub", `"admin"`, "exp", "4102444800")
	for name, token := range map[string]string{
		"claims beside a flattened token": withMore(forged, fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, eh, ep, es)),
		"claims without aud": withMore(membersWith(nil, []string{
			"iss", strconv.Quote(issuerURL), "sub", `"admin"`,
		}), fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, eh, ep, es)),
		"claims beside a general token":             withMore(forged, fmt.Sprintf(`"payload":%q,"signatures":[{"protected":%q,"signature":%q}]`, ep, eh, es)),
		"claims beside a good flattened token":      withMore(forged, fmt.Sprintf(`"protected":%q,"payload":%q,"signature":%q`, h, p, s)),
		"claims beside a compact token":             withMore(forged, fmt.Sprintf(`"jwt":%q`, good)),
		"unprotected header beside a general token": fmt.Sprintf(`{"aud":"api","payload":%q,"signatures":[{"header":{"alg":"none"},"protected":%q,"signature":%q}]}`, ep, eh, es),
	} {
		rows = append(rows, attack{name: "t/036 " + name, token: token, want: malformed})
	}
	rows = append(rows,
		attack{
			name:  "t/037 forged claims between the dots",
			token: fmt.Sprintf(`{"a":".%s.","payload":%q,"protected":%q,"signature":%q}`, seg64(forged), p, h, s),
			want:  malformed,
		},
		attack{
			name:  "t/037 forged claims between the dots of a name",
			token: fmt.Sprintf(`{"%s.%s.":1,"payload":%q,"protected":%q,"signature":%q}`, h, seg64(forged), p, h, s),
			want:  malformed,
		},
		attack{name: "t/037 a good token in two dots of JSON", token: fmt.Sprintf(`{"a":"%s"}`, good), want: malformed},
	)

	for name, space := range map[string]string{
		"a space":            " ",
		"a tab":              "\t",
		"a line feed":        "\n",
		"a carriage return":  "\r",
		"a line break":       "\r\n",
		"a no-break space":   "\u00a0",
		"a next line":        "\u0085",
		"a line separator":   "\u2028",
		"a zero-width space": "\u200b",
		"a byte order mark":  "\ufeff",
		"a NUL":              "\x00",
	} {
		rows = append(rows,
			attack{name: "t/017 " + name + " in front", token: space + good, want: malformed},
			attack{name: "t/017 " + name + " behind", token: good + space, want: malformed},
			attack{name: "t/021 " + name + " inside the header, signed", token: sign(h[:8]+space+h[8:], p), want: malformed},
			attack{name: "t/021 " + name + " inside the payload, signed", token: sign(h, p[:8]+space+p[8:]), want: malformed},
			attack{name: "t/021 " + name + " inside the signature", token: h + "." + p + "." + s[:8] + space + s[8:], want: malformed},
			attack{name: "t/021 " + name + " after the header, signed", token: sign(h+space, p), want: malformed},
			attack{name: "t/021 " + name + " before the payload, signed", token: sign(h, space+p), want: malformed},
			attack{name: "t/021 " + name + " before the signature", token: h + "." + p + "." + space + s, want: malformed},
		)
	}
	for name, lineBreak := range map[string]string{"a line feed": "\n", "a line break": "\r\n", "a carriage return": "\r"} {
		for _, at := range []int{4, 5, 7} { // Go's decoder skips them anywhere
			rows = append(rows,
				attack{name: fmt.Sprintf("t/020 %s in the header at %d", name, at), token: h[:at] + lineBreak + h[at:] + "." + p + "." + s, want: malformed},
				attack{name: fmt.Sprintf("t/020 %s in the payload at %d", name, at), token: h + "." + p[:at] + lineBreak + p[at:] + "." + s, want: malformed},
				attack{name: fmt.Sprintf("t/020 %s in the signature at %d", name, at), token: h + "." + p + "." + s[:at] + lineBreak + s[at:], want: malformed},
			)
		}
		rows = append(rows, attack{name: "t/020 " + name + " in the header, signed", token: sign(h[:4]+lineBreak+h[4:], p), want: malformed})
		rows = append(rows, attack{name: "t/020 " + name + " in the payload, signed", token: sign(h, p[:4]+lineBreak+p[4:]), want: malformed})
	}

	// A header, and a payload, whose base64url ends in two bits, in four, in none.
	for spare := range 3 {
		h, p := seg64(header+strings.Repeat(" ", (3-len(header)%3+spare)%3)), seg64(payload+strings.Repeat(" ", (3-len(payload)%3+spare)%3))
		good := sign(h, p)
		_, s, _ := strings.Cut(good[len(h)+1:], ".")
		rows = append(rows, attack{name: fmt.Sprintf("t/022 no padding, %d spare bytes", spare), token: good})
		padding := strings.Repeat("=", (3-spare)%3)
		if padding == "" {
			padding = "="
		}
		rows = append(rows,
			attack{name: fmt.Sprintf("t/022 padding on a header with %d spare bytes, signed", spare), token: sign(h+padding, p), want: malformed},
			attack{name: fmt.Sprintf("t/022 padding on a payload with %d spare bytes, signed", spare), token: sign(h, p+padding), want: malformed},
			attack{name: fmt.Sprintf("t/022 padding on a header with %d spare bytes", spare), token: h + padding + "." + p + "." + s, want: malformed},
			attack{
				name:  fmt.Sprintf("t/026 a character too many in a header with %d spare bytes, signed", spare),
				token: sign(h+strings.Repeat("A", (5-len(h)%4)%4), p),
				want:  malformed,
			},
			attack{
				name:  fmt.Sprintf("t/026 a character too many in a payload with %d spare bytes, signed", spare),
				token: sign(h, p+strings.Repeat("A", (5-len(p)%4)%4)),
				want:  malformed,
			},
		)
		if spare == 0 {
			continue
		}
		for bit := range 6 - spare*2 { // the bits that are not used
			rows = append(rows,
				attack{
					name:  fmt.Sprintf("t/025 trailing bit %d of a header with %d spare bytes, signed", bit, spare),
					token: sign(flippedSextet(h, bit), p),
					want:  malformed,
				},
				attack{
					name:  fmt.Sprintf("t/025 trailing bit %d of a payload with %d spare bytes, signed", bit, spare),
					token: sign(h, flippedSextet(p, bit)),
					want:  malformed,
				},
				attack{
					name:  fmt.Sprintf("t/025 trailing bit %d of a payload with %d spare bytes", bit, spare),
					token: h + "." + flippedSextet(p, bit) + "." + s,
					want:  malformed,
				},
			)
		}
	}
	rows = append(rows,
		attack{name: "t/022 padding on the signature", token: good + "==", want: malformed},
		attack{name: "t/022 half the padding on the signature", token: good + "=", want: malformed},
		attack{name: "t/022 padding inside the signature", token: h + "." + p + "." + s[:4] + "==" + s[4:], want: malformed},
		attack{name: "t/024 trailing bit 0 of the signature", token: flippedSextet(good, 0), want: malformed},
		attack{name: "t/024 trailing bit 1 of the signature", token: flippedSextet(good, 1), want: malformed},
		attack{name: "t/024 trailing bit 2 of the signature", token: flippedSextet(good, 2), want: malformed},
		attack{name: "t/024 trailing bit 3 of the signature", token: flippedSextet(good, 3), want: malformed},
		attack{name: "t/026 a signature with a character too many", token: good + "AAA", want: malformed},
	)
	for _, c := range "?#%~:+/!*$&'(),;@[]^`{|}\"\\<>=" {
		rows = append(rows,
			attack{name: fmt.Sprintf("t/027 %c in the header, signed", c), token: sign(h[:3]+string(c)+h[4:], p), want: malformed},
			attack{name: fmt.Sprintf("t/027 %c behind the payload, signed", c), token: sign(h, p+string(c)), want: malformed},
			attack{name: fmt.Sprintf("t/027 %c in the signature", c), token: h + "." + p + "." + s[:3] + string(c) + s[4:], want: malformed},
		)
	}
	// The standard alphabet where the two differ, signed.
	rows = append(rows, attack{name: "t/027 the standard alphabet", want: malformed,
		token: sign(h, strings.NewReplacer("-", "+", "_", "/").Replace(seg64(at0("x", `"~~~???>>>"`))))})
	runAttacks(t, "token", rows)
}
