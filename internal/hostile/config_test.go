package hostile_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestConfiguration(t *testing.T) {
	t.Parallel()
	audience := jwtverifier.WithAudience("api")
	for name, opts := range map[string][]jwtverifier.Option{
		"t/309 no option":                             {},
		"t/309 no audience in WithAudience":           {jwtverifier.WithAudience()},
		"t/309 an empty audience":                     {jwtverifier.WithAudience("")},
		"t/309 an empty audience among others":        {jwtverifier.WithAudience("api", "")},
		"t/309 an empty list beside a good one":       {audience, jwtverifier.WithAudience([]string{}...)},
		"t/309 a nil list beside a good one":          {audience, jwtverifier.WithAudience(nil...)},
		"t/309 no client ID":                          {jwtverifier.WithClientID()},
		"t/309 an empty client ID":                    {jwtverifier.WithClientID("")},
		"t/309 an empty client ID beside an audience": {audience, jwtverifier.WithClientID("client", "")},
		"t/309 no authorized client":                  {audience, jwtverifier.WithAuthorizedClients()},
		"t/309 an empty authorized client":            {audience, jwtverifier.WithAuthorizedClients("c1", "")},
		"t/309 authorized clients without audience":   {jwtverifier.WithAuthorizedClients("c1"), jwtverifier.WithClientID("client")},
		"t/309 WithoutAudience without clients":       {jwtverifier.WithoutAudience()},
		"t/309 WithoutAudience and WithAudience":      {audience, jwtverifier.WithoutAudience(), jwtverifier.WithAuthorizedClients("c1")},
		"t/309 a nil option":                          {audience, nil},
		"t/309 a nil client":                          {audience, jwtverifier.WithHTTPClient(nil)},
		"t/309 a nil clock":                           {audience, jwtverifier.WithClock(nil)},
		"t/309 a nil logger":                          {audience, jwtverifier.WithLogger(nil)},
		"t/309 an empty metadata URL":                 {audience, jwtverifier.WithMetadataURL("")},
		"t/309 an empty JWKS URL":                     {audience, jwtverifier.WithJWKSURL("")},
		"t/309 an http JWKS URL":                      {audience, jwtverifier.WithJWKSURL("http://as.example/keys")},
		"t/309 a file for a JWKS URL":                 {audience, jwtverifier.WithJWKSURL("file:///keys")},
		"t/309 a relative metadata URL":               {audience, jwtverifier.WithMetadataURL("/metadata")},
		"t/309 a metadata URL with a password":        {audience, jwtverifier.WithMetadataURL("https://u:p@as.example/m")},
		"t/309 metadata URL and JWKS URL":             {audience, jwtverifier.WithMetadataURL("https://as.example/m"), jwtverifier.WithJWKSURL("https://as.example/k")},
		"t/309 JWKS URL and static keys":              {audience, jwtverifier.WithJWKSURL("https://as.example/k"), jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))},
		"t/309 static keys that are nil":              {audience, jwtverifier.WithStaticKeys(nil)},
		"t/309 static keys without a key":             {audience, jwtverifier.WithStaticKeys([]byte(`{"keys":[]}`))},
		"t/309 static keys that are no JSON":          {audience, jwtverifier.WithStaticKeys([]byte("-----BEGIN PUBLIC KEY-----"))},
		"t/309 a token cache of 0":                    {audience, jwtverifier.WithTokenCache(0)},
		"t/309 a token cache of -1":                   {audience, jwtverifier.WithTokenCache(-1)},
		"t/309 a token cache of 2^24 and one":         {audience, jwtverifier.WithTokenCache(1<<24 + 1)},
		"t/311 negative leeway":                       {audience, jwtverifier.WithLeeway(-1)},
		"t/311 leeway over 5 min":                     {audience, jwtverifier.WithLeeway(5*time.Minute + 1)},
		"t/311 the largest leeway there is":           {audience, jwtverifier.WithLeeway(1<<63 - 1)},
		"t/311 the smallest leeway there is":          {audience, jwtverifier.WithLeeway(-1 << 63)},
		"t/311 seconds taken for nanoseconds":         {audience, jwtverifier.WithLeeway(-5 * time.Second)},
	} {
		runRow(t, name, func(t *testing.T) {
			v, err := jwtverifier.New(issuerURL, opts...)
			require.Nil(t, v)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			oneShortLine(t, err)
			// What New would not make refuses everything.
			token, err := v.VerifyAccessToken(t.Context(), at0Token())
			require.Nil(t, token)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			id, err := new(jwtverifier.Verifier).VerifyIDToken(t.Context(), id0Token(), "n1")
			require.Nil(t, id)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
	runRow(t, "t/311 leeways that are allowed", func(t *testing.T) {
		for _, d := range []time.Duration{0, 1, time.Minute, 5 * time.Minute} {
			_, err := jwtverifier.New(issuerURL, audience, jwtverifier.WithLeeway(d))
			require.NoError(t, err)
		}
	})
	runRow(t, "t/309 a kind that was not configured", func(t *testing.T) {
		site := newSite()
		client := jwtverifier.WithHTTPClient(&http.Client{Transport: site})
		onlyID, err := jwtverifier.New(issuerURL, jwtverifier.WithClientID("client"), client)
		require.NoError(t, err)
		token, err := onlyID.VerifyAccessToken(t.Context(), at0Token())
		require.Nil(t, token)
		onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		onlyAccess, err := jwtverifier.New(issuerURL, audience, client)
		require.NoError(t, err)
		id, err := onlyAccess.VerifyIDToken(t.Context(), id0Token(), "n1")
		require.Nil(t, id)
		onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		assert.Zero(t, site.requests())
	})
	runRow(t, "t/312 misuse of VerifyIDToken comes before the token", func(t *testing.T) {
		site := newSite()
		v := site.verifier(t)
		for name, call := range map[string]idCall{
			"nil check":             {"n1", []jwtverifier.IDTokenCheck{nil}},
			"nil previous":          {"", []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(nil)}},
			"made-up previous":      {"", []jwtverifier.IDTokenCheck{jwtverifier.RefreshOf(&jwtverifier.IDToken{})}},
			"negative age":          {"n1", []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(-1)}},
			"empty access token":    {"n1", []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash("")}},
			"empty code":            {"n1", []jwtverifier.IDTokenCheck{jwtverifier.CodeHash("")}},
			"NoNonce with a nonce":  {"n1", []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}},
			"NoNonce with previous": {"", []jwtverifier.IDTokenCheck{jwtverifier.NoNonce(), jwtverifier.RefreshOf(&jwtverifier.IDToken{})}},
		} {
			for _, raw := range []string{"", id0Token()} {
				token, err := v.VerifyIDToken(t.Context(), raw, call.nonce, call.checks...)
				require.Nil(t, token, name)
				onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			}
		}
		assert.Zero(t, site.requests())
	})
	runRow(t, "t/312 a token that no Verifier made has no claims", func(t *testing.T) {
		var dst map[string]any
		onlyReasons(t, (&jwtverifier.AccessToken{Token: jwtverifier.Token{Subject: "admin"}}).Claims(&dst), jwtverifier.ErrMisconfigured)
		onlyReasons(t, (*jwtverifier.Token)(nil).Claims(&dst), jwtverifier.ErrMisconfigured)
		assert.False(t, (*jwtverifier.AccessToken)(nil).HasScopes())
	})
	runRow(t, "t/162 issuers that cannot be distinguished", func(t *testing.T) {
		v := newSite().verifier(t)
		for _, list := range [][]*jwtverifier.Verifier{{}, nil, {nil}, {new(jwtverifier.Verifier)}, {v, nil}, {v, v}, {v, newSite().verifier(t)}} {
			i, err := jwtverifier.NewIssuers(list...)
			require.Nil(t, i)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			token, err := i.VerifyAccessToken(t.Context(), at0Token())
			require.Nil(t, token)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		}
	})

	verifierOf := func(t *testing.T, opts ...jwtverifier.Option) *jwtverifier.Verifier {
		v, err := jwtverifier.New(issuerURL, append(opts, jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))), jwtverifier.WithClock(func() time.Time { return bubbleStart }))...)
		require.NoError(t, err)
		return v
	}
	// Each of them would match api, or c1, if it were a pattern, a list, or read in
	// another case. It matches itself.
	for _, pattern := range []string{
		"*", "ap*", "a?i", "^.*$", ".*", "^api$", "api|other", "/api/", "api*", "(api)", "[a]pi", "%", "API", "ap",
		"api,other", "api other", " api",
	} {
		runRow(t, "t/315 no pattern: "+pattern, func(t *testing.T) {
			v := verifierOf(t, jwtverifier.WithAudience(pattern))
			refuses(t, v, at0Token(), jwtverifier.ErrAudience)
			accepts(t, v, at0Token("aud", quotedJSON(pattern)))
		})
	}
	for _, pattern := range []string{
		"*", "c*", "?1", "^.*$", ".*", "^c1$", "c1|other", "/c1/", "c1*", "(c1)", "[c]1", "%", "C1", "c", "c1,other",
		"c1 other", " c1",
	} {
		runRow(t, "t/315 no pattern for a client: "+pattern, func(t *testing.T) {
			v := verifierOf(t, audience, jwtverifier.WithAuthorizedClients(pattern))
			refuses(t, v, at0Token(), jwtverifier.ErrClientID)
			accepts(t, v, at0Token("cid", quotedJSON(pattern)))
		})
	}
	runRow(t, "t/315 issuer is no pattern", func(t *testing.T) {
		v, err := jwtverifier.New("https://as.example/.*", audience, jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))))
		require.NoError(t, err)
		refuses(t, v, at0Token(), jwtverifier.ErrIssuer)
	})
	runRow(t, "t/316 any of several audiences", func(t *testing.T) {
		v := verifierOf(t, jwtverifier.WithAudience("a", "b"), jwtverifier.WithAudience("c"))
		for _, aud := range []string{`"a"`, `"b"`, `"c"`, `["x","c"]`, `["a","b","c"]`} {
			accepts(t, v, at0Token("aud", aud))
		}
		for _, aud := range []string{`"d"`, `["x"]`, `"a b"`, `"a,b"`, `[]`} {
			refuses(t, v, at0Token("aud", aud), jwtverifier.ErrAudience)
		}
	})
	runRow(t, "t/316 no audience at all", func(t *testing.T) {
		v := verifierOf(t, jwtverifier.WithoutAudience(), jwtverifier.WithAuthorizedClients("c1"))
		accepts(t, v, at0Token("aud", absentMember))
		accepts(t, v, at0Token("aud", `[]`))
		accepts(t, v, at0Token("aud", `null`))
		for _, aud := range []string{`"api"`, `""`, `[""]`, `1`, `{}`, `[1]`, `[null]`, `false`} {
			refuses(t, v, at0Token("aud", aud), jwtverifier.ErrAudience)
		}
		refuses(t, v, at0Token("aud", absentMember, "cid", `"c2"`), jwtverifier.ErrClientID)
	})
}

func TestIssuerURL(t *testing.T) {
	t.Parallel()
	for number, issuers := range map[string][]string{
		"t/234": {
			"", " ", "as.example", "/tenant", "//as.example/tenant", "https:", "https://", "https:///tenant",
			"https:as.example", "http://as.example", "http://10.0.0.1", "http://localhost.evil.example",
			"http://127.0.0.1.evil.example", "http://0.0.0.0", "https://as.example?x", "https://as.example/?",
			"https://as.example#x", "https://as.example#", "https://u@as.example", "https://u:p@as.example",
			"https://@as.example", "ftp://as.example", "file:///etc/passwd", "javascript:alert(1)", "https://as example",
			"https://as.example/a b", " https://as.example", "https://as.example ", "https://as.example\n",
			"https://as.example/\x00", "https://as.example/\x7f", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/",
			"https://:443", "https://as.example:port", "https://as.example/%zz", "https://\u0430s.example",
			"https://as.example\\tenant", "https://as.example/" + strings.Repeat("x", 4096), "https://[::1",
			"http://[::1%25lo]/",
		},
		"t/249": {
			"https://h.example/a/../b", "https://h.example/a/./b", "https://h.example/..", "https://h.example/.",
			"https://h.example/a/%2e%2e/b", "https://h.example/a/%2E%2e/b", "https://h.example/a/.%2e/b",
			"https://h.example/a/%2e/b", "https://h.example/a/..", "https://h.example/a/%2e%2e",
		},
	} {
		for _, issuer := range issuers {
			runRow(t, fmt.Sprintf("%s %q", number, issuer[:min(len(issuer), 60)]), func(t *testing.T) {
				v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
				require.Nil(t, v)
				onlyReasons(t, err, jwtverifier.ErrMisconfigured)
				oneShortLine(t, err)
			})
		}
	}
	for _, issuer := range []string{
		"https://as.example", "https://as.example/", "https://as.example/tenant", "https://as.example:8443/a/b/",
		"https://10.0.0.1/realms/x", "https://[2001:db8::1]/", "https://xn--s-7sf.example", "http://localhost",
		"http://localhost:8080/x", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8080",
		"https://as.example/a//b", "https://as.example/..a", "https://as.example/a..", "https://as.example/%41",
	} {
		runRow(t, "t/234 accepted: "+issuer, func(t *testing.T) {
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
			require.NoError(t, err)
			assert.Equal(t, issuer, v.Issuer())
		})
	}
	runRow(t, "t/249 a double slash is kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const issuer = "https://h.example/a//b"
			site := &testSite{answers: map[string]siteAnswer{}}
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.Equal(t, issuer+"/.well-known/oauth-authorization-server", site.askedFor()[0])
		})
	})
}

// An issuer from which nothing is derived may be any name. It is compared all the same.
func TestNamedIssuer(t *testing.T) {
	t.Parallel()
	static := jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))
	withAudience := jwtverifier.WithAudience("api")
	for _, issuer := range []string{
		"auth-service", "urn:example:as", "a", "as.example/tenant", "http://as.example", "https://as.example/?a=b#c", "as of example",
		"~", " ", strings.Repeat("i", 2048),
	} {
		runRow(t, fmt.Sprintf("t/233 issuer %q, compared byte for byte", issuer[:min(len(issuer), 60)]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := jwtverifier.New(issuer, withAudience)
				onlyReasons(t, err, jwtverifier.ErrMisconfigured)
				site := newSite()
				for _, source := range []jwtverifier.Option{static, jwtverifier.WithPublicKeys(key1().Public()), jwtverifier.WithJWKSURL(jwksURL)} {
					v, err := jwtverifier.New(issuer, withAudience, source, jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
					require.NoError(t, err)
					assert.Equal(t, issuer, v.Issuer())
					accepts(t, v, at0Token("iss", quotedJSON(issuer)))
					for _, other := range []string{issuer + "/", issuer + " ", " " + issuer, issuer + issuer, issuer[1:], strings.ToUpper(issuer) + "x", "https://" + issuer, ""} {
						token, err := v.VerifyAccessToken(t.Context(), at0Token("iss", quotedJSON(other)))
						require.Nil(t, token)
						onlyReasons(t, err, jwtverifier.ErrInvalidToken, jwtverifier.ErrIssuer)
					}
				}
				assert.Equal(t, []string{jwksURL}, site.askedFor(), "nothing is derived")
			})
		})
	}
	for _, issuer := range []string{
		"", strings.Repeat("i", 2049), "auth\nservice", "auth\x00service", "auth\tservice", "\x7f", "s\u00e9curit\u00e9", "\u0430s.example",
		"{tenant}", "https://as.example/{tenantid}/v2.0", "a}", "https://as.example/.well-known/openid-configuration",
		"https://as.example/.well-known/oauth-authorization-server/t",
	} {
		runRow(t, fmt.Sprintf("t/233 no issuer: %q", issuer[:min(len(issuer), 60)]), func(t *testing.T) {
			for _, source := range []jwtverifier.Option{
				static, jwtverifier.WithPublicKeys(key1().Public()), jwtverifier.WithJWKSURL(jwksURL), jwtverifier.WithMetadataURL(metadataURL),
			} {
				v, err := jwtverifier.New(issuer, withAudience, source)
				require.Nil(t, v)
				onlyReasons(t, err, jwtverifier.ErrMisconfigured)
				oneShortLine(t, err)
			}
		})
	}
	for name, row := range map[string]struct {
		document string
		opts     []jwtverifier.Option
		want     error // of the metadata; nil: a token is accepted
	}{
		"the document says it":           {document: metadataOf("issuer", `"auth-service"`)},
		"the document says another":      {document: metadataOf("issuer", `"auth-service/"`), want: jwtverifier.ErrIssuerMismatch},
		"the document says its own URL":  {document: metadataOf("issuer", strconv.Quote(issuerURL)), want: jwtverifier.ErrIssuerMismatch},
		"keys by http":                   {document: metadataOf("issuer", `"auth-service"`, "jwks_uri", `"http://as.example/keys"`), want: jwtverifier.ErrUnavailable},
		"keys by http, WithInsecureHTTP": {document: metadataOf("issuer", `"auth-service"`, "jwks_uri", `"http://as.example/keys"`), opts: []jwtverifier.Option{jwtverifier.WithInsecureHTTP()}, want: jwtverifier.ErrUnavailable},
		"keys on the loopback by http":   {document: metadataOf("issuer", `"auth-service"`, "jwks_uri", `"http://localhost/keys"`), want: jwtverifier.ErrUnavailable},
	} {
		runRow(t, "t/236 an issuer that is no URL, "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.set(answerWith(200, row.document), "https://as.example/m")
				site.set(answerWith(200, jwksOf(goodJWK1())), "http://as.example/keys", "http://localhost/keys")
				v, err := jwtverifier.New("auth-service", append(row.opts, withAudience, jwtverifier.WithMetadataURL("https://as.example/m"), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))...)
				require.NoError(t, err)
				raw := at0Token("iss", `"auth-service"`)
				if row.want == nil {
					accepts(t, v, raw)
					return
				}
				_, err = v.VerifyAccessToken(t.Context(), raw)
				if row.want == jwtverifier.ErrUnavailable {
					unavailable(t, err)
				} else {
					unavailable(t, err, row.want)
				}
				assert.Equal(t, []string{"https://as.example/m"}, site.askedFor())
			})
		})
	}
}

func TestPublicKeys(t *testing.T) {
	t.Parallel()
	made := func(t *testing.T, opts ...jwtverifier.Option) *jwtverifier.Verifier {
		v, err := jwtverifier.New(issuerURL, append(opts, jwtverifier.WithAudience("api"), jwtverifier.WithTokenCache(16), jwtverifier.WithClock(func() time.Time { return bubbleStart }))...)
		require.NoError(t, err)
		return v
	}
	public := func(n *big.Int, e int) *rsa.PublicKey { return &rsa.PublicKey{N: n, E: e} }
	n := key1().N
	runRow(t, "t/143 keys that are changed after New", func(t *testing.T) {
		key := public(new(big.Int).Set(n), 65537)
		list := []crypto.PublicKey{key}
		option := jwtverifier.WithPublicKeys(list...)
		list[0] = keyX().Public() // even before New
		v := made(t, option)
		input := seg64(h0()) + "." + seg64(at0())
		digest := sha256.Sum256([]byte(input))
		byAnybody := input + "." + seg64(padded(256, slices.Concat(sha256Info, digest[:])))
		refuses(t, v, byAnybody, jwtverifier.ErrUnknownKey)
		key.E = 1
		refuses(t, v, byAnybody, jwtverifier.ErrUnknownKey)
		accepts(t, v, at0Token())
		key.N.Set(keyX().N)
		key.E = 65537
		refuses(t, v, jwsOf(keyX(), h0(), at0()), jwtverifier.ErrUnknownKey)
		accepts(t, v, at0Token())
		accepts(t, v, at0Token("jti", `"another"`))
		accepts(t, made(t, option), at0Token())
	})
	runRow(t, "t/143 tokens of any kid and of none", func(t *testing.T) {
		v := made(t, jwtverifier.WithPublicKeys(key1().Public(), key2().Public()), jwtverifier.WithPublicKeys(key3().Public()))
		for _, kid := range []string{absentMember, `null`, `"k1"`, `"other"`} {
			for _, key := range []*rsa.PrivateKey{key1(), key2(), key3()} {
				accepts(t, v, jwsOf(key, h0("kid", kid), at0()))
			}
		}
		refuses(t, v, jwsOf(keyX(), h0("kid", absentMember), at0()), jwtverifier.ErrSignature)
		refuses(t, v, jwsOf(keyX(), h0(), at0()), jwtverifier.ErrUnknownKey)
		refuses(t, v, jwsOf(key1(), h0("alg", `"PS256"`), at0()), jwtverifier.ErrAlgorithm)
		refuses(t, v, jwsOf(key1(), h0("kid", `""`), at0()), jwtverifier.ErrMalformed)
		require.NoError(t, v.Refresh(t.Context()))
		var dst map[string]any
		onlyReasons(t, v.Metadata(t.Context(), &dst), jwtverifier.ErrMisconfigured)
	})
	several := func(count int) (keys []crypto.PublicKey) {
		for i := range count {
			keys = append(keys, public(new(big.Int).Add(n, big.NewInt(int64(2*i))), 65537))
		}
		return keys
	}
	runRow(t, "t/143 four keys, one of them twice", func(t *testing.T) {
		made(t, jwtverifier.WithPublicKeys(several(4)...), jwtverifier.WithPublicKeys(several(1)...))
	})
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	even := new(big.Int).Sub(n, big.NewInt(1))
	short, long := new(big.Int).Rsh(n, 1), new(big.Int).Lsh(n, 8192-2048+1)
	short.SetBit(short, 0, 1)
	long.SetBit(long, 0, 1)
	for name, keys := range map[string][]crypto.PublicKey{
		"none":                   {},
		"nil":                    {nil},
		"a nil pointer":          {(*rsa.PublicKey)(nil)},
		"no modulus":             {&rsa.PublicKey{E: 65537}},
		"a private key":          {key1()},
		"another private key":    {edKey},
		"a private key, last":    {key2().Public(), key1()},
		"not a pointer":          {*key1().Public().(*rsa.PublicKey)},
		"an EC key":              {ecKey.Public()},
		"an Ed25519 key":         {edPublic},
		"a secret":               {[]byte("secret")},
		"a PEM":                  {"-----BEGIN PUBLIC KEY-----"},
		"five":                   several(5),
		"e=0":                    {public(n, 0)},
		"e=1":                    {public(n, 1)},
		"e=2":                    {public(n, 2)},
		"e=65536":                {public(n, 65536)},
		"e negative":             {public(n, -65537)},
		"e=2^31+1":               {public(n, 1<<31+1)},
		"e=2^32+65537":           {public(n, 1<<32+65537)},
		"e as large as can be":   {public(n, math.MaxInt)},
		"modulus zero":           {public(new(big.Int), 65537)},
		"modulus negative":       {public(new(big.Int).Neg(n), 65537)},
		"modulus even":           {public(even, 65537)},
		"modulus of 2,047 bits":  {public(short, 65537)},
		"modulus of 8,193 bits":  {public(long, 65537)},
		"modulus of a megabyte":  {public(new(big.Int).SetBit(new(big.Int).Lsh(n, 8<<20), 0, 1), 65537)},
		"a good one and a wrong": {key2().Public(), public(n, 1)},
	} {
		runRow(t, "t/143 refused: "+name, func(t *testing.T) {
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithPublicKeys(keys...))
			require.Nil(t, v)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			oneShortLine(t, err)
		})
	}
	for name, other := range map[string]jwtverifier.Option{
		"static keys":    jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))),
		"a JWKS URL":     jwtverifier.WithJWKSURL(jwksURL),
		"a metadata URL": jwtverifier.WithMetadataURL(metadataURL),
	} {
		runRow(t, "t/309 public keys and "+name, func(t *testing.T) {
			_, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithPublicKeys(key1().Public()), other)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
}
