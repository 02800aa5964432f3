package strict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestObject: what is stored is the value as received, and null is not.
func TestObject(t *testing.T) {
	for document, want := range map[string]Value{
		`{"a":null}`:         "",
		`{"a":"null"}`:       `"null"`,
		`{"a": [null] }`:     `[null]`,
		`{"a":""}`:           `""`,
		`{"a":false}`:        `false`,
		`{"a":0}`:            `0`,
		`{}`:                 "",
		`{"A":1}`:            "",
		`{"\u0061" : {} }`:   `{}`,
		`{"b":{"a":1}}`:      "",
		`{"b":null,"a":1e3}`: `1e3`,
	} {
		var m oneMember
		text, err := Object([]byte(document), &m)
		require.NoError(t, err, document)
		assert.Equal(t, document, text)
		assert.Equal(t, want, m.a, document)
	}
	for _, document := range []string{``, `null`, `[]`, `{`, `{"a`, `{a:1}`, `{"a"`, `{"a"}`, `{"a",}`, `{"a":`, `{"a":}`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":nul}`, `{"a":nul,"b":1}`, `{"a" 1}`, `{"a":null,"a":1}`, `{"a":1,"\u0061":null}`, `{"a":null}x`, "{\"a\":\"\xff\"}"} {
		_, err := Object([]byte(document), &oneMember{})
		require.Error(t, err, document)
	}
	for _, document := range []string{`null`, `[]`, `[{"a":1}]`, `"a"`, `1`, `true`} {
		_, err := Object([]byte(document), &oneMember{})
		require.ErrorIs(t, err, ErrNotObject, document)
	}
}

type oneMember struct{ a Value }

func (m *oneMember) Member(name []byte) *Value {
	if string(name) == "a" {
		return &m.a
	}
	return nil
}
