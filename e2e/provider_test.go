package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"example.com/jwtverifier/e2e"
)

// The tests of this file are about the provider itself: what other tests may expect of it.

func TestPages(t *testing.T) {
	t.Parallel()
	const after = "http://127.0.0.1/after"
	p := e2e.Start(t, e2e.Settings{PostLogoutRedirectURIs: []string{after}})
	conf := webConfig(p, "openid", "profile")

	b := e2e.NewBrowser("alice")
	authorize := func(opts ...oauth2.AuthCodeOption) url.Values {
		t.Helper()
		b.Forms = nil
		verifier := oauth2.GenerateVerifier()
		back, err := b.Open(t.Context(), conf.AuthCodeURL("a state", append(opts, oauth2.S256ChallengeOption(verifier))...))
		require.NoError(t, err)
		require.Equal(t, "a state", back.Query().Get("state"))
		return back.Query()
	}

	b.Deny = true
	assert.Equal(t, "access_denied", authorize().Get("error"))
	assert.Equal(t, []string{"login", "consent"}, b.Forms)

	b.Deny = false
	assert.NotEmpty(t, authorize().Get("code"))
	assert.Equal(t, []string{"consent"}, b.Forms, "the session remembers the login")

	assert.NotEmpty(t, authorize().Get("code"))
	assert.Empty(t, b.Forms, "the grant remembers the consent")

	assert.NotEmpty(t, authorize(oauth2.SetAuthURLParam("prompt", "login")).Get("code"))
	assert.Equal(t, []string{"login"}, b.Forms)

	b.Forms = nil
	back, err := b.Open(t.Context(), p.Issuer+"/session/end?"+url.Values{
		"client_id": {e2e.WebID}, "post_logout_redirect_uri": {after}, "state": {"bye"},
	}.Encode())
	require.NoError(t, err)
	assert.Equal(t, after+"?state=bye", back.String())
	assert.Equal(t, []string{"logout"}, b.Forms)

	assert.NotEmpty(t, authorize().Get("code"))
	assert.Equal(t, []string{"login", "consent"}, b.Forms, "signed out")

	_, err = b.Open(t.Context(), p.Issuer+"/interaction/unknown?redirect_uri=http://127.0.0.1/")
	assert.ErrorContains(t, err, "Something went wrong")
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	p := e2e.Start(t, e2e.Settings{})
	opaque := serviceToken(t, p, e2e.OpaqueAPI)

	for _, client := range []string{e2e.ServiceID, e2e.PostID} { // any client may ask
		active(t, ask(t, p, client, opaque), e2e.OpaqueAPI)
	}
	inactive(t, ask(t, p, e2e.ServiceID, "unknown"))
	got := post(t, p.Issuer+introspection, e2e.ServiceID, "wrong", url.Values{"token": {opaque}})
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Equal(t, "invalid_client", got.body["error"])

	assert.Equal(t, http.StatusBadRequest, revoke(t, p, e2e.PostID, opaque).status, "it is another client's")
	active(t, ask(t, p, e2e.ServiceID, opaque), e2e.OpaqueAPI)
	assert.Equal(t, http.StatusOK, revoke(t, p, e2e.ServiceID, opaque).status)
	inactive(t, ask(t, p, e2e.ServiceID, opaque))

	jwt := serviceToken(t, p, e2e.API)
	for _, got := range []answer{ask(t, p, e2e.ServiceID, jwt), revoke(t, p, e2e.ServiceID, jwt)} {
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Equal(t, "unsupported_token_type", got.body["error"])
	}
}

func TestIntrospectionOfJWTs(t *testing.T) {
	t.Parallel()
	const lifetime = 3 * time.Second
	p := e2e.Start(t, e2e.Settings{IntrospectJWT: true, AccessTokenTTL: lifetime})
	jwt, revoked, opaque := serviceToken(t, p, e2e.API), serviceToken(t, p, e2e.API), serviceToken(t, p, e2e.OpaqueAPI)
	expired := time.After(lifetime)

	active(t, ask(t, p, e2e.ServiceID, jwt), e2e.API)
	active(t, ask(t, p, e2e.PostID, jwt), e2e.API)
	active(t, ask(t, p, e2e.ServiceID, opaque), e2e.OpaqueAPI)

	assert.Equal(t, http.StatusOK, revoke(t, p, e2e.ServiceID, revoked).status)
	inactive(t, ask(t, p, e2e.ServiceID, revoked))

	// A JWT that it did not issue is as foreign to it as without the setting.
	assert.Equal(t, "unsupported_token_type", ask(t, p, e2e.ServiceID, jwt+"A").body["error"])

	<-expired
	inactive(t, ask(t, p, e2e.ServiceID, jwt))
	inactive(t, ask(t, p, e2e.ServiceID, opaque))
}

func active(t *testing.T, got answer, audience string) {
	t.Helper()
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, true, got.body["active"])
	assert.Equal(t, e2e.ServiceID, got.body["client_id"])
	assert.Equal(t, audience, got.body["aud"])
	assert.Equal(t, "api:read", got.body["scope"])
	assert.Equal(t, "Bearer", got.body["token_type"])
	assert.Contains(t, got.body, "exp")
	assert.Contains(t, got.body, "iat")
	assert.NotContains(t, got.body, "sub", "a service is nobody's account")
}

func inactive(t *testing.T, got answer) {
	t.Helper()
	assert.Equal(t, answer{http.StatusOK, map[string]any{"active": false}}, got)
}

const introspection = "/token/introspection"

func ask(t *testing.T, p *e2e.Provider, client, token string) answer {
	t.Helper()
	return post(t, p.Issuer+introspection, client, e2e.ClientSecret, url.Values{"token": {token}})
}

func revoke(t *testing.T, p *e2e.Provider, client, token string) answer {
	t.Helper()
	return post(t, p.Issuer+"/token/revocation", client, e2e.ClientSecret, url.Values{"token": {token}})
}

// webConfig is the application's: an authorization-code client of the provider.
func webConfig(p *e2e.Provider, scopes ...string) *oauth2.Config {
	return &oauth2.Config{
		ClientID:     e2e.WebID,
		ClientSecret: e2e.ClientSecret,
		RedirectURL:  e2e.DefaultRedirectURI,
		Scopes:       scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   p.Issuer + "/auth",
			TokenURL:  p.Issuer + "/token",
			AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
}

// serviceToken gets an access token for the resource by client credentials.
func serviceToken(t *testing.T, p *e2e.Provider, resource string) string {
	t.Helper()
	got := post(t, p.Issuer+"/token", e2e.ServiceID, e2e.ClientSecret, url.Values{
		"grant_type": {"client_credentials"}, "resource": {resource}, "scope": {"api:read"},
	})
	require.Equal(t, http.StatusOK, got.status, got.body)
	token, _ := got.body["access_token"].(string)
	require.NotEmpty(t, token)
	return token
}

type answer struct {
	status int
	body   map[string]any // nil if empty
}

// post sends a form as the client, authenticated in the way that the client is registered for.
func post(t *testing.T, address, client, secret string, form url.Values) answer {
	t.Helper()
	if client == e2e.PostID {
		form.Set("client_id", client)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != e2e.PostID {
		req.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	got := answer{status: resp.StatusCode}
	if len(body) > 0 {
		require.NoError(t, json.Unmarshal(body, &got.body), "%s", body)
	}
	return got
}
