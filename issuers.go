package jwtverifier

import (
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/jwtverifier/internal/strict"
)

// Issuers verifies the tokens of several authorization servers. A token's iss,
// which nobody has verified yet, does no more than choose one of the configured
// Verifiers, before any request; only that one then judges the token, by its own
// keys and rules. A token of another issuer is [ErrIssuer], without network, and so
// is one with a payload of more than 12 KiB that does not say its iss within the
// first 6 KiB.
//
// An identity is Issuer and Subject of a token: what one issuer calls "admin" need
// not be the "admin" of another. Keep both, or map them before you compare subjects.
//
// Readiness, [Verifier.Prefetch], [Verifier.Refresh] and [Verifier.Status] belong to
// the Verifiers: keep them, and make one call of each.
//
// It is made by [NewIssuers]; a zero or nil one refuses everything with
// [ErrMisconfigured]. It is safe for concurrent use.
type Issuers struct {
	access, id choice
}

// A choice is the Verifiers that accept one kind of token.
type choice struct {
	byIssuer map[string]*Verifier
	longest  int        // bytes of an issuer as a JSON string, all escapes
	named    []string   // some of the issuers, for errors
	accepted algorithms // by any of the Verifiers
}

// NewIssuers returns a verifier of the tokens that any of v accepts. No Verifier at
// all, a nil or zero one, and two of one issuer are [ErrMisconfigured].
func NewIssuers(v ...*Verifier) (*Issuers, error) {
	if len(v) == 0 {
		return nil, misconfigured("NewIssuers without a Verifier")
	}
	seen := make(map[string]bool, len(v))
	for _, verifier := range v {
		if err := verifier.made(); err != nil {
			return nil, err
		}
		if seen[verifier.Issuer()] {
			return nil, misconfigured("two Verifiers of the issuer %s", strict.Quote(verifier.Issuer(), maxForeignText))
		}
		seen[verifier.Issuer()] = true
	}
	return &Issuers{access: newChoice(accessKind, v), id: newChoice(idKind, v)}, nil
}

// newChoice leaves out the Verifiers that do not accept this kind of token: by a
// token that they would have to answer with ErrMisconfigured, anybody could make the
// program look broken.
func newChoice(kind tokenKind, verifiers []*Verifier) choice {
	c := choice{byIssuer: make(map[string]*Verifier, len(verifiers))}
	for _, v := range verifiers {
		if v.accepts(kind) == nil {
			c.byIssuer[v.Issuer()] = v
			c.longest = max(c.longest, maxEscapedBytes*len(v.Issuer())+len(`""`))
			c.accepted = c.accepted.with(v.keys.policy.algorithms...)
		}
	}
	c.named = slices.Sorted(maps.Keys(c.byIssuer))
	c.named = c.named[:min(len(c.named), maxNamedIssuers)]
	return c
}

// VerifyAccessToken is [Verifier.VerifyAccessToken] of the token's issuer. A
// Verifier that was made without [WithAudience] and [WithoutAudience] is left out. It
// fails with [ErrMisconfigured], whatever the token, if none remains.
func (i *Issuers) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	if err := i.made(); err != nil {
		return nil, err
	}
	if len(i.access.byIssuer) == 0 {
		return nil, misconfigured("no Verifier accepts access tokens: WithAudience or WithoutAudience")
	}
	v, err := i.access.choose(raw)
	if err != nil {
		return nil, err
	}
	return v.VerifyAccessToken(ctx, raw)
}

// VerifyIDToken is [Verifier.VerifyIDToken] of the token's issuer. A Verifier that
// was made without [WithClientID] is left out. It fails with [ErrMisconfigured],
// whatever the token, if none remains.
func (i *Issuers) VerifyIDToken(ctx context.Context, raw, nonce string, checks ...IDTokenCheck) (*IDToken, error) {
	if _, err := newIDTokenChecks(nonce, checks); err != nil {
		return nil, err // whatever the token
	}
	if err := i.made(); err != nil {
		return nil, err
	}
	if len(i.id.byIssuer) == 0 {
		return nil, misconfigured("no Verifier accepts ID tokens: WithClientID")
	}
	v, err := i.id.choose(raw)
	if err != nil {
		return nil, err
	}
	return v.VerifyIDToken(ctx, raw, nonce, checks...)
}

func (i *Issuers) made() error {
	if i == nil || i.access.byIssuer == nil {
		return misconfigured("Issuers that NewIssuers did not make")
	}
	return nil
}

// choose returns the Verifier of the token's issuer.
func (c *choice) choose(raw string) (*Verifier, error) {
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	issuer, ok := c.claimedIssuer(payload)
	if v := c.byIssuer[issuer]; v != nil {
		return v, nil
	}
	// What is malformed is reported as that, whatever it says of its issuer.
	if _, err := parse(raw, c.accepted); err != nil {
		return nil, err
	}
	if !ok {
		return nil, malformed("payload", "not one strict JSON object")
	}
	return nil, refuse(ErrIssuer, "iss", c.named...)
}

// issuerWindows returns how much of a payload of n bytes is read for its iss, first
// and last: all of it, except of a long one.
func issuerWindows(n int) [2]int {
	if n <= maxPayloadReadWhole {
		return [...]int{firstIssuerWindow, n}
	}
	return [...]int{firstIssuerWindow, lastIssuerWindow}
}

// claimedIssuer returns the iss of a payload, "" if there is none or it is too long
// to be one of ours; false if the payload is not an object. Most say it early: what
// comes after is not even decoded.
func (c *choice) claimedIssuer(payload string) (issuer string, ok bool) {
	for _, window := range issuerWindows(len(payload)) {
		decoded, err := strict.Base64URL.DecodeString(payload[:min(len(payload), window)])
		if err != nil {
			return "", false
		}
		claimed, ok := strict.ClaimedIssuer(strict.Value(decoded))
		if claimed == "" && len(payload) > window {
			continue
		}
		if len(claimed) <= c.longest {
			issuer, _ = claimed.Text()
		}
		return issuer, ok
	}
	return "", true
}
