package hostile_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestConcurrency(t *testing.T) {
	t.Parallel()
	runRow(t, "t/291 a thousand goroutines without keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(delayed(time.Second, answerWith(200, jwksOf(goodJWK1()))), jwksURL)
			v := site.verifier(t)
			raw := at0Token()
			var all sync.WaitGroup
			var accepted atomic.Int32
			for range 1000 {
				all.Go(func() {
					if token, err := v.VerifyAccessToken(t.Context(), raw); err == nil && token != nil {
						accepted.Add(1)
					}
				})
			}
			all.Wait()
			assert.EqualValues(t, 1000, accepted.Load())
			assert.Equal(t, []string{metadataURL, jwksURL}, site.askedFor())
		})
	})
	runRow(t, "t/291 a thousand goroutines with a new kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			v := site.verifier(t)
			accepts(t, v, at0Token())
			time.Sleep(10 * time.Second)
			site.set(delayed(time.Second, answerWith(200, jwksOf(goodJWK1(), jwkOf("k3", &key3().PublicKey)))), jwksURL)
			raw := longToken("k3", key3())
			var all sync.WaitGroup
			var accepted atomic.Int32
			for i := range 1000 {
				all.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond) // some come late
					if _, err := v.VerifyAccessToken(t.Context(), raw); err == nil {
						accepted.Add(1)
					}
				})
			}
			all.Wait()
			assert.EqualValues(t, 1000, accepted.Load())
			assert.Equal(t, 4, site.requests())
		})
	})
	runRow(t, "t/291 a thousand goroutines and no server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(delayed(time.Second, answerWith(503, "")), metadataURL, openIDURL, insertedURL)
			v := site.verifier(t)
			raw := at0Token()
			var all sync.WaitGroup
			for range 1000 {
				all.Go(func() {
					_, err := v.VerifyAccessToken(t.Context(), raw)
					assert.ErrorIs(t, err, jwtverifier.ErrUnavailable)
				})
			}
			all.Wait()
			assert.Equal(t, 3, site.requests())
		})
	})
	runRow(t, "t/292 the first caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwtverifiertest.New("")
			issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Delay: 3 * time.Second, Body: issuer.JWKS()})
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(issuer.Client()))
			require.NoError(t, err)
			raw := issuer.AccessToken()
			ctx, cancel := context.WithCancelCause(t.Context())
			var all sync.WaitGroup
			all.Go(func() {
				token, err := v.VerifyAccessToken(ctx, raw)
				assert.Nil(t, token)
				assert.ErrorIs(t, err, jwtverifier.ErrUnavailable)
				assert.ErrorIs(t, err, context.Canceled)
			})
			synctest.Wait()
			for range 10 {
				all.Go(func() {
					_, err := v.VerifyAccessToken(t.Context(), raw)
					assert.NoError(t, err)
				})
			}
			time.Sleep(time.Second)
			cancel(errors.New("gone"))
			all.Wait()
			assert.Equal(t, 2, issuer.Requests(""))
		})
	})
	runRow(t, "t/292 all callers leave, and the keys are there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(delayed(3*time.Second, answerWith(200, jwksOf(goodJWK1()))), jwksURL)
			v := site.verifier(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := v.VerifyAccessToken(ctx, at0Token())
			unavailable(t, err)
			time.Sleep(3 * time.Second)
			accepts(t, v, at0Token())
			assert.Equal(t, 2, site.requests())
		})
	})
	runRow(t, "t/292 held keys serve under a context that has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newSite().verifier(t)
			accepts(t, v, at0Token())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := v.VerifyAccessToken(ctx, at0Token())
			require.NoError(t, err)
		})
	})
	runRow(t, "t/294 a refresh hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwtverifiertest.New("")
			now := time.Now()
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(issuer.Client()),
				jwtverifier.WithClock(func() time.Time { return now }))
			require.NoError(t, err)
			raw := issuer.AccessToken()
			took := func() time.Duration {
				began := time.Now()
				_, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
				return time.Since(began)
			}
			took()
			issuer.Hang()
			time.Sleep(14 * time.Minute) // the refresh ahead
			assert.Zero(t, took())
			synctest.Wait()
			assert.Equal(t, 3, issuer.Requests(""))
			assert.Zero(t, took())
			issuer.Reset()
			time.Sleep(2 * time.Minute)
			took()
			time.Sleep(time.Second)
			issuer.Hang()
			time.Sleep(15*time.Minute + 1) // past the interval
			assert.Equal(t, time.Second, took())
			assert.Zero(t, took(), "a second from the beginning of the refresh")
			time.Sleep(10 * time.Second)
			for range 100 {
				assert.Zero(t, took(), "the last attempt failed")
				time.Sleep(10 * time.Second)
			}
			issuer.Reset()
			time.Sleep(time.Minute)
			took()
		})
	})
	runRow(t, "t/295 keys change while tokens are verified", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			require.NoError(t, v.Refresh(t.Context()))
			always, sometimes, forged := longToken("k2", key2()), longToken("k1", key1()), longToken("k2", keyX())
			sets := [][]string{{goodJWK1(), goodJWK2()}, {goodJWK2()}, {jwkOf("k1", &key3().PublicKey), goodJWK2()}}
			const rounds = 200
			end := time.Now().Add(rounds * time.Second) // Refresh waits for a second since the last
			var all sync.WaitGroup
			all.Go(func() {
				for i := range rounds {
					site.publish(sets[i%len(sets)]...)
					assert.NoError(t, v.Refresh(t.Context()))
				}
			})
			for range 4 {
				all.Go(func() {
					for ; time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
						_, err := v.VerifyAccessToken(t.Context(), always)
						assert.NoError(t, err)
						_, err = v.VerifyAccessToken(t.Context(), sometimes)
						if err != nil && !errors.Is(err, jwtverifier.ErrUnknownKey) && !errors.Is(err, jwtverifier.ErrSignature) {
							assert.NoError(t, err)
						}
						_, err = v.VerifyAccessToken(t.Context(), forged)
						assert.ErrorIs(t, err, jwtverifier.ErrSignature)
						_ = v.Status()
					}
				})
			}
			all.Wait()
			assert.GreaterOrEqual(t, site.requests(), 2*rounds)
		})
	})
	for name, answer := range map[string]testkit.Answer{
		"panics": func(*http.Request) (*http.Response, error) {
			panic("a hostile\nkey set " + strings.Repeat("x", 10_000))
		},
		"panics at run time": func(r *http.Request) (*http.Response, error) { _ = r.Header["None"][0]; return nil, nil },
		"ends its goroutine": func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"answers nothing": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		},
		"panics in the body": func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, testkit.ReaderFunc(func([]byte) (int, error) { panic("in the body") })), nil
		},
	} {
		runRow(t, "t/296 the transport "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.set(answer, jwksURL)
				v := site.verifier(t)
				raw := longToken("k1", key1())
				_, err := v.VerifyAccessToken(t.Context(), raw)
				u := unavailable(t, err)
				site.publish(goodJWK1())
				time.Sleep(u.RetryAfter)
				accepts(t, v, raw)
				site.set(answer, jwksURL)
				time.Sleep(14 * time.Minute)
				accepts(t, v, raw) // and a refresh in the background
				time.Sleep(time.Minute)
				assert.Positive(t, v.Status().Failures)
				accepts(t, v, raw)
			})
		})
	}
}

// Refresh is for those who know that a key was withdrawn. It is not to be a way to
// flood the server, nor to be told that a refresh succeeded that began before.
func TestRefreshStorm(t *testing.T) {
	t.Parallel()
	run := func(name string, f func(*testing.T, *testSite, *jwtverifier.Verifier)) {
		runRow(t, name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				f(t, site, site.verifier(t))
			})
		})
	}
	run("t/293 a thousand calls of Refresh at once", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		site.set(delayed(100*time.Millisecond, answerWith(200, jwksOf(goodJWK1()))), jwksURL)
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() { assert.NoError(t, v.Refresh(t.Context())) })
		}
		all.Wait()
		assert.LessOrEqual(t, site.requests(), 4, "an attempt for the first, one for all who came after")
	})
	run("t/293 a thousand calls of Refresh one after another", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		began := time.Now()
		for i := range 1000 {
			require.NoError(t, v.Refresh(t.Context()))
			require.Equal(t, 2*(i+1), site.requests(), "each has an attempt that began after it")
		}
		assert.GreaterOrEqual(t, time.Since(began), 999*time.Second)
	})
	run("t/293 a thousand calls of Refresh, and the server fails", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, at0Token())
		site.set(answerWith(503, "", "Retry-After", "3600"), jwksURL)
		began := time.Now()
		for range 1000 {
			unavailable(t, v.Refresh(t.Context()))
		}
		assert.GreaterOrEqual(t, time.Since(began), 999*time.Second)
		assert.Equal(t, 2+2*1000, site.requests())
	})
	run("t/293 a thousand calls of Refresh whose contexts have ended", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		site.set(hang, jwksURL)
		for range 1000 {
			unavailable(t, v.Refresh(ctx), context.Canceled)
		}
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, site.requests(), 2)
	})
	run("t/293 Refresh during an answer from before", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, at0Token())
		remembered := at0Token("jti", `"1"`)
		site.set(delayed(2*time.Second, answerWith(200, jwksOf(goodJWK1(), goodJWK2()))), jwksURL)
		go func() { _, _ = v.VerifyAccessToken(t.Context(), longToken("k9", keyX())) }()
		accepts(t, v, remembered)
		time.Sleep(time.Second)
		site.publish(goodJWK2()) // what the server had answered before does not hold any more
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, remembered, jwtverifier.ErrUnknownKey)
	})
}

// An embedder's transport may be wrong in ways in which net/http's is not.
func TestTransportWithoutManners(t *testing.T) {
	t.Parallel()
	other := jwksOf(jwkOf("k1", &keyX().PublicKey))
	status := func(code int) testkit.Answer {
		return func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, code, strings.NewReader(other)), nil
		}
	}
	for name, transport := range map[string]http.RoundTripper{
		"answers and fails": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, strings.NewReader(other)), errors.New("failed")
		}),
		"neither answers nor fails": testkit.Answer(func(*http.Request) (*http.Response, error) { return nil, nil }),
		"has no body":               testkit.Answer(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, nil }),
		"has neither header nor request, and no good document": testkit.Answer(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("x"))}, nil
		}),
		"redirects without a header": testkit.Answer(func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 302}, nil }),
		"answers with status 0":      status(0),
		"answers with status -200":   status(-200),
		"answers with status 100":    status(100),
		"answers with status 101":    status(101),
		"answers with status 2000":   status(2000),
		"reads more than there is room for": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, testkit.ReaderFunc(func(p []byte) (int, error) { return len(p) + 1, nil })), nil
		}),
		"reads less than nothing": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, testkit.ReaderFunc(func([]byte) (int, error) { return -1, nil })), nil
		}),
		"ends the goroutine in the body": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, testkit.ReaderFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil })), nil
		}),
		"panics with nil":                  testkit.Answer(func(*http.Request) (*http.Response, error) { panic(nil) }),
		"panics with an error that panics": testkit.Answer(func(*http.Request) (*http.Response, error) { panic(panicsAgain{}) }),
		"fails with an error that panics":  testkit.Answer(func(*http.Request) (*http.Response, error) { return nil, panicsAgain{} }),
		"panics when the body is closed": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			resp := answerFrom(r, 404, strings.NewReader(other))
			resp.Body = panicsOnClose{resp.Body}
			return resp, nil
		}),
		"changes the request": testkit.Answer(func(r *http.Request) (*http.Response, error) {
			r.URL.Host, r.URL.Scheme = "evil.example", "http"
			return redirectTo(302, "http://evil.example/keys")(r)
		}),
	} {
		runRow(t, "t/297 the transport "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				var broken atomic.Bool
				v := site.verifier(t, jwtverifier.WithHTTPClient(&http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
					if broken.Load() {
						return transport.RoundTrip(r)
					}
					return site.RoundTrip(r)
				})}))
				raw := longToken("k1", key1())
				broken.Store(true)
				_, err := v.VerifyAccessToken(t.Context(), raw)
				u := unavailable(t, err)
				broken.Store(false)
				time.Sleep(u.RetryAfter)
				accepts(t, v, raw)
				broken.Store(true)
				unavailable(t, v.Refresh(t.Context()))
				accepts(t, v, raw)
				refuses(t, v, longToken("k1", keyX()), jwtverifier.ErrSignature)
				assert.Equal(t, []string{"k1", "k2"}, v.Status().KeyIDs)
			})
		})
	}
	for name, late := range map[string]testkit.Answer{
		"answers":              answerWith(200, other),
		"redirects":            redirectTo(302, "/elsewhere"),
		"answers and fails":    noConnection(errors.New("failed")),
		"panics":               func(*http.Request) (*http.Response, error) { panic("late") },
		"ends its goroutine":   func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"neither of the three": func(*http.Request) (*http.Response, error) { return nil, nil },
	} {
		runRow(t, "t/298 the transport ignores its context, and an hour later "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				v := site.verifier(t, jwtverifier.WithMaxStale(7*24*time.Hour))
				raw := longToken("k1", key1())
				accepts(t, v, raw)
				site.set(func(r *http.Request) (*http.Response, error) {
					time.Sleep(time.Hour)
					return late(r)
				}, jwksURL)
				began := time.Now()
				unavailable(t, v.Refresh(t.Context()), context.DeadlineExceeded)
				assert.Equal(t, 5*time.Second, time.Since(began))
				site.publish(goodJWK1(), goodJWK2())
				requests := site.requests()
				time.Sleep(2 * time.Hour)
				assert.Equal(t, requests, site.requests(), "a redirect that comes late is not followed")
				assert.Equal(t, []string{"k1", "k2"}, v.Status().KeyIDs)
				accepts(t, v, raw)
				refuses(t, v, longToken("k1", keyX()), jwtverifier.ErrSignature)
			})
		})
	}
	runRow(t, "t/298 the transport ignores its context, and the body goes on for days", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			reads := 0
			broken := jwtverifier.WithHTTPClient(&http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				return answerFrom(r, 200, testkit.ReaderFunc(func(p []byte) (int, error) {
					time.Sleep(time.Second)
					reads++
					return copy(p[:1], " "), nil
				})), nil
			})})
			unavailable(t, newSite().verifier(t, broken).Prefetch(t.Context()), context.DeadlineExceeded)
			time.Sleep(time.Hour)
			synctest.Wait()
			assert.LessOrEqual(t, reads, 2*6, "nobody waits for the rest")
		})
	})
	runRow(t, "t/298 the transport ignores its context, and the body is empty without end", func(t *testing.T) {
		var reads atomic.Int64
		v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{
			Timeout: 20 * time.Millisecond,
			Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				return answerFrom(r, 200, testkit.ReaderFunc(func([]byte) (int, error) {
					reads.Add(1)
					runtime.Gosched()
					return 0, nil
				})), nil
			}),
		}))
		require.NoError(t, err)
		unavailable(t, v.Prefetch(t.Context()), context.DeadlineExceeded)
		assert.Eventually(t, func() bool {
			before := reads.Load()
			time.Sleep(20 * time.Millisecond)
			return reads.Load() == before
		}, 5*time.Second, time.Millisecond, "it is still read")
	})
}

type panicsAgain struct{}

func (panicsAgain) Error() string { panic("again") }

type panicsOnClose struct{ io.Reader }

func (panicsOnClose) Close() error { panic("closed") }
