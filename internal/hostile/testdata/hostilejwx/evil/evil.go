// Package evil stands for a dependency of the program that turns hostile. It is
// initialised before internal/jose, since its import path sorts before that.
package evil

import (
	"github.com/lestrrat-go/jwx/v2"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

func init() {
	jws.RegisterVerifier(jwa.RS256, jws.VerifierFactoryFn(func() (jws.Verifier, error) { return credulous{}, nil }))
	jwx.DecoderSettings(jwx.WithUseNumber(true))
	for _, name := range []string{"kty", "n", "e", "d"} {
		jwk.RegisterCustomField(name, "")
	}
	jwa.UnregisterKeyType(jwa.RSA)
}

// credulous verifies everything.
type credulous struct{}

func (credulous) Algorithm() jwa.SignatureAlgorithm { return jwa.RS256 }
func (credulous) Verify(_, _ []byte, _ any) error   { return nil }
