package jwtverifier_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"example.com/jwtverifier"
)

// What follows are the rules once more, written from the documentation with the
// standard library alone.

// specToken returns the header and claims of raw, or the reason why it is
// refused before its claims are judged.
func specToken(raw string, key *rsa.PublicKey) (h, c specObject, reason error) {
	segments := strings.Split(raw, ".")
	if len(raw) > 64<<10 || len(segments) != 3 {
		return nil, nil, jwtverifier.ErrMalformed
	}
	var decoded [3][]byte
	for i, segment := range segments {
		b, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil || len(b) == 0 || fuzzB64(b) != segment {
			return nil, nil, jwtverifier.ErrMalformed
		}
		decoded[i] = b
	}
	if len(decoded[2]) > 1024 || len(decoded[0]) > 8<<10 {
		return nil, nil, jwtverifier.ErrMalformed
	}

	h, ok := specStrict(decoded[0])
	if !ok || !specFinite(map[string]any(h)) || specCost(decoded[0]) > 1200 || h.names("crit", "b64", "enc", "zip") {
		return nil, nil, jwtverifier.ErrMalformed
	}
	switch alg, ok := h["alg"].(string); {
	case !ok:
		return nil, nil, jwtverifier.ErrMalformed
	case alg != "RS256":
		return nil, nil, jwtverifier.ErrAlgorithm
	}
	if _, ok := h["typ"].(string); h.has("kid") && h.text("kid") == "" || h.has("typ") && !ok {
		return nil, nil, jwtverifier.ErrMalformed
	}
	if h.has("kid") && h.text("kid") != fuzzKeyID {
		return nil, nil, jwtverifier.ErrUnknownKey
	}

	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], decoded[2]) != nil {
		return nil, nil, jwtverifier.ErrSignature
	}
	if c, ok = specClaims(decoded[1]); !ok {
		return nil, nil, jwtverifier.ErrMalformed
	}
	return h, c, nil
}

// specClaims decodes a payload: a strict JSON object, and no name in it is a
// registered claim's only to those who fold.
func specClaims(payload []byte) (specObject, bool) {
	c, ok := specStrict(payload)
	for name := range c {
		if specFolded.MatchString(name) && !specRegistered.MatchString(name) {
			return nil, false
		}
	}
	return c, ok
}

var (
	specRegistered = regexp.MustCompile(`^(iss|sub|aud|exp|nbf|iat|jti)$`)
	specFolded     = regexp.MustCompile(`(?i)` + specRegistered.String())
)

var (
	specString   = regexp.MustCompile(`(?s)"(?:[^"\\]|\\.)*"`)
	specEscape   = regexp.MustCompile(`(?s)\\.`)
	specForeign  = regexp.MustCompile(`[^\x00-\x7f]`)
	specColon    = regexp.MustCompile(`^[ \t\r\n]*:`)
	specExponent = regexp.MustCompile(`[0-9][eE]`)
	specCosts    = map[byte]int{' ': 0, '\t': 0, '\r': 0, '\n': 0, ':': 24, '{': 8, '[': 8, 'e': 8, 'E': 8} // else 1
)

// specCost says what the parts of a header count.
func specCost(header []byte) (cost int) {
	for _, at := range specString.FindAllIndex(header, -1) {
		s := header[at[0]+1 : at[1]-1]
		cost += 3 * len(specEscape.FindAll(s, -1))
		cost += len(s) - len(specForeign.ReplaceAll(s, nil))
		if specColon.Match(header[at[1]:]) {
			cost += len(s)
		}
	}
	rest := specString.ReplaceAll(header, nil)
	for _, c := range rest {
		n, special := specCosts[c]
		if !special {
			n = 1
		}
		cost += n
	}
	return cost + len(specExponent.FindAll(rest, -1)) // an e in a number is a byte too
}

func specAccess(h, c specObject) error {
	typ := specMediaType(h.text("typ"))
	use, isText := c["token_use"].(string)
	audience, _ := specOneOrMore(c["aud"])
	switch {
	case h.has("typ") && typ != "jwt" && typ != "at+jwt",
		c.has("events"), c.has("at_hash"), c.has("c_hash"),
		c.has("token_use") && (!isText || use != "access"),
		c.text("typ") == "ID", c.text("typ") == "Refresh", c.text("typ") == "Logout",
		c.has("nonce") && typ != "at+jwt" && slices.Contains(audience, fuzzClient):
		return jwtverifier.ErrTokenType
	case c.text("iss") != fuzzIssuer:
		return jwtverifier.ErrIssuer
	}
	if !slices.Contains(audience, fuzzAudience) {
		return jwtverifier.ErrAudience
	}
	if c.client() != fuzzClient {
		return jwtverifier.ErrClientID
	}
	_, okSub := c["sub"].(string)
	_, okScp := specScopes(c["scp"])
	_, okScope := specScopes(c["scope"])
	switch {
	case c["sub"] != nil && !okSub, !okScp, !okScope:
		return jwtverifier.ErrClaim
	case c.has("cnf"):
		return jwtverifier.ErrConfirmation
	}
	return specTimes(c)
}

func specID(h, c specObject, nonce string) error {
	use, isText := c["token_use"].(string)
	switch {
	case h.has("typ") && specMediaType(h.text("typ")) != "jwt",
		c.has("events"),
		c.has("token_use") && (!isText || use != "id"),
		c.text("typ") == "Bearer", c.text("typ") == "Refresh", c.text("typ") == "Logout":
		return jwtverifier.ErrTokenType
	case c.text("iss") != fuzzIssuer:
		return jwtverifier.ErrIssuer
	}
	audience, _ := specOneOrMore(c["aud"])
	switch {
	case !slices.Contains(audience, fuzzClient):
		return jwtverifier.ErrAudience
	case len(audience) > 1 && c.text("azp") != fuzzClient:
		return jwtverifier.ErrAuthorizedParty
	case c.text("sub") == "":
		return jwtverifier.ErrClaim
	case c.text("nonce") != nonce:
		return jwtverifier.ErrNonce
	case !c.has("iat"):
		return jwtverifier.ErrClaim
	}
	return specTimes(c)
}

func specTimes(c specObject) error {
	iat, okIat := specDate(c["iat"])
	nbf, okNbf := specDate(c["nbf"])
	exp, okExp := specDate(c["exp"])
	switch {
	case c.has("iat") && !okIat:
		return jwtverifier.ErrClaim
	case iat > fuzzNow+fuzzLeeway:
		return jwtverifier.ErrIssuedAt
	case c.has("nbf") && !okNbf:
		return jwtverifier.ErrClaim
	case nbf > fuzzNow+fuzzLeeway:
		return jwtverifier.ErrNotYetValid
	case !okExp:
		return jwtverifier.ErrClaim
	case exp <= fuzzNow-fuzzLeeway:
		return jwtverifier.ErrExpired
	}
	return nil
}

// specKeySet returns the eligible keys of a JWKS document by kid, in order.
func specKeySet(document []byte) map[string][]*rsa.PublicKey {
	if !specWellFormed(document) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(document))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil
	}
	top := map[string]json.RawMessage{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil
		}
		if _, twice := top[name.(string)]; twice {
			return nil
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil
		}
		top[name.(string)] = value
	}
	var entries []json.RawMessage
	if json.Unmarshal(top["keys"], &entries) != nil || len(entries) > 1000 {
		return nil
	}
	eligible := map[string][]*rsa.PublicKey{}
	for _, raw := range entries {
		entry, ok := specStrict(raw)
		if !ok {
			continue
		}
		key := specKey(entry)
		kid := entry.text("kid")
		if key == nil || specHas(eligible[kid], key) {
			continue
		}
		eligible[kid] = append(eligible[kid], key)
	}
	return eligible
}

func specHas(keys []*rsa.PublicKey, key *rsa.PublicKey) bool {
	return slices.ContainsFunc(keys, func(k *rsa.PublicKey) bool { return k.Equal(key) })
}

// specCandidates returns the keys that a token with this kid, or without, may be
// signed by, and why it is refused if none of them made its signature.
func specCandidates(eligible map[string][]*rsa.PublicKey, kid string) ([]*rsa.PublicKey, error) {
	var keys []*rsa.PublicKey
	switch byID := eligible[kid]; {
	case kid == "":
		for _, list := range eligible {
			for _, key := range list {
				if !specHas(keys, key) {
					keys = append(keys, key)
				}
			}
		}
	case len(byID) > 0:
		return byID[:min(len(byID), 4)], jwtverifier.ErrSignature
	default:
		keys = eligible[""]
	}
	if len(keys) > 4 {
		keys = nil
	}
	if kid == "" {
		return keys, jwtverifier.ErrSignature
	}
	return keys, jwtverifier.ErrUnknownKey
}

// specKey returns nil if the entry is not eligible.
func specKey(entry specObject) *rsa.PublicKey {
	maps.DeleteFunc(entry, func(_ string, v any) bool {
		list, ok := specArray(v)
		return v == nil || v == "" || ok && len(list) == 0
	})
	if _, ok := entry["kid"].(string); entry.has("kid") && !ok {
		return nil
	}
	for name, want := range map[string]string{"kty": "RSA", "use": "sig", "alg": "RS256"} {
		if value, ok := entry[name].(string); (entry.has(name) || name == "kty") && (!ok || value != want) {
			return nil
		}
	}
	operations, ok := specArray(entry["key_ops"])
	if entry.has("key_ops") && (!ok || !slices.Contains(operations, "verify")) {
		return nil
	}
	for i, operation := range operations {
		if slices.Contains(operations[:i], operation) {
			return nil
		}
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if entry.has(name) {
			return nil
		}
	}
	rawN, okN := specNumber(entry.text("n"))
	rawE, okE := specNumber(entry.text("e"))
	if !okN || !okE || len(rawE) > 4 {
		return nil
	}
	n, e := new(big.Int).SetBytes(rawN), binary.BigEndian.Uint32(append(make([]byte, 4-len(rawE)), rawE...))
	if n.BitLen() < 2048 || n.BitLen() > 8192 || n.Bit(0) == 0 || e < 3 || e >= 1<<31 || e%2 == 0 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e)}
}

// specNumber decodes base64 in either alphabet, with or without padding, if it is
// what encoding gives back.
func specNumber(text string) ([]byte, bool) {
	for _, e := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
		if b, err := e.DecodeString(text); err == nil && e.EncodeToString(b) == text {
			return b, true
		}
	}
	return nil, false
}

// specMetadata returns a metadata document and its jwks_uri, if it is to be
// accepted for fuzzIssuer.
func specMetadata(document []byte) (specObject, string, bool) {
	m, ok := specStrict(document)
	if !ok || m.text("issuer") != fuzzIssuer {
		return nil, "", false
	}
	raw := m.text("jwks_uri")
	u, err := url.Parse(raw)
	if err != nil || len(raw) > 2048 || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(raw, "#") {
		return nil, "", false
	}
	return m, raw, true
}

// A specObject is a JSON object; its numbers are json.Number.
type specObject map[string]any

// has reports whether the member is there: null counts as absent.
func (o specObject) has(name string) bool { return o[name] != nil }

// names reports whether a member of one of these names is there, be it null.
func (o specObject) names(name ...string) bool {
	return slices.ContainsFunc(name, func(n string) bool { _, ok := o[n]; return ok })
}

// text returns "" if the member is absent or not a string.
func (o specObject) text(name string) string { s, _ := o[name].(string); return s }

func (o specObject) client() string {
	for _, name := range []string{"cid", "client_id", "azp", "appid"} {
		if o.has(name) {
			return o.text(name)
		}
	}
	return ""
}

// specStrict decodes data if it is one strict JSON object.
func specStrict(data []byte) (specObject, bool) {
	if !specWellFormed(data) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	value, err := specValue(dec)
	o, ok := value.(map[string]any)
	return o, ok && err == nil
}

// specWellFormed reports whether data is one JSON value in valid Unicode.
func specWellFormed(data []byte) bool {
	if !utf8.Valid(data) || !json.Valid(data) {
		return false
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++ // only strings have backslashes, and then something follows
		if data[i] != 'u' {
			continue
		}
		unit := specUnit(data[i+1:])
		i += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if !bytes.HasPrefix(data[i+1:], []byte(`\u`)) || utf16.DecodeRune(unit, specUnit(data[i+3:])) == utf8.RuneError {
			return false
		}
		i += 6
	}
	return true
}

func specUnit(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n)
}

var errSpecTwice = errors.New("a name given twice")

func specValue(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := map[string]any{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			if _, twice := o[name.(string)]; twice {
				return nil, errSpecTwice
			}
			if o[name.(string)], err = specValue(dec); err != nil {
				return nil, err
			}
		}
		_, err = dec.Token()
		return o, err
	case json.Delim('['):
		a := []any{}
		for dec.More() {
			value, err := specValue(dec)
			if err != nil {
				return nil, err
			}
			a = append(a, value)
		}
		_, err = dec.Token()
		return a, err
	}
	return token, nil
}

// specFinite reports whether a float64 holds every number in v.
func specFinite(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			if !specFinite(member) {
				return false
			}
		}
	case []any:
		for _, element := range v {
			if !specFinite(element) {
				return false
			}
		}
	case json.Number:
		_, err := v.Float64()
		return err == nil
	}
	return true
}

// specArray returns the elements of an array of strings.
func specArray(v any) ([]string, bool) {
	a, ok := v.([]any)
	list := make([]string, len(a))
	for i, element := range a {
		s, isText := element.(string)
		list[i], ok = s, ok && isText
	}
	if !ok {
		return nil, false
	}
	return list, true
}

func specOneOrMore(v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	return specArray(v)
}

func specScopes(v any) ([]string, bool) {
	if v == nil {
		return nil, true
	}
	if s, ok := v.(string); ok {
		return slices.DeleteFunc(strings.Split(s, " "), func(s string) bool { return s == "" }), true
	}
	return specArray(v)
}

// specDate returns the seconds of a NumericDate.
func specDate(v any) (float64, bool) {
	number, ok := v.(json.Number)
	if !ok || len(number) > 64 {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(string(number), 64)
	if err != nil || seconds < 0 || seconds > 253402300799 {
		return 0, false
	}
	return seconds, true
}

// specMediaType returns typ in lower case and without "application/".
func specMediaType(typ string) string {
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, typ)
	return strings.TrimPrefix(lower, "application/")
}
