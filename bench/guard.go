package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"example.com/jwtverifier"
)

// The limits of the guard. Ratios have a margin for noise; allocations have none.
const (
	maxFreshRatio            = 1.25 // × floor
	minRememberedRatio       = 15.0 // fresh, × remembered
	refusalNoise             = 1.05 // × what a refusal may cost
	maxFreshAllocations      = 22
	maxRememberedAllocations = 3
	attempts                 = 3
)

// recorded is what a fresh and a remembered verification allocate, by the
// version of Go: the floor alone accounts for 11. Anyone who changes it says why.
var recorded = map[string]struct{ fresh, remembered int }{
	"go1.26": {21, 3},
}

// guard reports whether every limit is kept. Ratios are measured again if they
// break one, twice at most: machines that run CI have neighbours.
func guard(out io.Writer) bool {
	issuer := newIssuer()
	raw := mint(issuer, nil)
	key := public(issuer)
	fresh := accept(newVerifier(issuer), raw)
	remembered := accept(newVerifier(issuer, jwtverifier.WithTokenCache(1024)), raw)
	ok := guardAllocations(out, fresh, remembered)
	for _, d := range doors(issuer) {
		ok = guardRefusals(out, d, fresh) && ok
	}
	for attempt := range attempts {
		time.Sleep(time.Duration(attempt) * time.Second)
		ns := interleave(4000, func() { floor(key, raw) }, fresh, remembered)
		a, b := undisturbed(ns[1], ns[0]), undisturbed(ns[1], ns[2])
		kept := a <= maxFreshRatio && b >= minRememberedRatio
		fmt.Fprintf(out, "fresh is %.3f × the floor (limit %.2f), remembered 1/%.1f of fresh (limit 1/%.0f): %s\n",
			a, maxFreshRatio, b, minRememberedRatio, verdict(kept))
		if kept {
			return ok
		}
	}
	return false
}

// guardRefusals reports whether every refusal at a door costs as little as it must.
func guardRefusals(out io.Writer, d door, fresh func()) bool {
	for attempt := range attempts {
		time.Sleep(time.Duration(attempt) * time.Second)
		costs := d.costs(150, fresh)
		var over []refusal
		for i, r := range d.refusals {
			if costs[i] > r.most*refusalNoise {
				fmt.Fprintf(out, "%s: %s: %s fresh verifications (limit %s)\n", d.name, r.name, times(costs[i]), times(r.most))
				over = append(over, r)
			}
		}
		fmt.Fprintf(out, "%s: %d refusals, %d over their limits: %s\n", d.name, len(d.refusals), len(over), verdict(len(over) == 0))
		if len(over) == 0 {
			return true
		}
		d.refusals = over // only those are measured again
	}
	return false
}

func guardAllocations(out io.Writer, fresh, remembered func()) bool {
	a, _ := allocated(fresh)
	b, _ := allocated(remembered)
	kept := a <= maxFreshAllocations && b <= maxRememberedAllocations
	wanted := "no number recorded for " + runtime.Version()
	for release, r := range recorded {
		if runtime.Version() == release || strings.HasPrefix(runtime.Version(), release+".") {
			kept = kept && a == r.fresh && b == r.remembered
			wanted = fmt.Sprintf("recorded: %d and %d", r.fresh, r.remembered)
		}
	}
	fmt.Fprintf(out, "%d allocations fresh (limit %d), %d remembered (limit %d), %s: %s\n",
		a, maxFreshAllocations, b, maxRememberedAllocations, wanted, verdict(kept))
	return kept
}

func verdict(kept bool) string {
	if kept {
		return "ok"
	}
	return "FAIL"
}
