package hostile_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// An attack is a token that differs from a good one in one thing. It is asked of
// a verifier without keys, and once more of the same one when it has them.
type attack struct {
	name  string // begins with the number of the attack
	token string
	want  error  // nil: it is accepted
	part  string // where it is refused; the part of the table by default
	claim string // the claim or header parameter that is named, if it matters

	jwks string               // the server's key set; K1 and K2 by default
	opts []jwtverifier.Option // of the verifier, added to the usual ones
	id   *idCall              // nil: it is an access token
	good string               // what is accepted by the same verifier; AT0 or ID0 by default

	unnamed bool // it names no key: its signature may be by one that is not known yet

	accepted func(*testing.T, *jwtverifier.AccessToken)
	refused  func(*testing.T, error)
}

// An idCall is a call of VerifyIDToken.
type idCall struct {
	nonce  string
	checks []jwtverifier.IDTokenCheck
}

// asID0 is how ID0 is verified.
var asID0 = &idCall{nonce: "n1"}

// runAttacks runs each row in a bubble of its own.
func runAttacks(t *testing.T, part string, rows []attack) {
	t.Helper()
	for _, row := range rows {
		if row.part == "" {
			row.part = part
		}
		runRow(t, row.name, func(t *testing.T) { synctest.Test(t, row.run) })
	}
}

func (row attack) run(t *testing.T) {
	site := newSite()
	jwks := cmp.Or(row.jwks, jwksOf(goodJWK1(), goodJWK2()))
	site.set(answerWith(200, jwks), jwksURL)
	good := row.good
	switch {
	case good != "":
	case row.id != nil:
		good = id0Token()
	default:
		good = at0Token()
	}
	var reported lockedBuffer // to the log and the observer
	v := site.verifier(t, append([]jwtverifier.Option{reported.logger(), reported.observer()}, row.opts...)...)

	row.ask(t, v, row.token, row.want)
	early := row.want != nil && row.want != jwtverifier.ErrUnknownKey && (row.part == "token" || row.part == "header")
	if early {
		assert.Zero(t, site.requests(), "requests for a token that no key can save")
		_, err := v.VerifyIDToken(t.Context(), row.token, "n1")
		refusedBecause(t, err, row.want, row.token)
	}

	row.ask(t, v, good, nil) // the twin
	row.ask(t, v, row.token, row.want)
	assert.Equal(t, onceOrAgain(row.want == jwtverifier.ErrUnknownKey || row.want == jwtverifier.ErrSignature && row.unnamed), site.askedFor(), "requests")
	assert.Zero(t, site.unclosed())

	text := reported.spaced()
	assert.Contains(t, text, "VerifyDoneInfo")
	for _, secret := range secretsOf(row.token) {
		if !strings.Contains(jwks, secret) { // observers learn which keys there are
			assert.Empty(t, repeats(text, secret), "of the token, in the log or an event")
		}
	}
}

// onceOrAgain are the requests for a site's documents: for the first token that was
// asked of a verifier, and once more if one came later whose key it did not have. A
// third within ten seconds is not worth a request.
func onceOrAgain(again bool) []string {
	requests := []string{metadataURL, jwksURL}
	if again {
		return append(requests, requests...)
	}
	return requests
}

// ask has a token verified and asserts the outcome.
func (row attack) ask(t *testing.T, v *jwtverifier.Verifier, raw string, want error) {
	t.Helper()
	var access *jwtverifier.AccessToken
	var err error
	if row.id == nil {
		access, err = v.VerifyAccessToken(t.Context(), raw)
		require.Equal(t, err == nil, access != nil)
	} else {
		var id *jwtverifier.IDToken
		id, err = v.VerifyIDToken(t.Context(), raw, row.id.nonce, row.id.checks...)
		require.Equal(t, err == nil, id != nil)
	}
	if want == nil {
		require.NoError(t, err)
		if row.accepted != nil && raw == row.token {
			row.accepted(t, access)
		}
		return
	}
	refused := refusedBecause(t, err, want, raw)
	assert.Equal(t, row.part, refused.Part)
	if row.claim != "" {
		assert.Equal(t, row.claim, refused.Claim)
	}
	if row.refused != nil {
		row.refused(t, err)
	}
}

// sentinels are all that the package exports, by their names. That none is missing
// is checked when all rows have run.
var sentinels = map[string]error{
	"ErrInvalidToken":    jwtverifier.ErrInvalidToken,
	"ErrMalformed":       jwtverifier.ErrMalformed,
	"ErrAlgorithm":       jwtverifier.ErrAlgorithm,
	"ErrUnknownKey":      jwtverifier.ErrUnknownKey,
	"ErrSignature":       jwtverifier.ErrSignature,
	"ErrTokenType":       jwtverifier.ErrTokenType,
	"ErrIssuer":          jwtverifier.ErrIssuer,
	"ErrAudience":        jwtverifier.ErrAudience,
	"ErrAuthorizedParty": jwtverifier.ErrAuthorizedParty,
	"ErrClientID":        jwtverifier.ErrClientID,
	"ErrNonce":           jwtverifier.ErrNonce,
	"ErrClaim":           jwtverifier.ErrClaim,
	"ErrConfirmation":    jwtverifier.ErrConfirmation,
	"ErrTokenHash":       jwtverifier.ErrTokenHash,
	"ErrAuthTime":        jwtverifier.ErrAuthTime,
	"ErrIssuedAt":        jwtverifier.ErrIssuedAt,
	"ErrNotYetValid":     jwtverifier.ErrNotYetValid,
	"ErrExpired":         jwtverifier.ErrExpired,
	"ErrUnavailable":     jwtverifier.ErrUnavailable,
	"ErrMisconfigured":   jwtverifier.ErrMisconfigured,
	"ErrIssuerMismatch":  jwtverifier.ErrIssuerMismatch,
}

// onlyReasons asserts that these sentinels match, and no others.
func onlyReasons(t *testing.T, err error, want ...error) {
	t.Helper()
	require.Error(t, err)
	for name, sentinel := range sentinels {
		wanted := slices.Contains(want, sentinel)
		require.Equal(t, wanted, errors.Is(err, sentinel), "matches %s: %v", name, err)
		if wanted {
			ran.want(t, name)
		}
	}
}

// refusedBecause asserts that raw was refused for this reason only, and all
// that holds for every refusal. It returns the error's parts.
func refusedBecause(t *testing.T, err, want error, raw string) *jwtverifier.TokenError {
	t.Helper()
	onlyReasons(t, err, jwtverifier.ErrInvalidToken, want)
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
	oneShortLine(t, err)

	text := err.Error()
	if want == jwtverifier.ErrUnknownKey {
		text, _, _ = strings.Cut(text, ": kid ") // the only value that is shown
	}
	for _, secret := range secretsOf(raw) {
		require.Empty(t, repeats(text, secret), "of the token, in %q", text)
	}
	return refused
}

// unavailable asserts that a token could not be judged, for no reason that is a
// token's, and all that holds for every such error.
func unavailable(t *testing.T, err error, also ...error) *jwtverifier.UnavailableError {
	t.Helper()
	onlyReasons(t, err, append([]error{jwtverifier.ErrUnavailable}, also...)...)
	var u *jwtverifier.UnavailableError
	require.ErrorAs(t, err, &u)
	oneShortLine(t, err)
	return u
}

// oneShortLine asserts what holds for the text of every error.
func oneShortLine(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	require.LessOrEqual(t, len(text), 1024, "text of the error")
	for i := range len(text) {
		require.True(t, ' ' <= text[i] && text[i] <= '~', "byte %#x in the text of the error: %q", text[i], text)
	}
}

// repeatedBytes is how much of a long secret may not be found in an error.
const repeatedBytes = 16

// knownText is what errors and logs may name: it was configured, or is part of their
// fixed text, and was not received.
var knownText = strings.Join([]string{
	strconv.Quote(issuerURL), `"api"`, `"client"`, `"c1"`, `"RS256"`, "crit, b64, enc or zip", `"access"`, `"at+jwt"`, "RefreshDoneInfo",
	metadataURL, openIDURL, insertedURL, jwksURL, strings.Join(allAlgorithms(), ", "),
	`"https://b.example"`, strconv.Quote(strconv.Quote(issuerURL)), strconv.Quote(strconv.Quote(jwksURL)), // the latter two as in a log
}, ", ")

// repeats returns what text repeats of secret, as it is or escaped: that many bytes
// in a row of a long one, all of a shorter one, and one of less than 4 bytes only as a
// word of its own. What is known anyway does not count.
func repeats(text, secret string) string {
	secret = secret[:min(len(secret), 256<<10)]
	escaped := strconv.QuoteToASCII(secret)
	for _, secret := range slices.Compact([]string{secret, escaped[1 : len(escaped)-1]}) {
		if len(secret) < repeatedBytes {
			found := strings.Contains(text, secret) && (len(secret) >= 4 || hasWord(text, secret))
			if found && !strings.Contains(knownText, secret) {
				return secret
			}
			continue
		}
		for i := 0; i+repeatedBytes <= len(text); i++ {
			if window := text[i : i+repeatedBytes]; strings.Contains(secret, window) && !strings.Contains(knownText, window) {
				return window
			}
		}
	}
	return ""
}

// hasWord reports whether word stands in text with neither a letter nor a digit next
// to it. What has less than two of them is no word: it stands in every text.
func hasWord(text, word string) bool {
	isLetter := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	letters := 0
	for _, r := range word {
		if isLetter(r) {
			letters++
		}
	}
	if letters < 2 {
		return false
	}
	for {
		before, after, found := strings.Cut(text, word)
		if !found {
			return false
		}
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		if !isLetter(last) && !isLetter(next) {
			return true
		}
		text = text[len(before)+1:]
	}
}

// secretsOf returns what an error may not repeat of a token: the whole and its
// segments, and of header and payload the text and each value.
func secretsOf(raw string) []string {
	segments := strings.SplitN(raw[:min(len(raw), 256<<10)], ".", 4)
	secrets := append([]string{raw}, segments...)
	for _, segment := range segments[:min(len(segments), 2)] {
		decoded, err := base64.RawURLEncoding.DecodeString(segment)
		if err != nil {
			continue
		}
		secrets = append(secrets, string(decoded))
		decoder := json.NewDecoder(bytes.NewReader(decoded))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) == nil {
			secrets = append(secrets, leavesOf(value)...)
		}
	}
	return secrets
}

// leavesOf returns the strings and numbers in a JSON value.
func leavesOf(v any) (leaves []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case []any:
		for _, element := range v[:min(len(v), 100)] {
			leaves = append(leaves, leavesOf(element)...)
		}
	case map[string]any:
		for _, element := range v {
			leaves = append(leaves, leavesOf(element)...)
		}
	}
	return leaves
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	const long = "0123456789abcdefghijklmnop"
	for _, row := range []struct{ name, text, secret, want string }{
		{name: "nothing", text: "malformed token", secret: long},
		{
			name:   "a part of a long secret",
			text:   "malformed: ...56789abcdefghijkl...",
			secret: long,
			want:   "56789abcdefghijk",
		},
		{name: "less than is looked for", text: "malformed: 0123456789abcde, bcdefghijklmnop", secret: long},
		{
			name:   "a long secret, escaped",
			text:   `malformed: "\u00e9\n\u00e9\n"`,
			secret: "\u00e9\n\u00e9\n",
			want:   `\u00e9\n\u00e9\n`,
		},
		{
			name:   "a part of a long secret, escaped",
			text:   `claims: "{\"sub\":\"u\",\"n\":\"x\"}"`,
			secret: `{"sub":"u","n":"x"}`,
			want:   `{\"sub\":\"u\",\`,
		},
		{
			name:   "a short secret",
			text:   `wrong claim: "c2"`,
			secret: "c2",
			want:   "c2",
		},
		{
			name:   "a short secret at the end",
			text:   "wrong claim: c2",
			secret: "c2",
			want:   "c2",
		},
		{
			name:   "a short secret, after it was part of a word",
			text:   "abc2 c2x c2",
			secret: "c2",
			want:   "c2",
		},
		{
			name:   "a short secret, escaped",
			text:   `wrong claim: "\x00ab"`,
			secret: "\x00ab",
			want:   `\x00ab`,
		},
		{
			name:   "a short secret inside a word",
			text:   "secrets",
			secret: "secret",
			want:   "secret",
		},
		{name: "a very short secret inside a word", text: "malformed", secret: "for"},
		{name: "a very short secret inside a name", text: "at_hash", secret: "at"},
		{
			name:   "a number",
			text:   "want 1, not 946684800",
			secret: "946684800",
			want:   "946684800",
		},
		{
			name:   "a token of five bytes",
			text:   `not three segments: "x.y.z"`,
			secret: "x.y.z",
			want:   "x.y.z",
		},
		{name: "a letter", text: "a token", secret: "a"},
		{name: "a dot", text: "malformed. token.", secret: "."},
		{name: "an empty secret", text: "malformed"},
		{name: "a configured value", text: `wrong audience: want "client"`, secret: "client"},
		{name: "a configured value, long", text: `wrong issuer: want "` + issuerURL + `"`, secret: `{"iss":"` + issuerURL + `"}`},
	} {
		t.Run(row.name, func(t *testing.T) { assert.Equal(t, row.want, repeats(row.text, row.secret)) })
	}
	for _, secret := range []string{"K1", "946684800", "leaf", "deep", `{"kid":"K1","n":946684800}`, `["leaf",{"x":"deep"}]`} {
		assert.Contains(t, secretsOf(seg64(`{"kid":"K1","n":946684800}`)+"."+seg64(`["leaf",{"x":"deep"}]`)+".AAAA"), secret)
	}
	assert.Contains(t, secretsOf("x.y.z"), "x.y.z")
	assert.Contains(t, secretsOf("opaque"), "opaque")
}

// A lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// spaced returns what was written, so that its own JSON is no part of a token's.
func (l *lockedBuffer) spaced() string {
	return strings.NewReplacer(`:"`, `: "`, `",`, `" ,`).Replace(l.String())
}

// logger logs everything to the buffer, except the time.
func (l *lockedBuffer) logger() jwtverifier.Option {
	return jwtverifier.WithLogger(slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
}

// observer prints every event to the buffer.
func (l *lockedBuffer) observer() jwtverifier.Option {
	tell := func(event any, err error) { fmt.Fprintf(l, "%#v %q\n", event, fmt.Sprint(err)) }
	return jwtverifier.WithObserver(jwtverifier.Observer{
		FetchDone:    func(i jwtverifier.FetchDoneInfo) { tell(i, i.Err) },
		RefreshDone:  func(i jwtverifier.RefreshDoneInfo) { tell(i, i.Err) },
		KeysChanged:  func(i jwtverifier.KeysChangedInfo) { tell(i, nil) },
		StateChanged: func(i jwtverifier.StateChangedInfo) { tell(i, nil) },
		UnknownKey:   func(i jwtverifier.UnknownKeyInfo) { tell(i, nil) },
		VerifyDone:   func(i jwtverifier.VerifyDoneInfo) { tell(i, nil) },
	})
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// accepts and refuses are one verification in a test that has many.
func accepts(t *testing.T, v *jwtverifier.Verifier, raw string) {
	t.Helper()
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	require.NotNil(t, token)
}

func refuses(t *testing.T, v *jwtverifier.Verifier, raw string, want error) {
	t.Helper()
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.Nil(t, token)
	if want == jwtverifier.ErrUnavailable {
		unavailable(t, err)
		return
	}
	refusedBecause(t, err, want, raw)
}
