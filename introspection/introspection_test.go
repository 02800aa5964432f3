package introspection_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

const (
	clientID = "orders-api"
	secret   = "s3cret-of-orders"
	opaque   = "opaque-T0KEN-kd83hd" // a token
	leaked   = "TEXT-OF-THE-ANSWER"  // in answers: no error may repeat it
	active   = `{"active":true}`     // the least that is accepted
	asJSON   = "application/json"    // as servers say it
	path     = "/introspect"         // of the endpoint in jwtverifiertest's metadata
	form     = "token=" + opaque     // begins every body
	hint     = "&token_type_hint=access_token"
	tooLong  = 1<<20 + 1

	noResponse = "not an introspection response: "
)

// A server is an issuer with an introspection endpoint, on a socket.
type server struct {
	*httptest.Server
	issuer   *jwtverifiertest.Issuer
	requests atomic.Int32 // to the endpoint
}

func newServer(t testing.TB, endpoint http.HandlerFunc) *server {
	t.Helper()
	s := &server{Server: httptest.NewUnstartedServer(nil)}
	s.issuer = jwtverifiertest.New("http://" + s.Listener.Addr().String())
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			s.issuer.ServeHTTP(w, r)
			return
		}
		s.requests.Add(1)
		endpoint(w, r)
	})
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(s.issuer.Close)
	return s
}

func (s *server) verifier(t testing.TB, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New(s.issuer.URL(), append([]jwtverifier.Option{jwtverifier.WithAudience(jwtverifiertest.Audience)}, opts...)...)
	require.NoError(t, err)
	return v
}

func (s *server) client(t testing.TB, opts ...introspection.Option) *introspection.Client {
	t.Helper()
	return newClient(t, s.verifier(t), opts...)
}

func newClient(t testing.TB, v *jwtverifier.Verifier, opts ...introspection.Option) *introspection.Client {
	t.Helper()
	c, err := introspection.New(v, clientID, secret, opts...)
	require.NoError(t, err)
	return c
}

// answers is an endpoint that always answers the same.
func answers(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// members is an answer about an active token, with these members too.
func members(more string) string { return `{"active":true,` + more + `}` }

func seconds(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

// reasons are all the errors of which a call reports one.
var reasons = []error{
	introspection.ErrInactive, introspection.ErrMismatch, introspection.ErrNoEndpoint,
	jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature,
	jwtverifier.ErrTokenType, jwtverifier.ErrIssuer, jwtverifier.ErrAudience, jwtverifier.ErrClientID,
	jwtverifier.ErrClaim, jwtverifier.ErrConfirmation, jwtverifier.ErrIssuedAt, jwtverifier.ErrNotYetValid,
	jwtverifier.ErrExpired,
}

// requireReason requires that err is of this family and no other, has this reason
// and no other (nil: none), and tells nothing that it must not tell.
func requireReason(t *testing.T, err, family, reason error, secrets ...string) {
	t.Helper()
	require.Error(t, err)
	for _, f := range []error{jwtverifier.ErrInvalidToken, jwtverifier.ErrUnavailable, jwtverifier.ErrMisconfigured} {
		require.Equal(t, f == family, errors.Is(err, f), "%v: %v", f, err)
	}
	for _, r := range reasons {
		require.Equal(t, r == reason, errors.Is(err, r), "%v: %v", r, err)
	}
	switch family {
	case jwtverifier.ErrInvalidToken:
		refused, ok := errors.AsType[*jwtverifier.TokenError](err)
		require.True(t, ok)
		require.Equal(t, reason, refused.Reason)
		require.NotEqual(t, "other", refused.Code())
	case jwtverifier.ErrUnavailable:
		_, ok := errors.AsType[*jwtverifier.UnavailableError](err)
		require.True(t, ok)
	}
	text := printed(err)
	for _, s := range append(secrets, opaque, secret, url.QueryEscape(secret), leaked,
		base64.StdEncoding.EncodeToString([]byte(clientID+":"+secret))) {
		require.NotContains(t, text, s)
	}
	require.Less(t, len(err.Error()), 1<<10)
	require.NotContains(t, err.Error(), "\n")
}

// chain returns err and all that it wraps.
func chain(err error) []error {
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(all, chain(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return all
}

// printed returns err, and all that it wraps, in all the ways of printing it.
func printed(err error) string {
	text := ""
	for _, e := range chain(err) {
		text += fmt.Sprintf("%v\n%+v\n%#v\n%q\n%s\n", e, e, e, e, e)
	}
	return text
}

// refusals are answers with which a token is refused, by the rule they break.
func refusals() map[string]struct {
	body   string
	reason error
	claim  string
} {
	return map[string]struct {
		body   string
		reason error
		claim  string
	}{
		"inactive":                        {`{"active":false}`, introspection.ErrInactive, ""},
		"inactive, and broken":            {`{"active":false,"exp":"` + leaked + `"}`, introspection.ErrInactive, ""},
		"inactive, of another issuer":     {`{"active":false,"iss":"` + leaked + `"}`, introspection.ErrInactive, ""},
		"refresh token by token_use":      {members(`"token_use":"refresh_token"`), jwtverifier.ErrTokenType, "token_use"},
		"token_use not a string":          {members(`"token_use":["access_token"]`), jwtverifier.ErrTokenType, "token_use"},
		"refresh token by token_type":     {members(`"token_type":"refresh_token"`), jwtverifier.ErrTokenType, "token_type"},
		"ID token by token_type":          {members(`"token_type":"ID_TOKEN"`), jwtverifier.ErrTokenType, "token_type"},
		"refresh token by typ":            {members(`"typ":"Refresh"`), jwtverifier.ErrTokenType, "typ"},
		"offline token by typ":            {members(`"typ":"Offline"`), jwtverifier.ErrTokenType, "typ"},
		"ID token by typ":                 {members(`"typ":"ID"`), jwtverifier.ErrTokenType, "typ"},
		"logout token by typ":             {members(`"typ":"Logout"`), jwtverifier.ErrTokenType, "typ"},
		"another issuer":                  {members(`"iss":"https://` + leaked + `.example"`), jwtverifier.ErrIssuer, "iss"},
		"empty issuer":                    {members(`"iss":""`), jwtverifier.ErrIssuer, "iss"},
		"bound to a key":                  {members(`"cnf":{"jkt":"` + leaked + `"}`), jwtverifier.ErrConfirmation, "cnf"},
		"bound to a certificate":          {members(`"cnf":{"x5t#S256":"` + leaked + `"}`), jwtverifier.ErrConfirmation, "cnf"},
		"bound to an empty object":        {members(`"cnf":{}`), jwtverifier.ErrConfirmation, "cnf"},
		"bound to something":              {members(`"cnf":"` + leaked + `"`), jwtverifier.ErrConfirmation, "cnf"},
		"bound in a way that is not read": {members(`"cnf":{"jwk":"x"}`), jwtverifier.ErrConfirmation, "cnf"},
		"not valid yet":                   {members(`"nbf":` + seconds(2*time.Minute)), jwtverifier.ErrNotYetValid, "nbf"},
		"expired":                         {members(`"exp":` + seconds(-2*time.Minute)), jwtverifier.ErrExpired, "exp"},
		"expired in 1970":                 {members(`"exp":0`), jwtverifier.ErrExpired, "exp"},
		"kind before issuer":              {members(`"iss":"x","typ":"ID"`), jwtverifier.ErrTokenType, "typ"},
		"issuer before key":               {members(`"cnf":{"jkt":"x"},"iss":"x"`), jwtverifier.ErrIssuer, "iss"},
		"key before time":                 {members(`"exp":0,"cnf":{"jkt":"x"}`), jwtverifier.ErrConfirmation, "cnf"},
		"nbf before exp":                  {members(`"exp":0,"nbf":` + seconds(time.Hour)), jwtverifier.ErrNotYetValid, "nbf"},
	}
}

func TestRefused(t *testing.T) {
	for name, row := range refusals() {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, answers(200, row.body))
			r, err := s.client(t).Introspect(t.Context(), opaque)
			assert.Nil(t, r)
			requireReason(t, err, jwtverifier.ErrInvalidToken, row.reason)
			refused, _ := errors.AsType[*jwtverifier.TokenError](err)
			assert.Equal(t, row.claim, refused.Claim)
			assert.Empty(t, refused.Part)
			assert.EqualValues(t, 1, s.requests.Load())
		})
	}
}

// unavailables are answers, and no answers, that say nothing of the token.
var unavailables = map[string]struct {
	endpoint http.HandlerFunc
	status   int
	retry    time.Duration
	says     string
	wraps    error
}{
	"wrong secret":              {endpoint: answers(401, `{"error":"invalid_client","error_description":"`+leaked+`"}`), status: 401, says: "status 401, client authentication failed"},
	"unsupported token type":    {endpoint: answers(400, `{"error":"unsupported_token_type"}`), status: 400, says: "status 400"},
	"forbidden":                 {endpoint: answers(403, leaked), status: 403, says: "status 403"},
	"no such path":              {endpoint: answers(404, leaked), status: 404, says: "status 404"},
	"too many":                  {endpoint: answers(429, leaked, "Retry-After", "7"), status: 429, retry: 7 * time.Second, says: "status 429"},
	"too many, for an hour":     {endpoint: answers(429, "", "Retry-After", "3600"), status: 429, retry: 5 * time.Minute, says: "status 429"},
	"too many, for ages":        {endpoint: answers(429, "", "Retry-After", "99999999999999999999"), status: 429, retry: 5 * time.Minute, says: "status 429"},
	"too many, until 2099":      {endpoint: answers(429, "", "Retry-After", "Thu, 01 Jan 2099 00:00:00 GMT"), status: 429, retry: 5 * time.Minute, says: "status 429"},
	"too many, until long ago":  {endpoint: answers(429, "", "Retry-After", "Thu, 01 Jan 1998 00:00:00 GMT"), status: 429, says: "status 429"},
	"too many, until nonsense":  {endpoint: answers(429, "", "Retry-After", leaked), status: 429, says: "status 429"},
	"too many, for a misprint":  {endpoint: answers(429, "", "Retry-After", "99999999999999999999x"), status: 429, says: "status 429"},
	"too many, until minus one": {endpoint: answers(429, "", "Retry-After", "-1"), status: 429, says: "status 429"},
	"server error":              {endpoint: answers(500, active), status: 500, says: "status 500"},
	"down, with Retry-After":    {endpoint: answers(503, active, "Retry-After", "2"), status: 503, retry: 2 * time.Second, says: "status 503"},
	"another success":           {endpoint: answers(201, active), status: 201, says: "status 201"},
	"no content":                {endpoint: answers(204, ""), status: 204, says: "status 204"},
	"redirect to nowhere":       {endpoint: answers(302, active), status: 302, says: "status 302, redirects are not followed"},
	"HTML":                      {endpoint: answers(200, "<html>"+leaked), status: 200, says: noResponse + "not one strict JSON object"},
	"empty":                     {endpoint: answers(200, ""), status: 200, says: noResponse + "not one strict JSON object"},
	"an array":                  {endpoint: answers(200, "["+active+"]"), status: 200, says: noResponse + "not one strict JSON object"},
	"null":                      {endpoint: answers(200, "null"), status: 200, says: noResponse + "not one strict JSON object"},
	"two objects":               {endpoint: answers(200, active+active), status: 200, says: noResponse + "not one strict JSON object"},
	"cut":                       {endpoint: answers(200, active[:len(active)-1]), status: 200, says: noResponse + "not one strict JSON object"},
	"active twice":              {endpoint: answers(200, `{"active":true,"active":true}`), status: 200, says: noResponse + "not one strict JSON object"},
	"unread member twice":       {endpoint: answers(200, members(`"a":1,"\u0061":1`)), status: 200, says: noResponse + "not one strict JSON object"},
	"nested member twice":       {endpoint: answers(200, members(`"a":{"b":1,"b":1}`)), status: 200, says: noResponse + "not one strict JSON object"},
	"invalid UTF-8":             {endpoint: answers(200, members("\"a\":\"\xff\"")), status: 200, says: noResponse + "not one strict JSON object"},
	"no active":                 {endpoint: answers(200, `{"sub":"`+leaked+`"}`), status: 200, says: noResponse + "active is not a boolean"},
	"Active":                    {endpoint: answers(200, `{"Active":true}`), status: 200, says: noResponse + "active is not a boolean"},
	"active a string":           {endpoint: answers(200, `{"active":"true"}`), status: 200, says: noResponse + "active is not a boolean"},
	"active a number":           {endpoint: answers(200, `{"active":1}`), status: 200, says: noResponse + "active is not a boolean"},
	"active null":               {endpoint: answers(200, `{"active":null}`), status: 200, says: noResponse + "active is not a boolean"},
	"scope a number":            {endpoint: answers(200, members(`"scope":1`)), status: 200, says: noResponse + "scope is of a wrong type"},
	"scope an array of null":    {endpoint: answers(200, members(`"scope":[null]`)), status: 200, says: noResponse + "scope is of a wrong type"},
	"client_id a number":        {endpoint: answers(200, members(`"client_id":1`)), status: 200, says: noResponse + "client_id is of a wrong type"},
	"username an object":        {endpoint: answers(200, members(`"username":{}`)), status: 200, says: noResponse + "username is of a wrong type"},
	"token_type an array":       {endpoint: answers(200, members(`"token_type":["Bearer"]`)), status: 200, says: noResponse + "token_type is of a wrong type"},
	"sub a number":              {endpoint: answers(200, members(`"sub":1`)), status: 200, says: noResponse + "sub is of a wrong type"},
	"aud an object":             {endpoint: answers(200, members(`"aud":{}`)), status: 200, says: noResponse + "aud is of a wrong type"},
	"aud with a number":         {endpoint: answers(200, members(`"aud":["a",1]`)), status: 200, says: noResponse + "aud is of a wrong type"},
	"iss an array":              {endpoint: answers(200, members(`"iss":[]`)), status: 200, says: noResponse + "iss is of a wrong type"},
	"jti a number":              {endpoint: answers(200, members(`"jti":1`)), status: 200, says: noResponse + "jti is of a wrong type"},
	"exp a string":              {endpoint: answers(200, members(`"exp":"2099-01-01"`)), status: 200, says: noResponse + "exp is of a wrong type"},
	"exp beyond any time":       {endpoint: answers(200, members(`"exp":1e300`)), status: 200, says: noResponse + "exp is of a wrong type"},
	"exp beyond float64":        {endpoint: answers(200, members(`"exp":1e999`)), status: 200, says: noResponse + "exp is of a wrong type"},
	"nbf of 900 digits":         {endpoint: answers(200, members(`"nbf":`+strings.Repeat("9", 900)+`e-890`)), status: 200, says: noResponse + "nbf is of a wrong type"},
	"exp negative":              {endpoint: answers(200, members(`"exp":-1`)), status: 200, says: noResponse + "exp is of a wrong type"},
	"iat a boolean":             {endpoint: answers(200, members(`"iat":true`)), status: 200, says: noResponse + "iat is of a wrong type"},
	"nbf a string":              {endpoint: answers(200, members(`"nbf":"0"`)), status: 200, says: noResponse + "nbf is of a wrong type"},
	"too long":                  {endpoint: answers(200, active+strings.Repeat(" ", tooLong-len(active))), status: 200, says: "longer than 1 MiB"},
	"cut connection": {endpoint: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, active)
	}, status: 200, says: "unexpected EOF", wraps: io.ErrUnexpectedEOF},
	"no answer":                  {endpoint: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, says: "EOF", wraps: io.EOF},
	"no HTTP":                    {endpoint: speaks("HTTP? " + strings.Repeat("x", 1000) + "\r\n\r\n"), says: "malformed HTTP status code"},
	"no HTTP, repeats the body":  {endpoint: speaks(form + "\r\n\r\n"), says: "malformed HTTP response"},
	"too long a header":          {endpoint: answers(200, active, "X", strings.Repeat("x", 70_000)), says: "server response headers exceeded"},
	"redirect, repeats the body": {endpoint: answers(302, "", "Location", "http://[::1/?"+form), status: 302, says: "status 302, redirects are not followed"},
	"redirect to no URL":         {endpoint: answers(302, "", "Location", "http://[::1"+strings.Repeat("x", 1000)), status: 302, says: "status 302, redirects are not followed"},
}

// speaks is an endpoint that answers these bytes.
func speaks(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
	}
}

func TestUnavailable(t *testing.T) {
	for name, row := range unavailables {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, row.endpoint)
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			r, err := s.client(t).Introspect(t.Context(), opaque)
			assert.Nil(t, r)
			requireReason(t, err, jwtverifier.ErrUnavailable, nil)
			u, _ := errors.AsType[*jwtverifier.UnavailableError](err)
			assert.Equal(t, row.retry, u.RetryAfter)
			call, ok := errors.AsType[*introspection.CallError](err)
			require.True(t, ok)
			assert.Equal(t, s.URL+path, call.URL)
			assert.Equal(t, row.status, call.StatusCode)
			require.NotEmpty(t, row.says)
			assert.EqualError(t, call, `introspection: POST "`+s.URL+path+`": `+row.says)
			assert.EqualError(t, err, "jwtverifier: unavailable: "+call.Error())
			assert.Less(t, len(call.Error()), 400)
			if row.wraps != nil {
				assert.ErrorIs(t, err, row.wraps)
			}
		})
	}
}

func TestActive(t *testing.T) {
	var body string
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { answers(200, body)(w, r) })
	c := s.client(t)
	ask := func(t *testing.T, answer string) *introspection.Response {
		t.Helper()
		body = answer
		r, err := c.Introspect(t.Context(), opaque)
		require.NoError(t, err)
		return r
	}
	now := time.Now().Unix()

	t.Run("everything", func(t *testing.T) {
		r := ask(t, fmt.Sprintf(`{"active":true,"scope":"read  write","client_id":"c","username":"Alice","token_type":"Bearer","sub":"alice",
			"aud":["a","b"],"iss":%q,"exp":%d,"iat":%d.5,"nbf":%d,"jti":"id","token_use":"access_token","typ":"Bearer",
			"x":{"big":9007199254740993},"Scope":"admin"}`, s.issuer.URL(), now+60, now, now))
		assert.True(t, r.Active)
		assert.Equal(t, []string{"read", "write"}, r.Scopes)
		assert.Equal(t, "c", r.ClientID)
		assert.Equal(t, "Alice", r.Username)
		assert.Equal(t, "Bearer", r.TokenType)
		assert.Equal(t, "alice", r.Subject)
		assert.Equal(t, []string{"a", "b"}, r.Audience)
		assert.Equal(t, s.issuer.URL(), r.Issuer)
		assert.Equal(t, "id", r.ID)
		assert.Equal(t, time.Unix(now+60, 0).UTC(), r.Expiry)
		assert.Equal(t, time.Unix(now, 5e8).UTC(), r.IssuedAt)
		assert.Equal(t, time.Unix(now, 0).UTC(), r.NotBefore)
		assert.Nil(t, r.Confirmation)
		assert.True(t, r.HasScopes("write", "read"))
		assert.False(t, r.HasScopes("read", "admin"))

		var claims struct {
			X struct{ Big int64 } `json:"x"`
		}
		claims.X.Big = 1
		require.NoError(t, r.Claims(&claims))
		assert.EqualValues(t, 1, claims.X.Big, "names are case-sensitive")
		var exact struct {
			X struct {
				Big int64 `json:"big"`
			} `json:"x"`
		}
		require.NoError(t, r.Claims(&exact))
		assert.EqualValues(t, 9007199254740993, exact.X.Big)
		assert.ErrorContains(t, r.Claims(&[]string{}), "introspection: decoding claims: does not fit Go type []string")
		require.NoError(t, r.Claims(&vandal{}))
		require.NoError(t, r.Claims(&exact), "what dst does to its input stays there")

		for _, text := range []string{fmt.Sprint(r), fmt.Sprint(*r), fmt.Sprintf("%+v %#v", r, *r), slog.AnyValue(r).Resolve().String()} {
			assert.Contains(t, text, "introspection response")
			assert.NotContains(t, text, "lice")
		}
	})

	for name, row := range map[string]struct {
		body string
		want introspection.Response
	}{
		"nothing more":           {active, introspection.Response{}},
		"nulls":                  {members(`"scope":null,"client_id":null,"exp":null,"iss":null,"cnf":null,"aud":null,"token_use":null`), introspection.Response{}},
		"escaped name":           {`{"\u0061ctive":true}`, introspection.Response{}},
		"aud a string":           {members(`"aud":"a"`), introspection.Response{Audience: []string{"a"}}},
		"scope an array":         {members(`"scope":["read","write"]`), introspection.Response{Scopes: []string{"read", "write"}}},
		"scope empty":            {members(`"scope":""`), introspection.Response{Scopes: []string{}}},
		"token_use access":       {members(`"token_use":"access"`), introspection.Response{}},
		"type access_token":      {members(`"token_type":"access_token"`), introspection.Response{TokenType: "access_token"}},
		"exp within the leeway":  {members(fmt.Sprint(`"exp":`, now-30)), introspection.Response{Expiry: time.Unix(now-30, 0).UTC()}},
		"nbf within the leeway":  {members(fmt.Sprint(`"nbf":`, now+30)), introspection.Response{NotBefore: time.Unix(now+30, 0).UTC()}},
		"just not too long":      {active + strings.Repeat(" ", tooLong-1-len(active)), introspection.Response{}},
		"a number that is a lot": {members(`"x":1e999`), introspection.Response{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := ask(t, row.body)
			require.NoError(t, r.Claims(&struct{}{}))
			want := row.want
			assert.Equal(t, fmt.Sprint(true, want.Scopes, want.ClientID, want.TokenType, want.Audience, want.Expiry, want.NotBefore),
				fmt.Sprint(r.Active, r.Scopes, r.ClientID, r.TokenType, r.Audience, r.Expiry, r.NotBefore))
		})
	}

	t.Run("another content type", func(t *testing.T) {
		s := newServer(t, answers(200, active, "Content-Type", "text/html"))
		_, err := s.client(t).Introspect(t.Context(), opaque)
		assert.NoError(t, err)
	})

	var none *introspection.Response
	assert.False(t, none.HasScopes())
	for _, r := range []*introspection.Response{none, {}} {
		requireReason(t, r.Claims(&struct{}{}), jwtverifier.ErrMisconfigured, nil)
	}
}

type vandal struct{}

func (*vandal) UnmarshalJSON(data []byte) error {
	clear(data)
	return nil
}

func TestSenderConstrained(t *testing.T) {
	for name, row := range map[string]struct {
		cnf  string
		want *jwtverifier.Confirmation // nil: refused
	}{
		"key":         {`{"jkt":"k"}`, &jwtverifier.Confirmation{JWKThumbprint: "k"}},
		"certificate": {`{"x5t#S256":"c"}`, &jwtverifier.Confirmation{CertificateThumbprint: "c"}},
		"both":        {`{"x5t#S256":"c","jkt":"k"}`, &jwtverifier.Confirmation{JWKThumbprint: "k", CertificateThumbprint: "c"}},
		"empty":       {`{"jkt":""}`, nil},
		"none":        {`{}`, nil},
		"one null":    {`{"jkt":"k","x5t#S256":null}`, &jwtverifier.Confirmation{JWKThumbprint: "k"}},
		"both null":   {`{"jkt":null,"x5t#S256":null}`, nil},
		"unknown":     {`{"jkt":"k","kid":"x"}`, nil},
		"an array":    {`["jkt"]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, answers(200, members(`"cnf":`+row.cnf)))
			r, err := s.client(t, introspection.WithSenderConstrainedTokens()).Introspect(t.Context(), opaque)
			if row.want == nil {
				assert.Nil(t, r)
				requireReason(t, err, jwtverifier.ErrInvalidToken, jwtverifier.ErrConfirmation)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, row.want, r.Confirmation)
		})
	}
}

// TestNotAToken: what cannot be a token is not sent anywhere.
func TestNotAToken(t *testing.T) {
	s := newServer(t, answers(200, active))
	c := s.client(t)
	for name, raw := range map[string]string{
		"empty":         "",
		"over 64 KiB":   strings.Repeat("T", 64<<10+1),
		"NUL":           "T0KEN\x00",
		"line break":    "T0KEN\r\nX: y",
		"tab":           "T0KEN\t",
		"DEL":           "T0KEN\x7f",
		"non-ASCII":     "T0KENé",
		"invalid UTF-8": "T0KEN\xff",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := c.Introspect(t.Context(), raw)
			assert.Nil(t, r)
			requireReason(t, err, jwtverifier.ErrInvalidToken, jwtverifier.ErrMalformed, "T0KEN")
		})
	}
	assert.Zero(t, s.requests.Load())
	assert.Zero(t, s.issuer.Requests(s.issuer.MetadataPaths()[0]))

	for _, raw := range []string{strings.Repeat("T", 64<<10), `a "b" c~!`, "a.b.c"} {
		_, err := c.Introspect(t.Context(), raw)
		assert.NoError(t, err)
	}
}

func TestRequest(t *testing.T) {
	const (
		hardID     = "svc:é%+ &=/~*"
		hardSecret = "p:%41+ ü&=?\x7f日"
		hardToken  = `a+b/c=&d e%41"~`
	)
	rows := map[string]struct {
		id, secret, token string
		opts              []introspection.Option
		query             string
		authorization     string
		body              string
	}{
		"Basic": {
			id: clientID, secret: secret, token: opaque,
			authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+secret)),
			body:          form + hint,
		},
		"Basic, hard characters": {
			id: hardID, secret: hardSecret, token: hardToken,
			authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(
				"svc%3A%C3%A9%25%2B+%26%3D%2F~%2A:p%3A%2541%2B+%C3%BC%26%3D%3F%7F%E6%97%A5")),
			body: "token=a%2Bb%2Fc%3D%26d+e%2541%22~" + hint,
		},
		"post": {
			id: clientID, secret: secret, token: opaque,
			opts: []introspection.Option{introspection.WithClientSecretPost()},
			body: "client_id=" + clientID + "&client_secret=" + secret + "&" + form + hint,
		},
		"post, hard characters": {
			id: hardID, secret: hardSecret, token: hardToken,
			opts: []introspection.Option{introspection.WithClientSecretPost()},
			body: "client_id=svc%3A%C3%A9%25%2B+%26%3D%2F~%2A&client_secret=p%3A%2541%2B+%C3%BC%26%3D%3F%7F%E6%97%A5&token=a%2Bb%2Fc%3D%26d+e%2541%22~" + hint,
		},
		"endpoint with a query": {
			id: clientID, secret: secret, token: opaque, query: "tenant=a%20b",
			authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+secret)),
			body:          form + hint,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			var got *http.Request
			var body []byte
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
				answers(200, active)(w, r)
			})
			if row.query != "" {
				row.opts = append(row.opts, introspection.WithEndpoint(s.URL+path+"?"+row.query))
			}
			c, err := introspection.New(s.verifier(t), row.id, row.secret, row.opts...)
			require.NoError(t, err)
			_, err = c.Introspect(t.Context(), row.token)
			require.NoError(t, err)

			assert.Equal(t, http.MethodPost, got.Method)
			assert.Equal(t, path, got.URL.Path)
			assert.Equal(t, row.query, got.URL.RawQuery)
			assert.Equal(t, row.body, string(body))
			want := http.Header{
				"Accept":          {"application/json"},
				"Accept-Encoding": {"gzip"},
				"Content-Length":  {fmt.Sprint(len(row.body))},
				"Content-Type":    {"application/x-www-form-urlencoded"},
				"User-Agent":      {"Go-http-client/1.1"},
			}
			if row.authorization != "" {
				want.Set("Authorization", row.authorization)
				// As a server reads it: RFC 6749 §2.3.1.
				id, password, ok := got.BasicAuth()
				require.True(t, ok)
				id, err = url.QueryUnescape(id)
				require.NoError(t, err)
				password, err = url.QueryUnescape(password)
				require.NoError(t, err)
				assert.Equal(t, []string{row.id, row.secret}, []string{id, password})
			}
			assert.Equal(t, want, got.Header)
			values, err := url.ParseQuery(string(body))
			require.NoError(t, err)
			assert.Equal(t, []string{row.token}, values["token"])
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			var followed atomic.Bool
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				followed.Store(true)
				answers(200, active)(w, r)
			}))
			defer elsewhere.Close()
			for _, to := range []string{elsewhere.URL, path, "?again"} {
				s := newServer(t, answers(status, active, "Location", to))
				jar, err := cookiejar.New(nil)
				require.NoError(t, err)
				_, err = s.client(t, introspection.WithHTTPClient(&http.Client{
					Jar:           jar,
					CheckRedirect: func(*http.Request, []*http.Request) error { return nil },
				})).Introspect(t.Context(), opaque)
				requireReason(t, err, jwtverifier.ErrUnavailable, nil)
				assert.ErrorContains(t, err, fmt.Sprintf("status %d, redirects are not followed", status))
				assert.EqualValues(t, 1, s.requests.Load())
			}
			assert.False(t, followed.Load())
		})
	}
}

func TestHTTPClient(t *testing.T) {
	var cookies atomic.Int32
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		cookies.Add(int32(len(r.Cookies())))
		answers(200, active, "Set-Cookie", "a=b")(w, r)
	})
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var used atomic.Int32
	given := &http.Client{Jar: jar, Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
		used.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	c := s.client(t, introspection.WithHTTPClient(given))
	given.Transport = nil // it was copied
	for range 2 {
		_, err := c.Introspect(t.Context(), opaque)
		require.NoError(t, err)
	}
	assert.EqualValues(t, 2, used.Load())
	assert.Zero(t, cookies.Load())
}

// TestTLS: over https, with the roots that are given and not without.
func TestTLS(t *testing.T) {
	issuer, err := jwtverifiertest.StartTLS("/oauth2/default")
	require.NoError(t, err)
	defer issuer.Close()
	issuer.Respond("/oauth2/default"+path, jwtverifiertest.Response{Body: []byte(active)})
	v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(issuer.Client()))
	require.NoError(t, err)

	_, err = newClient(t, v, introspection.WithHTTPClient(issuer.Client())).Introspect(t.Context(), opaque)
	require.NoError(t, err)

	_, err = newClient(t, v).Introspect(t.Context(), opaque)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	assert.True(t, unknown, "%v", err)
}

// TestStaleConnection: a connection that the server closes at the moment of its
// use is not the caller's trouble.
func TestStaleConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var served sync.WaitGroup
	defer served.Wait()
	defer listener.Close()
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				for i := range 2 {
					r, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if i == 0 {
						fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(active), active)
					}
				}
			})
		}
	})

	s := newServer(t, nil)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := s.client(t, introspection.WithEndpoint("http://"+listener.Addr().String()), introspection.WithHTTPClient(&http.Client{Transport: transport}))
	for range 3 {
		_, err := c.Introspect(t.Context(), opaque)
		require.NoError(t, err)
	}
}

func TestConcurrency(t *testing.T) {
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		answers(200, members(`"sub":"`+r.FormValue("token")+`"`))(w, r)
	})
	c := s.client(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			raw := fmt.Sprint(opaque, i)
			r, err := c.Introspect(t.Context(), raw)
			if assert.NoError(t, err) {
				assert.Equal(t, raw, r.Subject)
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 64, s.requests.Load(), "no answer is remembered or shared")
	assert.Equal(t, 1, s.issuer.Requests(s.issuer.MetadataPaths()[0]))
}

func TestContext(t *testing.T) {
	asked := make(chan struct{}, 3)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not noticed
		_ = http.NewResponseController(w).Flush()
		asked <- struct{}{}
		<-r.Context().Done()
	})
	c := s.client(t)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	r, err := c.Introspect(ctx, opaque)
	assert.Nil(t, r)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	assert.ErrorIs(t, err, context.Canceled)
	u, _ := errors.AsType[*jwtverifier.UnavailableError](err)
	assert.Zero(t, u.RetryAfter, "the server may be asked again at once")

	_, err = c.Introspect(ctx, opaque)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.EqualValues(t, 1, s.requests.Load())

	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = c.Introspect(ctx, opaque)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	_, err = s.client(t, introspection.WithHTTPClient(&http.Client{Timeout: 30 * time.Millisecond})).Introspect(t.Context(), opaque)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
}

// inMemory returns a Verifier and the HTTP client of an issuer without a socket,
// for bubbles.
func inMemory(t testing.TB, issuer *jwtverifiertest.Issuer, endpoint testkit.Answer) (*jwtverifier.Verifier, *http.Client) {
	t.Helper()
	client := &http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return endpoint(r)
		}
		return issuer.Client().Transport.RoundTrip(r)
	})}
	v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(client))
	require.NoError(t, err)
	return v, client
}

// TestSlowMetadata: the first call waits for it, within the call's own limit.
func TestSlowMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Delay: 3 * time.Second, Body: issuer.JWKS()})
		v, client := inMemory(t, issuer, testkit.Text(200, active))
		_, err := newClient(t, v, introspection.WithHTTPClient(client)).Introspect(t.Context(), opaque)
		require.NoError(t, err)
	})
}

// TestEndpoint: the metadata accepted last names it.
func TestEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		var asked []string
		v, client := inMemory(t, issuer, func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			return testkit.Text(200, active)(r)
		})
		c := newClient(t, v, introspection.WithHTTPClient(client))
		introspect := func() {
			t.Helper()
			_, err := c.Introspect(t.Context(), opaque)
			require.NoError(t, err)
		}
		moved := func(to string) {
			t.Helper()
			document := fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"introspection_endpoint":%q}`, issuer.URL(), issuer.JWKSURL(), to)
			issuer.Respond(issuer.MetadataPaths()[0], jwtverifiertest.Response{Body: []byte(document)})
		}
		assert.Zero(t, issuer.Requests(issuer.MetadataPaths()[0]), "New does no I/O")
		introspect()
		moved("https://second.example/")
		introspect()
		require.NoError(t, v.Refresh(t.Context()))
		introspect()
		moved("https://third.example/")
		time.Sleep(20 * time.Minute)
		introspect() // no token is verified: only this keeps the metadata fresh
		issuer.Down()
		time.Sleep(48 * time.Hour)
		introspect() // the keys have gone, where to ask is still known
		issuer.Hang()
		time.Sleep(time.Minute)
		began := time.Now()
		introspect()
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, []string{
			"https://issuer.example/introspect", "https://issuer.example/introspect", "https://second.example/",
			"https://third.example/", "https://third.example/", "https://third.example/",
		}, asked)
		time.Sleep(time.Minute) // let the refreshes end
	})
}

// TestNoEndpoint: metadata that names none, or one that is not fit.
func TestNoEndpoint(t *testing.T) {
	for name, row := range map[string]struct {
		issuer, endpoint string // endpoint: JSON
		says             string // "": usable
	}{
		"none":                      {"https://issuer.example", ``, "no usable introspection_endpoint in the metadata"},
		"null":                      {"https://issuer.example", `null`, "is not a string"},
		"a number":                  {"https://issuer.example", `1e999`, "is not a string"},
		"empty":                     {"https://issuer.example", `""`, "is not an absolute URL"},
		"relative":                  {"https://issuer.example", `"/` + leaked + `"`, "is not an absolute URL"},
		"no URL":                    {"https://issuer.example", `"https://[` + leaked + `"`, "is not an absolute URL"},
		"another scheme":            {"https://issuer.example", `"ftp://` + leaked + `/"`, "is not https"},
		"http":                      {"https://issuer.example", `"http://issuer.example/"`, "is http though the issuer is https"},
		"http, loopback":            {"https://issuer.example", `"http://localhost/"`, "is http though the issuer is https"},
		"userinfo":                  {"https://issuer.example", `"https://` + leaked + `:pw@issuer.example/"`, "has a user name"},
		"fragment":                  {"https://issuer.example", `"https://issuer.example/#"`, "has a fragment"},
		"too long":                  {"https://issuer.example", `"https://issuer.example/` + strings.Repeat("a", 2048) + `"`, "is longer than 2048 bytes"},
		"https, another host":       {"https://issuer.example", `"https://other.example/x?y"`, ""},
		"loopback to loopback":      {"http://127.0.0.1:1", `"http://localhost:2/"`, ""},
		"loopback in capitals":      {"http://localhost", `"http://LOCALHOST:2/"`, ""},
		"capitals to http":          {"http://LOCALHOST", `"http://issuer.example"`, "is http and not of a loopback host: WithInsecureHTTP"},
		"loopback to https":         {"http://localhost", `"https://issuer.example"`, ""},
		"loopback to http":          {"http://localhost", `"http://issuer.example"`, "is http and not of a loopback host: WithInsecureHTTP"},
		"insecure issuer to http":   {"http://issuer.example", `"http://other.example"`, ""},
		"insecure issuer to scheme": {"http://issuer.example", `"ws://other.example"`, "is not https"},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := jwtverifiertest.New(row.issuer)
			document := fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"introspection_endpoint":%s}`, issuer.URL(), issuer.JWKSURL(), row.endpoint)
			if row.endpoint == "" {
				document = fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer.URL(), issuer.JWKSURL())
			}
			issuer.Respond(issuer.MetadataPaths()[0], jwtverifiertest.Response{Body: []byte(document)})
			v, err := jwtverifier.New(row.issuer, jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(issuer.Client()), jwtverifier.WithInsecureHTTP())
			require.NoError(t, err)
			asked := 0
			c := newClient(t, v, introspection.WithHTTPClient(&http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				asked++
				return testkit.Text(200, active)(r)
			})}))
			r, err := c.Introspect(t.Context(), opaque)
			if row.says == "" {
				require.NoError(t, err)
				require.Equal(t, 1, asked)
			} else {
				require.Nil(t, r)
				requireReason(t, err, jwtverifier.ErrUnavailable, introspection.ErrNoEndpoint)
				require.True(t, strings.HasSuffix(err.Error(), row.says), "%v", err)
				u, _ := errors.AsType[*jwtverifier.UnavailableError](err)
				require.Zero(t, u.RetryAfter)
				require.Zero(t, asked)
			}
			// The rules of WithEndpoint are the same.
			if endpoint, isText := strings.CutPrefix(row.endpoint, `"`); isText {
				_, err = introspection.New(v, clientID, secret, introspection.WithEndpoint(strings.TrimSuffix(endpoint, `"`)))
				if row.says == "" {
					require.NoError(t, err)
				} else {
					requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
					require.ErrorContains(t, err, row.says)
				}
			}
		})
	}
}

// TestWithoutDiscovery: a Verifier that reads no metadata needs WithEndpoint.
func TestWithoutDiscovery(t *testing.T) {
	s := newServer(t, answers(200, active))
	for name, opt := range map[string]jwtverifier.Option{
		"JWKS URL":    jwtverifier.WithJWKSURL(s.issuer.JWKSURL()),
		"static keys": jwtverifier.WithStaticKeys(s.issuer.JWKS()),
	} {
		t.Run(name, func(t *testing.T) {
			v := s.verifier(t, opt)
			_, err := newClient(t, v).Introspect(t.Context(), opaque)
			requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
			assert.ErrorContains(t, err, "WithEndpoint")

			_, err = newClient(t, v, introspection.WithEndpoint(s.URL+path)).Introspect(t.Context(), opaque)
			assert.NoError(t, err)
		})
	}
	t.Run("down", func(t *testing.T) {
		s := newServer(t, nil)
		s.issuer.Down()
		_, err := s.client(t).Introspect(t.Context(), opaque)
		requireReason(t, err, jwtverifier.ErrUnavailable, nil)
		_, ok := errors.AsType[*jwtverifier.FetchError](err)
		assert.True(t, ok, "it is the metadata that could not be had")
	})
}

func TestMisconfigured(t *testing.T) {
	v := newServer(t, nil).verifier(t)
	const strange = "New: a Verifier that jwtverifier.New did not make"
	for name, row := range map[string]struct {
		v          *jwtverifier.Verifier
		id, secret string
		opt        introspection.Option
		says       string
	}{
		"nil Verifier":           {nil, clientID, secret, introspection.WithClientSecretPost(), strange},
		"zero Verifier":          {&jwtverifier.Verifier{}, clientID, secret, introspection.WithClientSecretPost(), strange},
		"no client ID":           {v, "", secret, introspection.WithClientSecretPost(), "New: no client ID"},
		"no secret":              {v, clientID, "", introspection.WithClientSecretPost(), "New: no client secret"},
		"nil option":             {v, clientID, secret, nil, "New: option 1 is nil"},
		"nil HTTP client":        {v, clientID, secret, introspection.WithHTTPClient(nil), "WithHTTPClient(nil)"},
		"empty endpoint":         {v, clientID, secret, introspection.WithEndpoint(""), "WithEndpoint: is not an absolute URL"},
		"endpoint with a secret": {v, clientID, secret, introspection.WithEndpoint("https://a:" + leaked + "@issuer.example/"), "WithEndpoint: has a user name"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := introspection.New(row.v, row.id, row.secret, row.opt)
			assert.Nil(t, c)
			requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
			assert.EqualError(t, err, "jwtverifier: misconfigured: introspection: "+row.says)
		})
	}
	_, err := introspection.New(v, clientID, secret, introspection.WithClientSecretPost(), introspection.WithClientSecretPost(), nil)
	assert.ErrorContains(t, err, "introspection: New: option 3 is nil")
	for _, c := range []*introspection.Client{nil, {}} {
		r, err := c.Introspect(t.Context(), opaque)
		assert.Nil(t, r)
		requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
	}
}

// TestNoSecretIsPrinted: however a Client is printed.
func TestNoSecretIsPrinted(t *testing.T) {
	c := newServer(t, nil).client(t)
	var text strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info("", "client", c, "value", *c)
	slog.New(slog.NewJSONHandler(&text, nil)).Info("", "client", c, "value", *c)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		fmt.Fprintf(&text, verb+verb, c, *c)
	}
	assert.NotContains(t, text.String(), secret)
	assert.NotContains(t, text.String(), fmt.Sprintf("%x", secret))
}

// TestCodes: the labels for metrics, which must not change.
func TestCodes(t *testing.T) {
	assert.Equal(t, "inactive", (&jwtverifier.TokenError{Reason: introspection.ErrInactive}).Code())
	assert.Equal(t, "mismatch", (&jwtverifier.TokenError{Reason: introspection.ErrMismatch}).Code())
	assert.Equal(t, "introspection: token is not active", (&jwtverifier.TokenError{Reason: introspection.ErrInactive}).Error())
}

func TestCallError(t *testing.T) {
	broken := errors.New("broken")
	for _, row := range []struct {
		status int
		err    error
		says   string // after the URL
	}{
		{0, nil, ""},
		{0, broken, ": broken"},
		{1, nil, ": status 1"},
		{199, nil, ": status 199"},
		{200, nil, ""},
		{200, broken, ": broken"},
		{201, nil, ": status 201"},
		{299, nil, ": status 299"},
		{300, nil, ": status 300, redirects are not followed"},
		{399, nil, ": status 399, redirects are not followed"},
		{400, nil, ": status 400"},
		{401, nil, ": status 401, client authentication failed"},
		{401, broken, ": status 401, client authentication failed: broken"},
		{402, nil, ": status 402"},
		{500, broken, ": status 500: broken"},
		{0, errors.New("two\nlines"), `: two\nlines`},
		{0, errors.New(strings.Repeat("x", 256)), ": " + strings.Repeat("x", 256)},
		{0, errors.New(strings.Repeat("x", 257)), ": " + strings.Repeat("x", 253) + "..."},
		{0, &url.Error{Op: "POST", URL: "https://a.example/", Err: broken}, ": broken"},
	} {
		failed := &introspection.CallError{URL: "https://a.example/", StatusCode: row.status, Err: row.err}
		assert.Equal(t, `introspection: POST "https://a.example/"`+row.says, failed.Error())
		assert.Equal(t, row.err, failed.Unwrap())
	}
	for address, quoted := range map[string]string{
		`"` + strings.Repeat("a", 156): `"\"` + strings.Repeat("a", 156) + `"`, // 160 bytes, quoted
		`"` + strings.Repeat("a", 157): `"\"` + strings.Repeat("a", 153) + `..."`,
		`"` + strings.Repeat("a", 200): `"\"` + strings.Repeat("a", 153) + `..."`,
		"\n":                           `"\n"`,
	} {
		assert.Equal(t, "introspection: POST "+quoted, (&introspection.CallError{URL: address}).Error())
	}
}

// TestResponseString: what is shown, and no more.
func TestResponseString(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, row := range []struct {
		response introspection.Response
		want     string
	}{
		{introspection.Response{}, `introspection response of ""`},
		{introspection.Response{Active: true, Subject: leaked, Username: leaked, ID: leaked, IssuedAt: until}, `introspection response of ""`},
		{introspection.Response{Issuer: "https://a.example"}, `introspection response of "https://a.example"`},
		{
			introspection.Response{Issuer: "https://a.example\n", Expiry: until},
			`introspection response of "https://a.example\n", expires 2026-01-02T03:04:05Z`,
		},
		{introspection.Response{Issuer: strings.Repeat("a", 255)}, `introspection response of "` + strings.Repeat("a", 251) + `..."`},
	} {
		assert.Equal(t, row.want, row.response.String())
		assert.Equal(t, row.want, fmt.Sprintf("%#v", &row.response))
		assert.Equal(t, row.want, slog.AnyValue(row.response).Resolve().String())
	}
}

// TestHasScopes: all of them, to the letter.
func TestHasScopes(t *testing.T) {
	r := &introspection.Response{Scopes: []string{"read", "write", "a b"}}
	for _, row := range []struct {
		scope []string
		want  bool
	}{
		{nil, true},
		{[]string{"read"}, true},
		{[]string{"write", "read", "read"}, true},
		{[]string{"a b"}, true},
		{[]string{"admin"}, false},
		{[]string{"read", "admin"}, false},
		{[]string{"admin", "read"}, false},
		{[]string{"Read"}, false},
		{[]string{"rea"}, false},
		{[]string{"a"}, false},
		{[]string{""}, false},
	} {
		assert.Equal(t, row.want, r.HasScopes(row.scope...), "%q", row.scope)
		assert.Equal(t, len(row.scope) == 0, (&introspection.Response{}).HasScopes(row.scope...), "%q", row.scope)
		assert.False(t, (*introspection.Response)(nil).HasScopes(row.scope...), "%q", row.scope)
	}
}

// TestTimes: nbf and exp at the bounds of the leeway of a minute.
func TestTimes(t *testing.T) {
	for _, row := range []struct {
		member string
		offset float64 // seconds from now
		reason error   // nil: accepted
	}{
		{"nbf", -3600, nil},
		{"nbf", 59.5, nil},
		{"nbf", 60, nil},
		{"nbf", 60.5, jwtverifier.ErrNotYetValid},
		{"nbf", 61, jwtverifier.ErrNotYetValid},
		{"exp", 3600, nil},
		{"exp", -59, nil},
		{"exp", -59.5, nil},
		{"exp", -60, jwtverifier.ErrExpired},
		{"exp", -60.5, jwtverifier.ErrExpired},
		{"iat", 3600, nil}, // of no interest
	} {
		t.Run(fmt.Sprint(row.member, row.offset), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := members(fmt.Sprintf("%q:%.1f", row.member, float64(time.Now().Unix())+row.offset))
				v, client := inMemory(t, jwtverifiertest.New(""), testkit.Text(200, body))
				r, err := newClient(t, v, introspection.WithHTTPClient(client)).Introspect(t.Context(), opaque)
				if row.reason == nil {
					require.NoError(t, err)
					return
				}
				require.Nil(t, r)
				requireReason(t, err, jwtverifier.ErrInvalidToken, row.reason)
				refused, _ := errors.AsType[*jwtverifier.TokenError](err)
				require.Equal(t, row.member, refused.Claim)
			})
		})
	}
}

// TestEndpointOfAnIssuerThatIsNoURL: it must be https, even on this machine.
func TestEndpointOfAnIssuerThatIsNoURL(t *testing.T) {
	keys := jwtverifiertest.New("").JWKS()
	for _, issuer := range []string{"auth-service", "http://[::1"} {
		v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("a"), jwtverifier.WithStaticKeys(keys))
		require.NoError(t, err)
		newClient(t, v, introspection.WithEndpoint("https://issuer.example/"))
		_, err = introspection.New(v, clientID, secret, introspection.WithEndpoint("http://localhost/"))
		requireReason(t, err, jwtverifier.ErrMisconfigured, nil)
		require.ErrorContains(t, err, "is http though the issuer is https")
	}
}
