package hostile_test

import (
	"errors"
	"go/ast"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestExportedNames(t *testing.T) {
	t.Parallel()
	runRow(t, "t/314 nothing takes a token apart without verifying it", func(t *testing.T) {
		suspicious := regexp.MustCompile(`(?i)parse|decode|unverified|insecure|unsafe|skip|peek|noverify|withoutverif`)
		files, err := packageFiles()
		require.NoError(t, err)
		for _, file := range files {
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if ok && f.Name.IsExported() && suspicious.MatchString(f.Name.Name) {
					assert.Equal(t, "WithInsecureHTTP", f.Name.Name)
				}
			}
		}
		// A Token comes from a Verifier only: it cannot be unmarshaled.
		for _, v := range []any{&jwtverifier.Token{}, &jwtverifier.AccessToken{}, &jwtverifier.IDToken{}} {
			for _, method := range []string{"UnmarshalJSON", "UnmarshalText", "UnmarshalBinary", "GobDecode", "Scan", "UnmarshalJSONFrom"} {
				_, found := reflect.TypeOf(v).MethodByName(method)
				assert.False(t, found, "%T.%s", v, method)
			}
		}
	})
}

func TestMutation(t *testing.T) {
	t.Parallel()
	runRow(t, "t/299 what New was given is changed afterwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			audiences, clients, ids := []string{"api", "api2"}, []string{"c1", "c2"}, []string{"client", "client2"}
			keys := []byte(jwksOf(goodJWK1()))
			opts := []jwtverifier.Option{jwtverifier.WithAudience(audiences...), jwtverifier.WithAuthorizedClients(clients...), jwtverifier.WithClientID(ids...), jwtverifier.WithStaticKeys(keys)}
			early := slices.Clone(audiences)
			audiences[0] = "evil" // even before New
			v, err := jwtverifier.New(issuerURL, opts...)
			require.NoError(t, err)
			for _, list := range [][]string{audiences, clients, ids} {
				for i := range list {
					list[i] = "evil"
				}
				_ = append(list[:1], "evil")
			}
			clear(keys)
			for _, raw := range []string{at0Token("aud", strconv.Quote(early[0])), at0Token("aud", `"api2"`, "cid", `"c2"`)} {
				accepts(t, v, raw)
			}
			_, err = v.VerifyIDToken(t.Context(), id0Token("aud", `"client2"`), "n1")
			require.NoError(t, err)
			refuses(t, v, at0Token("aud", `"evil"`), jwtverifier.ErrAudience)
			refuses(t, v, at0Token("cid", `"evil"`), jwtverifier.ErrClientID)
		})
	})
	runRow(t, "t/299 options are used for two verifiers", func(t *testing.T) {
		more := make([]string, 1, 10)
		more[0] = "api"
		shared := jwtverifier.WithAudience(more...)
		keys := jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))
		clock := jwtverifier.WithClock(func() time.Time { return bubbleStart })
		a, err := jwtverifier.New(issuerURL, shared, jwtverifier.WithAudience("a"), keys, clock)
		require.NoError(t, err)
		b, err := jwtverifier.New(issuerURL, shared, jwtverifier.WithAudience("b"), keys, clock)
		require.NoError(t, err)
		accepts(t, a, at0Token("aud", `"a"`))
		accepts(t, b, at0Token("aud", `"b"`))
		refuses(t, a, at0Token("aud", `"b"`), jwtverifier.ErrAudience)
		refuses(t, b, at0Token("aud", `"a"`), jwtverifier.ErrAudience)
	})
	runRow(t, "t/299 a result is changed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newSite().verifier(t, jwtverifier.WithSenderConstrainedTokens())
			raw := at0Token("aud", `["api","x"]`, "scp", `["a","b"]`, "amr", `["pwd"]`, "cnf", `{"jkt":"j"}`)
			for range 4 { // fresh, remembered, remembered
				token, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
				assert.Equal(t, []string{"api", "x"}, token.Audience)
				assert.Equal(t, []string{"a", "b"}, token.Scopes)
				assert.Equal(t, []string{"pwd"}, token.AuthMethods)
				assert.Equal(t, "j", token.Confirmation.JWKThumbprint)
				token.Audience[1], token.Scopes[0], token.AuthMethods[0] = "evil", "admin", "evil"
				_ = append(token.Audience[:1], "evil")
				_ = append(token.Scopes, "evil")
				token.Confirmation.JWKThumbprint = "evil"
				token.Subject = "evil"
				var stolen struct {
					Raw keepsBytes `json:"sub"`
				}
				require.NoError(t, token.Claims(&stolen))
				assert.Equal(t, `"u"`, string(stolen.Raw))
				for i := range stolen.Raw {
					stolen.Raw[i] = '!'
				}
			}
		})
	})
	runRow(t, "t/300 settings of jwx are changed", func(t *testing.T) {
		if os.Getenv("JWTVERIFIER_HOSTILE_JWX") == "" {
			// In a process of its own: the settings are those of the whole program.
			command := exec.Command(os.Args[0], "-test.run=^TestMutation$/^t$/^300_settings", "-test.v")
			command.Env = append(os.Environ(), "JWTVERIFIER_HOSTILE_JWX=1")
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "--- PASS: TestMutation/t/300")
			return
		}
		yes := jws.VerifierFactoryFn(func() (jws.Verifier, error) { return credulous{}, nil })
		for _, alg := range []jwa.SignatureAlgorithm{jwa.RS256, jwa.HS256, jwa.NoSignature, "evil"} {
			jwa.RegisterSignatureAlgorithm(alg)
			jws.RegisterVerifier(alg, yes)
		}
		jwx.DecoderSettings(jwx.WithUseNumber(true))
		for _, name := range []string{"n", "e", "kid", "exp", "iss", "alg"} {
			jwk.RegisterCustomField(name, evilField{})
			jws.RegisterCustomField(name, evilField{})
		}
		synctest.Test(t, func(t *testing.T) {
			v := newSite().verifier(t)
			accepts(t, v, at0Token())
			refuses(t, v, jwsOf(keyX(), h0(), at0()), jwtverifier.ErrSignature)
			refuses(t, v, jwsOf(key1(), h0("alg", `"evil"`), at0()), jwtverifier.ErrAlgorithm)
			refuses(t, v, hmacForgeries()["modulus"], jwtverifier.ErrAlgorithm)
			refuses(t, v, at0Token("exp", "0"), jwtverifier.ErrExpired)
			require.NoError(t, v.Refresh(t.Context()))
			accepts(t, v, at0Token())
			jws.UnregisterVerifier(jwa.RS256)
			jwa.UnregisterSignatureAlgorithm(jwa.RS256)
			jwa.UnregisterKeyType(jwa.RSA)
			accepts(t, v, at0Token("jti", `"another"`))
			refuses(t, v, jwsOf(keyX(), h0(), at0()), jwtverifier.ErrSignature)
		})
	})
}

// Even before this module is initialised another package can replace what jwx
// registers. It gets no token accepted by that, and none refused.
func TestEarlierMutation(t *testing.T) {
	t.Parallel()
	runRow(t, "t/300 jwx is changed by a package that is initialised earlier", func(t *testing.T) {
		output, err := exec.CommandContext(t.Context(), "go", "run", "./testdata/hostilejwx").CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.Equal(t, `jwx, of nothing: <nil>
good: <nil>
256 zero bytes: jwtverifier: signature does not match
a zero byte: jwtverifier: signature does not match
`, string(output))
	})
}

// keepsBytes keeps what it is given, and does not copy it.
type keepsBytes []byte

func (k *keepsBytes) UnmarshalJSON(b []byte) error {
	*k = b
	return nil
}

// credulous is a jws.Verifier that believes everything.
type credulous struct{}

func (credulous) Algorithm() jwa.SignatureAlgorithm { return jwa.RS256 }

func (credulous) Verify(_, _ []byte, _ any) error { return nil }

type evilField struct{}

func (*evilField) UnmarshalJSON([]byte) error { return errors.New("evil") }
