package strict

import (
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
