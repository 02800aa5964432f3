package hostile_test

import (
	"crypto/rsa"
	"encoding/base64"
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
	ofInput := func(length int) string { // a token of which that many bytes are signed
		for spaces := range 4 {
			header := h0("kid", `"k"`) + strings.Repeat(" ", spaces)
			for pad := length*3/4 - 600; pad < length; pad++ {
				payload := at0("pad", strconv.Quote(strings.Repeat("p", pad)))
				if n := base64.RawURLEncoding.EncodedLen(len(header)) + 1 + base64.RawURLEncoding.EncodedLen(len(payload)); n == length {
					return jwsOf(k2, header, payload)
				} else if n > length {
					break
				}
			}
		}
		panic("no token of this length")
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
		{name: "t/125 three keys, a long token by the second", entries: append(fillers(1), k(k2), filler(1)), token: ofInput(40 << 10)},
		{name: "t/125 three keys, a token that is not long by the third", entries: append(fillers(2), k(k2)), token: ofInput(4 << 10)},
		{
			name:    "t/125 three keys, a long token by the third",
			entries: append(fillers(2), k(k2)),
			token:   ofInput(40 << 10),
			want:    jwtverifier.ErrSignature,
		},
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

// Keys without kid serve the tokens whose kid no key has, and any key those without
// kid: as long as they are few.
func TestKeysWithoutKeyID(t *testing.T) {
	t.Parallel()
	var (
		signature  = jwtverifier.ErrSignature
		unknownKey = jwtverifier.ErrUnknownKey
	)
	unnamed := func(key *rsa.PrivateKey, changes ...string) string {
		return jwkOf("", &key.PublicKey, append([]string{"kid", absentMember}, changes...)...)
	}
	fillers := func(n int, kid string) (entries []string) { // eligible keys that sign nothing
		for i := range n {
			n := new(big.Int).Add(keyX().N, big.NewInt(int64(2*i+2)))
			changes := []string{"kid", absentMember}
			if kid != "" {
				changes[1] = strconv.Quote(kid + strconv.Itoa(i))
			}
			entries = append(entries, jwkOfNumbers("", n, big.NewInt(65537), changes...))
		}
		return entries
	}
	with := func(entries []string, more ...string) []string { return append(slices.Clone(entries), more...) }
	k1, k2 := key1(), key2()
	leadingZero := unnamed(k1, "n", `"`+seg64(append([]byte{0}, k1.N.Bytes()...))+`"`)
	other := jwsOf(k1, h0("kid", `"other"`), at0())
	none := jwsOf(k1, h0("kid", absentMember), at0())

	for _, row := range []struct {
		name    string
		entries []string
		token   string
		want    error
	}{
		{name: "t/128 a kid that no key has, one key without", entries: []string{unnamed(k1)}, token: other},
		{name: "t/128 a kid that no key has, the last of four without", entries: with(fillers(3, ""), unnamed(k1)), token: other},
		{
			name:    "t/128 a kid that no key has, the first of five without",
			entries: with([]string{unnamed(k1)}, fillers(4, "")...),
			token:   other,
			want:    unknownKey,
		},
		{name: "t/128 a kid that no key has, four without, one of them twice", entries: with(fillers(3, ""), unnamed(k1), unnamed(k1)), token: other},
		{name: "t/128 a kid that no key has, four without, one of them in two encodings", entries: with(fillers(3, ""), leadingZero, unnamed(k1)), token: other},
		{
			name:    "t/128 a kid that no key has, four without that did not sign",
			entries: fillers(4, ""),
			token:   other,
			want:    unknownKey,
		},
		{
			name:    "t/128 a kid that no key has, signed by the key of another kid",
			entries: []string{unnamed(k2), goodJWK1()},
			token:   other,
			want:    unknownKey,
		},
		{
			name:    "t/128 a kid that no key has, the key without is for encryption",
			entries: []string{unnamed(k1, "use", `"enc"`), goodJWK2()},
			token:   other,
			want:    unknownKey,
		},
		{
			name:    "t/128 a kid that no key has, the key without is private",
			entries: []string{unnamed(k1, "d", `"AQAB"`), goodJWK2()},
			token:   other,
			want:    unknownKey,
		},
		{
			name:    "t/128 a known kid, signed by a key without",
			entries: []string{unnamed(k1), jwkOf("other", &k2.PublicKey)},
			token:   other,
			want:    signature,
		},
		{name: "t/128 a known kid, and five keys without", entries: with(fillers(5, ""), jwkOf("other", &k1.PublicKey)), token: other},
		{name: "t/128 no kid, the last of four keys", entries: with(fillers(3, "f"), goodJWK1()), token: none},
		{
			name:    "t/128 no kid, the first of five keys",
			entries: with([]string{goodJWK1()}, fillers(4, "f")...),
			token:   none,
			want:    signature,
		},
		{name: "t/128 no kid, two keys with and two without", entries: with(fillers(1, "f"), fillers(2, "")[1], goodJWK2(), unnamed(k1)), token: none},
		{
			name:    "t/128 no kid, three keys with and two without",
			entries: with(fillers(2, "f"), with(fillers(4, "")[2:], goodJWK1())...),
			token:   none,
			want:    signature,
		},
		{name: "t/128 no kid, four keys under two kids each", entries: with(fillers(3, "f"), with(fillers(3, "g"), goodJWK1(), unnamed(k1))...), token: none},
		{
			name:    "t/128 no kid, a thousand keys without",
			entries: with([]string{unnamed(k1)}, fillers(999, "")...),
			token:   none,
			want:    signature,
		},
		{
			name:    "t/128 no kid, a thousand keys with",
			entries: with([]string{goodJWK1()}, manyKeys(999)...),
			token:   none,
			want:    signature,
		},
	} {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite(row.entries...)
				v := site.verifier(t)
				for range 3 {
					if row.want == nil {
						accepts(t, v, row.token)
					} else {
						refuses(t, v, row.token, row.want)
					}
				}
				known := row.want == signature && row.token == other // there is no reason to ask for keys
				assert.Equal(t, onceOrAgain(row.want != nil && !known), site.askedFor(), "requests")
			})
		})
	}
}
