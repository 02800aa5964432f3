// Package hostile is a catalogue of attacks on a verifier of tokens, each of them
// a test. It sees only what any importer of jwtverifier sees.
package hostile
