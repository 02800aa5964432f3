package jose

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
)

// An Algorithm is one row of the table that binds a signature algorithm's name to
// all that it stands for (RFC 7518 §3.1). Nothing else may choose the hash or the
// type of key: a primitive of the standard library goes by what it is given, and
// would verify what the name rules out (RFC 8725 §3.1).
type Algorithm struct {
	name    string // alg
	keyType string // kty
	digest  func(input string) []byte
	verify  func(key crypto.PublicKey, digest, signature []byte) bool
}

// RS256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
//
// The standard library is called directly, and by name. A JOSE library keeps its
// algorithms in a registry, and a package whose init runs before ours can have
// replaced RS256 there; so it can in the registry of [crypto.Hash].
var RS256 = &Algorithm{
	name:    "RS256",
	keyType: "RSA",
	digest: func(input string) []byte {
		sum := Sum256(input)
		return sum[:]
	},
	verify: func(key crypto.PublicKey, digest, signature []byte) bool {
		public, ok := key.(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, signature) == nil
	},
}

// Name returns the alg that headers and JWKs call it by.
func (a *Algorithm) Name() string { return a.name }

// KeyType returns the kty of its keys.
func (a *Algorithm) KeyType() string { return a.keyType }

// Digest returns what is signed of input. It is apart from [Algorithm.Verify] since
// for a long input it costs more, and is the same for every key that is tried.
func (a *Algorithm) Digest(input string) []byte { return a.digest(input) }

// Verify reports whether signature is key's over the input of this digest. A key of
// another type verifies nothing.
func (a *Algorithm) Verify(key crypto.PublicKey, digest, signature []byte) bool {
	return a.verify(key, digest, signature)
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
