package strict

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Each byte counts, wherever it stands.
func TestUnion(t *testing.T) {
	table := [256]byte{'a': 1, 'b': 2, 0: 4, 255: 8}
	assert.Zero(t, Union(&table, ""))
	assert.Equal(t, byte(15), Union(&table, "ab\x00\xff"))
	for length := range 40 {
		assert.Zero(t, Union(&table, strings.Repeat("x", length)))
		for i := range length {
			s := strings.Repeat("x", i) + "b" + strings.Repeat("x", length-i-1)
			assert.Equal(t, byte(2), Union(&table, s), s)
		}
	}
}
