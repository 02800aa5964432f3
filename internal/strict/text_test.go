package strict

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitedTexts(t *testing.T) {
	for _, test := range []struct{ text, cut, quoted, oneLine string }{
		{"", "", `""`, ""},
		{"abcdef", "abcdef", `"abcdef"`, "abcdef"},
		{"abcdefg", "abcdefg", `"abc..."`, "abcdefg"},
		{"abcdefgh", "abcdefgh", `"abc..."`, "abcdefgh"},
		{"abcdefghi", "abcde...", `"abc..."`, "abcde..."},
		{"a\"b\n\x00", "a\"b\n\x00", `"a\"..."`, `a"b\n...`},
	} {
		require.Equal(t, test.cut, Cut(test.text, 8), "Cut %q", test.text)
		require.Equal(t, test.quoted, Quote(test.text, 8), "Quote %q", test.text)
		require.Equal(t, test.oneLine, OneLine(test.text, 8), "OneLine %q", test.text)
	}
}

// What is left out is shown, whatever s is escaped to.
func TestLimits(t *testing.T) {
	for _, s := range []string{"x", "\"", `\`, "\n", "é", "😀", "\xff", "ab\"😀"} {
		for limit := 4; limit < 40; limit++ {
			for n := range 40 {
				text := strings.Repeat(s, n)
				escaped := strconv.QuoteToASCII(text)
				plain := strings.ReplaceAll(escaped[1:len(escaped)-1], `\"`, `"`)
				for _, pair := range []struct{ got, whole, end string }{
					{Cut(text, limit), text, "..."},
					{Quote(text, limit), escaped, `..."`},
					{OneLine(text, limit), plain, "..."},
					{QuoteList([]string{text}, limit), escaped, "..."},
				} {
					if len(pair.whole) > limit {
						pair.whole = pair.whole[:limit-len(pair.end)] + pair.end
					}
					require.Equal(t, pair.whole, pair.got, "%q at %d", text, limit)
				}
			}
		}
	}
}

func TestQuoteList(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, `""`},
		{[]string{"a"}, `"a"`},
		{[]string{"a", "é"}, `"a", "\u00e9"`},
		{[]string{"a", "b", "cd"}, `"a", "b", "cd"`},
		{[]string{"a", "b", "cde"}, `"a", "b", "...`},
	} {
		require.Equal(t, test.want, QuoteList(test.values, 14))
	}
}
