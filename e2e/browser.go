package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// A Browser is a person at the provider's pages: it fills in and sends every form that it is shown. It keeps its cookies, so
// that a second visit finds the session of the first. It is not for concurrent use.
type Browser struct {
	User string // signs in under this name
	Deny bool   // says no where it is asked to allow something

	Forms []string // the forms that it has sent, in order: login, consent, logout

	jar http.CookieJar
}

// NewBrowser returns a browser without cookies.
func NewBrowser(user string) *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // documented never to happen without options
	}
	return &Browser{User: user, jar: jar}
}

// Open opens an authorization or logout URL and returns the redirect back to the application, unfollowed. The redirect tells
// success and failure alike; an error means that it never came.
func (b *Browser) Open(ctx context.Context, address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	query := u.Query()
	back := query.Get("redirect_uri") + query.Get("post_logout_redirect_uri")
	if back == "" {
		return nil, errors.New("e2e: the URL names no redirect URI")
	}
	client := &http.Client{
		Jar:     b.jar,
		Timeout: 10 * time.Second,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if strings.HasPrefix(req.URL.String(), back) {
				return http.ErrUseLastResponse
			}
			if len(via) > 10 {
				return errors.New("e2e: too many redirects")
			}
			return nil
		},
	}

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	for range 5 {
		if err != nil {
			return nil, err
		}
		var resp *http.Response
		if resp, err = client.Do(req); err != nil {
			return nil, err
		}
		page, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if location, err := resp.Location(); err == nil {
			return location, nil
		}
		if req, err = b.fill(ctx, resp.Request.URL, string(page)); err != nil {
			return nil, fmt.Errorf("e2e: status %d from %s: %w", resp.StatusCode, resp.Request.URL.Path, err)
		}
	}
	return nil, errors.New("e2e: too many forms")
}

var (
	formTag   = regexp.MustCompile(`<form id="(?:op\.)?(login|consent|logout)-?[fF]orm" method="post" action="([^"]+)">`)
	xsrfInput = regexp.MustCompile(`<input type="hidden" name="xsrf" value="([^"]+)"`)
)

// fill makes the request that sends the form of the page at the URL.
func (b *Browser) fill(ctx context.Context, from *url.URL, page string) (*http.Request, error) {
	form := formTag.FindStringSubmatch(page)
	if form == nil {
		return nil, fmt.Errorf("no known form in %q", page)
	}
	b.Forms = append(b.Forms, form[1])
	values := url.Values{}
	switch form[1] {
	case "login":
		values.Set("username", b.User)
		values.Set("password", "anything")
		values.Set("decision", "allow")
	case "consent":
		values.Set("decision", "allow")
		if b.Deny {
			values.Set("decision", "deny")
		}
	case "logout":
		if xsrf := xsrfInput.FindStringSubmatch(page); xsrf != nil {
			values.Set("xsrf", xsrf[1])
		}
		values.Set("logout", "yes")
	}
	action, err := from.Parse(form[2])
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, action.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}
