// Quickstart shows what jwtverifier does.
//
//	go run ./examples/quickstart
//
// starts an authorization server on loopback, and verifies its tokens: good
// ones, bad ones, through a key rotation and through an outage.
//
//	go run ./examples/quickstart -issuer URL -audience A
//	go run ./examples/quickstart -issuer URL -client-id C -nonce N
//
// verifies one access token or ID token, read from standard input, against a
// real server.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func main() {
	issuer := flag.String("issuer", "", "issuer `URL` of a real server; without it one is started here")
	audience := flag.String("audience", "", "verify an access token for this `audience`")
	clientID := flag.String("client-id", "", "verify an ID token for this `client`")
	nonce := flag.String("nonce", "", "the `nonce` that the login was started with")
	flag.Parse()

	run := func(ctx context.Context) error { return demonstrate(ctx, os.Stdout) }
	if *issuer != "" {
		run = func(ctx context.Context) error {
			return verifyOne(ctx, os.Stdin, os.Stdout, *issuer, *audience, *clientID, *nonce)
		}
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// verifyOne judges the token in the input against a real server.
func verifyOne(ctx context.Context, in io.Reader, out io.Writer, issuer, audience, clientID, nonce string) error {
	if (audience == "") == (clientID == "") {
		return errors.New("give -audience for an access token, or -client-id and -nonce for an ID token")
	}
	input, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return err
	}
	raw := strings.TrimSpace(string(input))
	if clientID != "" {
		verifier, err := jwtverifier.New(issuer, jwtverifier.WithClientID(clientID))
		if err != nil {
			return err
		}
		token, err := verifier.VerifyIDToken(ctx, raw, nonce)
		if err != nil {
			return err
		}
		return showClaims(out, "This is a good ID token.", &token.Token)
	}
	verifier, err := jwtverifier.New(issuer, jwtverifier.WithAudience(audience))
	if err != nil {
		return err
	}
	token, err := verifier.VerifyAccessToken(ctx, raw)
	if err != nil {
		return err
	}
	return showClaims(out, "This is a good access token.", &token.Token)
}

func showClaims(out io.Writer, verdict string, token *jwtverifier.Token) error {
	var claims map[string]json.RawMessage // as the server wrote them
	if err := token.Claims(&claims); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s It expires in %s. Its claims:\n", verdict, time.Until(token.Expiry).Round(time.Second))
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		fmt.Fprintf(out, "    %-20s %s\n", name, claims[name])
	}
	return nil
}

// demonstrate tells the story, against a server of its own.
func demonstrate(ctx context.Context, out io.Writer) error {
	server, err := jwtverifiertest.Start("/oauth2/default")
	if err != nil {
		return err
	}
	defer server.Close()
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }

	say("An authorization server is listening at %s", server.URL())
	verifier, err := jwtverifier.New(server.URL(),
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithClientID(jwtverifiertest.ClientID))
	if err != nil {
		return err
	}
	if err := verifier.Prefetch(ctx); err != nil {
		return err
	}
	status := verifier.Status()
	say("Discovered at %s", status.MetadataURL)
	say("Keys from %s: %s", status.JWKSURL, strings.Join(status.KeyIDs, ", "))

	say("\nAn access token grants access:")
	access := server.AccessToken(jwtverifiertest.Claims{"scp": []string{"read", "write"}})
	token, err := verifier.VerifyAccessToken(ctx, access)
	if err != nil {
		return err
	}
	say("    accepted   subject %s, client %s, audience %s", token.Subject, token.ClientID, token.Audience[0])
	say("               may %s, for another %s", strings.Join(token.Scopes, " and "), time.Until(token.Expiry).Round(time.Second))

	say("\nAn ID token says who logged in, and grants nothing:")
	login, err := verifier.VerifyIDToken(ctx, server.IDToken("n-0S6_WzA2Mj"), "n-0S6_WzA2Mj")
	if err != nil {
		return err
	}
	var profile struct {
		Name string `json:"name"`
	}
	if err := login.Claims(&profile); err != nil {
		return err
	}
	say("    accepted   %s (%s) by %s, the nonce is ours", profile.Name, login.Subject, strings.Join(login.AuthMethods, " and "))

	say("\nWhat is wrong is refused, and the error says why:")
	refused := []struct{ what, raw string }{
		{"tampered", tampered(access)},
		{"expired", server.AccessToken(jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()})},
		{"other audience", server.AccessToken(jwtverifiertest.Claims{"aud": "api://payroll"})},
		{"other issuer", server.AccessToken(jwtverifiertest.Claims{"iss": "https://evil.example"})},
		{"an ID token", server.IDToken("n-0S6_WzA2Mj", jwtverifiertest.Claims{"aud": jwtverifiertest.Audience, "at_hash": "x"})},
		{"alg none", server.Token(jwtverifiertest.Claims{"alg": "none"}, server.AccessTokenClaims())},
	}
	for _, bad := range refused {
		_, err := verifier.VerifyAccessToken(ctx, bad.raw)
		if !errors.Is(err, jwtverifier.ErrInvalidToken) {
			return fmt.Errorf("%s was not refused: %w", bad.what, err)
		}
		say("    %-14s %v", bad.what, err)
	}
	say("    The server was asked %d times in all: once for its metadata, once for its keys.", server.Requests(""))

	say("\nThe server goes down. Its keys are held, so tokens are judged as before:")
	server.Down()
	if _, err := verifier.VerifyAccessToken(ctx, server.AccessToken()); err != nil {
		return err
	}
	say("    accepted   keys are %s, and would serve for a day", verifier.Status().State)
	cold, err := jwtverifier.New(server.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience))
	if err != nil {
		return err
	}
	_, err = cold.VerifyAccessToken(ctx, access)
	if !errors.Is(err, jwtverifier.ErrUnavailable) {
		return fmt.Errorf("a cold verifier did not say that it cannot judge: %w", err)
	}
	say("    A verifier without keys does not call the token bad. It answers 503:")
	say("               %v", err)
	server.Reset()

	say("\nThe server comes back with a new key, and signs with it at once:")
	server.RotateKey()
	token, err = verifier.VerifyAccessToken(ctx, server.AccessToken())
	if err != nil {
		return err
	}
	say("    accepted   signed by %s, the first token that came with it", token.KeyID)
	say("    Keys now: %s", strings.Join(verifier.Status().KeyIDs, ", "))
	return nil
}

// tampered promotes the token's subject and keeps its signature.
func tampered(raw string) string {
	parts := strings.Split(raw, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	payload = bytes.Replace(payload, []byte(`"sub":"user"`), []byte(`"sub":"root"`), 1)
	parts[1] = base64.RawURLEncoding.EncodeToString(payload)
	return strings.Join(parts, ".")
}
