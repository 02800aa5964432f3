package strict

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// OneOrMore returns the values of a string or an array of strings, as an audience
// comes (RFC 7519 §4.1.3); false if v is neither.
func (v Value) OneOrMore() ([]string, bool) {
	if s, ok := v.Text(); ok {
		return []string{s}, true
	}
	return v.Texts()
}

// Scopes returns the values of a space-delimited string (RFC 6749 §3.3) or an
// array of strings, none if v is absent; false if it is anything else.
func (v Value) Scopes() ([]string, bool) {
	if v == "" {
		return nil, true
	}
	if s, ok := v.Text(); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), true
	}
	return v.Texts()
}

// HasOneOf reports whether v is one of these values, or an array that holds one:
// a string by its text, a number or boolean by its JSON as received.
func (v Value) HasOneOf(wanted []string) bool {
	if v.Kind() != '[' {
		return v.isOneOf(wanted)
	}
	dec := jsontext.NewDecoder(strings.NewReader(string(v)))
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		var element jsontext.Value
		element, err = dec.ReadValue()
		if err == nil && Value(element).isOneOf(wanted) {
			return true
		}
	}
	return false
}

func (v Value) isOneOf(wanted []string) bool {
	switch v.Kind() {
	case '"':
		s, ok := v.Text()
		return ok && slices.Contains(wanted, s)
	case '0', 't', 'f':
		return slices.Contains(wanted, string(v))
	}
	return false
}

const (
	maxNumericDate      = 253402300799 // the end of the year 9999
	maxNumericDateBytes = 64           // ParseFloat misreads numbers of over 800 digits
)

// Time returns the time of a NumericDate (RFC 7519 §2), in UTC: a JSON number of
// seconds since 1970, fractions allowed; false if v is none.
func (v Value) Time() (time.Time, bool) {
	if v.Kind() != '0' || len(v) > maxNumericDateBytes {
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f > maxNumericDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

// Confirmation returns the thumbprints of a cnf (RFC 7800 §3): jkt of a JWK (RFC
// 9449 §6.1), x5t#S256 of a certificate (RFC 8705 §3.1), or both. It is false if v
// is anything else, or has another member: one that is not known here could be the
// one that matters.
func (v Value) Confirmation() (jkt, x5t string, ok bool) {
	var m confirmation
	if _, err := Object([]byte(v), &m); err != nil || m.other != "" {
		return "", "", false
	}
	jkt, _ = m.jkt.Text()
	x5t, _ = m.x5t.Text()
	if m.jkt != "" && jkt == "" || m.x5t != "" && x5t == "" { // no strings, or empty ones
		return "", "", false
	}
	return jkt, x5t, jkt != "" || x5t != ""
}

type confirmation struct{ jkt, x5t, other Value }

func (m *confirmation) Member(name []byte) *Value {
	switch string(name) {
	case "jkt":
		return &m.jkt
	case "x5t#S256":
		return &m.x5t
	}
	return &m.other
}
