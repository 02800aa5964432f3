package hostile_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// Not parallel: it counts what is allocated.
func TestTokenSyntaxCost(t *testing.T) {
	v := newSite().verifier(t)
	refusal := func(t *testing.T, raw string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		token, err := v.VerifyAccessToken(t.Context(), raw)
		runtime.ReadMemStats(&after)
		require.Nil(t, token)
		refusedBecause(t, err, jwtverifier.ErrMalformed, raw)
		assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<10), "bytes allocated")
	}
	h, p, s := seg64(h0()), seg64(at0()), strings.Repeat("A", 342)

	huge := strings.Repeat("A", 64<<20)
	runRow(t, "t/016 64 MiB of header", func(t *testing.T) { refusal(t, huge+"."+p+"."+s) })
	runRow(t, "t/016 64 MiB of payload", func(t *testing.T) { refusal(t, h+"."+huge+"."+s) })
	runRow(t, "t/016 64 MiB of signature", func(t *testing.T) { refusal(t, h+"."+p+"."+huge) })
	runRow(t, "t/117 1 MiB of signature", func(t *testing.T) { refusal(t, h+"."+p+"."+huge[:1<<20]) })
	runRow(t, "t/014 a million dots", func(t *testing.T) { refusal(t, strings.Repeat(".", 1<<20)) })
	runRow(t, "t/014 as many dots as fit", func(t *testing.T) { refusal(t, strings.Repeat(".", 64<<10)) })
	runRow(t, "t/302 ten thousand signatures", func(t *testing.T) {
		one := fmt.Sprintf(`{"protected":%q,"signature":%q}`, h, s)
		refusal(t, fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, p, strings.Repeat(one+",", 9_999)+one))
	})
	runRow(t, "t/302 as many signatures as fit", func(t *testing.T) {
		one := fmt.Sprintf(`{"protected":%q,"signature":%q}`, h, s)
		refusal(t, fmt.Sprintf(`{"payload":%q,"signatures":[%s]}`, p, strings.Repeat(one+",", 140)+one))
	})
	runRow(t, "t/007 password-based encryption", func(t *testing.T) {
		raw := seg64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA"
		fastest := time.Hour
		for range 20 {
			began := time.Now()
			_, err := v.VerifyAccessToken(t.Context(), raw)
			fastest = min(fastest, time.Since(began))
			refusedBecause(t, err, jwtverifier.ErrMalformed, raw)
		}
		assert.Less(t, fastest, time.Millisecond)
	})
}

// Not parallel: it measures.
func TestCost(t *testing.T) {
	v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1()))),
		jwtverifier.WithClock(func() time.Time { return bubbleStart }))
	require.NoError(t, err)
	cost := func(raw string, want error) (fastest time.Duration, allocations float64) {
		fastest = time.Hour
		for range 100 {
			began := time.Now()
			_, err := v.VerifyAccessToken(t.Context(), raw)
			fastest = min(fastest, time.Since(began))
			require.ErrorIs(t, err, want)
		}
		return fastest, testing.AllocsPerRun(20, func() { _, _ = v.VerifyAccessToken(t.Context(), raw) })
	}
	largest := tokenOfLength(64 << 10)
	largestTime, largestAllocations := cost(largest, nil)
	smallTime, smallAllocations := cost(at0Token(), nil)
	runRow(t, "t/301 the largest token costs no more allocations than a small one", func(t *testing.T) {
		assert.LessOrEqual(t, largestAllocations, smallAllocations+5)
		assert.Less(t, largestTime, 10*smallTime+5*time.Millisecond)
	})
	_, rest, _ := strings.Cut(largest, ".")
	_, restOfSmall, _ := strings.Cut(at0Token(), ".")
	for _, row := range []struct {
		name string
		raw  string
		want error
	}{
		{"another algorithm", seg64(h0("alg", `"HS256"`)) + "." + rest, jwtverifier.ErrAlgorithm},
		{"an unknown kid", seg64(h0("kid", `"k9"`)) + "." + rest, jwtverifier.ErrUnknownKey},
		{"a header of 600 members", seg64(manyMembers(600)) + "." + restOfSmall, jwtverifier.ErrMalformed},
		{"crit", seg64(h0("crit", `[]`)) + "." + rest, jwtverifier.ErrMalformed},
		{"no base64url at the end", largest[:len(largest)-1] + "!", jwtverifier.ErrMalformed},
		{"too long by a byte", largest + "A", jwtverifier.ErrMalformed},
		{"nothing but dots", strings.Repeat(".", len(largest)), jwtverifier.ErrMalformed},
		{"nothing but letters", strings.Repeat("A", len(largest)), jwtverifier.ErrMalformed},
	} {
		runRow(t, "t/301 cheaper than a good token: "+row.name, func(t *testing.T) {
			time, allocations := cost(row.raw, row.want)
			assert.LessOrEqual(t, time, largestTime)
			assert.LessOrEqual(t, allocations, largestAllocations)
		})
	}
}
