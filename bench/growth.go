package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// keys: the cost of a token does not depend on the size of the key set.
func keys(out io.Writer) {
	issuer := newIssuer()
	raw := mint(issuer, nil)
	counts := []int{2, 100, 900}
	var functions []func()
	for _, n := range counts {
		v := newVerifier(issuer, jwtverifier.WithStaticKeys(manyKeys(issuer, n)))
		if held := len(v.Status().KeyIDs); held != n {
			panic(fmt.Sprintf("%d keys held, not %d", held, n))
		}
		functions = append(functions, accept(v, raw))
	}
	ns := interleave(1500, functions...)
	var rows [][]string
	for i, n := range counts {
		rows = append(rows, []string{fmt.Sprint(n), times(undisturbed(ns[i], ns[0]))})
	}
	table(out, "Keys in the set", []string{"keys", "× the first row"}, rows)
}

// remembered: nor does a remembered token cost more the more are remembered, except
// by the processor's own caches, which a stream of different tokens leaves.
func remembered(out io.Writer) {
	issuer, key := newIssuer(), newToyKey()
	all := key.mint(100_000, nil)
	counts := []int{1, 100, len(all)}
	functions := []func(){accept(newVerifier(issuer), mint(issuer, nil))}
	var shares []float64
	for _, n := range counts {
		v := newVerifier(issuer, jwtverifier.WithStaticKeys(key.jwks()), jwtverifier.WithTokenCache(1<<18))
		for _, raw := range all[:n] {
			accept(v, raw)()
		}
		shares = append(shares, remembers(v, all[:n]))
		functions = append(functions, accept(v, all[0]), func() { accept(v, all[rand.IntN(n)])() })
	}
	ns := interleave(1500, functions...)
	var rows [][]string
	for i, n := range counts {
		hot, mixed := ns[1+2*i], ns[2+2*i]
		rows = append(rows, []string{fmt.Sprint(n), times(undisturbed(hot, ns[1])), times(undisturbed(hot, ns[0])),
			times(undisturbed(mixed, ns[0])), fmt.Sprintf("%.1f %%", 100*shares[i])})
	}
	table(out, "Remembered tokens", []string{"verified before", "the same one, × the first row", "the same one, × fresh",
		"any of them, × fresh", "still remembered"}, rows)
}

// remembers returns the share of tokens that v remembers, by a sample.
func remembers(v *jwtverifier.Verifier, tokens []string) float64 {
	const sample = 1000
	hits := 0
	var before, after runtime.MemStats
	for range sample {
		verify := accept(v, tokens[rand.IntN(len(tokens))])
		runtime.ReadMemStats(&before)
		verify()
		runtime.ReadMemStats(&after)
		if after.Mallocs-before.Mallocs <= maxRememberedAllocations {
			hits++
		}
	}
	return float64(hits) / sample
}

// sizes: the cost grows with the size of the token, and with nothing else.
func sizes(out io.Writer) {
	issuer := newIssuer()
	key := public(issuer)
	v := newVerifier(issuer)
	cached := newVerifier(issuer, jwtverifier.WithTokenCache(64))
	steps := []int{512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10, 32 << 10}
	var functions []func()
	var lengths []int
	for _, size := range steps {
		raw := minted(issuer, size)
		lengths = append(lengths, len(raw))
		functions = append(functions, func() { floor(key, raw) }, accept(v, raw), accept(cached, raw))
	}
	ns := interleave(800, functions...)
	var rows [][]string
	for i, length := range lengths {
		perKiB, small := "", ns[1]
		if i > 0 {
			perKiB = fmt.Sprintf("%.3f", (undisturbed(ns[3*i+1], small)-1)/float64(length-lengths[0])*1024)
		}
		rows = append(rows, []string{fmt.Sprint(length), times(undisturbed(ns[3*i+1], ns[3*i])), times(undisturbed(ns[3*i+1], small)), perKiB,
			times(undisturbed(ns[3*i+2], ns[3*i+1]))})
	}
	table(out, "Size of the token", []string{"bytes", "fresh, × floor", "fresh, × the first row", "more of that per KiB", "remembered (up to 8 KiB), × fresh"}, rows)
}

// cores: two cores verify as much more than one as the floor lets them.
func cores(out io.Writer) {
	if runtime.GOMAXPROCS(0) < 2 {
		note(out, "One core: how it scales was not measured.")
		return
	}
	issuer := newIssuer()
	raw := mint(issuer, nil)
	key := public(issuer)
	functions := []func(){
		func() { floor(key, raw) },
		accept(newVerifier(issuer), raw),
		accept(newVerifier(issuer, jwtverifier.WithTokenCache(1024)), raw),
	}
	const rounds, span = 150, 10 * time.Millisecond
	rates := make([][]float64, 2*len(functions))
	for range rounds {
		runtime.GC()
		for _, i := range rand.Perm(len(rates)) {
			rates[i] = append(rates[i], rate(1+i%2, span, functions[i/2]))
		}
	}
	var rows [][]string
	own := ratios(rates[1], rates[0])
	for i, name := range []string{"floor", "fresh", "remembered, one hot token"} {
		scaling := ratios(rates[2*i+1], rates[2*i])
		rows = append(rows, []string{name, fmt.Sprintf("%.2f", median(scaling)), fmt.Sprintf("%.2f", ratio(scaling, own))})
	}
	table(out, "Two cores", []string{"", "rate of two goroutines, × that of one", "× the floor's own"}, rows)
}

// rate returns the calls per second that a number of workers make.
func rate(workers int, span time.Duration, f func()) float64 {
	var calls atomic.Int64
	var done sync.WaitGroup
	began := time.Now()
	for range workers {
		done.Go(func() {
			own := int64(0)
			for time.Since(began) < span {
				for range 8 {
					f()
				}
				own += 8
			}
			calls.Add(own)
		})
	}
	done.Wait()
	return float64(calls.Load()) / time.Since(began).Seconds()
}

// refreshes: nobody waits for a refresh while keys are held.
func refreshes(out io.Writer) {
	states := []struct {
		name string
		set  func(*jwtverifiertest.Issuer)
	}{
		{"none", func(*jwtverifiertest.Issuer) {}},
		{"one after the other, each of a millisecond", func(i *jwtverifiertest.Issuer) {
			i.Respond(i.JWKSPath(), jwtverifiertest.Response{Body: jwks(i), Delay: time.Millisecond})
		}},
		{"the same with 100 keys", func(i *jwtverifiertest.Issuer) {
			i.Respond(i.JWKSPath(), jwtverifiertest.Response{Body: manyKeys(i, 100), Delay: time.Millisecond})
		}},
		{"one that hangs", (*jwtverifiertest.Issuer).Hang},
		{"they fail", (*jwtverifiertest.Issuer).Down},
	}
	var verifiers []*jwtverifier.Verifier
	var tokens []string
	for _, state := range states {
		issuer := newIssuer()
		verifiers = append(verifiers, newVerifier(issuer))
		tokens = append(tokens, mint(issuer, nil))
		state.set(issuer)
	}

	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // as in interleave
	const rounds, samples = 100, 300
	medians, tails := make([][]float64, len(states)), make([][]float64, len(states))
	for range rounds {
		for _, i := range rand.Perm(len(states)) {
			runtime.GC()
			stop := func() {}
			if i > 0 {
				stop = keepRefreshing(verifiers[i])
			}
			verify := accept(verifiers[i], tokens[i])
			latencies := make([]float64, samples)
			for j := range latencies {
				latencies[j] = float64(timed(1, verify))
			}
			stop()
			medians[i] = append(medians[i], median(latencies))
			tails[i] = append(tails[i], quantile(latencies, 0.99))
		}
	}
	var rows [][]string
	for i, state := range states {
		rows = append(rows, []string{state.name, times(ratio(medians[i], medians[0])), times(ratio(tails[i], tails[0]))})
	}
	table(out, "While keys are refreshed", []string{"refreshes", "median, × none", "p99, × none"}, rows)
}

// keepRefreshing asks for refreshes until it is stopped.
func keepRefreshing(v *jwtverifier.Verifier) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			_ = v.Refresh(ctx) // also fails because of ctx
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}
