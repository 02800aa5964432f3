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
// ([ErrMisconfigured], answer 500). The exceptions are the errors of decoding into a
// type of yours, by [Token.Claims] and [Verifier.Metadata] (answer 500).
//
// # What it does not do
//
// It accepts RS256 and nothing else, unless [WithAlgorithms] names other signature
// algorithms. A verified token may have been revoked, and
// can be used any number of times until it expires. It does not check the proof
// of a sender-constrained token (it refuses those by default), does
// not decrypt tokens, and does not remember nonces: the caller must accept each
// only once.
package jwtverifier

import (
	"bytes"
	"context"
	"time"

	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json"
)

// A Verifier verifies the tokens of one authorization server. It is made by
// [New]; a zero or nil one refuses everything with [ErrMisconfigured]. It is
// safe for concurrent use, has goroutines only while it fetches keys, and needs
// no closing.
type Verifier struct {
	rules rules
	keys  *keySource
	cache *tokenCache // nil without WithTokenCache
	told  observers
}

// New returns a Verifier of the tokens of issuer, which is compared with their
// iss byte for byte. It is an absolute https URL (http for loopback hosts) without
// query, fragment, userinfo and dot segments; with [WithMetadataURL], [WithJWKSURL],
// [WithStaticKeys] or [WithPublicKeys] any printable ASCII of up to 2,048 bytes. A
// discovery URL and braces are refused. At least one of [WithAudience],
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
	v := &Verifier{rules: c.rules, cache: newTokenCache(c.cacheSize), told: c.observers}
	if v.keys, err = newKeySource(&c.keys, &v.told); err != nil {
		return nil, err
	}
	return v, nil
}

// VerifyAccessToken verifies the raw access token, as it stands in the
// Authorization header after "Bearer ". A nil error means that the issuer signed
// it, for one of the configured audiences and clients, that it has not expired,
// and that it is no ID token (RFC 9068 §4, RFC 8725).
//
// It uses the network only if the keys are missing, too old, or do not include
// the token's; waiting for that ends with ctx. A key that is not held is asked for at
// once, except within 10 seconds of another that was, or in the back-off after a
// failure. The errors are [*TokenError],
// [*UnavailableError] and [ErrMisconfigured].
func (v *Verifier) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if err := v.accepts(accessKind); err != nil {
		return nil, err
	}
	began := v.told.started()
	token, remembered, err := v.rememberedAccessToken(ctx, raw)
	v.told.verified(accessKind, began, remembered, err)
	return token, err
}

// rememberedAccessToken looks into the token cache first, if there is one. Only
// an acceptance is taken from there; everything else takes the long way.
func (v *Verifier) rememberedAccessToken(ctx context.Context, raw string) (_ *AccessToken, remembered bool, _ error) {
	called := v.keys.attempts.Load() // the wait for a remembered token's keys counts too
	if v.cache == nil || len(raw) > maxRememberedBytes {
		token, _, err := v.freshAccessToken(ctx, raw, called)
		return token, false, err
	}
	sum := sumOf(raw)
	if e := v.cache.get(&sum); e != nil {
		set, now, err := v.keys.usable(ctx)
		if err != nil {
			return nil, false, err
		}
		if e.signedBy(set) && v.rules.inTime(&e.token.Token, v.rules.now(now)) {
			return e.token.clone(), true, nil
		}
	}
	token, signer, err := v.freshAccessToken(ctx, raw, called)
	if err == nil {
		v.cache.add(&sum, signer, token)
	}
	return token, false, err
}

func (v *Verifier) freshAccessToken(ctx context.Context, raw string, called uint64) (*AccessToken, *key, error) {
	t, err := parse(raw, v.keys.policy.algorithms)
	if err != nil {
		return nil, nil, err
	}
	signer, now, err := v.authenticate(ctx, t, called)
	if err != nil {
		return nil, nil, v.rules.oktaHint(err)
	}
	token, err := v.rules.accessToken(&t.header, &t.claims, now)
	return token, signer, v.rules.oktaHint(err)
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
	if err := v.accepts(idKind); err != nil {
		return nil, err
	}
	began := v.told.started()
	token, err := v.freshIDToken(ctx, raw, c)
	v.told.verified(idKind, began, false, err)
	return token, err
}

func (v *Verifier) freshIDToken(ctx context.Context, raw string, checks *idTokenChecks) (*IDToken, error) {
	t, err := parse(raw, v.keys.policy.algorithms)
	if err != nil {
		return nil, err
	}
	_, now, err := v.authenticate(ctx, t, v.keys.attempts.Load())
	if err != nil {
		return nil, err
	}
	return v.rules.idToken(&t.header, &t.claims, now, checks)
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

// Refresh fetches the metadata and keys now, and tells caches on the way to ask the
// server. When it returns nil, a key that the server had withdrawn before the call is
// refused. A refresh that is under way is waited for first, and is not enough: it may
// have read its answer earlier.
//
// Refresh asks though other attempts have failed, whatever Retry-After the server
// sent, but it starts at most one attempt a second; callers that wait share the next.
// Its error is [ErrUnavailable] if that attempt failed, or if ctx ended. With
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
// waiting for that ends with ctx. It fails with [ErrUnavailable] if the metadata cannot
// be fetched, with [ErrMisconfigured] if the Verifier does not use discovery (it has
// [WithJWKSURL], [WithStaticKeys] or [WithPublicKeys]), or with the error of decoding.
func (v *Verifier) Metadata(ctx context.Context, dst any) error {
	if err := v.made(); err != nil {
		return err
	}
	document, err := v.keys.document(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(bytes.Clone(document), dst); err != nil {
		return strict.DecodeError("jwtverifier: decoding metadata", dst, err)
	}
	return nil
}

// Issuer returns the issuer that New was given.
func (v *Verifier) Issuer() string {
	if v.made() != nil {
		return ""
	}
	return v.rules.issuer
}

// Status says how the keys are. It does no I/O and waits for none.
func (v *Verifier) Status() Status {
	if v.made() != nil {
		return Status{}
	}
	return v.keys.status()
}

func (v *Verifier) made() error {
	if v == nil || v.keys == nil {
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
	case kind == accessKind && len(v.rules.audiences) == 0 && !v.rules.withoutAudience:
		return misconfigured("VerifyAccessToken needs WithAudience or WithoutAudience")
	case kind == idKind && len(v.rules.clientIDs) == 0:
		return misconfigured("VerifyIDToken needs WithClientID")
	}
	return nil
}

// authenticate returns the key of the issuer's that signed t, and the time by which
// to judge the claims. The payload is not looked at until the signature has been
// verified. called is how many attempts to fetch keys had begun when the token came.
func (v *Verifier) authenticate(ctx context.Context, t *signedToken, called uint64) (*key, time.Time, error) {
	set, now, err := v.keys.usable(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	signer, reason, older := set.verify(t)
	if older && !v.keys.policy.static() {
		admitted := false
		defer func() { v.told.unknownKey(admitted) }()
		// The key may be newer than the set. It may also be newer than a refresh that
		// was under way when the token came: hence a loop. It ends when a set is from
		// an attempt that began after that.
		for older {
			newer, at, started, err := v.keys.newer(ctx, set, called)
			admitted = admitted || started
			if err != nil {
				return nil, time.Time{}, err
			}
			if newer == set {
				break
			}
			set, now = newer, at
			signer, reason, older = set.verify(t)
		}
	}
	switch reason {
	case ErrUnknownKey:
		return nil, time.Time{}, &TokenError{Reason: ErrUnknownKey, Part: "header", Claim: "kid", keyID: t.header.keyID}
	case ErrSignature:
		return nil, time.Time{}, &TokenError{Reason: ErrSignature, Part: "signature"}
	}
	if err := t.readClaims(v.rules.namedClaims()); err != nil {
		return nil, time.Time{}, err
	}
	return signer, v.rules.now(now), nil
}
