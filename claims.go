package jwtverifier

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json"
)

// Token is what access tokens and ID tokens share. Only a successful
// verification makes one. It is the caller's to change: nothing done to it is
// seen by another. Its strings are parts of the payload, so whoever keeps one of
// them keeps all of that, at most 48 KiB.
type Token struct {
	Issuer   string   // iss, equal to the configured issuer
	Subject  string   // sub; "" if an access token has none
	ID       string   // jti; "" if absent
	Audience []string // aud; nil if absent

	// The times are in UTC, and zero if absent. Expiry is never zero, and
	// IssuedAt not in an ID token.
	Expiry    time.Time // exp
	IssuedAt  time.Time // iat
	NotBefore time.Time // nbf
	AuthTime  time.Time // auth_time

	AuthContext string   // acr
	AuthMethods []string // amr

	KeyID     string // kid of the header; "" if absent
	Algorithm string // alg of the header
	Type      string // typ of the header; "" if absent

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
// made is [ErrMisconfigured].
func (t *Token) Claims(dst any) error {
	if t == nil || t.payload == "" {
		return misconfigured("Claims of a token that no Verifier made")
	}
	if err := json.Unmarshal([]byte(t.payload), dst); err != nil {
		return strict.DecodeError("jwtverifier: decoding claims", err)
	}
	return nil
}

// String shows the issuer, kid and expiry: nothing that is worth stealing.
func (t Token) String() string { return t.describe("token") }

// GoString returns the same as String.
func (t Token) GoString() string { return t.String() }

// LogValue logs the same as String shows.
func (t Token) LogValue() slog.Value { return t.logValue("token") }

// String shows the kind, issuer, kid and expiry: nothing that is worth stealing.
func (t AccessToken) String() string { return t.describe("access token") }

// GoString returns the same as String.
func (t AccessToken) GoString() string { return t.String() }

// LogValue logs the same as String shows.
func (t AccessToken) LogValue() slog.Value { return t.logValue("access token") }

// String shows the kind, issuer, kid and expiry: nothing that is worth stealing.
func (t IDToken) String() string { return t.describe("ID token") }

// GoString returns the same as String.
func (t IDToken) GoString() string { return t.String() }

// LogValue logs the same as String shows.
func (t IDToken) LogValue() slog.Value { return t.logValue("ID token") }

func (t *Token) describe(kind string) string {
	return fmt.Sprintf("%s of %s, kid %s, expires %s", kind, strict.Quote(t.Issuer, maxForeignText),
		strict.Quote(t.KeyID, maxKeyIDText), t.Expiry.Format(time.RFC3339))
}

func (t *Token) logValue(kind string) slog.Value {
	return slog.GroupValue(slog.String("kind", kind), slog.String("issuer", t.Issuer),
		slog.String("kid", loggedID(t.KeyID)), slog.Time("expiry", t.Expiry))
}

// claims are the values of the claims that a rule or a result reads. They are
// interpreted one by one, when their turn comes.
type claims struct {
	payload string // the whole object

	iss, sub, aud, exp, nbf, iat, jti strict.Value
	typ, tokenUse, events, cnf        strict.Value
	cid, clientID, azp, appID         strict.Value
	scp, scope                        strict.Value
	nonce, atHash, cHash, authTime    strict.Value
	acr, amr                          strict.Value
}

func (c *claims) Member(name []byte) *strict.Value {
	switch string(name) {
	case "iss":
		return &c.iss
	case "sub":
		return &c.sub
	case "aud":
		return &c.aud
	case "exp":
		return &c.exp
	case "nbf":
		return &c.nbf
	case "iat":
		return &c.iat
	case "jti":
		return &c.jti
	case "typ":
		return &c.typ
	case "token_use":
		return &c.tokenUse
	case "events":
		return &c.events
	case "cnf":
		return &c.cnf
	case "cid":
		return &c.cid
	case "client_id":
		return &c.clientID
	case "azp":
		return &c.azp
	case "appid":
		return &c.appID
	case "scp":
		return &c.scp
	case "scope":
		return &c.scope
	case "nonce":
		return &c.nonce
	case "at_hash":
		return &c.atHash
	case "c_hash":
		return &c.cHash
	case "auth_time":
		return &c.authTime
	case "acr":
		return &c.acr
	case "amr":
		return &c.amr
	}
	return nil
}

// accessToken applies the rules for access tokens, in their documented order.
func (c *config) accessToken(h *header, p *claims, now time.Time) (*AccessToken, error) {
	t := &AccessToken{}
	var ok bool

	// Kind. An ID token must never pass for an access token: RFC 8725 §3.12.
	if !h.isType("at+jwt") && (c.strictTokenType || h.typ != "" && !h.isType("jwt")) {
		return nil, refuse(ErrTokenType, "typ")
	}
	if p.events != "" {
		return nil, refuse(ErrTokenType, "events")
	}
	if p.atHash != "" {
		return nil, refuse(ErrTokenType, "at_hash")
	}
	if p.cHash != "" {
		return nil, refuse(ErrTokenType, "c_hash")
	}
	if p.tokenUse != "" && !p.tokenUse.Is("access") {
		return nil, refuse(ErrTokenType, "token_use")
	}
	if p.typ.Is("ID") || p.typ.Is("Refresh") || p.typ.Is("Logout") {
		return nil, refuse(ErrTokenType, "typ")
	}

	if !p.iss.Is(c.issuer) {
		return nil, refuse(ErrIssuer, "iss", c.issuer)
	}

	t.Audience, ok = p.aud.OneOrMore()
	switch {
	case c.withoutAudience && p.aud != "" && (!ok || len(t.Audience) > 0),
		!c.withoutAudience && !containsAny(t.Audience, c.audiences):
		return nil, refuse(ErrAudience, "aud", c.audiences...)
	}

	claim, client := p.client()
	t.ClientID, _ = client.Text()
	if len(c.authorizedClients) > 0 && !slices.Contains(c.authorizedClients, t.ClientID) {
		return nil, refuse(ErrClientID, claim, c.authorizedClients...)
	}

	if t.Subject, ok = p.sub.Text(); !ok && p.sub.Present() {
		return nil, refuse(ErrClaim, "sub")
	}

	scp, ok := p.scp.Scopes()
	if !ok {
		return nil, refuse(ErrClaim, "scp")
	}
	scope, ok := p.scope.Scopes()
	if !ok {
		return nil, refuse(ErrClaim, "scope")
	}
	if t.Scopes = scope; p.scp.Present() {
		t.Scopes = scp
	}

	if p.cnf != "" {
		if t.Confirmation = confirmation(p.cnf); t.Confirmation == nil || !c.senderConstrained {
			return nil, refuse(ErrConfirmation, "cnf")
		}
	}

	if err := c.times(&t.Token, p, now); err != nil {
		return nil, err
	}
	t.fill(h, p, c.issuer)
	return t, nil
}

// idToken applies the rules for ID tokens, in their documented order.
// OpenID Connect Core §3.1.3.7, §12.2.
func (c *config) idToken(h *header, p *claims, now time.Time, checks *idTokenChecks) (*IDToken, error) {
	t := &IDToken{}
	prev := checks.previous
	var ok bool

	// Kind. An access token must never pass for an ID token.
	if h.typ != "" && !h.isType("jwt") {
		return nil, refuse(ErrTokenType, "typ")
	}
	if p.events != "" {
		return nil, refuse(ErrTokenType, "events")
	}
	if p.tokenUse != "" && !p.tokenUse.Is("id") {
		return nil, refuse(ErrTokenType, "token_use")
	}
	if p.typ.Is("Bearer") || p.typ.Is("Refresh") || p.typ.Is("Logout") {
		return nil, refuse(ErrTokenType, "typ")
	}

	if !p.iss.Is(c.issuer) {
		return nil, refuse(ErrIssuer, "iss", c.issuer)
	}
	if prev != nil && prev.Issuer != c.issuer {
		return nil, refuse(ErrIssuer, "iss")
	}

	t.Audience, _ = p.aud.OneOrMore()
	if !containsAny(t.Audience, c.clientIDs) {
		return nil, refuse(ErrAudience, "aud", c.clientIDs...)
	}
	if prev != nil && !containsAny(t.Audience, prev.Audience) {
		return nil, refuse(ErrAudience, "aud")
	}

	t.AuthorizedParty, ok = p.azp.Text()
	if len(t.Audience) > 1 && !slices.Contains(c.clientIDs, t.AuthorizedParty) {
		return nil, refuse(ErrAuthorizedParty, "azp", c.clientIDs...)
	}
	if prev != nil && (p.azp != "" && !ok || t.AuthorizedParty != prev.AuthorizedParty) {
		return nil, refuse(ErrAuthorizedParty, "azp")
	}

	if t.Subject, _ = p.sub.Text(); t.Subject == "" {
		return nil, refuse(ErrClaim, "sub")
	}
	if prev != nil && t.Subject != prev.Subject {
		return nil, refuse(ErrClaim, "sub")
	}

	t.Nonce, ok = p.nonce.Text()
	switch {
	case checks.noNonce:
	case prev != nil:
		if p.nonce != "" && (!ok || t.Nonce != prev.Nonce) {
			return nil, refuse(ErrNonce, "nonce")
		}
	case checks.nonce == "" || subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(checks.nonce)) != 1:
		return nil, refuse(ErrNonce, "nonce")
	}

	if checks.accessToken != "" && !p.atHash.Is(halfHash(checks.accessToken)) {
		return nil, refuse(ErrTokenHash, "at_hash")
	}
	if checks.code != "" && !p.cHash.Is(halfHash(checks.code)) {
		return nil, refuse(ErrTokenHash, "c_hash")
	}

	t.AuthTime, ok = p.authTime.Time()
	if d := checks.maxAge; d != nil && (!ok || t.AuthTime.After(now.Add(c.leeway)) || now.Add(-c.leeway).Add(-*d).After(t.AuthTime)) {
		return nil, refuse(ErrAuthTime, "auth_time")
	}
	if prev != nil && p.authTime != "" && (!ok || !t.AuthTime.Equal(prev.AuthTime)) {
		return nil, refuse(ErrAuthTime, "auth_time")
	}

	if p.iat == "" {
		return nil, refuse(ErrClaim, "iat")
	}
	if err := c.times(&t.Token, p, now); err != nil {
		return nil, err
	}
	t.fill(h, p, c.issuer)
	return t, nil
}

// times applies the rules about iat, nbf and exp, which both kinds share. They
// come last, so that an expired token is known to be good otherwise.
func (c *config) times(t *Token, p *claims, now time.Time) error {
	var ok bool
	latest := now.Add(c.leeway)

	if t.IssuedAt, ok = p.iat.Time(); !ok && p.iat != "" {
		return refuse(ErrClaim, "iat")
	}
	if t.IssuedAt.After(latest) {
		return refuse(ErrIssuedAt, "iat")
	}

	if t.NotBefore, ok = p.nbf.Time(); !ok && p.nbf != "" {
		return refuse(ErrClaim, "nbf")
	}
	if t.NotBefore.After(latest) {
		return refuse(ErrNotYetValid, "nbf")
	}

	if t.Expiry, ok = p.exp.Time(); !ok {
		return refuse(ErrClaim, "exp")
	}
	if !now.Before(t.Expiry.Add(c.leeway)) { // "on or after": RFC 7519 §4.1.4
		return refuse(ErrExpired, "exp")
	}
	return nil
}

// inTime applies the same rules to a token that was judged before.
func (c *config) inTime(t *Token, now time.Time) bool {
	latest := now.Add(c.leeway)
	return !t.IssuedAt.After(latest) && !t.NotBefore.After(latest) && now.Before(t.Expiry.Add(c.leeway))
}

// fill copies what the rules did not have to. A claim of an unexpected type is
// left out: it never refuses a token.
func (t *Token) fill(h *header, p *claims, issuer string) {
	t.Issuer = issuer
	t.ID, _ = p.jti.Text()
	t.AuthContext, _ = p.acr.Text()
	t.AuthMethods, _ = p.amr.Texts()
	t.AuthTime, _ = p.authTime.Time()
	t.KeyID = h.keyID
	t.Algorithm = algorithm
	t.Type = h.mediaType
	t.payload = p.payload
}

// client returns the name and value of the claim that says which client an
// access token was issued to.
func (c *claims) client() (string, strict.Value) {
	switch {
	case c.cid != "":
		return "cid", c.cid
	case c.clientID != "":
		return "client_id", c.clientID
	case c.azp != "":
		return "azp", c.azp
	case c.appID != "":
		return "appid", c.appID
	}
	return "client_id", "" // RFC 9068's name of what is missing
}

// confirmation returns nil unless v names a key by the means that are known here.
func confirmation(v strict.Value) *Confirmation {
	jkt, x5t, ok := v.Confirmation()
	if !ok {
		return nil
	}
	return &Confirmation{JWKThumbprint: jkt, CertificateThumbprint: x5t}
}

// halfHash is at_hash and c_hash for RS256: the left half of the SHA-256.
func halfHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func containsAny(list, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(list, w) })
}

func refuse(reason error, claim string, want ...string) error {
	return &TokenError{Reason: reason, Part: "claims", Claim: claim, want: want}
}
