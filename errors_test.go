package jwtverifier_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// TestErrorTexts: an error names the claim, and what is wrong as far as the
// program knows, and shows no value.
func TestErrorTexts(t *testing.T) {
	issuer, v := newPair(t, jwtverifier.WithAuthorizedClients("c1"))
	strict := newVerifier(t, issuer, jwtverifier.WithStrictTokenType())
	slash := jwtverifiertest.New("https://issuer.example/tenant/")
	withSlash := newVerifier(t, slash)
	absent := jwtverifiertest.Absent
	const future = 4102444800
	wantIssuer := `want ` + strconv.Quote(issuer.URL())
	wantAudience := `want ` + strconv.Quote(jwtverifiertest.Audience)

	access := func(claims values) string { return issuer.AccessToken(values{"cid": "c1"}, claims) }
	header := func(header values) string {
		claims := issuer.AccessTokenClaims()
		claims["cid"] = "c1"
		return issuer.Token(header, claims)
	}
	for _, test := range []struct {
		v    *jwtverifier.Verifier
		raw  string
		want string // behind "jwtverifier: "
	}{
		{v, header(values{"typ": "logout+jwt"}), `wrong type of token: typ: want "at+jwt", "JWT"`},
		{strict, header(values{"typ": "JWT"}), `wrong type of token: typ: want "at+jwt"`},
		{strict, header(values{"typ": absent}), `wrong type of token: typ is absent: want "at+jwt"`},
		{v, access(values{"at_hash": "secret"}), `wrong type of token: at_hash`},
		{v, access(values{"c_hash": "secret"}), `wrong type of token: c_hash`},
		{v, access(values{"events": values{}}), `wrong type of token: events`},
		{v, access(values{"token_use": "id"}), `wrong type of token: token_use`},
		{v, access(values{"typ": "ID"}), `wrong type of token: typ`},
		{v, access(values{"iss": "https://evil.example"}), `wrong issuer: ` + wantIssuer},
		{v, access(values{"iss": absent}), `wrong issuer: iss is absent: ` + wantIssuer},
		{v, access(values{"iss": issuer.URL() + "/"}), `wrong issuer: differs by a final slash only: ` + wantIssuer},
		{v, access(values{"iss": issuer.URL() + "//"}), `wrong issuer: ` + wantIssuer},
		{v, access(values{"iss": "/"}), `wrong issuer: ` + wantIssuer},
		{withSlash, slash.AccessToken(values{"iss": "https://issuer.example/tenant"}), `wrong issuer: differs by a final slash only: want "https://issuer.example/tenant/"`},
		{withSlash, slash.AccessToken(values{"iss": "https://issuer.example/tenant//"}), `wrong issuer: differs by a final slash only: want "https://issuer.example/tenant/"`},
		{v, access(values{"aud": "secret"}), `wrong audience: ` + wantAudience},
		{v, access(values{"aud": nil}), `wrong audience: aud is absent: ` + wantAudience},
		{v, access(values{"cid": "secret"}), `client not authorized: cid: want "c1"`},
		{v, access(values{"cid": nil}), `client not authorized: client_id is absent: want "c1"`},
		{v, access(values{"sub": 1}), `claim of a wrong type: sub`},
		{v, access(values{"scp": 1}), `claim of a wrong type: scp`},
		{v, access(values{"scope": 1}), `claim of a wrong type: scope`},
		{v, access(values{"cnf": values{"jkt": "secret"}}), `sender-constrained token`},
		{v, access(values{"iat": "secret"}), `claim of a wrong type: iat: not a number of seconds up to the year 9999`},
		{v, access(values{"iat": future}), `issued in the future`},
		{v, access(values{"nbf": false}), `claim of a wrong type: nbf: not a number of seconds up to the year 9999`},
		{v, access(values{"nbf": future}), `not valid yet`},
		{v, access(values{"exp": absent}), `claim missing: exp`},
		{v, access(values{"exp": nil}), `claim missing: exp`},
		{v, access(values{"exp": time.Now().UnixMilli()}), `claim of a wrong type: exp: not a number of seconds up to the year 9999`},
		{v, access(values{"exp": 1}), `expired`},
		{v, header(values{"kid": "other"}), `unknown signing key: kid "other"`},
		{v, header(values{"alg": "HS256"}), `signature algorithm not allowed: want "RS256"`},
	} {
		t.Run(test.want, func(t *testing.T) {
			_, err := test.v.VerifyAccessToken(t.Context(), test.raw)
			require.EqualError(t, err, "jwtverifier: "+test.want)
		})
	}

	verify := func(claims values, checks ...jwtverifier.IDTokenCheck) error {
		nonce := "n"
		if len(checks) > 0 {
			nonce = ""
		}
		_, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n", claims), nonce, checks...)
		return err
	}
	verifyWith := func(nonce string) error {
		_, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n"), nonce)
		return err
	}
	prev, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n", values{"auth_time": 1}), "n")
	require.NoError(t, err)
	refresh, noNonce := jwtverifier.RefreshOf(prev), jwtverifier.NoNonce()
	for _, test := range []struct {
		err  error
		want string
	}{
		{verify(values{"token_use": "access"}), `wrong type of token: token_use`},
		{verify(values{"aud": "secret"}), `wrong audience: want "client"`},
		{verify(values{"aud": []string{"client", "other"}}), `wrong authorized party: azp is absent: want "client"`},
		{verify(values{"aud": []string{"client", "other"}, "azp": "secret"}), `wrong authorized party: want "client"`},
		{verify(values{"sub": absent}), `claim missing: sub`},
		{verify(values{"sub": ""}), `claim missing: sub`},
		{verify(values{"sub": 1}), `claim of a wrong type: sub`},
		{verify(values{"nonce": "secret"}), `wrong nonce`},
		{verify(values{"nonce": absent}), `wrong nonce: nonce is absent`},
		{verify(values{}, noNonce, jwtverifier.AccessTokenHash("x")), `hash does not match: at_hash is absent`},
		{verify(values{"at_hash": "secret"}, noNonce, jwtverifier.AccessTokenHash("x")), `hash does not match: at_hash`},
		{verify(values{}, noNonce, jwtverifier.CodeHash("x")), `hash does not match: c_hash is absent`},
		{verify(values{"auth_time": absent}, noNonce, jwtverifier.MaxAge(0)), `authentication time not acceptable: auth_time is absent`},
		{verify(values{"auth_time": 1}, noNonce, jwtverifier.MaxAge(time.Hour)), `authentication time not acceptable: older than the max age of 1h0m0s`},
		{verify(values{"auth_time": future}, noNonce, jwtverifier.MaxAge(0)), `authentication time not acceptable`},
		{verify(values{"iat": absent}), `claim missing: iat`},
		{verifyWith(""), `wrong nonce: no nonce given: NoNonce is for flows without one`},
		{verify(values{"sub": "secret", "auth_time": 1}, refresh), `claim not acceptable: sub: not as in the ID token before`},
		{verify(values{"azp": "secret", "auth_time": 1}, refresh), `wrong authorized party: not as in the ID token before`},
		{verify(values{"nonce": "secret", "auth_time": 1}, refresh), `wrong nonce: not as in the ID token before`},
		{verify(values{"auth_time": 2}, refresh), `authentication time not acceptable: not as in the ID token before`},
	} {
		t.Run("ID token "+test.want, func(t *testing.T) {
			require.EqualError(t, test.err, "jwtverifier: "+test.want)
		})
	}
}

// TestTokenErrorsOfOthers: packages that stand on this one make TokenErrors too.
func TestTokenErrorsOfOthers(t *testing.T) {
	for _, test := range []struct {
		err  *jwtverifier.TokenError
		want string
	}{
		{&jwtverifier.TokenError{Reason: jwtverifier.ErrClaim, Claim: "exp"}, "jwtverifier: claim not acceptable: exp"},
		{&jwtverifier.TokenError{Reason: jwtverifier.ErrClaim}, "jwtverifier: claim not acceptable"},
		{&jwtverifier.TokenError{Reason: jwtverifier.ErrTokenHash, Claim: "c_hash"}, "jwtverifier: hash does not match: c_hash"},
		{&jwtverifier.TokenError{Reason: jwtverifier.ErrExpired, Claim: "exp"}, "jwtverifier: expired"},
		{&jwtverifier.TokenError{Reason: errors.New("own"), Claim: "x"}, "own"},
		{&jwtverifier.TokenError{Reason: jwtverifier.ErrClaim, Claim: "a\nb"}, `jwtverifier: claim not acceptable: a\nb`},
	} {
		assert.EqualError(t, test.err, test.want)
	}
	long := &jwtverifier.TokenError{Reason: jwtverifier.ErrClaim, Claim: strings.Repeat("x", 5000)}
	assert.Less(t, len(long.Error()), 1024)
}

// TestSentinelsBeginWithTheName also in the middle of a chain, where it is said once.
func TestSentinelsBeginWithTheName(t *testing.T) {
	assert.EqualError(t, jwtverifier.ErrIssuerMismatch, "jwtverifier: metadata is of another issuer")
	mismatch := fmt.Errorf("%w: \"a\", want \"b\"", jwtverifier.ErrIssuerMismatch)
	failed := &jwtverifier.FetchError{URL: "https://h/", StatusCode: 200, Err: mismatch}
	assert.EqualError(t, failed, `GET "https://h/": metadata is of another issuer: "a", want "b"`)
	require.ErrorIs(t, failed, jwtverifier.ErrIssuerMismatch)
}
