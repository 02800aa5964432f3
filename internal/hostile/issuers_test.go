package hostile_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// An issuer with a trailing slash is another issuer than the one without.
func TestTrailingSlash(t *testing.T) {
	t.Parallel()
	const issuer = "https://as.example/tenant/"
	site := func() *testSite {
		s := newSite()
		s.set(answerWith(200, metadataOf("issuer", strconv.Quote(issuer))), metadataURL)
		return s
	}
	for name, row := range map[string]struct {
		iss  string
		want error
	}{
		"t/159 iss with the slash":        {issuer, nil},
		"t/159 iss without the slash":     {issuerURL, jwtverifier.ErrIssuer},
		"t/159 iss with two slashes":      {issuer + "/", jwtverifier.ErrIssuer},
		"t/159 iss with an escaped slash": {"https://as.example/tenant%2f", jwtverifier.ErrIssuer},
	} {
		runRow(t, name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := site()
				v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: s}))
				require.NoError(t, err)
				raw := at0Token("iss", strconv.Quote(row.iss))
				token, err := v.VerifyAccessToken(t.Context(), raw)
				require.Equal(t, err == nil, token != nil)
				if row.want == nil {
					require.NoError(t, err)
					assert.Equal(t, issuer, token.Issuer)
				} else {
					refusedBecause(t, err, row.want, raw)
				}
				assert.Equal(t, []string{metadataURL, jwksURL}, s.askedFor())
			})
		})
	}
}

// The payload chooses the Verifier before anybody has verified it, so it must
// not do more than that.
func TestSeveralIssuers(t *testing.T) {
	t.Parallel()
	const issuerB = "https://b.example"
	const metadataB, jwksB = issuerB + "/.well-known/oauth-authorization-server", issuerB + "/jwks"
	type world struct {
		a, b    *testSite
		issuers *jwtverifier.Issuers
	}
	newWorld := func(t *testing.T) world {
		t.Helper()
		w := world{a: newSite(goodJWK1()), b: newSite()}
		w.b.set(answerWith(200, membersWith(nil, []string{"issuer", strconv.Quote(issuerB), "jwks_uri", strconv.Quote(jwksB)})), metadataB)
		w.b.set(answerWith(200, jwksOf(jwkOf("k1", &key2().PublicKey))), jwksB) // the same kid
		va := w.a.verifier(t)
		vb, err := jwtverifier.New(issuerB, jwtverifier.WithAudience("api"), jwtverifier.WithClientID("client"), jwtverifier.WithHTTPClient(&http.Client{Transport: w.b}))
		require.NoError(t, err)
		w.issuers, err = jwtverifier.NewIssuers(va, vb)
		require.NoError(t, err)
		return w
	}
	tokenB := func(changes ...string) string {
		return jwsOf(key2(), h0(), at0(append([]string{"iss", strconv.Quote(issuerB)}, changes...)...))
	}
	iss := func(iss string) string { return at0Token("iss", iss) }

	rows := []struct {
		name         string
		token        string
		want         error
		part         string
		asksA, asksB int
	}{
		{"t/161 token of A", at0Token(), nil, "", 2, 0},
		{"t/161 token of B", tokenB(), nil, "", 0, 2},
		{"t/161 iss A, signed by B", jwsOf(key2(), h0(), at0()), jwtverifier.ErrSignature, "signature", 2, 0},
		{"t/161 iss B, signed by A", at0Token("iss", strconv.Quote(issuerB)), jwtverifier.ErrSignature, "signature", 0, 2},
		{"t/161 iss A, a kid of neither", jwsOf(key2(), h0("kid", `"k2"`), at0()), jwtverifier.ErrUnknownKey, "header", 2, 0},
		{"t/161 expired at B", tokenB("exp", inSeconds(-60)), jwtverifier.ErrExpired, "claims", 0, 2},
		{"t/161 client of A at A only", at0Token("cid", `"c2"`), jwtverifier.ErrClientID, "claims", 2, 0},
		{"t/161 any client at B", tokenB("cid", `"c2"`), nil, "", 0, 2},
		{"t/162 iss __proto__", iss(`"__proto__"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss not registered", iss(`"https://evil.example"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss a metadata service", iss(`"http://169.254.169.254/"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss a template", iss(`"https://{tenant}.example/%s/${jndi:ldap://x}"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and a slash", iss(strconv.Quote(issuerURL + "/")), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A in upper case", iss(strconv.Quote(strings.ToUpper(issuerURL))), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and B", iss(`["https://as.example/tenant","https://b.example"]`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss empty", iss(`""`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss null", iss(`null`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 no iss", iss(absentMember), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 only ISS", at0Token("iss", absentMember, "ISS", strconv.Quote(issuerURL)), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and of B", jwsOf(key1(), h0(), withMore(at0(), `"iss":"https://b.example"`)), jwtverifier.ErrMalformed, "payload", 0, 0},
		{"t/162 iss in the header", jwsOf(key1(), h0("iss", strconv.Quote(issuerURL)), at0("iss", absentMember)), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 payload null", jwsOf(key1(), h0(), `null`), jwtverifier.ErrMalformed, "payload", 0, 0},
		{"t/162 alg none before the issuer", jwsOf(key1(), h0("alg", `"none"`), at0("iss", `"https://evil.example"`)), jwtverifier.ErrAlgorithm, "header", 0, 0},
		{"t/162 crit before the issuer", jwsOf(key1(), h0("crit", `["x"]`), at0("iss", `"https://evil.example"`)), jwtverifier.ErrMalformed, "header", 0, 0},
		{"t/162 flattened JSON", `{"iss":"https://as.example/tenant","payload":"e30","protected":"e30","signature":"AA"}`, jwtverifier.ErrMalformed, "token", 0, 0},
	}
	for _, row := range rows {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for range 2 {
					token, err := w.issuers.VerifyAccessToken(t.Context(), row.token)
					require.Equal(t, err == nil, token != nil)
					if row.want == nil {
						require.NoError(t, err)
					} else {
						refused := refusedBecause(t, err, row.want, row.token)
						assert.Equal(t, row.part, refused.Part)
					}
				}
				assert.Equal(t, row.asksA, w.a.requests(), "requests to A")
				assert.Equal(t, row.asksB, w.b.requests(), "requests to B")
				_, err := w.issuers.VerifyAccessToken(t.Context(), at0Token())
				require.NoError(t, err)
				_, err = w.issuers.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
			})
		})
	}
}
