// Package jose binds signature algorithms to keys: it makes the public key of a
// JSON Web Key, and verifies signatures by it.
package jose

import (
	"crypto"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"example.com/jwtverifier/internal/strict"
)

// Limits on a key.
const (
	minModulusBits   = 2048
	maxModulusBits   = 8192
	maxExponentBytes = 4
)

// A JWK is the members of a JSON Web Key (RFC 7517 §4) that decide what it may be
// used for, "" if absent, and its key. The others (x5c, x5t, x5u …) are never looked
// at.
type JWK struct {
	KeyType    strict.Value // kty
	Use        strict.Value // use
	Algorithm  strict.Value // alg
	Operations strict.Value // key_ops
	ID         strict.Value // kid

	n, e    strict.Value
	private [len(privateMembers)]strict.Value
}

// privateMembers are those that only private and symmetric keys have.
var privateMembers = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// ReadJWK reads one JWK, a strict JSON object. A member that is null, "" or []
// counts as absent: serializers that know all the members write those for the ones
// that a key does not have.
func ReadJWK(entry []byte) (*JWK, error) {
	k := &JWK{}
	if _, err := strict.Object(entry, k); err != nil {
		return nil, strict.ErrNotObject
	}
	for _, v := range []*strict.Value{&k.KeyType, &k.Use, &k.Algorithm, &k.Operations, &k.ID} {
		if empty(*v) {
			*v = ""
		}
	}
	return k, nil
}

func empty(v strict.Value) bool {
	list, ok := v.Texts()
	return v == "" || v == `""` || ok && len(list) == 0
}

// Private reports whether k has a member that only private and symmetric keys have.
func (k *JWK) Private() bool {
	return slices.ContainsFunc(k.private[:], func(v strict.Value) bool { return !empty(v) })
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
	}
	// Each has a place of its own: an empty one must not hide another.
	if i := slices.Index(privateMembers[:], string(name)); i >= 0 {
		return &k.private[i]
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
		return nil, errors.New("n or e is missing or not base64url")
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

// PublicKey returns a copy of a key that is not from a JWK, and is held to the same
// bounds. Only an [*rsa.PublicKey] can be used with RS256.
func PublicKey(key crypto.PublicKey) (*rsa.PublicKey, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return nil, errors.New("nil")
		}
		own := copied(k)
		if err := check(own); err != nil {
			return nil, err
		}
		return own, nil
	case interface{ Public() crypto.PublicKey }:
		return nil, fmt.Errorf("%T is a private key, of which only the public one is needed here", key)
	case nil:
		return nil, errors.New("nil")
	}
	return nil, fmt.Errorf("%T cannot be used with %s: want *rsa.PublicKey, as crypto/x509 returns it", key, RS256.name)
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
		return fmt.Errorf("n has %d bits, want %d to %d", size, minModulusBits, maxModulusBits)
	case k.E < 3 || k.E > math.MaxInt32 || k.E&1 == 0:
		return errors.New("e is not odd and from 3 to 2^31-1")
	}
	return nil
}

func copied(k *rsa.PublicKey) *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}
}

// octets decodes n or e: base64url (RFC 7518 §2), and also what older servers
// publish, the standard alphabet and padding. Each of both spellings is exact: one
// alphabet, all of the padding or none, no line breaks, zero trailing bits.
func octets(v strict.Value) ([]byte, bool) {
	s, ok := v.Text()
	if !ok {
		return nil, false
	}
	if strings.ContainsAny(s, "+/") {
		if strings.ContainsAny(s, "-_") {
			return nil, false
		}
		s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
	}
	if len(s)%4 == 0 {
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	if !strict.IsBase64URL(s) {
		return nil, false
	}
	b, err := strict.Base64URL.DecodeString(s)
	return b, err == nil
}
