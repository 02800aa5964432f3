package jwtverifier_test

import (
	"encoding/json"
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
