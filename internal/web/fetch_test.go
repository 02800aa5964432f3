package web_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestRedirects(t *testing.T) {
	for _, document := range []string{testkit.FirstPlace, testkit.KeysPath} {
		// chain makes the document redirect so many times before it answers.
		chain := func(b *testkit.Bench, hops, status int) []string {
			body := string(b.Issuer.JWKS())
			if document == testkit.FirstPlace {
				body = testkit.Metadata(testkit.Issuer, testkit.KeysURL)
			}
			paths := []string{document}
			for i := range hops {
				b.Transport.Answer(paths[i], testkit.Redirect(status, fmt.Sprintf("/hop/%d", i)))
				paths = append(paths, fmt.Sprintf("/hop/%d", i))
			}
			b.Transport.Answer(paths[hops], testkit.Text(200, body))
			return paths
		}
		// Every form of the metadata answers alike, so that none of the others wins.
		everywhere := func(b *testkit.Bench, answer testkit.Answer) {
			b.Transport.Answer(document, answer)
			if document == testkit.FirstPlace {
				b.Transport.Answer(testkit.SecondPlace, answer)
				b.Transport.Answer(testkit.ThirdPlace, answer)
			}
		}
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprintf("%s: %d is followed", document, status), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					want := chain(b, 1, status)
					require.NoError(t, b.Verifier.Prefetch(t.Context()))
					require.Subset(t, b.Transport.Take(), want)
				})
			})
		}
		t.Run(document+": three are followed", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				want := chain(b, 3, 302)
				require.NoError(t, b.Verifier.Prefetch(t.Context()))
				asked := b.Transport.Take()
				require.Len(t, asked, 5)
				require.Subset(t, asked, want)
			})
		})
		t.Run(document+": a fourth is not", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				chain(b, 4, 302)
				if document == testkit.FirstPlace {
					b.Transport.Answer(testkit.SecondPlace, testkit.Text(404, ""))
					b.Transport.Answer(testkit.ThirdPlace, testkit.Text(404, ""))
				}
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
				asked := b.Transport.Take()
				require.Contains(t, asked, "/hop/2")
				require.NotContains(t, asked, "/hop/3")
			})
		})
		t.Run(document+": a loop", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				everywhere(b, testkit.Redirect(302, document))
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
				asked := b.Transport.Take()
				require.LessOrEqual(t, len(asked), 12)
				require.GreaterOrEqual(t, len(asked), 4)
			})
		})
		for _, location := range []string{
			"elsewhere/doc", "../../elsewhere/doc", "./doc?x=1", "//issuer.example/doc",
			"https://issuer.example/doc", "https://issuer.example:443/doc", "HTTPS://ISSUER.EXAMPLE/doc",
		} {
			t.Run(document+": same origin, "+location, func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					body := string(b.Issuer.JWKS())
					if document == testkit.FirstPlace {
						body = testkit.Metadata(testkit.Issuer, testkit.KeysURL)
					}
					b.Transport.Answer(document, testkit.Redirect(301, location))
					from, err := url.Parse(testkit.Origin + document)
					require.NoError(t, err)
					to, err := from.Parse(location)
					require.NoError(t, err)
					answered := 0
					answer := func(r *http.Request) (*http.Response, error) {
						answered++
						return testkit.Text(200, body)(r)
					}
					b.Transport.Answer(to.EscapedPath(), answer)
					b.Transport.Answer(to.String(), answer) // if it is spelt as another origin
					require.NoError(t, b.Verifier.Prefetch(t.Context()))
					require.Equal(t, 1, answered)
				})
			})
		}
		for _, location := range []string{
			"https://evil.example/doc",
			"//evil.example/doc",
			"http://issuer.example/doc",
			"http://issuer.example:443/doc",
			"https://issuer.example:8443/doc",
			"https://sub.issuer.example/doc",
			"https://issuer.example.evil.example/doc",
			"https://issuer.example@evil.example/doc",
			"https://u:p@issuer.example/doc",
			"https://169.254.169.254/doc",
			"file:///etc/passwd",
			"",
			"https://issuer.example:x/",
			"https://" + strings.Repeat("e", 100_000) + ".example/doc",
		} {
			name := location[:min(len(location), 60)]
			t.Run(document+": refused, "+name, func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					everywhere(b, testkit.Redirect(302, location))
					testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
					for _, asked := range b.Transport.Take() {
						require.True(t, strings.HasPrefix(asked, "/"), "asked %.100s", asked)
						require.NotContains(t, asked, "/doc")
					}
				})
			})
		}
	}
}

func TestRetryAfter(t *testing.T) {
	backoff := time.Duration(0) // stands for: as if there were no Retry-After
	date := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).Add(d).Format(http.TimeFormat) // a minute after the bubble's start
	}
	for _, row := range []struct {
		name  string
		value string
		want  time.Duration // while no keys are held
	}{
		{"seconds", "30", 30 * time.Second},
		{"the most, with keys", "60", testkit.MaxRetryAfter},
		{"over the most, with keys", "61", 61 * time.Second},
		{"the most", "300", testkit.MaxColdRetryAfter},
		{"over the most", "301", testkit.MaxColdRetryAfter},
		{"an hour", "3600", testkit.MaxColdRetryAfter},
		{"more than fits", "99999999999999999999999", testkit.MaxColdRetryAfter},
		{"date", date(90 * time.Second), 90 * time.Second},
		{"date far ahead", date(time.Hour), testkit.MaxColdRetryAfter},
		{"date that has passed", date(-time.Hour), backoff},
		{"zero", "0", backoff},
		{"negative", "-30", backoff},
		{"sign", "+30", backoff},
		{"fraction", "30.5", backoff},
		{"exponent", "1e3", backoff},
		{"word", "soon", backoff},
		{"empty", "", backoff},
		{"two values", "30, 40", backoff},
	} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			for _, warm := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s with %d, warm %t", row.name, status, warm), func(t *testing.T) {
					testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
						if warm {
							b.Warm()
						}
						time.Sleep(time.Minute)
						b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{
							Status: status,
							Header: http.Header{"Retry-After": {row.value}},
						})
						err := b.Verifier.Refresh(t.Context())
						testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
						var failed *jwtverifier.FetchError
						require.ErrorAs(t, err, &failed)
						require.Equal(t, status, failed.StatusCode)
						require.Equal(t, b.Issuer.JWKSURL(), failed.URL)
						b.Asked(1, 1)

						wait := testkit.RetryAfter(t, err)
						if row.want == backoff {
							require.GreaterOrEqual(t, wait, time.Second/2)
							require.LessOrEqual(t, wait, time.Second)
						} else if warm {
							require.Equal(t, min(row.want, testkit.MaxRetryAfter), wait)
						} else {
							require.Equal(t, row.want, wait)
						}
						b.Issuer.Reset()
						time.Sleep(wait - testkit.Tick)
						err = b.Refuses(jwtverifier.ErrUnavailable, b.Junk("a"))
						require.Equal(t, testkit.Tick, testkit.RetryAfter(t, err))
						b.Asked(0, 0)
						time.Sleep(testkit.Tick)
						b.Refuses(jwtverifier.ErrUnknownKey, b.Junk("a"))
						b.Asked(1, 1)
					})
				})
			}
		}
	}
}

func TestCacheControl(t *testing.T) {
	const least = 5 * time.Minute
	for _, row := range []struct {
		name   string
		values []string
		want   time.Duration
		option time.Duration // 0: the default
	}{
		{name: "none", want: testkit.Interval},
		{name: "max-age", values: []string{"max-age=600"}, want: 10 * time.Minute},
		{name: "max-age among others", values: []string{"public, max-age=600,must-revalidate, no-transform"}, want: 10 * time.Minute},
		{name: "max-age in capitals", values: []string{"Max-Age=600"}, want: 10 * time.Minute},
		{name: "max-age in quotes", values: []string{`max-age="600"`}, want: 10 * time.Minute},
		{name: "max-age of five minutes", values: []string{"max-age=300"}, want: least},
		{name: "max-age under five minutes", values: []string{"max-age=299"}, want: least},
		{name: "max-age=0", values: []string{"max-age=0"}, want: least},
		{name: "max-age a little less than the option", values: []string{"max-age=899"}, want: 899 * time.Second},
		{name: "max-age longer than the option", values: []string{"max-age=86400"}, want: testkit.Interval},
		{
			name:   "max-age longer than the option's default",
			values: []string{"max-age=3600"},
			want:   time.Hour,
			option: 24 * time.Hour,
		},
		{name: "no-cache", values: []string{"no-cache"}, want: least},
		{name: "no-store", values: []string{"no-store"}, want: least},
		{name: "no-cache, no-store", values: []string{"no-cache, no-store"}, want: least},
		{name: "no-store with max-age", values: []string{"max-age=600, no-store"}, want: least},
		{name: "No-Store", values: []string{"No-Store"}, want: least},
		{
			name:   "not longer than an option under five minutes: no-store",
			values: []string{"no-store"},
			want:   time.Minute,
			option: time.Minute,
		},
		{
			name:   "not longer than an option under five minutes: max-age=0",
			values: []string{"max-age=0"},
			want:   time.Minute,
			option: time.Minute,
		},
		{
			name:   "not longer than an option under five minutes: max-age=600",
			values: []string{"max-age=600"},
			want:   time.Minute,
			option: time.Minute,
		},
		{name: "several headers", values: []string{"public", "max-age=600"}, want: 10 * time.Minute},
		{name: "several headers, the shortest counts", values: []string{"max-age=600", "no-store"}, want: least},
		{name: "max-age twice, the shortest counts", values: []string{"max-age=700, max-age=600, max-age=800"}, want: 10 * time.Minute},
		{name: "its own name in its value", values: []string{"Cache-Control: max-age=600"}, want: testkit.Interval},
		{name: "its own name in its value, then a directive", values: []string{"Cache-Control: public, max-age=600"}, want: 10 * time.Minute},
		{name: "shared caches only", values: []string{"s-maxage=600"}, want: testkit.Interval},
		{name: "a word in which it stands", values: []string{"x-no-store, nomax-age=600"}, want: testkit.Interval},
		{name: "malformed: no number", values: []string{"max-age"}, want: testkit.Interval},
		{name: "malformed: empty number", values: []string{"max-age="}, want: testkit.Interval},
		{name: "malformed: word", values: []string{"max-age=ten"}, want: testkit.Interval},
		{name: "malformed: negative", values: []string{"max-age=-1"}, want: testkit.Interval},
		{name: "malformed: sign", values: []string{"max-age=+600"}, want: testkit.Interval},
		{name: "malformed: fraction", values: []string{"max-age=600.5"}, want: testkit.Interval},
		{name: "malformed: exponent", values: []string{"max-age=6e2"}, want: testkit.Interval},
		{name: "malformed: hexadecimal", values: []string{"max-age=0x258"}, want: testkit.Interval},
		{name: "malformed: semicolon", values: []string{"max-age=600; public"}, want: testkit.Interval},
		{name: "malformed: one quote", values: []string{`max-age="600`}, want: testkit.Interval},
		{name: "malformed: one quote, at the end", values: []string{`max-age=600"`}, want: testkit.Interval},
		{name: "more than fits", values: []string{"max-age=99999999999999999999999"}, want: testkit.Interval},
		{name: "so much that it would overflow", values: []string{"max-age=18446744073"}, want: testkit.Interval},
		{name: "malformed, with a good one", values: []string{"max-age=x, ,=,;, max-age=600"}, want: 10 * time.Minute},
		{
			name:   "as Okta sends it",
			values: []string{"max-age=3293198, must-revalidate"},
			want:   testkit.Interval,
		},
		{
			name:   "as Auth0 sends it",
			values: []string{"public, max-age=15, stale-while-revalidate=15, stale-if-error=15"},
			want:   least,
		},
		{
			name:   "as Ory Hydra sends it",
			values: []string{"private, no-cache, no-store, must-revalidate"},
			want:   least,
		},
		{
			name:   "as django-oauth-toolkit sends it",
			values: []string{"Cache-Control: public, max-age=3600, stale-while-revalidate=3600"},
			want:   testkit.Interval,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{
					Header: http.Header{"Cache-Control": row.values}, Body: b.Issuer.JWKS(),
				})
				// The metadata's own is of no interest.
				metadata, err := json.Marshal(b.Issuer.Metadata())
				require.NoError(t, err)
				b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{
					Header: http.Header{"Cache-Control": {"max-age=301"}}, Body: metadata,
				})
				b.Warm()
				ahead := time.Until(b.Verifier.Status().NextRefresh)
				assert.GreaterOrEqual(t, ahead, row.want*70/100)
				assert.LessOrEqual(t, ahead, row.want*90/100)

				time.Sleep(row.want)
				require.Equal(t, jwtverifier.StateFresh, b.Verifier.Status().State)
				time.Sleep(testkit.Tick)
				require.Equal(t, jwtverifier.StateStale, b.Verifier.Status().State)
				require.True(t, b.Verifier.Status().Ready())
				time.Sleep(time.Hour - testkit.Tick)
				require.Equal(t, jwtverifier.StateStale, b.Verifier.Status().State)
				time.Sleep(testkit.Tick)
				require.Equal(t, jwtverifier.StateExpired, b.Verifier.Status().State)
				require.False(t, b.Verifier.Status().Ready())
				b.Asked(0, 0)
			}, jwtverifier.WithRefreshInterval(cmp.Or(row.option, testkit.Interval)), jwtverifier.WithMaxStale(time.Hour))
		})
	}
}

// A document's time includes its redirects.
func TestRedirectsShareTheTimeOfTheirDocument(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{
			Status: 302, Header: http.Header{"Location": {"/elsewhere"}}, Delay: 3 * time.Second,
		})
		b.Issuer.Respond("/elsewhere", jwtverifiertest.Response{Delay: 3 * time.Second, Body: b.Issuer.JWKS()})
		began := time.Now()
		err := b.Verifier.Refresh(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, testkit.DocumentTimeout, time.Since(began))
	})
}

// The Timeout of the caller's client is the limit for a document, from above too, and
// half of the limit for a refresh.
func TestClientTimeout(t *testing.T) {
	for _, row := range []struct{ client, document time.Duration }{
		{0, testkit.DocumentTimeout},
		{-time.Second, testkit.DocumentTimeout},
		{time.Second, time.Second},
		{testkit.DocumentTimeout, testkit.DocumentTimeout},
		{20 * time.Second, 20 * time.Second},
		{30 * time.Second, 30 * time.Second},
		{30*time.Second + testkit.Tick, 30 * time.Second},
		{45 * time.Second, 30 * time.Second},
	} {
		bubble := func(name string, f func(t *testing.T, b *testkit.Bench)) {
			t.Run(fmt.Sprintf("%v: %s", row.client, name), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					var err error
					b.Verifier, err = jwtverifier.New(testkit.Issuer, jwtverifier.WithAudience(jwtverifiertest.Audience),
						jwtverifier.WithHTTPClient(&http.Client{Transport: b.Transport, Timeout: row.client}))
					require.NoError(t, err)
					f(t, b)
					time.Sleep(2 * row.document)
				})
			})
		}
		slowly := func(b *testkit.Bench, d time.Duration) {
			b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{
				Delay: d,
				Body:  []byte(testkit.Metadata(testkit.Issuer, testkit.KeysURL)),
			})
			b.KeysAfter(d)
		}
		bubble("a document that does not come", func(t *testing.T, b *testkit.Bench) {
			b.Issuer.Hang()
			began := time.Now()
			err := b.Verifier.Prefetch(t.Context())
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, row.document, time.Since(began))
			b.Asked(1, 0)
		})
		bubble("both come at the last moment", func(t *testing.T, b *testkit.Bench) {
			slowly(b, row.document-testkit.Tick)
			waited, err := b.Verify(t.Context(), b.Token("key-1"))
			require.NoError(t, err)
			require.Equal(t, 2*(row.document-testkit.Tick), waited)
			b.Asked(1, 1)
		})
		bubble("neither comes in time", func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			slowly(b, row.document+testkit.Tick)
			began := time.Now()
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, 2*row.document, time.Since(began))
			b.Asked(1, 1)
		})
		bubble("each place answers late", func(t *testing.T, b *testkit.Bench) {
			for _, path := range b.Issuer.MetadataPaths() {
				b.Issuer.Respond(path, jwtverifiertest.Response{Status: 404, Delay: row.document * 4 / 5})
			}
			began := time.Now()
			err := b.Verifier.Prefetch(t.Context())
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 2*row.document, time.Since(began))
			b.Asked(3, 0)
		})
	}
}

// A refresh ends in time though the Transport ignores its context, and nothing that
// the Transport does later changes anything.
func TestTransportThatIgnoresItsContext(t *testing.T) {
	// What comes of a request when it is let go on.
	inBody := func(release chan struct{}, body string) testkit.Answer {
		return testkit.Body(func(context.Context) io.Reader {
			return io.MultiReader(testkit.ReaderFunc(func([]byte) (int, error) {
				<-release
				return 0, io.EOF
			}), strings.NewReader(body))
		})
	}
	before := func(release chan struct{}, then testkit.Answer) testkit.Answer {
		return func(r *http.Request) (*http.Response, error) {
			<-release
			return then(r)
		}
	}
	answers := map[string]func(release chan struct{}, good string) testkit.Answer{
		"a good document": func(release chan struct{}, good string) testkit.Answer {
			return before(release, testkit.Text(200, good))
		},
		"the rest of a good document": inBody,
		"a failure": func(release chan struct{}, _ string) testkit.Answer {
			return before(release, testkit.Refused)
		},
		"a redirect": func(release chan struct{}, _ string) testkit.Answer {
			return before(release, testkit.Redirect(302, "/elsewhere"))
		},
		"a panic": func(release chan struct{}, _ string) testkit.Answer {
			return before(release, func(*http.Request) (*http.Response, error) { panic("late") })
		},
		"the end of its goroutine": func(release chan struct{}, _ string) testkit.Answer {
			return before(release, func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil })
		},
	}
	for name, answer := range answers {
		for _, document := range []string{testkit.FirstPlace, testkit.KeysPath} {
			for _, warm := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, late, of %s, warm %t", name, document, warm), func(t *testing.T) {
					testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
						good := testkit.Metadata(testkit.Issuer, testkit.Issuer+"/late")
						if document == testkit.KeysPath {
							good = strings.ReplaceAll(string(b.Issuer.JWKS()), "key-1", "key-late")
						}
						if warm {
							b.Warm()
						}
						release := make(chan struct{})
						b.Transport.Answer(document, answer(release, good))

						began := time.Now()
						err := b.Verifier.Refresh(t.Context())
						require.Equal(t, testkit.DocumentTimeout, time.Since(began))
						if warm && document == testkit.FirstPlace { // the last known jwks_uri is read
							require.NoError(t, err)
							err = b.Verifier.Status().LastError
						} else {
							testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
						}
						require.ErrorIs(t, err, context.DeadlineExceeded)
						synctest.Wait()
						require.Equal(t, 1, testkit.OwnGoroutines(), "the one that the Transport keeps")
						b.Transport.Take()

						// The keys are there by the time of the late answer, or are not.
						if warm {
							b.Transport.Reset()
							time.Sleep(testkit.ForcedPause)
							require.NoError(t, b.Verifier.Refresh(t.Context()))
							b.Asked(1, 1)
						}
						status := b.Verifier.Status()
						close(release)
						synctest.Wait()
						require.Zero(t, testkit.OwnGoroutines())
						require.Equal(t, status, b.Verifier.Status())
						b.Asked(0, 0)
						if warm {
							b.Accepts(b.Token("key-1"))
							require.Equal(t, []string{"key-1"}, b.Verifier.Status().KeyIDs)
						}
					})
				})
			}
		}
	}
	t.Run("it never answers at all: a token waits no longer than a refresh", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			release := make(chan struct{})
			defer close(release)
			for _, path := range []string{testkit.FirstPlace, testkit.KeysPath} {
				b.Transport.Answer(path, before(release, testkit.Refused))
			}
			waited, err := b.Verify(t.Context(), b.Junk("a"))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.Equal(t, testkit.AttemptTimeout, waited)
			b.Accepts(b.Token("key-1"))
			time.Sleep(testkit.RetryAfter(t, err))
			waited, err = b.Verify(t.Context(), b.Junk("a"))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.Equal(t, testkit.AttemptTimeout, waited)
			b.Asked(2, 2)
		})
	})
}

// Caches on the way are asked for what the server has now.
func TestNoCache(t *testing.T) {
	t.Run("every request says so", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			said := map[string][]string{}
			client := &http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				said[r.URL.Path] = append(said[r.URL.Path], r.Header.Get("Cache-Control"))
				return b.Transport.RoundTrip(r)
			})}
			v, err := jwtverifier.New(testkit.Issuer, jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(404, ""))
			b.Transport.Answer(testkit.KeysPath, testkit.Redirect(302, "/moved"))
			b.Transport.Answer("/moved", testkit.Text(200, string(b.Issuer.JWKS())))
			_, err = v.VerifyAccessToken(t.Context(), b.Token("key-1")) // cold
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), b.Junk("a")) // an unknown kid
			require.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
			time.Sleep(testkit.Interval + testkit.Tick)
			_, err = v.VerifyAccessToken(t.Context(), b.Token("key-1")) // past the interval
			require.NoError(t, err)
			require.NoError(t, v.Refresh(t.Context()))
			four := []string{"no-cache", "no-cache", "no-cache", "no-cache"}
			require.Equal(t, map[string][]string{
				testkit.FirstPlace:  {"no-cache"},
				testkit.SecondPlace: four,
				testkit.KeysPath:    four,
				"/moved":            four,
			}, said)
		})
	})
	t.Run("a withdrawn key does not come out of a cache", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			stored := map[string]string{}
			client := &http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				if body, ok := stored[r.URL.Path]; ok && r.Header.Get("Cache-Control") != "no-cache" {
					return testkit.Text(200, body)(r)
				}
				resp, err := b.Transport.RoundTrip(r)
				require.NoError(t, err)
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				stored[r.URL.Path] = string(body)
				return testkit.Text(resp.StatusCode, string(body))(r)
			})}
			v, err := jwtverifier.New(testkit.Issuer, jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			require.NoError(t, v.Prefetch(t.Context()))
			b.Issuer.RotateKey()
			b.Issuer.RetireKey("key-1")
			require.NoError(t, v.Refresh(t.Context()))
			require.Equal(t, []string{"key-2"}, v.Status().KeyIDs)
		})
	})
}

// A document of exactly 1 MiB is accepted, one byte more is not.
func TestSizeLimit(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		refreshed := func(want error) {
			err := b.Verifier.Refresh(t.Context())
			testkit.Outcome(t, want, err)
			if want != nil {
				require.ErrorContains(t, err, "longer than 1 MiB")
			}
		}
		for _, row := range []struct {
			size int
			want error
		}{{1 << 20, nil}, {1<<20 + 1, jwtverifier.ErrUnavailable}} {
			set := string(b.Issuer.JWKS())
			b.Transport.Answer(testkit.KeysPath, testkit.Text(200, set+strings.Repeat(" ", row.size-len(set))))
			refreshed(row.want)
			b.Transport.Reset()
			time.Sleep(time.Second)
			document := testkit.Metadata(testkit.Issuer, testkit.KeysURL)
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, document+strings.Repeat(" ", row.size-len(document))))
			b.Transport.Answer(testkit.SecondPlace, testkit.Text(404, ""))
			b.Transport.Answer(testkit.ThirdPlace, testkit.Text(404, ""))
			refreshed(row.want)
			b.Transport.Reset()
			time.Sleep(2 * time.Second)
		}
	})
}

// An HTTP client that breaks does not break the verifier.
func TestClientThatPanics(t *testing.T) {
	inBody := func(f func()) testkit.Answer {
		return testkit.Body(func(context.Context) io.Reader {
			return testkit.ReaderFunc(func([]byte) (int, error) { f(); return 0, io.EOF })
		})
	}
	before := func(f func()) testkit.Answer {
		return func(*http.Request) (*http.Response, error) { f(); return nil, nil }
	}
	for name, f := range map[string]func(){
		"panic":           func() { panic("line one\nline two " + strings.Repeat("x", 10_000)) },
		"panic of an err": func() { panic(errors.New("broken")) },
		"nil pointer":     func() { var r *http.Request; _ = r.Method },
		"Goexit":          runtime.Goexit,
	} {
		for where, answer := range map[string]testkit.Answer{"RoundTrip": before(f), "body": inBody(f)} {
			for _, document := range []string{testkit.FirstPlace, testkit.KeysPath} {
				for _, warm := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s in %s of %s, warm %t", name, where, document, warm), func(t *testing.T) {
						testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
							token, failures := b.Token("key-1"), 0
							if warm {
								b.Warm()
							}
							b.Transport.Answer(document, answer)
							for _, call := range []func() error{
								func() error { return b.Verifier.Refresh(t.Context()) },
								func() error { _, err := b.Verify(t.Context(), b.Junk("a")); return err },
							} {
								err := call()
								if warm && document == testkit.FirstPlace {
									// As after no answer: the keys are where they were.
									require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
									require.Error(t, b.Verifier.Status().LastError)
									require.Equal(t, time.Now(), b.Verifier.Status().LastErrorAt)
									continue
								}
								testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
								require.Positive(t, testkit.RetryAfter(t, err))
								if warm {
									b.Accepts(token)
								}
								time.Sleep(testkit.RetryAfter(t, err))
								failures++
							}
							b.Transport.Reset()
							require.Equal(t, failures, b.Verifier.Status().Failures)
							require.NoError(t, b.Verifier.Refresh(t.Context()))
							b.Accepts(token)
						})
					})
				}
			}
		}
	}
	t.Run("nil response", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Transport.Answer(testkit.FirstPlace, func(*http.Request) (*http.Response, error) { return nil, nil })
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
			b.Transport.Reset()
			time.Sleep(time.Second)
			require.NoError(t, b.Verifier.Prefetch(t.Context()))
		})
	})
	t.Run("a response without Request or Header", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			for _, status := range []int{200, 302, 404, 429, 503} {
				b.Transport.Answer(testkit.FirstPlace, func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("x"))}, nil
				})
				b.Transport.Answer(testkit.SecondPlace, testkit.Refused)
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
				time.Sleep(testkit.MaxColdBackoff)
			}
		})
	})
}

// An HTTP client may answer without a body, as fakes do.
func TestAnswerWithoutABody(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		for _, path := range b.Issuer.MetadataPaths() {
			b.Transport.Answer(path, func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusNotFound}, nil
			})
		}
		err := b.Verifier.Prefetch(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorContains(t, err, "status 404")
	})
}
