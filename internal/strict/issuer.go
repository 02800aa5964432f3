package strict

import "strings"

// ClaimedIssuer returns the iss of a payload that nobody has verified: its first
// member of that name, "" if there is none; false if the payload is not one object,
// by its braces. It finds no other fault and decodes nothing: with what anybody can
// send, decoding would cost many signatures' time.
func ClaimedIssuer(payload Value) (iss Value, ok bool) {
	payload = trimSpace(payload)
	if payload.Kind() != '{' {
		return "", false
	}
	depth := 0
	for i := 0; i < len(payload); i++ {
		if !structural[payload[i]] {
			continue
		}
		switch payload[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return "", trimSpace(payload[i+1:]) == ""
			}
		case '"':
			s, ok := firstString(payload[i:])
			if !ok {
				return "", false
			}
			i += len(s) - 1
			if depth == 1 && isIss(s[1:len(s)-1]) {
				if value, named := strings.CutPrefix(string(trimSpace(payload[i+1:])), ":"); named {
					v := trimSpace(Value(value))
					if v.Kind() != '"' {
						return "", true
					}
					return firstString(v)
				}
			}
		}
	}
	return "", false
}

// structural are the bytes at which ClaimedIssuer looks outside of strings.
var structural = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

// isIss reports whether what stands between the quotes of a JSON string is iss, of
// which any letter may be written as an escape. Most names differ in their first
// byte.
func isIss(raw Value) bool {
	if raw == "" || raw[0] != 'i' && raw[0] != '\\' {
		return false
	}
	for _, letter := range [...]struct{ plain, escaped Value }{{"i", `\u0069`}, {"s", `\u0073`}, {"s", `\u0073`}} {
		switch {
		case raw != "" && raw[0] == letter.plain[0]:
			raw = raw[1:]
		case len(raw) >= len(letter.escaped) && strings.EqualFold(string(raw[:len(letter.escaped)]), string(letter.escaped)):
			raw = raw[len(letter.escaped):]
		default:
			return false
		}
	}
	return raw == ""
}
