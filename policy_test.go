package jwtverifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A policyStep is one call, and what it costs.
type policyStep struct {
	after  time.Duration          // since the step before ended
	server func(b *testkit.Bench) // what happens at the server before the call
	call   func(b *testkit.Bench) error
	want   error         // nil: accepted
	waits  time.Duration // exactly
	asks   [2]int        // requests for metadata and for keys
	state  jwtverifier.State
}

func policyToken(kid string) func(*testkit.Bench) error {
	return func(b *testkit.Bench) error { _, err := b.Verify(b.Context(), b.Token(kid)); return err }
}

func policyJunk(kid string) func(*testkit.Bench) error {
	return func(b *testkit.Bench) error { _, err := b.Verify(b.Context(), b.Junk(kid)); return err }
}

func policyNoKid(kid string) func(*testkit.Bench) error {
	return func(b *testkit.Bench) error { _, err := b.Verify(b.Context(), b.WithoutKid(kid)); return err }
}

func policyForged(b *testkit.Bench) error {
	_, err := b.Verify(b.Context(), b.Forged())
	return err
}

func policyPrefetch(b *testkit.Bench) error { return b.Verifier.Prefetch(b.Context()) }
func policyRefresh(b *testkit.Bench) error  { return b.Verifier.Refresh(b.Context()) }

func policyDown(b *testkit.Bench)   { b.Issuer.Down() }
func policyHang(b *testkit.Bench)   { b.Issuer.Hang() }
func policyUp(b *testkit.Bench)     { b.Issuer.Reset() }
func policyRotate(b *testkit.Bench) { b.Issuer.RotateKey() }

func policySlow(d time.Duration) func(*testkit.Bench) {
	return func(b *testkit.Bench) { b.KeysAfter(d) }
}

// TestPolicyTable is the policy table of docs/design.md, line by line.
func TestPolicyTable(t *testing.T) {
	const (
		fresh   = jwtverifier.StateFresh
		stale   = jwtverifier.StateStale
		expired = jwtverifier.StateExpired
		cold    = jwtverifier.StateCold
		second  = time.Second
	)
	var (
		none = [2]int{0, 0}
		both = [2]int{1, 1}
		warm = policyStep{call: policyPrefetch, asks: both, state: fresh}

		unavailable = jwtverifier.ErrUnavailable
		unknownKey  = jwtverifier.ErrUnknownKey
		signature   = jwtverifier.ErrSignature
	)
	for _, row := range []struct {
		name  string
		steps []policyStep
	}{
		// No keys, or older than interval + max stale.
		{"cold: waits for the refresh", []policyStep{
			{server: policySlow(2 * second), call: policyToken("key-1"), waits: 2 * second, asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{call: policyPrefetch, asks: none, state: fresh},
		}},
		{"cold: waits as long as the server may take", []policyStep{
			{server: policySlow(5*second - testkit.Tick), call: policyToken("key-1"), waits: 5*second - testkit.Tick, asks: both, state: fresh},
		}},
		{"cold: no longer than a document may take", []policyStep{
			{server: policySlow(6 * second), call: policyToken("key-1"), want: unavailable, waits: testkit.DocumentTimeout, asks: both, state: cold},
		}},
		{"cold: within the back-off at once, without a request", []policyStep{
			{server: policyDown, call: policyToken("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{call: policyJunk("a"), want: unavailable, asks: none, state: cold},
			{call: policyPrefetch, want: unavailable, asks: none, state: cold},
			{server: policyUp, call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{after: second, call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"cold: a server that hangs", []policyStep{
			{server: policyHang, call: policyToken("key-1"), want: unavailable, waits: testkit.DocumentTimeout, asks: [2]int{1, 0}, state: cold},
			{call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
		}},
		{"older than interval and max stale: waits for the refresh", []policyStep{
			warm,
			{after: testkit.Interval + testkit.MaxStale + testkit.Tick, server: policySlow(3 * second), call: policyToken("key-1"),
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"older than interval and max stale: not a moment before", []policyStep{
			warm,
			{after: testkit.Interval + testkit.MaxStale, server: policyDown, call: policyToken("key-1"), asks: both, state: stale},
			{after: testkit.Tick, call: policyToken("key-1"), want: unavailable, asks: none, state: expired},
			{after: second, call: policyToken("key-1"), want: unavailable, asks: both, state: expired},
			{after: 2 * second, server: policyUp, call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"older than interval and max stale: an unknown kid asks once", []policyStep{
			warm,
			{after: testkit.Interval + testkit.MaxStale + testkit.Tick, call: policyJunk("a"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
		}},

		// Age over a point drawn per fetch in 70 … 90 % of the interval.
		{"ahead: not before 70 % of the interval", []policyStep{
			warm,
			{after: testkit.Interval * 7 / 10, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"ahead: served at once, refreshed in the background", []policyStep{
			warm,
			{after: testkit.Interval*9/10 + testkit.Tick, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: 3*second + testkit.Tick, call: policyToken("key-1"), asks: none, state: fresh},
			{after: testkit.Interval*7/10 - 4*second, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"ahead: failures are not noticed", []policyStep{
			warm,
			{after: testkit.Interval*9/10 + testkit.Tick, server: policyDown, call: policyToken("key-1"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: second, call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"ahead: an unknown kid joins", []policyStep{
			warm,
			{after: testkit.Interval*9/10 + testkit.Tick, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
			{after: second, call: policyJunk("a"), want: unknownKey, waits: 2 * second, asks: none, state: fresh},
		}},

		// Age over the interval.
		{"past the interval: not a moment before", []policyStep{
			warm,
			{after: testkit.Interval, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"past the interval: waits for an answer that comes soon", []policyStep{
			warm,
			{after: testkit.Interval + testkit.Tick, server: policySlow(second / 2), call: policyToken("key-1"), waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: a removed key is refused by an answer that comes soon", []policyStep{
			warm,
			{after: testkit.Interval + testkit.Tick, server: func(b *testkit.Bench) {
				b.Issuer.RotateKey()
				b.Issuer.RetireKey("key-1")
				b.KeysAfter(second / 2)
			}, call: policyToken("key-1"), want: unknownKey, waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: waits at most a second, then serves what is held", []policyStep{
			warm,
			{after: testkit.Interval + testkit.Tick, server: policySlow(3 * second), call: policyToken("key-1"),
				waits: testkit.MaxWait, asks: both, state: stale},
			{call: policyToken("key-1"), asks: none, state: stale},
			{after: 2*second + testkit.Tick, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: does not wait if the last attempt failed", []policyStep{
			warm,
			{after: testkit.Interval + testkit.Tick, server: policyDown, call: policyToken("key-1"), asks: both, state: stale},
			{call: policyToken("key-1"), asks: none, state: stale},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.KeysAfter(3 * second) },
				call: policyToken("key-1"), asks: both, state: stale},
			{after: 3*second + testkit.Tick, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: an unknown kid waits for all of the refresh", []policyStep{
			warm,
			{after: testkit.Interval + testkit.Tick, server: func(b *testkit.Bench) { b.Issuer.RotateKey(); b.KeysAfter(3 * second) },
				call: policyToken("key-2"), waits: 3 * second, asks: both, state: fresh},
		}},

		// Unknown kid.
		{"unknown kid: accepted at the first token by a new key", []policyStep{
			warm,
			{after: testkit.Cooldown, server: policyRotate, call: policyToken("key-2"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"unknown kid: one refresh within the cooldown", []policyStep{
			warm,
			{call: policyJunk("a"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Cooldown - testkit.Tick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Tick, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("c"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Cooldown - testkit.Tick, server: policyRotate, call: policyToken("key-2"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Tick, call: policyToken("key-2"), asks: both, state: fresh},
		}},
		{"unknown kid: the cooldown counts from the start of the last success", []policyStep{
			warm,
			{after: testkit.Cooldown, server: policySlow(3 * second), call: policyJunk("a"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
			{after: 7*second - testkit.Tick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Tick, call: policyJunk("c"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
		}},
		{"unknown kid: a cold start counts as a success", []policyStep{
			{call: policyJunk("a"), want: unknownKey, asks: both, state: fresh},
			{after: testkit.Cooldown - testkit.Tick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Tick, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a failed attempt does not consume the cooldown", []policyStep{
			warm,
			{after: testkit.Cooldown, server: policyDown, call: policyJunk("a"), want: unavailable, asks: both, state: fresh},
			{call: policyJunk("b"), want: unavailable, asks: none, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: second, server: policyUp, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("d"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: unavailable while the last attempt failed, even in the cooldown", []policyStep{
			warm,
			{server: func(b *testkit.Bench) { b.KeysFail(503) }, call: policyRefresh, want: unavailable, asks: both, state: fresh},
			{call: policyJunk("a"), want: unavailable, asks: none, state: fresh},
			{after: second, call: policyJunk("b"), want: unavailable, asks: none, state: fresh},
			{after: 9*second - testkit.Tick, call: policyJunk("c"), want: unavailable, asks: none, state: fresh},
			{after: testkit.Tick, server: policyUp, call: policyJunk("d"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a server that hangs is waited for", []policyStep{
			warm,
			{after: testkit.Cooldown, server: policyHang, call: policyJunk("a"), want: unavailable, waits: 2 * testkit.DocumentTimeout, asks: both, state: fresh},
		}},

		// No kid in the token.
		{"no kid: the set's only key", []policyStep{
			{call: policyNoKid("key-1"), asks: both, state: fresh},
			{call: policyNoKid("key-1"), asks: none, state: fresh},
		}},
		{"no kid: no single key", []policyStep{
			{server: policyRotate, call: policyPrefetch, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Cooldown, call: policyNoKid("key-1"), want: unknownKey, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unknownKey, asks: none, state: fresh},
			{call: policyJunk("the cooldown is the same"), want: unknownKey, asks: none, state: fresh},
			{after: testkit.Cooldown, server: policyDown, call: policyNoKid("key-1"), want: unavailable, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unavailable, asks: none, state: fresh},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.Issuer.RetireKey("key-2") },
				call: policyNoKid("key-1"), asks: both, state: fresh},
		}},
		{"no kid: the single key's signature fails", []policyStep{
			warm,
			{server: func(b *testkit.Bench) { b.Issuer.PublishKey(); b.Issuer.RetireKey("key-2") },
				call: policyNoKid("key-2"), want: signature, asks: none, state: fresh},
			{after: testkit.Cooldown, call: policyNoKid("key-2"), want: signature, asks: both, state: fresh},
			{call: policyNoKid("key-2"), want: signature, asks: none, state: fresh},
			{after: testkit.Cooldown, server: policyDown, call: policyNoKid("key-2"), want: unavailable, asks: both, state: fresh},
			{call: policyNoKid("key-2"), want: unavailable, asks: none, state: fresh},
		}},
		{"no kid: the single key is another now", []policyStep{
			warm,
			{after: testkit.Cooldown, server: func(b *testkit.Bench) { b.Issuer.ReplaceKey("key-1") },
				call: policyNoKid("key-1"), asks: both, state: fresh},
		}},

		// Bad signature under a known kid.
		{"bad signature: never a refresh", []policyStep{
			warm,
			{call: policyForged, want: signature, asks: none, state: fresh},
			{after: testkit.Cooldown, call: policyForged, want: signature, asks: none, state: fresh},
			{after: testkit.Interval / 2, call: policyForged, want: signature, asks: none, state: fresh},
		}},
		{"bad signature: the kid has another key now", []policyStep{
			warm,
			{after: testkit.Cooldown, server: func(b *testkit.Bench) { b.Issuer.ReplaceKey("key-1") },
				call: policyToken("key-1"), want: signature, asks: none, state: fresh},
			{call: policyRefresh, asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
		}},

		// Failure.
		{"failure: the next attempt after a second at most, a success ends it", []policyStep{
			{server: policyDown, call: policyToken("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second/2 - testkit.Tick, call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{after: second/2 + testkit.Tick, call: policyToken("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second - testkit.Tick, call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{after: second + testkit.Tick, server: policyUp, call: policyToken("key-1"), asks: both, state: fresh},
			{server: policyDown, call: policyRefresh, want: unavailable, asks: both, state: fresh},
			{after: second, server: policyUp, call: policyRefresh, asks: both, state: fresh},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				for i, step := range row.steps {
					time.Sleep(step.after)
					if step.server != nil {
						step.server(b)
					}
					began := time.Now()
					err := step.call(b)
					waited := time.Since(began)
					synctest.Wait()

					testkit.Outcome(t, step.want, err)
					metadata, keys := testkit.Count(b.Transport.Take())
					require.Equal(t, step.waits, waited, "step %d: the caller waited", i)
					require.Equal(t, step.asks, [2]int{metadata, keys}, "step %d: requests for metadata and keys", i)
					require.Equal(t, step.state, b.Verifier.Status().State, "step %d: state", i)
				}
			})
		})
	}
}

func TestPolicyColdCallersShareOneRefresh(t *testing.T) {
	for _, firstGivesUp := range []bool{false, true} {
		t.Run(fmt.Sprintf("the first gives up: %t", firstGivesUp), func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.KeysAfter(3 * time.Second)
				token := b.Token("key-1")
				began := time.Now()

				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				first := make(chan error, 1)
				go func() {
					_, err := b.Verify(ctx, token)
					first <- err
				}()
				synctest.Wait()

				var accepted atomic.Int32
				var wg sync.WaitGroup
				for range 999 {
					wg.Go(func() {
						if waited, err := b.Verify(t.Context(), token); err == nil && waited == 3*time.Second {
							accepted.Add(1)
						}
					})
				}
				synctest.Wait()
				if firstGivesUp {
					cancel()
					err := <-first
					testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					require.ErrorIs(t, err, context.Canceled)
					require.Zero(t, testkit.RetryAfter(t, err))
					require.Zero(t, time.Since(began))
				}
				wg.Wait()
				if !firstGivesUp {
					require.NoError(t, <-first)
				}
				require.EqualValues(t, 999, accepted.Load())
				require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
			})
		})
	}
}

func TestPolicyColdCallersAreReleasedTogether(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Hang()
		token := b.Token("key-1")
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				waited, err := b.Verify(t.Context(), token)
				if errors.Is(err, jwtverifier.ErrUnavailable) && errors.Is(err, context.DeadlineExceeded) && waited == testkit.DocumentTimeout {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 200, refused.Load())
		b.Asked(1, 0)
	})
}

// The deadline of a caller bounds its wait, and nobody else's.
func TestPolicyCallersWaitUnderTheirOwnContext(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.KeysAfter(3 * time.Second)
		token := b.Token("key-1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waited, err := b.Verify(ctx, token)
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, testkit.RetryAfter(t, err))
		require.Equal(t, time.Second, waited)

		waited, err = b.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, waited)
		b.Asked(1, 1)
	})
}

// An ended context bounds waiting only: what is held serves.
func TestPolicyHeldKeysServeUnderAnEndedContext(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, age := range []time.Duration{0, time.Minute, testkit.Interval, 2 * testkit.Interval, testkit.MaxStale} {
			time.Sleep(age)
			b.Issuer.Hang()
			waited, err := b.Verify(ended, b.Token("key-1"))
			require.NoError(t, err, "%v", age)
			require.Zero(t, waited)
			require.NoError(t, b.Verifier.Prefetch(ended))
			b.Issuer.Reset()
			time.Sleep(2 * time.Minute) // whatever was started has ended, and its back-off
			require.NoError(t, b.Verifier.Refresh(t.Context()))
		}

		// What needs the network is refused, at once.
		time.Sleep(testkit.Cooldown)
		b.Issuer.Hang()
		waited, err := b.Verify(ended, b.Junk("a"))
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, waited)
	})
}

func TestPolicyRefreshAheadIsDrawnPerFetch(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		const draws = 200
		var parts []float64
		token := b.Token("key-1")
		b.Warm()
		for range draws {
			status := b.Verifier.Status()
			due := status.NextRefresh.Sub(status.FetchedAt)
			parts = append(parts, float64(due)/float64(testkit.Interval))

			time.Sleep(due)
			b.Accepts(token)
			b.Asked(0, 0)
			time.Sleep(testkit.Tick)
			b.Accepts(token)
			b.Accepts(token)
			b.Asked(1, 1)
			require.Equal(t, time.Duration(0), time.Since(b.Verifier.Status().FetchedAt))
		}
		lowest, highest := slices.Min(parts), slices.Max(parts)
		assert.GreaterOrEqual(t, lowest, 0.70)
		assert.LessOrEqual(t, highest, 0.90)
		// Each misses with a probability of less than 10^-7.
		assert.Less(t, lowest, 0.72)
		assert.Greater(t, highest, 0.88)
	}, jwtverifier.WithMaxStale(0))
}

// The second of waiting counts from the refresh's start, not from the caller's.
func TestPolicyWaitCountsFromTheRefreshsStart(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		time.Sleep(testkit.Interval + testkit.Tick)
		b.KeysAfter(4 * time.Second)
		token := b.Token("key-1")
		var wg sync.WaitGroup
		for _, caller := range []struct{ arrives, waits time.Duration }{
			{0, time.Second},
			{700 * time.Millisecond, 300 * time.Millisecond},
			{999 * time.Millisecond, time.Millisecond},
			{time.Second, 0},
			{2 * time.Second, 0},
		} {
			wg.Go(func() {
				time.Sleep(caller.arrives)
				waited, err := b.Verify(t.Context(), token)
				assert.NoError(t, err)
				assert.Equal(t, caller.waits, waited, "the caller that arrived after %v", caller.arrives)
			})
		}
		wg.Wait()
		b.Asked(1, 1)
	})
}

// A refresh ahead that is still running when the interval ends is waited for, as
// long as it is not older than a second.
func TestPolicyIntervalEndsDuringARefreshAhead(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		token := b.Token("key-1")
		time.Sleep(testkit.Interval - 600*time.Millisecond)
		b.KeysAfter(4 * time.Second)
		b.Accepts(token)
		time.Sleep(700 * time.Millisecond)
		waited, err := b.Verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, 300*time.Millisecond, waited)
		b.Asked(1, 1)
	})
}

func TestPolicyUnknownKidsShareOneRefresh(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		time.Sleep(testkit.Cooldown)
		b.Issuer.RotateKey()
		b.KeysAfter(2 * time.Second)
		fresh, junk := b.Token("key-2"), b.Junk("junk")
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				// The later ones come when the refresh has ended.
				time.Sleep(time.Duration(i) * 4 * time.Millisecond)
				if i%2 == 0 {
					_, err := b.Verify(t.Context(), fresh)
					assert.NoError(t, err)
				} else {
					_, err := b.Verify(t.Context(), junk)
					assert.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
				}
			})
		}
		wg.Wait()
		b.Asked(1, 1)
	})
}

// t/271, t/272: floods cost one refresh per cooldown, or none.
func TestPolicyFloods(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		junk, forged := b.Junk("junk"), b.Forged()
		for range 600 { // one minute
			time.Sleep(100 * time.Millisecond)
			b.Refuses(jwtverifier.ErrUnknownKey, junk)
			b.Refuses(jwtverifier.ErrSignature, forged)
		}
		b.Asked(6, 6)
	})
}

// The RetryAfter of an unknown kid is that of its own next chance: the cooldown
// may end later than the back-off, or sooner.
func TestPolicyUnknownKidRetryAfter(t *testing.T) {
	for _, row := range []struct {
		name    string
		failsAt time.Duration // after the last success began
		least   time.Duration
		most    time.Duration
	}{
		{"the cooldown ends later", 2 * time.Second, 8 * time.Second, 8 * time.Second},
		{"the back-off ends later", 9900 * time.Millisecond, time.Second / 2, time.Second},
		{"no cooldown", time.Minute, time.Second / 2, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Warm()
				junk := b.Junk("junk")
				time.Sleep(row.failsAt)
				b.Issuer.Down()
				require.Error(t, b.Verifier.Refresh(t.Context()))
				b.Asked(1, 1)
				b.Issuer.Reset()
				wait := testkit.RetryAfter(t, b.Refuses(jwtverifier.ErrUnavailable, junk))
				require.GreaterOrEqual(t, wait, row.least)
				require.LessOrEqual(t, wait, row.most)
				time.Sleep(wait - testkit.Tick)
				require.Equal(t, testkit.Tick, testkit.RetryAfter(t, b.Refuses(jwtverifier.ErrUnavailable, junk)))
				b.Asked(0, 0)
				time.Sleep(testkit.Tick)
				b.Refuses(jwtverifier.ErrUnknownKey, junk)
				b.Asked(1, 1)
			})
		})
	}
}

func TestPolicyBackoff(t *testing.T) {
	for _, row := range []struct {
		name  string
		warm  bool
		limit time.Duration
	}{
		{"with usable keys", true, testkit.MaxBackoff},
		{"cold", false, testkit.MaxColdBackoff},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				perAttempt := [2]int{1, 0} // nobody knows where the keys are
				if row.warm {
					b.Warm()
					perAttempt = [2]int{1, 1}
				}
				b.Issuer.Down()
				var parts []float64
				for failures := 1; failures <= 150; failures++ {
					err := b.Verifier.Refresh(t.Context())
					testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					b.Asked(perAttempt[0], perAttempt[1])

					status := b.Verifier.Status()
					require.Equal(t, failures, status.Failures)
					wait := testkit.RetryAfter(t, err)
					require.Equal(t, wait, time.Until(status.LastErrorAt.Add(wait)))
					if !row.warm {
						require.Equal(t, time.Now().Add(wait), status.NextRefresh)
					}
					full := min(time.Second<<min(failures-1, 20), row.limit)
					parts = append(parts, float64(wait)/float64(full))

					// Not a moment sooner, and what is left is said.
					time.Sleep(wait / 2)
					err = b.Verifier.Refresh(t.Context())
					require.Equal(t, wait-wait/2, testkit.RetryAfter(t, err))
					time.Sleep(wait - wait/2 - testkit.Tick)
					err = b.Verifier.Refresh(t.Context())
					testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					require.Equal(t, testkit.Tick, testkit.RetryAfter(t, err))
					b.Asked(0, 0)
					time.Sleep(testkit.Tick)
				}
				assert.GreaterOrEqual(t, slices.Min(parts), 0.5-1e-6)
				assert.LessOrEqual(t, slices.Max(parts), 1.0)
				// Each misses with a probability of less than 10^-6.
				assert.Less(t, slices.Min(parts), 0.55)
				assert.Greater(t, slices.Max(parts), 0.95)

				b.Issuer.Reset()
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Zero(t, b.Verifier.Status().Failures)
				b.Issuer.Down()
				b.Transport.Take()
				err := b.Verifier.Refresh(t.Context())
				require.LessOrEqual(t, testkit.RetryAfter(t, err), time.Second)
			})
		})
	}
}

// Once the held keys have expired, the longest wait is that of a cold verifier,
// also for the wait that is under way.
func TestPolicyBackoffShrinksWhenKeysExpire(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		b.Issuer.Down()
		token := b.Token("key-1")
		for range 8 {
			time.Sleep(testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
		}
		usable := b.Verifier.Status().FetchedAt.Add(testkit.Interval + 30*time.Minute)
		time.Sleep(time.Until(usable) - time.Second)
		wait := testkit.RetryAfter(t, b.Verifier.Refresh(t.Context()))
		require.GreaterOrEqual(t, wait, testkit.MaxBackoff/2)
		b.Accepts(token)
		b.Transport.Take()

		time.Sleep(2 * time.Second)
		err := b.Refuses(jwtverifier.ErrUnavailable, token)
		left := testkit.RetryAfter(t, err)
		require.GreaterOrEqual(t, left, testkit.MaxColdBackoff/2-2*time.Second)
		require.LessOrEqual(t, left, testkit.MaxColdBackoff-2*time.Second)
		b.Asked(0, 0)
		b.Issuer.Reset()
		time.Sleep(left)
		b.Accepts(token)
	}, jwtverifier.WithMaxStale(30*time.Minute))
}

func TestPolicyRetryAfter(t *testing.T) {
	backoff := time.Duration(0) // stands for: as if there were no Retry-After
	date := func(d time.Duration) string {
		return time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).Add(d).Format(http.TimeFormat) // a minute after the bubble's start
	}
	for _, row := range []struct {
		name, value string
		status      int
		want        time.Duration
	}{
		{"seconds", "30", 429, 30 * time.Second},
		{"seconds with 503", "30", 503, 30 * time.Second},
		{"the most", "300", 429, testkit.MaxRetryAfter},
		{"over the most", "301", 429, testkit.MaxRetryAfter},
		{"an hour", "3600", 429, testkit.MaxRetryAfter},
		{"more than fits", "99999999999999999999999", 429, testkit.MaxRetryAfter},
		{"date", date(90 * time.Second), 503, 90 * time.Second},
		{"date far ahead", date(time.Hour), 503, testkit.MaxRetryAfter},
		{"date that has passed", date(-time.Hour), 503, backoff},
		{"zero", "0", 429, backoff},
		{"negative", "-30", 429, backoff},
		{"sign", "+30", 429, backoff},
		{"fraction", "30.5", 429, backoff},
		{"word", "soon", 429, backoff},
		{"empty", "", 429, backoff},
		{"two values", "30, 40", 429, backoff},
	} {
		for _, warm := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, warm %t", row.name, warm), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					if warm {
						b.Warm()
					}
					time.Sleep(time.Minute)
					b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{
						Status: row.status, Header: http.Header{"Retry-After": {row.value}},
					})
					err := b.Verifier.Refresh(t.Context())
					testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
					var failed *jwtverifier.FetchError
					require.ErrorAs(t, err, &failed)
					require.Equal(t, row.status, failed.StatusCode)
					require.Equal(t, b.Issuer.JWKSURL(), failed.URL)
					b.Asked(1, 1)

					wait := testkit.RetryAfter(t, err)
					if row.want == backoff {
						require.GreaterOrEqual(t, wait, time.Second/2)
						require.LessOrEqual(t, wait, time.Second)
					} else {
						require.Equal(t, row.want, wait)
					}
					b.Issuer.Reset()
					time.Sleep(wait - testkit.Tick)
					require.Error(t, b.Verifier.Refresh(t.Context()))
					b.Asked(0, 0)
					time.Sleep(testkit.Tick)
					require.NoError(t, b.Verifier.Refresh(t.Context()))
					b.Asked(1, 1)
				})
			})
		}
	}
	t.Run("of the metadata", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			for _, path := range b.Issuer.MetadataPaths() {
				b.Issuer.Respond(path, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"120"}}})
			}
			err := b.Verifier.Refresh(t.Context())
			require.Equal(t, 2*time.Minute, testkit.RetryAfter(t, err))
			b.Asked(3, 0)
			time.Sleep(2 * time.Minute)
			require.Equal(t, 2*time.Minute, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
		})
	})
	t.Run("of metadata, though the keys came: a success ends it", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"120"}}})
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Asked(2, 2)
		})
	})
	t.Run("of both: the longest", func(t *testing.T) {
		for _, seconds := range [][2]string{{"120", ""}, {"120", "60"}, {"60", "120"}} {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Warm()
				for i, path := range []string{testkit.FirstPlace, testkit.KeysPath} {
					b.Issuer.Respond(path, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {seconds[i]}}})
				}
				require.Equal(t, 2*time.Minute, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
				b.Asked(1, 1)
			})
		}
	})
	t.Run("shorter than the back-off", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {"1"}}})
			var wait time.Duration
			for range 8 {
				time.Sleep(wait)
				wait = testkit.RetryAfter(t, b.Verifier.Refresh(t.Context()))
			}
			require.GreaterOrEqual(t, wait, testkit.MaxBackoff/2)
		})
	})
	t.Run("is that of the last failure", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {"200"}}})
			time.Sleep(testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
			b.KeysFail(503)
			require.LessOrEqual(t, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())), 2*time.Second)
		})
	})
	t.Run("is obeyed for unknown kids, and held keys serve", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			time.Sleep(testkit.Cooldown)
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"60"}}})
			require.Equal(t, time.Minute, testkit.RetryAfter(t, b.Refuses(jwtverifier.ErrUnavailable, b.Junk("a"))))
			b.Asked(1, 1)
			b.Issuer.Reset()
			time.Sleep(time.Minute - testkit.Tick)
			b.Refuses(jwtverifier.ErrUnavailable, b.Junk("b"))
			b.Accepts(b.Token("key-1"))
			b.Asked(0, 0)
			time.Sleep(testkit.Tick)
			b.Refuses(jwtverifier.ErrUnknownKey, b.Junk("c"))
			b.Asked(1, 1)
		})
	})
}

func TestPolicyCacheControl(t *testing.T) {
	const least = 5 * time.Minute
	for _, row := range []struct {
		name   string
		option time.Duration
		values []string
		want   time.Duration
	}{
		{"none", testkit.Interval, nil, testkit.Interval},
		{"max-age", testkit.Interval, []string{"max-age=600"}, 10 * time.Minute},
		{"max-age among others", testkit.Interval, []string{"public, max-age=600,must-revalidate, no-transform"}, 10 * time.Minute},
		{"max-age in capitals", testkit.Interval, []string{"Max-Age=600"}, 10 * time.Minute},
		{"max-age in quotes", testkit.Interval, []string{`max-age="600"`}, 10 * time.Minute},
		{"max-age of five minutes", testkit.Interval, []string{"max-age=300"}, least},
		{"max-age under five minutes", testkit.Interval, []string{"max-age=299"}, least},
		{"max-age=0", testkit.Interval, []string{"max-age=0"}, least},
		{"max-age a little less than the option", testkit.Interval, []string{"max-age=899"}, 899 * time.Second},
		{"max-age longer than the option", testkit.Interval, []string{"max-age=86400"}, testkit.Interval},
		{"max-age longer than the option's default", 24 * time.Hour, []string{"max-age=3600"}, time.Hour},
		{"no-cache", testkit.Interval, []string{"no-cache"}, least},
		{"no-store", testkit.Interval, []string{"no-store"}, least},
		{"no-cache, no-store", testkit.Interval, []string{"no-cache, no-store"}, least},
		{"no-store with max-age", testkit.Interval, []string{"max-age=600, no-store"}, least},
		{"No-Store", testkit.Interval, []string{"No-Store"}, least},
		{"not longer than an option under five minutes: no-store", time.Minute, []string{"no-store"}, time.Minute},
		{"not longer than an option under five minutes: max-age=0", time.Minute, []string{"max-age=0"}, time.Minute},
		{"not longer than an option under five minutes: max-age=600", time.Minute, []string{"max-age=600"}, time.Minute},
		{"several headers", testkit.Interval, []string{"public", "max-age=600"}, 10 * time.Minute},
		{"several headers, the shortest counts", testkit.Interval, []string{"max-age=600", "no-store"}, least},
		{"max-age twice, the shortest counts", testkit.Interval, []string{"max-age=700, max-age=600, max-age=800"}, 10 * time.Minute},
		{"its own name in its value", testkit.Interval, []string{"Cache-Control: max-age=600"}, testkit.Interval},
		{"its own name in its value, then a directive", testkit.Interval, []string{"Cache-Control: public, max-age=600"}, 10 * time.Minute},
		{"shared caches only", testkit.Interval, []string{"s-maxage=600"}, testkit.Interval},
		{"a word in which it stands", testkit.Interval, []string{"x-no-store, nomax-age=600"}, testkit.Interval},
		{"malformed: no number", testkit.Interval, []string{"max-age"}, testkit.Interval},
		{"malformed: empty number", testkit.Interval, []string{"max-age="}, testkit.Interval},
		{"malformed: word", testkit.Interval, []string{"max-age=ten"}, testkit.Interval},
		{"malformed: negative", testkit.Interval, []string{"max-age=-1"}, testkit.Interval},
		{"malformed: sign", testkit.Interval, []string{"max-age=+600"}, testkit.Interval},
		{"malformed: fraction", testkit.Interval, []string{"max-age=600.5"}, testkit.Interval},
		{"malformed: exponent", testkit.Interval, []string{"max-age=6e2"}, testkit.Interval},
		{"malformed: hexadecimal", testkit.Interval, []string{"max-age=0x258"}, testkit.Interval},
		{"malformed: semicolon", testkit.Interval, []string{"max-age=600; public"}, testkit.Interval},
		{"malformed: one quote", testkit.Interval, []string{`max-age="600`}, testkit.Interval},
		{"malformed: one quote, at the end", testkit.Interval, []string{`max-age=600"`}, testkit.Interval},
		{"more than fits", testkit.Interval, []string{"max-age=99999999999999999999999"}, testkit.Interval},
		{"so much that it would overflow", testkit.Interval, []string{"max-age=18446744073"}, testkit.Interval},
		{"malformed, with a good one", testkit.Interval, []string{"max-age=x, ,=,;, max-age=600"}, 10 * time.Minute},
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
			}, jwtverifier.WithRefreshInterval(row.option), jwtverifier.WithMaxStale(time.Hour))
		})
	}
}

func TestPolicyAgesCountFromTheAttemptsStart(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		metadata, err := json.Marshal(b.Issuer.Metadata())
		require.NoError(t, err)
		b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{Delay: 4 * time.Second, Body: metadata})
		b.KeysAfter(3 * time.Second)
		began := time.Now()
		waited, err := b.Verify(t.Context(), b.Token("key-1"))
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, waited)
		require.True(t, began.Equal(b.Verifier.Status().FetchedAt))
		time.Sleep(testkit.Interval - 7*time.Second)
		require.Equal(t, jwtverifier.StateFresh, b.Verifier.Status().State)
		time.Sleep(testkit.Tick)
		require.Equal(t, jwtverifier.StateStale, b.Verifier.Status().State)
	})
}

// A refresh may take ten seconds in all, whatever its documents may take each.
func TestPolicyTimeouts(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		// Two places answer late that there is nothing: 8 seconds; the third is cut off.
		for _, path := range b.Issuer.MetadataPaths() {
			b.Issuer.Respond(path, jwtverifiertest.Response{Status: 404, Delay: 4 * time.Second})
		}
		began := time.Now()
		err := b.Verifier.Refresh(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
		b.Asked(3, 0)
	})
	t.Run("redirects share the time of their document", func(t *testing.T) {
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
	})
	t.Run("the client's own timeout serves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwtverifiertest.New("")
			client := issuer.Client()
			client.Timeout = time.Second
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			issuer.Hang()
			began := time.Now()
			testkit.Outcome(t, jwtverifier.ErrUnavailable, v.Prefetch(t.Context()))
			require.Equal(t, time.Second, time.Since(began))
		})
	})
}

func TestPolicyPrefetch(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Down()
		err := b.Verifier.Prefetch(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		b.Asked(1, 0)
		again := b.Verifier.Prefetch(t.Context())
		testkit.Outcome(t, jwtverifier.ErrUnavailable, again)
		require.Equal(t, testkit.RetryAfter(t, err), testkit.RetryAfter(t, again))
		b.Asked(0, 0)

		b.Issuer.Reset()
		time.Sleep(testkit.RetryAfter(t, again))
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		b.Asked(1, 1)
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		b.Asked(0, 0)

		// Held keys are usable ones, though the server does not answer.
		b.Issuer.Down()
		time.Sleep(testkit.Interval + time.Minute)
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
	})
}

func TestPolicyRefresh(t *testing.T) {
	t.Run("a removed key is refused on return", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			old := b.Token("key-1")
			b.Accepts(old)
			b.Issuer.RotateKey()
			b.Issuer.RetireKey("key-1")
			b.Accepts(old) // nobody knows yet
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Refuses(jwtverifier.ErrUnknownKey, old)
			b.Accepts(b.Token("key-2"))
			require.Equal(t, []string{"key-2"}, b.Verifier.Status().KeyIDs)
			b.Asked(2, 2)
		})
	})
	t.Run("knows no cooldown and no interval", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			for range 5 {
				require.NoError(t, b.Verifier.Refresh(t.Context()))
			}
			b.Asked(5, 5)
		})
	})
	t.Run("joins a running refresh", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.KeysAfter(2 * time.Second)
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 20 * time.Millisecond)
					if i%2 == 0 {
						assert.NoError(t, b.Verifier.Refresh(t.Context()))
					} else {
						assert.NoError(t, b.Verifier.Prefetch(t.Context()))
					}
				})
			}
			wg.Wait()
			b.Asked(1, 1)
		})
	})
	t.Run("obeys the back-off", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Down()
			first := b.Verifier.Refresh(t.Context())
			testkit.Outcome(t, jwtverifier.ErrUnavailable, first)
			b.Asked(1, 1)
			for range 100 {
				err := b.Verifier.Refresh(t.Context())
				testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
				require.Equal(t, testkit.RetryAfter(t, first), testkit.RetryAfter(t, err))
			}
			b.Asked(0, 0)
			b.Accepts(b.Token("key-1"))
		})
	})
	t.Run("waits under its own context", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.KeysAfter(3 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.Verifier.Refresh(ctx)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			require.Zero(t, b.Verifier.Status().Failures, "the refresh itself goes on")
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Asked(1, 1)
		})
	})
	t.Run("without anything to fetch", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithStaticKeys(issuer.JWKS()))
		require.NoError(t, err)
		require.NoError(t, v.Refresh(t.Context()))
		require.NoError(t, v.Prefetch(t.Context()))
		status := v.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.True(t, status.NextRefresh.IsZero())
		require.Equal(t, []string{"key-1"}, status.KeyIDs)
	})
}

func TestPolicyMetadata(t *testing.T) {
	type endpoints struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
		Extra     string `json:"x_extra"`
	}
	serve := func(b *testkit.Bench, path, extra string) {
		metadata := b.Issuer.Metadata()
		metadata["x_extra"] = extra
		body, err := json.Marshal(metadata)
		require.NoError(b, err)
		b.Issuer.Respond(path, jwtverifiertest.Response{Body: body})
	}
	t.Run("the whole document, the last one", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			serve(b, testkit.FirstPlace, "first")
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, endpoints{testkit.Issuer, testkit.Issuer + "/authorize", "first"}, got)
			b.Asked(1, 1)

			serve(b, testkit.FirstPlace, "second")
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "first", got.Extra, "not fetched again")
			b.Asked(0, 0)
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)

			// One that is not accepted does not replace it.
			b.Issuer.Respond("", jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			for _, path := range b.Issuer.MetadataPaths() {
				b.Issuer.Respond(path, jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			}
			require.Error(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)
		})
	})
	t.Run("there though the keys are not", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.KeysFail(500)
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, testkit.Issuer, got.Issuer)
			b.Asked(1, 1)
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			b.Asked(0, 0)
		})
	})
	t.Run("unavailable", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.Down()
			var got endpoints
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Metadata(t.Context(), &got))
			require.Zero(t, got)
			b.Asked(1, 0)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Metadata(t.Context(), &got))
			b.Asked(0, 0)
		})
	})
	t.Run("waiting ends with the context", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.Hang()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.Verifier.Metadata(ctx, &endpoints{})
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
		})
	})
	t.Run("nothing that a caller does is seen by another", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			var raw json.RawMessage
			require.NoError(t, b.Verifier.Metadata(t.Context(), &raw))
			clear(raw)
			require.NoError(t, b.Verifier.Metadata(t.Context(), &scribbler{}))
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, testkit.Issuer, got.Issuer)
		})
	})
	t.Run("a destination that does not fit", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			var got []int
			err := b.Verifier.Metadata(t.Context(), &got)
			require.Error(t, err)
			require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
			require.Error(t, b.Verifier.Metadata(t.Context(), nil))
			require.Error(t, b.Verifier.Metadata(t.Context(), endpoints{}))
		})
	})
	t.Run("without discovery", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		for _, source := range []jwtverifier.Option{
			jwtverifier.WithJWKSURL(issuer.JWKSURL()), jwtverifier.WithStaticKeys(issuer.JWKS()),
		} {
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(issuer.Client()), source)
			require.NoError(t, err)
			require.ErrorIs(t, v.Metadata(t.Context(), &endpoints{}), jwtverifier.ErrMisconfigured)
		}
		require.Zero(t, issuer.Requests(""))
	})
}

func TestStateString(t *testing.T) {
	t.Parallel()
	for state, want := range map[jwtverifier.State]string{
		jwtverifier.StateCold: "cold", jwtverifier.StateFresh: "fresh", jwtverifier.StateStale: "stale", jwtverifier.StateExpired: "expired", jwtverifier.StateExpired + 1: "unknown",
	} {
		require.Equal(t, want, state.String())
	}
}

func TestPolicyStatus(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		start := time.Now()
		require.Equal(t, jwtverifier.Status{State: jwtverifier.StateCold}, b.Verifier.Status())

		b.KeysFail(503)
		err := b.Verifier.Prefetch(t.Context())
		status := b.Verifier.Status()
		require.Equal(t, jwtverifier.StateCold, status.State)
		require.False(t, status.Ready())
		require.Equal(t, 1, status.Failures)
		require.ErrorIs(t, err, status.LastError)
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, start.Add(testkit.RetryAfter(t, err)), status.NextRefresh)
		require.Equal(t, testkit.Issuer+"/.well-known/oauth-authorization-server", status.MetadataURL)
		require.Equal(t, b.Issuer.JWKSURL(), status.JWKSURL)
		require.Empty(t, status.KeyIDs)

		b.Issuer.Reset()
		b.Issuer.PublishKey()
		time.Sleep(time.Minute)
		b.Warm()
		status = b.Verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.True(t, status.Ready())
		require.Zero(t, status.Failures)
		require.Error(t, status.LastError, "a success leaves it")
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
		require.Equal(t, start.Add(time.Minute), status.FetchedAt)

		// It is the caller's.
		status.KeyIDs[0] = "changed"
		require.Equal(t, []string{"key-1", "key-2"}, b.Verifier.Status().KeyIDs)
	})
}

func TestPolicyStatusNeverBlocks(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Hang()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _ = b.Verifier.Prefetch(t.Context()) })
		}
		synctest.Wait()
		began := time.Now()
		require.Equal(t, jwtverifier.StateCold, b.Verifier.Status().State)
		require.Zero(t, b.Verifier.Status().Failures)
		require.Zero(t, time.Since(began))
		wg.Wait()
		require.Equal(t, 1, b.Verifier.Status().Failures)

		b.Issuer.Reset()
		time.Sleep(time.Minute)
		b.Warm()
		b.Issuer.Hang()
		time.Sleep(testkit.Cooldown)
		wg.Go(func() { _, _ = b.Verify(t.Context(), b.Junk("a")) })
		synctest.Wait()
		began = time.Now()
		require.Equal(t, jwtverifier.StateFresh, b.Verifier.Status().State)
		require.Zero(t, time.Since(began))
		wg.Wait()
	})
}

// What another answer is, at which discovery moves on.
var policyMovesOn = map[string]testkit.Answer{
	"404":                      testkit.Text(404, "not found"),
	"401":                      testkit.Text(401, "{}"),
	"204":                      testkit.Text(204, ""),
	"429":                      testkit.Text(429, ""),
	"500":                      testkit.Text(500, "oops"),
	"503":                      testkit.Text(503, ""),
	"HTML with status 200":     testkit.Text(200, "<!doctype html><title>Log in</title>"),
	"empty":                    testkit.Text(200, ""),
	"an array":                 testkit.Text(200, "[]"),
	"null":                     testkit.Text(200, "null"),
	"truncated JSON":           testkit.Text(200, `{"issuer":"`+testkit.Issuer),
	"trailing data":            testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)+"{}"),
	"a name twice":             testkit.Text(200, `{"issuer":"`+testkit.Issuer+`","issuer":"`+testkit.Issuer+`","jwks_uri":"`+testkit.Issuer+`/keys"}`),
	"another issuer":           testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)),
	"a trailing slash more":    testkit.Text(200, testkit.Metadata(testkit.Issuer+"/", testkit.KeysURL)),
	"no issuer":                testkit.Text(200, `{"jwks_uri":"`+testkit.Issuer+`/keys"}`),
	"no jwks_uri":              testkit.Text(200, `{"issuer":"`+testkit.Issuer+`"}`),
	"a relative jwks_uri":      testkit.Text(200, testkit.Metadata(testkit.Issuer, "/tenant/keys")),
	"an http jwks_uri":         testkit.Text(200, testkit.Metadata(testkit.Issuer, "http://issuer.example/tenant/keys")),
	"jwks_uri with userinfo":   testkit.Text(200, testkit.Metadata(testkit.Issuer, "https://u:p@issuer.example/tenant/keys")),
	"jwks_uri with a fragment": testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/keys#1")),
	"jwks_uri too long":        testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/"+strings.Repeat("k", 2048))),
	"over 1 MiB":               testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)+strings.Repeat(" ", 1<<20)),
	"a refused redirect":       testkit.Redirect(302, "https://evil.example/"),
	"a redirect to nowhere":    testkit.Redirect(302, ""),
	"a redirect to no URL":     testkit.Redirect(302, "https://%zz/"),
}

// What is no answer at all, which ends the attempt.
var policyNoAnswer = map[string]testkit.Answer{
	"refused": testkit.Refused,
	"a body that ends early": testkit.Body(func(context.Context) io.Reader {
		return io.MultiReader(strings.NewReader(`{"issuer":`), iotest.ErrReader(io.ErrUnexpectedEOF))
	}),
}

func TestPolicyDiscoveryOrder(t *testing.T) {
	forms := []string{testkit.FirstPlace, testkit.SecondPlace, testkit.ThirdPlace}
	for name, answer := range policyMovesOn {
		for others := range 4 {
			t.Run(fmt.Sprintf("%s at the first %d", name, others), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					for _, path := range forms[:others] {
						b.Transport.Answer(path, answer)
					}
					err := b.Verifier.Prefetch(t.Context())
					if others == 3 {
						testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
						require.Equal(t, forms, b.Transport.Take())
						status := b.Verifier.Status()
						require.Equal(t, jwtverifier.StateCold, status.State)
						for _, path := range forms { // the error tells each
							require.Contains(t, status.LastError.Error(), testkit.Origin+path)
						}
						return
					}
					require.NoError(t, err)
					require.Equal(t, append(slices.Clone(forms[:others+1]), testkit.KeysPath), b.Transport.Take())
					require.Equal(t, testkit.Origin+forms[others], b.Verifier.Status().MetadataURL)

					// From now on the winner alone is asked, whatever the others say.
					b.Transport.Reset()
					require.NoError(t, b.Verifier.Refresh(t.Context()))
					require.Equal(t, []string{forms[others], testkit.KeysPath}, b.Transport.Take())
				})
			})
		}
	}
	for name, answer := range policyNoAnswer {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s at %d ends the attempt", name, at), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					for _, path := range forms[:at] {
						b.Transport.Answer(path, testkit.Text(404, ""))
					}
					b.Transport.Answer(forms[at], answer)
					testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
					require.Equal(t, forms[:at+1], b.Transport.Take())
				})
			})
		}
	}
	for name, r := range map[string]jwtverifiertest.Response{
		"hangs before the headers": {Hang: jwtverifiertest.HangHeaders},
		"hangs in the body":        {Hang: jwtverifiertest.HangBody, Body: []byte(`{"issuer":`)},
	} {
		t.Run(name+": ends the attempt", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Issuer.Respond(testkit.FirstPlace, r)
				began := time.Now()
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
				require.Equal(t, testkit.DocumentTimeout, time.Since(began))
				require.Equal(t, []string{testkit.FirstPlace}, b.Transport.Take())
			})
		})
	}
}

func TestPolicyWellKnownURLs(t *testing.T) {
	for _, row := range []struct {
		issuer string
		want   []string
	}{
		{"https://issuer.example", []string{
			"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://issuer.example/", []string{
			"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://issuer.example/a/b", []string{
			"/a/b/.well-known/oauth-authorization-server", "/a/b/.well-known/openid-configuration",
			"/.well-known/oauth-authorization-server/a/b"}},
		{"https://issuer.example/a/", []string{
			"/a/.well-known/oauth-authorization-server", "/a/.well-known/openid-configuration",
			"/.well-known/oauth-authorization-server/a"}},
	} {
		t.Run(row.issuer, func(t *testing.T) {
			var asked []string
			nowhere := testkit.Text(404, "")
			client := &http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, strings.TrimPrefix(r.URL.String(), "https://issuer.example"))
				return nowhere(r)
			})}
			v, err := jwtverifier.New(row.issuer, jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, v.Prefetch(t.Context()))
			require.Equal(t, row.want, asked)
		})
	}
}

// Once there is a winner it alone is asked, until it is gone.
func TestPolicyDiscoveryWinner(t *testing.T) {
	outOfReach := map[string]testkit.Answer{
		"429": testkit.Text(429, ""), "500": testkit.Text(500, ""), "502": testkit.Text(502, ""), "503": testkit.Text(503, "{}"), "599": testkit.Text(599, ""),
	}
	for name, answer := range policyNoAnswer {
		outOfReach[name] = answer
	}
	for name, answer := range outOfReach {
		t.Run(name+": the last known jwks_uri is read at once", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Warm()
				b.Issuer.RotateKey()
				b.Transport.Answer(testkit.FirstPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
				b.Accepts(b.Token("key-2"))
				status := b.Verifier.Status()
				require.Equal(t, time.Now(), status.FetchedAt)
				require.Zero(t, status.Failures)
				require.Error(t, status.LastError, "what was found wrong is shown")
				require.Equal(t, time.Now(), status.LastErrorAt)

				b.KeysFail(503)
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
			})
		})
	}
	for name, answer := range policyMovesOn {
		if _, ok := outOfReach[name]; ok {
			continue
		}
		t.Run(name+": the others are tried again", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Transport.Answer(testkit.FirstPlace, testkit.Text(404, ""))
				b.Warm() // form two wins
				b.Transport.Reset()

				b.Transport.Answer(testkit.SecondPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.SecondPlace, testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
				require.Equal(t, testkit.Origin+testkit.FirstPlace, b.Verifier.Status().MetadataURL)

				// Now form one is the winner, and form three is what is left.
				b.Transport.Answer(testkit.FirstPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.FirstPlace, testkit.SecondPlace, testkit.ThirdPlace, testkit.KeysPath}, b.Transport.Take())

				// None wins: failed, and nobody reads the keys.
				b.Transport.Answer(testkit.ThirdPlace, answer)
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.ThirdPlace, testkit.FirstPlace, testkit.SecondPlace}, b.Transport.Take())
				b.Accepts(b.Token("key-1"))

				// The winner is still the winner.
				b.Transport.Reset()
				time.Sleep(time.Second)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.ThirdPlace, testkit.KeysPath}, b.Transport.Take())
			})
		})
	}
	t.Run("no answer from the others ends the attempt", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(404, ""))
			b.Transport.Answer(testkit.SecondPlace, testkit.Refused)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, testkit.SecondPlace}, b.Transport.Take())
		})
	})
	t.Run("a winner that hangs leaves time for the keys", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{Hang: jwtverifiertest.HangBody})
			began := time.Now()
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, testkit.DocumentTimeout, time.Since(began))
			require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
		})
	})
	t.Run("another jwks_uri is followed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"//moved")))
			b.Transport.Answer("/tenant//moved", testkit.Text(200, string(b.Issuer.JWKS())))
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant//moved"}, b.Transport.Take())
			require.Equal(t, testkit.Issuer+"//moved", b.Verifier.Status().JWKSURL)

			// And remembered, though it brought no keys.
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/gone")))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant/gone"}, b.Transport.Take())
			time.Sleep(time.Second)
			b.Transport.Answer(testkit.FirstPlace, testkit.Refused)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant/gone"}, b.Transport.Take())
		})
	})
	t.Run("a winner from a cold start whose keys failed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.KeysFail(500)
			require.Error(t, b.Verifier.Prefetch(t.Context()))
			b.Asked(1, 1)
			time.Sleep(time.Second)
			b.Issuer.Reset()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(503, ""))
			require.NoError(t, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
		})
	})
	t.Run("WithMetadataURL: that alone", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Transport.Answer("/custom", testkit.Text(404, ""))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
			time.Sleep(time.Second)
			b.Transport.Answer("/custom", testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
			err := b.Verifier.Prefetch(t.Context())
			require.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
			time.Sleep(2 * time.Second)
			b.Transport.Answer("/custom", testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)))
			require.NoError(t, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom", testkit.KeysPath}, b.Transport.Take())
			b.Transport.Answer("/custom", testkit.Text(404, ""))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
		}, jwtverifier.WithMetadataURL("https://issuer.example/custom"))
	})
	t.Run("WithJWKSURL: no metadata", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.KeysPath}, b.Transport.Take())
			require.Equal(t, testkit.KeysURL, b.Verifier.Status().JWKSURL)
			require.Empty(t, b.Verifier.Status().MetadataURL)
		}, jwtverifier.WithJWKSURL(testkit.KeysURL))
	})
}

// A document of another issuer is shown, whether or not another place wins.
func TestPolicyIssuerMismatchIsShown(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		status := b.Verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.ErrorIs(t, status.LastError, jwtverifier.ErrIssuerMismatch)
		require.Contains(t, status.LastError.Error(), "https://evil.example")
		require.Contains(t, status.LastError.Error(), testkit.Issuer)
	})
	t.Run("and the keys failed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
			b.KeysFail(500)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
			require.ErrorIs(t, b.Verifier.Status().LastError, jwtverifier.ErrIssuerMismatch)
		})
	})
}

func TestPolicyRedirects(t *testing.T) {
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
			"https://evil.example/doc", "//evil.example/doc", "http://issuer.example/doc", "http://issuer.example:443/doc", "https://issuer.example:8443/doc",
			"https://sub.issuer.example/doc", "https://issuer.example.evil.example/doc", "https://issuer.example@evil.example/doc",
			"https://u:p@issuer.example/doc", "https://169.254.169.254/doc", "file:///etc/passwd", "", "https://issuer.example:x/",
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

func TestPolicyRotation(t *testing.T) {
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
	t.Run("removal alone is noticed at the end of the interval at the latest", func(t *testing.T) {
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
	t.Run("a set that is rolled back", func(t *testing.T) { // t/287
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
	t.Run("what cannot be used never replaces keys", func(t *testing.T) { // t/281
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
	t.Run("two verifiers, the same kid", func(t *testing.T) { // t/286
		synctest.Test(t, func(t *testing.T) {
			one, two := testkit.NewBench(t), testkit.NewBench(t)
			one.Accepts(one.Token("key-1"))
			two.Accepts(two.Token("key-1"))
			one.Refuses(jwtverifier.ErrSignature, two.Token("key-1"))
			two.Refuses(jwtverifier.ErrSignature, one.Token("key-1"))
		})
	})
	t.Run("while tokens are verified", func(t *testing.T) { // t/295, for the race detector
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

// policyGoroutines counts the goroutines that the package has started.
func policyGoroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("\ncreated by example.com/jwtverifier."))
}

func TestPolicyNoGoroutineWhenIdle(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		idle := func(when string) {
			t.Helper()
			synctest.Wait()
			require.Zero(t, policyGoroutines(), when)
		}
		idle("New starts none")
		b.Warm()
		b.Accepts(b.Token("key-1"))
		idle("after a success")
		b.Issuer.Down()
		require.Error(t, b.Verifier.Refresh(t.Context()))
		idle("after a failure")
		time.Sleep(testkit.Interval + testkit.MaxStale)
		idle("when the keys have grown old")

		b.Issuer.Reset()
		b.Issuer.Hang()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			require.Error(t, b.Verifier.Refresh(ended))
		}
		synctest.Wait()
		require.Equal(t, 1, policyGoroutines(), "one, while a refresh runs")
		time.Sleep(2 * testkit.DocumentTimeout)
		idle("after a server that hangs")
	})
}

// t/296: an HTTP client that breaks does not break the verifier.
func TestPolicyClientThatPanics(t *testing.T) {
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
							token := b.Token("key-1")
							if warm {
								b.Warm()
							}
							time.Sleep(testkit.Cooldown)
							b.Transport.Answer(document, answer)
							for _, call := range []func() error{
								func() error { return b.Verifier.Refresh(t.Context()) },
								func() error { _, err := b.Verify(t.Context(), b.Junk("a")); return err },
							} {
								err := call()
								testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
								require.Positive(t, testkit.RetryAfter(t, err))
								if warm {
									b.Accepts(token)
								}
								time.Sleep(testkit.RetryAfter(t, err))
							}
							b.Transport.Reset()
							require.Equal(t, 2, b.Verifier.Status().Failures)
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

// policyLines are the lines of a log.
func policyLines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), "%s", line)
		assert.True(t, strings.HasPrefix(fields["msg"].(string), "jwtverifier: "), "%s", line)
		assert.Equal(t, testkit.Issuer, fields["issuer"], "%s", line)
		for name, value := range fields {
			if text, ok := value.(string); ok {
				assert.NotContains(t, text, "\n", "%s of %s", name, line)
				assert.LessOrEqual(t, len(text), 1024, "%s of %s", name, line)
			}
		}
		lines = append(lines, fields)
	}
	log.Reset()
	return lines
}

// policyFind returns the lines with this text in the message.
func policyFind(lines []map[string]any, message string) (found []map[string]any) {
	for _, line := range lines {
		if strings.Contains(line["msg"].(string), message) {
			found = append(found, line)
		}
	}
	return found
}

func TestPolicyLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		var everything strings.Builder
		read := func() []map[string]any {
			synctest.Wait()
			everything.WriteString(log.String())
			return policyLines(t, &log)
		}
		token, junk := b.Token("key-1"), b.Junk("junk-kid")

		// Keys that appeared.
		b.Warm()
		changed := policyFind(read(), "keys changed")
		require.Len(t, changed, 1)
		require.Equal(t, "INFO", changed[0]["level"])
		require.Equal(t, []any{"key-1"}, changed[0]["added"])
		require.Empty(t, changed[0]["removed"])

		// Single tokens leave nothing.
		b.Accepts(token)
		b.Refuses(jwtverifier.ErrUnknownKey, junk)
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, read())

		// Keys that came and went.
		b.Issuer.RotateKey()
		b.Issuer.RetireKey("key-1")
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		changed = policyFind(read(), "keys changed")
		require.Len(t, changed, 1)
		require.Equal(t, []any{"key-2"}, changed[0]["added"])
		require.Equal(t, []any{"key-1"}, changed[0]["removed"])

		// Entries that were skipped, and why; once, not at every refresh.
		body := strings.Replace(string(b.Issuer.JWKS()), `[`, `[{"kty":"EC","kid":"curve\nline"},{"kty":"RSA","use":"enc","kid":"enc","d":"SECRET"},`, 1)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(body)})
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		lines := read()
		require.Len(t, policyFind(lines, "keys changed"), 1)
		skipped := policyFind(lines, "key skipped")
		require.Len(t, skipped, 2)
		require.EqualValues(t, 0, skipped[0]["index"])
		require.Equal(t, `curve\nline`, skipped[0]["kid"])
		require.Equal(t, "kty is not RSA", skipped[0]["reason"])
		require.Equal(t, "enc", skipped[1]["kid"])
		require.Equal(t, "use is not sig", skipped[1]["reason"])
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, read())

		// Failure and recovery.
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 503, Body: []byte("SECRET body")})
		err := b.Verifier.Refresh(t.Context())
		failed := policyFind(read(), "refresh failed")
		require.Len(t, failed, 1)
		require.Equal(t, "WARN", failed[0]["level"])
		require.Contains(t, failed[0]["error"], "503")
		require.EqualValues(t, testkit.RetryAfter(t, err), failed[0]["retry_after"])
		require.Error(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, read(), "nothing was tried")
		time.Sleep(time.Second)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(`{"keys":["SECRET"],"SECRET":1}`)})
		require.Error(t, b.Verifier.Refresh(t.Context()))
		require.Len(t, policyFind(read(), "refresh failed"), 1)
		time.Sleep(2 * time.Second)
		b.Issuer.Reset()
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		recovered := policyFind(read(), "refresh recovered")
		require.Len(t, recovered, 1)
		require.Equal(t, "INFO", recovered[0]["level"])
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, policyFind(read(), "recovered"))

		// An issuer that differs: both names, as an error.
		for _, path := range b.Issuer.MetadataPaths() {
			b.Transport.Answer(path, testkit.Text(200, testkit.Metadata("https://evil.example/\nSECOND LINE", testkit.KeysURL)))
		}
		require.Error(t, b.Verifier.Refresh(t.Context()))
		mismatch := policyFind(read(), "another issuer")
		require.Len(t, mismatch, 3)
		require.Equal(t, "ERROR", mismatch[0]["level"])
		require.Contains(t, mismatch[0]["error"], "https://evil.example/")
		require.Contains(t, mismatch[0]["error"], testkit.Issuer)

		// An issuer that differs and another place that wins.
		b.Transport.Reset()
		time.Sleep(2 * time.Second)
		b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		lines = read()
		require.Len(t, policyFind(lines, "another issuer"), 1)
		require.Len(t, policyFind(lines, "recovered"), 1)

		// A name of any length.
		b.Transport.Answer(testkit.SecondPlace, testkit.Text(200, testkit.Metadata("https://"+strings.Repeat("e", 100_000), testkit.KeysURL)))
		b.Transport.Answer(testkit.ThirdPlace, testkit.Refused)
		require.Error(t, b.Verifier.Refresh(t.Context()))
		require.NotEmpty(t, policyFind(read(), "another issuer"))

		logged := everything.String()
		require.NotContains(t, logged, "SECRET")
		for _, segment := range strings.Split(token+"."+junk, ".") {
			require.NotContains(t, logged, segment)
		}
		require.NotContains(t, logged, "junk-kid")
	}, jwtverifier.WithLogger(logger))
}

// The keys' state is logged as it is seen.
func TestPolicyLogOfStates(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		token := b.Token("key-1")
		b.Warm()
		b.Issuer.Down()
		time.Sleep(testkit.Interval + testkit.Tick)
		b.Accepts(token)
		time.Sleep(testkit.MaxStale)
		_, err := b.Verify(t.Context(), token)
		testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
		synctest.Wait()
		var states []string
		for _, line := range policyFind(policyLines(t, &log), "keys are ") {
			states = append(states, line["level"].(string)+" "+strings.TrimPrefix(line["msg"].(string), "jwtverifier: keys are "))
		}
		require.Equal(t, []string{"INFO fresh", "WARN stale", "ERROR expired"}, states)
	}, jwtverifier.WithLogger(logger))
}

func TestPolicyLogsManyKeysInOneLine(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		entries := strings.Repeat(`{"kty":"EC","kid":"`+strings.Repeat("k", 500)+`"},`, 500)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(strings.Replace(string(b.Issuer.JWKS()), `[`, `[`+entries, 1))})
		b.Warm()
		synctest.Wait()
		require.Less(t, log.Len(), 16<<10)
		lines := policyLines(t, &log)
		require.LessOrEqual(t, len(lines), 30)
		require.EqualValues(t, 500, policyFind(lines, "keys changed")[0]["skipped"])
	}, jwtverifier.WithLogger(logger))
}
