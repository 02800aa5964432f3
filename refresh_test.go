package jwtverifier_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
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

// A call is what a caller does.
type call func(*testkit.Bench) error

// A step is one call, and what it costs.
type step struct {
	after  time.Duration          // since the step before ended
	server func(b *testkit.Bench) // what happens at the server before the call
	call   call
	aside  bool          // by another caller: the next step does not wait for it
	want   error         // nil: accepted
	waits  time.Duration // exactly
	asks   [2]int        // requests for metadata and for keys
	state  jwtverifier.State
}

// TestRefreshPolicy is the policy table of docs/design.md, line by line. (Which keys
// a token may be signed by: TestCandidates.)
func TestRefreshPolicy(t *testing.T) {
	// What happens at the server.
	var (
		down   = func(b *testkit.Bench) { b.Issuer.Down() }
		hang   = func(b *testkit.Bench) { b.Issuer.Hang() }
		up     = func(b *testkit.Bench) { b.Issuer.Reset() }
		rotate = func(b *testkit.Bench) { b.Issuer.RotateKey() }
	)
	slow := func(d time.Duration) func(*testkit.Bench) {
		return func(b *testkit.Bench) { b.KeysAfter(d) }
	}
	failSlowly := func(d time.Duration) func(*testkit.Bench) {
		return func(b *testkit.Bench) {
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 503, Delay: d})
		}
	}
	busy := func(b *testkit.Bench) {
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{
			Status: 503,
			Header: http.Header{"Retry-After": {"300"}},
		})
	}

	// What is called.
	verify := func(b *testkit.Bench, raw string) error { _, err := b.Verify(b.Context(), raw); return err }
	token := func(kid string) call { return func(b *testkit.Bench) error { return verify(b, b.Token(kid)) } }
	junk := func(kid string) call { return func(b *testkit.Bench) error { return verify(b, b.Junk(kid)) } }
	noKid := func(kid string) call { return func(b *testkit.Bench) error { return verify(b, b.WithoutKid(kid)) } }
	forged := func(b *testkit.Bench) error { return verify(b, b.Forged()) }
	prefetch := func(b *testkit.Bench) error { return b.Verifier.Prefetch(b.Context()) }
	refresh := func(b *testkit.Bench) error { return b.Verifier.Refresh(b.Context()) }
	refreshWithin := func(d time.Duration) call {
		return func(b *testkit.Bench) error {
			ctx, cancel := context.WithTimeout(b.Context(), d)
			defer cancel()
			err := b.Verifier.Refresh(ctx)
			assert.ErrorIs(b, err, context.DeadlineExceeded)
			assert.Zero(b, testkit.RetryAfter(b, err))
			return err
		}
	}

	// When, and what comes of it.
	const (
		interval = testkit.Interval
		maxStale = testkit.MaxStale
		cooldown = testkit.Cooldown
		tick     = testkit.Tick

		fresh   = jwtverifier.StateFresh
		stale   = jwtverifier.StateStale
		expired = jwtverifier.StateExpired
		cold    = jwtverifier.StateCold
		second  = time.Second
	)
	var (
		none = [2]int{0, 0}
		both = [2]int{1, 1}
		warm = step{call: prefetch, asks: both, state: fresh}

		unavailable = jwtverifier.ErrUnavailable
		unknownKey  = jwtverifier.ErrUnknownKey
		signature   = jwtverifier.ErrSignature
	)
	for _, row := range []struct {
		name  string
		steps []step
	}{
		// No keys, or older than interval + max stale.
		{"cold: waits for the refresh", []step{
			{server: slow(2 * second), call: token("key-1"), waits: 2 * second, asks: both, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
			{call: prefetch, asks: none, state: fresh},
		}},
		{"cold: waits as long as the server may take", []step{
			{server: slow(5*second - tick), call: token("key-1"), waits: 5*second - tick, asks: both, state: fresh},
		}},
		{"cold: no longer than a document may take", []step{
			{server: slow(6 * second), call: token("key-1"), want: unavailable, waits: 5 * second, asks: both, state: cold},
		}},
		{"cold: within the back-off at once, without a request", []step{
			{server: down, call: token("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{call: token("key-1"), want: unavailable, asks: none, state: cold},
			{call: junk("a"), want: unavailable, asks: none, state: cold},
			{call: prefetch, want: unavailable, asks: none, state: cold},
			{server: up, call: token("key-1"), want: unavailable, asks: none, state: cold},
			{after: second, call: token("key-1"), asks: both, state: fresh},
		}},
		{"cold: a server that hangs", []step{
			{server: hang, call: token("key-1"), want: unavailable, waits: 5 * second, asks: [2]int{1, 0}, state: cold},
			{call: token("key-1"), want: unavailable, asks: none, state: cold},
		}},
		{"older than interval and max stale: waits for the refresh", []step{
			warm,
			{after: interval + maxStale + tick, server: slow(3 * second), call: token("key-1"),
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"older than interval and max stale: not a moment before", []step{
			warm,
			{after: interval + maxStale, server: down, call: token("key-1"), asks: both, state: stale},
			{after: tick, call: token("key-1"), want: unavailable, asks: none, state: expired},
			{after: second, call: token("key-1"), want: unavailable, asks: both, state: expired},
			{after: 2 * second, server: up, call: token("key-1"), asks: both, state: fresh},
		}},
		{"older than interval and max stale: an unknown kid asks once", []step{
			warm,
			{after: interval + maxStale + tick, call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{call: junk("b"), want: unknownKey, asks: both, state: fresh},
			{call: junk("c"), want: unknownKey, asks: none, state: fresh},
		}},

		// Age over a point drawn per fetch in 70 … 90 % of the interval.
		{"ahead: not before 70 % of the interval", []step{
			warm,
			{after: interval * 7 / 10, call: token("key-1"), asks: none, state: fresh},
		}},
		{"ahead: served at once, refreshed in the background", []step{
			warm,
			{after: interval*9/10 + tick, server: slow(3 * second), call: token("key-1"), asks: both, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
			{after: 3*second + tick, call: token("key-1"), asks: none, state: fresh},
			{after: interval*7/10 - 4*second, call: token("key-1"), asks: none, state: fresh},
		}},
		{"ahead: failures are not noticed", []step{
			warm,
			{after: interval*9/10 + tick, server: down, call: token("key-1"), asks: both, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
			{after: second, call: token("key-1"), asks: both, state: fresh},
		}},
		{"ahead: an unknown kid joins, and then causes its own", []step{
			warm,
			{after: interval*9/10 + tick, server: slow(3 * second), call: token("key-1"), asks: both, state: fresh},
			{after: second, call: junk("a"), want: unknownKey, waits: 2*second + 3*second, asks: both, state: fresh},
		}},

		// Age over the interval.
		{"past the interval: not a moment before", []step{
			warm,
			{after: interval, server: slow(3 * second), call: token("key-1"), asks: both, state: fresh},
		}},
		{"past the interval: waits for an answer that comes soon", []step{
			warm,
			{after: interval + tick, server: slow(second / 2), call: token("key-1"), waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: a removed key is refused by an answer that comes soon", []step{
			warm,
			{after: interval + tick, server: func(b *testkit.Bench) {
				b.Issuer.RotateKey()
				b.Issuer.RetireKey("key-1")
				b.KeysAfter(second / 2)
			}, call: token("key-1"), want: unknownKey, waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: waits at most a second, then serves what is held", []step{
			warm,
			{after: interval + tick, server: slow(3 * second), call: token("key-1"),
				waits: second, asks: both, state: stale},
			{call: token("key-1"), asks: none, state: stale},
			{after: 2*second + tick, call: token("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: does not wait if the last attempt failed", []step{
			warm,
			{after: interval + tick, server: down, call: token("key-1"), asks: both, state: stale},
			{call: token("key-1"), asks: none, state: stale},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.KeysAfter(3 * second) },
				call: token("key-1"), asks: both, state: stale},
			{after: 3*second + tick, call: token("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: an unknown kid waits for all of the refresh", []step{
			warm,
			{after: interval + tick, server: func(b *testkit.Bench) { b.Issuer.RotateKey(); b.KeysAfter(3 * second) },
				call: token("key-2"), waits: 3 * second, asks: both, state: fresh},
		}},

		// Unknown kid.
		{"unknown kid: the first one is asked for at once", []step{
			warm,
			{server: rotate, call: token("key-2"), asks: both, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
		}},
		{"unknown kid: the second rotation within the cooldown waits", []step{
			warm,
			{server: rotate, call: token("key-2"), asks: both, state: fresh},
			{after: second, server: rotate, call: token("key-3"), want: unknownKey, asks: none, state: fresh},
			{after: 9*second - tick, call: token("key-3"), want: unknownKey, asks: none, state: fresh},
			{after: tick, call: token("key-3"), asks: both, state: fresh},
		}},
		{"unknown kid: a rotation within the cooldown of a junk kid waits", []step{
			warm,
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{server: rotate, call: token("key-2"), want: unknownKey, asks: none, state: fresh},
			{after: cooldown - tick, call: token("key-2"), want: unknownKey, asks: none, state: fresh},
			{after: tick, call: token("key-2"), asks: both, state: fresh},
		}},
		{"unknown kid: one refresh within the cooldown", []step{
			warm,
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{call: junk("a"), want: unknownKey, asks: none, state: fresh},
			{after: cooldown - tick, call: junk("b"), want: unknownKey, asks: none, state: fresh},
			{after: tick, call: junk("c"), want: unknownKey, asks: both, state: fresh},
			{call: junk("c"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: the cooldown counts from the refresh's start", []step{
			warm,
			{server: slow(3 * second), call: junk("a"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
			{after: 7*second - tick, call: junk("b"), want: unknownKey, asks: none, state: fresh},
			{after: tick, call: junk("c"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
		}},
		{"unknown kid: a refresh for another reason starts no cooldown", []step{
			{call: refresh, asks: both, state: fresh},
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{after: second, server: rotate, call: refresh, asks: both, state: fresh},
			{call: token("key-2"), asks: none, state: fresh},
			{after: 9*second - tick, call: junk("b"), want: unknownKey, asks: none, state: fresh},
			{after: tick, call: junk("c"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a call that has waited does not ask again, cold", []step{
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{call: junk("b"), want: unknownKey, asks: both, state: fresh},
			{call: junk("c"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: a call that has waited does not ask again, past the interval", []step{
			warm,
			{after: interval + tick, call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{call: junk("b"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a call that has waited does not ask again, past the second", []step{
			warm,
			{after: interval + tick, server: slow(3 * second), call: junk("a"), want: unknownKey,
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"unknown kid: joins an older refresh, and finds its key", []step{
			warm,
			{after: interval*9/10 + tick, server: func(b *testkit.Bench) { b.Issuer.RotateKey(); b.KeysAfter(3 * second) },
				call: token("key-1"), asks: both, state: fresh},
			{after: second, call: token("key-2"), waits: 2 * second, asks: none, state: fresh},
		}},
		{"unknown kid: joins an older refresh, and then causes its own", []step{
			warm,
			{server: slow(3 * second), call: refresh, aside: true, waits: 3 * second, asks: both, state: fresh},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.Issuer.RotateKey() },
				call: token("key-2"), waits: 2 * second, asks: both, state: fresh},
			{call: junk("a"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: joins an older refresh, and its own is still slow", []step{
			warm,
			{server: slow(3 * second), call: refresh, aside: true, waits: 3 * second, asks: both, state: fresh},
			{after: second, call: junk("a"), want: unknownKey, waits: 5 * second, asks: both, state: fresh},
		}},
		{"unknown kid: joins an older refresh that an unknown kid caused", []step{
			warm,
			{server: slow(3 * second), call: junk("a"), aside: true, want: unknownKey,
				waits: 3 * second, asks: both, state: fresh},
			{after: second, server: rotate, call: token("key-2"), want: unknownKey,
				waits: 2 * second, asks: none, state: fresh},
		}},
		{"unknown kid: joins an older refresh that fails", []step{
			warm,
			{server: failSlowly(3 * second), call: refresh, aside: true, want: unavailable,
				waits: 3 * second, asks: both, state: fresh},
			{after: second, server: up, call: junk("a"), want: unavailable, waits: 2 * second, asks: none, state: fresh},
		}},
		{"unknown kid: a failed attempt does not consume the cooldown", []step{
			warm,
			{server: down, call: junk("a"), want: unavailable, asks: both, state: fresh},
			{call: junk("b"), want: unavailable, asks: none, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
			{after: second, server: up, call: junk("c"), want: unknownKey, asks: both, state: fresh},
			{call: junk("d"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: a failed attempt does not hide the cooldown before it", []step{
			warm,
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{after: cooldown, server: down, call: junk("b"), want: unavailable, asks: both, state: fresh},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.Issuer.RotateKey() },
				call: token("key-2"), asks: both, state: fresh},
			{after: cooldown - tick, call: junk("c"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: unavailable while the last attempt failed, even in the cooldown", []step{
			warm,
			{call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{server: func(b *testkit.Bench) { b.KeysFail(503) }, call: refresh, want: unavailable, asks: both, state: fresh},
			{call: junk("a"), want: unavailable, asks: none, state: fresh},
			{after: second, call: junk("b"), want: unavailable, asks: none, state: fresh},
			{after: 9*second - tick, call: junk("c"), want: unavailable, asks: none, state: fresh},
			{after: tick, server: up, call: junk("d"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a server that hangs is waited for", []step{
			warm,
			{server: hang, call: junk("a"), want: unavailable, waits: 10 * second, asks: both, state: fresh},
		}},

		// No kid in the token: as an unknown kid, if none of the keys made the signature.
		{"no kid: no key made the signature", []step{
			warm,
			{server: func(b *testkit.Bench) { b.Issuer.PublishKey(); b.Issuer.RetireKey("key-2") },
				call: noKid("key-2"), want: signature, asks: both, state: fresh},
			{call: noKid("key-2"), want: signature, asks: none, state: fresh},
			{call: junk("the cooldown is the same"), want: unknownKey, asks: none, state: fresh},
			{after: cooldown, server: down, call: noKid("key-2"), want: unavailable, asks: both, state: fresh},
			{call: noKid("key-2"), want: unavailable, asks: none, state: fresh},
			{call: noKid("key-1"), asks: none, state: fresh},
		}},
		{"no kid: the key is another now", []step{
			warm,
			{server: func(b *testkit.Bench) { b.Issuer.ReplaceKey("key-1") },
				call: noKid("key-1"), asks: both, state: fresh},
		}},

		// Bad signature under a known kid.
		{"bad signature: never a refresh", []step{
			warm,
			{call: forged, want: signature, asks: none, state: fresh},
			{after: cooldown, call: forged, want: signature, asks: none, state: fresh},
			{after: interval / 2, call: forged, want: signature, asks: none, state: fresh},
		}},
		{"bad signature: the kid has another key now", []step{
			warm,
			{after: cooldown, server: func(b *testkit.Bench) { b.Issuer.ReplaceKey("key-1") },
				call: token("key-1"), want: signature, asks: none, state: fresh},
			{call: refresh, asks: both, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
		}},

		// Failure.
		{"failure: the next attempt after a second at most, a success ends it", []step{
			{server: down, call: token("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second/2 - tick, call: token("key-1"), want: unavailable, asks: none, state: cold},
			{after: second/2 + tick, call: token("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second - tick, call: token("key-1"), want: unavailable, asks: none, state: cold},
			{after: second + tick, server: up, call: token("key-1"), asks: both, state: fresh},
			{server: down, call: junk("a"), want: unavailable, asks: both, state: fresh},
			{after: second, server: up, call: junk("a"), want: unknownKey, asks: both, state: fresh},
		}},

		// Refresh.
		{"Refresh: cold", []step{
			{server: slow(2 * second), call: refresh, waits: 2 * second, asks: both, state: fresh},
		}},
		{"Refresh: an older one is waited for, and is not enough", []step{
			{server: slow(3 * second), call: prefetch, aside: true, waits: 3 * second, asks: both, state: cold},
			{after: second, call: refresh, waits: 2*second + 3*second, asks: both, state: fresh},
		}},
		{"Refresh: an older one has keys from before a withdrawal", []step{
			{server: func(b *testkit.Bench) { b.Issuer.PublishKey(); b.KeysAfter(3 * second) },
				call: prefetch, aside: true, waits: 3 * second, asks: both, state: cold},
			{after: second, server: func(b *testkit.Bench) { b.Issuer.Reset(); b.Issuer.RetireKey("key-1") },
				call: refresh, waits: 2 * second, asks: both, state: fresh},
			{call: token("key-1"), want: unknownKey, asks: both, state: fresh},
			{call: token("key-2"), asks: none, state: fresh},
		}},
		{"Refresh: an older one that fails is no error", []step{
			{server: failSlowly(3 * second), call: prefetch, aside: true, want: unavailable,
				waits: 3 * second, asks: both, state: cold},
			{after: second, server: up, call: refresh, waits: 2 * second, asks: both, state: fresh},
		}},
		{"Refresh: an older one that succeeds is no success", []step{
			{server: slow(3 * second), call: prefetch, aside: true, waits: 3 * second, asks: both, state: cold},
			{after: second, server: func(b *testkit.Bench) { b.KeysFail(503) },
				call: refresh, want: unavailable, waits: 2 * second, asks: both, state: fresh},
		}},
		{"Refresh: in the back-off", []step{
			{server: down, call: prefetch, want: unavailable, asks: [2]int{1, 0}, state: cold},
			{call: prefetch, want: unavailable, asks: none, state: cold},
			{server: up, call: refresh, asks: both, state: fresh},
			{call: junk("a success ends it"), want: unknownKey, asks: both, state: fresh},
		}},
		{"Refresh: in a Retry-After, cold", []step{
			{server: busy, call: prefetch, want: unavailable, asks: both, state: cold},
			{after: 300*second - tick, server: up, call: prefetch, want: unavailable, asks: none, state: cold},
			{call: refresh, asks: both, state: fresh},
		}},
		{"Refresh: in a Retry-After, with keys", []step{
			warm,
			{server: busy, call: junk("a"), want: unavailable, asks: both, state: fresh},
			{after: 60*second - tick, server: up, call: junk("a"), want: unavailable, asks: none, state: fresh},
			{call: refresh, asks: both, state: fresh},
		}},
		{"Refresh: a failure starts the back-off of the others", []step{
			warm,
			{server: down, call: refresh, want: unavailable, asks: both, state: fresh},
			{call: junk("a"), want: unavailable, asks: none, state: fresh},
			{call: token("key-1"), asks: none, state: fresh},
		}},
		{"Refresh: one attempt of its own a second", []step{
			{call: refresh, asks: both, state: fresh},
			{call: refresh, waits: second, asks: both, state: fresh},
			{after: 400 * time.Millisecond, call: refresh, waits: 600 * time.Millisecond, asks: both, state: fresh},
			{after: second, call: refresh, asks: both, state: fresh},
		}},
		{"Refresh: one attempt of its own a second, from its start", []step{
			{server: slow(700 * time.Millisecond), call: refresh, waits: 700 * time.Millisecond, asks: both, state: fresh},
			{call: refresh, waits: time.Second, asks: both, state: fresh},
			{server: slow(3 * second), call: refresh, waits: 300*time.Millisecond + 3*second, asks: both, state: fresh},
			{call: refresh, waits: 3 * second, asks: both, state: fresh},
		}},
		{"Refresh: one attempt of its own a second, failed or not", []step{
			{server: down, call: refresh, want: unavailable, asks: [2]int{1, 0}, state: cold},
			{call: refresh, want: unavailable, waits: second, asks: [2]int{1, 0}, state: cold},
			{server: up, call: refresh, waits: second, asks: both, state: fresh},
		}},
		{"Refresh: attempts of others do not hold it up", []step{
			warm,
			{call: refresh, asks: both, state: fresh},
			{after: second, server: rotate, call: token("key-2"), asks: both, state: fresh},
			{call: refresh, asks: both, state: fresh},
		}},
		{"Refresh: a younger one that ended is enough", []step{
			{call: refresh, asks: both, state: fresh},
			{call: refresh, aside: true, waits: second, asks: none, state: fresh},
			{after: second / 2, call: junk("a"), want: unknownKey, asks: both, state: fresh},
			{after: second, call: token("key-1"), asks: none, state: fresh},
		}},
		{"Refresh: a younger one that runs is enough", []step{
			{call: refresh, asks: both, state: fresh},
			{call: refresh, aside: true, waits: second/2 + 3*second, asks: none, state: fresh},
			{after: second / 2, server: slow(3 * second), call: junk("a"), want: unknownKey,
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"Refresh: a younger one that fails is its error", []step{
			{call: refresh, asks: both, state: fresh},
			{call: refresh, aside: true, want: unavailable, waits: second/2 + 3*second, asks: none, state: fresh},
			{after: second / 2, server: failSlowly(3 * second), call: junk("a"), want: unavailable,
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"Refresh: ends with the context, waiting for an older one", []step{
			{server: slow(3 * second), call: prefetch, aside: true, waits: 3 * second, asks: both, state: cold},
			{after: second, call: refreshWithin(second), want: unavailable, waits: second, asks: none, state: cold},
			{after: second, call: prefetch, asks: none, state: fresh},
		}},
		{"Refresh: ends with the context, waiting for the second", []step{
			{call: refresh, asks: both, state: fresh},
			{call: refreshWithin(second / 2), want: unavailable, waits: second / 2, asks: none, state: fresh},
			{after: second, call: prefetch, asks: none, state: fresh},
		}},
		{"Refresh: ends with the context, waiting for its own", []step{
			{server: slow(3 * second), call: refreshWithin(second), want: unavailable, waits: second, asks: both, state: cold},
			{call: prefetch, waits: 2 * second, asks: none, state: fresh},
		}},
		{"Refresh: ends with the context, waiting for its own after an older one", []step{
			{server: slow(3 * second), call: prefetch, aside: true, waits: 3 * second, asks: both, state: cold},
			{after: second, call: refreshWithin(4 * second), want: unavailable, waits: 4 * second, asks: both, state: fresh},
		}},
		{"Refresh: a server that hangs", []step{
			warm,
			{server: hang, call: junk("a"), aside: true, want: unavailable, waits: 10 * second, asks: [2]int{1, 0}, state: fresh},
			{after: 4 * second, call: refresh, want: unavailable, waits: 6*second + 10*second, asks: [2]int{1, 2}, state: fresh},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				var others sync.WaitGroup
				var judgeOthers []func()
				for i, step := range row.steps {
					time.Sleep(step.after)
					if step.server != nil {
						step.server(b)
					}
					var err error
					var waited time.Duration
					called := func() {
						began := time.Now()
						err = step.call(b)
						waited = time.Since(began)
					}
					judge := func() {
						testkit.Outcome(t, step.want, err)
						require.Equal(t, step.waits, waited, "step %d: the caller waited", i)
					}
					if step.aside {
						others.Go(called)
						judgeOthers = append(judgeOthers, judge)
					} else {
						called()
						judge()
					}
					synctest.Wait()
					metadata, keys := testkit.Count(b.Transport.Take())
					require.Equal(t, step.asks, [2]int{metadata, keys}, "step %d: requests for metadata and keys", i)
					require.Equal(t, step.state, b.Verifier.Status().State, "step %d: state", i)
				}
				others.Wait()
				for _, judge := range judgeOthers {
					judge()
				}
				b.Asked(0, 0)
			})
		})
	}
}

func TestColdCallersShareOneRefresh(t *testing.T) {
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

func TestColdCallersAreReleasedTogether(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Issuer.Hang()
		token := b.Token("key-1")
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				waited, err := b.Verify(t.Context(), token)
				late := errors.Is(err, jwtverifier.ErrUnavailable) && errors.Is(err, context.DeadlineExceeded)
				if late && waited == testkit.DocumentTimeout {
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
func TestCallersWaitUnderTheirOwnContext(t *testing.T) {
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
func TestHeldKeysServeUnderAnEndedContext(t *testing.T) {
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

func TestRefreshAheadIsDrawnPerFetch(t *testing.T) {
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
func TestWaitCountsFromTheRefreshsStart(t *testing.T) {
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
func TestIntervalEndsDuringARefreshAhead(t *testing.T) {
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

func TestUnknownKidsShareOneRefresh(t *testing.T) {
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

// Floods cost one refresh per cooldown, or none.
func TestFloods(t *testing.T) {
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

// The RetryAfter of an unknown kid is the time to its own next chance: the cooldown
// may end later than the back-off, or sooner.
func TestUnknownKidRetryAfter(t *testing.T) {
	for _, row := range []struct {
		name    string
		failsAt time.Duration // after the last success that an unknown kid caused began
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
				b.Refuses(jwtverifier.ErrUnknownKey, junk)
				b.Asked(1, 1)
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

func TestBackoff(t *testing.T) {
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
				junk := b.Junk("junk")
				var parts []float64
				for failures := 1; failures <= 150; failures++ {
					err := b.Refuses(jwtverifier.ErrUnavailable, junk)
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
					err = b.Refuses(jwtverifier.ErrUnavailable, junk)
					require.Equal(t, wait-wait/2, testkit.RetryAfter(t, err))
					time.Sleep(wait - wait/2 - testkit.Tick)
					err = b.Refuses(jwtverifier.ErrUnavailable, junk)
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
				err := b.Refuses(jwtverifier.ErrUnavailable, junk)
				require.LessOrEqual(t, testkit.RetryAfter(t, err), time.Second)
			})
		})
	}
}

// Once the held keys have expired, the longest wait is as for a cold verifier,
// also for the wait that is under way.
func TestBackoffShrinksWhenKeysExpire(t *testing.T) {
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

func TestRetryAfterOfAnAttempt(t *testing.T) {
	busy := func(status int, retryAfter string) jwtverifiertest.Response {
		return jwtverifiertest.Response{Status: status, Header: http.Header{"Retry-After": {retryAfter}}}
	}
	t.Run("of the metadata", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			for _, path := range b.Issuer.MetadataPaths() {
				b.Issuer.Respond(path, busy(429, "120"))
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
			b.Issuer.Respond(testkit.FirstPlace, busy(429, "120"))
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Asked(2, 2)
		})
	})
	t.Run("of both: the longest", func(t *testing.T) {
		for _, seconds := range [][2]string{{"50", ""}, {"50", "40"}, {"40", "50"}} {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Warm()
				for i, path := range []string{testkit.FirstPlace, testkit.KeysPath} {
					b.Issuer.Respond(path, busy(503, seconds[i]))
				}
				require.Equal(t, 50*time.Second, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
				b.Asked(1, 1)
			})
		}
	})
	t.Run("more of it counts once the keys have expired", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			token := b.Token("key-1")
			time.Sleep(testkit.Interval - 30*time.Second)
			b.Issuer.Respond(testkit.KeysPath, busy(503, "300"))
			require.Equal(t, testkit.MaxRetryAfter, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
			b.Accepts(token)
			time.Sleep(30*time.Second + testkit.Tick)
			err := b.Refuses(jwtverifier.ErrUnavailable, token)
			require.Equal(t, testkit.MaxColdRetryAfter-30*time.Second-testkit.Tick, testkit.RetryAfter(t, err))
			b.Asked(1, 1)
		}, jwtverifier.WithMaxStale(0))
	})
	t.Run("shorter than the back-off", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.KeysPath, busy(503, "1"))
			var wait time.Duration
			for range 8 {
				time.Sleep(wait)
				wait = testkit.RetryAfter(t, b.Verifier.Refresh(t.Context()))
			}
			require.GreaterOrEqual(t, wait, testkit.MaxBackoff/2)
		})
	})
	t.Run("the last failure counts", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.KeysPath, busy(503, "200"))
			time.Sleep(testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())))
			b.KeysFail(503)
			require.LessOrEqual(t, testkit.RetryAfter(t, b.Verifier.Refresh(t.Context())), 2*time.Second)
		})
	})
	t.Run("is obeyed for unknown kids, and held keys serve", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			time.Sleep(testkit.Cooldown)
			b.Issuer.Respond(testkit.KeysPath, busy(429, "60"))
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

func TestAgesCountFromTheAttemptsStart(t *testing.T) {
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
func TestAttemptTimeout(t *testing.T) {
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
}

func TestRefresh(t *testing.T) {
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
			b.Asked(3, 3)
		})
	})
	t.Run("knows no cooldown and no interval", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			began := time.Now()
			for range 5 {
				require.NoError(t, b.Verifier.Refresh(t.Context()))
			}
			require.Equal(t, 4*testkit.ForcedPause, time.Since(began))
			b.Asked(5, 5)
		})
	})
	t.Run("a hundred callers share the one after the one that runs", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			const slow = 2 * time.Second
			b.KeysAfter(slow)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					arrives := time.Duration(i) * 10 * time.Millisecond
					time.Sleep(arrives)
					called := time.Now()
					want := 2*slow - arrives
					if i%10 == 0 {
						assert.NoError(t, b.Verifier.Prefetch(t.Context()))
						want = slow - arrives
					} else {
						assert.NoError(t, b.Verifier.Refresh(t.Context()))
					}
					assert.Equal(t, want, time.Since(called), "the caller that arrived after %v", arrives)
				})
			}
			wg.Wait()
			b.Asked(2, 2)
		})
	})
	t.Run("a hundred callers at once share one or two", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			began := time.Now()
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() { assert.NoError(t, b.Verifier.Refresh(t.Context())) })
			}
			wg.Wait()
			require.LessOrEqual(t, time.Since(began), testkit.ForcedPause)
			metadata, keys := testkit.Count(b.Transport.Take())
			require.Equal(t, metadata, keys)
			require.LessOrEqual(t, keys, 2)
		})
	})
	t.Run("a hundred callers in an outage: one attempt a second", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Down()
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					arrives := time.Duration(i) * 49 * time.Millisecond
					time.Sleep(arrives)
					called := time.Now()
					testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
					until := arrives.Truncate(testkit.ForcedPause)
					if i > 0 {
						until += testkit.ForcedPause
					}
					assert.Equal(t, until-arrives, time.Since(called), "the caller that arrived after %v", arrives)
				})
			}
			wg.Wait()
			b.Asked(6, 6)
			b.Accepts(b.Token("key-1"))
		})
	})
	t.Run("waits under its own context", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			time.Sleep(time.Second)
			b.KeysAfter(3 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.Verifier.Refresh(ctx)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			require.Zero(t, b.Verifier.Status().Failures, "the refresh itself goes on")
			fetched := b.Verifier.Status().FetchedAt
			time.Sleep(2 * time.Second)
			synctest.Wait()
			require.Equal(t, began, b.Verifier.Status().FetchedAt)
			require.True(t, began.After(fetched))
			b.Asked(1, 1)
		})
	})
}

func TestNoGoroutineWhenIdle(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		idle := func(when string) {
			t.Helper()
			synctest.Wait()
			require.Zero(t, testkit.OwnGoroutines(), when)
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
		require.Equal(t, 2, testkit.OwnGoroutines(), "one for the refresh that runs, one for its document")
		time.Sleep(2 * testkit.DocumentTimeout)
		idle("after a server that hangs")
	})
}
