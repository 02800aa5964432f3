package hostile_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestCache(t *testing.T) {
	t.Parallel()
	k1, k2, k3 := key1(), key2(), key3()
	jwk1, jwk2, jwk3 := goodJWK1(), goodJWK2(), jwkOf("k3", &k3.PublicKey)
	by1, by2, by3 := longToken("k1", k1), longToken("k2", k2), longToken("k3", k3)
	const fetch = 2 // requests: metadata and keys
	run := func(name string, f func(*testing.T, *testSite, *jwtverifier.Verifier), opts ...jwtverifier.Option) {
		runRow(t, name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				f(t, site, site.verifier(t, opts...))
				time.Sleep(10 * time.Second) // for a refresh that hangs
				assert.Zero(t, site.unclosed())
			})
		})
	}

	run("t/272 bad signatures under a known kid", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		forged := longToken("k1", keyX())
		for i := range 3_000 {
			if i%100 == 0 {
				time.Sleep(20 * time.Second) // 600 s in all; keys are fetched ahead from 630 s on
			}
			_, err := v.VerifyAccessToken(t.Context(), forged)
			require.ErrorIs(t, err, jwtverifier.ErrSignature)
		}
		assert.Equal(t, fetch, site.requests())
	})
	run("t/272 tokens that are refused for another reason", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(time.Minute)
		refuses(t, v, at0Token("exp", "1"), jwtverifier.ErrExpired)
		refuses(t, v, at0Token("iss", `"https://evil.example"`), jwtverifier.ErrIssuer)
		refuses(t, v, jwsOf(k1, h0("alg", `"ES256"`), at0()), jwtverifier.ErrAlgorithm)
		refuses(t, v, "x.y.z", jwtverifier.ErrMalformed)
		assert.Equal(t, fetch, site.requests())
	})
	run("t/274 a new key", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		site.publish(jwk1, jwk2, jwk3)
		accepts(t, v, by3)
		assert.Equal(t, 2*fetch, site.requests())
		accepts(t, v, by3)
		accepts(t, v, by1)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/274 a new key, junk kids just before", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		refuses(t, v, longToken("junk", keyX()), jwtverifier.ErrUnknownKey)
		site.publish(jwk1, jwk2, jwk3)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		time.Sleep(10*time.Second - 1)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		assert.Equal(t, 2*fetch, site.requests())
		time.Sleep(time.Nanosecond)
		accepts(t, v, by3)
		assert.Equal(t, 3*fetch, site.requests())
	})
	run("t/274 a new key while the server fails", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		time.Sleep(10 * time.Second)
		site.set(answerWith(503, ""), jwksURL)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		site.publish(jwk1, jwk2, jwk3)
		time.Sleep(time.Second) // the back-off; a failure does not start the pause anew
		accepts(t, v, by3)
		assert.Equal(t, 3*fetch, site.requests())
	})
	run("t/275 a new key, and the old one gone", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
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
	run("t/276 a key gone, busy", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
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
	run("t/276 a key gone, idle", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.publish(jwk2)
		time.Sleep(15*time.Minute + 1)
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		assert.Equal(t, 2*fetch, site.requests())
	})
	run("t/276 a key gone, Refresh", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.publish(jwk2)
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
	})
	run("t/277 other material under the same kid", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
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
	run("t/273 bad signatures without kid", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		forged := jwsOf(keyX(), h0("kid", absentMember), at0("exp", "253402300799"))
		for range 1_000 {
			refuses(t, v, forged, jwtverifier.ErrSignature)
			time.Sleep(100 * time.Millisecond)
		}
		assert.Equal(t, fetch*(1+10), site.requests(), "ten in a hundred seconds")
		accepts(t, v, by1)
	})
	run("t/273 unknown kids and bad signatures without one by turns", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		junk := longToken("junk", keyX())
		forged := jwsOf(keyX(), h0("kid", absentMember), at0("exp", "253402300799"))
		for i := range 1_000 {
			if i%2 == 0 {
				refuses(t, v, junk, jwtverifier.ErrUnknownKey)
			} else {
				refuses(t, v, forged, jwtverifier.ErrSignature)
			}
			time.Sleep(100 * time.Millisecond)
		}
		assert.Equal(t, fetch*(1+10), site.requests(), "they share what is allowed")
	})
	run("t/273 unknown kids through an outage, and a new key after it", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.set(answerWith(503, "", "Retry-After", "86400"), jwksURL)
		for range 1_000 {
			_, err := v.VerifyAccessToken(t.Context(), longToken("junk", keyX()))
			require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
			time.Sleep(100 * time.Millisecond)
		}
		site.publish(jwk1, jwk3)
		time.Sleep(time.Minute) // of Retry-After and of the back-off
		accepts(t, v, by3)
	})
	run("t/278 remembered without kid, then more keys than are tried", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		raw := jwsOf(k1, h0("kid", absentMember), at0("exp", "253402300799"))
		accepts(t, v, raw)
		accepts(t, v, raw)
		site.publish(append(manyKeys(4), jwk1)...)
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, raw, jwtverifier.ErrSignature)
		site.publish(append(manyKeys(3), jwk1)...)
		require.NoError(t, v.Refresh(t.Context()))
		accepts(t, v, raw)
	})
	run("t/278 remembered by a key without kid, then another has the token's", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		raw := longToken("x", k1)
		unnamed := jwkOf("", &k1.PublicKey, "kid", absentMember)
		site.publish(unnamed)
		accepts(t, v, raw)
		accepts(t, v, raw)
		site.publish(unnamed, jwkOf("x", &k2.PublicKey))
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, raw, jwtverifier.ErrSignature)
		site.publish(jwkOf("x", &k1.PublicKey)) // the key itself gets the kid
		require.NoError(t, v.Refresh(t.Context()))
		accepts(t, v, raw)
		accepts(t, v, raw)
	})
	for name, entry := range map[string]string{
		"is for encryption now":    jwkOf("k1", &k1.PublicKey, "use", `"enc"`),
		"has another alg now":      jwkOf("k1", &k1.PublicKey, "alg", `"PS256"`),
		"is published with its d":  jwkOf("k1", &k1.PublicKey, "d", `"AQAB"`),
		"has another kid now":      jwkOf("K1", &k1.PublicKey),
		"has another exponent now": jwkOf("k1", &k1.PublicKey, "e", `"Aw"`),
	} {
		run("t/278 remembered, and the key "+name, func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
			accepts(t, v, by1)
			accepts(t, v, by1)
			site.publish(entry, jwk2)
			require.NoError(t, v.Refresh(t.Context()))
			want := jwtverifier.ErrUnknownKey
			if strings.Contains(name, "exponent") {
				want = jwtverifier.ErrSignature
			}
			refuses(t, v, by1, want)
			site.publish(jwk1)
			require.NoError(t, v.Refresh(t.Context()))
			accepts(t, v, by1)
		})
	}
	run("t/288 caches on the way are told to ask the server", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		cached := map[string]siteAnswer{jwksURL: answerWith(200, jwksOf(jwk1, jwk2)), metadataURL: answerWith(200, metadataOf())}
		fresh := map[string]siteAnswer{jwksURL: answerWith(200, jwksOf(jwk2)), metadataURL: answerWith(200, metadataOf())}
		for u := range cached {
			site.set(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("Cache-Control") == "no-cache" {
					return fresh[u](r)
				}
				return cached[u](r)
			}, u)
		}
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		require.NoError(t, v.Refresh(t.Context()))
		refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		for _, header := range site.headers {
			assert.Equal(t, []string{"no-cache"}, header["Cache-Control"])
		}
	})
	run("t/279 down at first, up a second later", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		refusal := noConnection(errors.New("connection refused"))
		site.set(refusal, metadataURL)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
		site.set(answerWith(200, metadataOf()), metadataURL)
		time.Sleep(time.Second)
		accepts(t, v, by1)
		assert.Equal(t, 1+fetch, site.requests())
	})
	run("t/279 down at first, for ten minutes", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		site.set(noConnection(errors.New("connection refused")), metadataURL)
		for range 600 {
			refuses(t, v, by1, jwtverifier.ErrUnavailable)
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, site.requests(), 140, "at least 5 s apart")
		assert.GreaterOrEqual(t, site.requests(), 55, "at most 10 s and a second apart")
		site.set(answerWith(200, metadataOf()), metadataURL)
		time.Sleep(10 * time.Second)
		accepts(t, v, by1)
	})
	run("t/280 down for longer than the keys may serve", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.set(answerWith(503, ""), metadataURL, jwksURL)
		time.Sleep(15*time.Minute + 2*time.Hour)
		accepts(t, v, by1)
		refuses(t, v, longToken("k1", keyX()), jwtverifier.ErrSignature)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		time.Sleep(time.Nanosecond)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
		assert.Equal(t, jwtverifier.StateExpired, v.Status().State)
		site.set(answerWith(200, metadataOf()), metadataURL)
		site.publish(jwk1)
		time.Sleep(10 * time.Second)
		accepts(t, v, by1)
	}, jwtverifier.WithMaxStale(2*time.Hour))
	run("t/280 no stale keys", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		site.set(answerWith(503, ""), metadataURL, jwksURL)
		time.Sleep(15 * time.Minute)
		accepts(t, v, by1)
		time.Sleep(time.Nanosecond)
		refuses(t, v, by1, jwtverifier.ErrUnavailable)
	}, jwtverifier.WithMaxStale(0))
	run("t/282 no key, or no server", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
		accepts(t, v, by1)
		refuses(t, v, by3, jwtverifier.ErrUnknownKey)
		time.Sleep(10 * time.Second)
		site.set(answerWith(503, ""), jwksURL)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		refuses(t, v, by3, jwtverifier.ErrUnavailable)
		accepts(t, v, by1)
	})
	run("t/287 an older key set after a newer one", func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
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
	for _, header := range []string{
		"max-age=31536000", "max-age=99999999999999999999", "immutable",
		"max-age=31536000, immutable, stale-while-revalidate=31536000", "s-maxage=31536000", "public",
	} {
		run("t/290 the server cannot keep its keys alive: "+header, func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
			site.set(answerWith(200, jwksOf(jwk1, jwk2), "Cache-Control", header, "Expires", "Thu, 01 Jan 2099 00:00:00 GMT"), jwksURL)
			accepts(t, v, by1)
			site.publish(jwk2)
			time.Sleep(15*time.Minute + 1)
			refuses(t, v, by1, jwtverifier.ErrUnknownKey)
		})
	}
	for _, header := range []string{"no-store", "no-cache", "max-age=0", "max-age=1", "max-age=-1, no-cache", "private, no-cache, no-store"} {
		run("t/290 the server cannot be asked more often than every 3.5 min: "+header, func(t *testing.T, site *testSite, v *jwtverifier.Verifier) {
			site.set(answerWith(200, jwksOf(jwk1, jwk2), "Cache-Control", header), jwksURL)
			for range 3600 {
				accepts(t, v, by1)
				time.Sleep(time.Second)
			}
			assert.LessOrEqual(t, site.requests(), fetch*(1+3600/210))
			assert.GreaterOrEqual(t, site.requests(), fetch*(3600/300))
		})
	}

	runRow(t, "t/284 t/285 the claims' clock does not age the keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var offset atomic.Int64
			site := newSite()
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
	runRow(t, "t/285 a remembered token is judged by the clock again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			now := time.Now()
			v := newSite().verifier(t, jwtverifier.WithClock(func() time.Time { return now }))
			raw := at0Token("nbf", inSeconds(-10))
			accepts(t, v, raw)
			now = bubbleStart.Add(-71 * time.Second)
			_, err := v.VerifyAccessToken(t.Context(), raw)
			refusedBecause(t, err, jwtverifier.ErrIssuedAt, raw)
			now = bubbleStart
			accepts(t, v, raw)
			now = bubbleStart.Add(360 * time.Second)
			refuses(t, v, raw, jwtverifier.ErrExpired)
			now = bubbleStart
			accepts(t, v, raw)
		})
	})
	runRow(t, "t/286 two verifiers, one kid, two keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			siteA, siteB := newSite(jwk1), newSite(jwkOf("k1", &k2.PublicKey))
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
	runRow(t, "t/286 two audiences do not share remembered tokens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			a := site.verifier(t)
			b, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("other"), jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: site}))
			require.NoError(t, err)
			accepts(t, a, by1)
			refuses(t, b, by1, jwtverifier.ErrAudience)
			accepts(t, a, by1)
		})
	})
	for _, d := range []time.Duration{0, -1, time.Minute - 1, 24*time.Hour + 1, 1<<63 - 1, -1 << 63} {
		runRow(t, fmt.Sprintf("t/290 refresh interval %v", d), func(t *testing.T) {
			_, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithRefreshInterval(d))
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
	for _, d := range []time.Duration{-1, 7*24*time.Hour + 1, 1<<63 - 1, -1 << 63} {
		runRow(t, fmt.Sprintf("t/290 max stale %v", d), func(t *testing.T) {
			_, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithMaxStale(d))
			onlyReasons(t, err, jwtverifier.ErrMisconfigured)
		})
	}
}

// Not parallel: it looks at the memory of the whole program.
func TestUnknownKeyFlood(t *testing.T) {
	runRow(t, "t/271 t/289 a hundred thousand unknown kids", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			const tokens, seconds = 100_000, 100
			site := newSite()
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
			accepts(t, v, longToken("k1", key1()))
		})
	})
}
