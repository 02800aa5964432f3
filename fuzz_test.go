package jwtverifier_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// The fuzz targets compare the package with a second implementation of its
// rules, in fuzz_rules_test.go, which uses the standard library alone. They
// have a fixed key and a fixed clock, and make sure that a good input passes:
// fuzzing workers are processes of their own, so with a random key every
// property would hold for want of an accepted token. These files use nothing of
// the other tests: .ci/mutation.sh builds them alone, since that is quick.
//
// testdata/fuzz holds, of what an hour of fuzzing found to be new, the smallest
// inputs that cover what the seeds do not.

const (
	fuzzIssuer   = "https://issuer.example/tenant"
	fuzzAudience = "api"
	fuzzClient   = "client"
	fuzzNonce    = "n1"
	fuzzKeyID    = "k1"
	fuzzNow      = 1_800_000_000
	fuzzLeeway   = 60

	fuzzHeader = `{"alg":"RS256","kid":"k1"}`
	fuzzAccess = `{"iss":"https://issuer.example/tenant","aud":"api","cid":"client","sub":"u","iat":1799999990,"exp":1800000300}`
	fuzzID     = `{"iss":"https://issuer.example/tenant","aud":"client","sub":"u","iat":1799999990,"exp":1800000300,"nonce":"n1"}`
)

//go:embed testdata/fuzz_key.pem
var fuzzKeyPEM []byte

func fuzzKey(tb testing.TB) *rsa.PrivateKey {
	tb.Helper()
	block, _ := pem.Decode(fuzzKeyPEM)
	require.NotNil(tb, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(tb, err)
	return key.(*rsa.PrivateKey)
}

// fuzzJWK is the key as an entry of a JWKS; members, if any, begin with a comma.
func fuzzJWK(key *rsa.PrivateKey, members string) string {
	return `{"kty":"RSA","n":"` + fuzzB64(key.N.Bytes()) + `","e":"AQAB"` + members + `}`
}

func fuzzVerifier(tb testing.TB, key *rsa.PrivateKey) *jwtverifier.Verifier {
	tb.Helper()
	v, err := jwtverifier.New(fuzzIssuer,
		jwtverifier.WithAudience(fuzzAudience),
		jwtverifier.WithClientID(fuzzClient),
		jwtverifier.WithAuthorizedClients(fuzzClient),
		jwtverifier.WithTokenCache(64),
		jwtverifier.WithClock(func() time.Time { return time.Unix(fuzzNow, 0) }),
		jwtverifier.WithStaticKeys([]byte(`{"keys":[`+fuzzJWK(key, `,"use":"sig","alg":"RS256","kid":"k1"`)+`]}`)),
	)
	require.NoError(tb, err)
	return v
}

func fuzzToken(tb testing.TB, key *rsa.PrivateKey, header, payload []byte) string {
	tb.Helper()
	input := fuzzB64(header) + "." + fuzzB64(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(tb, err)
	return input + "." + fuzzB64(signature)
}

func fuzzB64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// FuzzVerify: what an attacker who cannot sign sends.
func FuzzVerify(f *testing.F) {
	key := fuzzKey(f)
	v := fuzzVerifier(f, key)
	access := fuzzToken(f, key, []byte(fuzzHeader), []byte(fuzzAccess))
	id := fuzzToken(f, key, []byte(fuzzHeader), []byte(fuzzID))
	_, err := v.VerifyAccessToken(f.Context(), access)
	require.NoError(f, err, "the good seed")
	_, err = v.VerifyIDToken(f.Context(), id, fuzzNonce)
	require.NoError(f, err, "the good seed")

	h, rest, _ := strings.Cut(access, ".")
	p, s, _ := strings.Cut(rest, ".")
	for _, raw := range []string{
		access, id, fuzzToken(f, key, []byte(fuzzHeader), []byte(`"`+access+`"`)),
		"", ".", "..", "...", h, h + "." + p, h + "." + p + ".", h + ".." + s, "." + p + "." + s, access + ".", access + ".foo",
		" " + access, access + "\n", "Bearer " + access, h + ".\n" + p + "." + s, h + "=." + p + "." + s, access + "=", access + "A",
		`{"payload":"` + p + `","protected":"` + h + `","signature":"` + s + `"}`,
		`{"a":".` + p + `.","payload":"` + p + `","protected":"` + h + `","signature":"` + s + `"}`,
		fuzzB64([]byte(`{"alg":"none"}`)) + "." + p + ".", fuzzB64([]byte(`{"alg":"none"}`)) + "." + p + "." + s,
		fuzzB64([]byte(`{"alg":"HS256","kid":"k1"}`)) + "." + p + "." + s,
		fuzzB64([]byte(`{"alg":"RS256","kid":"k2"}`)) + "." + p + "." + s,
		fuzzB64([]byte(fuzzHeader+" ")) + "." + p + "." + s,
		h + "." + fuzzB64([]byte(fuzzAccess+" ")) + "." + s,
		h + "." + p + "." + fuzzB64(make([]byte, 1024)), h + "." + p + "." + fuzzB64(make([]byte, 1025)),
		h + "." + strings.Repeat("A", 64<<10-2-len(h)-len(s)) + "." + s, h + "." + strings.Repeat("A", 64<<10-1-len(h)-len(s)) + "." + s,
		"2YotnFZFEjr1zCsicMWpAA", "v4.public.x", strings.Repeat(".", 99), "\xff.\xff.\xff", "．．",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) { fuzzCheckToken(t, v, key, raw) })
}

// FuzzSigned: whatever an issuer may sign. A fuzzer cannot forge a signature, so
// this target makes it.
func FuzzSigned(f *testing.F) {
	key := fuzzKey(f)
	v := fuzzVerifier(f, key)
	for _, payload := range []string{fuzzAccess, fuzzID} {
		f.Add([]byte(fuzzHeader), []byte(payload))
	}
	for _, header := range fuzzHeaders() {
		f.Add([]byte(header), []byte(fuzzAccess))
		f.Add([]byte(header), []byte(fuzzID))
	}
	for _, payload := range fuzzSyntax() {
		f.Add([]byte(fuzzHeader), []byte(payload))
	}
	_, err := v.VerifyAccessToken(f.Context(), fuzzToken(f, key, []byte(fuzzHeader), []byte(fuzzAccess)))
	require.NoError(f, err, "the good seed")
	_, err = v.VerifyIDToken(f.Context(), fuzzToken(f, key, []byte(fuzzHeader), []byte(fuzzID)), fuzzNonce)
	require.NoError(f, err, "the good seed")
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		fuzzCheckToken(t, v, key, fuzzToken(t, key, header, payload))
	})
}

// fuzzCheckToken asks both methods, and compares their answers with the rules'.
func fuzzCheckToken(t *testing.T, v *jwtverifier.Verifier, key *rsa.PrivateKey, raw string) {
	t.Helper()
	h, c, syntax := specToken(raw, &key.PublicKey)

	want := syntax
	if want == nil {
		want = specAccess(h, c)
	}
	for range 2 { // the second one may be remembered
		access, err := v.VerifyAccessToken(t.Context(), raw)
		fuzzRequireReason(t, want, err, access == nil)
		if access != nil {
			fuzzCheckAccess(t, h, c, access)
		}
	}

	id, err := v.VerifyIDToken(t.Context(), raw, fuzzNonce)
	if want = syntax; want == nil {
		want = specID(h, c, fuzzNonce)
	}
	fuzzRequireReason(t, want, err, id == nil)
	if id != nil {
		fuzzCheckID(t, h, c, id)
	}
}

// FuzzClaims is FuzzSigned for the payload alone, without the cost of signing.
func FuzzClaims(f *testing.F) {
	v := fuzzVerifier(f, fuzzKey(f))
	for _, payload := range fuzzPayloads() {
		f.Add([]byte(payload))
	}
	_, err := jwtverifier.JudgeAccessClaims(v, []byte(fuzzAccess))
	require.NoError(f, err, "the good seed")
	_, err = jwtverifier.JudgeIDClaims(v, []byte(fuzzID), fuzzNonce)
	require.NoError(f, err, "the good seed")

	f.Fuzz(func(t *testing.T, payload []byte) { fuzzCheckClaims(t, v, payload) })
}

// TestClaimsByTheRules gives each claim many values, most of them wrong.
func TestClaimsByTheRules(t *testing.T) {
	t.Parallel()
	v := fuzzVerifier(t, fuzzKey(t))
	for _, payload := range claimPayloads() {
		func() {
			defer func() {
				if t.Failed() {
					t.Logf("payload %.200q", payload)
				}
			}()
			fuzzCheckClaims(t, v, []byte(payload))
		}()
	}
}

// fuzzCheckClaims compares what is made of a signed payload with the rules.
func fuzzCheckClaims(t *testing.T, v *jwtverifier.Verifier, payload []byte) {
	t.Helper()
	c, ok := specClaims(payload)
	wantAccess, wantID := jwtverifier.ErrMalformed, jwtverifier.ErrMalformed
	if ok {
		wantAccess, wantID = specAccess(specObject{}, c), specID(specObject{}, c, fuzzNonce)
	}
	access, err := jwtverifier.JudgeAccessClaims(v, payload)
	fuzzRequireReason(t, wantAccess, err, access == nil)
	if access != nil {
		fuzzCheckAccess(t, specObject{}, c, access)
	}
	id, err := jwtverifier.JudgeIDClaims(v, payload, fuzzNonce)
	fuzzRequireReason(t, wantID, err, id == nil)
	if id != nil {
		fuzzCheckID(t, specObject{}, c, id)
	}
}

// FuzzKeySet: a hostile JWKS document. A Verifier is made if and only if it has
// an eligible key, and a token counts as signed if and only if its key is one.
func FuzzKeySet(f *testing.F) {
	key := fuzzKey(f)
	tokens := map[string]string{} // by kid
	for _, kid := range []string{"", "k1", "k2"} {
		header := `{"alg":"RS256","kid":"` + kid + `"}`
		if kid == "" {
			header = `{"alg":"RS256"}`
		}
		tokens[kid] = fuzzToken(f, key, []byte(header), []byte(fuzzAccess))
	}
	newVerifier := func(document []byte) (*jwtverifier.Verifier, error) {
		return jwtverifier.New(fuzzIssuer, jwtverifier.WithAudience(fuzzAudience), jwtverifier.WithStaticKeys(document),
			jwtverifier.WithClock(func() time.Time { return time.Unix(fuzzNow, 0) }))
	}
	good := fuzzJWK(key, `,"kid":"k1"`)
	v, err := newVerifier([]byte(`{"keys":[` + good + `]}`))
	require.NoError(f, err, "the good seed")
	_, err = v.VerifyAccessToken(f.Context(), tokens["k1"])
	require.NoError(f, err, "the good seed")

	for _, document := range fuzzKeySets(key, good) {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		eligible := specKeySet(document)
		v, err := newVerifier(document)
		if len(eligible) == 0 {
			fuzzRequireOneLine(t, err)
			require.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
			require.Nil(t, v)
			return
		}
		require.NoError(t, err)
		status := v.Status()
		assert.True(t, status.Ready())
		assert.Equal(t, slices.Sorted(maps.Keys(eligible)), status.KeyIDs)

		for kid, raw := range tokens {
			token, err := v.VerifyAccessToken(t.Context(), raw)
			candidates, want := specCandidates(eligible, kid)
			if specHas(candidates, &key.PublicKey) {
				want = nil
			}
			fuzzRequireReason(t, want, err, token == nil)
		}
	})
}

// FuzzMetadata: a hostile metadata document, for a cold Verifier. It is accepted
// if and only if it is strict JSON, of the issuer, with a usable jwks_uri.
func FuzzMetadata(f *testing.F) {
	key := fuzzKey(f)
	keys := `{"keys":[` + fuzzJWK(key, `,"kid":"k1"`) + `]}`
	wellKnown := []string{
		fuzzIssuer + "/.well-known/oauth-authorization-server",
		fuzzIssuer + "/.well-known/openid-configuration",
		"https://issuer.example/.well-known/oauth-authorization-server/tenant",
	}
	// prefetch returns what was asked for. Whatever it was, the answer is the
	// document, and if that is good, the keys after it.
	prefetch := func(tb testing.TB, document []byte, good bool) (v *jwtverifier.Verifier, asked []string, err error) {
		transport := fuzzTransport(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			body := string(document)
			if good && len(asked) == 2 {
				body = keys
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})
		v, err = jwtverifier.New(fuzzIssuer, jwtverifier.WithAudience(fuzzAudience), jwtverifier.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(tb, err)
		err = v.Prefetch(tb.Context())
		return v, asked, err
	}
	good := `{"issuer":"` + fuzzIssuer + `","jwks_uri":"https://issuer.example/keys"}`
	_, asked, err := prefetch(f, []byte(good), true)
	require.NoError(f, err, "the good seed")
	require.Equal(f, []string{wellKnown[0], "https://issuer.example/keys"}, asked)

	for _, document := range fuzzMetadata(good) {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		want, jwksURI, ok := specMetadata(document)
		v, asked, err := prefetch(t, document, ok)
		if !ok {
			fuzzRequireOneLine(t, err)
			require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
			require.Equal(t, wellKnown, asked)
			return
		}
		require.NoError(t, err)
		u, err := url.Parse(jwksURI)
		require.NoError(t, err)
		u.Host = strings.TrimSuffix(u.Host, ":") // net/http takes an empty port away
		require.Equal(t, []string{wellKnown[0], u.String()}, asked)
		require.Equal(t, jwksURI, v.Status().JWKSURL)
		var got, dst map[string]any
		err = v.Metadata(t.Context(), &got)
		if !specFinite(map[string]any(want)) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(document, &dst))
		require.Equal(t, dst, got)
	})
}

type fuzzTransport func(*http.Request) (*http.Response, error)

func (f fuzzTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var fuzzMaxAge = regexp.MustCompile(`^max-age=([0-9]{1,9})$`)

// FuzzCacheControl: an answer can shorten the refresh interval, to no less than
// five minutes, and never lengthen it.
func FuzzCacheControl(f *testing.F) {
	const floor, configured = 5 * time.Minute, 15 * time.Minute
	interval := func(configured time.Duration, values ...string) time.Duration {
		return jwtverifier.IntervalFor(configured, http.Header{"Cache-Control": values})
	}
	require.Equal(f, 10*time.Minute, interval(configured, "max-age=600"), "the good seed")
	for _, value := range []string{
		"max-age=600", "max-age=0", "max-age=1", "max-age=300", "max-age=301", "max-age=899", "max-age=901", "max-age=-1", "max-age=+600", "max-age=600s",
		"max-age=2147483647", "max-age=2147483648", "max-age=99999999999999999999", "max-age", "max-age=", `max-age="600"`, `max-age="600`, "MAX-AGE=600",
		"max-age = 600", "s-maxage=600", "no-cache", "no-store", "No-Store", `no-cache="x"`, "public, max-age=600, must-revalidate", "max-age=600,max-age=700",
		",,,", "max-age=600, no-cache", "private=\"x, max-age=400\"", "\x00", "max-age=6 0 0", "immutable",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := interval(configured, value)
		assert.GreaterOrEqual(t, got, floor)
		assert.LessOrEqual(t, got, configured)
		if m := fuzzMaxAge.FindStringSubmatch(value); m != nil {
			seconds, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			assert.Equal(t, min(max(time.Duration(seconds)*time.Second, floor), configured), got)
		}
		for _, other := range []string{"no-store", "no-cache", "max-age=0"} {
			assert.Equal(t, floor, interval(configured, value, other))
			assert.Equal(t, floor, interval(configured, other, value))
			assert.Equal(t, floor, interval(configured, value+","+other))
		}
		assert.LessOrEqual(t, interval(configured, value, "max-age=600"), min(got, 10*time.Minute))
		assert.Equal(t, time.Minute, interval(time.Minute, value), "the configured interval is the longest, even under the floor")
	})
}

var fuzzDigits = regexp.MustCompile(`^[0-9]+$`)

// FuzzRetryAfter: seconds or a date, from 0 to five minutes; anything else is 0.
func FuzzRetryAfter(f *testing.F) {
	const longest = 5 * time.Minute
	now := time.Unix(fuzzNow, 0)
	require.Equal(f, 7*time.Second, jwtverifier.RetryAfter("7", now), "the good seed")
	for _, value := range []string{
		"0", "7", "007", "300", "301", "3600", "2147483648", "99999999999999999999999", "2147483648x", "-1", "+1", "1.5", "1e3", "0x10", "1_0", " 7", "7 ", "", "soon",
		now.Add(time.Minute).UTC().Format(http.TimeFormat), now.Add(-time.Minute).UTC().Format(http.TimeFormat), now.Add(time.Hour).UTC().Format(time.RFC850),
		now.UTC().Format(time.ANSIC), "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got := jwtverifier.RetryAfter(value, now)
		if fuzzDigits.MatchString(value) {
			seconds, ok := new(big.Int).SetString(value, 10)
			require.True(t, ok)
			want := longest
			if seconds.Cmp(big.NewInt(300)) < 0 {
				want = time.Duration(seconds.Int64()) * time.Second
			}
			assert.Equal(t, want, got)
			return
		}
		at, err := http.ParseTime(value)
		switch {
		case err != nil || !at.After(now):
			assert.Zero(t, got)
		case at.After(now.Add(longest)):
			assert.Equal(t, longest, got)
		default:
			assert.Equal(t, at.Sub(now), got)
		}
	})
}

// fuzzRequireReason requires that err is this reason and no other, or nil, and that
// there is a token if and only if it is nil.
func fuzzRequireReason(t *testing.T, want, err error, none bool) {
	t.Helper()
	require.Equal(t, err != nil, none, "a token if and only if there is no error: %v", err)
	if want == nil {
		require.NoError(t, err)
		return
	}
	require.Error(t, err, "want %v", want)
	fuzzRequireOneLine(t, err)
	require.ErrorIs(t, err, jwtverifier.ErrInvalidToken)
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
}

// fuzzRequireOneLine requires an error whose text is safe to log.
func fuzzRequireOneLine(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	text := err.Error()
	require.Less(t, len(text), 1024)
	require.NotRegexp(t, `[^ -~]`, text)
}

// fuzzCheckAccess compares an accepted token with its claims, as read here.
func fuzzCheckAccess(t *testing.T, h, c specObject, token *jwtverifier.AccessToken) {
	t.Helper()
	fuzzCheckShared(t, h, c, &token.Token)
	assert.Equal(t, c.client(), token.ClientID)
	want, _ := specScopes(c["scp"])
	if c["scp"] == nil {
		want, _ = specScopes(c["scope"])
	}
	assert.True(t, slices.Equal(want, token.Scopes), "scopes %q, want %q", token.Scopes, want)
	assert.True(t, token.HasScopes(want...))
	assert.Nil(t, token.Confirmation)
}

// fuzzCheckID does the same for an ID token.
func fuzzCheckID(t *testing.T, h, c specObject, token *jwtverifier.IDToken) {
	t.Helper()
	fuzzCheckShared(t, h, c, &token.Token)
	assert.Equal(t, fuzzNonce, token.Nonce)
	assert.Equal(t, c.text("azp"), token.AuthorizedParty)
}

func fuzzCheckShared(t *testing.T, h, c specObject, token *jwtverifier.Token) {
	t.Helper()
	assert.Equal(t, fuzzIssuer, token.Issuer)
	assert.Equal(t, c.text("sub"), token.Subject)
	assert.Equal(t, c.text("jti"), token.ID)
	assert.Equal(t, c.text("acr"), token.AuthContext)
	assert.Equal(t, h.text("kid"), token.KeyID)
	assert.Equal(t, h.text("typ"), token.Type)
	assert.Equal(t, "RS256", token.Algorithm)
	audience, _ := specOneOrMore(c["aud"])
	assert.Equal(t, audience, token.Audience)
	methods, _ := specArray(c["amr"])
	assert.True(t, slices.Equal(methods, token.AuthMethods), "amr %q, want %q", token.AuthMethods, methods)
	fuzzCheckTime(t, c["exp"], token.Expiry)
	fuzzCheckTime(t, c["iat"], token.IssuedAt)
	fuzzCheckTime(t, c["nbf"], token.NotBefore)
	fuzzCheckTime(t, c["auth_time"], token.AuthTime)

	var got, want map[string]any
	err := token.Claims(&got)
	if !specFinite(map[string]any(c)) {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	data, err := json.Marshal(c)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &want))
	assert.Equal(t, want, got)
}

func fuzzCheckTime(t *testing.T, v any, got time.Time) {
	t.Helper()
	seconds, ok := specDate(v)
	if !ok {
		assert.True(t, got.IsZero())
		return
	}
	whole, fraction := math.Modf(seconds)
	assert.Equal(t, int64(whole), got.Unix())
	assert.InDelta(t, fraction*1e9, got.Nanosecond(), 1)
	assert.Equal(t, time.UTC, got.Location())
}
