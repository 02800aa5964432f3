package jwtverifier_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// A recorder is an Observer that remembers what it was told.
type recorder struct {
	fetches   []jwtverifier.FetchDoneInfo
	refreshes []jwtverifier.RefreshDoneInfo
	keys      []jwtverifier.KeysChangedInfo
	states    []jwtverifier.StateChangedInfo
	unknown   []jwtverifier.UnknownKeyInfo
	judged    []jwtverifier.VerifyDoneInfo
}

func (r *recorder) observer() jwtverifier.Observer {
	return jwtverifier.Observer{
		FetchDone:    func(i jwtverifier.FetchDoneInfo) { r.fetches = append(r.fetches, i) },
		RefreshDone:  func(i jwtverifier.RefreshDoneInfo) { r.refreshes = append(r.refreshes, i) },
		KeysChanged:  func(i jwtverifier.KeysChangedInfo) { r.keys = append(r.keys, i) },
		StateChanged: func(i jwtverifier.StateChangedInfo) { r.states = append(r.states, i) },
		UnknownKey:   func(i jwtverifier.UnknownKeyInfo) { r.unknown = append(r.unknown, i) },
		VerifyDone:   func(i jwtverifier.VerifyDoneInfo) { r.judged = append(r.judged, i) },
	}
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		issuer, v := newPair(t, jwtverifier.WithObserver(r.observer()), jwtverifier.WithTokenCache(10))
		good := issuer.AccessToken(values{"exp": time.Now().Add(100 * time.Hour).Unix()})
		verify := func(raw string) {
			_, _ = v.VerifyAccessToken(t.Context(), raw)
			synctest.Wait()
		}

		verify(good)
		require.Len(t, r.fetches, 2)
		require.Equal(t, issuer.JWKSURL(), r.fetches[1].URL)
		require.Equal(t, http.StatusOK, r.fetches[1].StatusCode)
		require.Equal(t, len(issuer.JWKS()), r.fetches[1].Bytes)
		require.NoError(t, r.fetches[1].Err)
		require.Equal(t, []jwtverifier.RefreshDoneInfo{{}}, r.refreshes)
		require.Equal(t, []jwtverifier.KeysChangedInfo{{Added: []string{"key-1"}}}, r.keys)
		require.Equal(t, []jwtverifier.StateChangedInfo{{From: jwtverifier.StateCold, To: jwtverifier.StateFresh}}, r.states)

		verify(good)
		verify(issuer.AccessToken(values{"exp": 1}))
		_, _ = v.VerifyIDToken(t.Context(), "x", "n")
		require.Equal(t, []jwtverifier.VerifyDoneInfo{
			{Kind: "access", Code: "ok"},
			{Kind: "access", Code: "ok", Cached: true},
			{Kind: "access", Code: "expired"},
			{Kind: "id", Code: "malformed"},
		}, r.judged)

		// Unknown kids: suppressed within the cooldown, then admitted.
		junk := issuer.Token(values{"kid": "junk"}, issuer.AccessTokenClaims())
		verify(junk)
		require.Equal(t, []jwtverifier.UnknownKeyInfo{{Admitted: false}}, r.unknown)
		require.Len(t, r.refreshes, 1)
		time.Sleep(10 * time.Second)
		verify(junk)
		require.Equal(t, []jwtverifier.UnknownKeyInfo{{Admitted: false}, {Admitted: true}}, r.unknown)
		require.Len(t, r.refreshes, 2)
		require.Len(t, r.keys, 1, "the same keys again are no change")

		// A key goes, one comes, one changes, one is skipped.
		issuer.RotateKey()
		issuer.RotateKey()
		issuer.RetireKey("key-2")
		issuer.ReplaceKey("key-1")
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{
			Body: bytes.Replace(issuer.JWKS(), []byte(`{"keys":[`), []byte(`{"keys":[{"kty":"EC","kid":"ec"},`), 1)})
		require.NoError(t, v.Refresh(t.Context()))
		require.Equal(t, jwtverifier.KeysChangedInfo{
			Added: []string{"key-1", "key-3"}, Removed: []string{"key-1"},
			Skipped: []jwtverifier.SkippedKey{{Index: 0, KeyID: "ec", Reason: `kty "EC" is not accepted`}},
		}, r.keys[1])
		require.NoError(t, v.Refresh(t.Context()))
		require.Len(t, r.keys, 2)

		// Outage, and the way through the states and back.
		issuer.Reset()
		good = issuer.AccessToken(values{"exp": time.Now().Add(100 * time.Hour).Unix()})
		r.states = nil
		issuer.Down()
		time.Sleep(16 * time.Minute)
		verify(good)
		last := r.refreshes[len(r.refreshes)-1]
		require.Error(t, last.Err)
		require.NotZero(t, last.RetryAfter)
		time.Sleep(25 * time.Hour)
		verify(good)
		require.Equal(t, "unavailable", r.judged[len(r.judged)-1].Code)
		issuer.Reset()
		time.Sleep(time.Minute)
		verify(good)
		require.True(t, r.refreshes[len(r.refreshes)-1].Recovered)
		require.Equal(t, []jwtverifier.StateChangedInfo{
			{From: jwtverifier.StateFresh, To: jwtverifier.StateStale},
			{From: jwtverifier.StateStale, To: jwtverifier.StateExpired},
			{From: jwtverifier.StateExpired, To: jwtverifier.StateFresh},
		}, r.states)
	})
}

// Observers are called outside every lock: they may use the Verifier.
func TestObserverMayUseTheVerifier(t *testing.T) {
	var v *jwtverifier.Verifier
	var seen []jwtverifier.Status
	look := func() { seen = append(seen, v.Status()) }
	issuer, v := newPair(t, jwtverifier.WithObserver(jwtverifier.Observer{
		FetchDone:    func(jwtverifier.FetchDoneInfo) { look() },
		RefreshDone:  func(jwtverifier.RefreshDoneInfo) { look() },
		KeysChanged:  func(jwtverifier.KeysChangedInfo) { look() },
		StateChanged: func(jwtverifier.StateChangedInfo) { look() },
		UnknownKey:   func(jwtverifier.UnknownKeyInfo) { look() },
		VerifyDone:   func(jwtverifier.VerifyDoneInfo) { look() },
	}))
	_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), issuer.Token(values{"kid": "junk"}, issuer.AccessTokenClaims()))
	require.Error(t, err)
	require.Len(t, seen, 8)
	require.True(t, seen[0].Ready())
}

func TestLoggerTellsOfAnotherIssuer(t *testing.T) {
	var log bytes.Buffer
	issuer, v := newPair(t, jwtverifier.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
	issuer.Respond(issuer.MetadataPaths()[0], jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example\n","jwks_uri":"https://evil.example/keys"}`)})
	require.NoError(t, v.Prefetch(t.Context()), "the second place has the right one")
	require.Contains(t, log.String(), `"level":"ERROR","msg":"jwtverifier: metadata is of another issuer","issuer":"https://issuer.example"`)
	require.Contains(t, log.String(), `https://evil.example\\\\n`)

	status := v.Status()
	require.ErrorIs(t, status.LastError, jwtverifier.ErrIssuerMismatch)
	require.False(t, status.LastErrorAt.IsZero())
	require.Zero(t, status.Failures)
	require.True(t, status.Ready())
}

func BenchmarkObserver(b *testing.B) {
	for name, opts := range map[string][]jwtverifier.Option{
		"none":    nil,
		"empty":   {jwtverifier.WithObserver(jwtverifier.Observer{})},
		"counted": {jwtverifier.WithObserver(jwtverifier.Observer{VerifyDone: func(jwtverifier.VerifyDoneInfo) {}})},
	} {
		b.Run(name, func(b *testing.B) {
			issuer, v := newPair(b, append(opts, jwtverifier.WithTokenCache(1))...)
			raw := issuer.AccessToken()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.VerifyAccessToken(b.Context(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A service that was idle for longer than the interval, or than keys are usable,
// has nothing to report if the server answers.
func TestIdleServiceLogsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		issuer, v := newPair(t, jwtverifier.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))))
		for _, idle := range []time.Duration{0, 20 * time.Minute, 30 * time.Hour} {
			time.Sleep(idle)
			_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
			require.NoError(t, err)
			synctest.Wait()
		}
		require.Empty(t, log.String())
	})
}

// Errors can be compared, as a program does that polls Status for a new one.
func TestErrorsAreComparable(t *testing.T) {
	issuer, v := newPair(t)
	issuer.Respond("", jwtverifiertest.Response{Status: http.StatusNotFound})
	require.Error(t, v.Prefetch(t.Context()))
	last := v.Status().LastError
	require.Error(t, last)
	require.True(t, last == v.Status().LastError)
}
