package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// What anybody can send.

const (
	maxToken  = 64 << 10
	maxHeader = 8 << 10

	longToken = 12 << 10 // a longer one may have less of a header
	allTries  = 4 << 10  // is signed at most in a token that all keys are tried for

	knownKey   = `{"alg":"RS256","kid":"` + keyID + `"` // begins a header
	unknownKey = `{"alg":"RS256","kid":"other"`
	wrongAlg   = `{"alg":"HS256","kid":"` + keyID + `"`
)

// wrongSignature is as long as a 2048-bit key's, and below its modulus.
var wrongSignature = encode("\x01" + strings.Repeat("\x00", 255))

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// fill returns a token with this header, a wrong signature, and a payload that
// brings it to size bytes, or a little less.
func fill(header string, size int) string {
	return fillWith(header, size, func(size int) string { return strings.Repeat("\x00", size) })
}

// fillWith is fill with a payload of its own, which payload makes of a size.
func fillWith(header string, size int, payload func(size int) string) string {
	head := encode(header)
	return head + "." + encode(payload(room(head, size)/4*3)) + "." + wrongSignature
}

// room returns how long the payload can be in a token of size bytes, in base64url
// of whole groups.
func room(head string, size int) int {
	return max(4, size-len(head)-len(wrongSignature)-len("..")) / 4 * 4
}

// everydayTokens are as long as any, and wrong in one way each.
func everydayTokens(issuer *jwtverifiertest.Issuer) []refusal {
	good := mint(issuer, nil)
	header, rest, _ := strings.Cut(good, ".")
	unsigned := good[:strings.LastIndexByte(good, '.')]
	return []refusal{
		{"malformed: no dots", []string{good[:300]}, "malformed", usual},
		{"malformed: header is not JSON", []string{"AAAA" + good[len(header):]}, "malformed", usual},
		{"wrong alg", []string{encode(wrongAlg+"}") + "." + rest}, "algorithm", usual},
		{"unknown kid, within the cooldown", []string{encode(unknownKey+"}") + "." + rest}, "unknown_key", usual},
		{"bad signature", []string{unsigned + "." + wrongSignature}, "signature", worst},
		{"expired", []string{mint(issuer, jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()})}, "expired", worst},
	}
}

// costlyTokens are those that cost most.
func costlyTokens(v *jwtverifier.Verifier) []refusal {
	full := func(member func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < maxHeader-len(knownKey)-20; i++ {
			b.WriteString("," + member(i))
		}
		return knownKey + b.String() + "}"
	}
	nested := func(open, inner, end string) string {
		depth := (maxHeader - len(knownKey) - 20) / (len(open) + len(end))
		return knownKey + `,"x":` + strings.Repeat(open, depth) + inner + strings.Repeat(end, depth) + "}"
	}
	shortMembers := full(func(i int) string { return fmt.Sprintf(`"%s":0`, short(i)) })
	costly := []refusal{
		{"over 64 KiB", []string{strings.Repeat("A", maxToken+1)}, "malformed", anySize},
		{"1 MiB", []string{strings.Repeat("A", 1<<20)}, "malformed", anySize},
		{"64 KiB of dots", []string{strings.Repeat(".", maxToken)}, "malformed", anySize},
		{"64 KiB without a dot", []string{strings.Repeat("A", maxToken)}, "malformed", anySize},
		{"64 KiB, the last character is not base64url", []string{fill(knownKey+"}", maxToken-1) + "!"}, "malformed", anySize},
		{"64 KiB of payload, wrong alg", []string{fill(wrongAlg+"}", maxToken)}, "algorithm", anySize},
		{"64 KiB of payload, unknown kid", []string{fill(unknownKey+"}", maxToken)}, "unknown_key", anySize},
		{"64 KiB of payload, known kid, bad signature", []string{fill(knownKey+"}", maxToken)}, "signature", worst},
		{"48 KiB of header", []string{fill(knownKey+`,"x":"`+strings.Repeat("x", 48<<10)+`"}`, maxToken)}, "malformed", anySize},
		{"8 KiB header of short members", []string{fill(shortMembers, maxToken)}, "malformed", anySize},
		{"8 KiB header of short members, a payload of 1 KiB", []string{fill(shortMembers, 12<<10+300)}, "malformed", anySize},
		{"8 KiB header of members with escaped names", []string{fill(full(func(i int) string { return fmt.Sprintf(`"\u%04x":0`, 0x100+i) }), maxToken)}, "malformed", anySize},
		{"8 KiB header of members with arrays", []string{fill(full(func(i int) string { return fmt.Sprintf(`"%s":[]`, short(i)) }), maxToken)}, "malformed", anySize},
		{"8 KiB header of nested arrays", []string{fill(nested("[", "0", "]"), maxToken)}, "malformed", anySize},
		{"8 KiB header of nested objects", []string{fill(nested(`{"":`, "0", "}"), maxToken)}, "malformed", anySize},
		{"8 KiB header with an array of numbers", []string{fill(knownKey+`,"x":[`+strings.Repeat("0,", 4000)+`0]}`, maxToken)}, "malformed", anySize},
	}
	for _, name := range []struct{ name, of string }{
		{"é", strings.Repeat("é", 3990)},
		{"é and an escape", `\u0078` + strings.Repeat("é", 3990)},
	} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"no payload", 0}, {"64 KiB", maxToken}} {
			for _, start := range []struct{ name, header string }{{"known kid", knownKey}, {"unknown kid", unknownKey}, {"wrong alg", wrongAlg}} {
				costly = append(costly, refusal{
					fmt.Sprintf("8 KiB header with a name of %s, %s, %s", name.name, size.name, start.name),
					[]string{fill(start.header+`,"`+name.of+`":0}`, size.bytes)}, "malformed", anySize,
				})
			}
		}
	}
	return slices.Concat(costly, complexTokens(v))
}

// complexTokens have headers that are as complex as the package allows for their
// length, each in its own way.
func complexTokens(v *jwtverifier.Verifier) []refusal {
	var tokens []refusal
	for _, h := range complexHeaders(v, longToken) {
		tokens = append(tokens,
			refusal{h.name + ", no payload, wrong alg", []string{fill(wrongAlg+h.members, 0)}, "algorithm", anySize},
			refusal{h.name + ", 12 KiB, unknown kid", []string{fill(unknownKey+h.members, longToken)}, "unknown_key", anySize},
			refusal{h.name + ", 12 KiB, bad signature", []string{fill(knownKey+h.members, longToken)}, "signature", worst})
	}
	for _, h := range complexHeaders(v, maxToken) {
		tokens = append(tokens,
			refusal{h.name + ", 64 KiB, wrong alg", []string{fill(wrongAlg+h.members, maxToken)}, "algorithm", anySize},
			refusal{h.name + ", 64 KiB, unknown kid", []string{fill(unknownKey+h.members, maxToken)}, "unknown_key", anySize},
			refusal{h.name + ", 64 KiB, bad signature", []string{fill(knownKey+h.members, maxToken)}, "signature", worst})
	}
	return append(tokens,
		refusal{"the longest kid of escapes, 12 KiB", []string{fill(escapedKey(most(v, longToken, escapedKey)), longToken)}, "unknown_key", anySize},
		refusal{"the longest kid of escapes, 64 KiB", []string{fill(escapedKey(most(v, maxToken, escapedKey)), maxToken)}, "unknown_key", anySize})
}

// forFourKeys are for a Verifier with four keys of one kid: it tries all of them
// for a short token, two for a longer one. The iss comes after as much as Issuers
// may have to read.
func forFourKeys(v *jwtverifier.Verifier) []refusal {
	rows := []refusal{{"bad signature", []string{fillWith(knownKey+"}", 900, lateIssuer)}, "signature", worst}}
	for _, size := range []struct {
		name  string
		bytes int
	}{
		{"4 KiB signed", allTries + len(".") + len(wrongSignature)},
		{"12 KiB", longToken},
		{"64 KiB", maxToken},
	} {
		rows = append(rows, refusal{size.name, []string{fillWith(knownKey+"}", size.bytes, lateIssuer)}, "signature", worst})
		for _, h := range complexHeaders(v, size.bytes-len(encode(lateIssuer(70)))) {
			rows = append(rows, refusal{h.name + ", " + size.name, []string{fillWith(knownKey+h.members, size.bytes, lateIssuer)}, "signature", worst})
		}
	}
	return rows
}

// lateIssuer returns a payload with an iss at the end of what Issuers reads of it.
func lateIssuer(size int) string {
	end := size
	if size > readWhole {
		end = readOfLonger
	}
	return payloadWith(ownIssuer, end-len(`{,"x":""}`), size)
}

// complexHeaders returns what follows the kid in headers that are as complex as a
// token of size bytes may have.
func complexHeaders(v *jwtverifier.Verifier, size int) []complexHeader {
	repeat := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	number := func(i int, name string) string { return fmt.Sprintf(`,"%d%s":0`, i, name) }
	var headers []complexHeader
	for _, header := range []struct {
		name    string
		members func(n int) string
	}{
		{"members", func(n int) string {
			return repeat(n, func(i int) string { return number(i, strings.Repeat("x", 150)) })
		}},
		{"members with escaped names", func(n int) string {
			return repeat(n, func(i int) string { return number(i, `\u0100`+strings.Repeat("x", 150)) })
		}},
		{"members with names of escapes", func(n int) string {
			return repeat(n, func(i int) string { return number(i, strings.Repeat(`\u00e9`, 36)) })
		}},
		{"members with names of é and an escape", func(n int) string {
			return repeat(n, func(i int) string { return number(i, `\u0100`+strings.Repeat(`é`, 90)) })
		}},
		{"a name of é and an escape", func(n int) string { return number(0, `\u0100`+strings.Repeat(`é`, n)) }},
		{"a name of escapes", func(n int) string { return number(0, strings.Repeat(`\u00e9`, n)) }},
		{"a name of x and an escape", func(n int) string { return number(0, `\u0100`+strings.Repeat(`x`, n)) }},
		{"an array of numbers", func(n int) string { return `,"x":[` + strings.Repeat("0,", n) + `0]` }},
		{"an array of strings", arrayOfStrings},
		{"an array of empty strings", func(n int) string { return `,"x":[` + strings.Repeat(`"",`, n) + `0]` }},
		{"an array of exponents", func(n int) string { return `,"x":[` + strings.Repeat(`1.234567890123456789e100,`, n) + `0]` }},
		{"half of each", func(n int) string {
			return repeat(n/40, func(i int) string { return number(i, `\u0100`+strings.Repeat("x", 150)) }) + arrayOfStrings(n)
		}},
		{"one string", func(n int) string { return `,"x":"` + strings.Repeat("x", n) + `"` }},
		{"escapes", func(n int) string { return `,"x":"` + strings.Repeat(`\u00e9`, n) + `"` }},
	} {
		n := most(v, size, func(n int) string { return knownKey + header.members(n) + "}" })
		headers = append(headers, complexHeader{"the most that a header may have: " + header.name, header.members(n) + "}"})
	}
	return headers
}

type complexHeader struct{ name, members string }

// most returns the largest n whose header a Verifier reads, in a token of size bytes.
func most(v *jwtverifier.Verifier, size int, header func(n int) string) int {
	verify := verifying(v)
	return sort.Search(maxHeader, func(n int) bool {
		raw := fill(header(n+1), size)
		return len(raw) > size || outcome(verify([]string{raw})) == "malformed"
	})
}

// mostStrings returns the header that costs most to read, of a token of size bytes.
func mostStrings(v *jwtverifier.Verifier, size int) string {
	header := func(n int) string { return knownKey + arrayOfStrings(n) + "}" }
	return header(most(v, size, header))
}

func arrayOfStrings(n int) string { return `,"x":[` + strings.Repeat(`"AAAA",`, n) + `0]` }

func escapedKey(n int) string { return `{"alg":"RS256","kid":"` + strings.Repeat(`\u00e9`, n) + `"}` }

// What Issuers reads of a payload that nobody has verified, to find iss.
const (
	readWhole    = 12 << 10
	readOfLonger = 6 << 10

	ownIssuer = `"iss":"` + issuerURL + `"`
)

// payloadWith returns a payload of size bytes, with a member behind short ones, so
// that it ends at end, and text behind it.
func payloadWith(member string, end, size int) string {
	const other = `"a":1,`
	s := "{" + strings.Repeat(other, max(0, end-len(member))/len(other)) + member + `,"x":"`
	return s + strings.Repeat("x", size-len(s)-len(`"}`)) + `"}`
}

// costlyPayloads are for Issuers, which looks for iss in what nobody has signed: in
// all of a payload of 12 KiB, and in 6 KiB of a longer one.
func costlyPayloads(v *jwtverifier.Verifier) []refusal {
	const short = 17 << 10 // of a token, whose payload is read whole
	foreign := `"iss":"https://foreign.example"`
	var escaped strings.Builder
	escaped.WriteString(`"\u0069\u0073\u0073":"`)
	for _, c := range []byte(issuerURL) {
		fmt.Fprintf(&escaped, `\u%04x`, c)
	}
	escaped.WriteString(`"`)
	at := func(end int, member string) func(int) string {
		return func(size int) string { return payloadWith(member, end, size) }
	}
	full := func(s string) func(int) string {
		return func(size int) string { return "{" + strings.Repeat(s, (size-len("{"))/len(s)) }
	}
	headers := []struct{ name, text, want string }{
		{"known kid", knownKey + "}", "signature"},
		{"unknown kid", unknownKey + "}", "unknown_key"},
		{"the most strings in the header", mostStrings(v, maxToken), "signature"},
	}

	var rows []refusal
	for _, p := range []struct {
		name    string
		token   int
		payload func(size int) string
		want    string // "": as the header says
	}{
		{"64 KiB, no iss, strings of escapes", maxToken, full(`"\q""\q"`), "issuer"},
		{"64 KiB, no iss, escaped names", maxToken, full(`"\u0069":1,`), "issuer"},
		{"64 KiB, no iss, short members", maxToken, full(`"a":1,`), "issuer"},
		{"64 KiB, nested arrays", maxToken, func(size int) string { return strings.Repeat("[", size) }, "issuer"},
		{"64 KiB, iss first", maxToken, at(0, ownIssuer), ""},
		{"64 KiB, iss at the end of the first 6 KiB", maxToken, at(readOfLonger, ownIssuer), ""},
		{"64 KiB, iss behind", maxToken, at(20<<10, ownIssuer), "issuer"},
		{"64 KiB, foreign iss first", maxToken, at(0, foreign), "issuer"},
		{"64 KiB, foreign iss at the end of the first 6 KiB", maxToken, at(readOfLonger, foreign), "issuer"},
		{"64 KiB, escaped iss first", maxToken, at(0, escaped.String()), ""},
		{"64 KiB, escaped iss at the end of the first 6 KiB", maxToken, at(readOfLonger, escaped.String()), ""},
		{"12 KiB of payload, no iss, escaped names", short, func(int) string { return full(`"\u0069":1,`)(readWhole) }, "malformed"},
		{"12 KiB of payload, iss at its end", short, func(int) string { return at(readWhole-16, ownIssuer)(readWhole) }, ""},
	} {
		for _, h := range headers {
			r := refusal{p.name + ", " + h.name, []string{fillWith(h.text, p.token, p.payload)}, p.want, worst}
			if p.want == "" {
				r.want = h.want
			}
			if r.want == "unknown_key" || r.want == "malformed" {
				r.most = anySize
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// asFields are tokens as a client sends them.
func asFields(tokens []refusal) []refusal {
	var fields []refusal
	for _, r := range tokens {
		fields = append(fields, refusal{r.name, []string{"Bearer " + r.sent[0]}, "401", r.most})
	}
	return fields
}

// costlyFields are Authorization headers with no token, or with what is none.
func costlyFields(good string) []refusal {
	const large, huge = 64 << 10, 1 << 20
	long := func(n int, s string) string { return strings.Repeat(s, n/len(s)) }
	return []refusal{
		{"nothing", nil, "401", usual},
		{"an empty header", []string{""}, "400", usual},
		{"another scheme", []string{"Basic dXNlcjpwYXNz"}, "401", usual},
		{"a token without scheme", []string{good}, "401", usual},
		{"a comma at the end", []string{"Bearer " + good + ","}, "400", usual},
		{"two headers", []string{"Bearer " + good, "Bearer " + good}, "400", usual},
		{"1,000 headers", slices.Repeat([]string{"Bearer " + good}, 1000), "400", usual},
		{"64 KiB of slashes", []string{"Bearer " + long(large, "/")}, "401", anySize},
		{"64 KiB of slashes, the last is a comma", []string{"Bearer " + long(large-1, "/") + ","}, "401", anySize},
		{"64 KiB of letters, and a comma", []string{"Bearer " + long(large, "a") + ","}, "401", anySize},
		{"64 KiB of equal signs", []string{"Bearer " + long(large, "=")}, "400", anySize},
		{"64 KiB of dots", []string{"Bearer " + long(large, ".")}, "401", anySize},
		{"64 KiB of spaces", []string{long(large, " ")}, "400", anySize},
		{"64 KiB of scheme", []string{long(large, "~")}, "401", anySize},
		{"1 MiB of slashes", []string{"Bearer " + long(huge, "/")}, "401", anySize},
		{"1 MiB of equal signs", []string{"Bearer " + long(huge, "=")}, "400", anySize},
		{"1 MiB of a letter and equal signs", []string{"Bearer a" + long(huge, "=")}, "401", anySize},
		{"1 MiB of scheme", []string{long(huge, "~")}, "401", anySize},
		{"1 MiB of spaces", []string{long(huge, " ")}, "400", anySize},
		{"1 MiB of spaces in the middle", []string{"Bearer" + long(huge, " ") + "x"}, "400", anySize},
		{"1 MiB of spaces at the end", []string{"Bearer x" + long(huge, " ")}, "401", anySize},
		{"1 MiB of tabs", []string{long(huge, "\t")}, "400", anySize},
	}
}

// notAsked is what a Client refuses without a request.
func notAsked() []refusal {
	return []refusal{
		{"empty", []string{""}, "malformed", usual},
		{"1 KiB, the last byte is a tab", []string{strings.Repeat("a", 1<<10-1) + "\t"}, "malformed", usual},
		{"64 KiB, the last byte is a tab", []string{strings.Repeat("a", maxToken-1) + "\t"}, "malformed", anySize},
		{"64 KiB of é", []string{strings.Repeat("é", maxToken/2)}, "malformed", anySize},
		{"64 KiB of no UTF-8", []string{strings.Repeat("\xff", maxToken)}, "malformed", anySize},
		{"over 64 KiB", []string{strings.Repeat("a", maxToken+1)}, "malformed", anySize},
		{"1 MiB", []string{strings.Repeat("a", 1<<20)}, "malformed", anySize},
	}
}

// short returns one of 3,844 names of two letters or digits.
func short(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return string([]byte{letters[i/len(letters)], letters[i%len(letters)]})
}
