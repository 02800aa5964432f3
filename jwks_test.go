package jwtverifier_test

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRotation(t *testing.T) {
	t.Run("a new key joins, an old one stays", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			old := b.Token("key-1")
			for i := 2; i < 7; i++ {
				time.Sleep(testkit.Cooldown)
				kid := b.Issuer.RotateKey()
				b.Accepts(b.Token(kid))
				b.Accepts(old)
				b.Asked(1, 1)
			}
		})
	})
	t.Run("a mere removal is noticed at the end of the interval at the latest", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.PublishKey()
			b.Warm()
			b.Issuer.RetireKey("key-1")
			b.Accepts(b.Token("key-1"))
			time.Sleep(testkit.Interval + testkit.Tick)
			b.Refuses(jwtverifier.ErrUnknownKey, b.Token("key-1"))
			b.Asked(1, 1)
		})
	})
	t.Run("another key under the same kid", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			old := b.Token("key-1")
			b.Issuer.ReplaceKey("key-1")
			fresh := b.Token("key-1")
			b.Accepts(old)
			b.Refuses(jwtverifier.ErrSignature, fresh)
			time.Sleep(testkit.Interval + testkit.Tick)
			b.Accepts(fresh)
			b.Refuses(jwtverifier.ErrSignature, old)
			b.Asked(1, 1)
		})
	})
	t.Run("a set that is rolled back", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			stale := b.Issuer.JWKS()
			b.Warm()
			time.Sleep(testkit.Cooldown)
			b.Issuer.RotateKey()
			fresh := b.Token("key-2")
			b.Accepts(fresh)
			b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: stale})
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			b.Issuer.Reset()
			b.Refuses(jwtverifier.ErrUnknownKey, fresh)
			time.Sleep(testkit.Cooldown)
			b.Accepts(fresh)
		})
	})
	t.Run("what cannot be used never replaces keys", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			token := b.Token("key-1")
			for _, body := range []string{
				"", `{}`, `{"keys":[]}`, `{"keys":null}`, `{"keys":{}}`, "<html>", `[]`, `null`, `{"keys":[{"kty":"EC"}]}`,
				string(b.Issuer.JWKS()) + "x", string(b.Issuer.JWKS()[:100]), `{"keys":[],"keys":[]}`,
			} {
				b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(body)})
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Error(t, b.Verifier.Status().LastError)
				b.Accepts(token)
				time.Sleep(testkit.MaxBackoff)
			}
		})
	})
	t.Run("two verifiers, the same kid", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			one, two := testkit.NewBench(t), testkit.NewBench(t)
			one.Accepts(one.Token("key-1"))
			two.Accepts(two.Token("key-1"))
			one.Refuses(jwtverifier.ErrSignature, two.Token("key-1"))
			two.Refuses(jwtverifier.ErrSignature, one.Token("key-1"))
		})
	})
	t.Run("while tokens are verified", func(t *testing.T) { // for the race detector
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.PublishKey()
			b.Warm()
			one, two := b.Token("key-1"), b.Token("key-2")
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						time.Sleep(time.Millisecond)
						for _, token := range []string{one, two} {
							_, err := b.Verify(t.Context(), token)
							assert.NoError(t, err)
						}
						_ = b.Verifier.Status()
					}
				})
			}
			for range 50 {
				time.Sleep(time.Millisecond)
				b.Issuer.PublishKey()
				assert.NoError(t, b.Verifier.Refresh(t.Context()))
			}
			wg.Wait()
		})
	})
}

// An entry is a key of the bench's issuer as a JWKS has it, under this kid or
// without.
type entry struct{ kid, key string }

func keySet(b *testkit.Bench, entries []entry) []byte {
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	for _, e := range entries {
		public := b.Issuer.PublicKey(e.key).(*rsa.PublicKey)
		jwk := map[string]any{
			"kty": "RSA",
			"n":   base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
			"e":   "AQAB",
		}
		if e.kid != "" {
			jwk["kid"] = e.kid
		}
		set.Keys = append(set.Keys, jwk)
	}
	return encoded(b, set)
}

// TestCandidates is which keys a token may be signed by, and which tokens cause a
// refresh when none of these did.
func TestCandidates(t *testing.T) {
	unnamed := func(keys ...string) (entries []entry) {
		for _, key := range keys {
			entries = append(entries, entry{key: key})
		}
		return entries
	}
	under := func(kid string, keys ...string) (entries []entry) {
		for _, key := range keys {
			entries = append(entries, entry{kid, key})
		}
		return entries
	}
	named := func(keys ...string) (entries []entry) {
		for _, key := range keys {
			entries = append(entries, entry{key, key})
		}
		return entries
	}
	var (
		unknownKey = jwtverifier.ErrUnknownKey
		signature  = jwtverifier.ErrSignature
	)
	for _, row := range []struct {
		name  string
		set   [][]entry
		kid   string // of the token; "": none
		by    string // the key that signs it
		want  error  // nil: accepted
		never bool   // a refresh, though it is refused
	}{
		// With a kid that a key has.
		{name: "its kid", set: [][]entry{named("key-1", "key-2")}, kid: "key-2", by: "key-2"},
		{
			name: "its kid, another's signature",
			set:  [][]entry{named("key-1", "key-2")},
			kid:  "key-2", by: "key-1",
			want: signature, never: true,
		},
		{
			name: "its kid, the signature of a key without kid",
			set:  [][]entry{named("key-1"), unnamed("key-2")},
			kid:  "key-1", by: "key-2",
			want: signature, never: true,
		},
		{name: "its kid, the fourth", set: [][]entry{under("a", "key-1", "key-2", "key-3", "key-4", "key-5")}, kid: "a", by: "key-4"},
		{
			name: "its kid, the fifth",
			set:  [][]entry{under("a", "key-1", "key-2", "key-3", "key-4", "key-5")},
			kid:  "a", by: "key-5",
			want: signature, never: true,
		},
		{
			name: "its kid, the fourth after a repetition",
			set:  [][]entry{under("a", "key-1", "key-1", "key-2", "key-3", "key-4")},
			kid:  "a", by: "key-4",
		},

		// With a kid that no key has: those without.
		{name: "no such kid", set: [][]entry{named("key-1")}, kid: "x", by: "key-1", want: unknownKey},
		{name: "no such kid, one key without", set: [][]entry{unnamed("key-1")}, kid: "x", by: "key-1"},
		{
			name: "no such kid, another's signature than the one without",
			set:  [][]entry{unnamed("key-1")},
			kid:  "x", by: "key-2",
			want: unknownKey,
		},
		{
			name: "no such kid, one key without beside others",
			set:  [][]entry{named("key-1", "key-2", "key-3", "key-4"), unnamed("key-5")},
			kid:  "x", by: "key-5",
		},
		{
			name: "no such kid, the signature of a key with another",
			set:  [][]entry{named("key-1"), unnamed("key-2")},
			kid:  "x", by: "key-1",
			want: unknownKey,
		},
		{name: "no such kid, four keys without", set: [][]entry{unnamed("key-1", "key-2", "key-3", "key-4")}, kid: "x", by: "key-4"},
		{
			name: "no such kid, five keys without",
			set:  [][]entry{unnamed("key-1", "key-2", "key-3", "key-4", "key-5")},
			kid:  "x", by: "key-1",
			want: unknownKey,
		},
		{
			name: "no such kid, six keys without",
			set:  [][]entry{unnamed("key-1", "key-2", "key-3", "key-4", "key-5", "key-6")},
			kid:  "x", by: "key-1",
			want: unknownKey,
		},
		{
			name: "no such kid, four keys without and a repetition",
			set:  [][]entry{unnamed("key-1", "key-2", "key-3", "key-1", "key-4")},
			kid:  "x", by: "key-4",
		},

		// Without kid: all.
		{name: "no kid, one key", set: [][]entry{named("key-1")}, by: "key-1"},
		{name: "no kid, one key without", set: [][]entry{unnamed("key-1")}, by: "key-1"},
		{name: "no kid, another's signature", set: [][]entry{named("key-1")}, by: "key-2", want: signature},
		{name: "no kid, four keys, the first", set: [][]entry{named("key-1", "key-2", "key-3", "key-4")}, by: "key-1"},
		{name: "no kid, four keys, the last", set: [][]entry{named("key-1", "key-2"), unnamed("key-3", "key-4")}, by: "key-4"},
		{
			name: "no kid, five keys",
			set:  [][]entry{named("key-1", "key-2", "key-3", "key-4", "key-5")},
			by:   "key-1",
			want: signature,
		},
		{
			name: "no kid, five keys, one of them without",
			set:  [][]entry{named("key-1", "key-2", "key-3", "key-4"), unnamed("key-5")},
			by:   "key-5",
			want: signature,
		},
		{
			name: "no kid, five keys without",
			set:  [][]entry{unnamed("key-1", "key-2", "key-3", "key-4", "key-5")},
			by:   "key-5",
			want: signature,
		},
		{name: "no kid, four keys under one", set: [][]entry{under("a", "key-1", "key-2", "key-3", "key-4")}, by: "key-4"},
		{
			name: "no kid, five keys under one",
			set:  [][]entry{under("a", "key-1", "key-2", "key-3", "key-4", "key-5")},
			by:   "key-1",
			want: signature,
		},
		{
			name: "no kid, four keys under two kids each",
			set: [][]entry{
				under("a", "key-1", "key-2", "key-3", "key-4"),
				under("b", "key-1", "key-2", "key-3", "key-4"),
			},
			by: "key-4",
		},
		{
			name: "no kid, four keys with kid and without",
			set:  [][]entry{named("key-1", "key-2", "key-3", "key-4"), unnamed("key-1", "key-2", "key-3", "key-4")},
			by:   "key-4",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				for range 5 {
					b.Issuer.PublishKey()
				}
				set := keySet(b, slices.Concat(row.set...))
				b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: set})
				header := jwtverifiertest.Claims{}
				if row.kid != "" {
					header["kid"] = row.kid
				} else {
					header["kid"] = jwtverifiertest.Absent
				}
				b.Issuer.UseKey(row.by)
				token := b.Issuer.Token(header, b.Issuer.AccessTokenClaims())

				b.Warm()
				_, err := b.Verify(t.Context(), token)
				testkit.Outcome(t, row.want, err)
				if row.want == nil || row.never {
					b.Asked(0, 0)
				} else {
					b.Asked(1, 1)
					_, err = b.Verify(t.Context(), token)
					testkit.Outcome(t, row.want, err)
					b.Asked(0, 0)
				}

				// The same without a network.
				v, err := jwtverifier.New(testkit.Issuer, jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithStaticKeys(set))
				require.NoError(t, err)
				_, err = v.VerifyAccessToken(t.Context(), token)
				testkit.Outcome(t, row.want, err)
			})
		})
	}
}

// Keys that are too many for tokens without kid are so until one goes.
func TestCandidatesAreCountedAnew(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		for range 4 {
			b.Issuer.PublishKey()
		}
		b.Warm()
		token := b.WithoutKid("key-1")
		b.Refuses(jwtverifier.ErrSignature, token)
		b.Asked(1, 1)
		b.Issuer.RetireKey("key-5")
		time.Sleep(testkit.Cooldown)
		b.Accepts(token)
		b.Asked(1, 1)
		b.Refuses(jwtverifier.ErrSignature, b.WithoutKid("key-5"))
	})
}

func TestStateString(t *testing.T) {
	t.Parallel()
	for state, want := range map[jwtverifier.State]string{
		jwtverifier.StateCold:        "cold",
		jwtverifier.StateFresh:       "fresh",
		jwtverifier.StateStale:       "stale",
		jwtverifier.StateExpired:     "expired",
		jwtverifier.StateExpired + 1: "unknown",
	} {
		require.Equal(t, want, state.String())
	}
}

// A long token is hashed once, however many keys are tried: it costs most of what
// a bad signature costs. Not parallel: it counts allocations, and only the hash of
// a long token has one more.
func TestDigestOncePerToken(t *testing.T) {
	issuer := jwtverifiertest.New("")
	one := issuer.JWKS()
	for range 3 {
		issuer.PublishKey()
	}
	four := issuer.JWKS()
	for i := range 5 {
		four = bytes.ReplaceAll(four, []byte{'k', 'e', 'y', '-', byte('0' + i)}, []byte("key-1"))
	}
	allocations := func(jwks []byte, raw string) float64 {
		v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithStaticKeys(jwks))
		require.NoError(t, err)
		_, err = v.VerifyAccessToken(t.Context(), raw)
		requireReason(t, err, jwtverifier.ErrSignature)
		return testing.AllocsPerRun(100, func() { _, _ = v.VerifyAccessToken(t.Context(), raw) })
	}
	unsigned := func(padding int) string {
		raw := issuer.AccessToken(values{"pad": strings.Repeat("p", padding)})
		return raw[:strings.LastIndexByte(raw, '.')+1]
	}
	// Below every modulus: a number that is not costs less.
	wrong := base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 255)...))
	short, long := unsigned(0)+wrong, unsigned(2<<10)+wrong
	ofThree := allocations(four, short) - allocations(one, short)
	assert.Positive(t, ofThree, "four keys are tried")
	assert.InDelta(t, ofThree, allocations(four, long)-allocations(one, long), 2, "hashing three times more is 3; under the race detector pools forget at random")
}

// A kid that is empty in the JWK is none: the key serves tokens without kid.
func TestEmptyKeyID(t *testing.T) {
	issuer := jwtverifiertest.New("")
	for _, kid := range []string{`null`, `""`, `[]`} {
		jwks := bytes.Replace(issuer.JWKS(), []byte(`"kid":"key-1"`), []byte(`"kid":`+kid), 1)
		v := newVerifier(t, issuer, jwtverifier.WithStaticKeys(jwks))
		require.Equal(t, []string{""}, v.Status().KeyIDs, kid)
		_, err := v.VerifyAccessToken(t.Context(), issuer.Token(values{"kid": jwtverifiertest.Absent}, issuer.AccessTokenClaims()))
		require.NoError(t, err, kid)
	}
}

// Of each entry that is no key it is reported why, and of a document without a key,
// why it has none.
func TestSkippedKeysAndWhy(t *testing.T) {
	good := string(bytes.TrimSuffix(bytes.TrimPrefix(jwtverifiertest.New("").JWKS(), []byte(`{"keys":[`)), []byte(`]}`)))
	changed := func(from, to string) string {
		require.Contains(t, good, from)
		return strings.Replace(good, from, to, 1)
	}
	const alg, kty, use, kid = `"alg":"RS256"`, `"kty":"RSA"`, `"use":"sig"`, `"kid":"key-1"`
	for _, row := range []struct{ entry, want string }{
		{`null`, `not a strict JSON object`},
		{`{}`, `kty is missing`},
		{`{"kty":null,"alg":"PS256"}`, `kty is missing`},
		{changed(kty, `"kty":["RSA"]`), `kty is not a string`},
		{changed(kty, `"kty":"EC"`), `alg "RS256" does not fit kty "EC" without crv`},
		{changed(kty, `"kty":"E\u0043\u0000\""`), `kty "EC\x00\"" is not accepted`},
		{changed(alg, `"alg":"PS256"`), `alg "PS256" is not accepted: WithAlgorithms`},
		{changed(alg, `"alg":"`+strings.Repeat("x", 30)+`"`), `alg "` + strings.Repeat("x", 30) + `" is not accepted`},
		{changed(alg, `"alg":"`+strings.Repeat("x", 31)+`"`), `alg "` + strings.Repeat("x", 27) + `..." is not accepted`},
		{changed(alg, `"alg":["RS256"]`), `alg is not a string`},
		{changed(use, `"use":"enc"`), `use is not sig`},
		{changed(use, `"key_ops":["sign"]`), `key_ops is not an array of distinct strings with verify`},
		{changed(use, `"d":"AQAB"`), `private key`},
		{changed(kid, `"kid":1`), `kid is not a string`},
		{changed(`"n":"`, `"n":"!`), `n or e is missing or not base64url`},
	} {
		_, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), jwtverifier.WithStaticKeys([]byte(`{"keys":[`+row.entry+`]}`)))
		requireMisconfigured(t, err)
		assert.EqualError(t, err, "jwtverifier: misconfigured: WithStaticKeys: no eligible key among 1 entry: "+row.want)

		var skipped []jwtverifier.SkippedKey
		issuer := jwtverifiertest.New("")
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: []byte(`{"keys":[` + good + `,` + row.entry + `]}`)})
		v := newVerifier(t, issuer, jwtverifier.WithObserver(jwtverifier.Observer{
			KeysChanged: func(i jwtverifier.KeysChangedInfo) { skipped = i.Skipped },
		}))
		require.NoError(t, v.Prefetch(t.Context()))
		if assert.Len(t, skipped, 1, row.entry) {
			assert.Equal(t, row.want, skipped[0].Reason)
		}
	}

	oct, ps, enc, short := changed(kty, `"kty":"oct"`), changed(alg, `"alg":"PS256"`), changed(use, `"use":"enc"`), changed(kid, `"kid":1`)
	for _, row := range []struct {
		entries []string
		want    string
	}{
		{nil, `0 entries`},
		{[]string{oct, oct}, `2 entries: kty "oct" is not accepted`},
		{[]string{oct, ps, ps}, `3 entries: alg "PS256" is not accepted: WithAlgorithms (2), kty "oct" is not accepted (1)`},
		{[]string{oct, ps, enc}, `3 entries: kty "oct" is not accepted (1), alg "PS256" is not accepted: WithAlgorithms (1), use is not sig (1)`},
		{[]string{short, oct, ps, enc, enc}, `5 entries: use is not sig (2), kid is not a string (1), kty "oct" is not accepted (1) and others`},
	} {
		document := []byte(`{"keys":[` + strings.Join(row.entries, ",") + `]}`)
		_, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), jwtverifier.WithStaticKeys(document))
		assert.EqualError(t, err, "jwtverifier: misconfigured: WithStaticKeys: no eligible key among "+row.want)

		issuer := jwtverifiertest.New("")
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: document})
		err = newVerifier(t, issuer).Prefetch(t.Context())
		assert.ErrorIs(t, err, jwtverifier.ErrUnavailable)
		assert.ErrorContains(t, err, "no eligible key among "+row.want)
	}
}

// TestTriesOfLongTokens: of several keys under one kid, a long token is tried with
// fewer: its length has cost something already.
func TestTriesOfLongTokens(t *testing.T) {
	issuer, v := newPair(t)
	for range 3 {
		issuer.PublishKey()
	}
	issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{
		Body: regexp.MustCompile(`"key-[0-9]"`).ReplaceAll(issuer.JWKS(), []byte(`"all"`)),
	})
	token := func(signer string, length int) string { // of what is signed
		header := []byte(`{"alg":"RS256","kid":"all"}`)
		claims := issuer.AccessTokenClaims()
		claims["pad"] = ""
		payload := func(pad int) []byte {
			claims["pad"] = strings.Repeat("x", pad)
			return encoded(t, claims)
		}
		room := length - base64.RawURLEncoding.EncodedLen(len(header)) - len(".")
		raw := issuer.SignWith(signer, header, payload(base64.RawURLEncoding.DecodedLen(room)-len(payload(0))))
		require.Equal(t, length, strings.LastIndexByte(raw, '.'))
		return raw
	}
	for _, test := range []struct {
		signer string
		length int
		want   error
	}{
		{signer: "key-4", length: 4 << 10},
		{signer: "key-3", length: 8 << 10},
		{signer: "key-4", length: 8 << 10, want: jwtverifier.ErrSignature},
		{signer: "key-2", length: 40 << 10},
		{signer: "key-3", length: 40 << 10, want: jwtverifier.ErrSignature},
		{signer: "key-1", length: 64<<10 - 400},
		{signer: "key-2", length: 64<<10 - 400, want: jwtverifier.ErrSignature},
	} {
		_, err := v.VerifyAccessToken(t.Context(), token(test.signer, test.length))
		if test.want == nil {
			require.NoError(t, err, "%+v", test)
		} else {
			requireReason(t, err, test.want)
		}
	}
}
