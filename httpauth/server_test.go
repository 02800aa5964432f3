package httpauth_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

func get(t *testing.T, url string, authorization ...string) (int, http.Header, string) {
	t.Helper()
	return do(t, http.MethodGet, url, authorization...)
}

func do(t *testing.T, method, url string, authorization ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	req.Header["Authorization"] = authorization
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, string(body)
}

// On the wire, net/http's own limits and checks come first.
func TestServer(t *testing.T) {
	issuer, err := jwtverifiertest.Start("")
	require.NoError(t, err)
	defer issuer.Close()
	guard := newGuard(t, newVerifier(t, issuer), httpauth.WithRealm("api"))
	mux := http.NewServeMux()
	mux.Handle("GET /me", guard.Handler(served))
	mux.Handle("GET /write", guard.RequireScopes("write")(served))
	server := httptest.NewUnstartedServer(mux)
	server.Config.MaxHeaderBytes = 4 << 20
	server.Start()
	defer server.Close()
	token := issuer.AccessToken()

	for _, row := range []struct {
		name, path string
		headers    []string
		status     int
		challenge  string
	}{
		{"good", "/me", []string{"Bearer " + token}, 200, ""},
		{"lower case", "/me", []string{"bearer   " + token}, 200, ""},
		{"none", "/me", nil, 401, `Bearer realm="api"`},
		{"empty", "/me", []string{""}, 400, invalidRequest},
		{"two", "/me", []string{"Bearer " + token, "Bearer " + token}, 400, invalidRequest},
		{"non-ASCII", "/me", []string{"Bearer tökén"}, 400, invalidRequest},
		{"1 MiB", "/me", []string{"Bearer " + strings.Repeat("a", 1<<20)}, 401, invalidToken("the access token is malformed")},
		{"1 MiB of commas", "/me", []string{"Bearer " + strings.Repeat(",", 1<<20)}, 400, invalidRequest},
		{"scope", "/write", []string{"Bearer " + token}, 403,
			`Bearer realm="api", error="insufficient_scope", error_description="the access token lacks a required scope", scope="write"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, header, body := get(t, server.URL+row.path, row.headers...)
			assert.Equal(t, row.status, status)
			assert.Equal(t, row.challenge, header.Get("WWW-Authenticate"))
			assert.Less(t, len(body), 100)

			headStatus, headHeader, body := do(t, http.MethodHead, server.URL+row.path, row.headers...)
			assert.Equal(t, status, headStatus)
			assert.Equal(t, row.challenge, headHeader.Get("WWW-Authenticate"))
			assert.Empty(t, body)
		})
	}

	for name, field := range map[string]string{
		"NUL":          "Authorization: Bearer a\x00b",
		"NUL, scheme":  "Authorization: Bearer\x00 ab",
		"folded":       "Authorization: Bearer\r\n a\x01",
		"space before": "Authorization : Bearer abc",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.DialTimeout("tcp", server.Listener.Addr().String(), 5*time.Second)
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = fmt.Fprintf(conn, "GET /me HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", field)
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer resp.Body.Close()
			assert.Equal(t, 400, resp.StatusCode)
		})
	}
}

// One Guard serves many requests at once.
func TestConcurrent(t *testing.T) {
	issuer := jwtverifiertest.New("")
	guard := newGuard(t, newVerifier(t, issuer), httpauth.WithDenyHandler(func(w http.ResponseWriter, _ *http.Request, denied *httpauth.DeniedError) {
		denied.Answer(w)
	}))
	h := guard.Handler(guard.RequireScopes("read")(served))
	token := issuer.AccessToken()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 20 {
				if i%2 == 0 {
					assert.Equal(t, 200, serve(h, request("Bearer "+token)).Code)
				} else {
					assert.Equal(t, 401, serve(h, request("Bearer x")).Code)
				}
			}
		})
	}
	wait.Wait()
}
