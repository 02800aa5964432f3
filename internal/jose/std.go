//go:build jwtverifier_nojwx

package jose

import (
	"crypto/rsa"
	"math/big"
)

// rsaKey returns the key of a modulus and an exponent. The build tag is for programs
// that may not link jwx, which is no longer maintained; jwx.go is for the others.
func rsaKey(n, e []byte) (*rsa.PublicKey, error) {
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}
