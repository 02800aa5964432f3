package introspection

import (
	"context"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
)

// An AccessTokenVerifier verifies access tokens: a [*jwtverifier.Verifier] and
// [*jwtverifier.Issuers] do. It must be safe for concurrent use.
type AccessTokenVerifier interface {
	VerifyAccessToken(ctx context.Context, raw string) (*jwtverifier.AccessToken, error)
}

// A Verifier verifies access tokens locally, and then asks the server that issued
// them whether they are still active. It is made by [NewVerifier]; a zero or nil
// one refuses everything with [jwtverifier.ErrMisconfigured]. It is safe for
// concurrent use.
type Verifier struct {
	local   AccessTokenVerifier
	clients map[string]*Client // by issuer
}

// NewVerifier returns a Verifier of the tokens that local accepts. Each issuer
// among local's needs a Client, which is asked only about that issuer's tokens.
// A nil local, no Client, one that [New] did not make, two for one issuer, and
// none for the issuer of a *jwtverifier.Verifier are [jwtverifier.ErrMisconfigured].
func NewVerifier(local AccessTokenVerifier, clients ...*Client) (*Verifier, error) {
	if local == nil {
		return nil, misconfigured("NewVerifier: nil AccessTokenVerifier")
	}
	if len(clients) == 0 {
		return nil, misconfigured("NewVerifier: no Client")
	}
	v := &Verifier{local: local, clients: make(map[string]*Client, len(clients))}
	for _, c := range clients {
		if c == nil || c.verifier == nil {
			return nil, misconfigured("NewVerifier: a Client that New did not make")
		}
		issuer := c.verifier.Issuer()
		if v.clients[issuer] != nil {
			return nil, misconfigured("NewVerifier: two Clients of the issuer %s", strict.Quote(issuer, maxForeignText))
		}
		v.clients[issuer] = c
	}
	if one, ok := local.(*jwtverifier.Verifier); ok && v.clients[one.Issuer()] == nil {
		return nil, misconfigured("NewVerifier: no Client of the issuer %s", strict.Quote(one.Issuer(), maxForeignText))
	}
	return v, nil
}

// VerifyAccessToken verifies the raw access token locally and, if it is good,
// asks its issuer about it. The token that it returns is the one that was verified
// locally; of the answer it holds nothing.
//
// A token that is refused locally costs the server no request, and its reason is
// reported: a token that is both revoked and expired is ErrExpired. After that
// come the rules of [Client.Introspect]. Where these are both present, they are
// compared, and a difference is refused:
//
//   - the client ([ErrMismatch], Claim "client_id") and sub ([ErrMismatch], "sub"):
//     an answer about another token, mixed up by a proxy or cache on the way,
//     says nothing of this one. A server that tells each client another sub of
//     the same user (RFC 7662 §5) cannot be used like this.
//   - the key that the answer binds the token to (cnf). The token must name the
//     same one, since the proof is checked by what the token says; if it names
//     none, that is [jwtverifier.ErrConfirmation], as any difference.
//
// A token from an issuer without a Client is [jwtverifier.ErrMisconfigured].
func (v *Verifier) VerifyAccessToken(ctx context.Context, raw string) (*jwtverifier.AccessToken, error) {
	if v == nil || v.local == nil {
		return nil, misconfigured("a Verifier that NewVerifier did not make")
	}
	token, err := v.local.VerifyAccessToken(ctx, raw)
	if err != nil {
		return nil, err
	}
	if token == nil {
		return nil, misconfigured("the AccessTokenVerifier returned neither a token nor an error")
	}
	c := v.clients[token.Issuer]
	if c == nil {
		return nil, misconfigured("no Client of the issuer %s", strict.Quote(token.Issuer, maxForeignText))
	}
	if _, err := c.introspect(ctx, raw, func(r *Response) error { return describes(r, token) }); err != nil {
		return nil, err
	}
	return token, nil
}

// describes returns nil if nothing in r speaks against its being about the token.
func describes(r *Response, token *jwtverifier.AccessToken) error {
	switch {
	case r.ClientID != "" && token.ClientID != "" && r.ClientID != token.ClientID:
		return refuse(ErrMismatch, "client_id")
	case r.Subject != "" && token.Subject != "" && r.Subject != token.Subject:
		return refuse(ErrMismatch, "sub")
	case r.Confirmation != nil && (token.Confirmation == nil || *r.Confirmation != *token.Confirmation):
		return refuse(jwtverifier.ErrConfirmation, "cnf")
	}
	return nil
}
