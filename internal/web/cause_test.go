package web

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// printed returns err, and all that it wraps, in all the ways of printing it.
func printed(err error) string {
	text := fmt.Sprintf("%v\n%+v\n%#v\n%q\n%s\n", err, err, err, err, err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			text += printed(inner)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			text += printed(inner)
		}
	}
	return text
}

const repeated = "T0KEN"

// Answers that net/http repeats, in part, in its errors.
func TestNoAnswerIsRepeated(t *testing.T) {
	const (
		secret = repeated + `"\` + "\xc3\xa9\xff" + repeated
		ok     = "HTTP/1.1 200 OK\r\n"
	)
	for name, row := range map[string]struct {
		answer string
		says   string
	}{
		"no HTTP":                 {secret + "\r\n\r\n", "malformed HTTP response"},
		"status":                  {"HTTP/1.1 " + secret + "\r\n\r\n", "malformed HTTP status code"},
		"version":                 {"HTTP/" + secret + " 200 OK\r\n\r\n", "malformed HTTP version"},
		"header without colon":    {ok + secret + "\r\n\r\n", "malformed MIME header"},
		"header after a space":    {ok + " " + secret + "\r\n\r\n", "malformed MIME header"},
		"header that is too long": {ok + "X: " + strings.Repeat(repeated, 20_000) + "\r\n\r\n", "server response headers exceeded"},
		"length":                  {ok + "Content-Length: " + secret + "\r\n\r\n", "withheld"},
		"two lengths":             {ok + "Content-Length: 1\r\nContent-Length: " + repeated + "\r\n\r\n", "withheld"},
		"encoding":                {ok + "Transfer-Encoding: " + secret + "\r\n\r\n", "withheld"},
		"trailer":                 {ok + "Transfer-Encoding: chunked\r\nTrailer: Content-Length, " + secret + "\r\n\r\n0\r\n\r\n", "withheld"},
		"chunk":                   {ok + "Transfer-Encoding: chunked\r\n\r\n" + secret + "\r\n", "withheld"},
		"late header":             {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + secret + "\r\n\r\n", "malformed MIME header"},
		"compression":             {ok + "Content-Encoding: gzip\r\nContent-Length: 31\r\n\r\n" + repeated + "abcdefghijklmnopqrstuvwxyz", "gzip: invalid header"},
		"nothing":                 {"", "EOF"},
		"less than is said":       {ok + "Content-Length: 100\r\n\r\n" + secret, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if assert.NoError(t, err) {
					_, _ = io.WriteString(conn, row.answer)
					conn.Close()
				}
			}))
			defer server.Close()
			client := New(nil)
			_, sent := client.Send(post(t, server.URL))
			_, _, got := client.Get(t.Context(), server.URL)
			for _, failed := range []*Failure{sent, got} {
				require.NotNil(t, failed)
				assert.ErrorContains(t, failed.Err, row.says)
				assert.Contains(t, Cause(failed.Err), row.says)
				assert.NotContains(t, printed(failed.Err), repeated)
			}
		})
	}
}

// HTTP/2 servers may say why they go away, and net/http repeats it.
func TestNoGoodbyeIsRepeated(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config := server.TLS.Clone()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	defer listener.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		frame := func(kind byte, payload string) {
			_, _ = conn.Write(append([]byte{0, 0, byte(len(payload)), kind, 0, 0, 0, 0, 0}, payload...))
		}
		frame(4, "") // SETTINGS
		for seen := ""; !strings.Contains(seen, "a=b"); {
			buffer := make([]byte, 4096)
			n, err := conn.Read(buffer)
			if !assert.NoError(t, err) {
				return
			}
			seen += string(buffer[:n])
		}
		frame(7, "\x00\x00\x00\x01\x00\x00\x00\x02"+repeated) // GOAWAY: last stream 1, internal error
	}()
	client := New(nil)
	own := client.transport.(*ownTransport)
	own.TLSClientConfig.RootCAs = x509.NewCertPool()
	own.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	_, failed := client.Send(post(t, "https://"+listener.Addr().String()))
	<-done
	require.NotNil(t, failed)
	assert.ErrorContains(t, failed.Err, "server sent GOAWAY")
	assert.NotContains(t, printed(failed.Err), repeated)
}

type timeout struct{}

func (timeout) Error() string   { return repeated }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// What the network says stays, to be read and to be matched.
func TestCauses(t *testing.T) {
	own := errors.New("the embedder's, " + repeated)
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	proxy := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	broken := func(err error) error { return fmt.Errorf("broken after "+repeated+": %w", err) }
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	unknown := x509.UnknownAuthorityError{}
	const withheld = "error of the transport, withheld because it may repeat the answer"
	for name, row := range map[string]struct {
		err     error
		says    string
		matches func(error) bool
	}{
		"canceled":           {context.Canceled, "context canceled", is(context.Canceled)},
		"deadline":           {broken(context.DeadlineExceeded), "context deadline exceeded", is(context.DeadlineExceeded)},
		"end":                {io.EOF, "EOF", is(io.EOF)},
		"end, wrapped twice": {broken(broken(io.ErrUnexpectedEOF)), "unexpected EOF", is(io.ErrUnexpectedEOF)},
		"closed":             {net.ErrClosed, "use of closed network connection", is(net.ErrClosed)},
		"refused":            {dial, "dial tcp: connect: connection refused", is(syscall.ECONNREFUSED)},
		"refused, bare":      {syscall.ECONNREFUSED, "connection refused", is(syscall.ECONNREFUSED)},
		"of a client inside": {&url.Error{Op: "Get", URL: repeated, Err: dial}, "dial tcp: connect: connection refused", is(syscall.ECONNREFUSED)},
		"no such host": {&net.DNSError{Err: "no such host", Name: "as.example"}, "lookup as.example: no such host", func(err error) bool {
			_, ok := errors.AsType[*net.DNSError](err)
			return ok
		}},
		"plain text": {http.ErrSchemeMismatch, "http: server gave HTTP response to HTTPS client", is(http.ErrSchemeMismatch)},
		"no TLS": {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "tls: first record does not look like a TLS handshake", func(err error) bool {
			_, ok := errors.AsType[tls.RecordHeaderError](err)
			return ok
		}},
		"certificate": {&tls.CertificateVerificationError{Err: unknown}, "tls: failed to verify certificate: x509: certificate signed by unknown authority", func(err error) bool {
			_, ok := errors.AsType[x509.UnknownAuthorityError](err)
			return ok
		}},
		"certificate, bare":       {broken(unknown), "x509: certificate signed by unknown authority", is(unknown)},
		"certificate, invalid":    {x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}, "x509: certificate is not authorized to sign other certificates", nil},
		"certificate, another's":  {x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a.example"}}, Host: "as.example"}, "x509: certificate is valid for a.example, not as.example", nil},
		"alert":                   {broken(tls.AlertError(40)), "tls: handshake failure", is(tls.AlertError(40))},
		"no gzip":                 {gzip.ErrHeader, "gzip: invalid header", is(gzip.ErrHeader)},
		"compression":             {flate.CorruptInputError(7), "flate: corrupt input before offset 7", is(flate.CorruptInputError(7))},
		"checksum":                {gzip.ErrChecksum, "gzip: invalid checksum", is(gzip.ErrChecksum)},
		"proxy is not there":      {proxy(dial), "proxyconnect tcp: dial tcp: connect: connection refused", is(syscall.ECONNREFUSED)},
		"proxy is not HTTP":       {proxy(errors.New(`malformed HTTP response "` + repeated + `"`)), "malformed HTTP response", nil},
		"proxy wants a password":  {errors.New("Proxy Authentication Required"), "Proxy Authentication Required", nil},
		"proxy is no URL":         {fmt.Errorf("invalid proxy address %q: %v", repeated, own), "invalid proxy address", nil},
		"header":                  {textproto.ProtocolError("malformed MIME header: missing colon: " + repeated), "malformed MIME header", nil},
		"a slow server":           {errors.New("net/http: timeout awaiting response headers"), "timeout awaiting response headers", nil},
		"a slow handshake":        {errors.New("net/http: TLS handshake timeout"), "TLS handshake timeout", nil},
		"a server that leaves":    {broken(errors.New("http: server closed idle connection")), "server closed idle connection", nil},
		"a stream":                {errors.New("stream error: stream ID 1; INTERNAL_ERROR; " + repeated), "stream error", nil},
		"two of the texts":        {errors.New("stream error: malformed HTTP version"), "malformed HTTP version", nil},
		"a timeout":               {timeout{}, withheld, func(err error) bool { return (&url.Error{Err: err}).Timeout() }},
		"the embedder's":          {own, withheld, is(own)},
		"the embedder's, wrapped": {broken(own), withheld, is(own)},
		"the embedder's, joined":  {errors.Join(own, io.EOF), withheld, is(io.EOF)},
	} {
		t.Run(name, func(t *testing.T) {
			cause := publicCause(t.Context(), row.err)
			assert.EqualError(t, cause, row.says)
			assert.NotContains(t, printed(cause), repeated)
			assert.True(t, row.matches == nil || row.matches(cause))
			assert.NotErrorIs(t, cause, io.ErrNoProgress)
			assert.Equal(t, name == "a timeout" || name == "deadline", (&url.Error{Err: cause}).Timeout())
			assert.Equal(t, row.says, Cause(&url.Error{Op: "Get", URL: "https://as.example", Err: cause}))
			assert.Equal(t, row.says, Cause(cause))
		})
	}
	t.Run("the caller's", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(own)
		assert.Equal(t, own, publicCause(ctx, broken(own)))
		assert.EqualError(t, publicCause(ctx, errors.New(repeated)), withheld)
	})
}
