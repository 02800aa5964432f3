// Package outage has the tests of what becomes of tokens while the authorization
// server fails. It has tests only:
//
//	go test ./internal/outage
//	go test -run TestModel ./internal/outage -model 10000
//	go test -race -run TestSoak -v ./internal/outage -soak 75s
//
// TestFailureMatrix is every fault of each document, in every state of the held
// keys, for a token by a held key and for one by a new key. It runs in bubbles of
// package testing/synctest, so that waiting takes no time. What each cell must come
// to is not written down but derived from the refresh policy.
//
// TestModel lets random things happen: time passes, keys are published and withdrawn,
// the server fails, and tokens, Refresh and Prefetch come in between. What comes of
// each call, when, and how many requests it costs is compared with a model of the
// refresh policy (policy_test.go), which shares no code with the package. Each seed is
// a subtest, so that one that failed can be run again.
//
// TestSocketFaults has the faults that only a server behind a socket has.
//
// TestSoak lets many clients loose, in real time, on a server that rotates its keys
// and fails. It runs only if it is given the time, 20 s at least. Those flags stand
// behind the package: go test takes what follows a flag that it does not know for
// the test's own arguments.
//
// # To add a row
//
// Append a fault to the list in faults_test.go. State what the answer says about the
// document (nothing, that the server is busy, or that it is worthless), how long the
// client needs to know that, and the Retry-After if there is one. The runner meets
// the fault in 30 cells: three choices of the documents that have it, five ages of
// the keys, two tokens.
//
// If only a real socket can behave so, append a socketFault in socket_test.go.
package outage
