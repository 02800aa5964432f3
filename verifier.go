// Package jwtverifier verifies the JWT access tokens and ID tokens of an OAuth
// 2.0 / OpenID Connect authorization server, such as Okta, locally: it reads the
// server's metadata and keys, keeps the keys fresh, and judges each token
// without asking the server.
//
// Make one [Verifier] per issuer with [New], for the life of the program, and
// share it.
//
//   - [Verifier.VerifyAccessToken] is for APIs: an access token grants access.
//   - [Verifier.VerifyIDToken] is for logins: an ID token says who logged in,
//     and grants nothing.
//   - [Issuers] is for services that trust several issuers.
//
// A result is non-nil if and only if the error is nil. Every error is one of
// three: the token is refused ([ErrInvalidToken], answer 401), it could not be
// judged now ([ErrUnavailable], answer 503), or the program misuses the package
// ([ErrMisconfigured], answer 500).
//
// # What it does not do
//
// It accepts RS256 and nothing else. A verified token can have been revoked, and
// can be used any number of times until it expires. It does not check the proof
// of a sender-constrained token (it refuses those, unless told otherwise), does
// not decrypt tokens, and does not remember nonces: the caller must accept each
// only once.
package jwtverifier

import (
	"bytes"
	"context"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json"
)

// algorithm is the only one accepted. It is not read from the server's metadata:
// that could only widen it (RFC 8725 §3.1).
const algorithm = "RS256"

// A Verifier verifies the tokens of one authorization server. It is made by
// [New]; a zero or nil one refuses everything with [ErrMisconfigured]. It is
// safe for concurrent use, has a goroutine only while it fetches keys, and needs
// no closing.
type Verifier struct {
	config *config
	keys   *keySource
	cache  *tokenCache // nil without WithTokenCache
}

// New returns a Verifier of the tokens of issuer, which is compared with their
// iss byte for byte: an absolute https URL (http for loopback hosts) without
// query, fragment, userinfo and dot segments. At least one of [WithAudience],
// [WithoutAudience] and [WithClientID] must be given. What New does not accept
// is [ErrMisconfigured].
//
// New does no I/O and starts no goroutine: the first token, or
// [Verifier.Prefetch], fetches the keys.
func New(issuer string, opts ...Option) (*Verifier, error) {
	c, err := newConfig(issuer, opts)
	if err != nil {
		return nil, err
	}
	keys, err := newKeySource(c)
	if err != nil {
		return nil, err
	}
	return &Verifier{config: c, keys: keys, cache: newTokenCache(c.cacheSize)}, nil
}

// VerifyAccessToken verifies the raw access token, as it stands in the
// Authorization header after "Bearer ". A nil error means that the issuer signed
// it, for one of the configured audiences and clients, that it has not expired,
// and that it is no ID token (RFC 9068 §4, RFC 8725).
//
// It uses the network only if the keys are missing, too old, or do not include
// the token's; waiting for that ends with ctx. The errors are [*TokenError],
// [*UnavailableError] and [ErrMisconfigured].
func (v *Verifier) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	return v.accessToken(ctx, raw, nil)
}

// accessToken is VerifyAccessToken. t is raw taken apart, if that has been done.
func (v *Verifier) accessToken(ctx context.Context, raw string, t *signedToken) (*AccessToken, error) {
	if err := v.accepts(accessKind); err != nil {
		return nil, err
	}
	began := v.config.startWatch()
	token, remembered, err := v.rememberedAccessToken(ctx, raw, t)
	v.config.judged(accessKind, began, remembered, err)
	return token, err
}

// rememberedAccessToken looks into the token cache first, if there is one. Only
// an acceptance is taken from there; everything else takes the long way.
func (v *Verifier) rememberedAccessToken(ctx context.Context, raw string, t *signedToken) (_ *AccessToken, remembered bool, _ error) {
	if v.cache == nil || len(raw) > maxRememberedBytes {
		token, _, err := v.freshAccessToken(ctx, raw, t)
		return token, false, err
	}
	sum := sumOf(raw)
	if e := v.cache.get(&sum); e != nil {
		set, now, err := v.keys.usable(ctx)
		if err != nil {
			return nil, false, err
		}
		if e.signedBy(set) && v.config.inTime(&e.token.Token, v.config.now(now)) {
			return e.token.clone(), true, nil
		}
	}
	token, signer, err := v.freshAccessToken(ctx, raw, t)
	if err == nil {
		v.cache.add(&sum, signer, token)
	}
	return token, false, err
}

func (v *Verifier) freshAccessToken(ctx context.Context, raw string, t *signedToken) (_ *AccessToken, signer *key, err error) {
	if t == nil {
		if t, err = parse(raw); err != nil {
			return nil, nil, err
		}
	}
	signer, now, err := v.authenticate(ctx, t)
	if err != nil {
		return nil, nil, v.config.oktaHint(err)
	}
	token, err := v.config.accessToken(&t.header, &t.claims, now)
	return token, signer, v.config.oktaHint(err)
}

// VerifyIDToken verifies the raw ID token, as the token endpoint returned it. A
// nil error means that the issuer signed it, for one of the configured client
// IDs, about the login that this nonce was sent with, and that it has not
// expired (OpenID Connect Core §3.1.3.7).
//
// An empty nonce never matches: a login that sent none says so with [NoNonce],
// and a refresh with [RefreshOf]. The caller must accept each nonce only once.
// Checks that make no sense are [ErrMisconfigured], whatever the token. For the
// rest see [Verifier.VerifyAccessToken].
func (v *Verifier) VerifyIDToken(ctx context.Context, raw, nonce string, checks ...IDTokenCheck) (*IDToken, error) {
	c, err := newIDTokenChecks(nonce, checks)
	if err != nil {
		return nil, err
	}
	return v.idToken(ctx, raw, nil, c)
}

// idToken is VerifyIDToken. t is raw taken apart, if that has been done.
func (v *Verifier) idToken(ctx context.Context, raw string, t *signedToken, checks *idTokenChecks) (*IDToken, error) {
	if err := v.accepts(idKind); err != nil {
		return nil, err
	}
	began := v.config.startWatch()
	token, err := v.freshIDToken(ctx, raw, t, checks)
	v.config.judged(idKind, began, false, err)
	return token, err
}

func (v *Verifier) freshIDToken(ctx context.Context, raw string, t *signedToken, checks *idTokenChecks) (_ *IDToken, err error) {
	if t == nil {
		if t, err = parse(raw); err != nil {
			return nil, err
		}
	}
	_, now, err := v.authenticate(ctx, t)
	if err != nil {
		return nil, err
	}
	return v.config.idToken(&t.header, &t.claims, now, checks)
}

// Prefetch fetches the metadata and keys now if no usable ones are held: a
// readiness check, or a way to spare the first caller the wait. Waiting ends
// with ctx. Its error is an [*UnavailableError] or [ErrMisconfigured].
func (v *Verifier) Prefetch(ctx context.Context) error {
	if err := v.made(); err != nil {
		return err
	}
	_, _, err := v.keys.usable(ctx)
	return err
}

// Refresh fetches the metadata and keys now, or waits for the refresh that is
// under way. When it returns nil, a key that the server had withdrawn before the
// refresh began is refused. Waiting ends with ctx. After a failure it is
// [ErrUnavailable] without a request, until the server may be asked again. With
// [WithStaticKeys] it does nothing.
func (v *Verifier) Refresh(ctx context.Context) error {
	if err := v.made(); err != nil {
		return err
	}
	return v.keys.refresh(ctx)
}

// Metadata decodes the server's metadata into dst, as [json.Unmarshal] of JSON
// v2 does: the whole document that was accepted last (RFC 8414 §2), with the
// endpoints for login or introspection. If there is none yet it is fetched;
// waiting for that ends with ctx. The error is [ErrUnavailable], that of decoding,
// or, without discovery, that is with [WithJWKSURL] or [WithStaticKeys],
// [ErrMisconfigured].
func (v *Verifier) Metadata(ctx context.Context, dst any) error {
	if err := v.made(); err != nil {
		return err
	}
	document, err := v.keys.document(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(bytes.Clone(document), dst); err != nil {
		return strict.DecodeError("jwtverifier: decoding metadata", err)
	}
	return nil
}

// Issuer returns the issuer that New was given.
func (v *Verifier) Issuer() string {
	if v.made() != nil {
		return ""
	}
	return v.config.issuer
}

// Status says how the keys are. It does no I/O and waits for none.
func (v *Verifier) Status() Status {
	if v.made() != nil {
		return Status{}
	}
	return v.keys.status()
}

func (v *Verifier) made() error {
	if v == nil || v.config == nil {
		return misconfigured("a Verifier that New did not make")
	}
	return nil
}

// accepts reports whether the Verifier was made to accept this kind of token.
func (v *Verifier) accepts(kind tokenKind) error {
	if err := v.made(); err != nil {
		return err
	}
	switch {
	case kind == accessKind && len(v.config.audiences) == 0 && !v.config.withoutAudience:
		return misconfigured("VerifyAccessToken needs WithAudience")
	case kind == idKind && len(v.config.clientIDs) == 0:
		return misconfigured("VerifyIDToken needs WithClientID")
	}
	return nil
}

// authenticate returns the key of the issuer's that signed t. Nothing that the
// payload says is acted on before. It returns the time by which to judge the
// claims.
func (v *Verifier) authenticate(ctx context.Context, t *signedToken) (*key, time.Time, error) {
	set, now, err := v.keys.usable(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	signer, reason := set.verify(t)
	if reason == ErrUnknownKey || reason == ErrSignature && t.header.keyID == "" {
		// The key may be newer than the set.
		newer, at, err := v.keys.newer(ctx, set, now)
		if err != nil {
			return nil, time.Time{}, err
		}
		if newer != set {
			now = at
			signer, reason = newer.verify(t)
		}
	}
	switch reason {
	case ErrUnknownKey:
		return nil, time.Time{}, &TokenError{Reason: ErrUnknownKey, Part: "header", Claim: "kid", keyID: t.header.keyID}
	case ErrSignature:
		return nil, time.Time{}, &TokenError{Reason: ErrSignature, Part: "signature"}
	}
	if err := t.readClaims(); err != nil {
		return nil, time.Time{}, err
	}
	return signer, v.config.now(now), nil
}

// A signedToken is a token taken apart. Nothing in it may be believed before
// authenticate has found its signer.
type signedToken struct {
	header       header
	claims       claims
	signingInput string // as received
	payload      string // base64url
	signature    string // base64url
}

// readClaims decodes the payload.
func (t *signedToken) readClaims() error {
	payload, err := strict.Base64URL.DecodeString(t.payload)
	if err == nil {
		t.claims.payload, err = strict.Object(payload, &t.claims)
	}
	if err != nil {
		return malformed("payload", "not one strict JSON object")
	}
	return nil
}

// parse takes a JWS in compact serialization apart (RFC 7515 §7.1) and applies
// the rules about its header. It uses no network and reads no claim.
func parse(raw string) (*signedToken, error) {
	if len(raw) > maxTokenBytes {
		return nil, malformed("token", "longer than 64 KiB")
	}
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	switch dots := strings.Count(raw, "."); {
	case dots == 4:
		return nil, malformed("token", "encrypted tokens are not supported")
	case dots != 2:
		return nil, malformed("token", "not three segments")
	case head == "" || payload == "" || signature == "":
		return nil, malformed("token", "empty segment")
	case strict.Base64URL.DecodedLen(len(signature)) > maxSignatureBytes:
		return nil, malformed("token", "signature longer than 1,024 bytes")
	case !strict.IsBase64URL(head) || !strict.IsBase64URL(payload) || !strict.IsBase64URL(signature):
		return nil, malformed("token", "not base64url")
	}
	t := &signedToken{
		signingInput: raw[:len(head)+1+len(payload)],
		payload:      payload,
		signature:    signature,
	}
	if err := t.header.read(head); err != nil {
		return nil, err
	}
	return t, nil
}

// header is a JOSE header. What the rules do not name is not looked at: jwk, jku,
// x5u and x5c are the sender's word (RFC 8725 §3.10).
type header struct {
	alg, kid, typ          strict.Value
	crit, b64, enc, zipped strict.Value

	keyID     string // kid; "" if absent
	mediaType string // typ; "" if absent or ""
}

func (h *header) Member(name []byte) *strict.Value {
	switch string(name) {
	case "alg":
		return &h.alg
	case "kid":
		return &h.kid
	case "typ":
		return &h.typ
	case "crit":
		return &h.crit
	case "b64":
		return &h.b64
	case "enc":
		return &h.enc
	case "zip":
		return &h.zipped
	}
	return nil
}

// read decodes the header and applies the rules that need no key.
func (h *header) read(segment string) error {
	if strict.Base64URL.DecodedLen(len(segment)) > maxHeaderBytes {
		return malformed("header", "longer than 8 KiB")
	}
	data, err := strict.Base64URL.DecodeString(segment)
	if err != nil || tooComplex(data) {
		return malformed("header", "too many members or elements")
	}
	if all, err := strict.Object(data, h); err != nil || !strict.Value(all).Finite() {
		return malformed("header", "not one strict JSON object")
	}
	// No extension is understood, so none may be critical (RFC 7515 §4.1.11);
	// a JWT may not use b64 (RFC 7797 §7); enc and zip are those of a JWE.
	if h.crit != "" || h.b64 != "" || h.enc != "" || h.zipped != "" {
		return malformed("header", "crit, b64, enc or zip")
	}
	alg, ok := h.alg.Text()
	if !ok {
		return malformed("header", "no alg")
	}
	if alg != algorithm {
		return &TokenError{Reason: ErrAlgorithm, Part: "header", Claim: "alg", want: []string{algorithm}}
	}
	if h.keyID, _ = h.kid.Text(); h.kid != "" && h.keyID == "" {
		return malformed("header", "kid is not a string or empty")
	}
	if h.mediaType, ok = h.typ.Text(); h.typ != "" && !ok {
		return malformed("header", "typ is not a string")
	}
	return nil
}

// tooComplex bounds what decoding a header can cost: the names, escapes or
// elements that fit into 8 KiB would cost as much as several signatures.
func tooComplex(header []byte) bool {
	cost, quoted := 0, false
	for i := 0; i < len(header); i++ {
		switch c := header[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			cost++
			i++
		case quoted, c <= ' ':
		case c == ':':
			cost += costOfMember
		case c == '{', c == '[':
			cost += costOfNesting
		case c == 'e', c == 'E': // an exponent, or true and false
			cost += costOfExponent
		default:
			cost++
		}
	}
	return cost > maxHeaderCost
}

// isType reports whether typ is this media type, which may be written in any
// case, and with "application/" in front (RFC 7515 §4.1.9).
func (h *header) isType(name string) bool {
	const prefix = "application/"
	typ := h.mediaType
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return strings.EqualFold(typ, name)
}

func malformed(part, detail string) error {
	return &TokenError{Reason: ErrMalformed, Part: part, detail: detail}
}
