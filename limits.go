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
	maxSignatureBytes = 1 << 10 // decoded; an 8,192-bit key makes as much
)

// Limits on how much of a payload Issuers reads for its iss, in base64url: of one
// of 12 KiB all, of a longer one 6 KiB. Nobody has verified it yet, and with the
// signature of a long token to check, reading more would cost too much.
const (
	firstIssuerWindow   = 1 << 10 // most say it in there
	lastIssuerWindow    = 8 << 10
	maxPayloadReadWhole = 16 << 10
)

// maxEscapedBytes is what one byte of a JSON string can take: \u0041.
const maxEscapedBytes = 6

// maxNamedIssuers bounds how many issuers of an Issuers an error names.
const maxNamedIssuers = 8

// maxIssuerBytes bounds an issuer.
const maxIssuerBytes = 2048

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
	maxHeaderCost       = 1200
	maxHeaderCostOfLong = 300      // of a long token, whose length costs enough
	longToken           = 12 << 10 // bytes, of which a token has more
	costOfMember        = 24       // and 1 for each byte of its name
	costOfNesting       = 8        // an object or array
	costOfExponent      = 8        // and e in true and false
	costOfEscape        = 3        // in a string, for each backslash
)

// Limits on the server's documents.
const (
	maxKeys       = 1000 // entries of a JWKS
	maxCandidates = 4    // keys that are tried for one token

	// What a refusal may cost, in points of about 10 ns, of which a fresh verification
	// takes 4,000 and four of them are the most that anybody may cause. Reading a byte
	// of the header takes a point at the worst, and hashing and looking at eight bytes
	// of the token one. What is left is for tries.
	workPerToken     = 15_200
	workPerTry       = 3_600
	bytesPerWorkUnit = 8
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
	forcedPause     = time.Second      // between attempts that Refresh causes

	maxRetryAfter     = time.Minute     // of the server, obeyed
	maxColdRetryAfter = 5 * time.Minute // while no usable keys are held

	documentsPerRefresh = 2 // documents' time that a refresh may take
)

// Limits on what errors and logs repeat.
const (
	maxErrorText     = 900 // of one error's cause, all of it
	maxForeignText   = 256 // of what others chose
	maxURLText       = 160 // of a URL among that
	maxNameText      = 80  // of an issuer or a claim's name among that
	maxKeyIDText     = 64  // of a kid
	maxAlgorithmText = 32  // of a JWK's alg or kty
	maxReasons       = 3   // for which a JWKS has no eligible key
)

// maxLoggedKeys bounds how many kids or skipped entries one log line names.
const maxLoggedKeys = 20
