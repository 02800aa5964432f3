package web

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Connections of a Client made by NewKeepAlive.
const (
	maxIdleConnections = 32 // per host
	idleTimeout        = 30 * time.Second
)

// NewKeepAlive returns a Client for many requests to one host. Its own transport,
// if it has one, keeps 32 idle connections for 30 seconds.
func NewKeepAlive(c *http.Client) *Client {
	client := New(c)
	if own, ok := client.transport.(*ownTransport); ok {
		own.MaxIdleConnsPerHost = maxIdleConnections
		own.IdleConnTimeout = idleTimeout
	}
	return client
}

// Send makes one request and returns the body of a 200. It follows no redirect: a
// redirect would carry what is sent to another place. Like Get, it judges nothing of
// the body except its size.
func (c *Client) Send(req *http.Request) ([]byte, *Failure) {
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	defer cancel()
	resp, err := c.roundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, &Failure{Err: err, NoAnswer: true}
	}
	body, _, failed := readBody(resp, &Failure{StatusCode: resp.StatusCode})
	return body, failed
}

// roundTrip makes one request, without an http.Client: its redirects, cookies and
// Referer are not wanted.
func (c *Client) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, &url.Error{Op: req.Method, URL: req.URL.String(), Err: publicCause(req.Context(), err)}
	}
	resp.Request = req
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	return resp, nil
}
