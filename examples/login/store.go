package main

import (
	"crypto/rand"
	"maps"
	"sync"
	"time"
)

// maxEntries bounds the memory of a store: anybody can start a login.
const maxEntries = 100_000

// A store keeps values under IDs that cannot be guessed, each for a limited
// time. It is safe for concurrent use. A restart forgets them all, and an
// application that runs on several machines needs a store that these share.
type store[T any] struct {
	ttl time.Duration

	mu      sync.Mutex // guards entries
	entries map[string]entry[T]
}

type entry[T any] struct {
	value   T
	expires time.Time
}

func newStore[T any](ttl time.Duration) *store[T] {
	return &store[T]{ttl: ttl, entries: map[string]entry[T]{}}
}

// add keeps the value and returns its ID, or "" if there is no room.
func (s *store[T]) add(value T) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if len(s.entries) >= maxEntries {
		maps.DeleteFunc(s.entries, func(_ string, e entry[T]) bool { return now.After(e.expires) })
	}
	if len(s.entries) >= maxEntries {
		return ""
	}
	id = rand.Text()
	s.entries[id] = entry[T]{value, now.Add(s.ttl)}
	return id
}

// get returns the value, if there is one and its time is not over.
func (s *store[T]) get(id string) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current(id)
}

// take is get for the first who asks. After that there is no such value.
func (s *store[T]) take(id string) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.entries, id)
	return s.current(id)
}

func (s *store[T]) current(id string) (value T, ok bool) {
	e, ok := s.entries[id]
	if !ok || time.Now().After(e.expires) {
		return value, false
	}
	return e.value, true
}
