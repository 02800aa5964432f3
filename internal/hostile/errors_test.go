package hostile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	long := "https://as.example/" + strings.Repeat("x", 2000)
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("audience\n%d\x00\u202e", i)
	}
	keys := jwtverifier.WithStaticKeys([]byte(jwksOf(goodJWK1())))
	v, err := jwtverifier.New(long, jwtverifier.WithAudience(many...), jwtverifier.WithAuthorizedClients(many...), jwtverifier.WithClientID(many...), keys,
		jwtverifier.WithClock(func() time.Time { return bubbleStart }))
	require.NoError(t, err)
	secret := strconv.Quote(strings.Repeat("secret", 1000))
	iss := strconv.Quote(long)
	for name, row := range map[string]struct {
		raw  string
		want error
	}{
		"iss":      {at0Token("iss", secret), jwtverifier.ErrIssuer},
		"aud":      {at0Token("iss", iss, "aud", secret), jwtverifier.ErrAudience},
		"cid":      {at0Token("iss", iss, "aud", quotedJSON(many[0]), "cid", secret), jwtverifier.ErrClientID},
		"kid":      {jwsOf(key1(), h0("kid", strconv.Quote(strings.Repeat("\u00e9", 500))), at0()), jwtverifier.ErrUnknownKey},
		"alg":      {jwsOf(key1(), h0("alg", secret), at0()), jwtverifier.ErrAlgorithm},
		"header":   {jwsOf(key1(), `{"secretsecretsecret":`, at0()), jwtverifier.ErrMalformed},
		"payload":  {jwsOf(key1(), h0(), `{"secretsecretsecret":"secret`), jwtverifier.ErrMalformed},
		"typ":      {jwsOf(key1(), h0("typ", secret), at0()), jwtverifier.ErrTokenType},
		"segments": {strings.Repeat("secret.", 1000), jwtverifier.ErrMalformed},
	} {
		runRow(t, "t/304 long and strange "+name, func(t *testing.T) {
			token, err := v.VerifyAccessToken(t.Context(), row.raw)
			require.Nil(t, token)
			onlyReasons(t, err, jwtverifier.ErrInvalidToken, row.want)
			oneShortLine(t, err)
			assert.NotContains(t, err.Error(), "secret")
			assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err.Error()), "secret")
		})
	}
	runRow(t, "t/304 nonce that was expected", func(t *testing.T) {
		_, err := v.VerifyIDToken(t.Context(), id0Token("iss", iss, "aud", quotedJSON(many[0])), "secret nonce of the session")
		onlyReasons(t, err, jwtverifier.ErrInvalidToken, jwtverifier.ErrNonce)
		assert.NotContains(t, err.Error(), "secret")
	})
	runRow(t, "t/304 kid in an unavailable error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(answerWith(500, ""), jwksURL)
			_, err := site.verifier(t).VerifyAccessToken(t.Context(), jwsOf(key1(), h0("kid", `"secretsecret"`), at0()))
			unavailable(t, err)
			assert.NotContains(t, err.Error(), "secret")
		})
	})
}
