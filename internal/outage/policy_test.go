package outage_test

import (
	"fmt"
	"math"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
)

// A model is the refresh policy as docs/design.md has it, one thing at a time. The
// world decides what comes of an attempt when it begins; it takes effect when it ends.
type model struct {
	now   time.Time
	world world
	drawn func(attempt int) attemptDone // what the Verifier drew when that attempt ended

	attempts int // begun so far
	running  *modelAttempt
	last     *modelAttempt // that ended
	set      *modelAttempt // whose keys are held
	found    bool          // where the keys are is known
	calls    []*modelCall  // that wait
	asked    [2]int        // requests for metadata and keys since the last look

	failures   int
	failedAt   time.Time
	jitter     float64
	retryAfter time.Duration
	unknownAt  time.Time // when the last attempt that an unknown kid caused began, if it succeeded
	forcedAt   time.Time // when the last one that Refresh caused began
}

// A modelAttempt is an attempt to fetch the keys.
type modelAttempt struct {
	number      int
	began, ends time.Time
	world       world
	retry       bool // the one before failed
	unknown     bool // an unknown kid caused it
	ok          bool
	ahead       time.Duration // if ok
	pause       time.Duration // before the next one, if not ok
}

type callKind string

const (
	verification callKind = "a token"
	refreshing   callKind = "Refresh"
	prefetching  callKind = "Prefetch"
)

// A modelCall is a call, and what comes of it.
type modelCall struct {
	kind     callKind
	token    modelToken
	deadline time.Time // of its context; zero: none
	before   int       // attempts that had begun when it came

	// While it waits: for what, and how it goes on.
	attempt *modelAttempt
	until   time.Time // no longer than that, unless zero
	resume  func()

	// When it is done.
	done       bool
	want       error
	at         time.Time
	retryAfter time.Duration
}

func (c *modelCall) String() string { return fmt.Sprintf("%s %v", c.kind, c.token) }

// waitsForOlder reports whether it waits for an attempt that began before it.
func (c *modelCall) waitsForOlder() bool { return c.attempt != nil && c.attempt.number <= c.before }

// next returns when something ends by itself, zero if never.
func (m *model) next() (next time.Time) {
	soonest := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if m.running != nil {
		soonest(m.running.ends)
	}
	for _, c := range m.calls {
		soonest(c.until)
		soonest(c.deadline)
	}
	return next
}

// advance lets happen what ends at this time.
func (m *model) advance(now time.Time) {
	m.now = now
	ended := m.running
	if ended != nil && ended.ends.Equal(now) {
		m.end()
	} else {
		ended = nil
	}
	waiting := m.calls
	m.calls = nil
	for _, c := range waiting {
		if c.attempt != nil && c.attempt == ended || c.until.Equal(now) || c.ended(now) {
			c.attempt, c.until = nil, time.Time{}
			c.resume()
		} else {
			m.calls = append(m.calls, c)
		}
	}
}

func (c *modelCall) ended(now time.Time) bool { return !c.deadline.IsZero() && !now.Before(c.deadline) }

func (m *model) call(c *modelCall, now time.Time) {
	m.now = now
	c.before = m.attempts
	if c.kind == refreshing {
		m.refresh(c)
	} else {
		m.needsKeys(c)
	}
}

func (m *model) finish(c *modelCall, want error, retryAfter time.Duration) {
	c.done, c.want, c.at, c.retryAfter = true, want, m.now, retryAfter
}

// wait makes the call wait for the attempt, if it is not nil, but not longer than
// until, if it is not zero, nor than its context.
func (m *model) wait(c *modelCall, a *modelAttempt, until time.Time, resume func()) {
	c.attempt, c.until, c.resume = a, until, resume
	if c.ended(m.now) {
		resume()
		return
	}
	m.calls = append(m.calls, c)
}

// succeeded waits for the end of the attempt: then, if it brought keys.
func (m *model) succeeded(c *modelCall, a *modelAttempt, then func()) {
	m.wait(c, a, time.Time{}, func() {
		switch {
		case m.running == a:
			m.finish(c, jwtverifier.ErrUnavailable, 0) // the context ended
		case a.ok:
			then()
		default:
			m.finish(c, jwtverifier.ErrUnavailable, a.pause)
		}
	})
}

// needsKeys is what the age of the keys means for a call.
func (m *model) needsKeys(c *modelCall) {
	state := m.state()
	if state == jwtverifier.StateFresh && m.now.Sub(m.set.began) <= m.set.ahead {
		m.judge(c)
		return
	}
	held := state == jwtverifier.StateFresh || state == jwtverifier.StateStale
	pause := m.pause()
	if m.running == nil && pause <= 0 {
		m.start()
	}
	switch {
	case !held && m.running == nil:
		m.finish(c, jwtverifier.ErrUnavailable, pause)
	case !held:
		m.succeeded(c, m.running, func() { m.judge(c) })
	case state == jwtverifier.StateStale && m.running != nil && !m.running.retry &&
		m.now.Before(m.running.began.Add(testkit.MaxWait)):
		m.wait(c, m.running, m.running.began.Add(testkit.MaxWait), func() {
			if state := m.state(); state == jwtverifier.StateExpired {
				m.needsKeys(c)
				return
			}
			m.judge(c)
		})
	default:
		m.judge(c)
	}
}

// judge is what the held keys mean for a token.
func (m *model) judge(c *modelCall) {
	if c.kind == prefetching {
		m.finish(c, nil, 0)
		return
	}
	var candidates []string
	for key, named := range m.set.world.published {
		if c.token.kid == "" || !named {
			candidates = append(candidates, key)
		}
	}
	if m.set.world.published[c.token.kid] { // with its kid
		if c.token.by == c.token.kid {
			m.finish(c, nil, 0)
		} else {
			m.finish(c, jwtverifier.ErrSignature, 0)
		}
		return
	}
	if len(candidates) <= 4 {
		for _, key := range candidates {
			if key == c.token.by {
				m.finish(c, nil, 0)
				return
			}
		}
	}
	reason := jwtverifier.ErrUnknownKey
	if c.token.kid == "" {
		reason = jwtverifier.ErrSignature
	}

	pause, cooldown := m.pause(), testkit.Cooldown-m.now.Sub(m.unknownAt)
	again := func() { m.judge(c) }
	switch {
	case m.set.number > c.before:
		m.finish(c, reason, 0)
	case m.running != nil:
		m.succeeded(c, m.running, again)
	case m.failures > 0 && (pause > 0 || cooldown > 0):
		m.finish(c, jwtverifier.ErrUnavailable, max(pause, cooldown))
	case cooldown > 0:
		m.finish(c, reason, 0)
	default:
		m.start()
		m.running.unknown = true
		m.succeeded(c, m.running, again)
	}
}

// refresh is Refresh.
func (m *model) refresh(c *modelCall) {
	gaveUp := func(then func()) func() {
		return func() {
			if c.ended(m.now) {
				m.finish(c, jwtverifier.ErrUnavailable, 0)
				return
			}
			then()
		}
	}
	again := gaveUp(func() { m.refresh(c) })
	switch next := m.forcedAt.Add(testkit.ForcedPause); {
	case m.last != nil && m.last.number > c.before:
		if m.last.ok {
			m.finish(c, nil, 0)
		} else {
			m.finish(c, jwtverifier.ErrUnavailable, m.last.pause)
		}
	case m.running != nil:
		m.wait(c, m.running, time.Time{}, again)
	case m.now.Before(next):
		m.wait(c, nil, next, again)
	default:
		m.forcedAt = m.now
		m.start()
		m.wait(c, m.running, time.Time{}, again)
	}
}

func (m *model) state() jwtverifier.State {
	if m.set == nil {
		return jwtverifier.StateCold
	}
	switch age := m.now.Sub(m.set.began); {
	case age <= testkit.Interval:
		return jwtverifier.StateFresh
	case age <= testkit.Interval+modelMaxStale:
		return jwtverifier.StateStale
	}
	return jwtverifier.StateExpired
}

// pause is for how long nobody except Refresh may ask.
func (m *model) pause() time.Duration {
	if m.failures == 0 {
		return 0
	}
	most, obeyed := m.limits()
	return max(time.Duration(math.Round(float64(m.backoff(most))*m.jitter)), min(m.retryAfter, obeyed)) - m.now.Sub(m.failedAt)
}

// limits are the longest back-off, and the longest Retry-After that is obeyed.
func (m *model) limits() (backoff, retryAfter time.Duration) {
	if state := m.state(); state == jwtverifier.StateCold || state == jwtverifier.StateExpired {
		return testkit.MaxColdBackoff, testkit.MaxColdRetryAfter
	}
	return testkit.MaxBackoff, testkit.MaxRetryAfter
}

// backoff is the back-off after this many failures, without jitter.
func (m *model) backoff(most time.Duration) time.Duration {
	backoff := time.Second
	for range m.failures - 1 {
		backoff = min(2*backoff, most)
	}
	return backoff
}

// start begins an attempt, whose outcome the world decides.
func (m *model) start() {
	m.attempts++
	a := &modelAttempt{number: m.attempts, began: m.now, world: m.world, retry: m.failures > 0}
	takes := m.world.takes
	if m.world.answer == silence || m.world.answer == late {
		takes = testkit.DocumentTimeout
	}
	a.ends, a.ok = m.now.Add(takes), m.world.answer == good
	m.running = a
	m.asked[0]++
	if m.world.answer != nobody {
		m.asked[1]++
		m.found = true
	}
}

// end lets the attempt that runs take effect.
func (m *model) end() {
	a := m.running
	m.running, m.last = nil, a
	drawn := m.drawn(a.number)
	if a.world.answer == nobody && m.found {
		m.asked[1]++ // the keys may be there though the metadata is not
	}
	if a.ok {
		a.ahead = drawn.ahead
		allowed("a refresh ahead", a.ahead, testkit.Interval*70/100, testkit.Interval*90/100)
		m.set, m.failures = a, 0
		if a.unknown {
			m.unknownAt = a.began
		}
		return
	}
	m.failures++
	m.failedAt, m.retryAfter = m.now, 0
	if a.world.answer == refusal {
		m.retryAfter = a.world.asks
	}
	a.pause = drawn.retryAfter
	withJitter := func(jitter float64) time.Duration { m.jitter = jitter; return m.pause() }
	allowed("a back-off", a.pause, withJitter(0.5), withJitter(1))
	if a.pause > withJitter(0) { // longer than what the server asked for
		most, _ := m.limits()
		m.jitter = float64(a.pause) / float64(m.backoff(most))
	}
}

// allowed checks what the Verifier drew.
func allowed(what string, drawn, least, most time.Duration) {
	if drawn < least-1 || drawn > most { // a nanosecond for rounding
		panic(fmt.Sprintf("%s of %v, not from %v to %v", what, drawn, least, most))
	}
}
