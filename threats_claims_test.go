package jwtverifier_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestThreatsAccessTokenClaims(t *testing.T) {
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
	signed := func(payload string) string { return jwsOf(threatK1(), h0(), payload) }
	more := func(raw string) string { return signed(withMore(at0(), raw)) }
	quoted := strconv.Quote
	i := threatIssuer

	rows := []threat{
		{name: "t/155 payload an object that is never closed", token: signed(`{`), want: malformed, part: "payload"},
		{name: "t/155 payload that ends in a name", token: signed(strings.TrimSuffix(at0("exp", absentMember), "}") + `,"exp"`), want: malformed, part: "payload"},
		{name: "t/156 garbage behind", token: signed(at0() + "garbage"), want: malformed, part: "payload"},
		{name: "t/156 an object behind", token: signed(at0() + `{"iss":"evil"}`), want: malformed, part: "payload"},
		{name: "t/156 a bracket behind", token: signed(at0() + "]"), want: malformed, part: "payload"},
		{name: "t/156 a brace behind", token: signed(at0() + "}"), want: malformed, part: "payload"},
		{name: "t/156 a comma behind", token: signed(at0() + ","), want: malformed, part: "payload"},
		{name: "t/156 NUL behind", token: signed(at0() + "\x00"), want: malformed, part: "payload"},
		{name: "t/156 an object in front", token: signed(`{}` + at0()), want: malformed, part: "payload"},
		{name: "t/156 byte order mark in front", token: signed("\ufeff" + at0()), want: malformed, part: "payload"},
		{name: "t/156 the object in an array", token: signed("[" + at0() + "]"), want: malformed, part: "payload"},
		{name: "t/156 white space around", token: signed(" \r\n\t" + at0() + "\n ")},
		{name: "t/156 a comment", token: signed(withMore(at0(), `"x":1/**/`)), want: malformed, part: "payload"},
		{name: "t/157 no claims", token: signed(`{}`), want: issuer, claim: "iss"},
		{name: "t/157 no iss", token: signed(at0("iss", absentMember)), want: issuer, claim: "iss"},
		{name: "t/157 iss null", token: signed(at0("iss", `null`)), want: issuer, claim: "iss"},
		{name: "t/157 iss an array", token: signed(at0("iss", "["+quoted(i)+"]")), want: issuer, claim: "iss"},
		{name: "t/157 iss an object", token: signed(at0("iss", "{"+quoted(i)+":1}")), want: issuer, claim: "iss"},
		{name: "t/157 iss a number", token: signed(at0("iss", `1`)), want: issuer, claim: "iss"},
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
		{name: "t/169 aud of 100,000 entries", token: at0Token("aud", "["+strings.Repeat(`"x",`, 99_999)+`"api"]`), want: malformed, part: "token"},
		{name: "t/169 aud of 10,000 entries", token: at0Token("aud", "["+strings.Repeat(`"x",`, 9_999)+`"x"]`), want: audience},
		{name: "t/169 aud of 10,000 entries, the wanted one last", token: at0Token("aud", "["+strings.Repeat(`"x",`, 9_999)+`"api"]`)},
		{name: "t/169 no aud", token: at0Token("aud", absentMember), want: audience, claim: "aud"},
		{name: "t/169 aud empty", token: at0Token("aud", `[]`), want: audience},
		{name: "t/169 aud an empty string", token: at0Token("aud", `""`), want: audience},
		{name: "t/169 aud an array of an empty string", token: at0Token("aud", `[""]`), want: audience},
		{name: "t/184 nbf 0", token: at0Token("nbf", `0`)},
		{name: "t/184 nbf now and the leeway", token: at0Token("nbf", inThreatTime(60))},
		{name: "t/184 nbf a second later", token: at0Token("nbf", inThreatTime(61)), want: jwtverifier.ErrNotYetValid, claim: "nbf"},
		{name: "t/184 nbf a moment later", token: at0Token("nbf", inThreatTime(60)+".001"), want: jwtverifier.ErrNotYetValid},
		{name: "t/184 nbf at the end of time", token: at0Token("nbf", `253402300799`), want: jwtverifier.ErrNotYetValid},
		{name: "t/184 nbf null is none", token: at0Token("nbf", `null`)},
		{name: "t/184 nbf a string", token: at0Token("nbf", quoted(inThreatTime(-10))), want: claim, claim: "nbf"},
		{name: "t/184 nbf negative", token: at0Token("nbf", `-1`), want: claim, claim: "nbf"},
		{name: "t/184 nbf after exp", token: at0Token("exp", inThreatTime(10), "nbf", inThreatTime(30))},
		{name: "t/184 not yet valid before expired", token: at0Token("exp", inThreatTime(-3600), "nbf", inThreatTime(3600)), want: jwtverifier.ErrNotYetValid},
		{name: "t/185 no iat", token: at0Token("iat", absentMember)},
		{name: "t/185 iat 0", token: at0Token("iat", `0`)},
		{name: "t/185 iat now and the leeway", token: at0Token("iat", inThreatTime(60))},
		{name: "t/185 iat a second later", token: at0Token("iat", inThreatTime(61)), want: jwtverifier.ErrIssuedAt, claim: "iat"},
		{name: "t/185 iat in the far future", token: at0Token("iat", `4102444800`), want: jwtverifier.ErrIssuedAt},
		{name: "t/185 iat a string", token: at0Token("iat", quoted(inThreatTime(-10))), want: claim, claim: "iat"},
		{name: "t/185 iat an array", token: at0Token("iat", "["+inThreatTime(-10)+"]"), want: claim, claim: "iat"},
		{name: "t/185 iat null is none", token: at0Token("iat", `null`)},
		{name: "t/185 iat beyond the year 9999", token: at0Token("iat", `253402300800`), want: claim, claim: "iat"},
		{name: "t/185 issued in the future before expired", token: at0Token("iat", inThreatTime(3600), "exp", inThreatTime(-3600)), want: jwtverifier.ErrIssuedAt},
		{name: "t/191 a name twice in a claim", token: more(`"realm_access":{"roles":[],"roles":["admin"]}`), want: malformed, part: "payload"},
		{name: "t/191 a name twice, once escaped, in a claim", token: more(`"realm_access":{"roles":[],"\u0072oles":["admin"]}`), want: malformed, part: "payload"},
		{name: "t/191 a name twice deep in a claim", token: more(`"a":[{"b":{"c":1,"c":1}}]`), want: malformed, part: "payload"},
		{name: "t/191 a name twice in cnf", token: more(`"cnf":{"jkt":"a","jkt":"b"}`), want: malformed, part: "payload"},
		{name: "t/191 a name twice in aud", token: at0Token("aud", `{"a":1,"a":2}`), want: malformed, part: "payload"},
		{name: "t/194 sub that is no UTF-8", token: at0Token("sub", "\"u\xc0\xaf\""), want: malformed, part: "payload"},
		{name: "t/194 sub that is no UTF-8, another", token: at0Token("sub", "\"u\xff\""), want: malformed, part: "payload"},
		{name: "t/194 sub with a lone surrogate", token: at0Token("sub", `"u\ud800"`), want: malformed, part: "payload"},
		{name: "t/194 sub with another lone surrogate", token: at0Token("sub", `"u\udfff"`), want: malformed, part: "payload"},
		{name: "t/194 an unread claim that is no UTF-8", token: more("\"x\":\"\xff\""), want: malformed, part: "payload"},
		{name: "t/194 an unread name that is no UTF-8", token: more("\"\xff\":1"), want: malformed, part: "payload"},
		{name: "t/194 a lone surrogate deep in an unread claim", token: more(`"x":[{"y":"\ud800"}]`), want: malformed, part: "payload"},
		{name: "t/194 a surrogate in UTF-8", token: at0Token("sub", "\"\xed\xa0\x80\""), want: malformed, part: "payload"},
		{name: "t/194 sub with a pair of surrogates", token: at0Token("sub", `"\ud83d\ude00"`), accepted: withSubject("\U0001f600")},
		{name: "t/194 sub with a replacement character", token: at0Token("sub", `"\ufffd"`), accepted: withSubject("\ufffd")},
		{name: "t/194 sub with NUL", token: at0Token("sub", `"u\u0000"`), accepted: withSubject("u\x00")},
		{name: "t/195 sub a number", token: at0Token("sub", `1`), want: claim, claim: "sub"},
		{name: "t/195 sub an array", token: at0Token("sub", `["u"]`), want: claim, claim: "sub"},
		{name: "t/195 sub an object", token: at0Token("sub", `{}`), want: claim, claim: "sub"},
		{name: "t/195 sub false", token: at0Token("sub", `false`), want: claim, claim: "sub"},
		{name: "t/195 sub null", token: at0Token("sub", `null`), accepted: withSubject("")},
		{name: "t/195 sub empty", token: at0Token("sub", `""`), accepted: withSubject("")},
		{name: "t/195 no sub", token: at0Token("sub", absentMember), accepted: withSubject("")},
		{name: "t/195 sub of 10 KB", token: at0Token("sub", quoted(strings.Repeat("s", 10_000))), accepted: withSubject(strings.Repeat("s", 10_000))},
		{name: "t/196 sub is a client ID", token: at0Token("sub", `"client"`), accepted: withSubject("client")},
		{name: "t/197 scp a number", token: at0Token("scp", `1`), want: claim, claim: "scp"},
		{name: "t/197 scp an object", token: at0Token("scp", `{"read":true}`), want: claim, claim: "scp"},
		{name: "t/197 scp true", token: at0Token("scp", `true`), want: claim, claim: "scp"},
		{name: "t/197 scp an array with a number", token: at0Token("scp", `["read",1]`), want: claim, claim: "scp"},
		{name: "t/197 scp an array with null", token: at0Token("scp", `["read",null]`), want: claim, claim: "scp"},
		{name: "t/197 scp an array in an array", token: at0Token("scp", `[["read"]]`), want: claim, claim: "scp"},
		{name: "t/197 scope a number", token: at0Token("scope", `1`), want: claim, claim: "scope"},
		{name: "t/197 scope an object", token: at0Token("scope", `{}`), want: claim, claim: "scope"},
		{name: "t/197 scope of a wrong type beside scp", token: at0Token("scp", `["read"]`, "scope", `1`), want: claim, claim: "scope"},
		{name: "t/197 scp of a wrong type beside scope", token: at0Token("scp", `1`, "scope", `"read"`), want: claim, claim: "scp"},
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
		{name: "t/197 claims that no rule reads, of any type", token: at0Token("jti", `1`, "acr", `[]`, "amr", `"pwd"`, "auth_time", `"x"`, "nonce", `{}`), accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
			assert.Empty(t, token.ID)
			assert.Empty(t, token.AuthContext)
			assert.Empty(t, token.AuthMethods)
			assert.Zero(t, token.AuthTime)
		}},
		{name: "t/199 cnf null is none", token: at0Token("cnf", `null`), accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
			assert.Nil(t, token.Confirmation)
		}},
		{name: "t/199 cnf empty", token: at0Token("cnf", `{}`), want: confirm},
		{name: "t/199 cnf of an unknown method", token: at0Token("cnf", `{"jwk":{}}`), want: confirm},
		{name: "t/199 cnf false", token: at0Token("cnf", `false`), want: confirm},
		{name: "t/199 CNF is another name", token: at0Token("CNF", `{"jkt":"thumbprint"}`)},
		{name: "t/200 ID token by nonce alone, without cid", token: signed(id0("aud", `"api"`)), want: clientID},
		{name: "t/200 ID token by nonce alone, azp another client", token: signed(id0("aud", `"api"`, "azp", `"client"`)), want: clientID},
		{name: "t/201 refresh token of another audience", token: at0Token("aud", quoted(i+"/token"), "typ", `"Offline"`), want: audience},
		{name: "t/201 software statement", token: at0Token("aud", absentMember, "software_id", `"x"`, "redirect_uris", `[]`), want: audience},
		{name: "t/201 logout token", token: jwsOf(threatK1(), h0("typ", `"logout+jwt"`), at0("events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)), want: tokenType, claim: "typ"},
		{name: "t/201 typ Bearer", token: at0Token("typ", `"Bearer"`)},
		{name: "t/202 nesting of 5,000", token: at0Token("x", nested(5_000))},
		{name: "t/202 nesting of 9,000", token: at0Token("x", nested(9_000))},
		{name: "t/202 nesting of 10,001", token: at0Token("x", nested(10_001)), want: malformed, part: "payload"},
		{name: "t/202 objects nested 8,000 deep", token: at0Token("x", strings.Repeat(`{"":`, 8_000)+"1"+strings.Repeat("}", 8_000))},
		{name: "t/202 nesting of 20,000", token: at0Token("x", nested(20_000)), want: malformed, part: "payload"},
		{name: "t/202 3,000 claims", token: signed(strings.TrimSuffix(at0(), "}") + "," + manyMembers(3_000)[len(h0()):])},
		{name: "t/202 10,000 claims", token: signed(strings.TrimSuffix(at0(), "}") + "," + manyMembers(10_000)[len(h0()):]), want: malformed, part: "token"},
		{name: "t/202 array of 1,000 elements", token: at0Token("x", "["+strings.Repeat("1,", 999)+"1]")},
		{name: "t/305 1 MiB of text", token: at0Token("x", quoted(strings.Repeat("x", 1<<20))), want: malformed, part: "token"},
		{name: "t/305 1 MiB of escapes", token: at0Token("x", `"`+strings.Repeat(`\u0041`, 1<<20/6)+`"`), want: malformed, part: "token"},
		{name: "t/305 500,000 elements", token: at0Token("x", "["+strings.Repeat("1,", 499_999)+"1]"), want: malformed, part: "token"},
		{name: "t/305 40 KB of escapes", token: at0Token("x", `"`+strings.Repeat(`\u0041`, 40_000/6)+`"`)},
		{name: "t/305 40 KB of escapes in sub", token: at0Token("sub", `"`+strings.Repeat(`\u0041`, 40_000/6)+`"`), accepted: withSubject(strings.Repeat("A", 40_000/6))},
		{name: "t/305 20,000 elements", token: at0Token("x", "["+strings.Repeat("1,", 19_999)+"1]")},
	}

	for _, payload := range []string{`null`, `[]`, `"x"`, `1`, `true`, ` `, `nul`, `{]`, `{"a"}`, `{"a":}`, "\x00", `undefined`, `[null]`} {
		rows = append(rows, threat{name: "t/155 payload " + quoted(payload), token: signed(payload), want: malformed, part: "payload"})
	}
	for _, iss := range []string{i + "/", "https://AS.EXAMPLE/tenant", "http://as.example/tenant", "HTTPS://as.example/tenant", "https://as.example:443/tenant",
		i + "#x", i + "?x", i + "#", i + "?", "https://as.example.evil.com/tenant", i + ".evil.com", "https://evil.com/" + i, "https://user@as.example/tenant",
		"https://as%2eexample/tenant", "https://as.example/%74enant", "https://as.example./tenant", "https://xn--s-7sf.example/tenant", "https://\u0430s.example/tenant",
		" " + i, i + " ", i + "\u0000", i + "\n", "https://as.example", "https://as.example/", "https://as.example/tenant/../tenant", "https://as.example//tenant",
		"https://as.example/TENANT", "https://as.example/tenan", "as.example/tenant", "//as.example/tenant", "", "https://as.example/tenant\u200b", i + "," + i} {
		rows = append(rows, threat{name: "t/159 iss " + iss, token: at0Token("iss", quotedJSON(iss)), want: issuer, claim: "iss"})
	}
	for _, aud := range []string{`1`, `true`, `null`, `{"api":1}`, `["api",1]`, `[1,"api"]`, `["api",null]`, `["api",true]`, `["api",{}]`, `[["api"]]`, `["api",["api"]]`, `{"0":"api","length":1}`} {
		rows = append(rows, threat{name: "t/164 aud " + aud, token: at0Token("aud", aud), want: audience, claim: "aud"})
	}
	for _, aud := range []string{"ap", "api2", "api other", "other api", "API", "Api", "api/", "/api", "api\u0000", " api", "api ", "api\n", "api,other", "*", "a.i", "ap\u0131", "\uff41pi", "apі"} {
		rows = append(rows,
			threat{name: "t/165 aud " + aud, token: at0Token("aud", quotedJSON(aud)), want: audience},
			threat{name: "t/165 aud an array of " + aud, token: at0Token("aud", "["+quotedJSON(aud)+"]"), want: audience},
		)
	}
	rows = append(rows, expiryThreats(at0Token, nil)...)
	for _, client := range []string{absentMember, `""`, `1`, `["c1"]`, `{"c1":1}`, `true`, `"C1"`, `"c1 "`, `" c1"`, `"c2"`, `"c"`, `"c11"`, `"c1\u0000"`, `"c1,c2"`, `"*"`} {
		rows = append(rows, threat{name: "t/187 cid " + client, token: at0Token("cid", client), want: clientID})
		if client == absentMember {
			continue
		}
		rows = append(rows,
			threat{name: "t/187 client_id " + client, token: at0Token("cid", absentMember, "client_id", client), want: clientID, claim: "client_id"},
			threat{name: "t/187 azp " + client, token: at0Token("cid", absentMember, "azp", client), want: clientID, claim: "azp"},
			threat{name: "t/187 appid " + client, token: at0Token("cid", absentMember, "appid", client), want: clientID, claim: "appid"},
			threat{name: "t/187 a good client behind cid " + client, token: at0Token("cid", client, "client_id", `"c1"`, "azp", `"c1"`, "appid", `"c1"`), want: clientID, claim: "cid"},
			threat{name: "t/187 a good azp behind client_id " + client, token: at0Token("cid", absentMember, "client_id", client, "azp", `"c1"`), want: clientID, claim: "client_id"},
		)
	}
	rows = append(rows,
		threat{name: "t/187 cid null", token: at0Token("cid", `null`), want: clientID, claim: "client_id"},
		threat{name: "t/187 all of them null", token: at0Token("cid", `null`, "client_id", `null`, "azp", `null`, "appid", `null`), want: clientID, claim: "client_id"},
		threat{name: "t/187 client_id behind cid null", token: at0Token("cid", `null`, "client_id", `"c1"`)},
		threat{name: "t/187 another client_id behind cid null", token: at0Token("cid", `null`, "client_id", `"c2"`, "azp", `"c1"`), want: clientID, claim: "client_id"},
		threat{name: "t/187 azp behind null", token: at0Token("cid", `null`, "client_id", `null`, "azp", `"c1"`)},
		threat{name: "t/187 appid behind null", token: at0Token("cid", `null`, "client_id", `null`, "azp", `null`, "appid", `"c1"`)},
		threat{name: "t/187 client_id", token: at0Token("cid", absentMember, "client_id", `"c1"`)},
		threat{name: "t/187 azp", token: at0Token("cid", absentMember, "azp", `"c1"`)},
		threat{name: "t/187 appid", token: at0Token("cid", absentMember, "appid", `"c1"`)},
		threat{name: "t/187 a bad client behind cid", token: at0Token("client_id", `"c2"`, "azp", `1`)},
		threat{name: "t/187 cid escaped", token: at0Token("cid", `"\u00631"`)},
		threat{name: "t/187 sub for a client", token: at0Token("cid", absentMember, "sub", `"c1"`), want: clientID},
	)

	for name, values := range map[string][2]string{"iss": {quoted(i), `"https://evil.example"`}, "aud": {`"api"`, `"elsewhere"`}, "cid": {`"c1"`, `"c2"`}, "sub": {`"u"`, `"admin"`},
		"exp": {inThreatTime(300), inThreatTime(-3600)}, "iat": {inThreatTime(-10), inThreatTime(3600)}, "x": {`1`, `2`}} {
		good, bad := values[0], values[1]
		escaped := fmt.Sprintf(`\u%04x%s`, name[0], name[1:])
		for kind, second := range map[string]string{"twice": name, "twice, once escaped": escaped} {
			id, number := " "+name+" "+kind, "t/189"
			if second == escaped {
				number = "t/190"
			}
			without := at0(name, absentMember)
			rows = append(rows,
				threat{name: number + id + ", good first", token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, name, good, second, bad))), want: malformed, part: "payload"},
				threat{name: number + id + ", good last", token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, second, bad, name, good))), want: malformed, part: "payload"},
				threat{name: number + id + ", the same", token: signed(withMore(without, fmt.Sprintf(`"%s":%s,"%s":%s`, name, good, second, good))), want: malformed, part: "payload"},
			)
		}
	}

	twinUnread := func(t *testing.T, token *jwtverifier.AccessToken) {
		assert.Equal(t, "u", token.Subject)
		assert.Equal(t, threatIssuer, token.Issuer)
		var dst struct {
			Issuer  string `json:"iss"`
			Subject string `json:"sub"`
		}
		require.NoError(t, token.Claims(&dst))
		assert.Equal(t, "u", dst.Subject)
		assert.Equal(t, threatIssuer, dst.Issuer)
	}
	for _, twin := range []string{`"SUB":"admin"`, `"Sub":"admin"`, `"\u017fub":"admin"`, `"i\u017fs":"https://evil.example"`, `"is\u017f":"https://evil.example"`, `"ISS":"https://evil.example"`,
		`"EXP":0`, `"Aud":"elsewhere"`, `"NBF":4102444800`, `"IAT":0`, `"jTI":"x"`, `"SUB":"u"`, `"SUB":null`, `"\u0053UB":"admin"`, "\"\u017fub\":\"admin\""} {
		// In front of it as well: the last one must not win, nor the first one.
		rows = append(rows,
			threat{name: "t/192 beside " + twin, token: more(twin), want: malformed, part: "payload"},
			threat{name: "t/192 in front: " + twin, token: signed("{" + twin + "," + at0()[1:]), want: malformed, part: "payload"},
			threat{name: "t/192 in another claim: " + twin, token: more(`"x":[{` + twin + `}]`), accepted: twinUnread},
		)
	}
	for _, other := range []string{`"CID":"c2"`, `"Events":{}`, `"AT_HASH":"x"`, `"Token_Use":"id"`, `"sub ":"admin"`, `"sub\u0000":"admin"`, `"s\u00fcb":"admin"`, `"\u0130ss":"admin"`, `"SUBS":"admin"`} {
		rows = append(rows,
			threat{name: "t/192 beside " + other, token: more(other), accepted: twinUnread},
			threat{name: "t/192 in front: " + other, token: signed("{" + other + "," + at0()[1:]), accepted: twinUnread},
		)
	}
	rows = append(rows,
		threat{name: "t/192 only ISS", token: at0Token("iss", absentMember, "ISS", quoted(i)), want: malformed, part: "payload"},
		threat{name: "t/192 only is\u017f", token: at0Token("iss", absentMember, `is\u017f`, quoted(i)), want: malformed, part: "payload"},
		threat{name: "t/192 only Aud", token: at0Token("aud", absentMember, "Aud", `"api"`), want: malformed, part: "payload"},
		threat{name: "t/192 only EXP", token: at0Token("exp", absentMember, "EXP", inThreatTime(300)), want: malformed, part: "payload"},
		threat{name: "t/192 only Cid", token: at0Token("cid", absentMember, "Cid", `"c1"`), want: clientID},
		threat{name: "t/192 only SUB", token: at0Token("sub", absentMember, "SUB", `"u"`), want: malformed, part: "payload"},
	)

	constrained := []jwtverifier.Option{jwtverifier.WithSenderConstrainedTokens()}
	for _, cnf := range []string{`{"jkt":"thumbprint"}`, `{"x5t#S256":"thumbprint"}`, `{"jkt":"thumbprint","x5t#S256":"thumbprint"}`} {
		rows = append(rows,
			threat{name: "t/199 cnf " + cnf, token: at0Token("cnf", cnf), want: confirm, claim: "cnf"},
			threat{name: "t/199 cnf, accepted: " + cnf, token: at0Token("cnf", cnf), opts: constrained, accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
				require.NotNil(t, token.Confirmation)
				assert.Equal(t, "thumbprint", token.Confirmation.JWKThumbprint+strings.TrimPrefix(token.Confirmation.CertificateThumbprint, token.Confirmation.JWKThumbprint))
			}},
		)
	}
	for cnf, want := range map[string]jwtverifier.Confirmation{
		`{"jkt":"a","x5t#S256":null}`: {JWKThumbprint: "a"},
		`{"jkt":null,"x5t#S256":"b"}`: {CertificateThumbprint: "b"},
		`{"jkt":"a","jwk":null}`:      {JWKThumbprint: "a"},
	} {
		rows = append(rows, threat{name: "t/199 cnf, null is none: " + cnf, token: at0Token("cnf", cnf), opts: constrained, accepted: func(t *testing.T, token *jwtverifier.AccessToken) {
			assert.Equal(t, &want, token.Confirmation)
		}})
	}
	for _, cnf := range []string{`{}`, `"thumbprint"`, `["jkt"]`, `1`, `{"jkt":""}`, `{"jkt":null}`, `{"jkt":1}`, `{"x5t#S256":""}`, `{"x5t#S256":["a"]}`, `{"jwk":{}}`, `{"kid":"x"}`,
		`{"jkt":"a","jwk":{}}`, `{"jkt":"a","x5t#S256":1}`, `{"jkt":"a","x5t#S256":""}`, `{"jkt":null,"x5t#S256":null}`, `{"jkt":null,"jwk":{}}`, `{"jkt":"a","jwk":false}`, `{"JKT":"a"}`, `{"x5t#s256":"a"}`, `{"jkt":"a","JKT":"b"}`} {
		rows = append(rows, threat{name: "t/199 cnf, not even with the option: " + cnf, token: at0Token("cnf", cnf), opts: constrained, want: confirm, claim: "cnf"})
	}

	for name, mark := range map[string][2]string{
		"at_hash": {"at_hash", `"x"`}, "at_hash a number": {"at_hash", `1`}, "c_hash": {"c_hash", `"x"`},
		"token_use id": {"token_use", `"id"`}, "token_use refresh": {"token_use", `"refresh"`}, "token_use Access": {"token_use", `"Access"`},
		"token_use an array": {"token_use", `["access"]`}, "token_use empty": {"token_use", `""`},
		"typ ID": {"typ", `"ID"`}, "typ Refresh": {"typ", `"Refresh"`}, "typ Logout": {"typ", `"Logout"`}, "typ escaped": {"typ", `"\u0049D"`},
	} {
		rows = append(rows, threat{name: "t/200 ID token by " + name, token: at0Token(mark[0], mark[1]), want: tokenType, claim: mark[0]})
		rows = append(rows, threat{name: "t/200 ID token by " + name + ", for both", token: signed(id0("aud", `["api","client"]`, "cid", `"c1"`, mark[0], mark[1])), want: tokenType, claim: mark[0]})
	}
	for _, typ := range []string{`"Bearer"`, `"id"`, `"ID "`, `1`, `null`, `["ID"]`} {
		rows = append(rows, threat{name: "t/200 no mark: typ " + typ, token: at0Token("typ", typ)})
	}
	both := func(changes ...string) string {
		return at0Token(append([]string{"aud", `["api","client"]`}, changes...)...)
	}
	for _, value := range []string{`"n1"`, `""`, `1`, `{}`, `false`, `["n1"]`} {
		rows = append(rows,
			threat{name: "t/200 ID token by nonce, for the client: " + value, token: both("nonce", value), want: tokenType, claim: "nonce"},
			threat{name: "t/200 no mark: nonce, for no client: " + value, token: at0Token("nonce", value)},
		)
	}
	withType := func(typ, payload string) string { return jwsOf(threatK1(), h0("typ", typ), payload) }
	rows = append(rows,
		threat{name: "t/200 ID token by nonce, with azp", token: signed(id0("aud", `["api","client"]`, "azp", `"c1"`)), want: tokenType, claim: "nonce"},
		threat{name: "t/200 ID token by nonce, typ JWT", token: withType(`"JWT"`, at0("aud", `["client","api"]`, "nonce", `"n1"`)), want: tokenType, claim: "nonce"},
		threat{name: "t/200 ID token by nonce, of another issuer", token: both("nonce", `"n1"`, "iss", `"https://evil.example"`), want: tokenType, claim: "nonce"},
		threat{name: "t/200 ID token by nonce, for the client only", token: at0Token("aud", `"client"`, "nonce", `"n1"`), want: tokenType, claim: "nonce"},
		threat{name: "t/200 no mark: nonce, typ at+jwt", token: withType(`"application/at+JWT"`, at0("aud", `["api","client"]`, "nonce", `"n1"`))},
		threat{name: "t/200 no mark: nonce null, for the client", token: both("nonce", `null`)},
		threat{name: "t/200 no mark: for the client, no nonce", token: both()},
	)
	for _, name := range []string{"events", "at_hash", "c_hash", "token_use", "nonce"} {
		rows = append(rows, threat{name: "t/200 no mark: " + name + " null", token: at0Token(name, `null`)})
	}
	rows = append(rows, threat{name: "t/200 no mark: token_use access", token: at0Token("token_use", `"access"`)})
	for _, events := range []string{`{}`, `[]`, `""`, `false`, `{"http://schemas.openid.net/event/backchannel-logout":{}}`} {
		rows = append(rows, threat{name: "t/201 events " + events, token: at0Token("events", events), want: tokenType, claim: "events"})
	}
	without := []jwtverifier.Option{jwtverifier.WithAuthorizedClients("c2")}
	rows = append(rows, threat{name: "t/316 one of two clients", token: at0Token("cid", `"c2"`), opts: without})
	runThreats(t, "claims", rows)
}

// expiryThreats are the rows about exp, which are the same for both kinds.
func expiryThreats(token func(changes ...string) string, id *idThreat) []threat {
	claim, expired := jwtverifier.ErrClaim, jwtverifier.ErrExpired
	number := "t/216 "
	if id == nil {
		number = ""
	}
	rows := []threat{
		{name: "t/170 no exp", token: token("exp", absentMember), want: claim, claim: "exp"},
		{name: "t/171 exp 0", token: token("exp", `0`), want: expired, claim: "exp"},
		{name: "t/172 exp 0.5", token: token("exp", `0.5`), want: expired},
		{name: "t/172 exp 1e-5", token: token("exp", `1e-5`), want: expired},
		{name: "t/172 exp 0.0", token: token("exp", `0.0`), want: expired},
		{name: "t/172 exp 0e99", token: token("exp", `0e99`), want: expired},
		{name: "t/174 exp in a string", token: token("exp", strconv.Quote(inThreatTime(300))), want: claim, claim: "exp"},
		{name: "t/174 exp a date", token: token("exp", `"2099-01-01T00:00:00Z"`), want: claim},
		{name: "t/176 exp NaN", token: token("exp", `NaN`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp Infinity", token: token("exp", `Infinity`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp -Infinity", token: token("exp", `-Infinity`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp with a plus sign", token: token("exp", `+`+inThreatTime(300)), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp with a leading zero", token: token("exp", `0`+inThreatTime(300)), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp in hexadecimal", token: token("exp", `0xffffffff`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/176 exp with underscores", token: token("exp", `4_102_444_800`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/179 exp -1", token: token("exp", `-1`), want: claim},
		{name: "t/179 exp -0", token: token("exp", `-0`), want: expired},
		{name: "t/179 exp -0.0", token: token("exp", `-0.0`), want: expired},
		{name: "t/179 exp -0.001", token: token("exp", `-0.001`), want: claim},
		{name: "t/180 exp with an exponent", token: token("exp", `9.466851e8`)},
		{name: "t/180 exp with a capital exponent", token: token("exp", `9466851E+2`)},
		{name: "t/180 exp with a negative exponent", token: token("exp", inThreatTime(300)+`00e-2`)},
		{name: "t/180 exp with a fraction", token: token("exp", inThreatTime(300)+`.5`)},
		{name: "t/180 exp with a long fraction", token: token("exp", inThreatTime(300)+`.`+strings.Repeat("9", 50))},
		{name: "t/180 exp in the year 9999", token: token("exp", `253402300799`)},
		{name: "t/181 exp of 1 MiB", token: token("exp", strings.Repeat("9", 1<<20)), want: jwtverifier.ErrMalformed, part: "token"},
		{name: "t/181 exp of 40,000 digits", token: token("exp", strings.Repeat("9", 40_000)), want: claim},
		// They are 10^12, beyond the year 9999. strconv.ParseFloat takes an integer of
		// more than 800 digits for a smaller one, so that the far future is the past.
		{name: "t/181 exp of 900 digits and a negative exponent", token: token("exp", "1"+strings.Repeat("0", 899)+"e-887"), want: claim, claim: "exp"},
		{name: "t/181 nbf of 900 digits and a negative exponent", token: token("nbf", "1"+strings.Repeat("0", 899)+"e-887"), want: claim, claim: "nbf"},
		{name: "t/181 iat of 900 digits and a negative exponent", token: token("iat", "1"+strings.Repeat("0", 899)+"e-887"), want: claim, claim: "iat"},
		{name: "t/181 nbf of 40,000 digits and a negative exponent", token: token("nbf", "1"+strings.Repeat("0", 39_999)+"e-39987"), want: claim, claim: "nbf"},
		{name: "t/181 exp 1e1000000000", token: token("exp", `1e1000000000`), want: claim},
		{name: "t/181 exp 1e-1000000000", token: token("exp", `1e-1000000000`), want: expired},
		{name: "t/181 another claim 1e1000000000", token: token("x", `1e1000000000`)},
		{name: "t/181 another claim of 40,000 digits", token: token("x", strings.Repeat("9", 40_000))},
		{name: "t/182 exp now and no leeway", token: token("exp", inThreatTime(0)), want: expired, opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp a second ago and no leeway", token: token("exp", inThreatTime(-1)), want: expired, opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp in a second and no leeway", token: token("exp", inThreatTime(1)), opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp in a moment and no leeway", token: token("exp", inThreatTime(0)+".001"), opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp now", token: token("exp", inThreatTime(0))},
		{name: "t/182 exp a leeway ago", token: token("exp", inThreatTime(-60)), want: expired},
		{name: "t/182 exp a leeway and a second ago", token: token("exp", inThreatTime(-61)), want: expired},
		{name: "t/182 exp a leeway less a second ago", token: token("exp", inThreatTime(-59))},
		{name: "t/182 exp a leeway less a moment ago", token: token("exp", inThreatTime(-60)+".001")},
		{name: "t/182 exp the largest leeway ago", token: token("exp", inThreatTime(-300)), want: expired, opts: []jwtverifier.Option{jwtverifier.WithLeeway(5 * time.Minute)}},
		{name: "t/182 exp the largest leeway less a second ago", token: token("exp", inThreatTime(-299)), opts: []jwtverifier.Option{jwtverifier.WithLeeway(5 * time.Minute)}},
	}
	for _, exp := range []string{`null`, `true`, `[1]`, `{}`, `""`, `"abc"`, `"NaN"`, `[` + inThreatTime(300) + `]`, `{"exp":` + inThreatTime(300) + `}`, `"0x7fffffff"`, `" ` + inThreatTime(300) + `"`} {
		rows = append(rows, threat{name: "t/175 exp " + exp, token: token("exp", exp), want: claim, claim: "exp"})
	}
	for _, exp := range []string{`1e999`, `1e300`, `1e19`, `9223372036854775808`, `18446744073709551616`, `18446744074656371016`, `253402300800`, `253402300799.5`, `9007199254740993`, `9223372036854775807`, `1e12`} {
		rows = append(rows, threat{name: "t/177 exp " + exp, token: token("exp", exp), want: claim, claim: "exp"})
	}
	for i := range rows {
		rows[i].id = id
		if id != nil {
			rows[i].name = number + rows[i].name
		}
		if rows[i].opts != nil {
			rows[i].good = token()
		}
	}
	return rows
}

func TestThreatsIDTokenClaims(t *testing.T) {
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
		signed    = func(payload string) string { return jwsOf(threatK1(), h0(), payload) }
		noNonce   = &idThreat{checks: []jwtverifier.IDTokenCheck{jwtverifier.NoNonce()}}
		none      = id0Token("nonce", absentMember)
	)
	const accessToken, code = "the.access.token", "the-code"
	half := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[:16])) }
	whole := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[:])) }
	wrongHalf := func(s string) string { sum := sha256.Sum256([]byte(s)); return strconv.Quote(seg64(sum[16:])) }
	half512 := func(s string) string { sum := sha512.Sum512([]byte(s)); return strconv.Quote(seg64(sum[:32])) }

	rows := []threat{
		{name: "t/204 aud another client", token: id0Token("aud", `"other"`), want: audience, claim: "aud"},
		{name: "t/204 aud an array of another client", token: id0Token("aud", `["other"]`), want: audience},
		{name: "t/204 aud an array of the client", token: id0Token("aud", `["client"]`)},
		{name: "t/204 aud the audience of access tokens", token: id0Token("aud", `"api"`), want: audience},
		{name: "t/204 aud an authorized client of access tokens", token: id0Token("aud", `"c1"`), want: audience},
		{name: "t/204 no aud", token: id0Token("aud", absentMember), want: audience},
		{name: "t/204 aud empty", token: id0Token("aud", `[]`), want: audience},
		{name: "t/204 aud null", token: id0Token("aud", `null`), want: audience},
		{name: "t/204 aud of mixed types", token: id0Token("aud", `["client",1]`), want: audience},
		{name: "t/204 aud in upper case", token: id0Token("aud", `"CLIENT"`), want: audience},
		{name: "t/205 two audiences, no azp", token: id0Token("aud", `["client","other"]`), want: party, claim: "azp"},
		{name: "t/205 two audiences, azp null", token: id0Token("aud", `["client","other"]`, "azp", `null`), want: party},
		{name: "t/205 two audiences, azp an array", token: id0Token("aud", `["client","other"]`, "azp", `["client"]`), want: party},
		{name: "t/205 two audiences, azp empty", token: id0Token("aud", `["client","other"]`, "azp", `""`), want: party},
		{name: "t/205 the same audience twice, no azp", token: id0Token("aud", `["client","client"]`), want: party},
		{name: "t/206 two audiences, azp the other", token: id0Token("aud", `["client","other"]`, "azp", `"other"`), want: party},
		{name: "t/206 two audiences, azp in upper case", token: id0Token("aud", `["client","other"]`, "azp", `"Client"`), want: party},
		{name: "t/206 one audience, azp another: an Android app's", token: id0Token("azp", `"other"`)},
		{name: "t/207 two audiences, azp the client", token: id0Token("aud", `["client","other"]`, "azp", `"client"`)},
		{name: "t/207 two audiences, azp the client, the client last", token: id0Token("aud", `["other","client"]`, "azp", `"client"`)},
		{name: "t/210 no nonce expected, none there", token: none, id: &idThreat{}, want: nonce, claim: "nonce"},
		{name: "t/210 no nonce expected, an empty one there", token: id0Token("nonce", `""`), id: &idThreat{}, want: nonce},
		{name: "t/210 no nonce expected, null there", token: id0Token("nonce", `null`), id: &idThreat{}, want: nonce},
		{name: "t/210 no nonce expected, one there", token: id0Token(), id: &idThreat{}, want: nonce},
		{name: "t/211 NoNonce, one there", token: id0Token(), id: noNonce},
		{name: "t/211 NoNonce, none there", token: none, id: noNonce},
		{name: "t/211 NoNonce, an empty one there", token: id0Token("nonce", `""`), id: noNonce},
		{name: "t/211 NoNonce, a number there", token: id0Token("nonce", `1`), id: noNonce},
		{name: "t/212 the same token and nonce again", token: id0Token()}, // the runner asks twice
		{name: "t/214 no iat", token: id0Token("iat", absentMember), want: claim, claim: "iat"},
		{name: "t/214 iat null", token: id0Token("iat", `null`), want: claim, claim: "iat"},
		{name: "t/214 iat a string", token: id0Token("iat", strconv.Quote(inThreatTime(-10))), want: claim, claim: "iat"},
		{name: "t/214 iat an array", token: id0Token("iat", `[1]`), want: claim, claim: "iat"},
		{name: "t/214 iat negative", token: id0Token("iat", `-1`), want: claim, claim: "iat"},
		{name: "t/214 iat 0", token: id0Token("iat", `0`)},
		{name: "t/215 iat now and the leeway", token: id0Token("iat", inThreatTime(60))},
		{name: "t/215 iat a second later", token: id0Token("iat", inThreatTime(61)), want: jwtverifier.ErrIssuedAt, claim: "iat"},
		{name: "t/215 iat a year old", token: id0Token("iat", inThreatTime(-365*86400))},
		{name: "t/215 nbf in the future", token: id0Token("nbf", inThreatTime(61)), want: jwtverifier.ErrNotYetValid, claim: "nbf"},
		{name: "t/215 nbf a string", token: id0Token("nbf", `"0"`), want: claim, claim: "nbf"},
		{name: "t/217 no sub", token: id0Token("sub", absentMember), want: claim, claim: "sub"},
		{name: "t/217 sub empty", token: id0Token("sub", `""`), want: claim, claim: "sub"},
		{name: "t/217 sub a number", token: id0Token("sub", `1`), want: claim, claim: "sub"},
		{name: "t/217 sub null", token: id0Token("sub", `null`), want: claim, claim: "sub"},
		{name: "t/217 sub an array", token: id0Token("sub", `["u"]`), want: claim, claim: "sub"},
		{name: "t/217 only SUB", token: id0Token("sub", absentMember, "SUB", `"u"`), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/217 sub of 300 characters", token: id0Token("sub", strconv.Quote(strings.Repeat("s", 300)))},
		{name: "t/219 access token for the client", token: at0Token("aud", `"client"`), want: nonce},
		{name: "t/219 access token for both", token: at0Token("aud", `["api","client"]`, "azp", `"client"`), want: nonce},
		{name: "t/219 access token with typ JWT", token: jwsOf(threatK1(), h0("typ", `"JWT"`), at0("aud", `"client"`)), want: nonce},
		{name: "t/219 access token with a nonce and typ Bearer", token: id0Token("typ", `"Bearer"`), want: tokenType, claim: "typ"},
		{name: "t/219 access token with a nonce and token_use", token: id0Token("token_use", `"access"`), want: tokenType, claim: "token_use"},
		{name: "t/219 token_use null is none", token: id0Token("token_use", `null`)},
		{name: "t/219 token_use ID", token: id0Token("token_use", `"ID"`), want: tokenType},
		{name: "t/219 token_use id", token: id0Token("token_use", `"id"`)},
		{name: "t/219 typ Refresh", token: id0Token("typ", `"Refresh"`), want: tokenType},
		{name: "t/219 typ Logout", token: id0Token("typ", `"Logout"`), want: tokenType},
		{name: "t/219 typ ID", token: id0Token("typ", `"ID"`)},
		{name: "t/220 logout token", token: jwsOf(threatK1(), h0("typ", `"logout+jwt"`), id0("nonce", absentMember, "events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)), id: noNonce, want: tokenType, good: none},
		{name: "t/220 logout token with typ JWT", token: jwsOf(threatK1(), h0("typ", `"JWT"`), id0("nonce", absentMember, "events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`, "sid", `"s"`)), id: noNonce, want: tokenType, claim: "events", good: none},
		{name: "t/220 events null is none", token: id0Token("events", `null`)},
		{name: "t/220 events empty", token: id0Token("events", `{}`), want: tokenType, claim: "events"},
		{name: "t/221 iss without scheme", token: id0Token("iss", `"as.example/tenant"`), want: issuer, claim: "iss"},
		{name: "t/221 iss of Google without scheme", token: id0Token("iss", `"accounts.google.com"`), want: issuer},
		{name: "t/222 self-issued", token: id0Token("iss", `"https://self-issued.me"`, "sub_jwk", goodJWK1()), want: issuer},
		{name: "t/222 self-issued, version 2", token: id0Token("iss", `"https://self-issued.me/v2"`, "sub_jwk", goodJWK1()), want: issuer},
		{name: "t/222 iss equal to sub", token: id0Token("iss", `"u"`), want: issuer},
		{name: "t/222 sub_jwk of the attacker", token: jwsOf(threatKX(), h0(), id0("sub_jwk", jwkOf("k1", &threatKX().PublicKey))), want: jwtverifier.ErrSignature, part: "signature"},
		{name: "t/226 alg none", token: seg64(h0("alg", `"none"`)) + "." + seg64(id0()) + ".", want: jwtverifier.ErrMalformed, part: "token"},
		{name: "t/226 alg none with a signature", token: jwsOf(threatK1(), h0("alg", `"none"`), id0()), want: jwtverifier.ErrAlgorithm, part: "header"},
		{name: "t/227 HS256 with the client's secret", token: seg64(h0("alg", `"HS256"`)) + "." + seg64(id0()) + "." + seg64(macOf("client-secret", seg64(h0("alg", `"HS256"`))+"."+seg64(id0()))), want: jwtverifier.ErrAlgorithm, part: "header"},
		{name: "t/229 claims elsewhere", token: id0Token("_claim_names", `{"groups":"a"}`, "_claim_sources", `{"a":{"endpoint":"https://10.0.0.5/groups","access_token":"x"}}`)},
		{name: "t/229 claims in another token", token: id0Token("_claim_names", `{"groups":"a"}`, "_claim_sources", `{"a":{"JWT":"e30.e30.AA"}}`)},
		{name: "t/189 nonce twice", token: signed(withMore(id0(), `"nonce":"n2"`)), want: jwtverifier.ErrMalformed, part: "payload"},
		{name: "t/192 nonce and its twin", token: signed(withMore(id0(), `"NONCE":"n2"`))},
		{name: "t/192 only Nonce", token: id0Token("nonce", absentMember, "Nonce", `"n1"`), want: nonce},
	}
	for _, value := range []string{absentMember, `""`, `null`, `1`, `["n1"]`, `{"n1":1}`, `true`, `"N1"`, `"n1 "`, `" n1"`, `"n"`, `"n11"`, `"n1\u0000"`, `"n2"`} {
		rows = append(rows, threat{name: "t/209 nonce " + value, token: id0Token("nonce", value), want: nonce, claim: "nonce"})
	}
	rows = append(rows, threat{name: "t/209 nonce escaped", token: id0Token("nonce", `"\u006e1"`)})

	within := &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(time.Hour)}}
	recent := id0Token("auth_time", inThreatTime(-10))
	for _, value := range []string{absentMember, inThreatTime(-3661), `"` + inThreatTime(-10) + `"`, `null`, `0`, `-1`, inThreatTime(61), `[` + inThreatTime(-10) + `]`, `true`, `1e99`} {
		rows = append(rows, threat{name: "t/224 auth_time " + value, token: id0Token("auth_time", value), id: within, want: authTime, claim: "auth_time", good: recent})
	}
	for _, value := range []string{inThreatTime(-3660), inThreatTime(60), inThreatTime(0), inThreatTime(-10) + ".5"} {
		rows = append(rows, threat{name: "t/224 auth_time " + value, token: id0Token("auth_time", value), id: within, good: recent})
	}
	rows = append(rows,
		threat{name: "t/224 MaxAge(0), a login a leeway ago", token: id0Token("auth_time", inThreatTime(-60)), good: recent,
			id: &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0)}}},
		threat{name: "t/224 MaxAge(0), an older login", token: id0Token("auth_time", inThreatTime(-61)), good: recent, want: authTime,
			id: &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(0)}}},
		threat{name: "t/224 a MaxAge of 290 years", token: id0Token("auth_time", `0`), good: recent,
			id: &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(1<<63 - 1)}}},
	)

	for _, c := range []struct {
		claim, of string
		id        *idThreat
	}{
		{"at_hash", accessToken, &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.AccessTokenHash(accessToken)}}},
		{"c_hash", code, &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.CodeHash(code)}}},
	} {
		right := half(c.of)
		good := id0Token(c.claim, right)
		rows = append(rows, threat{name: "t/225 " + c.claim, token: good, id: c.id, good: good})
		for name, value := range map[string]string{"missing": absentMember, "null": `null`, "empty": `""`, "a number": `1`, "an array": "[" + right + "]",
			"of another": half("another"), "the other half": wrongHalf(c.of), "the whole hash": whole(c.of), "of SHA-512": half512(c.of), "shorter": right[:len(right)-2] + `"`,
			"padded": right[:len(right)-1] + `=="`, "in upper case": strings.ToUpper(right), "with a space": right[:len(right)-1] + ` "`,
			"non-canonical": strconv.Quote(flippedSextet(right[1:len(right)-1], 0))} {
			rows = append(rows, threat{name: "t/225 " + c.claim + " " + name, token: id0Token(c.claim, value), id: c.id, good: good, want: hash, claim: c.claim})
		}
	}
	both := &idThreat{nonce: "n1", checks: []jwtverifier.IDTokenCheck{jwtverifier.MaxAge(time.Hour), jwtverifier.CodeHash(code), jwtverifier.AccessTokenHash(accessToken)}}
	goodBoth := id0Token("at_hash", half(accessToken), "c_hash", half(code), "auth_time", inThreatTime(0))
	rows = append(rows,
		threat{name: "t/225 at_hash and c_hash exchanged", token: id0Token("at_hash", half(code), "c_hash", half(accessToken), "auth_time", inThreatTime(0)), id: both, good: goodBoth, want: hash, claim: "at_hash"},
		threat{name: "t/225 at_hash before auth_time, whatever the order of the checks", token: id0Token("at_hash", half(accessToken)), id: both, good: goodBoth, want: hash, claim: "c_hash"},
		threat{name: "t/225 hash not asked for", token: id0Token("at_hash", `"x"`, "c_hash", `1`)},
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
	var ordinary []threat
	for _, row := range rows {
		if row.good != "none" {
			ordinary = append(ordinary, row)
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newThreatSite().verifier(t)
				token, err := v.VerifyIDToken(t.Context(), row.token, "")
				require.Nil(t, token)
				refused := refusedBecause(t, err, row.want, row.token)
				assert.Equal(t, "claims", refused.Part)
				_, err = v.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
			})
		})
	}
	runThreats(t, "claims", append(ordinary, expiryThreats(id0Token, asID0)...))

	t.Run("t/230 email_verified a string", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newThreatSite().verifier(t)
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
	t.Run("t/195 error of Claims does not show the claim", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			v := newThreatSite().verifier(t)
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
func TestThreatsRefreshedIDToken(t *testing.T) {
	t.Parallel()
	first := func(changes ...string) string {
		return id0Token(append([]string{"auth_time", inThreatTime(-100), "azp", `"client"`, "aud", `["client","other"]`}, changes...)...)
	}
	for _, row := range []struct {
		name  string
		token string
		want  error
		claim string
	}{
		{"t/212 refreshed, all the same", first(), nil, ""},
		{"t/212 refreshed, no nonce and no auth_time", first("nonce", absentMember, "auth_time", absentMember), nil, ""},
		{"t/212 refreshed, later iat", first("iat", inThreatTime(0)), nil, ""},
		{"t/212 refreshed, another audience in common", first("aud", `["client"]`), nil, ""},
		{"t/212 refreshed, another subject", first("sub", `"admin"`), jwtverifier.ErrClaim, "sub"},
		{"t/212 refreshed, subject in upper case", first("sub", `"U"`), jwtverifier.ErrClaim, "sub"},
		{"t/212 refreshed, another nonce", first("nonce", `"n2"`), jwtverifier.ErrNonce, "nonce"},
		{"t/212 refreshed, an empty nonce", first("nonce", `""`), jwtverifier.ErrNonce, "nonce"},
		{"t/212 refreshed, nonce null is none", first("nonce", `null`), nil, ""},
		{"t/212 refreshed, auth_time null is none", first("auth_time", `null`), nil, ""},
		{"t/212 refreshed, azp null is none", first("aud", `["client"]`, "azp", `null`), jwtverifier.ErrAuthorizedParty, "azp"},
		{"t/212 refreshed, another login", first("auth_time", inThreatTime(-50)), jwtverifier.ErrAuthTime, "auth_time"},
		{"t/212 refreshed, auth_time a string", first("auth_time", `"x"`), jwtverifier.ErrAuthTime, "auth_time"},
		{"t/212 refreshed, another azp", first("azp", `"client2"`), jwtverifier.ErrAuthorizedParty, "azp"},
		{"t/212 refreshed, azp gone", first("aud", `["client"]`, "azp", absentMember), jwtverifier.ErrAuthorizedParty, "azp"},
		{"t/212 refreshed, no audience in common", first("aud", `["client2"]`), jwtverifier.ErrAudience, "aud"},
		{"t/212 refreshed, another issuer", first("iss", `"https://evil.example"`), jwtverifier.ErrIssuer, "iss"},
		{"t/212 refreshed, expired", first("exp", inThreatTime(-61)), jwtverifier.ErrExpired, "exp"},
		{"t/212 refreshed, a logout token", first("events", `{}`), jwtverifier.ErrTokenType, "events"},
		{"t/212 refreshed, signature of another", jwsOf(threatKX(), h0(), id0()), jwtverifier.ErrSignature, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newThreatSite().verifier(t, jwtverifier.WithClientID("client2"))
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

// An issuer with a trailing slash is another issuer than the one without.
func TestThreatsTrailingSlash(t *testing.T) {
	t.Parallel()
	const issuer = "https://as.example/tenant/"
	site := func() *threatSite {
		s := newThreatSite()
		s.set(answerWith(200, metadataOf("issuer", strconv.Quote(issuer))), threatMetadata)
		return s
	}
	for name, row := range map[string]struct {
		iss  string
		want error
	}{
		"t/159 iss with the slash":        {issuer, nil},
		"t/159 iss without the slash":     {threatIssuer, jwtverifier.ErrIssuer},
		"t/159 iss with two slashes":      {issuer + "/", jwtverifier.ErrIssuer},
		"t/159 iss with an escaped slash": {"https://as.example/tenant%2f", jwtverifier.ErrIssuer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := site()
				v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: s}))
				require.NoError(t, err)
				raw := at0Token("iss", strconv.Quote(row.iss))
				token, err := v.VerifyAccessToken(t.Context(), raw)
				require.Equal(t, err == nil, token != nil)
				if row.want == nil {
					require.NoError(t, err)
					assert.Equal(t, issuer, token.Issuer)
				} else {
					refusedBecause(t, err, row.want, raw)
				}
				assert.Equal(t, []string{threatMetadata, threatJWKS}, s.askedFor())
			})
		})
	}
}

// The payload chooses the Verifier before anybody has verified it, so it must
// not do more than that.
func TestThreatsSeveralIssuers(t *testing.T) {
	t.Parallel()
	const issuerB = "https://b.example"
	const metadataB, jwksB = issuerB + "/.well-known/oauth-authorization-server", issuerB + "/jwks"
	type world struct {
		a, b    *threatSite
		issuers *jwtverifier.Issuers
	}
	newWorld := func(t *testing.T) world {
		t.Helper()
		w := world{a: newThreatSite(goodJWK1()), b: newThreatSite()}
		w.b.set(answerWith(200, membersWith(nil, []string{"issuer", strconv.Quote(issuerB), "jwks_uri", strconv.Quote(jwksB)})), metadataB)
		w.b.set(answerWith(200, jwksOf(jwkOf("k1", &threatK2().PublicKey))), jwksB) // the same kid
		va := w.a.verifier(t)
		vb, err := jwtverifier.New(issuerB, jwtverifier.WithAudience("api"), jwtverifier.WithClientID("client"), jwtverifier.WithHTTPClient(&http.Client{Transport: w.b}))
		require.NoError(t, err)
		w.issuers, err = jwtverifier.NewIssuers(va, vb)
		require.NoError(t, err)
		return w
	}
	tokenB := func(changes ...string) string {
		return jwsOf(threatK2(), h0(), at0(append([]string{"iss", strconv.Quote(issuerB)}, changes...)...))
	}
	iss := func(iss string) string { return at0Token("iss", iss) }

	rows := []struct {
		name         string
		token        string
		want         error
		part         string
		asksA, asksB int
	}{
		{"t/161 token of A", at0Token(), nil, "", 2, 0},
		{"t/161 token of B", tokenB(), nil, "", 0, 2},
		{"t/161 iss A, signed by B", jwsOf(threatK2(), h0(), at0()), jwtverifier.ErrSignature, "signature", 2, 0},
		{"t/161 iss B, signed by A", at0Token("iss", strconv.Quote(issuerB)), jwtverifier.ErrSignature, "signature", 0, 2},
		{"t/161 iss A, a kid of neither", jwsOf(threatK2(), h0("kid", `"k2"`), at0()), jwtverifier.ErrUnknownKey, "header", 2, 0},
		{"t/161 expired at B", tokenB("exp", inThreatTime(-60)), jwtverifier.ErrExpired, "claims", 0, 2},
		{"t/161 client of A at A only", at0Token("cid", `"c2"`), jwtverifier.ErrClientID, "claims", 2, 0},
		{"t/161 any client at B", tokenB("cid", `"c2"`), nil, "", 0, 2},
		{"t/162 iss __proto__", iss(`"__proto__"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss not registered", iss(`"https://evil.example"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss a metadata service", iss(`"http://169.254.169.254/"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss a template", iss(`"https://{tenant}.example/%s/${jndi:ldap://x}"`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and a slash", iss(strconv.Quote(threatIssuer + "/")), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A in upper case", iss(strconv.Quote(strings.ToUpper(threatIssuer))), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and B", iss(`["https://as.example/tenant","https://b.example"]`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss empty", iss(`""`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss null", iss(`null`), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 no iss", iss(absentMember), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 only ISS", at0Token("iss", absentMember, "ISS", strconv.Quote(threatIssuer)), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 iss of A and of B", jwsOf(threatK1(), h0(), withMore(at0(), `"iss":"https://b.example"`)), jwtverifier.ErrMalformed, "payload", 0, 0},
		{"t/162 iss in the header", jwsOf(threatK1(), h0("iss", strconv.Quote(threatIssuer)), at0("iss", absentMember)), jwtverifier.ErrIssuer, "claims", 0, 0},
		{"t/162 payload null", jwsOf(threatK1(), h0(), `null`), jwtverifier.ErrMalformed, "payload", 0, 0},
		{"t/162 alg none before the issuer", jwsOf(threatK1(), h0("alg", `"none"`), at0("iss", `"https://evil.example"`)), jwtverifier.ErrAlgorithm, "header", 0, 0},
		{"t/162 crit before the issuer", jwsOf(threatK1(), h0("crit", `["x"]`), at0("iss", `"https://evil.example"`)), jwtverifier.ErrMalformed, "header", 0, 0},
		{"t/162 flattened JSON", `{"iss":"https://as.example/tenant","payload":"e30","protected":"e30","signature":"AA"}`, jwtverifier.ErrMalformed, "token", 0, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				for range 2 {
					token, err := w.issuers.VerifyAccessToken(t.Context(), row.token)
					require.Equal(t, err == nil, token != nil)
					if row.want == nil {
						require.NoError(t, err)
					} else {
						refused := refusedBecause(t, err, row.want, row.token)
						assert.Equal(t, row.part, refused.Part)
					}
				}
				assert.Equal(t, row.asksA, w.a.requests(), "requests to A")
				assert.Equal(t, row.asksB, w.b.requests(), "requests to B")
				_, err := w.issuers.VerifyAccessToken(t.Context(), at0Token())
				require.NoError(t, err)
				_, err = w.issuers.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
			})
		})
	}
}
