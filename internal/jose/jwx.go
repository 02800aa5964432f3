//go:build !jwtverifier_nojwx

package jose

import (
	"crypto"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// newKey returns the key of a JWK that holds a checked key's members and nothing
// else, as jwx reads them. std.go does the same without jwx.
func newKey(_ crypto.PublicKey, text []byte) (crypto.PublicKey, error) {
	parsed, err := jwk.ParseKey(text)
	if err != nil { // not reached: the members are a key's
		return nil, err
	}
	var public any
	return public, parsed.Raw(&public)
}
