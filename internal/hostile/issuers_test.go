package hostile_test

import (
	"fmt"
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
		{name: "t/161 token of A", token: at0Token(), asksA: 2},
		{name: "t/161 token of B", token: tokenB(), asksB: 2},
		{
			name:  "t/161 iss A, signed by B",
			token: jwsOf(key2(), h0(), at0()),
			want:  jwtverifier.ErrSignature,
			part:  "signature",
			asksA: 2,
		},
		{
			name:  "t/161 iss B, signed by A",
			token: at0Token("iss", strconv.Quote(issuerB)),
			want:  jwtverifier.ErrSignature,
			part:  "signature",
			asksB: 2,
		},
		{
			name:  "t/161 iss A, a kid of neither",
			token: jwsOf(key2(), h0("kid", `"k2"`), at0()),
			want:  jwtverifier.ErrUnknownKey,
			part:  "header",
			asksA: 4, // the second time, the key could be newer
		},
		{
			name:  "t/161 expired at B",
			token: tokenB("exp", inSeconds(-60)),
			want:  jwtverifier.ErrExpired,
			part:  "claims",
			asksB: 2,
		},
		{
			name:  "t/161 client of A at A only",
			token: at0Token("cid", `"c2"`),
			want:  jwtverifier.ErrClientID,
			part:  "claims",
			asksA: 2,
		},
		{name: "t/161 any client at B", token: tokenB("cid", `"c2"`), asksB: 2},
		{
			name:  "t/162 iss __proto__",
			token: iss(`"__proto__"`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss not registered",
			token: iss(`"https://evil.example"`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss a metadata service",
			token: iss(`"http://169.254.169.254/"`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss a template",
			token: iss(`"https://{tenant}.example/%s/${jndi:ldap://x}"`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss of A and a slash",
			token: iss(strconv.Quote(issuerURL + "/")),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss of A in upper case",
			token: iss(strconv.Quote(strings.ToUpper(issuerURL))),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss of A and B",
			token: iss(`["https://as.example/tenant","https://b.example"]`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss empty",
			token: iss(`""`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss null",
			token: iss(`null`),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 no iss",
			token: iss(absentMember),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 only ISS",
			token: at0Token("iss", absentMember, "ISS", strconv.Quote(issuerURL)),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 iss of A and of B",
			token: jwsOf(key1(), h0(), withMore(at0(), `"iss":"https://b.example"`)),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
			asksA: 2, // the first chooses; that there is another shows once it is signed
		},
		{
			name:  "t/162 iss of A and of B, by B",
			token: jwsOf(key2(), h0(), withMore(at0(), `"iss":"https://b.example"`)),
			want:  jwtverifier.ErrSignature,
			part:  "signature",
			asksA: 2,
		},
		{
			name:  "t/162 iss in the header",
			token: jwsOf(key1(), h0("iss", strconv.Quote(issuerURL)), at0("iss", absentMember)),
			want:  jwtverifier.ErrIssuer,
			part:  "claims",
		},
		{
			name:  "t/162 payload null",
			token: jwsOf(key1(), h0(), `null`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/162 alg none before the issuer",
			token: jwsOf(key1(), h0("alg", `"none"`), at0("iss", `"https://evil.example"`)),
			want:  jwtverifier.ErrAlgorithm,
			part:  "header",
		},
		{
			name:  "t/162 crit before the issuer",
			token: jwsOf(key1(), h0("crit", `["x"]`), at0("iss", `"https://evil.example"`)),
			want:  jwtverifier.ErrMalformed,
			part:  "header",
		},
		{
			name:  "t/162 flattened JSON",
			token: `{"iss":"https://as.example/tenant","payload":"e30","protected":"e30","signature":"AA"}`,
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
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

// Of a payload that nobody has verified only as much is read as an honest one needs.
func TestChosenIssuer(t *testing.T) {
	t.Parallel()
	// A payload of this length in which iss ends that many bytes after its beginning.
	issEndsAt := func(length, end int, iss string) string {
		front, back := `{"pad":"`, `","iss":`+iss
		rest := "," + at0("iss", absentMember, "pad2", `""`)[1:]
		return front + strings.Repeat("p", end-len(front)-len(back)) + back +
			strings.TrimSuffix(rest, `"}`) + strings.Repeat("p", max(0, length-end-len(rest))) + `"}`
	}
	const first, last, whole = 768, 6 << 10, 12 << 10
	iss := strconv.Quote(issuerURL)
	require.Len(t, issEndsAt(whole, last, iss), whole)
	escaped := `"`
	for _, r := range issuerURL {
		escaped += fmt.Sprintf(`\u%04X`, r)
	}
	escaped += `"`
	for _, row := range []struct {
		name    string
		payload string
		want    error // nil: accepted, by the Verifier that was to be chosen
		part    string
		asks    bool
	}{
		{name: "iss ends with the first window", payload: issEndsAt(whole+1, first, iss)},
		{name: "iss ends a byte after the first window", payload: issEndsAt(whole+1, first+1, iss)},
		{name: "iss begins in the first window and ends in the last", payload: issEndsAt(whole+1, first+10, escaped)},
		{name: "iss ends with the last window", payload: issEndsAt(whole+1, last, iss)},
		{
			name:    "iss ends a byte after the last window",
			payload: issEndsAt(whole+1, last+1, iss),
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{name: "iss ends a byte after the last window of a payload that is read whole", payload: issEndsAt(whole, last+1, iss)},
		{name: "iss at the end of a payload that is read whole", payload: issEndsAt(whole, whole-200, iss)},
		{name: "iss all escapes", payload: at0("iss", escaped)},
		{name: "name of iss all escapes", payload: at0("iss", absentMember, `\u0069\u0073\u0073`, iss)},
		{
			name:    "iss escaped twice",
			payload: at0("iss", absentMember, `\\u0069ss`, iss),
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{name: "another iss in an object in front", payload: `{"act":{"iss":"https://evil.example"},` + at0()[1:]},
		{name: "another iss in an array in front", payload: `{"x":[{"iss":"https://evil.example"}],` + at0()[1:]},
		{name: "another iss in a string in front", payload: `{"x":"\",\"iss\":\"https://evil.example\"",` + at0()[1:]},
		{name: "another iss as a value in front", payload: `{"x":"iss","y":"https://evil.example",` + at0()[1:]},
		{
			name:    "iss only in an object",
			payload: at0("iss", absentMember, "act", `{"iss":`+iss+`}`),
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "iss only in a string",
			payload: at0("iss", absentMember, "x", `"\",\"iss\":\"https://as.example/tenant"`),
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "iss an array of it",
			payload: at0("iss", "["+iss+"]"),
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "iss an array, then iss",
			payload: `{"iss":[` + iss + `],` + at0()[1:],
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "another iss, then iss",
			payload: `{"iss":"https://evil.example",` + at0()[1:],
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "null, then iss",
			payload: `{"iss":null,` + at0()[1:],
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
		},
		{
			name:    "iss, then another",
			payload: withMore(at0(), `"iss":"https://evil.example"`),
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			asks:    true,
		},
		{
			name:    "iss, then its twin",
			payload: withMore(at0(), `"ISS":"https://evil.example"`),
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			asks:    true,
		},
		{
			name:    "iss, then what is no JSON",
			payload: withMore(at0(), `"x":tru`),
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			asks:    true,
		},
		{
			name:    "iss cut off by the end",
			payload: `{"iss":` + strings.TrimSuffix(iss, `"`),
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
		},
	} {
		runRow(t, "t/163 "+row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				b, err := jwtverifier.New("b", jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))))
				require.NoError(t, err)
				issuers, err := jwtverifier.NewIssuers(site.verifier(t), b)
				require.NoError(t, err)
				raw := jwsOf(key1(), h0(), row.payload)
				token, err := issuers.VerifyAccessToken(t.Context(), raw)
				require.Equal(t, err == nil, token != nil)
				if row.want == nil {
					require.NoError(t, err)
					assert.Equal(t, issuerURL, token.Issuer)
				} else {
					assert.Equal(t, row.part, refusedBecause(t, err, row.want, raw).Part)
				}
				assert.Equal(t, row.want == nil || row.asks, site.requests() > 0, "asked for keys")
				_, err = issuers.VerifyAccessToken(t.Context(), at0Token("iss", `"b"`))
				require.NoError(t, err)
			})
		})
	}
}
