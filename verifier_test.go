package jwtverifier_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

type values = jwtverifiertest.Claims

// newPair returns an issuer in memory and a Verifier of both kinds of its tokens.
func newPair(t testing.TB, opts ...jwtverifier.Option) (*jwtverifiertest.Issuer, *jwtverifier.Verifier) {
	t.Helper()
	issuer := jwtverifiertest.New("")
	return issuer, newVerifier(t, issuer, opts...)
}

func newVerifier(t testing.TB, issuer *jwtverifiertest.Issuer, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New(issuer.URL(), append([]jwtverifier.Option{
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithClientID(jwtverifiertest.ClientID),
		jwtverifier.WithHTTPClient(issuer.Client()),
	}, opts...)...)
	require.NoError(t, err)
	return v
}

// requireReason requires that err is a refusal for this reason.
func requireReason(t testing.TB, err, reason error) {
	t.Helper()
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, reason, refused.Reason)
	require.ErrorIs(t, err, reason)
	require.ErrorIs(t, err, jwtverifier.ErrInvalidToken)
	require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
	require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
}

func requireMisconfigured(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
	require.NotErrorIs(t, err, jwtverifier.ErrInvalidToken)
	require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
}

func TestAccessTokenFields(t *testing.T) {
	issuer, v := newPair(t)
	now := time.Now().UTC().Truncate(time.Second)
	raw := issuer.Token(values{"typ": "at+jwt"}, values{
		"iss": issuer.URL(), "aud": []string{"other", jwtverifiertest.Audience}, "sub": "u", "jti": "id-1",
		"iat": now.Unix(), "nbf": now.Unix() - 1, "exp": now.Unix() + 60, "auth_time": 0,
		"acr": "urn:mace:incommon:iap:silver", "amr": []string{"pwd", "otp"},
		"cid": "c1", "client_id": "c2", "scp": []string{"read", "write"}, "scope": "ignored",
		"n": 9007199254740993,
	})
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)

	assert.Equal(t, issuer.URL(), token.Issuer)
	assert.Equal(t, "u", token.Subject)
	assert.Equal(t, "id-1", token.ID)
	assert.Equal(t, []string{"other", jwtverifiertest.Audience}, token.Audience)
	assert.Equal(t, now.Add(time.Minute), token.Expiry)
	assert.Equal(t, now, token.IssuedAt)
	assert.Equal(t, now.Add(-time.Second), token.NotBefore)
	assert.Equal(t, time.Unix(0, 0).UTC(), token.AuthTime)
	assert.False(t, token.AuthTime.IsZero(), "auth_time 0 is not an absent one")
	assert.Equal(t, "urn:mace:incommon:iap:silver", token.AuthContext)
	assert.Equal(t, []string{"pwd", "otp"}, token.AuthMethods)
	assert.Equal(t, "key-1", token.KeyID)
	assert.Equal(t, "RS256", token.Algorithm)
	assert.Equal(t, "at+jwt", token.Type)
	assert.Equal(t, "c1", token.ClientID)
	assert.Equal(t, []string{"read", "write"}, token.Scopes)
	assert.Nil(t, token.Confirmation)

	assert.True(t, token.HasScopes())
	assert.True(t, token.HasScopes("write", "read"))
	assert.False(t, token.HasScopes("read", "admin"))
	assert.False(t, (*jwtverifier.AccessToken)(nil).HasScopes())

	var own struct {
		N int64 `json:"n"`
		M int64 `json:"N"`
	}
	require.NoError(t, token.Claims(&own))
	assert.Equal(t, int64(9007199254740993), own.N)
	assert.Zero(t, own.M, "names are case-sensitive")
	var wrong struct {
		Sub int `json:"sub"`
	}
	require.Error(t, token.Claims(&wrong))
}

// What a caller's UnmarshalJSON does to its argument is not seen by the next.
func TestClaimsAreACopy(t *testing.T) {
	issuer, v := newPair(t)
	token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	require.NoError(t, err)
	require.NoError(t, token.Claims(&scribbler{}))
	var c struct {
		Sub string `json:"sub"`
	}
	require.NoError(t, token.Claims(&c))
	require.Equal(t, jwtverifiertest.Subject, c.Sub)
}

type scribbler struct{}

func (*scribbler) UnmarshalJSON(b []byte) error {
	for i := range b {
		b[i] = 'x'
	}
	return nil
}

func TestClient(t *testing.T) {
	issuer, v := newPair(t)
	for _, test := range []struct {
		name   string
		claims values
		want   string
	}{
		{"cid", values{"cid": "a", "client_id": "b", "azp": "c", "appid": "d"}, "a"},
		{"client_id", values{"cid": jwtverifiertest.Absent, "client_id": "b", "azp": "c", "appid": "d"}, "b"},
		{"azp", values{"cid": jwtverifiertest.Absent, "azp": "c", "appid": "d"}, "c"},
		{"appid", values{"cid": jwtverifiertest.Absent, "appid": "d"}, "d"},
		{"none", values{"cid": jwtverifiertest.Absent}, ""},
		{"null is absent", values{"cid": nil, "client_id": "b"}, "b"},
		{"not a string", values{"cid": []string{"a"}, "client_id": "b"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := issuer.AccessToken(test.claims)
			token, err := v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
			require.Equal(t, test.want, token.ClientID)

			_, err = newVerifier(t, issuer, jwtverifier.WithAuthorizedClients("a", "b", "c", "d")).VerifyAccessToken(t.Context(), raw)
			if test.want == "" {
				requireReason(t, err, jwtverifier.ErrClientID)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	issuer, v := newPair(t)
	absent := jwtverifiertest.Absent
	for _, test := range []struct {
		name       string
		scp, scope any
		want       []string
		refused    string
	}{
		{"array", []string{"a", "b c"}, absent, []string{"a", "b c"}, ""},
		{"string", "a  b ", absent, []string{"a", "b"}, ""},
		{"scope string", absent, "a b", []string{"a", "b"}, ""},
		{"scope array", absent, []string{"a"}, []string{"a"}, ""},
		{"scp first", []string{"a"}, "b", []string{"a"}, ""},
		{"null is absent", nil, "b", []string{"b"}, ""},
		{"both null", nil, nil, nil, ""},
		{"none", absent, absent, nil, ""},
		{"empty", []string{}, "b", []string{}, ""},
		{"scp number", 1, absent, nil, "scp"},
		{"scp mixed", []any{"a", nil}, absent, nil, "scp"},
		{"scope is checked behind scp", []string{"a"}, true, nil, "scope"},
		{"scp object", values{"a": 1}, absent, nil, "scp"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"scp": test.scp, "scope": test.scope}))
			if test.refused != "" {
				requireReason(t, err, jwtverifier.ErrClaim)
				var refused *jwtverifier.TokenError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.refused, refused.Claim)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, token.Scopes)
		})
	}
}

func TestConfirmation(t *testing.T) {
	issuer, v := newPair(t)
	constrained := newVerifier(t, issuer, jwtverifier.WithSenderConstrainedTokens())
	for _, test := range []struct {
		name string
		cnf  any
		want *jwtverifier.Confirmation
	}{
		{"jkt", values{"jkt": "a"}, &jwtverifier.Confirmation{JWKThumbprint: "a"}},
		{"x5t#S256", values{"x5t#S256": "b"}, &jwtverifier.Confirmation{CertificateThumbprint: "b"}},
		{"both", values{"jkt": "a", "x5t#S256": "b"}, &jwtverifier.Confirmation{JWKThumbprint: "a", CertificateThumbprint: "b"}},
		{"another beside", values{"jkt": "a", "jwk": values{}}, nil},
		{"another", values{"kid": "a"}, nil},
		{"empty object", values{}, nil},
		{"empty string", values{"jkt": ""}, nil},
		{"one empty", values{"jkt": "a", "x5t#S256": ""}, nil},
		{"number", values{"jkt": 1}, nil},
		{"one null", values{"jkt": nil, "x5t#S256": "b"}, &jwtverifier.Confirmation{CertificateThumbprint: "b"}},
		{"another null beside", values{"jkt": "a", "jwk": nil}, &jwtverifier.Confirmation{JWKThumbprint: "a"}},
		{"both null", values{"jkt": nil, "x5t#S256": nil}, nil},
		{"string", "a", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := issuer.AccessToken(values{"cnf": test.cnf})
			_, err := v.VerifyAccessToken(t.Context(), raw)
			requireReason(t, err, jwtverifier.ErrConfirmation)

			token, err := constrained.VerifyAccessToken(t.Context(), raw)
			if test.want == nil {
				requireReason(t, err, jwtverifier.ErrConfirmation)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, token.Confirmation)
		})
	}
	for _, cnf := range []any{jwtverifiertest.Absent, nil} { // null is absent
		token, err := constrained.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"cnf": cnf}))
		require.NoError(t, err)
		require.Nil(t, token.Confirmation)
	}
}

func halfHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestIDTokenChecks(t *testing.T) {
	now := time.Now().Unix()
	issuer, v := newPair(t, jwtverifier.WithClientID("client2"), jwtverifier.WithClock(func() time.Time { return time.Unix(now, 0) }))
	first, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n", values{
		"aud": []string{jwtverifiertest.ClientID, "x"}, "azp": jwtverifiertest.ClientID, "auth_time": now - 100}), "n")
	require.NoError(t, err)
	plain, err := v.VerifyIDToken(t.Context(), issuer.IDToken("", values{"auth_time": jwtverifiertest.Absent}), "", jwtverifier.NoNonce())
	require.NoError(t, err)
	other := jwtverifiertest.New("https://other.example")
	foreign, err := newVerifier(t, other).VerifyIDToken(t.Context(), other.IDToken("n"), "n")
	require.NoError(t, err)

	absent := jwtverifiertest.Absent
	same := values{"aud": []string{"y", jwtverifiertest.ClientID}, "azp": jwtverifiertest.ClientID, "auth_time": now - 100, "nonce": "n"}
	refresh := func(changes values) values {
		c := values{}
		for _, from := range []values{same, changes} {
			for name, value := range from {
				c[name] = value
			}
		}
		return c
	}
	nonce, none := "n", ""
	for _, test := range []struct {
		name   string
		claims values
		nonce  string
		checks []jwtverifier.IDTokenCheck
		want   error
		claim  string
	}{
		{"nonce", values{"nonce": "n"}, nonce, nil, nil, ""},
		{"other nonce", values{"nonce": "N"}, nonce, nil, jwtverifier.ErrNonce, "nonce"},
		{"empty nonce never matches", values{"nonce": ""}, none, nil, jwtverifier.ErrNonce, "nonce"},
		{"no nonce at all", values{"nonce": absent}, none, nil, jwtverifier.ErrNonce, "nonce"},
		{"NoNonce, token has one", values{"nonce": "n"}, none, []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}, nil, ""},
		{"NoNonce, token has a strange one", values{"nonce": 1}, none, []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}, nil, ""},

		{"MaxAge", values{"nonce": "n", "auth_time": now - 360}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(5 * time.Minute)}, nil, ""},
		{"MaxAge, too old", values{"nonce": "n", "auth_time": now - 361}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(5 * time.Minute)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"MaxAge, in the future", values{"nonce": "n", "auth_time": now + 61}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(5 * time.Minute)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"MaxAge, within the leeway", values{"nonce": "n", "auth_time": now + 60}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0)}, nil, ""},
		{"MaxAge, absent", values{"nonce": "n", "auth_time": absent}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(1 << 62)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"MaxAge, string", values{"nonce": "n", "auth_time": "1"}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(1 << 62)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"MaxAge, the last one counts", values{"nonce": "n", "auth_time": now - 361}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0), jwtverifier.MaxAge(time.Hour)}, nil, ""},
		{"strange auth_time that nobody reads", values{"nonce": "n", "auth_time": "1"}, nonce, nil, nil, ""},

		{"at_hash", values{"nonce": "n", "at_hash": halfHash("at")}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("at")}, nil, ""},
		{"at_hash of another", values{"nonce": "n", "at_hash": halfHash("other")}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("at")}, jwtverifier.ErrTokenHash, "at_hash"},
		{"at_hash absent", values{"nonce": "n"}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("at")}, jwtverifier.ErrTokenHash, "at_hash"},
		{"at_hash null", values{"nonce": "n", "at_hash": nil}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("at")}, jwtverifier.ErrTokenHash, "at_hash"},
		{"at_hash too long", values{"nonce": "n", "at_hash": halfHash("at") + "A"}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("at")}, jwtverifier.ErrTokenHash, "at_hash"},
		{"c_hash", values{"nonce": "n", "c_hash": halfHash("code")}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.CodeHash("code")}, nil, ""},
		{"c_hash absent", values{"nonce": "n", "at_hash": halfHash("code")}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.CodeHash("code")}, jwtverifier.ErrTokenHash, "c_hash"},
		{"hashes before auth_time", values{"nonce": "n", "auth_time": absent}, nonce, []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0), jwtverifier.CodeHash("code")}, jwtverifier.ErrTokenHash, "c_hash"},

		{"RefreshOf", same, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, nil, ""},
		{"RefreshOf, without nonce and auth_time", refresh(values{"nonce": absent, "auth_time": absent}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, nil, ""},
		{"RefreshOf, other issuer", values{"nonce": absent}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(foreign)}, jwtverifier.ErrIssuer, "iss"},
		{"RefreshOf, no audience in common", refresh(values{"aud": "client2"}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAudience, "aud"},
		{"RefreshOf, other azp", refresh(values{"azp": "client2"}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAuthorizedParty, "azp"},
		{"RefreshOf, azp gone", refresh(values{"aud": jwtverifiertest.ClientID, "azp": absent}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAuthorizedParty, "azp"},
		{"RefreshOf, azp new", values{"azp": jwtverifiertest.ClientID, "auth_time": absent}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(plain)}, jwtverifier.ErrAuthorizedParty, "azp"},
		{"RefreshOf, azp not a string", values{"azp": 1, "auth_time": absent}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(plain)}, jwtverifier.ErrAuthorizedParty, "azp"},
		{"RefreshOf, other sub", refresh(values{"sub": "other"}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrClaim, "sub"},
		{"RefreshOf, other nonce", refresh(values{"nonce": "m"}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrNonce, "nonce"},
		{"RefreshOf, new nonce", values{"nonce": "n", "auth_time": absent}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(plain)}, jwtverifier.ErrNonce, "nonce"},
		{"RefreshOf, nonce null", refresh(values{"nonce": nil}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, nil, ""},
		{"RefreshOf, auth_time null", refresh(values{"auth_time": nil}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, nil, ""},
		{"RefreshOf, azp null", refresh(values{"aud": jwtverifiertest.ClientID, "azp": nil}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAuthorizedParty, "azp"},
		{"RefreshOf, azp null as before", values{"azp": nil, "auth_time": absent}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(plain)}, nil, ""},
		{"RefreshOf, other auth_time", refresh(values{"auth_time": now - 99}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"RefreshOf, auth_time not a number", refresh(values{"auth_time": "x"}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"RefreshOf, new auth_time", values{"auth_time": now}, none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(plain)}, jwtverifier.ErrAuthTime, "auth_time"},
		{"RefreshOf with MaxAge", refresh(values{"auth_time": absent}), none, []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(first), jwtverifier.MaxAge(time.Hour)}, jwtverifier.ErrAuthTime, "auth_time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			token, err := v.VerifyIDToken(t.Context(), issuer.IDToken("", test.claims), test.nonce, test.checks...)
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.Nil(t, token)
			requireReason(t, err, test.want)
			var refused *jwtverifier.TokenError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.claim, refused.Claim)
		})
	}
}

func TestIDTokenCheckMisuse(t *testing.T) {
	issuer, v := newPair(t)
	prev, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n"), "n")
	require.NoError(t, err)
	for name, call := range map[string]struct {
		nonce  string
		checks []jwtverifier.IDTokenCheck
	}{
		"nil check":                 {"n", []jwtverifier.IDTokenCheck{nil}},
		"nil prev":                  {"", []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(nil)}},
		"a prev that nobody made":   {"", []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(&jwtverifier.IDToken{})}},
		"negative age":              {"n", []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(-1)}},
		"empty access token":        {"n", []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("")}},
		"empty code":                {"n", []jwtverifier.IDTokenCheck{jwtverifier.CodeHash("")}},
		"NoNonce with RefreshOf":    {"", []jwtverifier.IDTokenCheck{jwtverifier.NoNonce(), jwtverifier.RefreshOf(prev)}},
		"NoNonce with a nonce":      {"n", []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}},
		"RefreshOf with a nonce":    {"n", []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(prev)}},
		"misuse behind a good call": {"n", []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(time.Hour), nil}},
	} {
		t.Run(name, func(t *testing.T) {
			token, err := v.VerifyIDToken(t.Context(), "not even a token", call.nonce, call.checks...)
			require.Nil(t, token)
			requireMisconfigured(t, err)
		})
	}
}

func TestNotMadeByNew(t *testing.T) {
	issuer := jwtverifiertest.New("")
	for name, v := range map[string]*jwtverifier.Verifier{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			at, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
			require.Nil(t, at)
			requireMisconfigured(t, err)
			id, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n"), "n")
			require.Nil(t, id)
			requireMisconfigured(t, err)
			requireMisconfigured(t, v.Prefetch(t.Context()))
			requireMisconfigured(t, v.Refresh(t.Context()))
			requireMisconfigured(t, v.Metadata(t.Context(), &struct{}{}))
			require.Empty(t, v.Issuer())
			require.Equal(t, jwtverifier.Status{}, v.Status())
			require.False(t, v.Status().Ready())
		})
	}
	requireMisconfigured(t, new(jwtverifier.Token).Claims(&struct{}{}))
	requireMisconfigured(t, (*jwtverifier.Token)(nil).Claims(&struct{}{}))
	requireMisconfigured(t, new(jwtverifier.AccessToken).Claims(&struct{}{}))
	requireMisconfigured(t, (*jwtverifier.AccessToken)(nil).Claims(&struct{}{}))
	requireMisconfigured(t, new(jwtverifier.IDToken).Claims(&struct{}{}))
	requireMisconfigured(t, (*jwtverifier.IDToken)(nil).Claims(&struct{}{}))
	require.Equal(t, "<nil>", fmt.Sprint((*jwtverifier.AccessToken)(nil)))
}

func TestEachKindNeedsItsOption(t *testing.T) {
	issuer := jwtverifiertest.New("")
	api, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(issuer.Client()))
	require.NoError(t, err)
	_, err = api.VerifyIDToken(t.Context(), issuer.IDToken("n"), "n")
	requireMisconfigured(t, err)
	login, err := jwtverifier.New(issuer.URL(), jwtverifier.WithClientID("c"), jwtverifier.WithHTTPClient(issuer.Client()))
	require.NoError(t, err)
	_, err = login.VerifyAccessToken(t.Context(), issuer.AccessToken())
	requireMisconfigured(t, err)
	require.EqualError(t, err, "jwtverifier: misconfigured: VerifyAccessToken needs WithAudience or WithoutAudience")
	require.Zero(t, issuer.Requests(""))
}

// Results print, log and encode as text without the token or a claim.
func TestResultsShowNothing(t *testing.T) {
	issuer, v := newPair(t)
	const secret = "s3cr3t"
	c := values{"sub": secret, "jti": secret, "acr": secret, "amr": []string{secret}}
	at, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(c, values{"scp": []string{secret}, "cid": secret}))
	require.NoError(t, err)
	id, err := v.VerifyIDToken(t.Context(), issuer.IDToken(secret, c), secret)
	require.NoError(t, err)

	for kind, result := range map[string][]any{
		"access token": {at, *at},
		"ID token":     {id, *id},
		"token":        {&at.Token, at.Token},
	} {
		for _, r := range result {
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", r)
			for _, shown := range []string{
				fmt.Sprint(r), fmt.Sprintf("%v", r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", r), fmt.Sprintf("%s", r), fmt.Sprintf("%q", r), log.String(),
			} {
				assert.NotContains(t, shown, secret)
				assert.Contains(t, shown, kind)
				assert.Contains(t, shown, "key-1")
				assert.Contains(t, shown, "issuer.example")
				assert.Contains(t, shown, at.Expiry.Format("2006-01-02T15:04"))
			}
		}
	}
}

func TestTokenErrorCodes(t *testing.T) {
	own := fmt.Errorf("mine")
	require.Equal(t, "other", (&jwtverifier.TokenError{Reason: own}).Code())
	require.Equal(t, "other", (&jwtverifier.TokenError{Reason: listedError{"a"}}).Code(), "a type that cannot be hashed")
	require.Equal(t, "inactive", (&jwtverifier.TokenError{Reason: codedError{}}).Code())
	require.Equal(t, "expired", (&jwtverifier.TokenError{Reason: jwtverifier.ErrExpired}).Code())
	require.ErrorIs(t, &jwtverifier.TokenError{Reason: own}, own)
	require.ErrorIs(t, &jwtverifier.TokenError{}, jwtverifier.ErrInvalidToken)
	require.Equal(t, jwtverifier.ErrInvalidToken.Error(), (&jwtverifier.TokenError{}).Error())
	require.Equal(t, jwtverifier.ErrUnavailable.Error(), (&jwtverifier.UnavailableError{}).Error())
	require.ErrorIs(t, &jwtverifier.UnavailableError{}, jwtverifier.ErrUnavailable)
}

type listedError []string

func (listedError) Error() string { return "several" }

type codedError struct{}

func (codedError) Error() string { return "inactive" }
func (codedError) Code() string  { return "inactive" }

func TestOktaOrgServerHint(t *testing.T) {
	const hint = "access tokens of an Okta org server"
	for _, test := range []struct {
		issuer string
		want   bool
	}{
		{"https://dev-1.okta.com", true},
		{"https://dev-1.oktapreview.com/", true},
		{"https://dev-1.okta.com/oauth2/default", false},
		{"https://okta.com.evil.example", false},
	} {
		t.Run(test.issuer, func(t *testing.T) {
			issuer := jwtverifiertest.New(test.issuer)
			v := newVerifier(t, issuer)
			for name, raw := range map[string]string{
				"key":      issuer.Token(values{"kid": "other"}, issuer.AccessTokenClaims()),
				"audience": issuer.AccessToken(values{"aud": test.issuer}),
			} {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				require.ErrorIs(t, err, jwtverifier.ErrInvalidToken, name)
				if test.want {
					require.ErrorContains(t, err, hint, name)
				} else {
					require.NotContains(t, err.Error(), hint, name)
				}
			}
			_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"exp": 1}))
			require.NotContains(t, err.Error(), hint)
		})
	}
}

func TestPrefetch(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Down()
		err := b.Verifier.Prefetch(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		b.Asked(1, 0)
		again := b.Verifier.Prefetch(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, again)
		require.Equal(t, testkit.RetryAfter(t, err), testkit.RetryAfter(t, again))
		b.Asked(0, 0)

		b.Issuer.Reset()
		time.Sleep(testkit.RetryAfter(t, again))
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		b.Asked(1, 1)
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		b.Asked(0, 0)

		// Held keys are usable ones, though the server does not answer.
		b.Issuer.Down()
		time.Sleep(testkit.Interval + time.Minute)
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
	})
}

func TestStatus(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		start := time.Now()
		require.Equal(t, jwtverifier.Status{State: jwtverifier.StateCold}, b.Verifier.Status())

		b.KeysFail(503)
		err := b.Verifier.Prefetch(t.Context())
		status := b.Verifier.Status()
		require.Equal(t, jwtverifier.StateCold, status.State)
		require.False(t, status.Ready())
		require.Equal(t, 1, status.Failures)
		require.ErrorIs(t, err, status.LastError)
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, start.Add(testkit.RetryAfter(t, err)), status.NextRefresh)
		require.Equal(t, testkit.Issuer+"/.well-known/oauth-authorization-server", status.MetadataURL)
		require.Equal(t, b.Issuer.JWKSURL(), status.JWKSURL)
		require.Empty(t, status.KeyIDs)

		b.Issuer.Reset()
		b.Issuer.PublishKey()
		time.Sleep(time.Minute)
		b.Warm()
		status = b.Verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.True(t, status.Ready())
		require.Zero(t, status.Failures)
		require.Error(t, status.LastError, "a success leaves it")
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
		require.Equal(t, start.Add(time.Minute), status.FetchedAt)

		// It is the caller's.
		status.KeyIDs[0] = "changed"
		require.Equal(t, []string{"key-1", "key-2"}, b.Verifier.Status().KeyIDs)
	})
}

func TestStatusNeverBlocks(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Hang()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _ = b.Verifier.Prefetch(t.Context()) })
		}
		synctest.Wait()
		began := time.Now()
		require.Equal(t, jwtverifier.StateCold, b.Verifier.Status().State)
		require.Zero(t, b.Verifier.Status().Failures)
		require.Zero(t, time.Since(began))
		wg.Wait()
		require.Equal(t, 1, b.Verifier.Status().Failures)

		b.Issuer.Reset()
		time.Sleep(time.Minute)
		b.Warm()
		b.Issuer.Hang()
		time.Sleep(testkit.Cooldown)
		wg.Go(func() { _, _ = b.Verify(t.Context(), b.Junk("a")) })
		synctest.Wait()
		began = time.Now()
		require.Equal(t, jwtverifier.StateFresh, b.Verifier.Status().State)
		require.Zero(t, time.Since(began))
		wg.Wait()
	})
}

func TestStaticKeys(t *testing.T) {
	issuer := jwtverifiertest.New("")
	v := newVerifier(t, issuer, jwtverifier.WithStaticKeys(issuer.JWKS()))
	_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	require.NoError(t, err)
	require.NoError(t, v.Prefetch(t.Context()))
	require.NoError(t, v.Refresh(t.Context()))
	issuer.RotateKey()
	_, err = v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	requireReason(t, err, jwtverifier.ErrUnknownKey)
	require.Zero(t, issuer.Requests(""))
	status := v.Status()
	require.Equal(t, jwtverifier.StateFresh, status.State)
	require.Equal(t, []string{"key-1"}, status.KeyIDs)
	require.True(t, status.NextRefresh.IsZero())
}

// What does not fit the caller's type is said without the value.
func TestDecodingErrorsRepeatNoValue(t *testing.T) {
	issuer, v := newPair(t)
	token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"n": 123456789, "at": "1970-SECRET", "in": values{"SECRET": "s"}}))
	require.NoError(t, err)
	for _, test := range []struct {
		dst  any
		want string
	}{
		{&struct {
			N int8 `json:"n"`
		}{}, `jwtverifier: decoding claims: "n": does not fit Go type int8`},
		{&struct {
			At time.Time `json:"at"`
		}{}, `jwtverifier: decoding claims: "at": does not fit Go type time.Time`},
		{&struct {
			In struct{ SECRET int } `json:"in"` // a name may be as secret as a value
		}{}, `jwtverifier: decoding claims: "in": does not fit Go type int`},
		{new(int), "jwtverifier: decoding claims: does not fit Go type int"},
		{1, "jwtverifier: decoding claims: dst is not a non-nil pointer"},
		{(*int)(nil), "jwtverifier: decoding claims: dst is not a non-nil pointer"},
		{nil, "jwtverifier: decoding claims: dst is not a non-nil pointer"},
	} {
		err := token.Claims(test.dst)
		require.EqualError(t, err, test.want)
		require.Error(t, errors.Unwrap(err))
	}
}
