package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
