package jwtverifier

import (
	"crypto/subtle"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
)

// rules say which tokens are accepted, once their signature holds. They never
// change after New.
type rules struct {
	issuer            string           // byte for byte
	audiences         []string         // of access tokens, any of them
	withoutAudience   bool             // aud must then be absent or empty
	clientIDs         []string         // the audience of ID tokens
	authorizedClients []string         // of access tokens; none: not compared
	required          []requiredClaim  // of both kinds
	leeway            time.Duration    // for every time
	strictTokenType   bool             // typ must be at+jwt
	senderConstrained bool             // the caller checks the proof
	clock             func() time.Time // nil: the system's
	oktaOrg           bool             // the issuer is an Okta org server
}

// now is the time by which claims are judged; read is the time just read.
func (r *rules) now(read time.Time) time.Time {
	if r.clock != nil {
		return r.clock()
	}
	return read
}

// accessToken applies the rules for access tokens, in their documented order.
func (r *rules) accessToken(h *header, p *claims, now time.Time) (*AccessToken, error) {
	t := &AccessToken{}
	var ok bool

	// Kind. An ID token must never pass for an access token: RFC 8725 §3.12.
	if !h.isType("at+jwt") { // RFC 9068 §4; most servers say JWT or nothing
		if r.strictTokenType {
			return nil, wrong(ErrTokenType, "typ", h.typ, "at+jwt")
		}
		if h.typ != "" && !h.isType("jwt") {
			return nil, wrong(ErrTokenType, "typ", h.typ, "at+jwt", "JWT")
		}
	}
	if p.events != "" { // a logout token or another security event: RFC 8417 §2.2
		return nil, wrong(ErrTokenType, "events", p.events)
	}
	if p.atHash != "" { // only ID tokens have hashes: OpenID Connect Core §3.3.2.11
		return nil, wrong(ErrTokenType, "at_hash", p.atHash)
	}
	if p.cHash != "" {
		return nil, wrong(ErrTokenType, "c_hash", p.cHash)
	}
	if p.tokenUse != "" && !p.tokenUse.Is("access") { // Cognito
		return nil, wrong(ErrTokenType, "token_use", p.tokenUse)
	}
	// Keycloak. Only the kinds that are known to be others: some servers put words of
	// their own there.
	if p.typ.Is("ID") || p.typ.Is("Refresh") || p.typ.Is("Logout") {
		return nil, wrong(ErrTokenType, "typ", p.typ)
	}
	// An API may have its client ID as its audience; then aud does not tell ID
	// tokens from access tokens, and azp does not either. A nonce in a token for
	// the client is what nearly every ID token of a login has, and RFC 9068 unknown.
	t.Audience, ok = p.aud.OneOrMore()
	if p.nonce != "" && !h.isType("at+jwt") && containsAny(t.Audience, r.clientIDs) {
		return nil, wrong(ErrTokenType, "nonce", p.nonce)
	}

	// The key has said who signed. iss is compared all the same, since one key set can
	// serve several issuers (RFC 8725 §3.8).
	if !p.iss.Is(r.issuer) {
		return nil, r.wrongIssuer(p.iss)
	}

	// Where no audience is expected one that is there is refused: the token is for an
	// API, and not for this one (RFC 8725 §3.9).
	if r.withoutAudience && p.aud != "" && (!ok || len(t.Audience) > 0) {
		return nil, wrong(ErrAudience, "aud", p.aud)
	}
	if !r.withoutAudience && !containsAny(t.Audience, r.audiences) {
		return nil, wrong(ErrAudience, "aud", p.aud, r.audiences...)
	}

	claim, client := p.client()
	t.ClientID, _ = client.Text()
	if len(r.authorizedClients) > 0 && !slices.Contains(r.authorizedClients, t.ClientID) {
		return nil, wrong(ErrClientID, claim, client, r.authorizedClients...)
	}

	// It may be absent: a client that acts for itself has no subject at some servers.
	t.Subject, ok = p.sub.Text()
	if !ok && p.sub != "" {
		return nil, wrongType("sub")
	}

	// Both are read even if one is used: a scope that cannot be read must not pass for
	// none, which some handlers take for "no restriction".
	scp, ok := p.scp.Scopes()
	if !ok {
		return nil, wrongType("scp")
	}
	scope, ok := p.scope.Scopes()
	if !ok {
		return nil, wrongType("scope")
	}
	t.Scopes = scope
	if p.scp != "" { // as Okta has them
		t.Scopes = scp
	}

	// A cnf that cannot be read refuses too, whatever the option: to serve the token as
	// a bearer token would serve anyone who stole it.
	if p.cnf != "" {
		t.Confirmation = confirmation(p.cnf)
		if t.Confirmation == nil || !r.senderConstrained {
			return nil, wrong(ErrConfirmation, "cnf", p.cnf)
		}
	}

	if err := r.requiredClaims(p); err != nil {
		return nil, err
	}
	if err := r.times(&t.Token, p, now); err != nil {
		return nil, err
	}
	t.fill(accessKind, h, p, r.issuer)
	return t, nil
}

// idToken applies the rules for ID tokens, in their documented order.
// OpenID Connect Core §3.1.3.7, §12.2.
func (r *rules) idToken(h *header, p *claims, now time.Time, checks *idTokenChecks) (*IDToken, error) {
	t := &IDToken{}
	prev := checks.previous
	var ok bool

	// Kind. An access token must never pass for an ID token: it may have been given to
	// any API, which could then log in as its user.
	if h.typ != "" && !h.isType("jwt") {
		return nil, wrong(ErrTokenType, "typ", h.typ, "JWT")
	}
	if p.events != "" {
		return nil, wrong(ErrTokenType, "events", p.events)
	}
	if p.tokenUse != "" && !p.tokenUse.Is("id") { // Cognito
		return nil, wrong(ErrTokenType, "token_use", p.tokenUse)
	}
	// Keycloak. A nonce or at_hash is not asked for: not all logins have them.
	if p.typ.Is("Bearer") || p.typ.Is("Refresh") || p.typ.Is("Logout") {
		return nil, wrong(ErrTokenType, "typ", p.typ)
	}

	if !p.iss.Is(r.issuer) {
		return nil, r.wrongIssuer(p.iss)
	}
	if prev != nil && prev.Issuer != r.issuer {
		return nil, notAsBefore(ErrIssuer, "iss")
	}

	t.Audience, _ = p.aud.OneOrMore()
	if !containsAny(t.Audience, r.clientIDs) {
		return nil, wrong(ErrAudience, "aud", p.aud, r.clientIDs...)
	}
	if prev != nil && !containsAny(t.Audience, prev.Audience) {
		return nil, notAsBefore(ErrAudience, "aud")
	}

	// Of several audiences one must be the party that asked for the token, and it must
	// be this client: the others can bring the token here. With one audience azp is not
	// compared, since Google names an app there that belongs to the same project.
	t.AuthorizedParty, ok = p.azp.Text()
	if len(t.Audience) > 1 && !slices.Contains(r.clientIDs, t.AuthorizedParty) {
		return nil, wrong(ErrAuthorizedParty, "azp", p.azp, r.clientIDs...)
	}
	if prev != nil && (p.azp != "" && !ok || t.AuthorizedParty != prev.AuthorizedParty) {
		return nil, notAsBefore(ErrAuthorizedParty, "azp")
	}

	t.Subject, ok = p.sub.Text()
	if !ok && p.sub != "" {
		return nil, wrongType("sub")
	}
	if t.Subject == "" { // nobody would have logged in
		return nil, missing("sub")
	}
	if prev != nil && t.Subject != prev.Subject {
		return nil, notAsBefore(ErrClaim, "sub")
	}

	// No nonce never equals no nonce: a session that lost its own would take any token.
	t.Nonce, ok = p.nonce.Text()
	switch {
	case checks.noNonce:
	case prev != nil:
		if p.nonce != "" && (!ok || t.Nonce != prev.Nonce) {
			return nil, notAsBefore(ErrNonce, "nonce")
		}
	case checks.nonce == "":
		e := refuse(ErrNonce, "nonce")
		e.detail = "no nonce given: NoNonce is for flows without one"
		return nil, e
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(checks.nonce)) != 1:
		return nil, wrong(ErrNonce, "nonce", p.nonce)
	}

	// Absent is refused as well: an attacker who swaps the access token could leave the
	// hash out by taking another ID token.
	if checks.accessToken != "" && !p.atHash.Is(h.algorithm.HalfHash(checks.accessToken)) {
		return nil, wrong(ErrTokenHash, "at_hash", p.atHash)
	}
	if checks.code != "" && !p.cHash.Is(h.algorithm.HalfHash(checks.code)) {
		return nil, wrong(ErrTokenHash, "c_hash", p.cHash)
	}

	t.AuthTime, ok = p.authTime.Time()
	if checks.maxAge != nil {
		earliest, latest := now.Add(-r.leeway).Add(-*checks.maxAge), now.Add(r.leeway)
		if !ok || t.AuthTime.After(latest) {
			return nil, wrong(ErrAuthTime, "auth_time", p.authTime)
		}
		if t.AuthTime.Before(earliest) {
			e := refuse(ErrAuthTime, "auth_time")
			e.detail = "older than the max age of " + checks.maxAge.String()
			return nil, e
		}
	}
	if prev != nil && p.authTime != "" && (!ok || !t.AuthTime.Equal(prev.AuthTime)) {
		return nil, notAsBefore(ErrAuthTime, "auth_time")
	}

	if err := r.requiredClaims(p); err != nil {
		return nil, err
	}
	if p.iat == "" {
		return nil, missing("iat")
	}
	if err := r.times(&t.Token, p, now); err != nil {
		return nil, err
	}
	t.fill(idKind, h, p, r.issuer)
	return t, nil
}

// A requiredClaim is what one WithRequiredClaim asks for.
type requiredClaim struct {
	name  string
	oneOf []string // any value will do if there is none
}

// namedClaims returns a place for the value of each required claim. What another
// rule reads too goes there; its place here stays empty.
func (r *rules) namedClaims() []namedClaim {
	var named []namedClaim
	for _, c := range r.required {
		named = append(named, namedClaim{name: c.name})
	}
	return named
}

// requiredClaims applies what WithRequiredClaim asks for.
func (r *rules) requiredClaims(p *claims) error {
	for _, c := range r.required {
		v := *p.Member([]byte(c.name)) // there is a place: namedClaims made it
		if v == "" {
			return missing(c.name)
		}
		if len(c.oneOf) > 0 && !v.HasOneOf(c.oneOf) {
			e := refuse(ErrClaim, c.name, c.oneOf...)
			e.fault = "claim has none of the accepted values"
			return e
		}
	}
	return nil
}

// times applies the rules about iat, nbf and exp, which both kinds share. They
// come last, so that an expired token is known to be good otherwise.
func (r *rules) times(t *Token, p *claims, now time.Time) error {
	var ok bool
	latest := now.Add(r.leeway)

	// No specification requires this, and OpenID Connect Core §3.1.3.7 allows it: a
	// token from the future has a wrong clock behind it, or somebody who saves up
	// tokens.
	t.IssuedAt, ok = p.iat.Time()
	if !ok && p.iat != "" {
		return notSeconds("iat")
	}
	if t.IssuedAt.After(latest) {
		return refuse(ErrIssuedAt, "iat")
	}

	t.NotBefore, ok = p.nbf.Time()
	if !ok && p.nbf != "" {
		return notSeconds("nbf")
	}
	if t.NotBefore.After(latest) {
		return refuse(ErrNotYetValid, "nbf")
	}

	// Optional in RFC 7519, and required here: this package does not hear of
	// revocations, so a token without an end would be good for ever.
	if p.exp == "" {
		return missing("exp")
	}
	t.Expiry, ok = p.exp.Time()
	if !ok {
		return notSeconds("exp")
	}
	if !now.Before(t.Expiry.Add(r.leeway)) { // "on or after": RFC 7519 §4.1.4
		return refuse(ErrExpired, "exp")
	}
	return nil
}

// inTime applies the same rules to a token that was judged before.
func (r *rules) inTime(t *Token, now time.Time) bool {
	latest := now.Add(r.leeway)
	return !t.IssuedAt.After(latest) && !t.NotBefore.After(latest) && now.Before(t.Expiry.Add(r.leeway))
}

// fill copies what the rules did not have to. A claim of an unexpected type is
// left out: it never refuses a token.
func (t *Token) fill(kind tokenKind, h *header, p *claims, issuer string) {
	t.kind = kind
	t.Issuer = issuer
	t.ID, _ = p.jti.Text()
	t.AuthContext, _ = p.acr.Text()
	t.AuthMethods, _ = p.amr.Texts()
	t.AuthTime, _ = p.authTime.Time()
	t.KeyID = h.keyID
	t.Algorithm, _ = h.alg.Text()
	t.Type = h.mediaType
	t.payload = p.payload
}

// confirmation returns nil unless v names a key by the means that are known here.
func confirmation(v strict.Value) *Confirmation {
	jkt, x5t, ok := v.Confirmation()
	if !ok {
		return nil
	}
	return &Confirmation{JWKThumbprint: jkt, CertificateThumbprint: x5t}
}

func containsAny(list, wanted []string) bool {
	return slices.ContainsFunc(wanted, func(w string) bool { return slices.Contains(list, w) })
}

func refuse(reason error, claim string, want ...string) *TokenError {
	return &TokenError{Reason: reason, Part: "claims", Claim: claim, want: want}
}

// wrong refuses a claim, or the header's typ, for its value v; "" if it is absent.
func wrong(reason error, claim string, v strict.Value, want ...string) *TokenError {
	e := refuse(reason, claim, want...)
	e.absent = v == ""
	return e
}

// notAsBefore refuses a claim that contradicts the token given to RefreshOf.
func notAsBefore(reason error, claim string) *TokenError {
	e := refuse(reason, claim)
	e.detail = "not as in the ID token before"
	return e
}

// wrongIssuer refuses iss, and says so if only its end is wrong: the commonest
// mistake in configuring an issuer, and the hardest to see.
func (r *rules) wrongIssuer(iss strict.Value) *TokenError {
	e := wrong(ErrIssuer, "iss", iss, r.issuer)
	if s, ok := iss.Text(); ok && (s == r.issuer+"/" || s+"/" == r.issuer) {
		e.detail = "differs by a final slash only"
	}
	return e
}

// missing, wrongType and notSeconds refuse a claim without a reason of its own.
func missing(claim string) *TokenError {
	e := refuse(ErrClaim, claim)
	e.fault = "claim missing"
	return e
}

func wrongType(claim string) *TokenError {
	e := refuse(ErrClaim, claim)
	e.fault = "claim of a wrong type"
	return e
}

func notSeconds(claim string) *TokenError {
	e := wrongType(claim)
	e.detail = "not a number of seconds up to the year 9999"
	return e
}

// oktaHint explains the commonest mistake with Okta: only the access tokens of a
// custom authorization server, whose issuer has /oauth2/ in it, can be verified.
func (r *rules) oktaHint(err error) error {
	refused, ok := err.(*TokenError)
	if !ok || !r.oktaOrg {
		return err
	}
	switch refused.Reason {
	case ErrUnknownKey, ErrSignature, ErrTokenType, ErrAudience: // what such a token comes to
		refused.detail = "access tokens of an Okta org server (an issuer without /oauth2/) are for Okta alone"
	}
	return refused
}

// isOktaOrg reports whether the issuer is an Okta org authorization server, as
// opposed to a custom one.
func isOktaOrg(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return false
	}
	_, domain, _ := strings.Cut(u.Hostname(), ".") // without the organization's name
	return slices.Contains([]string{"okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com"}, domain)
}

// idTokenChecks are the conditions of one call, each zero if not given.
type idTokenChecks struct {
	nonce       string         // that was sent with the login
	noNonce     bool           // none was, or it does not matter
	previous    *IDToken       // that was verified before the refresh
	maxAge      *time.Duration // since the login; 0 is one that has just been
	accessToken string         // that came along
	code        string         // that both were got for
}
