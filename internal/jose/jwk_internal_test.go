package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/strict"
)

// Whatever the function that makes keys of JWKs returns, a key is used only if it
// has the members of the JWK, and nobody else can change it.
func TestMadeKeysAreNotTrusted(t *testing.T) {
	params := elliptic.P256().Params()
	pointOf := func(y *big.Int) *ecdsa.PublicKey {
		point := slices.Concat([]byte{4}, params.Gx.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32)))
		k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		require.NoError(t, err)
		return k
	}
	newPoint := func() *ecdsa.PublicKey { return pointOf(params.Gy) }
	negative := pointOf(new(big.Int).Sub(params.P, params.Gy))
	seed := make([]byte, 32)
	edwards := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	numbers := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(12345), 2047, 1), E: 65537}
	two := big.NewInt(2)

	for _, row := range []struct {
		name    string
		checked crypto.PublicKey
		make    func() (crypto.PublicKey, error)
	}{
		{"an error", numbers, func() (crypto.PublicKey, error) { return numbers, errors.New("no") }},
		{"nothing", numbers, func() (crypto.PublicKey, error) { return nil, nil }},
		{"no pointer", numbers, func() (crypto.PublicKey, error) { return *numbers, nil }},
		{"a nil key", numbers, func() (crypto.PublicKey, error) { return (*rsa.PublicKey)(nil), nil }},
		{"a key without numbers", numbers, func() (crypto.PublicKey, error) { return &rsa.PublicKey{}, nil }},
		{"a key without n", numbers, func() (crypto.PublicKey, error) { return &rsa.PublicKey{E: numbers.E}, nil }},
		{"n changed", numbers, func() (crypto.PublicKey, error) {
			return &rsa.PublicKey{N: new(big.Int).Add(numbers.N, two), E: numbers.E}, nil
		}},
		{"n negative", numbers, func() (crypto.PublicKey, error) {
			return &rsa.PublicKey{N: new(big.Int).Neg(numbers.N), E: numbers.E}, nil
		}},
		{"e changed", numbers, func() (crypto.PublicKey, error) { return &rsa.PublicKey{N: numbers.N, E: numbers.E + 2}, nil }},
		{"a panic", numbers, func() (crypto.PublicKey, error) { panic("evil") }},
		{"a panic with nil", numbers, func() (crypto.PublicKey, error) { panic(nil) }},
		{"a key of another type", numbers, func() (crypto.PublicKey, error) { return newPoint(), nil }},
		{"an EC key of another type", newPoint(), func() (crypto.PublicKey, error) { return edwards, nil }},
		{"another point", newPoint(), func() (crypto.PublicKey, error) { return negative, nil }},
		{"no point", newPoint(), func() (crypto.PublicKey, error) { return &ecdsa.PublicKey{Curve: elliptic.P256()}, nil }},
		{"no curve", newPoint(), func() (crypto.PublicKey, error) {
			k := newPoint()
			k.Curve = nil
			return k, nil
		}},
		{"another curve", newPoint(), func() (crypto.PublicKey, error) {
			k := newPoint()
			k.Curve = elliptic.P384()
			return k, nil
		}},
		{"a curve of its own", newPoint(), func() (crypto.PublicKey, error) {
			k := newPoint()
			k.Curve = ownCurve{k.Curve}
			return k, nil
		}},
		{"an Ed25519 key of another type", edwards, func() (crypto.PublicKey, error) { return numbers, nil }},
		{"plain bytes", edwards, func() (crypto.PublicKey, error) { return []byte(edwards), nil }},
		{"a byte short", edwards, func() (crypto.PublicKey, error) { return edwards[:31], nil }},
		{"a byte more", edwards, func() (crypto.PublicKey, error) { return append(slices.Clone(edwards), 0), nil }},
		{"another Ed25519 key", edwards, func() (crypto.PublicKey, error) {
			return ed25519.NewKeyFromSeed(append(slices.Clone(seed[1:]), 1)).Public(), nil
		}},
		{"a private key", edwards, func() (crypto.PublicKey, error) { return ed25519.NewKeyFromSeed(seed), nil }},
	} {
		public, err := made(row.checked, func(crypto.PublicKey, []byte) (crypto.PublicKey, error) { return row.make() })
		assert.EqualError(t, err, "not a key", row.name)
		assert.Nil(t, public, row.name)
	}

	keptNumbers, keptPoint, keptEdwards := &rsa.PublicKey{N: new(big.Int).Set(numbers.N), E: numbers.E}, newPoint(), slices.Clone(edwards)
	for _, row := range []struct {
		checked, kept, want crypto.PublicKey
		change              func()
	}{
		{numbers, keptNumbers, numbers, func() { keptNumbers.E = 3; clear(keptNumbers.N.Bits()) }},
		{newPoint(), keptPoint, newPoint(), func() { *keptPoint = *negative }},
		{edwards, keptEdwards, edwards, func() { keptEdwards[0]++ }},
	} {
		public, err := made(row.checked, func(_ crypto.PublicKey, text []byte) (crypto.PublicKey, error) {
			clear(text)
			return row.kept, nil
		})
		require.NoError(t, err)
		row.change()
		assert.True(t, Equal(row.want, public), "%T", row.want)
	}
}

// An ownCurve says that it is P-256, and is of another type.
type ownCurve struct{ elliptic.Curve }

// The text of a key is what its thumbprint is made of (RFC 7638 §3.1, RFC 8037 A.3).
func TestTextOf(t *testing.T) {
	for _, text := range []string{
		`{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}`,
		`{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		`{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
	} {
		k, err := ReadJWK([]byte(text))
		require.NoError(t, err)
		public, err := k.PublicKey()
		require.NoError(t, err)
		assert.Equal(t, text, string(textOf(public)))
	}
	assert.Nil(t, textOf("x"))
	assert.Nil(t, textOf(&ecdsa.PublicKey{Curve: ownCurve{elliptic.P256()}}))
}

func TestOctets(t *testing.T) {
	// 0xfb 0xff … is spelled with both characters in which the alphabets differ.
	for text, want := range map[string][]byte{
		``:             {},
		`AQAB`:         {1, 0, 1},
		`AA`:           {0},
		`AA==`:         {0},
		`AAA`:          {0, 0},
		`AAA=`:         {0, 0},
		`-_8`:          {0xfb, 0xff},
		`-_8=`:         {0xfb, 0xff},
		`+/8`:          {0xfb, 0xff},
		`+/8=`:         {0xfb, 0xff},
		`-w==`:         {0xfb},
		`+w`:           {0xfb},
		`_w`:           {0xff},
		`/w==`:         {0xff},
		`-__-`:         {0xfb, 0xff, 0xfe},
		`+//+`:         {0xfb, 0xff, 0xfe},
		`AAAA-__-AAA=`: {0, 0, 0, 0xfb, 0xff, 0xfe, 0, 0},
		`\u002b\/8=`:   {0xfb, 0xff}, // escapes are JSON's
	} {
		got, ok := octets(strict.Value(`"` + text + `"`))
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`A`, `A=`, `A==`, `A===`, `AAAAA`, `AAAAA===`, `=`, `==`, `===`, `====`, // no number of bytes
		`AA=`, `AA===`, `AA====`, `AAA==`, `AAA=====`, `AAAA=`, `AAAA==`, `AAAA===`, `AAAA====`, `AAAAAA=`, // not the right padding
		`=AAA`, `A=AA`, `AA=A`, `AA=AAAA=`, `AA==AA==`, `AAA=AAAA`, // padding not at the end
		`AB`, `AB==`, `AAB`, `AAB=`, `+/9`, `+/9=`, `-_9=`, `/x==`, // trailing bits
		`-/8`, `+_8`, `-/8=`, `+_8=`, `-__+`, `+//-`, `AAAA-AAA/AAA`, // both alphabets
		`AQ\nAB`, `AQ\r\nAB`, `AQAB\n`, `\nAQAB`, `AA\n==`, `AA=\n=`, `AA==\n`, // line breaks
		`AQ AB`, `AQAB `, ` AQAB`, `AQ\tAB`, `AQ.AB`, `AQ,B`, `AQ*B`, `AQ~B`, `AQ%3D`, `AQ\u0000B`, `AQ\u00e9`, `\uff0b/8`,
	} {
		_, ok := octets(strict.Value(`"` + text + `"`))
		assert.False(t, ok, text)
	}
	for _, v := range []strict.Value{``, `null`, `1`, `65537`, `["AQAB"]`, `{}`, `true`} {
		_, ok := octets(v)
		assert.False(t, ok, v)
	}
}

// Of one byte and of two, exactly these spellings are read, of all that there are.
func TestOctetsExhaustive(t *testing.T) {
	spellings := map[string]bool{}
	for i := range 1 << 16 {
		one, two := []byte{byte(i)}, []byte{byte(i >> 8), byte(i)}
		for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
			spellings[e.EncodeToString(one)], spellings[e.EncodeToString(two)] = true, true
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/="
	read := 0
	judge := func(s string) {
		if b, ok := octets(strict.Value(`"` + s + `"`)); ok && len(b) < 3 {
			read++
			if !spellings[s] {
				t.Errorf("%q is read", s)
			}
		}
	}
	for _, a := range alphabet {
		for _, b := range alphabet {
			judge(string([]rune{a, b}))
			for _, c := range alphabet {
				judge(string([]rune{a, b, c}))
				judge(string([]rune{a, b, c, '='}))
			}
		}
	}
	assert.Equal(t, len(spellings), read)
}
