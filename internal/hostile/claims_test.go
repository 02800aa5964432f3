package hostile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestAccessTokenClaims(t *testing.T) {
	t.Parallel()
	var (
		malformed = jwtverifier.ErrMalformed
		issuer    = jwtverifier.ErrIssuer
		audience  = jwtverifier.ErrAudience
		clientID  = jwtverifier.ErrClientID
		claim     = jwtverifier.ErrClaim
		tokenType = jwtverifier.ErrTokenType
		confirm   = jwtverifier.ErrConfirmation
	)
	signed := func(payload string) string { return jwsOf(key1(), h0(), payload) }
	more := func(raw string) string { return signed(withMore(at0(), raw)) }
	quoted := strconv.Quote
	i := issuerURL

	rows := []attack{
		{
			name:  "t/155 payload an object that is never closed",
			token: signed(`{`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/155 payload that ends in a name",
			token: signed(strings.TrimSuffix(at0("exp", absentMember), "}") + `,"exp"`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 garbage behind",
			token: signed(at0() + "garbage"),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 an object behind",
			token: signed(at0() + `{"iss":"evil"}`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 a bracket behind",
			token: signed(at0() + "]"),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 a brace behind",
			token: signed(at0() + "}"),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 a comma behind",
			token: signed(at0() + ","),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 NUL behind",
			token: signed(at0() + "\x00"),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 an object in front",
			token: signed(`{}` + at0()),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 byte order mark in front",
			token: signed("\ufeff" + at0()),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/156 the object in an array",
			token: signed("[" + at0() + "]"),
			want:  malformed,
			part:  "payload",
		},
		{name: "t/156 white space around", token: signed(" \r\n\t" + at0() + "\n ")},
		{
			name:  "t/156 a comment",
			token: signed(withMore(at0(), `"x":1/**/`)),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/157 no claims",
			token: signed(`{}`),
			want:  issuer,
			claim: "iss",
		},
		{
			name:  "t/157 no iss",
			token: signed(at0("iss", absentMember)),
			want:  issuer,
			claim: "iss",
		},
		{
			name:  "t/157 iss null",
			token: signed(at0("iss", `null`)),
			want:  issuer,
			claim: "iss",
		},
		{
			name:  "t/157 iss an array",
			token: signed(at0("iss", "["+quoted(i)+"]")),
			want:  issuer,
			claim: "iss",
		},
		{
			name:  "t/157 iss an object",
			token: signed(at0("iss", "{"+quoted(i)+":1}")),
			want:  issuer,
			claim: "iss",
		},
		{
			name:  "t/157 iss a number",
			token: signed(at0("iss", `1`)),
			want:  issuer,
			claim: "iss",
		},
		{name: "t/160 iss escaped", token: signed(at0("iss", `"https:\/\/as\u002eexample\/tenant"`))},
		{name: "t/160 name of iss escaped", token: signed(at0("iss", absentMember, `\u0069ss`, quoted(i)))},
		{name: "t/160 iss escaped twice", token: signed(at0("iss", `"https:\\\/\\\/as.example\\\/tenant"`)), want: issuer},
		{name: "t/162 iss __proto__", token: signed(at0("iss", `"__proto__"`)), want: issuer},
		{name: "t/162 iss a template", token: signed(at0("iss", `"https://{{host}}/${tenant}"`)), want: issuer},
		{name: "t/162 iss of another host", token: signed(at0("iss", `"https://evil.example/tenant"`)), want: issuer},
		{name: "t/166 aud a string", token: at0Token("aud", `"api"`)},
		{name: "t/166 aud an array, the wanted one last", token: at0Token("aud", `["x","api"]`)},
		{name: "t/166 aud an array, the wanted one twice", token: at0Token("aud", `["api","api"]`)},
		{name: "t/166 aud escaped", token: at0Token("aud", `"\u0061pi"`)},
		{name: "t/167 aud the client ID", token: at0Token("aud", `"client"`), want: audience},
		{name: "t/167 aud the client IDs", token: at0Token("aud", `["client","c1"]`), want: audience},
		{name: "t/167 aud the issuer", token: at0Token("aud", quoted(i)), want: audience},
		{
			name:  "t/169 aud of 100,000 entries",
			token: at0Token("aud", "["+strings.Repeat(`"x",`, 99_999)+`"api"]`),
			want:  malformed,
			part:  "token",
		},
		{name: "t/169 aud of 10,000 entries", token: at0Token("aud", "["+strings.Repeat(`"x",`, 9_999)+`"x"]`), want: audience},
		{name: "t/169 aud of 10,000 entries, the wanted one last", token: at0Token("aud", "["+strings.Repeat(`"x",`, 9_999)+`"api"]`)},
		{
			name:  "t/169 no aud",
			token: at0Token("aud", absentMember),
			want:  audience,
			claim: "aud",
		},
		{name: "t/169 aud empty", token: at0Token("aud", `[]`), want: audience},
		{name: "t/169 aud an empty string", token: at0Token("aud", `""`), want: audience},
		{name: "t/169 aud an array of an empty string", token: at0Token("aud", `[""]`), want: audience},
		{name: "t/184 nbf 0", token: at0Token("nbf", `0`)},
		{name: "t/184 nbf now and the leeway", token: at0Token("nbf", inSeconds(60))},
		{
			name:  "t/184 nbf a second later",
			token: at0Token("nbf", inSeconds(61)),
			want:  jwtverifier.ErrNotYetValid,
			claim: "nbf",
		},
		{name: "t/184 nbf a moment later", token: at0Token("nbf", inSeconds(60)+".001"), want: jwtverifier.ErrNotYetValid},
		{name: "t/184 nbf at the end of time", token: at0Token("nbf", `253402300799`), want: jwtverifier.ErrNotYetValid},
		{name: "t/184 nbf null is none", token: at0Token("nbf", `null`)},
		{
			name:  "t/184 nbf a string",
			token: at0Token("nbf", quoted(inSeconds(-10))),
			want:  claim,
			claim: "nbf",
		},
		{
			name:  "t/184 nbf negative",
			token: at0Token("nbf", `-1`),
			want:  claim,
			claim: "nbf",
		},
		{name: "t/184 nbf after exp", token: at0Token("exp", inSeconds(10), "nbf", inSeconds(30))},
		{name: "t/184 not yet valid before expired", token: at0Token("exp", inSeconds(-3600), "nbf", inSeconds(3600)), want: jwtverifier.ErrNotYetValid},
		{name: "t/185 no iat", token: at0Token("iat", absentMember)},
		{name: "t/185 iat 0", token: at0Token("iat", `0`)},
		{name: "t/185 iat now and the leeway", token: at0Token("iat", inSeconds(60))},
		{
			name:  "t/185 iat a second later",
			token: at0Token("iat", inSeconds(61)),
			want:  jwtverifier.ErrIssuedAt,
			claim: "iat",
		},
		{name: "t/185 iat in the far future", token: at0Token("iat", `4102444800`), want: jwtverifier.ErrIssuedAt},
		{
			name:  "t/185 iat a string",
			token: at0Token("iat", quoted(inSeconds(-10))),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/185 iat an array",
			token: at0Token("iat", "["+inSeconds(-10)+"]"),
			want:  claim,
			claim: "iat",
		},
		{name: "t/185 iat null is none", token: at0Token("iat", `null`)},
		{
			name:  "t/185 iat beyond the year 9999",
			token: at0Token("iat", `253402300800`),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/185 issued in the future before expired",
			token: at0Token("iat", inSeconds(3600), "exp", inSeconds(-3600)),
			want:  jwtverifier.ErrIssuedAt,
		},
		{
			name:  "t/191 a name twice in a claim",
			token: more(`"realm_access":{"roles":[],"roles":["admin"]}`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/191 a name twice, once escaped, in a claim",
			token: more(`"realm_access":{"roles":[],"\u0072oles":["admin"]}`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/191 a name twice deep in a claim",
			token: more(`"a":[{"b":{"c":1,"c":1}}]`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/191 a name twice in cnf",
			token: more(`"cnf":{"jkt":"a","jkt":"b"}`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/191 a name twice in aud",
			token: at0Token("aud", `{"a":1,"a":2}`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 sub that is no UTF-8",
			token: at0Token("sub", "\"u\xc0\xaf\""),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 sub that is no UTF-8, another",
			token: at0Token("sub", "\"u\xff\""),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 sub with a lone surrogate",
			token: at0Token("sub", `"u\ud800"`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 sub with another lone surrogate",
			token: at0Token("sub", `"u\udfff"`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 an unread claim that is no UTF-8",
			token: more("\"x\":\"\xff\""),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 an unread name that is no UTF-8",
			token: more("\"\xff\":1"),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 a lone surrogate deep in an unread claim",
			token: more(`"x":[{"y":"\ud800"}]`),
			want:  malformed,
			part:  "payload",
		},
		{
			name:  "t/194 a surrogate in UTF-8",
			token: at0Token("sub", "\"\xed\xa0\x80\""),
			want:  malformed,
			part:  "payload",
		},
		{name: "t/194 sub with a pair of surrogates", token: at0Token("sub", `"\ud83d\ude00"`), accepted: withSubject("\U0001f600")},
		{name: "t/194 sub with a replacement character", token: at0Token("sub", `"\ufffd"`), accepted: withSubject("\ufffd")},
		{name: "t/194 sub with NUL", token: at0Token("sub", `"u\u0000"`), accepted: withSubject("u\x00")},
		{
			name:  "t/195 sub a number",
			token: at0Token("sub", `1`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/195 sub an array",
			token: at0Token("sub", `["u"]`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/195 sub an object",
			token: at0Token("sub", `{}`),
			want:  claim,
			claim: "sub",
		},
		{
			name:  "t/195 sub false",
			token: at0Token("sub", `false`),
			want:  claim,
			claim: "sub",
		},
		{name: "t/195 sub null", token: at0Token("sub", `null`), accepted: withSubject("")},
		{name: "t/195 sub empty", token: at0Token("sub", `""`), accepted: withSubject("")},
		{name: "t/195 no sub", token: at0Token("sub", absentMember), accepted: withSubject("")},
		{name: "t/195 sub of 10 KB", token: at0Token("sub", quoted(strings.Repeat("s", 10_000))), accepted: withSubject(strings.Repeat("s", 10_000))},
		{name: "t/196 sub is a client ID", token: at0Token("sub", `"client"`), accepted: withSubject("client")},
		{
			name:  "t/197 scp a number",
			token: at0Token("scp", `1`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scp an object",
			token: at0Token("scp", `{"read":true}`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scp true",
			token: at0Token("scp", `true`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scp an array with a number",
			token: at0Token("scp", `["read",1]`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scp an array with null",
			token: at0Token("scp", `["read",null]`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scp an array in an array",
			token: at0Token("scp", `[["read"]]`),
			want:  claim,
			claim: "scp",
		},
		{
			name:  "t/197 scope a number",
			token: at0Token("scope", `1`),
			want:  claim,
			claim: "scope",
		},
		{
			name:  "t/197 scope an object",
			token: at0Token("scope", `{}`),
			want:  claim,
			claim: "scope",
		},
		{
			name:  "t/197 scope of a wrong type beside scp",
			token: at0Token("scp", `["read"]`, "scope", `1`),
			want:  claim,
			claim: "scope",
		},
		{
			name:  "t/197 scp of a wrong type beside scope",
			token: at0Token("scp", `1`, "scope", `"read"`),
			want:  claim,
			claim: "scp",
		},
		{name: "t/197 scp null", token: at0Token("scp", `null`), accepted: withScopes()},
		{name: "t/197 scp null beside scope", token: at0Token("scp", `null`, "scope", `"read"`), accepted: withScopes("read")},
		{name: "t/197 scp beside scope", token: at0Token("scp", `["read"]`, "scope", `"admin"`), accepted: withScopes("read")},
		{name: "t/197 scp an empty array beside scope", token: at0Token("scp", `[]`, "scope", `"admin"`), accepted: withScopes()},
		{name: "t/197 scope with many spaces", token: at0Token("scope", `"  read   write "`), accepted: withScopes("read", "write")},
		{name: "t/197 a tab in scope is no separator", token: at0Token("scope", `"read\twrite"`), accepted: withScopes("read\twrite")},
		{name: "t/197 a no-break space in scope is no separator", token: at0Token("scope", `"read\u00a0write"`), accepted: withScopes("read\u00a0write")},
		{name: "t/197 a space in an element of scp is no separator", token: at0Token("scp", `["read write"]`), accepted: withScopes("read write")},
		{name: "t/197 groups of any type", token: at0Token("groups", `{"a":[null,1]}`), accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
			var dst struct {
				Groups []string `json:"groups"`
			}
			assert.Error(t, token.Claims(&dst))
			assert.Error(t, token.Claims(dst), "not a pointer")
			assert.Error(t, token.Claims(nil))
		}},
		{
			name:  "t/197 claims that no rule reads, of any type",
			token: at0Token("jti", `1`, "acr", `[]`, "amr", `"pwd"`, "auth_time", `"x"`, "nonce", `{}`),
			accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
				assert.Empty(t, token.ID)
				assert.Empty(t, token.AuthContext)
				assert.Empty(t, token.AuthMethods)
				assert.Zero(t, token.AuthTime)
			},
		},
		{
			name:  "t/199 cnf null is none",
			token: at0Token("cnf", `null`),
			accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
				assert.Nil(t, token.Confirmation)
			},
		},
		{name: "t/199 cnf empty", token: at0Token("cnf", `{}`), want: confirm},
		{name: "t/199 cnf of an unknown method", token: at0Token("cnf", `{"jwk":{}}`), want: confirm},
		{name: "t/199 cnf false", token: at0Token("cnf", `false`), want: confirm},
		{name: "t/199 CNF is another name", token: at0Token("CNF", `{"jkt":"thumbprint"}`)},
		{name: "t/200 ID token by nonce only, without cid", token: signed(id0("aud", `"api"`)), want: clientID},
		{name: "t/200 ID token by nonce only, azp another client", token: signed(id0("aud", `"api"`, "azp", `"client"`)), want: clientID},
		{name: "t/201 refresh token of another audience", token: at0Token("aud", quoted(i+"/token"), "typ", `"Offline"`), want: audience},
		{name: "t/201 software statement", token: at0Token("aud", absentMember, "software_id", `"x"`, "redirect_uris", `[]`), want: audience},
		{
			name:  "t/201 logout token",
			token: jwsOf(key1(), h0("typ", `"logout+jwt"`), at0("events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)),
			want:  tokenType,
			claim: "typ",
		},
		{name: "t/201 typ Bearer", token: at0Token("typ", `"Bearer"`)},
		{name: "t/202 nesting of 5,000", token: at0Token("x", nested(5_000))},
		{name: "t/202 nesting of 9,000", token: at0Token("x", nested(9_000))},
		{
			name:  "t/202 nesting of 10,001",
			token: at0Token("x", nested(10_001)),
			want:  malformed,
			part:  "payload",
		},
		{name: "t/202 objects nested 8,000 deep", token: at0Token("x", strings.Repeat(`{"":`, 8_000)+"1"+strings.Repeat("}", 8_000))},
		{
			name:  "t/202 nesting of 20,000",
			token: at0Token("x", nested(20_000)),
			want:  malformed,
			part:  "payload",
		},
		{name: "t/202 3,000 claims", token: signed(strings.TrimSuffix(at0(), "}") + "," + manyMembers(3_000)[len(h0()):])},
		{
			name:  "t/202 10,000 claims",
			token: signed(strings.TrimSuffix(at0(), "}") + "," + manyMembers(10_000)[len(h0()):]),
			want:  malformed,
			part:  "token",
		},
		{name: "t/202 array of 1,000 elements", token: at0Token("x", "["+strings.Repeat("1,", 999)+"1]")},
		{
			name:  "t/305 1 MiB of text",
			token: at0Token("x", quoted(strings.Repeat("x", 1<<20))),
			want:  malformed,
			part:  "token",
		},
		{
			name:  "t/305 1 MiB of escapes",
			token: at0Token("x", `"`+strings.Repeat(`\u0041`, 1<<20/6)+`"`),
			want:  malformed,
			part:  "token",
		},
		{
			name:  "t/305 500,000 elements",
			token: at0Token("x", "["+strings.Repeat("1,", 499_999)+"1]"),
			want:  malformed,
			part:  "token",
		},
		{name: "t/305 40 KB of escapes", token: at0Token("x", `"`+strings.Repeat(`\u0041`, 40_000/6)+`"`)},
		{
			name:     "t/305 40 KB of escapes in sub",
			token:    at0Token("sub", `"`+strings.Repeat(`\u0041`, 40_000/6)+`"`),
			accepted: withSubject(strings.Repeat("A", 40_000/6)),
		},
		{name: "t/305 20,000 elements", token: at0Token("x", "["+strings.Repeat("1,", 19_999)+"1]")},
	}

	for _, payload := range []string{`null`, `[]`, `"x"`, `1`, `true`, ` `, `nul`, `{]`, `{"a"}`, `{"a":}`, "\x00", `undefined`, `[null]`} {
		rows = append(rows, attack{
			name:  "t/155 payload " + quoted(payload),
			token: signed(payload),
			want:  malformed,
			part:  "payload",
		})
	}
	for _, iss := range []string{
		i + "/", "https://AS.EXAMPLE/tenant", "http://as.example/tenant", "HTTPS://as.example/tenant",
		"https://as.example:443/tenant", i + "#x", i + "?x", i + "#", i + "?", "https://as.example.evil.com/tenant",
		i + ".evil.com", "https://evil.com/" + i, "https://user@as.example/tenant", "https://as%2eexample/tenant",
		"https://as.example/%74enant", "https://as.example./tenant", "https://xn--s-7sf.example/tenant",
		"https://\u0430s.example/tenant", " " + i, i + " ", i + "\u0000", i + "\n", "https://as.example",
		"https://as.example/", "https://as.example/tenant/../tenant", "https://as.example//tenant",
		"https://as.example/TENANT", "https://as.example/tenan", "as.example/tenant", "//as.example/tenant", "",
		"https://as.example/tenant\u200b", i + "," + i,
	} {
		rows = append(rows, attack{
			name:  "t/159 iss " + iss,
			token: at0Token("iss", quotedJSON(iss)),
			want:  issuer,
			claim: "iss",
		})
	}
	for _, aud := range []string{
		`1`, `true`, `null`, `{"api":1}`, `["api",1]`, `[1,"api"]`, `["api",null]`, `["api",true]`, `["api",{}]`,
		`[["api"]]`, `["api",["api"]]`, `{"0":"api","length":1}`,
	} {
		rows = append(rows, attack{
			name:  "t/164 aud " + aud,
			token: at0Token("aud", aud),
			want:  audience,
			claim: "aud",
		})
	}
	for _, aud := range []string{
		"ap", "api2", "api other", "other api", "API", "Api", "api/", "/api", "api\u0000", " api", "api ", "api\n",
		"api,other", "*", "a.i", "ap\u0131", "\uff41pi", "apі",
	} {
		rows = append(rows,
			attack{name: "t/165 aud " + aud, token: at0Token("aud", quotedJSON(aud)), want: audience},
			attack{name: "t/165 aud an array of " + aud, token: at0Token("aud", "["+quotedJSON(aud)+"]"), want: audience},
		)
	}
	rows = append(rows, expiryAttacks(at0Token, nil)...)
	for _, client := range []string{
		absentMember, `""`, `1`, `["c1"]`, `{"c1":1}`, `true`, `"C1"`, `"c1 "`, `" c1"`, `"c2"`, `"c"`,
		`"c11"`, `"c1\u0000"`, `"c1,c2"`, `"*"`,
	} {
		rows = append(rows, attack{name: "t/187 cid " + client, token: at0Token("cid", client), want: clientID})
		if client == absentMember {
			continue
		}
		rows = append(rows,
			attack{
				name:  "t/187 client_id " + client,
				token: at0Token("cid", absentMember, "client_id", client),
				want:  clientID,
				claim: "client_id",
			},
			attack{
				name:  "t/187 azp " + client,
				token: at0Token("cid", absentMember, "azp", client),
				want:  clientID,
				claim: "azp",
			},
			attack{
				name:  "t/187 appid " + client,
				token: at0Token("cid", absentMember, "appid", client),
				want:  clientID,
				claim: "appid",
			},
			attack{
				name:  "t/187 a good client behind cid " + client,
				token: at0Token("cid", client, "client_id", `"c1"`, "azp", `"c1"`, "appid", `"c1"`),
				want:  clientID,
				claim: "cid",
			},
			attack{
				name:  "t/187 a good azp behind client_id " + client,
				token: at0Token("cid", absentMember, "client_id", client, "azp", `"c1"`),
				want:  clientID,
				claim: "client_id",
			},
		)
	}
	rows = append(rows,
		attack{
			name:  "t/187 cid null",
			token: at0Token("cid", `null`),
			want:  clientID,
			claim: "client_id",
		},
		attack{
			name:  "t/187 all of them null",
			token: at0Token("cid", `null`, "client_id", `null`, "azp", `null`, "appid", `null`),
			want:  clientID,
			claim: "client_id",
		},
		attack{
			name:  "t/187 another client_id behind cid null",
			token: at0Token("cid", `null`, "client_id", `"c2"`, "azp", `"c1"`),
			want:  clientID,
			claim: "client_id",
		},
		attack{name: "t/187 client_id behind cid null", token: at0Token("cid", `null`, "client_id", `"c1"`)},
		attack{name: "t/187 azp behind null", token: at0Token("cid", `null`, "client_id", `null`, "azp", `"c1"`)},
		attack{name: "t/187 appid behind null", token: at0Token("cid", `null`, "client_id", `null`, "azp", `null`, "appid", `"c1"`)},
		attack{name: "t/187 client_id", token: at0Token("cid", absentMember, "client_id", `"c1"`)},
		attack{name: "t/187 azp", token: at0Token("cid", absentMember, "azp", `"c1"`)},
		attack{name: "t/187 appid", token: at0Token("cid", absentMember, "appid", `"c1"`)},
		attack{name: "t/187 a bad client behind cid", token: at0Token("client_id", `"c2"`, "azp", `1`)},
		attack{name: "t/187 cid escaped", token: at0Token("cid", `"\u00631"`)},
		attack{name: "t/187 sub for a client", token: at0Token("cid", absentMember, "sub", `"c1"`), want: clientID},
	)

	for name, values := range map[string][2]string{
		"iss": {quoted(i), `"https://evil.example"`},
		"aud": {`"api"`, `"elsewhere"`},
		"cid": {`"c1"`, `"c2"`},
		"sub": {`"u"`, `"admin"`},
		"exp": {inSeconds(300), inSeconds(-3600)},
		"iat": {inSeconds(-10), inSeconds(3600)},
		"x":   {`1`, `2`},
	} {
		good, bad := values[0], values[1]
		escaped := fmt.Sprintf(`\u%04x%s`, name[0], name[1:])
		for kind, second := range map[string]string{"twice": name, "twice, once escaped": escaped} {
			id, number := " "+name+" "+kind, "t/189"
			if second == escaped {
				number = "t/190"
			}
			without := at0(name, absentMember)
			rows = append(rows,
				attack{
					name:  number + id + ", good first",
					token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, name, good, second, bad))),
					want:  malformed,
					part:  "payload",
				},
				attack{
					name:  number + id + ", good last",
					token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, second, bad, name, good))),
					want:  malformed,
					part:  "payload",
				},
				attack{
					name:  number + id + ", the same",
					token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, name, good, second, good))),
					want:  malformed,
					part:  "payload",
				},
			)
		}
	}

	twinUnread := func(t *testing.T, token *jwtverifier.AccessToken) {
		assert.Equal(t, "u", token.Subject)
		assert.Equal(t, issuerURL, token.Issuer)
		var dst struct {
			Issuer  string `json:"iss"`
			Subject string `json:"sub"`
		}
		require.NoError(t, token.Claims(&dst))
		assert.Equal(t, "u", dst.Subject)
		assert.Equal(t, issuerURL, dst.Issuer)
	}
	for _, twin := range []string{
		`"SUB":"admin"`, `"Sub":"admin"`, `"\u017fub":"admin"`, `"i\u017fs":"https://evil.example"`,
		`"is\u017f":"https://evil.example"`, `"ISS":"https://evil.example"`, `"EXP":0`, `"Aud":"elsewhere"`,
		`"NBF":4102444800`, `"IAT":0`, `"jTI":"x"`, `"SUB":"u"`, `"SUB":null`, `"\u0053UB":"admin"`,
		"\"\u017fub\":\"admin\"",
	} {
		rows = append(rows,
			attack{
				name:  "t/192 beside " + twin,
				token: more(twin),
				want:  malformed,
				part:  "payload",
			},
			// In front of it as well: the last one must not win, nor the first one.
			attack{
				name:  "t/192 in front: " + twin,
				token: signed("{" + twin + "," + at0()[1:]),
				want:  malformed,
				part:  "payload",
			},
			attack{name: "t/192 in another claim: " + twin, token: more(`"x":[{` + twin + `}]`), accepted: twinUnread},
		)
	}
	for _, other := range []string{
		`"CID":"c2"`, `"Events":{}`, `"AT_HASH":"x"`, `"Token_Use":"id"`, `"sub ":"admin"`, `"sub\u0000":"admin"`,
		`"s\u00fcb":"admin"`, `"\u0130ss":"admin"`, `"SUBS":"admin"`,
	} {
		rows = append(rows,
			attack{name: "t/192 beside " + other, token: more(other), accepted: twinUnread},
			attack{name: "t/192 in front: " + other, token: signed("{" + other + "," + at0()[1:]), accepted: twinUnread},
		)
	}
	for name, value := range map[string]string{"ISS": quoted(i), `is\u017f`: quoted(i), "Aud": `"api"`, "EXP": inSeconds(300), "SUB": `"u"`} {
		registered := map[string]string{"ISS": "iss", `is\u017f`: "iss", "Aud": "aud", "EXP": "exp", "SUB": "sub"}[name]
		rows = append(rows, attack{
			name:  "t/192 only " + name,
			token: at0Token(registered, absentMember, name, value),
			want:  malformed,
			part:  "payload",
		})
	}
	rows = append(rows, attack{name: "t/192 only Cid", token: at0Token("cid", absentMember, "Cid", `"c1"`), want: clientID})

	constrained := []jwtverifier.Option{jwtverifier.WithSenderConstrainedTokens()}
	for _, bound := range []struct {
		cnf  string
		want jwtverifier.Confirmation
	}{
		{`{"jkt":"of a key"}`, jwtverifier.Confirmation{JWKThumbprint: "of a key"}},
		{`{"x5t#S256":"of a certificate"}`, jwtverifier.Confirmation{CertificateThumbprint: "of a certificate"}},
		{`{"jkt":"of a key","x5t#S256":"of a certificate"}`, jwtverifier.Confirmation{JWKThumbprint: "of a key", CertificateThumbprint: "of a certificate"}},
	} {
		rows = append(rows,
			attack{
				name:  "t/199 cnf " + bound.cnf,
				token: at0Token("cnf", bound.cnf),
				want:  confirm,
				claim: "cnf",
			},
			attack{
				name:  "t/199 cnf, accepted: " + bound.cnf,
				token: at0Token("cnf", bound.cnf),
				opts:  constrained,
				accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
					require.NotNil(t, token.Confirmation)
					assert.Equal(t, bound.want, *token.Confirmation)
				},
			},
		)
	}
	for cnf, want := range map[string]jwtverifier.Confirmation{
		`{"jkt":"a","x5t#S256":null}`: {JWKThumbprint: "a"},
		`{"jkt":null,"x5t#S256":"b"}`: {CertificateThumbprint: "b"},
		`{"jkt":"a","jwk":null}`:      {JWKThumbprint: "a"},
	} {
		rows = append(rows, attack{
			name:  "t/199 cnf, null is none: " + cnf,
			token: at0Token("cnf", cnf),
			opts:  constrained,
			accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
				assert.Equal(t, &want, token.Confirmation)
			},
		})
	}
	for _, cnf := range []string{
		`{}`, `"thumbprint"`, `["jkt"]`, `1`, `{"jkt":""}`, `{"jkt":null}`, `{"jkt":1}`, `{"x5t#S256":""}`,
		`{"x5t#S256":["a"]}`, `{"jwk":{}}`, `{"kid":"x"}`, `{"jkt":"a","jwk":{}}`, `{"jkt":"a","x5t#S256":1}`,
		`{"jkt":"a","x5t#S256":""}`, `{"jkt":null,"x5t#S256":null}`, `{"jkt":null,"jwk":{}}`, `{"jkt":"a","jwk":false}`,
		`{"JKT":"a"}`, `{"x5t#s256":"a"}`, `{"jkt":"a","JKT":"b"}`,
	} {
		rows = append(rows, attack{
			name:  "t/199 cnf, not even with the option: " + cnf,
			token: at0Token("cnf", cnf),
			opts:  constrained,
			want:  confirm,
			claim: "cnf",
		})
	}

	for name, mark := range map[string][2]string{
		"at_hash":            {"at_hash", `"x"`},
		"at_hash a number":   {"at_hash", `1`},
		"c_hash":             {"c_hash", `"x"`},
		"token_use id":       {"token_use", `"id"`},
		"token_use refresh":  {"token_use", `"refresh"`},
		"token_use Access":   {"token_use", `"Access"`},
		"token_use an array": {"token_use", `["access"]`},
		"token_use empty":    {"token_use", `""`},
		"typ ID":             {"typ", `"ID"`},
		"typ Refresh":        {"typ", `"Refresh"`},
		"typ Logout":         {"typ", `"Logout"`},
		"typ escaped":        {"typ", `"\u0049D"`},
	} {
		rows = append(rows, attack{
			name:  "t/200 ID token by " + name,
			token: at0Token(mark[0], mark[1]),
			want:  tokenType,
			claim: mark[0],
		})
		rows = append(rows, attack{
			name:  "t/200 ID token by " + name + ", for both",
			token: signed(id0("aud", `["api","client"]`, "cid", `"c1"`, mark[0], mark[1])),
			want:  tokenType,
			claim: mark[0],
		})
	}
	for _, typ := range []string{`"Bearer"`, `"id"`, `"ID "`, `1`, `null`, `["ID"]`} {
		rows = append(rows, attack{name: "t/200 no mark: typ " + typ, token: at0Token("typ", typ)})
	}
	both := func(changes ...string) string {
		return at0Token(append([]string{"aud", `["api","client"]`}, changes...)...)
	}
	for _, value := range []string{`"n1"`, `""`, `1`, `{}`, `false`, `["n1"]`} {
		rows = append(rows,
			attack{
				name:  "t/200 ID token by nonce, for the client: " + value,
				token: both("nonce", value),
				want:  tokenType,
				claim: "nonce",
			},
			attack{name: "t/200 no mark: nonce, for no client: " + value, token: at0Token("nonce", value)},
		)
	}
	withType := func(typ, payload string) string { return jwsOf(key1(), h0("typ", typ), payload) }
	for name, token := range map[string]string{
		"with azp":            signed(id0("aud", `["api","client"]`, "azp", `"c1"`)),
		"typ JWT":             withType(`"JWT"`, at0("aud", `["client","api"]`, "nonce", `"n1"`)),
		"of another issuer":   both("nonce", `"n1"`, "iss", `"https://evil.example"`),
		"for the client only": at0Token("aud", `"client"`, "nonce", `"n1"`),
	} {
		rows = append(rows, attack{
			name:  "t/200 ID token by nonce, " + name,
			token: token,
			want:  tokenType,
			claim: "nonce",
		})
	}
	rows = append(rows,
		attack{name: "t/200 no mark: nonce, typ at+jwt", token: withType(`"application/at+JWT"`, at0("aud", `["api","client"]`, "nonce", `"n1"`))},
		attack{name: "t/200 no mark: nonce null, for the client", token: both("nonce", `null`)},
		attack{name: "t/200 no mark: for the client, no nonce", token: both()},
	)
	for _, name := range []string{"events", "at_hash", "c_hash", "token_use", "nonce"} {
		rows = append(rows, attack{name: "t/200 no mark: " + name + " null", token: at0Token(name, `null`)})
	}
	rows = append(rows, attack{name: "t/200 no mark: token_use access", token: at0Token("token_use", `"access"`)})
	for _, events := range []string{`{}`, `[]`, `""`, `false`, `{"http://schemas.openid.net/event/backchannel-logout":{}}`} {
		rows = append(rows, attack{
			name:  "t/201 events " + events,
			token: at0Token("events", events),
			want:  tokenType,
			claim: "events",
		})
	}
	without := []jwtverifier.Option{jwtverifier.WithAuthorizedClients("c2")}
	rows = append(rows, attack{name: "t/316 one of two clients", token: at0Token("cid", `"c2"`), opts: without})
	runAttacks(t, "claims", rows)
}

func withSubject(want string) func(*testing.T, *jwtverifier.AccessToken) {
	return func(t *testing.T, token *jwtverifier.AccessToken) {
		t.Helper()
		assert.Equal(t, want, token.Subject)
	}
}

func withScopes(want ...string) func(*testing.T, *jwtverifier.AccessToken) {
	return func(t *testing.T, token *jwtverifier.AccessToken) {
		t.Helper()
		assert.ElementsMatch(t, want, token.Scopes)
		assert.True(t, token.HasScopes(want...))
		assert.False(t, token.HasScopes("admin"))
	}
}

// What is null counts as absent, wherever it is: no rule may take it for a value.
func TestNullClaims(t *testing.T) {
	t.Parallel()
	var rows []attack
	for _, name := range []string{"jti", "acr", "amr", "auth_time", "scp", "scope", "nonce", "typ", "token_use", "sub", "iat", "nbf", "cnf", "client_id", "azp", "appid", "events", "x"} {
		rows = append(rows, attack{
			name:  "t/198 null is none: " + name,
			token: at0Token(name, `null`),
			accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
				without, err := newSite().verifier(t).VerifyAccessToken(t.Context(), at0Token(name, absentMember))
				require.NoError(t, err)
				for _, pair := range [][2]any{
					{without.ID, token.ID},
					{without.Subject, token.Subject},
					{without.ClientID, token.ClientID},
					{without.AuthContext, token.AuthContext},
					{without.AuthMethods, token.AuthMethods},
					{without.AuthTime, token.AuthTime},
					{without.IssuedAt, token.IssuedAt},
					{without.NotBefore, token.NotBefore},
					{without.Scopes, token.Scopes},
					{without.Confirmation, token.Confirmation},
				} {
					assert.Equal(t, pair[0], pair[1])
				}
			},
		})
	}
	for name, want := range map[string]error{"iss": jwtverifier.ErrIssuer, "aud": jwtverifier.ErrAudience, "cid": jwtverifier.ErrClientID, "exp": jwtverifier.ErrClaim} {
		rows = append(rows,
			attack{name: "t/198 null is none: " + name, token: at0Token(name, `null`), want: want},
			attack{
				name:  "t/198 null, and once more: " + name,
				token: jwsOf(key1(), h0(), withMore(at0(), `"`+name+`":null`)),
				want:  jwtverifier.ErrMalformed,
				part:  "payload",
			},
			attack{
				name:  "t/198 null first, then a value: " + name,
				token: jwsOf(key1(), h0(), `{"`+name+`":null,`+at0()[1:]),
				want:  jwtverifier.ErrMalformed,
				part:  "payload",
			},
		)
	}
	for name, want := range map[string]error{
		"iss": jwtverifier.ErrIssuer, "aud": jwtverifier.ErrAudience, "sub": jwtverifier.ErrClaim, "iat": jwtverifier.ErrClaim,
		"exp": jwtverifier.ErrClaim, "nonce": jwtverifier.ErrNonce, "azp": nil, "nbf": nil, "auth_time": nil, "at_hash": nil,
	} {
		rows = append(rows, attack{
			name:  "t/198 null is none, in an ID token: " + name,
			token: id0Token(name, `null`),
			id:    asID0,
			want:  want,
		})
	}
	runAttacks(t, "claims", rows)
}

// Every name that a reader who ignores case takes for a registered one.
func TestFoldedNames(t *testing.T) {
	t.Parallel()
	var variants func(string) []string
	variants = func(name string) []string {
		if name == "" {
			return []string{""}
		}
		first := rune(name[0])
		letters := []rune{first}
		for r := unicode.SimpleFold(first); r != first; r = unicode.SimpleFold(r) {
			letters = append(letters, r)
		}
		var all []string
		for _, rest := range variants(name[1:]) {
			for _, letter := range letters {
				all = append(all, string(letter)+rest)
			}
		}
		return all
	}
	count := 0
	var rows []attack
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} {
		for _, variant := range variants(name) {
			if variant == name {
				continue
			}
			count++
			rows = append(rows, attack{
				name:  "t/193 " + variant,
				token: jwsOf(key1(), h0(), withMore(at0(), `"`+variant+`":null`)),
				want:  jwtverifier.ErrMalformed,
				part:  "payload",
			})
		}
		upper := strings.ToUpper(name)
		rows = append(rows,
			attack{
				name:  "t/193 in an ID token: " + upper,
				token: jwsOf(key1(), h0(), withMore(id0(), `"`+upper+`":"x"`)),
				id:    asID0,
				want:  jwtverifier.ErrMalformed,
				part:  "payload",
			},
			attack{name: "t/193 in a header: " + upper, token: jwsOf(key1(), h0(upper, `"x"`), at0())},
			attack{name: "t/193 deep: " + upper, token: at0Token("act", `{"`+upper+`":{"`+upper+`":1}}`)},
			attack{name: "t/193 as a value: " + upper, token: at0Token("x", `"`+upper+`"`)},
			attack{name: "t/193 longer: " + upper, token: at0Token(upper+"S", `1`, "x"+upper, `1`, upper+" ", `1`)},
		)
	}
	require.Equal(t, 17+11+5*7, count, "s has three forms, the other letters two")
	runAttacks(t, "claims", rows)
}

func TestRequiredClaim(t *testing.T) {
	t.Parallel()
	opts := []jwtverifier.Option{jwtverifier.WithRequiredClaim("tid", "a", "1", "true", "null", "{}")}
	good := at0Token("tid", `"a"`)
	var rows []attack
	add := func(name, value string, want error) {
		row := attack{
			name:  "t/203 " + name + value,
			token: at0Token("tid", value),
			opts:  opts,
			good:  good,
			want:  want,
		}
		if want != nil {
			row.claim = "tid"
		}
		rows = append(rows, row)
		row.name, row.token, row.id, row.good = "t/203 ID token, "+name+value, id0Token("tid", value), asID0, id0Token("tid", `"a"`)
		rows = append(rows, row)
	}
	for _, value := range []string{`"a"`, `"\u0061"`, `"1"`, `1`, `true`, `["x","a"]`, `[1]`, `[null,true]`, `[[],{},"a"]`, ` "a" `} {
		add("wanted: ", value, nil)
	}
	for _, value := range []string{
		absentMember, `null`, `""`, `"A"`, `"a "`, `"a b"`, `"a,b"`, `"b a"`, `"a\u0000"`, `"aa"`, `1.0`, `1e0`, `1E0`, `10`, `-1`, `0.1e1`,
		`false`, `[]`, `[null]`, `[["a"]]`, `[{"tid":"a"}]`, `{"a":true}`, `{"tid":"a"}`, `{}`, `["A"]`, `["a b"]`, `[1.0]`, `"\"a\""`,
	} {
		add("not wanted: ", value, jwtverifier.ErrClaim)
	}
	for name, payload := range map[string]string{
		"in another case":   at0("Tid", `"a"`),
		"inside a claim":    at0("x", `{"tid":"a"}`),
		"and more":          at0("tid2", `"a"`, "xtid", `"a"`, "ti", `"a"`, "tid\\u0000", `"a"`),
		"one path for both": at0("x.tid", `"a"`, "/tid", `"a"`),
	} {
		rows = append(rows, attack{
			name:  "t/203 the name " + name,
			token: jwsOf(key1(), h0(), payload),
			opts:  opts,
			good:  good,
			want:  jwtverifier.ErrClaim,
			claim: "tid",
		})
	}
	for name, payload := range map[string]string{
		"good first":     withMore(at0("tid", `"a"`), `"tid":"x"`),
		"good last":      withMore(at0("tid", `"x"`), `"tid":"a"`),
		"null first":     withMore(at0("tid", `null`), `"tid":"a"`),
		"once escaped":   withMore(at0("tid", `"a"`), `"t\u0069d":"x"`),
		"twice the same": withMore(at0("tid", `"a"`), `"tid":"a"`),
	} {
		rows = append(rows, attack{
			name:  "t/203 twice, " + name,
			token: jwsOf(key1(), h0(), payload),
			opts:  opts,
			good:  good,
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		})
	}
	both := append(opts[:1:1], jwtverifier.WithRequiredClaim("tid", "b"))
	ofBoth := at0Token("tid", `["a","b"]`)
	scoped := []jwtverifier.Option{jwtverifier.WithRequiredClaim("scope", "read")}
	rows = append(rows,
		attack{name: "t/203 the name escaped", token: at0Token(`t\u0069d`, `"a"`), opts: opts, good: good},
		attack{
			name:  "t/203 in the header",
			token: jwsOf(key1(), h0("tid", `"a"`), at0()),
			opts:  opts,
			good:  good,
			want:  jwtverifier.ErrClaim,
			claim: "tid",
		},
		attack{
			name:  "t/203 before the times",
			token: at0Token("tid", `"x"`, "exp", inSeconds(-3600)),
			opts:  opts,
			good:  good,
			want:  jwtverifier.ErrClaim,
			claim: "tid",
		},
		attack{
			name:  "t/203 after the audience",
			token: at0Token("tid", `"x"`, "aud", `"other"`),
			opts:  opts,
			good:  good,
			want:  jwtverifier.ErrAudience,
		},
		attack{
			name:  "t/203 given twice, one holds",
			token: at0Token("tid", `"a"`),
			opts:  both,
			good:  ofBoth,
			want:  jwtverifier.ErrClaim,
			claim: "tid",
		},
		attack{
			name:  "t/203 given twice, the other holds",
			token: at0Token("tid", `["b","c"]`),
			opts:  both,
			good:  ofBoth,
			want:  jwtverifier.ErrClaim,
			claim: "tid",
		},
		attack{
			name:  "t/203 a claim that another rule reads",
			token: at0Token("scope", `"read write"`),
			opts:  scoped,
			good:  at0Token("scope", `"read"`),
			want:  jwtverifier.ErrClaim,
			claim: "scope",
		},
		attack{
			name:  "t/203 any value, null",
			token: at0Token("jti", `null`),
			opts:  []jwtverifier.Option{jwtverifier.WithRequiredClaim("jti")},
			good:  at0Token("jti", `0`),
			want:  jwtverifier.ErrClaim,
			claim: "jti",
		},
	)
	runAttacks(t, "claims", rows)
}
