package jwtverifier

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/jwtverifiertest"
)

func newInternalVerifier(t *testing.T, issuer *jwtverifiertest.Issuer, opts ...Option) *Verifier {
	t.Helper()
	opts = append([]Option{WithAudience(jwtverifiertest.Audience), WithHTTPClient(issuer.Client())}, opts...)
	v, err := New(issuer.URL(), opts...)
	require.NoError(t, err)
	return v
}

// moveWall moves the wall clock part of t by whole seconds, and leaves its
// monotonic part alone, as if the machine's clock had been set. Package time has
// no way to do that, so this one knows how a Time with both parts is laid out.
// Whoever uses it checks that it did what it says.
func moveWall(t time.Time, d time.Duration) time.Time {
	const secondsShift = 30 // above the nanoseconds
	layout := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	layout.wall += uint64(int64(d/time.Second) << secondsShift)
	return t
}

// agedSet returns a set that was fetched so long ago by the wall clock, and so
// long ago by the monotonic one.
func agedSet(now time.Time, wall, monotonic time.Duration) *keySet {
	fetched := moveWall(now.Add(-monotonic), monotonic-wall)
	return &keySet{fetched: fetched, interval: time.Hour, ahead: time.Hour, maxStale: time.Hour}
}

// The age of a key set is the larger of two: by the monotonic clock, which
// stands still while the machine sleeps, and by the wall clock, which can be set.
func TestAgeIsTheLargerOfTwo(t *testing.T) {
	const year = 365 * 24 * time.Hour
	now := time.Now()
	for _, row := range []struct {
		name                  string
		wall, monotonic, want time.Duration
		state                 State
	}{
		{"both agree", time.Minute, time.Minute, time.Minute, StateFresh},
		{"the machine slept", 90 * time.Minute, time.Minute, 90 * time.Minute, StateStale},
		{"the machine slept for long", year, time.Minute, year, StateExpired},
		{"the clock was set back", time.Minute - year, time.Minute, time.Minute, StateFresh},
		{"the clock was set back, and the time passes", 3*time.Hour - year, 3 * time.Hour, 3 * time.Hour, StateExpired},
		{"the clock was set forward", year + time.Minute, time.Minute, year + time.Minute, StateExpired},
	} {
		t.Run(row.name, func(t *testing.T) {
			set := agedSet(now, row.wall, row.monotonic)
			require.Equal(t, row.monotonic, now.Sub(set.fetched), "the test's own means: the monotonic part")
			require.Equal(t, row.wall, now.Round(0).Sub(set.fetched.Round(0)), "the test's own means: the wall part")
			assert.Equal(t, row.want, set.age(now))
			assert.Equal(t, row.state, set.state(now))
		})
	}
}

// A wall clock that jumps makes keys be fetched again, and never immortal. It is
// tested in real time, since times in a bubble have no monotonic part.
func TestWallClockJumps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	issuer := jwtverifiertest.New("")
	v := newInternalVerifier(t, issuer)
	verify := func() error {
		_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
		return err
	}
	change := func(fetched func(time.Time) time.Time) {
		set := *v.keys.set.Load()
		set.fetched = fetched(set.fetched)
		v.keys.set.Store(&set)
	}
	jump := func(d time.Duration) { change(func(f time.Time) time.Time { return moveWall(f, -d) }) }
	pass := func(d time.Duration) { change(func(f time.Time) time.Time { return f.Add(-d) }) }
	asked := func() int { return issuer.Requests(issuer.JWKSPath()) }

	require.NoError(t, verify())
	require.Equal(t, 1, asked())

	jump(year)
	require.Equal(t, StateExpired, v.Status().State)
	require.NoError(t, verify())
	require.Equal(t, 2, asked(), "forward: fetched again before anything is served")

	jump(-year)
	require.Equal(t, StateFresh, v.Status().State)
	require.NoError(t, verify())
	require.Equal(t, 2, asked())
	issuer.Down()
	pass(defaultRefreshInterval)
	require.Equal(t, StateStale, v.Status().State)
	pass(defaultMaxStale)
	require.Equal(t, StateExpired, v.Status().State, "back: not immortal")
	require.ErrorIs(t, verify(), ErrUnavailable)
	require.Equal(t, 3, asked())

	// The cooldown of unknown kids goes by the larger of the two, too.
	issuer.Reset()
	require.NoError(t, refreshAgain(t, v))
	since := func(began func(time.Time) time.Time) {
		v.keys.mu.Lock()
		v.keys.unknownAt = began(v.keys.unknownAt)
		v.keys.mu.Unlock()
	}
	issuer.RotateKey()
	require.NoError(t, verify())
	require.Equal(t, 5, asked())
	issuer.RotateKey()
	require.ErrorIs(t, verify(), ErrUnknownKey)
	since(func(at time.Time) time.Time { return moveWall(at, -unknownKeyPause) })
	require.NoError(t, verify())
	require.Equal(t, 6, asked())
	issuer.RotateKey()
	since(func(at time.Time) time.Time { return moveWall(at, year) })
	require.ErrorIs(t, verify(), ErrUnknownKey)
	since(func(at time.Time) time.Time { return at.Add(-unknownKeyPause) })
	require.NoError(t, verify())
	require.Equal(t, 7, asked())

	// And so does the pause between attempts that Refresh starts.
	v.keys.forcedAt = moveWall(time.Now(), year)
	r, pause := v.keys.force(v.keys.attempts.Load())
	require.Nil(t, r)
	require.Positive(t, pause)
	require.LessOrEqual(t, pause, forcedPause)
	v.keys.forcedAt = moveWall(time.Now(), -forcedPause)
	r, _ = v.keys.force(v.keys.attempts.Load())
	require.NotNil(t, r)
	require.NoError(t, r.wait(t.Context()))
	require.Equal(t, 8, asked())
}

// Whoever missed a set looks at the current one before a refresh is started.
func TestUnknownKeyLooksAgainUnderTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		v := newInternalVerifier(t, issuer)
		require.NoError(t, v.Prefetch(t.Context()))
		old, called := v.keys.set.Load(), v.keys.attempts.Load()
		time.Sleep(unknownKeyPause)
		require.NoError(t, v.Refresh(t.Context()))
		time.Sleep(unknownKeyPause)
		asked := issuer.Requests("")

		set, now, started, err := v.keys.newer(t.Context(), old, called)
		require.NoError(t, err)
		require.False(t, started)
		require.Same(t, v.keys.set.Load(), set)
		require.Equal(t, time.Now(), now)
		require.Equal(t, asked, issuer.Requests(""))

		// The same for whoever found it old.
		r, err := v.keys.join(old, time.Now())
		require.Nil(t, r)
		require.NoError(t, err)
		require.Equal(t, asked, issuer.Requests(""))

		// And whoever sees the current one starts a refresh, once.
		_, _, started, err = v.keys.newer(t.Context(), set, v.keys.attempts.Load())
		require.NoError(t, err)
		require.True(t, started)
		require.Equal(t, asked+2, issuer.Requests(""))
	})
}

// A key whose kid and material stay keeps its identity.
func TestKeysKeepTheirIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		v := newInternalVerifier(t, issuer)
		held := func(kid string) *key {
			require.NoError(t, v.Refresh(t.Context()))
			if keys := v.keys.set.Load().byName[keyName{jose.RS256, kid}]; len(keys) == 1 {
				return keys[0]
			}
			return nil
		}
		first := held("key-1")
		require.Same(t, first, held("key-1"))
		issuer.RotateKey()
		require.Same(t, first, held("key-1"), "beside another")
		second := held("key-2")

		// In another order, with other members, in another spelling.
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{
			Body: bytes.ReplaceAll(issuer.JWKS(), []byte(`"e":"AQAB"`), []byte(`"x":1,"e" : "AAEAAQ"`)),
		})
		require.Same(t, second, held("key-2"))
		issuer.Reset()

		issuer.ReplaceKey("key-2")
		replaced := held("key-2")
		require.NotNil(t, replaced)
		require.NotSame(t, second, replaced, "other material")
		require.Same(t, first, held("key-1"))

		issuer.RetireKey("key-1")
		require.Nil(t, held("key-1"))

		// A set that failed changes nothing at all.
		set := v.keys.set.Load()
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: []byte(`{"keys":[]}`)})
		require.ErrorIs(t, v.Refresh(t.Context()), ErrUnavailable)
		require.Same(t, set, v.keys.set.Load())
	})
}

// Expired keys, and those of a refresh that failed, are never returned.
func TestUsableNeverReturnsExpiredKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		v := newInternalVerifier(t, issuer, WithMaxStale(0))
		require.NoError(t, v.Prefetch(t.Context()))
		time.Sleep(defaultRefreshInterval)
		issuer.Hang()
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				arrived := time.Now()
				set, now, err := v.keys.usable(t.Context())
				if err == nil {
					assert.Zero(t, now.Sub(arrived))
					assert.Equal(t, StateFresh, set.state(now))
				} else {
					assert.ErrorIs(t, err, ErrUnavailable)
				}
			})
		}
		wg.Wait()
	})
}

// The Verifier's own transport has no open connection when a refresh has ended,
// whatever came of it. (Over TLS and HTTP/2: the tests of internal/web.)
func TestRefreshLeavesNoConnection(t *testing.T) {
	var open, ever atomic.Int32
	server := httptest.NewUnstartedServer(nil)
	issuer := jwtverifiertest.New("http://" + server.Listener.Addr().String())
	server.Config.Handler = issuer
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
			ever.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	server.Start()
	defer server.Close()
	defer issuer.Close()
	none := func(when string) {
		t.Helper()
		require.Eventually(t, func() bool { return open.Load() == 0 }, 2*time.Second, 5*time.Millisecond,
			"%s: %d connections are open", when, open.Load())
	}

	v, err := New(issuer.URL(), WithAudience(jwtverifiertest.Audience))
	require.NoError(t, err)
	for range 20 {
		require.NoError(t, refreshAgain(t, v))
		none("success")
	}
	require.LessOrEqual(t, ever.Load(), int32(20), "one connection for both documents")

	for _, answer := range []jwtverifiertest.Response{
		{Status: 404, Body: bytes.Repeat([]byte("x"), 100_000)},
		{Status: 503},
		{Body: []byte("<html>")},
		{Body: bytes.Repeat([]byte(" "), 2<<20)},
		{Body: []byte("{"), Hang: jwtverifiertest.CutBody},
		{Status: 302, Header: http.Header{"Location": {"https://evil.example/"}}},
	} {
		issuer.Respond(issuer.JWKSPath(), answer)
		require.ErrorIs(t, refreshAgain(t, v), ErrUnavailable)
		none(fmt.Sprintf("status %d", answer.Status))
	}
	issuer.Reset()
	issuer.Down()
	require.ErrorIs(t, refreshAgain(t, v), ErrUnavailable)
	none("down")
	issuer.Reset()
	require.NoError(t, refreshAgain(t, v))
	none("recovered")
}

// refreshAgain refreshes as if a second had passed since the last Refresh.
func refreshAgain(t *testing.T, v *Verifier) error {
	t.Helper()
	v.keys.mu.Lock()
	v.keys.forcedAt = v.keys.forcedAt.Add(-forcedPause)
	v.keys.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return v.Refresh(ctx)
}
