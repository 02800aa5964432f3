package jwtverifier_test

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"regexp"
	"strings"
)

// The seeds of the fuzz targets.

func fuzzHeaders() []string {
	members := []string{
		`"alg":"none"`, `"alg":"None"`, `"alg":"HS256"`, `"alg":"rs256"`, `"alg":"RS512"`, `"alg":""`, `"alg":null`, `"alg":["RS256"]`, `"alg":1`, `"alg":"RS\u003256"`,
		`"ALG":"RS256"`, `"kid":"k1"`, `"alg":"none","alg":"RS256"`, `"alg":"RS256","\u0061lg":"none"`,
	}
	for _, more := range []string{
		``, `"kid":"k1"`, `"kid":"\u006b1"`, `"kid":"K1"`, `"kid":"k2"`, `"kid":""`, `"kid":null`, `"kid":1`, `"kid":["k1"]`, `"kid":"zzz","kid":"k1"`, `"Kid":"k2"`, `"\u212Aid":"k2"`,
		`"kid":"\ud800"`, `"kid":"k1\u0000"`, `"kid":"\u001b[31m\n"`, `"kid":"` + strings.Repeat("k", 1000) + `"`, "\"kid\":\"\xff\"",
		`"typ":"JWT"`, `"typ":"jwt"`, `"typ":"at+jwt"`, `"typ":"application/at+JWT"`, `"typ":"Application/JWT"`, `"typ":"application/"`, `"typ":"application/application/jwt"`,
		`"typ":""`, `"typ":null`, `"typ":1`, `"typ":"logout+jwt"`, `"typ":"dpop+jwt"`, `"typ":"JOSE+JSON"`, `"typ":"\u0130"`,
		`"crit":["exp"],"exp":1`, `"crit":[]`, `"crit":null`, `"crit":"x"`, `"b64":false`, `"b64":true`, `"enc":"A256GCM"`, `"zip":"DEF"`, `"CRIT":[]`, `"\u0063rit":[]`,
		`"jwk":null`, `"jwk":{"kty":"RSA"}`, `"jku":"https://evil.example/"`, `"x5u":"file:///etc/passwd"`, `"x5c":["AAAA"]`, `"x5t":"!!"`, `"p2c":2147483647`, `"cty":"JWT"`,
		`"iss":"x","aud":["y"]`, `"x":{"a":1,"a":2}`, `"x":1e999`, `"x":"\ud800"`, `"x":"\ud83d\ude00"`, "\"x\":\"\xff\"", `"x":` + strings.Repeat("[", 99) + strings.Repeat("]", 99),
		`"x":` + strings.Repeat("[", 126) + strings.Repeat("]", 126), `"x":` + strings.Repeat("[", 127) + strings.Repeat("]", 127), `"x":{` + strings.Repeat(`"a":{`, 30) + strings.Repeat("}", 31),
		`"x":[1` + strings.Repeat(",1", 564) + `]`, `"x":[1` + strings.Repeat(",1", 565) + `]`, `"x":"` + strings.Repeat(`\n`, 379) + `"`, `"x":"` + strings.Repeat(`\n`, 380) + `"`,
		`"x":"` + strings.Repeat("é", 569) + `"`, `"x":"` + strings.Repeat("é", 570) + `"`, `"` + strings.Repeat("é", 284) + `" :1`, `"` + strings.Repeat("é", 285) + `" :1`,
		`"x":"` + strings.Repeat("😀", 284) + `"`, `"x":"` + strings.Repeat("😀", 285) + `"`, `"` + strings.Repeat(`\u00e9`, 126) + `":1`, `"` + strings.Repeat(`\u00e9`, 127) + `":1`,
		`"x":[1e1` + strings.Repeat(",1E1", 93) + `]`, `"x":[1e1` + strings.Repeat(",1E1", 94) + `]`, `"x":[` + strings.Repeat(`":",`, 600) + `"":1]`, `"x":1e308`, `"x":-1E309`,
		`"x5t#S512":"A5` + strings.Repeat(":A5", 63) + `"`,
		`"x":"` + strings.Repeat("x", 8<<10-22) + `"`, `"x":"` + strings.Repeat("x", 8<<10-21) + `"`,
	} {
		if more != "" {
			more = "," + more
		}
		members = append(members, `"alg":"RS256"`+more)
	}
	headers := []string{``, ` `, `null`, `1`, `"x"`, `true`, `[]`, `[{"alg":"RS256"}]`, `{`, `{}`, fuzzHeader + " ", "\n" + fuzzHeader, fuzzHeader + "x", fuzzHeader + fuzzHeader,
		fuzzHeader + "]", "\ufeff" + fuzzHeader, fuzzHeader + "\x00", `{'alg':'RS256'}`, `{"alg":"RS256",}`, `{"alg":"RS256"/**/}`, "{\"alg\":\"RS256\",\"x\":\"\n\"}"}
	for _, m := range members {
		headers = append(headers, "{"+m+"}")
	}
	return headers
}

// fuzzSyntax are payloads that are not one strict JSON object, or barely.
func fuzzSyntax() []string {
	return []string{``, ` `, `null`, `1`, `"x"`, `[]`, `{`, `{}`, fuzzAccess + " ", "\n" + fuzzAccess, fuzzAccess + "x", fuzzAccess + fuzzAccess, fuzzAccess + "]",
		fuzzAccess + "}", "\ufeff" + fuzzAccess, "[" + fuzzAccess + "]", fuzzAccess + "\x00", `{"keys":[]}`}
}

// fuzzPayloads are some of claimPayloads: fuzzing tries each of its seeds first,
// and slowly.
func fuzzPayloads() []string {
	payloads := append(fuzzSyntax(), fuzzAccess, fuzzID)
	for i, payload := range claimPayloads() {
		if i%13 == 0 {
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// claimPayloads change one claim of a good payload, to each of many values.
func claimPayloads() (payloads []string) {
	values := []string{`null`, `true`, `false`, `0`, `-0`, `-1`, `1`, `0.5`, `1e-5`, `1e999`, `1e300`, `1e19`, `-1e-400`, `9223372036854775808`, `NaN`, `01`, `1.8e9`, `1800000000`,
		`1799999940`, `1799999940.5`, `1799999939.9`, `1799999941`, `1800000060`, `1800000060.5`, `1800000061`, `253402300799`, `253402300799.0`, `0.0`, `253402300799.5`, `253402300800`,
		`1` + strings.Repeat("0", 400), `1800000300.` + strings.Repeat("0", 53), `1800000300.` + strings.Repeat("0", 54), `1e1000000000`, `""`, `" "`, `"x"`, `"u"`, `"n1"`, `"N1"`, `"api"`, `"client"`, `"access"`, `"id"`, `"ID"`, `"Bearer"`, `"Refresh"`, `"Logout"`,
		`"1800000300"`, `"a b"`, `" a  b "`, `"a\tb"`, `"\ud800"`, `"\ud83d\ude00"`, `"\u0000"`, "\"\xc0\xaf\"", `[]`, `["api"]`, `["x","api"]`, `["client","x"]`, `["client","client"]`,
		`["api",1]`, `["api",null]`, `[["api"]]`, `["a","b"]`, `["a b"]`, `{}`, `{"api":1}`, `{"a":1,"a":2}`, `{"jkt":"x"}`, `"` + fuzzIssuer + `"`, `"https:\/\/issuer\u002eexample/tenant"`,
		`"` + fuzzIssuer + `/"`, `"HTTPS://issuer.example/tenant"`}
	for _, good := range []string{fuzzAccess, fuzzID} {
		for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "typ", "token_use", "events", "cnf", "cid", "client_id", "azp", "appid", "scp", "scope", "nonce",
			"at_hash", "c_hash", "auth_time", "acr", "amr", "x"} {
			without := regexp.MustCompile(`"`+name+`":("[^"]*"|\d+),?`).ReplaceAllString(good, "")
			without = strings.Replace(without, ",}", "}", 1)
			payloads = append(payloads, without)
			for _, value := range values {
				payloads = append(payloads, `{"`+name+`":`+value+`,`+without[1:])
			}
			payloads = append(payloads, `{"`+name+`":"x",`+good[1:], `{"`+strings.ToUpper(name)+`":"x",`+good[1:])
		}
		payloads = append(payloads, `{"aud":["api","client"],"nonce":"n1","azp":"client",`+regexp.MustCompile(`"(aud|nonce)":"[^"]*",?`).ReplaceAllString(good, "")[1:])
		for _, twin := range []string{"SUB", "Iat", "jTi", "\u017fub", "i\u017f\u017f", "i\u017fS", `\u0041ud`, "\u0130ss", "e\u03c7p", "subs", "su", "ISSS", "n\u00dff", " SUB"} {
			payloads = append(payloads, `{"`+twin+`":null,`+good[1:], `{"x":{"`+twin+`":1},`+good[1:])
		}
		payloads = append(payloads, `{"\u0065xp":1,`+good[1:], `{"\u017fub":"admin",`+good[1:], `{"aud":["client","x"],"azp":"client",`+strings.Replace(good, `"aud":"client",`, "", 1)[1:],
			`{"scp":null,"scope":"a",`+good[1:], `{"scp":["a"],"scope":"b c",`+good[1:], `{"scp":["a"],"scope":1,`+good[1:],
			`{"deep":`+strings.Repeat("[", 9999)+strings.Repeat("]", 9999)+`,`+good[1:], `{"deep":`+strings.Repeat("[", 10000)+strings.Repeat("]", 10000)+`,`+good[1:])
	}
	return payloads
}

func fuzzKeySets(key *rsa.PrivateKey, good string) []string {
	n := fuzzB64(key.N.Bytes())
	documents := []string{
		``, `null`, `1`, `"x"`, `[]`, `{}`, `{"keys":null}`, `{"keys":{}}`, `{"keys":"x"}`, `{"keys":[]}`, `{"KEYS":[` + good + `]}`, good, `[` + good + `]`, `["keys",[` + good + `]]`,
		`{"keys":[` + good + `]}x`, `{"keys":[` + good + `]}]`, `{"keys":[` + good + `]} `, `{"keys":[` + good + `],"keys":[]}`, `{"keys":[],"\u006beys":[` + good + `]}`,
		`{"a":1,"a":2,"keys":[` + good + `]}`, `{"a":{"b":1,"b":2},"keys":[` + good + `]}`, "\ufeff" + `{"keys":[` + good + `]}`, `{"keys":[` + good, `{"keys":[` + good + `,`,
		"{\"x\":\"\xff\",\"keys\":[" + good + "]}", `{"x":"\ud800","keys":[` + good + `]}`, `{"keys":[` + good + strings.Repeat(",1", 999) + `]}`, `{"keys":[` + good + strings.Repeat(",1", 1000) + `]}`,
	}
	entry := func(kty, n, e, members string) string {
		return `{"kty":` + kty + `,"n":` + n + `,"e":` + e + members + `}`
	}
	entries := []string{good, `null`, `1`, `"x"`, `[]`, `{}`, `{"x":"\ud800"}`}
	for _, members := range []string{
		``, `,"kid":""`, `,"kid":"k2"`, `,"kid":null`, `,"kid":1`, `,"kid":"k1","kid":"k2"`, `,"Kid":"k1"`, `,"kid":"k1","use":"sig"`, `,"kid":"k1","use":"SIG"`, `,"kid":"k1","use":"enc"`,
		`,"kid":"k1","use":null`, `,"kid":"k1","alg":"RS256"`, `,"kid":"k1","alg":"RS512"`, `,"kid":"k1","alg":["RS256"]`, `,"kid":"k1","key_ops":["verify"]`,
		`,"kid":"k1","key_ops":["sign","verify"]`, `,"kid":"k1","key_ops":["verify","verify"]`, `,"kid":"k1","key_ops":["sign"]`, `,"kid":"k1","key_ops":"verify"`, `,"kid":"k1","key_ops":["verify",0]`,
		`,"kid":"k1","key_ops":[]`, `,"kid":"k1","key_ops":null`, `,"kid":"k1","d":"AA"`, `,"kid":"k1","oth":[]`, `,"kid":"k1","k":null`, `,"kid":"k1","oth":[ ],"d":"AA"`, `,"kid":"k1","d":"AA","oth":[]`, `,"kid":"k1","d":[""]`, `,"kid":"k1","use":"","alg":[]`, `,"kid":[],"alg":""`,
		`,"kid":"k1","k":" "`, `,"kid":"k1","x5c":["AAAA"]`, `,"kid":"k1","x":{"a":1,"a":1}`,
	} {
		entries = append(entries, entry(`"RSA"`, `"`+n+`"`, `"AQAB"`, members))
	}
	for _, kty := range []string{`"rsa"`, `"EC"`, `null`, `1`, `"RSA","kty":"RSA"`} {
		entries = append(entries, entry(kty, `"`+n+`"`, `"AQAB"`, `,"kid":"k1"`))
	}
	for _, e := range []string{`"AQ"`, `"Aw"`, `"AA"`, `""`, `"AAEAAQ"`, `"AAABAAE"`, `"AQAA"`, `"f____w"`, `"gAAAAQ"`, `"AQABAAE"`, `"AQAB="`, `"AQ\nAB"`, `"!!"`, `1`, `null`} {
		entries = append(entries, entry(`"RSA"`, `"`+n+`"`, e, `,"kid":"k1"`))
	}
	short := new(big.Int).Rsh(key.N, 1)
	long := new(big.Int).Lsh(big.NewInt(1), 8191)
	for _, n := range []string{
		`"` + fuzzB64(append([]byte{0}, key.N.Bytes()...)) + `"`, `"` + n + `="`, `"` + n + `=="`, `"` + base64.StdEncoding.EncodeToString(key.N.Bytes()) + `"`, `"` + n[:9] + `\n` + n[9:] + `"`, `""`, `"AA"`, `null`, `1`, `"` + fuzzB64(short.SetBit(short, 0, 1).Bytes()) + `"`,
		`"` + fuzzB64(new(big.Int).Sub(key.N, big.NewInt(1)).Bytes()) + `"`, `"` + fuzzB64(new(big.Int).Add(long, big.NewInt(1)).Bytes()) + `"`, `"` + fuzzB64(new(big.Int).Add(new(big.Int).Lsh(long, 1), big.NewInt(1)).Bytes()) + `"`,
	} {
		entries = append(entries, entry(`"RSA"`, n, `"AQAB"`, `,"kid":"k1"`))
	}
	for _, e := range entries {
		documents = append(documents, `{"keys":[`+e+`]}`, `{"keys":[`+good+`,`+e+`]}`, `{"keys":[`+e+`,`+good+`]}`)
	}
	var others []string
	for i := range 5 {
		other := new(big.Int).Add(key.N, big.NewInt(int64(2*i+2)))
		others = append(others, entry(`"RSA"`, `"`+fuzzB64(other.Bytes())+`"`, `"AQAB"`, `,"kid":"k1"`))
	}
	for i := range others {
		before := strings.Join(others[:i+1], ",")
		without := strings.ReplaceAll(before, `,"kid":"k1"`, ``)
		for _, last := range []string{good, strings.Replace(good, `,"kid":"k1"`, ``, 1)} {
			documents = append(documents, `{"keys":[`+before+`,`+last+`]}`, `{"keys":[`+without+`,`+last+`]}`)
		}
	}
	return documents
}

func fuzzMetadata(good string) []string {
	documents := []string{``, `null`, `1`, `[]`, `{}`, good, " " + good, good + "\n", good + "x", good + good, good + "]", "[" + good + "]", "\ufeff" + good, good[:len(good)-1]}
	for _, member := range []string{
		`"issuer":"` + fuzzIssuer + `"`, `"jwks_uri":"https://evil.example/"`, `"\u0069ssuer":"x"`, `"JWKS_URI":"https://evil.example/"`, `"Issuer":"https://evil.example/"`,
		`"id_token_signing_alg_values_supported":["none","HS256"]`, `"x":{"a":1,"a":2}`, `"x":"\ud800"`, "\"x\":\"\xff\"", `"x":1e999`, `"x":9007199254740993`,
	} {
		documents = append(documents, strings.Replace(good, "{", "{"+member+",", 1))
	}
	for _, issuer := range []string{`null`, `""`, `1`, `"` + fuzzIssuer + `/"`, `"https://ISSUER.example/tenant"`, `"https:\/\/issuer.example\/tenant"`, `"https://evil.example"`, `["` + fuzzIssuer + `"]`,
		`"` + strings.Repeat("\\n", 2000) + `"`} {
		documents = append(documents, `{"issuer":`+issuer+`,"jwks_uri":"https://issuer.example/keys"}`)
	}
	for _, uri := range []string{
		`null`, `""`, `1`, `"/keys"`, `"//issuer.example/keys"`, `"https:///keys"`, `"https://:443/keys"`, `"http://issuer.example/keys"`, `"http://localhost/keys"`, `"HTTPS://issuer.example/keys"`,
		`"https://issuer.example"`, `"https://issuer.example/keys?x=y"`, `"https://issuer.example/keys#"`, `"https://issuer.example/keys#x"`, `"https://u:p@issuer.example/"`, `"https://@issuer.example/"`,
		`"file:///etc/passwd"`, `"ftp://issuer.example/"`, `"data:,x"`, `"unix:/x"`, `"https://127.0.0.1/"`, `"https://[::1]:8443/"`, `"https://[fe80::1%25eth0]/"`, `"https://h:99999/"`, `"https://h:x/"`,
		`" https://issuer.example/"`, `"https://issuer.example/ "`, `"https://issuer.example/\n"`, `"https://issuer .example/"`, `"https://issuer.example/%zz"`, `"https://exämple/"`,
		`"https://issuer.example/` + strings.Repeat("x", 2048-23) + `"`, `"https://issuer.example/` + strings.Repeat("x", 2048-22) + `"`, `"` + fuzzIssuer + `/.well-known/openid-configuration"`,
		`"Https://issuer.example/tenant/.well-known/openid-configuration"`, `"https://issuer.example:/tenant/.well-known/openid-configuration"`,
	} {
		documents = append(documents, `{"issuer":"`+fuzzIssuer+`","jwks_uri":`+uri+`}`)
	}
	return documents
}
