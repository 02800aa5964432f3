package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/jwtverifiertest"
)

const (
	redirectURL = "https://app.example/callback"
	secret      = "a secret"
	accessToken = "an access token"
	code        = "the-code"
)

// A server is an issuer with a token endpoint.
type server struct {
	*jwtverifiertest.Issuer
	claims   jwtverifiertest.Claims // of the ID token, besides the right ones
	answer   func() (*http.Response, error)
	exchange *http.Request // the last one at the token endpoint
	nonce    string        // of the last authorization request
}

func newServer() *server {
	s := &server{Issuer: jwtverifiertest.New("")}
	s.answer = func() (*http.Response, error) {
		sum := sha256.Sum256([]byte(accessToken))
		hash := jwtverifiertest.Claims{"at_hash": base64.RawURLEncoding.EncodeToString(sum[:16])}
		return reply(200, map[string]any{
			"token_type":   "Bearer",
			"access_token": accessToken,
			"id_token":     s.IDToken(s.nonce, hash, s.claims),
		})
	}
	return s
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != s.Metadata()["token_endpoint"] {
		return s.Client().Transport.RoundTrip(r)
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	s.exchange = r
	return s.answer()
}

func reply(status int, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader(text)),
	}, err
}

func (s *server) app(t *testing.T, redirectURL string) http.Handler {
	t.Helper()
	handler, err := newHandler(settings{
		issuer:       s.URL(),
		clientID:     jwtverifiertest.ClientID,
		clientSecret: secret,
		redirectURL:  redirectURL,
		client:       &http.Client{Transport: s},
	})
	require.NoError(t, err)
	return handler
}

// A browser keeps cookies.
type browser struct {
	app     http.Handler
	cookies map[string]*http.Cookie
}

func newBrowser(app http.Handler) *browser {
	return &browser{app: app, cookies: map[string]*http.Cookie{}}
}

type answer struct {
	status int
	header http.Header
	body   string // unescaped
}

func (b *browser) send(t *testing.T, method, target string, header http.Header) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies[c.Name] = c
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	assert.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	assert.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	return answer{w.Code, w.Header(), html.UnescapeString(w.Body.String())}
}

func (b *browser) get(t *testing.T, target string) answer {
	t.Helper()
	a := b.send(t, "GET", target, nil)
	assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
	return a
}

// start starts a login and returns the query of the authorization request.
func (b *browser) start(t *testing.T, s *server) url.Values {
	t.Helper()
	a := b.get(t, "/login")
	require.Equal(t, http.StatusSeeOther, a.status)
	address, query, _ := strings.Cut(a.header.Get("Location"), "?")
	require.Equal(t, s.Metadata()["authorization_endpoint"], address)
	q, err := url.ParseQuery(query)
	require.NoError(t, err)
	s.nonce = q.Get("nonce")
	return q
}

func (b *browser) logIn(t *testing.T, s *server) {
	t.Helper()
	a := b.get(t, callback(b.start(t, s).Get("state")))
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	require.Equal(t, "/", a.header.Get("Location"))
}

func (b *browser) loggedIn(t *testing.T) bool {
	t.Helper()
	a := b.get(t, "/")
	require.Equal(t, http.StatusOK, a.status)
	require.NotEqual(t, strings.Contains(a.body, `id="log-in"`), strings.Contains(a.body, `id="log-out"`))
	return strings.Contains(a.body, `id="log-out"`)
}

func callback(state string) string {
	return "/callback?" + url.Values{"code": {code}, "state": {state}}.Encode()
}

func TestLogin(t *testing.T) {
	s := newServer()
	s.claims = jwtverifiertest.Claims{"name": "Alice <b>", "email": "alice@example.com", "sub": "subject-1"}
	b := newBrowser(s.app(t, redirectURL))
	assert.False(t, b.loggedIn(t))

	q := b.start(t, s)
	assert.Equal(t, "code", q.Get("response_type"))
	assert.Equal(t, jwtverifiertest.ClientID, q.Get("client_id"))
	assert.Equal(t, redirectURL, q.Get("redirect_uri"))
	assert.Equal(t, "openid profile email", q.Get("scope"))
	assert.Equal(t, "3600", q.Get("max_age"))
	assert.Equal(t, "S256", q.Get("code_challenge_method"))
	assert.NotEqual(t, q.Get("state"), q.Get("nonce"))
	checkCookie(t, b.cookies["__Host-login"], 10*time.Minute)

	a := b.get(t, callback(q.Get("state"))+"&iss="+url.QueryEscape(s.URL()))
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	require.Equal(t, "/", a.header.Get("Location"))
	assert.NotContains(t, b.cookies, "__Host-login")
	checkCookie(t, b.cookies["__Host-session"], 8*time.Hour)

	form := s.exchange.PostForm
	user, password, _ := s.exchange.BasicAuth()
	assert.Equal(t, []string{jwtverifiertest.ClientID, url.QueryEscape(secret)}, []string{user, password})
	assert.Equal(t, code, form.Get("code"))
	assert.Equal(t, redirectURL, form.Get("redirect_uri"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	assert.Equal(t, q.Get("code_challenge"), base64.RawURLEncoding.EncodeToString(sum[:]))

	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.AddCookie(b.cookies["__Host-session"])
	w := httptest.NewRecorder()
	b.app.ServeHTTP(w, r)
	assert.Contains(t, w.Body.String(), "Hello, Alice &lt;b&gt;")
	assert.Contains(t, w.Body.String(), "alice@example.com")
	assert.Contains(t, w.Body.String(), "subject-1")
	assert.Contains(t, w.Body.String(), s.URL())

	session := b.cookies["__Host-session"]
	a = b.send(t, "POST", "/logout", nil)
	assert.Equal(t, http.StatusSeeOther, a.status)
	assert.Equal(t, "/", a.header.Get("Location"), "the server has no endpoint for it")
	assert.Empty(t, b.cookies)
	b.cookies[session.Name] = session
	assert.False(t, b.loggedIn(t), "the session is over, not only its cookie")
}

func checkCookie(t *testing.T, c *http.Cookie, ttl time.Duration) {
	t.Helper()
	require.NotNil(t, c)
	assert.True(t, c.HttpOnly && c.Secure)
	assert.Equal(t, http.SameSiteLaxMode, c.SameSite)
	assert.Equal(t, "/", c.Path)
	assert.Empty(t, c.Domain)
	assert.Equal(t, int(ttl.Seconds()), c.MaxAge)
}

func TestCookiesOverHTTP(t *testing.T) {
	s := newServer()
	b := newBrowser(s.app(t, "http://127.0.0.1:8080/callback"))
	b.logIn(t, s)
	require.Contains(t, b.cookies, "session")
	assert.False(t, b.cookies["session"].Secure)
	assert.True(t, b.loggedIn(t))
}

// In every row one thing is wrong about a good login.
func TestRefused(t *testing.T) {
	type row struct {
		want     failure
		reason   string
		retry    string
		claims   jwtverifiertest.Claims
		answer   func() (*http.Response, error)
		callback func(b *browser, state string) string
	}
	tokenEndpoint := func(status int, body any) func() (*http.Response, error) {
		return func() (*http.Response, error) { return reply(status, body) }
	}
	to := func(suffix string) func(*browser, string) string {
		return func(_ *browser, state string) string { return "/callback?state=" + state + suffix }
	}
	for name, row := range map[string]row{
		"another browser":  {want: errNoLogin, callback: func(b *browser, state string) string { clear(b.cookies); return callback(state) }},
		"unknown login":    {want: errNoLogin, callback: func(b *browser, state string) string { b.cookies["__Host-login"].Value = "x"; return callback(state) }},
		"another state":    {want: errState, callback: func(_ *browser, state string) string { return callback(state + "x") }},
		"no state":         {want: errState, callback: func(*browser, string) string { return "/callback?code=" + code }},
		"another issuer":   {want: errState, callback: to("&code=c&iss=https://other.example")},
		"denied":           {want: errDenied, callback: to("&error=access_denied")},
		"another error":    {want: errAnswer, callback: to("&error=" + url.QueryEscape("<b>"))},
		"no code":          {want: errAnswer, callback: to("")},
		"another nonce":    {want: errRefused, reason: "nonce", claims: jwtverifiertest.Claims{"nonce": "x"}},
		"no nonce":         {want: errRefused, reason: "nonce", claims: jwtverifiertest.Claims{"nonce": jwtverifiertest.Absent}},
		"another audience": {want: errRefused, reason: "audience", claims: jwtverifiertest.Claims{"aud": "x"}},
		"another hash":     {want: errRefused, reason: "token_hash", claims: jwtverifiertest.Claims{"at_hash": "x"}},
		"no hash":          {want: errRefused, reason: "token_hash", claims: jwtverifiertest.Claims{"at_hash": jwtverifiertest.Absent}},
		"too long ago":     {want: errRefused, reason: "auth_time", claims: jwtverifiertest.Claims{"auth_time": time.Now().Add(-72 * time.Minute).Unix()}},
		"no auth_time":     {want: errRefused, reason: "auth_time", claims: jwtverifiertest.Claims{"auth_time": jwtverifiertest.Absent}},
		"expired":          {want: errRefused, reason: "expired", claims: jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}},
		"name of a type":   {want: errAnswer, claims: jwtverifiertest.Claims{"name": 1}},
		"no ID token":      {want: errRefused, reason: "malformed", answer: tokenEndpoint(200, map[string]string{"access_token": accessToken})},
		"no access token":  {want: errAnswer, answer: tokenEndpoint(200, map[string]string{"id_token": "x"})},
		"code is used up":  {want: errCode, answer: tokenEndpoint(400, map[string]string{"error": "invalid_grant"})},
		"wrong secret":     {want: errAnswer, answer: tokenEndpoint(401, map[string]string{"error": "invalid_client"})},
		"redirect":         {want: errAnswer, answer: tokenEndpoint(307, nil)},
		"overloaded":       {want: errUnavailable, retry: "5", answer: tokenEndpoint(503, nil)},
		"down":             {want: errUnavailable, retry: "5", answer: func() (*http.Response, error) { return nil, errors.New("refused") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer()
			s.claims = row.claims
			if row.answer != nil {
				s.answer = row.answer
			}
			b := newBrowser(s.app(t, redirectURL))
			target := callback(b.start(t, s).Get("state"))
			if row.callback != nil {
				target = row.callback(b, strings.TrimPrefix(target, callback("")))
			}
			a := b.get(t, target)
			checkFailure(t, a, row.want, row.reason)
			assert.Equal(t, row.retry, a.header.Get("Retry-After"))
			assert.NotContains(t, a.body, "<b>")
			assert.Empty(t, b.cookies)
			assert.False(t, b.loggedIn(t))
		})
	}
}

func checkFailure(t *testing.T, a answer, want failure, reason string) {
	t.Helper()
	assert.Equal(t, want.status, a.status)
	assert.Contains(t, a.body, want.title)
	assert.Contains(t, a.body, want.text)
	assert.Equal(t, reason != "", strings.Contains(a.body, `id="reason"`))
	assert.Contains(t, a.body, reason)
}

func TestOneTry(t *testing.T) {
	s := newServer()
	b := newBrowser(s.app(t, redirectURL))
	state := b.start(t, s).Get("state")
	cookie := b.cookies["__Host-login"]

	t.Run("after a failure", func(t *testing.T) {
		checkFailure(t, b.get(t, callback("x")), errState, "")
		b.cookies[cookie.Name] = cookie
		checkFailure(t, b.get(t, callback(state)), errNoLogin, "")
		assert.Nil(t, s.exchange)
	})
	t.Run("after a success", func(t *testing.T) {
		state := b.start(t, s).Get("state")
		cookie := b.cookies["__Host-login"]
		require.Equal(t, http.StatusSeeOther, b.get(t, callback(state)).status)
		s.exchange = nil
		b.cookies[cookie.Name] = cookie
		checkFailure(t, b.get(t, callback(state)), errNoLogin, "")
		assert.Nil(t, s.exchange)
		assert.True(t, b.loggedIn(t), "a replay ends no session")
	})
}

func TestSecondPersonInOneBrowser(t *testing.T) {
	s := newServer()
	b := newBrowser(s.app(t, redirectURL))
	b.logIn(t, s)
	first := b.cookies["__Host-session"]
	b.logIn(t, s)
	assert.NotEqual(t, first.Value, b.cookies["__Host-session"].Value)
	b.cookies[first.Name] = first
	assert.False(t, b.loggedIn(t))
}

func TestServerDown(t *testing.T) {
	s := newServer()
	s.Down()
	a := newBrowser(s.app(t, redirectURL)).get(t, "/login")
	checkFailure(t, a, errUnavailable, "")
	assert.Equal(t, "1", a.header.Get("Retry-After"))
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer()
		b := newBrowser(s.app(t, redirectURL))
		state := b.start(t, s).Get("state")
		time.Sleep(loginTTL + time.Second)
		checkFailure(t, b.get(t, callback(state)), errNoLogin, "")

		state = b.start(t, s).Get("state")
		time.Sleep(loginTTL)
		require.Equal(t, http.StatusSeeOther, b.get(t, callback(state)).status)
		time.Sleep(sessionTTL)
		assert.True(t, b.loggedIn(t))
		time.Sleep(time.Second)
		assert.False(t, b.loggedIn(t))
	})
}

func TestLogoutAtTheServer(t *testing.T) {
	s := newServer()
	metadata := s.Metadata()
	metadata["end_session_endpoint"] = "https://issuer.example/logout"
	body, err := json.Marshal(metadata)
	require.NoError(t, err)
	for _, path := range s.MetadataPaths() {
		s.Respond(path, jwtverifiertest.Response{Status: 200, Body: body})
	}
	b := newBrowser(s.app(t, redirectURL))
	b.logIn(t, s)

	t.Run("from another site", func(t *testing.T) {
		a := b.send(t, "POST", "/logout", http.Header{"Sec-Fetch-Site": {"cross-site"}})
		checkFailure(t, a, errCrossOrigin, "")
		assert.True(t, b.loggedIn(t))
	})
	t.Run("by a link", func(t *testing.T) {
		assert.Equal(t, http.StatusMethodNotAllowed, b.send(t, "GET", "/logout", nil).status)
		assert.True(t, b.loggedIn(t))
	})
	t.Run("from the page", func(t *testing.T) {
		a := b.send(t, "POST", "/logout", http.Header{"Sec-Fetch-Site": {"same-origin"}})
		require.Equal(t, http.StatusSeeOther, a.status)
		to, err := url.Parse(a.header.Get("Location"))
		require.NoError(t, err)
		q := to.Query()
		assert.Equal(t, "/logout", to.Path)
		assert.Equal(t, "https://app.example/", q.Get("post_logout_redirect_uri"))
		assert.Equal(t, jwtverifiertest.ClientID, q.Get("client_id"))
		assert.Equal(t, 2, strings.Count(q.Get("id_token_hint"), "."))
		assert.False(t, b.loggedIn(t))
	})
	t.Run("when nobody is logged in", func(t *testing.T) {
		assert.Equal(t, "/", b.send(t, "POST", "/logout", nil).header.Get("Location"))
	})
}

func TestFullStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore[int](time.Minute)
		for i := range maxEntries {
			require.NotEmpty(t, s.add(i))
		}
		assert.Empty(t, s.add(1))
		time.Sleep(time.Minute + 1)
		assert.NotEmpty(t, s.add(1))
		assert.Len(t, s.entries, 1)
	})
}

func TestNothingSecretIsLogged(t *testing.T) {
	var text bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
	defer slog.SetDefault(before)

	s := newServer()
	b := newBrowser(s.app(t, redirectURL))
	s.claims = jwtverifiertest.Claims{"nonce": "hidden"}
	state := b.start(t, s).Get("state")
	b.get(t, callback(state))
	assert.Contains(t, text.String(), "reason=nonce")
	for _, hidden := range []string{secret, accessToken, code, state, s.nonce, "hidden"} {
		assert.NotContains(t, text.String(), hidden)
	}
}

func TestSettings(t *testing.T) {
	good := settings{issuer: "https://issuer.example", clientID: "c", clientSecret: "s", redirectURL: redirectURL, client: http.DefaultClient}
	_, err := newHandler(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*settings){
		"issuer":       func(s *settings) { s.issuer = "" },
		"client ID":    func(s *settings) { s.clientID = "" },
		"secret":       func(s *settings) { s.clientSecret = "" },
		"redirect URL": func(s *settings) { s.redirectURL = "/callback" },
		"its path":     func(s *settings) { s.redirectURL = "https://app.example" },
		"its scheme":   func(s *settings) { s.redirectURL = "//app.example/callback" },
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			change(&s)
			_, err := newHandler(s)
			assert.Error(t, err)
		})
	}
}
