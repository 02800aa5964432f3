// Package hostile is a catalogue of attacks on a verifier of tokens. Each has a
// number, t/031, and one or more rows, which are tests. They see only what any
// program sees that imports jwtverifier.
//
//	go test -v ./internal/hostile               # all of it, in a few seconds
//	go test -v -run /t/031 ./internal/hostile   # one number
//
// # A row
//
// A row differs in one thing from a token, key set, document or answer that is
// accepted. A token is genuinely signed over exactly the bytes that are shown,
// unless the row is about its signature, so that only the defence in question can
// refuse it. The row names the sentinel that is wanted. The runners assert the rest,
// which holds for every refusal: no other sentinel matches, the result is nil, the
// error is one short line that repeats nothing of the token, the log and the observer
// repeat nothing of it either, and there were no more requests than there should be.
// Each row is asked without keys and again with keys, and its accepted twin is asked
// of the same verifier.
//
// To add one, find the file by its subject (syntax, header, signature, claims,
// expiry, idtoken, issuers, keys, kid, documents, fetch, wire, cache, concurrency,
// config, api, errors, cost) and add an element to its table: an attack for a token,
// a keyAttack for an entry of a key set, an outage for a document or an answer. The
// name begins with the number. h0, at0 and id0 make a good header and payload and
// change members of it; jwsOf signs any bytes; newSite serves any. If no table fits,
// write a test of its own with runRow and refusedBecause.
//
// A new kind of attack gets a free number, either in a gap beside its kind or the
// first after the last, and a line below. Numbers stay: a number whose rows are gone
// is not used again. When all tests have passed, the suite checks that this list and
// the names of the rows hold the same numbers, and that each sentinel that the package
// exports is the wanted one of some row.
//
// server_test.go, token_test.go and refusal_test.go hold what the others share.
// malleability_test.go and rfc_test.go have no numbers: the one tries every small
// change of a good token, the other asks for the examples of RFC 7515 and RFC 7520.
//
// # Token syntax
//
//	t/001  the empty string
//	t/002  nothing but white space, dots or NUL
//	t/004  one segment, or two
//	t/005  four segments or more
//	t/006  a genuine encrypted token with perfect claims: it is never decrypted
//	t/007  an encrypted token that asks for two billion rounds of key derivation
//	t/009  an encrypted token whose key is empty or too short
//	t/010  an empty header
//	t/011  an empty payload
//	t/012  an empty signature
//	t/014  a million dots: nothing is allocated for each
//	t/015  the longest token that is allowed, and one byte more
//	t/016  64 MiB in one segment: refused before anything is decoded
//	t/017  white space around a token
//	t/019  the scheme of the Authorization header, or quotes, left on the token
//	t/020  line breaks inside a segment, which decoders of base64 like to skip
//	t/021  other white space inside a segment
//	t/022  base64 padding
//	t/024  unused bits set at the end of the signature
//	t/025  unused bits set at the end of the header or the payload
//	t/026  a segment with a length that base64 cannot have
//	t/027  characters outside the alphabet of base64url
//	t/029  letters and dots that only look like ASCII
//	t/030  bytes that are not UTF-8
//	t/031  the flattened JSON serialization
//	t/032  the general JSON serialization
//	t/034  the same with names in upper case and garbage behind
//	t/035  JSON serialization with no protected header, or no signature
//	t/036  forged claims as members beside a genuine token in JSON serialization
//	t/037  JSON with two dots and a forged payload between them
//	t/039  a token inside a token
//	t/040  something else altogether: opaque, PASETO, SD-JWT, SAML, a URL
//
// # Header
//
//	t/041  alg none
//	t/042  alg none in other spellings
//	t/044  another alg over a genuine RS256 signature
//	t/045  no alg
//	t/046  alg null
//	t/047  alg that is not a string
//	t/049  HMAC with what everybody knows of the public key as its secret
//	t/050  genuine signatures by the right key with another RSA algorithm
//	t/051  keys of other types that are published too
//	t/052  algorithms of encryption
//	t/054  alg, or any name, twice
//	t/055  names and values spelled with escapes
//	t/056  alg or kid only in another case
//	t/057  twins of names in another case beside the right ones: never read
//	t/059  kid empty or null
//	t/060  kid empty or absent, and keys that have none
//	t/061  kid that is not a string
//	t/062  kid twice
//	t/064  kid that is a URL, a path or a query
//	t/065  kid made to spoil a log: line feeds, escape sequences, great length
//	t/066  kid that is nearly a known one
//	t/067  kid that becomes a known one if invalid text is repaired
//	t/069  crit with an array, whatever it lists
//	t/070  crit of another type
//	t/071  an unencoded payload, declared by b64 and crit
//	t/072  b64 without crit
//	t/074  the attacker's key in the header, under a known kid
//	t/075  the attacker's key in the header, under no kid or an unknown one
//	t/076  a URL of the attacker's keys in the header: never asked
//	t/077  such a URL that leads to internal places or is no URL
//	t/079  certificates and keys in the header that are nonsense: not read
//	t/080  a compressed payload
//	t/081  enc in a signed token
//	t/082  parameters of encryption in a signed token: not read
//	t/084  typ of another kind of token
//	t/085  an ID token that says it is an access token
//	t/086  typ that is not a string
//	t/087  typ that announces a JSON serialization
//	t/089  a header that is not an object
//	t/090  a header that is not JSON, though some parsers take it
//	t/091  the header of a genuine token extended, without the key
//	t/092  white space in a header that was signed with it: accepted
//	t/094  invalid UTF-8 and lone surrogates where nobody reads
//	t/095  deep nesting
//	t/096  many members, many elements, much text
//	t/097  members without meaning, and claims in the header: not read
//
// # Signature
//
//	t/099  one bit changed, anywhere
//	t/100  signed by a key that is not published: no reason to fetch keys
//	t/101  signed by another published key than kid says
//	t/102  segments of two genuine tokens mixed
//	t/104  a signature with bytes added or taken, or the same number modulo n
//	t/105  PKCS #1 padding with a flaw, signed with the real key
//	t/106  another hash, no DigestInfo, or PSS
//	t/107  a cube root forged for a key with e=3
//	t/116  an unsigned token wrapped in an encrypted or a signed one
//	t/117  a signature that is too long
//
// # Key set
//
//	t/119  keys null
//	t/120  a document without keys
//	t/121  keys in another shape than a set
//	t/122  entries that are no keys, beside a good one
//	t/124  entries with members missing or of a wrong type
//	t/125  several keys under one kid: at most four are tried
//	t/126  keys for something else under the same kid
//	t/127  a thousand keys under one kid: the cost of four
//	t/128  keys without kid: for the tokens whose kid no key has, at most four
//	t/129  key_ops without verify, or not an array of distinct strings
//	t/130  use that is not sig
//	t/131  a key without alg: it serves RS256 only
//	t/132  a key with another alg
//	t/134  private keys and secrets that were published
//	t/135  a modulus that is too short
//	t/136  a modulus that is too long
//	t/137  an exponent with which anyone can sign
//	t/139  an exponent that is too large
//	t/140  numbers in another encoding
//	t/141  a modulus that is zero, one or even
//	t/143  keys that are given as values of Go: changed later, private or weak
//	t/144  keys of other types that make libraries panic
//	t/145  unknown curves
//	t/146  certificates in a key: neither believed nor fetched
//	t/147  very many keys, very much white space
//	t/149  names twice, in a key and in the document
//	t/150  names in another case
//	t/151  something behind the document
//	t/152  a document that is not JSON in UTF-8
//	t/154  strange kids, and members that mean something elsewhere
//
// # Claims of an access token
//
//	t/155  a payload that is not an object
//	t/156  something around the object
//	t/157  no iss, or not a string
//	t/159  iss that differs a little from the configured one
//	t/160  iss spelled with escapes: compared after decoding
//	t/161  the token of one issuer signed with the keys of another
//	t/162  iss that is to make the verifier ask somewhere
//	t/163  iss as Issuers looks for it: how deep, how late, how spelled
//	t/164  aud of a wrong type, or with such an element
//	t/165  aud that differs a little
//	t/166  aud as it may be
//	t/167  a token for the client instead of the API
//	t/169  aud empty, absent or huge
//	t/170  no exp
//	t/171  exp 0, which some take for absent
//	t/172  exp that is rounded to 0
//	t/174  exp in a string
//	t/175  exp of another type
//	t/176  exp that is not a number of JSON
//	t/177  exp that overflows
//	t/179  negative exp
//	t/180  exp with a fraction or an exponent: accepted
//	t/181  numbers that are expensive, or misread because of their length
//	t/182  exp at the very end of the leeway
//	t/184  nbf in the future, or of a wrong type
//	t/185  iat in the future, or of a wrong type
//	t/187  the client's name absent, of a wrong type, or in the wrong claim
//	t/189  a claim twice
//	t/190  a claim twice, once with escapes
//	t/191  a name twice deep in a claim
//	t/192  twins of claims in another case
//	t/193  every name that folds to a registered claim
//	t/194  text that is not UTF-8
//	t/195  sub absent, empty or of a wrong type, and errors about it
//	t/196  sub equal to a client ID: accepted, the caller must know
//	t/197  scopes and groups of a wrong type
//	t/198  claims that are null: as if absent, and not a first value
//	t/199  a token bound to its sender's key, shown by someone else
//	t/200  an ID token shown to an API
//	t/201  refresh tokens, logout tokens and other kinds shown to an API
//	t/202  deep nesting, many claims
//	t/203  a claim that the embedder requires: absent, or nearly right
//
// # Claims of an ID token
//
//	t/204  an ID token of another client
//	t/205  several audiences and no azp
//	t/206  azp of another client
//	t/207  several audiences and the right azp: accepted
//	t/209  a nonce that is not the expected one
//	t/210  no nonce in the token, and none expected by mistake
//	t/211  any nonce, or none, where NoNonce says that it does not matter
//	t/212  a token shown twice, or after a refresh
//	t/214  no iat, or of a wrong type
//	t/215  iat or nbf in the future
//	t/216  all attacks on exp, in an ID token
//	t/217  no sub, or of a wrong type
//	t/219  an access token shown at a login
//	t/220  a logout token shown at a login
//	t/221  iss without its scheme
//	t/222  a token that its owner issued
//	t/224  a login that is too long ago
//	t/225  at_hash or c_hash of something else
//	t/226  alg none, which OpenID Connect allows in places
//	t/227  HMAC with the client's secret
//	t/229  claims that are to be fetched elsewhere: nobody is asked
//	t/230  email_verified as a string: not taken for a boolean
//
// # Metadata
//
//	t/231  metadata of another issuer
//	t/232  an issuer that ends in a slash
//	t/233  issuers that are no URL: compared byte for byte, and nothing derived
//	t/234  issuers that New refuses
//	t/235  no jwks_uri, or none that is absolute
//	t/236  jwks_uri with http for an issuer with https
//	t/237  jwks_uri with another scheme
//	t/239  jwks_uri in a private network: allowed
//	t/240  jwks_uri with a password, a fragment or great length
//	t/241  redirects to another origin
//	t/242  redirects to http, to nowhere, or without end
//	t/244  any content type: only the document counts
//	t/245  a document that is not one JSON object, or too large
//	t/246  names twice, or in another case
//	t/247  an algorithm that only the metadata allows
//	t/248  members of the metadata that are null
//	t/249  paths that another program may normalize
//
// # Fetching
//
//	t/250  no answer
//	t/251  an answer without end
//	t/252  an answer byte by byte
//	t/254  compressed bombs
//	t/255  a body that is longer or shorter than announced
//	t/256  a good document with a status of 403, 404 or 500
//	t/257  other statuses, and what Retry-After asks for
//	t/259  a captive portal
//	t/260  redirects to another origin, or too many
//	t/261  redirects to http
//	t/262  redirects in a circle
//	t/264  TLS that must not be trusted
//	t/265  connections that break, and answers that are not HTTP
//	t/267  cookies and credentials: none are sent
//	t/269  many failures: nothing stays open
//	t/270  another package changes net/http's defaults
//
// # Cached keys
//
//	t/271  a flood of unknown kids: one refresh in a while, and nothing kept
//	t/272  a flood of bad signatures: no request
//	t/273  floods without kid, and through an outage
//	t/274  a new key: found at once
//	t/275  a key that is gone, after a refresh
//	t/276  a key that is gone, at the latest after the interval
//	t/277  another key under the same kid
//	t/278  a remembered token whose key would not be found any more
//	t/279  no server at first
//	t/280  no server for longer than keys may serve
//	t/281  an answer without usable keys: good ones stay
//	t/282  an unknown key, as distinct from a server that cannot be reached
//	t/284  a claims' clock that jumps (the machine's own: refresh_internal_test.go)
//	t/285  a clock that runs backwards
//	t/286  two verifiers with one kid
//	t/287  an old key set after a new one
//	t/288  a cache between the verifier and the server
//	t/289  very many different kids: a hundred thousand, which shows that none is kept
//	t/290  keys that are to live for ever, or not at all
//
// # Concurrency
//
//	t/291  a thousand callers: one request
//	t/292  the caller that began a fetch leaves
//	t/293  a storm of Refresh, and one during an older refresh
//	t/294  a refresh that hangs while keys are held
//	t/295  keys replaced while tokens are verified
//	t/296  a transport that panics
//	t/297  a transport that breaks its contract
//	t/298  a transport that ignores its context and answers later
//	t/299  the caller changes what it gave or was given
//	t/300  another package changes jwx's settings
//
// # Cost and errors
//
//	t/301  large tokens: little dearer than small ones, and refused at less
//	t/302  thousands of signatures in one token
//	t/304  errors that repeat what they were given
//	t/305  a megabyte in one claim
//	t/306  many failures: nothing is left running
//
// # Configuration
//
//	t/309  options that are empty, nil, or exclude each other
//	t/311  a leeway that is negative or too long
//	t/312  an error with a result that is not nil
//	t/314  a function that reads tokens without verifying them
//	t/315  configured values taken for patterns
//	t/316  several audiences or clients, of which one is enough
//
// # Algorithms that were chosen
//
//	t/340  an algorithm that was not chosen, or cannot be
//	t/341  algorithms that were chosen: accepted
//	t/342  names that cannot be chosen
//	t/343  names chosen twice
//	t/344  a kid that names a key for another algorithm
//	t/345  keys of two types under one kid
//	t/346  a key without alg: it serves the one algorithm of its type
//	t/347  a key whose type, curve, use or alg contradict each other
//	t/348  keys and tokens without kid: those of the token's algorithm count
//	t/349  keys of every kind beside a good one
//	t/350  a kid that a key of another type takes over
//	t/351  certificates in an EC key: not read
//	t/352  coordinates that are no point of the curve, or not its size
//	t/353  ECDSA signatures of another form, hash or key
//	t/354  ECDSA signatures of numbers out of range
//	t/355  the second signature that verifies under ECDSA: accepted
//	t/356  a signature over other bytes than those received
//	t/357  Ed25519 keys under which one signature fits every message
//	t/358  Ed25519 signatures of another form or variant
//	t/359  PSS with another salt, mask or hash
//	t/360  RSA with another padding or hash than alg says
//	t/361  at_hash and c_hash by another hash than the algorithm's
//	t/362  several issuers, each with algorithms of its own
//	t/363  keys that are skipped: the reason names the option
//	t/364  junk signatures of dear algorithms: no request
//	t/365  rules about claims: the same for every algorithm
package hostile
