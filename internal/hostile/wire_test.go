package hostile_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// A wireServer answers on a real socket with bytes of its own choice.
type wireServer struct {
	issuer string
	mu     sync.Mutex
	keys   func(net.Conn) // nil: the good answer
	hits   int
}

func newWireServer(t *testing.T) *wireServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wireServer{issuer: "http://" + listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.serve(conn) })
		}
	})
	return w
}

func (w *wireServer) serve(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	w.mu.Lock()
	w.hits++
	keys := w.keys
	w.mu.Unlock()
	switch {
	case r.URL.Path != "/keys":
		_, _ = io.WriteString(conn, wireAnswer(metadataOf("issuer", strconv.Quote(w.issuer), "jwks_uri", strconv.Quote(w.issuer+"/keys"))))
	case keys == nil:
		_, _ = io.WriteString(conn, wireAnswer(jwksOf(goodJWK1(), goodJWK2())))
	default:
		keys(conn)
	}
}

func (w *wireServer) answerKeys(with func(net.Conn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = with
}

func wireAnswer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// wireToken is a good token of a server on a socket.
func wireToken(issuer string) string {
	now := time.Now().Unix()
	return at0Token("iss", strconv.Quote(issuer), "iat", strconv.FormatInt(now, 10), "exp", strconv.FormatInt(now+300, 10))
}

// newCertificate makes a certificate for 127.0.0.1, or an authority.
func newCertificate(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, change func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hostile"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		parent, parentKey = template, key
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		template.SerialNumber = big.NewInt(2)
		template.Subject.CommonName = "127.0.0.1"
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return key, certificate
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWire(t *testing.T) {
	t.Parallel()
	good := jwksOf(goodJWK1(), goodJWK2())
	writes := func(text string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, text) }
	}
	resets := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, text)
			_ = c.(*net.TCPConn).SetLinger(0)
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	length := strconv.Itoa(len(good))
	chunked := fmt.Sprintf("%x\r\n%s\r\n", len(good), good)
	for _, row := range []struct {
		name string
		keys func(net.Conn)
		ok   bool
	}{
		{"t/255 body of the announced length", writes(wireAnswer(good)), true},
		{"t/255 body shorter than announced", writes(head + "Content-Length: " + strconv.Itoa(len(good)+10) + "\r\n\r\n" + good), false},
		{"t/255 body longer than announced", writes(head + "Content-Length: " + strconv.Itoa(len(good)-10) + "\r\n\r\n" + good), false},
		{"t/255 length of 0", writes(head + "Content-Length: 0\r\n\r\n" + good), false},
		{"t/255 negative length", writes(head + "Content-Length: -1\r\n\r\n" + good), false},
		{"t/255 two lengths that differ", writes(head + "Content-Length: " + length + "\r\nContent-Length: 5\r\n\r\n" + good), false},
		{"t/255 two lengths in a list", writes(head + "Content-Length: " + length + ", 5\r\n\r\n" + good), false},
		{"t/255 a length that is no number", writes(head + "Content-Length: 0x10\r\n\r\n" + good), false},
		{"t/255 a length beyond int64", writes(head + "Content-Length: 99999999999999999999\r\n\r\n" + good), false},
		{"t/255 a length of 8 EiB", writes(head + "Content-Length: 9223372036854775807\r\n\r\n" + good), false},
		{"t/255 no length, closed behind the document", writes(head + "\r\n" + good), true},
		{"t/255 no length, closed in the document", writes(head + "\r\n" + good[:len(good)-20]), false},
		{"t/265 chunked", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked + "0\r\n\r\n"), true},
		{"t/265 chunked, no last chunk", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + chunked), false},
		{"t/265 chunked, malformed size", writes(head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + good + "\r\n0\r\n\r\n"), false},
		{"t/265 chunked, size too large", writes(head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + good), false},
		{"t/265 chunked, negative size", writes(head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + good), false},
		{"t/265 chunked, garbage behind a chunk", writes(head + "Transfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunked, "\r\n") + "garbage\r\n0\r\n\r\n"), false},
		{"t/265 unknown transfer encoding", writes(head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked + "0\r\n\r\n"), false},
		{"t/265 reset in the body", resets(head + "Content-Length: " + length + "\r\n\r\n" + good[:100]), false},
		{"t/265 reset before an answer", resets(""), false},
		{"t/265 end behind the headers", writes(head + "Content-Length: " + length + "\r\n\r\n"), false},
		{"t/265 end inside the headers", writes("HTTP/1.1 200 OK\r\nContent-Ty"), false},
		{"t/265 no answer", writes(""), false},
		{"t/265 HTTP/0.9", writes(good), false},
		{"t/265 HTML without headers", writes("<html>" + good), false},
		{"t/265 another protocol", writes("SSH-2.0-OpenSSH_9.9\r\n"), false},
		{"t/265 malformed status", writes("HTTP/1.1 2OO OK\r\n\r\n" + good), false},
		{"t/265 malformed header", writes("HTTP/1.1 200 OK\r\nno colon\r\n\r\n" + good), false},
		{"t/265 headers of 1 MiB", writes(head + "X-Padding: " + strings.Repeat("x", 1<<20) + "\r\n\r\n" + good), false},
		{"t/265 100,000 headers", writes(head + strings.Repeat("X: y\r\n", 100_000) + "\r\n" + good), false},
		{"t/265 interim answers without end", writes(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 50_000)), false},
		{"t/265 switching protocols", writes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + good), false},
		{"t/254 content encoding that nobody asked for", writes(head + "Content-Encoding: br\r\nContent-Length: 5\r\n\r\n\x0b\x02\x80{}"), false},
		{"t/254 gzip that is none", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + length + "\r\n\r\n" + good), false},
		{"t/254 gzip cut short", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(testkit.Gzipped(good))-8) + "\r\n\r\n" + testkit.Gzipped(good)[:len(testkit.Gzipped(good))-8]), false},
		{"t/254 gzip", writes(head + "Content-Encoding: gzip\r\nContent-Length: " + strconv.Itoa(len(testkit.Gzipped(good))) + "\r\n\r\n" + testkit.Gzipped(good)), true},
		{"t/254 gzip with a wrong checksum", writes(head + "Content-Encoding: gzip\r\n\r\n" + strings.TrimSuffix(testkit.Gzipped(good), testkit.Gzipped(good)[len(testkit.Gzipped(good))-4:]) + "\x00\x00\x00\x01"), false},
	} {
		runRow(t, row.name, func(t *testing.T) {
			w := newWireServer(t)
			raw := wireToken(w.issuer)
			verifier := func() *jwtverifier.Verifier {
				v, err := jwtverifier.New(w.issuer, jwtverifier.WithAudience("api"))
				require.NoError(t, err)
				return v
			}
			warm := verifier()
			_, err := warm.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)

			w.answerKeys(row.keys)
			cold := verifier()
			token, err := cold.VerifyAccessToken(t.Context(), raw)
			require.Equal(t, err == nil, token != nil)
			refreshed := warm.Refresh(t.Context())
			if row.ok {
				require.NoError(t, err)
				require.NoError(t, refreshed)
			} else {
				unavailable(t, err)
				unavailable(t, refreshed)
				require.Empty(t, repeats(strings.ReplaceAll(err.Error(), w.issuer, ""), good), "%q", err)
			}
			_, err = warm.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err, "held keys")
		})
	}
}

// Not parallel: it counts what is allocated.
func TestGzipBomb(t *testing.T) {
	megabyte := testkit.Gzipped(strings.Repeat(" ", 1<<20))
	for name, bomb := range map[string]string{
		"t/254 256 MiB of white space":                   strings.Repeat(megabyte, 256),
		"t/254 256 MiB behind a document":                testkit.Gzipped(jwksOf(goodJWK1())) + strings.Repeat(megabyte, 256),
		"t/254 a document behind 256 MiB":                strings.Repeat(megabyte, 256) + testkit.Gzipped(jwksOf(goodJWK1())),
		"t/254 a document of 1 MiB and a byte":           testkit.Gzipped(jwksOf(goodJWK1()) + strings.Repeat(" ", 1<<20+1-len(jwksOf(goodJWK1())))),
		"t/245 the same for the metadata: 256 MiB":       strings.Repeat(megabyte, 256),
		"t/254 many empty members":                       strings.Repeat(testkit.Gzipped(""), 20_000),
		"t/254 a bomb in a bomb":                         testkit.Gzipped(strings.Repeat(megabyte, 256)),
		"t/254 a header that announces a file name only": "\x1f\x8b\x08\x08" + strings.Repeat("n", 1<<20),
	} {
		runRow(t, name, func(t *testing.T) {
			var issuer string
			bombMetadata := strings.Contains(name, "metadata")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if (r.URL.Path == "/keys") != bombMetadata {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = io.WriteString(w, bomb)
					return
				}
				_, _ = io.WriteString(w, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(issuer+"/keys")))
			}))
			defer server.Close()
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			issuer = server.URL
			v, err := jwtverifier.New(issuer, jwtverifier.WithAudience("api"))
			require.NoError(t, err)
			raw := wireToken(issuer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = v.VerifyAccessToken(t.Context(), raw)
			runtime.ReadMemStats(&after)
			unavailable(t, err)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "bytes allocated")
		})
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	caKey, ca := newCertificate(t, nil, nil, nil)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	named := func(change func(*x509.Certificate)) tls.Certificate {
		key, certificate := newCertificate(t, ca, caKey, change)
		return tls.Certificate{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}
	}
	good := named(nil)
	own := (*http.Client)(nil)
	trusting := func(config *tls.Config) *http.Client {
		config.RootCAs = roots
		return &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	}
	for _, row := range []struct {
		name   string
		server *tls.Config
		client *http.Client
		says   string // "": it works
	}{
		{name: "t/264 trusted", server: &tls.Config{Certificates: []tls.Certificate{good}}, client: trusting(&tls.Config{})},
		{
			name:   "t/264 unknown authority",
			server: &tls.Config{Certificates: []tls.Certificate{good}},
			client: own,
			says:   "unknown authority",
		},
		{
			name:   "t/264 expired",
			server: &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })}},
			client: trusting(&tls.Config{}),
			says:   "expired",
		},
		{
			name:   "t/264 not yet valid",
			server: &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })}},
			client: trusting(&tls.Config{}),
			says:   "not yet valid",
		},
		{
			name:   "t/264 of another host",
			server: &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"as.example"} })}},
			client: trusting(&tls.Config{}),
			says:   "127.0.0.1",
		},
		{
			name:   "t/264 for clients only",
			server: &tls.Config{Certificates: []tls.Certificate{named(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}},
			client: trusting(&tls.Config{}),
			says:   "usage",
		},
		{
			name:   "t/264 TLS 1.0",
			server: &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
			client: own,
			says:   "protocol version",
		},
		{
			name:   "t/264 TLS 1.1",
			server: &tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
			client: own,
			says:   "protocol version",
		},
		{name: "t/264 TLS 1.2", server: &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, client: trusting(&tls.Config{})},
	} {
		runRow(t, row.name, func(t *testing.T) {
			var hits atomic.Int32
			var issuer string
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hits.Add(1)
				if r.URL.Path == "/keys" {
					_, _ = io.WriteString(w, jwksOf(goodJWK1()))
					return
				}
				_, _ = io.WriteString(w, metadataOf("issuer", strconv.Quote(issuer), "jwks_uri", strconv.Quote(issuer+"/keys")))
			}))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = row.server
			server.StartTLS()
			defer server.Close()
			issuer = server.URL
			opts := []jwtverifier.Option{jwtverifier.WithAudience("api")}
			if row.client != nil {
				opts = append(opts, jwtverifier.WithHTTPClient(row.client))
				defer row.client.CloseIdleConnections()
			}
			v, err := jwtverifier.New(issuer, opts...)
			require.NoError(t, err)
			token, err := v.VerifyAccessToken(t.Context(), wireToken(issuer))
			require.Equal(t, err == nil, token != nil)
			if row.says == "" {
				require.NoError(t, err)
				return
			}
			unavailable(t, err)
			assert.ErrorContains(t, err, row.says)
			assert.Zero(t, hits.Load())
		})
	}
}

// Not parallel: they change what the whole program uses, or count what it has.
func TestGlobalState(t *testing.T) {
	issuer, err := jwtverifiertest.Start("")
	require.NoError(t, err)
	defer issuer.Close()
	raw := issuer.AccessToken()

	runRow(t, "t/270 http.DefaultTransport and http.DefaultClient changed", func(t *testing.T) {
		transport, client := http.DefaultTransport, *http.DefaultClient
		t.Cleanup(func() { http.DefaultTransport, *http.DefaultClient = transport, client })
		used := func(*http.Request) (*http.Response, error) {
			t.Error("the default transport was used")
			return nil, errors.New("not to be used")
		}
		http.DefaultTransport = transportFunc(used)
		http.DefaultClient.Transport = transportFunc(used)
		http.DefaultClient.Timeout = time.Nanosecond
		for _, opts := range [][]jwtverifier.Option{nil, {jwtverifier.WithHTTPClient(&http.Client{})}} {
			v, err := jwtverifier.New(issuer.URL(), append(opts, jwtverifier.WithAudience(jwtverifiertest.Audience))...)
			require.NoError(t, err)
			_, err = v.VerifyAccessToken(t.Context(), raw)
			require.NoError(t, err)
		}
	})
	runRow(t, "t/270 the embedder's client changed afterwards", func(t *testing.T) {
		client := issuer.Client()
		v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithHTTPClient(client))
		require.NoError(t, err)
		client.Transport = transportFunc(func(*http.Request) (*http.Response, error) { return nil, errors.New("not to be used") })
		client.Timeout = time.Nanosecond
		_, err = v.VerifyAccessToken(t.Context(), raw)
		require.NoError(t, err)
	})
	runRow(t, "t/269 t/306 fifty failures leave no connection and no goroutine", func(t *testing.T) {
		var mu sync.Mutex
		open := map[net.Conn]bool{}
		broken := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Query().Get("how") {
			case "status":
				w.WriteHeader(500)
				_, _ = io.WriteString(w, strings.Repeat("x", 100_000))
			case "redirect":
				http.Redirect(w, r, "https://evil.example/", http.StatusFound)
			case "cut":
				w.Header().Set("Content-Length", "1000")
				_, _ = io.WriteString(w, "{")
			case "long":
				_, _ = io.WriteString(w, strings.Repeat(" ", 2<<20))
			default:
				_, _ = io.WriteString(w, "<html>")
			}
		}))
		broken.Config.ErrorLog = log.New(io.Discard, "", 0)
		broken.Config.ConnState = func(c net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if state == http.StateNew {
				open[c] = true
			}
			if state == http.StateClosed || state == http.StateHijacked {
				delete(open, c)
			}
		}
		broken.Start()
		defer broken.Close()
		connections := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(open)
		}
		goroutines := runtime.NumGoroutine()
		for _, how := range []string{"status", "redirect", "cut", "long", "html"} {
			for range 10 {
				v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithJWKSURL(broken.URL+"/?how="+how))
				require.NoError(t, err)
				_, err = v.VerifyAccessToken(t.Context(), at0Token())
				unavailable(t, err)
			}
		}
		for range 500 { // the server is the last to learn that a connection is closed
			if connections() == 0 && runtime.NumGoroutine() <= goroutines {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		assert.Zero(t, connections(), "connections")
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines")
	})
}
