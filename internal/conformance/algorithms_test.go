package conformance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	ours "example.com/jwtverifier/internal/jose"
)

// algorithmFiles are Wycheproof's files about signatures. Those that are foreign are of
// another salt, mask or hash than the algorithm's: they say what must not verify.
var algorithmFiles = []struct {
	alg     string
	name    string
	foreign bool
	accepts []int // of a foreign file: what has the algorithm's own parameters
}{
	{alg: "RS384", name: "rsa_signature_2048_sha384_test.json"},
	{alg: "RS384", name: "rsa_signature_3072_sha384_test.json"},
	{alg: "RS384", name: "rsa_signature_4096_sha384_test.json"},
	{alg: "RS384", name: "rsa_signature_8192_sha384_test.json"},
	{alg: "RS512", name: "rsa_signature_2048_sha512_test.json"},
	{alg: "RS512", name: "rsa_signature_3072_sha512_test.json"},
	{alg: "RS512", name: "rsa_signature_4096_sha512_test.json"},
	{alg: "RS512", name: "rsa_signature_8192_sha512_test.json"},
	{alg: "PS256", name: "rsa_pss_2048_sha256_mgf1_32_test.json"},
	{alg: "PS256", name: "rsa_pss_3072_sha256_mgf1_32_test.json"},
	{alg: "PS256", name: "rsa_pss_4096_sha256_mgf1_32_test.json"},
	{alg: "PS384", name: "rsa_pss_2048_sha384_mgf1_48_test.json"},
	{alg: "PS384", name: "rsa_pss_4096_sha384_mgf1_48_test.json"},
	{alg: "PS512", name: "rsa_pss_4096_sha512_mgf1_64_test.json"},
	{alg: "ES256", name: "ecdsa_secp256r1_sha256_p1363_test.json"},
	{alg: "ES384", name: "ecdsa_secp384r1_sha384_p1363_test.json"},
	{alg: "ES512", name: "ecdsa_secp521r1_sha512_p1363_test.json"},
	{alg: "Ed25519", name: "ed25519_test.json"},

	{alg: "PS256", name: "rsa_pss_2048_sha256_mgf1_0_test.json", foreign: true, accepts: []int{69}},
	{alg: "PS256", name: "rsa_pss_2048_sha256_mgf1sha1_20_test.json", foreign: true},
	{alg: "PS512", name: "rsa_pss_2048_sha512_mgf1sha256_32_params_test.json", foreign: true},
	{alg: "PS512", name: "rsa_pss_4096_sha512_mgf1_32_test.json", foreign: true},
	{alg: "ES256", name: "ecdsa_secp256r1_sha512_p1363_test.json", foreign: true},
	{alg: "ES384", name: "ecdsa_secp384r1_sha512_p1363_test.json", foreign: true},
}

// TestWycheproofAlgorithms takes the vectors for the other algorithms. Their messages
// are no JWS signing inputs, so each is judged by the row of the table that Verifiers
// use, with the key that they make of its JWK. Its signature is also put into a token,
// which must be refused for it.
func TestWycheproofAlgorithms(t *testing.T) {
	t.Parallel()
	for _, f := range algorithmFiles {
		t.Run(f.alg+" "+f.name, func(t *testing.T) {
			t.Parallel()
			var file struct {
				NumberOfTests int
				TestGroups    []struct {
					PublicKeyJWK, KeyJWK json.RawMessage
					PublicKey            json.RawMessage
					Tests                []signatureVector
				}
			}
			readVectors(t, f.name, &file)
			algorithm := ours.ByName(f.alg)
			vectors, valid := 0, 0
			for _, group := range file.TestGroups {
				entry := withoutAlgorithm(t, group.PublicKeyJWK, group.KeyJWK, group.PublicKey)
				jwk, err := ours.ReadJWK(entry)
				require.NoError(t, err)
				require.Equal(t, algorithm.KeyType(), jwk.Type())
				public, err := jwk.PublicKey()
				require.NoError(t, err, "%s", entry)
				v, err := newVerifierFor(t, []jwtverifier.Option{jwtverifier.WithAlgorithms(f.alg)}, entry)
				require.NoError(t, err)
				input := b64([]byte(`{"alg":"`+f.alg+`"}`)) + "." + b64([]byte(`"not claims"`)) + "."
				for _, vector := range group.Tests {
					vectors++
					// "acceptable" is a DigestInfo without the NULL: one encoding is enough.
					want := vector.Result == "valid"
					if f.foreign {
						want = slices.Contains(f.accepts, vector.TcID)
					}
					got := algorithm.Verify(public, algorithm.Digest(string(vector.Msg)), vector.Sig)
					assert.Equal(t, want, got, "tc%d %s", vector.TcID, vector.Comment)
					if got {
						valid++
					}
					_, accepted := judge(t, v, input+b64(vector.Sig))
					assert.False(t, accepted, "as a token: tc%d %s", vector.TcID, vector.Comment)
				}
			}
			assert.Equal(t, file.NumberOfTests, vectors)
			assert.Equal(t, f.foreign && f.accepts == nil, valid == 0)
			t.Logf("%d vectors, %d valid and accepted", vectors, valid)
		})
	}
}

// withoutAlgorithm returns the JWK of a group of vectors, without the alg that some of
// them have for another one: made of the numbers, if there is none.
func withoutAlgorithm(t *testing.T, jwk, older, numbers json.RawMessage) json.RawMessage {
	t.Helper()
	if jwk == nil {
		jwk = older
	}
	if jwk == nil {
		var key struct {
			Modulus, PublicExponent, Uncompressed hexBytes
			Curve                                 string
		}
		require.NoError(t, json.Unmarshal(numbers, &key))
		if half := len(key.Uncompressed) / 2; half > 0 {
			crv := map[string]string{"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.Curve]
			jwk = json.RawMessage(`{"kty":"EC","crv":"` + crv + `","x":"` + b64(key.Uncompressed[1:1+half]) + `","y":"` + b64(key.Uncompressed[1+half:]) + `"}`)
		} else {
			jwk = json.RawMessage(`{"kty":"RSA","n":"` + b64(key.Modulus) + `","e":"` + b64(key.PublicExponent) + `"}`)
		}
	}
	var members map[string]any
	require.NoError(t, json.Unmarshal(jwk, &members))
	delete(members, "alg")
	delete(members, "kid")
	entry, err := json.Marshal(members)
	require.NoError(t, err)
	return entry
}

// A signer signs in the manner of an algorithm, and not always rightly.
type signer struct {
	name string
	key  string // which of the keys
	sign func(input []byte) ([]byte, error)
}

// TestDifferentialAlgorithms: for each algorithm that a header can say, each key and
// each way to sign, this package and both peers agree, except where a comment says.
func TestDifferentialAlgorithms(t *testing.T) {
	t.Parallel()
	keys := map[string]crypto.Signer{"RSA": testKey(t, 2048), "another RSA": testKey(t, 3072), "Ed25519": ed25519.NewKeyFromSeed(make([]byte, 32))}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		keys[curve.Params().Name] = k
	}
	var signers []signer
	for name, hash := range map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512} {
		digest := func(input []byte) []byte {
			h := hash.New()
			h.Write(input)
			return h.Sum(nil)
		}
		for _, key := range []string{"RSA", "another RSA"} {
			private := keys[key].(*rsa.PrivateKey)
			signers = append(signers, signer{"PKCS #1 " + name, key, func(input []byte) ([]byte, error) {
				return rsa.SignPKCS1v15(nil, private, hash, digest(input))
			}}, signer{"PSS " + name, key, func(input []byte) ([]byte, error) {
				return rsa.SignPSS(rand.Reader, private, hash, digest(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			}}, signer{"PSS, long salt, " + name, key, func(input []byte) ([]byte, error) {
				return rsa.SignPSS(rand.Reader, private, hash, digest(input), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
			}})
		}
		for _, crv := range []string{"P-256", "P-384", "P-521"} {
			private := keys[crv].(*ecdsa.PrivateKey)
			size := (private.Params().BitSize + 7) / 8
			numbers := func(input []byte) (r, s *big.Int, der []byte, err error) {
				der, err = private.Sign(rand.Reader, digest(input), hash)
				if err != nil {
					return nil, nil, nil, err
				}
				var parsed struct{ R, S *big.Int }
				_, err = asn1.Unmarshal(der, &parsed)
				return parsed.R, parsed.S, der, err
			}
			sized := func(size int, change func(r, s *big.Int) (*big.Int, *big.Int)) func([]byte) ([]byte, error) {
				return func(input []byte) ([]byte, error) {
					r, s, _, err := numbers(input)
					if err != nil {
						return nil, err
					}
					r, s = change(r, s)
					return slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))), nil
				}
			}
			same := func(r, s *big.Int) (*big.Int, *big.Int) { return r, s }
			signers = append(signers,
				signer{"ECDSA " + name, crv, sized(size, same)},
				signer{"ECDSA, the twin, " + name, crv, sized(size, func(r, s *big.Int) (*big.Int, *big.Int) { return r, new(big.Int).Sub(private.Params().N, s) })},
				signer{"ECDSA, a byte more, " + name, crv, sized(size+1, same)},
				signer{"ECDSA, exchanged, " + name, crv, sized(size, func(r, s *big.Int) (*big.Int, *big.Int) { return s, r })},
				signer{"ECDSA, zero, " + name, crv, func([]byte) ([]byte, error) { return make([]byte, 2*size), nil }},
				signer{"ECDSA, DER, " + name, crv, func(input []byte) ([]byte, error) {
					_, _, der, err := numbers(input)
					return der, err
				}})
		}
	}
	ed := keys["Ed25519"].(ed25519.PrivateKey)
	signers = append(signers, signer{"Ed25519", "Ed25519", func(input []byte) ([]byte, error) { return ed25519.Sign(ed, input), nil }},
		signer{"Ed25519, zero", "Ed25519", func([]byte) ([]byte, error) { return make([]byte, 64), nil }},
		signer{"Ed25519, a byte short", "Ed25519", func(input []byte) ([]byte, error) { return ed25519.Sign(ed, input)[:63], nil }})

	payload := b64([]byte(goodAccess))
	verdicts, longSalts := map[string]int{}, 0
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"} {
		a := ours.ByName(alg)
		for name, key := range keys {
			public := key.Public()
			v, err := newVerifierWithKey(alg, public)
			if ours.TypeOf(public) != a.KeyType() {
				require.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
				continue // a Verifier of this algorithm takes no such key
			}
			require.NoError(t, err)
			for _, s := range signers {
				input := b64([]byte(`{"alg":"`+alg+`"}`)) + "." + payload
				signature, err := s.sign([]byte(input))
				require.NoError(t, err)
				raw := input + "." + b64(signature)
				_, here := v.VerifyAccessToken(t.Context(), raw)
				label := fmt.Sprintf("alg %s, key %s, signed with %s by %s", alg, name, s.name, s.key)
				for _, peer := range algorithmPeers {
					there := peer.verify(raw, alg, public)
					if here != nil && there == nil && len(s.name) > 14 && s.name[:14] == "PSS, long salt" {
						longSalts++ // RFC 7518 §3.5: the salt is as long as the hash
						continue
					}
					assert.Equal(t, here == nil, there == nil, "%s: %s says %v, here %v", label, peer.name, there, here)
				}
				verdicts[fmt.Sprint(here == nil)]++
			}
		}
	}
	t.Logf("%v; long salts that only a peer takes: %d", verdicts, longSalts)
	assert.Equal(t, 6*2+3*2+1, verdicts["true"], "each algorithm by its own keys; ECDSA with its twin")
}

func newVerifierWithKey(alg string, public crypto.PublicKey) (*jwtverifier.Verifier, error) {
	return jwtverifier.New(issuer, jwtverifier.WithAudience(audience), jwtverifier.WithLeeway(leeway), jwtverifier.WithPublicKeys(public),
		jwtverifier.WithClock(func() time.Time { return now }), jwtverifier.WithAlgorithms(alg))
}

var algorithmPeers = []struct {
	name   string
	verify func(raw, alg string, key crypto.PublicKey) error
}{
	{"golang-jwt", func(raw, alg string, key crypto.PublicKey) error {
		parser := golangjwt.NewParser(golangjwt.WithValidMethods([]string{alg}), golangjwt.WithTimeFunc(func() time.Time { return now }))
		_, err := parser.Parse(raw, func(*golangjwt.Token) (any, error) { return key, nil })
		return err
	}},
	{"go-jose", func(raw, alg string, key crypto.PublicKey) error {
		token, err := josejwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			return err
		}
		return token.Claims(key, &josejwt.Claims{})
	}},
}
