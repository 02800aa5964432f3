package jwtverifier

import (
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// An Option adjusts a [Verifier] to be made by [New], which refuses contradictory
// or meaningless ones with [ErrMisconfigured]. Of an option given twice, lists
// add up, and otherwise the last one wins.
type Option func(*config) error

// config is what New was given, each part with the type that acts by it.
type config struct {
	rules     rules
	keys      keyPolicy
	observers observers
	cacheSize int // 0: no token cache
}

// newConfig applies the options and checks what they say together.
func newConfig(issuer string, opts []Option) (*config, error) {
	c := &config{
		rules: rules{issuer: issuer, leeway: defaultLeeway, oktaOrg: isOktaOrg(issuer)},
		keys:  keyPolicy{issuer: issuer, refreshInterval: defaultRefreshInterval, maxStale: defaultMaxStale},
	}
	for i, opt := range opts {
		if opt == nil {
			return nil, misconfigured("option %d is nil", i+1)
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	if err := checkIssuer(&c.keys); err != nil {
		return nil, misconfigured("issuer %s %w", strict.Quote(issuer, maxForeignText), err)
	}
	if err := checkSources(&c.keys); err != nil {
		return nil, err
	}
	if len(c.keys.algorithms) == 0 {
		c.keys.algorithms = algorithms{jose.RS256}
	}
	audience := len(c.rules.audiences) > 0 || c.rules.withoutAudience
	switch {
	case !audience && len(c.rules.clientIDs) == 0:
		return nil, misconfigured("none of WithAudience, WithoutAudience and WithClientID: no token could be accepted")
	case len(c.rules.audiences) > 0 && c.rules.withoutAudience:
		return nil, misconfigured("WithAudience and WithoutAudience exclude each other")
	case c.rules.withoutAudience && len(c.rules.authorizedClients) == 0:
		return nil, misconfigured("WithoutAudience needs WithAuthorizedClients")
	case !audience && len(c.rules.authorizedClients) > 0:
		return nil, misconfigured("WithAuthorizedClients needs WithAudience or WithoutAudience")
	}
	return c, nil
}

// checkIssuer refuses what cannot be the issuer. Only if something is derived from it
// must it be a URL.
func checkIssuer(p *keyPolicy) error {
	switch {
	case strings.Contains(p.issuer, openIDConfiguration), strings.Contains(p.issuer, oauthServer):
		return errors.New("is a discovery URL: the issuer is what such a document says in its member issuer")
	case strings.ContainsAny(p.issuer, "{}"):
		return errors.New("has braces: give the issuer of one tenant, as its tokens say it")
	case p.issuer == "":
		return errors.New("is empty")
	case p.derives():
		err := web.CheckIssuer(p.issuer, p.insecureHTTP)
		if err != nil && !strings.Contains(p.issuer, "://") {
			return fmt.Errorf("%w: one that is none needs WithMetadataURL, WithJWKSURL, WithStaticKeys or WithPublicKeys", err)
		}
		return err
	case len(p.issuer) > maxIssuerBytes:
		return fmt.Errorf("is longer than %d bytes", maxIssuerBytes)
	case strings.ContainsFunc(p.issuer, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("has other characters than printable ASCII")
	}
	return nil
}

// checkSources refuses what keys cannot be fetched from.
func checkSources(p *keyPolicy) error {
	sources := 0
	if p.staticKeys != nil {
		sources++
	}
	if p.publicKeys != nil {
		sources++
	}
	for _, source := range []struct{ option, url string }{{"WithMetadataURL", p.metadataURL}, {"WithJWKSURL", p.jwksURL}} {
		if source.url == "" {
			continue
		}
		sources++
		if err := web.CheckURL(source.url, p.insecureHTTP); err != nil {
			return misconfigured("%s: %s %w", source.option, strict.Quote(source.url, maxForeignText), err)
		}
	}
	if sources > 1 {
		return misconfigured("WithMetadataURL, WithJWKSURL, WithStaticKeys and WithPublicKeys exclude each other")
	}
	if p.client != nil && !p.insecureHTTP {
		// Anyone who can answer in the server's place can then make any token.
		if t, ok := p.client.Transport.(*http.Transport); ok && t != nil && t.TLSClientConfig != nil && t.TLSClientConfig.InsecureSkipVerify {
			return misconfigured("WithHTTPClient: its Transport does not verify certificates (InsecureSkipVerify), which needs WithInsecureHTTP")
		}
	}
	return nil
}

// addTo returns an option that adds values to a list of the config.
func addTo(name string, values []string, list func(*config) *[]string) Option {
	values = slices.Clone(values)
	return func(c *config) error {
		if len(values) == 0 || slices.Contains(values, "") {
			return misconfigured("%s without a value or with an empty one", name)
		}
		l := list(c)
		*l = append(*l, values...)
		return nil
	}
}

// WithAudience names the audiences that this service answers to: an access
// token's aud must name at least one of them, byte for byte (RFC 7519 §4.1.3).
// Without it, or [WithoutAudience], VerifyAccessToken is ErrMisconfigured.
func WithAudience(audience ...string) Option {
	return addTo("WithAudience", audience, func(c *config) *[]string { return &c.rules.audiences })
}

// WithoutAudience is for servers whose access tokens name no audience, such as
// Amazon Cognito's: aud must then be absent or an empty array. Without an
// audience every token that the server issues to an authorized client is as
// good here as at the API it was meant for: anyone who holds one of those can use
// it here. It needs [WithAuthorizedClients] and excludes [WithAudience].
func WithoutAudience() Option {
	return func(c *config) error {
		c.rules.withoutAudience = true
		return nil
	}
}

// WithClientID names the client IDs of this application at the authorization
// server: an ID token's aud must name one of them (OpenID Connect Core
// §3.1.3.7). Without it VerifyIDToken is ErrMisconfigured. VerifyAccessToken treats
// a token with a nonce whose aud names one of them as an ID token, unless its typ
// is at+jwt.
func WithClientID(clientID ...string) Option {
	return addTo("WithClientID", clientID, func(c *config) *[]string { return &c.rules.clientIDs })
}

// WithAuthorizedClients accepts access tokens only if they were issued to one
// of these clients. The client is the first member present of cid (Okta),
// client_id (RFC 9068), azp and appid. Without it the client is not compared. It
// keeps no ID token out, since that can carry azp: give the API an audience that
// is no client ID, or use [WithStrictTokenType].
func WithAuthorizedClients(clientID ...string) Option {
	return addTo("WithAuthorizedClients", clientID, func(c *config) *[]string { return &c.rules.authorizedClients })
}

// WithRequiredClaim accepts tokens of both kinds only if they have this claim, of
// whatever type except null, which counts as absent. If values are given, it must
// be one of them, or an array that holds one. A string is compared byte for byte and
// not split at spaces; a number or boolean is compared by its JSON, such as 2 or
// true. The name is compared byte for byte with those at the top of the payload; for
// what is inside a claim, read [Token.Claims].
//
// Given twice for one name, both must hold. It is judged after the other rules and
// before the times; a token that breaks it is ErrClaim. An empty name, an empty
// value and an empty list of values are ErrMisconfigured.
//
// All that RFC 9068 §2.2 requires of an access token, beyond what is always required:
//
//	jwtverifier.WithStrictTokenType(),
//	jwtverifier.WithRequiredClaim("client_id"),
//	jwtverifier.WithRequiredClaim("sub"),
//	jwtverifier.WithRequiredClaim("iat"),
//	jwtverifier.WithRequiredClaim("jti"),
func WithRequiredClaim(name string, oneOf ...string) Option {
	empty := oneOf != nil && len(oneOf) == 0
	oneOf = slices.Clone(oneOf)
	return func(c *config) error {
		if name == "" || empty || slices.Contains(oneOf, "") {
			return misconfigured("WithRequiredClaim without a name, with an empty value or with an empty list")
		}
		c.rules.required = append(c.rules.required, requiredClaim{name, oneOf})
		return nil
	}
}

// WithAlgorithms accepts tokens signed with these algorithms instead of RS256, which
// is the default: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and
// Ed25519, which tokens may also call EdDSA, and so may the caller. Any other name,
// and none at all, is ErrMisconfigured. Name what the issuer signs with and no more.
// Neither a token nor the server's metadata can add to the list.
//
// A key serves one algorithm: the one that its alg names, or else the one of its type:
// of an EC key by its curve, of an RSA key RS256 if that is accepted, else the only RSA
// algorithm that is. Of a key set's other entries it is reported why they are skipped
// (see [SkippedKey]).
//
// What to know before choosing:
//
//   - Anyone who knows a kid can make this service verify junk signatures, which cost
//     about as much as good tokens: with Ed25519 1.5 times as much as with RS256, with
//     ES256 2.4, ES384 18, ES512 48 (measured on amd64; section algorithms of bench).
//     So think twice about ES384 and ES512 where strangers can send tokens.
//   - ECDSA signatures are malleable: anyone who sees a token can make another one of
//     it that verifies, with the same claims and other bytes. To deny single tokens
//     compare their jti, not a hash of the token.
func WithAlgorithms(alg ...string) Option {
	alg = slices.Clone(alg)
	return func(c *config) error {
		known := strings.Join(jose.Names(), ", ")
		if len(alg) == 0 {
			return misconfigured("WithAlgorithms without a name: it takes some of %s", known)
		}
		for _, name := range alg {
			a := jose.ByName(name)
			if a == nil {
				return misconfigured("WithAlgorithms: %s is not one of %s", strict.Quote(name, maxAlgorithmText), known)
			}
			c.keys.algorithms = c.keys.algorithms.with(a)
		}
		return nil
	}
}

// WithLeeway sets the clock skew that is tolerated for exp, nbf, iat and
// auth_time, from 0 to 5 minutes. The default is 1 minute. An expired token is
// accepted for that much longer.
func WithLeeway(leeway time.Duration) Option {
	return func(c *config) error {
		if leeway < 0 || leeway > maxLeeway {
			return misconfigured("WithLeeway is not from 0 to %v", maxLeeway)
		}
		c.rules.leeway = leeway
		return nil
	}
}

// WithStrictTokenType accepts access tokens only if their header says typ
// at+jwt, as RFC 9068 §4 requires. By default JWT or no typ will do as well,
// since many servers send that.
func WithStrictTokenType() Option {
	return func(c *config) error {
		c.rules.strictTokenType = true
		return nil
	}
}

// WithSenderConstrainedTokens accepts access tokens that are bound to a key of
// their sender (cnf, by RFC 9449 or RFC 8705). This package does not check the
// proof: the caller must compare [AccessToken.Confirmation] with the request's
// DPoP proof or client certificate. If the caller does not, anyone who stole such a
// token can use it. By default they are refused.
func WithSenderConstrainedTokens() Option {
	return func(c *config) error {
		c.rules.senderConstrained = true
		return nil
	}
}

// WithTokenCache remembers up to n access tokens that were accepted, from 1 to
// 2^24, so that the next verification of the same one costs a SHA-256 instead of
// an RSA operation. By default none are remembered.
//
// A remembered token is judged by the clock again each time, and forgotten as
// soon as its key has left the current key set. Tokens over 8 KiB and ID tokens
// are not remembered. The cache takes 8 bytes per n at once, about 1 KB for a token
// of 1 KB, and 7 KB for one of 8 KiB; at most 57 KB, if that is full of scopes of one
// letter.
func WithTokenCache(n int) Option {
	return func(c *config) error {
		if n < 1 || n > maxCacheSize {
			return misconfigured("WithTokenCache is not from 1 to %d", maxCacheSize)
		}
		c.cacheSize = n
		return nil
	}
}

// WithHTTPClient fetches metadata and keys with this client, for proxies, TLS
// roots, tracing or to pin hosts. The client is copied: its Transport and Timeout are
// used, its CheckRedirect and Jar are not. The Timeout is the limit for one document,
// up to 30 seconds, which a longer one means too; without one it is 5 seconds. A
// refresh takes at most twice that. An [*http.Transport] with InsecureSkipVerify is
// [ErrMisconfigured] without [WithInsecureHTTP].
//
// The Transport should obey the context of the request. If it does not, the refresh
// ends in time all the same, and the goroutine of that request stays until the
// Transport returns. Its idle connections are the caller's to close. The default,
// which a nil Transport stands for too, is one of the Verifier's own, which leaves no
// connection open, with proxies from the environment and TLS 1.2 or higher.
func WithHTTPClient(client *http.Client) Option {
	return func(c *config) error {
		if client == nil {
			return misconfigured("WithHTTPClient(nil)")
		}
		c.keys.client = client
		return nil
	}
}

// WithClock sets the clock by which claims are judged; the default is
// [time.Now]. It has no influence on the age of the keys. now must be safe for
// concurrent use. Anyone who controls it decides when tokens expire.
func WithClock(now func() time.Time) Option {
	return func(c *config) error {
		if now == nil {
			return misconfigured("WithClock(nil)")
		}
		c.rules.clock = now
		return nil
	}
}

// WithLogger logs what happens to the keys: refreshes that failed and
// recovered, keys that appeared and went, entries that were skipped and why,
// metadata of another issuer. Nothing is logged about single tokens. The
// default is silence.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return misconfigured("WithLogger(nil)")
		}
		c.observers.log = logTo(logger, c.rules.issuer)
		return nil
	}
}

// WithObserver reports to this Observer what the Verifier does. Without one
// nothing is measured.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		c.observers.own = o
		return nil
	}
}

// WithMetadataURL reads the server's metadata from this URL instead of the
// well-known ones. The document's issuer is still compared with the configured
// one.
func WithMetadataURL(url string) Option {
	return func(c *config) error {
		if url == "" {
			return misconfigured(`WithMetadataURL("")`)
		}
		c.keys.metadataURL = url
		return nil
	}
}

// WithJWKSURL reads the keys from this URL and no metadata at all. That the keys
// are the issuer's is then the caller's word.
func WithJWKSURL(url string) Option {
	return func(c *config) error {
		if url == "" {
			return misconfigured(`WithJWKSURL("")`)
		}
		c.keys.jwksURL = url
		return nil
	}
}

// WithStaticKeys uses the keys of this JWKS document (RFC 7517 §5) for ever, and
// no network. A key that the server revokes stays good here until the program
// is started with another document.
func WithStaticKeys(jwks []byte) Option {
	jwks = append([]byte{}, jwks...)
	return func(c *config) error {
		c.keys.staticKeys = jwks
		return nil
	}
}

// WithPublicKeys uses these keys for ever, and no network, as [WithStaticKeys] does.
// It is for keys without kid, from PEM files say: "PUBLIC KEY" is read by
// [crypto/x509.ParsePKIXPublicKey], "RSA PUBLIC KEY" by
// [crypto/x509.ParsePKCS1PublicKey], and a certificate by
// [crypto/x509.ParseCertificate], whose result has it in its PublicKey. There may be at
// most four, each an [*rsa.PublicKey] of 2,048 to 8,192 bits, or, if [WithAlgorithms]
// accepts what it is for, an [*ecdsa.PublicKey] or [ed25519.PublicKey]. An RSA key is
// for RS256 if that is accepted, else for the only RSA algorithm that is. The keys are
// copied, and the same one twice is one. A token that one of them signed is accepted
// whatever its kid. It excludes [WithStaticKeys], [WithJWKSURL] and [WithMetadataURL].
func WithPublicKeys(keys ...crypto.PublicKey) Option {
	publics := make([]crypto.PublicKey, len(keys))
	var wrong error
	for i, key := range keys {
		public, err := jose.PublicKey(key)
		if err != nil && wrong == nil {
			wrong = misconfigured("WithPublicKeys: key %d: %w", i+1, err)
		}
		publics[i] = public
	}
	return func(c *config) error {
		if len(publics) == 0 {
			return misconfigured("WithPublicKeys without a key")
		}
		if wrong != nil {
			return wrong
		}
		for _, public := range publics {
			if !slices.ContainsFunc(c.keys.publicKeys, func(k crypto.PublicKey) bool { return jose.Equal(k, public) }) {
				c.keys.publicKeys = append(c.keys.publicKeys, public)
			}
		}
		if len(c.keys.publicKeys) > maxCandidates {
			return misconfigured("WithPublicKeys: more than %d keys", maxCandidates)
		}
		return nil
	}
}

// WithRefreshInterval sets the age from which keys count as stale while the
// server answers, from 1 minute to 24 hours; the default is 15 minutes. A key
// that the server withdraws is accepted for at most that long, as long as the
// server answers within a second. The server can shorten it by Cache-Control, to
// no less than 5 minutes, and never lengthen it.
func WithRefreshInterval(interval time.Duration) Option {
	return func(c *config) error {
		if interval < minRefreshInterval || interval > maxRefreshInterval {
			return misconfigured("WithRefreshInterval is not from %v to %v", minRefreshInterval, maxRefreshInterval)
		}
		c.keys.refreshInterval = interval
		return nil
	}
}

// WithMaxStale sets for how long beyond the refresh interval held keys go on to
// serve while the server does not answer, from 0 to 7 days; the default is 24
// hours. Anyone who can keep this program from reaching the server can have a
// withdrawn key accepted for that long.
func WithMaxStale(d time.Duration) Option {
	return func(c *config) error {
		if d < 0 || d > maxMaxStale {
			return misconfigured("WithMaxStale is not from 0 to %v", maxMaxStale)
		}
		c.keys.maxStale = d
		return nil
	}
}

// WithInsecureHTTP allows http URLs beyond the loopback hosts (localhost,
// 127.0.0.0/8 and ::1), which are always allowed, and a Transport with
// InsecureSkipVerify ([WithHTTPClient]). Anyone who can change traffic between this
// program and the server can then make it accept any token.
func WithInsecureHTTP() Option {
	return func(c *config) error {
		c.keys.insecureHTTP = true
		return nil
	}
}

// An IDTokenCheck is a condition of one call of [Verifier.VerifyIDToken]. Of a
// check given twice, the last one counts.
type IDTokenCheck func(*idTokenChecks) error

// newIDTokenChecks applies the checks and looks at what they say together.
func newIDTokenChecks(nonce string, checks []IDTokenCheck) (*idTokenChecks, error) {
	c := &idTokenChecks{nonce: nonce}
	for i, check := range checks {
		if check == nil {
			return nil, misconfigured("IDTokenCheck %d is nil", i+1)
		}
		if err := check(c); err != nil {
			return nil, err
		}
	}
	switch {
	case c.noNonce && c.previous != nil:
		return nil, misconfigured("NoNonce and RefreshOf exclude each other")
	case (c.noNonce || c.previous != nil) && nonce != "":
		return nil, misconfigured("a nonce together with NoNonce or RefreshOf")
	}
	return c, nil
}

// NoNonce compares no nonce, for flows that sent none. Then nothing ties the
// token to the browser that asked for it: an attacker can inject one that was
// issued for another session. The nonce given to VerifyIDToken must be "".
func NoNonce() IDTokenCheck {
	return func(c *idTokenChecks) error {
		c.noNonce = true
		return nil
	}
}

// RefreshOf is for an ID token that came with a token refresh: it must be about
// the same login as prev, the ID token verified before (OpenID Connect Core
// §12.2). The same iss, sub and azp (or none in both), an audience in common,
// and the same auth_time and nonce where the new token has them. The nonce given
// to VerifyIDToken must be "".
func RefreshOf(prev *IDToken) IDTokenCheck {
	return func(c *idTokenChecks) error {
		if prev == nil || prev.payload == "" {
			return misconfigured("RefreshOf an ID token that no Verifier made")
		}
		c.previous = prev
		return nil
	}
}

// MaxAge requires that the user logged in at most d ago, give or take the
// leeway: auth_time must be present and recent (OpenID Connect Core §3.1.3.7).
func MaxAge(d time.Duration) IDTokenCheck {
	return func(c *idTokenChecks) error {
		if d < 0 {
			return misconfigured("MaxAge is negative")
		}
		c.maxAge = &d
		return nil
	}
}

// AccessTokenHash requires that at_hash is present, and is the hash of accessToken,
// the raw access token that came together with the ID token (OpenID Connect Core
// §3.1.3.8).
func AccessTokenHash(accessToken string) IDTokenCheck {
	return func(c *idTokenChecks) error {
		if accessToken == "" {
			return misconfigured("AccessTokenHash of an empty token")
		}
		c.accessToken = accessToken
		return nil
	}
}

// CodeHash requires that c_hash is present, and is the hash of the authorization code
// (OpenID Connect Core §3.3.2.11).
func CodeHash(code string) IDTokenCheck {
	return func(c *idTokenChecks) error {
		if code == "" {
			return misconfigured("CodeHash of an empty code")
		}
		c.code = code
		return nil
	}
}
