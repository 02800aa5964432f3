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
