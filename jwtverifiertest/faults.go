package jwtverifiertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// A Response is what [Issuer.Respond] makes the issuer answer.
type Response struct {
	// Status is 200 … 999; 0 means 200. With 204 and 304 there is no body.
	Status int

	// Header is sent in addition to Content-Type, which is application/json unless
	// Header has another, and Content-Length; what Header says of length and
	// transfer encoding is ignored.
	Header http.Header

	// Body is sent as it is; nil is an empty one. Nothing is added to
	// it: a keys document that comes late is
	// Response{Delay: time.Second, Body: issuer.JWKS()}.
	Body []byte

	// Delay passes before anything is sent.
	Delay time.Duration

	// Hang says how the answer fails to end, if it does.
	Hang Hang
}

// Hang is a way in which an answer does not end properly.
type Hang int

// The answers that hang do so until the client gives up, or [Issuer.Reset] or
// [Issuer.Close] is called; then the connection breaks.
const (
	NoHang      Hang = iota // the answer is complete
	HangHeaders             // nothing is ever sent
	HangBody                // headers and Body are sent, then nothing more, and no end
	CutBody                 // Body is sent, then the connection breaks before the announced length
)

// mode is a fault of the whole server.
type mode int

const (
	up mode = iota
	down
	hanging
)

// Respond makes the issuer answer every request for this path with r, until
// [Issuer.Reset]; a later Respond for the same path takes its place. The path
// is the one of the request's URL, as in [Issuer.JWKSPath] and
// [Issuer.MetadataPaths], or any other. "" means every path that has no answer
// of its own. What is decided here is decided when a request arrives: one that
// is already being answered is not affected.
//
// Respond panics if the status is not one that an answer can have.
func (i *Issuer) Respond(path string, r Response) {
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	if r.Status < 200 || r.Status > 999 {
		panic(fmt.Sprintf("jwtverifiertest: respond with status %d", r.Status))
	}
	header := make(http.Header)
	for name, values := range r.Header {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	header.Del("Content-Length")
	header.Del("Transfer-Encoding")
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	r.Header = header
	r.Body = bytes.Clone(r.Body)
	if r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		r.Body = nil
	}

	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults[path] = r
}

// Down makes connections fail, whatever [Issuer.Respond] says, until
// [Issuer.Reset] or [Issuer.Hang]. In memory they are refused. A real socket
// accepts them, and resets them when it has the request; a client may then try
// once more.
func (i *Issuer) Down() { i.setMode(down) }

// Hang makes the issuer accept requests and never answer, whatever
// [Issuer.Respond] says, until [Issuer.Reset] or [Issuer.Down].
func (i *Issuer) Hang() { i.setMode(hanging) }

func (i *Issuer) setMode(m mode) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mode = m
}

// Reset makes everything normal again: Respond, Down and Hang are forgotten,
// and the connections of answers that hang break. An answer that is only
// delayed goes on. Keys, the headers of SetJWKSHeader and the counts of Requests
// stay.
//
// A Verifier that has seen the fault does not know that it is over: in its back-off it
// may go on answering ErrUnavailable without asking. Sleep for the RetryAfter of that
// error, which takes no time in a testing/synctest bubble, or call the Verifier's
// Refresh, which no back-off holds up.
func (i *Issuer) Reset() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mode = up
	clear(i.faults)
	for ended, hangs := range i.waiting {
		if hangs {
			i.end(ended)
		}
	}
}

// Close stops the server that [Start] or [StartTLS] made. The connections of
// answers that hang or are delayed break. An issuer in memory has nothing else
// to close: it goes on answering, except that what would hang or be delayed
// fails at once. Calling Close again does nothing.
func (i *Issuer) Close() {
	i.mu.Lock()
	i.closed = true
	for ended := range i.waiting {
		i.end(ended)
	}
	i.mu.Unlock()
	if i.server != nil {
		i.server.Close() // waits for the handlers, which need i.mu
	}
}

// SetJWKSHeader sends the header with every normal answer that has the key set
// (Cache-Control, say), instead of an earlier value. The value "" removes it.
func (i *Issuer) SetJWKSHeader(name, value string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if value == "" {
		i.header.Del(name)
		return
	}
	i.header.Set(name, value)
}

// Requests returns how many requests for this path have been received since
// the issuer was made, whatever was answered; for "", how many in all. Those
// that fail because of [Issuer.Down] count.
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// An answer is what happens to one request.
type answer struct {
	Response
	down  bool
	ended chan struct{} // closed when it shall wait no longer; nil if it never waits
}

// hangs reports whether the answer is one for Reset to end.
func (r Response) hangs() bool { return r.Hang == HangHeaders || r.Hang == HangBody }

// errEnded never reaches a socket's client: it sees the connection break.
var errEnded = errors.New("jwtverifiertest: the answer was broken off by Reset or Close")

// answer counts a request and decides what happens to it. When that is done,
// the caller calls forget.
func (i *Issuer) answer(r *http.Request) answer {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/" // as the request line has it
	}
	a, faulty := i.receive(path)
	if !faulty {
		a.Response = i.document(r.Method, path)
	}
	return a
}

// receive counts a request and returns the faulty answer to it, if there is
// one.
func (i *Issuer) receive(path string) (a answer, faulty bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests[path]++
	i.requests[""]++
	switch i.mode {
	case down:
		return answer{down: true}, true
	case hanging:
		a.Response = Response{Hang: HangHeaders}
	default:
		r, ok := i.faults[path]
		if !ok {
			r, ok = i.faults[""]
		}
		if !ok {
			return answer{}, false
		}
		a.Response = r
	}
	if a.Delay > 0 || a.hangs() {
		// The channel is made here, not with the issuer: in a synctest bubble
		// only a channel of the bubble's own blocks durably. It is registered
		// under the lock under which the answer was decided, so that no Reset
		// can come between.
		a.ended = make(chan struct{})
		if i.closed {
			close(a.ended)
		} else {
			i.waiting[a.ended] = a.hangs()
		}
	}
	return a, true
}

// end needs i.mu.
func (i *Issuer) end(ended chan struct{}) {
	delete(i.waiting, ended)
	close(ended)
}

// forget may be called more than once.
func (i *Issuer) forget(a answer) {
	if a.ended == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.waiting, a.ended)
}

// document is the normal answer.
func (i *Issuer) document(method, path string) Response {
	header := http.Header{"Content-Type": {"application/json"}}
	get := method == http.MethodGet || method == http.MethodHead
	switch {
	case get && path == i.JWKSPath():
		i.mu.Lock()
		for name, values := range i.header {
			header[name] = slices.Clone(values)
		}
		i.mu.Unlock()
		return Response{Status: http.StatusOK, Header: header, Body: i.JWKS()}
	case get && slices.Contains(i.MetadataPaths(), path):
		return Response{Status: http.StatusOK, Header: header, Body: encode(i.Metadata())}
	default:
		header.Set("Content-Type", "text/plain; charset=utf-8")
		return Response{Status: http.StatusNotFound, Header: header, Body: []byte("404 page not found\n")}
	}
}

// wait returns when the headers can be sent, or with the reason why none will
// be.
func (a answer) wait(ctx context.Context) error {
	if a.Delay > 0 {
		timer := time.NewTimer(a.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-a.ended:
			return errEnded
		}
	}
	if a.Hang == HangHeaders {
		return a.hang(ctx)
	}
	return nil
}

// hang returns when the client has given up or the answer was ended.
func (a answer) hang(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-a.ended:
		return errEnded
	}
}
