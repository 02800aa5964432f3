package jwtverifier

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
)

// metadata is a document that was accepted: it is of the configured issuer, and
// has a usable jwks_uri.
type metadata struct {
	url      string // where it was found
	jwksURI  string
	document []byte
}

// wellKnownURLs are the places for the metadata of an issuer, in the order in
// which they are tried: RFC 8414's name in the form that most servers have
// adopted (§5), OpenID Connect Discovery §4, and RFC 8414 §3.1 to the letter.
func wellKnownURLs(issuer string) []string {
	issuer = strings.TrimSuffix(issuer, "/")
	urls := []string{
		issuer + "/.well-known/oauth-authorization-server",
		issuer + "/.well-known/openid-configuration",
	}
	scheme, rest, _ := strings.Cut(issuer, "://")
	if host, path, ok := strings.Cut(rest, "/"); ok {
		urls = append(urls, scheme+"://"+host+"/.well-known/oauth-authorization-server/"+path)
	}
	return urls
}

// discover returns the URL to read the keys from, and fills in what it accepted.
// Once a document has been accepted it alone is asked. While it is out of reach
// the keys are still where it said; if it is gone, all the places are tried again.
func (a *attempt) discover(ctx context.Context) (jwksURL string, err error) {
	config := a.source.config
	if config.jwksURL != "" {
		return config.jwksURL, nil
	}
	failed := &fetchErrors{}
	known := a.known
	if known != nil {
		err := a.readMetadata(ctx, known.url)
		if err == nil {
			return a.accepted.jwksURI, nil
		}
		if outOfReach(err) {
			a.problem = err
			return known.jwksURI, nil
		}
		failed.all = append(failed.all, err)
	}
	for _, u := range a.source.metadataURLs {
		if known != nil && u == known.url {
			continue
		}
		err := a.readMetadata(ctx, u)
		if err == nil {
			return a.accepted.jwksURI, nil
		}
		failed.all = append(failed.all, err)
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
			return strict.ErrNotObject
		}
		config := a.source.config
		if !m.issuer.Is(config.issuer) {
			named, _ := m.issuer.Text()
			return fmt.Errorf("%w: %s, want %s", ErrIssuerMismatch,
				strict.Quote(named, maxNameText), strict.Quote(config.issuer, maxForeignText))
		}
		jwksURI, _ := m.jwksURI.Text()
		if err := checkURL(jwksURI, config.insecureHTTP); err != nil {
			return fmt.Errorf("jwks_uri %w", err)
		}
		if !isHTTPS(jwksURI) && isHTTPS(config.issuer) {
			return errors.New("jwks_uri is http though the issuer is https")
		}
		a.accepted = &metadata{url: u, jwksURI: strings.Clone(jwksURI), document: document}
		return nil
	})
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

// checkIssuer refuses what cannot be an issuer identifier (RFC 8414 §2, OpenID
// Connect Discovery §3), or has several spellings that lead to the same place.
func checkIssuer(issuer string, insecureHTTP bool) error {
	if strings.ContainsFunc(issuer, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return errors.New("has a character that no URL has")
	}
	if strings.Contains(issuer, "?") {
		return errors.New("has a query")
	}
	_, rest, _ := strings.Cut(issuer, "://")
	for segment := range strings.SplitSeq(rest, "/") {
		segment = strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		if segment == "." || segment == ".." {
			return errors.New("has a dot segment")
		}
	}
	if strings.Contains(rest, "%25") && strings.Contains(rest, "[") {
		return errors.New("has an IPv6 zone")
	}
	return checkURL(issuer, insecureHTTP)
}

// isOktaOrg reports whether the issuer is an Okta org authorization server, as
// opposed to a custom one.
func isOktaOrg(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return false
	}
	_, domain, _ := strings.Cut(u.Hostname(), ".")
	return slices.Contains([]string{"okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com"}, domain)
}

// checkURL refuses what cannot be fetched safely.
func checkURL(raw string, insecureHTTP bool) error {
	if len(raw) > maxURLBytes {
		return fmt.Errorf("is longer than %d bytes", maxURLBytes)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return errors.New("is not an absolute URL")
	}
	switch {
	case u.User != nil:
		return errors.New("has a user name")
	case strings.Contains(raw, "#"):
		return errors.New("has a fragment")
	case u.Scheme == "https", u.Scheme == "http" && (insecureHTTP || isLoopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return errors.New("is http and not of a loopback host")
	}
	return errors.New("is not https")
}

func isHTTPS(u string) bool {
	scheme, _, _ := strings.Cut(u, "://")
	return strings.EqualFold(scheme, "https")
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// An ownTransport is that of a Verifier that was given none. It is not
// http.DefaultTransport, nor a clone: the embedding program may have changed that.
type ownTransport struct{ http.Transport }

func newTransport() *ownTransport {
	return &ownTransport{http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: documentTimeout}).DialContext,
		TLSHandshakeTimeout:    documentTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxResponseHeaderBytes: maxHeadersBytes,
		IdleConnTimeout:        time.Second, // HTTP/2 may find a stream still open in CloseIdleConnections
	}}
}

// getJSON fetches a document: the only function that does HTTP. The document is
// not judged, but for its size.
func (s *keySource) getJSON(ctx context.Context, address string) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	failed := &FetchError{URL: address}
	for target, redirects := address, 0; ; redirects++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil { // not reached: every target has been parsed
			failed.Err = err
			return nil, nil, failed
		}
		req.Header.Set("Accept", "application/json")
		// No http.Client: its redirects, cookies and Referer are not wanted.
		resp, err := s.transport.RoundTrip(req)
		if err != nil {
			failed.Err, failed.noAnswer = &url.Error{Op: "Get", URL: target, Err: err}, true
			return nil, nil, failed
		}
		resp.Request = req
		if resp.Body == nil {
			resp.Body = http.NoBody
		}
		failed.StatusCode = resp.StatusCode
		if target, err = redirection(resp); target == "" && err == nil {
			return readBody(resp, failed)
		}
		resp.Body.Close()
		if err == nil && redirects == maxRedirects {
			err = fmt.Errorf("more than %d redirects", maxRedirects)
		}
		if err != nil {
			failed.Err = err
			return nil, nil, failed
		}
	}
}

// redirection returns where an answer redirects to, "" if nowhere, and refuses
// another origin: a document from there would be another party's word.
func redirection(resp *http.Response) (string, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return "", nil
	}
	to, err := resp.Location()
	if err != nil {
		return "", errors.New("redirect to nowhere")
	}
	from := resp.Request.URL
	if to.Scheme != from.Scheme || !strings.EqualFold(to.Hostname(), from.Hostname()) || port(to) != port(from) || to.User != nil {
		return "", errors.New("redirect to another origin, " + strict.Quote(to.Redacted(), maxNameText))
	}
	return to.String(), nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}

// readBody reads to the end, which leaves the connection idle. On an error status
// it does not read at all.
func readBody(resp *http.Response, failed *FetchError) ([]byte, http.Header, error) {
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		failed.retryAfter = retryAfter(resp.Header.Get("Retry-After"), time.Now())
		return nil, nil, failed
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocumentBytes+1))
	if err != nil {
		failed.Err, failed.noAnswer = err, true
		return nil, nil, failed
	}
	if len(body) > maxDocumentBytes {
		failed.Err = errors.New("longer than 1 MiB")
		return nil, nil, failed
	}
	return body, resp.Header, nil
}

// retryAfter returns what a Retry-After asks for (RFC 9110 §10.2.3), at most
// maxRetryAfter; 0 if it is malformed.
func retryAfter(value string, now time.Time) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, _ := strconv.ParseUint(value, 10, 31) // the largest, if it is out of range
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// intervalFor returns the configured refresh interval, or less if the answer's
// Cache-Control says so (RFC 9111 §5.2.2). What is malformed in it is ignored.
func intervalFor(configured time.Duration, h http.Header) time.Duration {
	asked := configured
	for _, value := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, argument, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				asked = 0
			case "max-age":
				if seconds, err := strconv.ParseUint(unquoted(argument), 10, 31); err == nil {
					asked = min(asked, time.Duration(seconds)*time.Second)
				}
			}
		}
	}
	return min(configured, max(asked, minInterval))
}

// unquoted takes a pair of quotes away: max-age="60" is read like max-age=60.
func unquoted(s string) string {
	inner, opened := strings.CutPrefix(s, `"`)
	if inner, closed := strings.CutSuffix(inner, `"`); opened && closed {
		return inner
	}
	return s
}
