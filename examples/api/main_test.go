package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

var discard = slog.New(slog.DiscardHandler)

func newServer(t *testing.T, issuer *jwtverifiertest.Issuer, opts ...jwtverifier.Option) *httptest.Server {
	t.Helper()
	verifier, err := jwtverifier.New(issuer.URL(), append(opts, jwtverifier.WithHTTPClient(issuer.Client()))...)
	require.NoError(t, err)
	mux := http.NewServeMux()
	require.NoError(t, addRoutes(mux, verifier, "https://notes.example", discard))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func call(t *testing.T, method, url, body string, authorization ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header["Authorization"] = authorization
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, strings.TrimSuffix(string(got), "\n")
}

func TestAPI(t *testing.T) {
	issuer := jwtverifiertest.New("")
	working := newServer(t, issuer, jwtverifier.WithAudience(jwtverifiertest.Audience)).URL
	misconfigured := newServer(t, issuer, jwtverifier.WithClientID("login")).URL // made for ID tokens

	down := jwtverifiertest.New("")
	down.Down()
	unavailable := newServer(t, down, jwtverifier.WithAudience(jwtverifiertest.Audience)).URL

	read := "Bearer " + issuer.AccessToken()
	write := "Bearer " + issuer.AccessToken(jwtverifiertest.Claims{"scp": "write"})
	expired := "Bearer " + issuer.AccessToken(jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()})
	foreign := "Bearer " + issuer.AccessToken(jwtverifiertest.Claims{"aud": "api://other"})
	bound := "Bearer " + issuer.AccessToken(jwtverifiertest.Claims{"cnf": map[string]string{"jkt": "x"}})

	const metadata = `resource_metadata="https://notes.example/.well-known/oauth-protected-resource"`
	problem := func(code, description, more string) (challenge, body string) {
		return `Bearer realm="notes", error="` + code + `", error_description="` + description + `", ` + more + metadata,
			`{"error":"` + description + `"}`
	}
	const bare = `Bearer realm="notes", ` + metadata
	malformed, malformedBody := problem("invalid_request", "there must be one Authorization header with one bearer token", "")
	garbled, garbledBody := problem("invalid_token", "the access token is malformed", "")
	late, lateBody := problem("invalid_token", "the access token has expired", "")
	misdirected, misdirectedBody := problem("invalid_token", "the access token is not meant for this service", "")
	unproven, unprovenBody := problem("invalid_token", "the access token is sender-constrained and was not proven", "")
	noRead, noReadBody := problem("insufficient_scope", "the access token lacks a required scope", `scope="read", `)
	noWrite, noWriteBody := problem("insufficient_scope", "the access token lacks a required scope", `scope="write", `)

	for _, row := range []struct {
		name, method, url, send string
		authorization           []string
		status                  int
		challenge, body         string
	}{
		{"public", "GET", working + "/", "", nil, 200, "", `{"service":"notes"}`},
		{"public, bad token", "GET", working + "/", "", []string{"Bearer x"}, 200, "", `{"service":"notes"}`},
		{"unknown path", "GET", working + "/x", "", nil, 404, "", "404 page not found"},
		{"ready", "GET", working + "/readyz", "", nil, 200, "", `{"keys":"fresh","ready":true}`},
		{"ready without an issuer", "GET", unavailable + "/readyz", "", nil, 503, "", `{"keys":"cold","ready":false}`},
		{"metadata", "GET", working + "/.well-known/oauth-protected-resource", "", nil, 200, "",
			`{"resource":"https://notes.example","authorization_servers":["https://issuer.example"],"scopes_supported":["read","write"],"bearer_methods_supported":["header"]}`},

		{"authenticated", "GET", working + "/me", "", []string{read}, 200, "", `{"client":"client","scopes":["openid","read"],"subject":"user"}`},
		{"scheme in lower case", "GET", working + "/me", "", []string{"bearer " + read[7:]}, 200, "", `{"client":"client","scopes":["openid","read"],"subject":"user"}`},
		{"no notes yet", "GET", working + "/notes", "", []string{read}, 200, "", `[]`},
		{"write", "POST", working + "/notes", `{"text":"hello","author":"somebody else"}`, []string{write}, 201, "", `{"author":"user","text":"hello"}`},
		{"write nonsense", "POST", working + "/notes", `{`, []string{write}, 400, "", `{"error":"the body must be like {\"text\":\"hello\"}"}`},
		{"read", "GET", working + "/notes", "", []string{read}, 200, "", `[{"author":"user","text":"hello"}]`},

		{"no token", "GET", working + "/me", "", nil, 401, bare, `{"error":"an access token is required"}`},
		{"no token, scoped", "POST", working + "/notes", "", nil, 401, bare, `{"error":"an access token is required"}`},
		{"Basic", "GET", working + "/me", "", []string{"Basic dXNlcjpwYXNz"}, 401, bare, `{"error":"an access token is required"}`},
		{"two headers", "GET", working + "/me", "", []string{read, read}, 400, malformed, malformedBody},
		{"two tokens", "GET", working + "/me", "", []string{read + " " + read}, 400, malformed, malformedBody},
		{"not a JWT", "GET", working + "/me", "", []string{"Bearer x"}, 401, garbled, garbledBody},
		{"expired", "GET", working + "/notes", "", []string{expired}, 401, late, lateBody},
		{"for another API", "GET", working + "/me", "", []string{foreign}, 401, misdirected, misdirectedBody},
		{"sender-constrained", "GET", working + "/me", "", []string{bound}, 401, unproven, unprovenBody},
		{"no scope to write", "POST", working + "/notes", `{"text":"hello"}`, []string{read}, 403, noWrite, noWriteBody},
		{"no scope to read", "GET", working + "/notes", "", []string{write}, 403, noRead, noReadBody},
		{"issuer down", "GET", unavailable + "/me", "", []string{read}, 503, "", `{"error":"access tokens cannot be verified at the moment"}`},
		{"misconfigured", "GET", misconfigured + "/me", "", []string{read}, 500, "", `{"error":"internal server error"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, header, body := call(t, row.method, row.url, row.send, row.authorization...)
			assert.Equal(t, row.status, status)
			assert.Equal(t, row.challenge, header.Get("WWW-Authenticate"))
			assert.Equal(t, row.body, body)
			if row.challenge != "" {
				assert.Equal(t, "no-store", header.Get("Cache-Control"))
			}
			if row.name == "issuer down" {
				assert.Equal(t, "1", header.Get("Retry-After"))
			}
		})
	}
}

// start runs the program for a demonstration, and returns the URL that it prints
// and what stops it.
func start(t *testing.T) (base string, stop func() error) {
	t.Helper()
	before := slog.Default()
	slog.SetDefault(discard)
	t.Cleanup(func() { slog.SetDefault(before) })

	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, out)
		_ = out.CloseWithError(err)
		done <- err
	}()
	printed := bufio.NewReader(in)
	line, err := printed.ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, printed) }()
	m := regexp.MustCompile(`^API on (http://127\.0\.0\.1:\d+), tokens of http://127\.0\.0\.1:\d+\n$`).FindStringSubmatch(line)
	require.NotNil(t, m, line)
	return m[1], func() error {
		cancel()
		return <-done
	}
}

// testdata/transcript.txt works as printed: each command is run by a shell, and
// prints what follows it. Only the port and the date are others.
func TestTranscript(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl")
	}
	transcript, err := os.ReadFile("testdata/transcript.txt")
	require.NoError(t, err)
	base, stop := start(t)

	var script, want strings.Builder
	for line := range strings.Lines(string(transcript)) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			script.WriteString(command)
		} else {
			want.WriteString(line)
		}
	}
	const printed = "http://127.0.0.1:8080"
	require.Contains(t, script.String(), printed)
	cmd := exec.CommandContext(t.Context(), "sh", "-e")
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(script.String(), printed, base))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	assert.Empty(t, stderr.String())

	date := regexp.MustCompile(`(?m)^Date: .*\n`)
	normal := strings.NewReplacer("\r", "", base, printed)
	assert.Equal(t, date.ReplaceAllString(want.String(), ""), date.ReplaceAllString(normal.Replace(string(got)), ""))
	assert.NoError(t, stop())
}

// A request that has begun is finished before the program ends.
func TestShutdown(t *testing.T) {
	base, stop := start(t)
	status, _, token := call(t, "GET", base+"/demo/token?scope=write", "")
	require.Equal(t, 200, status)
	status, _, body := call(t, "GET", base+"/demo/token?ttl=soon", "")
	assert.Equal(t, 400, status)
	assert.Equal(t, "ttl: a duration such as 5m", body)

	reader, writer := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/notes", reader)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	answered := make(chan int, 1)
	go func() {
		resp, err := http.DefaultClient.Do(r)
		if !assert.NoError(t, err) {
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	_, err = io.WriteString(writer, `{"text":`) // returns when the request is on its way
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond) // and now it has been received

	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		require.Fail(t, "did not wait for the request", err)
	case <-time.After(100 * time.Millisecond):
	}
	_, err = io.WriteString(writer, `"late"}`)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	assert.Equal(t, 201, <-answered)
	assert.NoError(t, <-stopped)
}

func TestFlags(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	loopback := []string{"-addr", "127.0.0.1:0"}
	for _, row := range []struct {
		name string
		args []string
		want string // "": no error
	}{
		{"demonstration", nil, ""},
		{"real issuer", []string{"-issuer", "https://issuer.example", "-audience", "api"}, ""},
		{"real issuer and metadata", []string{"-issuer", "https://issuer.example", "-audience", "api", "-resource", "https://notes.example"}, ""},
		{"no audience", []string{"-issuer", "https://issuer.example"}, "misconfigured"},
		{"bad issuer", []string{"-issuer", "issuer.example", "-audience", "api"}, "misconfigured"},
		{"bad resource", []string{"-resource", "notes"}, "misconfigured"},
		{"demonstration for everybody", []string{"-addr", "0.0.0.0:0"}, "loopback"},
		{"bad address", []string{"-addr", "nowhere"}, "address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := run(ended, append(loopback[:2:2], row.args...), io.Discard)
			if row.want == "" {
				assert.NoError(t, err)
			} else {
				assert.ErrorContains(t, err, row.want)
			}
		})
	}
}
