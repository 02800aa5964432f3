package jwtverifier_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestRequiredClaim(t *testing.T) {
	const missing = "jwtverifier: claim missing: "
	const noneOf = "jwtverifier: claim has none of the accepted values: "
	type options = []jwtverifier.Option
	need := jwtverifier.WithRequiredClaim
	absent := jwtverifiertest.Absent
	issuer := jwtverifiertest.New("")
	for _, test := range []struct {
		name   string
		need   options
		claims values
		want   string // of the error; "": accepted
		claim  string // that it names
	}{
		{
			name:   "there",
			need:   options{need("tid")},
			claims: values{"tid": "a"},
		},
		{
			name:   "an empty string is there",
			need:   options{need("tid")},
			claims: values{"tid": ""},
		},
		{
			name:   "an empty array is there",
			need:   options{need("tid")},
			claims: values{"tid": []string{}},
		},
		{
			name:   "false is there",
			need:   options{need("tid")},
			claims: values{"tid": false},
		},
		{
			name:   "an object is there",
			need:   options{need("tid")},
			claims: values{"tid": values{}},
		},
		{
			name:  "not there",
			need:  options{need("tid")},
			want:  missing + "tid",
			claim: "tid",
		},
		{
			name:   "null is not there",
			need:   options{need("tid")},
			claims: values{"tid": nil},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "in another case",
			need:   options{need("tid")},
			claims: values{"TID": "a"},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "inside another claim",
			need:   options{need("tid")},
			claims: values{"x": values{"tid": "a"}},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "a name with a dot is one name",
			need:   options{need("x.tid")},
			claims: values{"x": values{"tid": "a"}},
			want:   missing + "x.tid",
			claim:  "x.tid",
		},
		{
			name:   "a name with a dot",
			need:   options{need("x.tid")},
			claims: values{"x.tid": "a"},
		},
		{
			name:   "a short name",
			need:   options{need("s")},
			claims: values{"s": "a"},
		},
		{
			name:   "an empty object of other claims",
			need:   options{need("tid")},
			claims: values{"": "a"},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:  "a name that is not ASCII",
			need:  options{need("größe\n")},
			want:  missing + `gr\u00f6\u00dfe\n`,
			claim: "größe\n",
		},
		{
			name:   "a name that is not ASCII, there",
			need:   options{need("größe\n")},
			claims: values{"größe\n": 1},
		},

		{
			name:   "the value",
			need:   options{need("tid", "a", "b")},
			claims: values{"tid": "b"},
		},
		{
			name:   "another value",
			need:   options{need("tid", "a", "b")},
			claims: values{"tid": "c"},
			want:   noneOf + `tid: want "a", "b"`,
			claim:  "tid",
		},
		{
			name:   "a value in another case",
			need:   options{need("tid", "a")},
			claims: values{"tid": "A"},
			want:   noneOf + `tid: want "a"`,
			claim:  "tid",
		},
		{
			name:   "a longer value",
			need:   options{need("tid", "a")},
			claims: values{"tid": "a "},
			want:   noneOf + `tid: want "a"`,
			claim:  "tid",
		},
		{
			name:   "an empty value",
			need:   options{need("tid", "a")},
			claims: values{"tid": ""},
			want:   noneOf + `tid: want "a"`,
			claim:  "tid",
		},
		{
			name:  "no value",
			need:  options{need("tid", "a")},
			want:  missing + "tid",
			claim: "tid",
		},
		{
			name:   "a null value",
			need:   options{need("tid", "null")},
			claims: values{"tid": nil},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "values in one string",
			need:   options{need("tid", "a")},
			claims: values{"tid": "b a"},
			want:   noneOf + `tid: want "a"`,
			claim:  "tid",
		},
		{
			name:   "a value with a space",
			need:   options{need("tid", "b a")},
			claims: values{"tid": "b a"},
		},
		{
			name:   "an array with the value",
			need:   options{need("groups", "a")},
			claims: values{"groups": []any{1, nil, values{"a": 1}, []string{"x"}, "a"}},
		},
		{
			name:   "an array without it",
			need:   options{need("groups", "a")},
			claims: values{"groups": []any{"A", nil, values{"a": "a"}, []string{"a"}}},
			want:   noneOf + `groups: want "a"`,
			claim:  "groups",
		},
		{
			name:   "an empty array",
			need:   options{need("groups", "a")},
			claims: values{"groups": []string{}},
			want:   noneOf + `groups: want "a"`,
			claim:  "groups",
		},
		{
			name:   "null in an array",
			need:   options{need("groups", "null")},
			claims: values{"groups": []any{nil}},
			want:   noneOf + `groups: want "null"`,
			claim:  "groups",
		},
		{
			name:   "an object with the value",
			need:   options{need("groups", "a")},
			claims: values{"groups": values{"a": "a"}},
			want:   noneOf + `groups: want "a"`,
			claim:  "groups",
		},
		{
			name:   "a number",
			need:   options{need("level", "2")},
			claims: values{"level": 2},
		},
		{
			name:   "another number",
			need:   options{need("level", "2")},
			claims: values{"level": 20},
			want:   noneOf + `level: want "2"`,
			claim:  "level",
		},
		{
			name:   "a number in an array",
			need:   options{need("level", "2")},
			claims: values{"level": []int{1, 2}},
		},
		{
			name:   "a boolean",
			need:   options{need("email_verified", "true")},
			claims: values{"email_verified": true},
		},
		{
			name:   "the other boolean",
			need:   options{need("email_verified", "true")},
			claims: values{"email_verified": false},
			want:   noneOf + `email_verified: want "true"`,
			claim:  "email_verified",
		},
		{
			name:   "a boolean in a string",
			need:   options{need("email_verified", "true")},
			claims: values{"email_verified": "true"},
		},

		{
			name:   "a claim of another rule",
			need:   options{need("jti")},
			claims: values{"jti": absent},
			want:   missing + "jti",
			claim:  "jti",
		},
		{
			name:   "a claim of another rule, there",
			need:   options{need("jti"), need("acr", "high")},
			claims: values{"jti": "a", "acr": "high"},
		},
		{
			name:   "a claim of another rule, another value",
			need:   options{need("acr", "high")},
			claims: values{"acr": "low"},
			want:   noneOf + `acr: want "high"`,
			claim:  "acr",
		},
		{
			name: "iss",
			need: options{need("iss", issuer.URL())},
		},
		{
			name:   "aud, one of several",
			need:   options{need("aud", "b")},
			claims: values{"aud": []string{jwtverifiertest.Audience, jwtverifiertest.ClientID, "b"}, "azp": jwtverifiertest.ClientID},
		},

		{
			name:   "both hold",
			need:   options{need("groups", "a", "b"), need("groups", "c")},
			claims: values{"groups": []string{"b", "c"}},
		},
		{
			name:   "the second does not",
			need:   options{need("groups", "a", "b"), need("groups", "c")},
			claims: values{"groups": []string{"a", "b"}},
			want:   noneOf + `groups: want "c"`,
			claim:  "groups",
		},
		{
			name:   "the first does not",
			need:   options{need("groups", "a", "b"), need("groups", "c")},
			claims: values{"groups": "c"},
			want:   noneOf + `groups: want "a", "b"`,
			claim:  "groups",
		},
		{
			name:  "the first of two names",
			need:  options{need("x"), need("y")},
			want:  missing + "x",
			claim: "x",
		},
		{
			name:   "the second of two names",
			need:   options{need("x"), need("y")},
			claims: values{"x": 1},
			want:   missing + "y",
			claim:  "y",
		},

		{
			name:   "before the times",
			need:   options{need("tid")},
			claims: values{"exp": 1, "iat": 4102444800, "nbf": 4102444800},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "before exp",
			need:   options{need("tid")},
			claims: values{"exp": absent},
			want:   missing + "tid",
			claim:  "tid",
		},
		{
			name:   "after the other rules",
			need:   options{need("tid")},
			claims: values{"iss": "https://evil.example"},
			want:   `jwtverifier: wrong issuer: want "` + issuer.URL() + `"`,
			claim:  "iss",
		},
		{
			name:   "after sub",
			need:   options{need("tid")},
			claims: values{"sub": 1},
			want:   "jwtverifier: claim of a wrong type: sub",
			claim:  "sub",
		},
		{
			name:   "behind a payload that is malformed",
			need:   options{need("tid")},
			claims: values{"tid": "a", "SUB": 1},
			want:   "jwtverifier: malformed token: a name that folds to sub",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, issuer, append(test.need, jwtverifier.WithTokenCache(1))...)
			check := func(none bool, err error) {
				t.Helper()
				require.Equal(t, err != nil, none)
				if test.want == "" {
					require.NoError(t, err)
					return
				}
				require.EqualError(t, err, test.want)
				var refused *jwtverifier.TokenError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, test.claim, refused.Claim)
				if strings.HasPrefix(test.want, missing) || strings.HasPrefix(test.want, noneOf) {
					requireReason(t, err, jwtverifier.ErrClaim)
					require.Equal(t, "claims", refused.Part)
				}
			}
			raw := issuer.AccessToken(test.claims)
			for range 2 { // the second one may be remembered
				token, err := v.VerifyAccessToken(t.Context(), raw)
				check(token == nil, err)
			}
			id, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n", test.claims), "n")
			check(id == nil, err)
		})
	}
}

// All that RFC 9068 §2.2 requires, as the comment on WithRequiredClaim has it.
func TestRFC9068InFull(t *testing.T) {
	issuer := jwtverifiertest.New("")
	v := newVerifier(t, issuer,
		jwtverifier.WithStrictTokenType(),
		jwtverifier.WithRequiredClaim("client_id"),
		jwtverifier.WithRequiredClaim("sub"),
		jwtverifier.WithRequiredClaim("iat"),
		jwtverifier.WithRequiredClaim("jti"),
	)
	header := values{"typ": "at+jwt"}
	claims := func() values {
		c := issuer.AccessTokenClaims()
		c["client_id"], c["jti"] = "c", "j"
		return c
	}
	_, err := v.VerifyAccessToken(t.Context(), issuer.Token(header, claims()))
	require.NoError(t, err)
	for name, reason := range map[string]error{
		"iss": jwtverifier.ErrIssuer, "exp": jwtverifier.ErrClaim, "aud": jwtverifier.ErrAudience, "sub": jwtverifier.ErrClaim,
		"client_id": jwtverifier.ErrClaim, "iat": jwtverifier.ErrClaim, "jti": jwtverifier.ErrClaim,
	} {
		c := claims()
		delete(c, name)
		_, err := v.VerifyAccessToken(t.Context(), issuer.Token(header, c))
		requireReason(t, err, reason)
		var refused *jwtverifier.TokenError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, name, refused.Claim)
	}
	_, err = v.VerifyAccessToken(t.Context(), issuer.Token(values{"typ": "JWT"}, claims()))
	requireReason(t, err, jwtverifier.ErrTokenType)
}

// The list is the Verifier's own, and one Option serves several Verifiers.
func TestRequiredClaimIsCopied(t *testing.T) {
	issuer := jwtverifiertest.New("")
	accepted := []string{"a"}
	opt := jwtverifier.WithRequiredClaim("tid", accepted...)
	accepted[0] = "b"
	first, second := newVerifier(t, issuer, opt, jwtverifier.WithRequiredClaim("x")), newVerifier(t, issuer, opt)
	raw := issuer.AccessToken(values{"tid": "a"})
	_, err := second.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	_, err = first.VerifyAccessToken(t.Context(), raw)
	require.EqualError(t, err, "jwtverifier: claim missing: x")
	_, err = second.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"tid": "b"}))
	requireReason(t, err, jwtverifier.ErrClaim)
}
