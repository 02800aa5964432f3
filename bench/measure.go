package main

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// A batch is long enough for the clock to be read twice, and so short that most
// of them run undisturbed on a machine that others use too.
const batch = 200 * time.Microsecond

// interleave calls every function in every round, in another order each time
// and for about a batch's duration. It returns the nanoseconds per call, by
// function and round. What slows the machine down for a while slows all of them
// down: only ratios mean anything.
//
// The garbage is collected between rounds and never within one, so that nobody
// pays for what another one allocated.
func interleave(rounds int, functions ...func()) [][]float64 {
	calls := make([]int, len(functions))
	for i, f := range functions {
		once := timed(100, f) / 100
		calls[i] = max(1, int(batch/once))
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	times := make([][]float64, len(functions))
	var collected time.Time
	for range rounds {
		if time.Since(collected) > 10*time.Millisecond {
			runtime.GC()
			collected = time.Now()
		}
		for _, i := range rand.Perm(len(functions)) {
			functions[i]() // the one before has filled the processor's caches
			times[i] = append(times[i], float64(timed(calls[i], functions[i]))/float64(calls[i]))
		}
	}
	return times
}

func timed(calls int, f func()) time.Duration {
	began := time.Now()
	for range calls {
		f()
	}
	return time.Since(began)
}

// ratio returns the median of a[i]/b[i].
func ratio(a, b []float64) float64 { return median(ratios(a, b)) }

// undisturbed returns the ratio of the times within which a tenth of the rounds
// stayed. Neighbours on the machine only ever add to a time, and to one that
// uses memory more than to one that only computes: this differs from run to run
// by a percent or two where medians differ by ten.
func undisturbed(a, b []float64) float64 { return quantile(a, 0.1) / quantile(b, 0.1) }

func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

func median(values []float64) float64 { return quantile(values, 0.5) }

func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(float64(len(sorted))*q), len(sorted)-1)]
}

// allocated returns the allocations and bytes of one call, as the testing
// package counts them: nothing else may run meanwhile.
func allocated(f func()) (count, bytes int) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const calls = 200
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		f()
	}
	runtime.ReadMemStats(&after)
	return int(after.Mallocs-before.Mallocs) / calls, int(after.TotalAlloc-before.TotalAlloc) / calls
}

// heap returns how many bytes what make returned keeps alive.
func heap[T any](make func() T) (kept T, bytes int) {
	before := live()
	kept = make()
	return kept, live() - before
}

func live() int {
	var m runtime.MemStats
	for range 3 { // pools take two collections to empty
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
