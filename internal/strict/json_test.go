package strict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

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
