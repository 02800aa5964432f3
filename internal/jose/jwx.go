//go:build !jwtverifier_nojwx

package jose

import (
	"crypto/rsa"
	"encoding/base64"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// rsaKey returns the key of a modulus and an exponent: as jwx reads them from a
// JWK that holds them and nothing else. std.go does the same without jwx.
func rsaKey(n, e []byte) (*rsa.PublicKey, error) {
	encode := base64.RawURLEncoding.EncodeToString
	parsed, err := jwk.ParseKey([]byte(`{"kty":"RSA","n":"` + encode(n) + `","e":"` + encode(e) + `"}`))
	if err != nil { // not reached: n and e are a key's
		return nil, err
	}
	public := &rsa.PublicKey{}
	return public, parsed.Raw(public)
}
