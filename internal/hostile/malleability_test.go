package hostile_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// A token must have one spelling: whatever is changed in a good one, be it a
// byte, is refused. Fuzzing would hardly ever find the one bit of a last
// character that is not used, or the line break that a decoder skips; here
// every single change is made.

// shortToken is as short as a good access token can be, so that all its mutants
// can be tried. Its segments end in unused bits.
func shortToken(kid, payload string) string {
	key := key1
	if kid == "2" {
		key = key2
	}
	return jwsOf(key(), `{"alg":"RS256","kid":"`+kid+`"}`, payload)
}

func malleabilityVerifier(t *testing.T) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New("https://i.ex", jwtverifier.WithAudience("a"), jwtverifier.WithTokenCache(64),
		jwtverifier.WithStaticKeys([]byte(jwksOf(jwkOf("1", &key1().PublicKey), jwkOf("2", &key2().PublicKey)))),
		jwtverifier.WithClock(func() time.Time { return bubbleStart }))
	require.NoError(t, err)
	return v
}

const shortPayload = `{"iss":"https://i.ex","aud":"a","exp":9e9 }`

// refusesAll asserts that all mutants are refused, for a reason that needs no
// claim. It returns how many there were.
func refusesAll(t *testing.T, v *jwtverifier.Verifier, good []string, mutants func(yield func(string) bool)) int {
	t.Helper()
	work := make(chan []string, 16)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for batch := range work {
				for _, raw := range batch {
					token, err := v.VerifyAccessToken(t.Context(), raw)
					refused, ok := err.(*jwtverifier.TokenError)
					if token != nil || !ok {
						t.Errorf("accepted, or not refused as a token: %q: %v", raw, err)
						continue
					}
					switch refused.Reason {
					case jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature:
						if refused.Part == "payload" || refused.Part == "claims" {
							t.Errorf("the payload was read: %q: %v", raw, err)
						}
					default:
						t.Errorf("%q: %v", raw, err)
					}
				}
			}
		})
	}
	n := 0
	var batch []string
	for raw := range mutants {
		if slices.Contains(good, raw) {
			continue
		}
		n++
		if batch = append(batch, raw); len(batch) == 1024 {
			work <- batch
			batch = nil
		}
	}
	work <- batch
	close(work)
	workers.Wait()
	return n
}

// Not parallel: it takes all processors.
func TestMalleability(t *testing.T) {
	v := malleabilityVerifier(t)
	good := shortToken("1", shortPayload)
	other := shortToken("2", `{"iss":"https://i.ex","aud":["a"],"exp":8e9}`)
	for _, raw := range []string{good, other} {
		_, err := v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
	}

	bytes := make([]string, 256)
	for i := range bytes {
		bytes[i] = string([]byte{byte(i)})
	}
	if testing.Short() {
		bytes = strings.Split("A B Q g w - _ . = + / \n \r \x00 \xff", " ")
	}
	for _, row := range []struct {
		name    string
		mutants func(yield func(string) bool)
		count   int
	}{
		{"every byte, substituted by every other", func(yield func(string) bool) {
			for i := range len(good) {
				for _, b := range bytes {
					if !yield(good[:i] + b + good[i+1:]) {
						return
					}
				}
			}
		}, len(good) * 255},
		{"every byte, inserted everywhere", func(yield func(string) bool) {
			for i := range len(good) + 1 {
				for _, b := range bytes {
					if !yield(good[:i] + b + good[i:]) {
						return
					}
				}
			}
		}, (len(good) + 1) * 256},
		{"every byte deleted", func(yield func(string) bool) {
			for i := range len(good) {
				if !yield(good[:i] + good[i+1:]) {
					return
				}
			}
		}, len(good)},
		{"every beginning and every end", func(yield func(string) bool) {
			for i := range len(good) {
				if !yield(good[:i]) || !yield(good[i+1:]) {
					return
				}
			}
		}, 2 * len(good)},
		{"every byte doubled, and exchanged with the next", func(yield func(string) bool) {
			for i := range len(good) - 1 {
				if !yield(good[:i+1] + good[i:]) {
					return
				}
				if good[i] != good[i+1] && !yield(good[:i]+good[i+1:i+2]+good[i:i+1]+good[i+2:]) {
					return
				}
			}
		}, 0},
		{"two bytes in place of one, and one in place of two", func(yield func(string) bool) {
			for i := range len(good) - 1 {
				for _, two := range []string{"\r\n", "==", "%3D", "%2E", "\u00a0", "\u0435", "AA", "..", "%00", "+", "/"} {
					if !yield(good[:i]+two+good[i+1:]) || !yield(good[:i]+two+good[i+2:]) || !yield(good[:i]+two+good[i:]) {
						return
					}
				}
			}
		}, 0},
		{"the case of every letter", func(yield func(string) bool) {
			for i := range len(good) {
				for _, c := range []string{strings.ToLower(good[i : i+1]), strings.ToUpper(good[i : i+1])} {
					if c != good[i:i+1] && !yield(good[:i]+c+good[i+1:]) {
						return
					}
				}
			}
			_ = yield(strings.ToLower(good)) && yield(strings.ToUpper(good))
		}, 0},
		{"every choice of three segments of two good tokens", func(yield func(string) bool) {
			segments := append(strings.Split(good, "."), strings.Split(other, ".")...)
			for _, a := range segments {
				for _, b := range segments {
					for _, c := range segments {
						if !yield(a+"."+b+"."+c) || !yield(a+b+"."+c) || !yield(a+"."+b+"."+c+"."+a) {
							return
						}
					}
				}
			}
		}, 6*6*6*3 - 2},
		{"every splice of two good tokens", func(yield func(string) bool) {
			for i := 1; i < min(len(good), len(other)); i++ {
				if !yield(good[:i]+other[i:]) || !yield(other[:i]+good[i:]) {
					return
				}
			}
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			began := time.Now()
			n := refusesAll(t, v, []string{good, other}, row.mutants)
			t.Logf("%d mutants in %v", n, time.Since(began).Round(time.Millisecond))
			assert.Positive(t, n)
			if row.count > 0 && !testing.Short() {
				assert.Equal(t, row.count, n, "mutants")
			}
			token, err := v.VerifyAccessToken(t.Context(), good)
			require.NoError(t, err)
			require.NotNil(t, token)
		})
	}
	for i, payload := range []string{shortPayload, shortPayload + " ", shortPayload + "  "} {
		t.Run(fmt.Sprintf("every last bit of every segment, length %d", i), func(t *testing.T) {
			good := shortToken("1", payload)
			_, err := v.VerifyAccessToken(t.Context(), good)
			require.NoError(t, err)
			n := refusesAll(t, v, []string{good}, func(yield func(string) bool) {
				segments := strings.Split(good, ".")
				for s := range segments {
					for bits := 1; bits < 64; bits++ {
						changed := slices.Clone(segments)
						for bit := range 6 {
							if bits>>bit&1 == 1 {
								changed[s] = flippedSextet(changed[s], bit)
							}
						}
						if !yield(strings.Join(changed, ".")) {
							return
						}
					}
				}
			})
			assert.Equal(t, 3*63, n, "mutants")
		})
	}
}
