package conformance

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"path"
	"regexp"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// A peer verifies as its documentation says, for the same issuer, audience,
// algorithm, leeway and time.
type peer struct {
	name   string
	verify func(raw, audience string, key *rsa.PublicKey) error
}

var errUnknownKey = errors.New("unknown key")

var peers = []peer{
	{"golang-jwt", func(raw, audience string, key *rsa.PublicKey) error {
		parser := golangjwt.NewParser(golangjwt.WithValidMethods([]string{"RS256"}), golangjwt.WithIssuer(issuer), golangjwt.WithAudience(audience),
			golangjwt.WithLeeway(leeway), golangjwt.WithExpirationRequired(), golangjwt.WithIssuedAt(), golangjwt.WithTimeFunc(func() time.Time { return now }))
		_, err := parser.Parse(raw, func(token *golangjwt.Token) (any, error) {
			if kid, ok := token.Header["kid"]; ok && kid != "k1" {
				return nil, errUnknownKey
			}
			return key, nil
		})
		return err
	}},
	{"go-jose", func(raw, audience string, key *rsa.PublicKey) error {
		token, err := josejwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			return err
		}
		if kid := token.Headers[0].KeyID; kid != "" && kid != "k1" {
			return errUnknownKey
		}
		var claims josejwt.Claims
		if err := token.Claims(key, &claims); err != nil {
			return err
		}
		return claims.ValidateWithLeeway(josejwt.Expected{Issuer: issuer, AnyAudience: []string{audience}, Time: now}, leeway)
	}},
}

// A rule explains why tokens of a class are refused here for this reason, though
// both peers accept them. The class is a pattern of path.Match.
type rule struct {
	tokens int // that it explains
	class  string
	reason error
	why    string
}

var onlyHere = []rule{
	{2, "token over 64 KiB", jwtverifier.ErrMalformed, "a token is at most 64 KiB"},
	{2, "header over 8 KiB", jwtverifier.ErrMalformed, "a header is at most 8 KiB"},
	{4, "line break* in the signature, unsigned change", jwtverifier.ErrMalformed, "base64url has no line breaks (RFC 7515 §2)"},
	{2, "CR LF in the signature, unsigned change", jwtverifier.ErrMalformed, "base64url has no line breaks (RFC 7515 §2)"},
	{4, "surrounded, unsigned change", jwtverifier.ErrMalformed, "base64url has no line breaks (RFC 7515 §2), at the end neither"},
	{684, "line break inserted, unsigned change", jwtverifier.ErrMalformed, "base64url has no line breaks (RFC 7515 §2), at none of the places"},
	{2, "trailing bits in the signature, unsigned change", jwtverifier.ErrMalformed, "one signature has one spelling: bits that encode nothing are zero (RFC 4648 §3.5)"},

	{4, "header crit", jwtverifier.ErrMalformed, "no extension is understood, so crit is refused in every form (RFC 7515 §4.1.11)"},
	{136, "header b64", jwtverifier.ErrMalformed, "a JWT may not use b64 (RFC 7797 §7)"},
	{138, "header enc", jwtverifier.ErrMalformed, "enc is a member of a JWE: a token is signed or encrypted, not both"},
	{138, "header zip", jwtverifier.ErrMalformed, "zip is a member of a JWE (RFC 7516 §4.1.3)"},
	{70, "header typ", jwtverifier.ErrMalformed, "typ is a string (RFC 7515 §4.1.9)"},
	{60, "header typ", jwtverifier.ErrTokenType, "explicit types keep the kinds of tokens apart (RFC 8725 §3.11, RFC 9068 §4)"},
	{34, "header *", jwtverifier.ErrMalformed, "strict JSON: valid UTF-8, no lone surrogate, no name twice, also where nobody looks (RFC 8725 §2.6, RFC 7493)"},

	{2, "claim aud", jwtverifier.ErrAuthorizedParty, "with several audiences azp must be this client (OpenID Connect Core §3.1.3.7)"},
	{3, "claim sub", jwtverifier.ErrClaim, "an ID token has a subject (OpenID Connect Core §2)"},
	{3, "claim iat", jwtverifier.ErrClaim, "an ID token has the time of its issue (OpenID Connect Core §2); a time is not before 1970"},
	{2, "claim nbf", jwtverifier.ErrClaim, "a time is not before 1970"},
	{2, "claim exp", jwtverifier.ErrClaim, "a time is not after the year 9999"},
	{67, "claim nonce", jwtverifier.ErrNonce, "the nonce of the login (OpenID Connect Core §3.1.3.7)"},
	{25, "claim scp", jwtverifier.ErrClaim, "scopes are a string or an array of strings"},
	{25, "claim scope", jwtverifier.ErrClaim, "scopes are a string or an array of strings"},
	{66, "claim cnf", jwtverifier.ErrConfirmation, "a sender-constrained token is no bearer token (RFC 7800, RFC 9449 §7.1, RFC 8705 §3)"},
	{132, "claim events", jwtverifier.ErrTokenType, "the mark of a security event or logout token (RFC 8417, OpenID Connect Back-Channel Logout §2.4)"},
	{130, "claim token_use", jwtverifier.ErrTokenType, "the mark that says which kind of token it is (Amazon Cognito)"},
	{66, "claim at_hash", jwtverifier.ErrTokenType, "the mark of an ID token, which is no access token (OpenID Connect Core §3.1.3.6)"},
	{66, "claim c_hash", jwtverifier.ErrTokenType, "the mark of an ID token, which is no access token (OpenID Connect Core §3.3.2.11)"},
	{6, "claim typ", jwtverifier.ErrTokenType, "the mark that says which kind of token it is (Keycloak)"},
	{150, "claim *", jwtverifier.ErrMalformed, "strict JSON: valid UTF-8, no lone surrogate, no name twice, also where nobody looks (RFC 8725 §2.6, RFC 7493); no name that folds to a registered one"},
}

// An exception is a class and values of which this package accepts tokens that a
// peer refuses: each time because the peer reads what a verifier need not.
type exception struct {
	tokens      int // that it explains
	class, peer string
	values      string // a regular expression for the whole value
	why         string
}

var exceptions = []exception{
	{2, "claim exp", "golang-jwt", `1799999940\.5`, "fractions of a second are cut off there, so that a token expires up to a second earlier"},
	{2, "header kid", "golang-jwt", `null`, "null counts as absent here"},
	{2, "claim nbf", "golang-jwt", `null`, "null counts as absent here"},
	{1, "claim iat", "golang-jwt", `null`, "null counts as absent here; an ID token must have iat"},
	{24, "claim *", "golang-jwt", `1e999`, "a number that no float64 holds, in a claim that no rule reads"},
	{68, "claim jti", "go-jose", `[^"].*`, "a jti that is not a string: no rule reads it, its field stays empty"},
	{130, "header jwk", "go-jose", `.+`, "the sender's own key is parsed there; here it is never looked at (RFC 8725 §3.10)"},
	{130, "header x5c", "go-jose", `.+`, "the sender's own certificates are parsed there; here they are never looked at (RFC 8725 §3.10)"},
	{66, "header nonce", "go-jose", `[^"].*`, "a nonce that is not a string: it is ACME's (RFC 8555 §6.5.2), and not of a JWT"},
}

// explanation returns the index of the first row that fits.
func explanation(t *testing.T, class string, rows int, row func(int) (pattern string, fits bool)) (int, bool) {
	t.Helper()
	for i := range rows {
		pattern, fits := row(i)
		matches, err := path.Match(pattern, class)
		require.NoError(t, err)
		if fits && matches {
			return i, true
		}
	}
	return 0, false
}

// TestDifferential: what this package accepts, both peers accept; what both of
// them accept and this package refuses, a rule explains.
func TestDifferential(t *testing.T) {
	t.Parallel()
	key := testKey(t, 2048)
	v, err := newVerifier(t, jwkOf(&key.PublicKey, "k1"))
	require.NoError(t, err)

	usedRules := make([]int, len(onlyHere))
	usedExceptions := make([]int, len(exceptions))
	counts := map[string]int{}

	samples := corpus(t, key)
	for _, s := range samples {
		var here error
		expectedAudience := audience
		if s.id {
			expectedAudience = client
			_, here = v.VerifyIDToken(t.Context(), s.raw, nonce)
		} else {
			_, here = v.VerifyAccessToken(t.Context(), s.raw)
		}
		if s.class == "good" {
			require.NoError(t, here)
		}
		acceptedBy := 0
		for _, p := range peers {
			there := p.verify(s.raw, expectedAudience, &key.PublicKey)
			if there == nil {
				acceptedBy++
				continue
			}
			if here != nil {
				continue
			}
			i, ok := explanation(t, s.class, len(exceptions), func(i int) (string, bool) {
				e := exceptions[i]
				return e.class, e.peer == p.name && regexp.MustCompile("^("+e.values+")$").MatchString(s.value)
			})
			if assert.True(t, ok, "%s: accepted here and not by %s (%v): %.300q", s.class, p.name, there, s.raw) {
				usedExceptions[i]++
			}
		}
		if here == nil {
			counts["accepted here"]++
			continue
		}
		counts[fmt.Sprintf("refused here, accepted by %d of the others", acceptedBy)]++
		if acceptedBy < len(peers) {
			continue
		}
		var refused *jwtverifier.TokenError
		require.ErrorAs(t, here, &refused)
		i, ok := explanation(t, s.class, len(onlyHere), func(i int) (string, bool) {
			return onlyHere[i].class, onlyHere[i].reason == refused.Reason
		})
		if assert.True(t, ok, "%s: refused only here (%v): %.300q", s.class, here, s.raw) {
			usedRules[i]++
		}
	}

	for i, r := range onlyHere {
		assert.Equal(t, r.tokens, usedRules[i], "tokens that only this package refuses: %v", r)
		t.Logf("refused only here, %4d times: %s: %v: %s", usedRules[i], r.class, r.reason, r.why)
	}
	for i, e := range exceptions {
		assert.Equal(t, e.tokens, usedExceptions[i], "tokens that only %s refuses: %v", e.peer, e)
		t.Logf("refused only by %s, %4d times: %s: %s", e.peer, usedExceptions[i], e.class, e.why)
	}
	t.Logf("%d tokens: %v", len(samples), counts)
}
