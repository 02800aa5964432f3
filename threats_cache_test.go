package jwtverifier_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestThreatsCache(t *testing.T) {
	t.Parallel()
	k1, k2, k3 := threatK1(), threatK2(), threatK3()
	jwk1, jwk2, jwk3 := goodJWK1(), goodJWK2(), jwkOf("k3", &k3.PublicKey)
	by1, by2, by3 := longToken("k1", k1), longToken("k2", k2), longToken("k3", k3)
	const fetch = 2 // requests: metadata and keys
	run := func(name string, f func(*testing.T, *threatSite, *jwtverifier.Verifier), opts ...jwtverifier.Option) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				f(t, site, site.verifier(t, opts...))
				time.Sleep(10 * time.Second) // for a refresh that hangs
				assert.Zero(t, site.unclosed())
			})
		})
	}

	run("t/272 bad signatures under a known kid", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		forged := longToken("k1", threatKX())
		for i := range 3_000 {
			if i%100 == 0 {
				time.Sleep(20 * time.Second) // 600 s in all; keys are fetched ahead from 630 s on
			}
			_, err := v.VerifyAccessToken(t.Context(), forged)
			require.ErrorIs(t, err, jwtverifier.ErrSignature)
		}
		assert.Equal(t, fetch, site.requests())
	})
	run("t/272 tokens that are refused for another reason", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(time.Minute)
		refuses(t, v, at0Token("exp", "1"), jwtverifier.ErrExpired)
		refuses(t, v, at0Token("iss", `"https://evil.example"`), jwtverifier.ErrIssuer)
		refuses(t, v, jwsOf(k1, h0("alg", `"ES256"`), at0()), jwtverifier.ErrAlgorithm)
		refuses(t, v, "x.y.z", jwtverifier.ErrMalformed)
		assert.Equal(t, fetch, site.requests())
	})
	run("t/274 a new key", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		site.publish(jwk1, jwk2, jwk3)
		accepts(t, v, by3)
		assert.Equal(t, 2*fetch, site.requests())
		accepts(t, v, by3)
		accepts(t, v, by1)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/274 a new key, junk kids just before", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		refuses(t, v, longToken("junk", threatKX()), jwtverifier.ErrUnknownKey)
		site.publish(jwk1, jwk2, jwk3)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		time.Sleep(10*time.Second - 1)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		assert.Equal(t, 2*fetch, site.requests())
		time.Sleep(time.Nanosecond)
		accepts(t, v, by3)
		assert.Equal(t, 3*fetch, site.requests())
	})
	run("t/274 a new key while the server fails", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		site.set(answerWith(503, ""), threatJWKS)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		site.publish(jwk1, jwk2, jwk3)
		time.Sleep(time.Second) // the back-off; a failure does not start the pause anew
		accepts(t, v, by3)
		assert.Equal(t, 3*fetch, site.requests())
	})
	run("t/275 a new key, and the old one gone", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		accepts(t, v, by1) // remembered
		time.Sleep(10 * time.Second)
		site.publish(jwk3)
		accepts(t, v, by3)
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		refuses(t, v, by2, jwtverifier.ErrUnknownKey)
		assert.Equal(t, []string{"k3"}, v.Status().KeyIDs)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/276 a key gone, busy", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.publish(jwk2)
		refusedAt := time.Duration(0)
		for began := time.Now(); refusedAt == 0; time.Sleep(time.Second) {
			if _, err := v.VerifyAccessToken(t.Context(), by1); err != nil {
				require.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
				refusedAt = time.Since(began)
			}
			require.LessOrEqual(t, time.Since(began), 15*time.Minute)
		}
		assert.GreaterOrEqual(t, refusedAt, 10*time.Minute)
		accepts(t, v, by2)
	})
	run("t/276 a key gone, idle", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.publish(jwk2)
		time.Sleep(15*time.Minute + 1)
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/276 a key gone, Refresh", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.publish(jwk2)
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
	})
	run("t/277 other material under the same kid", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		newer := longToken("k1", k3)
		accepts(t, v, by1)
		site.publish(jwkOf("k1", &k3.PublicKey))
		for range 100 {
			time.Sleep(6 * time.Second)
			accepts(t, v, by1)
			refuses(t, v, newer, jwtverifier.ErrSignature)
		}
		assert.Equal(t, fetch, site.requests())
		time.Sleep(5*time.Minute + 1)
		accepts(t, v, newer)
		refuses(t, v, by1, jwtverifier.ErrSignature)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/279 down at first, up a second later", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		refusal := noConnection(errors.New("connection refused"))
		site.set(refusal, threatMetadata)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
		site.set(answerWith(200, metadataOf()), threatMetadata)
		time.Sleep(time.Second)
		accepts(t, v, by1)
		assert.Equal(t, 1+fetch, site.requests())
	})
	run("t/279 down at first, for ten minutes", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		site.set(noConnection(errors.New("connection refused")), threatMetadata)
		for range 600 {
			refuses(t, v, by1, jwtverifier.ErrUnavailable)
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, site.requests(), 140, "at least 5 s apart")
		assert.GreaterOrEqual(t, site.requests(), 55, "at most 10 s and a second apart")
		site.set(answerWith(200, metadataOf()), threatMetadata)
		time.Sleep(10 * time.Second)
		accepts(t, v, by1)
	})
	run("t/280 down for longer than the keys may serve", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.set(answerWith(503, ""), threatMetadata, threatJWKS)
		time.Sleep(15*time.Minute + 2*time.Hour)
		accepts(t, v, by1)
		refuses(t, v, longToken("k1", threatKX()), jwtverifier.ErrSignature)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		time.Sleep(time.Nanosecond)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
		assert.Equal(t, jwtverifier.StateExpired, v.Status().State)
		site.set(answerWith(200, metadataOf()), threatMetadata)
		site.publish(jwk1)
		time.Sleep(10 * time.Second)
		accepts(t, v, by1)
	}, jwtverifier.WithMaxStale(2*time.Hour))
	run("t/280 no stale keys", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.set(answerWith(503, ""), threatMetadata, threatJWKS)
		time.Sleep(15 * time.Minute)
		accepts(t, v, by1)
		time.Sleep(time.Nanosecond)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
	}, jwtverifier.WithMaxStale(0))
	run("t/282 no key, or no server", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		time.Sleep(10 * time.Second)
		site.set(answerWith(503, ""), threatJWKS)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		accepts(t, v, by1)
	})
	run("t/287 an older key set after a newer one", func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		site.publish(jwk1, jwk2, jwk3)
		accepts(t, v, by3)
		site.publish(jwk1, jwk2) // an edge that is behind
		for range 100 {
			time.Sleep(6 * time.Second)
			accepts(t, v, by3)
		}
		assert.Equal(t, 2*fetch, site.requests(), "a set that is not asked for does not flap")
		time.Sleep(5*time.Minute + 1)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		site.publish(jwk1, jwk2, jwk3)
		time.Sleep(10 * time.Second)
		accepts(t, v, by3)
		accepts(t, v, by1)
	})
	for _, header := range []string{"max-age=31536000", "max-age=99999999999999999999", "immutable", "max-age=31536000, immutable, stale-while-revalidate=31536000", "s-maxage=31536000", "public"} {
		run("t/290 the server cannot keep its keys alive: "+header, func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
			site.set(answerWith(200, jwksOf(jwk1, jwk2), "Cache-Control", header, "Expires", "Thu, 01 Jan 2099 00:00:00 GMT"), threatJWKS)
			accepts(t, v, by1)
			site.publish(jwk2)
			time.Sleep(15*time.Minute + 1)
			refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		})
	}
	for _, header := range []string{"no-store", "no-cache", "max-age=0", "max-age=1", "max-age=-1, no-cache", "private, no-cache, no-store"} {
		run("t/290 the server cannot be asked more often than every 3.5 min: "+header, func(t *testing.T, site *threatSite, v *jwtverifier.Verifier) {
			site.set(answerWith(200, jwksOf(jwk1, jwk2), "Cache-Control", header), threatJWKS)
			for range 3600 {
				accepts(t, v, by1)
				time.Sleep(time.Second)
			}
			assert.LessOrEqual(t, site.requests(), fetch*(1+3600/210))
			assert.GreaterOrEqual(t, site.requests(), fetch*(3600/300))
		})
	}

	t.Run("t/284 t/285 the claims' clock does not age the keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var offset atomic.Int64
			site := newThreatSite()
			v := site.verifier(t, jwtverifier.WithClock(func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }))
			for _, jump := range []time.Duration{0, -365 * 24 * time.Hour, 365 * 24 * time.Hour, -time.Hour, 1<<63 - 1, -1 << 63, 0} {
				offset.Store(int64(jump))
				_, err := v.VerifyAccessToken(t.Context(), by1)
				if err != nil {
					var refused *jwtverifier.TokenError
					require.ErrorAs(t, err, &refused, "%v", jump)
				}
				_, err = v.VerifyAccessToken(t.Context(), at0Token())
				require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
			}
			accepts(t, v, by1)
			assert.Equal(t, fetch, site.requests())
			// The keys age all the same.
			offset.Store(-int64(365 * 24 * time.Hour))
			site.publish(jwk2)
			time.Sleep(15*time.Minute + 1)
			refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		})
	})
	t.Run("t/285 a remembered token is judged by the clock again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			v := newThreatSite().verifier(t, jwtverifier.WithClock(func() time.Time { return now }))
			raw := at0Token("nbf", inThreatTime(-10))
			accepts(t, v, raw)
			now = threatStart.Add(-71 * time.Second)
			_, err := v.VerifyAccessToken(t.Context(), raw)
			refusedBecause(t, err, jwtverifier.ErrIssuedAt, raw)
			now = threatStart
			accepts(t, v, raw)
			now = threatStart.Add(360 * time.Second)
			refuses(t, v, raw, jwtverifier.ErrExpired)
			now = threatStart
			accepts(t, v, raw)
		})
	})
	t.Run("t/286 two verifiers, one kid, two keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			siteA, siteB := newThreatSite(jwk1), newThreatSite(jwkOf("k1", &k2.PublicKey))
			a, b := siteA.verifier(t), siteB.verifier(t)
			ofA, ofB := longToken("k1", k1), longToken("k1", k2)
			for range 3 {
				accepts(t, a, ofA)
				accepts(t, b, ofB)
				refuses(t, a, ofB, jwtverifier.ErrSignature)
				refuses(t, b, ofA, jwtverifier.ErrSignature)
			}
			assert.Equal(t, fetch, siteA.requests())
			assert.Equal(t, fetch, siteB.requests())
		})
	})
	t.Run("t/286 two audiences do not share remembered tokens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			a := site.verifier(t)
			b, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("other"), jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			accepts(t, a, by1)
			refuses(t, b, by1, jwtverifier.ErrAudience)
			accepts(t, a, by1)
		})
	})
	for _, d := range []time.Duration{0, -1, time.Minute - 1, 24*time.Hour + 1, 1<<63 - 1, -1 << 63} {
		t.Run(fmt.Sprintf("t/290 refresh interval %v", d), func(t *testing.T) {
			_, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithRefreshInterval(d))
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
	for _, d := range []time.Duration{-1, 7*24*time.Hour + 1, 1<<63 - 1, -1 << 63} {
		t.Run(fmt.Sprintf("t/290 max stale %v", d), func(t *testing.T) {
			_, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithMaxStale(d))
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
}

// Not parallel: it looks at the memory of the whole program.
func TestThreatsUnknownKeyFlood(t *testing.T) {
	t.Run("t/271 t/289 a hundred thousand unknown kids", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const tokens, seconds = 100_000, 100
			site := newThreatSite()
			v := site.verifier(t)
			require.NoError(t, v.Prefetch(t.Context()))
			payload, signature := seg64(at0()), strings.Repeat("A", 342)
			heap := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := heap()
			for i := range tokens {
				if i%(tokens/seconds) == 0 {
					time.Sleep(time.Second)
				}
				raw := seg64(`{"alg":"RS256","kid":"`+strconv.FormatUint(rand.Uint64(), 36)+`"}`) + "." + payload + "." + signature
				token, err := v.VerifyAccessToken(t.Context(), raw)
				if token != nil || !errors.Is(err, jwtverifier.ErrUnknownKey) {
					t.Fatalf("%v, %v", token, err)
				}
			}
			assert.Less(t, int64(heap())-int64(before), int64(1<<20), "bytes kept")
			assert.LessOrEqual(t, site.requests(), 2*(1+seconds/10))
			assert.GreaterOrEqual(t, site.requests(), 2*(seconds/10))
			accepts(t, v, longToken("k1", threatK1()))
		})
	})
}

func TestThreatsConcurrency(t *testing.T) {
	t.Parallel()
	t.Run("t/291 a thousand goroutines without keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(delayed(time.Second, answerWith(200, jwksOf(goodJWK1()))), threatJWKS)
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
			assert.Equal(t, []string{threatMetadata, threatJWKS}, site.askedFor())
		})
	})
	t.Run("t/291 a thousand goroutines with a new kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			v := site.verifier(t)
			accepts(t, v, at0Token())
			time.Sleep(10 * time.Second)
			site.set(delayed(time.Second, answerWith(200, jwksOf(goodJWK1(), jwkOf("k3", &threatK3().PublicKey)))), threatJWKS)
			raw := longToken("k3", threatK3())
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
	t.Run("t/291 a thousand goroutines and no server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(delayed(time.Second, answerWith(503, "")), threatMetadata, threatOpenID, threatInserted)
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
	t.Run("t/292 the first caller leaves", func(t *testing.T) {
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
	t.Run("t/292 all callers leave, and the keys are there", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(delayed(3*time.Second, answerWith(200, jwksOf(goodJWK1()))), threatJWKS)
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
	t.Run("t/292 held keys serve under a context that has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newThreatSite().verifier(t)
			accepts(t, v, at0Token())
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := v.VerifyAccessToken(ctx, at0Token())
			require.NoError(t, err)
		})
	})
	t.Run("t/294 a refresh hangs", func(t *testing.T) {
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
	t.Run("t/295 keys change while tokens are verified", func(t *testing.T) {
		site := newThreatSite()
		v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
		require.NoError(t, err)
		require.NoError(t, v.Refresh(t.Context()))
		always, sometimes, forged := longToken("k2", threatK2()), longToken("k1", threatK1()), longToken("k2", threatKX())
		sets := [][]string{{goodJWK1(), goodJWK2()}, {goodJWK2()}, {jwkOf("k1", &threatK3().PublicKey), goodJWK2()}}
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
		t.Run("t/296 the transport "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newThreatSite()
				site.set(answer, threatJWKS)
				v := site.verifier(t)
				raw := longToken("k1", threatK1())
				_, err := v.VerifyAccessToken(t.Context(), raw)
				u := unavailable(t, err)
				site.publish(goodJWK1())
				time.Sleep(u.RetryAfter)
				accepts(t, v, raw)
				site.set(answer, threatJWKS)
				time.Sleep(14 * time.Minute)
				accepts(t, v, raw) // and a refresh in the background
				time.Sleep(time.Minute)
				assert.Positive(t, v.Status().Failures)
				accepts(t, v, raw)
			})
		})
	}
}

func TestThreatsMutation(t *testing.T) {
	t.Parallel()
	t.Run("t/299 what New was given is changed afterwards", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			audiences, clients, ids := []string{"api", "api2"}, []string{"c1", "c2"}, []string{"client", "client2"}
			keys := []byte(jwksOf(goodJWK1()))
			opts := []jwtverifier.Option{jwtverifier.WithAudience(audiences...), jwtverifier.WithAuthorizedClients(clients...), jwtverifier.WithClientID(ids...), jwtverifier.WithStaticKeys(keys)}
			early := slices.Clone(audiences)
			audiences[0] = "evil" // even before New
			v, err := jwtverifier.New(threatIssuer, opts...)
			require.NoError(t, err)
			for _, list := range [][]string{audiences, clients, ids} {
				for i := range list {
					list[i] = "evil"
				}
				_ = append(list[:1], "evil")
			}
			clear(keys)
			for _, raw := range []string{at0Token("aud", strconv.Quote(early[0])), at0Token("aud", `"api2"`, "cid", `"c2"`)} {
				accepts(t, v, raw)
			}
			_, err = v.VerifyIDToken(t.Context(), id0Token("aud", `"client2"`), "n1")
			require.NoError(t, err)
			refuses(t, v, at0Token("aud", `"evil"`), jwtverifier.ErrAudience)
			refuses(t, v, at0Token("cid", `"evil"`), jwtverifier.ErrClientID)
		})
	})
	t.Run("t/299 options are used for two verifiers", func(t *testing.T) {
		more := make([]string, 1, 10)
		more[0] = "api"
		shared := jwtverifier.WithAudience(more...)
		keys := jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))
		clock := jwtverifier.WithClock(func() time.Time { return threatStart })
		a, err := jwtverifier.New(threatIssuer, shared, jwtverifier.WithAudience("a"), keys, clock)
		require.NoError(t, err)
		b, err := jwtverifier.New(threatIssuer, shared, jwtverifier.WithAudience("b"), keys, clock)
		require.NoError(t, err)
		accepts(t, a, at0Token("aud", `"a"`))
		accepts(t, b, at0Token("aud", `"b"`))
		refuses(t, a, at0Token("aud", `"b"`), jwtverifier.ErrAudience)
		refuses(t, b, at0Token("aud", `"a"`), jwtverifier.ErrAudience)
	})
	t.Run("t/299 a result is changed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newThreatSite().verifier(t, jwtverifier.WithSenderConstrainedTokens())
			raw := at0Token("aud", `["api","x"]`, "scp", `["a","b"]`, "amr", `["pwd"]`, "cnf", `{"jkt":"j"}`)
			for range 4 { // fresh, remembered, remembered
				token, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
				assert.Equal(t, []string{"api", "x"}, token.Audience)
				assert.Equal(t, []string{"a", "b"}, token.Scopes)
				assert.Equal(t, []string{"pwd"}, token.AuthMethods)
				assert.Equal(t, "j", token.Confirmation.JWKThumbprint)
				token.Audience[1], token.Scopes[0], token.AuthMethods[0] = "evil", "admin", "evil"
				_ = append(token.Audience[:1], "evil")
				_ = append(token.Scopes, "evil")
				token.Confirmation.JWKThumbprint = "evil"
				token.Subject = "evil"
				var stolen struct {
					Raw keepsBytes `json:"sub"`
				}
				require.NoError(t, token.Claims(&stolen))
				assert.Equal(t, `"u"`, string(stolen.Raw))
				for i := range stolen.Raw {
					stolen.Raw[i] = '!'
				}
			}
		})
	})
	t.Run("t/300 settings of jwx are changed", func(t *testing.T) {
		if os.Getenv("JWTVERIFIER_HOSTILE_JWX") == "" {
			// In a process of its own: the settings are those of the whole program.
			command := exec.Command(os.Args[0], "-test.run=^TestThreatsMutation$/^t$/^300_settings", "-test.v")
			command.Env = append(os.Environ(), "JWTVERIFIER_HOSTILE_JWX=1")
			out, err := command.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), "--- PASS: TestThreatsMutation/t/300")
			return
		}
		yes := jws.VerifierFactoryFn(func() (jws.Verifier, error) { return credulous{}, nil })
		for _, alg := range []jwa.SignatureAlgorithm{jwa.RS256, jwa.HS256, jwa.NoSignature, "evil"} {
			jwa.RegisterSignatureAlgorithm(alg)
			jws.RegisterVerifier(alg, yes)
		}
		jwx.DecoderSettings(jwx.WithUseNumber(true))
		for _, name := range []string{"n", "e", "kid", "exp", "iss", "alg"} {
			jwk.RegisterCustomField(name, evilField{})
			jws.RegisterCustomField(name, evilField{})
		}
		synctest.Test(t, func(t *testing.T) {
			v := newThreatSite().verifier(t)
			accepts(t, v, at0Token())
			refuses(t, v, jwsOf(threatKX(), h0(), at0()), jwtverifier.ErrSignature)
			refuses(t, v, jwsOf(threatK1(), h0("alg", `"evil"`), at0()), jwtverifier.ErrAlgorithm)
			refuses(t, v, hmacForgeries()["modulus"], jwtverifier.ErrAlgorithm)
			refuses(t, v, at0Token("exp", "0"), jwtverifier.ErrExpired)
			require.NoError(t, v.Refresh(t.Context()))
			accepts(t, v, at0Token())
			jws.UnregisterVerifier(jwa.RS256)
			jwa.UnregisterSignatureAlgorithm(jwa.RS256)
			jwa.UnregisterKeyType(jwa.RSA)
			accepts(t, v, at0Token("jti", `"another"`))
			refuses(t, v, jwsOf(threatKX(), h0(), at0()), jwtverifier.ErrSignature)
		})
	})
}

// Not parallel: it measures.
func TestThreatsCost(t *testing.T) {
	v, err := jwtverifier.New(threatIssuer, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))),
		jwtverifier.WithClock(func() time.Time { return threatStart }))
	require.NoError(t, err)
	cost := func(raw string, want error) (fastest time.Duration, allocations float64) {
		fastest = time.Hour
		for range 100 {
			began := time.Now()
			_, err := v.VerifyAccessToken(t.Context(), raw)
			fastest = min(fastest, time.Since(began))
			require.ErrorIs(t, err, want)
		}
		return fastest, testing.AllocsPerRun(20, func() { _, _ = v.VerifyAccessToken(t.Context(), raw) })
	}
	largest := tokenOfLength(64 << 10)
	largestTime, largestAllocations := cost(largest, nil)
	smallTime, smallAllocations := cost(at0Token(), nil)
	t.Run("t/301 the largest token costs no more allocations than a small one", func(t *testing.T) {
		assert.LessOrEqual(t, largestAllocations, smallAllocations+5)
		assert.Less(t, largestTime, 10*smallTime+5*time.Millisecond)
	})
	_, rest, _ := strings.Cut(largest, ".")
	_, restOfSmall, _ := strings.Cut(at0Token(), ".")
	for _, row := range []struct {
		name string
		raw  string
		want error
	}{
		{"another algorithm", seg64(h0("alg", `"HS256"`)) + "." + rest, jwtverifier.ErrAlgorithm},
		{"an unknown kid", seg64(h0("kid", `"k9"`)) + "." + rest, jwtverifier.ErrUnknownKey},
		{"a header of 600 members", seg64(manyMembers(600)) + "." + restOfSmall, jwtverifier.ErrMalformed},
		{"crit", seg64(h0("crit", `[]`)) + "." + rest, jwtverifier.ErrMalformed},
		{"no base64url at the end", largest[:len(largest)-1] + "!", jwtverifier.ErrMalformed},
		{"too long by a byte", largest + "A", jwtverifier.ErrMalformed},
		{"nothing but dots", strings.Repeat(".", len(largest)), jwtverifier.ErrMalformed},
		{"nothing but letters", strings.Repeat("A", len(largest)), jwtverifier.ErrMalformed},
	} {
		t.Run("t/301 cheaper than a good token: "+row.name, func(t *testing.T) {
			time, allocations := cost(row.raw, row.want)
			assert.LessOrEqual(t, time, largestTime)
			assert.LessOrEqual(t, allocations, largestAllocations)
		})
	}
}

func TestThreatsErrorText(t *testing.T) {
	t.Parallel()
	long := "https://as.example/" + strings.Repeat("x", 2000)
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("audience\n%d\x00\u202e", i)
	}
	keys := jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))
	v, err := jwtverifier.New(long, jwtverifier.WithAudience(many...), jwtverifier.WithAuthorizedClients(many...), jwtverifier.WithClientID(many...), keys,
		jwtverifier.WithClock(func() time.Time { return threatStart }))
	require.NoError(t, err)
	secret := strconv.Quote(strings.Repeat("secret", 1000))
	iss := strconv.Quote(long)
	for name, row := range map[string]struct {
		raw  string
		want error
	}{
		"iss":      {at0Token("iss", secret), jwtverifier.ErrIssuer},
		"aud":      {at0Token("iss", iss, "aud", secret), jwtverifier.ErrAudience},
		"cid":      {at0Token("iss", iss, "aud", quotedJSON(many[0]), "cid", secret), jwtverifier.ErrClientID},
		"kid":      {jwsOf(threatK1(), h0("kid", strconv.Quote(strings.Repeat("\u00e9", 500))), at0()), jwtverifier.ErrUnknownKey},
		"alg":      {jwsOf(threatK1(), h0("alg", secret), at0()), jwtverifier.ErrAlgorithm},
		"header":   {jwsOf(threatK1(), `{"secretsecretsecret":`, at0()), jwtverifier.ErrMalformed},
		"payload":  {jwsOf(threatK1(), h0(), `{"secretsecretsecret":"secret`), jwtverifier.ErrMalformed},
		"typ":      {jwsOf(threatK1(), h0("typ", secret), at0()), jwtverifier.ErrTokenType},
		"segments": {strings.Repeat("secret.", 1000), jwtverifier.ErrMalformed},
	} {
		t.Run("t/304 long and strange "+name, func(t *testing.T) {
			token, err := v.VerifyAccessToken(t.Context(), row.raw)
			require.Nil(t, token)
			onlyReasons(t, err, jwtverifier.ErrInvalidToken, row.want)
			oneShortLine(t, err)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err.Error()), "secret")
		})
	}
	t.Run("t/304 nonce that was expected", func(t *testing.T) {
		_, err := v.VerifyIDToken(t.Context(), id0Token("iss", iss, "aud", quotedJSON(many[0])), "secret nonce of the session")
		onlyReasons(t, err, jwtverifier.ErrInvalidToken, jwtverifier.ErrNonce)
		assert.NotContains(t, err.Error(), "secret")
	})
	t.Run("t/304 kid in an unavailable error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newThreatSite()
			site.set(answerWith(500, ""), threatJWKS)
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), jwsOf(threatK1(), h0("kid", `"secretsecret"`), at0()))
			unavailable(t, err)
			assert.NotContains(t, err.Error(), "secret")
		})
	})
}

func TestThreatsConfiguration(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			v, err := jwtverifier.New(threatIssuer, opts...)
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
	t.Run("t/311 leeways that are allowed", func(t *testing.T) {
		for _, d := range []time.Duration{0, 1, time.Minute, 5 * time.Minute} {
			_, err := jwtverifier.New(threatIssuer, audience, jwtverifier.WithLeeway(d))
			require.NoError(t, err)
		}
	})
	t.Run("t/309 a kind that was not configured", func(t *testing.T) {
		site := newThreatSite()
		client := jwtverifier.WithHTTPClient(&http.Client{Transport: site})
		onlyID, err := jwtverifier.New(threatIssuer, jwtverifier.WithClientID("client"), client)
		require.NoError(t, err)
		token, err := onlyID.VerifyAccessToken(t.Context(), at0Token())
		require.Nil(t, token)
		onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		onlyAccess, err := jwtverifier.New(threatIssuer, audience, client)
		require.NoError(t, err)
		id, err := onlyAccess.VerifyIDToken(t.Context(), id0Token(), "n1")
		require.Nil(t, id)
		onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		assert.Zero(t, site.requests())
	})
	t.Run("t/312 misuse of VerifyIDToken comes before the token", func(t *testing.T) {
		site := newThreatSite()
		v := site.verifier(t)
		for name, call := range map[string]idThreat{
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
	t.Run("t/312 a token that no Verifier made has no claims", func(t *testing.T) {
		var dst map[string]any
		onlyReasons(t, (&jwtverifier.AccessToken{Token: jwtverifier.Token{Subject: "admin"}}).Claims(&dst), jwtverifier.ErrMisconfigured)
		onlyReasons(t, (*jwtverifier.Token)(nil).Claims(&dst), jwtverifier.ErrMisconfigured)
		assert.False(t, (*jwtverifier.AccessToken)(nil).HasScopes())
	})
	t.Run("t/162 issuers that cannot be told apart", func(t *testing.T) {
		v := newThreatSite().verifier(t)
		for _, list := range [][]*jwtverifier.Verifier{{}, nil, {nil}, {new(jwtverifier.Verifier)}, {v, nil}, {v, v}, {v, newThreatSite().verifier(t)}} {
			i, err := jwtverifier.NewIssuers(list...)
			require.Nil(t, i)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
			token, err := i.VerifyAccessToken(t.Context(), at0Token())
			require.Nil(t, token)
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		}
	})

	configured := func(option jwtverifier.Option) []jwtverifier.Option { return []jwtverifier.Option{option} }
	verifierOf := func(t *testing.T, opts ...jwtverifier.Option) *jwtverifier.Verifier {
		v, err := jwtverifier.New(threatIssuer, append(opts, jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))), jwtverifier.WithClock(func() time.Time { return threatStart }))...)
		require.NoError(t, err)
		return v
	}
	for _, pattern := range []string{"*", "ap*", "a?i", "^.*$", ".*", "^api$", "api|other", "/api/", "api*", "(api)", "[a]pi", "%", "API", "ap", "api,other", "api other", " api"} {
		t.Run("t/315 no pattern: "+pattern, func(t *testing.T) {
			v := verifierOf(t, configured(jwtverifier.WithAudience(pattern))...)
			refuses(t, v, at0Token(), jwtverifier.ErrAudience)
			accepts(t, v, at0Token("aud", quotedJSON(pattern)))
			v = verifierOf(t, audience, jwtverifier.WithAuthorizedClients(strings.ReplaceAll(pattern, "api", "c1")))
			if !strings.Contains(pattern, "api") {
				refuses(t, v, at0Token(), jwtverifier.ErrClientID)
			}
		})
	}
	t.Run("t/315 issuer is no pattern", func(t *testing.T) {
		v, err := jwtverifier.New("https://as.example/.*", audience, jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))))
		require.NoError(t, err)
		refuses(t, v, at0Token(), jwtverifier.ErrIssuer)
	})
	t.Run("t/316 any of several audiences", func(t *testing.T) {
		v := verifierOf(t, jwtverifier.WithAudience("a", "b"), jwtverifier.WithAudience("c"))
		for _, aud := range []string{`"a"`, `"b"`, `"c"`, `["x","c"]`, `["a","b","c"]`} {
			accepts(t, v, at0Token("aud", aud))
		}
		for _, aud := range []string{`"d"`, `["x"]`, `"a b"`, `"a,b"`, `[]`} {
			refuses(t, v, at0Token("aud", aud), jwtverifier.ErrAudience)
		}
	})
	t.Run("t/316 no audience at all", func(t *testing.T) {
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

func TestThreatsExportedNames(t *testing.T) {
	t.Parallel()
	t.Run("t/314 nothing takes a token apart without verifying it", func(t *testing.T) {
		suspicious := regexp.MustCompile(`(?i)parse|decode|unverified|insecure|unsafe|skip|peek|noverify|withoutverif`)
		for _, file := range packageFiles(t) {
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if ok && f.Name.IsExported() && suspicious.MatchString(f.Name.Name) {
					assert.Equal(t, "WithInsecureHTTP", f.Name.Name)
				}
			}
		}
		// Whoever has a Token got it from a Verifier: it cannot be unmarshaled.
		for _, v := range []any{&jwtverifier.Token{}, &jwtverifier.AccessToken{}, &jwtverifier.IDToken{}} {
			for _, method := range []string{"UnmarshalJSON", "UnmarshalText", "UnmarshalBinary", "GobDecode", "Scan", "UnmarshalJSONFrom"} {
				_, found := reflect.TypeOf(v).MethodByName(method)
				assert.False(t, found, "%T.%s", v, method)
			}
		}
	})
}

// Every sentinel of the package is the wanted one of some row, and is among
// those that the runner looks for.
func TestThreatsSentinels(t *testing.T) {
	t.Parallel()
	exported := map[string]bool{}
	for _, file := range packageFiles(t) {
		for _, decl := range file.Decls {
			general, ok := decl.(*ast.GenDecl)
			if !ok || general.Tok != token.VAR {
				continue
			}
			for _, spec := range general.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						exported[name.Name] = true
					}
				}
			}
		}
	}
	require.Len(t, threatReasons, len(exported)-1, "threatReasons and ErrInvalidToken are all the sentinels")

	listed, wanted := map[string]bool{"ErrInvalidToken": true}, map[string]bool{"ErrInvalidToken": true} // the latter of every refusal
	tested := map[string]bool{}
	names, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, name := range names {
		if name != "fixtures_test.go" && !strings.HasPrefix(name, "threats") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			local := map[string]string{} // short names for sentinels
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					if n.Names[0].Name == "threatReasons" {
						for _, element := range n.Values[0].(*ast.CompositeLit).Elts {
							listed[sentinelOf(element, nil)] = true
						}
					}
					for i, value := range n.Values {
						local[n.Names[i].Name] = sentinelOf(value, nil)
					}
				case *ast.AssignStmt:
					for i, value := range n.Rhs {
						if x, ok := n.Lhs[i].(*ast.Ident); ok && sentinelOf(value, nil) != "" {
							local[x.Name] = sentinelOf(value, nil)
						}
					}
				case *ast.BasicLit:
					for _, number := range threatNumber.FindAllString(n.Value, -1) {
						tested[number] = true
					}
				case *ast.CompositeLit: // a row: its name, and what is wanted
					if holdsNumber(n) {
						for _, element := range n.Elts {
							wanted[sentinelOf(element, local)] = true
						}
					}
				case *ast.CallExpr: // an assertion in a test that is no table
					f, ok := n.Fun.(*ast.Ident)
					if ok && slices.Contains([]string{"refuses", "onlyReasons", "refusedBecause", "unavailable", "add"}, f.Name) && holdsNumber(decl) {
						for _, argument := range n.Args {
							wanted[sentinelOf(argument, local)] = true
						}
					}
				}
				return true
			})
		}
	}
	delete(wanted, "")
	delete(listed, "")
	assert.Equal(t, exported, listed)
	assert.Equal(t, exported, wanted)
	for number := range notTested {
		assert.Contains(t, tested, number, "tested in part")
	}
	assert.GreaterOrEqual(t, len(tested), 241, "threats")
}

var threatNumber = regexp.MustCompile(`\bt/\d{3}\b`)
