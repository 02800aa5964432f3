package jwtverifier

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier/internal/strict"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// rs256 is taken once, so that nothing registered with jwx later changes it.
var rs256 = func() jws.Verifier {
	v, err := jws.NewVerifier(jwa.RS256)
	if err != nil { // not reached: jwx has RS256
		panic(err)
	}
	return v
}()

// A key is one eligible key of a key set. It keeps its identity from one set to
// the next as long as its kid and material stay the same.
type key struct {
	id     string // kid; "" if the entry has none
	public *rsa.PublicKey
}

// A keySet is what one refresh brought. It never changes.
type keySet struct {
	byID    map[string][]*key // at most maxKeysPerID each
	only    []*key            // the single eligible key, if there is just one
	skipped []SkippedKey

	fetched  time.Time     // when the refresh that brought it began
	interval time.Duration // the age from which the set is stale
	ahead    time.Duration // the age from which a refresh ahead is due
	maxStale time.Duration // for how long beyond interval the set is usable
	jwksURL  string        // where it is from
}

// age is the larger of monotonic and wall time since the set was fetched: the
// one stands still while the machine sleeps, the other may be set back.
func (s *keySet) age(now time.Time) time.Duration {
	return max(now.Sub(s.fetched), now.Round(0).Sub(s.fetched.Round(0)))
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

// lookup returns the keys that a token with this kid may be signed by. A token
// without kid needs a set with a single eligible key.
func (s *keySet) lookup(keyID string) []*key {
	if keyID == "" {
		return s.only
	}
	return s.byID[keyID]
}

// verify checks the signature over the bytes received. It returns the key that
// made it, or else ErrUnknownKey or ErrSignature.
func (s *keySet) verify(t *signedToken) (*key, error) {
	keys := s.lookup(t.header.keyID)
	if len(keys) == 0 {
		return nil, ErrUnknownKey
	}
	signature, err := strict.Base64URL.DecodeString(t.signature)
	if err != nil { // not reached: isBase64url has accepted it
		return nil, ErrSignature
	}
	input := []byte(t.signingInput)
	for _, k := range keys {
		if rs256.Verify(input, signature, k.public) == nil {
			return k, nil
		}
	}
	return nil, ErrSignature
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
	for id, keys := range s.byID {
		for _, k := range keys {
			if !slices.Contains(other.byID[id], k) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// parseKeySet reads a JWKS document (RFC 7517 §5). One entry that is broken or
// of no use here does not spoil the others.
func parseKeySet(document []byte, previous *keySet) (*keySet, error) {
	entries, err := decodeKeys(document)
	if err != nil {
		return nil, err
	}
	set := &keySet{byID: make(map[string][]*key)}
	for i, entry := range entries {
		k, err := parseKey(entry)
		if err == nil {
			err = set.add(previous.same(k))
		}
		if err != nil {
			set.skipped = append(set.skipped, SkippedKey{Index: i, KeyID: k.id, Reason: err.Error()})
		}
	}
	if len(set.byID) == 0 {
		return nil, fmt.Errorf("no eligible key among %d entries", len(entries))
	}
	if len(set.byID) == 1 {
		for _, keys := range set.byID {
			if len(keys) == 1 {
				set.only = keys
			}
		}
	}
	return set, nil
}

func (s *keySet) add(k *key) error {
	keys := s.byID[k.id]
	for _, other := range keys {
		if other.public.Equal(k.public) {
			return errors.New("a repetition")
		}
	}
	if len(keys) == maxKeysPerID {
		return fmt.Errorf("more than %d keys of this kid", maxKeysPerID)
	}
	s.byID[k.id] = append(keys, k)
	return nil
}

// same returns the key of s that equals k, or else k.
func (s *keySet) same(k *key) *key {
	if s != nil {
		for _, old := range s.byID[k.id] {
			if old.public.Equal(k.public) {
				return old
			}
		}
	}
	return k
}

// jwkMembers are the members of a JWK that decide whether it is eligible, and
// its key. The others (x5c, x5t, x5u …) are never looked at.
type jwkMembers struct {
	kty, use, alg, keyOps, kid, n, e strict.Value
	private                          strict.Value
}

func (m *jwkMembers) Member(name []byte) *strict.Value {
	switch string(name) {
	case "kty":
		return &m.kty
	case "use":
		return &m.use
	case "alg":
		return &m.alg
	case "key_ops":
		return &m.keyOps
	case "kid":
		return &m.kid
	case "n":
		return &m.n
	case "e":
		return &m.e
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		return &m.private
	}
	return nil
}

// parseKey returns the key of one JWKS entry, or why it is not eligible; even
// then the key has its kid, if that could be read.
func parseKey(entry jsontext.Value) (*key, error) {
	k := &key{}
	var m jwkMembers
	if _, err := strict.Object(entry, &m); err != nil {
		return k, errors.New("not a strict JSON object")
	}
	id, ok := m.kid.Text()
	if !ok && m.kid != "" {
		return k, errors.New("kid is not a string")
	}
	k.id = strings.Clone(id) // or it would keep the whole entry
	operations, _ := m.keyOps.Texts()
	switch {
	case !m.kty.Is("RSA"):
		return k, errors.New("kty is not RSA")
	case m.use != "" && !m.use.Is("sig"):
		return k, errors.New("use is not sig")
	case m.alg != "" && !m.alg.Is(algorithm):
		return k, errors.New("alg is not RS256")
	case m.keyOps != "" && (!slices.Contains(operations, "verify") || !distinct(operations)):
		return k, errors.New("key_ops is not an array of distinct strings with verify")
	case m.private != "":
		return k, errors.New("private key")
	}
	var err error
	k.public, err = rsaPublicKey(m.n, m.e)
	return k, err
}

// rsaPublicKey returns the key of a JWK's n and e (RFC 7518 §6.3.1). Both are
// bounded before any arithmetic.
func rsaPublicKey(rawN, rawE strict.Value) (*rsa.PublicKey, error) {
	n, okN := octets(rawN)
	e, okE := octets(rawE)
	if !okN || !okE {
		return nil, errors.New("n or e is not base64url")
	}
	n = bytes.TrimLeft(n, "\x00")
	if len(n) == 0 || n[len(n)-1]&1 == 0 {
		return nil, errors.New("n is not odd")
	}
	if size := len(n)*8 - bits.LeadingZeros8(n[0]); size < minModulusBits || size > maxModulusBits {
		return nil, fmt.Errorf("n has %d bits", size)
	}
	if len(e) == 0 || len(e) > maxExponentBytes {
		return nil, errors.New("e is empty or too long")
	}
	exponent := binary.BigEndian.Uint32(append(make([]byte, 4-len(e)), e...))
	if exponent < 3 || exponent > math.MaxInt32 || exponent&1 == 0 {
		return nil, errors.New("e is not odd and from 3 to 2^31-1")
	}

	encode := base64.RawURLEncoding.EncodeToString
	parsed, err := jwk.ParseKey([]byte(`{"kty":"RSA","n":"` + encode(n) + `","e":"` + encode(e) + `"}`))
	if err != nil { // not reached: n and e are a key's
		return nil, errors.New("not a key")
	}
	public := &rsa.PublicKey{}
	if err := parsed.Raw(public); err != nil || public.E != int(exponent) || !bytes.Equal(public.N.Bytes(), n) { // not reached: jwx reads the same key
		return nil, errors.New("not a key")
	}
	return public, nil
}

// octets decodes a JSON string of base64url, as strictly as a token's segments.
func octets(v strict.Value) ([]byte, bool) {
	s, ok := v.Text()
	if !ok || !strict.IsBase64URL(s) {
		return nil, false
	}
	b, err := strict.Base64URL.DecodeString(s)
	return b, err == nil
}

func distinct(list []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(list)))) == len(list)
}

// decodeKeys returns the entries of a JWKS document, which must be strict JSON
// as a whole, with no name twice at the top. Names inside an entry are left to
// parseKey.
func decodeKeys(document []byte) ([]jsontext.Value, error) {
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
	if _, err := dec.ReadToken(); err != io.EOF {
		return nil, strict.ErrNotObject
	}
	if entries == nil {
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
	entries := []jsontext.Value{}
	for dec.PeekKind() != ']' {
		entry, err := dec.ReadValue()
		if err != nil {
			return nil, strict.ErrNotObject
		}
		if len(entries) == maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
		entries = append(entries, entry.Clone())
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
