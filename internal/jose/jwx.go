package jose

import (
	"crypto/rsa"
	"encoding/base64"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// rsaKey returns the key of a modulus and an exponent: as jwx reads them from a
// JWK that holds them and nothing else.
func rsaKey(n, e []byte) (*rsa.PublicKey, error) {
	encode := base64.RawURLEncoding.EncodeToString
	parsed, err := jwk.ParseKey([]byte(`{"kty":"RSA","n":"` + encode(n) + `","e":"` + encode(e) + `"}`))
	if err != nil { // not reached: n and e are a key's
		return nil, err
	}
	public := &rsa.PublicKey{}
	return public, parsed.Raw(public)
}

// rs256 is taken once, so that nothing registered with jwx later changes it.
var rs256 = func() jws.Verifier {
	v, err := jws.NewVerifier(jwa.RS256)
	if err != nil { // not reached: jwx has RS256
		panic(err)
	}
	return v
}()

// VerifyRS256 reports whether signature is RS256 over input by this key (RFC 7518
// §3.3).
func VerifyRS256(public *rsa.PublicKey, input, signature []byte) bool {
	return rs256.Verify(input, signature, public) == nil
}
