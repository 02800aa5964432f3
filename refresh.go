package jwtverifier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// A keySource holds the keys of one authorization server and decides when to
// fetch them again. It has a goroutine only while a refresh runs.
type keySource struct {
	policy *keyPolicy
	told   *observers
	web    *web.Client

	set atomic.Pointer[keySet] // nil while cold; written under mu

	mu        sync.Mutex // guards what follows; not held during I/O or callbacks
	running   *inflight  // the refresh under way, or nil
	metadata  *metadata  // accepted last, or nil
	lastState State      // that observers were told of

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
	began time.Time
	retry bool          // the attempt before it failed
	done  chan struct{} // closed when it has ended

	// Written before done is closed, read after.
	err        error
	retryAfter time.Duration
}

func newKeySource(policy *keyPolicy, told *observers) (*keySource, error) {
	s := &keySource{policy: policy, told: told, web: web.New(policy.client)}
	if policy.static() {
		set := publicKeySet(policy.publicKeys)
		if policy.staticKeys != nil {
			var err error
			if set, err = parseKeySet(policy.staticKeys, nil); err != nil {
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

// newer returns the key set after the refresh that an unknown kid may cause. It
// is still seen if the last one is too recent for another.
func (s *keySource) newer(ctx context.Context, seen *keySet, now time.Time) (*keySet, time.Time, error) {
	if s.policy.static() {
		return seen, now, nil
	}
	s.mu.Lock()
	if set := s.set.Load(); set != seen {
		s.mu.Unlock()
		return set, time.Now(), nil
	}
	r, admitted := s.running, false
	var unavailable *UnavailableError
	if r == nil {
		pause := s.pause(now)
		cooldown := unknownKeyPause - seen.age(now)
		switch {
		case pause > 0 || cooldown > 0 && s.failures > 0:
			unavailable = &UnavailableError{RetryAfter: max(pause, cooldown), Err: s.lastErr}
		case cooldown <= 0:
			r, admitted = s.start(now), true
		}
	}
	s.mu.Unlock()

	s.told.unknownKey(admitted)
	if unavailable != nil {
		return nil, now, unavailable
	}
	if r == nil {
		return seen, now, nil
	}
	if err := r.wait(ctx); err != nil {
		return nil, now, err
	}
	return s.set.Load(), time.Now(), nil
}

// refresh waits for the refresh that is under way, or for one that it starts.
func (s *keySource) refresh(ctx context.Context) error {
	if s.policy.static() {
		return nil
	}
	for {
		r, err := s.join(s.set.Load(), time.Now())
		switch {
		case err != nil:
			return err
		case r != nil:
			return r.wait(ctx)
		}
	}
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
	limit := maxBackoff
	if !s.set.Load().state(now).held() {
		limit = maxColdBackoff
	}
	backoff := min(firstBackoff<<min(s.failures-1, 10), limit)
	backoff = time.Duration(float64(backoff) * s.jitter)
	return max(backoff, s.retryAfter) - now.Sub(s.failedAt)
}

// start starts a refresh. It is detached from the context of the call that
// caused it, since others wait for it too. mu must be held.
func (s *keySource) start(now time.Time) *inflight {
	r := &inflight{began: now, retry: s.failures > 0, done: make(chan struct{})}
	s.running = r
	a := &attempt{policy: s.policy, web: s.web, began: now, known: s.metadata, previous: s.set.Load()}
	go s.run(r, a)
	return r
}

func (s *keySource) run(r *inflight, a *attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), refreshTimeout)
	defer cancel()
	defer s.finish(r, a)
	a.err = errors.New("the HTTP client ended the goroutine")
	a.err = a.do(ctx)
}

// finish takes over what an attempt brought. It is deferred, so that not even an
// HTTP client that panics, or calls runtime.Goexit, leaves a refresh unended.
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
		s.set.Store(a.set)
		s.failures = 0
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
	s.running = nil
	s.mu.Unlock()

	s.told.refreshed(a.fetches, a.keysChanged(), RefreshDoneInfo{
		Duration: now.Sub(r.began), Err: a.err, RetryAfter: r.retryAfter, Recovered: a.err == nil && failures > 0,
	})
	s.reportState()
}

// reportState tells the observers of a State that differs from the last one told.
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
		return &UnavailableError{Err: fmt.Errorf("waiting for keys: %w", ctx.Err())}
	}
	if r.err != nil {
		return &UnavailableError{RetryAfter: r.retryAfter, Err: r.err}
	}
	return nil
}

// waitAtMost waits for the end of the refresh, but not longer than d, nor than ctx.
func (r *inflight) waitAtMost(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// Status is a snapshot of how the keys of a Verifier are.
type Status struct {
	State       State
	KeyIDs      []string  // of the held keys, sorted; "" stands for keys without kid
	FetchedAt   time.Time // when the refresh that brought them began; static keys: when New ran
	NextRefresh time.Time // when the next refresh may happen, at the first token after it; zero: at once, or never with static keys
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
		status.KeyIDs = slices.Sorted(maps.Keys(set.byID))
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
