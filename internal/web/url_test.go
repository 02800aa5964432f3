package web

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// urlRows are what both kinds of URL have in common.
var urlRows = []struct {
	raw      string
	insecure bool
	want     string // the whole text of the error; "": there is none
}{
	{raw: "https://h"},
	{raw: "https://h/"},
	{raw: "https://h:8443/a//b"},
	{raw: "HTTPS://H.example/%41%25"},
	{raw: "https://[::1]:8443"},
	{raw: "https://h/~!*'(),;:$&+=@"},
	{raw: "https://h", insecure: true},
	{raw: "https://h/" + strings.Repeat("a", 2048-len("https://h/"))},
	{raw: "http://localhost:8080/realms/x"},
	{raw: "HTTP://LOCALHOST"},
	{raw: "http://127.9.9.9"},
	{raw: "http://[::1]"},
	{raw: "http://localhost", insecure: true},
	{raw: "http://h", insecure: true},
	{raw: "http://10.0.0.1", insecure: true},

	{raw: "", want: "is not an absolute URL"},
	{raw: "h", want: "is not an absolute URL"},
	{raw: "/h", want: "is not an absolute URL"},
	{raw: "//h", want: "is not https"},
	{raw: "https:h", want: "is not an absolute URL"},
	{raw: "https://", want: "is not an absolute URL"},
	{raw: "https://:443", want: "is not an absolute URL"},
	{raw: "https://h:port", want: "is not an absolute URL"},
	{raw: "https://[::1", want: "is not an absolute URL"},
	{raw: "https://h/%4", want: "is not an absolute URL"},
	{raw: "https://u@h", want: "has a user name"},
	{raw: "https://u:p@h", want: "has a user name"},
	{raw: "https://@h", want: "has a user name"},
	{raw: "https://h#", want: "has a fragment"},
	{raw: "https://h/#a", want: "has a fragment"},
	{raw: "http://h", want: "is http and not of a loopback host: WithInsecureHTTP"},
	{raw: "http://localhost.evil.example", want: "is http and not of a loopback host: WithInsecureHTTP"},
	{raw: "http://128.0.0.1", want: "is http and not of a loopback host: WithInsecureHTTP"},
	{raw: "ftp://h", want: "is not https"},
	{raw: "ftp://localhost", want: "is not https"},
	{raw: "ftp://h", insecure: true, want: "is not https"},
	{raw: "file:///etc/passwd", insecure: true, want: "is not an absolute URL"},
	{raw: "https://h/" + strings.Repeat("a", 2049-len("https://h/")), want: "is longer than 2048 bytes"},
}

// requireRefusal requires that err has this text, or that there is none.
func requireRefusal(t *testing.T, want string, err error, raw string) {
	t.Helper()
	if want == "" {
		require.NoError(t, err, "%q", raw)
		return
	}
	require.EqualError(t, err, want, "%q", raw)
}

func TestCheckURL(t *testing.T) {
	for _, row := range urlRows {
		requireRefusal(t, row.want, CheckURL(row.raw, row.insecure), row.raw)
	}
	// What an issuer identifier must not have.
	for _, raw := range []string{"https://h?", "https://h/?a=b%20c", "https://h/a/../b", "https://[fe80::1%25eth0]/"} {
		requireRefusal(t, "", CheckURL(raw, false), raw)
	}
}

func TestCheckIssuer(t *testing.T) {
	for _, row := range urlRows {
		requireRefusal(t, row.want, CheckIssuer(row.raw, row.insecure), row.raw)
	}
	for _, row := range []struct{ issuer, want string }{
		{"https://h/...", ""},
		{"https://h/.a/b./..c/d..", ""},
		{"https://h/%2e%2e%2e", ""},
		{"https://h/a%5Bb", ""},
		{"https://[::1]/%24", ""},

		{" https://h", "has a character that no URL has"},
		{"https://h/a b", "has a character that no URL has"},
		{"https://h/\x1f", "has a character that no URL has"},
		{"https://h/\x00", "has a character that no URL has"},
		{"https://h\n", "has a character that no URL has"},
		{"https://h/\x7f", "has a character that no URL has"},
		{`https://h\evil`, "has a character that no URL has"},
		{"https://b\u00fccher.example", "has a character that no URL has"},
		{"https://h/\xff", "has a character that no URL has"},
		{"https://h?", "has a query"},
		{"https://h/?a=b", "has a query"},
		{"https://.", "has a dot segment"},
		{"https://h/.", "has a dot segment"},
		{"https://h/..", "has a dot segment"},
		{"https://h/./b", "has a dot segment"},
		{"https://h/a/../b", "has a dot segment"},
		{"https://h/a/%2e%2E/b", "has a dot segment"},
		{"https://h/.%2e", "has a dot segment"},
		{"https://h/%2E", "has a dot segment"},
		{"https://[fe80::1%25eth0]", "has an IPv6 zone"},
	} {
		requireRefusal(t, row.want, CheckIssuer(row.issuer, false), row.issuer)
		requireRefusal(t, row.want, CheckIssuer(row.issuer, true), row.issuer)
	}
}

func TestIsHTTPS(t *testing.T) {
	for u, want := range map[string]bool{
		"https://h":               true,
		"HTTPS://h":               true,
		"http://h":                false,
		"HTTP://h":                false,
		"http://h/?u=https://h":   false,
		"http://localhost/https:": false,
	} {
		require.NoError(t, CheckURL(u, true), "%q", u)
		require.Equal(t, want, IsHTTPS(u), "%q", u)
	}
}

func TestIsInsecure(t *testing.T) {
	for u, want := range map[string]bool{
		"http://h":                true,
		"HTTP://h:8080/a":         true,
		"http://128.0.0.1":        true,
		"http://localhost.evil":   true,
		"http://localhost":        false,
		"HTTP://LocalHost:8080/a": false,
		"http://127.0.0.1:80":     false,
		"http://[::1]":            false,
		"https://h":               false,
		"https://localhost":       false,
	} {
		require.NoError(t, CheckURL(u, true), "%q", u)
		require.Equal(t, want, IsInsecure(u), "%q", u)
	}
	require.False(t, IsInsecure("http://[::1"), "no URL, from which nothing is fetched")
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost":         true,
		"LOCALHOST":         true,
		"LocalHost":         true,
		"127.0.0.1":         true,
		"127.255.255.254":   true,
		"::1":               true,
		"::ffff:127.0.0.1":  true,
		"":                  false,
		"localhoſt":         false, // U+017F folds to s
		"localhost.":        false,
		"localhost.example": false,
		"a.localhost":       false,
		"127.0.0.1.example": false,
		"127.1":             false,
		"128.0.0.1":         false,
		"::2":               false,
		"0.0.0.0":           false,
	} {
		require.Equal(t, want, IsLoopback(host), "%q", host)
	}
}
