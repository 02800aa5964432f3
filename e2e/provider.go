// Package e2e runs a real OpenID Provider for tests: oidc-provider from npm, which is certified by the OpenID
// Foundation, on a loopback port.
//
//   - [Start] starts it with given keys; Stop and Restart make outages and key rotations, on the same port.
//   - [Browser] signs in and consents, over plain HTTP. A real browser walks through the same pages.
//
// Node is needed. The provider's packages are installed with npm ci when a test wants them for the first time.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What the provider knows from its start. Every client has the same secret.
const (
	API          = "https://api.example.com/"    // its access tokens are JWTs, with the scopes api:read and api:write
	OpaqueAPI    = "https://opaque.example.com/" // its access tokens are opaque
	ServiceID    = "service"                     // client credentials, client_secret_basic
	PostID       = "service-post"                // client credentials, client_secret_post
	WebID        = "web"                         // authorization code with PKCE and refresh tokens, client_secret_basic
	HybridID     = "hybrid"                      // code id_token token, to HybridURI
	HybridURI    = "https://hybrid.example.com/callback"
	ClientSecret = "a-secret-for-tests-only-7YkQ2mVw"
)

// DefaultRedirectURI is the redirect URI of the client WebID if the settings name none. Nobody listens there.
const DefaultRedirectURI = "http://127.0.0.1/callback"

// startTimeout is long: a cold start on a busy machine reads hundreds of files.
const (
	startTimeout   = 30 * time.Second
	installTimeout = 5 * time.Minute
)

// A Key signs the provider's tokens, by RS256.
type Key struct {
	ID      string // kid
	private *rsa.PrivateKey
}

// NewKey makes a key of 2048 bits.
func NewKey(id string) Key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return Key{ID: id, private: private}
}

// jwk is the private key as RFC 7518 §6.3.2 writes it.
func (k Key) jwk() map[string]string {
	k.private.Precompute()
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	return map[string]string{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.ID,
		"n": number(k.private.N), "e": number(big.NewInt(int64(k.private.E))), "d": number(k.private.D),
		"p": number(k.private.Primes[0]), "q": number(k.private.Primes[1]),
		"dp": number(k.private.Precomputed.Dp), "dq": number(k.private.Precomputed.Dq), "qi": number(k.private.Precomputed.Qinv),
	}
}

// Settings of a provider. The zero value is good for most tests.
type Settings struct {
	Keys                   []Key         // all are published, the first one signs; none: a new one
	RedirectURIs           []string      // of the client WebID; none: DefaultRedirectURI
	PostLogoutRedirectURIs []string      // likewise
	AccessTokenTTL         time.Duration // in whole seconds; 0: an hour

	// AccessTokenHash puts at_hash into the ID tokens of the token endpoint too. It is optional there, and by itself
	// oidc-provider leaves it out.
	AccessTokenHash bool

	// IntrospectJWT lets JWT access tokens be introspected and revoked. By itself oidc-provider answers both with
	// unsupported_token_type, for it stores opaque tokens only.
	IntrospectJWT bool
}

// A Provider runs until Stop or the end of its test. It keeps sessions and opaque tokens in memory: a restart forgets them.
type Provider struct {
	Issuer string // http://127.0.0.1:PORT, the same after a restart

	settings Settings
	console  console
	kill     func() // nil while the provider is down
}

// Start starts a provider on a free port and waits until it listens. When the test fails, the provider's output is logged.
func Start(t *testing.T, s Settings) *Provider {
	t.Helper()
	if err := install(); err != nil {
		t.Fatal(err)
	}
	if len(s.Keys) == 0 {
		s.Keys = []Key{NewKey("key-1")}
	}
	p := &Provider{settings: s}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("output of the provider:\n%s", p.console.String())
		}
	})
	if err := p.start("0"); err != nil {
		t.Fatal(err)
	}
	return p
}

// Stop ends the provider at once, as a crash would. It does nothing while the provider is down.
func (p *Provider) Stop() {
	if p.kill != nil {
		p.kill()
		p.kill = nil
	}
}

// Restart stops the provider and starts it again on its port, with other keys if there are any.
func (p *Provider) Restart(t *testing.T, keys ...Key) {
	t.Helper()
	p.Stop()
	if len(keys) > 0 {
		p.settings.Keys = keys
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(p.Issuer, "http://"), ":")
	if err := p.start(port); err != nil {
		t.Fatal(err)
	}
}

func (p *Provider) start(port string) error {
	env, err := p.settings.environment()
	if err != nil {
		return err
	}
	cmd := exec.Command("node", "server.mjs")
	cmd.Dir = directory
	cmd.Env = append(os.Environ(), append(env, "PORT="+port)...)
	cmd.Stdout, cmd.Stderr = &p.console, &p.console
	// Held open and never written to: the provider ends when it is closed, even if this process is killed.
	if _, err := cmd.StdinPipe(); err != nil {
		return err
	}

	listening := p.console.expect()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("e2e: starting the provider: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	p.kill = func() {
		cmd.Process.Kill()
		<-ended
	}

	select {
	case p.Issuer = <-listening:
		return nil
	case <-ended:
		return fmt.Errorf("e2e: the provider ended: %s", cmd.ProcessState)
	case <-time.After(startTimeout):
		return fmt.Errorf("e2e: the provider does not listen after %v", startTimeout)
	}
}

// environment is described at the top of provider/server.mjs.
func (s Settings) environment() ([]string, error) {
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	for _, k := range s.Keys {
		set.Keys = append(set.Keys, k.jwk())
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	env := []string{
		"EXIT_WITH_STDIN=1",
		"JWKS=" + string(jwks),
		"API=" + API,
		"OPAQUE_API=" + OpaqueAPI,
		"CLIENT_SECRET=" + ClientSecret,
		"REDIRECT_URIS=" + DefaultRedirectURI,
		"POST_LOGOUT_REDIRECT_URIS=" + strings.Join(s.PostLogoutRedirectURIs, " "),
	}
	if len(s.RedirectURIs) > 0 {
		env = append(env, "REDIRECT_URIS="+strings.Join(s.RedirectURIs, " "))
	}
	if s.AccessTokenTTL > 0 {
		env = append(env, "ACCESS_TOKEN_TTL="+strconv.Itoa(int(s.AccessTokenTTL/time.Second)))
	}
	if s.AccessTokenHash {
		env = append(env, "AT_HASH=1")
	}
	if s.IntrospectJWT {
		env = append(env, "INTROSPECT_JWT=1")
	}
	return env, nil
}

// A console keeps what the provider prints and waits for the line that says where it listens.
type console struct {
	mu        sync.Mutex
	text      bytes.Buffer
	line      bytes.Buffer // the output since expect, until the line has come
	listening chan string  // nil once the line has come
}

var listeningOn = regexp.MustCompile(`(?m)^listening on (\S+)$`)

func (c *console) expect() <-chan string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line.Reset()
	c.listening = make(chan string, 1)
	return c.listening
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listening != nil {
		c.line.Write(p)
		if m := listeningOn.FindSubmatch(c.line.Bytes()); m != nil {
			c.listening <- string(m[1])
			c.listening = nil
		}
	}
	return c.text.Write(p)
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// directory holds the provider. Tests run in the directory of their package, and this module has one package.
const directory = "provider"

// install runs npm ci if the packages are missing or older than the lock file.
var install = sync.OnceValue(func() error {
	lock, err := os.Stat(filepath.Join(directory, "package-lock.json"))
	if err != nil {
		return fmt.Errorf("e2e: %w", err)
	}
	installed, err := os.Stat(filepath.Join(directory, "node_modules", ".package-lock.json"))
	if err == nil && !installed.ModTime().Before(lock.ModTime()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = directory
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("e2e: npm ci: %w\n%s", err, out)
	}
	return nil
})
