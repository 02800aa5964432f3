package testkit

import "time"

// The numbers of the refresh policy, as docs/design.md has them. They are written
// down here once more, so that no test follows a number that was changed by mistake.
const (
	Interval        = 15 * time.Minute // after which keys are stale
	MaxStale        = 24 * time.Hour   // beyond the interval, while stale keys serve
	MaxWait         = time.Second      // for a refresh of held keys, from its start
	Cooldown        = 10 * time.Second // between refreshes for unknown kids
	DocumentTimeout = 5 * time.Second  // for one document, redirects included
	AttemptTimeout  = 10 * time.Second // for all documents of a refresh
	MaxBackoff      = time.Minute      // while keys are usable
	MaxColdBackoff  = 10 * time.Second // while none are
	ForcedPause     = time.Second      // between attempts that Refresh starts

	MaxRetryAfter     = time.Minute     // that a server can ask for while keys are usable
	MaxColdRetryAfter = 5 * time.Minute // while none are

	Tick = time.Nanosecond // the least time that passes
)
