package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"example.com/jwtverifier/internal/strict"
)

// Limits on one request.
const (
	defaultTimeout   = 5 * time.Second  // of it all, redirects included
	maxTimeout       = 30 * time.Second // that an embedder can ask for
	maxDocumentBytes = 1 << 20          // after decompression
	maxHeadersBytes  = 64 << 10         // of an answer's header section
	maxRedirects     = 3                // within one origin
	maxNameText      = 80               // of a redirect, in an error
	maxPanicText     = 256
)

// A Client makes requests by a transport of its own or the embedder's.
type Client struct {
	transport http.RoundTripper
	timeout   time.Duration
}

// New returns a Client that takes the Transport of c, and its Timeout, at most 30
// seconds; without one it is 5 seconds. If c or its Transport is nil the Client has
// a transport of its own.
func New(c *http.Client) *Client {
	client := &Client{timeout: defaultTimeout}
	if c != nil {
		client.transport = c.Transport
		if c.Timeout > 0 {
			client.timeout = min(c.Timeout, maxTimeout)
		}
	}
	if client.transport == nil {
		client.transport = newTransport(client.timeout)
	}
	return client
}

// Timeout returns the limit for one request, redirects and body included.
func (c *Client) Timeout() time.Duration { return c.timeout }

// An ownTransport is what a Client has that was given no transport. It is not
// http.DefaultTransport, nor a clone: the embedding program may have changed that.
type ownTransport struct{ http.Transport }

func newTransport(timeout time.Duration) *ownTransport {
	return &ownTransport{http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeadersBytes,
		IdleConnTimeout:        time.Second, // HTTP/2 may find a stream still open in CloseIdleConnections
	}}
}

// CloseIdleConnections closes those of the Client's own transport. An embedder's
// transport is the embedder's.
func (c *Client) CloseIdleConnections() {
	if own, ok := c.transport.(*ownTransport); ok {
		own.CloseIdleConnections()
	}
}

// A Failure says what became of a request that brought no document.
type Failure struct {
	StatusCode int           // of the answer; 0 if there was none
	Err        error         // what else was wrong than the status, or nil
	NoAnswer   bool          // nothing came, or a 200 whose body did not come whole
	RetryAfter time.Duration // what the answer asked for
}

// Get fetches a document as it is now: caches on the way have to ask the
// server (RFC 9111 §5.2.1.4), since a withdrawn key must not come out of one. The
// document is not judged, except for its size.
//
// It ends with its timeout or ctx even if the transport ignores them. What the
// transport then answers later changes nothing and causes no other request; the
// goroutine that waits for it ends with it.
func (c *Client) Get(ctx context.Context, address string) ([]byte, http.Header, *Failure) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	e := &exchange{client: c, done: make(chan struct{})}
	go e.run(ctx, address)
	select {
	case <-e.done:
		return e.body, e.header, e.failed
	case <-ctx.Done():
	}
	// The same as from a transport that obeys.
	failed := &Failure{StatusCode: int(e.status.Load()), Err: ctx.Err(), NoAnswer: true}
	if failed.StatusCode == 0 {
		failed.Err = &url.Error{Op: http.MethodGet, URL: address, Err: ctx.Err()}
	}
	return nil, nil, failed
}

// An exchange is one document's requests and answers, in a goroutine of their own.
type exchange struct {
	client *Client
	status atomic.Int64 // of the answer, once there is one
	done   chan struct{}

	// Written before done is closed, read after.
	body   []byte
	header http.Header
	failed *Failure
}

// run ends in every case, whatever the transport does: it may panic, or call
// runtime.Goexit.
func (e *exchange) run(ctx context.Context, address string) {
	defer close(e.done)
	e.failed = &Failure{Err: errors.New("the HTTP client ended the goroutine"), NoAnswer: true}
	defer func() {
		if p := recover(); p != nil {
			e.failed = &Failure{Err: fmt.Errorf("panic: %s", strict.OneLine(fmt.Sprint(p), maxPanicText)), NoAnswer: true}
		}
	}()
	e.body, e.header, e.failed = e.get(ctx, address)
}

func (e *exchange) get(ctx context.Context, address string) ([]byte, http.Header, *Failure) {
	failed := &Failure{}
	for target, redirects := address, 0; ; redirects++ {
		if err := ctx.Err(); err != nil {
			// Nobody waits any more: a redirect that came late is not followed.
			failed.Err, failed.NoAnswer = &url.Error{Op: http.MethodGet, URL: target, Err: err}, true
			return nil, nil, failed
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil { // address is no URL: a redirect's target has been parsed
			failed.Err = err
			return nil, nil, failed
		}
		req.Header.Set("Accept", "application/json")
		req.Header.Set("Cache-Control", "no-cache")
		resp, err := e.client.roundTrip(req)
		if err != nil {
			failed.Err, failed.NoAnswer = err, true
			return nil, nil, failed
		}
		failed.StatusCode = resp.StatusCode
		e.status.Store(int64(resp.StatusCode))
		target, err = redirection(resp)
		if target == "" && err == nil {
			return readBody(resp, failed)
		}
		resp.Body.Close()
		if err == nil && redirects == maxRedirects {
			err = fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if err != nil {
			failed.Err = err
			return nil, nil, failed
		}
	}
}

// redirection returns where an answer redirects to, "" if nowhere, and refuses
// another origin: a document from there would be another party's word.
func redirection(resp *http.Response) (string, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return "", nil
	}
	to, err := resp.Location()
	if err != nil {
		return "", errors.New("redirect to nowhere")
	}
	from := resp.Request.URL
	if to.Scheme != from.Scheme || !strings.EqualFold(to.Hostname(), from.Hostname()) || port(to) != port(from) || to.User != nil {
		return "", errors.New("redirect to another origin, " + strict.Quote(to.Redacted(), maxNameText))
	}
	return to.String(), nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// readBody reads to the end, which leaves the connection idle. On an error status
// it does not read at all.
func readBody(resp *http.Response, failed *Failure) ([]byte, http.Header, *Failure) {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		failed.RetryAfter = RetryAfter(resp.Header.Get("Retry-After"), time.Now())
		return nil, nil, failed
	}
	body, err := io.ReadAll(io.LimitReader(untilDone{resp.Request.Context(), resp.Body}, maxDocumentBytes+1))
	if err != nil {
		failed.Err, failed.NoAnswer = publicCause(resp.Request.Context(), err), true
		return nil, nil, failed
	}
	if len(body) > maxDocumentBytes {
		failed.Err = errors.New("longer than 1 MiB")
		return nil, nil, failed
	}
	return body, resp.Header, nil
}

// untilDone reads until ctx ends: a body that ignores it would otherwise be read on
// for days after the caller has gone, or for ever if its reads bring nothing.
type untilDone struct {
	ctx  context.Context
	body io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.body.Read(p)
}
