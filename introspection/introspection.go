// Package introspection asks an authorization server whether a token is active
// (RFC 7662), for when a revoked token must be refused before it expires, and
// for tokens that are not JWTs.
//
//   - [Verifier] is for JWT access tokens: it verifies them locally, then asks.
//     It takes the place of a [jwtverifier.Verifier] for the routes that want it,
//     in package httpauth too.
//   - [Client.Introspect] only asks. It is for opaque tokens, of which the server
//     alone can say anything. Read there what is left to the caller.
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
// Authorization header. They are in no URL and in no error, no more than the body
// of an answer is, and nothing is logged.
//
// # What it does not do
//
// It remembers no answer: a revocation would be missed for as long, and that is
// what it asks for. It does not ask again after a failure, unless the server closed
// an idle connection at the moment of its use, and keeps no count of failures: a
// Retry-After is passed on to the caller, not obeyed. It cannot authenticate itself
// but by client ID and secret, and reads no signed answers (RFC 9701).
package introspection

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/jwtverifier"
)

// Limits, those of package jwtverifier where it has them.
const (
	callTimeout     = 5 * time.Second // of one call, finding the endpoint included
	maxWait         = time.Second     // for newer metadata, while some is held
	maxTokenBytes   = 64 << 10
	maxAnswerBytes  = 1 << 20  // after decompression
	maxHeadersBytes = 64 << 10 // of an answer's header section
	maxURLBytes     = 2048     // of an endpoint
	maxRetryAfter   = 5 * time.Minute
	leeway          = time.Minute // how far the server's clock may be from ours

	maxIdleConnections = 32 // per host; there is one request per call
	idleTimeout        = 30 * time.Second
)

// A Client asks one authorization server. It is made by [New]; a zero or nil one
// refuses everything with [jwtverifier.ErrMisconfigured]. It is safe for
// concurrent use, and needs no closing: connections are closed when they have
// been idle for 30 seconds.
type Client struct {
	verifier          *jwtverifier.Verifier
	endpoint          string // "": that of the metadata
	client            *http.Client
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
		client:   &http.Client{},
		clientID: clientID,
		secret:   func() string { return clientSecret },
	}
	for _, opt := range opts {
		if opt == nil {
			return nil, misconfigured("New: nil Option")
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	if c.client.Transport == nil {
		c.client.Transport = newTransport()
	}
	// A redirect would carry the token and the secret to wherever it points.
	c.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
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
// [Response.Confirmation] with the request's DPoP proof or client certificate. A
// caller that does not lets whoever stole such a token use it. By default they
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
// CheckRedirect and Jar are not. The Transport must obey the context of the
// request; nil stands for the default, which is a transport of the Client's own,
// with proxies from the environment and TLS 1.2 or higher.
func WithHTTPClient(client *http.Client) Option {
	return func(c *Client) error {
		if client == nil {
			return misconfigured("WithHTTPClient(nil)")
		}
		c.client = &http.Client{Transport: client.Transport, Timeout: client.Timeout}
		return nil
	}
}

// newTransport makes the transport of a Client that was given none. It is not
// http.DefaultTransport, nor a clone: the embedding program may have changed that.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		// net/http may dial on after the request has been given up.
		DialContext:            (&net.Dialer{Timeout: callTimeout}).DialContext,
		TLSHandshakeTimeout:    callTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeadersBytes,
		MaxIdleConnsPerHost:    maxIdleConnections,
		IdleConnTimeout:        idleTimeout,
	}
}

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
	return s != "" && len(s) <= maxTokenBytes &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// address returns where to ask.
func (c *Client) address(ctx context.Context) (string, error) {
	if c.endpoint != "" {
		return c.endpoint, nil
	}
	// Verified tokens keep the metadata fresh. Where none is verified, because
	// they are opaque, this does. Its error says nothing yet: the metadata can be
	// held though the keys are not. If there is none, Metadata waits on.
	fresh, cancel := context.WithTimeout(ctx, maxWait)
	_ = c.verifier.Prefetch(fresh)
	cancel()
	var metadata struct {
		Endpoint jsontext.Value `json:"introspection_endpoint"`
	}
	if err := c.verifier.Metadata(ctx, &metadata); err != nil {
		if errors.Is(err, jwtverifier.ErrMisconfigured) {
			return "", fmt.Errorf("introspection: where to ask is not known without WithEndpoint: %w", err)
		}
		return "", err
	}
	if !present(metadata.Endpoint) {
		return "", unavailable(ErrNoEndpoint, 0)
	}
	endpoint, ok := text(metadata.Endpoint)
	if !ok {
		return "", unavailable(fmt.Errorf("%w: is not a string", ErrNoEndpoint), 0)
	}
	if err := checkEndpoint(endpoint, c.verifier.Issuer()); err != nil {
		return "", unavailable(fmt.Errorf("%w: %w", ErrNoEndpoint, err), 0)
	}
	return endpoint, nil
}

// checkEndpoint refuses what must not be sent a token and a secret: the rules of
// a jwks_uri.
func checkEndpoint(endpoint, issuer string) error {
	if len(endpoint) > maxURLBytes {
		return fmt.Errorf("is longer than %d bytes", maxURLBytes)
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return errors.New("is not an absolute URL")
	}
	of, err := url.Parse(issuer)
	switch {
	case u.User != nil:
		return errors.New("has a user name")
	case strings.Contains(endpoint, "#"):
		return errors.New("has a fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return errors.New("is not https")
	case err != nil || of.Scheme != "http":
		return errors.New("is http though the issuer is https")
	// An issuer that is http and not of a loopback host says that the Verifier
	// was made with WithInsecureHTTP.
	case isLoopback(of.Hostname()) && !isLoopback(u.Hostname()):
		return errors.New("is http and not of a loopback host")
	}
	return nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ask returns the body of an answer with status 200, not judged but for its size.
func (c *Client) ask(ctx context.Context, endpoint, raw string) ([]byte, error) {
	req, err := c.request(ctx, endpoint, raw)
	if err != nil {
		return nil, unavailable(&CallError{URL: endpoint, Err: err}, 0)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, unavailable(&CallError{URL: endpoint, Err: c.harmless(err, req, raw)}, 0)
	}
	defer resp.Body.Close()
	failed := &CallError{URL: endpoint, StatusCode: resp.StatusCode}
	if resp.StatusCode != http.StatusOK {
		return nil, unavailable(failed, retryAfter(resp.Header.Get("Retry-After"), time.Now()))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		failed.Err = c.harmless(err, req, raw)
		return nil, unavailable(failed, 0)
	}
	if len(body) > maxAnswerBytes {
		failed.Err = errors.New("longer than 1 MiB")
		return nil, unavailable(failed, 0)
	}
	return body, nil
}

// request makes the request of RFC 7662 §2.1.
func (c *Client) request(ctx context.Context, endpoint, raw string) (*http.Request, error) {
	form := url.Values{"token": {raw}, "token_type_hint": {"access_token"}}
	if c.secretInBody {
		form.Set("client_id", c.clientID)
		form.Set("client_secret", c.secret())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// Asking twice does no harm: net/http may do so when the server closes an
	// idle connection at the moment of its use. It does not send this header.
	req.Header["Idempotency-Key"] = nil
	if !c.secretInBody {
		// RFC 6749 §2.3.1: both are form-urlencoded before RFC 7617 encodes them,
		// so that an ID may hold a colon and a secret what is not ASCII.
		req.SetBasicAuth(url.QueryEscape(c.clientID), url.QueryEscape(c.secret()))
	}
	return req, nil
}

var errWithheld = errors.New("an error whose text repeats what was sent")

// harmless returns err, or errWithheld if its text has the token or the secret
// in it. The errors of net/http quote a malformed answer, and a server that sends
// one may well repeat what it got.
func (c *Client) harmless(err error, req *http.Request, raw string) error {
	message := err.Error()
	_, basic, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	for _, sent := range []string{raw, c.secret(), basic} {
		if sent != "" && (strings.Contains(message, sent) || strings.Contains(message, url.QueryEscape(sent))) {
			return errWithheld
		}
	}
	return err
}

// retryAfter returns what a Retry-After asks for (RFC 9110 §10.2.3), at most
// maxRetryAfter; 0 if it is malformed.
func retryAfter(value string, now time.Time) time.Duration {
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
