package httpauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

// The issuer of the examples. A service names its own authorization server in
// jwtverifier.New, and needs no WithHTTPClient.
var issuer = jwtverifiertest.New("")

func exampleVerifier(opts ...jwtverifier.Option) *jwtverifier.Verifier {
	v, err := jwtverifier.New(issuer.URL(), append(opts,
		jwtverifier.WithAudience("api://default"),
		jwtverifier.WithHTTPClient(issuer.Client()))...)
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// show sends a request and prints the answer's status, challenge and body.
func show(h http.Handler, path, token string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
}

// An API with one route for everybody with a token, and one for those whose
// token has a scope.
func Example() {
	guard, err := httpauth.New(exampleVerifier(), httpauth.WithRealm("orders"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /me", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "you are", httpauth.TokenFrom(r.Context()).Subject)
	})))
	mux.Handle("GET /orders", guard.RequireScopes("orders.read")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "no orders")
	})))

	show(mux, "/me", issuer.AccessToken())
	show(mux, "/orders", issuer.AccessToken(jwtverifiertest.Claims{"scp": []string{"orders.read"}}))
	show(mux, "/orders", issuer.AccessToken())
	show(mux, "/me", "")
	show(mux, "/me", "stolen.or.mistyped")
	// Output:
	// 200  you are user
	//
	// 200  no orders
	//
	// 403 Bearer realm="orders", error="insufficient_scope", error_description="the access token lacks a required scope", scope="orders.read" the access token lacks a required scope
	//
	// 401 Bearer realm="orders" an access token is required
	//
	// 401 Bearer realm="orders", error="invalid_token", error_description="the access token is malformed" the access token is malformed
}

func ExampleNew() {
	var verifier *jwtverifier.Verifier // forgotten
	_, err := httpauth.New(verifier)
	fmt.Println(errors.Is(err, jwtverifier.ErrMisconfigured), err)
	// Output: true jwtverifier: misconfigured: httpauth: New: nil AccessTokenVerifier
}

// A page that is open to all, and greets those who are known.
func ExampleGuard_Check() {
	guard, err := httpauth.New(exampleVerifier())
	if err != nil {
		log.Fatal(err)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := guard.Check(r)
		var denied *httpauth.DeniedError
		switch {
		case err == nil:
			fmt.Fprint(w, "hello, ", token.Subject)
		case errors.Is(err, httpauth.ErrNoCredentials):
			fmt.Fprint(w, "hello, whoever you are")
		case errors.As(err, &denied):
			denied.Answer(w) // a bad token is no anonymous visitor
		}
	})
	show(page, "/", issuer.AccessToken())
	show(page, "/", "")
	show(page, "/", "bad")
	// Output:
	// 200  hello, user
	// 200  hello, whoever you are
	// 401 Bearer error="invalid_token", error_description="the access token is malformed" the access token is malformed
}

// A Guard around a whole mux, whose routes may ask for scopes: the token is
// verified once.
func ExampleGuard_Handler() {
	guard, err := httpauth.New(exampleVerifier())
	if err != nil {
		log.Fatal(err)
	}
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux := http.NewServeMux()
	mux.Handle("/", ok)
	mux.Handle("/admin", guard.RequireScopes("admin")(ok))
	api := guard.Handler(mux)

	show(api, "/", issuer.AccessToken())
	show(api, "/admin", issuer.AccessToken())
	// Output:
	// 200  ok
	// 403 Bearer error="insufficient_scope", error_description="the access token lacks a required scope", scope="admin" the access token lacks a required scope
}

func ExampleGuard_RequireScopes() {
	guard, err := httpauth.New(exampleVerifier())
	if err != nil {
		log.Fatal(err)
	}
	list := guard.RequireScopes("openid", "read")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "the list")
	}))
	show(list, "/", issuer.AccessToken())
	// Output: 200  the list
}

// Clients that get a 401 are told where to find out about the authorization
// server, and find it there.
func ExampleGuard_ResourceMetadataHandler() {
	verifier := exampleVerifier()
	guard, err := httpauth.New(verifier, httpauth.WithResourceMetadata(httpauth.ResourceMetadata{
		Resource:             "https://api.example/mcp",
		AuthorizationServers: []string{verifier.Issuer()},
		Scopes:               []string{"mcp.read"},
	}))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(guard.ResourceMetadataHandler())
	mux.Handle("/mcp", guard.Handler(http.NotFoundHandler()))

	show(mux, "/mcp", "")
	show(mux, "/.well-known/oauth-protected-resource/mcp", "")
	// Output:
	// 401 Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource/mcp" an access token is required
	//
	// 200  {"resource":"https://api.example/mcp","authorization_servers":["https://issuer.example"],"scopes_supported":["mcp.read"],"bearer_methods_supported":["header"]}
}

// Answers as problem details (RFC 9457), and a log line for what was refused.
// The status and the other headers are there already.
func ExampleWithDenyHandler() {
	guard, err := httpauth.New(exampleVerifier(), httpauth.WithDenyHandler(
		func(w http.ResponseWriter, r *http.Request, denied *httpauth.DeniedError) {
			fmt.Println("log:", r.URL.Path, denied)
			w.Header().Set("Content-Type", "application/problem+json")
			_ = json.NewEncoder(w).Encode(map[string]any{"status": denied.Status, "detail": denied.Description})
		}))
	if err != nil {
		log.Fatal(err)
	}
	show(guard.Handler(http.NotFoundHandler()), "/orders", issuer.AccessToken(jwtverifiertest.Claims{"aud": "api://other"}))
	// Output:
	// log: /orders httpauth: status 401: jwtverifier: wrong audience: want "api://default"
	// 401 Bearer error="invalid_token", error_description="the access token is not meant for this service" {"detail":"the access token is not meant for this service","status":401}
}

// Tokens that are bound to the client certificate of the connection (RFC 8705
// §3). The server asks for one with tls.RequestClientCert.
func ExampleWithProof() {
	guard, err := httpauth.New(
		exampleVerifier(jwtverifier.WithSenderConstrainedTokens()),
		httpauth.WithProof(func(r *http.Request, token *jwtverifier.AccessToken) error {
			if token.Confirmation.JWKThumbprint != "" || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
				return errors.New("no client certificate, or not bound to one")
			}
			thumbprint := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
			if token.Confirmation.CertificateThumbprint != base64.RawURLEncoding.EncodeToString(thumbprint[:]) {
				return errors.New("bound to another certificate")
			}
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	bound := issuer.AccessToken(jwtverifiertest.Claims{"cnf": map[string]string{"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}})
	show(guard.Handler(http.NotFoundHandler()), "/", bound)
	// Output: 401 Bearer error="invalid_token", error_description="the access token is sender-constrained and was not proven" the access token is sender-constrained and was not proven
}

// A test of a handler needs no Guard.
func ExampleContextWithToken() {
	handler := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "admin: ", httpauth.TokenFrom(r.Context()).HasScopes("admin"))
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(httpauth.ContextWithToken(r.Context(), &jwtverifier.AccessToken{Scopes: []string{"admin"}}))
	w := httptest.NewRecorder()
	handler(w, r)
	fmt.Println(w.Body)
	// Output: admin: true
}

// Whose request it is, for every log line of a handler.
func ExampleTokenFrom() {
	guard, err := httpauth.New(exampleVerifier())
	if err != nil {
		log.Fatal(err)
	}
	handler := guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := httpauth.TokenFrom(r.Context())
		fmt.Fprintf(w, "%s for %s, scopes %q", token.ClientID, token.Subject, token.Scopes)
	}))
	show(handler, "/", issuer.AccessToken())
	// Output: 200  client for user, scopes ["openid" "read"]
}
