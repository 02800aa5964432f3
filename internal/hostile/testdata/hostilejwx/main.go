// Command hostilejwx verifies tokens in a program in which another package has
// changed all that jwx lets others change.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"example.com/jwtverifier"
	_ "example.com/jwtverifier/internal/hostile/testdata/hostilejwx/evil"
	"example.com/jwtverifier/jwtverifiertest"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

func main() {
	registered, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		panic(err)
	}
	fmt.Println("jwx, of nothing:", registered.Verify(nil, nil, nil))

	issuer := jwtverifiertest.New("")
	v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithStaticKeys(issuer.JWKS()))
	if err != nil {
		panic(err)
	}
	good := issuer.AccessToken()
	input := good[:strings.LastIndexByte(good, '.')+1]
	for _, row := range []struct{ name, raw string }{
		{"good", good},
		{"256 zero bytes", input + base64.RawURLEncoding.EncodeToString(make([]byte, 256))},
		{"a zero byte", input + "AA"},
	} {
		_, err := v.VerifyAccessToken(context.Background(), row.raw)
		fmt.Printf("%s: %v\n", row.name, err)
	}
}
