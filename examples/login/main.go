// Login is a web application that people log in to with OpenID Connect: the
// authorization code flow with PKCE, state and nonce (OpenID Connect Core §3.1,
// RFC 7636, RFC 9700 §2.1).
//
//	export CLIENT_SECRET=…
//	go run . -issuer https://example.okta.com -client-id 0oa1example
//
// Register http://127.0.0.1:8080/callback with the server as the redirect URI,
// and http://127.0.0.1:8080/ as the post-logout redirect URI. To try it without
// an account anywhere, start the server of the end-to-end tests:
//
//	cd ../../e2e/provider && npm ci && PORT=4000 AT_HASH=1 CLIENT_SECRET=… \
//		REDIRECT_URIS=http://127.0.0.1:8080/callback \
//		POST_LOGOUT_REDIRECT_URIS=http://127.0.0.1:8080/ npm start
//
// and log in to it with -issuer http://127.0.0.1:4000 -client-id web.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	s := settings{
		clientSecret: os.Getenv("CLIENT_SECRET"), // not a flag: others can see those
		client: &http.Client{
			Timeout: 10 * time.Second,
			// A redirect could carry the code and the secret elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	flag.StringVar(&s.issuer, "issuer", "", "issuer `URL` of the login server")
	flag.StringVar(&s.clientID, "client-id", "", "`ID` of this application there")
	flag.StringVar(&s.redirectURL, "redirect-url", "http://127.0.0.1:8080/callback", "`URL` to which it sends browsers back")
	addr := flag.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	flag.Parse()

	handler, err := newHandler(s)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		Addr:         *addr,
		Handler:      handler,
		ReadTimeout:  10 * time.Second,
		WriteTimeout: 40 * time.Second, // more than the requests to the login server may take
	}
	log.Printf("listening on %s", *addr)
	log.Fatal(server.ListenAndServe())
}
