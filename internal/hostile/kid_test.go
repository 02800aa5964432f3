package hostile_test

import (
	"crypto/rsa"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// Several keys under one kid are each tried, but not any number of them.
func TestKeysOfOneKid(t *testing.T) {
	t.Parallel()
	by := func(key *rsa.PrivateKey) string { return jwsOf(key, h0("kid", `"k"`), at0()) }
	k := func(key *rsa.PrivateKey) string { return jwkOf("k", &key.PublicKey) }
	filler := func(i int) string { // an eligible key that signs nothing
		n := new(big.Int).Add(keyX().N, big.NewInt(int64(2*i+2)))
		return jwkOfNumbers("k", n, big.NewInt(65537))
	}
	k1, k2, k3 := key1(), key2(), key3()
	fillers := func(n int) (entries []string) {
		for i := range n {
			entries = append(entries, filler(i))
		}
		return entries
	}
	rows := []struct {
		name    string
		entries []string
		token   string
		want    error
	}{
		{name: "t/125 two keys, token by the first", entries: []string{k(k1), k(k2)}, token: by(k1)},
		{name: "t/125 two keys, token by the second", entries: []string{k(k1), k(k2)}, token: by(k2)},
		{
			name:    "t/125 two keys, token by neither",
			entries: []string{k(k1), k(k2)},
			token:   by(k3),
			want:    jwtverifier.ErrSignature,
		},
		{name: "t/125 the same key twice", entries: []string{k(k1), k(k1)}, token: by(k1)},
		{name: "t/125 the same key five times, then another", entries: []string{k(k1), k(k1), k(k1), k(k1), k(k1), k(k2)}, token: by(k2)},
		{
			name: "t/125 the same key, once with a leading zero",
			entries: []string{
				k(k1), jwkOf("k", &k1.PublicKey, "n", `"`+seg64(append([]byte{0}, k1.N.Bytes()...))+`"`), filler(0),
				filler(1), k(k2),
			},
			token: by(k2),
		},
		{name: "t/125 four keys, token by the last", entries: append(fillers(3), k(k2)), token: by(k2)},
		{
			name:    "t/125 five keys, token by the last",
			entries: append(fillers(4), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrSignature,
		},
		{name: "t/125 five keys, token by the first", entries: append([]string{k(k2)}, fillers(4)...), token: by(k2)},
		{
			name:    "t/125 ineligible keys do not count",
			entries: append(slices.Repeat([]string{jwkOf("k", &k1.PublicKey, "use", `"enc"`)}, 10), append(fillers(3), k(k2))...),
			token:   by(k2),
		},
		{
			name:    "t/127 a thousand keys, token by the last",
			entries: append(fillers(999), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrSignature,
		},
		{name: "t/127 a thousand keys, token by the fourth", entries: slices.Concat(fillers(3), []string{k(k2)}, fillers(996)), token: by(k2)},
		{
			name:    "t/127 two thousand keys",
			entries: append(fillers(1999), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{name: "t/147 1,000 keys, the wanted one last", entries: append(manyKeys(999), k(k2)), token: by(k2)},
		{
			name:    "t/147 1,001 keys, the wanted one last",
			entries: append(manyKeys(1000), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{
			name:    "t/147 1,001 keys, the wanted one first",
			entries: append([]string{k(k2)}, manyKeys(1000)...),
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{
			name:    "t/147 1,000 entries of no use and a good one",
			entries: append(slices.Repeat([]string{`null`}, 1000), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{name: "t/147 999 entries of no use and a good one", entries: append(slices.Repeat([]string{`{}`}, 999), k(k2)), token: by(k2)},
		{
			name:    "t/147 10,000 keys",
			entries: append(manyKeys(9_999), k(k2)),
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{name: "t/147 a document of 1 MiB", entries: []string{k(k2), strconv.Quote(strings.Repeat("x", 1<<20-len(jwksOf(k(k2), `""`))))}, token: by(k2)},
		{
			name:    "t/147 a document of 1 MiB and a byte",
			entries: []string{k(k2), strconv.Quote(strings.Repeat("x", 1<<20+1-len(jwksOf(k(k2), `""`))))},
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
		{
			name:    "t/154 a kid of 1 MiB",
			entries: []string{jwkOf(strings.Repeat("k", 1<<20), &k1.PublicKey), k(k2)},
			token:   by(k2),
			want:    jwtverifier.ErrUnavailable,
		},
	}
	for _, row := range rows {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite(row.entries...)
				v := site.verifier(t)
				token, err := v.VerifyAccessToken(t.Context(), row.token)
				require.Equal(t, err == nil, token != nil)
				switch row.want {
				case nil:
					require.NoError(t, err)
				case jwtverifier.ErrUnavailable:
					unavailable(t, err)
				default:
					refusedBecause(t, err, row.want, row.token)
				}
				assert.Equal(t, []string{metadataURL, jwksURL}, site.askedFor())
			})
		})
	}

	runRow(t, "t/127 a thousand keys cost as much as four", func(t *testing.T) {
		cost := func(entries ...string) time.Duration {
			v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(entries...))))
			require.NoError(t, err)
			fastest := time.Hour
			for range 20 {
				began := time.Now()
				_, err := v.VerifyAccessToken(t.Context(), by(k2))
				fastest = min(fastest, time.Since(began))
				require.ErrorIs(t, err, jwtverifier.ErrSignature)
			}
			return fastest
		}
		assert.Less(t, cost(fillers(1000)...), 20*cost(filler(0)))
	})
}

// manyKeys are eligible keys under kids of their own. Their moduli are short to
// write: the document must stay below its own limit.
func manyKeys(n int) []string {
	entries := make([]string, n)
	modulus := new(big.Int).SetBit(big.NewInt(1), 2047, 1)
	for i := range entries {
		modulus.Add(modulus, big.NewInt(2))
		entries[i] = jwkOfNumbers("m"+strconv.Itoa(i), modulus, big.NewInt(65537))
	}
	return entries
}
