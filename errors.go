package jwtverifier

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// Every error belongs to exactly one of three families, except errors of decoding
// into a Go type that does not fit ([Token.Claims], [Verifier.Metadata]). Match
// them with [errors.Is].
var (
	// ErrInvalidToken means that the token was refused. It will be refused again,
	// except that a key that is unknown now ([ErrUnknownKey]) may be published
	// later, and that what is not valid yet becomes so. Answer 401. The error is a
	// [*TokenError].
	ErrInvalidToken = errors.New("jwtverifier: invalid token")

	// ErrUnavailable means that the token could not be judged: the keys to
	// judge it by, or what else the server has to say, could not be had. It
	// says nothing about the token. Answer 503. The error is an
	// [*UnavailableError].
	ErrUnavailable = errors.New("jwtverifier: unavailable")

	// ErrMisconfigured means that this package was called in a way that it
	// cannot serve: a bug in the embedding program. Answer 500.
	ErrMisconfigured = errors.New("jwtverifier: misconfigured")
)

// The reasons for which a token is refused. Each comes inside a [*TokenError] and
// matches [ErrInvalidToken] too. The first rule broken is reported. The rules are
// checked in this order, which is part of the API:
//
//  1. what needs no key: the form of the token and of its header
//     ([ErrMalformed]), alg ([ErrAlgorithm]), the types of kid and typ
//     ([ErrMalformed]);
//  2. the key ([ErrUnknownKey]), its signature ([ErrSignature]), the form of the
//     payload ([ErrMalformed]);
//  3. the kind of token ([ErrTokenType]), iss ([ErrIssuer]), aud ([ErrAudience]);
//  4. of an access token the client ([ErrClientID]), sub, scp and scope
//     ([ErrClaim]), cnf ([ErrConfirmation]); of an ID token azp
//     ([ErrAuthorizedParty]), sub ([ErrClaim]), nonce ([ErrNonce]), at_hash and
//     c_hash ([ErrTokenHash]), auth_time ([ErrAuthTime]);
//  5. what [WithRequiredClaim] asks for ([ErrClaim]);
//  6. the times: iat ([ErrClaim], [ErrIssuedAt]), nbf ([ErrClaim],
//     [ErrNotYetValid]) and last exp ([ErrClaim], [ErrExpired]).
//
// So ErrExpired means "otherwise good". [Issuers] looks for iss once more between
// 1 and 2, to choose a Verifier.
var (
	// ErrMalformed: not a JWS in compact serialization, or its header or
	// payload is not one strict JSON object, or its header has a member that
	// this package refuses (crit, b64, enc, zip), or a claim's name folds to a
	// registered one (SUB). RFC 7515 §5.2, RFC 7519 §7.2.
	ErrMalformed = errors.New("jwtverifier: malformed token")

	// ErrAlgorithm: the header's alg is not RS256, or none of those that
	// [WithAlgorithms] names instead. RFC 8725 §3.1.
	ErrAlgorithm = errors.New("jwtverifier: signature algorithm not allowed")

	// ErrUnknownKey: no eligible key of the server's current key set has the
	// header's kid and is for its alg, and none of up to four keys without kid made
	// the signature. RFC 7515 §4.1.4.
	ErrUnknownKey = errors.New("jwtverifier: unknown signing key")

	// ErrSignature: the signature over the received bytes is of none of the keys with
	// the header's kid or, if the header has none, of none of up to four keys.
	ErrSignature = errors.New("jwtverifier: signature does not match")

	// ErrTokenType: a token of another kind, such as an ID token given to
	// VerifyAccessToken: the header's typ is another, or a claim marks it (events,
	// at_hash, c_hash, token_use, typ, or a nonce in a token for a client ID given
	// to WithClientID). RFC 8725 §3.11, RFC 9068 §2.1.
	ErrTokenType = errors.New("jwtverifier: wrong type of token")

	// ErrIssuer: iss is not the configured issuer, byte for byte. RFC 7519 §4.1.1.
	ErrIssuer = errors.New("jwtverifier: wrong issuer")

	// ErrAudience: aud names none of the configured audiences or, in an ID
	// token, client IDs. RFC 7519 §4.1.3.
	ErrAudience = errors.New("jwtverifier: wrong audience")

	// ErrAuthorizedParty: azp of an ID token with several audiences is not a
	// configured client ID. OpenID Connect Core §3.1.3.7 in the version before
	// errata set 2, which leaves azp to extensions: without it a token for another
	// client that names this one too would be a login here.
	ErrAuthorizedParty = errors.New("jwtverifier: wrong authorized party")

	// ErrClientID: the access token's client is none of the authorized ones.
	ErrClientID = errors.New("jwtverifier: client not authorized")

	// ErrNonce: the nonce is not the expected one. OpenID Connect Core §3.1.3.7.
	ErrNonce = errors.New("jwtverifier: wrong nonce")

	// ErrClaim: a claim without a reason of its own (exp, iat, nbf, sub, scp,
	// scope, and those of [WithRequiredClaim]) is missing where it is required, of
	// a wrong type, or not of an accepted value. The TokenError's Claim names it,
	// and its text says which of these.
	ErrClaim = errors.New("jwtverifier: claim not acceptable")

	// ErrConfirmation: the access token is bound to its sender's key (cnf) and
	// the Verifier was not made [WithSenderConstrainedTokens]. RFC 7800 §3.
	ErrConfirmation = errors.New("jwtverifier: sender-constrained token")

	// ErrTokenHash: at_hash or c_hash is absent or does not match. OpenID Connect Core §3.1.3.6, §3.3.2.11.
	ErrTokenHash = errors.New("jwtverifier: hash does not match")

	// ErrAuthTime: auth_time is missing, too old or another than before.
	// OpenID Connect Core §3.1.3.7, §12.2.
	ErrAuthTime = errors.New("jwtverifier: authentication time not acceptable")

	// ErrIssuedAt: iat is in the future.
	ErrIssuedAt = errors.New("jwtverifier: issued in the future")

	// ErrNotYetValid: nbf is in the future. RFC 7519 §4.1.5.
	ErrNotYetValid = errors.New("jwtverifier: not valid yet")

	// ErrExpired: exp has passed; everything else about the token is good. RFC 7519 §4.1.4.
	ErrExpired = errors.New("jwtverifier: expired")
)

// ErrIssuerMismatch means that a metadata document names another issuer than
// the configured one (RFC 8414 §3.3). It comes inside an [*UnavailableError],
// and in [Status].
var ErrIssuerMismatch = errors.New("jwtverifier: metadata is of another issuer")

// codes are the stable labels of TokenError.Code. It is no map: another package's
// Reason may be of a type that cannot be hashed.
var codes = []struct {
	reason error
	code   string
}{
	{ErrMalformed, "malformed"},
	{ErrAlgorithm, "algorithm"},
	{ErrUnknownKey, "unknown_key"},
	{ErrSignature, "signature"},
	{ErrTokenType, "token_type"},
	{ErrIssuer, "issuer"},
	{ErrAudience, "audience"},
	{ErrAuthorizedParty, "authorized_party"},
	{ErrClientID, "client_id"},
	{ErrNonce, "nonce"},
	{ErrClaim, "claim"},
	{ErrConfirmation, "confirmation"},
	{ErrTokenHash, "token_hash"},
	{ErrAuthTime, "auth_time"},
	{ErrIssuedAt, "issued_at"},
	{ErrNotYetValid, "not_yet_valid"},
	{ErrExpired, "expired"},
}

// A TokenError says why a token was refused. Its text names the claim and what
// was configured, never what the token holds, except a kid, quoted and cut.
type TokenError struct {
	// Reason is one of the sentinels above, or another package's.
	Reason error

	// Part is where the token broke: "token" (size, characters, dots, base64),
	// "header" (its rules, and an unknown key), "signature", "payload" (not one
	// strict JSON object) or "claims" (every rule about what the token says);
	// empty if the Reason is another package's.
	Part string

	// Claim is the claim or header parameter that broke a rule, if it was one.
	Claim string

	// What Error adds to the Reason, put into words only when asked for.
	fault  string   // in place of the Reason's text: what is wrong with the Claim
	absent bool     // the Claim is
	detail string   // fixed text, or a configured duration; nothing of the token
	want   []string // configured values, one of which was expected
	keyID  string   // the header's kid
}

// Error returns one line of less than 1 KiB.
func (e *TokenError) Error() string {
	if e.Reason == nil {
		return ErrInvalidToken.Error()
	}
	text := e.Reason.Error()
	if e.fault != "" {
		text = "jwtverifier: " + e.fault
	}
	claim := strict.OneLine(e.Claim, maxNameText)
	switch e.Reason {
	case ErrTokenType, ErrClientID, ErrClaim, ErrTokenHash: // which can be about several
		if claim != "" && !e.absent {
			text += ": " + claim
		}
	}
	if e.absent {
		text += ": " + claim + " is absent"
	}
	if e.detail != "" {
		text += ": " + e.detail
	}
	if len(e.want) > 0 {
		text += ": want " + strict.QuoteList(e.want, maxForeignText)
	}
	if e.keyID != "" {
		text += ": kid " + strict.Quote(e.keyID, maxKeyIDText)
	}
	return text
}

// Unwrap makes both [ErrInvalidToken] and the Reason match.
func (e *TokenError) Unwrap() []error {
	if e.Reason == nil {
		return []error{ErrInvalidToken}
	}
	return []error{ErrInvalidToken, e.Reason}
}

// Code returns a short, stable name of the Reason, fit to be a metric's label:
// "expired", "unknown_key". A Reason of another package names itself with a
// method Code() string, or else is "other".
func (e *TokenError) Code() string {
	if named, ok := e.Reason.(interface{ Code() string }); ok {
		return named.Code()
	}
	for _, known := range codes {
		if known.reason == e.Reason {
			return known.code
		}
	}
	return "other"
}

// An UnavailableError says why a token could not be judged. The whole chain
// below it can be matched: [*FetchError], [context.DeadlineExceeded],
// [*url.Error], [ErrIssuerMismatch].
type UnavailableError struct {
	// RetryAfter is the least time to wait before another try can succeed: until
	// then the server is not asked, except by [Verifier.Refresh]. It is zero if the
	// server may be asked at once: the caller's own context ended, say.
	RetryAfter time.Duration

	// Err is the cause.
	Err error
}

// Error returns one line of less than 1 KiB.
func (e *UnavailableError) Error() string {
	if e.Err == nil {
		return ErrUnavailable.Error()
	}
	return ErrUnavailable.Error() + ": " + strict.Cut(e.Err.Error(), maxErrorText)
}

// Unwrap makes both [ErrUnavailable] and the cause match.
func (e *UnavailableError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrUnavailable}
	}
	return []error{ErrUnavailable, e.Err}
}

// A FetchError says what became of one request for a document.
type FetchError struct {
	URL        string // as requested, before redirects
	StatusCode int    // of the answer; 0 if there was none
	Err        error  // what else was wrong than the status, or nil

	noAnswer bool // nothing came, or a 200 whose body did not come whole
}

// Error returns one line. It never holds any of the body.
func (e *FetchError) Error() string {
	text := "GET " + strict.Quote(e.URL, maxURLText)
	if e.StatusCode != 0 && (e.Err == nil || e.StatusCode != 200) {
		text += ": status " + strconv.Itoa(e.StatusCode)
	}
	if e.Err == nil {
		return text
	}
	cause := strings.TrimPrefix(web.Cause(e.Err), "jwtverifier: ") // it stands in front already
	return text + ": " + strict.OneLine(cause, maxForeignText)
}

// Unwrap returns Err.
func (e *FetchError) Unwrap() error { return e.Err }

// fetchErrors are the answers of all the places where metadata was looked for.
// errors.Join would put each on a line of its own. It is used by its address: a
// slice in an error makes == panic, and Status.LastError is there to be compared.
type fetchErrors struct{ all []error }

func (e *fetchErrors) Error() string {
	texts := make([]string, len(e.all))
	for i, err := range e.all {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e *fetchErrors) Unwrap() []error { return e.all }

// misconfigured makes an error of the third family.
func misconfigured(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMisconfigured}, args...)...)
}
