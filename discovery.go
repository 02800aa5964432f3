package jwtverifier

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
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
		if err := web.CheckURL(jwksURI, config.insecureHTTP); err != nil {
			return fmt.Errorf("jwks_uri %w", err)
		}
		if !web.IsHTTPS(jwksURI) && web.IsHTTPS(config.issuer) {
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
