package hostile_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// An outage is a way in which the server does not give its keys. A verifier
// without keys meets it, and one that has keys, which must keep them.
type outage struct {
	name     string
	metadata siteAnswer // at all the places where metadata is looked for
	jwks     siteAnswer
	document string        // what is answered, of which nothing may be repeated
	also     error         // the cause
	waits    time.Duration // how long a caller waits who has no keys
	survives bool          // the keys are where they were: a refresh of held ones succeeds
}

func runOutages(t *testing.T, rows []outage) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, row.cold)
			synctest.Test(t, row.warm)
		})
	}
}

// strike makes the site fail, and returns what makes it well again.
func (row outage) strike(s *threatSite) (heal func()) {
	if row.metadata != nil {
		s.set(row.metadata, threatMetadata, threatOpenID, threatInserted)
	}
	if row.jwks != nil {
		s.set(row.jwks, threatJWKS)
	}
	return func() {
		s.set(answerWith(200, metadataOf()), threatMetadata, threatOpenID, threatInserted)
		s.publish(goodJWK1(), goodJWK2())
	}
}

// failed asserts that an error is this outage's.
func (row outage) failed(t *testing.T, err error) *jwtverifier.UnavailableError {
	t.Helper()
	also := []error{}
	if row.also != nil {
		require.ErrorIs(t, err, row.also)
		also = append(also, row.also)
	}
	u := unavailable(t, err, also...)
	assert.Positive(t, u.RetryAfter)
	var fetch *jwtverifier.FetchError
	require.ErrorAs(t, err, &fetch)
	oneShortLine(t, fetch)
	if row.also != jwtverifier.ErrIssuerMismatch { // that one names both issuers
		require.Empty(t, repeats(err.Error(), row.document), "a part of the document in %q", err)
	}
	return u
}

func (row outage) cold(t *testing.T) {
	site := newThreatSite()
	heal := row.strike(site)
	var log lockedBuffer
	v := site.verifier(t, log.logger(), log.observer())
	raw := longToken("k1", threatK1())

	began := time.Now()
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.Nil(t, token)
	row.failed(t, err)
	assert.Equal(t, row.waits, time.Since(began), "waited")
	requests := site.requests()

	// Nothing is asked again at once, of either kind of token, nor of a kid.
	began = time.Now()
	id, err := v.VerifyIDToken(t.Context(), id0Token(), "n1")
	require.Nil(t, id)
	u := row.failed(t, err)
	_, err = v.VerifyAccessToken(t.Context(), longToken("k9", threatKX()))
	row.failed(t, err)
	assert.Equal(t, requests, site.requests())
	assert.Zero(t, time.Since(began))
	status := v.Status()
	assert.Equal(t, jwtverifier.StateCold, status.State)
	assert.False(t, status.Ready())
	assert.Equal(t, 1, status.Failures)
	require.Error(t, status.LastError)
	oneLogLineEach(t, &log, row)

	onlyAskedItsOwn(t, site)
	heal()
	time.Sleep(u.RetryAfter)
	token, err = v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err, "after the outage")
	require.NotNil(t, token)
	assert.Zero(t, site.unclosed())
}

// oneLogLineEach asserts that the log holds nothing of a document but names.
func oneLogLineEach(t *testing.T, log *lockedBuffer, row outage) {
	t.Helper()
	assert.Contains(t, log.String(), "RefreshDoneInfo")
	for line := range strings.Lines(log.spaced()) {
		assert.Contains(t, line, "jwtverifier")
		assert.Less(t, len(line), 2048)
		if row.also != jwtverifier.ErrIssuerMismatch {
			assert.Empty(t, repeats(line, row.document))
		}
	}
	if row.also == jwtverifier.ErrIssuerMismatch {
		assert.Contains(t, log.String(), `"level":"ERROR"`)
	}
}

func (row outage) warm(t *testing.T) {
	site := newThreatSite()
	v := site.verifier(t, jwtverifier.WithMaxStale(time.Hour))
	raw, unknown := longToken("k1", threatK1()), longToken("k9", threatKX())
	_, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	keys := v.Status().KeyIDs
	served := func(within time.Duration) {
		t.Helper()
		began := time.Now()
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err, "held keys")
		require.NotNil(t, token)
		assert.LessOrEqual(t, time.Since(began), within, "waited")
		assert.Equal(t, keys, v.Status().KeyIDs)
	}

	heal := row.strike(site)
	err = v.Refresh(t.Context())
	served(0)
	_, ofUnknown := v.VerifyAccessToken(t.Context(), unknown)
	if row.survives {
		require.NoError(t, err)
		refusedBecause(t, ofUnknown, jwtverifier.ErrUnknownKey, unknown)
	} else {
		row.failed(t, err)
		row.failed(t, ofUnknown)
	}

	time.Sleep(20 * time.Minute) // past the interval
	served(time.Second)
	if !row.survives {
		time.Sleep(time.Hour) // past max stale too
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.Nil(t, token)
		row.failed(t, err)
		assert.Equal(t, jwtverifier.StateExpired, v.Status().State)
	}
	onlyAskedItsOwn(t, site)
	heal()
	time.Sleep(6 * time.Minute) // longer than any back-off
	served(0)
	assert.Equal(t, jwtverifier.StateFresh, v.Status().State)
	assert.Zero(t, v.Status().Failures)
	assert.Zero(t, site.unclosed())
}

func TestThreatsDiscovery(t *testing.T) {
	t.Parallel()
	mismatch := jwtverifier.ErrIssuerMismatch
	var rows []outage
	add := func(name, document string, also error) {
		rows = append(rows, outage{name: name, metadata: answerWith(200, document), document: document, also: also})
	}
	for _, issuer := range []string{absentMember, `null`, `""`, `1`, `["` + threatIssuer + `"]`, `{}`, `"https://evil.example/tenant"`, `"https://as.example/tenant/"`, `"https://AS.example/tenant"`,
		`"https://as.example/Tenant"`, `"http://as.example/tenant"`, `"https://as.example:443/tenant"`, `"https://as.example"`, `"https://as.example/tenant?x"`, `"https://as.example/tenant#x"`,
		`" https://as.example/tenant"`, `"https://as.example/tenant\u0000"`, `"https://as.example/tenant/../tenant"`, `"https://as.example/%74enant"`, `"as.example/tenant"`,
		`"https://as.example.evil.example/tenant"`, strconv.Quote("https://evil.example/" + strings.Repeat("x", 100_000)), `"https://evil.example/\nlevel=INFO msg=fine"`} {
		name := issuer[:min(len(issuer), 60)]
		add("t/231 issuer "+name, metadataOf("issuer", issuer), mismatch)
	}
	for _, uri := range []string{absentMember, `""`, `null`, `1`, `["` + threatJWKS + `"]`, `{}`, `"/keys"`, `"keys"`, `"//as.example/tenant/keys"`, `"?x"`, `"https:"`, `"https://"`, `"https:///keys"`, `"https:keys"`, `"as.example/keys"`, `" "`} {
		add("t/235 jwks_uri "+uri, metadataOf("jwks_uri", uri), nil)
	}
	for _, uri := range []string{"http://as.example/tenant/keys", "HTTP://as.example/tenant/keys", "http://127.0.0.1/keys", "http://localhost/keys", "http://[::1]/keys"} {
		add("t/236 jwks_uri "+uri, metadataOf("jwks_uri", strconv.Quote(uri)), nil)
	}
	for _, uri := range []string{"file:///etc/passwd", "ftp://as.example/keys", "data:application/json,{}", "unix:///var/run/docker.sock", "gopher://as.example/1keys", "jar:https://as.example!/keys",
		"javascript:alert(1)", "ws://as.example/keys", "httpss://as.example/keys", "blob:https://as.example/x", "C:\\keys", "about:blank"} {
		add("t/237 jwks_uri "+uri, metadataOf("jwks_uri", quotedJSON(uri)), nil)
	}
	for name, uri := range map[string]string{"user and password": `"https://u:p@as.example/tenant/keys"`, "user": `"https://u@as.example/tenant/keys"`, "empty user": `"https://@as.example/tenant/keys"`,
		"fragment": `"https://as.example/tenant/keys#x"`, "empty fragment": `"https://as.example/tenant/keys#"`, "1 MiB": strconv.Quote(threatJWKS + "?" + strings.Repeat("x", 1<<19)),
		"2,049 bytes": strconv.Quote(threatJWKS + "?" + strings.Repeat("x", 2048-len(threatJWKS))), "line feed": `"https://as.example/tenant/\nkeys"`, "NUL": `"https://as.example/tenant/keys\u0000"`,
		"space in the host": `"https://as .example/keys"`, "bad escape": `"https://as.example/%zz"`, "bad port": `"https://as.example:port/keys"`, "no host but a port": `"https://:443/keys"`,
		"DEL": `"https://as.example/\u007f"`} {
		add("t/240 jwks_uri with "+name, metadataOf("jwks_uri", uri), nil)
	}
	good := metadataOf()
	for name, document := range map[string]string{"truncated": good[:len(good)-1], "cut in half": good[:len(good)/2], "empty": "", "byte order mark": "\ufeff" + good, "garbage behind": good + "x",
		"an object behind": good + `{"issuer":"https://evil.example"}`, "a bracket behind": good + "]", "a brace behind": good + "}", "an array": "[" + good + "]", "a string": strconv.Quote(good),
		"null": "null", "a number": "1", "HTML": "<!doctype html><title>Sign in to continue</title>", "nesting of 20,000": withMore(good, `"x":`+nested(20_000)),
		"nesting never closed": `{"x":` + strings.Repeat("[", 100_000), "2 MiB": withMore(good, `"x":`+strconv.Quote(strings.Repeat("x", 2<<20))), "2 MiB of white space": good + strings.Repeat(" ", 2<<20),
		"no UTF-8": withMore(good, "\"x\":\"\xff\""), "a lone surrogate": withMore(good, `"x":"\ud800"`), "trailing comma": strings.TrimSuffix(good, "}") + ",}", "single quotes": strings.ReplaceAll(good, `"`, `'`),
		"a signed token": jwsOf(threatK1(), h0(), good), "anti-hijacking prefix": ")]}'\n" + good} {
		add("t/245 metadata: "+name, document, nil)
	}
	for name, document := range map[string]string{
		"issuer twice, evil last":                withMore(good, `"issuer":"https://evil.example"`),
		"issuer twice, evil first":               `{"issuer":"https://evil.example",` + good[1:],
		"issuer twice, the same":                 withMore(good, `"issuer":`+strconv.Quote(threatIssuer)),
		"issuer twice, once escaped":             withMore(good, `"\u0069ssuer":"https://evil.example"`),
		"jwks_uri twice, evil last":              withMore(good, `"jwks_uri":"https://evil.example/keys"`),
		"jwks_uri twice, evil first":             `{"jwks_uri":"https://evil.example/keys",` + good[1:],
		"jwks_uri twice, once escaped":           withMore(good, `"jwks\u005furi":"https://evil.example/keys"`),
		"an unread name twice":                   withMore(good, `"x":1,"x":2`),
		"a name twice in an unread member":       withMore(good, `"x":{"y":1,"y":2}`),
		"only ISSUER":                            metadataOf("issuer", absentMember, "ISSUER", strconv.Quote(threatIssuer)),
		"only JWKS_URI":                          metadataOf("jwks_uri", absentMember, "JWKS_URI", strconv.Quote(threatJWKS)),
		"only jwks-uri":                          metadataOf("jwks_uri", absentMember, "jwks-uri", strconv.Quote(threatJWKS)),
		"only i\u017fsuer":                       metadataOf("issuer", absentMember, "i\u017fsuer", strconv.Quote(threatIssuer)),
		"jwks_uri only in a nested object":       metadataOf("jwks_uri", absentMember, "mtls_endpoint_aliases", `{"jwks_uri":`+strconv.Quote(threatJWKS)+`}`),
		"keys in the metadata instead of a link": metadataOf("jwks_uri", absentMember, "jwks", jwksOf(goodJWK1())),
	} {
		also := error(nil)
		if strings.HasPrefix(name, "only I") || strings.HasPrefix(name, "only i") {
			also = mismatch
		}
		add("t/246 "+name, document, also)
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"https://evil.example/.well-known/openid-configuration", "//evil.example/metadata", "https://as.example.evil.example/metadata", "https://as.example:8443/metadata",
			"https://user@as.example/metadata", "https://sub.as.example/metadata"} {
			rows = append(rows, outage{name: fmt.Sprintf("t/241 metadata redirected by %d to %s", status, location), metadata: redirectTo(status, location)})
		}
	}
	for _, location := range []string{"http://as.example/tenant/metadata", "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "https://[::1]/", "file:///etc/passwd", "",
		"http://", "https://%zz/", "javascript:alert(1)", "https://" + strings.Repeat("x", 100_000) + ".example/", "\n", "https://as.example\n.evil.example/"} {
		rows = append(rows, outage{name: fmt.Sprintf("t/242 metadata redirected to %q", location[:min(len(location), 60)]), metadata: redirectTo(302, location)})
	}
	rows = append(rows,
		outage{name: "t/242 metadata redirected to itself", metadata: func(r *http.Request) (*http.Response, error) { return redirectTo(302, r.URL.String())(r) }},
		outage{name: "t/242 metadata redirected for ever", metadata: redirectTo(302, "?again"), waits: 0},
	)
	runOutages(t, rows)

	// What discovery accepts, and where it looks.
	accepted := func(name, issuer string, documents map[string]siteAnswer, asked []string, opts ...jwtverifier.Option) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := &threatSite{answers: documents}
				v, err := jwtverifier.New(issuer, append([]jwtverifier.Option{jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site})}, opts...)...)
				require.NoError(t, err)
				_, err = v.VerifyAccessToken(t.Context(), at0Token("iss", strconv.Quote(issuer)))
				require.NoError(t, err)
				assert.Equal(t, asked, site.askedFor())
				assert.Zero(t, site.unclosed())
			})
		})
	}
	keys := answerWith(200, jwksOf(goodJWK1(), goodJWK2()))
	document := func(issuer, uri string) siteAnswer {
		return answerWith(200, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(uri)))
	}
	const slash = "https://h.example/t/"
	accepted("t/232 issuer with a trailing slash", slash,
		map[string]siteAnswer{"https://h.example/t/.well-known/openid-configuration": document(slash, "https://h.example/keys"), "https://h.example/keys": keys},
		[]string{"https://h.example/t/.well-known/oauth-authorization-server", "https://h.example/t/.well-known/openid-configuration", "https://h.example/keys"})
	accepted("t/232 issuer with a trailing slash and no path", "https://h.example/",
		map[string]siteAnswer{"https://h.example/.well-known/openid-configuration": document("https://h.example/", "https://h.example/keys"), "https://h.example/keys": keys},
		[]string{"https://h.example/.well-known/oauth-authorization-server", "https://h.example/.well-known/openid-configuration", "https://h.example/keys"})
	accepted("t/232 issuer with a trailing slash, inserted form", slash,
		map[string]siteAnswer{"https://h.example/.well-known/oauth-authorization-server/t": document(slash, "https://h.example/keys"), "https://h.example/keys": keys},
		[]string{"https://h.example/t/.well-known/oauth-authorization-server", "https://h.example/t/.well-known/openid-configuration", "https://h.example/.well-known/oauth-authorization-server/t", "https://h.example/keys"})
	for _, uri := range []string{"https://127.0.0.1/keys", "https://[::1]/keys", "https://169.254.169.254/keys", "https://10.0.0.5/keys", "https://0x7f000001/keys", "https://localhost/keys", "https://idp.internal:8443/keys",
		"https://as.example//keys", "https://as.example/keys?a=b&c=%2f", "https://www.googleapis.com/oauth2/v3/certs", "HTTPS://as.example/KEYS", threatJWKS + "?" + strings.Repeat("x", 2047-len(threatJWKS))} {
		parsed, err := url.Parse(uri)
		require.NoError(t, err)
		accepted("t/239 jwks_uri "+uri[:min(len(uri), 60)], threatIssuer,
			map[string]siteAnswer{threatMetadata: document(threatIssuer, uri), parsed.String(): keys}, []string{threatMetadata, parsed.String()})
	}
	for _, contentType := range []string{"text/html", "text/plain; charset=iso-8859-1", "application/octet-stream", "application/jwk-set+json", "", "nonsense", "image/png"} {
		accepted("t/244 content type "+contentType, threatIssuer, map[string]siteAnswer{
			threatMetadata: answerWith(200, metadataOf(), "Content-Type", contentType),
			threatJWKS:     answerWith(200, jwksOf(goodJWK1()), "Content-Type", contentType),
		}, []string{threatMetadata, threatJWKS})
	}
	for name, document := range map[string]string{
		"ISSUER and JWKS_URI":   withMore(metadataOf(), `"ISSUER":"https://evil.example","JWKS_URI":"https://evil.example/keys"`),
		"twins in front":        `{"Issuer":"https://evil.example","Jwks_Uri":"https://evil.example/keys",` + metadataOf()[1:],
		"long s":                withMore(metadataOf(), `"i\u017fsuer":"https://evil.example","jwk\u017f_uri":"https://evil.example/keys"`),
		"issuer escaped":        metadataOf("issuer", `"https:\/\/as.example\/ten\u0061nt"`),
		"the names escaped":     metadataOf("issuer", absentMember, `\u0069ssuer`, strconv.Quote(threatIssuer)),
		"white space around it": "\r\n\t " + metadataOf() + " \n",
	} {
		accepted("t/246 accepted: "+name, threatIssuer, map[string]siteAnswer{threatMetadata: answerWith(200, document), threatJWKS: keys}, []string{threatMetadata, threatJWKS})
	}
	for name, answers := range map[string]map[string]siteAnswer{
		"relative":        {threatMetadata: redirectTo(301, "/elsewhere")},
		"absolute":        {threatMetadata: redirectTo(308, "https://as.example/elsewhere")},
		"other spellings": {threatMetadata: redirectTo(302, "https://AS.EXAMPLE:443/elsewhere")},
		"without scheme":  {threatMetadata: redirectTo(307, "//as.example/elsewhere")},
	} {
		to := "https://as.example/elsewhere"
		switch name {
		case "other spellings":
			to = "https://AS.EXAMPLE:443/elsewhere"
		}
		answers[to] = document(threatIssuer, threatJWKS)
		answers[threatJWKS] = keys
		accepted("t/241 redirected within the origin, "+name, threatIssuer, answers, []string{threatMetadata, to, threatJWKS})
	}
	accepted("t/241 redirected within the origin, the default port of http", "http://localhost", map[string]siteAnswer{
		"http://localhost/.well-known/oauth-authorization-server": redirectTo(302, "http://localhost:80/elsewhere"),
		"http://localhost:80/elsewhere":                           document("http://localhost", "http://localhost/keys"),
		"http://localhost/keys":                                   keys,
	}, []string{"http://localhost/.well-known/oauth-authorization-server", "http://localhost:80/elsewhere", "http://localhost/keys"})
	accepted("t/231 the second place, the first is of another issuer", threatIssuer,
		map[string]siteAnswer{threatMetadata: document("https://evil.example", "https://evil.example/keys"), threatOpenID: document(threatIssuer, threatJWKS), threatJWKS: keys},
		[]string{threatMetadata, threatOpenID, threatJWKS})

	t.Run("t/236 http in metadata of an https issuer, even with WithInsecureHTTP", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(document(threatIssuer, "http://as.example/keys"), threatMetadata)
			site.set(keys, "http://as.example/keys")
			_, err := site.verifier(t, jwtverifier.WithInsecureHTTP()).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.NotContains(t, site.askedFor(), "http://as.example/keys")
		})
	})
	t.Run("t/231 WithMetadataURL compares the issuer too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(document("https://evil.example", threatJWKS), "https://as.example/m")
			_, err := site.verifier(t, jwtverifier.WithMetadataURL("https://as.example/m")).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err, mismatch)
			assert.Equal(t, []string{"https://as.example/m"}, site.askedFor())
		})
	})
	for _, algorithms := range []string{`["none","HS256"]`, `[]`, `"none"`, `null`, `["ES256"]`} {
		t.Run("t/247 algorithms of the metadata: "+algorithms, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				site.set(answerWith(200, metadataOf("id_token_signing_alg_values_supported", algorithms, "token_endpoint_auth_signing_alg_values_supported", algorithms)), threatMetadata)
				v := site.verifier(t)
				_, err := v.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
				for _, raw := range []string{hmacForgeries()["modulus"], jwsOf(threatK1(), h0("alg", `"none"`), id0())} {
					_, err = v.VerifyIDToken(t.Context(), raw, "n1")
					refusedBecause(t, err, jwtverifier.ErrAlgorithm, raw)
				}
			})
		})
	}
}

func TestThreatsIssuerURL(t *testing.T) {
	t.Parallel()
	for number, issuers := range map[string][]string{
		"t/234": {"", " ", "as.example", "/tenant", "//as.example/tenant", "https:", "https://", "https:///tenant", "https:as.example", "http://as.example", "http://10.0.0.1", "http://localhost.evil.example",
			"http://127.0.0.1.evil.example", "http://0.0.0.0", "https://as.example?x", "https://as.example/?", "https://as.example#x", "https://as.example#", "https://u@as.example", "https://u:p@as.example", "https://@as.example",
			"ftp://as.example", "file:///etc/passwd", "javascript:alert(1)", "https://as example", "https://as.example/a b", " https://as.example", "https://as.example ", "https://as.example\n", "https://as.example/\x00",
			"https://as.example/\x7f", "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://:443", "https://as.example:port", "https://as.example/%zz", "https://\u0430s.example", "https://as.example\\tenant",
			"https://as.example/" + strings.Repeat("x", 4096), "https://[::1", "http://[::1%25lo]/"},
		"t/249": {"https://h.example/a/../b", "https://h.example/a/./b", "https://h.example/..", "https://h.example/.", "https://h.example/a/%2e%2e/b", "https://h.example/a/%2E%2e/b", "https://h.example/a/.%2e/b", "https://h.example/a/%2e/b",
			"https://h.example/a/..", "https://h.example/a/%2e%2e"},
	} {
		for _, issuer := range issuers {
			t.Run(fmt.Sprintf("%s %q", number, issuer[:min(len(issuer), 60)]), func(t *testing.T) {
				v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
				require.Nil(t, v)
				onlyReasons(t, err, jwtverifier.ErrMisconfigured)
				oneShortLine(t, err)
			})
		}
	}
	for _, issuer := range []string{"https://as.example", "https://as.example/", "https://as.example/tenant", "https://as.example:8443/a/b/", "https://10.0.0.1/realms/x", "https://[2001:db8::1]/", "https://xn--s-7sf.example",
		"http://localhost", "http://localhost:8080/x", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8080", "https://as.example/a//b", "https://as.example/..a", "https://as.example/a..", "https://as.example/%41"} {
		t.Run("t/234 accepted: "+issuer, func(t *testing.T) {
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
			require.NoError(t, err)
			assert.Equal(t, issuer, v.Issuer())
		})
	}
	t.Run("t/249 a double slash is kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const issuer = "https://h.example/a//b"
			site := &threatSite{answers: map[string]siteAnswer{}}
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.Equal(t, issuer+"/.well-known/oauth-authorization-server", site.askedFor()[0])
		})
	})
}

func TestThreatsFetch(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	rows := []outage{
		{name: "t/250 keys: no headers", jwks: hang, waits: 5 * time.Second},
		{name: "t/250 metadata: no headers", metadata: hang, waits: 5 * time.Second, survives: true},
		{name: "t/250 no headers at all", metadata: hang, jwks: hang, waits: 5 * time.Second},
		{name: "t/250 metadata late, keys: no headers", metadata: delayed(4*time.Second, answerWith(200, metadataOf())), jwks: hang, waits: 9 * time.Second},
		{name: "t/250 keys too late", jwks: delayed(5001*time.Millisecond, answerWith(200, good)), waits: 5 * time.Second},
		{name: "t/251 keys: a body that never ends", jwks: hangsAfter(good[:100]), document: good, waits: 5 * time.Second},
		{name: "t/251 keys: a complete body that never ends", jwks: hangsAfter(good), document: good, waits: 5 * time.Second},
		{name: "t/251 metadata: a body that never ends", metadata: hangsAfter(metadataOf()), waits: 5 * time.Second, survives: true},
		{name: "t/252 keys: byte by byte", jwks: drips(good, 50*time.Millisecond), document: good, waits: 5 * time.Second},
		{name: "t/252 keys: byte by byte, for ever", jwks: drips(strings.Repeat(" ", 1<<20), 50*time.Millisecond), waits: 5 * time.Second},
		{name: "t/252 metadata: byte by byte", metadata: drips(metadataOf(), 50*time.Millisecond), waits: 5 * time.Second, survives: true},
		{name: "t/252 both slow", metadata: drips(metadataOf(), 25*time.Millisecond), jwks: drips(good, 50*time.Millisecond), document: good,
			waits: time.Duration(len(metadataOf())+1)*25*time.Millisecond + 5*time.Second},
		{name: "t/259 captive portal for the keys", jwks: answerWith(200, "<!doctype html><title>Sign in to continue</title>", "Content-Type", "text/html"), document: "<!doctype html><title>Sign in to continue</title>"},
		{name: "t/259 captive portal", metadata: answerWith(200, "<!doctype html><title>Sign in to continue</title>", "Content-Type", "text/html"), jwks: answerWith(200, "<!doctype html><title>Sign in to continue</title>"), document: "<!doctype html><title>Sign in to continue</title>"},
		{name: "t/259 captive portal, by redirect", metadata: redirectTo(302, "http://portal.example/login"), jwks: redirectTo(302, "http://portal.example/login")},
		{name: "t/261 keys redirected to http", jwks: redirectTo(302, "http://as.example/tenant/keys")},
		{name: "t/262 keys redirected to themselves", jwks: redirectTo(302, threatJWKS)},
		{name: "t/262 keys redirected for ever", jwks: redirectTo(301, "?again")},
		{name: "t/262 keys redirected without a Location", jwks: answerWith(302, good), document: good},
		{name: "t/265 connection refused", metadata: noConnection(reset), jwks: noConnection(reset)},
		{name: "t/265 keys: connection refused", jwks: noConnection(reset)},
		{name: "t/265 metadata: connection refused", metadata: noConnection(reset), survives: true},
		{name: "t/265 keys: reset in the body", jwks: breaks(good[:100], reset), document: good},
		{name: "t/265 keys: reset behind a complete body", jwks: breaks(good, reset), document: good},
		{name: "t/265 keys: end before the end", jwks: breaks(good, io.ErrUnexpectedEOF), document: good},
		{name: "t/265 metadata: reset behind a complete body", metadata: breaks(metadataOf(), reset), survives: true},
		{name: "t/265 an error of many lines and a megabyte", jwks: noConnection(errors.New(strings.Repeat("line\n", 200_000)))},
		{name: "t/265 an error with the URL and a secret of the transport's", jwks: noConnection(&url.Error{Op: "Get", URL: "https://proxy.example/" + strings.Repeat("x", 5000), Err: reset})},
	}
	for _, to := range []string{"https://evil.example/keys", "https://169.254.169.254/keys", "https://as.example:8443/keys", "//evil.example/", "https://as.example@evil.example/", "https://evil.example/https://as.example/"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			rows = append(rows, outage{name: fmt.Sprintf("t/260 keys redirected by %d to %s", status, to), jwks: redirectTo(status, to)})
		}
	}
	for _, status := range []int{201, 202, 203, 204, 205, 206, 300, 304, 305, 400, 401, 403, 404, 407, 410, 418, 429, 451, 500, 501, 502, 503, 504, 599, 999} {
		number := "t/257"
		if status == 500 || status == 403 || status == 404 {
			number = "t/256"
		}
		rows = append(rows, outage{name: fmt.Sprintf("%s keys with status %d", number, status), jwks: answerWith(status, good), document: good})
		rows = append(rows, outage{name: fmt.Sprintf("%s metadata with status %d", number, status), metadata: answerWith(status, metadataOf()), survives: status == 429 || status >= 500})
	}
	rows = append(rows, outage{name: "t/257 401 with a challenge", jwks: answerWith(401, good, "WWW-Authenticate", `Basic realm="keys"`), document: good})
	runOutages(t, rows)

	for _, row := range []struct {
		value string
		from  time.Duration
		to    time.Duration
	}{
		{"3600", 5 * time.Minute, 5 * time.Minute},
		{"99999999999999999999999", 5 * time.Minute, 5 * time.Minute},
		{"301", 5 * time.Minute, 5 * time.Minute},
		{"120", 2 * time.Minute, 2 * time.Minute},
		{threatStart.Add(2 * time.Minute).Format(http.TimeFormat), 2 * time.Minute, 2 * time.Minute},
		{threatStart.AddDate(10, 0, 0).Format(http.TimeFormat), 5 * time.Minute, 5 * time.Minute},
		{threatStart.AddDate(-1, 0, 0).Format(http.TimeFormat), 500 * time.Millisecond, time.Second},
		{"0", 500 * time.Millisecond, time.Second},
		{"-1", 500 * time.Millisecond, time.Second},
		{"", 500 * time.Millisecond, time.Second},
		{"soon", 500 * time.Millisecond, time.Second},
		{"1e3", 500 * time.Millisecond, time.Second},
	} {
		for _, status := range []int{429, 503} {
			t.Run(fmt.Sprintf("t/257 %d with Retry-After %q", status, row.value), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					site := newThreatSite()
					site.set(answerWith(status, "", "Retry-After", row.value), threatJWKS)
					v := site.verifier(t)
					_, err := v.VerifyAccessToken(t.Context(), at0Token())
					u := unavailable(t, err)
					assert.GreaterOrEqual(t, u.RetryAfter, row.from)
					assert.LessOrEqual(t, u.RetryAfter, row.to)
					time.Sleep(u.RetryAfter - 1)
					_, err = v.VerifyAccessToken(t.Context(), at0Token())
					unavailable(t, err)
					assert.Equal(t, 2, site.requests())
					time.Sleep(time.Nanosecond)
					_, err = v.VerifyAccessToken(t.Context(), at0Token())
					unavailable(t, err)
					assert.Equal(t, 4, site.requests())
				})
			})
		}
	}

	for _, row := range []struct {
		name  string
		times int
		ok    bool
	}{{"three", 3, true}, {"four", 4, false}} {
		t.Run("t/260 "+row.name+" redirects within the origin", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				at := threatJWKS
				for i := range row.times {
					next := fmt.Sprintf("https://as.example/hop%d", i)
					site.set(redirectTo(302, next), at)
					at = next
				}
				site.set(answerWith(200, good), at)
				_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
				if row.ok {
					require.NoError(t, err)
				} else {
					unavailable(t, err)
					assert.NotContains(t, site.askedFor(), at)
				}
				assert.Zero(t, site.unclosed())
			})
		})
	}
	t.Run("t/252 redirects count to the time of one document", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(delayed(3*time.Second, redirectTo(302, "?slow")), threatJWKS)
			site.set(delayed(3*time.Second, answerWith(200, good)), threatJWKS+"?slow")
			began := time.Now()
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.Equal(t, 5*time.Second, time.Since(began))
		})
	})
	t.Run("t/252 no attempt takes more than ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(delayed(4*time.Second, answerWith(404, "")), threatMetadata, threatOpenID)
			site.set(delayed(4*time.Second, answerWith(200, metadataOf())), threatInserted)
			began := time.Now()
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 10*time.Second, time.Since(began))
		})
	})
	t.Run("t/250 the caller's own deadline comes first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(hang, threatMetadata)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := site.verifier(t).VerifyAccessToken(ctx, at0Token())
			unavailable(t, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 100*time.Millisecond, time.Since(began))
			time.Sleep(5 * time.Second) // for the fetch, which goes on
		})
	})
	t.Run("t/267 no cookies, no credentials, no validators", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			cookies := []string{"Set-Cookie", "session=1; Path=/", "ETag", `"1"`, "Last-Modified", threatStart.Format(http.TimeFormat)}
			site.set(answerWith(200, metadataOf(), cookies...), threatMetadata)
			site.set(answerWith(200, good, cookies...), threatJWKS)
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			origin, err := url.Parse(threatIssuer)
			require.NoError(t, err)
			jar.SetCookies(origin, []*http.Cookie{{Name: "mine", Value: "secret"}})
			v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site, Jar: jar}))
			require.NoError(t, err)
			require.NoError(t, v.Prefetch(t.Context()))
			require.NoError(t, v.Refresh(t.Context()))
			require.Len(t, site.headers, 4)
			for _, h := range site.headers {
				for _, name := range []string{"Cookie", "Authorization", "If-None-Match", "If-Modified-Since", "Referer", "Range"} {
					assert.Empty(t, h.Values(name), name)
				}
			}
			assert.Len(t, jar.Cookies(origin), 1)
		})
	})
	t.Run("t/269 fifty failures leave no body open", func(t *testing.T) {
		for _, answer := range []siteAnswer{answerWith(500, good), answerWith(404, good), redirectTo(302, "https://evil.example/"), answerWith(200, "x"), answerWith(200, strings.Repeat(" ", 2<<20)), breaks(good, io.ErrUnexpectedEOF)} {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				site.set(answer, threatJWKS)
				v := site.verifier(t)
				for range 50 {
					_, err := v.VerifyAccessToken(t.Context(), at0Token())
					time.Sleep(unavailable(t, err).RetryAfter)
				}
				assert.Equal(t, 50, v.Status().Failures)
				assert.Zero(t, site.unclosed())
			})
		}
	})
	t.Run("t/261 CheckRedirect of the embedder's client is not used", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(redirectTo(302, "https://evil.example/keys"), threatJWKS)
			v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"),
				jwtverifier.WithHTTPClient(&http.Client{Transport: site, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}))
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			onlyAskedItsOwn(t, site)
		})
	})
}

func TestThreatsWire(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	writes := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	resets := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_ = c.(*net.TCPConn).SetLinger(0)
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	length := strconv.Itoa(len(good))
	chunked := fmt.Sprintf("%x\r\n%s\r\n", len(good), good)
	for _, row := range []struct {
		name string
		keys func(net.Conn)
		ok   bool
	}{
		{"t/255 body of the announced length", writes(wireAnswer(good)), true},
		{"t/255 body shorter than announced", writes(head + "Content-Length: " + strconv.Itoa(len(good)+10) + "\r\n\r\n" + good), false},
		{"t/255 body longer than announced", writes(head + "Content-Length: " + strconv.Itoa(len(good)-10) + "\r\n\r\n" + good), false},
		{"t/255 length of 0", writes(head + "Content-Length: 0\r\n\r\n" + good), false},
		{"t/255 negative length", writes(head + "Content-Length: -1\r\n\r\n" + good), false},
		{"t/255 two lengths that differ", writes(head + "Content-Length: " + length + "\r\nContent-Length: 5\r\n\r\n" + good), false},
		{"t/255 two lengths in a list", writes(head + "Content-Length: " + length + ", 5\r\n\r\n" + good), false},
		{"t/255 a length that is no number", writes(head + "Content-Length: 0x10\r\n\r\n" + good), false},
		{"t/255 a length beyond int64", writes(head + "Content-Length: 99999999999999999999\r\n\r\n" + good), false},
		{"t/255 a length of 8 EiB", writes(head + "Content-Length: 9223372036854775807\r\n\r\n" + good), false},
		{"t/255 no length, closed behind the document", writes(head + "\r\n" + good), true},
		{"t/255 no length, closed in the document", writes(head + "\r\n" + good[:len(good)-20]), false},
		{"t/265 chunked", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked + "0\r\n\r\n"), true},
		{"t/265 chunked, no last chunk", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked), false},
		{"t/265 chunked, malformed size", writes(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + good + "\r\n0\r\n\r\n"), false},
		{"t/265 chunked, size too large", writes(head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + good), false},
		{"t/265 chunked, negative size", writes(head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + good), false},
		{"t/265 chunked, garbage behind a chunk", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunked, "\r\n") + "garbage\r\n0\r\n\r\n"), false},
		{"t/265 unknown transfer encoding", writes(head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked + "0\r\n\r\n"), false},
		{"t/265 reset in the body", resets(head + "Content-Length: " + length + "\r\n\r\n" + good[:100]), false},
		{"t/265 reset before an answer", resets(""), false},
		{"t/265 end behind the headers", writes(head + "Content-Length: " + length + "\r\n\r\n"), false},
		{"t/265 end inside the headers", writes("HTTP/1.1 200 OK\r\nContent-Ty"), false},
		{"t/265 no answer", writes(""), false},
		{"t/265 HTTP/0.9", writes(good), false},
		{"t/265 HTML without headers", writes("<html>" + good), false},
		{"t/265 another protocol", writes("SSH-2.0-OpenSSH_9.9\r\n"), false},
		{"t/265 malformed status", writes("HTTP/1.1 2OO OK\r\n\r\n" + good), false},
		{"t/265 malformed header", writes("HTTP/1.1 200 OK\r\nno colon\r\n\r\n" + good), false},
		{"t/265 headers of 1 MiB", writes(head + "X-Padding: " + strings.Repeat("x", 1<<20) + "\r\n\r\n" + good), false},
		{"t/265 100,000 headers", writes(head + strings.Repeat("X: y\r\n", 100_000) + "\r\n" + good), false},
		{"t/265 interim answers without end", writes(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 50_000)), false},
		{"t/265 switching protocols", writes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + good), false},
		{"t/254 content encoding that nobody asked for", writes(head + "Content-Encoding: br\r\nContent-Length: 5\r\n\r\n\x0b\x02\x80{}"), false},
		{"t/254 gzip that is none", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + length + "\r\n\r\n" + good), false},
		{"t/254 gzip cut short", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(gzipped(good))-8) + "\r\n\r\n" + gzipped(good)[:len(gzipped(good))-8]), false},
		{"t/254 gzip", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(gzipped(good))) + "\r\n\r\n" + gzipped(good)), true},
		{"t/254 gzip with a wrong checksum", writes(head + "Content-Encoding: gzip\r\n\r\n" + strings.TrimSuffix(gzipped(good), gzipped(good)[len(gzipped(good))-4:]) + "\x00\x00\x00\x01"), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWireServer(t)
			raw := wireToken(w.issuer)
			verifier := func() *jwtverifier.Verifier {
				v, err := jwtverifier.New(w.issuer, jwtverifier.WithAudience("api"))
				require.NoError(t, err)
				return v
			}
			warm := verifier()
			_, err := warm.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)

			w.answerKeys(row.keys)
			cold := verifier()
			token, err := cold.VerifyAccessToken(t.Context(), raw)
			require.Equal(t, err == nil, token != nil)
			refreshed := warm.Refresh(t.Context())
			if row.ok {
				require.NoError(t, err)
				require.NoError(t, refreshed)
			} else {
				unavailable(t, err)
				unavailable(t, refreshed)
				require.Empty(t, repeats(strings.ReplaceAll(err.Error(), w.issuer, ""), good), "%q", err)
			}
			_, err = warm.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err, "held keys")
		})
	}
}

// Not parallel: it counts what is allocated.
func TestThreatsGzipBomb(t *testing.T) {
	megabyte := gzipped(strings.Repeat(" ", 1<<20))
	for name, bomb := range map[string]string{
		"t/254 256 MiB of white space":                   strings.Repeat(megabyte, 256),
		"t/254 256 MiB behind a document":                gzipped(jwksOf(goodJWK1())) + strings.Repeat(megabyte, 256),
		"t/254 a document behind 256 MiB":                strings.Repeat(megabyte, 256) + gzipped(jwksOf(goodJWK1())),
		"t/254 a document of 1 MiB and a byte":           gzipped(jwksOf(goodJWK1()) + strings.Repeat(" ", 1<<20+1-len(jwksOf(goodJWK1())))),
		"t/245 the same for the metadata: 256 MiB":       strings.Repeat(megabyte, 256),
		"t/254 many empty members":                       strings.Repeat(gzipped(""), 20_000),
		"t/254 a bomb in a bomb":                         gzipped(strings.Repeat(megabyte, 256)),
		"t/254 a header that announces a file name only": "\x1f\x8b\x08\x08" + strings.Repeat("n", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			var issuer string
			bombMetadata := strings.Contains(name, "metadata")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if (r.URL.Path == "/keys") != bombMetadata {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = io.WriteString(w, bomb)
					return
				}
				_, _ = io.WriteString(w, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(issuer+"/keys")))
			}))
			defer server.Close()
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			issuer = server.URL
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
			require.NoError(t, err)
			raw := wireToken(issuer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = v.VerifyAccessToken(t.Context(), raw)
			runtime.ReadMemStats(&after)
			unavailable(t, err)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes allocated")
		})
	}
}

func TestThreatsTLS(t *testing.T) {
	t.Parallel()
	caKey, ca := threatCertificate(t, nil, nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	named := func(change func(*x509.Certificate)) tls.Certificate {
		key, certificate := threatCertificate(t, ca, caKey, change)
		return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
	}
	good := named(nil)
	own := (*http.Client)(nil)
	trusting := func(config *tls.Config) *http.Client {
		config.RootCAs = roots
		return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	}
	for _, row := range []struct {
		name   string
		server *tls.Config
		client *http.Client
		says   string // "": it works
	}{
		{"t/264 trusted", &tls.Config{Certificates: []tls.Certificate{good}}, trusting(&tls.Config{}), ""},
		{"t/264 unknown authority", &tls.Config{Certificates: []tls.Certificate{good}}, own, "unknown authority"},
		{"t/264 expired", &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}}, trusting(&tls.Config{}), "expired"},
		{"t/264 not yet valid", &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })}}, trusting(&tls.Config{}), "not yet valid"},
		{"t/264 of another host", &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"as.example"} })}}, trusting(&tls.Config{}), "127.0.0.1"},
		{"t/264 for clients only", &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}}, trusting(&tls.Config{}), "usage"},
		{"t/264 TLS 1.0", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, own, "protocol version"},
		{"t/264 TLS 1.1", &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, own, "protocol version"},
		{"t/264 TLS 1.2", &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, trusting(&tls.Config{}), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var hits atomic.Int32
			var issuer string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				if r.URL.Path == "/keys" {
					_, _ = io.WriteString(w, jwksOf(goodJWK1()))
					return
				}
				_, _ = io.WriteString(w, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(issuer+"/keys")))
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = row.server
			server.StartTLS()
			defer server.Close()
			issuer = server.URL
			opts := []jwtverifier.Option{jwtverifier.WithAudience("api")}
			if row.client != nil {
				opts = append(opts, jwtverifier.WithHTTPClient(row.client))
				defer row.client.CloseIdleConnections()
			}
			v, err := jwtverifier.New(issuer, opts...)
			require.NoError(t, err)
			token, err := v.VerifyAccessToken(t.Context(), wireToken(issuer))
			require.Equal(t, err == nil, token != nil)
			if row.says == "" {
				require.NoError(t, err)
				return
			}
			unavailable(t, err)
			assert.ErrorContains(t, err, row.says)
			assert.Zero(t, hits.Load())
		})
	}
}

// Not parallel: they change what the whole program uses, or count what it has.
func TestThreatsGlobalState(t *testing.T) {
	issuer, err := jwtverifiertest.Start("")
	require.NoError(t, err)
	defer issuer.Close()
	raw := issuer.AccessToken()

	t.Run("t/270 http.DefaultTransport and http.DefaultClient changed", func(t *testing.T) {
		transport, client := http.DefaultTransport, *http.DefaultClient
		t.Cleanup(func() { http.DefaultTransport, *http.DefaultClient = transport, client })
		used := func(*http.Request) (*http.Response, error) {
			t.Error("the default transport was used")
			return nil, errors.New("not to be used")
		}
		http.DefaultTransport = transportFunc(used)
		http.DefaultClient.Transport = transportFunc(used)
		http.DefaultClient.Timeout = time.Nanosecond
		for _, opts := range [][]jwtverifier.Option{nil, {jwtverifier.WithHTTPClient(&http.Client{})}} {
			v, err := jwtverifier.New(issuer.URL(), append(opts, jwtverifier.WithAudience(jwtverifiertest.Audience))...)
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
		}
	})
	t.Run("t/270 the embedder's client changed afterwards", func(t *testing.T) {
		client := issuer.Client()
		v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(client))
		require.NoError(t, err)
		client.Transport = transportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("not to be used") })
		client.Timeout = time.Nanosecond
		_, err = v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
	})
	t.Run("t/269 t/306 fifty failures leave no connection and no goroutine", func(t *testing.T) {
		var mu sync.Mutex
		open := map[net.Conn]bool{}
		broken := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("how") {
			case "status":
				w.WriteHeader(500)
				_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
			case "redirect":
				http.Redirect(w, r, "https://evil.example/", http.StatusFound)
			case "cut":
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, "{")
			case "long":
				_, _ = io.WriteString(w, strings.Repeat(" ", 2<<20))
			default:
				_, _ = io.WriteString(w, "<html>")
			}
		}))
		broken.Config.ErrorLog = log.New(io.Discard, "", 0)
		broken.Config.ConnState = func(c net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if state == http.StateNew {
				open[c] = true
			}
			if state == http.StateClosed || state == http.StateHijacked {
				delete(open, c)
			}
		}
		broken.Start()
		defer broken.Close()
		connections := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(open)
		}
		goroutines := runtime.NumGoroutine()
		for _, how := range []string{"status", "redirect", "cut", "long", "html"} {
			for range 10 {
				v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithJWKSURL(broken.URL+"/?how="+how))
				require.NoError(t, err)
				_, err = v.VerifyAccessToken(t.Context(), at0Token())
				unavailable(t, err)
			}
		}
		for range 500 { // the server is the last to learn that a connection is closed
			if connections() == 0 && runtime.NumGoroutine() <= goroutines {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		assert.Zero(t, connections(), "connections")
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines")
	})
}
