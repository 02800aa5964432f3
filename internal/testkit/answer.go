package testkit

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// An Answer answers a request in the issuer's place. As an [http.RoundTripper] it
// answers every request.
type Answer func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (a Answer) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// Text answers with this status and body.
func Text(status int, body string) Answer {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status,
			Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        http.Header{"Content-Type": {"application/json"}},
			Body:          io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)),
			Request:       r,
		}, nil
	}
}

// Body answers 200 with a body of unannounced length, made for each request. The
// context is the request's.
func Body(body func(context.Context) io.Reader) Answer {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := Text(http.StatusOK, "")(r)
		resp.ContentLength = -1
		resp.Body = io.NopCloser(body(r.Context()))
		return resp, err
	}
}

// Redirect answers with this status and Location.
func Redirect(status int, location string) Answer {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := Text(status, "moved")(r)
		resp.Header.Set("Location", location)
		return resp, err
	}
}

// Gzipped returns a body as it comes with Content-Encoding: gzip.
func Gzipped[T string | []byte](body T) T {
	var packed bytes.Buffer // which takes everything
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(body))
	_ = w.Close()
	return T(packed.Bytes())
}

// Refused is no answer at all: the connection is refused.
func Refused(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// Metadata is the least metadata that a Verifier accepts from this issuer.
func Metadata(issuer, jwksURI string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, jwksURI)
}

// A ReaderFunc is the Read method of an [io.Reader].
type ReaderFunc func([]byte) (int, error)

func (f ReaderFunc) Read(p []byte) (int, error) { return f(p) }
