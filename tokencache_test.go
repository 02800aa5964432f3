package jwtverifier_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A hits counts how many verifications were answered from the cache.
type hits struct{ remembered, fresh atomic.Int64 }

func (h *hits) option() jwtverifier.Option {
	return jwtverifier.WithObserver(jwtverifier.Observer{VerifyDone: func(i jwtverifier.VerifyDoneInfo) {
		if i.Cached {
			h.remembered.Add(1)
		} else {
			h.fresh.Add(1)
		}
	}})
}

// requireJudged requires how many verifications there were since the last time.
func (h *hits) requireJudged(t testing.TB, fresh, remembered int64) {
	t.Helper()
	require.Equal(t, fresh, h.fresh.Swap(0), "fresh")
	require.Equal(t, remembered, h.remembered.Swap(0), "remembered")
}

func TestTokenCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hits
		issuer, v := newPair(t, jwtverifier.WithTokenCache(100), h.option())
		raw := issuer.AccessToken(values{"aud": []string{jwtverifiertest.Audience, "b"}, "amr": []string{"pwd"}, "nbf": time.Now().Unix()})
		first, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
		h.requireJudged(t, 1, 0)
		second, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
		h.requireJudged(t, 0, 1)
		require.Equal(t, first, second)

		// A result is the caller's.
		for _, mutated := range []*jwtverifier.AccessToken{first, second} {
			mutated.Subject = "root"
			mutated.Scopes[0], mutated.Audience[1], mutated.AuthMethods[0] = "admin", "x", "x"
			mutated.Scopes = append(mutated.Scopes, "more")
		}
		third, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
		h.requireJudged(t, 0, 1)
		require.Equal(t, "user", third.Subject)
		require.Equal(t, []string{"openid", "read"}, third.Scopes)
		require.Equal(t, []string{jwtverifiertest.Audience, "b"}, third.Audience)
		require.Equal(t, []string{"pwd"}, third.AuthMethods)
		var c values
		require.NoError(t, third.Claims(&c))
		require.Equal(t, "user", c["sub"])

		// Another spelling is another token.
		_, err = v.VerifyAccessToken(t.Context(), raw[:len(raw)-1]+"_")
		require.ErrorIs(t, err, jwtverifier.ErrInvalidToken)
		h.requireJudged(t, 1, 0)

		// An ID token is never remembered, nor taken from there.
		id := issuer.IDToken("n")
		for range 2 {
			_, err = v.VerifyIDToken(t.Context(), id, "n")
			require.NoError(t, err)
		}
		_, err = v.VerifyIDToken(t.Context(), raw, "n")
		require.ErrorIs(t, err, jwtverifier.ErrInvalidToken)
		h.requireJudged(t, 3, 0)

		// It expires as if it were seen for the first time.
		time.Sleep(6*time.Minute - time.Nanosecond)
		_, err = v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
		h.requireJudged(t, 0, 1)
		time.Sleep(time.Nanosecond)
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.Nil(t, token)
		requireReason(t, err, jwtverifier.ErrExpired)
		h.requireJudged(t, 1, 0)
	})
}

// An append to one list of a result reaches neither its others nor another result.
func TestTokenCacheListsShareNothing(t *testing.T) {
	issuer, v := newPair(t, jwtverifier.WithTokenCache(1), jwtverifier.WithSenderConstrainedTokens())
	raw := issuer.AccessToken(values{"aud": []string{jwtverifiertest.Audience, "b", "c"}, "scp": []string{"read"}, "amr": []string{"pwd"}, "cnf": values{"jkt": "x"}})
	want, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	for range 3 {
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
		require.Equal(t, want, token)
		for _, list := range []*[]string{&token.Audience, &token.Scopes, &token.AuthMethods} {
			all := (*list)[:cap(*list)]
			for i := range all { // as appends within the capacity would
				all[i] = "admin"
			}
		}
		token.Confirmation.JWKThumbprint = "y"
	}

	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	_ = append(token.Audience, "admin")
	require.Equal(t, []string{"read"}, token.Scopes)
	require.Equal(t, []string{"pwd"}, token.AuthMethods)
	_ = append(token.Scopes, "admin")
	require.Equal(t, []string{"pwd"}, token.AuthMethods)
	require.Equal(t, []string{jwtverifiertest.Audience, "b", "c"}, token.Audience)
	require.Equal(t, "x", token.Confirmation.JWKThumbprint)
}

func TestTokenCacheFollowsTheClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	issuer, v := newPair(t, jwtverifier.WithTokenCache(1), jwtverifier.WithClock(func() time.Time { return now }))
	raw := issuer.AccessToken(values{"iat": now.Unix(), "nbf": now.Unix() + 30, "exp": now.Unix() + 300})
	_, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	for _, test := range []struct {
		offset time.Duration
		want   error
	}{
		{-31 * time.Second, jwtverifier.ErrNotYetValid},
		{-61 * time.Second, jwtverifier.ErrIssuedAt},
		{6 * time.Minute, jwtverifier.ErrExpired},
	} {
		now = time.Unix(1_800_000_000, 0).Add(test.offset)
		_, err := v.VerifyAccessToken(t.Context(), raw)
		requireReason(t, err, test.want)
	}
	now = time.Unix(1_800_000_000, 0)
	_, err = v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
}

func TestTokenCacheFollowsTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hits
		issuer, v := newPair(t, jwtverifier.WithTokenCache(100), h.option())
		exp := values{"exp": time.Now().Add(100 * time.Hour).Unix()}
		raw := issuer.AccessToken(exp)
		noKid := issuer.Token(values{"kid": jwtverifiertest.Absent}, issuer.AccessTokenClaims())
		for range 2 {
			_, err := v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), noKid)
			require.NoError(t, err)
		}
		h.requireJudged(t, 2, 2)

		// Up to four keys a token without kid may be by any of them; with a fifth, by none.
		for n := 2; n <= 5; n++ {
			issuer.PublishKey()
			require.NoError(t, v.Refresh(t.Context()))
			_, err := v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
			h.requireJudged(t, 0, 1)
			_, err = v.VerifyAccessToken(t.Context(), noKid)
			if n <= 4 {
				require.NoError(t, err)
				h.requireJudged(t, 0, 1)
			} else {
				requireReason(t, err, jwtverifier.ErrSignature)
				h.requireJudged(t, 1, 0)
			}
		}

		// Other material under the same kid.
		issuer.ReplaceKey("key-1")
		require.NoError(t, v.Refresh(t.Context()))
		_, err := v.VerifyAccessToken(t.Context(), raw)
		requireReason(t, err, jwtverifier.ErrSignature)
		h.requireJudged(t, 1, 0)

		// The key is withdrawn.
		raw = issuer.AccessToken(exp)
		for range 2 {
			_, err = v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
		}
		h.requireJudged(t, 1, 1)
		issuer.RetireKey("key-1")
		require.NoError(t, v.Refresh(t.Context()))
		_, err = v.VerifyAccessToken(t.Context(), raw)
		requireReason(t, err, jwtverifier.ErrUnknownKey)
		h.requireJudged(t, 1, 0)
	})
}

// A remembered token whose key went away while it waited for the refresh has waited
// for keys that are newer than the call: it does not ask for others.
func TestTokenCacheAsksOnce(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		token := b.Token("key-1")
		b.Accepts(token)
		b.Issuer.RotateKey()
		b.Issuer.RetireKey("key-1")
		time.Sleep(testkit.Interval + testkit.Tick)
		b.Refuses(jwtverifier.ErrUnknownKey, token)
		b.Asked(1, 1)
	}, jwtverifier.WithTokenCache(100))
}

// A busy service whose tokens all come from the cache refreshes its keys, and
// runs out of them, like an idle one.
func TestTokenCacheKeepsTheRefreshPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, v := newPair(t, jwtverifier.WithTokenCache(100))
		raw := issuer.AccessToken(values{"exp": time.Now().Add(100 * time.Hour).Unix()})
		verify := func() error {
			_, err := v.VerifyAccessToken(t.Context(), raw)
			synctest.Wait()
			return err
		}
		require.NoError(t, verify())
		require.Equal(t, 1, issuer.Requests(issuer.JWKSPath()))
		for range 60 {
			time.Sleep(time.Minute)
			require.NoError(t, verify())
		}
		require.InDelta(t, 5, issuer.Requests(issuer.JWKSPath()), 1)

		issuer.Down()
		time.Sleep(24 * time.Hour)
		require.NoError(t, verify())
		time.Sleep(16 * time.Minute)
		require.ErrorIs(t, verify(), jwtverifier.ErrUnavailable)
	})
}

func TestTokenCacheLeavesOutLongTokens(t *testing.T) {
	var h hits
	issuer, v := newPair(t, jwtverifier.WithTokenCache(100), h.option())
	for length, remembered := range map[int]int64{8 << 10: 1, 8<<10 + 1: 0} {
		raw := paddedToken(t, issuer, length)
		for range 2 {
			_, err := v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
		}
		h.requireJudged(t, 2-remembered, remembered)
	}
}

// paddedToken returns a good access token of exactly this length.
func paddedToken(t testing.TB, issuer *jwtverifiertest.Issuer, length int) string {
	t.Helper()
	for pad := length / 2; pad < length; pad++ {
		for spaces := range 4 {
			raw := issuer.Sign([]byte(`{"alg":"RS256","kid":"key-1"`+strings.Repeat(" ", spaces)+`}`),
				fmt.Appendf(nil, `{"iss":%q,"aud":%q,"exp":9999999999,"pad":%q}`, issuer.URL(), jwtverifiertest.Audience, strings.Repeat("x", pad)))
			if len(raw) == length {
				return raw
			}
			if len(raw) < length-8 {
				pad += (length - len(raw) - 8) * 3 / 4
			}
		}
	}
	t.Fatal("no such length")
	return ""
}

// One client's stream of tokens that come once must not drive out what is hot.
func TestTokenCacheKeepsWhatIsHot(t *testing.T) {
	for _, scanPerHit := range []int{1, 10} {
		t.Run(fmt.Sprintf("%d new tokens for each hot one", scanPerHit), func(t *testing.T) {
			var h hits
			issuer, v := newPair(t, jwtverifier.WithTokenCache(256), h.option())
			tokens := 0
			mint := func() string {
				tokens++
				return issuer.AccessToken(values{"jti": fmt.Sprint(tokens)})
			}
			verify := func(raw string) {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
			}
			var hot []string
			for range 64 {
				hot = append(hot, mint())
			}
			for range 4 {
				for _, raw := range hot {
					verify(raw)
				}
			}
			h.remembered.Store(0)
			rounds := 10 / scanPerHit
			for range max(rounds, 2) {
				for _, raw := range hot {
					verify(raw)
					for range scanPerHit {
						verify(mint())
					}
				}
			}
			asked := max(rounds, 2) * len(hot)
			require.GreaterOrEqual(t, h.remembered.Load(), int64(asked*9/10), "hits of %d", asked)
		})
	}
}

// What was hot once makes room for what is hot now.
func TestTokenCacheForgetsWhatHasCooled(t *testing.T) {
	var h hits
	issuer, v := newPair(t, jwtverifier.WithTokenCache(8), h.option())
	use := func(rounds int) {
		var tokens []string
		for range 4 {
			tokens = append(tokens, issuer.AccessToken())
		}
		for range rounds {
			for _, raw := range tokens {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
			}
		}
	}
	use(5)
	use(5)
	h.remembered.Store(0)
	use(500)
	require.GreaterOrEqual(t, h.remembered.Load(), int64(4*500*8/10))
}

// Verifying, rotating, evicting and mutating results at once. It has something
// to say under the race detector.
func TestTokenCacheRace(t *testing.T) {
	issuer, v := newPair(t, jwtverifier.WithTokenCache(4))
	require.NoError(t, v.Prefetch(t.Context()))
	var tokens []string
	for i := range 12 {
		tokens = append(tokens, issuer.AccessToken(values{"jti": fmt.Sprint(i), "sub": fmt.Sprint("user-", i)}))
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 200 {
				n := (i*7 + worker) % len(tokens)
				token, err := v.VerifyAccessToken(t.Context(), tokens[n])
				if err != nil {
					// Only while the key has other material is it refused.
					if !slices.Contains([]error{jwtverifier.ErrSignature}, err.(*jwtverifier.TokenError).Reason) {
						t.Error(err)
					}
					continue
				}
				if token.Subject != fmt.Sprint("user-", n) || token.Scopes[1] != "read" {
					t.Errorf("token %d is that of %s, %v", n, token.Subject, token.Scopes)
				}
				token.Subject, token.Scopes[1] = "root", "admin"
			}
		})
	}
	group.Go(func() {
		good := issuer.JWKS()
		for i := range 20 {
			if i%2 == 0 {
				issuer.ReplaceKey("key-1")
			} else {
				issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: good})
			}
			if err := v.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
			issuer.Reset()
		}
	})
	group.Wait()
}

// A key that leaves the set and comes back voids what it signed only once.
func TestTokenCacheTakesAVoidEntrysPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hits
		issuer, v := newPair(t, jwtverifier.WithTokenCache(8), h.option())
		raw := issuer.AccessToken()
		with := issuer.JWKS()
		issuer.PublishKey()
		issuer.RetireKey("key-1")
		verify := func(want error) {
			t.Helper()
			_, err := v.VerifyAccessToken(t.Context(), raw)
			require.ErrorIs(t, err, want)
		}
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: with})
		verify(nil)
		issuer.Reset() // without the key
		require.NoError(t, v.Refresh(t.Context()))
		verify(jwtverifier.ErrUnknownKey)
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: with})
		require.NoError(t, v.Refresh(t.Context()))
		h.fresh.Store(0)
		for range 3 {
			verify(nil)
		}
		h.requireJudged(t, 1, 2)
	})
}

// What a remembered token takes, as the comment on WithTokenCache says. Each token
// is as long as is remembered, and made of as many values as fit.
func TestTokenCacheMemory(t *testing.T) {
	const n = 100
	issuer := jwtverifiertest.New("")
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for _, test := range []struct {
		name   string
		length int // of the token, at least
		claims values
		most   int64
	}{
		{"1 KB", 950, values{"pad": strings.Repeat("x", 250)}, 1100},
		{"8 KiB", 7900, values{"pad": strings.Repeat("x", 5520)}, 7000},
		{"scopes in a string", 7900, values{"scp": strings.Repeat("a ", 2760)}, 57_000},
		{"scopes in an array", 7900, values{"scp": slices.Repeat([]string{"a"}, 1380)}, 57_000},
		{"audiences", 7900, values{"aud": append(slices.Repeat([]string{"a"}, 1375), jwtverifiertest.Audience)}, 57_000},
		{"methods", 7900, values{"amr": make([]string, 1835)}, 57_000},
		{"methods, escaped", 7900, values{"amr": slices.Repeat([]string{"\x01"}, 610)}, 57_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifier(t, issuer, jwtverifier.WithTokenCache(8*n))
			raws := make([]string, n)
			for i := range raws {
				raws[i] = issuer.AccessToken(test.claims, values{"jti": i})
				require.GreaterOrEqual(t, len(raws[i]), test.length)
				require.LessOrEqual(t, len(raws[i]), 8<<10)
			}
			require.NoError(t, v.Prefetch(t.Context()))
			before := heap()
			for _, raw := range raws {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				require.NoError(t, err)
			}
			each := (heap() - before) / n
			require.LessOrEqual(t, each, test.most)
			require.Greater(t, each, int64(len(raws[0])/2), "they are remembered")
			runtime.KeepAlive(v)
			runtime.KeepAlive(raws)
		})
	}
}
