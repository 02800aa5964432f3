package introspection_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

var (
	_ httpauth.AccessTokenVerifier      = (*introspection.Verifier)(nil)
	_ introspection.AccessTokenVerifier = (*jwtverifier.Verifier)(nil)
	_ introspection.AccessTokenVerifier = (*jwtverifier.Issuers)(nil)
)

type verifierFunc func(ctx context.Context, raw string) (*jwtverifier.AccessToken, error)

func (f verifierFunc) VerifyAccessToken(ctx context.Context, raw string) (*jwtverifier.AccessToken, error) {
	return f(ctx, raw)
}

// both returns a Verifier by s, and of the tokens of s.
func (s *server) both(t testing.TB, opts ...jwtverifier.Option) *introspection.Verifier {
	t.Helper()
	local := s.verifier(t, opts...)
	v, err := introspection.NewVerifier(local, newClient(t, local))
	require.NoError(t, err)
	return v
}

func TestVerifier(t *testing.T) {
	const (
		jkt  = `"cnf":{"jkt":"k"}`
		cert = `"cnf":{"x5t#S256":"k"}`
	)
	bound := jwtverifiertest.Claims{"cnf": map[string]string{"jkt": "k"}}
	senders := []jwtverifier.Option{jwtverifier.WithSenderConstrainedTokens()}
	anonymous := jwtverifiertest.Claims{"cid": jwtverifiertest.Absent, "sub": jwtverifiertest.Absent}
	same := fmt.Sprintf(`"client_id":%q,"sub":%q`, jwtverifiertest.ClientID, jwtverifiertest.Subject)

	for name, row := range map[string]struct {
		answer string
		claims jwtverifiertest.Claims
		opts   []jwtverifier.Option
		reason error // nil: accepted
		claim  string
		local  bool // refused without a request
	}{
		"active":                        {answer: active},
		"the same client and sub":       {answer: members(same)},
		"nothing to compare with":       {answer: members(`"client_id":"x","sub":"x"`), claims: anonymous},
		"empty client and sub":          {answer: members(`"client_id":"","sub":null`)},
		"another audience":              {answer: members(`"aud":"another"`)},
		"bound, says the token":         {answer: active, claims: bound, opts: senders},
		"bound, say both":               {answer: members(jkt), claims: bound, opts: senders},
		"another client":                {answer: members(`"client_id":"` + leaked + `"`), reason: introspection.ErrMismatch, claim: "client_id"},
		"another sub":                   {answer: members(`"sub":"` + leaked + `"`), reason: introspection.ErrMismatch, claim: "sub"},
		"bound, says the answer":        {answer: members(jkt), reason: jwtverifier.ErrConfirmation, claim: "cnf"},
		"bound, says the answer only":   {answer: members(jkt), opts: senders, reason: jwtverifier.ErrConfirmation, claim: "cnf"},
		"bound to another key":          {answer: members(cert), claims: bound, opts: senders, reason: jwtverifier.ErrConfirmation, claim: "cnf"},
		"bound to what is not read":     {answer: members(`"cnf":{"kid":"k"}`), claims: bound, opts: senders, reason: jwtverifier.ErrConfirmation, claim: "cnf"},
		"inactive":                      {answer: `{"active":false}`, reason: introspection.ErrInactive},
		"of another issuer":             {answer: members(`"iss":"x"`), reason: jwtverifier.ErrIssuer, claim: "iss"},
		"expired by the answer":         {answer: members(`"exp":1`), reason: jwtverifier.ErrExpired, claim: "exp"},
		"mismatch before time":          {answer: members(`"exp":1,"sub":"x"`), reason: introspection.ErrMismatch, claim: "sub"},
		"inactive and expired locally":  {answer: `{"active":false}`, claims: jwtverifiertest.Claims{"exp": 1}, reason: jwtverifier.ErrExpired, claim: "exp", local: true},
		"active and of another service": {answer: active, claims: jwtverifiertest.Claims{"aud": "x"}, reason: jwtverifier.ErrAudience, claim: "aud", local: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, answers(200, row.answer))
			raw := s.issuer.AccessToken(row.claims)
			token, err := s.both(t, row.opts...).VerifyAccessToken(t.Context(), raw)
			if row.local {
				assert.Zero(t, s.requests.Load())
			} else {
				assert.EqualValues(t, 1, s.requests.Load())
			}
			if row.reason == nil {
				require.NoError(t, err)
				assert.Equal(t, s.issuer.URL(), token.Issuer)
				assert.Equal(t, []string{jwtverifiertest.Audience}, token.Audience, "the answer changes nothing")
				var claims struct {
					Version int `json:"ver"`
				}
				require.NoError(t, token.Claims(&claims))
				return
			}
			assert.Nil(t, token)
			requireReason(t, err, jwtverifier.ErrInvalidToken, row.reason, raw)
			refused := err.(*jwtverifier.TokenError)
			assert.Equal(t, row.claim, refused.Claim)
		})
	}

	t.Run("everything that is refused without a Verifier", func(t *testing.T) {
		for name, row := range refusals() {
			s := newServer(t, answers(200, row.body))
			raw := s.issuer.AccessToken()
			token, err := s.both(t).VerifyAccessToken(t.Context(), raw)
			assert.Nil(t, token, name)
			requireReason(t, err, jwtverifier.ErrInvalidToken, row.reason, raw)
		}
	})
	t.Run("unavailable", func(t *testing.T) {
		s := newServer(t, answers(503, active, "Retry-After", "3"))
		raw := s.issuer.AccessToken()
		token, err := s.both(t).VerifyAccessToken(t.Context(), raw)
		assert.Nil(t, token)
		requireReason(t, err, jwtverifier.ErrUnavailable, nil, raw)
		s.Close()
		token, err = s.both(t, jwtverifier.WithStaticKeys(s.issuer.JWKS())).VerifyAccessToken(t.Context(), raw)
		assert.Nil(t, token)
		requireReason(t, err, jwtverifier.ErrMisconfigured, nil, raw)
	})
}

// TestVerifierAsksEveryTime: also where the Verifier remembers the token.
func TestVerifierAsksEveryTime(t *testing.T) {
	answer := active
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { answers(200, answer)(w, r) })
	v := s.both(t, jwtverifier.WithTokenCache(16))
	raw := s.issuer.AccessToken()
	for range 3 {
		_, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
	}
	answer = `{"active":false}`
	_, err := v.VerifyAccessToken(t.Context(), raw)
	requireReason(t, err, jwtverifier.ErrInvalidToken, introspection.ErrInactive, raw)
	assert.EqualValues(t, 4, s.requests.Load())
}

// TestIssuers: a token is shown only to its own issuer.
func TestIssuers(t *testing.T) {
	a, b, c := newServer(t, answers(200, active)), newServer(t, answers(200, `{"active":false}`)), newServer(t, answers(200, active))
	va, vb, vc := a.verifier(t), b.verifier(t), c.verifier(t)
	issuers, err := jwtverifier.NewIssuers(va, vb, vc)
	require.NoError(t, err)
	v, err := introspection.NewVerifier(issuers, newClient(t, vb), newClient(t, va))
	require.NoError(t, err)

	token, err := v.VerifyAccessToken(t.Context(), a.issuer.AccessToken())
	require.NoError(t, err)
	assert.Equal(t, a.issuer.URL(), token.Issuer)
	_, err = v.VerifyAccessToken(t.Context(), b.issuer.AccessToken())
	requireReason(t, err, jwtverifier.ErrInvalidToken, introspection.ErrInactive)
	_, err = v.VerifyAccessToken(t.Context(), c.issuer.AccessToken())
	requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
	assert.ErrorContains(t, err, c.issuer.URL())
	assert.Equal(t, []int32{1, 1, 0}, []int32{a.requests.Load(), b.requests.Load(), c.requests.Load()})
}

func TestVerifierMisconfigured(t *testing.T) {
	s, other := newServer(t, nil), newServer(t, nil)
	local, client := s.verifier(t), s.client(t)
	nobody := verifierFunc(func(context.Context, string) (*jwtverifier.AccessToken, error) { return nil, nil })
	for name, row := range map[string]struct {
		local   introspection.AccessTokenVerifier
		clients []*introspection.Client
	}{
		"nil local":                {nil, []*introspection.Client{client}},
		"nil Verifier":             {(*jwtverifier.Verifier)(nil), []*introspection.Client{client}},
		"zero Verifier":            {&jwtverifier.Verifier{}, []*introspection.Client{client}},
		"no Client":                {local, nil},
		"nil Client":               {local, []*introspection.Client{client, nil}},
		"zero Client":              {nobody, []*introspection.Client{{}}},
		"two of one issuer":        {local, []*introspection.Client{client, s.client(t)}},
		"Client of another issuer": {local, []*introspection.Client{other.client(t)}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := introspection.NewVerifier(row.local, row.clients...)
			assert.Nil(t, v)
			requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
		})
	}
	unknown, err := introspection.NewVerifier(nobody, client)
	require.NoError(t, err)
	for _, v := range []*introspection.Verifier{nil, {}, unknown} {
		token, err := v.VerifyAccessToken(t.Context(), opaque)
		assert.Nil(t, token)
		requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
	}
}

// TestBearer: what a Guard makes of it.
func TestBearer(t *testing.T) {
	for name, row := range map[string]struct {
		endpoint  http.HandlerFunc
		status    int
		challenge string
		retry     string
	}{
		"active":   {answers(200, active), 200, "", ""},
		"inactive": {answers(200, `{"active":false}`), 401, `Bearer error="invalid_token", error_description="the access token is not active"`, ""},
		"down":     {answers(503, "", "Retry-After", "17"), 503, "", "17"},
		"secret":   {answers(401, ""), 503, "", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, row.endpoint)
			guard, err := httpauth.New(s.both(t))
			require.NoError(t, err)
			h := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.Equal(t, jwtverifiertest.Subject, httpauth.TokenFrom(r.Context()).Subject)
			}))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+s.issuer.AccessToken())
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			assert.Equal(t, row.status, w.Code)
			assert.Equal(t, row.challenge, w.Header().Get("WWW-Authenticate"))
			assert.Equal(t, row.retry, w.Header().Get("Retry-After"))
		})
	}
}

// TestVerifierContext: the caller's context ends the call.
func TestVerifierContext(t *testing.T) {
	s := newServer(t, answers(200, active))
	v := s.both(t)
	raw := s.issuer.AccessToken()
	_, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	_, err = v.VerifyAccessToken(ctx, raw)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil, raw)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.EqualValues(t, 1, s.requests.Load())
}
