package httpauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

// verifierFunc is a Verifier for what the real one cannot be made to return.
type verifierFunc func(ctx context.Context, raw string) (*jwtverifier.AccessToken, error)

func (f verifierFunc) VerifyAccessToken(ctx context.Context, raw string) (*jwtverifier.AccessToken, error) {
	return f(ctx, raw)
}

// fails is a Verifier that returns this error.
func fails(err error) httpauth.AccessTokenVerifier {
	return verifierFunc(func(context.Context, string) (*jwtverifier.AccessToken, error) { return nil, err })
}

// accepts is a Verifier that returns this token, and counts in calls.
func accepts(token *jwtverifier.AccessToken, calls *int) httpauth.AccessTokenVerifier {
	return verifierFunc(func(context.Context, string) (*jwtverifier.AccessToken, error) {
		*calls++
		return token, nil
	})
}

func newVerifier(t testing.TB, issuer *jwtverifiertest.Issuer, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	opts = append([]jwtverifier.Option{
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithHTTPClient(issuer.Client()),
	}, opts...)
	v, err := jwtverifier.New(issuer.URL(), opts...)
	require.NoError(t, err)
	return v
}

func newGuard(t testing.TB, v httpauth.AccessTokenVerifier, opts ...httpauth.Option) *httpauth.Guard {
	t.Helper()
	g, err := httpauth.New(v, opts...)
	require.NoError(t, err)
	return g
}

// request returns a request with these Authorization headers.
func request(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://api.example/orders", nil)
	r.Header["Authorization"] = authorization
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// served is a handler behind a guard.
var served = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "served "+httpauth.TokenFrom(r.Context()).Subject)
})

const (
	required    = "an access token is required\n"
	oneHeader   = "there must be one Authorization header with one bearer token\n"
	unavailable = "access tokens cannot be verified at the moment\n"
	internal    = "internal server error\n"
)

func invalidToken(description string) string {
	return `Bearer realm="api", error="invalid_token", error_description="` + description + `"`
}

const invalidRequest = `Bearer realm="api", error="invalid_request", error_description="there must be one Authorization header with one bearer token"`

// reasons are all the errors that say why a request was denied.
var reasons = []error{
	httpauth.ErrNoCredentials, httpauth.ErrInvalidRequest, httpauth.ErrInsufficientScope,
	jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature,
	jwtverifier.ErrTokenType, jwtverifier.ErrIssuer, jwtverifier.ErrAudience, jwtverifier.ErrClientID,
	jwtverifier.ErrClaim, jwtverifier.ErrConfirmation, jwtverifier.ErrIssuedAt, jwtverifier.ErrNotYetValid,
	jwtverifier.ErrExpired, jwtverifier.ErrUnavailable, jwtverifier.ErrMisconfigured,
}

func TestRequests(t *testing.T) {
	issuer := jwtverifiertest.New("")
	verifier := newVerifier(t, issuer, jwtverifier.WithAuthorizedClients(jwtverifiertest.ClientID))
	guard := newGuard(t, verifier, httpauth.WithRealm("api"))

	good := issuer.AccessToken()
	with := func(name string, value any) string { return issuer.AccessToken(jwtverifiertest.Claims{name: value}) }
	hour := func(n time.Duration) int64 { return time.Now().Add(n * time.Hour).Unix() }
	unpublished := issuer.PublishKey()
	issuer.RetireKey(unpublished)
	parts := strings.Split(good, ".")
	other := strings.Split(issuer.AccessToken(), ".")

	const (
		scopeChallenge = `Bearer realm="api", error="insufficient_scope", error_description="the access token lacks a required scope", scope="read write"`
		bare           = `Bearer realm="api"`
	)
	rows := []struct {
		name      string
		headers   []string
		scopes    []string
		verifier  httpauth.AccessTokenVerifier // nil: the real one
		status    int
		challenge string
		body      string // "": the challenge's description
		reason    error
	}{
		{name: "good", headers: []string{"Bearer " + good}, status: 200, body: "served user"},
		{name: "lower case", headers: []string{"bearer " + good}, status: 200, body: "served user"},
		{name: "upper case", headers: []string{"BEARER " + good}, status: 200, body: "served user"},
		{name: "several spaces", headers: []string{"Bearer     " + good}, status: 200, body: "served user"},
		{name: "white space around", headers: []string{" \tBearer " + good + " \t "}, status: 200, body: "served user"},
		{name: "a required scope", headers: []string{"Bearer " + good}, scopes: []string{"read"}, status: 200, body: "served user"},
		{name: "all required scopes", headers: []string{"Bearer " + good}, scopes: []string{"openid", "read"}, status: 200, body: "served user"},

		{name: "no header", status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "no header, scopes", scopes: []string{"read"}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "Basic", headers: []string{"Basic dXNlcjpwYXNz"}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "DPoP", headers: []string{"DPoP " + good}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "Digest with parameters", headers: []string{`Digest username="a", realm="b"`}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "scheme that starts with Bearer", headers: []string{"Bearer2 " + good}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "token without scheme", headers: []string{good}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},
		{name: "1 MiB of another scheme", headers: []string{"Basic " + strings.Repeat("\xff", 1<<20)}, status: 401, challenge: bare, body: required, reason: httpauth.ErrNoCredentials},

		{name: "two headers", headers: []string{"Bearer " + good, "Bearer " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "Basic and Bearer", headers: []string{"Basic dXNlcjpwYXNz", "Bearer " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "empty", headers: []string{""}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "only spaces", headers: []string{"   "}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "only the scheme", headers: []string{"Bearer"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "scheme and a space", headers: []string{"Bearer "}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "tab after the scheme", headers: []string{"Bearer\t" + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "tab after the space", headers: []string{"Bearer \t" + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "comma after the scheme", headers: []string{"Bearer, " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "comma after the token", headers: []string{"Bearer " + good + ","}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "two in one header", headers: []string{"Bearer " + good + ", Bearer " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "two tokens", headers: []string{"Bearer " + good + " " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "quoted", headers: []string{`Bearer "` + good + `"`}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "parameter", headers: []string{"Bearer token=" + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "only padding", headers: []string{"Bearer ==="}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "NUL in the token", headers: []string{"Bearer a\x00b"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "NUL in the scheme", headers: []string{"Bearer\x00 " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "line break", headers: []string{"Bearer " + good + "\r\nX: y"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "non-ASCII token", headers: []string{"Bearer tökén"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "non-ASCII scheme", headers: []string{"Beärer " + good}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "invalid UTF-8", headers: []string{"Bearer \xff\xfe"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "1 MiB of commas", headers: []string{"Bearer " + strings.Repeat(",", 1<<20)}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},
		{name: "1 MiB of spaces", headers: []string{"Bearer" + strings.Repeat(" ", 1<<20) + "x y"}, status: 400, challenge: invalidRequest, body: oneHeader, reason: httpauth.ErrInvalidRequest},

		{name: "not a JWT", headers: []string{"Bearer abc.~+/=="}, status: 401, challenge: invalidToken("the access token is malformed"), reason: jwtverifier.ErrMalformed},
		{name: "1 MiB of token", headers: []string{"Bearer " + strings.Repeat("a", 1<<20)}, status: 401, challenge: invalidToken("the access token is malformed"), reason: jwtverifier.ErrMalformed},
		{name: "algorithm", headers: []string{"Bearer " + issuer.Token(jwtverifiertest.Claims{"alg": "HS256"}, issuer.AccessTokenClaims())}, status: 401,
			challenge: invalidToken("the access token is signed with an algorithm that is not accepted"), reason: jwtverifier.ErrAlgorithm},
		{name: "unknown key", headers: []string{"Bearer " + issuer.SignWith(unpublished, []byte(`{"alg":"RS256","kid":"`+unpublished+`"}`), []byte(`{}`))}, status: 401,
			challenge: invalidToken("the signature of the access token could not be verified"), reason: jwtverifier.ErrUnknownKey},
		{name: "signature of another token", headers: []string{"Bearer " + parts[0] + "." + parts[1] + "." + other[2]}, status: 401,
			challenge: invalidToken("the signature of the access token could not be verified"), reason: jwtverifier.ErrSignature},
		{name: "ID token", headers: []string{"Bearer " + issuer.IDToken("", jwtverifiertest.Claims{"aud": jwtverifiertest.Audience, "cid": jwtverifiertest.ClientID, "at_hash": "x"})}, status: 401,
			challenge: invalidToken("the token is not of the kind that is accepted here"), reason: jwtverifier.ErrTokenType},
		{name: "issuer", headers: []string{"Bearer " + with("iss", "https://evil.example")}, status: 401, challenge: invalidToken("the access token is from an issuer that is not accepted"), reason: jwtverifier.ErrIssuer},
		{name: "audience", headers: []string{"Bearer " + with("aud", "api://other")}, status: 401, challenge: invalidToken("the access token is not meant for this service"), reason: jwtverifier.ErrAudience},
		{name: "client", headers: []string{"Bearer " + with("cid", "stranger")}, status: 401, challenge: invalidToken("the access token was issued to a client that is not accepted"), reason: jwtverifier.ErrClientID},
		{name: "claim", headers: []string{"Bearer " + with("exp", jwtverifiertest.Absent)}, status: 401, challenge: invalidToken("the access token lacks a claim or has one that is not accepted"), reason: jwtverifier.ErrClaim},
		{name: "confirmation", headers: []string{"Bearer " + with("cnf", map[string]string{"jkt": "x"})}, status: 401,
			challenge: invalidToken("the access token is sender-constrained and was not proven"), reason: jwtverifier.ErrConfirmation},
		{name: "issued in the future", headers: []string{"Bearer " + with("iat", hour(1))}, status: 401, challenge: invalidToken("the access token was issued in the future"), reason: jwtverifier.ErrIssuedAt},
		{name: "not yet valid", headers: []string{"Bearer " + with("nbf", hour(1))}, status: 401, challenge: invalidToken("the access token is not valid yet"), reason: jwtverifier.ErrNotYetValid},
		{name: "expired", headers: []string{"Bearer " + issuer.AccessToken(jwtverifiertest.Claims{"iat": hour(-2), "exp": hour(-1)})}, status: 401,
			challenge: invalidToken("the access token has expired"), reason: jwtverifier.ErrExpired},
		{name: "a reason of another package", headers: []string{"Bearer x"}, verifier: fails(&jwtverifier.TokenError{Reason: errors.New("revoked")}), status: 401,
			challenge: invalidToken("the access token was refused"), reason: jwtverifier.ErrInvalidToken},
		{name: "only the family", headers: []string{"Bearer x"}, verifier: fails(jwtverifier.ErrInvalidToken), status: 401,
			challenge: invalidToken("the access token was refused"), reason: jwtverifier.ErrInvalidToken},

		{name: "missing scope", headers: []string{"Bearer " + good}, scopes: []string{"read", "write"}, status: 403, challenge: scopeChallenge, reason: httpauth.ErrInsufficientScope},
		{name: "no scopes at all", headers: []string{"Bearer " + with("scp", jwtverifiertest.Absent)}, scopes: []string{"read", "write"}, status: 403, challenge: scopeChallenge, reason: httpauth.ErrInsufficientScope},
		{name: "scope in another case", headers: []string{"Bearer " + with("scp", "READ WRITE")}, scopes: []string{"read", "write"}, status: 403, challenge: scopeChallenge, reason: httpauth.ErrInsufficientScope},

		{name: "unavailable", headers: []string{"Bearer x"}, verifier: fails(&jwtverifier.UnavailableError{}), status: 503, body: unavailable, reason: jwtverifier.ErrUnavailable},
		{name: "misconfigured", headers: []string{"Bearer x"}, verifier: &jwtverifier.Verifier{}, status: 500, body: internal, reason: jwtverifier.ErrMisconfigured},
		{name: "error of no family", headers: []string{"Bearer x"}, verifier: fails(io.ErrUnexpectedEOF), status: 500, body: internal, reason: io.ErrUnexpectedEOF},
		{name: "neither token nor error", headers: []string{"Bearer x"}, verifier: fails(nil), status: 500, body: internal, reason: jwtverifier.ErrMisconfigured},
	}

	wanted := map[error]bool{}
	for _, row := range rows {
		wanted[row.reason] = true
		t.Run(row.name, func(t *testing.T) {
			g := guard
			if row.verifier != nil {
				g = newGuard(t, row.verifier, httpauth.WithRealm("api"))
			}
			h := g.Handler(served)
			if row.scopes != nil {
				h = g.RequireScopes(row.scopes...)(served)
			}
			w := serve(h, request(row.headers...))
			want := row.body
			if want == "" {
				_, want, _ = strings.Cut(row.challenge, `error_description="`)
				want, _, _ = strings.Cut(want, `"`)
				want += "\n"
			}
			assert.Equal(t, row.status, w.Code)
			assert.Equal(t, row.challenge, w.Header().Get("WWW-Authenticate"))
			assert.Equal(t, want, w.Body.String())
			if row.status != 200 {
				assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
				assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			}
			assert.Equal(t, row.status == 503, w.Header().Get("Retry-After") != "")

			// Check decides the same, but knows of no scopes.
			token, err := g.Check(request(row.headers...))
			if row.status == 200 || row.status == 403 {
				require.NoError(t, err)
				require.Equal(t, jwtverifiertest.Subject, token.Subject)
				return
			}
			require.Nil(t, token)
			denied, ok := errors.AsType[*httpauth.DeniedError](err)
			require.True(t, ok)
			assert.Equal(t, row.status, denied.Status)
			assert.Equal(t, row.challenge, denied.Challenge)
			assert.Equal(t, want, denied.Description+"\n")
			assert.ErrorIs(t, err, row.reason)
			for _, reason := range reasons {
				if reason != row.reason {
					assert.NotErrorIs(t, err, reason)
				}
			}
			assert.Less(t, len(err.Error()), 1200)
		})
	}
	for _, reason := range reasons {
		assert.True(t, wanted[reason], "no row wants %v", reason)
	}
}

// Every byte at every place of a scheme and of a token: RFC 9110 §5.6.2, §11.2.
func TestCharacters(t *testing.T) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	guard := newGuard(t, accepts(&jwtverifier.AccessToken{}, new(int)))
	good := strings.Repeat("a", 19) // twice eight and some
	for i := range good {
		for b := range 256 {
			if b == ' ' || b == '\t' { // they end what they stand in
				continue
			}
			changed := good[:i] + string([]byte{byte(b)}) + good[i+1:]

			want := httpauth.ErrInvalidRequest
			if strings.IndexByte(letters+"!#$%&'*+-.^_`|~", byte(b)) >= 0 {
				want = httpauth.ErrNoCredentials
			}
			_, err := guard.Check(request(changed + " x"))
			require.ErrorIs(t, err, want, "scheme %q", changed)

			_, err = guard.Check(request("Bearer " + changed))
			if strings.IndexByte(letters+"-._~+/", byte(b)) >= 0 || b == '=' && i == len(good)-1 {
				require.NoError(t, err, "token %q", changed)
			} else {
				require.ErrorIs(t, err, httpauth.ErrInvalidRequest, "token %q", changed)
			}
		}
	}
}

// An error that matches two of these is answered as the first of them says: what
// may not be the client's fault is never called that.
func TestOrderOfFamilies(t *testing.T) {
	order := []struct {
		err    error
		status int
		code   string // of the challenge
	}{
		{jwtverifier.ErrMisconfigured, 500, ""},
		{jwtverifier.ErrUnavailable, 503, ""},
		{httpauth.ErrNoCredentials, 401, "Bearer"},
		{httpauth.ErrInvalidRequest, 400, "invalid_request"},
		{httpauth.ErrInsufficientScope, 403, "insufficient_scope"},
		{jwtverifier.ErrInvalidToken, 401, "invalid_token"},
		{io.ErrUnexpectedEOF, 500, ""},
	}
	for i, first := range order {
		for _, second := range order[i:] {
			for _, err := range []error{errors.Join(first.err, second.err), fmt.Errorf("%w: %w", second.err, first.err)} {
				t.Run(strings.ReplaceAll(err.Error(), "\n", ", "), func(t *testing.T) {
					_, err := newGuard(t, fails(err)).Check(request("Bearer x"))
					denied, ok := errors.AsType[*httpauth.DeniedError](err)
					require.True(t, ok)
					assert.Equal(t, first.status, denied.Status)
					if first.code == "" {
						assert.Empty(t, denied.Challenge)
					} else {
						assert.Contains(t, denied.Challenge, first.code)
					}
					assert.Equal(t, first.code == "Bearer", denied.Challenge == "Bearer")
				})
			}
		}
	}
}

func TestNothingElseIsRead(t *testing.T) {
	issuer := jwtverifiertest.New("")
	guard := newGuard(t, newVerifier(t, issuer))
	token := issuer.AccessToken()

	r := httptest.NewRequest(http.MethodPost, "https://api.example/?access_token="+token, strings.NewReader("access_token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Proxy-Authorization", "Bearer "+token)
	r.Header.Set("Cookie", "access_token="+token)
	w := serve(guard.Handler(served), r)
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Len(t, body, len("access_token=")+len(token), "the body was read")
}

func TestRetryAfter(t *testing.T) {
	for _, row := range []struct {
		wait time.Duration
		want string
	}{
		{0, "1"}, {-time.Hour, "1"}, {1, "1"}, {time.Second, "1"}, {time.Second + 1, "2"},
		{1999 * time.Millisecond, "2"}, {5 * time.Minute, "300"}, {math.MaxInt64, "1"}, // which overflows
	} {
		guard := newGuard(t, fails(fmt.Errorf("wrapped: %w", &jwtverifier.UnavailableError{RetryAfter: row.wait})))
		w := serve(guard.Handler(served), request("Bearer x"))
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, row.want, w.Header().Get("Retry-After"), row.wait)
	}

	guard := newGuard(t, fails(jwtverifier.ErrUnavailable))
	assert.Equal(t, "1", serve(guard.Handler(served), request("Bearer x")).Header().Get("Retry-After"))
}

func TestIssuerDown(t *testing.T) {
	issuer := jwtverifiertest.New("")
	issuer.Down()
	guard := newGuard(t, newVerifier(t, issuer), httpauth.WithRealm("api"))
	w := serve(guard.Handler(served), request("Bearer "+issuer.AccessToken()))
	assert.Equal(t, 503, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Empty(t, w.Header().Values("WWW-Authenticate"))
	assert.Equal(t, unavailable, w.Body.String())
}

func TestNesting(t *testing.T) {
	var calls, proofs int
	token := &jwtverifier.AccessToken{Scopes: []string{"a", "b"}, Confirmation: &jwtverifier.Confirmation{CertificateThumbprint: "x"}}
	v := accepts(token, &calls)
	guard := newGuard(t, v, httpauth.WithProof(func(*http.Request, *jwtverifier.AccessToken) error {
		proofs++
		return nil
	}))
	lax := newGuard(t, accepts(&jwtverifier.AccessToken{}, new(int)))

	count := func(h http.Handler, r *http.Request) (status, verified, proven int) {
		calls, proofs = 0, 0
		return serve(h, r).Code, calls, proofs
	}
	nested := guard.Handler(guard.RequireScopes("a")(guard.RequireScopes("b")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, err := guard.Check(r)
		require.NoError(t, err)
		require.Same(t, token, got)
		require.Same(t, token, httpauth.TokenFrom(r.Context()))
	}))))
	status, verified, proven := count(nested, request("Bearer x"))
	assert.Equal(t, []int{200, 1, 1}, []int{status, verified, proven})

	status, verified, proven = count(guard.Handler(guard.RequireScopes("a", "c")(served)), request("Bearer x"))
	assert.Equal(t, []int{403, 1, 1}, []int{status, verified, proven})

	// What another guard accepted is nothing to this one.
	status, verified, _ = count(lax.Handler(guard.Handler(served)), request("Bearer x"))
	assert.Equal(t, []int{200, 1}, []int{status, verified})

	// A request that a handler makes of the one it serves, with its context,
	// stands for itself.
	made := func(authorization ...string) http.Handler {
		return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			guard.Handler(served).ServeHTTP(w, request(authorization...).WithContext(r.Context()))
		}))
	}
	status, verified, _ = count(made("Bearer y"), request("Bearer x"))
	assert.Equal(t, []int{200, 2}, []int{status, verified})
	status, verified, _ = count(made(), request("Bearer x"))
	assert.Equal(t, []int{401, 1}, []int{status, verified})

	// A token from nowhere lets nobody in.
	r := request()
	status, verified, _ = count(guard.Handler(served), r.WithContext(httpauth.ContextWithToken(r.Context(), token)))
	assert.Equal(t, []int{401, 0}, []int{status, verified})
	var zero httpauth.Guard
	status, _, _ = count(zero.Handler(served), r.WithContext(httpauth.ContextWithToken(r.Context(), token)))
	assert.Equal(t, 500, status)
}

func TestProof(t *testing.T) {
	issuer := jwtverifiertest.New("")
	verifier := newVerifier(t, issuer, jwtverifier.WithSenderConstrainedTokens())
	bound := issuer.AccessToken(jwtverifiertest.Claims{"cnf": map[string]string{"x5t#S256": "thumbprint"}})

	var asked []string
	returns := func(err error) httpauth.Option {
		return httpauth.WithProof(func(r *http.Request, token *jwtverifier.AccessToken) error {
			asked = append(asked, r.URL.Path+" "+token.Confirmation.CertificateThumbprint)
			return err
		})
	}
	refused := invalidToken("the access token is sender-constrained and was not proven")
	for _, row := range []struct {
		name   string
		token  string
		proof  httpauth.Option // nil: none
		status int
		header string
		reason error
	}{
		{"no WithProof", bound, nil, 401, refused, jwtverifier.ErrConfirmation},
		{"proven", bound, returns(nil), 200, "", nil},
		{"not proven", bound, returns(io.ErrUnexpectedEOF), 401, refused, io.ErrUnexpectedEOF},
		{"store of proofs is down", bound, returns(fmt.Errorf("redis: %w", jwtverifier.ErrUnavailable)), 503, "", jwtverifier.ErrUnavailable},
		{"proof misconfigured", bound, returns(jwtverifier.ErrMisconfigured), 500, "", jwtverifier.ErrMisconfigured},
		{"bearer token", issuer.AccessToken(), returns(io.ErrUnexpectedEOF), 200, "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked = nil
			opts := []httpauth.Option{httpauth.WithRealm("api")}
			if row.proof != nil {
				opts = append(opts, row.proof)
			}
			guard := newGuard(t, verifier, opts...)
			w := serve(guard.Handler(served), request("Bearer "+row.token))
			assert.Equal(t, row.status, w.Code)
			assert.Equal(t, row.header, w.Header().Get("WWW-Authenticate"))
			if row.proof != nil && row.token == bound {
				assert.Equal(t, []string{"/orders thumbprint"}, asked)
			} else {
				assert.Empty(t, asked)
			}

			token, err := guard.Check(request("Bearer " + row.token))
			assert.Equal(t, err == nil, token != nil)
			assert.ErrorIs(t, err, row.reason)
			assert.Equal(t, row.status == 401, errors.Is(err, jwtverifier.ErrInvalidToken))
			assert.Equal(t, row.status == 401, errors.Is(err, jwtverifier.ErrConfirmation))
		})
	}
}

// statuses records what WriteHeader is called with.
type statuses struct {
	http.ResponseWriter
	all []int
}

func (s *statuses) WriteHeader(status int) {
	s.all = append(s.all, status)
	s.ResponseWriter.WriteHeader(status)
}

func writesStatus(status int) func(http.ResponseWriter, *http.Request, *httpauth.DeniedError) {
	return func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) { w.WriteHeader(status) }
}

func TestDenyHandler(t *testing.T) {
	type answer = func(w http.ResponseWriter, r *http.Request, denied *httpauth.DeniedError)
	for _, row := range []struct {
		name   string
		deny   answer
		status int
		body   string
	}{
		{"writes nothing", func(http.ResponseWriter, *http.Request, *httpauth.DeniedError) {}, 401, ""},
		{"writes a body", func(w http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
			_, _ = io.WriteString(w, "sorry, ")
			_, _ = io.WriteString(w, denied.Description)
		}, 401, "sorry, an access token is required"},
		{"writes a status", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "nothing here")
		}, 404, "nothing here"},
		{"early hints first", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "body")
		}, 401, "body"},
		{"continue first", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			w.WriteHeader(http.StatusContinue)
			w.WriteHeader(http.StatusTeapot)
		}, 418, ""},
		{"the lowest status that passes", writesStatus(400), 400, ""},
		{"success", writesStatus(200), 401, ""},
		{"success without content", writesStatus(204), 401, ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ *httpauth.DeniedError) {
			w.Header()["Content-Type"] = nil
			http.Redirect(w, r, "/login", http.StatusFound)
		}, 401, ""},
		{"not modified", writesStatus(304), 401, ""},
		{"the highest status that does not pass", writesStatus(399), 401, ""},
		{"switching protocols", writesStatus(101), 401, ""},
		{"no status at all", writesStatus(0), 401, ""},
		{"success after early hints", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "body")
		}, 401, "body"},
		{"success after it has changed the error", func(w http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
			denied.Status = http.StatusOK
			w.WriteHeader(http.StatusOK)
		}, 401, ""},
		{"empty write", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			_, _ = w.Write(nil)
		}, 401, ""},
		{"standard answer", func(w http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
			denied.Answer(w)
		}, 401, required},
		{"tries to get around it", func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			assert.Error(t, http.NewResponseController(w).Flush())
			_, ok := w.(http.Flusher)
			assert.False(t, ok)
		}, 401, ""},
		{"changes the error", func(_ http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
			*denied = httpauth.DeniedError{}
		}, 401, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			guard := newGuard(t, fails(io.EOF), httpauth.WithDenyHandler(row.deny))
			server := httptest.NewServer(guard.Handler(served))
			defer server.Close()
			status, header, body := get(t, server.URL)
			assert.Equal(t, row.status, status)
			assert.Equal(t, row.body, body)
			assert.Equal(t, "Bearer", header.Get("WWW-Authenticate"))
			assert.Equal(t, "no-store", header.Get("Cache-Control"))
		})
	}

	t.Run("one status", func(t *testing.T) {
		for name, deny := range map[string]answer{
			"nothing":  func(http.ResponseWriter, *http.Request, *httpauth.DeniedError) {},
			"a status": writesStatus(401),
			"a body": func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
				_, _ = io.WriteString(w, "body")
			},
			"both": func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
				w.WriteHeader(401)
				_, _ = io.WriteString(w, "body")
			},
		} {
			guard := newGuard(t, fails(io.EOF), httpauth.WithDenyHandler(deny))
			w := &statuses{ResponseWriter: httptest.NewRecorder()}
			guard.Handler(served).ServeHTTP(w, request())
			assert.Equal(t, []int{401}, w.all, name) // a second one is a line in net/http's log
		}
	})

	t.Run("early hints arrive", func(t *testing.T) {
		guard := newGuard(t, fails(io.EOF), httpauth.WithDenyHandler(func(w http.ResponseWriter, _ *http.Request, _ *httpauth.DeniedError) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}))
		server := httptest.NewServer(guard.Handler(served))
		defer server.Close()
		var early []int
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
			early = append(early, code)
			return nil
		}})
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		assert.Equal(t, []int{103}, early)
		assert.Equal(t, 401, resp.StatusCode)
	})

	t.Run("is given the request and the reason", func(t *testing.T) {
		cause := &jwtverifier.UnavailableError{RetryAfter: 1500 * time.Millisecond, Err: io.ErrUnexpectedEOF}
		called := false
		guard := newGuard(t, fails(cause), httpauth.WithDenyHandler(func(w http.ResponseWriter, r *http.Request, denied *httpauth.DeniedError) {
			called = true
			assert.Equal(t, "/orders", r.URL.Path)
			assert.Equal(t, &httpauth.DeniedError{Status: 503, RetryAfter: 2 * time.Second, Err: cause,
				Description: "access tokens cannot be verified at the moment"}, denied)
			assert.ErrorIs(t, denied, io.ErrUnexpectedEOF)
			assert.EqualError(t, denied, "httpauth: status 503: jwtverifier: unavailable: unexpected EOF")
		}))
		w := serve(guard.Handler(served), request("Bearer x"))
		assert.True(t, called)
		assert.Equal(t, 503, w.Code)
		assert.Equal(t, "2", w.Header().Get("Retry-After"))

		called = false
		_, err := guard.Check(request("Bearer x"))
		assert.Error(t, err)
		assert.False(t, called, "Check writes nothing")
	})
}

func TestMisuse(t *testing.T) {
	var (
		nilVerifier *jwtverifier.Verifier
		nilFunc     verifierFunc
		good        = fails(io.EOF)
	)
	for name, try := range map[string]func() (*httpauth.Guard, error){
		"nil":              func() (*httpauth.Guard, error) { return httpauth.New(nil) },
		"nil pointer":      func() (*httpauth.Guard, error) { return httpauth.New(nilVerifier) },
		"nil function":     func() (*httpauth.Guard, error) { return httpauth.New(nilFunc) },
		"nil option":       func() (*httpauth.Guard, error) { return httpauth.New(good, nil) },
		"nil proof":        func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithProof(nil)) },
		"nil deny handler": func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithDenyHandler(nil)) },
		"empty realm":      func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("")) },
		"realm with tab":   func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("a\tb")) },
		"realm with break": func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("a\r\nX: y")) },
		"realm with DEL":   func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("a\x7f")) },
		"realm not ASCII":  func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("Überweisung")) },
		"realm not UTF-8":  func() (*httpauth.Guard, error) { return httpauth.New(good, httpauth.WithRealm("\xff")) },
		"good, then broken": func() (*httpauth.Guard, error) {
			return httpauth.New(good, httpauth.WithRealm("a"), httpauth.WithRealm(""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			guard, err := try()
			assert.Nil(t, guard)
			assert.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
		})
	}

	_, err := httpauth.New(good, httpauth.WithRealm("a"), httpauth.WithRealm("b"), nil)
	assert.EqualError(t, err, "jwtverifier: misconfigured: httpauth: New: option 3 is nil")

	// A struct, not a pointer, is a Verifier too.
	newGuard(t, struct{ httpauth.AccessTokenVerifier }{good})

	guard := newGuard(t, good)
	for name, try := range map[string]func(){
		"no scope":            func() { guard.RequireScopes() },
		"empty scope":         func() { guard.RequireScopes("read", "") },
		"two scopes in one":   func() { guard.RequireScopes("read write") },
		"scope with quote":    func() { guard.RequireScopes(`re"ad`) },
		"scope with \\":       func() { guard.RequireScopes(`re\ad`) },
		"scope not ASCII":     func() { guard.RequireScopes("lesen-für-alle") },
		"nil handler":         func() { guard.Handler(nil) },
		"nil handler, scopes": func() { guard.RequireScopes("read")(nil) },
		"no metadata":         func() { guard.ResourceMetadataHandler() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				err, _ := recover().(error)
				assert.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
			}()
			try()
		})
	}

	for name, guard := range map[string]*httpauth.Guard{"nil Guard": nil, "zero Guard": {}} {
		t.Run(name, func(t *testing.T) {
			for _, h := range []http.Handler{guard.Handler(served), guard.RequireScopes("read")(served)} {
				w := serve(h, request("Bearer x"))
				assert.Equal(t, 500, w.Code)
				assert.Equal(t, internal, w.Body.String())
			}
			token, err := guard.Check(request("Bearer x"))
			assert.Nil(t, token)
			assert.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
			assert.Panics(t, func() { guard.ResourceMetadataHandler() })
		})
	}
}

// The log of a 403 says what the route wants, the answer says it in the challenge.
func TestInsufficientScopeNamesTheScopes(t *testing.T) {
	var logged error
	guard := newGuard(t, accepts(&jwtverifier.AccessToken{Scopes: []string{"SECRET"}}, new(int)),
		httpauth.WithDenyHandler(func(w http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
			logged = denied
			denied.Answer(w)
		}))
	w := serve(guard.RequireScopes("orders.read", "orders.write")(served), request("Bearer x"))
	assert.Equal(t, 403, w.Code)
	assert.Equal(t, "the access token lacks a required scope\n", w.Body.String())
	assert.EqualError(t, logged, `httpauth: status 403: insufficient scope: want "orders.read", "orders.write"`)
	assert.ErrorIs(t, logged, httpauth.ErrInsufficientScope)

	serve(guard.RequireScopes(strings.Repeat("x", 5000))(served), request("Bearer x"))
	assert.ErrorIs(t, logged, httpauth.ErrInsufficientScope)
	assert.Less(t, len(logged.Error()), 400)
}

// The scopes are those of the call, whatever becomes of the slice.
func TestRequireScopesCopies(t *testing.T) {
	guard := newGuard(t, accepts(&jwtverifier.AccessToken{Scopes: []string{"read"}}, new(int)))
	scopes := []string{"admin"}
	h := guard.RequireScopes(scopes...)(served)
	scopes[0] = "read"
	w := serve(h, request("Bearer x"))
	assert.Equal(t, 403, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), `scope="admin"`)
}

func TestTokenFrom(t *testing.T) {
	assert.Nil(t, httpauth.TokenFrom(t.Context()))
	assert.False(t, httpauth.TokenFrom(t.Context()).HasScopes("read"))
	token := &jwtverifier.AccessToken{Scopes: []string{"read"}}
	assert.Same(t, token, httpauth.TokenFrom(httpauth.ContextWithToken(t.Context(), token)))

	ctx := httpauth.ContextWithToken(t.Context(), &jwtverifier.AccessToken{Token: jwtverifier.Token{Subject: "secret"}})
	assert.NotContains(t, fmt.Sprint(ctx), "secret")
}

// A panic of the handler is the server's business.
func TestHandlerPanics(t *testing.T) {
	guard := newGuard(t, accepts(&jwtverifier.AccessToken{}, new(int)))
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("mine") }))
	assert.PanicsWithValue(t, "mine", func() { serve(h, request("Bearer x")) })
}
