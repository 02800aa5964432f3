package outage_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A socketServer is an issuer behind a real socket, with faults that only a
// socket has.
type socketServer struct {
	issuer *jwtverifiertest.Issuer
	close  func() // returns when no handler runs any more

	mu     sync.Mutex                  // guards faults
	faults map[string]http.HandlerFunc // by path
}

func (s *socketServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	fault := s.faults[r.URL.Path]
	s.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	s.issuer.ServeHTTP(w, r)
}

func newSocketServer(t *testing.T) *socketServer {
	server := httptest.NewUnstartedServer(nil)
	s := &socketServer{
		issuer: jwtverifiertest.New("http://" + server.Listener.Addr().String() + "/tenant"),
		close:  server.Close,
		faults: map[string]http.HandlerFunc{},
	}
	server.Config.Handler = s
	server.Start()
	t.Cleanup(server.Close)
	return s
}

func (s *socketServer) fail(path string, fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[path] = fault
}

func (s *socketServer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

// raw answers with these bytes instead of an HTTP answer, and then closes.
func raw(answer string, reset bool) http.HandlerFunc {
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

// endless sends filler until the client has had enough.
func endless(encoding, length string, filler []byte, sent *int64) http.HandlerFunc {
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

// packed answers with these bytes, which it says are gzip.
func packed(body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body)
	}
}

func gzipped(t *testing.T, plain []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

// A socketFault is an answer that only a server behind a socket can give.
type socketFault struct {
	name    string
	kind    kind
	raw     func(document string) string // what is sent instead of an HTTP answer
	reset   bool                         // the connection, when that has been sent
	handler func(document []byte, sent *int64) http.HandlerFunc
	most    int64 // bytes that the server may get rid of; the kernel's buffers take some of them
}

func (f socketFault) serve(document []byte, sent *int64) http.HandlerFunc {
	if f.raw != nil {
		return raw(f.raw(string(document)), f.reset)
	}
	return f.handler(document, sent)
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// socketFaults returns the rows of TestSocketFaults.
func socketFaults(t *testing.T) []socketFault {
	mebibyte := make([]byte, 1<<20)
	bomb := bytes.Repeat(gzipped(t, bytes.Repeat([]byte{' '}, 1<<20)), 256) // members can follow one another
	announced := func(document string, more int) string {
		return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(document)+more, document)
	}
	return []socketFault{
		{
			name:    "gzip bomb",
			kind:    worthless,
			handler: func(_ []byte, sent *int64) http.HandlerFunc { return endless("gzip", "", bomb, sent) },
			most:    16 << 20,
		},
		{
			name: "gzip bomb behind a good document",
			kind: worthless,
			handler: func(document []byte, sent *int64) http.HandlerFunc {
				return endless("gzip", "", append(gzipped(t, document), bomb...), sent)
			},
			most: 16 << 20,
		},
		{
			name:    "endless, chunked",
			kind:    worthless,
			handler: func(_ []byte, sent *int64) http.HandlerFunc { return endless("", "", mebibyte, sent) },
			most:    32 << 20,
		},
		{
			name:    "oversize, announced",
			kind:    worthless,
			handler: func(_ []byte, sent *int64) http.HandlerFunc { return endless("", "1073741824", mebibyte, sent) },
			most:    32 << 20,
		},
		{
			name:    "not gzip",
			kind:    noAnswer,
			handler: func(document []byte, _ *int64) http.HandlerFunc { return packed(document) },
		},
		{
			name: "gzip cut off",
			kind: noAnswer,
			handler: func(document []byte, _ *int64) http.HandlerFunc {
				whole := gzipped(t, document)
				return packed(whole[:len(whole)-10])
			},
		},
		{
			name:  "reset mid-body",
			kind:  noAnswer,
			raw:   func(d string) string { return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(d), d[:20]) },
			reset: true,
		},
		{
			name: "announced longer than it is",
			kind: noAnswer,
			raw:  func(d string) string { return announced(d, 1) },
		},
		{
			name: "announced shorter than it is",
			kind: worthless,
			raw:  func(d string) string { return announced(d, -1) },
		},
		{
			name: "two lengths",
			kind: noAnswer,
			raw: func(d string) string {
				return fmt.Sprintf("%sContent-Length: 5\r\nContent-Length: %d\r\n\r\n%s", head, len(d), d)
			},
		},
		{
			name: "negative length",
			kind: noAnswer,
			raw:  func(d string) string { return head + "Content-Length: -1\r\n\r\n" + d },
		},
		{
			name: "malformed chunks",
			kind: noAnswer,
			raw:  func(d string) string { return head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + d },
		},
		{
			name: "no end of chunks",
			kind: noAnswer,
			raw: func(d string) string {
				return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", head, len(d), d)
			},
		},
		{
			name: "nothing",
			kind: noAnswer,
			raw:  func(string) string { return "" },
		},
		{
			name: "headers only",
			kind: noAnswer,
			raw:  func(string) string { return head },
		},
		{
			name: "HTTP/0.9",
			kind: noAnswer,
			raw:  func(d string) string { return d },
		},
		{
			name: "headers without end",
			kind: noAnswer,
			raw:  func(string) string { return head + "X-Filler: " + strings.Repeat("x", 1<<20) },
		},
	}
}

// TestSocketFaults has the faults that need a real socket.
func TestSocketFaults(t *testing.T) {
	log.SetOutput(io.Discard) // net/http remarks on what some of these servers send
	defer log.SetOutput(os.Stderr)
	var recoveries []func()
	for _, fault := range socketFaults(t) {
		for _, keys := range []bool{false, true} {
			for _, warm := range []bool{false, true} {
				name := fmt.Sprintf("%s, of the keys %t, warm %t", fault.name, keys, warm)
				s := newSocketServer(t)
				v, err := jwtverifier.New(s.issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
				require.NoError(t, err)
				token := s.issuer.AccessToken()
				var sent int64 // by the first request

				t.Run(name, func(t *testing.T) {
					if warm {
						require.NoError(t, v.Prefetch(t.Context()))
					}
					if keys {
						s.fail(s.issuer.JWKSPath(), fault.serve(s.issuer.JWKS(), &sent))
					} else {
						document := []byte(testkit.Metadata(s.issuer.URL(), s.issuer.JWKSURL()))
						for _, path := range s.issuer.MetadataPaths() {
							s.fail(path, fault.serve(document, new(int64)))
						}
						s.fail(s.issuer.MetadataPaths()[0], fault.serve(document, &sent))
					}
					read := s.issuer.Requests(s.issuer.JWKSPath())
					began := time.Now()
					err := v.Refresh(t.Context())
					if warm && !keys && fault.kind == noAnswer { // of the winner: the last known jwks_uri is read
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
	time.Sleep(testkit.ForcedPause) // or each recovery would wait for it
	for _, recovery := range recoveries {
		recovery()
	}
}

// What is compressed, but good, is accepted.
func TestGoodGzip(t *testing.T) {
	s := newSocketServer(t)
	asked := func(document []byte) http.HandlerFunc {
		answer := packed(gzipped(t, document))
		return func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
			answer(w, r)
		}
	}
	s.fail(s.issuer.JWKSPath(), asked(s.issuer.JWKS()))
	s.fail(s.issuer.MetadataPaths()[0], asked([]byte(testkit.Metadata(s.issuer.URL(), s.issuer.JWKSURL()))))
	v, err := jwtverifier.New(s.issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), s.issuer.AccessToken())
	require.NoError(t, err)
}
