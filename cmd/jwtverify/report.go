package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"example.com/jwtverifier"
)

// The verdicts.
const (
	accepted    = "accepted"
	refused     = "refused"
	unavailable = "unavailable"
)

// The results of a rule; unavailable is one too.
const (
	passed     = "passed"
	failed     = "failed"
	notAsked   = "not_asked"
	notReached = "not_reached"
)

// report is all that is reported, as JSON or as text. The package comment says what
// its members mean. The texts in it are as the token and the server wrote them.
type report struct {
	Verdict    string       `json:"verdict"`
	Kind       string       `json:"kind"`
	Issuer     string       `json:"issuer"`
	Code       string       `json:"code,omitempty"`
	Error      string       `json:"error,omitempty"`
	RetryAfter float64      `json:"retry_after_seconds,omitempty"`
	Token      said         `json:"token"`
	Fetches    []fetch      `json:"fetches"`
	Keys       []keyEntry   `json:"keys"`
	Rules      []ruleResult `json:"rules"`
	Hints      []string     `json:"hints"`

	leeway      time.Duration
	discovery   bool // was not skipped
	interrupted bool // before the server had answered
}

type fetch struct {
	URL          string  `json:"url"`
	Document     string  `json:"document"`
	Status       int     `json:"status"`
	Bytes        int     `json:"bytes"`
	Milliseconds float64 `json:"milliseconds"`
	Accepted     bool    `json:"accepted"`
	Error        string  `json:"error,omitempty"`
}

type keyEntry struct {
	KeyID  string `json:"kid"`
	Usable bool   `json:"usable"`
	Reason string `json:"reason,omitempty"`
	Token  bool   `json:"token"`
}

type ruleResult struct {
	Name   string   `json:"name"`
	Result string   `json:"result"`
	Text   string   `json:"text"`
	Says   []saying `json:"says,omitempty"`
	Want   []string `json:"want,omitempty"`
}

// saying is a member of the token that broke a rule. Without a value it is absent.
type saying struct {
	In    string          `json:"in"` // "header" or "payload"
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value,omitempty"`
}

// watcher keeps what the Verifier reports, which it does from its own goroutine.
type watcher struct {
	mu      sync.Mutex // guards what follows
	fetches []jwtverifier.FetchDoneInfo
	skipped []jwtverifier.SkippedKey
	ended   bool // a refresh
}

func (w *watcher) observer() jwtverifier.Observer {
	return jwtverifier.Observer{
		FetchDone: func(i jwtverifier.FetchDoneInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.fetches = append(w.fetches, i)
		},
		KeysChanged: func(i jwtverifier.KeysChangedInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.skipped = i.Skipped
		},
		RefreshDone: func(jwtverifier.RefreshDoneInfo) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ended = true
		},
	}
}

// judge has the token judged as a service would, and reports. The documents are
// fetched first, so that they are reported even if the token has no need of them.
func judge(ctx context.Context, v *jwtverifier.Verifier, w *watcher, o *options, in input) *report {
	_ = v.Prefetch(ctx) // what went wrong is reported to the observer, and by the verification
	var err error
	if o.kind() == kindID {
		var checks []jwtverifier.IDTokenCheck
		if o.noNonce {
			checks = append(checks, jwtverifier.NoNonce())
		}
		_, err = v.VerifyIDToken(ctx, in.raw, o.nonce, checks...)
	} else {
		_, err = v.VerifyAccessToken(ctx, in.raw)
	}

	r := &report{Kind: o.kind(), Issuer: o.issuer, Token: decode(in.raw, time.Now()), leeway: o.leeway, discovery: o.jwksURL == ""}
	r.tellServer(w, v.Status())
	r.tellVerdict(err)
	r.tellRules(o, err)
	r.Hints = hints(r, o, in, err)
	if !o.showClaims {
		r.Token.Header = only(r.Token.Header, readHeader)
		r.Token.Claims = only(r.Token.Claims, readClaims)
	}
	return r
}

// tellServer tells what the server answered, and its keys.
func (r *report) tellServer(w *watcher, status jwtverifier.Status) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.interrupted = !w.ended
	r.Fetches = []fetch{}
	for _, f := range w.fetches {
		told := fetch{URL: f.URL, Document: "metadata", Status: f.StatusCode, Bytes: f.Bytes,
			Milliseconds: float64(f.Duration.Microseconds()) / 1000, Accepted: f.Err == nil, Error: cause(f.Err)}
		if f.URL == status.JWKSURL || !r.discovery {
			told.Document = "keys"
		}
		r.Fetches = append(r.Fetches, told)
	}

	kid := str(r.Token.Header["kid"])
	r.Keys = []keyEntry{}
	for _, id := range status.KeyIDs {
		r.Keys = append(r.Keys, keyEntry{KeyID: id, Usable: true, Token: id == kid})
	}
	for _, k := range w.skipped {
		r.Keys = append(r.Keys, keyEntry{KeyID: k.KeyID, Reason: k.Reason, Token: kid != "" && k.KeyID == kid})
	}
}

// cause is what was wrong with an answer, without the URL that stands next to it.
func cause(err error) string {
	if err == nil {
		return ""
	}
	f, ok := errors.AsType[*jwtverifier.FetchError](err)
	if !ok {
		return err.Error()
	}
	if f.Err == nil {
		return fmt.Sprintf("status %d", f.StatusCode)
	}
	if outer, ok := errors.AsType[*url.Error](f.Err); ok {
		return outer.Err.Error()
	}
	return f.Err.Error()
}

func (r *report) tellVerdict(err error) {
	r.Verdict = accepted
	if err == nil {
		return
	}
	r.Verdict, r.Error = unavailable, err.Error()
	if e, ok := errors.AsType[*jwtverifier.TokenError](err); ok {
		r.Verdict, r.Code = refused, e.Code()
	}
	if e, ok := errors.AsType[*jwtverifier.UnavailableError](err); ok {
		r.RetryAfter = e.RetryAfter.Seconds()
	}
}

// tellRules tells how far the token came. Of a token that could not be judged
// what needs no key has been looked at.
func (r *report) tellRules(o *options, err error) {
	rules := rulesFor(o.kind())
	end := len(rules)
	broken, isRefused := errors.AsType[*jwtverifier.TokenError](err)
	switch {
	case isRefused:
		end = place(rules, broken)
	case err != nil:
		end = slices.IndexFunc(rules, func(r rule) bool { return r.name == "key" })
	}
	r.Rules = []ruleResult{}
	for i, rule := range rules {
		result := ruleResult{Name: rule.name, Result: notReached, Text: rule.text}
		switch {
		case i == end && isRefused:
			result.Result, result.Text = failed, bare(broken.Reason)
			result.Says = r.says(broken)
			if rule.want != nil && broken.Reason != jwtverifier.ErrClaim {
				result.Want = rule.want(o, r)
			}
		case i == end:
			result.Result, result.Text = unavailable, "the server's keys could not be had"
		case rule.off != nil && rule.off(o) != "":
			result.Text = rule.off(o)
			if i < end {
				result.Result = notAsked
			}
		case i < end:
			result.Result = passed
		}
		if rule.name == "payload" {
			r.Token.Verified = result.Result == passed
		}
		r.Rules = append(r.Rules, result)
	}
}

// says returns the members of the token that broke the rule. An error's "typ" is
// the header's or the payload's: both are shown.
func (r *report) says(e *jwtverifier.TokenError) []saying {
	if e.Claim == "" {
		return nil
	}
	header := saying{In: "header", Name: e.Claim, Value: r.Token.Header[e.Claim]}
	payload := saying{In: "payload", Name: e.Claim, Value: r.Token.Claims[e.Claim]}
	switch {
	case e.Part == "header":
		return []saying{header}
	case e.Claim == "typ" && payload.Value == nil:
		return []saying{header}
	case e.Claim == "typ":
		return []saying{header, payload}
	case e.Reason == jwtverifier.ErrClientID && payload.Value == nil:
		payload.Name = "cid, client_id, azp, appid"
	}
	return []saying{payload}
}

func (r *report) usableKeys() []string {
	var ids []string
	for _, k := range r.Keys {
		if k.Usable && k.KeyID != "" {
			ids = append(ids, k.KeyID)
		}
	}
	return ids
}

// json returns the report as JSON in ASCII: some terminals obey control
// characters beyond it, which encoding/json does not escape.
func (r *report) json() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		panic(err) // nothing in a report can fail to be encoded
	}
	var out bytes.Buffer
	for _, c := range b.String() {
		if c < 0x7f {
			out.WriteRune(c)
			continue
		}
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}

// bare is the text of an error without the name of the package.
func bare(err error) string {
	text := strings.TrimPrefix(err.Error(), "jwtverifier: ")
	return strings.TrimPrefix(text, "misconfigured: ")
}
