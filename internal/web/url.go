// Package web makes single HTTP requests to an authorization server whose answers
// nobody trusts: bounded in time and size, without cookies, and redirected within
// one origin at most.
package web

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// maxURLBytes bounds the URLs that a server's metadata names.
const maxURLBytes = 2048

// CheckURL refuses what cannot be fetched safely.
func CheckURL(raw string, insecureHTTP bool) error {
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
	case u.Scheme == "https", u.Scheme == "http" && (insecureHTTP || IsLoopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return errors.New("is http and not of a loopback host: WithInsecureHTTP")
	}
	return errors.New("is not https")
}

// CheckIssuer refuses what cannot be an issuer identifier (RFC 8414 §2, OpenID
// Connect Discovery §3), or has several spellings that lead to the same place.
func CheckIssuer(issuer string, insecureHTTP bool) error {
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
	return CheckURL(issuer, insecureHTTP)
}

// IsHTTPS reports whether a URL that CheckURL has accepted is https.
func IsHTTPS(u string) bool {
	scheme, _, _ := strings.Cut(u, "://")
	return strings.EqualFold(scheme, "https")
}

// IsLoopback reports whether this host of a URL is this machine, whatever a
// resolver says. Names of hosts have no case (RFC 3986 §3.2.2): of ASCII letters,
// which is why it does not fold Unicode.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.ToLower(host) == "localhost" || err == nil && ip.IsLoopback()
}

// IsInsecure reports whether what is fetched from a URL that CheckURL has accepted
// can be changed on the way: it is http, and not of a loopback host.
func IsInsecure(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "http" && !IsLoopback(u.Hostname())
}
