package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
)

// Limits on a key.
const (
	minModulusBits   = 2048
	maxModulusBits   = 8192
	maxExponentBytes = 4
)

// A KeyType is what a JWK says of the type of its key.
type KeyType struct {
	Type  string // kty
	Curve string // crv; "" for RSA
}

var (
	rsaType     = KeyType{Type: "RSA"}
	ed25519Type = KeyType{"OKP", "Ed25519"}
)

// curves are those of the EC keys, by their crv (RFC 7518 §6.2.1.1).
var curves = []struct {
	name  string
	curve elliptic.Curve
}{
	{"P-256", elliptic.P256()},
	{"P-384", elliptic.P384()},
	{"P-521", elliptic.P521()},
}

// TypeOf returns the type of a key that [PublicKey] or [JWK.PublicKey] made, and for
// any other one that no algorithm has.
func TypeOf(key crypto.PublicKey) KeyType {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return rsaType
	case *ecdsa.PublicKey:
		for _, c := range curves {
			if k.Curve == c.curve {
				return KeyType{"EC", c.name}
			}
		}
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize { // of another length it would panic
			return ed25519Type
		}
	}
	return KeyType{}
}

// Equal reports whether two keys that this package made are the same.
func Equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// PublicKey returns a copy of a key that is not from a JWK, and is held to the same
// bounds.
func PublicKey(key crypto.PublicKey) (crypto.PublicKey, error) {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return nil, errNil
		}
		own := &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}
		if err := checkRSA(own); err != nil {
			return nil, err
		}
		return own, nil
	case *ecdsa.PublicKey:
		if k == nil {
			return nil, errNil
		}
		return copyEC(k)
	case ed25519.PublicKey:
		own := slices.Clone(k)
		if err := checkEd25519(own); err != nil {
			return nil, err
		}
		return own, nil
	case interface{ Public() crypto.PublicKey }:
		return nil, fmt.Errorf("%T is a private key, of which only the public one is needed here", key)
	case nil:
		return nil, errNil
	}
	return nil, fmt.Errorf("%T is no key for any algorithm: want a key as crypto/x509 returns it", key)
}

var errNil = errors.New("nil")

// checkRSA reports what is wrong with a key's numbers (RFC 7518 §3.3, RFC 8017 §3.1).
// crypto/rsa has no upper bound on the modulus, which decides what a verification
// costs.
func checkRSA(k *rsa.PublicKey) error {
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

// copyEC copies a key by way of its encoding, which refuses other curves than the
// NIST ones, and points that are not on the curve.
func copyEC(k *ecdsa.PublicKey) (_ crypto.PublicKey, err error) {
	defer func() {
		if recover() != nil { // crypto/ecdsa does not expect coordinates that are nil
			err = errNil
		}
	}()
	if TypeOf(k) == (KeyType{}) {
		return nil, errors.New("the curve is not P-256, P-384 or P-521")
	}
	point, err := k.Bytes()
	if err != nil {
		return nil, errNotOnCurve
	}
	return newEC(k.Curve, point)
}

// newEC returns the key of an uncompressed point (SEC 1, §2.3.3).
func newEC(curve elliptic.Curve, point []byte) (crypto.PublicKey, error) {
	k, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, errNotOnCurve
	}
	return k, nil
}

var errNotOnCurve = errors.New("not a point on the curve")

// The field and the curve of Ed25519: -x² + y² = 1 + d·x²·y² modulo p (RFC 8032 §5.1).
var (
	fieldPrime, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	curveD, _     = new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
)

// checkEd25519 refuses what crypto/ed25519 makes the most of: a coordinate that is
// not reduced, and a point of small order, under which one signature verifies for
// every message. It also refuses what is no point, which verifies nothing there.
func checkEd25519(k ed25519.PublicKey) error {
	if len(k) != ed25519.PublicKeySize {
		return fmt.Errorf("an Ed25519 key has %d bytes, not %d", ed25519.PublicKeySize, len(k))
	}
	encoded := slices.Clone(k)
	slices.Reverse(encoded)
	encoded[0] &= 0x7f // the sign of x
	y := new(big.Int).SetBytes(encoded)
	if y.Cmp(fieldPrime) >= 0 {
		return errNotOnCurve
	}
	product := func(a, b *big.Int) *big.Int { c := new(big.Int).Mul(a, b); return c.Mod(c, fieldPrime) }
	// x² = u/v, with u = y²-1 and v = d·y²+1. It is a square if u·v is.
	one := big.NewInt(1)
	y2 := product(y, y)
	u := new(big.Int).Sub(y2, one)
	v := new(big.Int).Add(product(curveD, y2), one)
	if big.Jacobi(product(u, v), fieldPrime) < 0 {
		return errNotOnCurve
	}
	// The order is 1 or 2 if x = 0, which is u = 0; 4 if y = 0; 8 if twice the point
	// has y = 0, which is x² = -y², or u + v·y² = 0.
	u8 := new(big.Int).Add(u, product(v, y2))
	if product(product(y, u), u8).Sign() == 0 {
		return errors.New("a point of small order")
	}
	return nil
}

// textOf returns the JWK that holds what is required of a key's members, and no
// other, in the order in which it is hashed for a thumbprint (RFC 7638 §3). Two keys
// that pass their checks are equal if and only if their texts are.
func textOf(key crypto.PublicKey) []byte {
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Appendf(nil, `{"e":"%s","kty":"RSA","n":"%s"}`, encode(big.NewInt(int64(k.E)).Bytes()), encode(k.N.Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil { // not reached: it has passed its checks
			return nil
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
		return fmt.Appendf(nil, `{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, TypeOf(k).Curve, encode(x), encode(y))
	case ed25519.PublicKey:
		return fmt.Appendf(nil, `{"crv":"Ed25519","kty":"OKP","x":"%s"}`, encode(k))
	}
	return nil
}

// made has a key made by newKey, and trusts it with nothing: what jwx does is open
// to changes by any package of the program. The key has been checked before. What
// newKey makes counts only if it is of the same members, and is copied first, since
// who made it may keep it, and change it.
func made(checked crypto.PublicKey, newKey func(checked crypto.PublicKey, text []byte) (crypto.PublicKey, error)) (_ crypto.PublicKey, err error) {
	defer func() {
		if recover() != nil { // nil, or worse: one entry must not spoil the others
			err = errNotMade
		}
	}()
	text := textOf(checked)
	key, err := newKey(checked, slices.Clone(text))
	if err != nil {
		return nil, errNotMade
	}
	own, err := PublicKey(key)
	if err != nil || !bytes.Equal(textOf(own), text) {
		return nil, errNotMade
	}
	return own, nil
}

var errNotMade = errors.New("not a key")
