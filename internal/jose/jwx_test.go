package jose_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A program that is built with the tag links no module that this one is meant to
// do without; without the tag, jwx makes the keys.
func TestBuildTag(t *testing.T) {
	linked := func(tags string) string {
		output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, "example.com/jwtverifier").Output()
		require.NoError(t, err)
		require.Contains(t, string(output), "example.com/jwtverifier/internal/jose\n")
		return string(output)
	}
	assert.NotContains(t, linked("jwtverifier_nojwx"), "lestrrat")
	assert.Contains(t, linked(""), "github.com/lestrrat-go/jwx/v2/jwk\n")
	assert.NotContains(t, linked(""), "github.com/lestrrat-go/jwx/v2/jws\n", "it verifies nothing")
}
