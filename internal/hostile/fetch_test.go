package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
)

// An outage is a way in which the server does not give its keys. A verifier
// without keys meets it, and one that has keys, which must keep them.
type outage struct {
	name     string
	metadata testkit.Answer // at all the places where metadata is looked for
	jwks     testkit.Answer
	document string        // what is answered, of which nothing may be repeated
	also     error         // the cause
	waits    time.Duration // how long a caller waits who has no keys
	survives bool          // the keys are where they were: a refresh of held ones succeeds
}

func runOutages(t *testing.T, rows []outage) {
	t.Helper()
	for _, row := range rows {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, row.cold)
			synctest.Test(t, row.warm)
		})
	}
}

// strike makes the site fail, and returns what makes it well again.
func (row outage) strike(s *testSite) (heal func()) {
	if row.metadata != nil {
		s.set(row.metadata, metadataURL, openIDURL, insertedURL)
	}
	if row.jwks != nil {
		s.set(row.jwks, jwksURL)
	}
	return func() {
		s.set(answerWith(200, metadataOf()), metadataURL, openIDURL, insertedURL)
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
	site := newSite()
	heal := row.strike(site)
	var log lockedBuffer
	v := site.verifier(t, log.logger(), log.observer())
	raw := longToken("k1", key1())

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
	_, err = v.VerifyAccessToken(t.Context(), longToken("k9", keyX()))
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

func (row outage) warm(t *testing.T) {
	site := newSite()
	v := site.verifier(t, jwtverifier.WithMaxStale(time.Hour))
	raw, unknown := longToken("k1", key1()), longToken("k9", keyX())
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

func TestFetch(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	reset := &net.OpError{Op: "read", Net: "tcp", Err: errors.New("connection reset by peer")}
	rows := []outage{
		{name: "t/250 keys: no headers", jwks: hang, waits: 5 * time.Second},
		{
			name:     "t/250 metadata: no headers",
			metadata: hang,
			waits:    5 * time.Second,
			survives: true,
		},
		{
			name:     "t/250 no headers at all",
			metadata: hang,
			jwks:     hang,
			waits:    5 * time.Second,
		},
		{
			name:     "t/250 metadata late, keys: no headers",
			metadata: delayed(4*time.Second, answerWith(200, metadataOf())),
			jwks:     hang,
			waits:    9 * time.Second,
		},
		{name: "t/250 keys too late", jwks: delayed(5001*time.Millisecond, answerWith(200, good)), waits: 5 * time.Second},
		{
			name:     "t/251 keys: a body that never ends",
			jwks:     hangsAfter(good[:100]),
			document: good,
			waits:    5 * time.Second,
		},
		{
			name:     "t/251 keys: a complete body that never ends",
			jwks:     hangsAfter(good),
			document: good,
			waits:    5 * time.Second,
		},
		{
			name:     "t/251 metadata: a body that never ends",
			metadata: hangsAfter(metadataOf()),
			waits:    5 * time.Second,
			survives: true,
		},
		{
			name:     "t/252 keys: byte by byte",
			jwks:     drips(good, 50*time.Millisecond),
			document: good,
			waits:    5 * time.Second,
		},
		{name: "t/252 keys: byte by byte, for ever", jwks: drips(strings.Repeat(" ", 1<<20), 50*time.Millisecond), waits: 5 * time.Second},
		{
			name:     "t/252 metadata: byte by byte",
			metadata: drips(metadataOf(), 50*time.Millisecond),
			waits:    5 * time.Second,
			survives: true,
		},
		{
			name:     "t/252 both slow",
			metadata: drips(metadataOf(), 25*time.Millisecond),
			jwks:     drips(good, 50*time.Millisecond),
			document: good,
			waits:    time.Duration(len(metadataOf())+1)*25*time.Millisecond + 5*time.Second,
		},
		{
			name:     "t/259 captive portal for the keys",
			jwks:     answerWith(200, "<!doctype html><title>Sign in to continue</title>", "Content-Type", "text/html"),
			document: "<!doctype html><title>Sign in to continue</title>",
		},
		{
			name:     "t/259 captive portal",
			metadata: answerWith(200, "<!doctype html><title>Sign in to continue</title>", "Content-Type", "text/html"),
			jwks:     answerWith(200, "<!doctype html><title>Sign in to continue</title>"),
			document: "<!doctype html><title>Sign in to continue</title>",
		},
		{
			name:     "t/259 captive portal, by redirect",
			metadata: redirectTo(302, "http://portal.example/login"),
			jwks:     redirectTo(302, "http://portal.example/login"),
		},
		{name: "t/261 keys redirected to http", jwks: redirectTo(302, "http://as.example/tenant/keys")},
		{name: "t/262 keys redirected to themselves", jwks: redirectTo(302, jwksURL)},
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
		{
			name: "t/265 an error with the URL and a secret of the transport's",
			jwks: noConnection(&url.Error{Op: "Get", URL: "https://proxy.example/" + strings.Repeat("x", 5000), Err: reset}),
		},
	}
	for _, to := range []string{
		"https://evil.example/keys", "https://169.254.169.254/keys", "https://as.example:8443/keys",
		"//evil.example/", "https://as.example@evil.example/", "https://evil.example/https://as.example/",
	} {
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
		rows = append(rows, outage{
			name:     fmt.Sprintf("%s metadata with status %d", number, status),
			metadata: answerWith(status, metadataOf()),
			survives: status == 429 || status >= 500,
		})
	}
	rows = append(rows, outage{
		name:     "t/257 401 with a challenge",
		jwks:     answerWith(401, good, "WWW-Authenticate", `Basic realm="keys"`),
		document: good,
	})
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
		{bubbleStart.Add(2 * time.Minute).Format(http.TimeFormat), 2 * time.Minute, 2 * time.Minute},
		{bubbleStart.AddDate(10, 0, 0).Format(http.TimeFormat), 5 * time.Minute, 5 * time.Minute},
		{bubbleStart.AddDate(-1, 0, 0).Format(http.TimeFormat), 500 * time.Millisecond, time.Second},
		{"0", 500 * time.Millisecond, time.Second},
		{"-1", 500 * time.Millisecond, time.Second},
		{"", 500 * time.Millisecond, time.Second},
		{"soon", 500 * time.Millisecond, time.Second},
		{"1e3", 500 * time.Millisecond, time.Second},
	} {
		for _, status := range []int{429, 503} {
			runRow(t, fmt.Sprintf("t/257 %d with Retry-After %q", status, row.value), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					site := newSite()
					site.set(answerWith(status, "", "Retry-After", row.value), jwksURL)
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
		runRow(t, "t/260 "+row.name+" redirects within the origin", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				at := jwksURL
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
	runRow(t, "t/252 redirects count to the time of one document", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(delayed(3*time.Second, redirectTo(302, "?slow")), jwksURL)
			site.set(delayed(3*time.Second, answerWith(200, good)), jwksURL+"?slow")
			began := time.Now()
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.Equal(t, 5*time.Second, time.Since(began))
		})
	})
	runRow(t, "t/252 no attempt takes more than ten seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(delayed(4*time.Second, answerWith(404, "")), metadataURL, openIDURL)
			site.set(delayed(4*time.Second, answerWith(200, metadataOf())), insertedURL)
			began := time.Now()
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 10*time.Second, time.Since(began))
		})
	})
	runRow(t, "t/250 the caller's own deadline comes first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(hang, metadataURL)
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
	runRow(t, "t/267 no cookies, no credentials, no validators", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			cookies := []string{"Set-Cookie", "session=1; Path=/", "ETag", `"1"`, "Last-Modified", bubbleStart.Format(http.TimeFormat)}
			site.set(answerWith(200, metadataOf(), cookies...), metadataURL)
			site.set(answerWith(200, good, cookies...), jwksURL)
			jar, err := cookiejar.New(nil)
			require.NoError(t, err)
			origin, err := url.Parse(issuerURL)
			require.NoError(t, err)
			jar.SetCookies(origin, []*http.Cookie{{Name: "mine", Value: "secret"}})
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site, Jar: jar}))
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
	runRow(t, "t/269 fifty failures leave no body open", func(t *testing.T) {
		for _, answer := range []testkit.Answer{
			answerWith(500, good), answerWith(404, good), redirectTo(302, "https://evil.example/"), answerWith(200, "x"),
			answerWith(200, strings.Repeat(" ", 2<<20)), breaks(good, io.ErrUnexpectedEOF),
		} {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.set(answer, jwksURL)
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
	runRow(t, "t/261 CheckRedirect of the embedder's client is not used", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(redirectTo(302, "https://evil.example/keys"), jwksURL)
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"),
				jwtverifier.WithHTTPClient(&http.Client{Transport: site, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}))
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			onlyAskedItsOwn(t, site)
		})
	})
}
