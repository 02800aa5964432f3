// Package jwtverifiertest is an OAuth 2.0 and OpenID Connect authorization
// server for tests of services that verify JWTs: it publishes metadata and
// keys, mints access tokens and ID tokens, rotates its keys, and fails in the
// ways in which real servers fail. It signs with keys that it generates, so it
// is of no use for anything but tests, examples and demonstrations.
//
// [New] makes an issuer in memory: no socket, no goroutine, nothing to close.
// Give its Client to the code under test, and its tokens to that code's
// callers:
//
//	issuer := jwtverifiertest.New("")
//	verifier, err := jwtverifier.New(issuer.URL(),
//		jwtverifier.WithAudience(jwtverifiertest.Audience),
//		jwtverifier.WithHTTPClient(issuer.Client()))
//	…
//	good := issuer.AccessToken()
//	expired := issuer.AccessToken(jwtverifiertest.Claims{
//		"iat": time.Now().Add(-2 * time.Hour).Unix(),
//		"exp": time.Now().Add(-time.Hour).Unix(),
//	})
//	noClient := issuer.AccessToken(jwtverifiertest.Claims{"cid": jwtverifiertest.Absent})
//
// [Start] and [StartTLS] make one behind a real socket, for a service that
// runs in another process or takes no HTTP client. Such an issuer must be
// closed. One that [New] made can also be mounted in a test's own server: see
// [Issuer.ServeHTTP].
//
// Nothing here needs a *testing.T: an Example, a TestMain and a main function
// use it in the same way. What only a mistake in the test can cause, such as
// an unknown kid or a claim that is not JSON, panics.
//
// # Rotation and outages
//
//	issuer.RotateKey()                       // new key, at once in use
//	issuer.RotateKeyTo("ES256")              // the same, for another algorithm
//	issuer.RetireKey("key-1")                // the old one is no longer published
//	issuer.Down()                            // connections fail
//	issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Status: 503})
//	issuer.Reset()                           // everything works again
//	issuer.Requests(issuer.JWKSPath())       // how often the keys were asked for
//
// # Time
//
// An issuer in memory works in the bubble of a testing/synctest test: its
// tokens tell the bubble's time, a [Response] is delayed in the bubble's time,
// and a request that hangs counts as durably blocked. A real socket does not:
// with one the bubble's clock stands still.
//
//	synctest.Test(t, func(t *testing.T) {
//		issuer := jwtverifiertest.New("")
//		token := issuer.AccessToken()
//		time.Sleep(time.Hour) // returns at once; the token has expired
//		…
//	})
//
// # Keys
//
// Every issuer calls its keys key-1, key-2 and so on: two issuers have
// different keys under the same kid, as a test of several issuers wants it.
// RSA keys have 2048 bits. Making one takes a noticeable fraction of a
// second, so they come from a pool of 32 for the whole process, each one made
// when it is first needed. An issuer has eight of them: its ninth key is its
// first one again, under another kid. Four issuers made one after the other
// have no RSA key in common; the fifth has those of the first. The whole process is
// counted, parallel tests too: a test that needs issuers with different keys
// makes them next to each other, not with other work between.
package jwtverifiertest

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"
)

// What the tokens of an [Issuer] say, unless a call says otherwise.
const (
	Audience = "api://default" // aud of access tokens
	ClientID = "client"        // cid of access tokens, aud of ID tokens
	Subject  = "user"          // sub of both
)

// lifetime is exp − iat of the tokens minted.
const lifetime = 5 * time.Minute

// defaultIssuer is what New("") stands for.
const defaultIssuer = "https://issuer.example"

// Claims are the members of a token's payload or header, or of a metadata
// document. Values are encoded as encoding/json does it: a NumericDate (exp,
// iat, nbf, auth_time) is time.Time.Unix(), not a time.Time.
type Claims map[string]any

// Absent, as the value of a claim, removes that claim:
//
//	issuer.AccessToken(jwtverifiertest.Claims{"exp": jwtverifiertest.Absent})
//
// It has no meaning within a claim's value, where it makes the call panic. A
// claim that is present and null is written as nil.
var Absent absent

// absent is unexported so that Absent is its only value.
type absent struct{}

func (absent) MarshalJSON() ([]byte, error) {
	return nil, errors.New("jwtverifiertest: Absent inside a claim's value")
}

// An Issuer is an authorization server: an issuer identifier, its metadata,
// its keys, and its faults. It is made by [New], [Start] or [StartTLS], and is
// safe for concurrent use. The zero value is not usable.
type Issuer struct {
	// Set by the constructor, not changed after it.
	issuer string
	base   string // issuer without its trailing slash
	path   string // the path of base, as in a request line
	origin string // of issuer, as origin() writes it
	number uint64 // picks its part of the key pool
	server *httptest.Server

	mu       sync.Mutex // guards all other fields
	keys     []*key     // in the order of their making, retired ones too
	signing  *key
	material int // number of keys taken from the pool
	header   http.Header
	mode     mode
	faults   map[string]Response
	requests map[string]int         // by path; under "" the sum
	waiting  map[chan struct{}]bool // by answer.ended, of those that wait now; true: it hangs, false: it is delayed
	closed   bool
}

// New returns an issuer in memory. It has no socket: only its own
// [Issuer.Client] reaches it. There is nothing to close.
//
// The issuer identifier is an http or https URL without query and fragment; it
// may have a path, and a trailing slash, which stays in [Issuer.URL] and in
// iss. "" means https://issuer.example. New panics if the URL cannot be an
// issuer's.
func New(issuer string) *Issuer {
	if issuer == "" {
		issuer = defaultIssuer
	}
	i, err := newIssuer(issuer)
	if err != nil {
		panic(err.Error())
	}
	return i
}

func newIssuer(issuer string) (*Issuer, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, fmt.Errorf("jwtverifiertest: issuer: %w", err)
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.User != nil || strings.ContainsAny(issuer, "?#") {
		return nil, fmt.Errorf("jwtverifiertest: issuer %q is not an http or https URL without userinfo, query and fragment", issuer)
	}
	i := &Issuer{
		issuer:   issuer,
		base:     strings.TrimSuffix(issuer, "/"),
		path:     strings.TrimSuffix(u.EscapedPath(), "/"),
		origin:   origin(u),
		number:   issuers.Add(1) - 1,
		header:   make(http.Header),
		faults:   make(map[string]Response),
		requests: make(map[string]int),
		waiting:  make(map[chan struct{}]bool),
	}
	i.signing = i.addKey("RS256")
	return i, nil
}

// origin is the part of a URL that says which server is meant, with the port
// written out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// URL returns the issuer identifier, exactly as it stands in iss and in the
// metadata.
func (i *Issuer) URL() string { return i.issuer }

// JWKSURL returns the URL of the key set, the metadata's jwks_uri.
func (i *Issuer) JWKSURL() string { return i.base + "/keys" }

// JWKSPath returns the path of [Issuer.JWKSURL], for [Issuer.Respond] and
// [Issuer.Requests].
func (i *Issuer) JWKSPath() string { return i.path + "/keys" }

// MetadataPaths returns the paths at which the metadata is served, for
// [Issuer.Respond] and [Issuer.Requests]: oauth-authorization-server and
// openid-configuration below the issuer's path, in this order, and, if the
// issuer has a path, RFC 8414's form with the well-known part before it
// (RFC 8414 §3.1).
func (i *Issuer) MetadataPaths() []string {
	paths := []string{
		i.path + "/.well-known/oauth-authorization-server",
		i.path + "/.well-known/openid-configuration",
	}
	if i.path != "" {
		paths = append(paths, "/.well-known/oauth-authorization-server"+i.path)
	}
	return paths
}

// Metadata returns the metadata document that is served (RFC 8414 §2, OpenID
// Connect Discovery §3). It is a copy: a test may change it and serve the
// result with [Issuer.Respond]. Of the endpoints in it only jwks_uri exists.
func (i *Issuer) Metadata() Claims {
	return Claims{
		"issuer":                                i.issuer,
		"authorization_endpoint":                i.base + "/authorize",
		"token_endpoint":                        i.base + "/token",
		"introspection_endpoint":                i.base + "/introspect",
		"jwks_uri":                              i.JWKSURL(),
		"response_types_supported":              []string{"code"},
		"grant_types_supported":                 []string{"authorization_code", "client_credentials", "refresh_token"},
		"subject_types_supported":               []string{"public"},
		"scopes_supported":                      []string{"openid", "read"},
		"id_token_signing_alg_values_supported": i.signsWith(),
		"code_challenge_methods_supported":      []string{"S256"},
	}
}

// AccessToken returns an access token with [Issuer.AccessTokenClaims], changed
// by the overrides in their order. It is signed by the current key with its
// algorithm, RS256 unless [Issuer.RotateKeyTo] or [Issuer.UseKey] chose another, and
// its header holds alg and kid.
func (i *Issuer) AccessToken(overrides ...Claims) string {
	return i.Token(nil, merge(i.AccessTokenClaims(), overrides...))
}

// IDToken returns an ID token with [Issuer.IDTokenClaims], changed by the
// overrides in their order, and signed as an access token is. With the nonce
// "" it has no nonce claim.
func (i *Issuer) IDToken(nonce string, overrides ...Claims) string {
	return i.Token(nil, merge(i.IDTokenClaims(nonce), overrides...))
}

// AccessTokenClaims returns the claims of an access token issued now, in the
// form that Okta gives them: ver, jti, iss, aud (a string), iat, exp (five
// minutes later), cid, uid, scp (an array: openid, read), auth_time and sub.
// Every call returns another jti. The result may be changed and given to
// [Issuer.Token].
func (i *Issuer) AccessTokenClaims() Claims {
	now := time.Now()
	return Claims{
		"ver":       1,
		"jti":       "AT." + rand.Text(),
		"iss":       i.issuer,
		"aud":       Audience,
		"iat":       now.Unix(),
		"exp":       now.Add(lifetime).Unix(),
		"cid":       ClientID,
		"uid":       "00u1",
		"scp":       []string{"openid", "read"},
		"auth_time": now.Unix(),
		"sub":       Subject,
	}
}

// IDTokenClaims returns the claims of an ID token issued now: sub, name, ver,
// iss, aud (the client ID, a string), iat, exp (five minutes later), jti, amr,
// idp, nonce (none if it is ""), auth_time and preferred_username. Every call
// returns another jti. The result may be changed and given to [Issuer.Token].
func (i *Issuer) IDTokenClaims(nonce string) Claims {
	now := time.Now()
	claims := Claims{
		"sub":                Subject,
		"name":               "Test User",
		"ver":                1,
		"iss":                i.issuer,
		"aud":                ClientID,
		"iat":                now.Unix(),
		"exp":                now.Add(lifetime).Unix(),
		"jti":                "ID." + rand.Text(),
		"amr":                []string{"pwd"},
		"idp":                "00o1",
		"auth_time":          now.Unix(),
		"preferred_username": "user@issuer.example",
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return claims
}

// Token returns a token with exactly these claims; only those that are
// [Absent] are left out, and nothing is added. Its header is
// {"alg":…,"kid":…} of the current key, changed by the header given. Whatever that
// says, the token is signed by the current key with the key's algorithm.
func (i *Issuer) Token(header, claims Claims) string {
	k := i.signingKey()
	return k.sign(encode(merge(k.header(), header)), encode(merge(Claims{}, claims)))
}

// Sign returns the compact JWS of exactly these bytes, which need not be JSON
// (RFC 7515 §3.1). Whatever the header says, it is signed by the current key with
// the key's algorithm.
func (i *Issuer) Sign(header, payload []byte) string {
	return i.signingKey().sign(header, payload)
}

// SignWith is [Issuer.Sign] by the key of that kid, which may be a retired one:
// a token by a key that is not published is
//
//	kid := issuer.PublishKey()
//	issuer.RetireKey(kid)
//	issuer.SignWith(kid, header, payload)
//
// It panics if the issuer never had a key of that kid.
func (i *Issuer) SignWith(kid string, header, payload []byte) string {
	return i.keyOf(kid).sign(header, payload)
}

// merge changes base, which the caller owns, by the overrides.
func merge(base Claims, overrides ...Claims) Claims {
	for _, o := range overrides {
		maps.Copy(base, o)
	}
	maps.DeleteFunc(base, func(_ string, value any) bool {
		_, ok := value.(absent)
		return ok
	})
	return base
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("jwtverifiertest: not JSON: %v", err))
	}
	return data
}
