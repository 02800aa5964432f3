package jwtverifier_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// folded returns every spelling of name that folds to it, itself included.
func folded(name string) []string {
	spellings := []string{""}
	for _, first := range name {
		var longer []string
		for _, s := range spellings {
			longer = append(longer, s+string(first))
			for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
				longer = append(longer, s+string(r))
			}
		}
		spellings = longer
	}
	return spellings
}

// TestNamesThatFold: no spelling of a registered claim is accepted except its own.
func TestNamesThatFold(t *testing.T) {
	v := fuzzVerifier(t, fuzzKey(t))
	with := func(member string) string { return `{` + member + `,` + fuzzAccess[1:] }
	count := 0
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} {
		for _, spelling := range folded(name) {
			if spelling == name {
				continue
			}
			count++
			quoted, err := json.Marshal(spelling)
			require.NoError(t, err)
			for _, value := range []string{`null`, `"x"`, `{}`} {
				_, err = jwtverifier.JudgeAccessClaims(v, []byte(with(string(quoted)+`:`+value)))
				requireReason(t, err, jwtverifier.ErrMalformed)
				require.EqualError(t, err, "jwtverifier: malformed token: a name that folds to "+name)
			}
			_, err = jwtverifier.JudgeAccessClaims(v, []byte(with(`"x":{`+string(quoted)+`:1}`)))
			require.NoError(t, err, "inside another claim: %s", spelling)
			for _, longer := range []string{spelling + "x", "x" + spelling, spelling + " ", spelling[:2]} {
				longer, err := json.Marshal(strings.ToValidUTF8(longer, ""))
				require.NoError(t, err)
				_, err = jwtverifier.JudgeAccessClaims(v, []byte(with(string(longer)+`:1`)))
				require.NoError(t, err, "another name: %s", longer)
			}
		}
	}
	assert.Equal(t, 17+11+5*7, count, "3 spellings of an s, 2 of each other letter")
}

// TestPastedTokens: what came along with a token is named, and nothing else of it.
func TestPastedTokens(t *testing.T) {
	issuer, v := newPair(t)
	good := issuer.AccessToken()
	for _, test := range []struct{ raw, want string }{
		{"Bearer " + good, `begins with "Bearer ": pass what follows it`},
		{"bearer " + good, `begins with "Bearer ": pass what follows it`},
		{"BEARER secret", `begins with "Bearer ": pass what follows it`},
		{"Bearer " + good + "\n", `begins with "Bearer ": pass what follows it`},
		{good + "\n", "white space around it"},
		{"\t" + good, "white space around it"},
		{good + "\u00a0", "white space around it"},
		{" ", "white space around it"},
		{strconv.Quote(good), "is quoted"},
		{`"` + good, "is quoted"},
		{good + `'`, "is quoted"},
		{"`secret`", "is quoted"},
		{"Bearer", "not three segments"},
		{"Bearer ", "white space around it"},
		{"Bearer" + good + "!", "not base64url"},
		{"", "not three segments"},
		{"secret", "not three segments"},
		{strings.Replace(good, ".", ". ", 1), "not base64url"},
		{good + "=", "not base64url"},
	} {
		token, err := v.VerifyAccessToken(t.Context(), test.raw)
		require.Nil(t, token)
		requireReason(t, err, jwtverifier.ErrMalformed)
		require.EqualError(t, err, "jwtverifier: malformed token: "+test.want, "%.20q", test.raw)
	}
}
