package strict

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errPicky = errors.New("no SECRET is good enough")

type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return errPicky }

func TestDecodeErrorRepeatsNoValue(t *testing.T) {
	const document = `{"n":123456789,"at":"1970-SECRET","in":{"SECRET":"s"}}`
	for name, row := range map[string]struct {
		dst    any
		want   string
		goType string // of the json.SemanticError below
	}{
		"too large": {
			dst: &struct {
				N int8 `json:"n"`
			}{},
			want:   `decoding claims: "n": does not fit Go type int8`,
			goType: "int8",
		},
		"no time": {
			dst: &struct {
				At time.Time `json:"at"`
			}{},
			want:   `decoding claims: "at": does not fit Go type time.Time`,
			goType: "time.Time",
		},
		"a member's member": { // a name may be as secret as a value
			dst: &struct {
				In struct{ SECRET int } `json:"in"`
			}{},
			want:   `decoding claims: "in": does not fit Go type int`,
			goType: "int",
		},
		"refused by the type": {
			dst: &struct {
				At picky `json:"at"`
			}{},
			want:   `decoding claims: "at": does not fit Go type strict.picky`,
			goType: "strict.picky",
		},
		"not a pointer": {
			dst:    1,
			want:   "decoding claims: does not fit Go type int",
			goType: "int",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cause := json.Unmarshal([]byte(document), row.dst)
			require.Error(t, cause)
			err := DecodeError("decoding claims", cause)
			assert.EqualError(t, err, row.want)
			assert.Equal(t, errors.Is(cause, errPicky), errors.Is(err, errPicky))
			semantic, ok := errors.AsType[*json.SemanticError](err)
			require.True(t, ok)
			assert.Equal(t, row.goType, semantic.GoType.String())
			for e := err; e != nil; e = errors.Unwrap(e) {
				for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
					assert.NotContains(t, fmt.Sprintf(verb, e), "SECRET")
					assert.NotContains(t, fmt.Sprintf(verb, e), "123456789")
				}
			}
		})
	}
	err := DecodeError("decoding claims", errPicky)
	assert.EqualError(t, err, "decoding claims")
	assert.ErrorIs(t, err, errPicky)
	assert.NoError(t, errors.Unwrap(err))
}

// A name, and a type, may be 80 bytes long.
func TestDecodeErrorIsLimited(t *testing.T) {
	fits := strings.Repeat("n", 80-len(`""`))
	typeOf := func(length int) reflect.Type {
		name := strings.Repeat("N", length-len("struct { int }")-len(" "))
		return reflect.StructOf([]reflect.StructField{{Name: name, Type: reflect.TypeFor[int]()}})
	}
	for _, row := range []struct {
		member string
		goType reflect.Type
		want   string
	}{
		{fits, typeOf(80), `decoding: "` + fits + `": does not fit Go type ` + typeOf(80).String()},
		{fits + "n", typeOf(81), `decoding: "` + fits[:75] + `...": does not fit Go type ` + typeOf(81).String()[:77] + "..."},
		{"a\n", reflect.TypeFor[int](), `decoding: "a\n": does not fit Go type int`},
	} {
		pointer := jsontext.Pointer("").AppendToken(row.member).AppendToken("below")
		err := DecodeError("decoding", &json.SemanticError{JSONPointer: pointer, GoType: row.goType})
		assert.EqualError(t, err, row.want)
	}
	assert.EqualError(t, DecodeError("decoding", &json.SemanticError{JSONPointer: "/a"}), "decoding")
}
