package httpauth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

// A costly header is one that anybody can send.
type costlyHeader struct {
	name   string
	field  string
	status int
	most   float64 // fresh verifications that its refusal may cost
}

const (
	usual = 3.0 / 20 // the benchmark shows less than 1/20; a test on a busy machine, or for races, needs room
	worst = 4.0
)

func costlyHeaders(good string) []costlyHeader {
	const large, huge = 64 << 10, 1 << 20
	long := func(n int, s string) string { return strings.Repeat(s, n/len(s)) }
	return []costlyHeader{
		{"nothing", "", 400, usual},
		{"another scheme", "Basic dXNlcjpwYXNz", 401, usual},
		{"a token without scheme", good, 401, usual},
		{"a usual size, a comma at the end", "Bearer " + good + ",", 400, usual},
		{"a usual size, no dots", "Bearer " + long(len(good), "a"), 401, usual},
		{"64 KiB of slashes", "Bearer " + long(large, "/"), 401, worst},
		{"64 KiB of slashes, the last one is a comma", "Bearer " + long(large-1, "/") + ",", 401, worst},
		{"64 KiB of equal signs", "Bearer " + long(large, "="), 400, worst},
		{"64 KiB of scheme", long(large, "~"), 401, worst},
		{"64 KiB of spaces", long(large, " "), 400, worst},
		{"64 KiB of dots", "Bearer " + long(large, "."), 401, worst},
		{"1 MiB of slashes", "Bearer " + long(huge, "/"), 401, worst},
		{"1 MiB of equal signs", "Bearer " + long(huge, "="), 400, worst},
		{"1 MiB of letters and equal signs", "Bearer a" + long(huge, "="), 401, worst},
		{"1 MiB of scheme", long(huge, "~"), 401, worst},
		{"1 MiB of spaces", long(huge, " "), 400, worst},
		{"1 MiB of spaces in the middle", "Bearer" + long(huge, " ") + "x", 400, worst},
		{"1 MiB of spaces at the end", "Bearer x" + long(huge, " "), 401, worst},
		{"1 MiB of tabs", long(huge, "\t"), 400, worst},
	}
}

// serving returns a function that has a request with this header served, and costs
// next to nothing itself.
func serving(h http.Handler, field string) func() {
	r, w := request(field), discard{}
	return func() { h.ServeHTTP(w, r) }
}

type discard http.Header

func (d discard) Header() http.Header         { return http.Header(d) }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(b []byte) (int, error) { return len(b), nil }

// What anybody can send costs little, measured in verifications of a good token.
func TestCostOfRefusals(t *testing.T) {
	issuer := jwtverifiertest.New("")
	guard := newGuard(t, newVerifier(t, issuer), httpauth.WithRealm("api"))
	h := guard.RequireScopes("read")(served)
	good := issuer.AccessToken()
	fastest := func(f func()) time.Duration {
		least := time.Hour
		for range 50 {
			began := time.Now()
			f()
			least = min(least, time.Since(began))
		}
		return least
	}
	require.Equal(t, 200, serve(h, request("Bearer "+good)).Code)
	for _, header := range costlyHeaders(good) {
		t.Run(header.name, func(t *testing.T) {
			assert.Equal(t, header.status, serve(h, request(header.field)).Code)
			cost, fresh := fastest(serving(h, header.field)), fastest(serving(h, "Bearer "+good))
			assert.Less(t, float64(cost)/float64(fresh), header.most, "fresh verifications")
		})
	}
}

// No Verifier reads more than 64 KiB, so none is asked to. What a header that is too
// long ends with does not matter, and a part of it is never taken for the whole.
func TestLongHeaders(t *testing.T) {
	const limit = 64 << 10
	letters, spaces := strings.Repeat("a", limit+1), strings.Repeat(" ", limit+1)
	for _, row := range []struct {
		name   string
		field  string
		asked  string // what the Verifier is asked about; "": nothing
		reason error
	}{
		{"64 KiB of token", "Bearer " + letters[1:], letters[1:], nil},
		{"64 KiB of token among spaces", " \tBearer " + spaces[:900] + letters[1:] + " ", letters[1:], nil},
		{"a byte more", "Bearer " + letters, "", jwtverifier.ErrMalformed},
		{"more, with padding", "Bearer " + letters[1:] + "=", "", jwtverifier.ErrMalformed},
		{"a comma within 4 KiB", "Bearer " + letters[:4<<10-1] + "," + letters, "", httpauth.ErrInvalidRequest},
		{"a comma behind them: the verifier's to refuse", "Bearer " + letters[:4<<10] + ",", letters[:4<<10] + ",", nil},
		{"more, with a comma far behind", "Bearer " + letters + letters + ",", "", jwtverifier.ErrMalformed},
		{"a token and another far behind", "Bearer a" + spaces + "  " + spaces[:2000] + "b", "", jwtverifier.ErrMalformed},
		{"a token and spaces", "Bearer a" + spaces + spaces, "", jwtverifier.ErrMalformed},
		{"a token far behind", "Bearer " + spaces + spaces + "a", "", httpauth.ErrInvalidRequest},
		{"another scheme", "Basic " + letters + letters, "", httpauth.ErrNoCredentials},
		{"a long scheme", letters + letters, "", httpauth.ErrNoCredentials},
		{"a long scheme with a comma far behind", letters + letters + ",", "", httpauth.ErrNoCredentials},
		{"a long scheme with a comma", "a," + letters + letters, "", httpauth.ErrInvalidRequest},
		{"nothing", spaces + spaces, "", httpauth.ErrInvalidRequest},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := ""
			guard := newGuard(t, verifierFunc(func(_ context.Context, raw string) (*jwtverifier.AccessToken, error) {
				asked = raw
				return &jwtverifier.AccessToken{}, nil
			}))
			token, err := guard.Check(request(row.field))
			assert.Equal(t, len(row.asked), len(asked))
			assert.True(t, row.asked == asked)
			assert.Equal(t, row.reason == nil, token != nil)
			if row.reason == nil {
				require.NoError(t, err)
				return
			}
			for _, reason := range reasons {
				assert.Equal(t, reason == row.reason, errors.Is(err, reason), "%v", reason)
			}
			if refused, ok := errors.AsType[*jwtverifier.TokenError](err); ok {
				assert.Equal(t, "token", refused.Part)
			}
		})
	}
}

func BenchmarkRefusals(b *testing.B) {
	issuer := jwtverifiertest.New("")
	h := newGuard(b, newVerifier(b, issuer), httpauth.WithRealm("api")).RequireScopes("read")(served)
	good := issuer.AccessToken()
	var fresh float64
	measure := func(name, field string) {
		b.Run(name, func(b *testing.B) {
			serve := serving(h, field)
			for b.Loop() {
				serve()
			}
			ns := float64(b.Elapsed()) / float64(b.N)
			if fresh == 0 {
				fresh = ns
			}
			b.ReportMetric(ns/fresh, "×fresh")
		})
	}
	measure("good", "Bearer "+good)
	for _, header := range costlyHeaders(good) {
		measure(header.name, header.field)
	}
}
