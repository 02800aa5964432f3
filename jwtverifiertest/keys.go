package jwtverifiertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// The pool has a part for each of four issuers, with eight keys in it.
const (
	poolParts = 4
	partSize  = 8
	keyBits   = 2048
)

// issuers counts the issuers made in this process.
var issuers atomic.Uint64

// pool makes each key when it is first asked for, once for all tests of the
// process.
var pool = func() (pool [poolParts * partSize]func() *rsa.PrivateKey) {
	for slot := range pool {
		pool[slot] = sync.OnceValue(func() *rsa.PrivateKey {
			priv, err := rsa.GenerateKey(rand.Reader, keyBits)
			if err != nil {
				panic(fmt.Sprintf("jwtverifiertest: make a key: %v", err))
			}
			return priv
		})
	}
	return pool
}()

// A key is one of an issuer's. An RSA key holds a place in the pool rather than the key
// itself, which is fetched with no lock held: making it takes long.
type key struct {
	kid       string
	alg       string
	slot      int           // of an RSA key
	other     crypto.Signer // any other key
	published bool
	unnamed   bool // published without kid, and tokens have none
}

// addKey needs i.mu, except while nobody else has the issuer.
func (i *Issuer) addKey(alg string) *key {
	k := &key{kid: "key-" + strconv.Itoa(len(i.keys)+1), alg: alg, published: true}
	i.fill(k)
	i.keys = append(i.keys, k)
	return k
}

// fill puts new material into a key. It needs i.mu, as addKey does.
func (i *Issuer) fill(k *key) {
	if k.other = newSigner(k.alg); k.other == nil {
		k.slot = i.nextSlot()
	}
}

// private returns the key itself. It needs no lock.
func (k key) private() crypto.Signer {
	if k.other != nil {
		return k.other
	}
	return pool[k.slot]()
}

// nextSlot needs i.mu, as addKey does.
func (i *Issuer) nextSlot() int {
	slot := int(i.number%poolParts)*partSize + i.material%partSize
	i.material++
	return slot
}

// key needs i.mu. It panics if the issuer never had that kid.
func (i *Issuer) key(kid string) *key {
	for _, k := range i.keys {
		if k.kid == kid {
			return k
		}
	}
	panic(fmt.Sprintf("jwtverifiertest: %s never had a key %q", i.issuer, kid))
}

// signingKey and keyOf return a copy, to be used with no lock held.

func (i *Issuer) signingKey() key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return *i.signing
}

func (i *Issuer) keyOf(kid string) key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return *i.key(kid)
}

// signsWith returns the algorithms of the published keys.
func (i *Issuer) signsWith() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	algs := []string{}
	for _, k := range i.keys {
		if k.published && !slices.Contains(algs, k.alg) {
			algs = append(algs, k.alg)
		}
	}
	return algs
}

// KeyID returns the kid of the key that signs now. The first one is key-1.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signing.kid
}

// Algorithm returns the algorithm that the key of that kid signs with. It panics if
// the issuer never had a key of that kid.
func (i *Issuer) Algorithm(kid string) string { return i.keyOf(kid).alg }

// PublicKey returns the public key that belongs to the kid now, published or
// not: an [*rsa.PublicKey], [*ecdsa.PublicKey] or [ed25519.PublicKey], by its
// algorithm. It is a copy. PublicKey panics if the issuer never had a key of that kid.
func (i *Issuer) PublicKey(kid string) crypto.PublicKey {
	switch public := i.keyOf(kid).private().Public().(type) {
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: new(big.Int).Set(public.N), E: public.E}
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil { // not reached: the key was generated
			panic(fmt.Sprintf("jwtverifiertest: copy a key: %v", err))
		}
		own, err := ecdsa.ParseUncompressedPublicKey(public.Curve, point)
		if err != nil { // not reached, likewise
			panic(fmt.Sprintf("jwtverifiertest: copy a key: %v", err))
		}
		return own
	default:
		return slices.Clone(public.(ed25519.PublicKey))
	}
}

// RotateKey publishes a new key for RS256 and signs with it from now on. The earlier
// keys stay published: see [Issuer.RetireKey]. It returns the new key's kid.
func (i *Issuer) RotateKey() string { return i.RotateKeyTo("RS256") }

// RotateKeyTo is [Issuer.RotateKey] to a key for another algorithm: RS256, RS384,
// RS512, PS256, PS384, PS512, ES256, ES384, ES512, or Ed25519, which is EdDSA in
// tokens if it is called so here. It panics if there is no such algorithm.
//
//	issuer.RotateKeyTo("ES256")
//	token := issuer.AccessToken() // alg ES256, kid key-2
func (i *Issuer) RotateKeyTo(alg string) string {
	checkAlgorithm(alg)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = i.addKey(alg)
	return i.signing.kid
}

// PublishKey publishes a new key for RS256, which signs nothing until
// [Issuer.UseKey]. It returns the new key's kid.
func (i *Issuer) PublishKey() string { return i.PublishKeyOf("RS256") }

// PublishKeyOf is [Issuer.PublishKey] of a key for another algorithm, as
// [Issuer.RotateKeyTo] knows them.
func (i *Issuer) PublishKeyOf(alg string) string {
	checkAlgorithm(alg)
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.addKey(alg).kid
}

// OmitKeyID publishes the key of that kid without a kid from now on, and leaves kid
// out of the header of its tokens. The kid still names the key here. OmitKeyID panics
// if the issuer never had a key of that kid.
func (i *Issuer) OmitKeyID(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key(kid).unnamed = true
}

// UseKey signs with the key of that kid from now on. It does not publish it: a
// retired key stays retired. UseKey panics if the issuer never had a key of
// that kid.
func (i *Issuer) UseKey(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = i.key(kid)
}

// RetireKey takes the key of that kid out of the published set, for good. If it
// is the one that signs, it goes on signing. RetireKey panics if the issuer
// never had a key of that kid.
func (i *Issuer) RetireKey(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key(kid).published = false
}

// ReplaceKey puts other key material under the kid, in the published set and
// for signing: tokens signed before no longer verify, though their kid is
// known. ReplaceKey panics if the issuer never had a key of that kid.
func (i *Issuer) ReplaceKey(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := i.key(kid)
	slot := k.slot
	i.fill(k)
	if k.other == nil && k.slot == slot { // once round its part of the pool
		k.slot = i.nextSlot()
	}
}

// JWKS returns the key set that is served now, unless [Issuer.Respond] says
// otherwise: the published keys, oldest first, each with kty, use, alg, kid, and
// n and e, or crv, x and y (RFC 7517, RFC 7518 §6.2.1, §6.3.1, RFC 8037 §2).
func (i *Issuer) JWKS() []byte {
	var published []key
	i.mu.Lock()
	for _, k := range i.keys {
		if k.published {
			published = append(published, *k)
		}
	}
	i.mu.Unlock()

	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}} // none is [], not null
	for _, k := range published {
		set.Keys = append(set.Keys, k.jwk())
	}
	return encode(set)
}
