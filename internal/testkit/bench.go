package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// Origin and Issuer are the bench's issuer. It has a path, so that its metadata
// has three places.
const (
	Origin = "https://issuer.example"
	Issuer = Origin + "/tenant"
)

// The paths of the documents: the three places of the metadata, in the order in
// which they are asked, and the keys.
const (
	FirstPlace  = "/tenant/.well-known/oauth-authorization-server"
	SecondPlace = "/tenant/.well-known/openid-configuration"
	ThirdPlace  = "/.well-known/oauth-authorization-server/tenant"
	KeysPath    = "/tenant/keys"
)

// KeysURL is where the metadata says that the keys are.
const KeysURL = Origin + KeysPath

// A Transport is the in-memory way to an issuer. It notes which documents were
// asked for, and can answer in the issuer's place.
type Transport struct {
	mu      sync.Mutex // guards what follows
	next    http.RoundTripper
	answers map[string]Answer
	asked   []string // paths, or whole URLs if they are not of the issuer's origin
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	name := r.URL.EscapedPath()
	if r.URL.Scheme+"://"+r.URL.Host != Origin {
		name = r.URL.String()
	}
	t.mu.Lock()
	t.asked = append(t.asked, name)
	answer := t.next
	if a := t.answers[name]; a != nil {
		answer = a
	}
	t.mu.Unlock()
	return answer.RoundTrip(r)
}

// Answer makes the transport itself answer requests for this path, or for this
// URL if it is not of the issuer's origin.
func (t *Transport) Answer(path string, a Answer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answers[path] = a
}

// Reset lets the issuer answer everything again.
func (t *Transport) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.answers)
}

// Take returns the paths that were asked for since the last Take, in their order;
// of another origin the whole URLs.
func (t *Transport) Take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := t.asked
	t.asked = nil
	return asked
}

// Count counts, of what Take returned, the requests for metadata and for keys.
func Count(asked []string) (metadata, keys int) {
	for _, path := range asked {
		if path == KeysPath {
			keys++
		} else {
			metadata++
		}
	}
	return metadata, keys
}

// A Bench is a Verifier of access tokens and its issuer, in memory. In a bubble
// its waiting takes no time, and exactly as long as it should.
type Bench struct {
	*testing.T
	Issuer    *jwtverifiertest.Issuer
	Transport *Transport
	Verifier  *jwtverifier.Verifier

	forger string // kid of a key that is not published, once there is one
}

// NewBench returns a Bench whose Verifier has no keys yet. Call it inside a bubble.
func NewBench(t *testing.T, opts ...jwtverifier.Option) *Bench {
	t.Helper()
	issuer := jwtverifiertest.New(Issuer)
	b := &Bench{
		T:         t,
		Issuer:    issuer,
		Transport: &Transport{next: issuer.Client().Transport, answers: map[string]Answer{}},
	}
	opts = append([]jwtverifier.Option{
		jwtverifier.WithAudience(jwtverifiertest.Audience),
		jwtverifier.WithHTTPClient(&http.Client{Transport: b.Transport}),
	}, opts...)
	var err error
	if b.Verifier, err = jwtverifier.New(Issuer, opts...); err != nil {
		t.Fatal(err)
	}
	return b
}

// Bubble runs f in a bubble of package synctest, with a new Bench.
func Bubble(t *testing.T, f func(t *testing.T, b *Bench), opts ...jwtverifier.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute) // the bubble's time ends with its function: let every refresh end before
		f(t, NewBench(t, opts...))
	})
}

// Warm fetches the keys.
func (b *Bench) Warm() {
	b.Helper()
	if err := b.Verifier.Prefetch(b.Context()); err != nil {
		b.Fatalf("prefetch: %v", err)
	}
	b.Transport.Take()
}

// Token returns a good token for the next 30 days, by the key of this kid.
func (b *Bench) Token(kid string) string {
	return b.sign(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), kid)
}

// Junk returns a token with a kid that nobody ever had.
func (b *Bench) Junk(kid string) string {
	return b.sign(fmt.Sprintf(`{"alg":"RS256","kid":%q}`, kid), "key-1")
}

// Forged returns a token with the kid of the first key, by a key that is not published.
func (b *Bench) Forged() string {
	if b.forger == "" {
		b.forger = b.Issuer.PublishKey()
		b.Issuer.RetireKey(b.forger)
	}
	return b.sign(`{"alg":"RS256","kid":"key-1"}`, b.forger)
}

// WithoutKid returns a good token without kid, by the key of this kid.
func (b *Bench) WithoutKid(kid string) string { return b.sign(`{"alg":"RS256"}`, kid) }

func (b *Bench) sign(header, kid string) string {
	payload, err := json.Marshal(jwtverifiertest.Claims{
		"iss": Issuer,
		"aud": jwtverifiertest.Audience,
		"sub": "user",
		"iat": time.Now().Unix(),
		"exp": time.Now().Add(30 * 24 * time.Hour).Unix(),
	})
	if err != nil {
		b.Fatal(err)
	}
	return b.Issuer.SignWith(kid, []byte(header), payload)
}

// Verify returns the outcome and for how long the caller waited. It may be called
// by any goroutine.
func (b *Bench) Verify(ctx context.Context, token string) (time.Duration, error) {
	b.Helper()
	began := time.Now()
	accepted, err := b.Verifier.VerifyAccessToken(ctx, token)
	if (accepted != nil) != (err == nil) {
		b.Errorf("a token if and only if there is no error: %v, %v", accepted, err)
	}
	return time.Since(began), err
}

// Accepts checks that the token is accepted, at once.
func (b *Bench) Accepts(token string) {
	b.Helper()
	b.outcome(nil, token)
}

// Refuses checks that the token is refused for this reason, at once, and returns
// the error.
func (b *Bench) Refuses(want error, token string) error {
	b.Helper()
	return b.outcome(want, token)
}

func (b *Bench) outcome(want error, token string) error {
	b.Helper()
	waited, err := b.Verify(b.Context(), token)
	Outcome(b, want, err)
	if waited != 0 {
		b.Fatalf("the caller waited for %v", waited)
	}
	return err
}

// Asked checks how many requests there were since the last Asked or Take.
func (b *Bench) Asked(metadata, keys int) {
	b.Helper()
	synctest.Wait()
	asked := b.Transport.Take()
	if m, k := Count(asked); m != metadata || k != keys {
		b.Fatalf("%d requests for metadata and %d for keys, want %d and %d: %q", m, k, metadata, keys, asked)
	}
}

// KeysAfter makes the keys come late.
func (b *Bench) KeysAfter(d time.Duration) {
	b.Issuer.Respond(KeysPath, jwtverifiertest.Response{Delay: d, Body: b.Issuer.JWKS()})
}

// KeysFail makes requests for the keys fail with this status.
func (b *Bench) KeysFail(status int) {
	b.Issuer.Respond(KeysPath, jwtverifiertest.Response{Status: status})
}

// Outcome checks that err is want, or nil if want is, and of one family only:
// want is [jwtverifier.ErrUnavailable] or the reason of a refusal.
func Outcome(t testing.TB, want, err error) {
	t.Helper()
	if want == nil {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return
	}
	unavailable := want == jwtverifier.ErrUnavailable
	for _, other := range []struct {
		err     error
		matches bool
	}{
		{want, true},
		{jwtverifier.ErrUnavailable, unavailable},
		{jwtverifier.ErrInvalidToken, !unavailable},
		{jwtverifier.ErrMisconfigured, false},
	} {
		if errors.Is(err, other.err) != other.matches {
			t.Fatalf("matches %q: %t, want %t: %v", other.err, !other.matches, other.matches, err)
		}
	}
	if text := err.Error(); len(text) > 1024 || strings.Contains(text, "\n") {
		t.Fatalf("not one short line: %q", text)
	}
	if unavailable {
		return
	}
	for _, other := range []error{jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature, jwtverifier.ErrExpired} {
		if errors.Is(err, other) != (other == want) {
			t.Fatalf("matches %q too: %v", other, err)
		}
	}
}

// RetryAfter returns the RetryAfter of an [jwtverifier.UnavailableError].
func RetryAfter(t testing.TB, err error) time.Duration {
	t.Helper()
	var unavailable *jwtverifier.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Fatalf("no UnavailableError: %v", err)
	}
	return unavailable.RetryAfter
}
