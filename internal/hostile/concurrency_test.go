package hostile_test

import (
	"context"
	"errors"
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
		site := newSite()
		v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
		require.NoError(t, err)
		require.NoError(t, v.Refresh(t.Context()))
		always, sometimes, forged := longToken("k2", key2()), longToken("k1", key1()), longToken("k2", keyX())
		sets := [][]string{{goodJWK1(), goodJWK2()}, {goodJWK2()}, {jwkOf("k1", &key3().PublicKey), goodJWK2()}}
		end := time.Now().Add(300 * time.Millisecond)
		var all sync.WaitGroup
		all.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				site.publish(sets[i%len(sets)]...)
				assert.NoError(t, v.Refresh(t.Context()))
			}
		})
		for range 4 {
			all.Go(func() {
				for time.Now().Before(end) {
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
	})
	for name, answer := range map[string]siteAnswer{
		"panics": func(*http.Request) (*http.Response, error) {
			panic("a hostile\nkey set " + strings.Repeat("x", 10_000))
		},
		"panics at run time": func(r *http.Request) (*http.Response, error) { _ = r.Header["None"][0]; return nil, nil },
		"ends its goroutine": func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"answers nothing": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		},
		"panics in the body": func(r *http.Request) (*http.Response, error) {
			return answerFrom(r, 200, readerFunc(func([]byte) (int, error) { panic("in the body") })), nil
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
