package outage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

var soakTime = flag.Duration("soak", 0, "how long TestSoak runs, 20s at least; 0: not at all")

const (
	workers         = 32
	rotationPeriod  = 15 * time.Second // from the first use of a key to the first use of the next
	publishedBefore = 12 * time.Second // before its first use
	keptAfter       = 15 * time.Second // after its last use
	failureRate     = 0.20             // of the answers
	hangRate        = 0.02
	moreMemory      = 8 << 20 // bytes of heap, after a collection
	slack           = 250 * time.Millisecond
)

// An answer is one answer of the server.
type answer struct {
	keys       bool // or else metadata
	began, end time.Time
	good       bool
}

// A faultyServer is an issuer behind a real socket that fails now and then.
type faultyServer struct {
	issuer *jwtverifiertest.Issuer
	calm   atomic.Bool // nothing fails
	struck atomic.Bool // an answer with keys has failed: a short soak must see it too

	mu      sync.Mutex // guards answers
	answers []answer
}

func (s *faultyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := answer{keys: r.URL.Path == s.issuer.JWKSPath(), began: time.Now()}
	draw := rand.Float64()
	if a.keys && !s.calm.Load() && !s.struck.Swap(true) {
		draw = hangRate // the least draw that fails and does not hang
	}
	switch {
	case s.calm.Load() || draw >= failureRate+hangRate:
		a.good = true
		s.issuer.ServeHTTP(w, r)
	case draw < hangRate:
		<-r.Context().Done()
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	a.end = time.Now()
	s.mu.Lock()
	s.answers = append(s.answers, a)
	s.mu.Unlock()
}

// A tokenPool is what the workers draw from: tokens signed beforehand.
type tokenPool struct {
	mu      sync.Mutex          // guards current
	current map[string][]string // by kind: good, forged and expired name the key in use
}

func (s *tokenPool) pick(kind string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.current[kind]
	return list[rand.IntN(len(list))]
}

// An outcome is an ErrUnavailable that a worker got.
type outcome struct{ began, end time.Time }

// TestSoak mixes good, forged and expired tokens and junk kids for a while of
// real time, while the server rotates its key and fails. Run it with -race:
//
//	go test -race -run TestSoak -v ./internal/outage -soak 75s
func TestSoak(t *testing.T) {
	if *soakTime == 0 {
		t.Skip("it takes real time: go test -race -run TestSoak -v ./internal/outage -soak 75s")
	}
	server := httptest.NewUnstartedServer(nil)
	s := &faultyServer{issuer: jwtverifiertest.New("http://" + server.Listener.Addr().String())}
	server.Config.Handler = s
	server.Start()
	defer server.Close()

	// Every key is made now: it takes long.
	issuer := s.issuer
	forger := jwtverifiertest.New("") // made next to it: it has other keys
	for range 7 {
		kid := issuer.PublishKey()
		issuer.PublicKey(kid)
		issuer.RetireKey(kid)
	}
	kid := issuer.KeyID()
	sign := func(signer *jwtverifiertest.Issuer, kid, key string, valid time.Duration) string {
		return signer.SignWith(key, fmt.Appendf(nil, `{"alg":"RS256","kid":%q}`, kid), payload(issuer, valid))
	}
	tokens := &tokenPool{}
	use := func(kid string) {
		current := map[string][]string{}
		for i := range 4 {
			for kind, raw := range map[string]string{
				"good":     sign(issuer, kid, kid, time.Hour),
				"junk kid": sign(issuer, fmt.Sprintf("junk-%d", i), kid, time.Hour),
				"forged":   sign(forger, kid, "key-1", time.Hour),
				"expired":  sign(issuer, kid, kid, -time.Hour),
			} {
				current[kind] = append(current[kind], raw)
			}
		}
		tokens.mu.Lock()
		defer tokens.mu.Unlock()
		tokens.current = current
	}
	use(kid)

	v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithRefreshInterval(time.Minute))
	require.NoError(t, err)
	s.calm.Store(true)
	require.NoError(t, v.Prefetch(t.Context()))
	time.Sleep(100 * time.Millisecond) // both ends of its connection have ended
	s.calm.Store(false)

	goroutines := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), *soakTime)
	defer cancel()

	var (
		verified, unavailable, refused atomic.Int64
		mu                             sync.Mutex
		outcomes                       []outcome
		problems                       = map[string]int{}
		most                           atomic.Int64 // goroutines
		rotations, retired             int
	)
	problem := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems[fmt.Sprintf(format, args...)]++
	}
	judge := func(kind string, want error) {
		raw := tokens.pick(kind)
		began := time.Now()
		token, err := v.VerifyAccessToken(t.Context(), raw)
		end := time.Now()
		switch {
		case (token != nil) != (err == nil):
			problem("%s: a token and an error, or neither: %v", kind, err)
		case errors.Is(err, jwtverifier.ErrUnavailable):
			unavailable.Add(1)
			mu.Lock()
			// Many at once get the same.
			if n := len(outcomes); n == 0 || end.Sub(outcomes[n-1].end) > 10*time.Millisecond || end.Sub(began) > time.Second {
				outcomes = append(outcomes, outcome{began, end})
			}
			mu.Unlock()
		case want == nil && err == nil:
			verified.Add(1)
		case want != nil && errors.Is(err, want) && errors.Is(err, jwtverifier.ErrInvalidToken):
			refused.Add(1)
		default:
			problem("%s: %v, want %v", kind, err, want)
		}
	}

	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				switch draw := rand.IntN(10); {
				case draw < 6:
					judge("good", nil)
				case draw < 7:
					judge("junk kid", jwtverifier.ErrUnknownKey)
				case draw < 9:
					judge("forged", jwtverifier.ErrSignature)
				default:
					judge("expired", jwtverifier.ErrExpired)
				}
				time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
			}
		})
	}

	// The rotation, and a look at the process now and then.
	var heap []uint64
	wg.Go(func() {
		began, next := time.Now(), ""
		publish, rotate := began.Add(rotationPeriod-publishedBefore), began.Add(rotationPeriod)
		type retirement struct {
			kid string
			at  time.Time
		}
		var retirements []retirement
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		look := began.Add(5 * time.Second) // when everything has been used once
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				most.Store(max(most.Load(), int64(runtime.NumGoroutine())))
				if now.After(publish) {
					next = issuer.PublishKey()
					publish = publish.Add(rotationPeriod)
				}
				if now.After(rotate) {
					retirements = append(retirements, retirement{kid, now.Add(keptAfter)})
					kid = next
					use(kid)
					rotations++
					rotate = rotate.Add(rotationPeriod)
				}
				if len(retirements) > 0 && now.After(retirements[0].at) {
					issuer.RetireKey(retirements[0].kid)
					retired++
					retirements = retirements[1:]
				}
				if now.After(look) {
					look = look.Add(time.Second)
					var m runtime.MemStats
					runtime.GC()
					runtime.ReadMemStats(&m)
					heap = append(heap, m.HeapAlloc)
				}
			}
		}
	})
	wg.Wait()

	// Afterwards everything is as before.
	s.calm.Store(true)
	time.Sleep(11 * time.Second) // a refresh that was under way, and no more
	err = v.Refresh(t.Context())
	for err != nil {
		time.Sleep(testkit.RetryAfter(t, err))
		err = v.Refresh(t.Context())
	}
	for range 100 {
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		time.Sleep(50 * time.Millisecond) // a connection's goroutines end after it
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines after and before")

	s.mu.Lock()
	answers := slices.Clone(s.answers)
	s.mu.Unlock()
	attempts := attemptsOf(answers)
	t.Logf("%v: %d accepted, %d refused, %d unavailable; %d requests in %d attempts, %d rotations; at most %d goroutines (%d before)",
		*soakTime, verified.Load(), refused.Load(), unavailable.Load(), len(answers), len(attempts), rotations, most.Load(), goroutines)

	require.Empty(t, problems)
	require.Positive(t, verified.Load())
	require.Positive(t, refused.Load())
	require.Positive(t, unavailable.Load())
	require.True(t, slices.ContainsFunc(attempts, func(a attempt) bool { return !a.good }), "an attempt failed")
	require.Equal(t, int((*soakTime-time.Second)/rotationPeriod), rotations)
	require.Equal(t, max(0, int((*soakTime-keptAfter-time.Second)/rotationPeriod)), retired)
	// The workers, the rotation, the refresh, and both ends of a connection or two.
	require.LessOrEqual(t, most.Load(), int64(goroutines+workers+20))
	if len(heap) >= 2 {
		t.Logf("heap: %d KiB at first, %d KiB at last", heap[0]>>10, heap[len(heap)-1]>>10)
		require.LessOrEqual(t, heap[len(heap)-1], heap[0]+moreMemory)
	}
	requirePace(t, attempts)
	requireCause(t, outcomes, attempts)
}

func payload(issuer *jwtverifiertest.Issuer, valid time.Duration) []byte {
	now := time.Now()
	return fmt.Appendf(nil, `{"iss":%q,"aud":%q,"sub":"user","iat":%d,"exp":%d}`,
		issuer.URL(), jwtverifiertest.Audience, now.Add(-2*time.Hour).Unix(), now.Add(valid).Unix())
}

// An attempt is one refresh, as the server saw it. Since there is a winner
// from the beginning, it is one request for metadata and one for keys, whatever
// became of the first.
type attempt struct {
	began, end time.Time
	good       bool
}

func attemptsOf(answers []answer) []attempt {
	slices.SortFunc(answers, func(a, b answer) int { return a.began.Compare(b.began) })
	var attempts []attempt
	for i, a := range answers {
		switch {
		case !a.keys:
			attempts = append(attempts, attempt{began: a.began, end: a.end})
		case i == 0 || answers[i-1].keys:
			attempts = append(attempts, attempt{began: a.began, end: a.end, good: a.good}) // shows up as one too soon
		default:
			last := &attempts[len(attempts)-1]
			last.end, last.good = a.end, a.good
		}
	}
	return attempts
}

// requirePace checks that no attempt came sooner than the policy allows.
func requirePace(t *testing.T, attempts []attempt) {
	t.Helper()
	failures := 0
	for i, a := range attempts {
		if i > 0 && i < len(attempts)-1 { // the last one is the test's own Refresh
			before := attempts[i-1]
			if before.good && i > 1 { // the first one no unknown kid caused
				require.GreaterOrEqual(t, a.began.Sub(before.began), testkit.Cooldown-slack, "attempt %d, after a success", i)
			} else if !before.good {
				least := min(time.Second<<min(failures-1, 6), testkit.MaxBackoff) / 2
				require.GreaterOrEqual(t, a.began.Sub(before.end), least-slack, "attempt %d, after %d failures", i, failures)
			}
		}
		if a.good {
			failures = 0
		} else {
			failures++
		}
	}
}

// requireCause checks that a token was unavailable only while the last attempt
// had failed, or the one that its caller waited for.
func requireCause(t *testing.T, outcomes []outcome, attempts []attempt) {
	t.Helper()
	for _, o := range outcomes {
		// The last attempt that had ended when the caller came, or one that
		// ended while the caller waited, must have failed.
		failed := false
		for i, a := range attempts {
			isLast := i+1 == len(attempts) || attempts[i+1].end.After(o.began.Add(-slack))
			if !a.good && isLast && a.began.Before(o.end) {
				failed = true
			}
		}
		require.True(t, failed, "unavailable from %v to %v, though no attempt had failed", o.began, o.end)
	}
}
