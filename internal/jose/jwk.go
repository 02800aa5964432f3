// Package jose binds signature algorithms to keys: it makes the public key of a
// JSON Web Key, and verifies signatures by it.
package jose

import (
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"example.com/jwtverifier/internal/strict"
)

// A JWK is the members of a JSON Web Key (RFC 7517 §4) that decide what it may be
// used for, "" if absent, and its key. The others (x5c, x5t, x5u …) are never looked
// at.
type JWK struct {
	KeyType    strict.Value // kty
	Curve      strict.Value // crv
	Use        strict.Value // use
	Algorithm  strict.Value // alg
	Operations strict.Value // key_ops
	ID         strict.Value // kid

	n, e, x, y strict.Value
	private    [len(privateMembers)]strict.Value
}

// privateMembers are those that only private and symmetric keys have.
var privateMembers = [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// ReadJWK reads one JWK, a strict JSON object. A member that is null, "" or []
// counts as absent: serializers that know all the members write those for the ones
// that a key does not have.
func ReadJWK(entry []byte) (*JWK, error) {
	k := &JWK{}
	if _, err := strict.Object(entry, k); err != nil {
		return nil, strict.ErrNotObject
	}
	for _, v := range []*strict.Value{&k.KeyType, &k.Curve, &k.Use, &k.Algorithm, &k.Operations, &k.ID} {
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
	case "crv":
		return &k.Curve
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
	case "x":
		return &k.x
	case "y":
		return &k.y
	}
	// Each has a place of its own: an empty one must not hide another.
	if i := slices.Index(privateMembers[:], string(name)); i >= 0 {
		return &k.private[i]
	}
	return nil
}

// Type returns kty and crv as they stand there. One that is not a string is "".
func (k *JWK) Type() KeyType {
	kty, _ := k.KeyType.Text()
	crv, _ := k.Curve.Text()
	if kty == rsaType.Type {
		crv = "" // an RSA key has none, whatever stands there
	}
	return KeyType{Type: kty, Curve: crv}
}

// PublicKey returns the public key of an RSA, EC or Ed25519 key (RFC 7518 §6.2.1,
// §6.3.1, RFC 8037 §2).
func (k *JWK) PublicKey() (crypto.PublicKey, error) {
	checked, err := k.checked()
	if err != nil {
		return nil, err
	}
	return made(checked, newKey)
}

// checked makes the key of the members with the standard library, if they are within
// the bounds.
func (k *JWK) checked() (crypto.PublicKey, error) {
	t := k.Type()
	switch t {
	case rsaType:
		return k.rsa()
	case ed25519Type:
		x, ok := octets(k.x)
		if !ok {
			return nil, errors.New("x is missing or not base64url")
		}
		return PublicKey(ed25519.PublicKey(x))
	}
	for _, c := range curves {
		if t == (KeyType{"EC", c.name}) {
			return k.ec(c.curve)
		}
	}
	return nil, errors.New("kty and crv are of no type of key")
}

func (k *JWK) rsa() (crypto.PublicKey, error) {
	n, okN := octets(k.n)
	e, okE := octets(k.e)
	if !okN || !okE {
		return nil, errors.New("n or e is missing or not base64url")
	}
	if len(e) > maxExponentBytes {
		return nil, fmt.Errorf("e is longer than %d bytes", maxExponentBytes)
	}
	public := &rsa.PublicKey{
		N: new(big.Int).SetBytes(n),
		E: int(binary.BigEndian.Uint32(append(make([]byte, maxExponentBytes-len(e)), e...))),
	}
	if err := checkRSA(public); err != nil {
		return nil, err
	}
	return public, nil
}

// ec takes coordinates of the curve's full size only (RFC 7518 §6.2.1.2).
func (k *JWK) ec(curve elliptic.Curve) (crypto.PublicKey, error) {
	x, okX := octets(k.x)
	y, okY := octets(k.y)
	if !okX || !okY {
		return nil, errors.New("x or y is missing or not base64url")
	}
	if size := (curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		return nil, fmt.Errorf("x or y has not %d bytes", size)
	}
	return newEC(curve, slices.Concat([]byte{4}, x, y))
}

// octets decodes n, e, x or y: base64url (RFC 7518 §2), and also what older servers
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
