package introspection_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

// Payments ask the server about every token, so that one that was revoked is
// refused at once. Other routes verify tokens locally.
func Example() {
	revoked := map[string]bool{}
	issuer, endpoint := authorizationServer(func(token string) string {
		return fmt.Sprintf(`{"active":%t}`, !revoked[token])
	})
	defer issuer.Close()
	defer endpoint.Close()

	verifier, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := introspection.New(verifier, "payments-api", "its secret",
		introspection.WithEndpoint(endpoint.URL)) // not needed with a server whose metadata names it
	if err != nil {
		fmt.Println(err)
		return
	}
	asking, err := introspection.NewVerifier(verifier, client)
	if err != nil {
		fmt.Println(err)
		return
	}
	local, err := httpauth.New(verifier)
	if err != nil {
		fmt.Println(err)
		return
	}
	strict, err := httpauth.New(asking)
	if err != nil {
		fmt.Println(err)
		return
	}
	served := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	mux := http.NewServeMux()
	mux.Handle("GET /prices", local.Handler(served))
	mux.Handle("POST /payments", strict.Handler(served))

	token := issuer.AccessToken()
	call := func(method, path string) {
		r := httptest.NewRequest(method, path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(method, path, w.Code)
	}
	call("POST", "/payments")
	revoked[token] = true
	call("POST", "/payments")
	call("GET", "/prices")

	// Output:
	// POST /payments 200
	// POST /payments 401
	// GET /prices 200
}

// A token that is not a JWT says nothing by itself. What it is good for has to be
// compared with the server's answer.
func ExampleClient_Introspect() {
	issuer, endpoint := authorizationServer(func(token string) string {
		if token != "2YotnFZFEjr1zCsicMWpAA" {
			return `{"active":false}`
		}
		return `{"active":true,"sub":"alice","aud":"api://default","scope":"read write","token_type":"Bearer","tenant":"acme"}`
	})
	defer issuer.Close()
	defer endpoint.Close()

	verifier, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := introspection.New(verifier, "orders-api", "its secret", introspection.WithEndpoint(endpoint.URL))
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, token := range []string{"2YotnFZFEjr1zCsicMWpAA", "unknown"} {
		r, err := client.Introspect(context.Background(), token)
		switch {
		case errors.Is(err, introspection.ErrInactive):
			fmt.Println("401:", err)
		case errors.Is(err, jwtverifier.ErrInvalidToken):
			fmt.Println("401, another reason:", err)
		case err != nil:
			fmt.Println("503:", err)
		case !slices.Contains(r.Audience, "api://default"):
			fmt.Println("401: for another API")
		case !r.HasScopes("write"):
			fmt.Println("403")
		default:
			var more struct {
				Tenant string `json:"tenant"`
			}
			if err := r.Claims(&more); err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(r.Subject, "of", more.Tenant, "may", r.Scopes)
		}
	}

	// Output:
	// alice of acme may [read write]
	// 401: introspection: token is not active
}

// authorizationServer stands for a real one. The endpoint answers what the
// function says of a token.
func authorizationServer(introspect func(token string) string) (*jwtverifiertest.Issuer, *httptest.Server) {
	issuer, err := jwtverifiertest.Start("")
	if err != nil {
		panic(err)
	}
	return issuer, httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, introspect(r.PostFormValue("token")))
	}))
}
