package introspection_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

// A costly token is one that anybody can send, and that is refused without a request.
type costlyToken struct {
	name, raw string
	most      float64 // fresh verifications that its refusal may cost
}

func costlyTokens() []costlyToken {
	const (
		large = 64 << 10
		usual = 3.0 / 20 // the benchmark shows less than 1/20; a test on a busy machine, or for races, needs room
		worst = 4.0
	)
	return []costlyToken{
		{"empty", "", usual},
		{"a usual size, the last byte is a tab", strings.Repeat("a", 1000) + "\t", usual},
		{"64 KiB, the last byte is a tab", strings.Repeat("a", large-1) + "\t", worst},
		{"64 KiB that are not ASCII", strings.Repeat("é", large/2), worst},
		{"64 KiB that are not UTF-8", strings.Repeat("\xff", large), worst},
		{"1 MiB", strings.Repeat("a", 1<<20), usual},
	}
}

// doors returns the two ways to introspect, and one good token for the second.
func doors(t testing.TB) (introspect, verify func(raw string) error, good string) {
	t.Helper()
	issuer := jwtverifiertest.New("")
	local, client := inMemory(t, issuer, testkit.Text(200, active))
	c := newClient(t, local, introspection.WithHTTPClient(client))
	both, err := introspection.NewVerifier(local, c)
	require.NoError(t, err)
	introspect = func(raw string) error {
		_, err := c.Introspect(t.Context(), raw)
		return err
	}
	verify = func(raw string) error {
		_, err := both.VerifyAccessToken(t.Context(), raw)
		return err
	}
	good = issuer.AccessToken()
	require.NoError(t, introspect(good))
	require.NoError(t, verify(good))
	return introspect, verify, good
}

// What cannot be a token costs little, measured in calls with a good one, of which
// the verification of the signature is most.
func TestCostOfRefusals(t *testing.T) {
	introspect, verify, good := doors(t)
	fastest := func(call func(raw string) error, raw string) time.Duration {
		least := time.Hour
		for range 50 {
			began := time.Now()
			_ = call(raw)
			least = min(least, time.Since(began))
		}
		return least
	}
	for _, token := range costlyTokens() {
		t.Run(token.name, func(t *testing.T) {
			for _, door := range []func(raw string) error{introspect, verify} {
				requireReason(t, door(token.raw), jwtverifier.ErrInvalidToken, jwtverifier.ErrMalformed)
				cost, fresh := fastest(door, token.raw), fastest(verify, good)
				assert.Less(t, float64(cost)/float64(fresh), token.most, "calls with a good token")
			}
		})
	}
}

func BenchmarkRefusals(b *testing.B) {
	introspect, verify, good := doors(b)
	var fresh float64
	measure := func(name string, call func(raw string) error, raw string) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_ = call(raw)
			}
			ns := float64(b.Elapsed()) / float64(b.N)
			if fresh == 0 {
				fresh = ns
			}
			b.ReportMetric(ns/fresh, "×good")
		})
	}
	measure("good", verify, good)
	for _, token := range costlyTokens() {
		measure(token.name+"/introspect", introspect, token.raw)
		measure(token.name+"/verify", verify, token.raw)
	}
}
