package jwtverifiertest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/jwtverifiertest"
)

// everyKind runs a test against an issuer in memory, over http and over https.
func everyKind(t *testing.T, path string, test func(t *testing.T, issuer *jwtverifiertest.Issuer)) {
	t.Helper()
	kinds := map[string]func(string) (*jwtverifiertest.Issuer, error){
		"memory": func(path string) (*jwtverifiertest.Issuer, error) {
			return jwtverifiertest.New("https://issuer.example" + path), nil
		},
		"http":  jwtverifiertest.Start,
		"https": jwtverifiertest.StartTLS,
	}
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			issuer, err := start(path)
			require.NoError(t, err)
			t.Cleanup(issuer.Close)
			test(t, issuer)
		})
	}
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	return req
}

// get returns the answer and its whole body.
func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := client.Do(request(t, http.MethodGet, url))
	require.NoError(t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(data)
}

// root is the URL at which the paths of the issuer begin.
func root(issuer *jwtverifiertest.Issuer) string {
	return strings.TrimSuffix(issuer.JWKSURL(), issuer.JWKSPath())
}

// keySet decodes a served key set; what is in it must be complete.
func keySet(t *testing.T, document string) (kids []string, keys map[string]*rsa.PublicKey) {
	t.Helper()
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	require.NoError(t, json.Unmarshal([]byte(document), &set))
	require.NotNil(t, set.Keys, "an array, even if it is empty")
	keys = map[string]*rsa.PublicKey{}
	for _, k := range set.Keys {
		require.Len(t, k, 6)
		require.Equal(t, []string{"RSA", "sig", "RS256"}, []string{k["kty"], k["use"], k["alg"]})
		n, err := base64.RawURLEncoding.Strict().DecodeString(k["n"])
		require.NoError(t, err)
		require.Equal(t, "AQAB", k["e"])
		kids = append(kids, k["kid"])
		keys[k["kid"]] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
	}
	return kids, keys
}

// decode splits a token, without verifying it.
func decode(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	part := strings.Split(token, ".")
	require.Len(t, part, 3)
	for i, dst := range []*map[string]any{&header, &claims} {
		data, err := base64.RawURLEncoding.Strict().DecodeString(part[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, dst))
	}
	return header, claims
}

// verify checks the signature alone.
func verify(t *testing.T, token string, key *rsa.PublicKey) error {
	t.Helper()
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[dot+1:])
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(token[:dot]))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
}

func TestDocuments(t *testing.T) {
	everyKind(t, "/oauth2/default", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		require.Equal(t, []string{
			"/oauth2/default/.well-known/oauth-authorization-server",
			"/oauth2/default/.well-known/openid-configuration",
			"/.well-known/oauth-authorization-server/oauth2/default",
		}, issuer.MetadataPaths())
		require.Equal(t, "/oauth2/default/keys", issuer.JWKSPath())
		require.Equal(t, issuer.URL()+"/keys", issuer.JWKSURL())

		for _, path := range issuer.MetadataPaths() {
			resp, body := get(t, issuer.Client(), root(issuer)+path)
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
			var served map[string]any
			require.NoError(t, json.Unmarshal([]byte(body), &served))
			require.Equal(t, issuer.URL(), served["issuer"])
			require.Equal(t, issuer.JWKSURL(), served["jwks_uri"])
			want, err := json.Marshal(issuer.Metadata())
			require.NoError(t, err)
			require.JSONEq(t, string(want), body)
		}
		for _, name := range []string{"authorization_endpoint", "token_endpoint", "introspection_endpoint"} {
			require.Contains(t, issuer.Metadata()[name], issuer.URL()+"/")
		}
		require.Contains(t, issuer.Metadata(), "response_types_supported")

		resp, body := get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Equal(t, string(issuer.JWKS()), body)

		for _, path := range []string{"", "/", "/keys", issuer.JWKSPath() + "/", "/oauth2/default"} {
			resp, _ := get(t, issuer.Client(), root(issuer)+path)
			require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		}
		resp, err := issuer.Client().Post(issuer.JWKSURL(), "text/plain", strings.NewReader("x"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
	})
}

func TestIssuerURL(t *testing.T) {
	for _, row := range []struct{ issuer, url, base, path string }{
		{"", "https://issuer.example", "https://issuer.example", ""},
		{"https://issuer.example/", "https://issuer.example/", "https://issuer.example", ""},
		{"http://localhost:8080/a/b/", "http://localhost:8080/a/b/", "http://localhost:8080/a/b", "/a/b"},
		{"https://Issuer.Example:443/a%2Fb", "https://Issuer.Example:443/a%2Fb", "https://Issuer.Example:443/a%2Fb", "/a%2Fb"},
	} {
		t.Run(row.issuer, func(t *testing.T) {
			issuer := jwtverifiertest.New(row.issuer)
			require.Equal(t, row.url, issuer.URL())
			require.Equal(t, row.url, issuer.Metadata()["issuer"])
			require.Equal(t, row.base+"/keys", issuer.JWKSURL())
			want := []string{row.path + "/.well-known/oauth-authorization-server", row.path + "/.well-known/openid-configuration"}
			if row.path != "" {
				want = append(want, "/.well-known/oauth-authorization-server"+row.path)
			}
			require.Equal(t, want, issuer.MetadataPaths())
			for _, url := range []string{issuer.JWKSURL(), root(issuer) + want[0], root(issuer) + want[len(want)-1]} {
				resp, _ := get(t, issuer.Client(), url)
				require.Equal(t, http.StatusOK, resp.StatusCode, url)
			}
			_, claims := decode(t, issuer.AccessToken())
			require.Equal(t, row.url, claims["iss"])
		})
	}

	for _, bad := range []string{"issuer.example", "ftp://issuer.example", "https://", "https://:1", "https://u@h", "https://h?q", "https://h#f", "https://h\x7f"} {
		require.Panics(t, func() { jwtverifiertest.New(bad) }, bad)
	}
	for _, bad := range []string{"oauth2", "/a?b", "/%zz"} {
		_, err := jwtverifiertest.Start(bad)
		require.Error(t, err, bad)
		require.True(t, strings.HasPrefix(err.Error(), "jwtverifiertest: "), err)
	}
}

func TestAccessToken(t *testing.T) {
	issuer := jwtverifiertest.New("")
	before := time.Now().Unix()
	token := issuer.AccessToken()
	after := time.Now().Unix()

	header, claims := decode(t, token)
	require.Equal(t, map[string]any{"alg": "RS256", "kid": "key-1"}, header)
	require.NotEmpty(t, claims["jti"])
	iat := claims["iat"].(float64)
	require.GreaterOrEqual(t, iat, float64(before))
	require.LessOrEqual(t, iat, float64(after))
	require.Equal(t, iat, claims["auth_time"])
	require.Equal(t, map[string]any{
		"ver": 1.0, "jti": claims["jti"], "iss": issuer.URL(), "aud": jwtverifiertest.Audience, "iat": iat, "exp": iat + 300,
		"cid": jwtverifiertest.ClientID, "uid": claims["uid"], "scp": []any{"openid", "read"}, "auth_time": iat, "sub": jwtverifiertest.Subject,
	}, claims)

	_, other := decode(t, issuer.AccessToken())
	require.NotEqual(t, claims["jti"], other["jti"])
}

func TestIDToken(t *testing.T) {
	issuer := jwtverifiertest.New("")
	_, claims := decode(t, issuer.IDToken("n-1"))
	iat := claims["iat"].(float64)
	require.Equal(t, map[string]any{
		"sub": jwtverifiertest.Subject, "name": claims["name"], "ver": 1.0, "iss": issuer.URL(), "aud": jwtverifiertest.ClientID, "iat": iat, "exp": iat + 300,
		"jti": claims["jti"], "amr": []any{"pwd"}, "idp": claims["idp"], "nonce": "n-1", "auth_time": iat, "preferred_username": claims["preferred_username"],
	}, claims)
	for _, name := range []string{"name", "idp", "jti", "preferred_username"} {
		require.NotEmpty(t, claims[name], name)
	}

	_, claims = decode(t, issuer.IDToken(""))
	require.NotContains(t, claims, "nonce")
	require.NotContains(t, issuer.IDTokenClaims(""), "nonce")
}

func TestOverrides(t *testing.T) {
	issuer := jwtverifiertest.New("")
	override := jwtverifiertest.Claims{"aud": []string{"a", "b"}, "cid": jwtverifiertest.Absent, "sub": nil, "new": "x"}

	_, claims := decode(t, issuer.AccessToken(override, nil, jwtverifiertest.Claims{"new": "y"}))
	require.Equal(t, []any{"a", "b"}, claims["aud"])
	require.NotContains(t, claims, "cid")
	require.Contains(t, claims, "sub")
	require.Nil(t, claims["sub"])
	require.Equal(t, "y", claims["new"], "the last one wins")
	require.Len(t, override, 4, "the caller's map is left alone")

	_, claims = decode(t, issuer.AccessToken(jwtverifiertest.Claims{"exp": jwtverifiertest.Absent}, jwtverifiertest.Claims{"exp": 1}))
	require.Equal(t, 1.0, claims["exp"])

	_, claims = decode(t, issuer.IDToken("n", jwtverifiertest.Claims{"nonce": jwtverifiertest.Absent}))
	require.NotContains(t, claims, "nonce")

	copied := issuer.AccessTokenClaims()
	copied["scp"].([]string)[0] = "changed"
	delete(copied, "iss")
	require.Equal(t, []string{"openid", "read"}, issuer.AccessTokenClaims()["scp"])
	require.Contains(t, issuer.AccessTokenClaims(), "iss")

	metadata := issuer.Metadata()
	metadata["issuer"] = "https://other.example"
	metadata["response_types_supported"].([]string)[0] = "changed"
	require.Equal(t, issuer.URL(), issuer.Metadata()["issuer"])
	require.Equal(t, []string{"code"}, issuer.Metadata()["response_types_supported"])
}

func rsaKey(issuer *jwtverifiertest.Issuer, kid string) *rsa.PublicKey {
	return issuer.PublicKey(kid).(*rsa.PublicKey)
}

func TestToken(t *testing.T) {
	issuer := jwtverifiertest.New("")
	key := rsaKey(issuer, "key-1")

	token := issuer.Token(
		jwtverifiertest.Claims{"typ": "at+jwt", "alg": "none", "kid": jwtverifiertest.Absent},
		jwtverifiertest.Claims{"a": 1, "b": jwtverifiertest.Absent})
	header, claims := decode(t, token)
	require.Equal(t, map[string]any{"alg": "none", "typ": "at+jwt"}, header)
	require.Equal(t, map[string]any{"a": 1.0}, claims)
	require.NoError(t, verify(t, token, key))

	header, claims = decode(t, issuer.Token(nil, nil))
	require.Equal(t, map[string]any{"alg": "RS256", "kid": "key-1"}, header)
	require.Empty(t, claims)

	require.Panics(t, func() { issuer.Token(nil, jwtverifiertest.Claims{"f": func() {}}) })
	require.Panics(t, func() {
		issuer.Token(nil, jwtverifiertest.Claims{"cnf": jwtverifiertest.Claims{"jkt": jwtverifiertest.Absent}})
	}, "Absent has no meaning inside a claim")
}

func TestSign(t *testing.T) {
	issuer := jwtverifiertest.New("")
	token := issuer.Sign([]byte(`{"alg":"HS256"`), []byte("\xff\n"))
	require.True(t, strings.HasPrefix(token, "eyJhbGciOiJIUzI1NiI._wo."), token)
	require.NoError(t, verify(t, token, rsaKey(issuer, "key-1")))

	kid := issuer.PublishKey()
	issuer.RetireKey(kid)
	token = issuer.SignWith(kid, nil, []byte("p"))
	require.NoError(t, verify(t, token, rsaKey(issuer, kid)))
	require.ErrorIs(t, verify(t, token, rsaKey(issuer, "key-1")), rsa.ErrVerification)
}

func TestTokenVerifiesAgainstTheServedKeys(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		_, document := get(t, issuer.Client(), issuer.JWKSURL())
		_, keys := keySet(t, document)
		for _, token := range []string{issuer.AccessToken(), issuer.IDToken("n")} {
			header, _ := decode(t, token)
			require.NoError(t, verify(t, token, keys[header["kid"].(string)]))
		}
	})
}

func TestKeys(t *testing.T) {
	issuer := jwtverifiertest.New("")
	published := func() []string {
		kids, _ := keySet(t, string(issuer.JWKS()))
		return kids
	}
	signedBy := func() string {
		header, _ := decode(t, issuer.AccessToken())
		return header["kid"].(string)
	}
	require.Equal(t, []string{"key-1"}, published())
	require.Equal(t, "key-1", issuer.KeyID())

	require.Equal(t, "key-2", issuer.RotateKey())
	require.Equal(t, "key-2", issuer.KeyID())
	require.Equal(t, "key-2", signedBy())
	require.Equal(t, []string{"key-1", "key-2"}, published(), "the earlier key stays published")

	require.Equal(t, "key-3", issuer.PublishKey())
	require.Equal(t, "key-2", signedBy(), "published, not used")
	require.Equal(t, []string{"key-1", "key-2", "key-3"}, published())
	issuer.UseKey("key-3")
	require.Equal(t, "key-3", signedBy())

	issuer.RetireKey("key-2")
	issuer.RetireKey("key-2")
	require.Equal(t, []string{"key-1", "key-3"}, published())
	issuer.UseKey("key-2")
	require.Equal(t, "key-2", signedBy(), "a retired key still signs")
	require.Equal(t, []string{"key-1", "key-3"}, published(), "and stays retired")
	issuer.RetireKey("key-1")
	issuer.RetireKey("key-3")
	require.Empty(t, published())

	for name, use := range map[string]func(){
		"SignWith":   func() { issuer.SignWith("key-4", nil, nil) },
		"PublicKey":  func() { issuer.PublicKey("key-4") },
		"UseKey":     func() { issuer.UseKey("key-4") },
		"RetireKey":  func() { issuer.RetireKey("key-4") },
		"ReplaceKey": func() { issuer.ReplaceKey("key-4") },
	} {
		require.Panics(t, use, name)
	}
	require.Equal(t, "key-4", issuer.RotateKey(), "usable after a panic")
}

func TestReplaceKey(t *testing.T) {
	issuer := jwtverifiertest.New("")
	token, old := issuer.AccessToken(), rsaKey(issuer, "key-1")
	issuer.ReplaceKey("key-1")

	kids, keys := keySet(t, string(issuer.JWKS()))
	require.Equal(t, []string{"key-1"}, kids)
	require.True(t, keys["key-1"].Equal(rsaKey(issuer, "key-1")))
	require.False(t, keys["key-1"].Equal(old))
	require.ErrorIs(t, verify(t, token, keys["key-1"]), rsa.ErrVerification)
	require.NoError(t, verify(t, issuer.AccessToken(), keys["key-1"]))
}

func TestKeyMaterial(t *testing.T) {
	var moduli []string
	for range 4 {
		issuer := jwtverifiertest.New("")
		require.Equal(t, "key-1", issuer.KeyID(), "the same kid for every issuer")
		for _, kid := range []string{"key-1", issuer.RotateKey()} {
			key := rsaKey(issuer, kid)
			require.Equal(t, 2048, key.N.BitLen())
			require.NotContains(t, moduli, key.N.String())
			moduli = append(moduli, key.N.String())
		}
	}

	issuer := jwtverifiertest.New("")
	require.Equal(t, moduli[0], rsaKey(issuer, "key-1").N.String(), "the fifth issuer has the first one's keys")

	key := rsaKey(issuer, "key-1")
	key.N.SetInt64(1)
	require.Equal(t, moduli[0], rsaKey(issuer, "key-1").N.String(), "PublicKey is a copy")

	for range 7 {
		issuer.PublishKey()
	}
	require.Equal(t, "key-9", issuer.PublishKey())
	require.Equal(t, rsaKey(issuer, "key-1"), rsaKey(issuer, "key-9"))
	for range 7 {
		issuer.PublishKey()
	}
	issuer.ReplaceKey("key-1") // whose turn in the pool it is
	require.NotEqual(t, moduli[0], rsaKey(issuer, "key-1").N.String())
}

func TestSetJWKSHeader(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		issuer.SetJWKSHeader("cache-control", "max-age=1")
		issuer.SetJWKSHeader("Cache-Control", "max-age=60")
		resp, _ := get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, []string{"max-age=60"}, resp.Header["Cache-Control"])
		resp, _ = get(t, issuer.Client(), root(issuer)+issuer.MetadataPaths()[0])
		require.Empty(t, resp.Header.Get("Cache-Control"), "the key set alone")

		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{})
		resp, _ = get(t, issuer.Client(), issuer.JWKSURL())
		require.Empty(t, resp.Header.Get("Cache-Control"), "normal answers alone")

		issuer.Reset()
		resp, _ = get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, "max-age=60", resp.Header.Get("Cache-Control"), "Reset leaves it")
		issuer.SetJWKSHeader("Cache-Control", "")
		resp, _ = get(t, issuer.Client(), issuer.JWKSURL())
		require.NotContains(t, resp.Header, "Cache-Control")
	})
}

func TestRespond(t *testing.T) {
	everyKind(t, "/a", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		body := []byte("body")
		header := http.Header{"content-type": {"text/html"}, "Retry-After": {"7"}, "Content-Length": {"1000"}, "X-Two": {"1", "2"}}
		issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Status: 503, Header: header, Body: body})
		body[0], header["Retry-After"][0] = 'x', "8"

		resp, got := get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, "503 Service Unavailable", resp.Status)
		require.Equal(t, "body", got)
		require.Equal(t, int64(4), resp.ContentLength)
		require.Equal(t, []string{"4"}, resp.Header["Content-Length"])
		require.Equal(t, []string{"text/html"}, resp.Header["Content-Type"])
		require.Equal(t, []string{"7"}, resp.Header["Retry-After"])
		require.Equal(t, []string{"1", "2"}, resp.Header["X-Two"])

		metadata := root(issuer) + issuer.MetadataPaths()[0]
		resp, _ = get(t, issuer.Client(), metadata)
		require.Equal(t, http.StatusOK, resp.StatusCode, "no other path")

		issuer.Respond("", jwtverifiertest.Response{})
		resp, got = get(t, issuer.Client(), metadata)
		require.Equal(t, http.StatusOK, resp.StatusCode, "0 is 200")
		require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
		require.Empty(t, got)
		resp, _ = get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, 503, resp.StatusCode, "a path of its own comes first")

		issuer.Respond("/from", jwtverifiertest.Response{Status: 302, Header: http.Header{"Location": {"/to"}}})
		issuer.Respond("/to", jwtverifiertest.Response{Status: 299})
		resp, _ = get(t, issuer.Client(), root(issuer)+"/from")
		require.Equal(t, 299, resp.StatusCode)
		require.Equal(t, "/to", resp.Request.URL.Path)

		issuer.Respond("/to", jwtverifiertest.Response{Status: 204, Body: []byte("dropped")})
		resp, got = get(t, issuer.Client(), root(issuer)+"/to")
		require.Equal(t, 204, resp.StatusCode)
		require.Equal(t, int64(0), resp.ContentLength)
		require.Empty(t, got)

		issuer.Reset()
		resp, _ = get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		resp, _ = get(t, issuer.Client(), root(issuer)+"/to")
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
	})

	for _, status := range []int{-1, 100, 1000} {
		require.Panics(t, func() { jwtverifiertest.New("").Respond("", jwtverifiertest.Response{Status: status}) })
	}
}

func TestHead(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		resp, err := issuer.Client().Do(request(t, http.MethodHead, issuer.JWKSURL()))
		require.NoError(t, err)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Empty(t, data)
		require.Equal(t, int64(len(issuer.JWKS())), resp.ContentLength)
	})
}

func TestDown(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		issuer.Respond("", jwtverifiertest.Response{Status: 500})
		issuer.Down()
		_, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()))
		require.Error(t, err)
		require.NotErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, issuer.Requests(issuer.JWKSPath()), "an attempt")

		issuer.Reset()
		resp, _ := get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, http.StatusOK, resp.StatusCode)
	})

	t.Run("refused in memory", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		issuer.Down()
		_, err := issuer.Client().Get(issuer.JWKSURL())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
	})

	t.Run("reset on a socket", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("the error has another number there")
		}
		issuer, err := jwtverifiertest.Start("")
		require.NoError(t, err)
		defer issuer.Close()
		issuer.Down()
		_, err = issuer.Client().Get(issuer.JWKSURL())
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})

	t.Run("a writer that is no connection", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		issuer.Down()
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			issuer.ServeHTTP(httptest.NewRecorder(), request(t, http.MethodGet, issuer.JWKSURL()))
		})
	})
}

func TestCutBody(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		for _, want := range []string{"", `{"keys":`} {
			issuer.Respond("", jwtverifiertest.Response{Body: []byte(want), Hang: jwtverifiertest.CutBody})
			resp, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()))
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Equal(t, want, string(got))
			require.Greater(t, resp.ContentLength, int64(len(want)))
			require.NoError(t, resp.Body.Close())
		}
	})
}

// What ends a hanging answer: the client, Reset and Close.
func TestHang(t *testing.T) {
	type ending struct {
		name string
		end  func(issuer *jwtverifiertest.Issuer, cancel context.CancelFunc)
	}
	endings := []ending{
		{"client", func(_ *jwtverifiertest.Issuer, cancel context.CancelFunc) { cancel() }},
		{"Reset", func(issuer *jwtverifiertest.Issuer, _ context.CancelFunc) { issuer.Reset() }},
		{"Close", func(issuer *jwtverifiertest.Issuer, _ context.CancelFunc) { issuer.Close() }},
	}
	faults := map[string]func(issuer *jwtverifiertest.Issuer){
		"Hang": (*jwtverifiertest.Issuer).Hang,
		"HangHeaders": func(issuer *jwtverifiertest.Issuer) {
			issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Hang: jwtverifiertest.HangHeaders})
		},
		"HangHeaders delayed": func(issuer *jwtverifiertest.Issuer) {
			issuer.Respond("", jwtverifiertest.Response{Hang: jwtverifiertest.HangHeaders, Delay: time.Hour})
		},
	}
	for name, fault := range faults {
		for _, e := range endings {
			t.Run(name+" "+e.name, func(t *testing.T) {
				everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
					fault(issuer)
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					result := make(chan error, 1)
					go func() {
						_, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()).WithContext(ctx))
						result <- err
					}()
					require.Eventually(t, func() bool { return issuer.Requests(issuer.JWKSPath()) == 1 }, 10*time.Second, time.Millisecond)
					require.Empty(t, result)
					e.end(issuer, cancel)
					err := <-result
					require.Error(t, err)
					require.Equal(t, e.name == "client", ctx.Err() != nil)
				})
			})
		}
	}
	for _, e := range endings {
		t.Run("HangBody "+e.name, func(t *testing.T) {
			everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
				issuer.Respond("", jwtverifiertest.Response{Body: []byte(`{"keys":`), Hang: jwtverifiertest.HangBody})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				resp, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()).WithContext(ctx))
				require.NoError(t, err)
				defer resp.Body.Close()
				require.Equal(t, int64(-1), resp.ContentLength)
				got := make([]byte, 8)
				_, err = io.ReadFull(resp.Body, got)
				require.NoError(t, err)
				require.Equal(t, `{"keys":`, string(got))

				result := make(chan error, 1)
				go func() {
					_, err := resp.Body.Read(got)
					result <- err
				}()
				require.Empty(t, result)
				e.end(issuer, cancel)
				err = <-result
				if e.name == "client" {
					require.ErrorIs(t, err, context.Canceled)
				} else {
					require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				}
			})
		})
	}
}

func TestClose(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		issuer.Respond("", jwtverifiertest.Response{Delay: time.Hour})
		result := make(chan error, 1)
		go func() {
			_, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()))
			result <- err
		}()
		require.Eventually(t, func() bool { return issuer.Requests("") == 1 }, 10*time.Second, time.Millisecond)
		issuer.Reset() // a delayed answer does not hang
		time.Sleep(10 * time.Millisecond)
		require.Empty(t, result)
		issuer.Close()
		require.Error(t, <-result)
		issuer.Close()
		require.NotEmpty(t, issuer.AccessToken(), "tokens are minted all the same")
	})

	t.Run("in memory it still answers", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		issuer.Close()
		resp, _ := get(t, issuer.Client(), issuer.JWKSURL())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		issuer.Hang()
		_, err := issuer.Client().Get(issuer.JWKSURL())
		require.Error(t, err, "but does not hang")
	})
}

func TestRequests(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		require.Zero(t, issuer.Requests(""))
		metadata := issuer.MetadataPaths()[1]
		get(t, issuer.Client(), issuer.JWKSURL())
		get(t, issuer.Client(), issuer.JWKSURL()+"?query")
		get(t, issuer.Client(), root(issuer)+metadata)
		get(t, issuer.Client(), root(issuer))
		issuer.Reset()
		require.Equal(t, 2, issuer.Requests(issuer.JWKSPath()))
		require.Equal(t, 1, issuer.Requests(metadata))
		require.Equal(t, 1, issuer.Requests("/"))
		require.Zero(t, issuer.Requests("/other"))
		require.Equal(t, 4, issuer.Requests(""))
	})
}

func TestClient(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		issuer := jwtverifiertest.New("https://issuer.example/a")
		require.NotSame(t, issuer.Client(), issuer.Client())
		for _, url := range []string{"https://other.example/a/keys", "http://issuer.example/a/keys", "https://issuer.example:8443/a/keys"} {
			_, err := issuer.Client().Get(url)
			require.ErrorContains(t, err, "not the issuer's host", url)
		}
		require.Zero(t, issuer.Requests(""))
		get(t, issuer.Client(), "https://ISSUER.example:443/a/keys")
		require.Equal(t, 1, issuer.Requests(""))
	})

	t.Run("a response in memory", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		req := request(t, http.MethodGet, issuer.JWKSURL())
		resp, err := issuer.Client().Do(req)
		require.NoError(t, err)
		require.Equal(t, "200 OK", resp.Status)
		require.Equal(t, "HTTP/1.1", resp.Proto)
		require.True(t, resp.ProtoAtLeast(1, 1))
		require.Same(t, req, resp.Request)
		require.Equal(t, int64(len(issuer.JWKS())), resp.ContentLength)
		_, err = http.ParseTime(resp.Header.Get("Date"))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		_, err = resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	})

	t.Run("cancelled before the request in memory", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()).WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, issuer.Requests(""))
	})

	t.Run("cancelled before the body is read in memory", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		ctx, cancel := context.WithCancel(t.Context())
		resp, err := issuer.Client().Do(request(t, http.MethodGet, issuer.JWKSURL()).WithContext(ctx))
		require.NoError(t, err)
		defer resp.Body.Close()
		cancel()
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("the request's body is closed in memory", func(t *testing.T) {
		body := &closeCounter{Reader: strings.NewReader("x")}
		issuer := jwtverifiertest.New("")
		resp, err := issuer.Client().Post(issuer.JWKSURL(), "text/plain", body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NotZero(t, body.closed)
	})

	t.Run("TLS", func(t *testing.T) {
		issuer, err := jwtverifiertest.StartTLS("/a/")
		require.NoError(t, err)
		defer issuer.Close()
		require.Regexp(t, `^https://127\.0\.0\.1:\d+/a/$`, issuer.URL())
		require.NotSame(t, issuer.Client(), issuer.Client())
		require.NotSame(t, issuer.Client().Transport, issuer.Client().Transport)
		stranger := &http.Client{Transport: &http.Transport{}}
		_, err = stranger.Get(issuer.JWKSURL())
		require.ErrorContains(t, err, "certificate")
	})
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestServeHTTP(t *testing.T) {
	server := httptest.NewUnstartedServer(nil)
	issuer := jwtverifiertest.New("http://" + server.Listener.Addr().String())
	server.Config.Handler = issuer
	server.Start()
	defer server.Close()
	defer issuer.Close()

	_, document := get(t, server.Client(), issuer.JWKSURL())
	require.Equal(t, string(issuer.JWKS()), document)
	require.Equal(t, 1, issuer.Requests(issuer.JWKSPath()))
}

func TestBubble(t *testing.T) {
	shared := jwtverifiertest.New("") // made outside
	for name, make := range map[string]func() *jwtverifiertest.Issuer{
		"issuer made inside":  func() *jwtverifiertest.Issuer { return jwtverifiertest.New("") },
		"issuer made outside": func() *jwtverifiertest.Issuer { return shared },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testBubble(t, make()) })
		})
	}
}

func testBubble(t *testing.T, issuer *jwtverifiertest.Issuer) {
	start := time.Now()
	_, claims := decode(t, issuer.AccessToken())
	require.Equal(t, float64(start.Unix()), claims["iat"])
	time.Sleep(time.Hour)
	_, claims = decode(t, issuer.AccessToken())
	require.Equal(t, float64(start.Unix()+3600), claims["iat"])

	client := issuer.Client()
	client.Timeout = 5 * time.Second
	timed := func(url string) (time.Duration, error) {
		start := time.Now()
		resp, err := client.Do(request(t, http.MethodGet, url))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, resp.Body.Close())
		}
		return time.Since(start), err
	}

	// Delay: exactly so long, up to the client's timeout.
	issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Delay: 3 * time.Second, Body: issuer.JWKS()})
	took, err := timed(issuer.JWKSURL())
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, took)
	issuer.Respond(issuer.JWKSPath(), jwtverifiertest.Response{Delay: 6 * time.Second})
	took, err = timed(issuer.JWKSURL())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 5*time.Second, took)

	// What hangs, hangs until the timeout.
	for _, r := range []jwtverifiertest.Response{
		{Hang: jwtverifiertest.HangHeaders},
		{Hang: jwtverifiertest.HangBody, Body: []byte("{")},
		{Hang: jwtverifiertest.HangBody, Delay: time.Second},
	} {
		issuer.Respond("", r)
		issuer.Respond(issuer.JWKSPath(), r)
		took, err = timed(issuer.JWKSURL())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, took)
	}

	// Reset ends what hangs, at once.
	issuer.Hang()
	client.Timeout = 0
	result := make(chan error, 1)
	go func() {
		_, err := timed(issuer.JWKSURL())
		result <- err
	}()
	synctest.Wait()
	require.Empty(t, result)
	issuer.Reset()
	synctest.Wait()
	require.Len(t, result, 1)
	require.Error(t, <-result)
	took, err = timed(issuer.JWKSURL())
	require.NoError(t, err)
	require.Zero(t, took)

	// Closing the body of one that hangs ends a Read.
	issuer.Respond("", jwtverifiertest.Response{Hang: jwtverifiertest.HangBody})
	resp, err := client.Get(issuer.JWKSURL())
	require.NoError(t, err)
	go func() {
		_, err := resp.Body.Read(make([]byte, 1))
		result <- err
	}()
	synctest.Wait()
	require.NoError(t, resp.Body.Close())
	require.ErrorIs(t, <-result, http.ErrBodyReadAfterClose)
	issuer.Reset()
}

func TestConcurrentUse(t *testing.T) {
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		client := issuer.Client()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					kid := issuer.RotateKey()
					rsaKey(issuer, kid)
					issuer.ReplaceKey(kid)
					issuer.SetJWKSHeader("Cache-Control", "no-cache")
					issuer.Respond("/x", jwtverifiertest.Response{Delay: time.Millisecond})
					issuer.Respond("/y", jwtverifiertest.Response{Hang: jwtverifiertest.HangBody})
					for _, path := range []string{"/x", "/y", issuer.JWKSPath()} {
						ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
						resp, err := client.Do(request(t, http.MethodGet, root(issuer)+path).WithContext(ctx))
						if err == nil {
							_, _ = io.ReadAll(resp.Body)
							_ = resp.Body.Close()
						}
						cancel()
					}
					issuer.AccessToken()
					issuer.RetireKey(kid)
					issuer.UseKey("key-1")
					issuer.Reset()
					issuer.Requests("")
				}
			})
		}
		wg.Wait()
		require.Equal(t, "key-42", issuer.PublishKey())
		_, keys := keySet(t, string(issuer.JWKS()))
		require.NoError(t, verify(t, issuer.AccessToken(), keys["key-1"]))
	})
}

func TestNoGoroutineStaysBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	everyKind(t, "", func(t *testing.T, issuer *jwtverifiertest.Issuer) {
		get(t, issuer.Client(), issuer.JWKSURL())
		issuer.Respond("", jwtverifiertest.Response{Hang: jwtverifiertest.HangBody, Body: []byte("{")})
		resp, err := issuer.Client().Get(issuer.JWKSURL())
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		issuer.Hang()
		client := issuer.Client()
		client.Timeout = 5 * time.Millisecond
		_, err = client.Get(issuer.JWKSURL())
		require.Error(t, err)
		issuer.Down()
		_, err = issuer.Client().Get(issuer.JWKSURL())
		require.Error(t, err)
	})
	// Not with Eventually, which adds a goroutine of its own.
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.Fail(t, "goroutines stayed behind", stacks())
}

func stacks() string {
	buf := make([]byte, 1<<16)
	return string(bytes.TrimSpace(buf[:runtime.Stack(buf, true)]))
}

// Each algorithm's keys sign, are published and are found by the standard library
// alone; several at a time, and without kid.
func TestAlgorithms(t *testing.T) {
	issuer := jwtverifiertest.New("")
	algs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"}
	for i, alg := range algs {
		kid := issuer.RotateKeyTo(alg)
		require.Equal(t, fmt.Sprintf("key-%d", i+2), kid)
		require.Equal(t, kid, issuer.KeyID())
		require.Equal(t, alg, issuer.Algorithm(kid))
		token := issuer.AccessToken()
		header, _ := decode(t, token)
		require.Equal(t, map[string]any{"alg": alg, "kid": kid}, header)
		require.True(t, verifies(t, alg, issuer.PublicKey(kid), token))

		entry := lastEntry(t, issuer)
		require.Equal(t, []string{alg, kid, "sig"}, []string{entry["alg"], entry["kid"], entry["use"]})
		require.True(t, verifies(t, alg, keyOf(t, entry), token), alg)
		require.False(t, verifies(t, alg, keyOf(t, entry), issuer.SignWith(kid, []byte(`{}`), []byte(`{}`))+"AAAA"))

		issuer.ReplaceKey(kid)
		require.False(t, verifies(t, alg, issuer.PublicKey(kid), token))
		require.True(t, verifies(t, alg, issuer.PublicKey(kid), issuer.AccessToken()))

		issuer.OmitKeyID(kid)
		header, _ = decode(t, issuer.AccessToken())
		require.Equal(t, map[string]any{"alg": alg}, header)
		require.NotContains(t, lastEntry(t, issuer), "kid")
		require.Equal(t, kid, issuer.KeyID())
	}
	require.Equal(t, algs, issuer.Metadata()["id_token_signing_alg_values_supported"])
	kid := issuer.PublishKeyOf("ES384")
	require.Equal(t, "ES384", issuer.Algorithm(kid))
	require.Equal(t, "EdDSA", issuer.Algorithm(issuer.KeyID()), "published, and not in use")
	require.NotSame(t, issuer.PublicKey(kid), issuer.PublicKey(kid), "a copy")

	for _, alg := range []string{"", "none", "HS256", "rs256", "ES256K", "Ed448"} {
		require.Panics(t, func() { issuer.RotateKeyTo(alg) }, alg)
		require.Panics(t, func() { issuer.PublishKeyOf(alg) }, alg)
	}
	require.Panics(t, func() { issuer.OmitKeyID("key-99") })
	require.Panics(t, func() { issuer.Algorithm("key-99") })
}

// lastEntry returns the youngest key of the served set.
func lastEntry(t *testing.T, issuer *jwtverifiertest.Issuer) map[string]string {
	t.Helper()
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(issuer.JWKS(), &set))
	return set.Keys[len(set.Keys)-1]
}

// keyOf makes the key of an entry.
func keyOf(t *testing.T, entry map[string]string) crypto.PublicKey {
	t.Helper()
	octets := func(name string) []byte {
		b, err := base64.RawURLEncoding.Strict().DecodeString(entry[name])
		require.NoError(t, err)
		return b
	}
	switch entry["kty"] {
	case "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(octets("n")), E: int(new(big.Int).SetBytes(octets("e")).Int64())}
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[entry["crv"]]
		public, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, octets("x"), octets("y")))
		require.NoError(t, err)
		return public
	}
	require.Equal(t, "OKP Ed25519", entry["kty"]+" "+entry["crv"])
	return ed25519.PublicKey(octets("x"))
}

// verifies checks a token's signature with the standard library alone.
func verifies(t *testing.T, alg string, key crypto.PublicKey, token string) bool {
	t.Helper()
	input, encoded := token[:strings.LastIndexByte(token, '.')], token[strings.LastIndexByte(token, '.')+1:]
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	require.NoError(t, err)
	if alg == "Ed25519" || alg == "EdDSA" {
		return ed25519.Verify(key.(ed25519.PublicKey), []byte(input), signature)
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	h := hash.New()
	h.Write([]byte(input))
	switch alg[:2] {
	case "RS":
		return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), hash, h.Sum(nil), signature) == nil
	case "PS":
		return rsa.VerifyPSS(key.(*rsa.PublicKey), hash, h.Sum(nil), signature, &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
	}
	size := map[string]int{"ES256": 64, "ES384": 96, "ES512": 132}[alg]
	r, s := new(big.Int).SetBytes(signature[:size/2]), new(big.Int).SetBytes(signature[size/2:])
	return len(signature) == size && ecdsa.Verify(key.(*ecdsa.PublicKey), h.Sum(nil), r, s)
}
