package outage_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
)

// A scope is which documents have the fault.
type scope struct {
	name     string
	metadata bool
	keys     bool
}

var scopes = []scope{
	{name: "metadata", metadata: true},
	{name: "keys", keys: true},
	{name: "both", metadata: true, keys: true},
}

// An age is how old the held keys are.
type age string

const (
	cold    age = "cold"
	fresh   age = "fresh"
	ahead   age = "in refresh-ahead"
	past    age = "past the interval"
	expired age = "past max stale"
)

var ages = []age{cold, fresh, ahead, past, expired}

// A cell is what is expected of one call.
type cell struct {
	err       error // nil: accepted
	waits     time.Duration
	metadata  int  // requests
	keys      int  // requests
	failed    bool // an attempt has failed
	succeeded bool // an attempt has succeeded
}

// expected derives a cell from the policy.
func expected(where scope, f fault, held age, unknownKid bool) cell {
	if held == fresh && !unknownKid {
		return cell{}
	}

	// What the attempt comes to.
	var (
		c     cell
		takes time.Duration
	)
	found := true // where the keys are is known
	c.metadata = 1
	if where.metadata {
		takes = f.takes
		switch winner := held != cold; {
		case winner && f.kind != worthless: // the last known jwks_uri is read at once
		case f.kind == noAnswer: // ends the attempt
			found = false
		default: // the other places are asked, which are no better
			found, c.metadata = false, 3
		}
	}
	if found {
		c.keys = 1
		if where.keys {
			takes += f.takes
		}
	}
	c.succeeded = found && !where.keys
	c.failed = !c.succeeded

	// What the caller sees of it.
	switch {
	case unknownKid, held == cold, held == expired:
		c.waits = takes
		if c.failed {
			c.err = jwtverifier.ErrUnavailable
		}
	case held == past:
		c.waits = min(takes, testkit.MaxWait)
	}
	return c
}

// TestFailureMatrix is every fault of each document, in every state of the keys,
// for a token by a held key and for one by a key that the server published since.
func TestFailureMatrix(t *testing.T) {
	for _, where := range scopes {
		for _, f := range faults {
			for _, held := range ages {
				for _, unknownKid := range []bool{false, true} {
					kid := "known kid"
					if unknownKid {
						kid = "unknown kid"
					}
					t.Run(fmt.Sprintf("%s/%s/%s/%s", where.name, f.name, held, kid), func(t *testing.T) {
						testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
							testCell(t, b, where, f, held, unknownKid)
						})
					})
				}
			}
		}
	}
}

func testCell(t *testing.T, b *testkit.Bench, where scope, f fault, held age, unknownKid bool) {
	if held != cold {
		b.Warm()
	}
	switch held {
	case ahead:
		time.Sleep(time.Until(b.Verifier.Status().NextRefresh) + testkit.Tick)
	case past:
		time.Sleep(testkit.Interval + testkit.Tick)
	case expired:
		time.Sleep(testkit.Interval + testkit.MaxStale + testkit.Tick)
	}
	heldKeys := b.Verifier.Status().KeyIDs
	b.Issuer.PublishKey()
	known, unknown := b.Token("key-1"), b.Token("key-2")
	token := known
	if unknownKid {
		token = unknown
	}
	if where.metadata {
		document := testkit.Metadata(testkit.Issuer, testkit.KeysURL)
		for _, path := range b.Issuer.MetadataPaths() {
			b.Transport.Answer(path, f.answer(document))
		}
	}
	if where.keys {
		b.Transport.Answer(testkit.KeysPath, f.answer(string(b.Issuer.JWKS())))
	}
	want := expected(where, f, held, unknownKid)

	waited, err := b.Verify(t.Context(), token)
	testkit.Outcome(t, want.err, err)
	require.Equal(t, want.waits, waited, "the caller waited")
	if want.err != nil {
		wait := testkit.RetryAfter(t, err)
		obeyed := testkit.MaxRetryAfter
		if held == cold || held == expired {
			obeyed = testkit.MaxColdRetryAfter
		}
		if f.retryAfter != 0 {
			require.Equal(t, min(f.retryAfter, obeyed), wait)
		} else {
			require.GreaterOrEqual(t, wait, time.Second/2)
			require.LessOrEqual(t, wait, time.Second)
		}
	}

	// Once more: the same answer, at once, and no more requests than the attempt makes.
	waited, again := b.Verify(t.Context(), token)
	testkit.Outcome(t, want.err, again)
	require.Zero(t, waited)

	time.Sleep(2*testkit.DocumentTimeout + testkit.Tick) // the attempt has ended
	synctest.Wait()
	asked := b.Transport.Take()
	metadata, keys := testkit.Count(asked)
	require.Equal(t, [2]int{want.metadata, want.keys}, [2]int{metadata, keys}, "requests for metadata and keys: %q", asked)
	for _, path := range asked {
		require.True(t, strings.HasPrefix(path, "/"), "asked another server: %s", path)
	}
	status := b.Verifier.Status()
	require.Equal(t, want.failed, status.Failures == 1)
	require.Equal(t, want.failed, status.Failures != 0)
	switch {
	case want.succeeded:
		require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
		require.True(t, status.Ready())
	default:
		require.Equal(t, heldKeys, status.KeyIDs, "a failed answer replaces nothing")
	}

	// Full recovery: one attempt, if one is due at all.
	b.Transport.Reset()
	time.Sleep(2 * time.Minute)
	b.Accepts(unknown)
	b.Accepts(known)
	if want.succeeded {
		b.Asked(0, 0)
	} else {
		b.Asked(1, 1)
	}
	status = b.Verifier.Status()
	require.Equal(t, jwtverifier.StateFresh, status.State)
	require.Zero(t, status.Failures)
	require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
}
