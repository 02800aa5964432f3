// Package conformance compares jwtverifier with what others wrote: the vectors
// of Project Wycheproof, and two JWT libraries. It has tests only, in a module
// of its own, since nobody who embeds jwtverifier needs what it needs.
//
//	go test -v .
//
// prints how many vectors and tokens there were, and what became of them.
package conformance
