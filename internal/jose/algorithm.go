package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"math/big"
	"slices"
)

// An Algorithm is one row of the table that binds a signature algorithm's name to
// all that it stands for (RFC 7518 §3.1, RFC 8037 §3.1). Nothing else may choose the
// hash or the type of key: a primitive of the standard library goes by what it is
// given, and would verify what the name rules out, such as SHA-256 under a P-384 key
// (RFC 8725 §3.1).
type Algorithm struct {
	name    string      // alg
	alias   string      // another alg that means the same; "" if there is none
	keyType KeyType     // kty and crv
	hash    crypto.Hash // of what is signed, and of at_hash and c_hash
	whole   bool        // the input is signed itself, not its hash
	size    int         // bytes of a signature; 0: as many as the modulus has
	verify  func(hash crypto.Hash, key crypto.PublicKey, digest, signature []byte) bool
}

// RS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
var RS256 = &Algorithm{name: "RS256", keyType: rsaType, hash: crypto.SHA256, verify: verifyPKCS1v15}

// table is all there is. HMAC and none are not in it, and cannot be: a verifier that
// knows one key type for both takes a public key for a secret.
var table = []*Algorithm{
	RS256,
	{name: "RS384", keyType: rsaType, hash: crypto.SHA384, verify: verifyPKCS1v15},
	{name: "RS512", keyType: rsaType, hash: crypto.SHA512, verify: verifyPKCS1v15},
	{name: "PS256", keyType: rsaType, hash: crypto.SHA256, verify: verifyPSS},
	{name: "PS384", keyType: rsaType, hash: crypto.SHA384, verify: verifyPSS},
	{name: "PS512", keyType: rsaType, hash: crypto.SHA512, verify: verifyPSS},
	{name: "ES256", keyType: KeyType{"EC", "P-256"}, hash: crypto.SHA256, size: 64, verify: verifyECDSA},
	{name: "ES384", keyType: KeyType{"EC", "P-384"}, hash: crypto.SHA384, size: 96, verify: verifyECDSA},
	{name: "ES512", keyType: KeyType{"EC", "P-521"}, hash: crypto.SHA512, size: 132, verify: verifyECDSA},
	{name: "Ed25519", alias: "EdDSA", keyType: ed25519Type, hash: crypto.SHA512, whole: true, size: ed25519.SignatureSize, verify: verifyEd25519},
}

// ByName returns the algorithm that headers, JWKs and options call by this alg, nil
// if there is none. Names are compared byte for byte.
func ByName(alg string) *Algorithm {
	for _, a := range table {
		if alg == a.name || alg == a.alias && alg != "" {
			return a
		}
	}
	return nil
}

// ByKeyType returns the algorithms that keys of this type can be used with.
func ByKeyType(t KeyType) []*Algorithm {
	var found []*Algorithm
	for _, a := range table {
		if a.keyType == t {
			found = append(found, a)
		}
	}
	return found
}

// IsKeyType reports whether keys of this kty can be used with any algorithm.
func IsKeyType(kty string) bool {
	return slices.ContainsFunc(table, func(a *Algorithm) bool { return a.keyType.Type == kty })
}

// Names returns the names of all algorithms.
func Names() []string {
	var names []string
	for _, a := range table {
		names = append(names, a.name)
	}
	return names
}

// Name returns the alg that headers and JWKs call it by.
func (a *Algorithm) Name() string { return a.name }

// KeyType returns the type of its keys.
func (a *Algorithm) KeyType() KeyType { return a.keyType }

// Digest returns what is signed of input. It is apart from [Algorithm.Verify] since
// for a long input it costs more, and is the same for every key that is tried.
func (a *Algorithm) Digest(input string) []byte {
	if a.whole {
		return []byte(input)
	}
	return a.sum(input)
}

// Verify reports whether signature is key's over the input of this digest. A key of
// another type, curve included, verifies nothing, and neither does a signature of
// another length.
func (a *Algorithm) Verify(key crypto.PublicKey, digest, signature []byte) bool {
	if TypeOf(key) != a.keyType || a.size != 0 && len(signature) != a.size {
		return false
	}
	return a.verify(a.hash, key, digest, signature)
}

// HalfHash returns at_hash or c_hash of a value: base64url of the left half of its
// hash (OpenID Connect Core §3.1.3.6). For Ed25519, of which no specification says
// which hash that is, it is the one that Ed25519 uses, SHA-512.
func (a *Algorithm) HalfHash(value string) string {
	sum := a.sum(value)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// sum returns the algorithm's hash of s.
func (a *Algorithm) sum(s string) []byte {
	switch a.hash {
	case crypto.SHA384:
		sum := sha512.Sum384([]byte(s))
		return sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512([]byte(s))
		return sum[:]
	}
	sum := Sum256(s)
	return sum[:]
}

// The standard library is called directly, and by name. A JOSE library keeps its
// algorithms in a registry, and a package whose init runs before ours can have
// replaced RS256 there; so it can in the registry of [crypto.Hash], which only PSS
// depends on, in [rsa.VerifyPSS].

func verifyPKCS1v15(hash crypto.Hash, key crypto.PublicKey, digest, signature []byte) bool {
	return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), hash, digest, signature) == nil
}

// verifyPSS takes no salt but one as long as the hash (RFC 7518 §3.5). By default
// the standard library takes any.
func verifyPSS(hash crypto.Hash, key crypto.PublicKey, digest, signature []byte) bool {
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return rsa.VerifyPSS(key.(*rsa.PublicKey), hash, digest, signature, options) == nil
}

// verifyECDSA reads a signature as r and s, both of the curve's size (RFC 7518 §3.4).
// It is not malleable by its spelling, as DER would be; but (r, n-s) verifies too.
func verifyECDSA(_ crypto.Hash, key crypto.PublicKey, digest, signature []byte) bool {
	half := len(signature) / 2
	r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
	return ecdsa.Verify(key.(*ecdsa.PublicKey), digest, r, s)
}

func verifyEd25519(_ crypto.Hash, key crypto.PublicKey, message, signature []byte) bool {
	return ed25519.Verify(key.(ed25519.PublicKey), message, signature)
}

// Sum256 returns the SHA-256 of s. Most tokens fit into its buffer, and then nothing
// is allocated.
func Sum256(s string) [sha256.Size]byte {
	var buffer [2 << 10]byte
	if len(s) > len(buffer) {
		return sumOfLong(s)
	}
	return sha256.Sum256(buffer[:copy(buffer[:], s)])
}

// sumOfLong hashes piece by piece: copying what anybody can send would cost nearly as
// much as hashing it.
func sumOfLong(s string) [sha256.Size]byte {
	h := sha256.New()
	piece := make([]byte, 2<<10)
	for s != "" {
		n := copy(piece, s)
		h.Write(piece[:n])
		s = s[n:]
	}
	return [sha256.Size]byte(h.Sum(piece[:0]))
}
