// Package providers has the tests of docs/providers.md: that each example of it
// accepts the provider's access tokens and ID tokens as what they are, and as
// nothing else, and that what it says of the provider otherwise is true. It has tests
// only, and asks no provider: the documents and the tokens are rebuilt from what the
// providers publish and send.
//
//	go test ./internal/providers
//
// # To add a provider
//
// Give it a section in docs/providers.md, with the call of New in a Go example, and
// append a row of that section to the list in providers_test.go: what is special
// about its documents (serve), the claims and header members of one of its access
// tokens and one of its ID tokens, what a Verifier must make of them, and the error
// that keeps each from being taken for the other. An example without a row fails, and
// so does a row without an example. A sentence of the section that is about neither
// becomes a test in remarks_test.go, unless it is a rule for all providers: those are
// tested in the root (a Cache-Control header, say, is a row of TestCacheControl).
package providers
