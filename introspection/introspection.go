// Package introspection asks an authorization server whether a token is active
// (RFC 7662), for when a revoked token must be refused before it expires, and
// for tokens that are not JWTs.
//
//   - [Verifier] is for JWT access tokens: it verifies them locally, then asks.
//     It takes the place of a [jwtverifier.Verifier] for the routes that want it,
//     in package httpauth too.
//   - [Client.Introspect] only asks. It is for opaque tokens, about which only the
//     server can say anything. Read there what is left to the caller.
//
// Every call of either is a request to the server, and waits for it: the price of
// knowing at once. What the server does not answer is refused, with
// [jwtverifier.ErrUnavailable]; there is no way to let it pass.
//
// # Errors
//
// They belong to the families of package jwtverifier, and a result is non-nil if
// and only if the error is nil.
//
//   - [jwtverifier.ErrInvalidToken], a [*jwtverifier.TokenError] (answer 401): the
//     server says that the token is not active ([ErrInactive]), or what it says
//     of the token does not do: [ErrMismatch], or one of jwtverifier's reasons.
//   - [jwtverifier.ErrUnavailable], a [*jwtverifier.UnavailableError] (answer 503):
//     whatever went wrong with the call, this client's own credentials included.
//     A [*CallError] in it says what, unless the endpoint could not be found.
//   - [jwtverifier.ErrMisconfigured] (answer 500).
//
// The token and the client's secret are sent in the body or, the secret, in the
// Authorization header. They are in no URL. Neither they nor the body of an answer
// are in any error, however deep: where net/http quotes an answer that is not HTTP,
// its error is replaced. This package logs nothing, but net/http logs the beginning
// of what a server sends unasked on an idle connection.
//
// # What it does not do
//
// It remembers no answer: a revocation would be missed for as long, and that is
// what it asks for. It does not ask again after a failure, unless the server closed
// an idle connection at the moment of its use, and keeps no count of failures: a
// Retry-After is passed on to the caller, not obeyed. It authenticates itself
// only by client ID and secret, and reads no signed answers (RFC 9701).
package introspection

import (
	"context"
	"errors"
	"net/http"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
)

// Limits.
const (
	callTimeout   = 5 * time.Second // of one call, finding the endpoint included
	maxWait       = time.Second     // for newer metadata, while some is held
	maxTokenBytes = 64 << 10        // as in package jwtverifier
	leeway        = time.Minute     // how far the server's clock may be from ours
)

// Introspect asks the server about the raw token, and verifies it in no other way.
// A nil error means that the server calls the token active and says nothing of it
// that is refused here.
//
// It is for access tokens that are not JWTs; for JWTs use a [Verifier]. What that
// compares is left to the caller here:
//
//   - that the token is for this service: a token that was issued for any other
//     API is active just as well. Compare [Response.Audience] or, with servers
//     that name none, ClientID and Scopes.
//   - that it grants what is asked for: Scopes.
//   - that it is an access token, with servers that do not mark the others. Some
//     leave token_type out for a refresh token and for nothing else: with those,
//     refuse a Response whose TokenType is "".
//
// A token that is empty, longer than 64 KiB or has other characters than
// printable ASCII (RFC 6749 §A.12) is refused as [jwtverifier.ErrMalformed],
// without a request. The request says token_type_hint=access_token.
//
// A call takes at most 5 seconds, or less if ctx ends earlier, and reads at most
// 1 MiB. It needs status 200 and one strict JSON object, with active as a
// boolean; it follows no redirect.
//
// The rules, in this order: active is true ([ErrInactive]); the token is none of
// another kind, by token_use, typ or token_type ([jwtverifier.ErrTokenType]); iss,
// if present, is the issuer of the Verifier ([jwtverifier.ErrIssuer]); there is no
// cnf ([jwtverifier.ErrConfirmation]); nbf, if present, has passed
// ([jwtverifier.ErrNotYetValid]) and exp, if present, has not
// ([jwtverifier.ErrExpired]), give or take a minute by the clock of this machine.
// The server should have said that such a token is not active. One that says
// otherwise has a wrong clock, or speaks of another token, and is not believed.
func (c *Client) Introspect(ctx context.Context, raw string) (*Response, error) {
	return c.introspect(ctx, raw, func(r *Response) error {
		if r.Confirmation != nil && !c.senderConstrained {
			return refuse(jwtverifier.ErrConfirmation, "cnf")
		}
		return nil
	})
}

// introspect is Introspect. accept applies the rules that stand between those
// about the issuer and those about the time.
func (c *Client) introspect(ctx context.Context, raw string, accept func(*Response) error) (*Response, error) {
	if c == nil || c.verifier == nil {
		return nil, misconfigured("a Client that New did not make")
	}
	if !isToken(raw) {
		return nil, &jwtverifier.TokenError{Reason: jwtverifier.ErrMalformed, Part: "token"}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	endpoint, err := c.address(ctx)
	if err != nil {
		return nil, err
	}
	body, err := c.ask(ctx, endpoint, raw)
	if err != nil {
		return nil, err
	}
	r, err := read(body, c.verifier.Issuer())
	if errors.Is(err, errAnswer) {
		return nil, unavailable(&CallError{URL: endpoint, StatusCode: http.StatusOK, Err: err}, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := accept(r); err != nil {
		return nil, err
	}
	if err := r.inTime(time.Now()); err != nil {
		return nil, err
	}
	return r, nil
}

// isToken reports whether s can be an access token: 1*VSCHAR (RFC 6749 §A.12).
func isToken(s string) bool {
	return s != "" && len(s) <= maxTokenBytes && strict.Union(&noVisible, s) == 0
}

// noVisible is not 0 for each byte that is no VSCHAR.
var noVisible = func() (kinds [256]byte) {
	for c := range kinds {
		if c < ' ' || c > '~' {
			kinds[c] = 1
		}
	}
	return kinds
}()
