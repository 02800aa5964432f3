package strict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFinite(t *testing.T) {
	for v, want := range map[Value]bool{
		"1":                                   true,
		"-0.5e+3":                             true,
		"1.7976931348623157e308":              true,
		"1e309":                               false,
		"10.0e999":                            false,
		"9e999":                               false,
		"-1E309":                              false,
		"1e-999":                              true,
		Value(strings.Repeat("9", 308)):       true,
		Value("1" + strings.Repeat("0", 308)): true,
		Value(strings.Repeat("9", 309)):       false,
		`"1e999"`:                             true,
		`["\"1e999",{"1e999":1}]`:             true,
		`["",1e999]`:                          false,
		`{"a":[true,null,1e999]}`:             false,
	} {
		require.Equal(t, want, v.Finite(), "%.20s", v)
	}
}
