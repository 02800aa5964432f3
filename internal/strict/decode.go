package strict

import (
	"errors"
	"reflect"

	"github.com/go-json-experiment/json"
)

// DecodeError returns the error of decoding into dst, whose type the caller chose. Its
// text begins with what was done, "jwtverifier: decoding claims". It names the type
// that does not fit, and the member of the whole object, and repeats no value. What
// errors.As finds in it is a [json.SemanticError] that has no more than that either;
// errors.Is finds everything that is in cause.
func DecodeError(what string, dst any, cause error) error {
	e := &decodeError{text: what, is: func(target error) bool { return errors.Is(cause, target) }}
	s, ok := errors.AsType[*json.SemanticError](cause)
	if !ok {
		return e
	}
	e.public = &json.SemanticError{GoType: s.GoType}
	if v := reflect.ValueOf(dst); v.Kind() != reflect.Pointer || v.IsNil() {
		// A mistake in the call, whatever was decoded: to name a type would mislead.
		e.text += ": dst is not a non-nil pointer"
		return e
	}
	if s.GoType != nil {
		for name := range s.JSONPointer.Tokens() {
			e.text += ": " + Quote(name, maxNameText)
			break // the names below may be data
		}
		e.text += ": does not fit Go type " + Cut(s.GoType.String(), maxNameText)
	}
	return e
}

// A decodeError does not hold its cause: the values in it would be printed.
type decodeError struct {
	text   string
	is     func(target error) bool
	public error // the part of the cause that repeats nothing, or nil
}

func (e *decodeError) Error() string { return e.text }

// Is implements errors.Is.
func (e *decodeError) Is(target error) bool { return e.is(target) }

// Unwrap returns the part of the cause that repeats nothing.
func (e *decodeError) Unwrap() error { return e.public }

const maxNameText = 80 // of a member or a type
