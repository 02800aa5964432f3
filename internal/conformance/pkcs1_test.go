package conformance

import (
	"bytes"
	"crypto"
	_ "crypto/md5"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// A signatureFile is one of Wycheproof's files about PKCS#1 v1.5 signatures.
type signatureFile struct {
	NumberOfTests int
	TestGroups    []struct {
		PublicKey struct{ Modulus, PublicExponent hexBytes }
		KeyJWK    json.RawMessage
		Tests     []signatureVector
	}
}

type signatureVector struct {
	TcID     int
	Comment  string
	Msg, Sig hexBytes
	Result   string // valid, acceptable, invalid
}

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

// In each file one vector is "acceptable": a DigestInfo without the NULL. RFC
// 8017 §9.2 allows to refuse it, and one encoding is enough.
const missingNull = 8

// vectorFaults counts what becomes of vectors when they are lifted into tokens.
type vectorFaults struct{ own, noDigest, formAlone int }

var wantFaults = map[int]vectorFaults{
	2048: {own: 225, noDigest: 31, formAlone: 3},
	3072: {own: 224, noDigest: 32, formAlone: 3},
	4096: {own: 224, noDigest: 33, formAlone: 1},
	8192: {own: 223, noDigest: 30, formAlone: 5},
}

// TestWycheproofPKCS1 takes the vectors for RSASSA-PKCS1-v1_5 with SHA-256.
//
// Their messages are no JWS signing inputs, so no token can be made of them as
// they are. They are tried in two ways:
//
//   - as they are, with the one call of a verifier that the package makes;
//   - lifted into tokens, through the public API: what the signature hides,
//     which is the padded digest with whatever is wrong about it, is uncovered
//     with the vector's public key, gets the digest of the token in place of
//     that of the message, and is covered again with a private key of the same
//     size. So the valid vectors become tokens with good signatures, and most
//     others tokens with just their fault. A vector that hides no whole digest
//     keeps what it hides; one that does not fit becomes a token by its form
//     alone.
func TestWycheproofPKCS1(t *testing.T) {
	t.Parallel()
	verifier, err := jws.NewVerifier(jwa.RS256)
	require.NoError(t, err)

	for _, bits := range []int{2048, 3072, 4096, 8192} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			t.Parallel()
			var file signatureFile
			readVectors(t, fmt.Sprintf("rsa_signature_%d_sha256_test.json", bits), &file)
			private := newRawKey(testKey(t, bits))
			v, err := newVerifier(t, jwkOf(&private.PublicKey, "k1"))
			require.NoError(t, err)
			input := b64([]byte(`{"alg":"RS256","kid":"k1"}`)) + "." + b64([]byte(`"not claims"`))

			valid, refused, faults := 0, 0, vectorFaults{}
			for _, group := range file.TestGroups {
				public := &rsa.PublicKey{
					N: new(big.Int).SetBytes(group.PublicKey.Modulus),
					E: int(new(big.Int).SetBytes(group.PublicKey.PublicExponent).Int64()),
				}
				_, err := newVerifier(t, group.KeyJWK)
				require.NoError(t, err, "the vectors' key is eligible")

				for _, vector := range group.Tests {
					label := fmt.Sprintf("tc%d %s", vector.TcID, vector.Comment)
					require.Equal(t, vector.Result == "acceptable", vector.TcID == missingNull, label)
					want := vector.Result == "valid"

					err := verifier.Verify(vector.Msg, vector.Sig, public)
					assert.Equal(t, want, err == nil, "%s: %v", label, err)

					signature, exchanged, ok := private.lift(public, vector, input)
					switch {
					case exchanged && ok:
						faults.own++
					case ok:
						faults.noDigest++
					default:
						faults.formAlone++
						signature = vector.Sig // over another message by another key, but of the same form
					}
					reason, accepted := judge(t, v, input+"."+b64(signature))
					assert.Equal(t, want, accepted, "%s, in a token", label)
					if want {
						valid++
						continue
					}
					refused++
					if len(signature) > 0 && len(signature) <= 1024 {
						assert.Equal(t, jwtverifier.ErrSignature, reason, label)
					} else {
						assert.Equal(t, jwtverifier.ErrMalformed, reason, label)
					}
				}
			}
			assert.Equal(t, file.NumberOfTests, valid+refused)
			assert.Equal(t, wantFaults[bits], faults)
			t.Logf("%d bits: %d vectors, %d valid and accepted, %d refused; as tokens: %+v", bits, valid+refused, valid, refused, faults)
		})
	}
}

// A rawKey is a private key that signs any number, padded well or not.
type rawKey struct {
	*rsa.PrivateKey
	p, q, dp, dq, qInverse *big.Int
}

func newRawKey(key *rsa.PrivateKey) *rawKey {
	p, q := key.Primes[0], key.Primes[1]
	one := big.NewInt(1)
	return &rawKey{
		PrivateKey: key, p: p, q: q,
		dp:       new(big.Int).Mod(key.D, new(big.Int).Sub(p, one)),
		dq:       new(big.Int).Mod(key.D, new(big.Int).Sub(q, one)),
		qInverse: new(big.Int).ModInverse(q, p),
	}
}

// cover returns m^d mod n.
func (k *rawKey) cover(m *big.Int) *big.Int {
	a := new(big.Int).Exp(m, k.dp, k.p)
	b := new(big.Int).Exp(m, k.dq, k.q)
	h := a.Sub(a, b)
	h.Mul(h, k.qInverse).Mod(h, k.p)
	return h.Mul(h, k.q).Add(h, b)
}

// lift returns the vector's signature as one by k, over input if it was over a
// digest (exchanged), or false if it has no such form: another key's number would
// not fit.
func (k *rawKey) lift(public *rsa.PublicKey, vector signatureVector, input string) (_ []byte, exchanged, ok bool) {
	// A signature can be out of range: s = times × n + rest.
	times, rest := new(big.Int).QuoRem(new(big.Int).SetBytes(vector.Sig), public.N, new(big.Int))
	encoded := new(big.Int).Exp(rest, big.NewInt(int64(public.E)), public.N).FillBytes(make([]byte, public.Size()))
	encoded, exchanged = exchangeDigest(encoded, vector.Msg, []byte(input))
	m := new(big.Int).SetBytes(encoded)
	if m.Cmp(k.N) >= 0 {
		return nil, exchanged, false
	}
	s := k.cover(m)
	s.Add(s, times.Mul(times, k.N))
	if s.BitLen() > 8*len(vector.Sig) {
		return nil, exchanged, false
	}
	return s.FillBytes(make([]byte, len(vector.Sig))), exchanged, true
}

// exchangeDigest puts the digest of a message in place of that of another,
// whichever hash it is of, and reports whether there was one.
func exchangeDigest(encoded, old, message []byte) ([]byte, bool) {
	digest := func(h crypto.Hash, message []byte) []byte {
		d := h.New()
		d.Write(message)
		return d.Sum(nil)
	}
	for h := crypto.MD5; h <= crypto.SHA512_256; h++ {
		if !h.Available() {
			continue
		}
		if from := digest(h, old); bytes.Contains(encoded, from) {
			return bytes.ReplaceAll(encoded, from, digest(h, message)), true
		}
	}
	return encoded, false
}
