package jwtverifier

import "time"

// Defaults and bounds of the options.
const (
	defaultLeeway          = time.Minute
	maxLeeway              = 5 * time.Minute
	defaultRefreshInterval = 15 * time.Minute
	minRefreshInterval     = time.Minute
	maxRefreshInterval     = 24 * time.Hour
	defaultMaxStale        = 24 * time.Hour
	maxMaxStale            = 7 * 24 * time.Hour
)

// Limits on a token. A token over one of them is ErrMalformed.
const (
	maxTokenBytes     = 64 << 10
	maxHeaderBytes    = 8 << 10 // decoded
	maxSignatureBytes = 1 << 10 // decoded; that of an 8,192-bit key
)

// maxNamedIssuers bounds how many issuers of an Issuers an error names.
const maxNamedIssuers = 8

// Limits on the token cache.
const (
	maxCacheSize       = 1 << 24 // tokens
	maxRememberedBytes = 8 << 10 // of a token
)

// Limits on what a header is made of. A byte costs 1, except that white space and
// ASCII in strings that are no names cost nothing. Some bytes cost more, as they do
// when they are decoded: so that every header that is within the limit costs less
// than a signature, a unit stands for about 10 ns where a signature takes 40 µs.
// A thousand strings in an array are allowed, or 40 members with short names; a
// certificate chain has about five strings, and a usual header three members.
const (
	maxHeaderCost  = 1200
	costOfMember   = 24 // and 1 for each byte of its name
	costOfNesting  = 8  // an object or array
	costOfExponent = 8  // and e in true and false
	costOfEscape   = 3  // in a string, for each backslash
)

// Limits on the server's documents.
const (
	refreshTimeout = 10 * time.Second // of all that a refresh reads
	maxKeys        = 1000             // entries of a JWKS
	maxKeysPerID   = 4                // eligible keys under one kid, each tried
)

// The refresh policy; docs/design.md has it as a table.
const (
	minInterval     = 5 * time.Minute  // Cache-Control cannot ask for less
	aheadFrom       = 0.70             // a refresh ahead is due at a point drawn
	aheadTo         = 0.90             // from this part of the interval
	maxWait         = time.Second      // for a refresh, while held keys are usable
	unknownKeyPause = 10 * time.Second // between refreshes that unknown kids cause
	firstBackoff    = time.Second
	maxBackoff      = time.Minute
	maxColdBackoff  = 10 * time.Second // while no usable keys are held
)

// Limits on what errors and logs repeat.
const (
	maxErrorText   = 900 // of one error's cause, all of it
	maxForeignText = 256 // of what others chose
	maxURLText     = 160 // of a URL among that
	maxNameText    = 80  // of an issuer or redirect among that
	maxKeyIDText   = 64  // of a kid
)

// maxLoggedKeys bounds how many kids or skipped entries one log line names.
const maxLoggedKeys = 20
