package e2e_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/e2e"
	"example.com/jwtverifier/httpauth"
	introspect "example.com/jwtverifier/introspection"
)

func TestAskingTheServer(t *testing.T) {
	t.Parallel()
	p := e2e.Start(t, e2e.Settings{IntrospectJWT: true})
	local := newVerifier(t, p)
	basic := newClient(t, local, e2e.ServiceID, e2e.ClientSecret)
	post := newClient(t, local, e2e.PostID, e2e.ClientSecret, introspect.WithClientSecretPost())
	asking := newAsking(t, local, basic)
	ctx := t.Context()

	jwt, opaque := serviceToken(t, p, e2e.API), serviceToken(t, p, e2e.OpaqueAPI)
	alice := signIn(t, webConfig(p, "openid", "offline_access", "api:read"), "alice")

	t.Run("active JWT", func(t *testing.T) {
		for _, client := range []*introspect.Client{basic, post} {
			token, err := newAsking(t, local, client).VerifyAccessToken(ctx, jwt)
			require.NoError(t, err)
			assert.Equal(t, e2e.ServiceID, token.ClientID)
			token, err = newAsking(t, local, client).VerifyAccessToken(ctx, alice.AccessToken)
			require.NoError(t, err)
			assert.Equal(t, "alice", token.Subject)
		}
		r, err := basic.Introspect(ctx, alice.AccessToken)
		require.NoError(t, err)
		token, err := local.VerifyAccessToken(ctx, alice.AccessToken)
		require.NoError(t, err)
		assert.Equal(t, []string{token.Issuer, token.Subject, token.ClientID}, []string{r.Issuer, r.Subject, r.ClientID})
		assert.Equal(t, token.Audience, r.Audience)
		assert.Equal(t, token.Scopes, r.Scopes)
		assert.Equal(t, token.Expiry, r.Expiry)
	})

	t.Run("active opaque token", func(t *testing.T) {
		for _, client := range []*introspect.Client{basic, post} {
			r, err := client.Introspect(ctx, opaque)
			require.NoError(t, err)
			assert.True(t, r.Active)
			assert.Equal(t, p.Issuer, r.Issuer)
			assert.Equal(t, e2e.ServiceID, r.ClientID)
			assert.Equal(t, []string{e2e.OpaqueAPI}, r.Audience)
			assert.True(t, r.HasScopes("api:read"))
			assert.False(t, r.HasScopes("api:write"))
			assert.Equal(t, "Bearer", r.TokenType)
			assert.Equal(t, time.Hour, r.Expiry.Sub(r.IssuedAt))
			assert.WithinDuration(t, time.Now(), r.IssuedAt, 30*time.Second)
			assert.Empty(t, r.Subject, "a service is nobody's account")
			var claims struct {
				Scope string `json:"scope"`
			}
			require.NoError(t, r.Claims(&claims))
			assert.Equal(t, "api:read", claims.Scope)
		}
		_, err := asking.VerifyAccessToken(ctx, opaque)
		refused(t, err, jwtverifier.ErrMalformed)
	})

	t.Run("revoked", func(t *testing.T) {
		guard, err := httpauth.New(asking)
		require.NoError(t, err)
		revocable := serviceToken(t, p, e2e.API)
		status := func() int {
			t.Helper()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+revocable)
			w := httptest.NewRecorder()
			guard.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
			return w.Code
		}
		assert.Equal(t, http.StatusNotFound, status())
		require.Equal(t, http.StatusOK, revoke(t, p, e2e.ServiceID, revocable).status)
		assert.Equal(t, http.StatusUnauthorized, status())
		token, err := asking.VerifyAccessToken(ctx, revocable)
		assert.Nil(t, token)
		refused(t, err, introspect.ErrInactive)
		_, err = local.VerifyAccessToken(ctx, revocable)
		require.NoError(t, err, "nobody else knows")

		revocable = serviceToken(t, p, e2e.OpaqueAPI)
		require.Equal(t, http.StatusOK, revoke(t, p, e2e.ServiceID, revocable).status)
		r, err := basic.Introspect(ctx, revocable)
		assert.Nil(t, r)
		refused(t, err, introspect.ErrInactive)
	})

	t.Run("unknown", func(t *testing.T) {
		for _, raw := range []string{"unknown", opaque + "A", `+/%&=": ~`} {
			r, err := basic.Introspect(ctx, raw)
			assert.Nil(t, r)
			refused(t, err, introspect.ErrInactive)
		}
		// It does not look at a JWT that it did not issue as an access token.
		r, err := basic.Introspect(ctx, alice.idToken)
		assert.Nil(t, r)
		notAnswered(t, err, p, http.StatusBadRequest)
		_, err = asking.VerifyAccessToken(ctx, alice.idToken)
		refused(t, err, jwtverifier.ErrTokenType)
	})

	t.Run("a refresh token", func(t *testing.T) {
		r, err := basic.Introspect(ctx, alice.RefreshToken)
		require.NoError(t, err, "oidc-provider says that it is active, and marks it in no way")
		assert.Empty(t, r.TokenType, "but for this")
		_, err = asking.VerifyAccessToken(ctx, alice.RefreshToken)
		refused(t, err, jwtverifier.ErrMalformed)
	})

	t.Run("wrong client secret", func(t *testing.T) {
		for _, client := range []*introspect.Client{
			newClient(t, local, e2e.ServiceID, "wrong"),
			newClient(t, local, "unknown", e2e.ClientSecret),
			newClient(t, local, e2e.PostID, "wrong", introspect.WithClientSecretPost()),
		} {
			r, err := client.Introspect(ctx, opaque)
			assert.Nil(t, r)
			notAnswered(t, err, p, http.StatusUnauthorized)
			token, err := newAsking(t, local, client).VerifyAccessToken(ctx, jwt)
			assert.Nil(t, token)
			notAnswered(t, err, p, http.StatusUnauthorized)
		}
	})

	p.Stop()

	t.Run("server down", func(t *testing.T) {
		r, err := basic.Introspect(ctx, opaque)
		assert.Nil(t, r)
		notAnswered(t, err, p, 0)
		assert.ErrorIs(t, err, syscall.ECONNREFUSED)
		token, err := asking.VerifyAccessToken(ctx, jwt)
		assert.Nil(t, token)
		notAnswered(t, err, p, 0)
		_, err = local.VerifyAccessToken(ctx, jwt)
		require.NoError(t, err, "keys are held")

		// Where nothing is known yet it is the metadata that cannot be had.
		_, err = newClient(t, newVerifier(t, p), e2e.ServiceID, e2e.ClientSecret).Introspect(ctx, opaque)
		unavailable(t, err, p)
	})
}

func TestAskingTheServerAboutExpiredTokens(t *testing.T) {
	t.Parallel()
	const lifetime = 2 * time.Second
	p := e2e.Start(t, e2e.Settings{IntrospectJWT: true, AccessTokenTTL: lifetime})
	local := newVerifier(t, p)
	client := newClient(t, local, e2e.ServiceID, e2e.ClientSecret)
	jwt, opaque := serviceToken(t, p, e2e.API), serviceToken(t, p, e2e.OpaqueAPI)
	time.Sleep(lifetime)

	_, err := local.VerifyAccessToken(t.Context(), jwt)
	require.NoError(t, err, "within the leeway")
	_, err = newAsking(t, local, client).VerifyAccessToken(t.Context(), jwt)
	refused(t, err, introspect.ErrInactive)
	_, err = client.Introspect(t.Context(), opaque)
	refused(t, err, introspect.ErrInactive)

	strict := newVerifier(t, p, jwtverifier.WithLeeway(0))
	_, err = newAsking(t, strict, client).VerifyAccessToken(t.Context(), jwt)
	refused(t, err, jwtverifier.ErrExpired)
}

func newClient(t *testing.T, v *jwtverifier.Verifier, id, secret string, opts ...introspect.Option) *introspect.Client {
	t.Helper()
	c, err := introspect.New(v, id, secret, opts...)
	require.NoError(t, err)
	return c
}

func newAsking(t *testing.T, local *jwtverifier.Verifier, c *introspect.Client) *introspect.Verifier {
	t.Helper()
	v, err := introspect.NewVerifier(local, c)
	require.NoError(t, err)
	return v
}

// notAnswered checks that the provider could not be asked, and why: its status, or 0 if there was no answer.
func notAnswered(t *testing.T, err error, p *e2e.Provider, status int) {
	t.Helper()
	require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
	require.NotErrorIs(t, err, jwtverifier.ErrInvalidToken)
	require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
	var call *introspect.CallError
	require.ErrorAs(t, err, &call)
	assert.Equal(t, p.Issuer+introspection, call.URL)
	assert.Equal(t, status, call.StatusCode)
	var network *url.Error
	assert.Equal(t, status == 0, errors.As(err, &network))
}
