// A server with one route, guarded by an access token: golang-jwt, and keys that
// are fetched by hand.
package main

import (
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

func main() {
	keys := &keySet{url: "https://issuer.example/jwks"}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer("https://issuer.example"),
		jwt.WithAudience("api://default"), jwt.WithExpirationRequired())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var claims jwt.RegisteredClaims
		if _, err := parser.ParseWithClaims(raw, &claims, func(t *jwt.Token) (any, error) {
			kid, _ := t.Header["kid"].(string)
			return keys.key(r.Context(), kid)
		}); err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "invalid token", http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, "hello", claims.Subject)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}
