package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const document = "https://as.example/a/doc"

// A body remembers whether it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

// A replier answers one request after another with these, which need no more than a
// status, and remembers what it was asked.
type replier struct {
	answers []*http.Response
	asked   []*http.Request
	bodies  []*body
}

func (r *replier) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, req)
	if len(r.asked) > len(r.answers) {
		return nil, io.ErrUnexpectedEOF
	}
	answer := r.answers[len(r.asked)-1]
	sent := &body{Reader: strings.NewReader(fmt.Sprint("body ", len(r.asked)))}
	r.bodies = append(r.bodies, sent)
	answer.Body = sent
	return answer, nil
}

func reply(status int, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h}
}

func TestGet(t *testing.T) {
	moved := func() *http.Response { return reply(302, "Location", "/b") }
	for name, row := range map[string]struct {
		address string // "": document
		answers []*http.Response
		body    string  // "": none
		want    Failure // without Err
		says    string  // Err; "": none
		asked   int
	}{
		"good": {
			answers: []*http.Response{reply(200, "Cache-Control", "no-store")},
			body:    "body 1",
			asked:   1,
		},
		"good, after three redirects": {
			answers: []*http.Response{moved(), moved(), moved(), reply(200, "Cache-Control", "no-store")},
			body:    "body 4",
			asked:   4,
		},
		"a fourth redirect": {
			answers: []*http.Response{moved(), moved(), moved(), moved(), reply(200)},
			want:    Failure{StatusCode: 302},
			says:    "more than 3 redirects",
			asked:   4,
		},
		"a fourth redirect, to nowhere": {
			answers: []*http.Response{moved(), moved(), moved(), reply(301)},
			want:    Failure{StatusCode: 301},
			says:    "redirect to nowhere",
			asked:   4,
		},
		"an error after a redirect": {
			answers: []*http.Response{moved(), reply(404)},
			want:    Failure{StatusCode: 404},
			asked:   2,
		},
		"no answer": {
			want:  Failure{NoAnswer: true},
			says:  `GET "https://as.example/a/doc": unexpected EOF`,
			asked: 1,
		},
		"no answer after a redirect": {
			answers: []*http.Response{moved()},
			want:    Failure{StatusCode: 302, NoAnswer: true},
			says:    `GET "https://as.example/b": unexpected EOF`,
			asked:   2,
		},
		"no URL": {
			address: "https://[::1",
			says:    `parse "https://[::1": missing ']' in host`,
		},
		"busy": {
			answers: []*http.Response{reply(503, "Retry-After", "7")},
			want:    Failure{StatusCode: 503, RetryAfter: 7 * time.Second},
			asked:   1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := &replier{answers: row.answers}
			client := New(&http.Client{Transport: server})
			address := document
			if row.address != "" {
				address = row.address
			}
			got, header, failed := client.Get(t.Context(), address)
			require.Len(t, server.asked, row.asked)
			for _, req := range server.asked {
				assert.Equal(t, http.MethodGet, req.Method)
				assert.Equal(t, http.Header{"Accept": {"application/json"}, "Cache-Control": {"no-cache"}}, req.Header)
				assert.ErrorIs(t, req.Context().Err(), context.Canceled, "its context has been released")
			}
			for _, b := range server.bodies {
				assert.True(t, b.closed)
			}
			if row.body != "" {
				require.Nil(t, failed)
				require.Equal(t, row.body, string(got))
				require.Equal(t, http.Header{"Cache-Control": {"no-store"}}, header)
				return
			}
			require.Nil(t, got)
			require.Nil(t, header)
			requireFailure(t, row.want, row.says, failed)
		})
	}
}

// requireFailure requires what want says, and an Err with this text, or none.
func requireFailure(t *testing.T, want Failure, says string, failed *Failure) {
	t.Helper()
	require.NotNil(t, failed)
	if says == "" {
		require.NoError(t, failed.Err)
	} else {
		require.EqualError(t, failed.Err, says)
	}
	want.Err = failed.Err
	require.Equal(t, want, *failed)
}

// Only these statuses redirect, and only with GET.
func TestRedirectStatus(t *testing.T) {
	for status, follows := range map[int]bool{
		201: false, 300: false, 301: true, 302: true, 303: true, 304: false, 305: false, 306: false, 307: true, 308: true, 309: false,
	} {
		server := &replier{answers: []*http.Response{reply(status, "Location", "/b"), reply(200)}}
		client := New(&http.Client{Transport: server})
		got, _, failed := client.Get(t.Context(), document)
		if follows {
			require.Nil(t, failed, status)
			require.Equal(t, "body 2", string(got), status)
		} else {
			requireFailure(t, Failure{StatusCode: status}, "", failed)
			require.Len(t, server.asked, 1, status)
		}

		server = &replier{answers: []*http.Response{reply(status, "Location", "/b"), reply(200)}}
		_, failed = New(&http.Client{Transport: server}).Send(post(t, document))
		requireFailure(t, Failure{StatusCode: status}, "", failed)
		require.Len(t, server.asked, 1, status)
	}
}

func TestRedirectTarget(t *testing.T) {
	const elsewhere = "redirect to another origin, "
	for _, row := range []struct {
		from, location string
		asked          string // "": refused
		says           string
	}{
		{from: document, location: "/b", asked: "https://as.example/b"},
		{from: document, location: "b?c=d", asked: "https://as.example/a/b?c=d"},
		{from: document, location: "?c", asked: "https://as.example/a/doc?c"},
		{from: document, location: "//as.example/b", asked: "https://as.example/b"},
		{from: document, location: "https://as.example:443/b", asked: "https://as.example:443/b"},
		{from: document, location: "https://as.example:/b", asked: "https://as.example/b"},
		{from: document, location: "HTTPS://AS.EXAMPLE/b", asked: "https://AS.EXAMPLE/b"},
		{from: "https://as.example:443/", location: "https://as.example/b", asked: "https://as.example/b"},
		{from: "https://as.example:8443/", location: "https://as.example:8443/b", asked: "https://as.example:8443/b"},
		{from: "http://as.example/", location: "http://as.example:80/b", asked: "http://as.example:80/b"},
		{from: "http://as.example:80/", location: "http://as.example/b", asked: "http://as.example/b"},
		{from: "http://[::1]:8080/", location: "http://[::1]:8080/b", asked: "http://[::1]:8080/b"},

		{from: document, location: "https://evil.example/b", says: elsewhere + `"https://evil.example/b"`},
		{from: document, location: "//evil.example/b", says: elsewhere + `"https://evil.example/b"`},
		{from: document, location: "https://sub.as.example/b", says: elsewhere + `"https://sub.as.example/b"`},
		{from: document, location: "https://as.example:8443/b", says: elsewhere + `"https://as.example:8443/b"`},
		{from: document, location: "https://as.example:80/b", says: elsewhere + `"https://as.example:80/b"`},
		{from: document, location: "http://as.example/b", says: elsewhere + `"http://as.example/b"`},
		{from: document, location: "http://as.example:443/b", says: elsewhere + `"http://as.example:443/b"`},
		{from: document, location: "file:///etc/passwd", says: elsewhere + `"file:///etc/passwd"`},
		{from: document, location: "https://u:p@as.example/b", says: elsewhere + `"https://u:xxxxx@as.example/b"`},
		{from: document, location: "https://as.example@evil.example/", says: elsewhere + `"https://as.example@evil.example/"`},
		{from: "http://as.example/", location: "https://as.example/b", says: elsewhere + `"https://as.example/b"`},
		{from: "http://as.example/", location: "https://as.example:80/b", says: elsewhere + `"https://as.example:80/b"`},
		{from: "http://as.example/", location: "http://as.example:443/b", says: elsewhere + `"http://as.example:443/b"`},
		{
			from:     document,
			location: "https://evil.example/" + strings.Repeat("b", 57),
			says:     elsewhere + `"https://evil.example/` + strings.Repeat("b", 57) + `"`, // 80 bytes, quoted
		},
		{
			from:     document,
			location: "https://evil.example/" + strings.Repeat("b", 58),
			says:     elsewhere + `"https://evil.example/` + strings.Repeat("b", 54) + `..."`,
		},
		{from: document, location: "", says: "redirect to nowhere"},
		{from: document, location: "https://as.example:x/", says: "redirect to nowhere"},
		{from: document, location: "https://%zz/", says: "redirect to nowhere"},
	} {
		server := &replier{answers: []*http.Response{reply(302, "Location", row.location), reply(200)}}
		_, _, failed := New(&http.Client{Transport: server}).Get(t.Context(), row.from)
		if row.asked == "" {
			requireFailure(t, Failure{StatusCode: 302}, row.says, failed)
			require.Len(t, server.asked, 1)
			continue
		}
		require.Nil(t, failed, "%+v", row)
		require.Len(t, server.asked, 2)
		require.Equal(t, row.asked, server.asked[1].URL.String())
	}
}

func TestTransportThatBreaks(t *testing.T) {
	breaks := func(f func()) *http.Client {
		return &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			f()
			return nil, nil
		})}
	}
	for name, row := range map[string]struct {
		client *http.Client
		says   string
	}{
		"panic":            {breaks(func() { panic("one\ntwo") }), `panic: one\ntwo`},
		"panic of an err":  {breaks(func() { panic(errors.New("broken")) }), "panic: broken"},
		"a long panic":     {breaks(func() { panic(strings.Repeat("x", 256)) }), "panic: " + strings.Repeat("x", 256)},
		"a longer panic":   {breaks(func() { panic(strings.Repeat("x", 257)) }), "panic: " + strings.Repeat("x", 253) + "..."},
		"Goexit":           {breaks(runtime.Goexit), "the HTTP client ended the goroutine"},
		"neither response": {breaks(func() {}), "panic: runtime error: invalid memory address or nil pointer dereference"},
	} {
		t.Run(name, func(t *testing.T) {
			got, header, failed := New(row.client).Get(t.Context(), document)
			require.Nil(t, got)
			require.Nil(t, header)
			requireFailure(t, Failure{NoAnswer: true}, row.says, failed)
		})
	}
}

// Get ends in time though the transport ignores the context, and says the same as if
// it had obeyed.
func TestGetInTime(t *testing.T) {
	const (
		late    = "context deadline exceeded"
		lateGet = `GET "` + document + `": ` + late
	)
	for name, row := range map[string]struct {
		answer func(r *http.Request, release chan struct{}) (*http.Response, error)
		want   Failure // without Err
		says   string
	}{
		"no answer, obeys": {
			answer: func(r *http.Request, _ chan struct{}) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
			want: Failure{NoAnswer: true},
			says: lateGet,
		},
		"no answer": {
			answer: func(_ *http.Request, release chan struct{}) (*http.Response, error) {
				<-release
				return reply(200), nil
			},
			want: Failure{NoAnswer: true},
			says: lateGet,
		},
		"a redirect that comes too late": {
			answer: func(_ *http.Request, release chan struct{}) (*http.Response, error) {
				<-release
				return reply(302, "Location", "/b"), nil
			},
			want: Failure{NoAnswer: true},
			says: lateGet,
		},
		"half a body, obeys": {
			answer: func(r *http.Request, _ chan struct{}) (*http.Response, error) {
				answer := reply(200)
				answer.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
					<-r.Context().Done()
					return 0, r.Context().Err()
				}))
				return answer, nil
			},
			want: Failure{StatusCode: 200, NoAnswer: true},
			says: late,
		},
		"half a body": {
			answer: func(_ *http.Request, release chan struct{}) (*http.Response, error) {
				answer := reply(200)
				answer.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
					<-release
					return 0, io.EOF
				}))
				return answer, nil
			},
			want: Failure{StatusCode: 200, NoAnswer: true},
			says: late,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				asked := 0
				client := New(&http.Client{Timeout: 3 * time.Second, Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					asked++
					return row.answer(r, release)
				})})
				began := time.Now()
				got, _, failed := client.Get(t.Context(), document)
				require.Equal(t, 3*time.Second, time.Since(began))
				require.Nil(t, got)
				require.ErrorIs(t, failed.Err, context.DeadlineExceeded)
				requireFailure(t, row.want, row.says, failed)
				close(release)
				synctest.Wait()
				require.Equal(t, 1, asked)
			})
		})
	}
}

// The caller's context ends a Get before its time, or keeps it from beginning.
func TestGetIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		client := New(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		_, _, failed := client.Get(ctx, document)
		require.Equal(t, time.Second, time.Since(began))
		requireFailure(t, Failure{NoAnswer: true}, `GET "`+document+`": context canceled`, failed)
		synctest.Wait() // the transport's goroutine may end later
		require.Equal(t, 1, asked)

		_, _, failed = client.Get(ctx, document)
		requireFailure(t, Failure{NoAnswer: true}, `GET "`+document+`": context canceled`, failed)
		_, _, failed = (&exchange{client: client}).get(ctx, document) // what the other goroutine does
		requireFailure(t, Failure{NoAnswer: true}, `GET "`+document+`": context canceled`, failed)
		synctest.Wait()
		require.Equal(t, 1, asked)
	})
}

// A body is not read on when the time is over, whatever it still brings.
func TestBodyIsReadNoLongerThanItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, first := range []time.Duration{0, 10 * time.Second} { // the answer itself may be late
			reads := 0
			client := New(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				time.Sleep(first)
				answer := reply(200)
				answer.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
					time.Sleep(2 * time.Second)
					reads++
					p[0] = 'x'
					return 1, nil
				}))
				return answer, nil
			})}) // 5 seconds
			got, failed := client.Send(post(t, document))
			require.Nil(t, got)
			require.Equal(t, context.DeadlineExceeded, failed.Err)
			requireFailure(t, Failure{StatusCode: 200, NoAnswer: true}, "context deadline exceeded", failed)
			if first == 0 {
				require.Equal(t, 3, reads)
			} else {
				require.Zero(t, reads)
			}
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNew(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{
		-time.Second:       5 * time.Second,
		0:                  5 * time.Second,
		1:                  1,
		time.Second:        time.Second,
		30 * time.Second:   30 * time.Second,
		30*time.Second + 1: 30 * time.Second,
		time.Hour:          30 * time.Second,
	} {
		for _, transport := range []http.RoundTripper{nil, roundTripper(nil)} {
			client := New(&http.Client{Timeout: given, Transport: transport})
			require.Equal(t, want, client.Timeout(), "%v", given)
			own, ok := client.transport.(*ownTransport)
			require.Equal(t, transport == nil, ok)
			if ok {
				require.Equal(t, want, own.TLSHandshakeTimeout)
			}
		}
	}
	require.Equal(t, 5*time.Second, New(nil).Timeout())
	require.IsType(t, &ownTransport{}, New(nil).transport)
}

// An embedder's transport is used as it is, and its connections stay.
func TestTransportOfTheEmbedder(t *testing.T) {
	given := &closer{}
	for _, made := range []*Client{New(&http.Client{Transport: given}), NewKeepAlive(&http.Client{Transport: given})} {
		require.Same(t, given, made.transport)
		made.CloseIdleConnections()
	}
	require.False(t, given.closed)
}

type closer struct {
	http.RoundTripper
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

// The own transport reads header sections of 64 KiB.
func TestHeaderLimit(t *testing.T) {
	const begin, end = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ", "\r\n\r\n"
	for _, size := range []int{64 << 10, 64<<10 + 1} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, begin+strings.Repeat("x", size-len(begin+end))+end)
				conn.Close()
			}
		}))
		client := New(nil)
		_, header, failed := client.Get(t.Context(), server.URL)
		if size == 64<<10 {
			require.Nil(t, failed)
			require.Len(t, header.Get("X"), size-len(begin+end))
		} else {
			requireFailure(t, Failure{NoAnswer: true}, `GET "`+server.URL+`": server response headers exceeded`, failed)
			require.ErrorAs(t, failed.Err, new(*url.Error))
		}
		client.CloseIdleConnections()
		server.Close()
	}
}
