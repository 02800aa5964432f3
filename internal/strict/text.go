package strict

import (
	"strconv"
	"strings"
)

// Cut returns at most limit bytes of s.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit-3] + "..."
}

// Quote returns s as a quoted ASCII string of at most limit bytes.
func Quote(s string, limit int) string {
	q := strconv.QuoteToASCII(s[:min(len(s), limit)])
	if len(q) <= limit {
		return q
	}
	return Cut(q, limit-1) + `"`
}

// OneLine returns at most limit bytes of s, with everything but printable ASCII
// escaped.
func OneLine(s string, limit int) string {
	q := strconv.QuoteToASCII(s[:min(len(s), limit+1)]) // one more, so that it shows
	return Cut(strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`), limit)
}

// QuoteList returns the values, quoted, in at most limit bytes.
func QuoteList(values []string, limit int) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.QuoteToASCII(v)
	}
	return Cut(strings.Join(quoted, ", "), limit)
}
