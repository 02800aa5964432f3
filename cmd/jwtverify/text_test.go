package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

var sentinels = map[string]error{
	"ErrMalformed": jwtverifier.ErrMalformed, "ErrAlgorithm": jwtverifier.ErrAlgorithm,
	"ErrUnknownKey": jwtverifier.ErrUnknownKey, "ErrSignature": jwtverifier.ErrSignature,
	"ErrTokenType": jwtverifier.ErrTokenType, "ErrIssuer": jwtverifier.ErrIssuer,
	"ErrAudience": jwtverifier.ErrAudience, "ErrAuthorizedParty": jwtverifier.ErrAuthorizedParty,
	"ErrClientID": jwtverifier.ErrClientID, "ErrNonce": jwtverifier.ErrNonce,
	"ErrClaim": jwtverifier.ErrClaim, "ErrConfirmation": jwtverifier.ErrConfirmation,
	"ErrTokenHash": jwtverifier.ErrTokenHash, "ErrAuthTime": jwtverifier.ErrAuthTime,
	"ErrIssuedAt": jwtverifier.ErrIssuedAt, "ErrNotYetValid": jwtverifier.ErrNotYetValid,
	"ErrExpired": jwtverifier.ErrExpired,
}

// Each reason that the package declares has its place among the rules, in the
// order of its declaration.
func TestEverySentinelHasItsPlace(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../errors.go", nil, 0)
	require.NoError(t, err)
	last, found := -1, 0
	for _, decl := range file.Decls {
		vars, ok := decl.(*ast.GenDecl)
		if !ok || vars.Tok != token.VAR {
			continue
		}
		for _, spec := range vars.Specs {
			name := spec.(*ast.ValueSpec).Names[0].Name
			families := []string{"ErrInvalidToken", "ErrUnavailable", "ErrMisconfigured", "ErrIssuerMismatch"}
			if !strings.HasPrefix(name, "Err") || slices.Contains(families, name) {
				continue
			}
			found++
			require.Contains(t, sentinels, name)
			if name == "ErrClaim" { // has several places
				continue
			}
			e := &jwtverifier.TokenError{Reason: sentinels[name], Part: "token"}
			at := place(rules, e)
			assert.Greater(t, at, last, name)
			last = at
			assert.True(t, place(rulesFor(kindAccess), e) >= 0 || place(rulesFor(kindID), e) >= 0, name)
		}
	}
	assert.Len(t, sentinels, found)

	for _, part := range []string{"token", "header", "payload"} {
		assert.GreaterOrEqual(t, place(rules, &jwtverifier.TokenError{Reason: jwtverifier.ErrMalformed, Part: part}), 0, part)
	}
	for _, kind := range []string{kindAccess, kindID} {
		for _, claim := range []string{"sub", "iat", "nbf", "exp"} {
			e := &jwtverifier.TokenError{Reason: jwtverifier.ErrClaim, Claim: claim}
			rules := rulesFor(kind)
			assert.Equal(t, claim, rules[place(rules, e)].name)
		}
	}
}

func TestColour(t *testing.T) {
	none := func(string) string { return "" }
	assert.True(t, wantsColour(true, none))
	assert.False(t, wantsColour(false, none))
	assert.False(t, wantsColour(true, func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }))
	assert.False(t, wantsColour(true, func(name string) string { return map[string]string{"TERM": "dumb"}[name] }))

	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer file.Close()
	assert.False(t, isTerminal(file))

	server := start(t, "")
	good, bad := server.AccessToken(), server.AccessToken(claims{"aud": "other"})
	args := []string{"-issuer", server.URL(), "-audience", jwtverifiertest.Audience}
	for _, raw := range []string{good, bad} {
		plain, coloured := verify(t, raw, false, args...), verify(t, raw, true, args...)
		assert.NotContains(t, plain.out, "\x1b")
		assert.Contains(t, coloured.out, "\x1b[32m✓\x1b[0m")
		assert.NotContains(t, verify(t, raw, true, append(args, "-json")...).out, "\x1b")
	}
	server.Down()
	assert.Contains(t, verify(t, good, true, args...).out, "\x1b[33m?\x1b[0m")
}

// What a token says cannot do anything to a terminal.
func TestHostileText(t *testing.T) {
	server := start(t, "")
	const evil = "a\x1b[2J\x07\r\n\u009b31m\u202e\u200b\x7f\u0430" // the last one is a Cyrillic letter
	kid := "k" + evil
	header, err := json.Marshal(claims{"alg": "RS256", "kid": kid, "typ": "JWT", "x" + evil: evil})
	require.NoError(t, err)
	payload, err := json.Marshal(claims{
		"iss": evil, "aud": []string{evil, strings.Repeat("long", 1000)}, "sub": strings.Repeat("s", 5000),
		"nested": claims{"n" + evil: evil}, "n" + evil: evil, "exp": 1e300, "iat": -1,
	})
	require.NoError(t, err)
	keys, err := json.Marshal(claims{"keys": []any{claims{"kty": "AKP", "kid": kid}}})
	require.NoError(t, err)
	keys = append(append(keys[:len(keys)-2], ','), server.JWKS()[len(`{"keys":[`):]...)
	server.Respond(server.JWKSPath(), jwtverifiertest.Response{Body: keys})
	raw := server.Sign(header, payload)
	args := []string{"-issuer", server.URL(), "-audience", "a", "-show-claims"}

	res := verify(t, raw, false, args...)
	assert.Equal(t, exitRefused, res.status)
	for _, c := range res.out {
		require.True(t, c == '\n' || c >= ' ' && c < 0x7f || strings.ContainsRune("✓✗–·…", c), "%q in %q", c, res.out)
	}
	for line := range strings.Lines(res.out) {
		assert.Less(t, len(line), 320, line)
	}
	assert.Contains(t, res.out, `says  "ka\x1b[2J\a\r\n\u009b31m\u202e\u200b\x7f\u0430"`)
	assert.Contains(t, res.out, `skipped: kty "AKP" is not accepted, the one that the token names`)
	assert.Contains(t, res.out, "    exp        1e+300\n")

	res = verify(t, raw, true, append(args, "-json")...)
	for _, c := range res.out {
		require.True(t, c == '\n' || c >= ' ' && c < 0x7f, "%q", c)
	}
	var r report
	require.NoError(t, json.Unmarshal([]byte(res.out), &r))
	assert.Equal(t, evil, str(r.Token.Claims["iss"]), "JSON keeps what was said")
	assert.Equal(t, kid, str(r.rule(t, "key").Says[0].Value))
}

// A report can be written whatever the token is.
func TestStrangeTokens(t *testing.T) {
	server := start(t, "")
	good := []byte(`{"alg":"RS256","kid":"key-1"}`)
	for name, raw := range map[string]string{
		"deep":           server.Sign(good, []byte(`{"iss":`+strings.Repeat("[", 9997)+strings.Repeat("]", 9997)+`}`)),
		"deeper":         server.Sign(good, []byte(`{"iss":`+strings.Repeat("[", 20000)+strings.Repeat("]", 20000)+`}`)),
		"invalid UTF-8":  server.Sign(good, []byte("{\"iss\":\"\xff\",\"\xfe\":1}")),
		"named twice":    server.Sign(good, []byte(`{"iss":1,"iss":"a"}`)),
		"no object":      server.Sign([]byte("null"), []byte("[1]")),
		"trailing data":  server.Sign(good, []byte(`{"iss":"a"} {}`)),
		"an odd kid":     server.Sign([]byte(`{"alg":"RS256","kid":7,"typ":{}}`), []byte(`{"exp":"soon","aud":{},"iat":[]}`)),
		"empty segments": "..",
		"padded":         "eyJhbGciOiJIUzI1NiJ9=.e30=.",
		"one segment":    "x",
		"huge":           strings.Repeat("A", maxInputBytes+10),
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"-issuer", server.URL(), "-audience", "a", "-show-claims"}
			assert.Equal(t, exitRefused, verify(t, raw, false, args...).status)
			status, r := verifyJSON(t, raw, args...)
			assert.Equal(t, exitRefused, status)
			assert.Equal(t, refused, r.Verdict)
		})
	}
}

func TestManyKeysAndClaims(t *testing.T) {
	server := start(t, "")
	var entries strings.Builder
	for range 100 {
		entries.WriteString(`{"kty":"AKP"},`)
	}
	keys := strings.Replace(string(server.JWKS()), "[", "["+entries.String(), 1)
	server.Respond(server.JWKSPath(), jwtverifiertest.Response{Body: []byte(keys)})
	many := claims{}
	for i := range 100 {
		many["claim-"+strings.Repeat("x", i)] = i
	}
	res := verify(t, server.AccessToken(many), false, "-issuer", server.URL(), "-audience", jwtverifiertest.Audience, "-show-claims")
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, "✓ key-1                usable, the one that the token names")
	assert.Contains(t, res.out, `– (no kid)             skipped: kty "AKP" is not accepted`)
	assert.Contains(t, res.out, "      … and 61 more\n")
	assert.Less(t, strings.Count(res.out, "\n"), 130)
}

func TestClean(t *testing.T) {
	for _, test := range []struct {
		text, raw string
		notes     int
	}{
		{" a.b.c\r\n", "a.b.c", 0},
		{"\ufeffa.b.c", "a.b.c", 0},
		{"Bearer a.b.c", "a.b.c", 1},
		{"bearer\u00a0a.b.c", "bearer\u00a0a.b.c", 0},
		{"Authorization: Bearer  a.b.c\n", "a.b.c", 2},
		{`"a.b.c"` + "\n", "a.b.c", 1},
		{`"`, `"`, 0},
		{"Bearer", "Bearer", 0},
	} {
		in := clean(test.text)
		assert.Equal(t, test.raw, in.raw, test.text)
		assert.Len(t, in.notes, test.notes, test.text)
	}
	server := start(t, "")
	res := verify(t, "Bearer "+server.AccessToken(), false, "-issuer", server.URL(), "-audience", jwtverifiertest.Audience)
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, `hint: "Bearer " in front of the token was taken away`)
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                     "0 s",
		59 * time.Second:                      "59 s",
		time.Minute:                           "1 min",
		72 * time.Second:                      "1 min 12 s",
		57*time.Minute + 10*time.Second:       "57 min",
		59*time.Minute + 40*time.Second:       "1 h",
		2*time.Hour + 5*time.Minute:           "2 h 5 min",
		24 * time.Hour:                        "1 d",
		75*time.Hour + 59*time.Minute:         "3 d 3 h",
		100 * 365 * 24 * time.Hour:            "36500 d",
		9*time.Minute + 59*time.Second:        "9 min 59 s",
		10*time.Minute + 500*time.Microsecond: "10 min",
	} {
		assert.Equal(t, want, span(d))
	}
	assert.Equal(t, "logged in 1 h ago", moment{Seconds: -3600}.relative("auth_time"))
	assert.Equal(t, "issued 5 s from now", moment{Seconds: 5}.relative("iat"))
	assert.Equal(t, "begins in 5 s", moment{Seconds: 5}.relative("nbf"))
	assert.Equal(t, "expired 5 s ago", moment{Seconds: -5}.relative("exp"))
}
