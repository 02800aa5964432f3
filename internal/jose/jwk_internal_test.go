package jose

import (
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/strict"
)

// numbers returns the JWK of a modulus of 2,048 bits and the exponent 65537.
func numbers(tb testing.TB) (*JWK, *rsa.PublicKey) {
	tb.Helper()
	public := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(12345), 2047, 1), E: 65537}
	k := &JWK{}
	_, err := strict.Object(fmt.Appendf(nil, `{"n":%q,"e":"AQAB"}`, base64.RawURLEncoding.EncodeToString(public.N.Bytes())), k)
	require.NoError(tb, err)
	return k, public
}

// Whatever the function that makes keys of JWKs returns, a key is used only if it
// has the numbers of the JWK, and nobody else can change it.
func TestMadeKeysAreNotTrusted(t *testing.T) {
	jwk, want := numbers(t)
	two := big.NewInt(2)
	for _, row := range []struct {
		name string
		make func(n, e []byte) (*rsa.PublicKey, error)
	}{
		{"an error", func(_, _ []byte) (*rsa.PublicKey, error) { return want, errors.New("no") }},
		{"nothing", func(_, _ []byte) (*rsa.PublicKey, error) { return nil, nil }},
		{"a key without numbers", func(_, _ []byte) (*rsa.PublicKey, error) { return &rsa.PublicKey{}, nil }},
		{"a key without n", func(_, _ []byte) (*rsa.PublicKey, error) { return &rsa.PublicKey{E: want.E}, nil }},
		{"n changed", func(_, _ []byte) (*rsa.PublicKey, error) {
			return &rsa.PublicKey{N: new(big.Int).Add(want.N, two), E: want.E}, nil
		}},
		{"n negative", func(_, _ []byte) (*rsa.PublicKey, error) {
			return &rsa.PublicKey{N: new(big.Int).Neg(want.N), E: want.E}, nil
		}},
		{"e changed", func(_, _ []byte) (*rsa.PublicKey, error) { return &rsa.PublicKey{N: want.N, E: want.E + 2}, nil }},
		{"a panic", func(_, _ []byte) (*rsa.PublicKey, error) { panic("evil") }},
		{"a panic with nil", func(_, _ []byte) (*rsa.PublicKey, error) { panic(nil) }},
	} {
		public, err := jwk.rsa(row.make)
		assert.EqualError(t, err, "not a key", row.name)
		assert.Nil(t, public, row.name)
	}

	var kept *rsa.PublicKey
	public, err := jwk.rsa(func(n, e []byte) (*rsa.PublicKey, error) {
		kept = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		return kept, nil
	})
	require.NoError(t, err)
	kept.E = 3
	kept.N.SetBit(kept.N, 5, 1-kept.N.Bit(5))
	clear(kept.N.Bits())
	assert.Equal(t, want, public)
}
