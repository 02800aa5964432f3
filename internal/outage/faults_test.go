package outage_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing/iotest"
	"time"

	"example.com/jwtverifier/internal/testkit"
)

// A kind is what an answer says about a document.
type kind int

const (
	noAnswer  kind = iota // nothing came, or a 200 whose body did not come whole
	busy                  // 429 or 5xx
	worthless             // any other answer
)

// A fault is a way in which a request for a document fails. The answer may be made
// from the document that would have been right.
type fault struct {
	name       string
	kind       kind
	answer     func(document string) testkit.Answer
	takes      time.Duration // until the client knows
	retryAfter time.Duration // what the answer asks for
}

// faults are the rows of the matrix.
var faults = []fault{
	{
		name: "refused",
		kind: noAnswer,
		answer: always(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}),
	},
	{
		name: "reset mid-body",
		kind: noAnswer,
		answer: body(func(_ context.Context, document string) io.Reader {
			reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
			return io.MultiReader(strings.NewReader(half(document)), iotest.ErrReader(reset))
		}),
	},
	{
		name: "ends early",
		kind: noAnswer,
		answer: body(func(_ context.Context, document string) io.Reader {
			return io.MultiReader(strings.NewReader(half(document)), iotest.ErrReader(io.ErrUnexpectedEOF))
		}),
	},
	{
		name: "hang before headers",
		kind: noAnswer,
		answer: always(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}),
		takes: testkit.DocumentTimeout,
	},
	{
		name: "answers late, whatever its context",
		kind: noAnswer,
		answer: func(document string) testkit.Answer {
			return func(r *http.Request) (*http.Response, error) {
				time.Sleep(testkit.AttemptTimeout + time.Second)
				return testkit.Text(200, document)(r)
			}
		},
		takes: testkit.DocumentTimeout,
	},
	{
		name: "hang in the body",
		kind: noAnswer,
		answer: body(func(ctx context.Context, document string) io.Reader {
			return io.MultiReader(strings.NewReader(half(document)), testkit.ReaderFunc(func([]byte) (int, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			}))
		}),
		takes: testkit.DocumentTimeout,
	},
	{
		name: "drip",
		kind: noAnswer,
		answer: body(func(ctx context.Context, _ string) io.Reader {
			return testkit.ReaderFunc(func(p []byte) (int, error) {
				select {
				case <-time.After(50 * time.Millisecond):
					p[0] = ' '
					return 1, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			})
		}),
		takes: testkit.DocumentTimeout,
	},
	{
		name:   "404",
		kind:   worthless,
		answer: always(testkit.Text(404, "not found")),
	},
	{
		name:   "404 with a good document",
		kind:   worthless,
		answer: func(document string) testkit.Answer { return testkit.Text(404, document) },
	},
	{
		name: "429 with Retry-After",
		kind: busy,
		answer: always(func(r *http.Request) (*http.Response, error) {
			resp, err := testkit.Text(429, "slow down")(r)
			resp.Header.Set("Retry-After", "120")
			return resp, err
		}),
		retryAfter: 2 * time.Minute,
	},
	{
		name:   "500",
		kind:   busy,
		answer: always(testkit.Text(500, "oops")),
	},
	{
		name:   "500 with a good document",
		kind:   busy,
		answer: func(document string) testkit.Answer { return testkit.Text(500, document) },
	},
	{
		name:   "503",
		kind:   busy,
		answer: always(testkit.Text(503, "")),
	},
	{
		name:   "HTML",
		kind:   worthless,
		answer: always(testkit.Text(200, "<!doctype html><title>Log in</title>")),
	},
	{
		name:   "empty set",
		kind:   worthless,
		answer: always(testkit.Text(200, `{"keys":[]}`)),
	},
	{
		name:   "truncated",
		kind:   worthless,
		answer: func(document string) testkit.Answer { return testkit.Text(200, half(document)) },
	},
	{
		name: "oversize",
		kind: worthless,
		answer: func(document string) testkit.Answer {
			return testkit.Text(200, document+strings.Repeat(" ", 1<<20))
		},
	},
	{
		name: "gzip bomb",
		kind: worthless,
		answer: body(func(context.Context, string) io.Reader {
			return testkit.ReaderFunc(func(p []byte) (int, error) { clear(p); return len(p), nil }) // as a transport hands it on
		}),
	},
	{
		name:   "redirect elsewhere",
		kind:   worthless,
		answer: always(testkit.Redirect(302, "https://evil.example/doc")),
	},
	{
		name:   "wrong issuer",
		kind:   worthless,
		answer: always(testkit.Text(200, testkit.Metadata("https://evil.example", "https://evil.example/keys"))),
	},
}

// always is the answer whatever the document.
func always(answer testkit.Answer) func(string) testkit.Answer {
	return func(string) testkit.Answer { return answer }
}

// body answers 200 with a body made from the document.
func body(of func(ctx context.Context, document string) io.Reader) func(string) testkit.Answer {
	return func(document string) testkit.Answer {
		return testkit.Body(func(ctx context.Context) io.Reader { return of(ctx, document) })
	}
}

func half(document string) string { return document[:len(document)/2] }
