// Command api is a small JSON API that is guarded by access tokens.
//
//	go run ./examples/api
//
// starts it on 127.0.0.1:8080 with an authorization server of its own, and
// prints what to try. With a real one:
//
//	go run ./examples/api -issuer https://example.okta.com/oauth2/default -audience api://default -addr :8080
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/jwtverifiertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then finishes the requests that it has begun.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	issuerURL := flags.String("issuer", "", "issuer `URL` of the authorization server (default: one for demonstration, in this process)")
	audience := flags.String("audience", "", "`audience` that access tokens must have")
	resource := flags.String("resource", "", "`URL` of this API, as clients know it, for its metadata (RFC 9728)")
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to listen on")
	if err := flags.Parse(args); err != nil {
		return err
	}

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	base := "http://" + listener.Addr().String()

	mux := http.NewServeMux()
	demonstration := *issuerURL == ""
	if demonstration {
		if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
			return errors.New("without -issuer everybody gets a token: -addr must be a loopback address, such as 127.0.0.1:8080")
		}
		issuer, err := jwtverifiertest.Start("")
		if err != nil {
			return err
		}
		defer issuer.Close()
		*issuerURL, *audience, *resource = issuer.URL(), jwtverifiertest.Audience, cmp.Or(*resource, base)
		mux.HandleFunc("GET /demo/token", demoToken(issuer))
	}

	verifier, err := jwtverifier.New(*issuerURL, jwtverifier.WithAudience(*audience), jwtverifier.WithLogger(slog.Default()))
	if err != nil {
		return err
	}
	if err := addRoutes(mux, verifier, *resource, slog.Default()); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    128 << 10, // twice the longest token that is looked at
	}
	fmt.Fprintf(out, "API on %s, tokens of %s\n", base, verifier.Issuer())
	if demonstration {
		fmt.Fprintf(out, usage, base)
	}

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	// Requests that have begun get ten seconds, which ctx has no more.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

const usage = `
Try, in another terminal:

  TOKEN=$(curl -s %[1]s/demo/token)
  curl -i %[1]s/me
  curl -i -H "Authorization: Bearer $TOKEN" %[1]s/me
  curl -i -H "Authorization: Bearer $TOKEN" %[1]s/notes
  curl -i -H "Authorization: Bearer $TOKEN" -d '{"text":"hello"}' %[1]s/notes
  WRITER=$(curl -s '%[1]s/demo/token?scope=read+write')
  curl -i -H "Authorization: Bearer $WRITER" -d '{"text":"hello"}' %[1]s/notes
  EXPIRED=$(curl -s '%[1]s/demo/token?ttl=-1h')
  curl -i -H "Authorization: Bearer $EXPIRED" %[1]s/me
  curl -i %[1]s/.well-known/oauth-protected-resource
  curl -i %[1]s/readyz

`

// demoToken mints a token with the scopes and the lifetime that the query asks
// for: what an authorization server does after a login.
func demoToken(issuer *jwtverifiertest.Issuer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ttl, err := time.ParseDuration(cmp.Or(r.FormValue("ttl"), "5m"))
		if err != nil {
			http.Error(w, "ttl: a duration such as 5m", http.StatusBadRequest)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, issuer.AccessToken(jwtverifiertest.Claims{
			"scp": strings.Fields(cmp.Or(r.FormValue("scope"), "read")),
			"iat": time.Now().Add(min(ttl, 0)).Unix(),
			"exp": time.Now().Add(ttl).Unix(),
		}))
	}
}

// addRoutes adds the API to mux. With a resource, its metadata is served too.
func addRoutes(mux *http.ServeMux, verifier *jwtverifier.Verifier, resource string, log *slog.Logger) error {
	opts := []httpauth.Option{
		httpauth.WithRealm("notes"),
		httpauth.WithDenyHandler(func(w http.ResponseWriter, r *http.Request, denied *httpauth.DeniedError) {
			log.InfoContext(r.Context(), "request denied", "method", r.Method, "path", r.URL.Path, "error", denied)
			respond(w, denied.Status, map[string]string{"error": denied.Description})
		}),
	}
	if resource != "" {
		opts = append(opts, httpauth.WithResourceMetadata(httpauth.ResourceMetadata{
			Resource:             resource,
			AuthorizationServers: []string{verifier.Issuer()},
			Scopes:               []string{"read", "write"},
		}))
	}
	guard, err := httpauth.New(verifier, opts...)
	if err != nil {
		return err
	}
	if resource != "" {
		mux.Handle(guard.ResourceMetadataHandler())
	}
	var notes notes
	mux.HandleFunc("GET /{$}", welcome)
	mux.HandleFunc("GET /readyz", ready(verifier))
	mux.Handle("GET /me", guard.Handler(http.HandlerFunc(me)))
	mux.Handle("GET /notes", guard.RequireScopes("read")(http.HandlerFunc(notes.list)))
	mux.Handle("POST /notes", guard.RequireScopes("write")(http.HandlerFunc(notes.add)))
	return nil
}

func welcome(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, map[string]string{"service": "notes"})
}

// ready tells a load balancer whether tokens can be judged without waiting.
func ready(verifier *jwtverifier.Verifier) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !verifier.Status().Ready() {
			// Before the first request nothing else fetches the keys. However often
			// this is called, the server is asked only as often as the back-off allows.
			ctx, cancel := context.WithTimeout(r.Context(), time.Second)
			defer cancel()
			_ = verifier.Prefetch(ctx) // Status tells
		}
		status := verifier.Status()
		code := http.StatusOK
		if !status.Ready() {
			code = http.StatusServiceUnavailable
		}
		respond(w, code, map[string]any{"ready": status.Ready(), "keys": status.State.String()})
	}
}

func me(w http.ResponseWriter, r *http.Request) {
	token := httpauth.TokenFrom(r.Context())
	respond(w, http.StatusOK, map[string]any{"subject": token.Subject, "client": token.ClientID, "scopes": token.Scopes})
}

type note struct {
	Author string `json:"author"`
	Text   string `json:"text"`
}

// notes are the last 100 that were added.
type notes struct {
	mu  sync.Mutex
	all []note
}

func (n *notes) list(w http.ResponseWriter, _ *http.Request) {
	n.mu.Lock()
	all := append([]note{}, n.all...)
	n.mu.Unlock()
	respond(w, http.StatusOK, all)
}

func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	// The author is who the token says, whatever the body says.
	added := note{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&added); err != nil || added.Text == "" {
		respond(w, http.StatusBadRequest, map[string]string{"error": `the body must be like {"text":"hello"}`})
		return
	}
	added.Author = httpauth.TokenFrom(r.Context()).Subject
	n.mu.Lock()
	n.all = append(n.all, added)
	n.all = n.all[max(0, len(n.all)-100):]
	n.mu.Unlock()
	respond(w, http.StatusCreated, added)
}

func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error means that the client is gone
}
