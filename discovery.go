package jwtverifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// keyPolicy says where keys are from and how long they serve. It never changes
// after New.
type keyPolicy struct {
	issuer          string             // that metadata must name, byte for byte
	client          *http.Client       // nil: a transport of the Verifier's own
	metadataURL     string             // "": the well-known places, made from the issuer
	jwksURL         string             // "": where the metadata says
	staticKeys      []byte             // a JWKS document; nil: keys are fetched
	publicKeys      []crypto.PublicKey // nil: the same
	algorithms      algorithms         // at least one
	refreshInterval time.Duration      // the server may shorten it, never lengthen it
	maxStale        time.Duration      // beyond the interval, while the server fails
	insecureHTTP    bool               // http beyond loopback hosts is allowed
}

// static reports whether there is nothing to fetch.
func (p *keyPolicy) static() bool { return p.staticKeys != nil || p.publicKeys != nil }

// discovers reports whether metadata is read to find the keys.
func (p *keyPolicy) discovers() bool { return !p.static() && p.jwksURL == "" }

// derives reports whether the places of the metadata are made from the issuer.
func (p *keyPolicy) derives() bool { return p.discovers() && p.metadataURL == "" }

// metadataURLs are the places to look for metadata, in this order.
func (p *keyPolicy) metadataURLs() []string {
	if p.metadataURL != "" {
		return []string{p.metadataURL}
	}
	return wellKnownURLs(p.issuer)
}

// metadata is a document that was accepted: it is of the configured issuer, and
// has a usable jwks_uri.
type metadata struct {
	url      string // where it was found
	jwksURI  string
	document []byte
}

const (
	oauthServer         = "/.well-known/oauth-authorization-server"
	openIDConfiguration = "/.well-known/openid-configuration"
)

// wellKnownURLs are the places for the metadata of an issuer, in the order in
// which they are tried: RFC 8414's name in the form that most servers have
// adopted (§5), OpenID Connect Discovery §4, and RFC 8414 §3.1 to the letter.
func wellKnownURLs(issuer string) []string {
	// Both specifications have a final slash taken off before the suffix is added,
	// and only then: it stays part of the issuer that is compared.
	issuer = strings.TrimSuffix(issuer, "/")
	urls := []string{issuer + oauthServer, issuer + openIDConfiguration}
	scheme, rest, _ := strings.Cut(issuer, "://")
	if host, path, ok := strings.Cut(rest, "/"); ok {
		urls = append(urls, scheme+"://"+host+oauthServer+"/"+path)
	}
	return urls
}

// An attempt is the work of one refresh: a function of what was known before it,
// with no way back to who started it. Only its goroutine uses it.
type attempt struct {
	policy   *keyPolicy
	web      *web.Client
	began    time.Time
	known    *metadata // accepted last, before this attempt
	previous *keySet

	err        error
	set        *keySet         // if err is nil
	accepted   *metadata       // if a document was accepted
	problem    error           // to be shown, though the attempt may succeed
	retryAfter time.Duration   // what the server asked for
	fetches    []FetchDoneInfo // in order
}

// discover returns the URL to read the keys from, and fills in what it accepted.
// Once a document has been accepted only that one is asked. While it is out of reach
// the keys are still where it said; if it is gone, all the places are tried again.
func (a *attempt) discover(ctx context.Context) (jwksURL string, err error) {
	if a.policy.jwksURL != "" {
		return a.policy.jwksURL, nil
	}
	failed := &fetchErrors{}
	known := a.known
	if known != nil {
		err := a.readMetadata(ctx, known.url)
		if err == nil {
			return a.accepted.jwksURI, nil
		}
		if outOfReach(err) {
			// A new key must not wait for a document that says what it said
			// before. What is wrong is shown in Status though the attempt succeeds.
			a.problem = err
			return known.jwksURI, nil
		}
		// The server has answered that the document is no more what it was:
		// perhaps it has moved.
		failed.all = append(failed.all, err)
	}
	for _, u := range a.policy.metadataURLs() {
		if known != nil && u == known.url {
			continue // it has been asked just now
		}
		err := a.readMetadata(ctx, u)
		if err == nil {
			return a.accepted.jwksURI, nil
		}
		failed.all = append(failed.all, err)
		// All the places are on one host. While it is dead, asking there again
		// takes the time of a document each, for those who wait.
		if e, ok := errors.AsType[*FetchError](err); ok && e.noAnswer {
			break
		}
	}
	return "", failed
}

// outOfReach reports whether err says nothing of the document: no answer, 429 or
// 5xx.
func outOfReach(err error) bool {
	e, ok := errors.AsType[*FetchError](err)
	return ok && (e.noAnswer || e.StatusCode == http.StatusTooManyRequests || e.StatusCode >= 500)
}

// readMetadata reads one document and accepts it only if it is one strict JSON
// object, of the configured issuer (RFC 8414 §3.3), with a usable jwks_uri.
func (a *attempt) readMetadata(ctx context.Context, u string) error {
	err := a.read(ctx, u, func(document []byte, _ http.Header) error {
		var m metadataMembers
		if _, err := strict.Object(document, &m); err != nil {
			return strict.ErrNotObject // its own text would repeat the document
		}
		// Without this comparison anyone who has a place at this URL could have
		// their keys taken for the issuer's.
		if !m.issuer.Is(a.policy.issuer) {
			named, _ := m.issuer.Text()
			hint := ""
			if strings.TrimSuffix(named, "/") == strings.TrimSuffix(a.policy.issuer, "/") {
				hint = " (they differ by a final slash)"
			}
			return fmt.Errorf("%w: %s, want %s%s", ErrIssuerMismatch,
				strict.Quote(named, maxNameText), strict.Quote(a.policy.issuer, maxForeignText), hint)
		}
		jwksURI, _ := m.jwksURI.Text()
		if err := web.CheckURL(jwksURI, a.policy.insecureHTTP); err != nil {
			return fmt.Errorf("jwks_uri %w", err)
		}
		// Anyone on the way could otherwise give the keys of a server that was
		// asked by https.
		if !web.IsHTTPS(jwksURI) && web.IsHTTPS(u) {
			return errors.New("jwks_uri is http though the metadata is https")
		}
		a.accepted = &metadata{url: u, jwksURI: strings.Clone(jwksURI), document: document}
		return nil
	})
	// Another place may do, but this is a mistake in the configuration, or worse.
	if errors.Is(err, ErrIssuerMismatch) {
		a.problem = err
	}
	return err
}

type metadataMembers struct{ issuer, jwksURI strict.Value }

func (m *metadataMembers) Member(name []byte) *strict.Value {
	switch string(name) {
	case "issuer":
		return &m.issuer
	case "jwks_uri":
		return &m.jwksURI
	}
	return nil
}

// do reads the metadata, then the keys.
func (a *attempt) do(ctx context.Context) error {
	jwksURL, err := a.discover(ctx)
	if err != nil {
		return err
	}
	err = a.read(ctx, jwksURL, func(document []byte, h http.Header) error {
		set, err := parseKeySet(document, a.policy.algorithms, a.previous)
		if err != nil {
			return err
		}
		// From the beginning: what was true when the server answered may be over
		// when the answer is here.
		set.fetched = a.began
		set.interval = web.Lifetime(h, minInterval, a.policy.refreshInterval)
		// Drawn anew for each fetch, so that a fleet that was started together
		// does not ask together.
		set.ahead = time.Duration(float64(set.interval) * (aheadFrom + (aheadTo-aheadFrom)*rand.Float64()))
		set.maxStale = a.policy.maxStale
		set.jwksURL = jwksURL
		a.set = set
		return nil
	})
	if err != nil && a.problem != nil {
		return &fetchErrors{[]error{err, a.problem}}
	}
	return err
}

// read fetches a document and has it judged.
func (a *attempt) read(ctx context.Context, address string, accept func([]byte, http.Header) error) error {
	began := time.Now()
	document, h, failed := a.web.Get(ctx, address)
	info := FetchDoneInfo{URL: address, StatusCode: http.StatusOK, Bytes: len(document)}
	if failed != nil {
		info.StatusCode = failed.StatusCode
		info.Err = &FetchError{URL: address, StatusCode: failed.StatusCode, Err: failed.Err, noAnswer: failed.NoAnswer}
		a.retryAfter = max(a.retryAfter, failed.RetryAfter)
	} else if refused := accept(document, h); refused != nil {
		info.Err = &FetchError{URL: address, StatusCode: http.StatusOK, Err: refused}
	}
	info.Duration = time.Since(began)
	// Observers are called when the refresh has ended, by its goroutine, and not here:
	// a slow one must not take the time of the next document.
	a.fetches = append(a.fetches, info)
	return info.Err
}

// keysChanged returns how the keys differ from those before, nil if they do not.
func (a *attempt) keysChanged() *KeysChangedInfo {
	if a.set == nil {
		return nil
	}
	added, removed, changed := a.set.differs(a.previous)
	if !changed {
		return nil
	}
	return &KeysChangedInfo{Added: added, Removed: removed, Skipped: slices.Clone(a.set.skipped)}
}
