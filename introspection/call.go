package introspection

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
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
	member := strict.Value(metadata.Endpoint)
	if member == "" {
		return "", unavailable(ErrNoEndpoint, 0)
	}
	endpoint, ok := member.Text()
	if !ok {
		return "", unavailable(fmt.Errorf("%w: is not a string", ErrNoEndpoint), 0)
	}
	if err := checkEndpoint(endpoint, c.verifier.Issuer()); err != nil {
		return "", unavailable(fmt.Errorf("%w: %w", ErrNoEndpoint, err), 0)
	}
	return endpoint, nil
}

// checkEndpoint refuses what must not be sent a token and a secret: what is not
// https, unless the issuer is http too.
func checkEndpoint(endpoint, issuer string) error {
	of, err := url.Parse(issuer)
	plain := err == nil && of.Scheme == "http"
	// A Verifier of an http issuer on another machine was made with WithInsecureHTTP.
	if err := web.CheckURL(endpoint, !plain || !web.IsLoopback(of.Hostname())); err != nil {
		return err
	}
	if !plain && !web.IsHTTPS(endpoint) {
		return errors.New("is http though the issuer is https")
	}
	return nil
}

// ask returns the body of an answer with status 200. Nothing of it has been judged
// except its size.
func (c *Client) ask(ctx context.Context, endpoint, raw string) ([]byte, error) {
	req, err := c.request(ctx, endpoint, raw)
	if err != nil { // not reached: the URL has been parsed before
		return nil, unavailable(&CallError{URL: endpoint, Err: err}, 0)
	}
	body, failed := c.web.Send(req)
	if failed != nil {
		return nil, unavailable(&CallError{URL: endpoint, StatusCode: failed.StatusCode, Err: failed.Err}, failed.RetryAfter)
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
