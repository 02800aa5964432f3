package jwtverifier_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

var allAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"}

// issuerOf returns an issuer that has a key for each of these algorithms, in their
// order, and the kids.
func issuerOf(algs ...string) (issuer *jwtverifiertest.Issuer, kids []string) {
	issuer = jwtverifiertest.New("")
	issuer.RetireKey("key-1")
	for _, alg := range algs {
		kids = append(kids, issuer.RotateKeyTo(alg))
	}
	return issuer, kids
}

// entryOf returns the JWK that the issuer publishes under a kid, changed: a nil value
// removes the member.
func entryOf(t testing.TB, issuer *jwtverifiertest.Issuer, kid string, changes values) string {
	t.Helper()
	var set struct{ Keys []values }
	require.NoError(t, json.Unmarshal(issuer.JWKS(), &set))
	for _, entry := range set.Keys {
		if entry["kid"] != kid {
			continue
		}
		for name, value := range changes {
			if entry[name] = value; value == nil {
				delete(entry, name)
			}
		}
		text, err := json.Marshal(entry)
		require.NoError(t, err)
		return string(text)
	}
	require.Fail(t, "no such kid", kid)
	return ""
}

// keysOf is WithStaticKeys of these entries.
func keysOf(entries ...string) jwtverifier.Option {
	return jwtverifier.WithStaticKeys([]byte(`{"keys":[` + strings.Join(entries, ",") + `]}`))
}

// tokenOf returns a good token by the key of a kid, with its header changed.
func tokenOf(issuer *jwtverifiertest.Issuer, kid string, header values) string {
	issuer.UseKey(kid)
	return issuer.Token(header, issuer.AccessTokenClaims())
}

func TestWithAlgorithmsRefuses(t *testing.T) {
	const known = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, Ed25519"
	_, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), jwtverifier.WithAlgorithms())
	requireMisconfigured(t, err)
	assert.EqualError(t, err, "jwtverifier: misconfigured: WithAlgorithms without a name: it takes some of "+known)
	for _, name := range []string{
		"", "none", "None", "HS256", "HS384", "HS512", "ES256K", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "RSA-OAEP", "ESP256",
		"rs256", "Es256", "RS256 ", " RS256", "RS256,ES256", "eddsa", "ed25519", "EDDSA", "RS256\x00",
	} {
		for _, list := range [][]string{{name}, {"RS256", name}, {name, "ES256"}} {
			v, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), jwtverifier.WithAlgorithms("RS256"), jwtverifier.WithAlgorithms(list...))
			require.Nil(t, v)
			requireMisconfigured(t, err)
			assert.EqualError(t, err, fmt.Sprintf("jwtverifier: misconfigured: WithAlgorithms: %+q is not one of %s", name, known))
		}
	}
	list := []string{"RS256"}
	option := jwtverifier.WithAlgorithms(list...)
	list[0] = "none"
	_, err = jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), option)
	require.NoError(t, err, "the list is copied")
}

// Of all algorithms exactly those are accepted that were chosen, by the key that is
// for them, and nothing is fetched for the others.
func TestWithAlgorithms(t *testing.T) {
	issuer, kids := issuerOf(allAlgorithms...)
	chosen := map[string][]string{"": nil}
	for _, alg := range allAlgorithms {
		chosen[alg] = []string{alg}
	}
	chosen["EdDSA"] = []string{"EdDSA"}
	chosen["both"] = []string{"RS256", "ES256"}
	chosen["all"] = allAlgorithms
	for name, list := range chosen {
		t.Run(name, func(t *testing.T) {
			var opts []jwtverifier.Option
			accepted := []string{"RS256"}
			if list != nil {
				opts = append(opts, jwtverifier.WithAlgorithms(list...))
				accepted = slices.Clone(list)
			}
			if name == "EdDSA" {
				accepted = []string{"Ed25519"}
			}
			v := newVerifier(t, issuer, opts...)
			before := issuer.Requests("")
			for i, alg := range allAlgorithms { // first those that are not accepted
				if !slices.Contains(accepted, alg) {
					token, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[i], nil))
					require.Nil(t, token)
					requireReason(t, err, jwtverifier.ErrAlgorithm)
					assert.EqualError(t, err, `jwtverifier: signature algorithm not allowed: want "`+strings.Join(accepted, `", "`)+`"`)
				}
			}
			assert.Equal(t, before, issuer.Requests(""))
			for i, alg := range allAlgorithms {
				if slices.Contains(accepted, alg) {
					token, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[i], nil))
					require.NoError(t, err, alg)
					assert.Equal(t, alg, token.Algorithm)
					assert.Equal(t, kids[i], token.KeyID)
				}
			}
			assert.Len(t, v.Status().KeyIDs, len(accepted))
		})
	}
}

func TestWithAlgorithmsAddUp(t *testing.T) {
	issuer, kids := issuerOf("ES256", "PS256", "RS256")
	v := newVerifier(t, issuer, jwtverifier.WithAlgorithms("ES256"), jwtverifier.WithAlgorithms("PS256", "ES256"))
	for _, kid := range kids[:2] {
		_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kid, nil))
		require.NoError(t, err)
	}
	_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[2], nil))
	requireReason(t, err, jwtverifier.ErrAlgorithm)
	assert.EqualError(t, err, `jwtverifier: signature algorithm not allowed: want "ES256", "PS256"`)
}

// Ed25519 has two names (RFC 8037 §3.1, RFC 9864 §2.2): in the option, the JWK and
// the token, in any combination.
func TestEdDSA(t *testing.T) {
	for _, option := range []string{"Ed25519", "EdDSA"} {
		for _, inKey := range []any{"Ed25519", "EdDSA", nil} {
			for _, inToken := range []string{"Ed25519", "EdDSA"} {
				issuer, kids := issuerOf("EdDSA")
				v := newVerifier(t, issuer, jwtverifier.WithAlgorithms(option), keysOf(entryOf(t, issuer, kids[0], values{"alg": inKey})))
				token, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], values{"alg": inToken}))
				require.NoError(t, err)
				assert.Equal(t, inToken, token.Algorithm)
			}
		}
	}
}

// A key serves the one algorithm that it says, or that its type says; what serves
// none is skipped, and the reason names what would take it.
func TestKeyEligibility(t *testing.T) {
	for _, row := range []struct {
		name    string
		of      string // the algorithm of the issuer's key
		changes values // of its entry
		accept  []string
		serves  string // "": it is skipped
		skipped string // why
	}{
		{
			name:   "as published",
			of:     "PS384",
			accept: allAlgorithms,
			serves: "PS384",
		},
		{
			name:    "not chosen",
			of:      "ES256",
			skipped: `alg "ES256" is not accepted: WithAlgorithms`,
		},
		{
			name:    "not chosen, no alg",
			of:      "ES384",
			changes: values{"alg": nil},
			skipped: `no alg: kty "EC" with crv "P-384" is for ES384, which is not accepted: WithAlgorithms`,
		},
		{
			name:    "not chosen, no alg, Ed25519",
			of:      "Ed25519",
			changes: values{"alg": nil},
			skipped: `no alg: kty "OKP" with crv "Ed25519" is for Ed25519, which is not accepted: WithAlgorithms`,
		},
		{
			name:    "EC without alg",
			of:      "ES256",
			changes: values{"alg": nil},
			accept:  allAlgorithms,
			serves:  "ES256",
		},
		{
			name:    "P-521 without alg",
			of:      "ES512",
			changes: values{"alg": nil},
			accept:  []string{"ES512"},
			serves:  "ES512",
		},
		{
			name:    "OKP without alg",
			of:      "Ed25519",
			changes: values{"alg": nil},
			accept:  []string{"EdDSA"},
			serves:  "Ed25519",
		},
		{
			name:    "RSA without alg",
			of:      "RS256",
			changes: values{"alg": nil},
			serves:  "RS256",
		},
		{
			name:    "RSA without alg, all accepted",
			of:      "RS256",
			changes: values{"alg": nil},
			accept:  allAlgorithms,
			serves:  "RS256",
		},
		{
			name:    "RSA without alg, one other accepted",
			of:      "PS256",
			changes: values{"alg": nil},
			accept:  []string{"ES256", "PS256"},
			serves:  "PS256",
		},
		{
			name:    "RSA without alg, two others accepted",
			of:      "PS256",
			changes: values{"alg": nil},
			accept:  []string{"RS512", "PS256"},
			skipped: `no alg: kty "RSA" could be for RS512 or PS256`,
		},
		{
			name:    "RSA without alg, none accepted",
			of:      "RS256",
			changes: values{"alg": nil},
			accept:  []string{"ES256"},
			skipped: `no alg: kty "RSA" is for RS256, which is not accepted: WithAlgorithms`,
		},
		{
			name:    "alg of another curve",
			of:      "ES256",
			changes: values{"alg": "ES384"},
			accept:  allAlgorithms,
			skipped: `alg "ES384" does not fit kty "EC" with crv "P-256"`,
		},
		{
			name:    "alg of another type",
			of:      "RS256",
			changes: values{"alg": "ES256"},
			accept:  allAlgorithms,
			skipped: `alg "ES256" does not fit kty "RSA"`,
		},
		{
			name:    "alg of another type, not chosen either",
			of:      "RS256",
			changes: values{"alg": "ES256"},
			skipped: `alg "ES256" does not fit kty "RSA"`,
		},
		{
			name:    "EdDSA of an EC key",
			of:      "ES256",
			changes: values{"alg": "EdDSA"},
			accept:  allAlgorithms,
			skipped: `alg "EdDSA" does not fit kty "EC" with crv "P-256"`,
		},
		{
			name:    "an algorithm that cannot be had",
			of:      "ES256",
			changes: values{"alg": "ES256K"},
			accept:  allAlgorithms,
			skipped: `alg "ES256K" is not accepted`,
		},
		{
			name:    "of encryption",
			of:      "ES256",
			changes: values{"alg": "ECDH-ES"},
			accept:  allAlgorithms,
			skipped: `alg "ECDH-ES" is not accepted`,
		},
		{
			name:    "a curve that cannot be had",
			of:      "Ed25519",
			changes: values{"crv": "Ed448"},
			accept:  allAlgorithms,
			skipped: `alg "Ed25519" does not fit kty "OKP" with crv "Ed448"`,
		},
		{
			name:    "a curve that cannot be had, no alg",
			of:      "Ed25519",
			changes: values{"crv": "X25519", "alg": nil},
			accept:  allAlgorithms,
			skipped: `kty "OKP" with crv "X25519" is not accepted`,
		},
		{
			name:    "no curve",
			of:      "ES256",
			changes: values{"crv": nil, "alg": nil},
			accept:  allAlgorithms,
			skipped: `kty "EC" without crv is not accepted`,
		},
		{
			name:    "a type that cannot be had",
			of:      "ES256",
			changes: values{"kty": "AKP", "alg": "ML-DSA-44"},
			accept:  allAlgorithms,
			skipped: `kty "AKP" is not accepted`,
		},
		{
			name:    "a secret",
			of:      "ES256",
			changes: values{"kty": "oct", "k": "c2VjcmV0"},
			accept:  allAlgorithms,
			skipped: `kty "oct" is not accepted`,
		},
		{
			name:    "for encryption",
			of:      "ES256",
			changes: values{"use": "enc"},
			accept:  allAlgorithms,
			skipped: `use is not sig`,
		},
		{
			name:    "not for verifying",
			of:      "Ed25519",
			changes: values{"key_ops": []string{"sign"}},
			accept:  allAlgorithms,
			skipped: `key_ops is not an array of distinct strings with verify`,
		},
		{
			name:    "private, EC",
			of:      "ES512",
			changes: values{"d": "AQAB"},
			accept:  allAlgorithms,
			skipped: `private key`,
		},
		{
			name:    "private, with the name of other keys",
			of:      "Ed25519",
			changes: values{"priv": "AQAB"},
			accept:  allAlgorithms,
			skipped: `private key`,
		},
		{
			name:    "not on the curve",
			of:      "ES256",
			changes: values{"x": base64.RawURLEncoding.EncodeToString(make([]byte, 32))},
			accept:  allAlgorithms,
			skipped: `not a point on the curve`,
		},
		{
			name:    "a coordinate cut short",
			of:      "ES256",
			changes: values{"y": base64.RawURLEncoding.EncodeToString(make([]byte, 31))},
			accept:  allAlgorithms,
			skipped: `x or y has not 32 bytes`,
		},
		{
			name:    "small order",
			of:      "Ed25519",
			changes: values{"x": base64.RawURLEncoding.EncodeToString(make([]byte, 32))},
			accept:  allAlgorithms,
			skipped: `a point of small order`,
		},
		{
			name:    "certificates and thumbprints of another key",
			of:      "ES256",
			changes: values{"x5c": []string{"AAAA"}, "x5t": "AAAA", "x5u": "https://evil.example", "n": "AQAB", "e": "AQAB"},
			accept:  allAlgorithms,
			serves:  "ES256",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			accept := []string{"RS256"}
			var opts []jwtverifier.Option
			if row.accept != nil {
				accept = row.accept
				opts = append(opts, jwtverifier.WithAlgorithms(row.accept...))
			}
			issuer, kids := issuerOf(row.of, accept[0])
			entry, good := entryOf(t, issuer, kids[0], row.changes), entryOf(t, issuer, kids[1], nil)
			issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Body: []byte(`{"keys":[` + good + `,` + entry + `]}`)})
			var skipped []string
			v := newVerifier(t, issuer, append(opts, jwtverifier.WithObserver(jwtverifier.Observer{
				KeysChanged: func(i jwtverifier.KeysChangedInfo) {
					for _, s := range i.Skipped {
						if s.KeyID == kids[0] {
							skipped = append(skipped, s.Reason)
						}
					}
				},
			}))...)
			// Tokens by that key with its own primitive, whatever alg the header says.
			for _, alg := range accept {
				_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], values{"alg": alg}))
				switch {
				case alg == row.serves || alg == "EdDSA" && row.serves == "Ed25519":
					require.NoError(t, err, alg)
				default:
					requireReason(t, err, jwtverifier.ErrUnknownKey)
				}
			}
			if row.skipped == "" {
				assert.Empty(t, skipped)
				return
			}
			assert.Equal(t, []string{row.skipped}, skipped)
			_, err := jwtverifier.New(issuer.URL(), append(opts, jwtverifier.WithAudience("a"), keysOf(entry))...)
			requireMisconfigured(t, err)
			assert.EqualError(t, err, "jwtverifier: misconfigured: WithStaticKeys: no eligible key among 1 entry: "+row.skipped)
		})
	}
}

// The keys are found by kid and algorithm: a token is never tried with the key of
// another algorithm, and never refused because of one.
func TestKeysByAlgorithm(t *testing.T) {
	all := jwtverifier.WithAlgorithms(allAlgorithms...)
	t.Run("two keys of one kid", func(t *testing.T) {
		issuer, kids := issuerOf("RS256", "ES256")
		v := newVerifier(t, issuer, all, keysOf(entryOf(t, issuer, kids[0], nil), entryOf(t, issuer, kids[1], values{"kid": kids[0]})))
		assert.Equal(t, kids[:1], v.Status().KeyIDs)
		for _, kid := range kids {
			_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kid, values{"kid": kids[0]}))
			require.NoError(t, err)
		}
		// The RSA key's signature under the EC key's name, and the other way round.
		for i, alg := range []string{"ES256", "RS256"} {
			_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[i], values{"kid": kids[0], "alg": alg}))
			requireReason(t, err, jwtverifier.ErrSignature)
		}
	})
	t.Run("four keys of one kid, of two algorithms each", func(t *testing.T) {
		algs := []string{"ES256", "Ed25519", "ES256", "Ed25519", "ES256", "Ed25519", "ES256", "Ed25519"}
		issuer, kids := issuerOf(algs...)
		var entries []string
		for _, kid := range kids {
			entries = append(entries, entryOf(t, issuer, kid, values{"kid": "one"}))
		}
		v := newVerifier(t, issuer, all, keysOf(entries...))
		for _, kid := range kids {
			_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kid, values{"kid": "one"}))
			require.NoError(t, err)
		}
	})
	t.Run("without kid", func(t *testing.T) {
		for count, want := range map[int]error{1: nil, 4: nil, 5: jwtverifier.ErrSignature} {
			issuer, kids := issuerOf(append(slices.Repeat([]string{"ES256"}, count), "Ed25519")...)
			for _, kid := range kids {
				issuer.OmitKeyID(kid)
			}
			v := newVerifier(t, issuer, all)
			for i, kid := range kids {
				_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kid, nil))
				if i == count || want == nil { // Ed25519 is alone, however many others there are
					require.NoError(t, err, "%d keys", count)
					continue
				}
				requireReason(t, err, want)
			}
			_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], values{"kid": "some"}))
			if count == 5 {
				requireReason(t, err, jwtverifier.ErrUnknownKey)
			} else {
				require.NoError(t, err)
			}
		}
	})
	t.Run("an algorithm without a key", func(t *testing.T) {
		issuer, kids := issuerOf("RS256")
		v := newVerifier(t, issuer, all, jwtverifier.WithStaticKeys(issuer.JWKS()))
		_, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], values{"alg": "PS256"}))
		requireReason(t, err, jwtverifier.ErrUnknownKey)
		_, err = v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], values{"alg": "PS256", "kid": jwtverifiertest.Absent}))
		requireReason(t, err, jwtverifier.ErrSignature)
	})
}

// A token whose algorithm has no key under its kid asks for one, as an unknown kid
// does. So a rotation to another algorithm is found, even under the same kid.
func TestRotationToAnotherAlgorithm(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Warm()
		old := b.Token("key-1")
		b.Accepts(old)
		es := b.Issuer.RotateKeyTo("ES256")
		claims := values{"iss": testkit.Issuer, "aud": jwtverifiertest.Audience, "sub": "user", "exp": time.Now().Add(time.Hour).Unix()}
		b.Accepts(b.Issuer.Token(nil, claims))
		b.Asked(1, 1)
		b.Accepts(old)

		// From now on the kid of the EC key is an Ed25519 key's.
		time.Sleep(testkit.Cooldown)
		before := b.Issuer.Token(nil, claims)
		b.Accepts(before)
		ed := b.Issuer.PublishKeyOf("Ed25519")
		entry := entryOf(t, b.Issuer, ed, values{"kid": es})
		b.Issuer.Respond(testkit.KeysPath, jwtverifiertest.Response{Body: []byte(`{"keys":[` + entry + `]}`)})
		b.Issuer.UseKey(ed)
		after := b.Issuer.Token(values{"kid": es}, claims)
		b.Accepts(after)
		b.Asked(1, 1)
		b.Refuses(jwtverifier.ErrUnknownKey, before) // though it was remembered
		b.Accepts(after)
	}, jwtverifier.WithAlgorithms("RS256", "ES256", "Ed25519"), jwtverifier.WithTokenCache(16))
}

// A token of an algorithm that is not accepted causes no request, and none of a
// metadata document adds to what is accepted.
func TestMetadataAddsNoAlgorithm(t *testing.T) {
	for _, listed := range []any{[]string{"ES256"}, []string{"RS256", "ES256", "none"}, nil} {
		issuer, kids := issuerOf("RS256", "ES256")
		metadata := issuer.Metadata()
		metadata["id_token_signing_alg_values_supported"] = listed
		document, err := json.Marshal(metadata)
		require.NoError(t, err)
		for _, path := range issuer.MetadataPaths() {
			issuer.Respond(path, jwtverifiertest.Response{Body: document})
		}
		v := newVerifier(t, issuer)
		_, err = v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[0], nil))
		require.NoError(t, err)
		_, err = v.VerifyAccessToken(t.Context(), tokenOf(issuer, kids[1], nil))
		requireReason(t, err, jwtverifier.ErrAlgorithm)
		_, err = newVerifier(t, issuer, jwtverifier.WithAlgorithms("ES256")).VerifyAccessToken(t.Context(), tokenOf(issuer, kids[1], nil))
		require.NoError(t, err)
	}
}

// at_hash and c_hash are made with the hash of the ID token's algorithm (OpenID
// Connect Core §3.1.3.6).
func TestTokenHashesByAlgorithm(t *testing.T) {
	half := func(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]) }
	const value = "an access token or a code"
	sum256, sum384, sum512 := sha256.Sum256([]byte(value)), sha512.Sum384([]byte(value)), sha512.Sum512([]byte(value))
	hashes := map[string]string{"256": half(sum256[:]), "384": half(sum384[:]), "512": half(sum512[:])}
	issuer, kids := issuerOf(allAlgorithms...)
	v := newVerifier(t, issuer, jwtverifier.WithAlgorithms(allAlgorithms...))
	for i, alg := range allAlgorithms {
		issuer.UseKey(kids[i])
		right := alg[2:]
		if alg == "Ed25519" {
			right = "512"
		}
		for size, hash := range hashes {
			for claim, check := range map[string]jwtverifier.IDTokenCheck{"at_hash": jwtverifier.AccessTokenHash(value), "c_hash": jwtverifier.CodeHash(value)} {
				_, err := v.VerifyIDToken(t.Context(), issuer.IDToken("n", values{claim: hash}), "n", check)
				if size == right {
					require.NoError(t, err, "%s with SHA-%s", alg, size)
				} else {
					requireReason(t, err, jwtverifier.ErrTokenHash)
				}
			}
		}
	}
}

// Each Verifier judges by its own list. A token of no configured issuer is refused
// for its algorithm only if none of them accepts it.
func TestIssuersByAlgorithm(t *testing.T) {
	rs, es, stranger := jwtverifiertest.New("https://rs.example"), jwtverifiertest.New("https://es.example"), jwtverifiertest.New("https://other.example")
	both, err := jwtverifier.NewIssuers(newVerifier(t, rs), newVerifier(t, es, jwtverifier.WithAlgorithms("ES256")))
	require.NoError(t, err)
	for _, row := range []struct {
		name   string
		issuer *jwtverifiertest.Issuer
		alg    string
		want   error
	}{
		{"RS256 of the one", rs, "RS256", nil},
		{"ES256 of the other", es, "ES256", nil},
		{"ES256 of the one", rs, "ES256", jwtverifier.ErrAlgorithm},
		{"RS256 of the other", es, "RS256", jwtverifier.ErrAlgorithm},
		{"PS256 of the one", rs, "PS256", jwtverifier.ErrAlgorithm},
		{"RS256 of neither", stranger, "RS256", jwtverifier.ErrIssuer},
		{"ES256 of neither", stranger, "ES256", jwtverifier.ErrIssuer},
		{"PS256 of neither", stranger, "PS256", jwtverifier.ErrAlgorithm},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.issuer.RotateKeyTo(row.alg)
			_, err := both.VerifyAccessToken(t.Context(), row.issuer.AccessToken())
			_, errID := both.VerifyIDToken(t.Context(), row.issuer.IDToken("n"), "n")
			if row.want == nil {
				require.NoError(t, err)
				require.NoError(t, errID)
				return
			}
			requireReason(t, err, row.want)
			requireReason(t, errID, row.want)
			if row.issuer == stranger && row.want == jwtverifier.ErrAlgorithm {
				require.EqualError(t, err, `jwtverifier: signature algorithm not allowed: want "RS256", "ES256"`)
			}
		})
	}
}

func TestWithPublicKeysByAlgorithm(t *testing.T) {
	issuer, kids := issuerOf("RS256", "ES256", "ES384", "Ed25519")
	key := func(i int) crypto.PublicKey { return issuer.PublicKey(kids[i]) }
	noKey := func(text string) string { return "jwtverifier: misconfigured: WithPublicKeys: no alg: " + text }
	for _, row := range []struct {
		name   string
		keys   []crypto.PublicKey
		accept []string
		good   map[int]string // by which key, with which alg
		want   string         // what New says
	}{
		{
			name:   "of each type",
			keys:   []crypto.PublicKey{key(0), key(1), key(2), key(3)},
			accept: allAlgorithms,
			good:   map[int]string{0: "RS256", 1: "ES256", 2: "ES384", 3: "EdDSA"},
		},
		{
			name:   "an EC key",
			keys:   []crypto.PublicKey{key(1), key(1)},
			accept: []string{"ES256"},
			good:   map[int]string{1: "ES256"},
		},
		{
			name:   "an Ed25519 key",
			keys:   []crypto.PublicKey{key(3), key(3)},
			accept: []string{"EdDSA"},
			good:   map[int]string{3: "Ed25519"},
		},
		{
			name: "an EC key, by default",
			keys: []crypto.PublicKey{key(0), key(1)},
			want: noKey(`kty "EC" with crv "P-256" is for ES256, which is not accepted: WithAlgorithms`),
		},
		{
			name:   "a key of another curve",
			keys:   []crypto.PublicKey{key(2)},
			accept: []string{"ES256", "ES512"},
			want:   noKey(`kty "EC" with crv "P-384" is for ES384, which is not accepted: WithAlgorithms`),
		},
		{
			name:   "an RSA key, not accepted",
			keys:   []crypto.PublicKey{key(0)},
			accept: []string{"EdDSA"},
			want:   noKey(`kty "RSA" is for RS256, which is not accepted: WithAlgorithms`),
		},
		{
			name:   "an RSA key for one of two",
			keys:   []crypto.PublicKey{key(0)},
			accept: []string{"PS512", "PS256"},
			want:   noKey(`kty "RSA" could be for PS256 or PS512`),
		},
	} {
		for _, first := range []bool{true, false} { // the order of the options does not matter
			t.Run(fmt.Sprint(row.name, first), func(t *testing.T) {
				opts := []jwtverifier.Option{jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithPublicKeys(row.keys...)}
				if row.accept != nil {
					opts = append(opts, jwtverifier.WithAlgorithms(row.accept...))
				}
				if first {
					slices.Reverse(opts)
				}
				v, err := jwtverifier.New(issuer.URL(), opts...)
				if row.want != "" {
					require.Nil(t, v)
					requireMisconfigured(t, err)
					require.EqualError(t, err, row.want)
					return
				}
				require.NoError(t, err)
				for i, kid := range kids {
					alg, ok := row.good[i]
					if !ok {
						continue
					}
					for _, keyID := range []any{jwtverifiertest.Absent, "any"} {
						token, err := v.VerifyAccessToken(t.Context(), tokenOf(issuer, kid, values{"alg": alg, "kid": keyID}))
						require.NoError(t, err)
						assert.Equal(t, alg, token.Algorithm)
					}
				}
			})
		}
	}

	// An RSA key for another RSA algorithm, if that is the only one.
	pss, kids := issuerOf("PS256")
	v, err := jwtverifier.New(pss.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithAlgorithms("PS256", "ES256"),
		jwtverifier.WithPublicKeys(pss.PublicKey(kids[0]).(*rsa.PublicKey)))
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), pss.AccessToken())
	require.NoError(t, err)
}

// ECDSA signatures are malleable: a remembered token and its twin are two tokens.
func TestMalleableTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, _ := issuerOf("ES256")
		v := newVerifier(t, issuer, jwtverifier.WithAlgorithms("ES256"), jwtverifier.WithTokenCache(16))
		raw := issuer.AccessToken()
		for _, token := range []string{raw, twinOf(t, raw), raw, twinOf(t, raw)} {
			verified, err := v.VerifyAccessToken(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, jwtverifiertest.Subject, verified.Subject)
		}
	})
}

// twinOf returns an ES256 token with the other signature that verifies, (r, n-s).
func twinOf(t *testing.T, raw string) string {
	t.Helper()
	input, encoded := raw[:strings.LastIndexByte(raw, '.')+1], raw[strings.LastIndexByte(raw, '.')+1:]
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return input + base64.RawURLEncoding.EncodeToString(signature)
}
