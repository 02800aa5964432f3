package jwtverifier

import (
	"errors"
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
		require.Equal(t, test.cut, cut(test.text, 8), "cut %q", test.text)
		require.Equal(t, test.quoted, quote(test.text, 8), "quote %q", test.text)
		require.Equal(t, test.oneLine, oneLine(test.text, 8), "oneLine %q", test.text)
	}
}

func TestFetchErrorText(t *testing.T) {
	cause := errors.New("broken")
	for _, test := range []struct {
		status int
		err    error
		want   string
	}{
		{0, nil, `GET "https://h/"`},
		{0, cause, `GET "https://h/": broken`},
		{200, nil, `GET "https://h/": status 200`},
		{200, cause, `GET "https://h/": broken`},
		{302, cause, `GET "https://h/": status 302: broken`},
		{404, nil, `GET "https://h/": status 404`},
	} {
		require.EqualError(t, &FetchError{URL: "https://h/", StatusCode: test.status, Err: test.err}, test.want)
	}
}
