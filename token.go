package jwtverifier

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json"
)

// Token is what access tokens and ID tokens share. Only a successful verification
// makes one. An identity is Issuer and Subject: another issuer may give the same
// Subject to somebody else. A claim that is null counts as absent.
//
// The Token is the caller's to change: nothing done to it is seen by another. Its
// strings share memory with the payload (up to 48 KiB): [strings.Clone] one that you
// keep for long.
type Token struct {
	Issuer   string   // iss, equal to the configured issuer
	Subject  string   // sub; "" if an access token has none
	ID       string   // jti; "" if absent
	Audience []string // aud; nil if absent

	// The times are in UTC, and zero if absent. Expiry is never zero, and
	// IssuedAt not in an ID token. In the token they are seconds since 1970: exp,
	// iat or nbf in milliseconds is beyond the year 9999, and refused (ErrClaim).
	Expiry    time.Time // exp
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	AuthTime  time.Time // auth_time

	AuthContext string   // acr
	AuthMethods []string // amr

	KeyID     string // kid of the header; "" if absent
	Algorithm string // alg of the header, as it is spelled there
	Type      string // typ of the header; "" if absent

	kind    tokenKind
	payload string // "" unless a Verifier made the token
}

// AccessToken is a verified access token: it grants access, to what its scopes
// and claims say.
type AccessToken struct {
	Token

	// ClientID is the client that the token was issued to: the first member
	// present of cid, client_id, azp and appid; "" if that is not a string.
	ClientID string

	// Scopes are those of scp or else scope, whether it is an array or a
	// space-delimited string.
	Scopes []string

	// Confirmation is set only with WithSenderConstrainedTokens, for a token
	// with cnf: it must not be accepted before the proof has been checked.
	Confirmation *Confirmation
}

// IDToken is a verified ID token: it says who logged in. It grants nothing.
type IDToken struct {
	Token
	Nonce           string // nonce; "" if absent
	AuthorizedParty string // azp; "" if absent
}

// Confirmation names the key that a sender-constrained token is bound to. At
// least one member is set.
type Confirmation struct {
	JWKThumbprint         string // jkt, RFC 9449 §6.1
	CertificateThumbprint string // x5t#S256, RFC 8705 §3.1
}

// HasScopes reports whether the token has all of these scopes.
func (t *AccessToken) HasScopes(scope ...string) bool {
	if t == nil {
		return false
	}
	for _, s := range scope {
		if !slices.Contains(t.Scopes, s) {
			return false
		}
	}
	return true
}

// Claims decodes the whole payload into dst, as [json.Unmarshal] of JSON v2
// does: names are case-sensitive, duplicates refused. An integer beyond 2^53
// keeps its value only in a field of an integer type. A Token that no Verifier
// made, or nil, is [ErrMisconfigured].
//
// A decoding error names the claim and the Go type that does not fit, and holds no
// value. [errors.Is] finds the errors of dst's own methods in it; [errors.As] finds
// only a [json.SemanticError], without the value and the cause.
func (t *Token) Claims(dst any) error {
	if t == nil || t.payload == "" {
		return misconfigured("Claims of a token that no Verifier made")
	}
	if err := json.Unmarshal([]byte(t.payload), dst); err != nil {
		return strict.DecodeError("jwtverifier: decoding claims", dst, err)
	}
	return nil
}

// Claims is [Token.Claims], also of a nil AccessToken.
func (t *AccessToken) Claims(dst any) error {
	if t == nil {
		return (*Token)(nil).Claims(dst)
	}
	return t.Token.Claims(dst)
}

// Claims is [Token.Claims], also of a nil IDToken.
func (t *IDToken) Claims(dst any) error {
	if t == nil {
		return (*Token)(nil).Claims(dst)
	}
	return t.Token.Claims(dst)
}

// String shows the kind, issuer, kid and expiry: nothing that is worth stealing.
func (t Token) String() string {
	return fmt.Sprintf("%s of %s, kid %s, expires %s", t.kind.noun(), strict.Quote(t.Issuer, maxForeignText),
		strict.Quote(t.KeyID, maxKeyIDText), t.Expiry.Format(time.RFC3339))
}

// GoString returns the same as String.
func (t Token) GoString() string { return t.String() }

// LogValue logs the same as String shows.
func (t Token) LogValue() slog.Value {
	return slog.GroupValue(slog.String("kind", t.kind.noun()), slog.String("issuer", t.Issuer),
		slog.String("kid", strict.OneLine(t.KeyID, maxKeyIDText)), slog.Time("expiry", t.Expiry))
}

// tokenKind is "access" or "id", as observers see it; "" of a Token that no
// Verifier made.
type tokenKind string

const (
	accessKind tokenKind = "access"
	idKind     tokenKind = "id"
)

func (k tokenKind) noun() string {
	switch k {
	case accessKind:
		return "access token"
	case idKind:
		return "ID token"
	}
	return "token"
}

// clone returns a copy that shares nothing that its owner could change.
func (t *AccessToken) clone() *AccessToken {
	c := *t
	c.Audience = slices.Clone(t.Audience)
	c.Scopes = slices.Clone(t.Scopes)
	c.AuthMethods = slices.Clone(t.AuthMethods)
	if t.Confirmation != nil {
		confirmation := *t.Confirmation
		c.Confirmation = &confirmation
	}
	return &c
}
