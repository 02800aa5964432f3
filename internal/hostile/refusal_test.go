package hostile_test

import (
	"bytes"
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
	part  string // where it is refused; that of the table by default
	claim string // the claim or header parameter that is named, if it matters

	jwks string               // the server's key set; K1 and K2 by default
	opts []jwtverifier.Option // of the verifier, besides the usual ones
	id   *idCall              // nil: it is an access token
	good string               // what is accepted by the same verifier; AT0 or ID0 by default

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
	if row.jwks != "" {
		site.set(answerWith(200, row.jwks), jwksURL)
	}
	good := row.good
	switch {
	case good != "":
	case row.id != nil:
		good = id0Token()
	default:
		good = at0Token()
	}
	var told lockedBuffer // by the log and the observer
	v := site.verifier(t, append([]jwtverifier.Option{told.logger(), told.observer()}, row.opts...)...)

	row.ask(t, v, row.token, row.want)
	early := row.want != nil && row.want != jwtverifier.ErrUnknownKey && (row.part == "token" || row.part == "header")
	if early {
		assert.Zero(t, site.requests(), "requests for a token that no key can save")
		_, err := v.VerifyIDToken(t.Context(), row.token, "n1")
		refusedBecause(t, err, row.want, row.token)
	}

	row.ask(t, v, good, nil) // the twin
	row.ask(t, v, row.token, row.want)
	assert.Equal(t, []string{metadataURL, jwksURL}, site.askedFor(), "requests")
	assert.Zero(t, site.unclosed())

	assert.Contains(t, told.String(), "VerifyDoneInfo")
	assert.Empty(t, repeats(told.spaced(), row.token), "a part of the token")
	assert.Empty(t, repeats(told.spaced(), payloadOf(row.token)), "a part of the payload")
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

// refusedBecause asserts that raw was refused for this reason alone, and all
// that holds for every refusal. It returns the error's parts.
func refusedBecause(t *testing.T, err, want error, raw string) *jwtverifier.TokenError {
	t.Helper()
	onlyReasons(t, err, jwtverifier.ErrInvalidToken, want)
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
	oneShortLine(t, err)

	text := err.Error()
	require.Empty(t, repeats(text, raw), "a part of the token in %q", text)
	segments := strings.Split(raw[:min(len(raw), 4<<10)], ".")
	for _, segment := range segments {
		if len(segment) >= 8 {
			require.NotContains(t, text, segment)
		}
	}
	if len(segments) > 1 {
		payload := payloadOf(raw)
		require.Empty(t, repeats(text, payload), "a part of the payload in %q", text)
		var claims any
		_ = json.Unmarshal([]byte(payload), &claims)
		for _, value := range leavesOf(claims) {
			if len(value) >= 4 && !strings.Contains(configuredText, value) {
				require.NotContains(t, text, value, "a claim's value")
			}
		}
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

// repeatedBytes is how much of a secret may not be found in an error.
const repeatedBytes = 16

// configuredText is what errors may name: it was configured, not received.
var configuredText = strings.Join([]string{
	strconv.Quote(issuerURL), `"api"`, `"client"`, `"c1"`, `"RS256"`,
	metadataURL, openIDURL, insertedURL, jwksURL,
	`"https://b.example"`, strconv.Quote(strconv.Quote(issuerURL)), strconv.Quote(strconv.Quote(jwksURL)), // the latter two as in a log
}, ", ")

// repeats returns what text repeats of secret, but for what was configured.
func repeats(text, secret string) string {
	secret = secret[:min(len(secret), 256<<10)]
	for i := 0; i+repeatedBytes <= len(text); i++ {
		if window := text[i : i+repeatedBytes]; strings.Contains(secret, window) && !strings.Contains(configuredText, window) {
			return window
		}
	}
	return ""
}

// payloadOf returns what the second segment says, if there is one.
func payloadOf(raw string) string {
	_, rest, _ := strings.Cut(raw, ".")
	segment, _, _ := strings.Cut(rest, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(segment)
	return string(payload)
}

// leavesOf returns the strings and numbers in a JSON value.
func leavesOf(v any) (leaves []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
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

// logger logs everything to the buffer, but for the time.
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
