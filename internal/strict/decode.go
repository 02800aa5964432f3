package strict

import (
	"errors"

	"github.com/go-json-experiment/json"
)

// A DecodeError is that of decoding into what the caller gave. It hides the text
// of its cause, which may repeat the value.
type DecodeError struct {
	What  string // begins the text: "jwtverifier: decoding claims"
	Cause error
}

func (e *DecodeError) Error() string {
	said := e.What
	if s, ok := errors.AsType[*json.SemanticError](e.Cause); ok && s.GoType != nil {
		for name := range s.JSONPointer.Tokens() {
			said += ": " + Quote(name, maxNameText)
			break
		}
		said += ": does not fit Go type " + Cut(s.GoType.String(), maxNameText)
	}
	return said
}

func (e *DecodeError) Unwrap() error { return e.Cause }

const maxNameText = 80 // of a member or a type
