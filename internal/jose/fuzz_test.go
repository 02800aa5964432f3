package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/jose"
)

// FuzzJWK: a key is made if and only if its numbers, computed independently, are
// within the bounds, and it has them. With the build tag jwtverifier_nojwx it says
// the same of the other way to make keys.
func FuzzJWK(f *testing.F) {
	n := bytes.Repeat([]byte{0xfb, 0xff}, 128) // in which the alphabets differ
	modulus := new(big.Int).SetBytes(n)
	good := base64url(n)
	public, err := readKey(f, entryOf(map[string]any{"kty": "RSA", "n": good, "e": "AQAB"}))
	require.NoError(f, err, "the good seed")
	require.Equal(f, &rsa.PublicKey{N: modulus, E: 65537}, public)

	standard := base64.StdEncoding.EncodeToString(n)
	short, long := new(big.Int).Rsh(modulus, 1), new(big.Int).Lsh(big.NewInt(1), 8192)
	for _, n := range []string{
		good, good + "=", good + "==", standard, strings.TrimRight(standard, "="), standard[:4] + "\n" + standard[4:], "AA" + good, base64url(append([]byte{0}, n...)),
		base64url(short.SetBit(short, 0, 1).Bytes()), base64url(long.SetBit(long, 0, 1).Bytes()), base64url(new(big.Int).Sub(modulus, big.NewInt(1)).Bytes()), "", "AA", "!!", "+_-/",
	} {
		for _, e := range []string{"AQAB", "AQAB=", "Aw", "Aw==", "AQ", "Ag", "AA", "", "AAEAAQ", "AAEAAQ==", "AAABAAE", "f____w", "f////w==", "gAAAAQ", "_____w", "AQAA", "AQ\nAB", "A-/B"} {
			f.Add("RSA", "", n, e)
		}
	}
	for _, c := range []struct {
		crv   string
		curve elliptic.Curve
	}{{"P-256", elliptic.P256()}, {"P-384", elliptic.P384()}, {"P-521", elliptic.P521()}} {
		params := c.curve.Params()
		size := (params.BitSize + 7) / 8
		x, y := params.Gx.FillBytes(make([]byte, size)), params.Gy.FillBytes(make([]byte, size))
		public, err := readKey(f, entryOf(map[string]any{"kty": "EC", "crv": c.crv, "x": base64url(x), "y": base64url(y)}))
		require.NoError(f, err, "the good seed")
		require.Equal(f, c.crv, public.(*ecdsa.PublicKey).Params().Name)
		for _, crv := range []string{c.crv, "P-256", "P-521", "secp256k1", "", "p-256"} {
			f.Add("EC", crv, base64url(x), base64url(y))
			f.Add("EC", crv, base64.StdEncoding.EncodeToString(x), base64.StdEncoding.EncodeToString(y))
			f.Add("EC", crv, base64url(y), base64url(x))
			f.Add("EC", crv, base64url(x[1:]), base64url(y))
			f.Add("EC", crv, base64url(append([]byte{0}, x...)), base64url(y))
			f.Add("EC", crv, base64url(make([]byte, size)), base64url(make([]byte, size)))
			f.Add("EC", crv, base64url(params.P.FillBytes(make([]byte, size))), base64url(y))
			f.Add("OKP", crv, base64url(x), base64url(y))
		}
	}
	for _, x := range append(slices.Clone(smallOrder), ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey), bytes.Repeat([]byte{2}, 32), bytes.Repeat([]byte{0xff}, 32), nil, make([]byte, 31)) {
		f.Add("OKP", "Ed25519", base64url(x), "")
		f.Add("OKP", "Ed448", base64.StdEncoding.EncodeToString(x), "AQ")
		f.Add("EC", "Ed25519", base64url(x), base64url(x))
	}
	f.Fuzz(func(t *testing.T, kty, crv, first, second string) {
		members := map[string]any{"kty": kty, "crv": crv, "x": first, "y": second}
		if kty == "RSA" {
			members = map[string]any{"kty": kty, "crv": crv, "n": first, "e": second}
		}
		public, err := readKey(t, entryOf(members))
		// What json.Marshal made of a string that is no UTF-8 is the JWK's.
		valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
		want := wantedKey(kty, crv, valid(first), valid(second))
		assert.Equal(t, want == nil, err != nil)
		assert.Equal(t, fmt.Sprintf("%T", want), fmt.Sprintf("%T", public))
		if want != nil {
			assert.True(t, jose.Equal(want, public))
		}
	})
}

// decoded returns the octets of a member. A spelling counts if encoding gives it back.
func decoded(text string) ([]byte, bool) {
	for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
		if b, err := e.DecodeString(text); err == nil && e.EncodeToString(b) == text {
			return b, true
		}
	}
	return nil, false
}

// wantedKey reads the numbers of a key independently, nil if they make none.
func wantedKey(kty, crv, first, second string) crypto.PublicKey {
	a, okA := decoded(first)
	b, okB := decoded(second)
	if !okA || !okB && kty != "OKP" {
		return nil
	}
	switch kty + " " + crv {
	case "EC P-256", "EC P-384", "EC P-521":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[crv]
		return wantedEC(curve.Params(), a, b)
	case "OKP Ed25519":
		return wantedEd25519(a)
	}
	if kty != "RSA" {
		return nil
	}
	n, e := new(big.Int).SetBytes(a), new(big.Int).SetBytes(b)
	within := func(x *big.Int, from, to string) bool {
		low, _ := new(big.Int).SetString(from, 0)
		high, _ := new(big.Int).SetString(to, 0)
		return low.Cmp(x) <= 0 && x.Cmp(high) < 0 && x.Bit(0) == 1
	}
	if len(b) > 4 || !within(n, "0x8"+strings.Repeat("0", 511), "0x1"+strings.Repeat("0", 2048)) || !within(e, "3", "0x80000000") {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}

// wantedEC evaluates y² = x³ - 3x + b.
func wantedEC(params *elliptic.CurveParams, a, b []byte) crypto.PublicKey {
	x, y := new(big.Int).SetBytes(a), new(big.Int).SetBytes(b)
	size := (params.BitSize + 7) / 8
	if len(a) != size || len(b) != size || x.Cmp(params.P) >= 0 || y.Cmp(params.P) >= 0 {
		return nil
	}
	right := new(big.Int).Exp(x, big.NewInt(3), params.P)
	right.Sub(right, new(big.Int).Mul(big.NewInt(3), x)).Add(right, params.B).Mod(right, params.P)
	if right.Cmp(new(big.Int).Exp(y, big.NewInt(2), params.P)) != 0 {
		return nil
	}
	curve := map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}[params.BitSize]
	public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, a, b))
	if err != nil {
		panic(err)
	}
	return public
}

// wantedEd25519 finds x by a square root, and the order by doubling the point three
// times.
func wantedEd25519(encoded []byte) crypto.PublicKey {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	mul := func(a, b *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b)) }
	div := func(a, b *big.Int) *big.Int { return mul(a, new(big.Int).ModInverse(b, p)) }
	d := mod(div(big.NewInt(-121665), big.NewInt(121666)))
	if len(encoded) != 32 {
		return nil
	}
	big32 := bytes.Clone(encoded)
	slices.Reverse(big32)
	big32[0] &= 0x7f
	y, one := new(big.Int).SetBytes(big32), big.NewInt(1)
	if y.Cmp(p) >= 0 {
		return nil
	}
	y2 := mul(y, y)
	x := new(big.Int).ModSqrt(div(mod(new(big.Int).Sub(y2, one)), mod(new(big.Int).Add(mul(d, y2), one))), p)
	if x == nil {
		return nil
	}
	for range 3 { // RFC 8032 §5.1.4, with both points the same
		xx, yy, xy := mul(x, x), mul(y, y), mul(x, y)
		t := mul(d, mul(xx, yy))
		x = div(mod(new(big.Int).Add(xy, xy)), mod(new(big.Int).Add(one, t)))
		y = div(mod(new(big.Int).Add(yy, xx)), mod(new(big.Int).Sub(one, t)))
	}
	if x.Sign() == 0 && y.Cmp(one) == 0 {
		return nil
	}
	return ed25519.PublicKey(encoded)
}
