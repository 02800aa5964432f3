package jwtverifier

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// All JSON is read here, and strictly: names and values as received, names
// compared byte for byte and never given twice, valid UTF-8, and nothing after
// the end.

// A members says which members of a JSON object are wanted.
type members interface {
	// member returns where the raw value of the member of this name goes, or
	// nil if nobody reads it.
	member(name []byte) *jsontext.Value
}

// decodeObject decodes data, one JSON object. The values it stores are parts of
// data.
func decodeObject(data []byte, into members) error {
	return json.Unmarshal(data, &object{data: data, into: into})
}

type object struct {
	data []byte
	into members

	// finite also refuses numbers that no float64 holds, where nobody reads
	// them. Parsers disagree on what such a number is.
	finite bool
}

var errNotObject = errors.New("not one strict JSON object")

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return errNotObject
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if name, err = unquote(name); err != nil {
			return err
		}
		slot := o.into.member(name)
		if slot == nil {
			if err := o.skip(dec); err != nil {
				return err
			}
			continue
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		end := dec.InputOffset()
		*slot = o.data[end-int64(len(value)) : end]
	}
	_, err := dec.ReadToken()
	return err
}

func (o *object) skip(dec *jsontext.Decoder) error {
	if o.finite {
		var value any
		return json.UnmarshalDecode(dec, &value)
	}
	return dec.SkipValue()
}

// unquote returns the text of a JSON string that the decoder has accepted. Most
// hold no escape, and are returned without a copy.
func unquote(v jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	return jsontext.AppendUnquote(nil, v)
}

// text returns the value of a JSON string; false if v is none.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	s, err := unquote(v)
	return string(s), err == nil
}

// isText reports whether v is the JSON string want.
func isText(v jsontext.Value, want string) bool {
	if v.Kind() != '"' {
		return false
	}
	s, err := unquote(v)
	return err == nil && string(s) == want
}

// present reports whether v is there and not null.
func present(v jsontext.Value) bool { return v != nil && v.Kind() != 'n' }

// texts returns the elements of a JSON array of strings; false if v is none.
func texts(v jsontext.Value) ([]string, bool) {
	if v.Kind() != '[' {
		return nil, false
	}
	var list textArray
	if json.Unmarshal(v, &list) != nil {
		return nil, false
	}
	return list, true
}

// A textArray refuses the null that a []string would take for "".
type textArray []string

var errNotText = errors.New("not a JSON string")

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (a *textArray) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	*a = textArray{}
	for dec.PeekKind() != ']' {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if token.Kind() != '"' {
			return errNotText
		}
		*a = append(*a, token.String())
	}
	_, err := dec.ReadToken()
	return err
}

// oneOrMore returns the values of a string or an array of strings (RFC 7519
// §4.1.3); false if v is neither.
func oneOrMore(v jsontext.Value) ([]string, bool) {
	if s, ok := text(v); ok {
		return []string{s}, true
	}
	return texts(v)
}

// scopes returns the values of a space-delimited string (RFC 6749 §3.3) or an
// array of strings, none if v is absent or null; false if it is anything else.
func scopes(v jsontext.Value) ([]string, bool) {
	if !present(v) {
		return nil, true
	}
	if s, ok := text(v); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), true
	}
	return texts(v)
}

// maxNumericDate is the end of the year 9999.
const maxNumericDate = 253402300799

// numericDate returns the time of a NumericDate (RFC 7519 §2): a JSON number of
// seconds since 1970, fractions allowed; false if v is none.
func numericDate(v jsontext.Value) (time.Time, bool) {
	if v.Kind() != '0' {
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
