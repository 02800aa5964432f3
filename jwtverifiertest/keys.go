package jwtverifiertest

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
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

// A key holds a place in the pool rather than the key itself, which is fetched
// with no lock held: making it takes long.
type key struct {
	kid       string
	slot      int
	published bool
}

// addKey needs i.mu, except while nobody else has the issuer.
func (i *Issuer) addKey() *key {
	k := &key{kid: "key-" + strconv.Itoa(len(i.keys)+1), slot: i.nextSlot(), published: true}
	i.keys = append(i.keys, k)
	return k
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

func (i *Issuer) signingKey() (kid string, priv *rsa.PrivateKey) {
	i.mu.Lock()
	k := *i.signing
	i.mu.Unlock()
	return k.kid, pool[k.slot]()
}

func (i *Issuer) privateKey(kid string) *rsa.PrivateKey {
	slot := func() int {
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.key(kid).slot
	}()
	return pool[slot]()
}

// KeyID returns the kid of the key that signs now. The first one is key-1.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signing.kid
}

// PublicKey returns the public key that belongs to the kid now, published or
// not. It is a copy. PublicKey panics if the issuer never had a key of that
// kid.
func (i *Issuer) PublicKey(kid string) *rsa.PublicKey {
	pub := i.privateKey(kid).PublicKey
	return &rsa.PublicKey{N: new(big.Int).Set(pub.N), E: pub.E}
}

// RotateKey publishes a new key and signs with it from now on. The earlier keys
// stay published: see [Issuer.RetireKey]. It returns the new key's kid.
func (i *Issuer) RotateKey() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = i.addKey()
	return i.signing.kid
}

// PublishKey publishes a new key, which signs nothing until [Issuer.UseKey]. It
// returns the new key's kid.
func (i *Issuer) PublishKey() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.addKey().kid
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
	slot := i.nextSlot()
	if slot == k.slot { // once round its part of the pool
		slot = i.nextSlot()
	}
	k.slot = slot
}

// JWKS returns the key set that is served now, unless [Issuer.Respond] says
// otherwise: the published keys, oldest first, each with kty, use, alg, kid, n
// and e (RFC 7517, RFC 7518 §6.3.1).
func (i *Issuer) JWKS() []byte {
	type jwk struct {
		Type      string `json:"kty"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
		ID        string `json:"kid"`
		Modulus   string `json:"n"`
		Exponent  string `json:"e"`
	}
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
		pub := pool[k.slot]().PublicKey
		set.Keys = append(set.Keys, jwk{
			Type: "RSA", Use: "sig", Algorithm: "RS256", ID: k.kid,
			Modulus:  base64.RawURLEncoding.EncodeToString(pub.N.Bytes()),
			Exponent: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(pub.E)).Bytes()),
		})
	}
	return encode(set)
}
