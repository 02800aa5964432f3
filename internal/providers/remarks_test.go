package providers_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// What docs/providers.md says beyond the options.
func TestRemarks(t *testing.T) {
	verifier := func(t *testing.T, s *server, opts ...jwtverifier.Option) *jwtverifier.Verifier {
		t.Helper()
		v, err := jwtverifier.New(s.URL(), append(opts, jwtverifier.WithHTTPClient(&http.Client{Transport: s}))...)
		require.NoError(t, err)
		return v
	}
	t.Run("issuers that end in a slash", func(t *testing.T) {
		for section, list := range documentedExamples(t) {
			slash := section == "Microsoft Entra ID, v1.0 tokens" || section == "Auth0" || section == "LemonLDAP::NG"
			for _, example := range list {
				issuer, _ := evaluate(t, example)
				assert.Equal(t, slash, strings.HasSuffix(issuer, "/"), issuer)
			}
		}
	})
	t.Run("Okta org: an access token for an audience is refused", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://example.okta.com")}
		v := verifier(t, s, jwtverifier.WithAudience("https://example.okta.com"))
		raw := s.mint(t, tokenShape{
			header: members{"typ": "application/okta-internal-at+jwt"},
			claims: members{"aud": "https://example.okta.com"},
		})
		token, err := v.VerifyAccessToken(t.Context(), raw)
		requireNone(t, jwtverifier.ErrTokenType, token == nil, err)
	})
	t.Run("Okta org: the error says why", func(t *testing.T) {
		const hint = "access tokens of an Okta org server"
		s := &server{Issuer: jwtverifiertest.New("https://example.okta.com")}
		v := verifier(t, s, jwtverifier.WithAudience("api://default"))
		raw := s.mint(t, tokenShape{claims: members{"aud": "https://example.okta.com"}})
		_, err := v.VerifyAccessToken(t.Context(), raw)
		require.ErrorIs(t, err, jwtverifier.ErrAudience)
		require.ErrorContains(t, err, hint)
		_, err = v.VerifyAccessToken(t.Context(), s.mint(t, tokenShape{header: members{"kid": "internal"}}))
		require.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
		require.ErrorContains(t, err, hint)
		s.ReplaceKey("key-1") // the Verifier holds the old one
		_, err = v.VerifyAccessToken(t.Context(), s.mint(t, tokenShape{}))
		require.ErrorIs(t, err, jwtverifier.ErrSignature)
		require.ErrorContains(t, err, hint)

		custom := &server{Issuer: jwtverifiertest.New("https://example.okta.com/oauth2/default")}
		_, err = verifier(t, custom, jwtverifier.WithAudience("api://orders")).VerifyAccessToken(t.Context(), custom.AccessToken())
		require.ErrorIs(t, err, jwtverifier.ErrAudience)
		require.NotContains(t, err.Error(), hint)
	})
	t.Run("Entra: the metadata of common is of another issuer", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://login.microsoftonline.com/common/v2.0")}
		metadata := s.Metadata()
		metadata["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0"
		s.Respond("", jsonResponse(t, metadata))
		v := verifier(t, s, jwtverifier.WithAudience("a"))
		token, err := v.VerifyAccessToken(t.Context(), s.AccessToken())
		require.Nil(t, token)
		require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
		require.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
	})
	t.Run("Entra: a token for Microsoft Graph", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://login.microsoftonline.com/t/v2.0")}
		v := verifier(t, s, jwtverifier.WithAudience("00000003-0000-0000-c000-000000000000"))
		signed := s.mint(t, tokenShape{
			header: members{"typ": "JWT", "nonce": "hashed"},
			claims: members{"aud": "00000003-0000-0000-c000-000000000000"},
		})
		_, rest, _ := strings.Cut(signed, ".")
		sent := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","nonce":"plain","alg":"RS256","kid":"key-1"}`)) + "." + rest
		token, err := v.VerifyAccessToken(t.Context(), sent)
		requireNone(t, jwtverifier.ErrSignature, token == nil, err)
	})
	t.Run("Keycloak: account is no audience", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://keycloak.example.com/realms/shop")}
		raw := s.mint(t, tokenShape{header: typJWT, claims: members{"typ": "Bearer", "aud": "account", "azp": "web"}})
		for _, opt := range []jwtverifier.Option{jwtverifier.WithAudience("orders-api"), jwtverifier.WithoutAudience()} {
			token, err := verifier(t, s, opt, jwtverifier.WithAuthorizedClients("web")).VerifyAccessToken(t.Context(), raw)
			requireNone(t, jwtverifier.ErrAudience, token == nil, err)
		}
	})
	t.Run("Google: iss without a scheme", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://accounts.google.com")}
		v := verifier(t, s, jwtverifier.WithClientID("web"))
		raw := s.mint(t, tokenShape{claims: members{"iss": "accounts.google.com", "aud": "web"}})
		token, err := v.VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		requireNone(t, jwtverifier.ErrIssuer, token == nil, err)
	})
	t.Run("Dex: another client's azp", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://dex.example.com/dex")}
		raw := s.mint(t, tokenShape{claims: members{"aud": []string{"api", "web"}, "azp": "web"}})
		token, err := verifier(t, s, jwtverifier.WithClientID("api")).VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		requireNone(t, jwtverifier.ErrAuthorizedParty, token == nil, err)
		_, err = verifier(t, s, jwtverifier.WithClientID("api", "web")).VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		require.NoError(t, err)
	})
	t.Run("Dex: as an access token", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://dex.example.com/dex")}
		raw := s.mint(t, tokenShape{claims: members{"aud": "web", "at_hash": someTokenHash}})
		token, err := verifier(t, s, jwtverifier.WithAudience("web")).VerifyAccessToken(t.Context(), raw)
		requireNone(t, jwtverifier.ErrTokenType, token == nil, err)
	})
	t.Run("Glewlwyd: auth_time 0 against MaxAge", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://glewlwyd.example.com/api/oidc")}
		v := verifier(t, s, jwtverifier.WithClientID("web"))
		raw := s.mint(t, tokenShape{claims: members{"aud": "web", "auth_time": 0, "nonce": loginNonce}})
		token, err := v.VerifyIDToken(t.Context(), raw, loginNonce, jwtverifier.MaxAge(time.Hour))
		requireNone(t, jwtverifier.ErrAuthTime, token == nil, err)
	})
	t.Run("a single key without kid, alg and use", func(t *testing.T) {
		s := &server{Issuer: jwtverifiertest.New("https://op.example.com")}
		s.editKeys(t, nil, withoutMembers("kid", "alg", "use"))
		v := verifier(t, s, jwtverifier.WithAudience("api"))
		raw := s.mint(t, tokenShape{header: members{"kid": jwtverifiertest.Absent}, claims: members{"aud": "api"}})
		_, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
	})
}
