package introspection

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
)

// A Response is what the server says of an active token (RFC 7662 §2.2). All but
// active is optional: a member that is absent or null leaves its field empty.
// Only [Client.Introspect] makes one. It is the caller's to change. Its strings share
// memory with the answer (up to 1 MiB): strings.Clone one that you keep for long.
type Response struct {
	Active bool // always true: of a token that is not active there is no Response

	Scopes    []string // scope, whether it is a space-delimited string or an array
	ClientID  string   // client_id: the client that the token was issued to
	Username  string   // username: for people to read
	TokenType string   // token_type, such as Bearer
	Subject   string   // sub
	Audience  []string // aud, whether it is a string or an array
	Issuer    string   // iss; equal to the Verifier's issuer if not empty
	ID        string   // jti

	// The times are in UTC, and zero if absent. A token without Expiry is active
	// until the server says otherwise.
	Expiry    time.Time // exp
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf

	// Confirmation is set only with WithSenderConstrainedTokens, for a token with
	// cnf: it must not be accepted before the proof has been checked.
	Confirmation *jwtverifier.Confirmation

	answer string // all of it; "" unless Introspect made the Response
}

// HasScopes reports whether the token has all of these scopes.
func (r *Response) HasScopes(scope ...string) bool {
	return r != nil && !slices.ContainsFunc(scope, func(s string) bool { return !slices.Contains(r.Scopes, s) })
}

// Claims decodes the whole answer into dst, as [json.Unmarshal] of JSON v2 does:
// names are case-sensitive, duplicates refused. An integer beyond 2^53 keeps its
// value only in a field of an integer type. A Response that Introspect did not
// make is [jwtverifier.ErrMisconfigured].
func (r *Response) Claims(dst any) error {
	if r == nil || r.answer == "" {
		return misconfigured("Claims of a Response that Introspect did not make")
	}
	if err := json.Unmarshal([]byte(r.answer), dst); err != nil {
		return strict.DecodeError("introspection: decoding claims", dst, err)
	}
	return nil
}

// String shows the issuer, "" if the server did not name it, and the expiry:
// nothing that is worth stealing.
func (r Response) String() string {
	text := "introspection response of " + strict.Quote(r.Issuer, maxForeignText)
	if !r.Expiry.IsZero() {
		text += ", expires " + r.Expiry.Format(time.RFC3339)
	}
	return text
}

// GoString returns the same as String.
func (r Response) GoString() string { return r.String() }

// LogValue logs the same as String shows.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// errAnswer: the answer is not one that RFC 7662 §2.2 describes.
var errAnswer = errors.New("not an introspection response")

// An answer is the members of the server's answer that are read.
type answer struct {
	active, scope, clientID, username, tokenType strict.Value
	subject, audience, issuer, id                strict.Value
	expiry, issuedAt, notBefore                  strict.Value

	confirmation strict.Value // RFC 8705 §3.2, RFC 9449 §6.2
	tokenUse     strict.Value // Hydra
	typ          strict.Value // Keycloak
}

func (a *answer) Member(name []byte) *strict.Value {
	switch string(name) {
	case "active":
		return &a.active
	case "scope":
		return &a.scope
	case "client_id":
		return &a.clientID
	case "username":
		return &a.username
	case "token_type":
		return &a.tokenType
	case "sub":
		return &a.subject
	case "aud":
		return &a.audience
	case "iss":
		return &a.issuer
	case "jti":
		return &a.id
	case "exp":
		return &a.expiry
	case "iat":
		return &a.issuedAt
	case "nbf":
		return &a.notBefore
	case "cnf":
		return &a.confirmation
	case "token_use":
		return &a.tokenUse
	case "typ":
		return &a.typ
	}
	return nil
}

// read applies the rules of [Client.Introspect] to the body of an answer, except
// those about the sender's key and the time. The error is errAnswer if the body
// is not what it should be.
func read(body []byte, issuer string) (*Response, error) {
	var a answer
	all, err := strict.Object(body, &a)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, strict.ErrNotObject)
	}
	switch a.active.Kind() {
	case 't':
	case 'f': // whatever else it says
		return nil, refuse(ErrInactive, "")
	default:
		return nil, fmt.Errorf("%w: active is not a boolean", errAnswer)
	}
	r := &Response{Active: true, answer: all}
	// A member of another type is not left out: what it should have said, a scope
	// or an expiry, would be missing without anybody's noticing.
	for _, m := range []struct {
		name  string
		value strict.Value
		read  func(strict.Value) bool
	}{
		{"scope", a.scope, into(&r.Scopes, strict.Value.Scopes)},
		{"client_id", a.clientID, into(&r.ClientID, strict.Value.Text)},
		{"username", a.username, into(&r.Username, strict.Value.Text)},
		{"token_type", a.tokenType, into(&r.TokenType, strict.Value.Text)},
		{"sub", a.subject, into(&r.Subject, strict.Value.Text)},
		{"aud", a.audience, into(&r.Audience, strict.Value.OneOrMore)},
		{"iss", a.issuer, into(&r.Issuer, strict.Value.Text)},
		{"jti", a.id, into(&r.ID, strict.Value.Text)},
		{"exp", a.expiry, into(&r.Expiry, strict.Value.Time)},
		{"iat", a.issuedAt, into(&r.IssuedAt, strict.Value.Time)},
		{"nbf", a.notBefore, into(&r.NotBefore, strict.Value.Time)},
	} {
		if m.value != "" && !m.read(m.value) {
			return nil, fmt.Errorf("%w: %s is of a wrong type", errAnswer, m.name)
		}
	}
	if member, ok := a.ofAccessToken(r.TokenType); !ok {
		return nil, refuse(jwtverifier.ErrTokenType, member)
	}
	if a.issuer != "" && r.Issuer != issuer {
		return nil, refuse(jwtverifier.ErrIssuer, "iss")
	}
	if a.confirmation != "" {
		jkt, x5t, ok := a.confirmation.Confirmation()
		if !ok {
			return nil, refuse(jwtverifier.ErrConfirmation, "cnf")
		}
		r.Confirmation = &jwtverifier.Confirmation{JWKThumbprint: jkt, CertificateThumbprint: x5t}
	}
	return r, nil
}

// into returns a function that stores what read makes of a value, and reports
// whether that was possible.
func into[T any](dst *T, read func(strict.Value) (T, bool)) func(strict.Value) bool {
	return func(v strict.Value) (ok bool) {
		*dst, ok = read(v)
		return ok
	}
}

// ofAccessToken reports whether no member marks the token as one of another kind,
// and which one does. Servers answer for refresh tokens too, the hint
// notwithstanding (RFC 7662 §2.1), and some for ID tokens.
func (a *answer) ofAccessToken(tokenType string) (member string, ok bool) {
	if a.tokenUse != "" && !a.tokenUse.Is("access_token") && !a.tokenUse.Is("access") {
		return "token_use", false
	}
	switch typ, _ := a.typ.Text(); typ {
	case "ID", "Refresh", "Offline", "Logout":
		return "typ", false
	}
	switch strings.ToLower(tokenType) {
	case "refresh_token", "id_token":
		return "token_type", false
	}
	return "", true
}

// inTime applies the rules about the time.
func (r *Response) inTime(now time.Time) error {
	if r.NotBefore.After(now.Add(leeway)) {
		return refuse(jwtverifier.ErrNotYetValid, "nbf")
	}
	if !r.Expiry.IsZero() && !now.Before(r.Expiry.Add(leeway)) {
		return refuse(jwtverifier.ErrExpired, "exp")
	}
	return nil
}
