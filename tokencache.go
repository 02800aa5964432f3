package jwtverifier

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"example.com/jwtverifier/internal/jose"
)

// A tokenCache remembers accepted access tokens by the SHA-256 of their raw
// form, each in one of cacheWays neighbouring slots. It takes no lock, and
// writes nothing when a hot token is read.
type tokenCache struct {
	slots []atomic.Pointer[cacheEntry]
}

const (
	cacheWays  = 8
	maxHits    = 3 // hits that are counted: no writes to what is hot
	decayOneIn = 8 // insertions, of which one makes a neighbour a hit poorer
)

// A cacheEntry never changes, except its hits: readers hold it without a lock.
type cacheEntry struct {
	sum    [sha256.Size]byte
	signer *key
	token  *AccessToken
	hits   atomic.Int32
}

func newTokenCache(n int) *tokenCache {
	if n == 0 {
		return nil
	}
	return &tokenCache{slots: make([]atomic.Pointer[cacheEntry], n)}
}

// sumOf returns the key under which a token is remembered. It covers all of
// the token, the signature too, and nobody can find two inputs of one SHA-256:
// otherwise one accepted token would let in another.
func sumOf(raw string) [sha256.Size]byte { return jose.Sum256(raw) }

// slot returns the i-th of the slots in which a token may be.
func (c *tokenCache) slot(sum *[sha256.Size]byte, i int) *atomic.Pointer[cacheEntry] {
	// All bytes of a SHA-256 are equally random, so any will do.
	first := binary.LittleEndian.Uint64(sum[:]) % uint64(len(c.slots))
	return &c.slots[(int(first)+i)%len(c.slots)]
}

func (c *tokenCache) ways() int { return min(cacheWays, len(c.slots)) }

// get returns the entry of a token, nil if it is not remembered. The entry may be
// void: it is for the caller to ask signedBy and inTime.
func (c *tokenCache) get(sum *[sha256.Size]byte) *cacheEntry {
	for i := range c.ways() {
		e := c.slot(sum, i).Load()
		if e == nil || e.sum != *sum {
			continue
		}
		// Two readers may count one hit: it only has to be about right, and a
		// read-modify-write would have every core wait for the others.
		if hits := e.hits.Load(); hits < maxHits {
			e.hits.Store(hits + 1)
		}
		return e
	}
	return nil
}

// add remembers a token in an empty slot, or in place of a neighbour that was
// never asked for again. If there is none, the neighbour with the fewest hits
// loses one, and the token must come again: so a stream of tokens that come once
// drives nothing out that is hot, and what has cooled makes room in time.
func (c *tokenCache) add(sum *[sha256.Size]byte, signer *key, token *AccessToken) {
	var place *atomic.Pointer[cacheEntry]
	fewest := int32(math.MaxInt32)
	ways := c.ways()
	offset := rand.IntN(ways) // or of equals the first slot would always give way
	for i := range ways {
		slot := c.slot(sum, (i+offset)%ways)
		hits := int32(0)
		if e := slot.Load(); e != nil {
			if e.sum == *sum && e.signer == signer {
				return // another goroutine was faster
			}
			if e.sum == *sum { // void: its key left the set and came back
				slot.Store(&cacheEntry{sum: *sum, signer: signer, token: token.clone()})
				return
			}
			hits = 1 + e.hits.Load()
		}
		if hits < fewest {
			place, fewest = slot, hits
		}
	}
	if rand.IntN(decayOneIn) == 0 {
		c.slot(sum, offset).Load().cool()
	}
	switch {
	case fewest > 1:
		place.Load().cool()
		return
	case fewest == 1 && rand.IntN(2) == 0:
		return // or tokens that come in turns would drive each other out for ever
	}
	place.Store(&cacheEntry{sum: *sum, signer: signer, token: token.clone()})
}

// cool takes a hit from an entry.
func (e *cacheEntry) cool() {
	if e == nil {
		return
	}
	if hits := e.hits.Load(); hits > 0 {
		e.hits.Store(hits - 1)
	}
}

// signedBy reports whether a fresh verification would still find the entry's key
// in this set.
func (e *cacheEntry) signedBy(set *keySet) bool {
	keys, _ := set.lookup(e.signer.algorithm, e.token.KeyID)
	return slices.Contains(keys, e.signer)
}
