// Metrics is an API whose token verification can be watched: /metrics for
// Prometheus, /readyz for what sends it traffic.
//
//	go run . -issuer https://example.okta.com/oauth2/default -audience api://default
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
)

func main() {
	issuer := flag.String("issuer", "", "issuer `URL`")
	audience := flag.String("audience", "", "accepted `audience`")
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen at")
	flag.Parse()

	handler, err := newHandler(*issuer, jwtverifier.WithAudience(*audience))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(*addr, handler))
}

func newHandler(issuer string, opts ...jwtverifier.Option) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	verifier, err := jwtverifier.New(issuer, append(opts, jwtverifier.WithObserver(observe(registry)))...)
	if err != nil {
		return nil, err
	}
	guard, err := httpauth.New(verifier)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		// A cold verifier fetches its keys here, so that no request has to wait.
		_ = verifier.Prefetch(r.Context())
		status := verifier.Status()
		if !status.Ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprintln(w, status.State)
	})
	mux.Handle("GET /", guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello")
	})))
	return mux, nil
}
