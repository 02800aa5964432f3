package jwtverifier

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// A keySource holds the keys of one authorization server and decides when to
// fetch them again. It has a goroutine only while a refresh runs; internal/web has one
// for each document that is asked for.
type keySource struct {
	policy *keyPolicy
	told   *observers
	web    *web.Client

	set atomic.Pointer[keySet] // nil while cold; written under mu

	attempts atomic.Uint64 // begun so far; written under mu

	mu        sync.Mutex // guards what follows; not held during I/O or callbacks
	running   *inflight  // the refresh under way, or nil
	last      *inflight  // the one that ended last, or nil
	metadata  *metadata  // accepted last, or nil
	lastState State      // that was reported last

	unknownAt time.Time // when the last refresh began that an unknown kid caused and that succeeded
	forcedAt  time.Time // when the last one began that Refresh caused

	failures   int           // attempts failed in a row
	failedAt   time.Time     // when the last of them ended
	jitter     float64       // the part of the back-off that is waited, ½ … 1
	retryAfter time.Duration // what the server asked for then

	lastErr   error // survives the next success
	lastErrAt time.Time
}

// An inflight is a refresh under way, one attempt to fetch metadata and keys,
// shared by all who wait for it.
type inflight struct {
	attempt    uint64 // its number, from 1
	began      time.Time
	retry      bool          // the attempt before it failed
	unknownKey bool          // an unknown kid caused it; written under mu
	done       chan struct{} // closed when it has ended

	// Written before done is closed, read after.
	err        error
	retryAfter time.Duration
}

func newKeySource(policy *keyPolicy, told *observers) (*keySource, error) {
	s := &keySource{policy: policy, told: told, web: web.New(policy.client)}
	if policy.static() {
		set, err := publicKeySet(policy.publicKeys, policy.algorithms)
		if err != nil {
			return nil, misconfigured("WithPublicKeys: %w", err)
		}
		if policy.staticKeys != nil {
			if set, err = parseKeySet(policy.staticKeys, policy.algorithms, nil); err != nil {
				return nil, misconfigured("WithStaticKeys: %w", err)
			}
		}
		set.fetched, set.interval, set.ahead = time.Now(), math.MaxInt64, math.MaxInt64
		s.set.Store(set)
	}
	return s, nil
}

// usable returns a key set to judge by and the time at which it was looked at.
// It waits only if it must; a set that is held serves even under an ended ctx.
func (s *keySource) usable(ctx context.Context) (*keySet, time.Time, error) {
	now := time.Now()
	set := s.set.Load()
	if set != nil && set.age(now) <= set.ahead {
		return set, now, nil
	}
	for {
		state := set.state(now)
		r, err := s.join(set, now)
		if err != nil {
			s.reportState()
		}
		switch {
		case r == nil && err == nil:
			// Another refresh has just ended: look at what it brought.
		case !state.held():
			if err == nil {
				err = r.wait(ctx)
			}
			if err != nil {
				return nil, now, err
			}
		case state == StateStale && r != nil && !r.retry:
			r.waitAtMost(ctx, maxWait-now.Sub(r.began))
		default:
			return set, now, nil
		}
		now, set = time.Now(), s.set.Load()
		if set.state(now).held() {
			return set, now, nil
		}
	}
}

// join returns the refresh that is under way, or one that it starts; during the
// back-off, an [*UnavailableError]; neither if seen is no longer the current set.
func (s *keySource) join(seen *keySet, now time.Time) (*inflight, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set.Load() != seen {
		return nil, nil
	}
	if s.running == nil {
		if pause := s.pause(now); pause > 0 {
			return nil, &UnavailableError{RetryAfter: pause, Err: s.lastErr}
		}
		s.start(now)
	}
	return s.running, nil
}

// newer returns the key set after the refresh that an unknown kid may cause, the time
// at which it was looked at, and whether that refresh was started for it; called is
// how many attempts had begun when the token came. The set is still seen if no newer
// one may be had.
func (s *keySource) newer(ctx context.Context, seen *keySet, called uint64) (_ *keySet, _ time.Time, started bool, _ error) {
	now := time.Now()
	s.mu.Lock()
	if set := s.set.Load(); set != seen {
		s.mu.Unlock()
		return set, now, false, nil
	}
	r := s.running
	var unavailable *UnavailableError
	pause, cooldown := s.pause(now), s.cooldown(now)
	switch {
	case seen.attempt > called:
		// This token has waited for these keys: a rotation since then is too
		// unlikely for another request.
		r = nil
	case r != nil:
		// Waiting for it costs the server nothing. If it began before the token
		// came, the caller asks once more.
	case pause > 0, cooldown > 0 && s.failures > 0:
		// Whether the kid is unknown cannot be said: the server did not answer.
		unavailable = &UnavailableError{RetryAfter: max(pause, cooldown), Err: s.lastErr}
	case cooldown > 0:
		// Somebody who sends junk kids gets one request in ten seconds.
	default:
		r, started = s.start(now), true
		r.unknownKey = true
	}
	s.mu.Unlock()

	if unavailable != nil {
		return nil, now, false, unavailable
	}
	if r == nil {
		return seen, now, false, nil
	}
	if err := r.wait(ctx); err != nil {
		return nil, now, started, err
	}
	return s.set.Load(), time.Now(), started, nil
}

// cooldown returns for how long no unknown kid may cause a refresh yet. Only the
// last refresh that one caused counts, and only if it succeeded: so the first
// unknown kid after a start is asked for at once, and junk kids in an outage
// cannot keep a new key out once it is over. mu must be held.
func (s *keySource) cooldown(now time.Time) time.Duration {
	return unknownKeyPause - elapsed(s.unknownAt, now)
}

// refresh waits for an attempt that begins after the call. One that is under way may
// have read its answer before the caller knew what it knows, so it is not enough.
func (s *keySource) refresh(ctx context.Context) error {
	if s.policy.static() {
		return nil
	}
	called := s.attempts.Load()
	for {
		r, pause := s.force(called)
		if r == nil {
			if err := sleep(ctx, pause); err != nil {
				return err
			}
			continue
		}
		err := r.wait(ctx)
		if r.attempt > called {
			return err
		}
		if ctx.Err() != nil {
			return gaveUp(ctx)
		}
	}
}

// force returns an attempt to wait for: the last one if it began after the call,
// one under way, or one that it starts, back-off or not. If the last that it started
// is too recent it returns how long to wait.
func (s *keySource) force(called uint64) (*inflight, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch pause := forcedPause - elapsed(s.forcedAt, now); {
	case s.last != nil && s.last.attempt > called:
		return s.last, 0
	case s.running != nil:
		return s.running, 0
	case pause > 0:
		return nil, pause
	}
	s.forcedAt = now
	return s.start(now), 0
}

// document returns the metadata that was accepted last.
func (s *keySource) document(ctx context.Context) ([]byte, error) {
	if !s.policy.discovers() {
		return nil, misconfigured("Metadata needs discovery")
	}
	m := s.accepted()
	if m == nil {
		_, _, err := s.usable(ctx)
		// The metadata can be there though the keys are not.
		if m = s.accepted(); m == nil {
			return nil, err
		}
	}
	return m.document, nil
}

func (s *keySource) accepted() *metadata {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.metadata
}

// pause returns for how long no attempt may be made yet. mu must be held.
func (s *keySource) pause(now time.Time) time.Duration {
	if s.failures == 0 {
		return 0
	}
	// While nothing works, try often, unless the server asks not to. While held
	// keys serve, a new key should not have to wait for long.
	limit, obeyed := maxBackoff, maxRetryAfter
	if !s.set.Load().state(now).held() {
		limit, obeyed = maxColdBackoff, maxColdRetryAfter
	}
	backoff := min(firstBackoff<<min(s.failures-1, 10), limit)
	backoff = time.Duration(float64(backoff) * s.jitter)
	return max(backoff, min(s.retryAfter, obeyed)) - now.Sub(s.failedAt)
}

// start starts a refresh. It is detached from the context of the call that
// caused it, since others wait for it too. mu must be held.
func (s *keySource) start(now time.Time) *inflight {
	r := &inflight{attempt: s.attempts.Add(1), began: now, retry: s.failures > 0, done: make(chan struct{})}
	s.running = r
	a := &attempt{policy: s.policy, web: s.web, began: now, known: s.metadata, previous: s.set.Load()}
	go s.run(r, a)
	return r
}

func (s *keySource) run(r *inflight, a *attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), documentsPerRefresh*s.web.Timeout())
	defer cancel()
	defer s.finish(r, a)
	a.err = a.do(ctx)
}

// finish takes over what an attempt brought. It is deferred, so that not even a
// document that makes our own code panic leaves a refresh unended.
func (s *keySource) finish(r *inflight, a *attempt) {
	if p := recover(); p != nil {
		a.err = fmt.Errorf("panic: %s", strict.OneLine(fmt.Sprint(p), maxForeignText))
	}
	defer close(r.done)
	s.web.CloseIdleConnections()

	now := time.Now()
	s.mu.Lock()
	failures := s.failures
	if a.accepted != nil {
		s.metadata = a.accepted
	}
	if a.err == nil {
		a.set.attempt = r.attempt
		s.set.Store(a.set)
		s.failures = 0
		if r.unknownKey {
			s.unknownAt = r.began
		}
	} else {
		s.failures++
		s.failedAt = now
		s.jitter = 0.5 + rand.Float64()/2
		s.retryAfter = a.retryAfter
	}
	if err := cmp.Or(a.err, a.problem); err != nil {
		s.lastErr, s.lastErrAt = err, now
	}
	r.err, r.retryAfter = a.err, max(s.pause(now), 0)
	s.running, s.last = nil, r
	s.mu.Unlock()

	s.told.refreshed(a.fetches, a.keysChanged(), RefreshDoneInfo{
		Duration: now.Sub(r.began), Err: a.err, RetryAfter: r.retryAfter, Recovered: a.err == nil && failures > 0,
	})
	s.reportState()
}

// reportState reports a State that is not the one reported last.
func (s *keySource) reportState() {
	s.mu.Lock()
	change := StateChangedInfo{From: s.lastState, To: s.set.Load().state(time.Now())}
	s.lastState = change.To
	s.mu.Unlock()
	if change.From == change.To {
		return
	}
	s.told.stateChanged(change)
}

// wait waits for the end of the refresh under the caller's own context.
func (r *inflight) wait(ctx context.Context) error {
	select {
	case <-r.done:
	case <-ctx.Done():
		return gaveUp(ctx)
	}
	if r.err != nil {
		return &UnavailableError{RetryAfter: r.retryAfter, Err: r.err}
	}
	return nil
}

// gaveUp is the error of a caller whose own context ended.
func gaveUp(ctx context.Context) error {
	return &UnavailableError{Err: fmt.Errorf("waiting for keys: %w", ctx.Err())}
}

// sleep returns after d, or with an error when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return gaveUp(ctx)
	}
}

// waitAtMost waits for the end of the refresh, but not longer than d, nor than ctx.
func (r *inflight) waitAtMost(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_ = r.wait(ctx) // held keys serve, however it ended
}

// Status is a snapshot of how the keys of a Verifier are.
type Status struct {
	State       State
	KeyIDs      []string  // of the held keys, sorted; "" stands for keys without kid
	FetchedAt   time.Time // when the refresh that brought them began; static keys: when New ran
	NextRefresh time.Time // when a token may cause the next refresh, unknown kids apart; zero: at once, or never with static keys
	Failures    int       // refreshes that failed in a row
	LastError   error     // of the last refresh that failed or found something wrong; a success leaves it
	LastErrorAt time.Time
	MetadataURL string // where the metadata was found
	JWKSURL     string // where the keys are from
}

// Ready reports whether tokens can be judged without waiting for a refresh.
func (s Status) Ready() bool { return s.State.held() }

func (s *keySource) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, set := time.Now(), s.set.Load()
	status := Status{
		State:       set.state(now),
		Failures:    s.failures,
		LastError:   s.lastErr,
		LastErrorAt: s.lastErrAt,
	}
	if s.metadata != nil {
		status.MetadataURL, status.JWKSURL = s.metadata.url, s.metadata.jwksURI
	}
	if set != nil {
		status.KeyIDs = set.ids()
		status.FetchedAt = set.fetched
		status.JWKSURL = set.jwksURL
		if !s.policy.static() {
			status.NextRefresh = set.fetched.Add(set.ahead)
		}
	}
	if pause := s.pause(now); pause > 0 && now.Add(pause).After(status.NextRefresh) {
		status.NextRefresh = now.Add(pause)
	}
	return status
}
