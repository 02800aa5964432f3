package jwtverifiertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
)

// An algorithm says how tokens are signed (RFC 7518 §3.1, RFC 8037 §3.1).
type algorithm struct {
	hash  crypto.Hash    // 0: the input itself is signed
	pss   bool           // of an RSA key: PSS
	curve elliptic.Curve // of an EC key
}

var algorithms = map[string]algorithm{
	"RS256":   {hash: crypto.SHA256},
	"RS384":   {hash: crypto.SHA384},
	"RS512":   {hash: crypto.SHA512},
	"PS256":   {hash: crypto.SHA256, pss: true},
	"PS384":   {hash: crypto.SHA384, pss: true},
	"PS512":   {hash: crypto.SHA512, pss: true},
	"ES256":   {hash: crypto.SHA256, curve: elliptic.P256()},
	"ES384":   {hash: crypto.SHA384, curve: elliptic.P384()},
	"ES512":   {hash: crypto.SHA512, curve: elliptic.P521()},
	"Ed25519": {},
	"EdDSA":   {},
}

func checkAlgorithm(alg string) {
	if _, ok := algorithms[alg]; !ok {
		panic(fmt.Sprintf("jwtverifiertest: no algorithm %q", alg))
	}
}

// newSigner returns a new key for an algorithm, nil if that takes one of the pool.
func newSigner(alg string) crypto.Signer {
	a := algorithms[alg]
	switch {
	case a.curve != nil:
		private, err := ecdsa.GenerateKey(a.curve, rand.Reader)
		if err != nil { // not reached: the curve is one of the standard library's
			panic(fmt.Sprintf("jwtverifiertest: make a key: %v", err))
		}
		return private
	case a.hash == 0:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil { // not reached: the reader does not fail
			panic(fmt.Sprintf("jwtverifiertest: make a key: %v", err))
		}
		return private
	}
	return nil
}

// sign returns the compact JWS of these bytes by a key, with its algorithm.
func (k key) sign(header, payload []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(header) + "." + encode(payload)
	a := algorithms[k.alg]
	digest := []byte(input)
	var options crypto.SignerOpts = a.hash
	if a.hash != 0 {
		h := a.hash.New()
		h.Write(digest)
		digest = h.Sum(nil)
	}
	if a.pss {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	signature, err := k.private().Sign(rand.Reader, digest, options)
	if err == nil && a.curve != nil {
		signature, err = fixedSize(signature, a.curve)
	}
	if err != nil {
		panic(fmt.Sprintf("jwtverifiertest: sign: %v", err))
	}
	return input + "." + encode(signature)
}

// fixedSize turns a signature from DER into r and s, each of the curve's size (RFC
// 7518 §3.4).
func fixedSize(signature []byte, curve elliptic.Curve) ([]byte, error) {
	var numbers struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &numbers); err != nil {
		return nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	return slices.Concat(numbers.R.FillBytes(make([]byte, size)), numbers.S.FillBytes(make([]byte, size))), nil
}

// header returns what a token's header says of the key.
func (k key) header() Claims {
	if k.unnamed {
		return Claims{"alg": k.alg}
	}
	return Claims{"alg": k.alg, "kid": k.kid}
}

// A jwk has the members in the order in which they are published.
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid,omitempty"`
	Modulus   string `json:"n,omitempty"`
	Exponent  string `json:"e,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

func (k key) jwk() jwk {
	encode := base64.RawURLEncoding.EncodeToString
	entry := jwk{Use: "sig", Algorithm: k.alg, ID: k.kid}
	if k.unnamed {
		entry.ID = ""
	}
	switch public := k.private().Public().(type) {
	case *rsa.PublicKey:
		entry.Type = "RSA"
		entry.Modulus, entry.Exponent = encode(public.N.Bytes()), encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil { // not reached: the key was generated
			panic(fmt.Sprintf("jwtverifiertest: encode a key: %v", err))
		}
		half := len(point) / 2
		entry.Type, entry.Curve = "EC", public.Params().Name
		entry.X, entry.Y = encode(point[1:1+half]), encode(point[1+half:])
	case ed25519.PublicKey:
		entry.Type, entry.Curve, entry.X = "OKP", "Ed25519", encode(public)
	}
	return entry
}
