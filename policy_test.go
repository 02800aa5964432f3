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
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// The numbers of the refresh policy, as documented.
const (
	policyInterval   = 15 * time.Minute
	policyMaxStale   = 24 * time.Hour
	policyMaxWait    = time.Second
	policyCooldown   = 10 * time.Second
	policyDocument   = 5 * time.Second
	policyMaxBackoff = time.Minute
	policyColdLimit  = 10 * time.Second
	policyRetryLimit = 5 * time.Minute
	policyTick       = time.Nanosecond
)

// policyIssuer has a path, so that its metadata has three places.
const policyIssuer = "https://issuer.example/tenant"

// The three places of the metadata of policyIssuer, in their order, and its keys.
const (
	policyFormOne   = "/tenant/.well-known/oauth-authorization-server"
	policyFormTwo   = "/tenant/.well-known/openid-configuration"
	policyFormThree = "/.well-known/oauth-authorization-server/tenant"
	policyKeys      = "/tenant/keys"
)

// A policyTransport is the in-memory way to an issuer. It notes what was asked
// for, and can answer in the issuer's place.
type policyTransport struct {
	next http.RoundTripper

	mu      sync.Mutex // guards what follows
	answers map[string]policyAnswer
	asked   []string // path, or the whole URL if it is not of the issuer's origin
}

type policyAnswer func(*http.Request) (*http.Response, error)

func (p *policyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	name := r.URL.EscapedPath()
	if r.URL.Scheme != "https" || r.URL.Host != "issuer.example" {
		name = r.URL.String()
	}
	p.mu.Lock()
	p.asked = append(p.asked, name)
	answer := p.answers[name]
	p.mu.Unlock()
	if answer != nil {
		return answer(r)
	}
	return p.next.RoundTrip(r)
}

// answer makes the transport answer requests for the path itself; with nil the
// issuer answers again.
func (p *policyTransport) answer(path string, a policyAnswer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = a
}

func (p *policyTransport) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.answers)
}

// take returns what was asked for since the last take.
func (p *policyTransport) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// policyCount counts requests for metadata and for keys.
func policyCount(asked []string) (metadata, keys int) {
	for _, path := range asked {
		if path == policyKeys {
			keys++
		} else {
			metadata++
		}
	}
	return metadata, keys
}

// A policyBench is a verifier and its issuer, to be made inside a bubble.
type policyBench struct {
	*testing.T
	issuer    *jwtverifiertest.Issuer
	transport *policyTransport
	verifier  *jwtverifier.Verifier
	forger    string // kid of a key that is not published, once there is one
}

func newPolicyBench(t *testing.T, opts ...jwtverifier.Option) *policyBench {
	t.Helper()
	issuer := jwtverifiertest.New(policyIssuer)
	b := &policyBench{
		T: t, issuer: issuer,
		transport: &policyTransport{next: issuer.Client().Transport, answers: map[string]policyAnswer{}},
	}
	opts = append([]jwtverifier.Option{
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithHTTPClient(&http.Client{Transport: b.transport}),
	}, opts...)
	var err error
	b.verifier, err = jwtverifier.New(policyIssuer, opts...)
	require.NoError(t, err)
	return b
}

// policyBubble runs f in a bubble, with a verifier that has no keys yet.
func policyBubble(t *testing.T, f func(t *testing.T, b *policyBench), opts ...jwtverifier.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // the bubble's time ends with its function: let every refresh end before
		f(t, newPolicyBench(t, opts...))
	})
}

// warm fetches the keys.
func (b *policyBench) warm() {
	b.Helper()
	require.NoError(b, b.verifier.Prefetch(b.Context()))
	b.transport.take()
}

// token returns a good token for the next 30 days, by the key of this kid.
func (b *policyBench) token(kid string) string {
	return b.sign(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), kid)
}

// junk returns a token with a kid that nobody ever had.
func (b *policyBench) junk(kid string) string {
	return b.sign(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), "key-1")
}

// forged returns a token with the kid of the first key, by a key that is not published.
func (b *policyBench) forged() string {
	if b.forger == "" {
		b.forger = b.issuer.PublishKey()
		b.issuer.RetireKey(b.forger)
	}
	return b.sign(`{"alg":"RS256","kid":"key-1"}`, b.forger)
}

// withoutKid returns a token without kid, by the key of this kid.
func (b *policyBench) withoutKid(kid string) string { return b.sign(`{"alg":"RS256"}`, kid) }

func (b *policyBench) sign(header, kid string) string {
	payload, err := json.Marshal(jwtverifiertest.Claims{
		"iss": policyIssuer, "aud": jwtverifiertest.Audience, "sub": "user",
		"iat": time.Now().Unix(), "exp": time.Now().Add(30 * 24 * time.Hour).Unix(),
	})
	require.NoError(b, err)
	return b.issuer.SignWith(kid, []byte(header), payload)
}

// verify returns the outcome and for how long the caller waited.
func (b *policyBench) verify(ctx context.Context, token string) (time.Duration, error) {
	b.Helper()
	began := time.Now()
	accepted, err := b.verifier.VerifyAccessToken(ctx, token)
	assert.Equal(b, err == nil, accepted != nil, "a token if and only if there is no error")
	return time.Since(began), err
}

// accepts checks that the token is accepted, at once.
func (b *policyBench) accepts(token string) {
	b.Helper()
	waited, err := b.verify(b.Context(), token)
	require.NoError(b, err)
	require.Zero(b, waited)
}

// refuses checks the outcome, which must come at once.
func (b *policyBench) refuses(want error, token string) error {
	b.Helper()
	waited, err := b.verify(b.Context(), token)
	policyOutcome(b.T, want, err)
	require.Zero(b, waited)
	return err
}

// asked checks the requests made since it was last called.
func (b *policyBench) asked(metadata, keys int) {
	b.Helper()
	synctest.Wait()
	requests := b.transport.take()
	m, k := policyCount(requests)
	require.Equal(b, [2]int{metadata, keys}, [2]int{m, k}, "requests for metadata and keys: %q", requests)
}

// keysAfter makes the keys come late.
func (b *policyBench) keysAfter(d time.Duration) {
	b.issuer.Respond(policyKeys, jwtverifiertest.Response{Delay: d, Body: b.issuer.JWKS()})
}

func (b *policyBench) keysFail(status int) {
	b.issuer.Respond(policyKeys, jwtverifiertest.Response{Status: status})
}

// policyOutcome checks that err is want and of one family alone.
func policyOutcome(t *testing.T, want, err error) {
	t.Helper()
	if want == nil {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
	unavailable := want == jwtverifier.ErrUnavailable
	require.Equal(t, unavailable, errors.Is(err, jwtverifier.ErrUnavailable), "%v", err)
	require.Equal(t, !unavailable, errors.Is(err, jwtverifier.ErrInvalidToken), "%v", err)
	require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
	require.LessOrEqual(t, len(err.Error()), 1024)
	require.NotContains(t, err.Error(), "\n")
	if !unavailable {
		for _, other := range []error{jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature, jwtverifier.ErrExpired} {
			require.Equal(t, other == want, errors.Is(err, other), "%v", err)
		}
	}
}

// policyRetryAfter returns the RetryAfter of an ErrUnavailable.
func policyRetryAfter(t *testing.T, err error) time.Duration {
	t.Helper()
	var unavailable *jwtverifier.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	return unavailable.RetryAfter
}

// A policyStep is one call, and what it costs.
type policyStep struct {
	after  time.Duration        // since the step before ended
	server func(b *policyBench) // what happens at the server before the call
	call   func(b *policyBench) error
	want   error         // nil: accepted
	waits  time.Duration // exactly
	asks   [2]int        // requests for metadata and for keys
	state  jwtverifier.State
}

func policyToken(kid string) func(*policyBench) error {
	return func(b *policyBench) error { _, err := b.verify(b.Context(), b.token(kid)); return err }
}

func policyJunk(kid string) func(*policyBench) error {
	return func(b *policyBench) error { _, err := b.verify(b.Context(), b.junk(kid)); return err }
}

func policyNoKid(kid string) func(*policyBench) error {
	return func(b *policyBench) error { _, err := b.verify(b.Context(), b.withoutKid(kid)); return err }
}

func policyForged(b *policyBench) error {
	_, err := b.verify(b.Context(), b.forged())
	return err
}

func policyPrefetch(b *policyBench) error { return b.verifier.Prefetch(b.Context()) }
func policyRefresh(b *policyBench) error  { return b.verifier.Refresh(b.Context()) }

func policyDown(b *policyBench)   { b.issuer.Down() }
func policyHang(b *policyBench)   { b.issuer.Hang() }
func policyUp(b *policyBench)     { b.issuer.Reset() }
func policyRotate(b *policyBench) { b.issuer.RotateKey() }

func policySlow(d time.Duration) func(*policyBench) {
	return func(b *policyBench) { b.keysAfter(d) }
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
			{server: policySlow(5*second - policyTick), call: policyToken("key-1"), waits: 5*second - policyTick, asks: both, state: fresh},
		}},
		{"cold: no longer than a document may take", []policyStep{
			{server: policySlow(6 * second), call: policyToken("key-1"), want: unavailable, waits: policyDocument, asks: both, state: cold},
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
			{server: policyHang, call: policyToken("key-1"), want: unavailable, waits: policyDocument, asks: [2]int{1, 0}, state: cold},
			{call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
		}},
		{"older than interval and max stale: waits for the refresh", []policyStep{
			warm,
			{after: policyInterval + policyMaxStale + policyTick, server: policySlow(3 * second), call: policyToken("key-1"),
				waits: 3 * second, asks: both, state: fresh},
		}},
		{"older than interval and max stale: not a moment before", []policyStep{
			warm,
			{after: policyInterval + policyMaxStale, server: policyDown, call: policyToken("key-1"), asks: both, state: stale},
			{after: policyTick, call: policyToken("key-1"), want: unavailable, asks: none, state: expired},
			{after: second, call: policyToken("key-1"), want: unavailable, asks: both, state: expired},
			{after: 2 * second, server: policyUp, call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"older than interval and max stale: an unknown kid asks once", []policyStep{
			warm,
			{after: policyInterval + policyMaxStale + policyTick, call: policyJunk("a"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
		}},

		// Age over a point drawn per fetch in 70 … 90 % of the interval.
		{"ahead: not before 70 % of the interval", []policyStep{
			warm,
			{after: policyInterval * 7 / 10, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"ahead: served at once, refreshed in the background", []policyStep{
			warm,
			{after: policyInterval*9/10 + policyTick, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: 3*second + policyTick, call: policyToken("key-1"), asks: none, state: fresh},
			{after: policyInterval*7/10 - 4*second, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"ahead: failures are not noticed", []policyStep{
			warm,
			{after: policyInterval*9/10 + policyTick, server: policyDown, call: policyToken("key-1"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: second, call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"ahead: an unknown kid joins", []policyStep{
			warm,
			{after: policyInterval*9/10 + policyTick, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
			{after: second, call: policyJunk("a"), want: unknownKey, waits: 2 * second, asks: none, state: fresh},
		}},

		// Age over the interval.
		{"past the interval: not a moment before", []policyStep{
			warm,
			{after: policyInterval, server: policySlow(3 * second), call: policyToken("key-1"), asks: both, state: fresh},
		}},
		{"past the interval: waits for an answer that comes soon", []policyStep{
			warm,
			{after: policyInterval + policyTick, server: policySlow(second / 2), call: policyToken("key-1"), waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: a removed key is refused by an answer that comes soon", []policyStep{
			warm,
			{after: policyInterval + policyTick, server: func(b *policyBench) {
				b.issuer.RotateKey()
				b.issuer.RetireKey("key-1")
				b.keysAfter(second / 2)
			}, call: policyToken("key-1"), want: unknownKey, waits: second / 2, asks: both, state: fresh},
		}},
		{"past the interval: waits at most a second, then serves what is held", []policyStep{
			warm,
			{after: policyInterval + policyTick, server: policySlow(3 * second), call: policyToken("key-1"),
				waits: policyMaxWait, asks: both, state: stale},
			{call: policyToken("key-1"), asks: none, state: stale},
			{after: 2*second + policyTick, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: does not wait if the last attempt failed", []policyStep{
			warm,
			{after: policyInterval + policyTick, server: policyDown, call: policyToken("key-1"), asks: both, state: stale},
			{call: policyToken("key-1"), asks: none, state: stale},
			{after: second, server: func(b *policyBench) { b.issuer.Reset(); b.keysAfter(3 * second) },
				call: policyToken("key-1"), asks: both, state: stale},
			{after: 3*second + policyTick, call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"past the interval: an unknown kid waits for all of the refresh", []policyStep{
			warm,
			{after: policyInterval + policyTick, server: func(b *policyBench) { b.issuer.RotateKey(); b.keysAfter(3 * second) },
				call: policyToken("key-2"), waits: 3 * second, asks: both, state: fresh},
		}},

		// Unknown kid.
		{"unknown kid: accepted at the first token by a new key", []policyStep{
			warm,
			{after: policyCooldown, server: policyRotate, call: policyToken("key-2"), asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
		}},
		{"unknown kid: one refresh within the cooldown", []policyStep{
			warm,
			{call: policyJunk("a"), want: unknownKey, asks: none, state: fresh},
			{after: policyCooldown - policyTick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: policyTick, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("c"), want: unknownKey, asks: none, state: fresh},
			{after: policyCooldown - policyTick, server: policyRotate, call: policyToken("key-2"), want: unknownKey, asks: none, state: fresh},
			{after: policyTick, call: policyToken("key-2"), asks: both, state: fresh},
		}},
		{"unknown kid: the cooldown counts from the start of the last success", []policyStep{
			warm,
			{after: policyCooldown, server: policySlow(3 * second), call: policyJunk("a"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
			{after: 7*second - policyTick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: policyTick, call: policyJunk("c"), want: unknownKey, waits: 3 * second, asks: both, state: fresh},
		}},
		{"unknown kid: a cold start counts as a success", []policyStep{
			{call: policyJunk("a"), want: unknownKey, asks: both, state: fresh},
			{after: policyCooldown - policyTick, call: policyJunk("b"), want: unknownKey, asks: none, state: fresh},
			{after: policyTick, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a failed attempt does not consume the cooldown", []policyStep{
			warm,
			{after: policyCooldown, server: policyDown, call: policyJunk("a"), want: unavailable, asks: both, state: fresh},
			{call: policyJunk("b"), want: unavailable, asks: none, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
			{after: second, server: policyUp, call: policyJunk("c"), want: unknownKey, asks: both, state: fresh},
			{call: policyJunk("d"), want: unknownKey, asks: none, state: fresh},
		}},
		{"unknown kid: unavailable while the last attempt failed, even in the cooldown", []policyStep{
			warm,
			{server: func(b *policyBench) { b.keysFail(503) }, call: policyRefresh, want: unavailable, asks: both, state: fresh},
			{call: policyJunk("a"), want: unavailable, asks: none, state: fresh},
			{after: second, call: policyJunk("b"), want: unavailable, asks: none, state: fresh},
			{after: 9*second - policyTick, call: policyJunk("c"), want: unavailable, asks: none, state: fresh},
			{after: policyTick, server: policyUp, call: policyJunk("d"), want: unknownKey, asks: both, state: fresh},
		}},
		{"unknown kid: a server that hangs is waited for", []policyStep{
			warm,
			{after: policyCooldown, server: policyHang, call: policyJunk("a"), want: unavailable, waits: 2 * policyDocument, asks: both, state: fresh},
		}},

		// No kid in the token.
		{"no kid: the set's only key", []policyStep{
			{call: policyNoKid("key-1"), asks: both, state: fresh},
			{call: policyNoKid("key-1"), asks: none, state: fresh},
		}},
		{"no kid: no single key", []policyStep{
			{server: policyRotate, call: policyPrefetch, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unknownKey, asks: none, state: fresh},
			{after: policyCooldown, call: policyNoKid("key-1"), want: unknownKey, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unknownKey, asks: none, state: fresh},
			{call: policyJunk("the cooldown is the same"), want: unknownKey, asks: none, state: fresh},
			{after: policyCooldown, server: policyDown, call: policyNoKid("key-1"), want: unavailable, asks: both, state: fresh},
			{call: policyNoKid("key-1"), want: unavailable, asks: none, state: fresh},
			{after: second, server: func(b *policyBench) { b.issuer.Reset(); b.issuer.RetireKey("key-2") },
				call: policyNoKid("key-1"), asks: both, state: fresh},
		}},
		{"no kid: the single key's signature fails", []policyStep{
			warm,
			{server: func(b *policyBench) { b.issuer.PublishKey(); b.issuer.RetireKey("key-2") },
				call: policyNoKid("key-2"), want: signature, asks: none, state: fresh},
			{after: policyCooldown, call: policyNoKid("key-2"), want: signature, asks: both, state: fresh},
			{call: policyNoKid("key-2"), want: signature, asks: none, state: fresh},
			{after: policyCooldown, server: policyDown, call: policyNoKid("key-2"), want: unavailable, asks: both, state: fresh},
			{call: policyNoKid("key-2"), want: unavailable, asks: none, state: fresh},
		}},
		{"no kid: the single key is another now", []policyStep{
			warm,
			{after: policyCooldown, server: func(b *policyBench) { b.issuer.ReplaceKey("key-1") },
				call: policyNoKid("key-1"), asks: both, state: fresh},
		}},

		// Bad signature under a known kid.
		{"bad signature: never a refresh", []policyStep{
			warm,
			{call: policyForged, want: signature, asks: none, state: fresh},
			{after: policyCooldown, call: policyForged, want: signature, asks: none, state: fresh},
			{after: policyInterval / 2, call: policyForged, want: signature, asks: none, state: fresh},
		}},
		{"bad signature: the kid has another key now", []policyStep{
			warm,
			{after: policyCooldown, server: func(b *policyBench) { b.issuer.ReplaceKey("key-1") },
				call: policyToken("key-1"), want: signature, asks: none, state: fresh},
			{call: policyRefresh, asks: both, state: fresh},
			{call: policyToken("key-1"), asks: none, state: fresh},
		}},

		// Failure.
		{"failure: the next attempt after a second at most, a success ends it", []policyStep{
			{server: policyDown, call: policyToken("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second/2 - policyTick, call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{after: second/2 + policyTick, call: policyToken("key-1"), want: unavailable, asks: [2]int{1, 0}, state: cold},
			{after: second - policyTick, call: policyToken("key-1"), want: unavailable, asks: none, state: cold},
			{after: second + policyTick, server: policyUp, call: policyToken("key-1"), asks: both, state: fresh},
			{server: policyDown, call: policyRefresh, want: unavailable, asks: both, state: fresh},
			{after: second, server: policyUp, call: policyRefresh, asks: both, state: fresh},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				for i, step := range row.steps {
					time.Sleep(step.after)
					if step.server != nil {
						step.server(b)
					}
					began := time.Now()
					err := step.call(b)
					waited := time.Since(began)
					synctest.Wait()

					policyOutcome(t, step.want, err)
					metadata, keys := policyCount(b.transport.take())
					require.Equal(t, step.waits, waited, "step %d: the caller waited", i)
					require.Equal(t, step.asks, [2]int{metadata, keys}, "step %d: requests for metadata and keys", i)
					require.Equal(t, step.state, b.verifier.Status().State, "step %d: state", i)
				}
			})
		})
	}
}

func TestPolicyColdCallersShareOneRefresh(t *testing.T) {
	for _, firstGivesUp := range []bool{false, true} {
		t.Run(fmt.Sprintf("the first gives up: %t", firstGivesUp), func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.keysAfter(3 * time.Second)
				token := b.token("key-1")
				began := time.Now()

				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				first := make(chan error, 1)
				go func() {
					_, err := b.verify(ctx, token)
					first <- err
				}()
				synctest.Wait()

				var accepted atomic.Int32
				var wg sync.WaitGroup
				for range 999 {
					wg.Go(func() {
						if waited, err := b.verify(t.Context(), token); err == nil && waited == 3*time.Second {
							accepted.Add(1)
						}
					})
				}
				synctest.Wait()
				if firstGivesUp {
					cancel()
					err := <-first
					policyOutcome(t, jwtverifier.ErrUnavailable, err)
					require.ErrorIs(t, err, context.Canceled)
					require.Zero(t, policyRetryAfter(t, err))
					require.Zero(t, time.Since(began))
				}
				wg.Wait()
				if !firstGivesUp {
					require.NoError(t, <-first)
				}
				require.EqualValues(t, 999, accepted.Load())
				require.Equal(t, []string{policyFormOne, policyKeys}, b.transport.take())
			})
		})
	}
}

func TestPolicyColdCallersAreReleasedTogether(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.issuer.Hang()
		token := b.token("key-1")
		var refused atomic.Int32
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				waited, err := b.verify(t.Context(), token)
				if errors.Is(err, jwtverifier.ErrUnavailable) && errors.Is(err, context.DeadlineExceeded) && waited == policyDocument {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 200, refused.Load())
		b.asked(1, 0)
	})
}

// The deadline of a caller bounds its wait, and nobody else's.
func TestPolicyCallersWaitUnderTheirOwnContext(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.keysAfter(3 * time.Second)
		token := b.token("key-1")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waited, err := b.verify(ctx, token)
		policyOutcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, policyRetryAfter(t, err))
		require.Equal(t, time.Second, waited)

		waited, err = b.verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, waited)
		b.asked(1, 1)
	})
}

// An ended context bounds waiting only: what is held serves.
func TestPolicyHeldKeysServeUnderAnEndedContext(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, age := range []time.Duration{0, time.Minute, policyInterval, 2 * policyInterval, policyMaxStale} {
			time.Sleep(age)
			b.issuer.Hang()
			waited, err := b.verify(ended, b.token("key-1"))
			require.NoError(t, err, "%v", age)
			require.Zero(t, waited)
			require.NoError(t, b.verifier.Prefetch(ended))
			b.issuer.Reset()
			time.Sleep(2 * time.Minute) // whatever was started has ended, and its back-off
			require.NoError(t, b.verifier.Refresh(t.Context()))
		}

		// What needs the network is refused, at once.
		time.Sleep(policyCooldown)
		b.issuer.Hang()
		waited, err := b.verify(ended, b.junk("a"))
		policyOutcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, waited)
	})
}

func TestPolicyRefreshAheadIsDrawnPerFetch(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		const draws = 200
		var parts []float64
		token := b.token("key-1")
		b.warm()
		for range draws {
			status := b.verifier.Status()
			due := status.NextRefresh.Sub(status.FetchedAt)
			parts = append(parts, float64(due)/float64(policyInterval))

			time.Sleep(due)
			b.accepts(token)
			b.asked(0, 0)
			time.Sleep(policyTick)
			b.accepts(token)
			b.accepts(token)
			b.asked(1, 1)
			require.Equal(t, time.Duration(0), time.Since(b.verifier.Status().FetchedAt))
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		time.Sleep(policyInterval + policyTick)
		b.keysAfter(4 * time.Second)
		token := b.token("key-1")
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
				waited, err := b.verify(t.Context(), token)
				assert.NoError(t, err)
				assert.Equal(t, caller.waits, waited, "the caller that arrived after %v", caller.arrives)
			})
		}
		wg.Wait()
		b.asked(1, 1)
	})
}

// A refresh ahead that is still running when the interval ends is waited for, as
// long as it is not older than a second.
func TestPolicyIntervalEndsDuringARefreshAhead(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		token := b.token("key-1")
		time.Sleep(policyInterval - 600*time.Millisecond)
		b.keysAfter(4 * time.Second)
		b.accepts(token)
		time.Sleep(700 * time.Millisecond)
		waited, err := b.verify(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, 300*time.Millisecond, waited)
		b.asked(1, 1)
	})
}

func TestPolicyUnknownKidsShareOneRefresh(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		time.Sleep(policyCooldown)
		b.issuer.RotateKey()
		b.keysAfter(2 * time.Second)
		fresh, junk := b.token("key-2"), b.junk("junk")
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				// The later ones come when the refresh has ended.
				time.Sleep(time.Duration(i) * 4 * time.Millisecond)
				if i%2 == 0 {
					_, err := b.verify(t.Context(), fresh)
					assert.NoError(t, err)
				} else {
					_, err := b.verify(t.Context(), junk)
					assert.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
				}
			})
		}
		wg.Wait()
		b.asked(1, 1)
	})
}

// t/271, t/272: floods cost one refresh per cooldown, or none.
func TestPolicyFloods(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		junk, forged := b.junk("junk"), b.forged()
		for range 600 { // one minute
			time.Sleep(100 * time.Millisecond)
			b.refuses(jwtverifier.ErrUnknownKey, junk)
			b.refuses(jwtverifier.ErrSignature, forged)
		}
		b.asked(6, 6)
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
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.warm()
				junk := b.junk("junk")
				time.Sleep(row.failsAt)
				b.issuer.Down()
				require.Error(t, b.verifier.Refresh(t.Context()))
				b.asked(1, 1)
				b.issuer.Reset()
				wait := policyRetryAfter(t, b.refuses(jwtverifier.ErrUnavailable, junk))
				require.GreaterOrEqual(t, wait, row.least)
				require.LessOrEqual(t, wait, row.most)
				time.Sleep(wait - policyTick)
				require.Equal(t, policyTick, policyRetryAfter(t, b.refuses(jwtverifier.ErrUnavailable, junk)))
				b.asked(0, 0)
				time.Sleep(policyTick)
				b.refuses(jwtverifier.ErrUnknownKey, junk)
				b.asked(1, 1)
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
		{"with usable keys", true, policyMaxBackoff},
		{"cold", false, policyColdLimit},
	} {
		t.Run(row.name, func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				perAttempt := [2]int{1, 0} // nobody knows where the keys are
				if row.warm {
					b.warm()
					perAttempt = [2]int{1, 1}
				}
				b.issuer.Down()
				var parts []float64
				for failures := 1; failures <= 150; failures++ {
					err := b.verifier.Refresh(t.Context())
					policyOutcome(t, jwtverifier.ErrUnavailable, err)
					b.asked(perAttempt[0], perAttempt[1])

					status := b.verifier.Status()
					require.Equal(t, failures, status.Failures)
					wait := policyRetryAfter(t, err)
					require.Equal(t, wait, time.Until(status.LastErrorAt.Add(wait)))
					if !row.warm {
						require.Equal(t, time.Now().Add(wait), status.NextRefresh)
					}
					full := min(time.Second<<min(failures-1, 20), row.limit)
					parts = append(parts, float64(wait)/float64(full))

					// Not a moment sooner, and what is left is said.
					time.Sleep(wait / 2)
					err = b.verifier.Refresh(t.Context())
					require.Equal(t, wait-wait/2, policyRetryAfter(t, err))
					time.Sleep(wait - wait/2 - policyTick)
					err = b.verifier.Refresh(t.Context())
					policyOutcome(t, jwtverifier.ErrUnavailable, err)
					require.Equal(t, policyTick, policyRetryAfter(t, err))
					b.asked(0, 0)
					time.Sleep(policyTick)
				}
				assert.GreaterOrEqual(t, slices.Min(parts), 0.5-1e-6)
				assert.LessOrEqual(t, slices.Max(parts), 1.0)
				// Each misses with a probability of less than 10^-6.
				assert.Less(t, slices.Min(parts), 0.55)
				assert.Greater(t, slices.Max(parts), 0.95)

				b.issuer.Reset()
				require.NoError(t, b.verifier.Refresh(t.Context()))
				require.Zero(t, b.verifier.Status().Failures)
				b.issuer.Down()
				b.transport.take()
				err := b.verifier.Refresh(t.Context())
				require.LessOrEqual(t, policyRetryAfter(t, err), time.Second)
			})
		})
	}
}

// Once the held keys have expired, the longest wait is that of a cold verifier,
// also for the wait that is under way.
func TestPolicyBackoffShrinksWhenKeysExpire(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.warm()
		b.issuer.Down()
		token := b.token("key-1")
		for range 8 {
			time.Sleep(policyRetryAfter(t, b.verifier.Refresh(t.Context())))
		}
		usable := b.verifier.Status().FetchedAt.Add(policyInterval + 30*time.Minute)
		time.Sleep(time.Until(usable) - time.Second)
		wait := policyRetryAfter(t, b.verifier.Refresh(t.Context()))
		require.GreaterOrEqual(t, wait, policyMaxBackoff/2)
		b.accepts(token)
		b.transport.take()

		time.Sleep(2 * time.Second)
		err := b.refuses(jwtverifier.ErrUnavailable, token)
		left := policyRetryAfter(t, err)
		require.GreaterOrEqual(t, left, policyColdLimit/2-2*time.Second)
		require.LessOrEqual(t, left, policyColdLimit-2*time.Second)
		b.asked(0, 0)
		b.issuer.Reset()
		time.Sleep(left)
		b.accepts(token)
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
		{"the most", "300", 429, policyRetryLimit},
		{"over the most", "301", 429, policyRetryLimit},
		{"an hour", "3600", 429, policyRetryLimit},
		{"more than fits", "99999999999999999999999", 429, policyRetryLimit},
		{"date", date(90 * time.Second), 503, 90 * time.Second},
		{"date far ahead", date(time.Hour), 503, policyRetryLimit},
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
				policyBubble(t, func(t *testing.T, b *policyBench) {
					if warm {
						b.warm()
					}
					time.Sleep(time.Minute)
					b.issuer.Respond(policyKeys, jwtverifiertest.Response{
						Status: row.status, Header: http.Header{"Retry-After": {row.value}},
					})
					err := b.verifier.Refresh(t.Context())
					policyOutcome(t, jwtverifier.ErrUnavailable, err)
					var failed *jwtverifier.FetchError
					require.ErrorAs(t, err, &failed)
					require.Equal(t, row.status, failed.StatusCode)
					require.Equal(t, b.issuer.JWKSURL(), failed.URL)
					b.asked(1, 1)

					wait := policyRetryAfter(t, err)
					if row.want == backoff {
						require.GreaterOrEqual(t, wait, time.Second/2)
						require.LessOrEqual(t, wait, time.Second)
					} else {
						require.Equal(t, row.want, wait)
					}
					b.issuer.Reset()
					time.Sleep(wait - policyTick)
					require.Error(t, b.verifier.Refresh(t.Context()))
					b.asked(0, 0)
					time.Sleep(policyTick)
					require.NoError(t, b.verifier.Refresh(t.Context()))
					b.asked(1, 1)
				})
			})
		}
	}
	t.Run("of the metadata", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			for _, path := range b.issuer.MetadataPaths() {
				b.issuer.Respond(path, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"120"}}})
			}
			err := b.verifier.Refresh(t.Context())
			require.Equal(t, 2*time.Minute, policyRetryAfter(t, err))
			b.asked(3, 0)
			time.Sleep(2 * time.Minute)
			require.Equal(t, 2*time.Minute, policyRetryAfter(t, b.verifier.Refresh(t.Context())))
		})
	})
	t.Run("of metadata, though the keys came: a success ends it", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Respond(policyFormOne, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"120"}}})
			require.NoError(t, b.verifier.Refresh(t.Context()))
			require.NoError(t, b.verifier.Refresh(t.Context()))
			b.asked(2, 2)
		})
	})
	t.Run("of both: the longest", func(t *testing.T) {
		for _, seconds := range [][2]string{{"120", ""}, {"120", "60"}, {"60", "120"}} {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.warm()
				for i, path := range []string{policyFormOne, policyKeys} {
					b.issuer.Respond(path, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {seconds[i]}}})
				}
				require.Equal(t, 2*time.Minute, policyRetryAfter(t, b.verifier.Refresh(t.Context())))
				b.asked(1, 1)
			})
		}
	})
	t.Run("shorter than the back-off", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Respond(policyKeys, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {"1"}}})
			var wait time.Duration
			for range 8 {
				time.Sleep(wait)
				wait = policyRetryAfter(t, b.verifier.Refresh(t.Context()))
			}
			require.GreaterOrEqual(t, wait, policyMaxBackoff/2)
		})
	})
	t.Run("is that of the last failure", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Respond(policyKeys, jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {"200"}}})
			time.Sleep(policyRetryAfter(t, b.verifier.Refresh(t.Context())))
			b.keysFail(503)
			require.LessOrEqual(t, policyRetryAfter(t, b.verifier.Refresh(t.Context())), 2*time.Second)
		})
	})
	t.Run("is obeyed for unknown kids, and held keys serve", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			time.Sleep(policyCooldown)
			b.issuer.Respond(policyKeys, jwtverifiertest.Response{Status: 429, Header: http.Header{"Retry-After": {"60"}}})
			require.Equal(t, time.Minute, policyRetryAfter(t, b.refuses(jwtverifier.ErrUnavailable, b.junk("a"))))
			b.asked(1, 1)
			b.issuer.Reset()
			time.Sleep(time.Minute - policyTick)
			b.refuses(jwtverifier.ErrUnavailable, b.junk("b"))
			b.accepts(b.token("key-1"))
			b.asked(0, 0)
			time.Sleep(policyTick)
			b.refuses(jwtverifier.ErrUnknownKey, b.junk("c"))
			b.asked(1, 1)
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
		{"none", policyInterval, nil, policyInterval},
		{"max-age", policyInterval, []string{"max-age=600"}, 10 * time.Minute},
		{"max-age among others", policyInterval, []string{"public, max-age=600,must-revalidate, no-transform"}, 10 * time.Minute},
		{"max-age in capitals", policyInterval, []string{"Max-Age=600"}, 10 * time.Minute},
		{"max-age in quotes", policyInterval, []string{`max-age="600"`}, 10 * time.Minute},
		{"max-age of five minutes", policyInterval, []string{"max-age=300"}, least},
		{"max-age under five minutes", policyInterval, []string{"max-age=299"}, least},
		{"max-age=0", policyInterval, []string{"max-age=0"}, least},
		{"max-age a little less than the option", policyInterval, []string{"max-age=899"}, 899 * time.Second},
		{"max-age longer than the option", policyInterval, []string{"max-age=86400"}, policyInterval},
		{"max-age longer than the option's default", 24 * time.Hour, []string{"max-age=3600"}, time.Hour},
		{"no-cache", policyInterval, []string{"no-cache"}, least},
		{"no-store", policyInterval, []string{"no-store"}, least},
		{"no-cache, no-store", policyInterval, []string{"no-cache, no-store"}, least},
		{"no-store with max-age", policyInterval, []string{"max-age=600, no-store"}, least},
		{"No-Store", policyInterval, []string{"No-Store"}, least},
		{"not longer than an option under five minutes: no-store", time.Minute, []string{"no-store"}, time.Minute},
		{"not longer than an option under five minutes: max-age=0", time.Minute, []string{"max-age=0"}, time.Minute},
		{"not longer than an option under five minutes: max-age=600", time.Minute, []string{"max-age=600"}, time.Minute},
		{"several headers", policyInterval, []string{"public", "max-age=600"}, 10 * time.Minute},
		{"several headers, the shortest counts", policyInterval, []string{"max-age=600", "no-store"}, least},
		{"max-age twice, the shortest counts", policyInterval, []string{"max-age=700, max-age=600, max-age=800"}, 10 * time.Minute},
		{"its own name in its value", policyInterval, []string{"Cache-Control: max-age=600"}, policyInterval},
		{"its own name in its value, then a directive", policyInterval, []string{"Cache-Control: public, max-age=600"}, 10 * time.Minute},
		{"shared caches only", policyInterval, []string{"s-maxage=600"}, policyInterval},
		{"a word in which it stands", policyInterval, []string{"x-no-store, nomax-age=600"}, policyInterval},
		{"malformed: no number", policyInterval, []string{"max-age"}, policyInterval},
		{"malformed: empty number", policyInterval, []string{"max-age="}, policyInterval},
		{"malformed: word", policyInterval, []string{"max-age=ten"}, policyInterval},
		{"malformed: negative", policyInterval, []string{"max-age=-1"}, policyInterval},
		{"malformed: sign", policyInterval, []string{"max-age=+600"}, policyInterval},
		{"malformed: fraction", policyInterval, []string{"max-age=600.5"}, policyInterval},
		{"malformed: exponent", policyInterval, []string{"max-age=6e2"}, policyInterval},
		{"malformed: hexadecimal", policyInterval, []string{"max-age=0x258"}, policyInterval},
		{"malformed: semicolon", policyInterval, []string{"max-age=600; public"}, policyInterval},
		{"malformed: one quote", policyInterval, []string{`max-age="600`}, policyInterval},
		{"malformed: one quote, at the end", policyInterval, []string{`max-age=600"`}, policyInterval},
		{"more than fits", policyInterval, []string{"max-age=99999999999999999999999"}, policyInterval},
		{"so much that it would overflow", policyInterval, []string{"max-age=18446744073"}, policyInterval},
		{"malformed, with a good one", policyInterval, []string{"max-age=x, ,=,;, max-age=600"}, 10 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.issuer.Respond(policyKeys, jwtverifiertest.Response{
					Header: http.Header{"Cache-Control": row.values}, Body: b.issuer.JWKS(),
				})
				// The metadata's own is of no interest.
				metadata, err := json.Marshal(b.issuer.Metadata())
				require.NoError(t, err)
				b.issuer.Respond(policyFormOne, jwtverifiertest.Response{
					Header: http.Header{"Cache-Control": {"max-age=301"}}, Body: metadata,
				})
				b.warm()
				ahead := time.Until(b.verifier.Status().NextRefresh)
				assert.GreaterOrEqual(t, ahead, row.want*70/100)
				assert.LessOrEqual(t, ahead, row.want*90/100)

				time.Sleep(row.want)
				require.Equal(t, jwtverifier.StateFresh, b.verifier.Status().State)
				time.Sleep(policyTick)
				require.Equal(t, jwtverifier.StateStale, b.verifier.Status().State)
				require.True(t, b.verifier.Status().Ready())
				time.Sleep(time.Hour - policyTick)
				require.Equal(t, jwtverifier.StateStale, b.verifier.Status().State)
				time.Sleep(policyTick)
				require.Equal(t, jwtverifier.StateExpired, b.verifier.Status().State)
				require.False(t, b.verifier.Status().Ready())
				b.asked(0, 0)
			}, jwtverifier.WithRefreshInterval(row.option), jwtverifier.WithMaxStale(time.Hour))
		})
	}
}

func TestPolicyAgesCountFromTheAttemptsStart(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		metadata, err := json.Marshal(b.issuer.Metadata())
		require.NoError(t, err)
		b.issuer.Respond(policyFormOne, jwtverifiertest.Response{Delay: 4 * time.Second, Body: metadata})
		b.keysAfter(3 * time.Second)
		began := time.Now()
		waited, err := b.verify(t.Context(), b.token("key-1"))
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, waited)
		require.True(t, began.Equal(b.verifier.Status().FetchedAt))
		time.Sleep(policyInterval - 7*time.Second)
		require.Equal(t, jwtverifier.StateFresh, b.verifier.Status().State)
		time.Sleep(policyTick)
		require.Equal(t, jwtverifier.StateStale, b.verifier.Status().State)
	})
}

// A refresh may take ten seconds in all, whatever its documents may take each.
func TestPolicyTimeouts(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		// Two places answer late that there is nothing: 8 seconds; the third is cut off.
		for _, path := range b.issuer.MetadataPaths() {
			b.issuer.Respond(path, jwtverifiertest.Response{Status: 404, Delay: 4 * time.Second})
		}
		began := time.Now()
		err := b.verifier.Refresh(t.Context())
		policyOutcome(t, jwtverifier.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
		b.asked(3, 0)
	})
	t.Run("redirects share the time of their document", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Respond(policyKeys, jwtverifiertest.Response{
				Status: 302, Header: http.Header{"Location": {"/elsewhere"}}, Delay: 3 * time.Second,
			})
			b.issuer.Respond("/elsewhere", jwtverifiertest.Response{Delay: 3 * time.Second, Body: b.issuer.JWKS()})
			began := time.Now()
			err := b.verifier.Refresh(t.Context())
			policyOutcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, policyDocument, time.Since(began))
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
			policyOutcome(t, jwtverifier.ErrUnavailable, v.Prefetch(t.Context()))
			require.Equal(t, time.Second, time.Since(began))
		})
	})
}

func TestPolicyPrefetch(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.issuer.Down()
		err := b.verifier.Prefetch(t.Context())
		policyOutcome(t, jwtverifier.ErrUnavailable, err)
		b.asked(1, 0)
		again := b.verifier.Prefetch(t.Context())
		policyOutcome(t, jwtverifier.ErrUnavailable, again)
		require.Equal(t, policyRetryAfter(t, err), policyRetryAfter(t, again))
		b.asked(0, 0)

		b.issuer.Reset()
		time.Sleep(policyRetryAfter(t, again))
		require.NoError(t, b.verifier.Prefetch(t.Context()))
		b.asked(1, 1)
		require.NoError(t, b.verifier.Prefetch(t.Context()))
		b.asked(0, 0)

		// Held keys are usable ones, though the server does not answer.
		b.issuer.Down()
		time.Sleep(policyInterval + time.Minute)
		require.NoError(t, b.verifier.Prefetch(t.Context()))
	})
}

func TestPolicyRefresh(t *testing.T) {
	t.Run("a removed key is refused on return", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			old := b.token("key-1")
			b.accepts(old)
			b.issuer.RotateKey()
			b.issuer.RetireKey("key-1")
			b.accepts(old) // nobody knows yet
			require.NoError(t, b.verifier.Refresh(t.Context()))
			b.refuses(jwtverifier.ErrUnknownKey, old)
			b.accepts(b.token("key-2"))
			require.Equal(t, []string{"key-2"}, b.verifier.Status().KeyIDs)
			b.asked(2, 2)
		})
	})
	t.Run("knows no cooldown and no interval", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			for range 5 {
				require.NoError(t, b.verifier.Refresh(t.Context()))
			}
			b.asked(5, 5)
		})
	})
	t.Run("joins a running refresh", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.keysAfter(2 * time.Second)
			var wg sync.WaitGroup
			for i := range 50 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * 20 * time.Millisecond)
					if i%2 == 0 {
						assert.NoError(t, b.verifier.Refresh(t.Context()))
					} else {
						assert.NoError(t, b.verifier.Prefetch(t.Context()))
					}
				})
			}
			wg.Wait()
			b.asked(1, 1)
		})
	})
	t.Run("obeys the back-off", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Down()
			first := b.verifier.Refresh(t.Context())
			policyOutcome(t, jwtverifier.ErrUnavailable, first)
			b.asked(1, 1)
			for range 100 {
				err := b.verifier.Refresh(t.Context())
				policyOutcome(t, jwtverifier.ErrUnavailable, err)
				require.Equal(t, policyRetryAfter(t, first), policyRetryAfter(t, err))
			}
			b.asked(0, 0)
			b.accepts(b.token("key-1"))
		})
	})
	t.Run("waits under its own context", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.keysAfter(3 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.verifier.Refresh(ctx)
			policyOutcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			require.Zero(t, b.verifier.Status().Failures, "the refresh itself goes on")
			require.NoError(t, b.verifier.Refresh(t.Context()))
			b.asked(1, 1)
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
	serve := func(b *policyBench, path, extra string) {
		metadata := b.issuer.Metadata()
		metadata["x_extra"] = extra
		body, err := json.Marshal(metadata)
		require.NoError(b, err)
		b.issuer.Respond(path, jwtverifiertest.Response{Body: body})
	}
	t.Run("the whole document, the last one", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			serve(b, policyFormOne, "first")
			var got endpoints
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, endpoints{policyIssuer, policyIssuer + "/authorize", "first"}, got)
			b.asked(1, 1)

			serve(b, policyFormOne, "second")
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, "first", got.Extra, "not fetched again")
			b.asked(0, 0)
			require.NoError(t, b.verifier.Refresh(t.Context()))
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)

			// One that is not accepted does not replace it.
			b.issuer.Respond("", jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			for _, path := range b.issuer.MetadataPaths() {
				b.issuer.Respond(path, jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			}
			require.Error(t, b.verifier.Refresh(t.Context()))
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)
		})
	})
	t.Run("there though the keys are not", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.keysFail(500)
			var got endpoints
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, policyIssuer, got.Issuer)
			b.asked(1, 1)
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			b.asked(0, 0)
		})
	})
	t.Run("unavailable", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.issuer.Down()
			var got endpoints
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Metadata(t.Context(), &got))
			require.Zero(t, got)
			b.asked(1, 0)
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Metadata(t.Context(), &got))
			b.asked(0, 0)
		})
	})
	t.Run("waiting ends with the context", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.issuer.Hang()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.verifier.Metadata(ctx, &endpoints{})
			policyOutcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
		})
	})
	t.Run("nothing that a caller does is seen by another", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			var raw json.RawMessage
			require.NoError(t, b.verifier.Metadata(t.Context(), &raw))
			clear(raw)
			require.NoError(t, b.verifier.Metadata(t.Context(), &policyScribbler{}))
			var got endpoints
			require.NoError(t, b.verifier.Metadata(t.Context(), &got))
			require.Equal(t, policyIssuer, got.Issuer)
		})
	})
	t.Run("a destination that does not fit", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			var got []int
			err := b.verifier.Metadata(t.Context(), &got)
			require.Error(t, err)
			require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
			require.Error(t, b.verifier.Metadata(t.Context(), nil))
			require.Error(t, b.verifier.Metadata(t.Context(), endpoints{}))
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

// A policyScribbler overwrites what it is given to decode.
type policyScribbler struct{}

func (*policyScribbler) UnmarshalJSON(data []byte) error {
	clear(data)
	return nil
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		start := time.Now()
		require.Equal(t, jwtverifier.Status{State: jwtverifier.StateCold}, b.verifier.Status())

		b.keysFail(503)
		err := b.verifier.Prefetch(t.Context())
		status := b.verifier.Status()
		require.Equal(t, jwtverifier.StateCold, status.State)
		require.False(t, status.Ready())
		require.Equal(t, 1, status.Failures)
		require.ErrorIs(t, err, status.LastError)
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, start.Add(policyRetryAfter(t, err)), status.NextRefresh)
		require.Equal(t, policyIssuer+"/.well-known/oauth-authorization-server", status.MetadataURL)
		require.Equal(t, b.issuer.JWKSURL(), status.JWKSURL)
		require.Empty(t, status.KeyIDs)

		b.issuer.Reset()
		b.issuer.PublishKey()
		time.Sleep(time.Minute)
		b.warm()
		status = b.verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.True(t, status.Ready())
		require.Zero(t, status.Failures)
		require.Error(t, status.LastError, "a success leaves it")
		require.Equal(t, start, status.LastErrorAt)
		require.Equal(t, []string{"key-1", "key-2"}, status.KeyIDs)
		require.Equal(t, start.Add(time.Minute), status.FetchedAt)

		// It is the caller's.
		status.KeyIDs[0] = "changed"
		require.Equal(t, []string{"key-1", "key-2"}, b.verifier.Status().KeyIDs)
	})
}

func TestPolicyStatusNeverBlocks(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.issuer.Hang()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { _ = b.verifier.Prefetch(t.Context()) })
		}
		synctest.Wait()
		began := time.Now()
		require.Equal(t, jwtverifier.StateCold, b.verifier.Status().State)
		require.Zero(t, b.verifier.Status().Failures)
		require.Zero(t, time.Since(began))
		wg.Wait()
		require.Equal(t, 1, b.verifier.Status().Failures)

		b.issuer.Reset()
		time.Sleep(time.Minute)
		b.warm()
		b.issuer.Hang()
		time.Sleep(policyCooldown)
		wg.Go(func() { _, _ = b.verify(t.Context(), b.junk("a")) })
		synctest.Wait()
		began = time.Now()
		require.Equal(t, jwtverifier.StateFresh, b.verifier.Status().State)
		require.Zero(t, time.Since(began))
		wg.Wait()
	})
}

// policyText is an answer with a body of its own.
func policyText(status int, body string) policyAnswer {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(body)),
			Body: io.NopCloser(strings.NewReader(body)), Request: r,
		}, nil
	}
}

func policyRedirect(status int, location string) policyAnswer {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := policyText(status, "moved")(r)
		resp.Header.Set("Location", location)
		return resp, err
	}
}

func policyRefused(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// policyEarly is a 200 whose body ends early.
func policyEarly(r *http.Request) (*http.Response, error) {
	resp, err := policyText(200, "")(r)
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"issuer":`), policyErrorReader{}))
	return resp, err
}

type policyErrorReader struct{}

func (policyErrorReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func policyMetadata(issuer, jwksURI string) string {
	return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, jwksURI)
}

// What another answer is, at which discovery moves on.
var policyMovesOn = map[string]policyAnswer{
	"404":                      policyText(404, "not found"),
	"401":                      policyText(401, "{}"),
	"204":                      policyText(204, ""),
	"429":                      policyText(429, ""),
	"500":                      policyText(500, "oops"),
	"503":                      policyText(503, ""),
	"HTML with status 200":     policyText(200, "<!doctype html><title>Log in</title>"),
	"empty":                    policyText(200, ""),
	"an array":                 policyText(200, "[]"),
	"null":                     policyText(200, "null"),
	"truncated JSON":           policyText(200, `{"issuer":"`+policyIssuer),
	"trailing data":            policyText(200, policyMetadata(policyIssuer, policyIssuer+"/keys")+"{}"),
	"a name twice":             policyText(200, `{"issuer":"`+policyIssuer+`","issuer":"`+policyIssuer+`","jwks_uri":"`+policyIssuer+`/keys"}`),
	"another issuer":           policyText(200, policyMetadata("https://evil.example", policyIssuer+"/keys")),
	"a trailing slash more":    policyText(200, policyMetadata(policyIssuer+"/", policyIssuer+"/keys")),
	"no issuer":                policyText(200, `{"jwks_uri":"`+policyIssuer+`/keys"}`),
	"no jwks_uri":              policyText(200, `{"issuer":"`+policyIssuer+`"}`),
	"a relative jwks_uri":      policyText(200, policyMetadata(policyIssuer, "/tenant/keys")),
	"an http jwks_uri":         policyText(200, policyMetadata(policyIssuer, "http://issuer.example/tenant/keys")),
	"jwks_uri with userinfo":   policyText(200, policyMetadata(policyIssuer, "https://u:p@issuer.example/tenant/keys")),
	"jwks_uri with a fragment": policyText(200, policyMetadata(policyIssuer, policyIssuer+"/keys#1")),
	"jwks_uri too long":        policyText(200, policyMetadata(policyIssuer, policyIssuer+"/"+strings.Repeat("k", 2048))),
	"over 1 MiB":               policyText(200, policyMetadata(policyIssuer, policyIssuer+"/keys")+strings.Repeat(" ", 1<<20)),
	"a refused redirect":       policyRedirect(302, "https://evil.example/"),
	"a redirect to nowhere":    policyRedirect(302, ""),
	"a redirect to no URL":     policyRedirect(302, "https://%zz/"),
}

// What is no answer at all, which ends the attempt.
var policyNoAnswer = map[string]policyAnswer{
	"refused":                policyRefused,
	"a body that ends early": policyEarly,
}

func TestPolicyDiscoveryOrder(t *testing.T) {
	forms := []string{policyFormOne, policyFormTwo, policyFormThree}
	for name, answer := range policyMovesOn {
		for others := range 4 {
			t.Run(fmt.Sprintf("%s at the first %d", name, others), func(t *testing.T) {
				policyBubble(t, func(t *testing.T, b *policyBench) {
					for _, path := range forms[:others] {
						b.transport.answer(path, answer)
					}
					err := b.verifier.Prefetch(t.Context())
					if others == 3 {
						policyOutcome(t, jwtverifier.ErrUnavailable, err)
						require.Equal(t, forms, b.transport.take())
						status := b.verifier.Status()
						require.Equal(t, jwtverifier.StateCold, status.State)
						for _, path := range forms { // the error tells each
							require.Contains(t, status.LastError.Error(), "https://issuer.example"+path)
						}
						return
					}
					require.NoError(t, err)
					require.Equal(t, append(slices.Clone(forms[:others+1]), policyKeys), b.transport.take())
					require.Equal(t, "https://issuer.example"+forms[others], b.verifier.Status().MetadataURL)

					// From now on the winner alone is asked, whatever the others say.
					b.transport.reset()
					require.NoError(t, b.verifier.Refresh(t.Context()))
					require.Equal(t, []string{forms[others], policyKeys}, b.transport.take())
				})
			})
		}
	}
	for name, answer := range policyNoAnswer {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s at %d ends the attempt", name, at), func(t *testing.T) {
				policyBubble(t, func(t *testing.T, b *policyBench) {
					for _, path := range forms[:at] {
						b.transport.answer(path, policyText(404, ""))
					}
					b.transport.answer(forms[at], answer)
					policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
					require.Equal(t, forms[:at+1], b.transport.take())
				})
			})
		}
	}
	for name, r := range map[string]jwtverifiertest.Response{
		"hangs before the headers": {Hang: jwtverifiertest.HangHeaders},
		"hangs in the body":        {Hang: jwtverifiertest.HangBody, Body: []byte(`{"issuer":`)},
	} {
		t.Run(name+": ends the attempt", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.issuer.Respond(policyFormOne, r)
				began := time.Now()
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
				require.Equal(t, policyDocument, time.Since(began))
				require.Equal(t, []string{policyFormOne}, b.transport.take())
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
			nowhere := policyText(404, "")
			client := &http.Client{Transport: policyRoundTripper(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, strings.TrimPrefix(r.URL.String(), "https://issuer.example"))
				return nowhere(r)
			})}
			v, err := jwtverifier.New(row.issuer, jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			policyOutcome(t, jwtverifier.ErrUnavailable, v.Prefetch(t.Context()))
			require.Equal(t, row.want, asked)
		})
	}
}

type policyRoundTripper func(*http.Request) (*http.Response, error)

func (f policyRoundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Once there is a winner it alone is asked, until it is gone.
func TestPolicyDiscoveryWinner(t *testing.T) {
	outOfReach := map[string]policyAnswer{
		"429": policyText(429, ""), "500": policyText(500, ""), "502": policyText(502, ""), "503": policyText(503, "{}"), "599": policyText(599, ""),
	}
	for name, answer := range policyNoAnswer {
		outOfReach[name] = answer
	}
	for name, answer := range outOfReach {
		t.Run(name+": the last known jwks_uri is read at once", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.warm()
				b.issuer.RotateKey()
				b.transport.answer(policyFormOne, answer)
				require.NoError(t, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormOne, policyKeys}, b.transport.take())
				b.accepts(b.token("key-2"))
				status := b.verifier.Status()
				require.Equal(t, time.Now(), status.FetchedAt)
				require.Zero(t, status.Failures)
				require.Error(t, status.LastError, "what was found wrong is shown")
				require.Equal(t, time.Now(), status.LastErrorAt)

				b.keysFail(503)
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormOne, policyKeys}, b.transport.take())
			})
		})
	}
	for name, answer := range policyMovesOn {
		if _, ok := outOfReach[name]; ok {
			continue
		}
		t.Run(name+": the others are tried again", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				b.transport.answer(policyFormOne, policyText(404, ""))
				b.warm() // form two wins
				b.transport.reset()

				b.transport.answer(policyFormTwo, answer)
				require.NoError(t, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormTwo, policyFormOne, policyKeys}, b.transport.take())
				require.Equal(t, "https://issuer.example"+policyFormOne, b.verifier.Status().MetadataURL)

				// Now form one is the winner, and form three is what is left.
				b.transport.answer(policyFormOne, answer)
				require.NoError(t, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormOne, policyFormTwo, policyFormThree, policyKeys}, b.transport.take())

				// None wins: failed, and nobody reads the keys.
				b.transport.answer(policyFormThree, answer)
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormThree, policyFormOne, policyFormTwo}, b.transport.take())
				b.accepts(b.token("key-1"))

				// The winner is still the winner.
				b.transport.reset()
				time.Sleep(time.Second)
				require.NoError(t, b.verifier.Refresh(t.Context()))
				require.Equal(t, []string{policyFormThree, policyKeys}, b.transport.take())
			})
		})
	}
	t.Run("no answer from the others ends the attempt", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.transport.answer(policyFormOne, policyText(404, ""))
			b.transport.answer(policyFormTwo, policyRefused)
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{policyFormOne, policyFormTwo}, b.transport.take())
		})
	})
	t.Run("a winner that hangs leaves time for the keys", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.issuer.Respond(policyFormOne, jwtverifiertest.Response{Hang: jwtverifiertest.HangBody})
			began := time.Now()
			require.NoError(t, b.verifier.Refresh(t.Context()))
			require.Equal(t, policyDocument, time.Since(began))
			require.Equal(t, []string{policyFormOne, policyKeys}, b.transport.take())
		})
	})
	t.Run("another jwks_uri is followed", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			b.transport.answer(policyFormOne, policyText(200, policyMetadata(policyIssuer, policyIssuer+"//moved")))
			b.transport.answer("/tenant//moved", policyText(200, string(b.issuer.JWKS())))
			require.NoError(t, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{policyFormOne, "/tenant//moved"}, b.transport.take())
			require.Equal(t, policyIssuer+"//moved", b.verifier.Status().JWKSURL)

			// And remembered, though it brought no keys.
			b.transport.answer(policyFormOne, policyText(200, policyMetadata(policyIssuer, policyIssuer+"/gone")))
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{policyFormOne, "/tenant/gone"}, b.transport.take())
			time.Sleep(time.Second)
			b.transport.answer(policyFormOne, policyRefused)
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{policyFormOne, "/tenant/gone"}, b.transport.take())
		})
	})
	t.Run("a winner from a cold start whose keys failed", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.keysFail(500)
			require.Error(t, b.verifier.Prefetch(t.Context()))
			b.asked(1, 1)
			time.Sleep(time.Second)
			b.issuer.Reset()
			b.transport.answer(policyFormOne, policyText(503, ""))
			require.NoError(t, b.verifier.Prefetch(t.Context()))
			require.Equal(t, []string{policyFormOne, policyKeys}, b.transport.take())
		})
	})
	t.Run("WithMetadataURL: that alone", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.transport.answer("/custom", policyText(404, ""))
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom"}, b.transport.take())
			time.Sleep(time.Second)
			b.transport.answer("/custom", policyText(200, policyMetadata("https://evil.example", policyIssuer+"/keys")))
			err := b.verifier.Prefetch(t.Context())
			require.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
			require.Equal(t, []string{"/custom"}, b.transport.take())
			time.Sleep(2 * time.Second)
			b.transport.answer("/custom", policyText(200, policyMetadata(policyIssuer, policyIssuer+"/keys")))
			require.NoError(t, b.verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom", policyKeys}, b.transport.take())
			b.transport.answer("/custom", policyText(404, ""))
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{"/custom"}, b.transport.take())
		}, jwtverifier.WithMetadataURL("https://issuer.example/custom"))
	})
	t.Run("WithJWKSURL: no metadata", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			require.NoError(t, b.verifier.Refresh(t.Context()))
			require.Equal(t, []string{policyKeys}, b.transport.take())
			require.Equal(t, policyIssuer+"/keys", b.verifier.Status().JWKSURL)
			require.Empty(t, b.verifier.Status().MetadataURL)
		}, jwtverifier.WithJWKSURL(policyIssuer+"/keys"))
	})
}

// A document of another issuer is shown, whether or not another place wins.
func TestPolicyIssuerMismatchIsShown(t *testing.T) {
	policyBubble(t, func(t *testing.T, b *policyBench) {
		b.transport.answer(policyFormOne, policyText(200, policyMetadata("https://evil.example", policyIssuer+"/keys")))
		require.NoError(t, b.verifier.Prefetch(t.Context()))
		status := b.verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.ErrorIs(t, status.LastError, jwtverifier.ErrIssuerMismatch)
		require.Contains(t, status.LastError.Error(), "https://evil.example")
		require.Contains(t, status.LastError.Error(), policyIssuer)
	})
	t.Run("and the keys failed", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.transport.answer(policyFormOne, policyText(200, policyMetadata("https://evil.example", policyIssuer+"/keys")))
			b.keysFail(500)
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
			require.ErrorIs(t, b.verifier.Status().LastError, jwtverifier.ErrIssuerMismatch)
		})
	})
}

func TestPolicyRedirects(t *testing.T) {
	for _, document := range []string{policyFormOne, policyKeys} {
		// chain makes the document redirect so many times before it answers.
		chain := func(b *policyBench, hops, status int) []string {
			body := string(b.issuer.JWKS())
			if document == policyFormOne {
				body = policyMetadata(policyIssuer, policyIssuer+"/keys")
			}
			paths := []string{document}
			for i := range hops {
				b.transport.answer(paths[i], policyRedirect(status, fmt.Sprintf("/hop/%d", i)))
				paths = append(paths, fmt.Sprintf("/hop/%d", i))
			}
			b.transport.answer(paths[hops], policyText(200, body))
			return paths
		}
		// Every form of the metadata answers alike, so that none of the others wins.
		everywhere := func(b *policyBench, answer policyAnswer) {
			b.transport.answer(document, answer)
			if document == policyFormOne {
				b.transport.answer(policyFormTwo, answer)
				b.transport.answer(policyFormThree, answer)
			}
		}
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprintf("%s: %d is followed", document, status), func(t *testing.T) {
				policyBubble(t, func(t *testing.T, b *policyBench) {
					want := chain(b, 1, status)
					require.NoError(t, b.verifier.Prefetch(t.Context()))
					require.Subset(t, b.transport.take(), want)
				})
			})
		}
		t.Run(document+": three are followed", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				want := chain(b, 3, 302)
				require.NoError(t, b.verifier.Prefetch(t.Context()))
				asked := b.transport.take()
				require.Len(t, asked, 5)
				require.Subset(t, asked, want)
			})
		})
		t.Run(document+": a fourth is not", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				chain(b, 4, 302)
				if document == policyFormOne {
					b.transport.answer(policyFormTwo, policyText(404, ""))
					b.transport.answer(policyFormThree, policyText(404, ""))
				}
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
				asked := b.transport.take()
				require.Contains(t, asked, "/hop/2")
				require.NotContains(t, asked, "/hop/3")
			})
		})
		t.Run(document+": a loop", func(t *testing.T) {
			policyBubble(t, func(t *testing.T, b *policyBench) {
				everywhere(b, policyRedirect(302, document))
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
				asked := b.transport.take()
				require.LessOrEqual(t, len(asked), 12)
				require.GreaterOrEqual(t, len(asked), 4)
			})
		})
		for _, location := range []string{
			"elsewhere/doc", "../../elsewhere/doc", "./doc?x=1", "//issuer.example/doc",
			"https://issuer.example/doc", "https://issuer.example:443/doc", "HTTPS://ISSUER.EXAMPLE/doc",
		} {
			t.Run(document+": same origin, "+location, func(t *testing.T) {
				policyBubble(t, func(t *testing.T, b *policyBench) {
					body := string(b.issuer.JWKS())
					if document == policyFormOne {
						body = policyMetadata(policyIssuer, policyIssuer+"/keys")
					}
					b.transport.answer(document, policyRedirect(301, location))
					answered := 0
					next := b.transport.next
					b.transport.next = policyRoundTripper(func(r *http.Request) (*http.Response, error) {
						if strings.HasSuffix(r.URL.Path, "/doc") {
							answered++
							return policyText(200, body)(r)
						}
						return next.RoundTrip(r)
					})
					for _, other := range []string{"https://issuer.example:443/doc", "https://ISSUER.EXAMPLE/doc"} {
						b.transport.answer(other, func(r *http.Request) (*http.Response, error) {
							answered++
							return policyText(200, body)(r)
						})
					}
					require.NoError(t, b.verifier.Prefetch(t.Context()))
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
				policyBubble(t, func(t *testing.T, b *policyBench) {
					everywhere(b, policyRedirect(302, location))
					policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
					for _, asked := range b.transport.take() {
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
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			old := b.token("key-1")
			for i := 2; i < 7; i++ {
				time.Sleep(policyCooldown)
				kid := b.issuer.RotateKey()
				b.accepts(b.token(kid))
				b.accepts(old)
				b.asked(1, 1)
			}
		})
	})
	t.Run("removal alone is noticed at the end of the interval at the latest", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.issuer.PublishKey()
			b.warm()
			b.issuer.RetireKey("key-1")
			b.accepts(b.token("key-1"))
			time.Sleep(policyInterval + policyTick)
			b.refuses(jwtverifier.ErrUnknownKey, b.token("key-1"))
			b.asked(1, 1)
		})
	})
	t.Run("another key under the same kid", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			old := b.token("key-1")
			b.issuer.ReplaceKey("key-1")
			fresh := b.token("key-1")
			b.accepts(old)
			b.refuses(jwtverifier.ErrSignature, fresh)
			time.Sleep(policyInterval + policyTick)
			b.accepts(fresh)
			b.refuses(jwtverifier.ErrSignature, old)
			b.asked(1, 1)
		})
	})
	t.Run("a set that is rolled back", func(t *testing.T) { // t/287
		policyBubble(t, func(t *testing.T, b *policyBench) {
			stale := b.issuer.JWKS()
			b.warm()
			time.Sleep(policyCooldown)
			b.issuer.RotateKey()
			fresh := b.token("key-2")
			b.accepts(fresh)
			b.issuer.Respond(policyKeys, jwtverifiertest.Response{Body: stale})
			require.NoError(t, b.verifier.Refresh(t.Context()))
			b.issuer.Reset()
			b.refuses(jwtverifier.ErrUnknownKey, fresh)
			time.Sleep(policyCooldown)
			b.accepts(fresh)
		})
	})
	t.Run("what cannot be used never replaces keys", func(t *testing.T) { // t/281
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.warm()
			token := b.token("key-1")
			for _, body := range []string{
				"", `{}`, `{"keys":[]}`, `{"keys":null}`, `{"keys":{}}`, "<html>", `[]`, `null`, `{"keys":[{"kty":"EC"}]}`,
				string(b.issuer.JWKS()) + "x", string(b.issuer.JWKS()[:100]), `{"keys":[],"keys":[]}`,
			} {
				b.issuer.Respond(policyKeys, jwtverifiertest.Response{Body: []byte(body)})
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Refresh(t.Context()))
				require.Error(t, b.verifier.Status().LastError)
				b.accepts(token)
				time.Sleep(policyMaxBackoff)
			}
		})
	})
	t.Run("two verifiers, the same kid", func(t *testing.T) { // t/286
		synctest.Test(t, func(t *testing.T) {
			one, two := newPolicyBench(t), newPolicyBench(t)
			one.accepts(one.token("key-1"))
			two.accepts(two.token("key-1"))
			one.refuses(jwtverifier.ErrSignature, two.token("key-1"))
			two.refuses(jwtverifier.ErrSignature, one.token("key-1"))
		})
	})
	t.Run("while tokens are verified", func(t *testing.T) { // t/295, for the race detector
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.issuer.PublishKey()
			b.warm()
			one, two := b.token("key-1"), b.token("key-2")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						time.Sleep(time.Millisecond)
						for _, token := range []string{one, two} {
							_, err := b.verify(t.Context(), token)
							assert.NoError(t, err)
						}
						_ = b.verifier.Status()
					}
				})
			}
			for range 50 {
				time.Sleep(time.Millisecond)
				b.issuer.PublishKey()
				assert.NoError(t, b.verifier.Refresh(t.Context()))
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		idle := func(when string) {
			t.Helper()
			synctest.Wait()
			require.Zero(t, policyGoroutines(), when)
		}
		idle("New starts none")
		b.warm()
		b.accepts(b.token("key-1"))
		idle("after a success")
		b.issuer.Down()
		require.Error(t, b.verifier.Refresh(t.Context()))
		idle("after a failure")
		time.Sleep(policyInterval + policyMaxStale)
		idle("when the keys have grown old")

		b.issuer.Reset()
		b.issuer.Hang()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			require.Error(t, b.verifier.Refresh(ended))
		}
		synctest.Wait()
		require.Equal(t, 1, policyGoroutines(), "one, while a refresh runs")
		time.Sleep(2 * policyDocument)
		idle("after a server that hangs")
	})
}

// t/296: an HTTP client that breaks does not break the verifier.
func TestPolicyClientThatPanics(t *testing.T) {
	inBody := func(f func()) policyAnswer {
		return func(r *http.Request) (*http.Response, error) {
			resp, err := policyText(200, "")(r)
			resp.Body = io.NopCloser(policyReader(func([]byte) (int, error) { f(); return 0, io.EOF }))
			return resp, err
		}
	}
	before := func(f func()) policyAnswer {
		return func(*http.Request) (*http.Response, error) { f(); return nil, nil }
	}
	for name, f := range map[string]func(){
		"panic":           func() { panic("line one\nline two " + strings.Repeat("x", 10_000)) },
		"panic of an err": func() { panic(errors.New("broken")) },
		"nil pointer":     func() { var r *http.Request; _ = r.Method },
		"Goexit":          runtime.Goexit,
	} {
		for where, answer := range map[string]policyAnswer{"RoundTrip": before(f), "body": inBody(f)} {
			for _, document := range []string{policyFormOne, policyKeys} {
				for _, warm := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s in %s of %s, warm %t", name, where, document, warm), func(t *testing.T) {
						policyBubble(t, func(t *testing.T, b *policyBench) {
							token := b.token("key-1")
							if warm {
								b.warm()
							}
							time.Sleep(policyCooldown)
							b.transport.answer(document, answer)
							for _, call := range []func() error{
								func() error { return b.verifier.Refresh(t.Context()) },
								func() error { _, err := b.verify(t.Context(), b.junk("a")); return err },
							} {
								err := call()
								policyOutcome(t, jwtverifier.ErrUnavailable, err)
								require.Positive(t, policyRetryAfter(t, err))
								if warm {
									b.accepts(token)
								}
								time.Sleep(policyRetryAfter(t, err))
							}
							b.transport.reset()
							require.Equal(t, 2, b.verifier.Status().Failures)
							require.NoError(t, b.verifier.Refresh(t.Context()))
							b.accepts(token)
						})
					})
				}
			}
		}
	}
	t.Run("nil response", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			b.transport.answer(policyFormOne, func(*http.Request) (*http.Response, error) { return nil, nil })
			policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
			b.transport.reset()
			time.Sleep(time.Second)
			require.NoError(t, b.verifier.Prefetch(t.Context()))
		})
	})
	t.Run("a response without Request or Header", func(t *testing.T) {
		policyBubble(t, func(t *testing.T, b *policyBench) {
			for _, status := range []int{200, 302, 404, 429, 503} {
				b.transport.answer(policyFormOne, func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("x"))}, nil
				})
				b.transport.answer(policyFormTwo, policyRefused)
				policyOutcome(t, jwtverifier.ErrUnavailable, b.verifier.Prefetch(t.Context()))
				time.Sleep(policyColdLimit)
			}
		})
	})
}

type policyReader func([]byte) (int, error)

func (f policyReader) Read(p []byte) (int, error) { return f(p) }

// policyLines are the lines of a log.
func policyLines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for line := range strings.Lines(log.String()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields), "%s", line)
		assert.True(t, strings.HasPrefix(fields["msg"].(string), "jwtverifier: "), "%s", line)
		assert.Equal(t, policyIssuer, fields["issuer"], "%s", line)
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		var everything strings.Builder
		read := func() []map[string]any {
			synctest.Wait()
			everything.WriteString(log.String())
			return policyLines(t, &log)
		}
		token, junk := b.token("key-1"), b.junk("junk-kid")

		// Keys that appeared.
		b.warm()
		changed := policyFind(read(), "keys changed")
		require.Len(t, changed, 1)
		require.Equal(t, "INFO", changed[0]["level"])
		require.Equal(t, []any{"key-1"}, changed[0]["added"])
		require.Empty(t, changed[0]["removed"])

		// Single tokens leave nothing.
		b.accepts(token)
		b.refuses(jwtverifier.ErrUnknownKey, junk)
		require.NoError(t, b.verifier.Refresh(t.Context()))
		require.Empty(t, read())

		// Keys that came and went.
		b.issuer.RotateKey()
		b.issuer.RetireKey("key-1")
		require.NoError(t, b.verifier.Refresh(t.Context()))
		changed = policyFind(read(), "keys changed")
		require.Len(t, changed, 1)
		require.Equal(t, []any{"key-2"}, changed[0]["added"])
		require.Equal(t, []any{"key-1"}, changed[0]["removed"])

		// Entries that were skipped, and why; once, not at every refresh.
		body := strings.Replace(string(b.issuer.JWKS()), `[`, `[{"kty":"EC","kid":"curve\nline"},{"kty":"RSA","use":"enc","kid":"enc","d":"SECRET"},`, 1)
		b.issuer.Respond(policyKeys, jwtverifiertest.Response{Body: []byte(body)})
		require.NoError(t, b.verifier.Refresh(t.Context()))
		lines := read()
		require.Len(t, policyFind(lines, "keys changed"), 1)
		skipped := policyFind(lines, "key skipped")
		require.Len(t, skipped, 2)
		require.EqualValues(t, 0, skipped[0]["index"])
		require.Equal(t, `curve\nline`, skipped[0]["kid"])
		require.Equal(t, `kty "EC" is not accepted`, skipped[0]["reason"])
		require.Equal(t, "enc", skipped[1]["kid"])
		require.Equal(t, "use is not sig", skipped[1]["reason"])
		require.NoError(t, b.verifier.Refresh(t.Context()))
		require.Empty(t, read())

		// Failure and recovery.
		b.issuer.Respond(policyKeys, jwtverifiertest.Response{Status: 503, Body: []byte("SECRET body")})
		err := b.verifier.Refresh(t.Context())
		failed := policyFind(read(), "refresh failed")
		require.Len(t, failed, 1)
		require.Equal(t, "WARN", failed[0]["level"])
		require.Contains(t, failed[0]["error"], "503")
		require.EqualValues(t, policyRetryAfter(t, err), failed[0]["retry_after"])
		require.Error(t, b.verifier.Refresh(t.Context()))
		require.Empty(t, read(), "nothing was tried")
		time.Sleep(time.Second)
		b.issuer.Respond(policyKeys, jwtverifiertest.Response{Body: []byte(`{"keys":["SECRET"],"SECRET":1}`)})
		require.Error(t, b.verifier.Refresh(t.Context()))
		require.Len(t, policyFind(read(), "refresh failed"), 1)
		time.Sleep(2 * time.Second)
		b.issuer.Reset()
		require.NoError(t, b.verifier.Refresh(t.Context()))
		recovered := policyFind(read(), "refresh recovered")
		require.Len(t, recovered, 1)
		require.Equal(t, "INFO", recovered[0]["level"])
		require.NoError(t, b.verifier.Refresh(t.Context()))
		require.Empty(t, policyFind(read(), "recovered"))

		// An issuer that differs: both names, as an error.
		for _, path := range b.issuer.MetadataPaths() {
			b.transport.answer(path, policyText(200, policyMetadata("https://evil.example/\nSECOND LINE", policyIssuer+"/keys")))
		}
		require.Error(t, b.verifier.Refresh(t.Context()))
		mismatch := policyFind(read(), "another issuer")
		require.Len(t, mismatch, 3)
		require.Equal(t, "ERROR", mismatch[0]["level"])
		require.Contains(t, mismatch[0]["error"], "https://evil.example/")
		require.Contains(t, mismatch[0]["error"], policyIssuer)

		// An issuer that differs and another place that wins.
		b.transport.reset()
		time.Sleep(2 * time.Second)
		b.transport.answer(policyFormOne, policyText(200, policyMetadata("https://evil.example", policyIssuer+"/keys")))
		require.NoError(t, b.verifier.Refresh(t.Context()))
		lines = read()
		require.Len(t, policyFind(lines, "another issuer"), 1)
		require.Len(t, policyFind(lines, "recovered"), 1)

		// A name of any length.
		b.transport.answer(policyFormTwo, policyText(200, policyMetadata("https://"+strings.Repeat("e", 100_000), policyIssuer+"/keys")))
		b.transport.answer(policyFormThree, policyRefused)
		require.Error(t, b.verifier.Refresh(t.Context()))
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		token := b.token("key-1")
		b.warm()
		b.issuer.Down()
		time.Sleep(policyInterval + policyTick)
		b.accepts(token)
		time.Sleep(policyMaxStale)
		_, err := b.verify(t.Context(), token)
		policyOutcome(t, jwtverifier.ErrUnavailable, err)
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
	policyBubble(t, func(t *testing.T, b *policyBench) {
		entries := strings.Repeat(`{"kty":"EC","kid":"`+strings.Repeat("k", 500)+`"},`, 500)
		b.issuer.Respond(policyKeys, jwtverifiertest.Response{Body: []byte(strings.Replace(string(b.issuer.JWKS()), `[`, `[`+entries, 1))})
		b.warm()
		synctest.Wait()
		require.Less(t, log.Len(), 16<<10)
		lines := policyLines(t, &log)
		require.LessOrEqual(t, len(lines), 30)
		require.EqualValues(t, 500, policyFind(lines, "keys changed")[0]["skipped"])
	}, jwtverifier.WithLogger(logger))
}
