package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/internal/jose"
)

// A spec is what RFC 7518 §3.1 and RFC 8037 §3.1 say of an algorithm, written down
// once more and used to sign.
type spec struct {
	alg, kty, crv string
	hash          crypto.Hash
	length        int // of a signature, with an RSA key of 2,048 bits
	sign          func(private crypto.Signer, hash crypto.Hash, input []byte) ([]byte, error)
}

var specs = []spec{
	{"RS256", "RSA", "", crypto.SHA256, 256, signPKCS1v15},
	{"RS384", "RSA", "", crypto.SHA384, 256, signPKCS1v15},
	{"RS512", "RSA", "", crypto.SHA512, 256, signPKCS1v15},
	{"PS256", "RSA", "", crypto.SHA256, 256, signPSS},
	{"PS384", "RSA", "", crypto.SHA384, 256, signPSS},
	{"PS512", "RSA", "", crypto.SHA512, 256, signPSS},
	{"ES256", "EC", "P-256", crypto.SHA256, 64, signECDSA},
	{"ES384", "EC", "P-384", crypto.SHA384, 96, signECDSA},
	{"ES512", "EC", "P-521", crypto.SHA512, 132, signECDSA},
	{"Ed25519", "OKP", "Ed25519", crypto.SHA512, 64, signEd25519},
}

func digestOf(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	h.Write(input)
	return h.Sum(nil)
}

func signPKCS1v15(private crypto.Signer, hash crypto.Hash, input []byte) ([]byte, error) {
	return rsa.SignPKCS1v15(nil, private.(*rsa.PrivateKey), hash, digestOf(hash, input))
}

func signPSS(private crypto.Signer, hash crypto.Hash, input []byte) ([]byte, error) {
	return signSalted(private, hash, input, hash.Size())
}

func signSalted(private crypto.Signer, hash crypto.Hash, input []byte, salt int) ([]byte, error) {
	return rsa.SignPSS(rand.Reader, private.(*rsa.PrivateKey), hash, digestOf(hash, input), &rsa.PSSOptions{SaltLength: salt})
}

func signECDSA(private crypto.Signer, hash crypto.Hash, input []byte) ([]byte, error) {
	k := private.(*ecdsa.PrivateKey)
	der, err := k.Sign(rand.Reader, digestOf(hash, input), hash)
	if err != nil {
		return nil, err
	}
	r, s, err := numbersOf(der)
	size := (k.Params().BitSize + 7) / 8
	return slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))), err
}

func numbersOf(der []byte) (r, s *big.Int, err error) {
	var numbers struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &numbers)
	return numbers.R, numbers.S, err
}

func signEd25519(private crypto.Signer, _ crypto.Hash, input []byte) ([]byte, error) {
	return ed25519.Sign(private.(ed25519.PrivateKey), input), nil
}

// privateKeys returns a key of each type, by its kty and crv.
func privateKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	keys := map[string]crypto.Signer{"RSA": keyOne(), "OKP Ed25519": ed25519.NewKeyFromSeed(make([]byte, 32))}
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		keys["EC "+curve.Params().Name] = k
	}
	return keys
}

func (s spec) keyName() string {
	if s.crv == "" {
		return s.kty
	}
	return s.kty + " " + s.crv
}

func TestTable(t *testing.T) {
	var names []string
	for _, s := range specs {
		names = append(names, s.alg)
		a := jose.ByName(s.alg)
		require.NotNil(t, a, s.alg)
		assert.Equal(t, s.alg, a.Name())
		assert.Equal(t, jose.KeyType{Type: s.kty, Curve: s.crv}, a.KeyType())
		assert.Contains(t, jose.ByKeyType(a.KeyType()), a)
		assert.True(t, jose.IsKeyType(s.kty))
		sum := digestOf(s.hash, []byte("value"))
		assert.Equal(t, base64url(sum[:len(sum)/2]), a.HalfHash("value"), s.alg)
		if s.alg == "Ed25519" {
			assert.Equal(t, []byte("input"), a.Digest("input"))
		} else {
			assert.Equal(t, digestOf(s.hash, []byte("input")), a.Digest("input"), s.alg)
		}
	}
	assert.Equal(t, names, jose.Names(), "and no other")
	assert.Same(t, jose.RS256, jose.ByName("RS256"))
	assert.Same(t, jose.ByName("Ed25519"), jose.ByName("EdDSA"))
	assert.Len(t, jose.ByKeyType(jose.KeyType{Type: "RSA"}), 6)
	assert.Same(t, jose.RS256, jose.ByKeyType(jose.KeyType{Type: "RSA"})[0])

	for _, name := range []string{"", "none", "None", "HS256", "HS384", "HS512", "ES256K", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "ESP256", "RSA-OAEP", "rs256", "RS256 ", " RS256",
		"Es256", "ed25519", "EDDSA", "eddsa", "Ed25519ph", "RS1", "PS1", "ES521", "RS256\x00"} {
		assert.Nil(t, jose.ByName(name), name)
	}
	for _, typ := range []jose.KeyType{{}, {"EC", ""}, {"EC", "P-224"}, {"EC", "secp256k1"}, {"EC", "Ed25519"}, {"OKP", ""}, {"OKP", "P-256"}, {"OKP", "X25519"}, {"OKP", "Ed448"},
		{"RSA", "P-256"}, {"oct", ""}, {"AKP", ""}} {
		assert.Empty(t, jose.ByKeyType(typ), typ)
	}
	for _, kty := range []string{"", "oct", "AKP", "rsa", "ec", "Ed25519", "P-256"} {
		assert.False(t, jose.IsKeyType(kty), kty)
	}
}

// Each algorithm verifies the signatures of its own row, and of no other: neither by
// another algorithm, nor by another type of key, nor over another hash.
func TestTableBindings(t *testing.T) {
	const input = "header.payload"
	keys := privateKeys(t)
	for _, s := range specs {
		a := jose.ByName(s.alg)
		public := keys[s.keyName()].Public()
		for _, other := range specs {
			private := keys[other.keyName()]
			signature, err := other.sign(private, other.hash, []byte(input))
			require.NoError(t, err)
			require.Len(t, signature, other.length)
			for name, key := range keys {
				assert.Equal(t, s.alg == other.alg && name == s.keyName(), a.Verify(key.Public(), a.Digest(input), signature), "%s, signed as %s, key %s", s.alg, other.alg, name)
			}
		}
		// The same primitive and key over another hash. The standard library would
		// verify it, given that digest.
		for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA512_256} {
			signature, err := s.sign(keys[s.keyName()], hash, []byte(input))
			require.NoError(t, err)
			assert.Equal(t, hash == s.hash || s.alg == "Ed25519", a.Verify(public, a.Digest(input), signature), "%s over %v", s.alg, hash)
			if s.kty == "RSA" {
				assert.Equal(t, hash == s.hash, a.Verify(public, digestOf(hash, []byte(input)), signature), "%s of a digest of %v", s.alg, hash)
			}
		}
	}
}

func TestTableRefuses(t *testing.T) {
	const input = "header.payload"
	keys := privateKeys(t)
	for _, s := range specs {
		t.Run(s.alg, func(t *testing.T) {
			a := jose.ByName(s.alg)
			private := keys[s.keyName()]
			public, digest := private.Public(), a.Digest(input)
			good, err := s.sign(private, s.hash, []byte(input))
			require.NoError(t, err)
			require.True(t, a.Verify(public, digest, good))
			other := privateKeys(t)[s.keyName()].Public()
			switch s.kty {
			case "RSA":
				other = &keyTwo().PublicKey
			case "OKP":
				other = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)).Public()
			}
			assert.False(t, a.Verify(other, digest, good), "another key")
			assert.False(t, a.Verify(public, a.Digest(input+"."), good), "another input")
			assert.False(t, a.Verify(public, nil, good), "no digest")
			assert.False(t, a.Verify(nil, digest, good), "no key")
			assert.False(t, a.Verify(private, digest, good), "a private key")
			for i := range good {
				changed := slices.Clone(good)
				changed[i] ^= 1 << (i % 8)
				assert.False(t, a.Verify(public, digest, changed), "a bit of byte %d changed", i)
			}
			for name, signature := range map[string][]byte{
				"nothing": nil, "zeros": make([]byte, len(good)), "a byte short": good[:len(good)-1], "without the first byte": good[1:],
				"a byte more": append(slices.Clone(good), 0), "a zero in front": append([]byte{0}, good...), "a zero in front of each half": slices.Concat([]byte{0}, good[:len(good)/2], []byte{0}, good[len(good)/2:]),
				"twice": append(slices.Clone(good), good...), "half": good[:len(good)/2],
			} {
				assert.False(t, a.Verify(public, digest, signature), name)
			}
		})
	}
}

func TestPSSSalt(t *testing.T) {
	const input = "header.payload"
	for _, s := range specs[3:6] {
		a := jose.ByName(s.alg)
		for _, salt := range []int{1, 20, 31, 32, 33, 47, 48, 49, 63, 64, 65, 100} {
			signature, err := signSalted(keyOne(), s.hash, []byte(input), salt)
			require.NoError(t, err)
			assert.Equal(t, salt == s.hash.Size(), a.Verify(&keyOne().PublicKey, a.Digest(input), signature), "%s with a salt of %d bytes", s.alg, salt)
		}
	}
}

func TestECDSASignatures(t *testing.T) {
	const input = "header.payload"
	keys := privateKeys(t)
	for _, s := range specs[6:9] {
		a := jose.ByName(s.alg)
		private := keys[s.keyName()].(*ecdsa.PrivateKey)
		digest := a.Digest(input)
		der, err := private.Sign(rand.Reader, digest, s.hash)
		require.NoError(t, err)
		rNumber, sNumber, err := numbersOf(der)
		require.NoError(t, err)
		n := private.Params().N
		size := s.length / 2
		verify := func(r, s *big.Int) bool {
			if r.BitLen() > 8*size || s.BitLen() > 8*size {
				return false
			}
			return a.Verify(private.Public(), digest, slices.Concat(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))))
		}
		zero, one := new(big.Int), big.NewInt(1)
		plus := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
		assert.True(t, verify(rNumber, sNumber))
		assert.True(t, verify(rNumber, new(big.Int).Sub(n, sNumber)), "ECDSA is malleable")
		assert.False(t, a.Verify(private.Public(), digest, der), "DER")
		padded := append(slices.Clone(der), make([]byte, max(0, s.length-len(der)))...)
		assert.False(t, a.Verify(private.Public(), digest, padded), "DER of the right length")
		for name, numbers := range map[string][2]*big.Int{
			"both zero": {zero, zero}, "r zero": {zero, sNumber}, "s zero": {rNumber, zero}, "r n": {n, sNumber}, "s n": {rNumber, n}, "both n": {n, n},
			"r n+1": {plus(n, one), sNumber}, "both one": {one, one}, "r+n": {plus(rNumber, n), sNumber}, "s+n": {rNumber, plus(sNumber, n)}, "the other way round": {sNumber, rNumber},
		} {
			assert.False(t, verify(numbers[0], numbers[1]), "%s: %s", s.alg, name)
		}
	}
}

// smallOrder are all encodings of the points of small order on Ed25519, those that
// are not canonical among them.
var smallOrder = func() (all [][]byte) {
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // order 1
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 2
		"0000000000000000000000000000000000000000000000000000000000000000", // 4
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // 8
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p+1
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		negative := slices.Clone(point)
		negative[31] |= 0x80
		all = append(all, point, negative)
	}
	return all
}()

// Under a key of small order one signature verifies for every message, or for every
// eighth one: the standard library takes such keys.
func TestEd25519SmallOrder(t *testing.T) {
	forged := append([]byte{1}, make([]byte, 63)...) // R = 0, S = 0
	forgeable := 0
	for _, point := range smallOrder {
		for i := range 100 {
			if ed25519.Verify(point, fmt.Append(nil, "message ", i), forged) {
				forgeable++
				break
			}
		}
		public, err := jose.PublicKey(ed25519.PublicKey(point))
		assert.Error(t, err, "%x", point)
		assert.Nil(t, public)
		public, err = readKey(t, entryOf(map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64url(point)}))
		assert.Error(t, err, "%x", point)
		assert.Nil(t, public)
	}
	assert.GreaterOrEqual(t, forgeable, 8, "the attack is real")

	for low := range 19 { // y from p to 2^255-1
		point := slices.Repeat([]byte{0xff}, 32)
		point[0], point[31] = byte(0xed+low), 0x7f
		_, err := jose.PublicKey(ed25519.PublicKey(point))
		assert.EqualError(t, err, "not a point on the curve", "%x", point)
	}
	accepted := 0
	for i := range 200 { // half of all y are on the curve
		point := sha256.Sum256(fmt.Append(nil, i))
		_, err := jose.PublicKey(ed25519.PublicKey(point[:]))
		assert.Equal(t, wantedEd25519(point[:]) == nil, err != nil)
		if err == nil {
			accepted++
		}
	}
	assert.InDelta(t, 100, accepted, 40)
}

func TestJWKBounds(t *testing.T) {
	keys := privateKeys(t)
	for _, crv := range []string{"P-256", "P-384", "P-521"} {
		k := keys["EC "+crv].(*ecdsa.PrivateKey)
		point, err := k.PublicKey.Bytes()
		require.NoError(t, err)
		size := len(point) / 2
		x, y := point[1:1+size], point[1+size:]
		entry := func(crv string, x, y []byte) map[string]any {
			return map[string]any{"kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y)}
		}
		public, err := readKey(t, entryOf(entry(crv, x, y)))
		require.NoError(t, err)
		assert.True(t, k.PublicKey.Equal(public))
		standard := entry(crv, x, y)
		standard["x"], standard["y"] = base64.StdEncoding.EncodeToString(x), base64.URLEncoding.EncodeToString(y)
		public, err = readKey(t, entryOf(standard))
		require.NoError(t, err, "the standard alphabet, padding")
		assert.True(t, k.PublicKey.Equal(public))

		p := k.Params().P
		flipped := new(big.Int).Xor(new(big.Int).SetBytes(y), big.NewInt(2)).FillBytes(make([]byte, size))
		wrongSize := fmt.Sprintf("x or y has not %d bytes", size)
		const missing, off, noType = "x or y is missing or not base64url", "not a point on the curve", "kty and crv are of no type of key"
		for _, row := range []struct {
			entry map[string]any
			want  string
		}{
			{map[string]any{"kty": "EC", "crv": crv, "y": base64url(y)}, missing},
			{map[string]any{"kty": "EC", "crv": crv, "x": base64url(x)}, missing},
			{map[string]any{"kty": "EC", "crv": crv, "x": base64url(x), "y": 1}, missing},
			{map[string]any{"kty": "EC", "crv": crv, "x": base64url(x), "y": "!!"}, missing},
			{entry(crv, x, flipped), off},
			{entry(crv, y, x), off},
			{entry(crv, make([]byte, size), make([]byte, size)), off},
			{entry(crv, p.Bytes(), y), off},
			{entry(crv, x[1:], y), wrongSize},
			{entry(crv, x, y[1:]), wrongSize},
			{entry(crv, append([]byte{0}, x...), y), wrongSize},
			{entry(crv, x, append([]byte{0}, y...)), wrongSize},
			{entry(crv, nil, nil), wrongSize},
			{entry(crv, append([]byte{2 + y[size-1]&1}, x...), y), wrongSize},
			{entry("", x, y), noType},
			{entry("p-256", x, y), noType},
			{entry("secp256k1", x, y), noType},
			{entry("P-224", x, y), noType},
			{entry("Ed25519", x, y), noType},
			{map[string]any{"kty": "OKP", "crv": crv, "x": base64url(x), "y": base64url(y)}, noType},
			{map[string]any{"kty": "oct", "crv": crv, "x": base64url(x), "y": base64url(y)}, noType},
			{map[string]any{"kty": 1, "crv": crv, "x": base64url(x), "y": base64url(y)}, noType},
			{map[string]any{"kty": "EC", "crv": []string{crv}, "x": base64url(x), "y": base64url(y)}, noType},
		} {
			public, err := readKey(t, entryOf(row.entry))
			assert.EqualError(t, err, row.want, row.entry)
			assert.Nil(t, public)
		}
		for _, other := range []string{"P-256", "P-384", "P-521"} {
			if other != crv {
				_, err := readKey(t, entryOf(entry(other, x, y)))
				assert.ErrorContains(t, err, "x or y has not ")
			}
		}
	}

	n := base64url(keyOne().N.Bytes())
	public, err := readKey(t, entryOf(map[string]any{"kty": "RSA", "crv": "P-256", "n": n, "e": "AQAB"}))
	require.NoError(t, err, "an RSA key has no curve, whatever crv says")
	assert.True(t, keyOne().PublicKey.Equal(public))

	x := keys["OKP Ed25519"].Public().(ed25519.PublicKey)
	public, err = readKey(t, entryOf(map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64url(x), "y": 1}))
	require.NoError(t, err)
	assert.Equal(t, x, public)
	for _, row := range []struct {
		entry map[string]any
		want  string
	}{
		{map[string]any{"kty": "OKP", "crv": "Ed25519"}, "x is missing or not base64url"},
		{map[string]any{"kty": "OKP", "crv": "Ed25519", "x": ""}, "an Ed25519 key has 32 bytes, not 0"},
		{map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64url(x[1:])}, "an Ed25519 key has 32 bytes, not 31"},
		{map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64url(append(slices.Clone(x), 0))}, "an Ed25519 key has 32 bytes, not 33"},
		{map[string]any{"kty": "OKP", "crv": "Ed448", "x": base64url(x)}, "kty and crv are of no type of key"},
		{map[string]any{"kty": "OKP", "crv": "X25519", "x": base64url(x)}, "kty and crv are of no type of key"},
		{map[string]any{"kty": "EC", "crv": "Ed25519", "x": base64url(x)}, "kty and crv are of no type of key"},
	} {
		public, err := readKey(t, entryOf(row.entry))
		assert.EqualError(t, err, row.want, row.entry)
		assert.Nil(t, public)
	}
}

func TestTypeOf(t *testing.T) {
	for name, k := range privateKeys(t) {
		typ := jose.TypeOf(k.Public())
		assert.Equal(t, name, spec{kty: typ.Type, crv: typ.Curve}.keyName())
		assert.Equal(t, jose.KeyType{}, jose.TypeOf(k), "private")
		assert.True(t, jose.Equal(k.Public(), k.Public()))
		assert.False(t, jose.Equal(k.Public(), nil))
		assert.False(t, jose.Equal(nil, k.Public()))
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	for _, key := range []any{nil, "", []byte(nil), &p224.PublicKey, ed25519.PublicKey(nil), make(ed25519.PublicKey, 31), make(ed25519.PublicKey, 33), json.Number("1"), &ecdsa.PublicKey{}} {
		assert.Equal(t, jose.KeyType{}, jose.TypeOf(key), "%T", key)
	}
}

// The hash of a short input is made without more allocations than its result.
func TestDigestAllocations(t *testing.T) {
	var digested []byte // kept, or an inlined call would not have to make it
	defer func() { require.NotEmpty(t, digested) }()
	for alg, want := range map[string]float64{"RS256": 1, "PS256": 1, "ES256": 1, "Ed25519": 1} {
		a := jose.ByName(alg)
		assert.Equal(t, want, testing.AllocsPerRun(10, func() { digested = a.Digest("header.payload") }), alg)
	}
	sum := sha512.Sum512([]byte("header.payload"))
	assert.Equal(t, sum[:], jose.ByName("ES512").Digest("header.payload"))
}
