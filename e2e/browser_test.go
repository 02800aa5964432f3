package e2e_test

import (
	"bytes"
	"context"
	"flag"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier/e2e"
)

var screenshots = flag.String("screenshots", "", "write pictures of the login example's pages to this `directory`")

const chromium = "/usr/bin/chromium"

// TestBrowser is about examples/login: its program, the provider, and people with a real browser between them.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(chromium); err != nil {
		t.Fatalf("this test needs Chromium: run .ci/chromium, which installs Debian's (%v)", err)
	}
	site := "http://" + freeAddress(t)
	callback := site + "/callback"
	p := e2e.Start(t, e2e.Settings{
		RedirectURIs:           []string{callback},
		PostLogoutRedirectURIs: []string{site + "/"},
		AccessTokenHash:        true,
	})
	startLoginExample(t, p.Issuer, site)
	browser := startChromium(t)

	t.Run("logging in and out", func(t *testing.T) {
		u := newUser(t, browser, site)
		u.open("/").shows(200, "Welcome")
		u.picture("welcome")
		u.click("log-in").shows(200, "Sign in")
		u.signIn("alice").shows(200, "Allow Example Application?")
		u.click("allow").shows(200, "Hello, alice")
		u.picture("profile")
		assert.Equal(t, site+"/", u.location())
		assert.Equal(t, "alice", u.text("name"))
		assert.Equal(t, "alice", u.text("subject"))
		require.Equal(t, []string{"session"}, u.cookies())

		u.open("/").shows(200, "Hello, alice")

		u.click("log-out").shows(200, "Sign out?")
		u.click("sign-out").shows(200, "Welcome")
		assert.Empty(t, u.cookies())
		u.click("log-in").shows(200, "Sign in") // the provider asks again
		assert.Empty(t, u.complaints())
	})

	t.Run("two people", func(t *testing.T) {
		alice, bob := newUser(t, browser, site), newUser(t, browser, site)
		alice.logIn("alice")
		bob.logIn("bob")
		alice.open("/").shows(200, "Hello, alice")
		bob.open("/").shows(200, "Hello, bob")
	})

	t.Run("saying no", func(t *testing.T) {
		u := newUser(t, browser, site)
		u.open("/login").shows(200, "Sign in")
		u.signIn("alice").shows(200, "Allow Example Application?")
		u.click("deny").shows(403, "Login cancelled")
		u.open("/").shows(200, "Welcome")
	})

	t.Run("a replayed callback", func(t *testing.T) {
		u := newUser(t, browser, site)
		u.logIn("alice")
		used := u.visited(callback)
		require.Len(t, used, 1)
		u.open(strings.TrimPrefix(used[0], site)).shows(400, "This login is over")
		u.picture("replayed")
		u.open("/").shows(200, "Hello, alice") // it ends no session

		// Nor does it help somebody else, who has seen it.
		other := newUser(t, browser, site)
		other.open(strings.TrimPrefix(used[0], site)).shows(400, "This login is over")
		other.open("/").shows(200, "Welcome")
	})

	// Mallory logs in, and gives the last step to somebody else: to have them work in an account that is hers.
	t.Run("a state of another login", func(t *testing.T) {
		u := newUser(t, browser, site)
		u.open(lastStepOfLogin(t, site, "mallory")).shows(400, "This login is over")
		u.open("/login").shows(200, "Sign in")
		u.open(lastStepOfLogin(t, site, "mallory")).shows(400, "Not the login that you started")
		u.open("/").shows(200, "Welcome")
	})

	// Everything else about this login is right: the state, the PKCE verifier, the ID token's signature.
	t.Run("a swapped nonce", func(t *testing.T) {
		u := newUser(t, browser, site)
		swapped := u.swapNonces(p.Issuer + "/auth")
		u.open("/login").shows(200, "Sign in")
		require.Len(t, swapped, 1)
		u.signIn("alice").shows(200, "Allow Example Application?")
		u.click("allow").shows(403, "Login refused")
		u.picture("refused")
		assert.Equal(t, "nonce", u.text("reason"))
		assert.Empty(t, u.cookies())
		u.open("/").shows(200, "Welcome")
	})
}

// freeAddress returns one at which nothing listens. The provider and the application each want to know the other's
// before they start.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// startLoginExample builds examples/login and runs it until the end of the test.
func startLoginExample(t *testing.T, issuer, site string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "login")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "examples", "login")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var output bytes.Buffer
	cmd := exec.Command(program,
		"-issuer", issuer,
		"-client-id", e2e.WebID,
		"-redirect-url", site+"/callback",
		"-addr", strings.TrimPrefix(site, "http://"))
	cmd.Env = append(os.Environ(), "CLIENT_SECRET="+e2e.ClientSecret)
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("output of the login example:\n%s", output.String())
		}
	})
	require.Eventually(t, func() bool {
		resp, err := http.Get(site)
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
}

// startChromium starts one with an empty profile, until the end of the test.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // which containers do not have; all pages are ours
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)...)
	t.Cleanup(cancel)
	ctx, _ = chromedp.NewContext(ctx)
	require.NoError(t, chromedp.Do(ctx))
	t.Cleanup(func() { chromedp.Cancel(ctx) })
	return ctx
}

// lastStepOfLogin logs a user in as far as to the callback, and returns that unused: a path with a query.
func lastStepOfLogin(t *testing.T, site, user string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(site + "/login")
	require.NoError(t, err)
	resp.Body.Close()
	back, err := e2e.NewBrowser(user).Open(t.Context(), resp.Header.Get("Location"))
	require.NoError(t, err)
	require.NotEmpty(t, back.Query().Get("code"))
	return back.RequestURI()
}

// A user is a person with cookies of their own, and one tab.
type user struct {
	t    *testing.T
	ctx  context.Context // of the tab
	site string

	mu       sync.Mutex
	requests []string // URLs
	console  []string // what the browser complains about
}

func newUser(t *testing.T, browser context.Context, site string) *user {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	u := &user{t: t, ctx: ctx, site: site}
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		u.mu.Lock()
		defer u.mu.Unlock()
		switch event := event.(type) {
		case *network.EventRequestWillBeSent:
			u.requests = append(u.requests, event.Request.URL)
		case *log.EventEntryAdded:
			u.console = append(u.console, event.Entry.Text)
		}
	}))
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(900, 640)))
	return u
}

// A shown page came with a status.
type shown struct {
	*user
	status int64
}

// shows checks the page by its heading.
func (s shown) shows(status int64, heading string) {
	s.t.Helper()
	require.Equal(s.t, heading, run(s.user, chromedp.Text(chromedp.CSS("h1"))))
	require.Equal(s.t, status, s.status)
}

// open goes to a page of the application.
func (u *user) open(path string) shown {
	u.t.Helper()
	return u.load(chromedp.Navigate(u.site + path))
}

// click presses a button or link, and waits for the page behind it.
func (u *user) click(id string) shown {
	u.t.Helper()
	return u.load(chromedp.Click(chromedp.ID(id), chromedp.NodeVisible))
}

// signIn fills in the provider's form.
func (u *user) signIn(name string) shown {
	u.t.Helper()
	return u.load(
		chromedp.SendKeys(chromedp.ID("username"), name, chromedp.NodeVisible),
		chromedp.SendKeys(chromedp.ID("password"), "anything"),
		chromedp.Click(chromedp.ID("sign-in")),
	)
}

// logIn does all that it takes.
func (u *user) logIn(name string) {
	u.t.Helper()
	u.open("/login").shows(200, "Sign in")
	u.signIn(name).shows(200, "Allow Example Application?")
	u.click("allow").shows(200, "Hello, "+name)
}

func (u *user) text(id string) string {
	u.t.Helper()
	return run(u, chromedp.Text(chromedp.ID(id)))
}

func (u *user) location() string {
	u.t.Helper()
	return run(u, chromedp.Location())
}

// visited returns the URLs that begin so and were requested.
func (u *user) visited(prefix string) (urls []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, r := range u.requests {
		if strings.HasPrefix(r, prefix) {
			urls = append(urls, r)
		}
	}
	return urls
}

func (u *user) complaints() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.console
}

// cookies returns the names of the application's cookies, and checks that scripts and other sites cannot use them.
func (u *user) cookies() (names []string) {
	u.t.Helper()
	got, err := chromedp.Call(u.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{u.site}})
	require.NoError(u.t, err)
	for _, c := range got.Cookies {
		if strings.HasPrefix(c.Name, "op_") {
			continue // the provider's: cookies know no ports
		}
		assert.True(u.t, c.HTTPOnly, c.Name)
		assert.Equal(u.t, network.CookieSameSiteLax, c.SameSite, c.Name)
		names = append(names, c.Name)
	}
	return names
}

// swapNonces changes the nonce of the requests for this URL on their way, and sends each on the channel.
func (u *user) swapNonces(endpoint string) <-chan string {
	u.t.Helper()
	swapped := make(chan string, 10)
	paused := chromedp.Events(u.ctx, fetch.RequestPaused)
	_, err := chromedp.Call(u.ctx, fetch.Enable, fetch.EnableParams{
		Patterns: []*fetch.RequestPattern{{URLPattern: endpoint + "?*"}},
	})
	require.NoError(u.t, err)
	go func() {
		for event, err := range paused {
			if err != nil {
				return // the tab is closed
			}
			params := fetch.ContinueRequestParams{RequestID: event.RequestID}
			if request, err := url.Parse(event.Request.URL); err == nil && request.Query().Has("nonce") {
				q := request.Query()
				q.Set("nonce", "of-another-login")
				request.RawQuery = q.Encode()
				params.URL = request.String()
				swapped <- params.URL
			}
			chromedp.Call(u.ctx, fetch.ContinueRequest, params)
		}
	}()
	return swapped
}

// picture writes what the tab shows, if that is wanted.
func (u *user) picture(name string) {
	u.t.Helper()
	if *screenshots == "" {
		return
	}
	png := run(u, chromedp.CaptureScreenshot())
	require.NoError(u.t, os.MkdirAll(*screenshots, 0o755))
	require.NoError(u.t, os.WriteFile(filepath.Join(*screenshots, name+".png"), png, 0o644))
}

// patience is for one step of a user.
const patience = 20 * time.Second

func (u *user) load(steps ...chromedp.Action[chromedp.Void]) shown {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.ctx, patience)
	defer cancel()
	resp, err := chromedp.RunResponse(ctx, steps...)
	require.NoError(u.t, err)
	require.NotNil(u.t, resp)
	return shown{u, resp.Status}
}

func run[T any](u *user, action chromedp.Action[T]) T {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	require.NoError(u.t, err)
	return value
}
