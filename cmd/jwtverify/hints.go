package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	jv "example.com/jwtverifier"
)

// hints says what was done to the input and what is likely to be the matter. It goes
// by what the token says, which need not be true.
func hints(r *report, o *options, in input, err error) []string {
	found := append([]string{}, in.notes...) // never nil: null in JSON
	hint := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	iss := str(r.Token.Claims["iss"])

	switch e, _ := errors.AsType[*jv.TokenError](err); {
	case errors.Is(err, jv.ErrIssuerMismatch):
		hint("the issuer is compared byte for byte, a slash at the end included: give -issuer as the metadata has it, if that is the server you mean")
	case e == nil:
	case e.Reason == jv.ErrMalformed && strings.Count(in.raw, ".") == 0:
		hint("this is no JWT. A token that is opaque can be judged by the server alone (RFC 7662)")
	case e.Reason == jv.ErrMalformed && strings.Count(in.raw, ".") == 4:
		hint("this is an encrypted token (JWE): only the one that it is encrypted for can read it")
	case e.Reason == jv.ErrMalformed && strings.ContainsAny(in.raw, " \t\r\n"):
		hint("there is white space inside the token: was it wrapped when it was copied, or are there several?")
	case e.Reason == jv.ErrAlgorithm:
		hint("if the server means to sign with this algorithm, -algorithms accepts it here and WithAlgorithms in a service; none and HMAC are never accepted")
	case slices.Contains([]error{jv.ErrUnknownKey, jv.ErrSignature}, e.Reason) && iss != "" && iss != o.issuer:
		hint("the token says that it is of another issuer, %s", quote(iss))
	case e.Reason == jv.ErrUnknownKey:
		hint("the keys were fetched just now: the token's is withdrawn, skipped (see above), or another server's")
	case e.Reason == jv.ErrIssuer && strings.TrimSuffix(iss, "/") == strings.TrimSuffix(o.issuer, "/"):
		hint("they differ in nothing but the slash at the end, which counts")
	case e.Reason == jv.ErrTokenType && o.strictType && e.Claim == "typ":
		hint("-strict-type wants at+jwt in the header; many servers send JWT, or nothing")
	case e.Reason == jv.ErrTokenType && r.Kind == kindAccess && marks(r.Token) == kindID:
		hint("this looks like an ID token: judge it with -client-id and -nonce. An API must not take it")
	case e.Reason == jv.ErrTokenType && r.Kind == kindID && marks(r.Token) == kindAccess:
		hint("this looks like an access token: judge it with -audience")
	case e.Reason == jv.ErrAudience && o.noAudience:
		hint("-no-audience accepts only tokens that name none: this one does, so use -audience")
	case e.Reason == jv.ErrAudience && r.Kind == kindAccess && names(r.Token.Claims["aud"], r.Token.Claims["cid"], r.Token.Claims["azp"]):
		hint("the audience is the client itself, as in an ID token: an API needs an audience of its own")
	case e.Reason == jv.ErrExpired:
		hint("the token is good otherwise. This clock says %s", time.Now().UTC().Format(timeFormat))
	case e.Reason == jv.ErrIssuedAt || e.Reason == jv.ErrNotYetValid:
		hint("this clock says %s: is it right, and the server's?", time.Now().UTC().Format(timeFormat))
	}
	if r.Kind == kindAccess && r.Token.Claims["nonce"] != nil && marks(r.Token) == "" {
		hint("the token has a nonce, as ID tokens have: if it is one judge it with -client-id and -nonce. " +
			"An API must not take it, and refuses it if it has WithClientID with the client of the login")
	}
	if o.insecureHTTP {
		hint("-http: anyone who can change the traffic to the server can forge keys")
	}
	if r.Verdict == accepted && o.senderConstrained && r.Token.Claims["cnf"] != nil {
		hint("the token is bound to a key of its sender: a service must check the proof too (RFC 9449, RFC 8705)")
	}
	if r.Verdict == accepted && r.Token.Times["exp"].Seconds < 0 {
		hint("it has expired, and is accepted within the leeway of %s", span(o.leeway))
	}
	if r.Verdict == accepted && o.noNonce {
		hint("without a nonce nothing ties the token to the browser that asked for it")
	}
	return found
}

// marks returns the kind that a token is marked as, "" for neither.
func marks(t said) string {
	use, typ := str(t.Claims["token_use"]), str(t.Claims["typ"])
	switch {
	case t.Claims["at_hash"] != nil || t.Claims["c_hash"] != nil || use == "id" || typ == "ID":
		return kindID
	case strings.HasSuffix(strings.ToLower(str(t.Header["typ"])), "at+jwt") || use == "access" || typ == "Bearer":
		return kindAccess
	}
	return ""
}

// names reports whether the audience is one of these clients and nothing else.
func names(aud json.RawMessage, clients ...json.RawMessage) bool {
	return str(aud) != "" && slices.ContainsFunc(clients, func(c json.RawMessage) bool { return str(c) == str(aud) })
}
