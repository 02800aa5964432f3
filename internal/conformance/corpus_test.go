package conformance

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sample is a token of the differential test.
type sample struct {
	class string // what was done to a good token
	value string // that a header member or a claim got, in the classes that are about one
	id    bool   // of an ID token; else an access token
	raw   string
}

const (
	goodHeader = `{"alg":"RS256","kid":"k1"}`
	goodAccess = `{"iss":"https://issuer.example","aud":"api","cid":"client","sub":"u","iat":1799999990,"exp":1800000300}`
	goodID     = `{"iss":"https://issuer.example","aud":"client","sub":"u","iat":1799999990,"exp":1800000300,"nonce":"n1"}`
)

// anyValue are JSON values to put where another belongs.
var anyValue = []string{
	`null`, `true`, `false`, `0`, `-0`, `-1`, `1`, `0.5`, `1e999`, `1e19`, `1.8e9`, `1800000000`, `1799999940`, `1799999940.5`, `1799999941`, `1800000060`, `1800000061`,
	`253402300799`, `253402300800`, `9223372036854775808`, `01`, `NaN`, `""`, `" "`, `"x"`, `"u"`, `"n1"`, `"N1"`, `"k1"`, `"K1"`, `"\u006b1"`, `"api"`, `"client"`, `"access"`, `"id"`,
	`"ID"`, `"Bearer"`, `"Refresh"`, `"Logout"`, `"JWT"`, `"jwt"`, `"at+jwt"`, `"application/at+jwt"`, `"logout+jwt"`, `"RS256"`, `"rs256"`, `"RS512"`, `"none"`, `"1800000300"`, `"a b"`,
	`"\ud800"`, `"\ud83d\ude00"`, "\"\xff\"", "\"\n\"", `[]`, `["api"]`, `["client"]`, `["x","api"]`, `["client","x"]`, `["client","client"]`, `["api",1]`, `["api",null]`, `[["api"]]`,
	`["exp"]`, `["AAAA"]`, `{}`, `{"a":1}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"jkt":"x"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB"}`, `"https://issuer.example"`,
	`"https:\/\/issuer\u002eexample"`, `"https://issuer.example/"`, `"HTTPS://issuer.example"`,
}

// corpus makes the tokens, all signed after the change unless the class says
// otherwise.
func corpus(t *testing.T, key *rsa.PrivateKey) (samples []sample) {
	t.Helper()
	for _, id := range []bool{false, true} {
		payload := goodAccess
		if id {
			payload = goodID
		}
		addValue := func(class, value, input string) {
			samples = append(samples, sample{class, value, id, input + "." + b64(signature(t, key, input))})
		}
		add := func(class, input string) { addValue(class, "", input) }
		encoded := func(header, payload string) string { return b64([]byte(header)) + "." + b64([]byte(payload)) }

		add("good", encoded(goodHeader, payload))
		add("header without kid", encoded(`{"alg":"RS256"}`, payload))
		for _, name := range []string{"alg", "kid", "typ", "crit", "b64", "enc", "zip", "cty", "jwk", "jku", "x5u", "x5c", "x5t", "p2c", "nonce", "iss", "x"} {
			for _, value := range anyValue {
				addValue("header "+name, value, encoded(withMember(goodHeader, name, value), payload))
			}
			add("header "+name+" twice", encoded(`{"`+name+`":"RS256",`+withMember(goodHeader, name, `"RS256"`)[1:], payload))
			add("header "+strings.ToUpper(name), encoded(`{"`+strings.ToUpper(name)+`":"x",`+goodHeader[1:], payload))
		}
		for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "token_use", "events", "cnf", "cid", "client_id", "azp", "scp", "scope", "nonce", "at_hash",
			"c_hash", "auth_time", "acr", "amr", "x"} {
			for _, value := range anyValue {
				addValue("claim "+name, value, encoded(goodHeader, withMember(payload, name, value)))
			}
			add("claim "+name, encoded(goodHeader, withMember(payload, name, "")))
			add("claim "+name+" twice", encoded(goodHeader, `{"`+name+`":"u",`+withMember(payload, name, `"u"`)[1:]))
			add("claim "+strings.ToUpper(name), encoded(goodHeader, `{"`+strings.ToUpper(name)+`":"x",`+payload[1:]))
		}
		for _, change := range []func(string) string{
			func(s string) string { return " " + s }, func(s string) string { return s + "\n" }, func(s string) string { return strings.ReplaceAll(s, ":", " :\t") },
			func(s string) string { return s + "x" }, func(s string) string { return s + s }, func(s string) string { return s + "]" }, func(s string) string { return s + "\x00" },
			func(s string) string { return "\ufeff" + s }, func(s string) string { return "[" + s + "]" }, func(s string) string { return s[:len(s)-1] + ",}" },
			func(s string) string { return s[:len(s)-1] }, func(s string) string { return strings.ReplaceAll(s, `"`, `'`) }, func(s string) string { return s[:len(s)-1] + "/**/}" },
			func(string) string { return `null` }, func(string) string { return `{}` }, func(string) string { return `"x"` }, func(string) string { return `` },
			func(s string) string {
				return s[:len(s)-1] + `,"deep":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`
			},
		} {
			add("header JSON", encoded(change(goodHeader), payload))
			add("payload JSON", encoded(goodHeader, change(payload)))
		}
		add("header over 8 KiB", encoded(withMember(goodHeader, "x", `"`+strings.Repeat("x", 8<<10)+`"`), payload))
		add("token over 64 KiB", encoded(goodHeader, withMember(payload, "x", `"`+strings.Repeat("x", 48<<10)+`"`)))

		// The encoding of the segments. The signature is over them as they are.
		// They end in unused bits, and have digits that are others in standard base64.
		odd := func(object string) string {
			object = withMember(object, "x", `"~~~~~~??????"`)
			return b64([]byte(object + strings.Repeat(" ", (4-len(object)%3)%3)))
		}
		h, p := odd(goodHeader), odd(payload)
		good := h + "." + p
		s := b64(signature(t, key, good))
		for class, change := range map[string]func(string) string{
			"line break":           func(s string) string { return s[:8] + "\n" + s[8:] },
			"CR LF":                func(s string) string { return s[:8] + "\r\n" + s[8:] },
			"line break at end":    func(s string) string { return s + "\n" },
			"space":                func(s string) string { return s[:8] + " " + s[8:] },
			"padding":              func(s string) string { return s + strings.Repeat("=", 4-len(s)%4) },
			"too much padding":     func(s string) string { return s + "====" },
			"impossible length":    func(s string) string { return s + strings.Repeat("A", 5-len(s)%4) },
			"trailing bits":        trailingBits,
			"standard base64":      func(s string) string { return strings.NewReplacer("-", "+", "_", "/").Replace(s) },
			"character of another": func(s string) string { return s[:8] + "~" + s[9:] },
			"not ASCII":            func(s string) string { return s[:8] + "é" + s[8:] },
			"empty":                func(string) string { return "" },
		} {
			for _, segment := range []string{h, p, s} {
				require.NotEqual(t, segment, change(segment), class)
			}
			add(class+" in the header", change(h)+"."+p)
			add(class+" in the payload", h+"."+change(p))
			samples = append(samples, sample{class + " in the signature, unsigned change", "", id, good + "." + change(s)})
		}

		// What somebody without the key can do to a token.
		token := good + "." + s
		unsigned := func(class, raw string) { samples = append(samples, sample{class + ", unsigned change", "", id, raw}) }
		for i := range len(token) {
			unsigned("byte deleted", token[:i]+token[i+1:])
			for _, b := range []byte("A.=\n ") {
				if token[i] != b {
					unsigned("byte replaced", token[:i]+string(b)+token[i+1:])
				}
				class := "byte inserted"
				if b == '\n' {
					class = "line break inserted"
				}
				unsigned(class, token[:i]+string(b)+token[i:])
			}
			unsigned("truncated", token[:i])
		}
		for _, around := range [][2]string{{" ", ""}, {"", " "}, {"", "\n"}, {"", "\r\n"}, {"Bearer ", ""}, {`"`, `"`}, {"", "."}, {".", ""}, {"", ".x"}, {"\ufeff", ""}} {
			unsigned("surrounded", around[0]+token+around[1])
		}
		unsigned("JSON serialization", `{"payload":"`+p+`","protected":"`+h+`","signature":"`+s+`"}`)
		unsigned("JSON serialization", `{"payload":"`+p+`","signatures":[{"protected":"`+h+`","signature":"`+s+`"}]}`)
	}
	return samples
}

// withMember sets a member of an object of strings and numbers; "" removes it.
func withMember(object, name, value string) string {
	object = regexp.MustCompile(`"`+name+`":("[^"]*"|[0-9]+),?`).ReplaceAllString(object, "")
	object = strings.Replace(object, ",}", "}", 1)
	if value == "" {
		return object
	}
	return fmt.Sprintf(`{"%s":%s,%s`, name, value, object[1:])
}

// trailingBits sets the last of the bits of a segment that encode nothing.
func trailingBits(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return segment[:len(segment)-1] + string(alphabet[last|1])
}

func signature(t *testing.T, key *rsa.PrivateKey, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	s, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return s
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
