package hostile_test

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
)

const (
	issuerURL   = "https://as.example/tenant"
	metadataURL = issuerURL + "/.well-known/oauth-authorization-server" // the first place that is asked
	openIDURL   = issuerURL + "/.well-known/openid-configuration"
	insertedURL = "https://as.example/.well-known/oauth-authorization-server/tenant"
	jwksURL     = issuerURL + "/keys"
)

// A testSite is an authorization server in memory, and the transport to it.
type testSite struct {
	mu      sync.Mutex // guards all fields
	answers map[string]testkit.Answer
	asked   []string      // URLs, in order
	headers []http.Header // of the requests, in order
	open    int           // bodies that were not closed
}

// newSite publishes these JWKS entries, or else K1 and K2. Its metadata is
// only where it is looked for first.
func newSite(entries ...string) *testSite {
	if len(entries) == 0 {
		entries = []string{goodJWK1(), goodJWK2()}
	}
	s := &testSite{answers: map[string]testkit.Answer{}}
	s.set(answerWith(200, metadataOf()), metadataURL)
	s.set(answerWith(200, jwksOf(entries...)), jwksURL)
	return s
}

// set makes the site answer requests for these URLs.
func (s *testSite) set(a testkit.Answer, urls ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range urls {
		s.answers[u] = a
	}
}

// publish changes the keys.
func (s *testSite) publish(entries ...string) {
	s.set(answerWith(200, jwksOf(entries...)), jwksURL)
}

// requests returns how many there were so far.
func (s *testSite) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// askedFor returns the URLs of the requests so far.
func (s *testSite) askedFor() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *testSite) unclosed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// RoundTrip implements http.RoundTripper.
func (s *testSite) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	s.headers = append(s.headers, r.Header.Clone())
	answer := s.answers[r.URL.String()]
	s.mu.Unlock()
	if answer == nil {
		answer = answerWith(404, "not found")
	}
	resp, err := answer(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	resp.Body = &siteBody{Reader: resp.Body, ctx: r.Context(), close: sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	})}
	return resp, nil
}

// verifier returns a verifier of the site's tokens, of both kinds, that
// remembers access tokens: what is asked twice is asked of that memory too.
func (s *testSite) verifier(t *testing.T, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New(issuerURL, append([]jwtverifier.Option{
		jwtverifier.WithAudience("api"), jwtverifier.WithAuthorizedClients("c1"), jwtverifier.WithClientID("client"),
		jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: s}),
	}, opts...)...)
	require.NoError(t, err)
	return v
}

// A siteBody obeys the request's context, as a socket's body does.
type siteBody struct {
	io.Reader
	ctx   context.Context
	close func()
}

func (b *siteBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *siteBody) Close() error {
	b.close()
	return nil
}

// metadataOf is the metadata of issuerURL, changed.
func metadataOf(changes ...string) string {
	return membersWith([][2]string{
		{"issuer", strconv.Quote(issuerURL)}, {"jwks_uri", strconv.Quote(jwksURL)},
		{"response_types_supported", `["code"]`},
	}, changes)
}

// jwksOf is a JWKS document of these entries.
func jwksOf(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }

// jwkOf is a JWKS entry of this public key, changed.
func jwkOf(kid string, key *rsa.PublicKey, changes ...string) string {
	return jwkOfNumbers(kid, key.N, big.NewInt(int64(key.E)), changes...)
}

func jwkOfNumbers(kid string, n, e *big.Int, changes ...string) string {
	quotedID, _ := json.Marshal(kid)
	return membersWith([][2]string{
		{"kty", `"RSA"`}, {"use", `"sig"`}, {"alg", `"RS256"`}, {"kid", string(quotedID)},
		{"n", `"` + seg64(n.Bytes()) + `"`}, {"e", `"` + seg64(e.Bytes()) + `"`},
	}, changes)
}

func goodJWK1() string { return jwkOf("k1", &key1().PublicKey) }

func goodJWK2() string { return jwkOf("k2", &key2().PublicKey) }

// answerWith answers with this status, body, and header of names and values.
func answerWith(status int, body string, header ...string) testkit.Answer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, status, strings.NewReader(body), header...), nil
	}
}

func answerFrom(r *http.Request, status int, body io.Reader, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		Status: fmt.Sprint(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

// hang is a server that accepts a request and never answers.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// delayed answers later.
func delayed(d time.Duration, answer testkit.Answer) testkit.Answer {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return answer(r)
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
}

// hangsAfter is a body that never ends, after a beginning.
func hangsAfter(beginning string) testkit.Answer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, 200, io.MultiReader(strings.NewReader(beginning), testkit.ReaderFunc(func([]byte) (int, error) {
			<-r.Context().Done()
			return 0, context.Cause(r.Context())
		}))), nil
	}
}

// drips is a body that comes byte by byte.
func drips(body string, every time.Duration) testkit.Answer {
	return func(r *http.Request) (*http.Response, error) {
		rest := body
		return answerFrom(r, 200, testkit.ReaderFunc(func(p []byte) (int, error) {
			select {
			case <-time.After(every):
			case <-r.Context().Done():
				return 0, context.Cause(r.Context())
			}
			if rest == "" {
				return 0, io.EOF
			}
			n := copy(p[:1], rest)
			rest = rest[n:]
			return n, nil
		})), nil
	}
}

// breaks is a body that breaks off with this error.
func breaks(beginning string, err error) testkit.Answer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, 200, io.MultiReader(strings.NewReader(beginning), testkit.ReaderFunc(func([]byte) (int, error) { return 0, err }))), nil
	}
}

func noConnection(err error) testkit.Answer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func redirectTo(status int, location string) testkit.Answer {
	return answerWith(status, "", "Location", location)
}

// onlyAskedItsOwn asserts that no other host was asked.
func onlyAskedItsOwn(t *testing.T, s *testSite) {
	t.Helper()
	for _, u := range s.askedFor() {
		require.True(t, strings.HasPrefix(u, "https://as.example/"), "asked for %s", u)
	}
}
