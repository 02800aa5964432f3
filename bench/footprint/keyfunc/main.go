// A server with one route, guarded by an access token: golang-jwt, and keys from
// keyfunc.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	keys, err := keyfunc.NewDefault([]string{"https://issuer.example/jwks"})
	if err != nil {
		log.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("https://issuer.example"),
		jwt.WithAudience("api://default"), jwt.WithExpirationRequired())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var claims jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(raw, &claims, keys.KeyfuncCtx(r.Context())); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "invalid token", http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, "hello", claims.Subject)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}
