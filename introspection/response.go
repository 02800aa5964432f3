package introspection

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/jwtverifier"
)

// A Response is what the server says of an active token (RFC 7662 §2.2). All but
// active is optional: a member that is absent or null leaves its field empty.
// Only [Client.Introspect] makes one. It is the caller's to change.
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

	body []byte // never changed; nil unless Introspect made the Response
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
	if r == nil || r.body == nil {
		return misconfigured("Claims of a Response that Introspect did not make")
	}
	// dst may have methods that keep or change what they are given.
	if err := json.Unmarshal(bytes.Clone(r.body), dst); err != nil {
		return fmt.Errorf("introspection: decoding claims: %w", err)
	}
	return nil
}

// String shows the issuer, "" if the server did not name it, and the expiry:
// nothing that is worth stealing.
func (r Response) String() string {
	text := "introspection response of " + quote(r.Issuer, maxForeignText)
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
	Active    jsontext.Value `json:"active"`
	Scope     jsontext.Value `json:"scope"`
	ClientID  jsontext.Value `json:"client_id"`
	Username  jsontext.Value `json:"username"`
	TokenType jsontext.Value `json:"token_type"`
	Subject   jsontext.Value `json:"sub"`
	Audience  jsontext.Value `json:"aud"`
	Issuer    jsontext.Value `json:"iss"`
	ID        jsontext.Value `json:"jti"`
	Expiry    jsontext.Value `json:"exp"`
	IssuedAt  jsontext.Value `json:"iat"`
	NotBefore jsontext.Value `json:"nbf"`

	Confirmation jsontext.Value `json:"cnf"`       // RFC 8705 §3.2, RFC 9449 §6.2
	TokenUse     jsontext.Value `json:"token_use"` // Hydra
	Type         jsontext.Value `json:"typ"`       // Keycloak
}

// read applies the rules of [Client.Introspect] to the body of an answer, but for
// those about the sender's key and the time. The error is errAnswer if the body
// is not what it should be.
func read(body []byte, issuer string) (*Response, error) {
	var a answer
	if json.Unmarshal(body, &a) != nil {
		return nil, fmt.Errorf("%w: not one strict JSON object", errAnswer)
	}
	switch a.Active.Kind() {
	case 't':
	case 'f': // whatever else it says
		return nil, refuse(ErrInactive, "")
	default:
		return nil, fmt.Errorf("%w: active is not a boolean", errAnswer)
	}
	r := &Response{Active: true, body: body}
	// A member of another type is not left out: what it should have said, a scope
	// or an expiry, would be missing without anybody's noticing.
	for _, m := range []struct {
		name  string
		value jsontext.Value
		read  func(jsontext.Value) bool
	}{
		{"scope", a.Scope, into(&r.Scopes, scopes)},
		{"client_id", a.ClientID, into(&r.ClientID, text)},
		{"username", a.Username, into(&r.Username, text)},
		{"token_type", a.TokenType, into(&r.TokenType, text)},
		{"sub", a.Subject, into(&r.Subject, text)},
		{"aud", a.Audience, into(&r.Audience, oneOrMore)},
		{"iss", a.Issuer, into(&r.Issuer, text)},
		{"jti", a.ID, into(&r.ID, text)},
		{"exp", a.Expiry, into(&r.Expiry, numericDate)},
		{"iat", a.IssuedAt, into(&r.IssuedAt, numericDate)},
		{"nbf", a.NotBefore, into(&r.NotBefore, numericDate)},
	} {
		if present(m.value) && !m.read(m.value) {
			return nil, fmt.Errorf("%w: %s is of a wrong type", errAnswer, m.name)
		}
	}
	if member, ok := a.ofAccessToken(r.TokenType); !ok {
		return nil, refuse(jwtverifier.ErrTokenType, member)
	}
	if present(a.Issuer) && r.Issuer != issuer {
		return nil, refuse(jwtverifier.ErrIssuer, "iss")
	}
	if present(a.Confirmation) {
		if r.Confirmation = confirmation(a.Confirmation); r.Confirmation == nil {
			return nil, refuse(jwtverifier.ErrConfirmation, "cnf")
		}
	}
	return r, nil
}

// ofAccessToken reports whether no member marks the token as one of another kind,
// and which one does. Servers answer for refresh tokens too, the hint
// notwithstanding (RFC 7662 §2.1), and some for ID tokens.
func (a *answer) ofAccessToken(tokenType string) (member string, ok bool) {
	if use, _ := text(a.TokenUse); present(a.TokenUse) && use != "access_token" && use != "access" {
		return "token_use", false
	}
	switch typ, _ := text(a.Type); typ {
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

// present reports whether v is there and not null.
func present(v jsontext.Value) bool { return v != nil && v.Kind() != 'n' }

// into returns a function that stores what read makes of a value, and reports
// whether that was possible.
func into[T any](dst *T, read func(jsontext.Value) (T, bool)) func(jsontext.Value) bool {
	return func(v jsontext.Value) (ok bool) {
		*dst, ok = read(v)
		return ok
	}
}

// text returns the value of a JSON string; false if v is none.
func text(v jsontext.Value) (s string, ok bool) {
	return s, v.Kind() == '"' && json.Unmarshal(v, &s) == nil
}

// texts returns the elements of a JSON array of strings; false if v is none.
func texts(v jsontext.Value) ([]string, bool) {
	var elements []jsontext.Value
	if v.Kind() != '[' || json.Unmarshal(v, &elements) != nil {
		return nil, false
	}
	list := make([]string, len(elements))
	for i, element := range elements {
		var ok bool
		if list[i], ok = text(element); !ok {
			return nil, false
		}
	}
	return list, true
}

// oneOrMore returns the values of a string or an array of strings (RFC 7519
// §4.1.3); false if v is neither.
func oneOrMore(v jsontext.Value) ([]string, bool) {
	if s, ok := text(v); ok {
		return []string{s}, true
	}
	return texts(v)
}

// scopes returns the values of a space-delimited string (RFC 6749 §3.3) or, as
// some servers have it, an array of strings; false if v is neither.
func scopes(v jsontext.Value) ([]string, bool) {
	if s, ok := text(v); ok {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), true
	}
	return texts(v)
}

// maxNumericDate is the end of the year 9999.
const maxNumericDate = 253402300799

// numericDate returns the time of a NumericDate (RFC 7519 §2): a JSON number of
// seconds since 1970, fractions allowed; false if v is none.
func numericDate(v jsontext.Value) (time.Time, bool) {
	var seconds float64
	if v.Kind() != '0' || json.Unmarshal(v, &seconds) != nil || seconds < 0 || seconds > maxNumericDate {
		return time.Time{}, false
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), true
}

// confirmation returns the members of a cnf that names a key by the means that
// package jwtverifier knows, and by no other; else nil.
func confirmation(v jsontext.Value) *jwtverifier.Confirmation {
	var members map[string]jsontext.Value
	if v.Kind() != '{' || json.Unmarshal(v, &members) != nil || len(members) == 0 {
		return nil
	}
	c := &jwtverifier.Confirmation{}
	for name, value := range members {
		thumbprint, _ := text(value)
		if thumbprint == "" {
			return nil
		}
		switch name {
		case "jkt":
			c.JWKThumbprint = thumbprint
		case "x5t#S256":
			c.CertificateThumbprint = thumbprint
		default:
			return nil
		}
	}
	return c
}
