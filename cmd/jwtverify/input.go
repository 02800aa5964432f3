package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// maxInputBytes is far more than a token may have.
const maxInputBytes = 1 << 20

// input is what was read: the token, and what was around it.
type input struct {
	raw   string
	notes []string
}

// clean takes away what is not the token, and says so: a service that passes it
// on would see it refused.
func clean(text string) input {
	var in input
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	for _, around := range []struct{ prefix, suffix, note string }{
		{`"`, `"`, "quotes around the token were taken away (jq -r writes none)"},
		{"authorization:", "", `"Authorization:" in front of the token was taken away`},
		{"bearer ", "", `"Bearer " in front of the token was taken away: a service passes to the verifier what follows it`},
	} {
		if len(text) >= len(around.prefix)+len(around.suffix) &&
			strings.EqualFold(text[:len(around.prefix)], around.prefix) && strings.HasSuffix(text, around.suffix) {
			text = strings.TrimSpace(text[len(around.prefix) : len(text)-len(around.suffix)])
			in.notes = append(in.notes, around.note)
		}
	}
	in.raw = text
	return in
}

// said is what a token says of itself, decoded with tolerance: for people who
// look for a mistake, and never for a decision.
type said struct {
	Verified bool                       `json:"verified"`
	Header   map[string]json.RawMessage `json:"header"`
	Claims   map[string]json.RawMessage `json:"claims"`
	Times    map[string]moment          `json:"times"`
}

// moment is a NumericDate.
type moment struct {
	At      time.Time `json:"at"`
	Seconds int64     `json:"seconds"` // from now
}

// readHeader and readClaims are the members that rules read, in the order in
// which they are shown.
var (
	readHeader = []string{"alg", "kid", "typ"}
	readClaims = []string{"iss", "sub", "aud", "cid", "client_id", "azp", "appid", "scp", "scope", "nonce",
		"typ", "token_use", "events", "at_hash", "c_hash", "cnf", "auth_time", "iat", "nbf", "exp"}
	timeClaims = []string{"auth_time", "iat", "nbf", "exp"}
)

// decode reads what it can of the token.
func decode(raw string, now time.Time) said {
	segments := strings.Split(raw, ".")
	s := said{Header: members(segments[0]), Times: map[string]moment{}}
	if len(segments) > 1 {
		s.Claims = members(segments[1])
	}
	for _, name := range timeClaims {
		var seconds float64
		if json.Unmarshal(s.Claims[name], &seconds) != nil || seconds < 0 || seconds > maxNumericDate {
			continue
		}
		whole, part := math.Modf(seconds)
		at := time.Unix(int64(whole), int64(part*1e9)).UTC()
		s.Times[name] = moment{At: at, Seconds: int64(at.Sub(now).Round(time.Second) / time.Second)}
	}
	return s
}

const maxNumericDate = 253402300799 // the end of the year 9999

// members returns the members of the JSON object in a segment, nil if there is none.
func members(segment string) map[string]json.RawMessage {
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(segment, "="))
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil
	}
	// encoding/json has a limit on nesting, and a report adds some levels.
	const levels = 100
	deeper := strings.Repeat("[", levels) + string(text) + strings.Repeat("]", levels)
	var m map[string]json.RawMessage
	if !json.Valid([]byte(deeper)) || json.Unmarshal(text, &m) != nil {
		return nil
	}
	return m
}

// only returns the members of these names.
func only(m map[string]json.RawMessage, names []string) map[string]json.RawMessage {
	kept := map[string]json.RawMessage{}
	for _, name := range names {
		if value, ok := m[name]; ok {
			kept[name] = value
		}
	}
	return kept
}

// str returns the JSON string v, "" if it is none.
func str(v json.RawMessage) string {
	var s string
	_ = json.Unmarshal(v, &s) // "" is right for anything else
	return s
}
