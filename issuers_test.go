package jwtverifier_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestIssuers(t *testing.T) {
	a, b := jwtverifiertest.New("https://a.example"), jwtverifiertest.New("https://b.example")
	stranger := jwtverifiertest.New("https://c.example")
	both, err := jwtverifier.NewIssuers(newVerifier(t, a), newVerifier(t, b, jwtverifier.WithAuthorizedClients("only")))
	require.NoError(t, err)
	ctx := t.Context()

	// Nothing is fetched for what no configured issuer can have signed.
	for name, test := range map[string]struct {
		raw  string
		want error
	}{
		"another issuer":            {stranger.AccessToken(), jwtverifier.ErrIssuer},
		"with a slash":              {a.AccessToken(values{"iss": "https://a.example/"}), jwtverifier.ErrIssuer},
		"no issuer":                 {a.AccessToken(values{"iss": jwtverifiertest.Absent}), jwtverifier.ErrIssuer},
		"several issuers":           {a.AccessToken(values{"iss": []string{"https://a.example"}}), jwtverifier.ErrIssuer},
		"malformed before issuer":   {"x", jwtverifier.ErrMalformed},
		"algorithm before issuer":   {stranger.Token(values{"alg": "none"}, values{}), jwtverifier.ErrAlgorithm},
		"payload without an object": {a.Sign([]byte(`{"alg":"RS256","kid":"key-1"}`), []byte(`null`)), jwtverifier.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := both.VerifyAccessToken(ctx, test.raw)
			require.Nil(t, at)
			requireReason(t, err, test.want)
			id, err := both.VerifyIDToken(ctx, test.raw, "n")
			require.Nil(t, id)
			requireReason(t, err, test.want)
			require.Zero(t, a.Requests("")+b.Requests(""))
		})
	}

	// The first iss chooses; that there is another is for the chosen one to find.
	twice := a.Sign([]byte(`{"alg":"RS256","kid":"key-1"}`), []byte(`{"iss":"https://a.example","iss":"https://b.example"}`))
	_, err = both.VerifyAccessToken(ctx, twice)
	requireReason(t, err, jwtverifier.ErrMalformed)

	token, err := both.VerifyAccessToken(ctx, a.AccessToken())
	require.NoError(t, err)
	require.Equal(t, a.URL(), token.Issuer)
	require.Zero(t, b.Requests(""), "only the token's own issuer is asked")

	// Each has rules of its own.
	_, err = both.VerifyAccessToken(ctx, b.AccessToken())
	requireReason(t, err, jwtverifier.ErrClientID)
	_, err = both.VerifyAccessToken(ctx, b.AccessToken(values{"cid": "only"}))
	require.NoError(t, err)

	id, err := both.VerifyIDToken(ctx, b.IDToken("n"), "n")
	require.NoError(t, err)
	require.Equal(t, b.URL(), id.Issuer)
	_, err = both.VerifyIDToken(ctx, b.IDToken("n"), "m")
	requireReason(t, err, jwtverifier.ErrNonce)
	_, err = both.VerifyIDToken(ctx, b.IDToken("n"), "n", nil)
	requireMisconfigured(t, err)

	// Both keys are "key-1". A key of one never verifies a token of the other.
	require.Equal(t, a.KeyID(), b.KeyID())
	_, err = both.VerifyAccessToken(ctx, a.AccessToken(values{"iss": b.URL(), "cid": "only"}))
	requireReason(t, err, jwtverifier.ErrSignature)

	_, err = both.VerifyAccessToken(ctx, stranger.AccessToken())
	require.ErrorContains(t, err, `want "https://a.example", "https://b.example"`)
}

// VerifyIDToken passes its checks on: each refuses a token that is accepted without.
func TestIssuersIDTokenChecks(t *testing.T) {
	a, b := jwtverifiertest.New("https://a.example"), jwtverifiertest.New("https://b.example")
	both, err := jwtverifier.NewIssuers(newVerifier(t, a), newVerifier(t, b))
	require.NoError(t, err)
	ctx := t.Context()
	idToken := func(changes values) string { return b.IDToken("n", changes) }
	first, err := both.VerifyIDToken(ctx, idToken(nil), "n")
	require.NoError(t, err)
	now := time.Now().Unix()

	for _, test := range []struct {
		name      string
		check     jwtverifier.IDTokenCheck
		nonce     string
		good, bad values
		want      error
	}{
		{
			name:  "MaxAge",
			check: jwtverifier.MaxAge(time.Hour),
			nonce: "n",
			good:  values{"auth_time": now},
			bad:   values{"auth_time": now - 7200},
			want:  jwtverifier.ErrAuthTime,
		},
		{
			name:  "AccessTokenHash",
			check: jwtverifier.AccessTokenHash("at"),
			nonce: "n",
			good:  values{"at_hash": halfHash("at")},
			bad:   values{"at_hash": halfHash("other")},
			want:  jwtverifier.ErrTokenHash,
		},
		{
			name:  "CodeHash",
			check: jwtverifier.CodeHash("code"),
			nonce: "n",
			good:  values{"c_hash": halfHash("code")},
			bad:   values{"c_hash": halfHash("other")},
			want:  jwtverifier.ErrTokenHash,
		},
		{
			name:  "RefreshOf",
			check: jwtverifier.RefreshOf(first), // which compares the nonces itself
			good:  values{},
			bad:   values{"sub": "other"},
			want:  jwtverifier.ErrClaim,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, err := both.VerifyIDToken(ctx, idToken(test.good), test.nonce, test.check)
			require.NoError(t, err)
			require.Equal(t, b.URL(), id.Issuer)

			bad := idToken(test.bad)
			_, err = both.VerifyIDToken(ctx, bad, "n")
			require.NoError(t, err, "without the check")
			id, err = both.VerifyIDToken(ctx, bad, test.nonce, test.check)
			require.Nil(t, id)
			requireReason(t, err, test.want)
		})
	}
}

func TestNewIssuersRefuses(t *testing.T) {
	issuer, v := newPair(t)
	for name, verifiers := range map[string][]*jwtverifier.Verifier{
		"none":           nil,
		"nil":            {v, nil},
		"zero":           {{}},
		"two of one":     {v, newVerifier(t, issuer)},
		"the same twice": {v, v},
	} {
		t.Run(name, func(t *testing.T) {
			i, err := jwtverifier.NewIssuers(verifiers...)
			require.Nil(t, i)
			requireMisconfigured(t, err)
		})
	}
	for name, i := range map[string]*jwtverifier.Issuers{"nil": nil, "zero": {}} {
		t.Run("used "+name, func(t *testing.T) {
			_, err := i.VerifyAccessToken(t.Context(), issuer.AccessToken())
			requireMisconfigured(t, err)
			_, err = i.VerifyIDToken(t.Context(), issuer.IDToken("n"), "n")
			requireMisconfigured(t, err)
		})
	}
}

// An error names some of the issuers, however many there are.
func TestManyIssuers(t *testing.T) {
	issuer := jwtverifiertest.New("https://issuer-5000.example")
	var all []*jwtverifier.Verifier
	for i := range 10_000 {
		v, err := jwtverifier.New(fmt.Sprintf("https://issuer-%d.example", i),
			jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(issuer.Client()))
		require.NoError(t, err)
		all = append(all, v)
	}
	many, err := jwtverifier.NewIssuers(all...)
	require.NoError(t, err)
	_, err = many.VerifyAccessToken(t.Context(), issuer.AccessToken())
	require.NoError(t, err)
	_, err = many.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"iss": "https://other.example"}))
	requireReason(t, err, jwtverifier.ErrIssuer)
	require.Less(t, len(err.Error()), 1024)
}

// TestIssuersOfOneKind: a Verifier that does not accept the kind of token that was
// asked for counts as none, so that no token can make the program look broken.
func TestIssuersOfOneKind(t *testing.T) {
	api, login := jwtverifiertest.New("https://api.example"), jwtverifiertest.New("https://login.example")
	forAPI, err := jwtverifier.New(api.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(api.Client()))
	require.NoError(t, err)
	forLogin, err := jwtverifier.New(login.URL(), jwtverifier.WithClientID(jwtverifiertest.ClientID), jwtverifier.WithHTTPClient(login.Client()))
	require.NoError(t, err)
	both, err := jwtverifier.NewIssuers(forAPI, forLogin)
	require.NoError(t, err)

	_, err = both.VerifyAccessToken(t.Context(), login.AccessToken())
	requireReason(t, err, jwtverifier.ErrIssuer)
	require.ErrorContains(t, err, `want "https://api.example"`)
	require.NotContains(t, err.Error(), "login.example", "it accepts no access token")
	_, err = both.VerifyIDToken(t.Context(), api.IDToken("n"), "n")
	requireReason(t, err, jwtverifier.ErrIssuer)
	require.Zero(t, api.Requests("")+login.Requests(""))

	_, err = both.VerifyAccessToken(t.Context(), api.AccessToken())
	require.NoError(t, err)
	_, err = both.VerifyIDToken(t.Context(), login.IDToken("n"), "n")
	require.NoError(t, err)

	logins, err := jwtverifier.NewIssuers(forLogin)
	require.NoError(t, err)
	for _, raw := range []string{"", "x", login.AccessToken(), api.AccessToken()} {
		_, err = logins.VerifyAccessToken(t.Context(), raw)
		requireMisconfigured(t, err)
	}
}

// TestIssuersReadTheBeginning: of a payload of more than 12 KiB, iss must stand in
// the first 6 KiB.
func TestIssuersReadTheBeginning(t *testing.T) {
	issuer, v := newPair(t)
	issuers, err := jwtverifier.NewIssuers(v)
	require.NoError(t, err)
	claims, err := json.Marshal(issuer.AccessTokenClaims())
	require.NoError(t, err)
	iss := fmt.Sprintf(`"iss":%q`, issuer.URL())
	rest := strings.Replace(string(claims), iss+",", "", 1)
	require.NotEqual(t, string(claims), rest)
	token := func(end, size int) string { // of iss, and of the payload
		payload := `{"a":"` + strings.Repeat("x", end-len(`{"a":"",`)-len(iss)) + `",` + iss + `,"b":"`
		payload += strings.Repeat("x", size-len(payload)-len(`",`)-len(rest)+1) + `",` + rest[1:]
		require.Len(t, payload, size)
		return issuer.Sign([]byte(`{"alg":"RS256","kid":"key-1"}`), []byte(payload))
	}
	const whole, beginning = 12 << 10, 6 << 10
	for _, row := range []struct{ end, size int }{
		{100, 600},
		{768, whole},
		{769, whole},
		{beginning + 1, whole},
		{whole - 1000, whole},
		{100, whole + 1},
		{769, whole + 1},
		{beginning, whole + 1},
		{beginning, 47 << 10},
	} {
		_, err = issuers.VerifyAccessToken(t.Context(), token(row.end, row.size))
		require.NoError(t, err, "%v", row)
	}
	late := token(beginning+1, whole+1)
	_, err = issuers.VerifyAccessToken(t.Context(), late)
	requireReason(t, err, jwtverifier.ErrIssuer)
	_, err = v.VerifyAccessToken(t.Context(), late)
	require.NoError(t, err)
}
