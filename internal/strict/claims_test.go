package strict

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestOneOrMore(t *testing.T) {
	for v, want := range map[Value][]string{
		`""`:            {""},
		`"a b"`:         {"a b"},
		`"\u0061"`:      {"a"},
		`[]`:            {},
		`["a"]`:         {"a"},
		`["a","\"b\""]`: {"a", `"b"`},
	} {
		got, ok := v.OneOrMore()
		assert.True(t, ok, v)
		assert.Equal(t, want, got, v)
	}
	for _, v := range []Value{``, `1`, `true`, `{"a":"a"}`, `["a",1]`, `[["a"]]`} {
		got, ok := v.OneOrMore()
		assert.False(t, ok, v)
		assert.Nil(t, got, v)
	}
}

// Only the space divides scopes, and there may be too many of it.
func TestScopes(t *testing.T) {
	for v, want := range map[Value][]string{
		``:                         nil,
		`""`:                       {},
		`" "`:                      {},
		`"a"`:                      {"a"},
		`" a  b "`:                 {"a", "b"},
		`"a\u0020b"`:               {"a", "b"},
		`"a\tb\nc,d\u00a0e\u2003"`: {"a\tb\nc,d\u00a0e\u2003"},
		`[]`:                       {},
		`["a b","c"]`:              {"a b", "c"},
	} {
		got, ok := v.Scopes()
		assert.True(t, ok, v)
		assert.Equal(t, want, got, v)
	}
	for _, v := range []Value{`1`, `false`, `{}`, `[null]`} {
		got, ok := v.Scopes()
		assert.False(t, ok, v)
		assert.Nil(t, got, v)
	}
}

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
		`["b","b"`:                       false, // no value at all; it ends nevertheless
	} {
		assert.Equal(t, want, v.HasOneOf([]string{"a", "1", "true", "null"}), v)
	}
	assert.False(t, Value(`"a"`).HasOneOf(nil))
}

func TestTime(t *testing.T) {
	for v, want := range map[Value]time.Time{
		`0`:                                   time.Unix(0, 0),
		`-0`:                                  time.Unix(0, 0),
		`1`:                                   time.Unix(1, 0),
		`0.25`:                                time.Unix(0, 250_000_000),
		`1700000000`:                          time.Unix(1_700_000_000, 0),
		`1700000000.5`:                        time.Unix(1_700_000_000, 500_000_000),
		`1.7e9`:                               time.Unix(1_700_000_000, 0),
		`17000000005e-1`:                      time.Unix(1_700_000_000, 500_000_000),
		`1e-999`:                              time.Unix(0, 0),
		`253402300798.75`:                     time.Date(9999, time.December, 31, 23, 59, 58, 750_000_000, time.UTC),
		`253402300799`:                        time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC),
		Value("1." + strings.Repeat("0", 62)): time.Unix(1, 0),
	} {
		got, ok := v.Time()
		assert.True(t, ok, v)
		assert.Equal(t, want.UTC(), got, v)
	}
	for _, v := range []Value{
		``, `null`, `true`, `"1700000000"`, `[1700000000]`, `{}`,
		`-1`, `-0.5`, `-1e-9`,
		`253402300799.5`, `253402300800`, `1e12`, `9223372036854775808`, `1e999`, `-1e999`,
		Value("1." + strings.Repeat("0", 63)), // 65 bytes
	} {
		got, ok := v.Time()
		assert.False(t, ok, v)
		assert.Zero(t, got, v)
	}
}

func TestConfirmation(t *testing.T) {
	for v, want := range map[Value][2]string{
		`{"jkt":"a"}`:                          {"a", ""},
		`{"x5t#S256":"b"}`:                     {"", "b"},
		`{"x5t#S256":"b","jkt":"a"}`:           {"a", "b"},
		`{"j\u006bt":"\u0061"}`:                {"a", ""},
		`{"jkt":"a","x5t#S256":null,"x":null}`: {"a", ""}, // null counts as absent
	} {
		jkt, x5t, ok := v.Confirmation()
		assert.True(t, ok, v)
		assert.Equal(t, want, [2]string{jkt, x5t}, v)
	}
	for _, v := range []Value{
		``, `null`, `"a"`, `["jkt"]`, `{}`,
		`{"jkt":null}`, `{"jkt":""}`, `{"jkt":1}`, `{"jkt":["a"]}`,
		`{"x5t#S256":""}`, `{"x5t#S256":{}}`, `{"x5t":"b"}`, `{"JKT":"a"}`,
		`{"jkt":"a","x5t#S256":""}`, `{"jkt":"a","x5t#S256":1}`,
		`{"jkt":"","x5t#S256":"b"}`, `{"jkt":1,"x5t#S256":"b"}`,
		`{"jkt":"a","kid":"k"}`, `{"kid":"k"}`, `{"jkt":"a","":false}`,
		`{"jkt":"a","jkt":"a"}`, `{"jkt":"a"}x`, `{"jkt":"a"`,
	} {
		jkt, x5t, ok := v.Confirmation()
		assert.False(t, ok, v)
		assert.Empty(t, jkt, v)
		assert.Empty(t, x5t, v)
	}
}
