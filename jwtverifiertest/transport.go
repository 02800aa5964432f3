package jwtverifiertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Start returns an issuer behind a real http server, on a port of 127.0.0.1
// that was free. Close it after use.
//
// The path is the issuer's: "" or, say, "/oauth2/default". A trailing slash
// stays in the issuer identifier.
func Start(path string) (*Issuer, error) { return start("http", path) }

// StartTLS is [Start] over https. The certificate is self-signed; the clients
// that [Issuer.Client] returns trust it, no others do.
func StartTLS(path string) (*Issuer, error) { return start("https", path) }

func start(scheme, path string) (*Issuer, error) {
	if path != "" && !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("jwtverifiertest: the issuer's path %q does not begin with a slash", path)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("jwtverifiertest: %w", err)
	}
	i, err := newIssuer(scheme + "://" + listener.Addr().String() + path)
	if err != nil {
		_ = listener.Close()
		return nil, err
	}
	// Clients that do not trust the certificate are part of a test.
	silent := log.New(io.Discard, "", 0)
	i.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: i, ErrorLog: silent}}
	if scheme == "https" {
		i.server.StartTLS()
	} else {
		i.server.Start()
	}
	return i, nil
}

// Client returns a new HTTP client that reaches this issuer.
//
// The client of an issuer in memory reaches nothing else: a request to another
// scheme, host or port fails. It decompresses nothing and holds no connection;
// otherwise its responses are as a socket's. The client of a real server is
// an ordinary one without a proxy, which trusts the server's certificate.
func (i *Issuer) Client() *http.Client {
	if i.server == nil {
		return &http.Client{Transport: &memory{i}}
	}
	transport := &http.Transport{}
	if cert := i.server.Certificate(); cert != nil {
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport}
}

// ServeHTTP answers as the issuer's server does, faults included, so that an
// issuer of [New] can be served by a test's own server, whose URL it must be
// given. It expects the whole path of the request, and panics with
// [http.ErrAbortHandler] to break a connection.
//
//	server := httptest.NewUnstartedServer(nil)
//	issuer := jwtverifiertest.New("http://" + server.Listener.Addr().String())
//	server.Config.Handler = issuer
//	server.Start()
//	defer server.Close()
//	defer issuer.Close() // first: no answer may hang when the server closes
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := i.answer(r)
	defer i.forget(a)
	if a.down {
		reset(w)
		return
	}
	if a.wait(r.Context()) != nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header() {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // fails if the client has gone, or for HEAD
	if a.Hang == NoHang {
		return
	}
	_ = http.NewResponseController(w).Flush()
	if a.Hang == HangBody {
		_ = a.hang(r.Context())
	}
	panic(http.ErrAbortHandler)
}

// reset closes the connection without an answer, with a TCP reset if it can.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = conn.Close()
}

// header returns the header as it is sent.
func (a answer) header() http.Header {
	header := a.Header.Clone()
	if length := a.length(); length >= 0 {
		header.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	return header
}

// length is the announced length of the body, −1 if none is announced.
func (a answer) length() int64 {
	switch {
	case a.Status == http.StatusNoContent, a.Status == http.StatusNotModified, a.Hang == HangBody:
		return -1
	case a.Hang == CutBody:
		return int64(len(a.Body)) + 1
	default:
		return int64(len(a.Body))
	}
}

// memory is the way to an issuer without a socket. It runs in the caller's
// goroutine only.
type memory struct{ issuer *Issuer }

// RoundTrip implements [http.RoundTripper].
func (m *memory) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	ctx := r.Context()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if origin(r.URL) != m.issuer.origin {
		return nil, fmt.Errorf("jwtverifiertest: %q is not the issuer's host: this client reaches %s alone", r.URL.Host, m.issuer.origin)
	}
	a := m.issuer.answer(r)
	if a.down {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	if err := a.wait(ctx); err != nil {
		m.issuer.forget(a)
		return nil, err
	}

	header := a.header()
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	resp := &http.Response{
		Status:        fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)),
		StatusCode:    a.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          http.NoBody,
		ContentLength: a.length(),
		Request:       r,
	}
	switch {
	case a.Status == http.StatusNoContent || a.Status == http.StatusNotModified:
		resp.ContentLength = 0
		m.issuer.forget(a)
	case r.Method == http.MethodHead:
		m.issuer.forget(a)
	default:
		if a.Hang != HangBody {
			m.issuer.forget(a) // it waits no more
		}
		resp.Body = &body{ctx: ctx, issuer: m.issuer, answer: a, closed: make(chan struct{})}
	}
	return resp, nil
}

// A body is the body of a response in memory.
type body struct {
	ctx       context.Context
	issuer    *Issuer
	answer    answer
	sent      int // how much of answer.Body has been read; for Read only
	closeOnce sync.Once
	closed    chan struct{}
}

func (b *body) Read(p []byte) (int, error) {
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return 0, context.Cause(b.ctx)
	default:
	}
	if b.sent < len(b.answer.Body) {
		n := copy(p, b.answer.Body[b.sent:])
		b.sent += n
		return n, nil
	}
	switch b.answer.Hang {
	case HangBody:
		select {
		case <-b.closed:
			return 0, http.ErrBodyReadAfterClose
		case <-b.ctx.Done():
			b.issuer.forget(b.answer) // not every client closes it now
			return 0, context.Cause(b.ctx)
		case <-b.answer.ended:
			return 0, io.ErrUnexpectedEOF
		}
	case CutBody:
		return 0, io.ErrUnexpectedEOF
	default:
		return 0, io.EOF
	}
}

// Close ends a Read that hangs.
func (b *body) Close() error {
	b.closeOnce.Do(func() {
		close(b.closed)
		b.issuer.forget(b.answer)
	})
	return nil
}
