// Command jwtverify judges one token against a real authorization server, and
// explains: what discovery answered, which keys there are, and each rule in the
// order in which a service applies it. The token never leaves this machine; only
// the server's public documents are fetched.
//
//	go run ./cmd/jwtverify -issuer URL -audience A < token.txt
//	go run ./cmd/jwtverify -issuer URL -client-id C -nonce N -file token.txt
//
// The first judges an access token, as an API does, the second an ID token, as
// a web login does. The token is read from standard input or a file, never from
// the arguments: the shell's history keeps those, and the process list shows
// them. Run it with -h for all flags.
//
// Where the exit status counts, or there is no Go, build it first
// (go build -o jwtverify ./cmd/jwtverify): go run exits with 1 whatever status other
// than 0 the program had.
//
// It does not compare at_hash, c_hash and auth_time, and has no flags for required
// claims, keys from files, a token cache and a Transport. It judges a token as one
// kind: a service that has WithAudience and WithClientID also refuses, as an access
// token, one with a nonce for that client.
//
// # Exit status
//
//	0   accepted
//	1   refused
//	2   could not be judged: the keys could not be had
//	64  called wrongly, or no token to read; the reason is on standard error
//
// # JSON
//
// With -json standard output is one JSON object in ASCII (except with status 64,
// where it is empty). Members may be added to it, the following ones stay:
//
//	verdict              "accepted", "refused" or "unavailable"
//	kind                 what it was judged as: "access" or "id"
//	issuer               as given with -issuer
//	code                 why it was refused: jwtverifier's TokenError.Code
//	error                the whole error, if it was not accepted
//	retry_after_seconds  until a service would ask the server again, if unavailable
//	token.verified       whether the header and claims are the issuer's word
//	token.header         alg, kid, typ; all of them with -show-claims
//	token.claims         those that rules read; all of them with -show-claims
//	token.times          by claim: at (RFC 3339), seconds (from now; negative: ago)
//	fetches              url, document ("metadata" or "keys"), status (0: no answer),
//	                     bytes, milliseconds, accepted, error
//	keys                 kid, usable, reason (why it is not), token (the token names it)
//	rules                in order: name, result ("passed", "failed", "unavailable",
//	                     "not_asked", "not_reached"), text; of a failed one also
//	                     says (in, name, value) and want
//	hints                for people, [] if there are none; their texts change
//
// Members that do not apply are absent.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], console{
		in: os.Stdin, out: os.Stdout, errs: os.Stderr,
		prompt: isTerminal(os.Stdin),
		colour: wantsColour(isTerminal(os.Stdout), os.Getenv),
	}))
}

// isTerminal takes every character device for a terminal: /dev/null too, where
// it does no harm.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// wantsColour follows https://no-color.org: any value of NO_COLOR that is not
// empty switches colour off.
func wantsColour(terminal bool, getenv func(string) string) bool {
	return terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
