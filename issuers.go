package jwtverifier

import (
	"context"
	"maps"
	"slices"

	"example.com/jwtverifier/internal/strict"
)

// Issuers verifies the tokens of several authorization servers. A token's iss,
// which nobody has verified yet, does no more than choose one of the configured
// Verifiers, before any request; that one then judges the token by its own keys
// and rules alone. A token of another issuer is [ErrIssuer], without network.
//
// An identity is Issuer and Subject of a token: what one issuer calls "admin" need
// not be the "admin" of another. Keep both, or map them before you compare subjects.
//
// It is made by [NewIssuers]; a zero or nil one refuses everything with
// [ErrMisconfigured]. It is safe for concurrent use.
type Issuers struct {
	byIssuer map[string]*Verifier
	named    []string // some of the issuers, for errors
}

// NewIssuers returns a verifier of the tokens that any of v accepts. None, a nil
// or zero Verifier, and two Verifiers of one issuer are [ErrMisconfigured].
func NewIssuers(v ...*Verifier) (*Issuers, error) {
	if len(v) == 0 {
		return nil, misconfigured("NewIssuers without a Verifier")
	}
	i := &Issuers{byIssuer: make(map[string]*Verifier, len(v))}
	for _, verifier := range v {
		if err := verifier.made(); err != nil {
			return nil, err
		}
		if i.byIssuer[verifier.Issuer()] != nil {
			return nil, misconfigured("two Verifiers of the issuer %s", strict.Quote(verifier.Issuer(), maxForeignText))
		}
		i.byIssuer[verifier.Issuer()] = verifier
	}
	i.named = slices.Sorted(maps.Keys(i.byIssuer))
	i.named = i.named[:min(len(i.named), maxNamedIssuers)]
	return i, nil
}

// VerifyAccessToken is [Verifier.VerifyAccessToken] of the token's issuer. What
// is malformed or not RS256 is refused before the issuer is looked at.
func (i *Issuers) VerifyAccessToken(ctx context.Context, raw string) (*AccessToken, error) {
	v, err := i.choose(raw)
	if err != nil {
		return nil, err
	}
	return v.VerifyAccessToken(ctx, raw)
}

// VerifyIDToken is [Verifier.VerifyIDToken] of the token's issuer. What is
// malformed or not RS256 is refused before the issuer is looked at.
func (i *Issuers) VerifyIDToken(ctx context.Context, raw, nonce string, checks ...IDTokenCheck) (*IDToken, error) {
	if _, err := newIDTokenChecks(nonce, checks); err != nil {
		return nil, err // whatever the token
	}
	v, err := i.choose(raw)
	if err != nil {
		return nil, err
	}
	return v.VerifyIDToken(ctx, raw, nonce, checks...)
}

// choose returns the Verifier of the token's issuer.
func (i *Issuers) choose(raw string) (*Verifier, error) {
	if i == nil || i.byIssuer == nil {
		return nil, misconfigured("Issuers that NewIssuers did not make")
	}
	t, err := parse(raw)
	if err != nil {
		return nil, err
	}
	payload, err := strict.Base64URL.DecodeString(t.payload)
	issuer, ok := strict.ClaimedIssuer(strict.Value(payload))
	if err != nil || !ok {
		return nil, malformed("payload", "not one strict JSON object")
	}
	v := i.byIssuer[issuer]
	if v == nil {
		return nil, refuse(ErrIssuer, "iss", i.named...)
	}
	return v, nil
}
