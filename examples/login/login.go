package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/oauth2"

	"example.com/jwtverifier"
)

const (
	loginTTL   = 10 * time.Minute // from the start of a login to its callback
	sessionTTL = 8 * time.Hour    // after that a person has to log in again
	maxAge     = time.Hour        // who proved to the server who they are longer ago has to do it again
)

// settings are what an app is made from. All are required.
type settings struct {
	issuer, clientID, clientSecret, redirectURL string

	client *http.Client
}

type app struct {
	settings
	verifier *jwtverifier.Verifier
	https    bool   // browsers reach the app by https
	home     string // URL of its first page
	logins   *store[login]
	sessions *store[session]
}

// A login is under way: the browser is at the server. The server returns the
// state in the callback and the nonce in the ID token, and hands out that token
// only to who has the PKCE verifier.
type login struct{ state, nonce, pkce string }

// A session is somebody who is logged in: Issuer and Subject together. Names and
// e-mail addresses change hands, and are only to be shown.
type session struct {
	Issuer, Subject string
	Name, Email     string
	AuthTime        time.Time

	idToken string // for the logout
}

func newHandler(s settings) (http.Handler, error) {
	redirect, err := url.Parse(s.redirectURL)
	if err != nil || redirect.Scheme == "" || redirect.Host == "" || redirect.Path == "" {
		return nil, errors.New("the redirect URL must be absolute, with a path")
	}
	if s.clientSecret == "" {
		return nil, errors.New("CLIENT_SECRET is not set")
	}
	verifier, err := jwtverifier.New(s.issuer,
		jwtverifier.WithClientID(s.clientID),
		jwtverifier.WithHTTPClient(s.client))
	if err != nil {
		return nil, err
	}
	a := &app{
		settings: s,
		verifier: verifier,
		https:    redirect.Scheme == "https",
		home:     redirect.Scheme + "://" + redirect.Host + "/",
		logins:   newStore[login](loginTTL),
		sessions: newStore[session](sessionTTL),
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.showHome)
	mux.HandleFunc("GET /style.css", showStyle)
	mux.Handle("GET /login", orFail(a.startLogin))
	mux.Handle("GET "+redirect.Path, orFail(a.finishLogin))
	mux.HandleFunc("POST /logout", a.logout)

	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(orFail(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	return withHeaders(protection.Handler(mux)), nil
}

func (a *app) showHome(w http.ResponseWriter, r *http.Request) {
	if s, ok := a.sessions.get(a.cookie(r, "session")); ok {
		render(w, http.StatusOK, page{Title: "Hello, " + s.Name, Session: &s})
		return
	}
	render(w, http.StatusOK, page{Title: "Welcome", Text: "You are not logged in."})
}

// startLogin sends the browser to the server.
func (a *app) startLogin(w http.ResponseWriter, r *http.Request) error {
	conf, err := a.oauth2Config(r.Context())
	if err != nil {
		return err
	}
	l := login{state: rand.Text(), nonce: rand.Text(), pkce: oauth2.GenerateVerifier()}
	id := a.logins.add(l)
	if id == "" {
		return errUnavailable
	}
	a.setCookie(w, "login", id, loginTTL)
	http.Redirect(w, r, conf.AuthCodeURL(l.state,
		oauth2.S256ChallengeOption(l.pkce),
		oauth2.SetAuthURLParam("nonce", l.nonce),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(maxAge.Seconds()))),
	), http.StatusSeeOther)
	return nil
}

// finishLogin is the callback: the browser returns with a code, or an error.
func (a *app) finishLogin(w http.ResponseWriter, r *http.Request) error {
	// The cookie ties the login to the browser that started it. Whatever comes
	// of it, there is no second try.
	l, ok := a.logins.take(a.cookie(r, "login"))
	a.setCookie(w, "login", "", -time.Second)
	q := r.URL.Query()
	switch {
	case !ok:
		return errNoLogin
	case q.Get("state") != l.state:
		return errState
	case q.Has("iss") && q.Get("iss") != a.issuer: // RFC 9207
		return errState
	case q.Get("error") == "access_denied":
		return errDenied
	case !q.Has("code"): // another error of RFC 6749 §4.1.2.1
		return fmt.Errorf("callback without a code: error %.64q", q.Get("error"))
	}

	s, err := a.redeem(r.Context(), q.Get("code"), l)
	if err != nil {
		return err
	}
	id := a.sessions.add(s)
	if id == "" {
		return errUnavailable
	}
	a.sessions.take(a.cookie(r, "session")) // of who was logged in here before
	a.setCookie(w, "session", id, sessionTTL)
	http.Redirect(w, r, "/", http.StatusSeeOther) // away from the code in the address
	return nil
}

// redeem exchanges the code for tokens, and verifies the ID token.
func (a *app) redeem(ctx context.Context, code string, l login) (session, error) {
	conf, err := a.oauth2Config(ctx)
	if err != nil {
		return session{}, err
	}
	tokens, err := conf.Exchange(context.WithValue(ctx, oauth2.HTTPClient, a.client), code, oauth2.VerifierOption(l.pkce))
	if err != nil {
		return session{}, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := a.verifier.VerifyIDToken(ctx, raw, l.nonce,
		// The server looked at the age when this login began.
		jwtverifier.MaxAge(maxAge+loginTTL),
		// A server may leave the hash out in this flow, and Entra ID does.
		jwtverifier.AccessTokenHash(tokens.AccessToken))
	if err != nil {
		return session{}, err
	}
	var profile struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	if err := idToken.Claims(&profile); err != nil {
		return session{}, err
	}
	return session{
		Issuer:   idToken.Issuer,
		Subject:  idToken.Subject,
		Name:     cmp.Or(profile.Name, idToken.Subject),
		Email:    profile.Email,
		AuthTime: idToken.AuthTime,
		idToken:  raw,
	}, nil
}

// logout ends the session here and then, if the server has an endpoint for that,
// there (OpenID Connect RP-Initiated Logout §2).
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s, ok := a.sessions.take(a.cookie(r, "session"))
	a.setCookie(w, "session", "", -time.Second)
	target := "/"
	if e, err := a.endpoints(r.Context()); ok && err == nil && e.EndSession != "" {
		target = e.EndSession + "?" + url.Values{
			"id_token_hint":            {s.idToken},
			"client_id":                {a.clientID},
			"post_logout_redirect_uri": {a.home},
		}.Encode()
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

type endpoints struct {
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	EndSession    string `json:"end_session_endpoint"`
}

// endpoints asks the Verifier, which holds the server's metadata.
func (a *app) endpoints(ctx context.Context) (e endpoints, err error) {
	err = a.verifier.Metadata(ctx, &e)
	return e, err
}

func (a *app) oauth2Config(ctx context.Context) (*oauth2.Config, error) {
	e, err := a.endpoints(ctx)
	return &oauth2.Config{
		ClientID:     a.clientID,
		ClientSecret: a.clientSecret,
		RedirectURL:  a.redirectURL,
		Scopes:       []string{"openid", "profile", "email"},
		Endpoint: oauth2.Endpoint{
			AuthURL:   e.Authorization,
			TokenURL:  e.Token,
			AuthStyle: oauth2.AuthStyleInHeader, // the default (client_secret_basic); to try out both would send a code twice
		},
	}, err
}

// cookie returns the value of a cookie that setCookie has set, or "".
func (a *app) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(a.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie or, with a negative ttl, removes it.
func (a *app) setCookie(w http.ResponseWriter, name, value string, ttl time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name:     a.cookieName(name),
		Value:    value,
		Path:     "/",
		MaxAge:   int(ttl.Seconds()),
		Secure:   a.https,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would keep it from the callback
	})
}

// cookieName adds the prefix that keeps other hosts from setting the cookie.
func (a *app) cookieName(name string) string {
	if !a.https {
		return name // browsers refuse the prefix
	}
	return "__Host-" + name
}
