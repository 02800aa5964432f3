package jwtverifier

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// sumAt is the n-th sum whose slots begin with this one.
func sumAt(first uint64, n byte) (sum [sha256.Size]byte) {
	binary.LittleEndian.PutUint64(sum[:], first)
	sum[8] = n
	return sum
}

func TestCacheFillsEverySlotOfAToken(t *testing.T) {
	const last = 15 // the slots of a token go on at the beginning
	c := newTokenCache(16)
	signer := &key{}
	for n := range byte(cacheWays) {
		sum := sumAt(last, n)
		c.add(&sum, signer, &AccessToken{})
	}
	for n := range byte(cacheWays) {
		sum := sumAt(last, n)
		require.NotNil(t, c.get(&sum), n)
	}
	free := 0
	for i := range c.slots {
		if c.slots[i].Load() == nil {
			free++
		}
	}
	require.Equal(t, len(c.slots)-cacheWays, free)
	require.NotNil(t, c.slots[last].Load())
	require.NotNil(t, c.slots[last+cacheWays-16-1].Load())
}

func TestCacheCountsAFewHits(t *testing.T) {
	c := newTokenCache(1)
	sum := sumAt(0, 0)
	c.add(&sum, &key{}, &AccessToken{})
	for hits := range int32(maxHits) {
		require.Equal(t, hits+1, c.get(&sum).hits.Load())
	}
	e := c.get(&sum)
	require.EqualValues(t, maxHits, e.hits.Load())
	for hits := int32(maxHits) - 1; hits >= 0; hits-- {
		e.cool()
		require.Equal(t, hits, e.hits.Load())
	}
	e.cool()
	require.Zero(t, e.hits.Load())
	(*cacheEntry)(nil).cool()
}

// What is hot gives way only when it has cooled, one hit for each newcomer.
func TestCacheNewcomersCoolTheLeastHot(t *testing.T) {
	c := newTokenCache(2)
	hot, warm := sumAt(0, 1), sumAt(0, 2)
	for _, sum := range [][sha256.Size]byte{hot, warm} {
		c.add(&sum, &key{}, &AccessToken{})
	}
	hottest, coolest := c.get(&hot), c.get(&warm)
	hottest.hits.Store(1 << 20) // the chance that cools a neighbour does not matter
	coolest.hits.Store(1)
	newcomer := sumAt(0, 3)
	c.add(&newcomer, &key{}, &AccessToken{})
	require.Nil(t, c.get(&newcomer), "nothing makes room yet")
	require.Zero(t, coolest.hits.Load())
	for n := byte(3); c.get(&warm) != nil; n++ {
		coolest.hits.Store(0)
		sum := sumAt(0, n)
		c.add(&sum, &key{}, &AccessToken{})
	}
	require.Same(t, hottest, c.get(&hot))
}

// Each newcomer cools the least hot, and now and then one of its neighbours.
func TestCacheCoolsANeighbourNowAndThen(t *testing.T) {
	const newcomers, hits = 10_000, 1 << 20
	c := newTokenCache(1)
	hot, other := sumAt(0, 1), sumAt(0, 2)
	c.add(&hot, &key{}, &AccessToken{})
	e := c.get(&hot)
	e.hits.Store(hits)
	for range newcomers {
		c.add(&other, &key{}, &AccessToken{})
	}
	cooled := hits - int(e.hits.Load()) - newcomers
	require.InDelta(t, newcomers/decayOneIn, cooled, newcomers/decayOneIn/2)
}
