// Package jose binds signature algorithms to keys: it makes the public key of a
// JSON Web Key, and verifies signatures by it.
package jose

import (
	"bytes"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"example.com/jwtverifier/internal/strict"
)

// Limits on a key.
const (
	minModulusBits   = 2048
	maxModulusBits   = 8192
	maxExponentBytes = 4
)

// A JWK is the members of a JSON Web Key (RFC 7517 §4) that decide what it may be
// used for, and its key. The others (x5c, x5t, x5u …) are never looked at. It is
// filled in by [strict.Object].
type JWK struct {
	KeyType    strict.Value // kty
	Use        strict.Value // use
	Algorithm  strict.Value // alg
	Operations strict.Value // key_ops
	ID         strict.Value // kid
	Private    strict.Value // a member that only private or symmetric keys have

	n, e strict.Value
}

// Member implements [strict.Members].
func (k *JWK) Member(name []byte) *strict.Value {
	switch string(name) {
	case "kty":
		return &k.KeyType
	case "use":
		return &k.Use
	case "alg":
		return &k.Algorithm
	case "key_ops":
		return &k.Operations
	case "kid":
		return &k.ID
	case "n":
		return &k.n
	case "e":
		return &k.e
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		return &k.Private
	}
	return nil
}

// RSA returns the public key of an RSA key's n and e (RFC 7518 §6.3.1). Both are
// bounded before any arithmetic.
func (k *JWK) RSA() (*rsa.PublicKey, error) {
	n, okN := octets(k.n)
	e, okE := octets(k.e)
	if !okN || !okE {
		return nil, errors.New("n or e is not base64url")
	}
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 || n[len(n)-1]&1 == 0 {
		return nil, errors.New("n is not odd")
	}
	if size := len(n)*8 - bits.LeadingZeros8(n[0]); size < minModulusBits || size > maxModulusBits {
		return nil, fmt.Errorf("n has %d bits", size)
	}
	if len(e) == 0 || len(e) > maxExponentBytes {
		return nil, errors.New("e is empty or too long")
	}
	exponent := binary.BigEndian.Uint32(append(make([]byte, 4-len(e)), e...))
	if exponent < 3 || exponent > math.MaxInt32 || exponent&1 == 0 {
		return nil, errors.New("e is not odd and from 3 to 2^31-1")
	}
	public, err := rsaKey(n, e)
	if err != nil || public.E != int(exponent) || !bytes.Equal(public.N.Bytes(), n) { // not reached: both have been checked
		return nil, errors.New("not a key")
	}
	return public, nil
}

// octets decodes a JSON string of base64url, as strictly as a token's segments.
func octets(v strict.Value) ([]byte, bool) {
	s, ok := v.Text()
	if !ok || !strict.IsBase64URL(s) {
		return nil, false
	}
	b, err := strict.Base64URL.DecodeString(s)
	return b, err == nil
}
