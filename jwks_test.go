package jwtverifier_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestRotation(t *testing.T) {
	t.Run("a new key joins, an old one stays", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			old := b.Token("key-1")
			for i := 2; i < 7; i++ {
				time.Sleep(testkit.Cooldown)
				kid := b.Issuer.RotateKey()
				b.Accepts(b.Token(kid))
				b.Accepts(old)
				b.Asked(1, 1)
			}
		})
	})
	t.Run("a mere removal is noticed at the end of the interval at the latest", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.PublishKey()
			b.Warm()
			b.Issuer.RetireKey("key-1")
			b.Accepts(b.Token("key-1"))
			time.Sleep(testkit.Interval + testkit.Tick)
			b.Refuses(jwtverifier.ErrUnknownKey, b.Token("key-1"))
			b.Asked(1, 1)
		})
	})
	t.Run("another key under the same kid", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			old := b.Token("key-1")
			b.Issuer.ReplaceKey("key-1")
			fresh := b.Token("key-1")
			b.Accepts(old)
			b.Refuses(jwtverifier.ErrSignature, fresh)
			time.Sleep(testkit.Interval + testkit.Tick)
			b.Accepts(fresh)
			b.Refuses(jwtverifier.ErrSignature, old)
			b.Asked(1, 1)
		})
	})
	t.Run("a set that is rolled back", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			stale := b.Issuer.JWKS()
			b.Warm()
			time.Sleep(testkit.Cooldown)
			b.Issuer.RotateKey()
			fresh := b.Token("key-2")
			b.Accepts(fresh)
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: stale})
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Issuer.Reset()
			b.Refuses(jwtverifier.ErrUnknownKey, fresh)
			time.Sleep(testkit.Cooldown)
			b.Accepts(fresh)
		})
	})
	t.Run("what cannot be used never replaces keys", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			token := b.Token("key-1")
			for _, body := range []string{
				"", `{}`, `{"keys":[]}`, `{"keys":null}`, `{"keys":{}}`, "<html>", `[]`, `null`, `{"keys":[{"kty":"EC"}]}`,
				string(b.Issuer.JWKS()) + "x", string(b.Issuer.JWKS()[:100]), `{"keys":[],"keys":[]}`,
			} {
				b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(body)})
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Error(t, b.Verifier.Status().LastError)
				b.Accepts(token)
				time.Sleep(testkit.MaxBackoff)
			}
		})
	})
	t.Run("two verifiers, the same kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			one, two := testkit.NewBench(t), testkit.NewBench(t)
			one.Accepts(one.Token("key-1"))
			two.Accepts(two.Token("key-1"))
			one.Refuses(jwtverifier.ErrSignature, two.Token("key-1"))
			two.Refuses(jwtverifier.ErrSignature, one.Token("key-1"))
		})
	})
	t.Run("while tokens are verified", func(t *testing.T) { // for the race detector
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.PublishKey()
			b.Warm()
			one, two := b.Token("key-1"), b.Token("key-2")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						time.Sleep(time.Millisecond)
						for _, token := range []string{one, two} {
							_, err := b.Verify(t.Context(), token)
							assert.NoError(t, err)
						}
						_ = b.Verifier.Status()
					}
				})
			}
			for range 50 {
				time.Sleep(time.Millisecond)
				b.Issuer.PublishKey()
				assert.NoError(t, b.Verifier.Refresh(t.Context()))
			}
			wg.Wait()
		})
	})
}

func TestStateString(t *testing.T) {
	t.Parallel()
	for state, want := range map[jwtverifier.State]string{
		jwtverifier.StateCold:        "cold",
		jwtverifier.StateFresh:       "fresh",
		jwtverifier.StateStale:       "stale",
		jwtverifier.StateExpired:     "expired",
		jwtverifier.StateExpired + 1: "unknown",
	} {
		require.Equal(t, want, state.String())
	}
}
