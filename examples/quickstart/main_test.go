package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestVerifyOne(t *testing.T) {
	server, err := jwtverifiertest.Start("")
	require.NoError(t, err)
	defer server.Close()

	for _, test := range []struct {
		name, raw, audience, clientID, nonce string
		want                                 error
	}{
		{"access token", server.AccessToken(), jwtverifiertest.Audience, "", "", nil},
		{"ID token", server.IDToken("n"), "", jwtverifiertest.ClientID, "n", nil},
		{"other audience", server.AccessToken(), "other", "", "", jwtverifier.ErrAudience},
		{"other nonce", server.IDToken("n"), "", jwtverifiertest.ClientID, "other", jwtverifier.ErrNonce},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			err := verifyOne(t.Context(), strings.NewReader(test.raw+"\n"), &out, server.URL(), test.audience, test.clientID, test.nonce)
			require.ErrorIs(t, err, test.want)
			if test.want == nil {
				require.Contains(t, out.String(), "It expires in ")
				require.Contains(t, out.String(), `iss                  "`+server.URL()+`"`)
			}
		})
	}
}
