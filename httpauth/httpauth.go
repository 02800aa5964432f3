// Package httpauth guards net/http handlers with OAuth 2.0 access tokens: it reads
// the bearer token of a request, has it verified, and answers what it refuses as
// RFC 6750 and RFC 9728 want it.
//
//	guard, err := httpauth.New(verifier, httpauth.WithRealm("orders"))
//	…
//	mux.Handle("GET /orders", guard.RequireScopes("orders.read")(listOrders))
//	mux.Handle("GET /me", guard.Handler(showMe))
//
// Behind a [Guard], [TokenFrom] gives the token. [Guard.Check] is for programs
// that answer by themselves.
//
//	request                                           answer
//	no credentials, or of another scheme than Bearer  401, a challenge without error
//	two Authorization headers, or a malformed one     400 invalid_request
//	token refused                                     401 invalid_token
//	token without a required scope                    403 insufficient_scope, scope
//	token that cannot be judged now                   503, Retry-After, no challenge
//	misconfigured, or an error of an unknown kind     500, no challenge
//
// No answer repeats anything of the request or the token, and none may be cached.
// A token of more than 64 KiB is refused as malformed, before any Verifier sees it.
//
// # What it does not do
//
// It reads only the Authorization header: never a token in the query or in the body
// (RFC 6750 §2.2, §2.3), nor in a cookie. It answers every request without
// a token with 401, a CORS preflight too, so CORS belongs around it. It logs
// nothing: [WithDenyHandler] sees every refusal.
package httpauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
)

// Why a request was denied without a token being refused. They come inside a
// [*DeniedError].
var (
	// ErrNoCredentials: no Authorization header, or one of another scheme.
	ErrNoCredentials = errors.New("no bearer credentials")

	// ErrInvalidRequest: several Authorization headers, or a malformed one.
	ErrInvalidRequest = errors.New("not exactly one well-formed Authorization header")

	// ErrInsufficientScope: a good token without a required scope. The text of the
	// error that wraps it names all that the route requires.
	ErrInsufficientScope = errors.New("insufficient scope")
)

// An AccessTokenVerifier verifies access tokens: a [*jwtverifier.Verifier] does,
// [*jwtverifier.Issuers], the Verifier of package introspection, and whatever
// else returns a token or an error of the families
// [jwtverifier.ErrInvalidToken], [jwtverifier.ErrUnavailable] and
// [jwtverifier.ErrMisconfigured]. It must be safe for concurrent use, and must look
// at all of raw: a Guard knows that it is not empty, has at most 64 KiB, and begins
// with up to 4 KiB of token68 characters (RFC 9110 §11.2).
type AccessTokenVerifier interface {
	VerifyAccessToken(ctx context.Context, raw string) (*jwtverifier.AccessToken, error)
}

// A Guard lets requests through to handlers if they carry a good access token.
// It is made by [New]; a zero or nil one denies everything with 500. It is safe
// for concurrent use.
type Guard struct {
	verifier AccessTokenVerifier
	realm    string // "": none
	deny     func(http.ResponseWriter, *http.Request, *DeniedError)
	proof    func(*http.Request, *jwtverifier.AccessToken) error
	metadata *servedMetadata
}

// An Option adjusts a [Guard] to be made by [New], which refuses meaningless
// ones. Of an option given twice the last one counts.
type Option func(*Guard) error

// New returns a Guard that has tokens verified by v: one verifier, or several
// issuers. A nil v, a nil pointer in v, and what an option does not accept are
// [jwtverifier.ErrMisconfigured]. That v accepts access tokens is not checked: with a
// Verifier that has neither [jwtverifier.WithAudience] nor
// [jwtverifier.WithoutAudience] the Guard answers 500 to every token.
func New(v AccessTokenVerifier, opts ...Option) (*Guard, error) {
	if isNil(v) {
		return nil, misconfigured("New: nil AccessTokenVerifier")
	}
	g := &Guard{verifier: v}
	for i, opt := range opts {
		if opt == nil {
			return nil, misconfigured(fmt.Sprintf("New: option %d is nil", i+1))
		}
		if err := opt(g); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// isNil also finds a nil pointer in the interface: it would pass for a Verifier
// until the first request.
func isNil(v AccessTokenVerifier) bool {
	if v == nil {
		return true
	}
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return value.IsNil()
	}
	return false
}

// WithRealm names the protected space in challenges (RFC 9110 §11.5): printable
// ASCII, at least one character. Anything else cannot be sent, and is refused.
//
// Without a realm and [WithResourceMetadata] the challenge to a request without
// credentials is the word Bearer. RFC 9110 §11.6.1 allows that and clients
// understand it, but RFC 6750 §3 asks for at least one parameter.
func WithRealm(realm string) Option {
	return func(g *Guard) error {
		if realm == "" || !isPrintable(realm) {
			return misconfigured("WithRealm: empty, or not printable ASCII")
		}
		g.realm = realm
		return nil
	}
}

// WithDenyHandler has deny write the answer to a denied request: a body of the
// service's own form, a log line, a metric. The headers WWW-Authenticate,
// Retry-After and Cache-Control are set before it is called, and the status is
// the DeniedError's unless deny calls WriteHeader itself: it need not write
// anything. A status below 400 is replaced by the DeniedError's, so that no mistake
// in deny makes a refusal look like success; only informational ones pass (1xx,
// except 101). Of w only the three methods of [http.ResponseWriter] can be used.
//
// The text of DeniedError.Err is for logs, the Description is for the client.
// [DeniedError.Answer] writes the standard answer.
func WithDenyHandler(deny func(w http.ResponseWriter, r *http.Request, denied *DeniedError)) Option {
	return func(g *Guard) error {
		if deny == nil {
			return misconfigured("WithDenyHandler: nil function")
		}
		g.deny = deny
		return nil
	}
}

// WithProof accepts sender-constrained tokens (those with a Confirmation) if
// proof returns nil: it must have compared the token's Confirmation with the
// client certificate of the request (RFC 8705 §3) or with its DPoP proof (RFC
// 9449 §4.3). Without WithProof they are refused; the Verifier refuses them by
// itself unless it was made with [jwtverifier.WithSenderConstrainedTokens].
//
// Other tokens are bearer tokens, for which proof is not called. An error of
// proof is answered with 401, or as the family that it belongs to says: one that
// matches [jwtverifier.ErrUnavailable] with 503, say. Once a request has passed,
// proof is not called for it again, however many handlers of the Guard it meets.
//
// A Guard reads no other scheme than Bearer, so that a token sent as RFC 9449
// §7.1 has it, with the scheme DPoP, counts as no credentials. An API that also
// takes those elsewhere must refuse tokens with a JWKThumbprint here (§7.2).
func WithProof(proof func(*http.Request, *jwtverifier.AccessToken) error) Option {
	return func(g *Guard) error {
		if proof == nil {
			return misconfigured("WithProof: nil function")
		}
		g.proof = proof
		return nil
	}
}

// Check decides about a request and writes nothing. It returns a token, or a
// [*DeniedError] which says what to answer. For a route that is open to all, and
// says more to those who are known, match the error with [ErrNoCredentials].
//
// Behind [Guard.Handler] of the same Guard it returns the token verified there.
func (g *Guard) Check(r *http.Request) (*jwtverifier.AccessToken, error) {
	v, denied := g.check(r, nil)
	if denied != nil {
		return nil, denied
	}
	return v.token, nil
}

// Handler returns a handler that calls next for requests with a good access
// token, which [TokenFrom] gives to next, and answers all others.
//
// Handlers of one Guard can be nested, around a whole mux and around its routes:
// the token is verified once, by the outermost. It is verified again if the
// request reaches an inner one with another Authorization header. Handler panics
// if next is nil.
func (g *Guard) Handler(next http.Handler) http.Handler {
	return g.protect(next, nil)
}

// RequireScopes returns middleware that does what [Guard.Handler] does and also
// requires all of these scopes. It needs no Handler around it:
//
//	mux.Handle("POST /orders", guard.RequireScopes("orders.write")(createOrder))
//
// The challenge of a 403 names these scopes, for the client to ask for (RFC 6750
// §3.1), so one call should name all that the route needs. RequireScopes panics
// if there is none or one is not a scope-token of RFC 6749 §3.3: that is a
// mistake in the program, like a pattern that [http.ServeMux] does not accept.
func (g *Guard) RequireScopes(scope ...string) func(http.Handler) http.Handler {
	if len(scope) == 0 || !areScopes(scope) {
		panic(misconfigured("RequireScopes: no scope, or not a scope-token (RFC 6749 section 3.3)"))
	}
	scope = slices.Clone(scope)
	return func(next http.Handler) http.Handler { return g.protect(next, scope) }
}

func (g *Guard) protect(next http.Handler, scopes []string) http.Handler {
	if next == nil {
		panic(misconfigured("nil http.Handler"))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, denied := g.check(r, scopes)
		if denied != nil {
			g.answer(w, r, denied)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, v)))
	})
}

// contextKey is the key of a verified in a context.
type contextKey struct{}

// verified is a token and how it came into the context.
type verified struct {
	token *jwtverifier.AccessToken
	guard *Guard // that had it verified; nil: put there by ContextWithToken
	raw   string // the credential it was made from
}

// TokenFrom returns the access token that a Guard let the request through with,
// or nil if there was no Guard: ctx is the request's context.
func TokenFrom(ctx context.Context) *jwtverifier.AccessToken {
	v, _ := ctx.Value(contextKey{}).(verified)
	return v.token
}

// ContextWithToken returns a context from which [TokenFrom] returns t, for tests
// of handlers that stand behind a Guard. No Guard believes it: to get past one, a
// test needs a token, such as package jwtverifiertest makes.
func ContextWithToken(ctx context.Context, t *jwtverifier.AccessToken) context.Context {
	return context.WithValue(ctx, contextKey{}, verified{token: t})
}

func (g *Guard) check(r *http.Request, scopes []string) (verified, *DeniedError) {
	v, err := g.authenticate(r)
	if err == nil && !v.token.HasScopes(scopes...) {
		err = fmt.Errorf("%w: want %s", ErrInsufficientScope, strict.QuoteList(scopes, maxScopesText))
	}
	if err != nil {
		return verified{}, g.denied(err, scopes)
	}
	return v, nil
}

const maxScopesText = 256 // of a route's scopes, in an error

func (g *Guard) authenticate(r *http.Request) (verified, error) {
	if g == nil || g.verifier == nil {
		return verified{}, misconfigured("a Guard that New did not make")
	}
	raw, err := credential(r.Header.Values("Authorization"))
	if err != nil {
		return verified{}, err
	}
	// The context can be another request's, if a handler made this one from it:
	// what was verified there says nothing about other credentials.
	if v, _ := r.Context().Value(contextKey{}).(verified); v.guard == g && v.raw == raw {
		return v, nil
	}
	token, err := g.verifier.VerifyAccessToken(r.Context(), raw)
	if err != nil {
		return verified{}, err
	}
	if token == nil {
		return verified{}, misconfigured("the Verifier returned neither a token nor an error")
	}
	if token.Confirmation != nil {
		if err := g.prove(r, token); err != nil {
			return verified{}, err
		}
	}
	return verified{token: token, guard: g, raw: raw}, nil
}

// prove returns nil if proof accepts the sender-constrained token.
func (g *Guard) prove(r *http.Request, token *jwtverifier.AccessToken) error {
	refused := &jwtverifier.TokenError{Reason: jwtverifier.ErrConfirmation, Part: "claims", Claim: "cnf"}
	if g.proof == nil {
		return refused
	}
	err := g.proof(r, token)
	if err == nil || errors.Is(err, jwtverifier.ErrUnavailable) || errors.Is(err, jwtverifier.ErrMisconfigured) {
		return err
	}
	return fmt.Errorf("%w: %w", refused, err)
}

// Limits on what is looked at of the header, which anybody can send.
const (
	maxTokenBytes = 64 << 10              // the longest that package jwtverifier reads
	maxFieldBytes = maxTokenBytes + 1<<10 // with the scheme and white space
	maxLooked     = 4 << 10               // of a token's characters; the verifier looks at all
)

// credential returns the token of the one Authorization header, whose values these
// are: credentials = auth-scheme [ 1*SP token68 ] (RFC 9110 §11.4, RFC 6750 §2.1).
// Of a token68 it is known to have the beginning: see maxLooked.
func credential(headers []string) (string, error) {
	switch len(headers) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", ErrInvalidRequest
	}
	// Anybody can send a header as long as the server takes. One that is too long is
	// refused, whatever it ends with: its beginning says how.
	field := headers[0][:min(len(headers[0]), maxFieldBytes)]
	// Not every server takes the white space off that surrounds a field's value
	// (RFC 9110 §5.5).
	scheme, rest, _ := strings.Cut(trimBlanks(field), " ")
	if !isToken(scheme) {
		return "", ErrInvalidRequest
	}
	// Credentials of another scheme are not malformed, they are for someone else:
	// the challenge tells the client what is wanted here.
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	token := strings.TrimLeft(rest, " ")
	if !isToken68(token[:min(len(token), maxLooked)]) {
		return "", ErrInvalidRequest
	}
	if len(token) > maxTokenBytes || len(field) < len(headers[0]) {
		return "", &jwtverifier.TokenError{Reason: jwtverifier.ErrMalformed, Part: "token"}
	}
	return token, nil
}

// trimBlanks does what strings.Trim does with spaces and tabs, in half the time.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func isPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// areScopes reports whether each is a scope-token (RFC 6749 §3.3).
func areScopes(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(s string) bool {
		return s == "" || !isPrintable(s) || strings.ContainsAny(s, ` "\`)
	})
}

// isToken reports whether s is a token (RFC 9110 §5.6.2), as a scheme must be.
func isToken(s string) bool {
	return s != "" && strict.Union(&characters, s)&noToken == 0
}

// isToken68 reports whether s is a token68 (RFC 9110 §11.2): '=' only at its end.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	return s != "" && strict.Union(&characters, s)&noToken68 == 0
}

const (
	noToken = 1 << iota
	noToken68
)

// characters says of each byte in what it cannot stand.
var characters = func() (kinds [256]byte) {
	for c := range kinds {
		kinds[c] = noToken | noToken68
	}
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+") {
		kinds[c] = 0
	}
	for _, c := range []byte("!#$%&'*^`|") {
		kinds[c] = noToken68
	}
	kinds['/'] = noToken
	return kinds
}()

func misconfigured(text string) error {
	return fmt.Errorf("%w: httpauth: %s", jwtverifier.ErrMisconfigured, text)
}
