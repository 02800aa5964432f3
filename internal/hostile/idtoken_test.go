package hostile_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestIDTokenClaims(t *testing.T) {
	t.Parallel()
	var (
		audience  = jwtverifier.ErrAudience
		party     = jwtverifier.ErrAuthorizedParty
		nonce     = jwtverifier.ErrNonce
		claim     = jwtverifier.ErrClaim
		tokenType = jwtverifier.ErrTokenType
		issuer    = jwtverifier.ErrIssuer
		hash      = jwtverifier.ErrTokenHash
		authTime  = jwtverifier.ErrAuthTime
		signed    = func(payload string) string { return jwsOf(key1(), h0(), payload) }
		noNonce   = &idCall{checks: []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}}
		none      = id0Token("nonce", absentMember)
	)
	const accessToken, code = "the.access.token", "the-code"
	half := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[:16])) }
	whole := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[:])) }
	wrongHalf := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[16:])) }
	half512 := func(s string) string { sum := sha512.Sum512([]byte(s)); return strconv.Quote(seg64(sum[:32])) }

	rows := []attack{
		{
			name:  "t/204 aud another client",
			token: id0Token("aud", `"other"`),
			want:  audience,
			claim: "aud",
		},
		{name: "t/204 aud an array of another client", token: id0Token("aud", `["other"]`), want: audience},
		{name: "t/204 aud an array of the client", token: id0Token("aud", `["client"]`)},
		{name: "t/204 aud the audience of access tokens", token: id0Token("aud", `"api"`), want: audience},
		{name: "t/204 aud an authorized client of access tokens", token: id0Token("aud", `"c1"`), want: audience},
		{name: "t/204 no aud", token: id0Token("aud", absentMember), want: audience},
		{name: "t/204 aud empty", token: id0Token("aud", `[]`), want: audience},
		{name: "t/204 aud null", token: id0Token("aud", `null`), want: audience},
		{name: "t/204 aud of mixed types", token: id0Token("aud", `["client",1]`), want: audience},
		{name: "t/204 aud in upper case", token: id0Token("aud", `"CLIENT"`), want: audience},
		{
			name:  "t/205 two audiences, no azp",
			token: id0Token("aud", `["client","other"]`),
			want:  party,
			claim: "azp",
		},
		{name: "t/205 two audiences, azp null", token: id0Token("aud", `["client","other"]`, "azp", `null`), want: party},
		{name: "t/205 two audiences, azp an array", token: id0Token("aud", `["client","other"]`, "azp", `["client"]`), want: party},
		{name: "t/205 two audiences, azp empty", token: id0Token("aud", `["client","other"]`, "azp", `""`), want: party},
		{name: "t/205 the same audience twice, no azp", token: id0Token("aud", `["client","client"]`), want: party},
		{name: "t/206 two audiences, azp the other", token: id0Token("aud", `["client","other"]`, "azp", `"other"`), want: party},
		{name: "t/206 two audiences, azp in upper case", token: id0Token("aud", `["client","other"]`, "azp", `"Client"`), want: party},
		{name: "t/206 one audience, azp another: an Android app's", token: id0Token("azp", `"other"`)},
		{name: "t/207 two audiences, azp the client", token: id0Token("aud", `["client","other"]`, "azp", `"client"`)},
		{name: "t/207 two audiences, azp the client, the client last", token: id0Token("aud", `["other","client"]`, "azp", `"client"`)},
		{
			name:  "t/210 no nonce expected, none there",
			token: none,
			id:    &idCall{},
			want:  nonce,
			claim: "nonce",
		},
		{
			name:  "t/210 no nonce expected, an empty one there",
			token: id0Token("nonce", `""`),
			id:    &idCall{},
			want:  nonce,
		},
		{
			name:  "t/210 no nonce expected, null there",
			token: id0Token("nonce", `null`),
			id:    &idCall{},
			want:  nonce,
		},
		{
			name:  "t/210 no nonce expected, one there",
			token: id0Token(),
			id:    &idCall{},
			want:  nonce,
		},
		{name: "t/211 NoNonce, one there", token: id0Token(), id: noNonce},
		{name: "t/211 NoNonce, none there", token: none, id: noNonce},
		{name: "t/211 NoNonce, an empty one there", token: id0Token("nonce", `""`), id: noNonce},
		{name: "t/211 NoNonce, a number there", token: id0Token("nonce", `1`), id: noNonce},
		{name: "t/212 the same token and nonce again", token: id0Token()}, // the runner asks twice
		{
			name:  "t/214 no iat",
			token: id0Token("iat", absentMember),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/214 iat null",
			token: id0Token("iat", `null`),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/214 iat a string",
			token: id0Token("iat", strconv.Quote(inSeconds(-10))),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/214 iat an array",
			token: id0Token("iat", `[1]`),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/214 iat negative",
			token: id0Token("iat", `-1`),
			want:  claim,
			claim: "iat",
		},
		{name: "t/214 iat 0", token: id0Token("iat", `0`)},
		{name: "t/215 iat now and the leeway", token: id0Token("iat", inSeconds(60))},
		{
			name:  "t/215 iat a second later",
			token: id0Token("iat", inSeconds(61)),
			want:  jwtverifier.ErrIssuedAt,
			claim: "iat",
		},
		{name: "t/215 iat a year old", token: id0Token("iat", inSeconds(-365*86400))},
		{
			name:  "t/215 nbf in the future",
			token: id0Token("nbf", inSeconds(61)),
			want:  jwtverifier.ErrNotYetValid,
			claim: "nbf",
		},
		{
			name:  "t/215 nbf a string",
			token: id0Token("nbf", `"0"`),
			want:  claim,
			claim: "nbf",
		},
		{
			name:  "t/217 no sub",
			token: id0Token("sub", absentMember),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/217 sub empty",
			token: id0Token("sub", `""`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/217 sub a number",
			token: id0Token("sub", `1`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/217 sub null",
			token: id0Token("sub", `null`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/217 sub an array",
			token: id0Token("sub", `["u"]`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/217 only SUB",
			token: id0Token("sub", absentMember, "SUB", `"u"`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{name: "t/217 sub of 300 characters", token: id0Token("sub", strconv.Quote(strings.Repeat("s", 300)))},
		{name: "t/219 access token for the client", token: at0Token("aud", `"client"`), want: nonce},
		{name: "t/219 access token for both", token: at0Token("aud", `["api","client"]`, "azp", `"client"`), want: nonce},
		{name: "t/219 access token with typ JWT", token: jwsOf(key1(), h0("typ", `"JWT"`), at0("aud", `"client"`)), want: nonce},
		{
			name:  "t/219 access token with a nonce and typ Bearer",
			token: id0Token("typ", `"Bearer"`),
			want:  tokenType,
			claim: "typ",
		},
		{
			name:  "t/219 access token with a nonce and token_use",
			token: id0Token("token_use", `"access"`),
			want:  tokenType,
			claim: "token_use",
		},
		{name: "t/219 token_use null is none", token: id0Token("token_use", `null`)},
		{name: "t/219 token_use ID", token: id0Token("token_use", `"ID"`), want: tokenType},
		{name: "t/219 token_use id", token: id0Token("token_use", `"id"`)},
		{name: "t/219 typ Refresh", token: id0Token("typ", `"Refresh"`), want: tokenType},
		{name: "t/219 typ Logout", token: id0Token("typ", `"Logout"`), want: tokenType},
		{name: "t/219 typ ID", token: id0Token("typ", `"ID"`)},
		{
			name:  "t/220 logout token",
			token: jwsOf(key1(), h0("typ", `"logout+jwt"`), id0("nonce", absentMember, "events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)),
			id:    noNonce,
			want:  tokenType,
			good:  none,
		},
		{
			name:  "t/220 logout token with typ JWT",
			token: jwsOf(key1(), h0("typ", `"JWT"`), id0("nonce", absentMember, "events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)),
			id:    noNonce,
			want:  tokenType,
			claim: "events",
			good:  none,
		},
		{name: "t/220 events null is none", token: id0Token("events", `null`)},
		{
			name:  "t/220 events empty",
			token: id0Token("events", `{}`),
			want:  tokenType,
			claim: "events",
		},
		{
			name:  "t/221 iss without scheme",
			token: id0Token("iss", `"as.example/tenant"`),
			want:  issuer,
			claim: "iss",
		},
		{name: "t/221 iss of Google without scheme", token: id0Token("iss", `"accounts.google.com"`), want: issuer},
		{name: "t/222 self-issued", token: id0Token("iss", `"https://self-issued.me"`, "sub_jwk", goodJWK1()), want: issuer},
		{name: "t/222 self-issued, version 2", token: id0Token("iss", `"https://self-issued.me/v2"`, "sub_jwk", goodJWK1()), want: issuer},
		{name: "t/222 iss equal to sub", token: id0Token("iss", `"u"`), want: issuer},
		{
			name:  "t/222 sub_jwk of the attacker",
			token: jwsOf(keyX(), h0(), id0("sub_jwk", jwkOf("k1", &keyX().PublicKey))),
			want:  jwtverifier.ErrSignature,
			part:  "signature",
		},
		{
			name:  "t/226 alg none",
			token: seg64(h0("alg", `"none"`)) + "." + seg64(id0()) + ".",
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
		{
			name:  "t/226 alg none with a signature",
			token: jwsOf(key1(), h0("alg", `"none"`), id0()),
			want:  jwtverifier.ErrAlgorithm,
			part:  "header",
		},
		{
			name:  "t/227 HS256 with the client's secret",
			token: seg64(h0("alg", `"HS256"`)) + "." + seg64(id0()) + "." + seg64(macOf("client-secret", seg64(h0("alg", `"HS256"`))+"."+seg64(id0()))),
			want:  jwtverifier.ErrAlgorithm,
			part:  "header",
		},
		{
			name:  "t/229 claims elsewhere",
			token: id0Token("_claim_names", `{"groups":"a"}`, "_claim_sources", `{"a":{"endpoint":"https://10.0.0.5/groups","access_token":"x"}}`),
		},
		{name: "t/229 claims in another token", token: id0Token("_claim_names", `{"groups":"a"}`, "_claim_sources", `{"a":{"JWT":"e30.e30.AA"}}`)},
		{
			name:  "t/189 nonce twice",
			token: signed(withMore(id0(), `"nonce":"n2"`)),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{name: "t/192 nonce and its twin", token: signed(withMore(id0(), `"NONCE":"n2"`))},
		{name: "t/192 only Nonce", token: id0Token("nonce", absentMember, "Nonce", `"n1"`), want: nonce},
	}
	for _, value := range []string{
		absentMember, `""`, `null`, `1`, `["n1"]`, `{"n1":1}`, `true`, `"N1"`, `"n1 "`, `" n1"`, `"n"`, `"n11"`,
		`"n1\u0000"`, `"n2"`,
	} {
		rows = append(rows, attack{
			name:  "t/209 nonce " + value,
			token: id0Token("nonce", value),
			want:  nonce,
			claim: "nonce",
		})
	}
	rows = append(rows, attack{name: "t/209 nonce escaped", token: id0Token("nonce", `"\u006e1"`)})

	within := &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(time.Hour)}}
	recent := id0Token("auth_time", inSeconds(-10))
	for _, value := range []string{
		absentMember, inSeconds(-3661), `"` + inSeconds(-10) + `"`, `null`, `0`, `-1`, inSeconds(61),
		`[` + inSeconds(-10) + `]`, `true`, `1e99`,
	} {
		rows = append(rows, attack{
			name:  "t/224 auth_time " + value,
			token: id0Token("auth_time", value),
			id:    within,
			want:  authTime,
			claim: "auth_time",
			good:  recent,
		})
	}
	for _, value := range []string{inSeconds(-3660), inSeconds(60), inSeconds(0), inSeconds(-10) + ".5"} {
		rows = append(rows, attack{
			name:  "t/224 auth_time " + value,
			token: id0Token("auth_time", value),
			id:    within,
			good:  recent,
		})
	}
	rows = append(rows,
		attack{
			name:  "t/224 MaxAge(0), a login a leeway ago",
			token: id0Token("auth_time", inSeconds(-60)),
			good:  recent,
			id:    &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0)}},
		},
		attack{
			name:  "t/224 MaxAge(0), an older login",
			token: id0Token("auth_time", inSeconds(-61)),
			good:  recent,
			want:  authTime,
			id:    &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0)}},
		},
		attack{
			name:  "t/224 a MaxAge of 290 years",
			token: id0Token("auth_time", `0`),
			good:  recent,
			id:    &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(1<<63 - 1)}},
		},
	)

	for _, c := range []struct {
		claim, of string
		id        *idCall
	}{
		{"at_hash", accessToken, &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash(accessToken)}}},
		{"c_hash", code, &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.CodeHash(code)}}},
	} {
		right := half(c.of)
		good := id0Token(c.claim, right)
		rows = append(rows, attack{
			name:  "t/225 " + c.claim,
			token: good,
			id:    c.id,
			good:  good,
		})
		for name, value := range map[string]string{
			"missing":        absentMember,
			"null":           `null`,
			"empty":          `""`,
			"a number":       `1`,
			"an array":       "[" + right + "]",
			"of another":     half("another"),
			"the other half": wrongHalf(c.of),
			"the whole hash": whole(c.of),
			"of SHA-512":     half512(c.of),
			"shorter":        right[:len(right)-2] + `"`,
			"padded":         right[:len(right)-1] + `=="`,
			"in upper case":  strings.ToUpper(right),
			"with a space":   right[:len(right)-1] + ` "`,
			"non-canonical":  strconv.Quote(flippedSextet(right[1:len(right)-1], 0)),
		} {
			rows = append(rows, attack{
				name:  "t/225 " + c.claim + " " + name,
				token: id0Token(c.claim, value),
				id:    c.id,
				good:  good,
				want:  hash,
				claim: c.claim,
			})
		}
	}
	both := &idCall{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(time.Hour), jwtverifier.CodeHash(code), jwtverifier.AccessTokenHash(accessToken)}}
	goodBoth := id0Token("at_hash", half(accessToken), "c_hash", half(code), "auth_time", inSeconds(0))
	rows = append(rows,
		attack{
			name:  "t/225 at_hash and c_hash exchanged",
			token: id0Token("at_hash", half(code), "c_hash", half(accessToken), "auth_time", inSeconds(0)),
			id:    both,
			good:  goodBoth,
			want:  hash,
			claim: "at_hash",
		},
		attack{
			name:  "t/225 at_hash before auth_time, whatever the order of the checks",
			token: id0Token("at_hash", half(accessToken)),
			id:    both,
			good:  goodBoth,
			want:  hash,
			claim: "c_hash",
		},
		attack{name: "t/225 hash not asked for", token: id0Token("at_hash", `"x"`, "c_hash", `1`)},
	)
	for i := range rows {
		if rows[i].id == nil {
			rows[i].id = asID0
		}
		if rows[i].id.nonce == "" && rows[i].id.checks == nil {
			// Nothing is accepted with an empty nonce: the twin asks with its own.
			rows[i].good = "none"
		}
	}
	var ordinary []attack
	for _, row := range rows {
		if row.good != "none" {
			ordinary = append(ordinary, row)
			continue
		}
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newSite().verifier(t)
				token, err := v.VerifyIDToken(t.Context(), row.token, "")
				require.Nil(t, token)
				refused := refusedBecause(t, err, row.want, row.token)
				assert.Equal(t, "claims", refused.Part)
				_, err = v.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
			})
		})
	}
	runAttacks(t, "claims", append(ordinary, expiryAttacks(id0Token, asID0)...))

	runRow(t, "t/230 email_verified a string", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newSite().verifier(t)
			token, err := v.VerifyIDToken(t.Context(), id0Token("email_verified", `"true"`), "n1")
			require.NoError(t, err)
			var asBool struct {
				EmailVerified bool `json:"email_verified"`
			}
			require.Error(t, token.Claims(&asBool))
			assert.False(t, asBool.EmailVerified)
			var raw map[string]any
			require.NoError(t, token.Claims(&raw))
			assert.Equal(t, "true", raw["email_verified"])
		})
	})
	runRow(t, "t/195 error of Claims does not show the claim", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newSite().verifier(t)
			token, err := v.VerifyIDToken(t.Context(), id0Token("sub", `"`+strings.Repeat("secret", 2_000)+`"`), "n1")
			require.NoError(t, err)
			var dst struct {
				Subject int `json:"sub"`
			}
			err = token.Claims(&dst)
			require.Error(t, err)
			oneShortLine(t, err)
			assert.NotContains(t, err.Error(), "secretsecret")
		})
	})
}

// RefreshOf has rows of its own: what is compared is another token.
func TestRefreshedIDToken(t *testing.T) {
	t.Parallel()
	first := func(changes ...string) string {
		return id0Token(append([]string{"auth_time", inSeconds(-100), "azp", `"client"`, "aud", `["client","other"]`}, changes...)...)
	}
	for _, row := range []struct {
		name  string
		token string
		want  error
		claim string
	}{
		{name: "t/212 refreshed, all the same", token: first()},
		{name: "t/212 refreshed, no nonce and no auth_time", token: first("nonce", absentMember, "auth_time", absentMember)},
		{name: "t/212 refreshed, later iat", token: first("iat", inSeconds(0))},
		{name: "t/212 refreshed, another audience in common", token: first("aud", `["client"]`)},
		{
			name:  "t/212 refreshed, another subject",
			token: first("sub", `"admin"`),
			want:  jwtverifier.ErrClaim,
			claim: "sub",
		},
		{
			name:  "t/212 refreshed, subject in upper case",
			token: first("sub", `"U"`),
			want:  jwtverifier.ErrClaim,
			claim: "sub",
		},
		{
			name:  "t/212 refreshed, another nonce",
			token: first("nonce", `"n2"`),
			want:  jwtverifier.ErrNonce,
			claim: "nonce",
		},
		{
			name:  "t/212 refreshed, an empty nonce",
			token: first("nonce", `""`),
			want:  jwtverifier.ErrNonce,
			claim: "nonce",
		},
		{name: "t/212 refreshed, nonce null is none", token: first("nonce", `null`)},
		{name: "t/212 refreshed, auth_time null is none", token: first("auth_time", `null`)},
		{
			name:  "t/212 refreshed, azp null is none",
			token: first("aud", `["client"]`, "azp", `null`),
			want:  jwtverifier.ErrAuthorizedParty,
			claim: "azp",
		},
		{
			name:  "t/212 refreshed, another login",
			token: first("auth_time", inSeconds(-50)),
			want:  jwtverifier.ErrAuthTime,
			claim: "auth_time",
		},
		{
			name:  "t/212 refreshed, auth_time a string",
			token: first("auth_time", `"x"`),
			want:  jwtverifier.ErrAuthTime,
			claim: "auth_time",
		},
		{
			name:  "t/212 refreshed, another azp",
			token: first("azp", `"client2"`),
			want:  jwtverifier.ErrAuthorizedParty,
			claim: "azp",
		},
		{
			name:  "t/212 refreshed, azp gone",
			token: first("aud", `["client"]`, "azp", absentMember),
			want:  jwtverifier.ErrAuthorizedParty,
			claim: "azp",
		},
		{
			name:  "t/212 refreshed, no audience in common",
			token: first("aud", `["client2"]`),
			want:  jwtverifier.ErrAudience,
			claim: "aud",
		},
		{
			name:  "t/212 refreshed, another issuer",
			token: first("iss", `"https://evil.example"`),
			want:  jwtverifier.ErrIssuer,
			claim: "iss",
		},
		{
			name:  "t/212 refreshed, expired",
			token: first("exp", inSeconds(-61)),
			want:  jwtverifier.ErrExpired,
			claim: "exp",
		},
		{
			name:  "t/212 refreshed, a logout token",
			token: first("events", `{}`),
			want:  jwtverifier.ErrTokenType,
			claim: "events",
		},
		{name: "t/212 refreshed, signature of another", token: jwsOf(keyX(), h0(), id0()), want: jwtverifier.ErrSignature},
	} {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newSite().verifier(t, jwtverifier.WithClientID("client2"))
				prev, err := v.VerifyIDToken(t.Context(), first(), "n1")
				require.NoError(t, err)
				token, err := v.VerifyIDToken(t.Context(), row.token, "", jwtverifier.RefreshOf(prev))
				require.Equal(t, err == nil, token != nil)
				if row.want == nil {
					require.NoError(t, err)
					return
				}
				refused := refusedBecause(t, err, row.want, row.token)
				assert.Equal(t, row.claim, refused.Claim)
			})
		})
	}
}
