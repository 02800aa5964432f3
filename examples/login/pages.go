package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"example.com/jwtverifier"
)

//go:embed page.html style.css
var files embed.FS

var pageTemplate = template.Must(template.ParseFS(files, "page.html"))

// retryAfter is for those who do not know better.
const retryAfter = 5 * time.Second

// page is what page.html shows.
type page struct {
	Title, Text string
	Session     *session // nil: nobody is logged in
	Failed      bool
	Reason      string // why an ID token was refused
}

// A failure is an error in words for the person in front of the browser.
type failure struct {
	status      int
	title, text string
}

func (f failure) Error() string { return f.title }

var (
	errNoLogin     = failure{400, "This login is over", "It was finished before, took longer than ten minutes, or was started in another browser."}
	errState       = failure{400, "Not the login that you started", "This answer belongs to another login. If somebody sent you a link to this page, do not trust it."}
	errCode        = failure{400, "The login did not work", "For the login server it is over already, or it took too long."}
	errDenied      = failure{403, "Login cancelled", "You did not allow it at the login server, or it does not let you in here."}
	errRefused     = failure{403, "Login refused", "What the login server said about you could not be verified, so you are not logged in."}
	errCrossOrigin = failure{403, "Not from here", "Another site sent this request, so nothing was done."}
	errAnswer      = failure{502, "Something is wrong with the login server", "It is not your fault. The people who run this application can find out more in its log."}
	errUnavailable = failure{503, "Logging in is not possible right now", "The login server does not answer, or too many people are logging in. Try again in a moment."}
)

// explain finds the words for an error. The reason is why an ID token was refused,
// and wait is how long it takes until another try makes sense.
func explain(err error) (f failure, reason string, wait time.Duration) {
	if f, ok := errors.AsType[failure](err); ok {
		return f, "", retryAfter
	}
	if refused, ok := errors.AsType[*jwtverifier.TokenError](err); ok {
		return errRefused, refused.Code(), 0
	}
	if down, ok := errors.AsType[*jwtverifier.UnavailableError](err); ok {
		return errUnavailable, "", max(down.RetryAfter, time.Second)
	}
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		switch {
		case answer.ErrorCode == "invalid_grant": // the code is old, or of another login
			return errCode, "", 0
		case answer.Response.StatusCode >= 500:
			return errUnavailable, "", retryAfter
		}
	}
	if _, ok := errors.AsType[*url.Error](err); ok { // no answer
		return errUnavailable, "", retryAfter
	}
	return errAnswer, "", 0
}

// orFail makes a handler of one that returns an error if it has not answered.
func orFail(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		f, reason, wait := explain(err)
		slog.WarnContext(r.Context(), "no login", "status", f.status, "reason", reason, "err", fmt.Sprintf("%.300s", err))
		if f.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		}
		render(w, f.status, page{Title: f.title, Text: f.text, Failed: true, Reason: reason})
	})
}

func render(w http.ResponseWriter, status int, p page) {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil {
		panic(err) // a mistake in page.html
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

func showStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, files, "style.css")
}

// withHeaders forbids what these pages do not need: scripts, frames, being
// stored, and telling others the address, which can hold a code. The policy has
// no form-action: browsers apply that to the redirect after a form as well, and
// the logout redirects to the server.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
