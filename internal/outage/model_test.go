package outage_test

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

var modelSeeds = flag.Uint64("model", 300, "how many seeds TestModel has")

const (
	modelEvents   = 40        // of each seed
	modelMaxStale = time.Hour // short, so that keys expire now and then
	modelKeys     = 6         // key-1 … key-6 are published now and then, key-7 never
)

// TestModel lets random things happen to a Verifier and its server, and compares
// what comes of each call (the outcome, the wait, the requests) with a model of the
// refresh policy. One seed again: go test -run 'TestModel/17$' ./internal/outage
func TestModel(t *testing.T) {
	w := newModelTokens(t)
	for seed := range *modelSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				d := newDriver(b, w, rand.New(rand.NewPCG(seed, 0)))
				for range modelEvents {
					d.pass(d.duration())
					d.event()
				}
				d.pass(2 * time.Minute) // every call has ended
				require.Empty(t, d.calls)
			}, jwtverifier.WithMaxStale(modelMaxStale))
		})
	}
}

// A modelToken says which kid a token has, "" if none, and which key signed it.
type modelToken struct{ kid, by string }

// modelTokens are signed once: that takes longer than all the rest.
type modelTokens struct {
	raw    map[modelToken]string
	tokens []modelToken
	jwk    map[string]string // of each key, without kid
}

func newModelTokens(t *testing.T) *modelTokens {
	issuer := jwtverifiertest.New(testkit.Issuer)
	w := &modelTokens{raw: map[modelToken]string{}, jwk: map[string]string{}}
	payload := fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":"user","iat":946684800,"exp":1104537600}`, // 2000 … 2005
		testkit.Issuer, jwtverifiertest.Audience)
	add := func(kid, by string) {
		header := `{"alg":"RS256"}`
		if kid != "" {
			header = fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid)
		}
		w.tokens = append(w.tokens, modelToken{kid, by})
		w.raw[modelToken{kid, by}] = issuer.SignWith(by, []byte(header), payload)
	}
	for range modelKeys {
		issuer.PublishKey()
	}
	forger := fmt.Sprintf("key-%d", modelKeys+1)
	for i := range modelKeys {
		kid := fmt.Sprintf("key-%d", i+1)
		public := issuer.PublicKey(kid).(*rsa.PublicKey)
		w.jwk[kid] = fmt.Sprintf(`"kty":"RSA","e":"AQAB","n":%q`, base64.RawURLEncoding.EncodeToString(public.N.Bytes()))
		add(kid, kid)
		add(kid, kid) // more often than the others
		add(kid, forger)
		add("", kid)
	}
	add("", forger)
	add("junk", forger)
	add("junk", forger)
	return w
}

// A world is what the server does. How it answers is decided for each attempt when
// its first request comes.
type world struct {
	published map[string]bool // the keys; true: with their kid
	answer    answerKind
	takes     time.Duration // until it comes, never 0: then nothing happens at the same time
	asks      time.Duration // Retry-After of a refusal
}

type answerKind int

const (
	good    answerKind = iota
	refusal            // of the keys, 503
	silence            // keys that do not come
	late               // the same by a transport that ignores its context: they come when nobody waits
	nobody             // the connection is refused
)

// A driver lets things happen to the Verifier and to the model, in step.
type driver struct {
	*testkit.Bench
	*modelTokens
	random *rand.Rand
	model  *model
	calls  []*driverCall // that the model says are waiting

	mu       sync.Mutex // guards what follows, and model.world
	plan     world      // of the attempt under way
	attempts []attemptDone
}

// An attemptDone is what the policy draws at random when an attempt ends.
type attemptDone struct {
	ahead      time.Duration // after a success, the age at which the next refresh is due
	retryAfter time.Duration // after a failure, the back-off
}

// A driverCall is a call of the Verifier, beside the model's.
type driverCall struct {
	*modelCall
	real chan modelResult
}

func newDriver(b *testkit.Bench, w *modelTokens, random *rand.Rand) *driver {
	d := &driver{Bench: b, modelTokens: w, random: random}
	d.model = &model{drawn: func(n int) attemptDone {
		d.mu.Lock()
		defer d.mu.Unlock()
		require.GreaterOrEqual(d, len(d.attempts), n, "attempts that have ended")
		return d.attempts[n-1]
	}}
	d.model.world = world{published: map[string]bool{"key-1": true}, takes: time.Millisecond}
	var err error
	d.Verifier, err = jwtverifier.New(testkit.Issuer,
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithHTTPClient(&http.Client{Transport: b.Transport}),
		jwtverifier.WithMaxStale(modelMaxStale),
		jwtverifier.WithObserver(jwtverifier.Observer{RefreshDone: func(i jwtverifier.RefreshDoneInfo) {
			status := d.Verifier.Status()
			d.mu.Lock()
			defer d.mu.Unlock()
			d.attempts = append(d.attempts, attemptDone{status.NextRefresh.Sub(status.FetchedAt), i.RetryAfter})
		}}))
	require.NoError(b, err)
	b.Transport.Answer(testkit.FirstPlace, d.metadata)
	b.Transport.Answer(testkit.KeysPath, d.keys)
	return d
}

func (d *driver) metadata(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.plan = d.model.world
	d.plan.published = maps.Clone(d.plan.published)
	plan := d.plan
	d.mu.Unlock()
	if plan.answer == nobody {
		time.Sleep(plan.takes)
		return testkit.Refused(r)
	}
	return testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL))(r)
}

func (d *driver) keys(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	plan := d.plan
	d.mu.Unlock()
	var entries []string
	for kid, named := range plan.published {
		entry := d.jwk[kid]
		if named {
			entry += fmt.Sprintf(`,"kid":%q`, kid)
		}
		entries = append(entries, "{"+entry+"}")
	}
	switch plan.answer {
	case nobody:
		return testkit.Refused(r)
	case silence:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case late:
		time.Sleep(testkit.AttemptTimeout + plan.takes)
	case refusal:
		time.Sleep(plan.takes)
		resp, err := testkit.Text(503, "")(r)
		resp.Header.Set("Retry-After", fmt.Sprint(int(plan.asks/time.Second)))
		return resp, err
	default:
		time.Sleep(plan.takes)
	}
	return testkit.Text(200, `{"keys":[`+strings.Join(entries, ",")+`]}`)(r)
}

// duration draws one of every order of magnitude that the policy knows.
func (d *driver) duration() time.Duration {
	most := []time.Duration{
		time.Second / 2, 2 * time.Second, 5 * time.Second, 15 * time.Second,
		time.Minute, 5 * time.Minute, testkit.Interval, 3 * testkit.Interval, 3 * modelMaxStale,
	}
	weights := []int{30, 25, 15, 15, 5, 3, 3, 3, 1}
	draw := d.random.IntN(100)
	for i, weight := range weights {
		if draw -= weight; draw < 0 {
			return 1 + time.Duration(d.random.Int64N(int64(most[i])))
		}
	}
	panic("the weights are 100 in all")
}

// pass lets this time pass, and stops wherever the model says that something ends.
func (d *driver) pass(duration time.Duration) {
	until := time.Now().Add(duration)
	for {
		next := d.model.next()
		if next.IsZero() || next.After(until) {
			break
		}
		time.Sleep(time.Until(next))
		synctest.Wait()
		d.model.advance(next)
		d.compare()
	}
	time.Sleep(time.Until(until))
	synctest.Wait()
}

func (d *driver) event() {
	switch draw := d.random.IntN(100); {
	case draw < 50:
		token := d.tokens[d.random.IntN(len(d.tokens))]
		d.call(&modelCall{kind: verification, token: token}, func(ctx context.Context) error {
			_, err := d.Verifier.VerifyAccessToken(ctx, d.raw[token])
			return err
		})
	case draw < 65:
		d.call(&modelCall{kind: refreshing}, d.Verifier.Refresh)
	case draw < 70:
		d.call(&modelCall{kind: prefetching}, d.Verifier.Prefetch)
	default:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.change(&d.model.world)
	}
}

// change lets something else happen at the server.
func (d *driver) change(w *world) {
	if d.random.IntN(2) == 0 {
		w.published = maps.Clone(w.published)
		kid := fmt.Sprintf("key-%d", 1+d.random.IntN(modelKeys))
		if _, ok := w.published[kid]; ok && len(w.published) > 1 {
			delete(w.published, kid)
		} else {
			w.published[kid] = d.random.IntN(4) > 0
		}
	} else {
		w.answer = []answerKind{good, good, good, refusal, silence, late, nobody}[d.random.IntN(7)]
		w.takes = 1 + time.Duration(d.random.Int64N(int64(testkit.DocumentTimeout-time.Second)))
		if d.random.IntN(2) == 0 {
			w.takes = 1 + w.takes/1000
		}
		w.asks = []time.Duration{0, 20 * time.Second, 100 * time.Second, 400 * time.Second}[d.random.IntN(4)]
	}
}

// call makes a call of both, unless what comes of it would depend on which of two
// waiting goroutines runs first.
func (d *driver) call(c *modelCall, f func(context.Context) error) {
	m := d.model
	if m.running != nil && slices.ContainsFunc(d.calls, func(other *driverCall) bool { return other.waitsForOlder() }) {
		return
	}
	ctx, cancel := context.WithCancel(d.Context())
	if d.random.IntN(5) == 0 {
		c.deadline = time.Now().Add(1 + time.Duration(d.random.Int64N(int64(3*time.Second))))
		ctx, cancel = context.WithDeadline(d.Context(), c.deadline)
	}
	both := &driverCall{c, make(chan modelResult, 1)}
	d.calls = append(d.calls, both)
	go func() {
		defer cancel()
		err := f(ctx)
		both.real <- modelResult{err, time.Now()}
	}()
	synctest.Wait()
	m.call(c, time.Now())
	d.compare()
}

// compare checks that the Verifier is where the model is.
func (d *driver) compare() {
	d.Helper()
	m := d.model
	var waiting []*driverCall
	for _, c := range d.calls {
		select {
		case got := <-c.real:
			require.True(d, c.done, "%v returned %v: the model waits", c.modelCall, got.err)
			testkit.Outcome(d, c.want, got.err)
			require.Equal(d, c.at, got.at)
			if errors.Is(c.want, jwtverifier.ErrUnavailable) {
				require.InDelta(d, c.retryAfter, testkit.RetryAfter(d, got.err), 1, "%v: rounding apart", c.modelCall)
			}
		default:
			require.False(d, c.done, "%v waits: the model says %v", c.modelCall, c.want)
			waiting = append(waiting, c)
		}
	}
	d.calls = waiting
	metadata, keys := testkit.Count(d.Transport.Take())
	require.Equal(d, m.asked, [2]int{metadata, keys}, "requests for metadata and keys")
	m.asked = [2]int{}
	status := d.Verifier.Status()
	require.Equal(d, m.state(), status.State)
	require.Equal(d, m.failures, status.Failures)
	if m.set != nil {
		require.Equal(d, m.set.began, status.FetchedAt)
	}
}

// A modelResult is what came of a call, and when.
type modelResult struct {
	err error
	at  time.Time
}
