package jwtverifier_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A recorder is an Observer that remembers what was reported.
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

		// Unknown kids: admitted, then suppressed within the cooldown.
		junk := issuer.Token(values{"kid": "junk"}, issuer.AccessTokenClaims())
		verify(junk)
		require.Equal(t, []jwtverifier.UnknownKeyInfo{{Admitted: true}}, r.unknown)
		require.Len(t, r.refreshes, 2)
		verify(junk)
		require.Equal(t, []jwtverifier.UnknownKeyInfo{{Admitted: true}, {Admitted: false}}, r.unknown)
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
			Skipped: []jwtverifier.SkippedKey{{Index: 0, KeyID: "ec", Reason: `kty "EC" without crv is not accepted`}},
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

// UnknownKey is called once for a token, however often its verification waits.
func TestUnknownKeyIsReportedOnce(t *testing.T) {
	var reported []bool
	unknown := jwtverifier.WithObserver(jwtverifier.Observer{
		UnknownKey: func(i jwtverifier.UnknownKeyInfo) { reported = append(reported, i.Admitted) },
	})
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		took := func(want ...bool) {
			t.Helper()
			require.Equal(t, want, reported)
			reported = nil
		}
		b.Refuses(jwtverifier.ErrUnknownKey, b.Junk("its call has waited for newer keys"))
		took(false)

		joined := func(token string, want error) {
			t.Helper()
			b.KeysAfter(time.Second)
			go func() { _ = b.Verifier.Refresh(t.Context()) }()
			synctest.Wait()
			b.Issuer.Reset()
			_, err := b.Verify(t.Context(), token)
			testkit.Outcome(t, want, err)
			time.Sleep(time.Second)
		}
		joined(b.Junk("it causes its own after the one that it joins"), jwtverifier.ErrUnknownKey)
		took(true)
		joined(b.Junk("it may cause none after that"), jwtverifier.ErrUnknownKey)
		took(false)
		b.Issuer.RotateKey()
		joined(b.Token("key-2"), nil)
		took(false)

		time.Sleep(testkit.Cooldown)
		b.Issuer.Down()
		b.Refuses(jwtverifier.ErrUnavailable, b.Junk("the refresh that it causes fails"))
		took(true)
		b.Refuses(jwtverifier.ErrUnavailable, b.Junk("the back-off runs"))
		took(false)
		b.Accepts(b.Token("key-2"))
		b.Refuses(jwtverifier.ErrSignature, b.Forged())
		took()
	}, unknown)
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
	require.Len(t, seen, 11)
	require.True(t, seen[0].Ready())
}

// logLines are the lines of a log.
func logLines(t *testing.T, log *bytes.Buffer) []map[string]any {
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

// linesWith returns the lines with this text in the message.
func linesWith(lines []map[string]any, message string) (found []map[string]any) {
	for _, line := range lines {
		if strings.Contains(line["msg"].(string), message) {
			found = append(found, line)
		}
	}
	return found
}

func TestLog(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		var everything strings.Builder
		read := func() []map[string]any {
			synctest.Wait()
			everything.WriteString(log.String())
			return logLines(t, &log)
		}
		token, junk := b.Token("key-1"), b.Junk("junk-kid")

		// Keys that appeared.
		b.Warm()
		changed := linesWith(read(), "keys changed")
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
		changed = linesWith(read(), "keys changed")
		require.Len(t, changed, 1)
		require.Equal(t, []any{"key-2"}, changed[0]["added"])
		require.Equal(t, []any{"key-1"}, changed[0]["removed"])

		// Entries that were skipped, and why; once, not at every refresh.
		odd := `{"kty":"EC","kid":"curve\nline"},{"kty":"RSA","use":"enc","kid":"enc","d":"SECRET"},`
		body := strings.Replace(string(b.Issuer.JWKS()), `[`, `[`+odd, 1)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(body)})
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		lines := read()
		require.Len(t, linesWith(lines, "keys changed"), 1)
		skipped := linesWith(lines, "key skipped")
		require.Len(t, skipped, 2)
		require.EqualValues(t, 0, skipped[0]["index"])
		require.Equal(t, `curve\nline`, skipped[0]["kid"])
		require.Equal(t, `kty "EC" without crv is not accepted`, skipped[0]["reason"])
		require.Equal(t, "enc", skipped[1]["kid"])
		require.Equal(t, "use is not sig", skipped[1]["reason"])
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, read())

		// Failure and recovery.
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Status: 503, Body: []byte("SECRET body")})
		err := b.Verifier.Refresh(t.Context())
		failed := linesWith(read(), "refresh failed")
		require.Len(t, failed, 1)
		require.Equal(t, "WARN", failed[0]["level"])
		require.Contains(t, failed[0]["error"], "503")
		require.EqualValues(t, testkit.RetryAfter(t, err), failed[0]["retry_after"])
		b.Refuses(jwtverifier.ErrUnavailable, junk)
		require.Empty(t, read(), "nothing was tried")
		time.Sleep(time.Second)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(`{"keys":["SECRET"],"SECRET":1}`)})
		require.Error(t, b.Verifier.Refresh(t.Context()))
		require.Len(t, linesWith(read(), "refresh failed"), 1)
		time.Sleep(2 * time.Second)
		b.Issuer.Reset()
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		recovered := linesWith(read(), "refresh recovered")
		require.Len(t, recovered, 1)
		require.Equal(t, "INFO", recovered[0]["level"])
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		require.Empty(t, linesWith(read(), "recovered"))

		// An issuer that differs: both names, as an error.
		for _, path := range b.Issuer.MetadataPaths() {
			b.Transport.Answer(path, testkit.Text(200, testkit.Metadata("https://evil.example/\nSECOND LINE", testkit.KeysURL)))
		}
		require.Error(t, b.Verifier.Refresh(t.Context()))
		mismatch := linesWith(read(), "another issuer")
		require.Len(t, mismatch, 3)
		require.Equal(t, "ERROR", mismatch[0]["level"])
		require.Equal(t, "jwtverifier: metadata is of another issuer", mismatch[0]["msg"])
		require.Contains(t, mismatch[0]["error"], `https://evil.example/\\n`, "quoted twice")
		require.Contains(t, mismatch[0]["error"], testkit.Issuer)

		// An issuer that differs and another place that wins.
		b.Transport.Reset()
		time.Sleep(2 * time.Second)
		b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
		require.NoError(t, b.Verifier.Refresh(t.Context()))
		lines = read()
		require.Len(t, linesWith(lines, "another issuer"), 1)
		require.Len(t, linesWith(lines, "recovered"), 1)

		// A name of any length.
		long := testkit.Metadata("https://"+strings.Repeat("e", 100_000), testkit.KeysURL)
		b.Transport.Answer(testkit.SecondPlace, testkit.Text(200, long))
		b.Transport.Answer(testkit.ThirdPlace, testkit.Refused)
		require.Error(t, b.Verifier.Refresh(t.Context()))
		require.NotEmpty(t, linesWith(read(), "another issuer"))

		logged := everything.String()
		require.NotContains(t, logged, "SECRET")
		for _, segment := range strings.Split(token+"."+junk, ".") {
			require.NotContains(t, logged, segment)
		}
		require.NotContains(t, logged, "junk-kid")
	}, jwtverifier.WithLogger(logger))
}

// The keys' state is logged as it is seen.
// TestLogOfHTTP: each http URL beyond loopback that is really used is logged, once.
func TestLogOfHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for origin, want := range map[string]int{"http://issuer.example": 2, "http://localhost:8080": 0, "https://issuer.example": 0} {
			var log bytes.Buffer
			issuer := jwtverifiertest.New(origin)
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(issuer.Client()),
				jwtverifier.WithInsecureHTTP(), jwtverifier.WithLogger(slog.New(slog.NewJSONHandler(&log, nil))))
			require.NoError(t, err)
			require.Empty(t, log.String(), "nothing is used yet")
			for range 3 {
				require.NoError(t, v.Refresh(t.Context()))
			}
			synctest.Wait()
			const message = `"level":"WARN","msg":"jwtverifier: fetches by http, which anyone on the way can change"`
			require.Equal(t, want, strings.Count(log.String(), message), origin)
			for _, url := range []string{issuer.URL() + "/.well-known/oauth-authorization-server", issuer.JWKSURL()}[:want] {
				require.Contains(t, log.String(), `"url":"`+url+`"`)
			}
		}
	})
}

func TestLogOfStates(t *testing.T) {
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
		for _, line := range linesWith(logLines(t, &log), "keys are ") {
			state := strings.TrimPrefix(line["msg"].(string), "jwtverifier: keys are ")
			states = append(states, line["level"].(string)+" "+state)
		}
		require.Equal(t, []string{"INFO fresh", "WARN stale", "ERROR expired"}, states)
	}, jwtverifier.WithLogger(logger))
}

func TestLogsManyKeysInOneLine(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		entries := strings.Repeat(`{"kty":"EC","kid":"`+strings.Repeat("k", 500)+`"},`, 500)
		body := strings.Replace(string(b.Issuer.JWKS()), `[`, `[`+entries, 1)
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(body)})
		b.Warm()
		synctest.Wait()
		require.Less(t, log.Len(), 16<<10)
		lines := logLines(t, &log)
		require.LessOrEqual(t, len(lines), 30)
		require.EqualValues(t, 500, linesWith(lines, "keys changed")[0]["skipped"])
	}, jwtverifier.WithLogger(logger))
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
