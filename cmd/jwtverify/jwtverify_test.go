package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

type claims = jwtverifiertest.Claims

func start(t *testing.T, path string) *jwtverifiertest.Issuer {
	t.Helper()
	server, err := jwtverifiertest.Start(path)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return server
}

type result struct {
	status    int
	out, errs string
}

// verify runs the command with the text on standard input. Whatever happens, it
// looks for pieces of the token in what was written.
func verify(t *testing.T, text string, colour bool, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), args, console{in: strings.NewReader(text), out: &out, errs: &errs, colour: colour})
	for _, segment := range strings.Split(strings.TrimSpace(text), ".") {
		if len(segment) > 20 {
			assert.NotContains(t, out.String()+errs.String(), segment[:20], "a piece of the token")
			assert.NotContains(t, out.String()+errs.String(), segment[len(segment)-20:], "a piece of the token")
		}
	}
	if status == exitUsage {
		assert.Empty(t, out.String())
	} else {
		assert.Empty(t, errs.String())
	}
	return result{status, out.String(), errs.String()}
}

// verifyJSON is verify -json, decoded.
func verifyJSON(t *testing.T, text string, args ...string) (int, report) {
	t.Helper()
	res := verify(t, text, true, append([]string{"-json"}, args...)...)
	var r report
	dec := json.NewDecoder(strings.NewReader(res.out))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&r), res.out)
	return res.status, r
}

func (r *report) rule(t *testing.T, name string) ruleResult {
	t.Helper()
	i := slices.IndexFunc(r.Rules, func(r ruleResult) bool { return r.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return r.Rules[i]
}

func TestAcceptedAccessToken(t *testing.T) {
	server := start(t, "/oauth2/default")
	server.Respond(server.MetadataPaths()[0], jwtverifiertest.Response{Status: 404})
	server.PublishKey()
	keys := bytes.Replace(server.JWKS(), []byte(`[`), []byte(`[{"kty":"AKP","kid":"post-quantum"},`), 1)
	server.Respond(server.JWKSPath(), jwtverifiertest.Response{Body: keys})
	now := time.Now()
	raw := server.AccessToken(claims{
		"iat": now.Add(-20 * time.Minute).Unix(), "exp": now.Add(57*time.Minute + time.Second).Unix(), "groups": []string{"staff"},
	})

	res := verify(t, "  "+raw+"\r\n", false, "-issuer", server.URL(), "-audience", "other,"+jwtverifiertest.Audience)
	require.Equal(t, exitAccepted, res.status, res.out)
	for _, want := range []string{
		"Token  what it says, signed by the issuer\n",
		`    aud        "api://default"` + "\n",
		`    scp        "openid", "read"` + "\n",
		", issued 20 min ago\n",
		", expires in 57 min\n",
		"    ✗ 404         – ",
		" status 404\n",
		"    ✓ 200 ",
		server.MetadataPaths()[1],
		server.JWKSURL(),
		"Keys  2 usable, 1 skipped\n",
		"      ✓ key-1                usable, the one that the token names\n",
		"      ✓ key-2                usable\n",
		"      – post-quantum         skipped: kty \"AKP\" is not accepted\n",
		"    ✓ signature  made with that key over these very bytes\n",
		"    · client     not compared, without -clients\n",
		"    ✓ exp        in the future, give or take the leeway\n",
		"\nAccepted as an access token. It expires in 57 min.\n",
	} {
		assert.Contains(t, res.out, want)
	}
	assert.NotContains(t, res.out, "groups")
	assert.NotContains(t, res.out, "hint:")

	res = verify(t, raw, false, "-issuer", server.URL(), "-audience", jwtverifiertest.Audience, "-clients", jwtverifiertest.ClientID, "-show-claims")
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, `    groups     "staff"`+"\n")
	assert.Contains(t, res.out, "    ✓ client     an authorized one\n")
}

func TestAcceptedIDToken(t *testing.T) {
	server := start(t, "")
	raw := server.IDToken("n-0S6")
	res := verify(t, raw, false, "-issuer", server.URL(), "-client-id", jwtverifiertest.ClientID, "-nonce", "n-0S6")
	require.Equal(t, exitAccepted, res.status, res.out)
	assert.Contains(t, res.out, "    ✓ nonce      that of -nonce\n")
	assert.Contains(t, res.out, "\nAccepted as an ID token. It expires in ")

	res = verify(t, raw, false, "-issuer", server.URL(), "-client-id", jwtverifiertest.ClientID, "-no-nonce")
	require.Equal(t, exitAccepted, res.status, res.out)
	assert.Contains(t, res.out, "    · nonce      not compared, as -no-nonce says\n")
	assert.Contains(t, res.out, "hint: without a nonce nothing ties the token to the browser")
}

func TestOtherSourcesAndOptions(t *testing.T) {
	server := start(t, "")
	issuer, audience := server.URL(), jwtverifiertest.Audience

	res := verify(t, server.AccessToken(), false, "-issuer", "https://issuer.example", "-audience", audience, "-jwks-url", server.JWKSURL())
	assert.Equal(t, exitRefused, res.status)
	assert.Contains(t, res.out, "    skipped, as -jwks-url says")
	assert.Contains(t, res.out, "    ✗ iss        wrong issuer\n                 says  \""+issuer+"\"\n                 want  \"https://issuer.example\"\n")

	status, r := verifyJSON(t, server.AccessToken(), "-issuer", issuer, "-audience", audience, "-metadata-url", issuer+server.MetadataPaths()[1])
	assert.Equal(t, exitAccepted, status)
	require.Len(t, r.Fetches, 2)
	assert.Equal(t, issuer+server.MetadataPaths()[1], r.Fetches[0].URL)

	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("\ufeff"+server.AccessToken()+"\n"), 0o600))
	assert.Equal(t, exitAccepted, verify(t, "", false, "-issuer", issuer, "-audience", audience, "-file", path).status)

	other := server.RotateKeyTo("ES256")
	require.Equal(t, exitRefused, verify(t, server.AccessToken(), false, "-issuer", issuer, "-audience", audience).status)
	require.Equal(t, exitAccepted, verify(t, server.AccessToken(), false, "-issuer", issuer, "-audience", audience, "-algorithms", "RS256,ES256").status)
	require.NotEqual(t, exitAccepted, verify(t, server.AccessToken(), false, "-issuer", issuer, "-audience", audience, "-algorithms", "none").status)
	server.UseKey("key-1")
	server.RetireKey(other)

	noAudience := server.AccessToken(claims{"aud": jwtverifiertest.Absent})
	assert.Equal(t, exitAccepted, verify(t, noAudience, false, "-issuer", issuer, "-no-audience", "-clients", jwtverifiertest.ClientID).status)

	bound := server.AccessToken(claims{"cnf": map[string]string{"jkt": "x"}})
	status, r = verifyJSON(t, bound, "-issuer", issuer, "-audience", audience, "-sender-constrained", "-http")
	assert.Equal(t, exitAccepted, status)
	assert.Equal(t, notAsked, r.rule(t, "cnf").Result)
	require.Len(t, r.Hints, 2)
	assert.Contains(t, r.Hints[0], "-http")
	assert.Contains(t, r.Hints[1], "check the proof")

	late := server.AccessToken(claims{"exp": time.Now().Add(-30 * time.Second).Unix()})
	res = verify(t, late, false, "-issuer", issuer, "-audience", audience)
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, "hint: it has expired, and is accepted within the leeway of 1 min\n")
	assert.Equal(t, exitRefused, verify(t, late, false, "-issuer", issuer, "-audience", audience, "-leeway", "0").status)
}

// An ID token that nothing marks as one passes where its client is the audience. The
// nonce is what makes it suspicious.
func TestNonceInAnAccessToken(t *testing.T) {
	server := start(t, "")
	args := []string{"-issuer", server.URL(), "-audience", jwtverifiertest.ClientID}
	const hint = "the token has a nonce, as ID tokens have"

	res := verify(t, server.IDToken("n"), false, args...)
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, "    ✓ type       no mark of another kind found\n")
	assert.Contains(t, res.out, "\nAccepted as an access token.")
	assert.Contains(t, res.out, "hint: "+hint)

	for name, raw := range map[string]string{
		"no nonce": server.IDToken("n", claims{"nonce": jwtverifiertest.Absent}),
		"at+jwt":   server.Token(claims{"typ": "at+jwt"}, server.IDTokenClaims("n")),
	} {
		status, r := verifyJSON(t, raw, args...)
		assert.Equal(t, exitAccepted, status, name)
		assert.Equal(t, []string{}, r.Hints, name)
	}
	status, r := verifyJSON(t, server.IDToken("n", claims{"at_hash": "x"}), args...)
	assert.Equal(t, exitRefused, status)
	assert.NotContains(t, strings.Join(r.Hints, "\n"), hint, "it is marked, and refused for that")
}

// Every refusal is at its rule: what stands before holds, what stands after was
// not reached.
func TestRefused(t *testing.T) {
	server := start(t, "")
	withdrawn := server.PublishKey()
	server.RetireKey(withdrawn)
	hour := time.Now().Add(time.Hour).Unix()
	access, id := server.AccessToken, server.IDToken
	header := func(h claims) string { return server.Token(h, server.AccessTokenClaims()) }
	past := time.Now().Add(-time.Hour).Unix()
	good := access()
	signature := good[strings.LastIndex(good, ".")+1:]

	seen := map[string]bool{}
	for _, test := range []struct {
		name, raw string
		args      []string // besides what is needed
		nonce     string   // judged as an ID token with it
		code      string
		rule      string
		says      string // the value of the first member at fault, as JSON
		want      []string
		hint      string
	}{
		{name: "opaque", raw: "2YotnFZFEjr1zCsicMWpAA", code: "malformed", rule: "form", hint: "opaque"},
		{name: "encrypted", raw: "e30.e30.e30.e30.e30", code: "malformed", rule: "form", hint: "JWE"},
		{name: "wrapped", raw: "e30.\ne30.e30", code: "malformed", rule: "form", hint: "white space inside"},
		{name: "crit", raw: header(claims{"crit": []string{"x"}}), code: "malformed", rule: "header"},
		{name: "alg", raw: header(claims{"alg": "none"}), code: "algorithm", rule: "alg", says: `"none"`, want: []string{"RS256"}, hint: "WithAlgorithms"},
		{name: "alg, others chosen", raw: good, args: []string{"-algorithms", "ES256,PS256"}, code: "algorithm", rule: "alg", says: `"RS256"`, want: []string{"ES256", "PS256"}, hint: "-algorithms"},
		{name: "kid", raw: header(claims{"kid": "other"}), code: "unknown_key", rule: "key", says: `"other"`, want: []string{"key-1"}, hint: "fetched just now"},
		{name: "withdrawn key", raw: server.SignWith(withdrawn, []byte(`{"alg":"RS256","kid":"`+withdrawn+`"}`), []byte(`{"iss":"https://other.example"}`)),
			code: "unknown_key", rule: "key", says: `"key-2"`, want: []string{"key-1"}, hint: `another issuer, "https://other.example"`},
		{name: "signature", raw: access()[:len(good)-len(signature)] + signature, code: "signature", rule: "signature"},
		{name: "payload", raw: server.Sign([]byte(`{"alg":"RS256","kid":"key-1"}`), []byte(`{"iss":1,"iss":2}`)), code: "malformed", rule: "payload"},
		{name: "an ID token", raw: id("n", claims{"at_hash": "x"}), code: "token_type", rule: "type", says: `"x"`, hint: "-client-id"},
		{name: "type of the header", raw: header(claims{"typ": "dpop+jwt"}), code: "token_type", rule: "type", says: `"dpop+jwt"`},
		{name: "type of the payload", raw: access(claims{"typ": "Refresh"}), code: "token_type", rule: "type"},
		{name: "strict type", raw: access(), args: []string{"-strict-type"}, code: "token_type", rule: "type", hint: "-strict-type"},
		{name: "iss", raw: access(claims{"iss": "https://other.example"}), code: "issuer", rule: "iss", says: `"https://other.example"`, want: []string{server.URL()}},
		{name: "iss with a slash", raw: access(claims{"iss": server.URL() + "/"}), code: "issuer", rule: "iss", says: `"` + server.URL() + `/"`,
			want: []string{server.URL()}, hint: "slash"},
		{name: "aud", raw: access(claims{"aud": []string{"a", "b"}}), code: "audience", rule: "aud", says: `["a","b"]`, want: []string{"api://default"}},
		{name: "aud is the client", raw: access(claims{"aud": "client"}), code: "audience", rule: "aud", says: `"client"`, want: []string{"api://default"}, hint: "as in an ID token"},
		{name: "an ID token without at_hash", raw: id("n"), code: "audience", rule: "aud", says: `"client"`, want: []string{"api://default"}, hint: "has a nonce"},
		{name: "client", raw: access(), args: []string{"-clients", "a", "-clients", "b"}, code: "client_id", rule: "client", says: `"client"`, want: []string{"a", "b"}},
		{name: "no client", raw: access(claims{"cid": jwtverifiertest.Absent}), args: []string{"-clients", "a"}, code: "client_id", rule: "client", want: []string{"a"}},
		{name: "sub", raw: access(claims{"sub": 7}), code: "claim", rule: "sub", says: "7"},
		{name: "scp", raw: access(claims{"scp": 7}), code: "claim", rule: "scopes", says: "7"},
		{name: "scope", raw: access(claims{"scope": 7}), code: "claim", rule: "scopes", says: "7"},
		{name: "cnf", raw: access(claims{"cnf": claims{"jkt": "x"}}), code: "confirmation", rule: "cnf", says: `{"jkt":"x"}`},
		{name: "iat is a string", raw: access(claims{"iat": "now"}), code: "claim", rule: "iat", says: `"now"`},
		{name: "iat", raw: access(claims{"iat": hour}), code: "issued_at", rule: "iat", want: []string{"at most 1 min ahead of this clock"}, hint: "this clock says"},
		{name: "nbf", raw: access(claims{"nbf": hour}), code: "not_yet_valid", rule: "nbf", want: []string{"at most 1 min ahead of this clock"}, hint: "this clock says"},
		{name: "nbf is a string", raw: access(claims{"nbf": "0"}), code: "claim", rule: "nbf", says: `"0"`},
		{name: "no exp", raw: access(claims{"exp": jwtverifiertest.Absent}), code: "claim", rule: "exp"},
		{name: "exp", raw: access(claims{"exp": past}), code: "expired", rule: "exp", want: []string{"in the future, or less than 1 min ago"}, hint: "good otherwise"},

		{name: "ID token: an access token", raw: header(claims{"typ": "at+jwt"}), nonce: "n", code: "token_type", rule: "type", says: `"at+jwt"`, hint: "-audience"},
		{name: "ID token: aud", raw: id("n", claims{"aud": "other"}), nonce: "n", code: "audience", rule: "aud", says: `"other"`, want: []string{"client"}},
		{name: "ID token: azp", raw: id("n", claims{"aud": []string{"client", "other"}, "azp": "other"}), nonce: "n", code: "authorized_party", rule: "azp", says: `"other"`, want: []string{"client"}},
		{name: "ID token: no sub", raw: id("n", claims{"sub": jwtverifiertest.Absent}), nonce: "n", code: "claim", rule: "sub"},
		{name: "ID token: nonce", raw: id("n"), nonce: "m", code: "nonce", rule: "nonce", says: `"n"`, want: []string{"m"}},
		{name: "ID token: no iat", raw: id("n", claims{"iat": jwtverifiertest.Absent}), nonce: "n", code: "claim", rule: "iat"},
		{name: "ID token: exp", raw: id("n", claims{"exp": past}), nonce: "n", code: "expired", rule: "exp", want: []string{"in the future, or less than 1 min ago"}, hint: "good otherwise"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"-issuer", server.URL(), "-audience", jwtverifiertest.Audience}, test.args...)
			if test.nonce != "" {
				args = []string{"-issuer", server.URL(), "-client-id", jwtverifiertest.ClientID, "-nonce", test.nonce}
			}
			status, r := verifyJSON(t, test.raw, args...)
			assert.Equal(t, exitRefused, status)
			assert.Equal(t, refused, r.Verdict)
			assert.Equal(t, test.code, r.Code)
			assert.Equal(t, r.rule(t, "payload").Result == passed, r.Token.Verified)
			seen[test.code] = true

			var at int
			for i, rule := range r.Rules {
				if rule.Result == failed {
					at = i
				}
			}
			for i, rule := range r.Rules {
				switch {
				case i < at:
					assert.Contains(t, []string{passed, notAsked}, rule.Result, rule.Name)
				case i > at:
					assert.Equal(t, notReached, rule.Result, rule.Name)
				}
			}
			broken := r.Rules[at]
			assert.Equal(t, failed, broken.Result)
			assert.Equal(t, test.rule, broken.Name)
			assert.Equal(t, test.want, broken.Want)
			if test.says != "" {
				require.NotEmpty(t, broken.Says)
				assert.JSONEq(t, test.says, string(broken.Says[0].Value))
			}
			if test.hint == "" {
				assert.Equal(t, []string{}, r.Hints, "never null")
			} else {
				assert.Contains(t, strings.Join(r.Hints, "\n"), test.hint)
			}

			// The same in words.
			res := verify(t, test.raw, false, args...)
			assert.Equal(t, exitRefused, res.status)
			assert.Contains(t, res.out, "\n    ✗ "+test.rule)
			assert.Contains(t, res.out, "\nRefused as an "+map[bool]string{true: "access", false: "ID"}[test.nonce == ""]+" token: ")
		})
	}
	for _, code := range []string{"token_hash", "auth_time"} { // never asked for here
		seen[code] = true
	}
	for name, sentinel := range sentinels {
		assert.True(t, seen[(&jwtverifier.TokenError{Reason: sentinel}).Code()], "no refusal with %s", name)
	}
}

func TestUnavailable(t *testing.T) {
	server := start(t, "/a")
	args := []string{"-issuer", server.URL(), "-audience", jwtverifiertest.Audience}
	wrong := server.Metadata()
	wrong["issuer"] = server.URL() + "/"
	wrongIssuer, err := json.Marshal(wrong)
	require.NoError(t, err)

	for _, test := range []struct {
		name    string
		fail    func()
		args    []string
		fetches int
		want    string
	}{
		{"down", server.Down, nil, 1, "connection"},
		{"hangs", server.Hang, []string{"-timeout", "50ms"}, 1, "context deadline exceeded"},
		{"HTML", func() { server.Respond("", jwtverifiertest.Response{Body: []byte("<html>")}) }, nil, 3, "not one strict JSON object"},
		{"another issuer", func() { server.Respond("", jwtverifiertest.Response{Body: wrongIssuer}) }, nil, 3, "hint: the issuer is compared byte for byte"},
		{"no keys", func() {
			server.Respond(server.JWKSPath(), jwtverifiertest.Response{Status: 503, Header: map[string][]string{"Retry-After": {"30"}}})
		}, nil, 2, "A service would ask again in 30 s."},
	} {
		t.Run(test.name, func(t *testing.T) {
			defer server.Reset()
			test.fail()
			args := append(slices.Clone(args), test.args...)

			res := verify(t, server.AccessToken(), false, args...)
			assert.Equal(t, exitUnavailable, res.status)
			assert.Contains(t, res.out, test.want)
			assert.Contains(t, res.out, "    ✓ alg ")
			assert.Contains(t, res.out, "    ? key        the server's keys could not be had\n")
			assert.Contains(t, res.out, "\nNot judged: ")
			assert.Contains(t, res.out, "Token  what it says of itself; not verified")

			status, r := verifyJSON(t, server.AccessToken(), args...)
			assert.Equal(t, exitUnavailable, status)
			assert.Equal(t, unavailable, r.Verdict)
			assert.Contains(t, r.Error, "jwtverifier: unavailable: ")
			assert.Len(t, r.Fetches, test.fetches)
			assert.Empty(t, r.Keys)
			assert.Positive(t, r.RetryAfter)
			assert.False(t, r.Token.Verified)

			// What needs no key is judged all the same.
			assert.Equal(t, exitRefused, verify(t, "opaque", false, args...).status)
		})
	}
}

func TestInterrupted(t *testing.T) {
	server := start(t, "")
	server.Hang()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	status := run(ctx, []string{"-issuer", server.URL(), "-audience", "a"}, console{in: strings.NewReader(server.AccessToken()), out: &out, errs: &out})
	assert.Equal(t, exitUnavailable, status)
	assert.Contains(t, out.String(), "ended before the server had answered")
}

func TestUsage(t *testing.T) {
	server := start(t, "")
	raw := server.AccessToken()
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte(" \n"), 0o600))

	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"token as an argument", []string{"-issuer", server.URL(), "-audience", "a", raw}, "never taken as an argument: the shell's history"},
		{"token in a flag", []string{"-issuer", server.URL(), "-audience", "a", "-token=" + raw}, "never taken as an argument"},
		{"opaque token as an argument", []string{"-issuer", server.URL(), "-audience", "a", "2YotnFZFEjr1zCsicMWpAA"}, "never taken as an argument"},
		{"no issuer", []string{"-audience", "a"}, "-issuer is missing"},
		{"no kind", []string{"-issuer", "i"}, "give -audience"},
		{"both kinds", []string{"-issuer", "i", "-audience", "a", "-client-id", "c"}, "both -audience and -client-id"},
		{"nonce with an access token", []string{"-issuer", "i", "-audience", "a", "-nonce", "n"}, "for ID tokens"},
		{"no nonce", []string{"-issuer", "i", "-client-id", "c"}, "either -nonce"},
		{"both nonces", []string{"-issuer", "i", "-client-id", "c", "-nonce", "n", "-no-nonce"}, "either -nonce"},
		{"clients with an ID token", []string{"-issuer", "i", "-client-id", "c", "-no-nonce", "-clients", "c"}, "for access tokens"},
		{"empty audience", []string{"-issuer", "i", "-audience", "a,,b"}, "empty value"},
		{"unknown flag", []string{"-issue", "i"}, "not defined: -issue"},
		{"timeout", []string{"-issuer", "i", "-audience", "a", "-timeout", "6s"}, "-timeout is not"},
		{"leeway", []string{"-issuer", server.URL(), "-audience", "a", "-leeway", "6m"}, "WithLeeway is not from 0 to 5m0s"},
		{"http", []string{"-issuer", "http://issuer.example", "-audience", "a"}, "-http would allow it"},
		{"no audience, no clients", []string{"-issuer", server.URL(), "-no-audience"}, "WithoutAudience needs WithAuthorizedClients"},
		{"missing file", []string{"-issuer", server.URL(), "-audience", "a", "-file", empty + "\x1b[2J"}, `empty\x1b[2J: no such file`},
		{"empty file", []string{"-issuer", server.URL(), "-audience", "a", "-file", empty}, "no token in " + empty},
		{"empty standard input", []string{"-issuer", server.URL(), "-audience", "a"}, "no token in standard input"},
	} {
		t.Run(test.name, func(t *testing.T) {
			res := verify(t, "", false, test.args...)
			assert.Equal(t, exitUsage, res.status)
			assert.Contains(t, res.errs, test.want)
			assert.True(t, strings.HasPrefix(res.errs, "jwtverify: "), res.errs)
			assert.NotContains(t, res.errs, raw[:20])
			assert.NotContains(t, res.errs, "2YotnFZFEjr1zCsicMWpAA")
			assert.NotContains(t, res.errs, "\x1b")
		})
	}
	assert.Zero(t, server.Requests(""))

	res := verify(t, "", false, "-h")
	assert.Equal(t, exitAccepted, res.status)
	assert.Contains(t, res.out, "-strict-type\n")
	assert.Contains(t, res.out, "\n  jwtverify -issuer URL ")
}

func TestPrompt(t *testing.T) {
	server := start(t, "")
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"-issuer", server.URL(), "-audience", jwtverifiertest.Audience},
		console{in: strings.NewReader(server.AccessToken() + "\n"), out: &out, errs: &errs, prompt: true})
	assert.Equal(t, exitAccepted, status)
	assert.Contains(t, errs.String(), "Paste the token")
}
