// A server with one route, guarded by an access token: okta-jwt-verifier.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	okta "github.com/okta/okta-jwt-verifier-golang/v2"
)

func main() {
	verifier, err := (&okta.JwtVerifier{
		Issuer:           "https://issuer.example",
		ClaimsToValidate: map[string]string{"aud": "api://default"},
	}).New()
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		token, err := verifier.VerifyAccessToken(raw)
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "invalid token", http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, "hello", token.Claims["sub"])
	})
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}
