package strict

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHasOneOf(t *testing.T) {
	for v, want := range map[Value]bool{
		"":                               false,
		`"a"`:                            true,
		`"\u0061"`:                       true,
		`"b"`:                            false,
		`"a b"`:                          false,
		`["a"]`:                          true,
		`[ 1 , {"a":["a"]} , "\u0061" ]`: true,
		`[["a"],{"a":"a"},"b"]`:          false,
		`[]`:                             false,
		`{"a":"a"}`:                      false,
		`1`:                              true,
		`1.0`:                            false,
		`-1`:                             false,
		`"1"`:                            true,
		`true`:                           true,
		`false`:                          false,
		`[false,true]`:                   true,
		`[null]`:                         false,
	} {
		assert.Equal(t, want, v.HasOneOf([]string{"a", "1", "true", "null"}), v)
	}
}
