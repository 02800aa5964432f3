package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"example.com/jwtverifier"
	"example.com/jwtverifier/e2e"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	p := e2e.Start(t, e2e.Settings{Keys: []e2e.Key{e2e.NewKey("key-a")}})
	v := newVerifier(t, p)
	ctx := t.Context()

	conf := webConfig(p, "openid", "profile", "offline_access", "api:read")
	var metadata struct {
		Auth  string `json:"authorization_endpoint"`
		Token string `json:"token_endpoint"`
	}
	require.NoError(t, v.Metadata(ctx, &metadata))
	conf.Endpoint.AuthURL, conf.Endpoint.TokenURL = metadata.Auth, metadata.Token

	service, err := (&clientcredentials.Config{
		ClientID:       e2e.ServiceID,
		ClientSecret:   e2e.ClientSecret,
		TokenURL:       metadata.Token,
		AuthStyle:      oauth2.AuthStyleInHeader,
		Scopes:         []string{"api:read", "api:write"},
		EndpointParams: url.Values{"resource": {e2e.API}},
	}).Token(ctx)
	require.NoError(t, err)

	alice := signIn(t, conf, "alice")

	t.Run("access token of a service", func(t *testing.T) {
		token, err := v.VerifyAccessToken(ctx, service.AccessToken)
		require.NoError(t, err)
		assert.Equal(t, p.Issuer, token.Issuer)
		assert.Equal(t, []string{e2e.API}, token.Audience)
		assert.Equal(t, e2e.ServiceID, token.ClientID)
		assert.Equal(t, e2e.ServiceID, token.Subject, "a service acts for itself")
		assert.Equal(t, []string{"api:read", "api:write"}, token.Scopes)
		assert.True(t, token.HasScopes("api:write", "api:read"))
		assert.False(t, token.HasScopes("api:read", "api:admin"))
		assert.Equal(t, "at+jwt", token.Type)
		assert.Equal(t, "RS256", token.Algorithm)
		assert.Equal(t, "key-a", token.KeyID)
		assert.NotEmpty(t, token.ID)
		assert.Nil(t, token.Confirmation)
		assert.WithinDuration(t, time.Now(), token.IssuedAt, 30*time.Second)
		assert.Equal(t, time.Hour, token.Expiry.Sub(token.IssuedAt))
		assert.Zero(t, token.NotBefore)

		var claims struct {
			ClientID string `json:"client_id"`
		}
		require.NoError(t, token.Claims(&claims))
		assert.Equal(t, e2e.ServiceID, claims.ClientID)
	})

	t.Run("access token of a user", func(t *testing.T) {
		token, err := v.VerifyAccessToken(ctx, alice.AccessToken)
		require.NoError(t, err)
		assert.Equal(t, "alice", token.Subject)
		assert.Equal(t, e2e.WebID, token.ClientID)
		assert.Equal(t, []string{"api:read"}, token.Scopes)

		_, err = newVerifier(t, p, jwtverifier.WithStrictTokenType()).VerifyAccessToken(ctx, alice.AccessToken)
		assert.NoError(t, err)
	})

	var login *jwtverifier.IDToken
	t.Run("ID token", func(t *testing.T) {
		token, err := v.VerifyIDToken(ctx, alice.idToken, alice.nonce, jwtverifier.MaxAge(time.Minute))
		require.NoError(t, err)
		assert.Equal(t, p.Issuer, token.Issuer)
		assert.Equal(t, "alice", token.Subject)
		assert.Equal(t, []string{e2e.WebID}, token.Audience)
		assert.Equal(t, alice.nonce, token.Nonce)
		assert.Equal(t, "key-a", token.KeyID)
		assert.Empty(t, token.Type, "oidc-provider writes no typ into ID tokens")
		assert.Empty(t, token.AuthorizedParty)
		assert.Equal(t, "urn:example:password", token.AuthContext)
		assert.Equal(t, []string{"pwd"}, token.AuthMethods)
		assert.WithinDuration(t, time.Now(), token.AuthTime, 30*time.Second)
		assert.WithinDuration(t, time.Now(), token.IssuedAt, 30*time.Second)
		assert.Equal(t, time.Hour, token.Expiry.Sub(token.IssuedAt))

		var claims struct {
			Name string `json:"name"`
		}
		require.NoError(t, token.Claims(&claims))
		assert.Equal(t, "alice", claims.Name)
		login = token
	})
	require.NotNil(t, login)

	t.Run("refreshed ID token", func(t *testing.T) {
		time.Sleep(time.Until(login.IssuedAt.Add(time.Second))) // within it the new token would be the old one
		refreshed, err := conf.TokenSource(ctx, &oauth2.Token{RefreshToken: alice.RefreshToken}).Token()
		require.NoError(t, err)
		raw, _ := refreshed.Extra("id_token").(string)
		token, err := v.VerifyIDToken(ctx, raw, "", jwtverifier.RefreshOf(login), jwtverifier.MaxAge(time.Minute))
		require.NoError(t, err)
		assert.Equal(t, "alice", token.Subject)
		assert.Equal(t, login.AuthTime, token.AuthTime)
		assert.Greater(t, token.IssuedAt, login.IssuedAt)

		// Logins of their own, given out for a refresh.
		bob := signIn(t, conf, "bob")
		_, err = v.VerifyIDToken(ctx, bob.idToken, "", jwtverifier.RefreshOf(login))
		refused(t, err, jwtverifier.ErrClaim)
		again := signIn(t, conf, "alice")
		_, err = v.VerifyIDToken(ctx, again.idToken, "", jwtverifier.RefreshOf(login))
		refused(t, err, jwtverifier.ErrNonce)
	})

	t.Run("hashes of a hybrid flow", func(t *testing.T) {
		code, accessToken, idToken, nonce := signInHybrid(t, p, "alice")
		w, err := jwtverifier.New(p.Issuer, jwtverifier.WithClientID(e2e.HybridID), jwtverifier.WithAudience(e2e.HybridID))
		require.NoError(t, err)
		_, err = w.VerifyIDToken(ctx, idToken, nonce, jwtverifier.CodeHash(code), jwtverifier.AccessTokenHash(accessToken))
		require.NoError(t, err)

		for _, check := range []jwtverifier.IDTokenCheck{
			jwtverifier.CodeHash(accessToken),
			jwtverifier.AccessTokenHash(code),
		} {
			_, err = w.VerifyIDToken(ctx, idToken, nonce, check)
			refused(t, err, jwtverifier.ErrTokenHash)
		}
		_, err = w.VerifyIDToken(ctx, idToken, nonce, jwtverifier.MaxAge(time.Hour))
		refused(t, err, jwtverifier.ErrAuthTime) // it has none
		_, err = w.VerifyAccessToken(ctx, idToken)
		refused(t, err, jwtverifier.ErrTokenType)
	})

	opaque := serviceToken(t, p, e2e.OpaqueAPI)
	later := func(d time.Duration) jwtverifier.Option {
		return jwtverifier.WithClock(func() time.Time { return time.Now().Add(d) })
	}
	tampered := func(raw string) string {
		header, rest, _ := strings.Cut(raw, ".")
		_, signature, _ := strings.Cut(rest, ".")
		return header + ".eyJzdWIiOiJyb290In0." + signature
	}

	for name, row := range map[string]struct {
		want  error
		token string
		opts  []jwtverifier.Option
	}{
		"an ID token":               {jwtverifier.ErrTokenType, alice.idToken, nil},
		"an ID token for itself":    {jwtverifier.ErrTokenType, alice.idToken, []jwtverifier.Option{jwtverifier.WithAudience(e2e.WebID)}},
		"an ID token, strict types": {jwtverifier.ErrTokenType, alice.idToken, []jwtverifier.Option{jwtverifier.WithStrictTokenType()}},
		"opaque":                    {jwtverifier.ErrMalformed, opaque, nil},
		"a refresh token":           {jwtverifier.ErrMalformed, alice.RefreshToken, nil},
		"tampered":                  {jwtverifier.ErrSignature, tampered(alice.AccessToken), nil},
		"expired":                   {jwtverifier.ErrExpired, alice.AccessToken, []jwtverifier.Option{later(time.Hour + 2*time.Minute)}},
		"from the future":           {jwtverifier.ErrIssuedAt, alice.AccessToken, []jwtverifier.Option{later(-2 * time.Minute)}},
	} {
		t.Run("refused as an access token: "+name, func(t *testing.T) {
			token, err := newVerifier(t, p, row.opts...).VerifyAccessToken(ctx, row.token)
			assert.Nil(t, token)
			refused(t, err, row.want)
		})
	}
	t.Run("refused as an access token: for another API", func(t *testing.T) {
		w, err := jwtverifier.New(p.Issuer, jwtverifier.WithAudience("https://other.example.com/"))
		require.NoError(t, err)
		_, err = w.VerifyAccessToken(ctx, alice.AccessToken)
		refused(t, err, jwtverifier.ErrAudience)
	})
	t.Run("refused as an access token: of another client", func(t *testing.T) {
		w, err := jwtverifier.New(p.Issuer, jwtverifier.WithAudience(e2e.API), jwtverifier.WithAuthorizedClients(e2e.ServiceID))
		require.NoError(t, err)
		_, err = w.VerifyAccessToken(ctx, service.AccessToken)
		require.NoError(t, err)
		_, err = w.VerifyAccessToken(ctx, alice.AccessToken)
		refused(t, err, jwtverifier.ErrClientID)
	})

	for name, row := range map[string]struct {
		want  error
		token string
		nonce string
		check jwtverifier.IDTokenCheck
		opts  []jwtverifier.Option
	}{
		"an access token":        {want: jwtverifier.ErrTokenType, token: alice.AccessToken, check: jwtverifier.NoNonce()},
		"opaque":                 {want: jwtverifier.ErrMalformed, token: opaque, check: jwtverifier.NoNonce()},
		"another nonce":          {want: jwtverifier.ErrNonce, token: alice.idToken, nonce: alice.nonce + "x"},
		"no nonce":               {want: jwtverifier.ErrNonce, token: alice.idToken},
		"no hash of the token":   {want: jwtverifier.ErrTokenHash, token: alice.idToken, nonce: alice.nonce, check: jwtverifier.AccessTokenHash(alice.AccessToken)},
		"logged in long ago":     {want: jwtverifier.ErrAuthTime, token: alice.idToken, nonce: alice.nonce, check: jwtverifier.MaxAge(10 * time.Minute), opts: []jwtverifier.Option{later(30 * time.Minute)}},
		"expired":                {want: jwtverifier.ErrExpired, token: alice.idToken, nonce: alice.nonce, opts: []jwtverifier.Option{later(time.Hour + 2*time.Minute)}},
		"tampered":               {want: jwtverifier.ErrSignature, token: tampered(alice.idToken), nonce: alice.nonce},
		"of another application": {want: jwtverifier.ErrAudience, token: hybridIDToken(t, p), check: jwtverifier.NoNonce()},
	} {
		t.Run("refused as an ID token: "+name, func(t *testing.T) {
			var checks []jwtverifier.IDTokenCheck
			if row.check != nil {
				checks = append(checks, row.check)
			}
			token, err := newVerifier(t, p, row.opts...).VerifyIDToken(ctx, row.token, row.nonce, checks...)
			assert.Nil(t, token)
			refused(t, err, row.want)
		})
	}

	t.Run("the issuer is compared byte for byte", func(t *testing.T) {
		w, err := jwtverifier.New(p.Issuer+"/", jwtverifier.WithAudience(e2e.API))
		require.NoError(t, err)
		_, err = w.VerifyAccessToken(ctx, alice.AccessToken)
		assert.ErrorIs(t, err, jwtverifier.ErrUnavailable)
		assert.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
	})

	t.Run("discovery by openid-configuration alone", func(t *testing.T) {
		w := newVerifier(t, p, jwtverifier.WithHTTPClient(&http.Client{Transport: openIDOnly{}}))
		_, err := w.VerifyAccessToken(ctx, alice.AccessToken)
		require.NoError(t, err)
		assert.Equal(t, p.Issuer+"/.well-known/openid-configuration", w.Status().MetadataURL)
	})
}

// openIDOnly hides the OAuth metadata, which oidc-provider serves besides the OpenID Connect one and others do not.
type openIDOnly struct{}

func (openIDOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.URL.Path, "/.well-known/oauth-authorization-server") {
		req = req.Clone(req.Context())
		req.URL.Path = "/nothing-here"
	}
	return http.DefaultTransport.RoundTrip(req)
}

func TestRestartWithNewKey(t *testing.T) {
	t.Parallel()
	p := e2e.Start(t, e2e.Settings{Keys: []e2e.Key{e2e.NewKey("key-a")}, AccessTokenHash: true})
	waiting, refreshing := newVerifier(t, p), newVerifier(t, p)
	ctx := t.Context()
	conf := webConfig(p, "openid", "offline_access", "api:read")

	before := signIn(t, conf, "alice")
	for _, v := range []*jwtverifier.Verifier{waiting, refreshing} {
		_, err := v.VerifyIDToken(ctx, before.idToken, before.nonce, jwtverifier.AccessTokenHash(before.AccessToken))
		require.NoError(t, err)
		_, err = v.VerifyAccessToken(ctx, before.AccessToken)
		require.NoError(t, err)
	}

	p.Restart(t, e2e.NewKey("key-b"))
	after := signIn(t, conf, "alice")

	// Until somebody asks, nobody knows that the old key has gone.
	_, err := waiting.VerifyAccessToken(ctx, before.AccessToken)
	require.NoError(t, err)

	// A refresh makes it known at once, and so does the first token of the new key.
	require.NoError(t, refreshing.Refresh(ctx))
	renewed(t, refreshing, before, after)
	renewed(t, waiting, before, after)
}

// renewed checks that v has only the key of the tokens after, and takes that from them if need be.
func renewed(t *testing.T, v *jwtverifier.Verifier, before, after tokens) {
	t.Helper()
	token, err := v.VerifyAccessToken(t.Context(), after.AccessToken)
	require.NoError(t, err)
	assert.Equal(t, "key-b", token.KeyID)
	_, err = v.VerifyIDToken(t.Context(), after.idToken, after.nonce, jwtverifier.AccessTokenHash(after.AccessToken))
	require.NoError(t, err)

	_, err = v.VerifyAccessToken(t.Context(), before.AccessToken)
	refused(t, err, jwtverifier.ErrUnknownKey)
	_, err = v.VerifyIDToken(t.Context(), before.idToken, before.nonce)
	refused(t, err, jwtverifier.ErrUnknownKey)
	assert.Equal(t, []string{"key-b"}, v.Status().KeyIDs)
}

func TestOutage(t *testing.T) {
	t.Parallel()
	p := e2e.Start(t, e2e.Settings{})
	warm := newVerifier(t, p)
	ctx := t.Context()
	raw := serviceToken(t, p, e2e.API)
	_, err := warm.VerifyAccessToken(ctx, raw)
	require.NoError(t, err)
	assert.Equal(t, jwtverifier.StateFresh, warm.Status().State)

	p.Stop()

	_, err = warm.VerifyAccessToken(ctx, raw)
	require.NoError(t, err, "keys are held")
	unavailable(t, warm.Refresh(ctx), p)
	_, err = warm.VerifyAccessToken(ctx, raw)
	require.NoError(t, err, "a failed refresh takes no keys away")
	status := warm.Status()
	assert.True(t, status.Ready())
	assert.Equal(t, 1, status.Failures)
	assert.Error(t, status.LastError)

	cold := newVerifier(t, p)
	token, err := cold.VerifyAccessToken(ctx, raw)
	assert.Nil(t, token)
	unavailable(t, err, p)
	began := time.Now()
	_, err = cold.VerifyAccessToken(ctx, raw)
	unavailable(t, err, p)
	assert.Less(t, time.Since(began), 500*time.Millisecond, "within the back-off nothing is asked")
	assert.Equal(t, jwtverifier.StateCold, cold.Status().State)
	assert.False(t, cold.Status().Ready())

	p.Restart(t)

	// It recovers by itself, for a caller who does no more than to heed RetryAfter.
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		_, err = cold.VerifyAccessToken(ctx, raw)
		if err == nil {
			break
		}
		time.Sleep(unavailable(t, err, p))
		require.NoError(t, ctx.Err())
	}
	assert.Equal(t, jwtverifier.StateFresh, cold.Status().State)
	assert.Zero(t, cold.Status().Failures)
}

// unavailable checks that err says that the provider cannot be reached, and returns when it will be asked again.
func unavailable(t *testing.T, err error, p *e2e.Provider) time.Duration {
	t.Helper()
	require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
	require.NotErrorIs(t, err, jwtverifier.ErrInvalidToken)
	require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
	var u *jwtverifier.UnavailableError
	require.ErrorAs(t, err, &u)
	assert.Positive(t, u.RetryAfter)
	var fetch *jwtverifier.FetchError
	require.ErrorAs(t, err, &fetch)
	assert.True(t, strings.HasPrefix(fetch.URL, p.Issuer), fetch.URL)
	assert.Zero(t, fetch.StatusCode)
	var network *url.Error
	require.ErrorAs(t, err, &network)
	return u.RetryAfter
}

// refused checks that the token was refused for this reason and no other.
func refused(t *testing.T, err, reason error) {
	t.Helper()
	require.ErrorIs(t, err, reason)
	require.ErrorIs(t, err, jwtverifier.ErrInvalidToken)
	require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
	require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
	var refusal *jwtverifier.TokenError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, reason, refusal.Reason)
}

// newVerifier verifies the tokens that the provider issues for the API, and for the application that webConfig describes.
func newVerifier(t *testing.T, p *e2e.Provider, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New(p.Issuer, append([]jwtverifier.Option{
		jwtverifier.WithAudience(e2e.API),
		jwtverifier.WithAuthorizedClients(e2e.ServiceID, e2e.WebID),
		jwtverifier.WithClientID(e2e.WebID),
	}, opts...)...)
	require.NoError(t, err)
	return v
}

type tokens struct {
	*oauth2.Token
	idToken string
	nonce   string // that was sent
}

// signIn gets tokens by the authorization-code flow with PKCE: an ID token, and an access token for the API.
func signIn(t *testing.T, conf *oauth2.Config, user string) tokens {
	t.Helper()
	state, nonce, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	back, err := e2e.NewBrowser(user).Open(t.Context(), conf.AuthCodeURL(state,
		oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("nonce", nonce),
		oauth2.SetAuthURLParam("prompt", "consent"), // without it there is no refresh token
		oauth2.SetAuthURLParam("resource", e2e.API),
	))
	require.NoError(t, err)
	answer := back.Query()
	require.Equal(t, state, answer.Get("state"))
	token, err := conf.Exchange(t.Context(), answer.Get("code"),
		oauth2.VerifierOption(verifier),
		oauth2.SetAuthURLParam("resource", e2e.API),
	)
	require.NoError(t, err)
	idToken, _ := token.Extra("id_token").(string)
	require.NotEmpty(t, idToken)
	require.NotEmpty(t, token.RefreshToken)
	return tokens{Token: token, idToken: idToken, nonce: nonce}
}

// signInHybrid gets its tokens from the authorization endpoint.
func signInHybrid(t *testing.T, p *e2e.Provider, user string) (code, accessToken, idToken, nonce string) {
	t.Helper()
	conf := webConfig(p, "openid")
	conf.ClientID, conf.RedirectURL = e2e.HybridID, e2e.HybridURI
	nonce = oauth2.GenerateVerifier()
	back, err := e2e.NewBrowser(user).Open(t.Context(), conf.AuthCodeURL("a state",
		oauth2.S256ChallengeOption(oauth2.GenerateVerifier()),
		oauth2.SetAuthURLParam("response_type", "code id_token token"),
		oauth2.SetAuthURLParam("nonce", nonce),
	))
	require.NoError(t, err)
	answer, err := url.ParseQuery(back.EscapedFragment())
	require.NoError(t, err)
	require.NotEmpty(t, answer.Get("id_token"), "%v", answer)
	return answer.Get("code"), answer.Get("access_token"), answer.Get("id_token"), nonce
}

func hybridIDToken(t *testing.T, p *e2e.Provider) string {
	t.Helper()
	_, _, idToken, _ := signInHybrid(t, p, "alice")
	return idToken
}
