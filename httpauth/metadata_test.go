package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

func withMetadata(resource string) httpauth.Option {
	return httpauth.WithResourceMetadata(httpauth.ResourceMetadata{
		Resource:             resource,
		AuthorizationServers: []string{"https://issuer.example/oauth2/default"},
	})
}

// RFC 9728 §3.1: the well-known part is inserted between host and path.
func TestMetadataLocation(t *testing.T) {
	const wellKnown = "/.well-known/oauth-protected-resource"
	for resource, want := range map[string]struct{ url, path string }{
		"https://api.example":              {"https://api.example" + wellKnown, wellKnown},
		"https://api.example/":             {"https://api.example" + wellKnown, wellKnown},
		"https://api.example/mcp":          {"https://api.example" + wellKnown + "/mcp", wellKnown + "/mcp"},
		"https://api.example/mcp/":         {"https://api.example" + wellKnown + "/mcp/", wellKnown + "/mcp/"},
		"https://api.example:8443/a/b":     {"https://api.example:8443" + wellKnown + "/a/b", wellKnown + "/a/b"},
		"https://api.example/a%2Fb%20c":    {"https://api.example" + wellKnown + "/a%2Fb%20c", wellKnown + "/a%2Fb%20c"},
		"http://localhost:8080/x":          {"http://localhost:8080" + wellKnown + "/x", wellKnown + "/x"},
		"http://LOCALHOST":                 {"http://LOCALHOST" + wellKnown, wellKnown},
		"http://127.0.0.1":                 {"http://127.0.0.1" + wellKnown, wellKnown},
		"http://[::1]:8080":                {"http://[::1]:8080" + wellKnown, wellKnown},
		"https://api.example/.../..a/it's": {"https://api.example" + wellKnown + "/.../..a/it's", wellKnown + "/.../..a/it's"},
	} {
		t.Run(resource, func(t *testing.T) {
			guard := newGuard(t, fails(jwtverifier.ErrInvalidToken), withMetadata(resource))
			path, h := guard.ResourceMetadataHandler()
			assert.Equal(t, want.path, path)

			mux := http.NewServeMux()
			mux.Handle(path, h)
			mux.Handle("/", guard.Handler(served))
			w := serve(mux, httptest.NewRequest(http.MethodGet, want.url, nil))
			assert.Equal(t, 200, w.Code)
			assert.JSONEq(t, `{"resource":"`+resource+`","authorization_servers":["https://issuer.example/oauth2/default"],"bearer_methods_supported":["header"]}`, w.Body.String())

			w = serve(mux, request())
			assert.Equal(t, 401, w.Code)
			assert.Equal(t, `Bearer resource_metadata="`+want.url+`"`, w.Header().Get("WWW-Authenticate"))
			w = serve(mux, request("Bearer x"))
			assert.Equal(t, `Bearer error="invalid_token", error_description="the access token was refused", resource_metadata="`+want.url+`"`,
				w.Header().Get("WWW-Authenticate"))
		})
	}
}

func TestMetadataDocument(t *testing.T) {
	issuer, err := jwtverifiertest.Start("/oauth2/default")
	require.NoError(t, err)
	defer issuer.Close()
	verifier := newVerifier(t, issuer)
	m := httpauth.ResourceMetadata{
		Resource:             "https://api.example/orders",
		AuthorizationServers: []string{verifier.Issuer(), "http://keycloak:8080/realms/x"},
		Scopes:               []string{"orders.read", "orders.write"},
		Name:                 `Orders & "more" für alle`,
		Documentation:        "https://api.example/docs?v=2#auth",
	}
	guard := newGuard(t, verifier, httpauth.WithRealm("orders"), httpauth.WithResourceMetadata(m))
	m.Scopes[0], m.AuthorizationServers[0] = "changed", "changed"

	mux := http.NewServeMux()
	mux.Handle(guard.ResourceMetadataHandler())
	mux.Handle("/orders", guard.Handler(served))
	server := httptest.NewServer(mux)
	defer server.Close()
	at := server.URL + "/.well-known/oauth-protected-resource/orders"

	status, header, body := get(t, at)
	assert.Equal(t, 200, status)
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	assert.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
	assert.JSONEq(t, `{
		"resource": "https://api.example/orders",
		"authorization_servers": ["`+issuer.URL()+`", "http://keycloak:8080/realms/x"],
		"scopes_supported": ["orders.read", "orders.write"],
		"bearer_methods_supported": ["header"],
		"resource_name": "Orders & \"more\" für alle",
		"resource_documentation": "https://api.example/docs?v=2#auth"}`, body)

	status, header, body = do(t, http.MethodHead, at)
	assert.Equal(t, 200, status)
	assert.Equal(t, "application/json", header.Get("Content-Type"))
	assert.Empty(t, body)

	status, header, _ = do(t, http.MethodOptions, at)
	assert.Equal(t, 204, status)
	assert.Equal(t, "*", header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, "GET, HEAD", header.Get("Access-Control-Allow-Methods"))
	assert.Equal(t, "*", header.Get("Access-Control-Allow-Headers"))

	status, header, _ = do(t, http.MethodPost, at)
	assert.Equal(t, 405, status)
	assert.Equal(t, "GET, HEAD, OPTIONS", header.Get("Allow"))

	status, header, _ = get(t, server.URL+"/orders")
	assert.Equal(t, 401, status)
	assert.Equal(t, `Bearer realm="orders", resource_metadata="https://api.example/.well-known/oauth-protected-resource/orders"`, header.Get("WWW-Authenticate"))
}

func TestMetadataMisuse(t *testing.T) {
	good := func() httpauth.ResourceMetadata {
		return httpauth.ResourceMetadata{Resource: "https://api.example", AuthorizationServers: []string{"https://issuer.example"}}
	}
	_, err := httpauth.New(fails(nil), httpauth.WithResourceMetadata(good()))
	require.NoError(t, err)

	rows := map[string]func(*httpauth.ResourceMetadata){
		"no authorization servers": func(m *httpauth.ResourceMetadata) { m.AuthorizationServers = nil },
		"empty issuer":             func(m *httpauth.ResourceMetadata) { m.AuthorizationServers[0] = "" },
		"issuer with fragment":     func(m *httpauth.ResourceMetadata) { m.AuthorizationServers[0] += "#x" },
		"issuer of another scheme": func(m *httpauth.ResourceMetadata) { m.AuthorizationServers[0] = "ftp://issuer.example" },
		"empty scope":              func(m *httpauth.ResourceMetadata) { m.Scopes = []string{""} },
		"two scopes in one":        func(m *httpauth.ResourceMetadata) { m.Scopes = []string{"a b"} },
		"relative documentation":   func(m *httpauth.ResourceMetadata) { m.Documentation = "/docs" },
		"broken documentation":     func(m *httpauth.ResourceMetadata) { m.Documentation = "https://[" },
		"script as documentation":  func(m *httpauth.ResourceMetadata) { m.Documentation = "javascript://x/%0aalert(1)" },
	}
	for name, resource := range map[string]string{
		"empty": "", "relative": "/mcp", "no host": "https://", "only a port": "https://:8080", "opaque": "https:api.example",
		"http": "http://api.example", "http, looks like loopback": "http://127.0.0.1.example", "other scheme": "ftp://api.example",
		"query": "https://api.example/?a=b", "empty query": "https://api.example?", "fragment": "https://api.example#x",
		"user": "https://user@api.example", "space": "https://api.example/a b", "quote": `https://api.example/"`,
		"backslash": `https://api.example\x`, "brace": "https://api.example/{id}", "line break": "https://api.example/\r\nX: y",
		"not ASCII": "https://api.example/ü", "broken escape": "https://api.example/%zz", "dot segment": "https://api.example/a/../b",
		"last dot segment": "https://api.example/a/..", "single dot": "https://api.example/./a", "escaped dots": "https://api.example/%2e%2e/a",
		"two slashes": "https://api.example//", "two slashes inside": "https://api.example/a//b", "two slashes at the end": "https://api.example/a//",
	} {
		rows["resource: "+name] = func(m *httpauth.ResourceMetadata) { m.Resource = resource }
	}
	for name, spoil := range rows {
		t.Run(name, func(t *testing.T) {
			m := good()
			spoil(&m)
			guard, err := httpauth.New(fails(nil), httpauth.WithResourceMetadata(m))
			assert.Nil(t, guard)
			assert.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
		})
	}
}
