package jwtverifier_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// Another package of the program can replace what jwx registers, even before this
// one is initialised. It gets no token accepted by that, and none refused.
func TestOtherPackagesCannotReplaceRS256(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/hostilejwx")))
	newModule(t, dir, "a.example")
	require.Equal(t, `jwx, of nothing: <nil>
good: <nil>
256 zero bytes: jwtverifier: signature does not match
a zero byte: jwtverifier: signature does not match
`, goCommand(t, dir, "run", "."))
}

// A long token is hashed once, however many keys are tried: it costs most of what
// a bad signature costs. Not parallel: it counts allocations, and only the hash of
// a long token has one more.
func TestDigestOncePerToken(t *testing.T) {
	issuer := jwtverifiertest.New("")
	one := issuer.JWKS()
	for range 3 {
		issuer.PublishKey()
	}
	four := issuer.JWKS()
	for i := range 5 {
		four = bytes.ReplaceAll(four, []byte{'k', 'e', 'y', '-', byte('0' + i)}, []byte("key-1"))
	}
	allocations := func(jwks []byte, raw string) float64 {
		v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithStaticKeys(jwks))
		require.NoError(t, err)
		_, err = v.VerifyAccessToken(t.Context(), raw)
		requireReason(t, err, jwtverifier.ErrSignature)
		return testing.AllocsPerRun(100, func() { _, _ = v.VerifyAccessToken(t.Context(), raw) })
	}
	unsigned := func(padding int) string {
		raw := issuer.AccessToken(values{"pad": strings.Repeat("p", padding)})
		return raw[:strings.LastIndexByte(raw, '.')+1]
	}
	// Below every modulus: a number that is not costs less.
	wrong := base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 255)...))
	short, long := unsigned(0)+wrong, unsigned(40<<10)+wrong
	ofThree := allocations(four, short) - allocations(one, short)
	assert.Positive(t, ofThree, "four keys are tried")
	assert.InDelta(t, ofThree, allocations(four, long)-allocations(one, long), 2, "hashing three times more is 3; under the race detector pools forget at random")
}

// A kid that is empty in the JWK is none: the key serves tokens without kid.
func TestEmptyKeyID(t *testing.T) {
	issuer := jwtverifiertest.New("")
	for _, kid := range []string{`null`, `""`, `[]`} {
		jwks := bytes.Replace(issuer.JWKS(), []byte(`"kid":"key-1"`), []byte(`"kid":`+kid), 1)
		v := newVerifier(t, issuer, jwtverifier.WithStaticKeys(jwks))
		require.Equal(t, []string{""}, v.Status().KeyIDs, kid)
		_, err := v.VerifyAccessToken(t.Context(), issuer.Token(values{"kid": jwtverifiertest.Absent}, issuer.AccessTokenClaims()))
		require.NoError(t, err, kid)
	}
}
