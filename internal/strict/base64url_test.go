package strict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// IsBase64URL says what the strict decoder does, of every byte at every place,
// except that it knows no line breaks.
func TestIsBase64URL(t *testing.T) {
	assert.True(t, IsBase64URL(""))
	var accepted [10]int
	for length := 1; length < len(accepted); length++ {
		for i := range length {
			for c := range 256 {
				s := strings.Repeat("A", i) + string([]byte{byte(c)}) + strings.Repeat("A", length-i-1)
				_, err := Base64URL.DecodeString(s)
				want := err == nil && c != '\r' && c != '\n'
				if got := IsBase64URL(s); got != want {
					t.Errorf("%q: %t", s, got)
				}
				if want {
					accepted[length]++
				}
			}
		}
	}
	// All 64 digits stand anywhere, except that the last of two carries two bits and
	// the last of three four.
	assert.Equal(t, [10]int{0, 0, 64 + 4, 2*64 + 16, 4 * 64, 0, 5*64 + 4, 6*64 + 16, 8 * 64, 0}, accepted)
}
