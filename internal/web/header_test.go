package web

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfterOfAValue(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0":                                0,
		"1":                                time.Second,
		"09":                               9 * time.Second,
		"30":                               30 * time.Second,
		"299":                              299 * time.Second,
		"300":                              5 * time.Minute,
		"301":                              5 * time.Minute,
		"2147483647":                       5 * time.Minute,
		"2147483648":                       5 * time.Minute,
		"99999999999999999999999":          5 * time.Minute,
		"Thu, 01 Jan 2026 12:00:01 GMT":    time.Second,
		"Thu, 01 Jan 2026 12:05:00 GMT":    5 * time.Minute,
		"Thu, 01 Jan 2026 12:05:01 GMT":    5 * time.Minute,
		"Thu, 01 Jan 2026 12:00:00 GMT":    0,
		"Thu, 01 Jan 2026 11:59:59 GMT":    0,
		"Thursday, 01-Jan-26 12:00:07 GMT": 7 * time.Second,
		"Thu Jan  1 12:00:08 2026":         8 * time.Second,
		"":                                 0,
		" 30":                              0,
		"-30":                              0,
		"+30":                              0,
		"30.5":                             0,
		"1e3":                              0,
		"0x10":                             0,
		"30s":                              0,
		"30, 40":                           0,
		"\u0663\u0660":                     0, // digits, but not ASCII
		"soon":                             0,
	} {
		require.Equal(t, want, RetryAfter(value, now), "%q", value)
	}
}

func TestLifetime(t *testing.T) {
	const (
		least = 5 * time.Minute
		most  = 15 * time.Minute
		year  = 365 * 24 * time.Hour
	)
	for _, row := range []struct {
		values      []string
		least, most time.Duration // 0, 0: those above
		want        time.Duration
	}{
		{values: nil, want: most},
		{values: []string{""}, want: most},
		{values: []string{"max-age=600"}, want: 10 * time.Minute},
		{values: []string{`Max-Age="600"`}, want: 10 * time.Minute},
		{values: []string{" \tmax-age=600 ,must-revalidate"}, want: 10 * time.Minute},
		{values: []string{"max-age=700", "max-age=600, max-age=800"}, want: 10 * time.Minute},
		{values: []string{"max-age=301"}, want: 301 * time.Second},
		{values: []string{"max-age=300"}, want: least},
		{values: []string{"max-age=299"}, want: least},
		{values: []string{"max-age=0"}, want: least},
		{values: []string{"max-age=899"}, want: 899 * time.Second},
		{values: []string{"max-age=901"}, want: most},
		{values: []string{"no-cache"}, want: least},
		{values: []string{"NO-STORE"}, want: least},
		{values: []string{`no-cache="Set-Cookie"`}, want: least},
		{values: []string{"no-store, max-age=600"}, want: least},
		{values: []string{"max-age=600, no-store"}, want: least},
		{values: []string{"no-store"}, most: time.Minute, want: 0},
		{values: []string{"max-age=1"}, most: time.Minute, want: time.Second},
		{values: []string{"no-store"}, least: least, most: time.Minute, want: time.Minute},
		{values: []string{"max-age=2147483647"}, most: 100 * year, want: 2147483647 * time.Second},
		{values: []string{"max-age=2147483648"}, most: 100 * year, want: 100 * year},

		// What is malformed, or of no interest.
		{values: []string{"max-age"}, want: most},
		{values: []string{"max-age="}, want: most},
		{values: []string{`max-age=""`}, want: most},
		{values: []string{`max-age="`}, want: most},
		{values: []string{`max-age="600`}, want: most},
		{values: []string{`max-age=600"`}, want: most},
		{values: []string{`max-age=""600""`}, want: most},
		{values: []string{"max-age=-1"}, want: most},
		{values: []string{"max-age=+600"}, want: most},
		{values: []string{"max-age=600.5"}, want: most},
		{values: []string{"max-age=6e2"}, want: most},
		{values: []string{"max-age=0x258"}, want: most},
		{values: []string{"max-age=6_0"}, want: most},
		{values: []string{"max-age=600; public"}, want: most},
		{values: []string{"max-age =600"}, want: most},
		{values: []string{"max-age=18446744073"}, want: most}, // overflows as nanoseconds
		{values: []string{"x-no-store, s-maxage=600"}, want: most},
		{values: []string{"max-age=x, ,=,;, max-age=600"}, want: 10 * time.Minute},
	} {
		if row.least == 0 && row.most == 0 {
			row.least, row.most = least, most
		}
		require.Equal(t, row.want, Lifetime(http.Header{"Cache-Control": row.values}, row.least, row.most), "%q", row.values)
	}
	require.Equal(t, most, Lifetime(nil, least, most))
}
