package jwtverifier

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// base64url is RFC 7515's: without padding. What it decodes, isBase64url has
// accepted.
var base64url = base64.RawURLEncoding.Strict()

// isBase64url reports whether s is strict base64url, one spelling only: without
// padding and line breaks (which the standard library's decoder skips even when
// it is strict), and with zero trailing bits. It costs a fraction of decoding:
// what anybody can send is not decoded before there is a reason to.
func isBase64url(s string) bool {
	if s == "" {
		return true
	}
	var seen byte // the digits of s, or-ed
	rest := s
	for ; len(rest) >= 8; rest = rest[8:] {
		seen |= digit[rest[0]] | digit[rest[1]] | digit[rest[2]] | digit[rest[3]] |
			digit[rest[4]] | digit[rest[5]] | digit[rest[6]] | digit[rest[7]]
	}
	for i := range len(rest) {
		seen |= digit[rest[i]]
	}
	unused := [4]byte{0: 0, 2: 0b1111, 3: 0b11} // bits of the last digit
	return seen&noDigit == 0 && len(s)%4 != 1 && digit[s[len(s)-1]]&unused[len(s)%4] == 0
}

// digit is the value of each base64url digit, and noDigit for other bytes.
var digit = func() (values [256]byte) {
	for i := range values {
		values[i] = noDigit
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		values[c] = byte(i)
	}
	return values
}()

const noDigit = 1 << 6

// All JSON is read here, and strictly: names and values as received, names
// compared byte for byte and never given twice, valid UTF-8, and nothing after
// the end.

// A value is one JSON value as received, known to be valid; "" if absent.
type value string

// kind returns the first byte of the value, '0' for every number, 0 if absent.
func (v value) kind() byte {
	switch {
	case v == "":
		return 0
	case v[0] == '-' || isDigit(v[0]):
		return '0'
	}
	return v[0]
}

// present reports whether v is there and not null.
func (v value) present() bool { return v != "" && v.kind() != 'n' }

// A members says which members of a JSON object are wanted.
type members interface {
	// member returns where the value of the member of this name goes, or nil
	// if nobody reads it.
	member(name []byte) *value
}

// decodeObject decodes data, one JSON object, and returns its text, of which the
// values that it stores are parts.
func decodeObject(data []byte, into members) (string, error) {
	o := object{text: string(data), into: into}
	err := json.Unmarshal(data, &o)
	return o.text, err
}

type object struct {
	text string
	into members
}

var errNotObject = errors.New("not one strict JSON object")

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return errNotObject
	}
	if _, err := dec.ReadToken(); err != nil { // not reached: it is there
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if name, err = unquote(name); err != nil { // not reached: it is valid
			return err
		}
		slot := o.into.member(name)
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if slot != nil {
			end := dec.InputOffset()
			*slot = value(o.text[end-int64(len(v)) : end])
		}
	}
	_, err := dec.ReadToken()
	return err
}

// unquote returns the text of a JSON string. Most hold no escape, and are
// returned without a copy.
func unquote(v jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	return jsontext.AppendUnquote(nil, v)
}

// text returns the text of a JSON string; false if v is none.
func text(v value) (string, bool) {
	if v.kind() != '"' {
		return "", false
	}
	if strings.IndexByte(string(v), '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}

// isText reports whether v is the JSON string want.
func isText(v value, want string) bool {
	s, ok := text(v)
	return ok && s == want
}

// texts returns the elements of a JSON array of strings; false if v is none.
func texts(v value) ([]string, bool) {
	if v.kind() != '[' {
		return nil, false
	}
	list := make([]string, 0, 4)
	for rest := trimSpace(v[1:]); rest[0] != ']'; {
		if rest[0] != '"' {
			return nil, false
		}
		end := stringEnd(rest)
		s, ok := text(rest[:end])
		if !ok { // not reached: it is valid
			return nil, false
		}
		list = append(list, s)
		if rest = trimSpace(rest[end:]); rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
	}
	return list, true
}

// stringEnd returns where the JSON string ends that v begins with; 0 if nowhere.
func stringEnd(v value) int {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

func trimSpace(v value) value { return value(strings.TrimLeft(string(v), " \t\r\n")) }

// finite reports whether a float64 holds every number in v. Where one does not,
// parsers disagree on what they read.
func finite(v value) bool {
	for i := 0; i < len(v); {
		switch {
		case v[i] == '"':
			i += stringEnd(v[i:])
		case v[i] == '-' || isDigit(v[i]):
			number, exponent := i, false
			for i++; i < len(v) && (isDigit(v[i]) || strings.IndexByte("+-.eE", v[i]) >= 0); i++ {
				exponent = exponent || v[i]|0x20 == 'e'
			}
			if exponent || i-number > maxFloatDigits {
				if _, err := strconv.ParseFloat(string(v[number:i]), 64); err != nil {
					return false
				}
			}
		default:
			i++
		}
	}
	return true
}

const maxFloatDigits = 308 // that a float64 holds, whatever they are

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// oneOrMore returns the values of a string or an array of strings (RFC 7519
// §4.1.3); false if v is neither.
func oneOrMore(v value) ([]string, bool) {
	if s, ok := text(v); ok {
		return []string{s}, true
	}
	return texts(v)
}

// scopes returns the values of a space-delimited string (RFC 6749 §3.3) or an
// array of strings, none if v is absent or null; false if it is anything else.
func scopes(v value) ([]string, bool) {
	if !v.present() {
		return nil, true
	}
	if s, ok := text(v); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), true
	}
	return texts(v)
}

const (
	maxNumericDate      = 253402300799 // the end of the year 9999
	maxNumericDateBytes = 64           // ParseFloat misreads numbers of over 800 digits
)

// numericDate returns the time of a NumericDate (RFC 7519 §2): a JSON number of
// seconds since 1970, fractions allowed; false if v is none.
func numericDate(v value) (time.Time, bool) {
	if v.kind() != '0' || len(v) > maxNumericDateBytes {
		return time.Time{}, false
	}
	if s, err := strconv.ParseInt(string(v), 10, 64); err == nil && 0 <= s && s <= maxNumericDate {
		return time.Unix(s, 0).UTC(), true
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f < 0 || f > maxNumericDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(f)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}
