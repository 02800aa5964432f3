package jwtverifier_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A matrixKind is what an answer says about a document.
type matrixKind int

const (
	matrixNoAnswer  matrixKind = iota // nothing came, or a 200 whose body did not come whole
	matrixBusy                        // 429 or 5xx
	matrixWorthless                   // any other answer
)

// A matrixFault is a way in which a request for a document fails.
type matrixFault struct {
	name       string
	answer     func(document string) testkit.Answer
	kind       matrixKind
	takes      time.Duration // until the client knows
	retryAfter time.Duration // what the answer asks for
}

// matrixBody answers 200 with this body.
func matrixBody(body func(ctx context.Context, document string) io.Reader) func(string) testkit.Answer {
	return func(document string) testkit.Answer {
		return testkit.Body(func(ctx context.Context) io.Reader { return body(ctx, document) })
	}
}

func matrixAnswer(answer testkit.Answer) func(string) testkit.Answer {
	return func(string) testkit.Answer { return answer }
}

func matrixHalf(document string) string { return document[:len(document)/2] }

var matrixReset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

var matrixFaults = []matrixFault{
	{name: "refused", kind: matrixNoAnswer, answer: matrixAnswer(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	})},
	{name: "reset mid-body", kind: matrixNoAnswer, answer: matrixBody(func(_ context.Context, document string) io.Reader {
		return io.MultiReader(strings.NewReader(matrixHalf(document)), testkit.ReaderFunc(func([]byte) (int, error) { return 0, matrixReset }))
	})},
	{name: "ends early", kind: matrixNoAnswer, answer: matrixBody(func(_ context.Context, document string) io.Reader {
		return io.MultiReader(strings.NewReader(matrixHalf(document)), iotest.ErrReader(io.ErrUnexpectedEOF))
	})},
	{name: "hang before headers", kind: matrixNoAnswer, takes: testkit.DocumentTimeout, answer: matrixAnswer(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})},
	{name: "hang in the body", kind: matrixNoAnswer, takes: testkit.DocumentTimeout, answer: matrixBody(func(ctx context.Context, document string) io.Reader {
		return io.MultiReader(strings.NewReader(matrixHalf(document)), testkit.ReaderFunc(func([]byte) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}))
	})},
	{name: "drip", kind: matrixNoAnswer, takes: testkit.DocumentTimeout, answer: matrixBody(func(ctx context.Context, _ string) io.Reader {
		return testkit.ReaderFunc(func(p []byte) (int, error) {
			select {
			case <-time.After(50 * time.Millisecond):
				p[0] = ' '
				return 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		})
	})},
	{name: "404", kind: matrixWorthless, answer: matrixAnswer(testkit.Text(404, "not found"))},
	{name: "404 with a good document", kind: matrixWorthless, answer: func(document string) testkit.Answer { return testkit.Text(404, document) }},
	{name: "429 with Retry-After", kind: matrixBusy, retryAfter: 2 * time.Minute, answer: matrixAnswer(func(r *http.Request) (*http.Response, error) {
		resp, err := testkit.Text(429, "slow down")(r)
		resp.Header.Set("Retry-After", "120")
		return resp, err
	})},
	{name: "500", kind: matrixBusy, answer: matrixAnswer(testkit.Text(500, "oops"))},
	{name: "500 with a good document", kind: matrixBusy, answer: func(document string) testkit.Answer { return testkit.Text(500, document) }},
	{name: "503", kind: matrixBusy, answer: matrixAnswer(testkit.Text(503, ""))},
	{name: "HTML", kind: matrixWorthless, answer: matrixAnswer(testkit.Text(200, "<!doctype html><title>Log in</title>"))},
	{name: "empty set", kind: matrixWorthless, answer: matrixAnswer(testkit.Text(200, `{"keys":[]}`))},
	{name: "truncated", kind: matrixWorthless, answer: func(document string) testkit.Answer { return testkit.Text(200, matrixHalf(document)) }},
	{name: "oversize", kind: matrixWorthless, answer: func(document string) testkit.Answer {
		return testkit.Text(200, document+strings.Repeat(" ", 1<<20))
	}},
	{name: "gzip bomb", kind: matrixWorthless, answer: matrixBody(func(context.Context, string) io.Reader {
		return testkit.ReaderFunc(func(p []byte) (int, error) { clear(p); return len(p), nil }) // as a transport hands it on
	})},
	{name: "redirect elsewhere", kind: matrixWorthless, answer: matrixAnswer(testkit.Redirect(302, "https://evil.example/doc"))},
	{name: "wrong issuer", kind: matrixWorthless, answer: matrixAnswer(testkit.Text(200, testkit.Metadata("https://evil.example", "https://evil.example/keys")))},
}

// A matrixPlace is which documents have the fault.
type matrixPlace struct {
	name           string
	metadata, keys bool
}

var matrixPlaces = []matrixPlace{{"metadata", true, false}, {"keys", false, true}, {"both", true, true}}

// A matrixState is how old the held keys are.
type matrixState string

const (
	matrixCold    matrixState = "cold"
	matrixFresh   matrixState = "fresh"
	matrixAhead   matrixState = "in refresh-ahead"
	matrixPast    matrixState = "past the interval"
	matrixExpired matrixState = "past max stale"
)

var matrixStates = []matrixState{matrixCold, matrixFresh, matrixAhead, matrixPast, matrixExpired}

// A matrixCell is what is expected of one call.
type matrixCell struct {
	want           error
	waits          time.Duration
	metadata, keys int  // requests
	failed         bool // an attempt has failed
	succeeded      bool // an attempt has succeeded
}

// matrixExpected derives a cell from the policy.
func matrixExpected(place matrixPlace, f matrixFault, state matrixState, unknownKid bool) matrixCell {
	if state == matrixFresh && !unknownKid {
		return matrixCell{}
	}

	// What the attempt comes to.
	var (
		cell  matrixCell
		takes time.Duration
	)
	found := true // where the keys are is known
	cell.metadata = 1
	if place.metadata {
		takes = f.takes
		switch winner := state != matrixCold; {
		case winner && f.kind != matrixWorthless: // the last known jwks_uri is read at once
		case f.kind == matrixNoAnswer: // ends the attempt
			found = false
		default: // the other places are asked, which are no better
			found, cell.metadata = false, 3
		}
	}
	if found {
		cell.keys = 1
		if place.keys {
			takes += f.takes
		}
	}
	cell.succeeded = found && !place.keys
	cell.failed = !cell.succeeded

	// What the caller sees of it.
	switch {
	case unknownKid, state == matrixCold, state == matrixExpired:
		cell.waits = takes
		if cell.failed {
			cell.want = jwtverifier.ErrUnavailable
		}
	case state == matrixPast:
		cell.waits = min(takes, testkit.MaxWait)
	}
	return cell
}

// TestFailureMatrix is every fault of each document, in every state of the keys,
// for a token by a held key and for one by a key that the server published since.
func TestFailureMatrix(t *testing.T) {
	for _, place := range matrixPlaces {
		for _, fault := range matrixFaults {
			for _, state := range matrixStates {
				for _, unknownKid := range []bool{false, true} {
					kid := "known kid"
					if unknownKid {
						kid = "unknown kid"
					}
					t.Run(fmt.Sprintf("%s/%s/%s/%s", place.name, fault.name, state, kid), func(t *testing.T) {
						testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
							testMatrixCell(t, b, place, fault, state, unknownKid)
						})
					})
				}
			}
		}
	}
}

func testMatrixCell(t *testing.T, b *testkit.Bench, place matrixPlace, fault matrixFault, state matrixState, unknownKid bool) {
	if state != matrixCold {
		b.Warm()
	}
	switch state {
	case matrixFresh:
		time.Sleep(time.Minute)
	case matrixAhead:
		time.Sleep(time.Until(b.Verifier.Status().NextRefresh) + testkit.Tick)
	case matrixPast:
		time.Sleep(testkit.Interval + testkit.Tick)
	case matrixExpired:
		time.Sleep(testkit.Interval + testkit.MaxStale + testkit.Tick)
	}
	held := b.Verifier.Status().KeyIDs
	b.Issuer.PublishKey()
	known, unknown := b.Token("key-1"), b.Token("key-2")
	token := known
	if unknownKid {
		token = unknown
	}
	if place.metadata {
		document := testkit.Metadata(testkit.Issuer, testkit.KeysURL)
		for _, path := range b.Issuer.MetadataPaths() {
			b.Transport.Answer(path, fault.answer(document))
		}
	}
	if place.keys {
		b.Transport.Answer(testkit.KeysPath, fault.answer(string(b.Issuer.JWKS())))
	}
	cell := matrixExpected(place, fault, state, unknownKid)

	waited, err := b.Verify(t.Context(), token)
	testkit.Outcome(t, cell.want, err)
	require.Equal(t, cell.waits, waited, "the caller waited")
	if cell.want != nil {
		wait := testkit.RetryAfter(t, err)
		if fault.retryAfter != 0 {
			require.Equal(t, fault.retryAfter, wait)
		} else {
			require.GreaterOrEqual(t, wait, time.Second/2)
			require.LessOrEqual(t, wait, time.Second)
		}
	}

	// Once more: the same answer, at once, and no more requests than the attempt makes.
	waited, again := b.Verify(t.Context(), token)
	testkit.Outcome(t, cell.want, again)
	require.Zero(t, waited)

	time.Sleep(2*testkit.DocumentTimeout + testkit.Tick) // the attempt has ended
	synctest.Wait()
	asked := b.Transport.Take()
	metadata, keys := testkit.Count(asked)
	require.Equal(t, [2]int{cell.metadata, cell.keys}, [2]int{metadata, keys}, "requests for metadata and keys: %q", asked)
	for _, path := range asked {
		require.True(t, strings.HasPrefix(path, "/"), "asked another server: %s", path)
	}
	status := b.Verifier.Status()
	require.Equal(t, cell.failed, status.Failures == 1)
	require.Equal(t, cell.failed, status.Failures != 0)
	switch {
	case cell.succeeded:
		require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
		require.True(t, status.Ready())
	default:
		require.Equal(t, held, status.KeyIDs, "a failed answer replaces nothing")
	}

	// Full recovery: one attempt, if one is due at all.
	b.Transport.Reset()
	time.Sleep(2 * time.Minute)
	b.Accepts(unknown)
	b.Accepts(known)
	if cell.succeeded {
		b.Asked(0, 0)
	} else {
		b.Asked(1, 1)
	}
	status = b.Verifier.Status()
	require.Equal(t, jwtverifier.StateFresh, status.State)
	require.Zero(t, status.Failures)
	require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
}

// A matrixServer is an issuer behind a real socket, with faults that only a
// socket has.
type matrixServer struct {
	issuer *jwtverifiertest.Issuer
	close  func() // returns when no handler runs any more

	mu     sync.Mutex                  // guards faults
	faults map[string]http.HandlerFunc // by path
}

func (s *matrixServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.faults[r.URL.Path]
	s.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	s.issuer.ServeHTTP(w, r)
}

func newMatrixServer(t *testing.T) *matrixServer {
	server := httptest.NewUnstartedServer(nil)
	s := &matrixServer{
		issuer: jwtverifiertest.New("http://" + server.Listener.Addr().String() + "/tenant"),
		close:  server.Close,
		faults: map[string]http.HandlerFunc{},
	}
	server.Config.Handler = s
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func (s *matrixServer) fail(path string, fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[path] = fault
}

func (s *matrixServer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

// matrixRaw answers with these bytes instead of an HTTP answer, and then closes.
func matrixRaw(answer string, reset bool) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(answer))
		if reset {
			time.Sleep(20 * time.Millisecond) // or else the answer is lost as well
			_ = conn.(*net.TCPConn).SetLinger(0)
		}
	}
}

// matrixEndless sends filler until the client has had enough.
func matrixEndless(encoding, length string, filler []byte, sent *int64) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		for range 1 << 10 {
			n, err := w.Write(filler)
			*sent += int64(n)
			if err != nil {
				return
			}
		}
	}
}

func matrixGzip(t *testing.T, plain []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

// TestFailureMatrixOverASocket has the cells that need a real one.
func TestFailureMatrixOverASocket(t *testing.T) {
	log.SetOutput(io.Discard) // net/http remarks on what some of these servers send
	defer log.SetOutput(os.Stderr)
	mebibyte := make([]byte, 1<<20)
	bomb := matrixGzip(t, bytes.Repeat([]byte{' '}, 1<<20)) // members can follow one another
	var recoveries []func()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

	for _, fault := range []struct {
		name    string
		kind    matrixKind
		handler func(document []byte, sent *int64) http.HandlerFunc
		most    int64 // bytes that the server may get rid of; the kernel's buffers take some of them
	}{
		{"gzip bomb", matrixWorthless, func(_ []byte, sent *int64) http.HandlerFunc {
			return matrixEndless("gzip", "", bytes.Repeat(bomb, 256), sent)
		}, 16 << 20},
		{"gzip bomb behind a good document", matrixWorthless, func(document []byte, sent *int64) http.HandlerFunc {
			return matrixEndless("gzip", "", append(matrixGzip(t, document), bytes.Repeat(bomb, 256)...), sent)
		}, 16 << 20},
		{"endless, chunked", matrixWorthless, func(_ []byte, sent *int64) http.HandlerFunc { return matrixEndless("", "", mebibyte, sent) }, 32 << 20},
		{"oversize, announced", matrixWorthless, func(_ []byte, sent *int64) http.HandlerFunc {
			return matrixEndless("", "1073741824", mebibyte, sent)
		}, 32 << 20},
		{"not gzip", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(document)
			}
		}, 0},
		{"gzip cut off", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				packed := matrixGzip(t, document)
				w.Header().Set("Content-Encoding", "gzip")
				_, _ = w.Write(packed[:len(packed)-10])
			}
		}, 0},
		{"reset mid-body", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(document), document[:20]), true)
		}, 0},
		{"announced longer than it is", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(document)+1, document), false)
		}, 0},
		{"announced shorter than it is", matrixWorthless, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(document)-1, document), false)
		}, 0},
		{"two lengths", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+fmt.Sprintf("Content-Length: 5\r\nContent-Length: %d\r\n\r\n%s", len(document), document), false)
		}, 0},
		{"negative length", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+"Content-Length: -1\r\n\r\n"+string(document), false)
		}, 0},
		{"malformed chunks", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+"Transfer-Encoding: chunked\r\n\r\nzz\r\n"+string(document), false)
		}, 0},
		{"no end of chunks", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc {
			return matrixRaw(head+fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(document), document), false)
		}, 0},
		{"nothing", matrixNoAnswer, func([]byte, *int64) http.HandlerFunc { return matrixRaw("", false) }, 0},
		{"headers alone", matrixNoAnswer, func([]byte, *int64) http.HandlerFunc { return matrixRaw(head, false) }, 0},
		{"HTTP/0.9", matrixNoAnswer, func(document []byte, _ *int64) http.HandlerFunc { return matrixRaw(string(document), false) }, 0},
		{"headers without end", matrixNoAnswer, func([]byte, *int64) http.HandlerFunc {
			return matrixRaw(head+"X-Filler: "+strings.Repeat("x", 1<<20), false)
		}, 0},
	} {
		for _, keys := range []bool{false, true} {
			for _, warm := range []bool{false, true} {
				name := fmt.Sprintf("%s, of the keys %t, warm %t", fault.name, keys, warm)
				s := newMatrixServer(t)
				v, err := jwtverifier.New(s.issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
				require.NoError(t, err)
				token := s.issuer.AccessToken()
				var sent int64 // by the first request

				t.Run(name, func(t *testing.T) {
					if warm {
						require.NoError(t, v.Prefetch(t.Context()))
					}
					if keys {
						s.fail(s.issuer.JWKSPath(), fault.handler(s.issuer.JWKS(), &sent))
					} else {
						document := []byte(testkit.Metadata(s.issuer.URL(), s.issuer.JWKSURL()))
						for _, path := range s.issuer.MetadataPaths() {
							s.fail(path, fault.handler(document, new(int64)))
						}
						s.fail(s.issuer.MetadataPaths()[0], fault.handler(document, &sent))
					}
					read := s.issuer.Requests(s.issuer.JWKSPath())
					began := time.Now()
					err := v.Refresh(t.Context())
					if warm && !keys && fault.kind == matrixNoAnswer { // of the winner: the last known jwks_uri is read
						require.NoError(t, err)
						read++
						require.Error(t, v.Status().LastError)
					} else {
						testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					}
					require.Equal(t, read, s.issuer.Requests(s.issuer.JWKSPath()))
					// Endless answers are given up for their size, not for their time.
					require.Less(t, time.Since(began), testkit.DocumentTimeout)

					_, err = v.VerifyAccessToken(t.Context(), token)
					if warm {
						require.NoError(t, err)
					} else {
						testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					}
				})
				recoveries = append(recoveries, func() {
					t.Run("after "+name, func(t *testing.T) {
						s.reset()
						require.NoError(t, v.Refresh(t.Context()))
						_, err := v.VerifyAccessToken(t.Context(), token)
						require.NoError(t, err)
						s.close()
						if fault.most != 0 {
							require.LessOrEqual(t, sent, fault.most)
						}
					})
				})
			}
		}
	}
	time.Sleep(time.Second) // the longest back-off after one failure
	for _, recovery := range recoveries {
		recovery()
	}
}

// What is compressed, but good, is accepted.
func TestFailureMatrixGoodGzip(t *testing.T) {
	s := newMatrixServer(t)
	packed := func(document []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(matrixGzip(t, document))
		}
	}
	s.fail(s.issuer.JWKSPath(), packed(s.issuer.JWKS()))
	s.fail(s.issuer.MetadataPaths()[0], packed([]byte(testkit.Metadata(s.issuer.URL(), s.issuer.JWKSURL()))))
	v, err := jwtverifier.New(s.issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), s.issuer.AccessToken())
	require.NoError(t, err)
}
