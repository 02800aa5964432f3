package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/jose"
)

var keyOne, keyTwo = sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func TestRS256(t *testing.T) {
	const input = "header.payload"
	private := keyOne()
	public := &private.PublicKey
	sum := sha256.Sum256([]byte(input))
	digest := jose.RS256.Digest(input)
	require.Equal(t, sum[:], digest)
	sign := func(sign func() ([]byte, error)) []byte {
		signature, err := sign()
		require.NoError(t, err)
		return signature
	}
	good := sign(func() ([]byte, error) { return rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest) })
	require.True(t, jose.RS256.Verify(public, digest, good))
	assert.Equal(t, "RS256", jose.RS256.Name())
	assert.Equal(t, jose.KeyType{Type: "RSA"}, jose.RS256.KeyType())

	long := sha512.Sum512([]byte(input))
	flipped := slices.Clone(good)
	flipped[100] ^= 1
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for _, row := range []struct {
		name      string
		key       crypto.PublicKey
		digest    []byte
		signature []byte
	}{
		{"another key", &keyTwo().PublicKey, digest, good},
		{"another input", public, jose.RS256.Digest(input + "."), good},
		{"no digest", public, nil, good},
		{"a digest of SHA-512", public, long[:], sign(func() ([]byte, error) { return rsa.SignPKCS1v15(nil, private, crypto.SHA512, long[:]) })},
		{"the digest without its name", public, digest, sign(func() ([]byte, error) { return rsa.SignPKCS1v15(nil, private, 0, digest) })},
		{"PSS", public, digest, sign(func() ([]byte, error) { return rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest, nil) })},
		{"no signature", public, digest, nil},
		{"zeros", public, digest, make([]byte, 256)},
		{"a bit changed", public, digest, flipped},
		{"a byte short", public, digest, good[:255]},
		{"a byte more", public, digest, append(slices.Clone(good), 0)},
		{"a zero in front", public, digest, append([]byte{0}, good...)},
		{"no key", nil, digest, good},
		{"a key that is no pointer", *public, digest, good},
		{"a key of another type", &curve.PublicKey, digest, good},
	} {
		assert.False(t, jose.RS256.Verify(row.key, row.digest, row.signature), row.name)
	}
}

func TestSum256(t *testing.T) {
	text := strings.Repeat("0123456789", 1000)
	for _, n := range []int{0, 1, 2<<10 - 1, 2 << 10, 2<<10 + 1, 4 << 10, 4<<10 + 1, len(text)} {
		assert.Equal(t, sha256.Sum256([]byte(text[:n])), jose.Sum256(text[:n]), "%d bytes", n)
	}
	assert.Zero(t, testing.AllocsPerRun(10, func() { jose.Sum256(text[:2<<10]) }), "a usual token")
}
