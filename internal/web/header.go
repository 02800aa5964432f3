package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest that a Retry-After can ask for. Who obeys it may have a
// limit of its own.
const maxRetryAfter = 5 * time.Minute

// RetryAfter returns what a Retry-After asks for (RFC 9110 §10.2.3), at most
// maxRetryAfter; 0 if it is malformed.
func RetryAfter(value string, now time.Time) time.Duration {
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, _ := strconv.ParseUint(value, 10, 31) // the largest, if it is out of range
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, _ := http.ParseTime(value) // long ago, if it is malformed
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// Lifetime returns for how long an answer may be kept by its Cache-Control (RFC 9111
// §5.2.2): from least to most, and most if it does not say. If most is the smaller of
// the two, it is always most. What is malformed in the header is ignored.
func Lifetime(h http.Header, least, most time.Duration) time.Duration {
	asked := most
	for _, value := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(value, ",") {
			name, argument, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-cache", "no-store":
				asked = 0
			case "max-age":
				if seconds, err := strconv.ParseUint(unquoted(argument), 10, 31); err == nil {
					asked = min(asked, time.Duration(seconds)*time.Second)
				}
			}
		}
	}
	return min(most, max(asked, least))
}

// unquoted takes a pair of quotes away: max-age="60" is read like max-age=60.
func unquoted(s string) string {
	inner, opened := strings.CutPrefix(s, `"`)
	if inner, closed := strings.CutSuffix(inner, `"`); opened && closed {
		return inner
	}
	return s
}
