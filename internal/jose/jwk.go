// Package jose binds signature algorithms to keys: it makes the public key of a
// JSON Web Key, and verifies signatures by it.
package jose

import (
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"

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

// RSA returns the public key of an RSA key's n and e (RFC 7518 §6.3.1).
func (k *JWK) RSA() (*rsa.PublicKey, error) { return k.rsa(rsaKey) }

// rsa has the key made by another function, and trusts it with nothing: what jwx
// does is open to changes by any package of the program. The numbers are bounded
// before it is called. Its key counts only if it is made of the same numbers, and
// is copied first, since who made it may keep it, and change it.
func (k *JWK) rsa(newKey func(n, e []byte) (*rsa.PublicKey, error)) (_ *rsa.PublicKey, err error) {
	n, okN := octets(k.n)
	e, okE := octets(k.e)
	if !okN || !okE {
		return nil, errors.New("n or e is not base64url")
	}
	if len(e) > maxExponentBytes {
		return nil, fmt.Errorf("e is longer than %d bytes", maxExponentBytes)
	}
	checked := &rsa.PublicKey{
		N: new(big.Int).SetBytes(n),
		E: int(binary.BigEndian.Uint32(append(make([]byte, maxExponentBytes-len(e)), e...))),
	}
	if err := check(checked); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil { // nil, or worse: one entry must not spoil the others
			err = errNotMade
		}
	}()
	made, err := newKey(checked.N.Bytes(), big.NewInt(int64(checked.E)).Bytes())
	if err != nil {
		return nil, errNotMade
	}
	own := copied(made)
	if own.N.Cmp(checked.N) != 0 || own.E != checked.E { // Equal would ignore a sign
		return nil, errNotMade
	}
	return own, nil
}

var errNotMade = errors.New("not a key")

// check reports what is wrong with a key's numbers (RFC 7518 §3.3, RFC 8017 §3.1).
// crypto/rsa has no upper bound on the modulus, which decides what a verification
// costs.
func check(k *rsa.PublicKey) error {
	switch size := k.N.BitLen(); {
	case k.N.Sign() <= 0 || k.N.Bit(0) == 0:
		return errors.New("n is not odd")
	case size < minModulusBits || size > maxModulusBits:
		return fmt.Errorf("n has %d bits", size)
	case k.E < 3 || k.E > math.MaxInt32 || k.E&1 == 0:
		return errors.New("e is not odd and from 3 to 2^31-1")
	}
	return nil
}

func copied(k *rsa.PublicKey) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}
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
