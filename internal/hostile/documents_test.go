package hostile_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// Whole documents that are no key set: they are asked for cold, and in place of
// a good one.
func TestKeyDocuments(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	utf16Of := func(order binary.AppendByteOrder, s string) string {
		var b []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, unit)
		}
		return string(b)
	}
	var rows []outage
	add := func(name, document string) {
		rows = append(rows, outage{name: name, jwks: answerWith(200, document), document: document})
	}
	for _, document := range []string{
		`{"keys":null}`, `{}`, `null`, `[]`, `"x"`, `1`, `true`, `{"keys":{}}`, `{"keys":"x"}`, `{"keys":1}`,
		`{"error":"server_error"}`, ` `, ``, `{`, `{"keys":[}`, `{"keys":[]`, `{"keys"}`, `{"keys":}`,
		`{"jwks":{"keys":[]}}`, "\x00",
	} {
		number := "t/120 "
		if document == `{"keys":null}` {
			number = "t/119 "
		}
		add(number+document, document)
	}
	add("t/121 a key instead of a set", goodJWK1())
	add("t/121 an array of keys", "["+goodJWK1()+"]")
	add("t/121 an array of a set", "["+good+"]")
	add("t/121 a set in a set", `{"keys":`+good+`}`)
	add("t/121 a set in a string", strconv.Quote(good))
	add("t/121 a set under another name", `{"jwks":`+good+`}`)
	add("t/121 keys by kid", `{"keys":{"k1":`+goodJWK1()+`}}`)
	add("t/121 certificates by kid", `{"k1":"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}`)
	add("t/281 no keys", `{"keys":[]}`)
	add("t/281 only entries that are no keys", `{"keys":[null,1,"x",[],{}]}`)
	add("t/281 only a key for encryption", jwksOf(jwkOf("k1", &key1().PublicKey, "use", `"enc"`)))
	add("t/281 only an EC key", `{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":"AA","y":"AA"}]}`)
	add("t/281 only private keys", jwksOf(jwkOf("k1", &key1().PublicKey, "d", `"AQAB"`)))
	add("t/281 only short keys", jwksOf(jwkOfNumbers("k1", big.NewInt(3233), big.NewInt(17))))
	add("t/149 keys twice", `{"keys":[`+goodJWK1()+`],"keys":[`+goodJWK2()+`]}`)
	add("t/149 keys twice, once escaped", `{"keys":[`+goodJWK1()+`],"\u006beys":[]}`)
	add("t/149 keys twice, first empty", `{"keys":[],"keys":[`+goodJWK1()+`]}`)
	add("t/149 another name twice", `{"x":1,"keys":[`+goodJWK1()+`],"x":2}`)
	add("t/149 another name twice, once escaped", `{"x":1,"keys":[`+goodJWK1()+`],"\u0078":2}`)
	add("t/150 KEYS", strings.Replace(good, "keys", "KEYS", 1))
	add("t/150 Keys", strings.Replace(good, "keys", "Keys", 1))
	add("t/150 \u212aeys", strings.Replace(good, "keys", `\u212aeys`, 1))
	add("t/150 KTY in all keys", strings.ReplaceAll(good, `"kty"`, `"KTY"`))
	add("t/151 garbage behind", good+"garbage")
	add("t/151 HTML behind", good+"<html></html>")
	add("t/151 a second document behind", good+good)
	add("t/151 a second document on another line", good+"\n{}")
	add("t/151 a bracket behind", good+"]")
	add("t/151 a brace behind", good+"}")
	add("t/151 a comma behind", good+",")
	add("t/151 NUL behind", good+"\x00")
	add("t/151 anti-hijacking prefix", ")]}',\n"+good)
	add("t/151 a JavaScript call", "callback("+good+")")
	add("t/152 byte order mark", "\ufeff"+good)
	add("t/152 UTF-16, big endian", utf16Of(binary.BigEndian, "\ufeff"+good))
	add("t/152 UTF-16, little endian", utf16Of(binary.LittleEndian, "\ufeff"+good))
	add("t/152 truncated in a key", good[:len(good)/2])
	add("t/152 truncated by a byte", good[:len(good)-1])
	add("t/152 truncated by two bytes", good[:len(good)-2])
	add("t/152 kid that is no UTF-8", jwksOf(goodJWK1(), "{\"kty\":\"RSA\",\"kid\":\"\xff\"}"))
	add("t/152 a lone surrogate in an unread member", jwksOf(goodJWK1(), `{"x":"\ud800"}`))
	add("t/152 no UTF-8 at the top level", withMore(good, "\"x\":\"\xff\""))
	add("t/152 no UTF-8 in a name", withMore(good, "\"\xff\":1"))
	add("t/152 nesting of 20,000", withMore(good, `"x":`+nested(20_000)))
	add("t/152 nesting of 20,000 in a key", jwksOf(goodJWK1(), nested(20_000)))
	add("t/152 nesting that is never closed", `{"keys":`+strings.Repeat("[", 500_000))
	add("t/152 trailing comma", `{"keys":[`+goodJWK1()+`,]}`)
	add("t/152 single quotes", strings.ReplaceAll(good, `"`, `'`))
	add("t/152 a comment", strings.Replace(good, `:`, `:/**/`, 1))
	add("t/152 NaN", withMore(good, `"x":NaN`))
	add("t/147 2 MiB of white space", strings.Repeat(" ", 2<<20)+good)
	add("t/147 2 MiB of white space behind", good+strings.Repeat("\n", 2<<20))
	runOutages(t, rows)

	for _, row := range []struct{ name, document string }{
		{"t/151 white space around", " \r\n\t" + good + "\n\n "},
		{"t/150 KEYS beside keys", withMore(good, `"KEYS":[]`)},
		{"t/150 KEYS in front of keys", `{"KEYS":[],` + good[1:]},
		{"t/149 other members", `{"x":null,"keys":[` + goodJWK1() + `],"y":{"a":[1]}}`},
		{"t/150 keys escaped", strings.Replace(good, "keys", `\u006beys`, 1)},
	} {
		runRow(t, row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.set(answerWith(200, row.document), jwksURL)
				_, err := site.verifier(t).VerifyAccessToken(t.Context(), at0Token())
				require.NoError(t, err)
			})
		})
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	mismatch := jwtverifier.ErrIssuerMismatch
	var rows []outage
	add := func(name, document string, also error) {
		rows = append(rows, outage{
			name:     name,
			metadata: answerWith(200, document),
			document: document,
			also:     also,
		})
	}
	for _, issuer := range []string{
		absentMember, `null`, `""`, `1`, `["` + issuerURL + `"]`, `{}`, `"https://evil.example/tenant"`,
		`"https://as.example/tenant/"`, `"https://AS.example/tenant"`, `"https://as.example/Tenant"`,
		`"http://as.example/tenant"`, `"https://as.example:443/tenant"`, `"https://as.example"`,
		`"https://as.example/tenant?x"`, `"https://as.example/tenant#x"`, `" https://as.example/tenant"`,
		`"https://as.example/tenant\u0000"`, `"https://as.example/tenant/../tenant"`,
		`"https://as.example/%74enant"`, `"as.example/tenant"`, `"https://as.example.evil.example/tenant"`,
		strconv.Quote("https://evil.example/" + strings.Repeat("x", 100_000)),
		`"https://evil.example/\nlevel=INFO msg=fine"`,
	} {
		name := issuer[:min(len(issuer), 60)]
		add("t/231 issuer "+name, metadataOf("issuer", issuer), mismatch)
	}
	for _, uri := range []string{
		absentMember, `""`, `null`, `1`, `["` + jwksURL + `"]`, `{}`, `"/keys"`, `"keys"`,
		`"//as.example/tenant/keys"`, `"?x"`, `"https:"`, `"https://"`, `"https:///keys"`, `"https:keys"`,
		`"as.example/keys"`, `" "`,
	} {
		add("t/235 jwks_uri "+uri, metadataOf("jwks_uri", uri), nil)
	}
	for _, uri := range []string{
		"http://as.example/tenant/keys", "HTTP://as.example/tenant/keys", "http://127.0.0.1/keys",
		"http://localhost/keys", "http://[::1]/keys",
	} {
		add("t/236 jwks_uri "+uri, metadataOf("jwks_uri", strconv.Quote(uri)), nil)
	}
	for _, uri := range []string{
		"file:///etc/passwd", "ftp://as.example/keys", "data:application/json,{}", "unix:///var/run/docker.sock",
		"gopher://as.example/1keys", "jar:https://as.example!/keys", "javascript:alert(1)", "ws://as.example/keys",
		"httpss://as.example/keys", "blob:https://as.example/x", "C:\\keys", "about:blank",
	} {
		add("t/237 jwks_uri "+uri, metadataOf("jwks_uri", quotedJSON(uri)), nil)
	}
	for name, uri := range map[string]string{
		"user and password":  `"https://u:p@as.example/tenant/keys"`,
		"user":               `"https://u@as.example/tenant/keys"`,
		"empty user":         `"https://@as.example/tenant/keys"`,
		"fragment":           `"https://as.example/tenant/keys#x"`,
		"empty fragment":     `"https://as.example/tenant/keys#"`,
		"1 MiB":              strconv.Quote(jwksURL + "?" + strings.Repeat("x", 1<<19)),
		"2,049 bytes":        strconv.Quote(jwksURL + "?" + strings.Repeat("x", 2048-len(jwksURL))),
		"line feed":          `"https://as.example/tenant/\nkeys"`,
		"NUL":                `"https://as.example/tenant/keys\u0000"`,
		"space in the host":  `"https://as .example/keys"`,
		"bad escape":         `"https://as.example/%zz"`,
		"bad port":           `"https://as.example:port/keys"`,
		"no host but a port": `"https://:443/keys"`,
		"DEL":                `"https://as.example/\u007f"`,
	} {
		add("t/240 jwks_uri with "+name, metadataOf("jwks_uri", uri), nil)
	}
	good := metadataOf()
	for name, document := range map[string]string{
		"truncated":             good[:len(good)-1],
		"cut in half":           good[:len(good)/2],
		"empty":                 "",
		"byte order mark":       "\ufeff" + good,
		"garbage behind":        good + "x",
		"an object behind":      good + `{"issuer":"https://evil.example"}`,
		"a bracket behind":      good + "]",
		"a brace behind":        good + "}",
		"an array":              "[" + good + "]",
		"a string":              strconv.Quote(good),
		"null":                  "null",
		"a number":              "1",
		"HTML":                  "<!doctype html><title>Sign in to continue</title>",
		"nesting of 20,000":     withMore(good, `"x":`+nested(20_000)),
		"nesting never closed":  `{"x":` + strings.Repeat("[", 100_000),
		"2 MiB":                 withMore(good, `"x":`+strconv.Quote(strings.Repeat("x", 2<<20))),
		"2 MiB of white space":  good + strings.Repeat(" ", 2<<20),
		"no UTF-8":              withMore(good, "\"x\":\"\xff\""),
		"a lone surrogate":      withMore(good, `"x":"\ud800"`),
		"trailing comma":        strings.TrimSuffix(good, "}") + ",}",
		"single quotes":         strings.ReplaceAll(good, `"`, `'`),
		"a signed token":        jwsOf(key1(), h0(), good),
		"anti-hijacking prefix": ")]}'\n" + good,
	} {
		add("t/245 metadata: "+name, document, nil)
	}
	for name, document := range map[string]string{
		"issuer twice, evil last":                withMore(good, `"issuer":"https://evil.example"`),
		"issuer twice, evil first":               `{"issuer":"https://evil.example",` + good[1:],
		"issuer twice, the same":                 withMore(good, `"issuer":`+strconv.Quote(issuerURL)),
		"issuer twice, once escaped":             withMore(good, `"\u0069ssuer":"https://evil.example"`),
		"jwks_uri twice, evil last":              withMore(good, `"jwks_uri":"https://evil.example/keys"`),
		"jwks_uri twice, evil first":             `{"jwks_uri":"https://evil.example/keys",` + good[1:],
		"jwks_uri twice, once escaped":           withMore(good, `"jwks\u005furi":"https://evil.example/keys"`),
		"an unread name twice":                   withMore(good, `"x":1,"x":2`),
		"a name twice in an unread member":       withMore(good, `"x":{"y":1,"y":2}`),
		"only ISSUER":                            metadataOf("issuer", absentMember, "ISSUER", strconv.Quote(issuerURL)),
		"only JWKS_URI":                          metadataOf("jwks_uri", absentMember, "JWKS_URI", strconv.Quote(jwksURL)),
		"only jwks-uri":                          metadataOf("jwks_uri", absentMember, "jwks-uri", strconv.Quote(jwksURL)),
		"only i\u017fsuer":                       metadataOf("issuer", absentMember, "i\u017fsuer", strconv.Quote(issuerURL)),
		"jwks_uri only in a nested object":       metadataOf("jwks_uri", absentMember, "mtls_endpoint_aliases", `{"jwks_uri":`+strconv.Quote(jwksURL)+`}`),
		"keys in the metadata instead of a link": metadataOf("jwks_uri", absentMember, "jwks", jwksOf(goodJWK1())),
	} {
		also := error(nil)
		if strings.HasPrefix(name, "only I") || strings.HasPrefix(name, "only i") {
			also = mismatch
		}
		add("t/246 "+name, document, also)
	}
	add("t/248 issuer null", metadataOf("issuer", `null`), mismatch)
	add("t/248 jwks_uri null", metadataOf("jwks_uri", `null`), nil)
	add("t/248 jwks_uri null, then a URL", withMore(metadataOf("jwks_uri", `null`), `"jwks_uri":`+strconv.Quote(jwksURL)), nil)
	add("t/248 all null", `{"issuer":null,"jwks_uri":null}`, mismatch)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{
			"https://evil.example/.well-known/openid-configuration", "//evil.example/metadata",
			"https://as.example.evil.example/metadata", "https://as.example:8443/metadata",
			"https://user@as.example/metadata", "https://sub.as.example/metadata",
		} {
			rows = append(rows, outage{name: fmt.Sprintf("t/241 metadata redirected by %d to %s", status, location), metadata: redirectTo(status, location)})
		}
	}
	for _, location := range []string{
		"http://as.example/tenant/metadata", "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/",
		"https://[::1]/", "file:///etc/passwd", "", "http://", "https://%zz/", "javascript:alert(1)",
		"https://" + strings.Repeat("x", 100_000) + ".example/", "\n", "https://as.example\n.evil.example/",
	} {
		rows = append(rows, outage{
			name:     fmt.Sprintf("t/242 metadata redirected to %q", location[:min(len(location), 60)]),
			metadata: redirectTo(302, location),
		})
	}
	rows = append(rows,
		outage{
			name:     "t/242 metadata redirected to itself",
			metadata: func(r *http.Request) (*http.Response, error) { return redirectTo(302, r.URL.String())(r) },
		},
		outage{name: "t/242 metadata redirected for ever", metadata: redirectTo(302, "?again"), waits: 0},
	)
	runOutages(t, rows)

	// What discovery accepts, and where it looks.
	accepted := func(name, issuer string, documents map[string]siteAnswer, asked []string, opts ...jwtverifier.Option) {
		runRow(t, name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := &testSite{answers: documents}
				v, err := jwtverifier.New(issuer, append([]jwtverifier.Option{jwtverifier.WithAudience("api"), jwtverifier.WithHTTPClient(&http.Client{Transport: site})}, opts...)...)
				require.NoError(t, err)
				_, err = v.VerifyAccessToken(t.Context(), at0Token("iss", strconv.Quote(issuer)))
				require.NoError(t, err)
				assert.Equal(t, asked, site.askedFor())
				assert.Zero(t, site.unclosed())
			})
		})
	}
	keys := answerWith(200, jwksOf(goodJWK1(), goodJWK2()))
	document := func(issuer, uri string) siteAnswer {
		return answerWith(200, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(uri)))
	}
	const slash = "https://h.example/t/"
	accepted("t/232 issuer with a trailing slash", slash,
		map[string]siteAnswer{
			"https://h.example/t/.well-known/openid-configuration": document(slash, "https://h.example/keys"),
			"https://h.example/keys":                               keys,
		},
		[]string{
			"https://h.example/t/.well-known/oauth-authorization-server",
			"https://h.example/t/.well-known/openid-configuration", "https://h.example/keys",
		})
	accepted("t/232 issuer with a trailing slash and no path", "https://h.example/",
		map[string]siteAnswer{
			"https://h.example/.well-known/openid-configuration": document("https://h.example/", "https://h.example/keys"),
			"https://h.example/keys":                             keys,
		},
		[]string{
			"https://h.example/.well-known/oauth-authorization-server",
			"https://h.example/.well-known/openid-configuration", "https://h.example/keys",
		})
	accepted("t/232 issuer with a trailing slash, inserted form", slash,
		map[string]siteAnswer{
			"https://h.example/.well-known/oauth-authorization-server/t": document(slash, "https://h.example/keys"),
			"https://h.example/keys":                                     keys,
		},
		[]string{
			"https://h.example/t/.well-known/oauth-authorization-server",
			"https://h.example/t/.well-known/openid-configuration",
			"https://h.example/.well-known/oauth-authorization-server/t", "https://h.example/keys",
		})
	for _, uri := range []string{
		"https://127.0.0.1/keys", "https://[::1]/keys", "https://169.254.169.254/keys", "https://10.0.0.5/keys",
		"https://0x7f000001/keys", "https://localhost/keys", "https://idp.internal:8443/keys",
		"https://as.example//keys", "https://as.example/keys?a=b&c=%2f",
		"https://www.googleapis.com/oauth2/v3/certs", "HTTPS://as.example/KEYS",
		jwksURL + "?" + strings.Repeat("x", 2047-len(jwksURL)),
	} {
		parsed, err := url.Parse(uri)
		require.NoError(t, err)
		accepted("t/239 jwks_uri "+uri[:min(len(uri), 60)], issuerURL,
			map[string]siteAnswer{metadataURL: document(issuerURL, uri), parsed.String(): keys}, []string{metadataURL, parsed.String()})
	}
	for _, contentType := range []string{
		"text/html", "text/plain; charset=iso-8859-1", "application/octet-stream", "application/jwk-set+json", "",
		"nonsense", "image/png",
	} {
		accepted("t/244 content type "+contentType, issuerURL, map[string]siteAnswer{
			metadataURL: answerWith(200, metadataOf(), "Content-Type", contentType),
			jwksURL:     answerWith(200, jwksOf(goodJWK1()), "Content-Type", contentType),
		}, []string{metadataURL, jwksURL})
	}
	for name, document := range map[string]string{
		"ISSUER and JWKS_URI":   withMore(metadataOf(), `"ISSUER":"https://evil.example","JWKS_URI":"https://evil.example/keys"`),
		"twins in front":        `{"Issuer":"https://evil.example","Jwks_Uri":"https://evil.example/keys",` + metadataOf()[1:],
		"long s":                withMore(metadataOf(), `"i\u017fsuer":"https://evil.example","jwk\u017f_uri":"https://evil.example/keys"`),
		"issuer escaped":        metadataOf("issuer", `"https:\/\/as.example\/ten\u0061nt"`),
		"the names escaped":     metadataOf("issuer", absentMember, `\u0069ssuer`, strconv.Quote(issuerURL)),
		"white space around it": "\r\n\t " + metadataOf() + " \n",
	} {
		accepted("t/246 accepted: "+name, issuerURL, map[string]siteAnswer{
			metadataURL: answerWith(200, document),
			jwksURL:     keys,
		}, []string{
			metadataURL, jwksURL,
		})
	}
	accepted("t/248 what is not read is null", issuerURL, map[string]siteAnswer{
		metadataURL: answerWith(200, metadataOf("response_types_supported", `null`, "scopes_supported", `null`, "introspection_endpoint", `null`)),
		jwksURL:     keys,
	}, []string{metadataURL, jwksURL})
	for name, answers := range map[string]map[string]siteAnswer{
		"relative":        {metadataURL: redirectTo(301, "/elsewhere")},
		"absolute":        {metadataURL: redirectTo(308, "https://as.example/elsewhere")},
		"other spellings": {metadataURL: redirectTo(302, "https://AS.EXAMPLE:443/elsewhere")},
		"without scheme":  {metadataURL: redirectTo(307, "//as.example/elsewhere")},
	} {
		to := "https://as.example/elsewhere"
		switch name {
		case "other spellings":
			to = "https://AS.EXAMPLE:443/elsewhere"
		}
		answers[to] = document(issuerURL, jwksURL)
		answers[jwksURL] = keys
		accepted("t/241 redirected within the origin, "+name, issuerURL, answers, []string{metadataURL, to, jwksURL})
	}
	accepted("t/241 redirected within the origin, the default port of http", "http://localhost", map[string]siteAnswer{
		"http://localhost/.well-known/oauth-authorization-server": redirectTo(302, "http://localhost:80/elsewhere"),
		"http://localhost:80/elsewhere":                           document("http://localhost", "http://localhost/keys"),
		"http://localhost/keys":                                   keys,
	}, []string{"http://localhost/.well-known/oauth-authorization-server", "http://localhost:80/elsewhere", "http://localhost/keys"})
	accepted("t/231 the second place, the first is of another issuer", issuerURL,
		map[string]siteAnswer{
			metadataURL: document("https://evil.example", "https://evil.example/keys"),
			openIDURL:   document(issuerURL, jwksURL),
			jwksURL:     keys,
		},
		[]string{metadataURL, openIDURL, jwksURL})

	runRow(t, "t/236 http in metadata of an https issuer, even with WithInsecureHTTP", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(document(issuerURL, "http://as.example/keys"), metadataURL)
			site.set(keys, "http://as.example/keys")
			_, err := site.verifier(t, jwtverifier.WithInsecureHTTP()).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err)
			assert.NotContains(t, site.askedFor(), "http://as.example/keys")
		})
	})
	runRow(t, "t/231 WithMetadataURL compares the issuer too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			site.set(document("https://evil.example", jwksURL), "https://as.example/m")
			_, err := site.verifier(t, jwtverifier.WithMetadataURL("https://as.example/m")).VerifyAccessToken(t.Context(), at0Token())
			unavailable(t, err, mismatch)
			assert.Equal(t, []string{"https://as.example/m"}, site.askedFor())
		})
	})
	for _, algorithms := range []string{`["none","HS256"]`, `[]`, `"none"`, `null`, `["ES256"]`} {
		runRow(t, "t/247 algorithms of the metadata: "+algorithms, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				site := newSite()
				site.set(answerWith(200, metadataOf("id_token_signing_alg_values_supported", algorithms, "token_endpoint_auth_signing_alg_values_supported", algorithms)), metadataURL)
				v := site.verifier(t)
				_, err := v.VerifyIDToken(t.Context(), id0Token(), "n1")
				require.NoError(t, err)
				for _, raw := range []string{hmacForgeries()["modulus"], jwsOf(key1(), h0("alg", `"none"`), id0())} {
					_, err = v.VerifyIDToken(t.Context(), raw, "n1")
					refusedBecause(t, err, jwtverifier.ErrAlgorithm, raw)
				}
			})
		})
	}
}
