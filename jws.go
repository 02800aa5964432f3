package jwtverifier

import (
	"strings"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
)

// A signedToken is a token taken apart. Nothing in it may be believed before
// authenticate has found its signer.
type signedToken struct {
	header       header
	claims       claims
	signingInput string // as received
	payload      string // base64url
	signature    string // base64url
}

// readClaims decodes the payload. Values of more are filled in by name.
func (t *signedToken) readClaims(more []namedClaim) error {
	// Only now, though parse has seen the payload: decoding it costs more than the
	// rest, and before the signature is verified it is anybody's.
	t.claims.more = more
	payload, err := strict.Base64URL.DecodeString(t.payload)
	if err == nil {
		t.claims.payload, err = strict.Object(payload, &t.claims)
	}
	switch {
	case err != nil:
		return malformed("payload", "not one strict JSON object")
	case t.claims.twinOf != "":
		return malformed("payload", "a name that folds to "+t.claims.twinOf)
	}
	return nil
}

// parse takes a JWS in compact serialization apart (RFC 7515 §7.1) and applies
// the rules about its header. It uses no network and reads no claim.
func parse(raw string, accepted algorithms) (*signedToken, error) {
	if len(raw) > maxTokenBytes {
		return nil, malformed("token", "longer than 64 KiB")
	}
	// From the cheapest to the dearest: anybody can send what is refused here. All of
	// the base64 is checked before any of it is decoded, so that a token with one
	// wrong character in its signature costs no JSON.
	head, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	switch dots := strings.Count(raw, "."); {
	case dots == 4: // a JWE, which deserves a text of its own: RFC 7516 §3.1
		return nil, malformed("token", "encrypted tokens are not supported")
	case dots != 2:
		return nil, malformed("token", pasted(raw, "not three segments"))
	case head == "" || payload == "" || signature == "":
		return nil, malformed("token", "empty segment")
	case strict.Base64URL.DecodedLen(len(signature)) > maxSignatureBytes:
		return nil, malformed("token", "signature longer than 1,024 bytes")
	case !strict.IsBase64URL(head) || !strict.IsBase64URL(payload) || !strict.IsBase64URL(signature):
		return nil, malformed("token", pasted(raw, "not base64url"))
	}
	t := &signedToken{
		// What was received is what was signed: to encode header and payload again
		// could make other bytes of them.
		signingInput: raw[:len(head)+1+len(payload)],
		payload:      payload,
		signature:    signature,
	}
	limit := maxHeaderCost
	if len(raw) > longToken {
		limit = maxHeaderCostOfLong
	}
	if err := t.header.read(head, limit, accepted); err != nil {
		return nil, err
	}
	return t, nil
}

// tries returns how many keys the token may be tried with: four, or fewer if its
// length or its header has cost so much already that four would cost too much.
func (t *signedToken) tries() int {
	header := len(t.signingInput) - len(t.payload)
	left := workPerToken - header - len(t.signingInput)/bytesPerWorkUnit
	return min(max(left/workPerTry, 1), maxCandidates)
}

// pasted returns what came along with the token, if somebody copied too much, or
// else otherwise.
func pasted(raw, otherwise string) string {
	const scheme = "Bearer "
	switch {
	case len(raw) > len(scheme) && strings.EqualFold(raw[:len(scheme)], scheme):
		return `begins with "Bearer ": pass what follows it`
	case strings.TrimSpace(raw) != raw: // a line end, mostly, out of a file
		return "white space around it"
	case strings.Trim(raw, "\"'`") != raw:
		return "is quoted"
	}
	return otherwise
}

// header is a JOSE header. What the rules do not name is not looked at: jwk, jku,
// x5u and x5c are the sender's word (RFC 8725 §3.10).
type header struct {
	alg, kid, typ strict.Value
	refused       bool // crit, b64, enc or zip is there, be it null

	algorithm *jose.Algorithm // of alg
	keyID     string          // kid; "" if absent
	mediaType string          // typ; "" if absent or ""
}

func (h *header) Member(name []byte) *strict.Value {
	switch string(name) {
	case "alg":
		return &h.alg
	case "kid":
		return &h.kid
	case "typ":
		return &h.typ
	case "crit", "b64", "enc", "zip":
		h.refused = true // the value does not matter, so null counts here
	}
	return nil
}

// read decodes the header, if that costs no more than limit, and applies the rules
// that need no key.
func (h *header) read(segment string, limit int, accepted algorithms) error {
	if strict.Base64URL.DecodedLen(len(segment)) > maxHeaderBytes {
		return malformed("header", "longer than 8 KiB")
	}
	data, err := strict.Base64URL.DecodeString(segment)
	if err != nil { // not reached: parse has looked
		return malformed("token", "not base64url")
	}
	if fault := fault(data, limit); fault != "" {
		return malformed("header", fault)
	}
	if _, err := strict.Object(data, h); err != nil {
		return malformed("header", "not one strict JSON object")
	}
	// No extension is understood, so none may be critical (RFC 7515 §4.1.11);
	// a JWT may not use b64 (RFC 7797 §7); enc and zip belong to a JWE. Null
	// refuses too: it does not say that the sender meant nothing by them.
	if h.refused {
		return malformed("header", "crit, b64, enc or zip")
	}
	// Before the key is looked up: no key may be asked what it makes of a token of
	// another algorithm.
	alg, ok := h.alg.Text()
	if !ok {
		return malformed("header", "no alg")
	}
	if h.algorithm = accepted.named(alg); h.algorithm == nil {
		return &TokenError{Reason: ErrAlgorithm, Part: "header", Claim: "alg", want: accepted.names()}
	}
	// An empty kid names no key, and is not the same as none: a server that sends it
	// means something by it that is not known here.
	h.keyID, _ = h.kid.Text()
	if h.kid != "" && h.keyID == "" {
		return malformed("header", "kid is not a string or empty")
	}
	h.mediaType, ok = h.typ.Text()
	if h.typ != "" && !ok {
		return malformed("header", "typ is not a string")
	}
	return nil
}

// fault says why a header is not even decoded, "" if it is. It bounds what decoding
// can cost, since anybody can send a header: the names, escapes or elements that
// fit into 8 KiB would cost as much as several signatures. And it refuses numbers
// that no float64 holds, which parsers read differently. It looks at each byte
// once, and takes the header for JSON: what is not is refused next.
func fault(header []byte, limit int) string {
	cost, name := 0, 0 // name: the bytes of the last string, which is one if a colon follows
	for i := 0; i < len(header) && cost <= limit; i++ {
		switch c := header[i]; {
		case c <= ' ':
		case c == '"':
			i++
			begin := i
			for ; i < len(header) && header[i] != '"'; i++ {
				if header[i] == '\\' {
					cost += costOfEscape
					i++
				} else {
					cost += int(header[i] >> 7) // beyond ASCII
				}
			}
			name = i - begin
		case c == ':':
			cost += costOfMember + name
		case c == '{', c == '[':
			cost += costOfNesting
		case c == 'e': // of true and false
			cost += costOfExponent
		case c == '-' || '0' <= c && c <= '9':
			length, exponent, finite := strict.Number(header[i:])
			if !finite {
				return "a number that no float64 holds"
			}
			if exponent {
				cost += costOfExponent
			}
			cost += length
			i += length - 1
		default:
			cost++
		}
	}
	if cost > limit {
		return "too many members or elements"
	}
	return ""
}

// isType reports whether typ is this media type, which may be written in any
// case, and with "application/" in front (RFC 7515 §4.1.9).
func (h *header) isType(name string) bool {
	const prefix = "application/"
	typ := h.mediaType
	// Only the one prefix that RFC 7515 lets a sender leave out: in "x/at+jwt" the x
	// is part of another type's name.
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return strings.EqualFold(typ, name)
}

func malformed(part, detail string) error {
	return &TokenError{Reason: ErrMalformed, Part: part, detail: detail}
}

// claims are the values of the claims that a rule or a result reads. They are
// interpreted one by one, when their turn comes.
type claims struct {
	payload string // the whole object
	twinOf  string // a registered claim that another member's name folds to

	iss, sub, aud, exp, nbf, iat, jti strict.Value
	typ, tokenUse, events, cnf        strict.Value
	cid, clientID, azp, appID         strict.Value
	scp, scope                        strict.Value
	nonce, atHash, cHash, authTime    strict.Value
	acr, amr                          strict.Value

	more []namedClaim
}

// A namedClaim is a claim that only WithRequiredClaim asks for.
type namedClaim struct {
	name  string
	value strict.Value
}

func (c *claims) Member(name []byte) *strict.Value {
	switch string(name) {
	case "iss":
		return &c.iss
	case "sub":
		return &c.sub
	case "aud":
		return &c.aud
	case "exp":
		return &c.exp
	case "nbf":
		return &c.nbf
	case "iat":
		return &c.iat
	case "jti":
		return &c.jti
	case "typ":
		return &c.typ
	case "token_use":
		return &c.tokenUse
	case "events":
		return &c.events
	case "cnf":
		return &c.cnf
	case "cid":
		return &c.cid
	case "client_id":
		return &c.clientID
	case "azp":
		return &c.azp
	case "appid":
		return &c.appID
	case "scp":
		return &c.scp
	case "scope":
		return &c.scope
	case "nonce":
		return &c.nonce
	case "at_hash":
		return &c.atHash
	case "c_hash":
		return &c.cHash
	case "auth_time":
		return &c.authTime
	case "acr":
		return &c.acr
	case "amr":
		return &c.amr
	}
	// Not refused at once: Member has no way to, and the order of the checks wants a
	// payload that is no object reported as that.
	if len(name) <= maxTwinBytes && c.twinOf == "" {
		c.twinOf = twinOf(string(name))
	}
	// What a rule reads anyway is in its own field above, also if WithRequiredClaim
	// asks for it: see requiredClaims.
	for i := range c.more {
		if string(name) == c.more[i].name {
			return &c.more[i].value
		}
	}
	return nil
}

// maxTwinBytes is the length of the longest name that twinOf looks for: a long s
// (ſ) in place of each s of iss.
const maxTwinBytes = 5

// twinOf returns the registered claim (RFC 7519 §4.1) that name is not, and that
// those who ignore case take it for, "" if there is none. A later reader of the
// payload that folds names, as encoding/json does, would read SUB where this
// package has judged sub.
func twinOf(name string) string {
	for _, registered := range [...]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} {
		if strings.EqualFold(name, registered) {
			return registered
		}
	}
	return ""
}

// client returns the name and value of the claim that says which client an
// access token was issued to.
func (c *claims) client() (string, strict.Value) {
	// The first that is present counts, even if it is no string: to go on to the next
	// would let a token choose which of its claims is believed. azp comes after
	// client_id, since in an access token RFC 9068 gives it no meaning.
	switch {
	case c.cid != "": // Okta
		return "cid", c.cid
	case c.clientID != "": // RFC 9068 §2.2
		return "client_id", c.clientID
	case c.azp != "": // Auth0, Keycloak, Entra ID v2
		return "azp", c.azp
	case c.appID != "": // Entra ID v1
		return "appid", c.appID
	}
	return "client_id", "" // RFC 9068's name of what is missing
}
