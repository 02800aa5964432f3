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
