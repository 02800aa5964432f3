package web

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
)

// publicCause returns what a transport's error says of the network, and nothing of
// what it says of an answer. net/http quotes what is not HTTP, and a server that
// sends that may well send back what it was sent: a token, a secret. A search for
// them in the text misses what is escaped, encoded or cut. So it is listed here
// which errors pass, and of any other only one of our own texts does.
func publicCause(ctx context.Context, err error) error {
	// The reason for which the caller gave up is the caller's own.
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
		return cause
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if isPublic(e) {
			return e
		}
	}
	timeout, ok := errors.AsType[net.Error](err)
	return &withheld{
		text:    phrase(err.Error()),
		timeout: ok && timeout.Timeout(),
		is:      func(target error) bool { return errors.Is(err, target) },
	}
}

// isPublic reports whether err, with all that it holds, comes from this machine, its
// network or a TLS handshake, and so from before anything secret was sent.
func isPublic(err error) bool {
	switch e := err.(type) {
	case *net.OpError:
		return e.Op != "proxyconnect" || isPublic(e.Err) // which may be what a proxy answered
	case *net.DNSError, syscall.Errno,
		*tls.CertificateVerificationError, tls.RecordHeaderError, tls.AlertError,
		x509.CertificateInvalidError, x509.HostnameError, x509.UnknownAuthorityError,
		flate.CorruptInputError: // an offset
		return true
	}
	return slices.Contains([]error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		http.ErrSchemeMismatch, gzip.ErrHeader, gzip.ErrChecksum,
	}, err)
}

// phrase returns the text for an error that is withheld: the first of these that
// stands in its own.
func phrase(said string) string {
	for _, p := range []string{
		"malformed HTTP response", "malformed HTTP status code", "malformed HTTP version", "malformed MIME header",
		"TLS handshake timeout", "timeout awaiting response headers", "server response headers exceeded",
		"server closed idle connection", "server sent GOAWAY", "stream error",
		"invalid proxy address", "Proxy Authentication Required",
	} {
		if strings.Contains(said, p) {
			return p
		}
	}
	return "error of the transport, withheld because it may repeat the answer"
}

// A withheld error matches what the error that it stands for matches. It does not
// hold that error, since printing a struct prints what is in it.
type withheld struct {
	text    string
	timeout bool
	is      func(target error) bool
}

func (e *withheld) Error() string { return e.text }

// Timeout implements what net.Error and url.Error look for.
func (e *withheld) Timeout() bool { return e.timeout }

// Is implements errors.Is.
func (e *withheld) Is(target error) bool { return e.is(target) }

// Cause returns the text of a Failure's Err without the method and URL.
func Cause(err error) string {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	return err.Error()
}
