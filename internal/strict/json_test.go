package strict

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKind(t *testing.T) {
	for v, want := range map[Value]byte{
		``:      0,
		`0`:     '0',
		`9.5`:   '0',
		`-1`:    '0',
		`""`:    '"',
		`"0"`:   '"',
		`true`:  't',
		`false`: 'f',
		`[0]`:   '[',
		`{}`:    '{',
	} {
		assert.Equal(t, want, v.Kind(), v)
	}
	for c := range 256 { // no byte beside the digits passes for a number
		kind := Value([]byte{byte(c)}).Kind()
		assert.Equal(t, strings.IndexByte("-0123456789", byte(c)) >= 0, kind == '0', "%q", c)
	}
}

func TestText(t *testing.T) {
	for v, want := range map[Value]string{
		`""`:                   "",
		`"a"`:                  "a",
		`"\""`:                 `"`,
		`"\n a"`:               "\n a",
		`"a\\"`:                `a\`,
		`"\u00e9\ud83d\ude00"`: "é😀",
		`"é\u0000"`:            "é\x00",
	} {
		text, ok := v.Text()
		assert.True(t, ok, v)
		assert.Equal(t, want, text, v)
		assert.True(t, v.Is(want), v)
		assert.False(t, v.Is(want+"x"), v)
	}
	for _, v := range []Value{``, `1`, `null`, `["a"]`, `{"a":"a"}`, `"\ud800"`, `"\x"`} {
		_, ok := v.Text()
		assert.False(t, ok, v)
		assert.False(t, v.Is(""), v)
	}
}

func TestTexts(t *testing.T) {
	for v, want := range map[Value][]string{
		`[]`:                            {},
		"[ \t\r\n]":                     {},
		`[""]`:                          {""},
		`["","a"]`:                      {"", "a"},
		"[\n\"a\"\t,\r\"b\" , \"c\" ]":  {"a", "b", "c"},
		`["\"","\\","\u0061]",",","["]`: {`"`, `\`, "a]", ",", "["},
		`["a","b","c","d","e","f","g"]`: {"a", "b", "c", "d", "e", "f", "g"},
	} {
		list, ok := v.Texts()
		assert.True(t, ok, v)
		assert.Equal(t, want, list, v)
	}
	for _, v := range []Value{``, `"a"`, `1`, `{}`, `[1]`, `[null]`, `[["a"]]`, `["a",1]`, `[{},"a"]`} {
		list, ok := v.Texts()
		assert.False(t, ok, v)
		assert.Nil(t, list, v)
	}
}

// What stands in most tokens is not copied.
func TestAllocations(t *testing.T) {
	text := `"` + strings.Repeat("x", 100) + `"`
	name, digits := []byte(text), bytes.Repeat([]byte("9"), 308)
	for what, of := range map[string]struct {
		do   func()
		most float64
	}{
		"text without escapes":            {func() { _, _ = Value(text).Text() }, 0},
		"name without escapes":            {func() { _, _ = unquote(name) }, 0},
		"number that every float64 holds": {func() { _, _, _ = Number(digits) }, 0},
		"four texts":                      {func() { _, _ = Value(`["a","b","c","d"]`).Texts() }, 1},
	} {
		assert.LessOrEqual(t, testing.AllocsPerRun(100, of.do), of.most, what)
	}
}

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		number           string
		exponent, finite bool
	}{
		{"1", false, true},
		{"-0.5", false, true},
		{"-0.5e+3", true, true},
		{"1.7976931348623157e308", true, true},
		{"1e309", true, false},
		{"10.0e999", true, false},
		{"9e999", true, false},
		{"-1E309", true, false},
		{"1e-999", true, true},
		{strings.Repeat("9", 308), false, true},
		{"1" + strings.Repeat("0", 308), false, true},
		{strings.Repeat("9", 309), false, false},
		{"0." + strings.Repeat("9", 1000), false, true},
		{"1e", true, true}, // no number at all, which the decoder says
	} {
		for _, behind := range []string{"", ",1", " 1e999", "]", `"1e999"`} {
			length, exponent, finite := Number([]byte(test.number + behind))
			require.Equal(t, len(test.number), length, "%.20s", test.number)
			require.Equal(t, test.exponent, exponent, "%.20s", test.number)
			require.Equal(t, test.finite, finite, "%.20s", test.number)
		}
	}
}
