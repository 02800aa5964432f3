package introspection

import (
	"net/http"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/web"
)

// A Client asks one authorization server. It is made by [New]; a zero or nil one
// refuses everything with [jwtverifier.ErrMisconfigured]. It is safe for
// concurrent use, and needs no closing: connections are closed when they have
// been idle for 30 seconds.
type Client struct {
	verifier          *jwtverifier.Verifier
	endpoint          string // "": the one that the metadata names
	web               *web.Client
	clientID          string
	secret            func() string // a func, so that no way of printing a Client shows it
	secretInBody      bool
	senderConstrained bool
}

// An Option adjusts a [Client] to be made by [New], which refuses meaningless
// ones. Of an option given twice the last one counts.
type Option func(*Client) error

// New returns a Client of the authorization server whose tokens v verifies. The
// client ID and secret are those that this service is registered with there: an
// introspection endpoint answers nobody else (RFC 7662 §2.1). They are sent by
// HTTP Basic authentication (RFC 6749 §2.3.1, client_secret_basic), unless
// [WithClientSecretPost] is given.
//
// The endpoint is the introspection_endpoint of the metadata that v has accepted
// last, unless [WithEndpoint] is given, which is needed if v has no discovery or
// the server publishes no keys. A zero or nil v, an empty client ID or secret, and
// what an option does not accept are [jwtverifier.ErrMisconfigured]. New does no I/O.
func New(v *jwtverifier.Verifier, clientID, clientSecret string, opts ...Option) (*Client, error) {
	switch {
	case v.Issuer() == "":
		return nil, misconfigured("New: a Verifier that jwtverifier.New did not make")
	case clientID == "":
		return nil, misconfigured("New: no client ID")
	case clientSecret == "":
		return nil, misconfigured("New: no client secret")
	}
	c := &Client{
		verifier: v,
		web:      web.NewKeepAlive(nil),
		clientID: clientID,
		secret:   func() string { return clientSecret },
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, misconfigured("New: option %d is nil", i+1)
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// WithEndpoint asks at this URL, whatever the metadata says. It must be https,
// or http where the issuer is http, without userinfo and fragment.
func WithEndpoint(endpoint string) Option {
	return func(c *Client) error {
		if err := checkEndpoint(endpoint, c.verifier.Issuer()); err != nil {
			return misconfigured("WithEndpoint: %w", err) // without the URL: it may hold a password
		}
		c.endpoint = endpoint
		return nil
	}
}

// WithClientSecretPost sends the client ID and secret in the body
// (client_secret_post). RFC 6749 §2.3.1 advises against it, but some servers
// accept nothing else.
func WithClientSecretPost() Option {
	return func(c *Client) error {
		c.secretInBody = true
		return nil
	}
}

// WithSenderConstrainedTokens has [Client.Introspect] accept tokens that are
// bound to a key of their sender (cnf, by RFC 9449 §6.2 or RFC 8705 §3.2). This
// package does not check the proof: the caller must compare
// [Response.Confirmation] with the request's DPoP proof or client certificate. If
// the caller does not, anyone who stole such a token can use it. By default they
// are refused. A [Verifier] does not need it: there the option of the same name
// of package jwtverifier decides.
func WithSenderConstrainedTokens() Option {
	return func(c *Client) error {
		c.senderConstrained = true
		return nil
	}
}

// WithHTTPClient asks with this client, for proxies, TLS roots, tracing or to pin
// hosts. The client is copied: its Transport and Timeout are used, its
// CheckRedirect and Jar are not. The Timeout is the limit for one request, within
// the 5 seconds that a call takes at most. The Transport must obey the context of
// the request; nil stands for the default, which is a transport of the Client's own,
// with proxies from the environment and TLS 1.2 or higher.
func WithHTTPClient(client *http.Client) Option {
	return func(c *Client) error {
		if client == nil {
			return misconfigured("WithHTTPClient(nil)")
		}
		c.web = web.NewKeepAlive(client)
		return nil
	}
}
