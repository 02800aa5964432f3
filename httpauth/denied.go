package httpauth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/jwtverifier"
)

// A DeniedError says how to answer a request that must not be served.
type DeniedError struct {
	// Status is 400, 401, 403, 500 or 503.
	Status int

	// Challenge is the value of WWW-Authenticate, or "" with 500 and 503.
	Challenge string

	// RetryAfter is what Retry-After says: whole seconds, at least one with 503,
	// and zero with any other status.
	RetryAfter time.Duration

	// Description is a fixed text that may be shown to the client. It tells
	// nothing of the token, the request or the configuration.
	Description string

	// Err is the reason: a sentinel of this package, or what the Verifier or the
	// function of WithProof returned. Its text can tell what is configured.
	Err error
}

// Error returns the status and the text of Err.
func (e *DeniedError) Error() string {
	return fmt.Sprintf("httpauth: status %d: %v", e.Status, e.Err)
}

// Unwrap returns Err.
func (e *DeniedError) Unwrap() error { return e.Err }

// Answer writes the standard answer: status, headers, and the Description as
// plain text.
func (e *DeniedError) Answer(w http.ResponseWriter) {
	e.setHeaders(w.Header())
	http.Error(w, e.Description, e.Status)
}

func (e *DeniedError) setHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if e.Challenge != "" {
		h.Set("WWW-Authenticate", e.Challenge)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(e.RetryAfter/time.Second), 10))
	}
}

// answer writes the answer, or has the deny handler write it.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request, denied *DeniedError) {
	if g == nil || g.deny == nil {
		denied.Answer(w)
		return
	}
	denied.setHeaders(w.Header())
	dw := &deniedWriter{ResponseWriter: w, status: denied.Status}
	g.deny(dw, r, denied)
	if !dw.wrote {
		dw.WriteHeader(dw.status)
	}
}

// deniedWriter writes its status where net/http would write 200, and in place of
// what would not read as a refusal: below 400, or a switch of protocols. It has no
// Unwrap method, by which that could be evaded.
type deniedWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *deniedWriter) WriteHeader(status int) {
	informational := 100 <= status && status < 200 && status != http.StatusSwitchingProtocols
	if !informational { // those come before the answer
		w.wrote = true
		if status < 400 {
			status = w.status
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *deniedWriter) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(b)
}

// denied says how to answer err. Only what has been recognised as the caller's
// fault is answered as such.
func (g *Guard) denied(err error, scopes []string) *DeniedError {
	d := &DeniedError{Err: err, Status: http.StatusInternalServerError, Description: "internal server error"}
	switch {
	case errors.Is(err, jwtverifier.ErrMisconfigured): // whatever else it matches
	case errors.Is(err, jwtverifier.ErrUnavailable):
		d.Status, d.Description = http.StatusServiceUnavailable, "access tokens cannot be verified at the moment"
		d.RetryAfter = retryAfter(err)
	case errors.Is(err, ErrNoCredentials):
		d.Status, d.Description = http.StatusUnauthorized, "an access token is required"
		d.Challenge = g.challenge("", "", nil)
	case errors.Is(err, ErrInvalidRequest):
		d.Status, d.Description = http.StatusBadRequest, "there must be one Authorization header with one bearer token"
		d.Challenge = g.challenge("invalid_request", d.Description, nil)
	case errors.Is(err, ErrInsufficientScope):
		d.Status, d.Description = http.StatusForbidden, "the access token lacks a required scope"
		d.Challenge = g.challenge("insufficient_scope", d.Description, scopes)
	case errors.Is(err, jwtverifier.ErrInvalidToken):
		d.Status, d.Description = http.StatusUnauthorized, describe(err)
		d.Challenge = g.challenge("invalid_token", d.Description, nil)
	}
	return d
}

// retryAfter rounds up: a client that comes too early is turned away again.
func retryAfter(err error) time.Duration {
	var d time.Duration
	if unavailable, ok := errors.AsType[*jwtverifier.UnavailableError](err); ok {
		d = unavailable.RetryAfter
	}
	if part := d % time.Second; part > 0 {
		d += time.Second - part
	}
	return max(d, time.Second)
}

// describe returns the description of a refused token: of the rule that it
// broke, not of what it says.
func describe(err error) string {
	if refused, ok := errors.AsType[*jwtverifier.TokenError](err); ok {
		switch refused.Code() {
		case "malformed":
			return "the access token is malformed"
		case "algorithm":
			return "the access token is signed with an algorithm that is not accepted"
		case "unknown_key", "signature":
			return "the signature of the access token could not be verified"
		case "token_type":
			return "the token is not of the kind that is accepted here"
		case "issuer":
			return "the access token is from an issuer that is not accepted"
		case "audience":
			return "the access token is not meant for this service"
		case "client_id":
			return "the access token was issued to a client that is not accepted"
		case "claim":
			return "the access token lacks a claim or has one that is not accepted"
		case "confirmation":
			return "the access token is sender-constrained and was not proven"
		case "issued_at":
			return "the access token was issued in the future"
		case "not_yet_valid":
			return "the access token is not valid yet"
		case "expired":
			return "the access token has expired"
		case "inactive":
			return "the access token is not active"
		}
	}
	return "the access token was refused"
}

// challenge returns the value of WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1).
func (g *Guard) challenge(code, description string, scopes []string) string {
	var b strings.Builder
	b.Grow(256) // anybody can have it built
	b.WriteString("Bearer")
	separator := " "
	add := func(name, value string) {
		if value == "" {
			return
		}
		b.WriteString(separator)
		b.WriteString(name)
		b.WriteString("=")
		b.WriteString(quotedString(value))
		separator = ", "
	}
	add("realm", g.realm)
	add("error", code)
	add("error_description", description)
	add("scope", strings.Join(scopes, " "))
	if g.metadata != nil {
		add("resource_metadata", g.metadata.url)
	}
	return b.String()
}

// quotedString returns the quoted-string of printable ASCII (RFC 9110 §5.6.4).
func quotedString(s string) string {
	return `"` + escapes.Replace(s) + `"`
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
