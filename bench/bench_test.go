package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestContestantsDoTheWork(t *testing.T) {
	issuer := newIssuer()
	for _, c := range contestants(issuer) {
		assert.NoError(t, admit(c, issuer))
	}
}

func TestTokensAreAsDescribed(t *testing.T) {
	issuer, key := newIssuer(), newToyKey()
	assert.InDelta(t, 820, len(mint(issuer, nil)), 15)
	assert.Len(t, claims(), 13)

	assert.Equal(t, 2048, key.n.BitLen())
	v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience(audience), jwtverifier.WithStaticKeys(key.jwks()))
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), key.mint(1, nil)[0])
	assert.NoError(t, err)
}

func TestRefusalsAreAsDescribed(t *testing.T) {
	for _, d := range doors(newIssuer()) {
		for _, r := range d.refusals {
			assert.Equal(t, r.want, outcome(d.send(r.sent)), "%s: %s", d.name, r.name)
		}
	}
}
