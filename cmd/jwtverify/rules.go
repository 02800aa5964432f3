package main

import (
	"slices"
	"time"

	jv "example.com/jwtverifier"
)

// The kinds of token.
const (
	kindAccess = "access"
	kindID     = "id"
)

// A rule is one line of the explanation.
type rule struct {
	name string
	kind string // of the tokens that it is for; "" for both

	// A TokenError is about this rule if its Reason is among these. Of
	// ErrMalformed the Part decides, of ErrClaim the Claim.
	reasons []error
	part    string
	claims  []string

	text string                           // what is right when it holds
	off  func(*options) string            // why it was not asked for; "" if it was
	want func(*options, *report) []string // what was expected
}

// rules are those of jwtverifier, in its documented order: the first one that is
// broken is reported, so those before it hold, and those after it were not
// reached. (The header's own shape is looked at before and after alg; it has one
// line here.)
var rules = []rule{
	{name: "form", reasons: []error{jv.ErrMalformed}, part: "token",
		text: "three segments of strict base64url"},
	{name: "header", reasons: []error{jv.ErrMalformed}, part: "header",
		text: "strict JSON, without crit, b64, enc, zip"},
	{name: "alg", reasons: []error{jv.ErrAlgorithm},
		text: "RS256, or as -algorithms says",
		want: func(o *options, _ *report) []string { return o.accepted() }},
	{name: "key", reasons: []error{jv.ErrUnknownKey},
		text: "one of the server's: kid names it, or it is the only one",
		want: func(_ *options, r *report) []string { return r.usableKeys() }},
	{name: "signature", reasons: []error{jv.ErrSignature},
		text: "made with that key over these very bytes"},
	{name: "payload", reasons: []error{jv.ErrMalformed}, part: "payload",
		text: "one strict JSON object"},
	{name: "type", kind: kindAccess, reasons: []error{jv.ErrTokenType},
		text: "no mark of another kind found"},
	{name: "type", kind: kindID, reasons: []error{jv.ErrTokenType},
		text: "no mark of another kind found"},
	{name: "iss", reasons: []error{jv.ErrIssuer},
		text: "the issuer, byte for byte",
		want: func(o *options, _ *report) []string { return []string{o.issuer} }},
	{name: "aud", kind: kindAccess, reasons: []error{jv.ErrAudience},
		text: "as -audience or -no-audience says",
		want: func(o *options, _ *report) []string { return o.audiences }},
	{name: "aud", kind: kindID, reasons: []error{jv.ErrAudience},
		text: "this client",
		want: func(o *options, _ *report) []string { return o.clientIDs }},
	{name: "azp", kind: kindID, reasons: []error{jv.ErrAuthorizedParty},
		text: "this client, if there are several audiences",
		want: func(o *options, _ *report) []string { return o.clientIDs }},
	{name: "client", kind: kindAccess, reasons: []error{jv.ErrClientID},
		text: "an authorized one",
		off:  func(o *options) string { return unless(len(o.clients) > 0, "not compared, without -clients") },
		want: func(o *options, _ *report) []string { return o.clients }},
	{name: "sub", kind: kindAccess, reasons: []error{jv.ErrClaim}, claims: []string{"sub"},
		text: "a string, or absent"},
	{name: "sub", kind: kindID, reasons: []error{jv.ErrClaim}, claims: []string{"sub"},
		text: "a string"},
	{name: "scopes", kind: kindAccess, reasons: []error{jv.ErrClaim}, claims: []string{"scp", "scope"},
		text: "scp and scope are well-formed, or absent"},
	{name: "nonce", kind: kindID, reasons: []error{jv.ErrNonce},
		text: "that of -nonce",
		off:  func(o *options) string { return unless(!o.noNonce, "not compared, as -no-nonce says") },
		want: func(o *options, _ *report) []string { return []string{o.nonce} }},
	{name: "cnf", kind: kindAccess, reasons: []error{jv.ErrConfirmation},
		text: "not bound to a key of its sender",
		off: func(o *options) string {
			return unless(!o.senderConstrained, "if there is one, its proof is not checked here")
		}},
	{name: "hashes", kind: kindID, reasons: []error{jv.ErrTokenHash},
		off: func(*options) string { return "at_hash and c_hash are not compared here" }},
	{name: "auth_time", kind: kindID, reasons: []error{jv.ErrAuthTime},
		off: func(*options) string { return "not compared here" }},
	{name: "iat", kind: kindAccess, reasons: []error{jv.ErrClaim, jv.ErrIssuedAt}, claims: []string{"iat"},
		text: "in the past, give or take the leeway, or absent",
		want: func(o *options, _ *report) []string { return []string{ahead(o.leeway)} }},
	{name: "iat", kind: kindID, reasons: []error{jv.ErrClaim, jv.ErrIssuedAt}, claims: []string{"iat"},
		text: "in the past, give or take the leeway",
		want: func(o *options, _ *report) []string { return []string{ahead(o.leeway)} }},
	{name: "nbf", reasons: []error{jv.ErrClaim, jv.ErrNotYetValid}, claims: []string{"nbf"},
		text: "in the past, give or take the leeway, or absent",
		want: func(o *options, _ *report) []string { return []string{ahead(o.leeway)} }},
	{name: "exp", reasons: []error{jv.ErrClaim, jv.ErrExpired}, claims: []string{"exp"},
		text: "in the future, give or take the leeway",
		want: func(o *options, _ *report) []string {
			return []string{"in the future, or less than " + span(o.leeway) + " ago"}
		}},
}

func unless(asked bool, why string) string {
	if asked {
		return ""
	}
	return why
}

func ahead(leeway time.Duration) string { return "at most " + span(leeway) + " ahead of this clock" }

// about reports whether the rule is the one that e says was broken.
func (r *rule) about(e *jv.TokenError) bool {
	switch {
	case !slices.Contains(r.reasons, e.Reason):
		return false
	case e.Reason == jv.ErrMalformed:
		return r.part == e.Part
	case e.Reason == jv.ErrClaim:
		return slices.Contains(r.claims, e.Claim)
	}
	return true
}

// rulesFor returns the rules for one kind of token.
func rulesFor(kind string) []rule {
	return slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return r.kind != "" && r.kind != kind })
}

// place returns the index of the rule that e says was broken, -1 if none is.
func place(rules []rule, e *jv.TokenError) int {
	return slices.IndexFunc(rules, func(r rule) bool { return r.about(e) })
}
