package jwtverifier

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json/jsontext"
)

// A key is one eligible key of a key set. It keeps its identity from one set to
// the next as long as its kid, algorithm and material stay the same.
type key struct {
	keyName
	public crypto.PublicKey
}

// A keyName is what keys are found by. The algorithm is part of it, so that a key can
// never be tried with another one than its own.
type keyName struct {
	algorithm *jose.Algorithm
	id        string // kid; "" if the entry has none
}

// A keySet is what one refresh brought. It never changes.
type keySet struct {
	byName  map[keyName][]*key         // at most maxCandidates each, except those without kid
	all     map[*jose.Algorithm][]*key // each once: for tokens without kid
	skipped []SkippedKey

	attempt  uint64        // the number of the attempt that brought it; 0: static keys
	fetched  time.Time     // when that attempt began
	interval time.Duration // the age from which the set is stale
	ahead    time.Duration // the age from which a refresh ahead is due
	maxStale time.Duration // for how long beyond interval the set is usable
	jwksURL  string        // where it is from
}

// age counts from the beginning of the attempt, not from the answer: what the server
// withdrew while it answered must not live longer for it.
func (s *keySet) age(now time.Time) time.Duration { return elapsed(s.fetched, now) }

// elapsed is the larger of monotonic and wall time: the one stands still while the
// machine sleeps, the other may be set back.
func elapsed(since, now time.Time) time.Duration {
	return max(now.Sub(since), now.Round(0).Sub(since.Round(0)))
}

func (s *keySet) state(now time.Time) State {
	if s == nil {
		return StateCold
	}
	switch age := s.age(now); {
	case age <= s.interval:
		return StateFresh
	case age-s.interval <= s.maxStale:
		return StateStale
	}
	return StateExpired
}

// A State says how old the held keys are.
type State int

const (
	StateCold    State = iota // no keys have been fetched yet: tokens wait for the first refresh
	StateFresh                // within the refresh interval
	StateStale                // older, and still usable: nobody asked since, or the server does not answer
	StateExpired              // older than interval and max stale: as if there were none
)

// held reports whether there are keys that may be used.
func (s State) held() bool { return s == StateFresh || s == StateStale }

// String returns "cold", "fresh", "stale" or "expired".
func (s State) String() string {
	switch s {
	case StateCold:
		return "cold"
	case StateFresh:
		return "fresh"
	case StateStale:
		return "stale"
	case StateExpired:
		return "expired"
	}
	return "unknown"
}

// lookup returns the keys of an algorithm that a token with this kid may be signed
// by, and whether they were found by it. If no key has the kid, those that have none
// will do, and a token without kid may be signed by any: RFC 7517 §4.5 leaves kid to
// the server.
func (s *keySet) lookup(a *jose.Algorithm, keyID string) (keys []*key, byID bool) {
	if keyID == "" {
		return candidates(s.all[a]), false
	}
	if keys := s.byName[keyName{a, keyID}]; len(keys) > 0 {
		return keys, true
	}
	return candidates(s.byName[keyName{a, ""}]), false
}

// verify checks the signature over the bytes received. It returns the key that
// made it, or else ErrUnknownKey or ErrSignature, and whether the token's key may
// be newer than the set: not if there is one under its kid.
func (s *keySet) verify(t *signedToken) (signer *key, reason error, newer bool) {
	algorithm := t.header.algorithm
	keys, byID := s.lookup(algorithm, t.header.keyID)
	reason = ErrSignature
	if t.header.keyID != "" && !byID {
		reason = ErrUnknownKey
	}
	if len(keys) == 0 {
		return nil, reason, true
	}
	// Not decoded before there is a key to try it with: most junk ends above.
	signature, err := strict.Base64URL.DecodeString(t.signature)
	if err != nil { // not reached: parse has looked
		return nil, ErrSignature, false
	}
	digest := algorithm.Digest(t.signingInput) // once: of a long token it costs more than a verification
	for _, k := range keys[:min(len(keys), t.tries())] {
		if algorithm.Verify(k.public, digest, signature) {
			return k, nil, false
		}
	}
	// A key under the token's kid says that the set is new enough, and the signature
	// is a forgery. To fetch again would let anybody drive requests to the server.
	return nil, reason, !byID
}

// differs returns the kids of the keys that came and went since the set before, and
// whether anything about the entries changed.
func (s *keySet) differs(previous *keySet) (added, removed []string, changed bool) {
	if previous == nil {
		previous = &keySet{}
	}
	added, removed = s.without(previous), previous.without(s)
	return added, removed, len(added)+len(removed) > 0 || !slices.Equal(s.skipped, previous.skipped)
}

// without returns the kids of the keys of s that are not in other.
func (s *keySet) without(other *keySet) []string {
	var ids []string
	for name, keys := range s.byName {
		for _, k := range keys {
			if !slices.Contains(other.byName[name], k) { // by identity, which same keeps
				ids = append(ids, name.id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// ids returns the kids of the keys, "" for those that have none.
func (s *keySet) ids() []string {
	var ids []string
	for name := range s.byName {
		ids = append(ids, name.id)
	}
	slices.Sort(ids)
	return slices.Compact(ids) // keys of two algorithms may share one
}

// newKeySet returns a set without keys.
func newKeySet() *keySet {
	return &keySet{byName: make(map[keyName][]*key), all: make(map[*jose.Algorithm][]*key)}
}

// parseKeySet reads a JWKS document (RFC 7517 §5). One entry that is broken or
// of no use here does not spoil the others.
func parseKeySet(document []byte, accepted algorithms, previous *keySet) (*keySet, error) {
	entries, err := decodeKeys(document)
	if err != nil {
		return nil, err
	}
	set := newKeySet()
	for i, entry := range entries {
		k, err := parseKey(entry, accepted)
		if err == nil {
			err = set.add(previous.same(k))
		}
		if err != nil {
			set.skipped = append(set.skipped, SkippedKey{Index: i, KeyID: k.id, Reason: err.Error()})
		}
	}
	// A failed fetch, and no set that refuses everything: an answer without keys is a
	// mistake of the server's far more often than an order to accept nothing.
	if len(set.byName) == 0 {
		return nil, set.noneEligible()
	}
	return set, nil
}

// candidates returns the keys to try of those not found by kid. More than four count
// as none: trying them would cost too much, and leaving some out would refuse good
// tokens at random.
func candidates(keys []*key) []*key {
	if len(keys) > maxCandidates {
		return nil
	}
	return keys
}

// publicKeySet returns the set of keys that have no kid. There are no more than may be
// tried, and none is there twice.
func publicKeySet(publics []crypto.PublicKey, accepted algorithms) (*keySet, error) {
	set := newKeySet()
	for _, public := range publics {
		a, err := accepted.ofType(jose.TypeOf(public))
		if err != nil {
			return nil, err
		}
		k := &key{keyName: keyName{algorithm: a}, public: public}
		set.byName[k.keyName] = append(set.byName[k.keyName], k)
		set.all[a] = append(set.all[a], k)
	}
	return set, nil
}

// noneEligible says why no entry was taken as a key: the reasons that most of them
// have, up to maxReasons.
func (s *keySet) noneEligible() error {
	count := map[string]int{}
	var reasons []string
	for _, skipped := range s.skipped {
		if count[skipped.Reason]++; count[skipped.Reason] == 1 {
			reasons = append(reasons, skipped.Reason)
		}
	}
	slices.SortStableFunc(reasons, func(a, b string) int { return count[b] - count[a] })
	text := fmt.Sprintf("no eligible key among %d entries", len(s.skipped))
	if len(s.skipped) == 1 {
		text = "no eligible key among 1 entry"
	}
	for i, reason := range reasons[:min(len(reasons), maxReasons)] {
		text += []string{": ", ", "}[min(i, 1)] + reason
		if len(reasons) > 1 {
			text += fmt.Sprintf(" (%d)", count[reason])
		}
	}
	if len(reasons) > maxReasons {
		text += " and others"
	}
	return errors.New(text)
}

// add takes a key into the set, or says why not: two entries for one key are harmless,
// and more than four keys of one kid a cost that anybody could cause.
func (s *keySet) add(k *key) error {
	keys := s.byName[k.keyName]
	if contains(keys, k) {
		return errors.New("a repetition")
	}
	// Of both all and the keys without kid one more is kept than counts: see
	// candidates. All has those too that are too many under their kid.
	if all := s.all[k.algorithm]; len(all) <= maxCandidates && !contains(all, k) {
		s.all[k.algorithm] = append(all, k)
	}
	switch {
	case k.id == "" && len(keys) > maxCandidates:
		return fmt.Errorf("more than %d keys without kid", maxCandidates)
	case k.id != "" && len(keys) == maxCandidates:
		return fmt.Errorf("more than %d keys of this kid", maxCandidates)
	}
	s.byName[k.keyName] = append(keys, k)
	return nil
}

// contains reports whether one of the keys has the material of k.
func contains(keys []*key, k *key) bool {
	return slices.ContainsFunc(keys, func(other *key) bool { return jose.Equal(other.public, k.public) })
}

// same returns the key of s that equals k, or else k. The token cache goes by the
// identity: it forgets a token whose key was replaced under its kid, and keeps those
// of a key that was only fetched once more.
func (s *keySet) same(k *key) *key {
	if s != nil {
		for _, old := range s.byName[k.keyName] {
			if jose.Equal(old.public, k.public) {
				return old
			}
		}
	}
	return k
}

// parseKey returns the key of one JWKS entry, or why it is not eligible; even
// then the key has its kid, if that could be read.
func parseKey(entry jsontext.Value, accepted algorithms) (*key, error) {
	k := &key{}
	m, err := jose.ReadJWK(entry)
	if err != nil {
		return k, errors.New("not a strict JSON object")
	}
	id, ok := m.ID.Text()
	if !ok && m.ID != "" {
		return k, errors.New("kid is not a string")
	}
	k.id = strings.Clone(id) // or it would keep the whole entry
	// What the server says that a key is for binds us (RFC 7517 §4.2, §4.3, §4.4): a
	// key that is for encryption, or another algorithm, signs no tokens here.
	operations, _ := m.Operations.Texts()
	if m.Use != "" && !m.Use.Is("sig") {
		return k, errors.New("use is not sig")
	}
	if k.algorithm, err = accepted.of(m); err != nil {
		return k, err
	}
	switch {
	case m.Operations != "" && (!slices.Contains(operations, "verify") || !distinct(operations)):
		return k, errors.New("key_ops is not an array of distinct strings with verify")
	case m.Private(): // published: anyone can sign with it
		return k, errors.New("private key")
	}
	k.public, err = m.PublicKey()
	return k, err
}

func distinct(list []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(list)))) == len(list)
}

// decodeKeys returns the entries of a JWKS document, which must be strict JSON
// as a whole, with no name twice at the top. Names inside an entry are left to
// parseKey: one entry with a name twice must not spoil the others.
func decodeKeys(document []byte) ([]jsontext.Value, error) {
	// The option is for names at any depth; those at the top are compared here.
	dec := jsontext.NewDecoder(bytes.NewReader(document), jsontext.AllowDuplicateNames(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, strict.ErrNotObject
	}
	var entries []jsontext.Value
	seen := map[string]bool{}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil || seen[name.String()] {
			return nil, strict.ErrNotObject
		}
		seen[name.String()] = true
		if name.String() != "keys" {
			if err = dec.SkipValue(); err != nil {
				err = strict.ErrNotObject // its own text would repeat the document
			}
		} else {
			entries, err = decodeEntries(dec)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := dec.ReadToken(); err != nil { // the closing brace
		return nil, strict.ErrNotObject
	}
	if _, err := dec.ReadToken(); err != io.EOF { // only this proves the end
		return nil, strict.ErrNotObject
	}
	if entries == nil { // some other JSON, such as metadata
		return nil, errNoKeys
	}
	return entries, nil
}

var errNoKeys = errors.New("no keys array")

func decodeEntries(dec *jsontext.Decoder) ([]jsontext.Value, error) {
	if dec.PeekKind() != '[' {
		return nil, errNoKeys
	}
	if _, err := dec.ReadToken(); err != nil { // not reached: it is there
		return nil, strict.ErrNotObject
	}
	entries := []jsontext.Value{} // not nil: an empty array is another mistake than none
	for dec.PeekKind() != ']' {
		entry, err := dec.ReadValue()
		if err != nil {
			return nil, strict.ErrNotObject
		}
		// Within 1 MiB there is room for a hundred thousand small entries.
		if len(entries) == maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		entries = append(entries, entry.Clone()) // the decoder writes over it
	}
	if _, err := dec.ReadToken(); err != nil { // not reached: it is there
		return nil, strict.ErrNotObject
	}
	return entries, nil
}

// SkippedKey is an entry of a JWKS that was not taken as a key.
type SkippedKey struct {
	Index  int    // in the keys array
	KeyID  string // "" if it has none, or none that could be read
	Reason string
}
