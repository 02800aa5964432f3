// A server with one route, guarded by an access token: jwtverifier.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
)

func main() {
	verifier, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("api://default"))
	if err != nil {
		log.Fatal(err)
	}
	guard, err := httpauth.New(verifier)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /hello", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello", httpauth.TokenFrom(r.Context()).Subject)
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}
