package web

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func post(t *testing.T, address string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader("a=b"))
	require.NoError(t, err)
	return req
}

func TestSend(t *testing.T) {
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		body   string
		want   Failure // without Err
		says   string  // Err; "": none
	}{
		"good": {
			answer: func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) },
			body:   "a=b",
		},
		"as long as it may be": {
			answer: func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20)) },
			body:   strings.Repeat("x", 1<<20),
		},
		"longer": {
			answer: func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20+1)) },
			want:   Failure{StatusCode: 200},
			says:   "longer than 1 MiB",
		},
		"cut": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", "10")
				_, _ = io.WriteString(w, "x")
			},
			want: Failure{StatusCode: 200, NoAnswer: true},
			says: "unexpected EOF",
		},
		"no answer": {
			answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			want:   Failure{NoAnswer: true},
			says:   "EOF",
		},
		"busy": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(503)
			},
			want: Failure{StatusCode: 503, RetryAfter: 7 * time.Second},
		},
		"redirect": {
			answer: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			},
			want: Failure{StatusCode: 307},
		},
		"redirect to no URL": {
			answer: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://[::1")
				w.WriteHeader(302)
			},
			want: Failure{StatusCode: 302},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				assert.Equal(t, "/there", r.URL.Path)
				row.answer(w, r)
			}))
			defer server.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			body, failed := New(&http.Client{Transport: transport}).Send(post(t, server.URL+"/there"))
			assert.EqualValues(t, 1, requests.Load())
			if row.want == (Failure{}) {
				require.Nil(t, failed)
				require.Equal(t, row.body, string(body))
				return
			}
			require.Nil(t, body)
			require.NotNil(t, failed)
			if row.says == "" {
				require.NoError(t, failed.Err)
			} else {
				require.ErrorContains(t, failed.Err, row.says)
			}
			failed.Err = nil
			require.Equal(t, row.want, *failed)
		})
	}
}

// An endless reader counts what is read from it.
type endless struct{ read atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.read.Add(int64(len(p)))
	return len(p), nil
}

func (e *endless) Close() error { return nil }

func TestBodyIsReadNoFurtherThanItsLimit(t *testing.T) {
	body := &endless{}
	client := New(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: body}, nil
	})})
	for name, call := range map[string]func() *Failure{
		"Get": func() *Failure {
			_, _, failed := client.Get(t.Context(), "https://as.example/")
			return failed
		},
		"Send": func() *Failure {
			_, failed := client.Send(post(t, "https://as.example/"))
			return failed
		},
	} {
		t.Run(name, func(t *testing.T) {
			body.read.Store(0)
			failed := call()
			require.NotNil(t, failed)
			require.ErrorContains(t, failed.Err, "longer than 1 MiB")
			require.EqualValues(t, 1<<20+1, body.read.Load())
		})
	}
}

func TestNoBody(t *testing.T) {
	client := New(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200}, nil
	})})
	body, failed := client.Send(post(t, "https://as.example/"))
	require.Nil(t, failed)
	require.Empty(t, body)
}

// The context of a request is released when Send returns.
func TestSendReleasesItsContext(t *testing.T) {
	server := &replier{answers: []*http.Response{reply(200)}}
	req := post(t, document)
	_, failed := New(&http.Client{Transport: server}).Send(req)
	require.Nil(t, failed)
	require.ErrorIs(t, server.asked[0].Context().Err(), context.Canceled)
	require.NoError(t, req.Context().Err())
	require.True(t, server.bodies[0].closed)
}

func TestSendTimeout(t *testing.T) {
	for name, row := range map[string]struct{ given, want time.Duration }{
		"none": {0, 5 * time.Second},
		"less": {2 * time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := New(&http.Client{Timeout: row.given, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				})})
				began := time.Now()
				_, failed := client.Send(post(t, "https://as.example/"))
				require.Equal(t, row.want, time.Since(began))
				require.ErrorIs(t, failed.Err, context.DeadlineExceeded)
			})
		})
	}
}

// The connections of 32 requests at once are used again.
func TestKeepAlive(t *testing.T) {
	const many = 32
	var connections, waiting atomic.Int32
	all := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/together" {
			if waiting.Add(1) == many {
				close(all)
				waiting.Store(0)
			}
			<-all
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := NewKeepAlive(nil)
	own := client.transport.(*ownTransport)
	require.Equal(t, 30*time.Second, own.IdleConnTimeout)
	require.Equal(t, many, own.MaxIdleConnsPerHost)
	defer client.CloseIdleConnections()
	together := func() {
		all = make(chan struct{})
		var wait sync.WaitGroup
		for range many {
			req := post(t, server.URL+"/together")
			wait.Go(func() {
				_, failed := client.Send(req)
				assert.Nil(t, failed)
			})
		}
		wait.Wait()
	}
	together()
	require.EqualValues(t, many, connections.Load())
	together()
	require.EqualValues(t, many, connections.Load())
}
