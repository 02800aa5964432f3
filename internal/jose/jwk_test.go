package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
)

// entryOf returns a JWK with these members and no others.
func entryOf(members map[string]any) []byte {
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return text
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// readRSA reads a JWK and makes its key.
func readRSA(tb testing.TB, entry []byte) (*rsa.PublicKey, error) {
	tb.Helper()
	public, err := readKey(tb, entry)
	if err != nil {
		require.Nil(tb, public)
		return nil, err
	}
	return public.(*rsa.PublicKey), nil
}

// readKey reads a JWK and makes its key.
func readKey(tb testing.TB, entry []byte) (crypto.PublicKey, error) {
	tb.Helper()
	k, err := jose.ReadJWK(entry)
	require.NoError(tb, err)
	return k.PublicKey()
}

func TestReadJWK(t *testing.T) {
	k, err := jose.ReadJWK([]byte(`{"kty":"RSA","crv":"x","use":"sig","alg":"RS256","key_ops":["verify"],"kid":"k","x5c":["x"]}`))
	require.NoError(t, err)
	assert.Equal(t, strict.Value(`"RSA"`), k.KeyType)
	assert.Equal(t, strict.Value(`"x"`), k.Curve)
	assert.Equal(t, strict.Value(`"sig"`), k.Use)
	assert.Equal(t, strict.Value(`"RS256"`), k.Algorithm)
	assert.Equal(t, strict.Value(`["verify"]`), k.Operations)
	assert.Equal(t, strict.Value(`"k"`), k.ID)
	assert.False(t, k.Private())

	for _, entry := range []string{``, `null`, `[]`, `"x"`, `{`, `{}{}`, `{"kty":"RSA","kty":"RSA"}`, "{\"kid\":\"\xff\"}"} {
		k, err := jose.ReadJWK([]byte(entry))
		assert.ErrorIs(t, err, strict.ErrNotObject, entry)
		assert.Nil(t, k, entry)
	}
}

// null, "" and [] are the same as no member, and nothing else is.
func TestReadJWKEmptyMembers(t *testing.T) {
	members := map[string]func(*jose.JWK) bool{ // whether it is there
		"kty":     func(k *jose.JWK) bool { return k.KeyType != "" },
		"crv":     func(k *jose.JWK) bool { return k.Curve != "" },
		"use":     func(k *jose.JWK) bool { return k.Use != "" },
		"alg":     func(k *jose.JWK) bool { return k.Algorithm != "" },
		"key_ops": func(k *jose.JWK) bool { return k.Operations != "" },
		"kid":     func(k *jose.JWK) bool { return k.ID != "" },
	}
	private := []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
	for _, name := range private {
		members[name] = (*jose.JWK).Private
	}
	values := map[string]bool{
		`null`: false, `""`: false, `[]`: false, `[ ]`: false, "[\n\t\r ]": false,
		`" "`: true, `"null"`: true, `[""]`: true, `[null]`: true, `[[]]`: true, `[0]`: true, `["a"]`: true, `{}`: true, `0`: true, `false`: true, `"AQAB"`: true,
	}
	for name, present := range members {
		for value, want := range values {
			k, err := jose.ReadJWK([]byte(`{"` + name + `": ` + value + ` }`))
			require.NoError(t, err)
			assert.Equal(t, want, present(k), "%s: %s", name, value)
		}
	}
	// An empty one hides none that is there, whatever the order.
	for _, name := range private {
		for _, other := range private {
			if name == other {
				continue
			}
			for _, members := range []string{`"` + name + `":"AQAB","` + other + `":[]`, `"` + other + `":null,"` + name + `":"AQAB"`} {
				k, err := jose.ReadJWK([]byte(`{` + members + `}`))
				require.NoError(t, err)
				assert.True(t, k.Private(), members)
			}
		}
	}
}

func TestRSABounds(t *testing.T) {
	one := big.NewInt(1)
	power := func(n uint) *big.Int { return new(big.Int).Lsh(one, n) }
	plus := func(n *big.Int, i int64) *big.Int { return new(big.Int).Add(n, big.NewInt(i)) }
	e := []byte{1, 0, 1}
	n := plus(power(2047), 1).Bytes()
	padded := func(zeros int, b []byte) []byte { return append(make([]byte, zeros), b...) }
	for _, row := range []struct {
		name string
		n, e []byte
		want string // what is wrong; "": nothing
	}{
		{"n of 2,047 bits", plus(power(2047), -1).Bytes(), e, "n has 2047 bits, want 2048 to 8192"},
		{"n of 2,047 bits and a zero byte", padded(1, plus(power(2047), -1).Bytes()), e, "n has 2047 bits, want 2048 to 8192"},
		{"n of 2,048 bits", n, e, ""},
		{"n of 2,048 bits and a thousand zero bytes", padded(1000, n), e, ""},
		{"n of 8,192 bits", plus(power(8192), -1).Bytes(), e, ""},
		{"n of 8,193 bits", plus(power(8192), 1).Bytes(), e, "n has 8193 bits, want 2048 to 8192"},
		{"n of 1,000,001 bits", plus(power(1_000_000), 1).Bytes(), e, "n has 1000001 bits, want 2048 to 8192"},
		{"n even", power(2047).Bytes(), e, "n is not odd"},
		{"n one", []byte{1}, e, "n has 1 bits, want 2048 to 8192"},
		{"n zero", []byte{0}, e, "n is not odd"},
		{"n of many zeros", make([]byte, 256), e, "n is not odd"},
		{"e zero", n, []byte{0}, "e is not odd and from 3 to 2^31-1"},
		{"e one", n, []byte{1}, "e is not odd and from 3 to 2^31-1"},
		{"e one in four bytes", n, []byte{0, 0, 0, 1}, "e is not odd and from 3 to 2^31-1"},
		{"e two", n, []byte{2}, "e is not odd and from 3 to 2^31-1"},
		{"e three", n, []byte{3}, ""},
		{"e three in four bytes", n, []byte{0, 0, 0, 3}, ""},
		{"e three in five bytes", n, []byte{0, 0, 0, 0, 3}, "e is longer than 4 bytes"},
		{"e four", n, []byte{4}, "e is not odd and from 3 to 2^31-1"},
		{"e 2^31-1", n, plus(power(31), -1).Bytes(), ""},
		{"e 2^31+1", n, plus(power(31), 1).Bytes(), "e is not odd and from 3 to 2^31-1"},
		{"e 2^32-1", n, plus(power(32), -1).Bytes(), "e is not odd and from 3 to 2^31-1"},
		{"e 2^32+3", n, plus(power(32), 3).Bytes(), "e is longer than 4 bytes"},
	} {
		public, err := readRSA(t, entryOf(map[string]any{"kty": "RSA", "n": base64url(row.n), "e": base64url(row.e)}))
		if row.want != "" {
			assert.EqualError(t, err, row.want, row.name)
			assert.Nil(t, public, row.name)
			continue
		}
		if assert.NoError(t, err, row.name) {
			assert.Zero(t, public.N.Cmp(new(big.Int).SetBytes(row.n)), row.name)
			assert.Equal(t, new(big.Int).SetBytes(row.e).Int64(), int64(public.E), row.name)
		}
	}
}

func TestPublicKey(t *testing.T) {
	one := big.NewInt(1)
	power := func(n uint) *big.Int { return new(big.Int).Lsh(one, n) }
	plus := func(n *big.Int, i int64) *big.Int { return new(big.Int).Add(n, big.NewInt(i)) }
	n := plus(power(2047), 1)
	for _, key := range []*rsa.PublicKey{
		&keyOne().PublicKey,
		{N: n, E: 3},
		{N: n, E: math.MaxInt32},
		{N: plus(power(8192), -1), E: 65537},
	} {
		given := &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}
		own, err := jose.PublicKey(given)
		require.NoError(t, err)
		given.N.SetBit(given.N, 1, 1-given.N.Bit(1))
		given.E++
		assert.Equal(t, key, own, "a copy")
	}

	_, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ecPrivate, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)

	point, err := ecPrivate.PublicKey.Bytes()
	require.NoError(t, err)
	onWrongCurve, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	onWrongCurve.Curve = elliptic.P384()
	given, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	require.NoError(t, err)
	own, err := jose.PublicKey(given)
	require.NoError(t, err)
	*given = p224.PublicKey
	assert.True(t, ecPrivate.PublicKey.Equal(own), "a copy")
	edGiven := bytes.Clone(edPrivate.Public().(ed25519.PublicKey))
	own, err = jose.PublicKey(ed25519.PublicKey(edGiven))
	require.NoError(t, err)
	edGiven[0]++
	assert.Equal(t, edPrivate.Public(), own, "a copy")

	for _, row := range []struct {
		key  crypto.PublicKey
		want string
	}{
		{nil, "nil"},
		{(*rsa.PublicKey)(nil), "nil"},
		{&rsa.PublicKey{}, "nil"},
		{&rsa.PublicKey{E: 65537}, "nil"},
		{&rsa.PublicKey{N: new(big.Int), E: 65537}, "n is not odd"},
		{&rsa.PublicKey{N: power(2047), E: 65537}, "n is not odd"},
		{&rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, "n is not odd"},
		{&rsa.PublicKey{N: plus(power(2047), -1), E: 65537}, "n has 2047 bits, want 2048 to 8192"},
		{&rsa.PublicKey{N: plus(power(8192), 1), E: 65537}, "n has 8193 bits, want 2048 to 8192"},
		{&rsa.PublicKey{N: n}, "e is not odd and from 3 to 2^31-1"},
		{&rsa.PublicKey{N: n, E: -3}, "e is not odd and from 3 to 2^31-1"},
		{&rsa.PublicKey{N: n, E: 1}, "e is not odd and from 3 to 2^31-1"},
		{&rsa.PublicKey{N: n, E: 4}, "e is not odd and from 3 to 2^31-1"},
		{&rsa.PublicKey{N: n, E: math.MaxInt32 + 2}, "e is not odd and from 3 to 2^31-1"},
		{keyOne(), "*rsa.PrivateKey is a private key, of which only the public one is needed here"},
		{(*rsa.PrivateKey)(nil), "*rsa.PrivateKey is a private key, of which only the public one is needed here"},
		{ecPrivate, "*ecdsa.PrivateKey is a private key, of which only the public one is needed here"},
		{edPrivate, "ed25519.PrivateKey is a private key, of which only the public one is needed here"},
		{keyOne().PublicKey, "rsa.PublicKey is no key for any algorithm: want a key as crypto/x509 returns it"},
		{ecPrivate.PublicKey, "ecdsa.PublicKey is no key for any algorithm: want a key as crypto/x509 returns it"},
		{(*ecdsa.PublicKey)(nil), "nil"},
		{&ecdsa.PublicKey{}, "the curve is not P-256, P-384 or P-521"},
		{&ecdsa.PublicKey{Curve: elliptic.P256()}, "nil"},
		{onWrongCurve, "not a point on the curve"},
		{&p224.PublicKey, "the curve is not P-256, P-384 or P-521"},
		{ed25519.PublicKey(nil), "an Ed25519 key has 32 bytes, not 0"},
		{ed25519.PublicKey(make([]byte, 31)), "an Ed25519 key has 32 bytes, not 31"},
		{ed25519.PublicKey(make([]byte, 33)), "an Ed25519 key has 32 bytes, not 33"},
		{ed25519.PublicKey(make([]byte, 32)), "a point of small order"},
		{[]byte("-----BEGIN PUBLIC KEY-----"), "[]uint8 is no key for any algorithm: want a key as crypto/x509 returns it"},
		{"secret", "string is no key for any algorithm: want a key as crypto/x509 returns it"},
	} {
		own, err := jose.PublicKey(row.key)
		assert.EqualError(t, err, row.want, "%T", row.key)
		assert.Nil(t, own)
	}
}
