// Package strict reads what others send (base64url, JSON, and the forms in which
// claims come) in one spelling only, and puts it into errors and logs shortened
// and escaped.
//
// "Strict" means for JSON: names and values as received, names compared byte for
// byte and never given twice, valid UTF-8, and nothing after the end. A parser
// that is laxer than the sender's, or than the next service's, reads another
// document from the same bytes.
package strict

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Value is one JSON value as received, known to be valid; "" if absent. [Object]
// makes none of null: a member that is null counts as absent.
type Value string

// Kind returns the first byte of the value, '0' for every number, 0 if absent.
func (v Value) Kind() byte {
	switch {
	case v == "":
		return 0
	case v[0] == '-' || isDigit(v[0]):
		return '0'
	}
	return v[0]
}

// Members says which members of a JSON object are wanted.
type Members interface {
	// Member returns where the value of the member of this name goes, or nil
	// if nobody reads it. It is called once for each member, also if its value
	// is null, which is not stored.
	Member(name []byte) *Value
}

// Object decodes data, one JSON object, and returns its text, of which the values
// that it stores are parts.
func Object(data []byte, into Members) (string, error) {
	o := object{text: string(data), into: into}
	err := json.Unmarshal(data, &o)
	return o.text, err
}

type object struct {
	text string
	into Members
}

// ErrNotObject is what is wrong with a document that Object refuses, in words
// that repeat nothing of it.
var ErrNotObject = errors.New("not one strict JSON object")

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (o *object) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() != '{' {
		return ErrNotObject
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
		slot := o.into.Member(name)
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if slot != nil && v.Kind() != 'n' {
			end := dec.InputOffset()
			*slot = Value(o.text[end-int64(len(v)) : end])
		}
	}
	_, err := dec.ReadToken()
	return err
}

// unquote returns the text of a JSON string. Most hold no escape, and are
// returned without a copy.
func unquote(v jsontext.Value) ([]byte, error) {
	if !bytes.ContainsRune(v, '\\') {
		return v[1 : len(v)-1], nil
	}
	return jsontext.AppendUnquote(nil, v)
}

// Text returns the text of a JSON string; false if v is none.
func (v Value) Text() (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	if !strings.ContainsRune(string(v), '\\') {
		return string(v[1 : len(v)-1]), true
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}

// Is reports whether v is the JSON string want.
func (v Value) Is(want string) bool {
	s, ok := v.Text()
	return ok && s == want
}

// Texts returns the elements of a JSON array of strings; false if v is none.
func (v Value) Texts() ([]string, bool) {
	if v.Kind() != '[' {
		return nil, false
	}
	list := make([]string, 0, 4)
	for rest := trimSpace(v[1:]); rest[0] != ']'; {
		element, _ := firstString(rest)
		s, ok := element.Text()
		if !ok { // of a number, say: wherever element ends then, it is no string
			return nil, false
		}
		list = append(list, s)
		if rest = trimSpace(rest[len(element):]); rest[0] == ',' {
			rest = trimSpace(rest[1:])
		}
	}
	return list, true
}

// firstString returns the JSON string that v begins with; false if it does not end.
func firstString(v Value) (Value, bool) {
	for i := 1; i < len(v); i++ {
		switch v[i] {
		case '\\':
			i++
		case '"':
			return v[:i+1], true
		}
	}
	return "", false
}

func trimSpace(v Value) Value { return Value(strings.TrimLeft(string(v), " \t\r\n")) }

// Number returns the length of the JSON number that b begins with, whether it has
// an exponent, and whether a float64 holds it. Where none does, parsers disagree on
// what they read.
func Number(b []byte) (length int, exponent, finite bool) {
	for length < len(b) && (isDigit(b[length]) || strings.IndexByte("+-.eE", b[length]) >= 0) {
		exponent = exponent || b[length] == 'e' || b[length] == 'E'
		length++
	}
	if !exponent && length <= maxFloatDigits {
		return length, false, true
	}
	_, err := strconv.ParseFloat(string(b[:length]), 64)
	return length, exponent, !errors.Is(err, strconv.ErrRange)
}

const maxFloatDigits = 308 // that a float64 holds, whatever they are

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
