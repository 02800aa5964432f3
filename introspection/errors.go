package introspection

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// The reasons that this package adds to those of package jwtverifier. They come
// inside a [*jwtverifier.TokenError], whose Code is "inactive" or "mismatch" and
// whose Part is empty: it is not the token that says so.
var (
	// ErrInactive: the server says active: false. The token was revoked, has
	// expired, was never issued, or this client may not know of it: the server
	// does not say which (RFC 7662 §2.2).
	ErrInactive error = &reason{"introspection: token is not active", "inactive"}

	// ErrMismatch: what the server says of the token is not what the token says.
	// The TokenError's Claim names the member. Only a [Verifier] compares them.
	ErrMismatch error = &reason{"introspection: the server describes another token", "mismatch"}
)

// ErrNoEndpoint means that the server's metadata names no introspection_endpoint,
// or one that cannot be asked safely. It comes inside a
// [*jwtverifier.UnavailableError].
var ErrNoEndpoint = errors.New("introspection: no usable introspection_endpoint in the metadata")

// A reason names itself to jwtverifier.TokenError.Code.
type reason struct{ text, code string }

func (r *reason) Error() string { return r.text }
func (r *reason) Code() string  { return r.code }

// A CallError says what became of a request to the introspection endpoint. It
// comes inside a [*jwtverifier.UnavailableError].
type CallError struct {
	URL        string // that was asked
	StatusCode int    // of the answer; 0 if there was none
	Err        error  // what else was wrong than the status, or nil
}

// Error returns one line. It never holds the token, the client's secret or any of
// the body, and nor does any error below it: where net/http quotes an answer, its
// error is replaced by one that says only what kind of error it was.
func (e *CallError) Error() string {
	text := "introspection: POST " + strict.Quote(e.URL, maxURLText)
	switch {
	case e.StatusCode == 0 || e.StatusCode == http.StatusOK:
	case e.StatusCode == http.StatusUnauthorized:
		text += ": status 401, client authentication failed"
	case e.StatusCode/100 == 3:
		text += ": status " + strconv.Itoa(e.StatusCode) + ", redirects are not followed"
	default:
		text += ": status " + strconv.Itoa(e.StatusCode)
	}
	if e.Err == nil {
		return text
	}
	return text + ": " + strict.OneLine(web.Cause(e.Err), maxForeignText)
}

// Unwrap returns Err.
func (e *CallError) Unwrap() error { return e.Err }

// refuse makes an error of the first family, about a member of the answer.
func refuse(reason error, member string) error {
	return &jwtverifier.TokenError{Reason: reason, Claim: member}
}

// unavailable makes an error of the second family.
func unavailable(err error, retryAfter time.Duration) error {
	return &jwtverifier.UnavailableError{Err: err, RetryAfter: retryAfter}
}

// misconfigured makes an error of the third family.
func misconfigured(format string, args ...any) error {
	return fmt.Errorf("%w: introspection: "+format, append([]any{jwtverifier.ErrMisconfigured}, args...)...)
}

// Limits on what errors repeat.
const (
	maxForeignText = 256 // of what others chose
	maxURLText     = 160 // of a URL
)
