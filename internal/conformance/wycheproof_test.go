package conformance

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	ours "example.com/jwtverifier/internal/jose"
)

// A vectorFile is one of Wycheproof's files about JWS, JWE and JWK.
type vectorFile struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage // a JWK or a JWKS
		Tests           []vector
	}
}

type vector struct {
	TcID     int
	Comment  string
	JWS, JWE serialization
	Result   string // valid, invalid
}

// A serialization is a string, or a JSON object for the JSON serializations.
type serialization string

func (s *serialization) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*s = serialization(text)
	return nil
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// A deviation is a vector whose result is not this package's, and why.
type deviation struct {
	ids    []int
	want   error // the reason for which a valid vector is refused; nil: an invalid one is accepted
	reason string
}

const (
	onlyRS256    = "RS256 is the only algorithm"
	emptyPayload = "an empty payload is no claims set (RFC 7519 §7.2): an empty segment is refused at once"
	roca         = "the key has the ROCA weakness. Keys are the issuer's choice, and trusted; no list of weak generators is kept"
)

var deviations = map[string][]deviation{
	"json_web_signature_test.json": {
		{ids: []int{1, 348, 352, 357, 358, 359, 376, 377}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": HS256"},
		{ids: []int{18, 347, 351, 378}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": ES256, ES512"},
		{ids: []int{265, 266, 267, 269, 270, 271}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": RS384, RS512"},
		{ids: []int{273, 274, 275, 287, 288, 321, 322, 323, 326, 327, 328, 346, 350}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": PS256, PS384, PS512"},
		{ids: []int{259}, want: jwtverifier.ErrMalformed, reason: emptyPayload},
		{ids: []int{264, 268, 272, 320, 325}, want: jwtverifier.ErrMalformed, reason: emptyPayload + ", before the algorithm is looked at"},
		{ids: []int{372, 373}, want: jwtverifier.ErrMalformed, reason: `"InvalidCharacterInserted…", and the character is there: labelled valid by mistake, and HS256`},
	},
	"json_web_key_test.json": {
		{ids: []int{2, 13, 14, 15}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": HS256, HS384, HS512"},
		{ids: []int{7}, reason: roca},
	},
	"json_web_crypto_test.json": {
		{ids: []int{1, 48}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": HS256"},
		{ids: []int{18}, want: jwtverifier.ErrAlgorithm, reason: onlyRS256 + ": ES256"},
		{ids: []int{46}, reason: roca},
	},
}

// ofKeys are the deviations that show only if all algorithms are chosen.
var ofKeys = map[int]deviation{
	346: {want: jwtverifier.ErrUnknownKey, reason: "PS384 by a key whose alg is PS256: one key, one algorithm (RFC 8725 §3.1)"},
	350: {want: jwtverifier.ErrUnknownKey, reason: "the same with key_ops"},
	347: {want: jwtverifier.ErrUnknownKey, reason: "the key's alg is ES521, which there is not"},
	351: {want: jwtverifier.ErrUnknownKey, reason: "the same with key_ops"},
}

// chosen is what WithAlgorithms makes of a deviation: none is left of those that are
// about an algorithm which can be chosen.
func (d deviation) chosen() bool {
	return strings.HasPrefix(d.reason, onlyRS256) && !strings.HasPrefix(d.reason, onlyRS256+": HS")
}

// TestWycheproofJWS: the payloads are no claims, so a token whose signature was
// accepted is refused for its payload, and the Part of the error tells.
func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json"} {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all algorithms: %t", name, all), func(t *testing.T) {
				t.Parallel()
				testWycheproofJWS(t, name, all)
			})
		}
	}
}

func testWycheproofJWS(t *testing.T, name string, all bool) {
	var opts []jwtverifier.Option
	if all {
		opts = append(opts, jwtverifier.WithAlgorithms(ours.Names()...))
	}
	var file vectorFile
	readVectors(t, name, &file)
	expected := expectedDeviations(t, name)
	maps.DeleteFunc(expected, func(_ int, d deviation) bool { return all && d.chosen() })
	if all && name == "json_web_signature_test.json" {
		maps.Copy(expected, ofKeys)
	}
	counts, vectors := map[string]int{}, 0
	for _, group := range file.TestGroups {
		v := verifierOf(t, group.Public, group.Private, opts...)
		vectors += len(group.Tests)
		for _, vector := range group.Tests {
			if vector.JWE != "" {
				continue // TestWycheproofJWE
			}
			reason, accepted := judge(t, v, string(vector.JWS))
			label := fmt.Sprintf("tc%d %s %s", vector.TcID, group.Comment, vector.Comment)
			deviates, isExpected := expected[vector.TcID]
			delete(expected, vector.TcID)
			switch {
			case isExpected:
				assert.Equal(t, deviates.want == nil, accepted, label)
				assert.NotEqual(t, vector.Result == "valid", accepted, "no deviation: %s", label)
				if deviates.want != nil {
					assert.Equal(t, deviates.want, reason, label)
				}
				counts[vector.Result+", a listed deviation"]++
			default:
				assert.Equal(t, vector.Result == "valid", accepted, "%s: %v", label, reason)
				result := "valid and accepted"
				if !accepted {
					result = "invalid and refused, " + strings.TrimPrefix(reason.Error(), "jwtverifier: ")
				}
				counts[result]++
			}
		}
	}
	assert.Empty(t, expected, "listed, but there is no such vector")
	assert.Equal(t, file.NumberOfTests, vectors)
	t.Logf("%s: %v", name, counts)
}

// TestWycheproofJWE: encrypted tokens are refused, whoever they are for. Where
// the key is an RSA key, it is published here as a signing key.
func TestWycheproofJWE(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"json_web_encryption_test.json", "json_web_crypto_test.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var file vectorFile
			readVectors(t, name, &file)
			count, vectors := 0, 0
			for _, group := range file.TestGroups {
				var key struct{ Kty, N, E, Kid string }
				require.NoError(t, json.Unmarshal(group.Private, &key))
				public, err := json.Marshal(map[string]string{"kty": key.Kty, "n": key.N, "e": key.E, "kid": key.Kid, "use": "sig"})
				require.NoError(t, err)
				v := verifierOf(t, public, nil)
				vectors += len(group.Tests)
				for _, vector := range group.Tests {
					if vector.JWE == "" {
						continue
					}
					reason, accepted := judge(t, v, string(vector.JWE))
					assert.Equal(t, jwtverifier.ErrMalformed, reason, "tc%d %s", vector.TcID, vector.Comment)
					assert.False(t, accepted, "refused before the payload: tc%d %s", vector.TcID, vector.Comment)
					count++
				}
			}
			assert.Positive(t, count)
			assert.Equal(t, file.NumberOfTests, vectors)
			t.Logf("%s: %d encrypted tokens, all malformed", name, count)
		})
	}
}

func expectedDeviations(t *testing.T, name string) map[int]deviation {
	t.Helper()
	expected := map[int]deviation{}
	for _, d := range deviations[name] {
		for _, id := range d.ids {
			require.NotContains(t, expected, id, "listed twice")
			expected[id] = d
		}
	}
	return expected
}

// verifierOf makes a Verifier that trusts a JWK or JWKS. If that has no eligible
// key, there is no such Verifier, and it gets an unrelated key.
func verifierOf(t *testing.T, public, private json.RawMessage, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	key := public
	if key == nil {
		key = private
	}
	var set struct{ Keys []json.RawMessage }
	require.NoError(t, json.Unmarshal(key, &set))
	if set.Keys == nil {
		set.Keys = []json.RawMessage{key}
	}
	v, err := newVerifierFor(t, opts, set.Keys...)
	if errors.Is(err, jwtverifier.ErrMisconfigured) {
		v, err = newVerifierFor(t, opts, append(slices.Clone(set.Keys), jwkOf(&testKey(t, 2048).PublicKey, "unrelated"))...)
	}
	require.NoError(t, err)
	return v
}

const (
	issuer   = "https://issuer.example"
	audience = "api"
	client   = "client"
	nonce    = "n1"
	leeway   = time.Minute
)

var now = time.Unix(1_800_000_000, 0)

func newVerifier(t *testing.T, keys ...json.RawMessage) (*jwtverifier.Verifier, error) {
	t.Helper()
	return newVerifierFor(t, nil, keys...)
}

func newVerifierFor(t *testing.T, opts []jwtverifier.Option, keys ...json.RawMessage) (*jwtverifier.Verifier, error) {
	t.Helper()
	jwks, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	return jwtverifier.New(issuer, append(opts, jwtverifier.WithAudience(audience), jwtverifier.WithClientID(client), jwtverifier.WithLeeway(leeway),
		jwtverifier.WithStaticKeys(jwks), jwtverifier.WithClock(func() time.Time { return now }))...)
}

// judge returns the reason for which a token of which no claim is good is
// refused, and whether its signature was accepted before.
func judge(t *testing.T, v *jwtverifier.Verifier, raw string) (reason error, accepted bool) {
	t.Helper()
	access, err := v.VerifyAccessToken(t.Context(), raw)
	require.Nil(t, access)
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)

	id, err := v.VerifyIDToken(t.Context(), raw, nonce)
	require.Nil(t, id)
	var again *jwtverifier.TokenError
	require.ErrorAs(t, err, &again)
	require.Equal(t, refused.Part, again.Part)

	switch refused.Part {
	case "payload", "claims":
		return refused.Reason, true
	case "token", "header", "signature":
		return refused.Reason, false
	}
	require.Fail(t, "unknown part", refused.Part)
	return nil, false
}

// testKey returns a private key that was made for these tests.
func testKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("rsa_%d.pem", bits)))
	require.NoError(t, err)
	block, _ := pem.Decode(data)
	require.NotNil(t, block)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	return key.(*rsa.PrivateKey)
}

func jwkOf(key *rsa.PublicKey, kid string) json.RawMessage {
	return json.RawMessage(`{"kty":"RSA","use":"sig","alg":"RS256","kid":"` + kid + `","n":"` + b64(key.N.Bytes()) + `","e":"AQAB"}`)
}
