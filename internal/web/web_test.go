package web

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The Client's own transport has no open connection once its idle ones have been
// closed, whatever was answered, over HTTP/1.1, TLS and HTTP/2.
func TestOwnTransportLeavesNoConnection(t *testing.T) {
	for _, test := range []struct{ name, protocol string }{
		{"http", "HTTP/1.1"},
		{"https", "HTTP/1.1"},
		{"h2", "HTTP/2.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var open, ever atomic.Int32
			var seen atomic.Value
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				seen.Store(r.Proto)
				switch r.URL.Path {
				case "/missing":
					w.WriteHeader(http.StatusNotFound)
					_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
				case "/away":
					http.Redirect(w, r, "https://evil.example/", http.StatusFound)
				case "/long":
					_, _ = w.Write(bytes.Repeat([]byte(" "), 2<<20))
				case "/cut":
					w.Header().Set("Content-Length", "10")
					_, _ = w.Write([]byte("{"))
				default:
					_, _ = w.Write([]byte("{}"))
				}
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				switch state {
				case http.StateNew:
					open.Add(1)
					ever.Add(1)
				case http.StateClosed, http.StateHijacked:
					open.Add(-1)
				}
			}
			client := New(nil)
			transport := client.transport.(*ownTransport)
			require.EqualValues(t, tls.VersionTLS12, transport.TLSClientConfig.MinVersion)
			server.EnableHTTP2 = test.name == "h2"
			if test.name == "http" {
				server.Start()
			} else {
				server.StartTLS()
				transport.TLSClientConfig.RootCAs = x509.NewCertPool()
				transport.TLSClientConfig.RootCAs.AddCert(server.Certificate())
			}
			defer server.Close()

			closed := func(path string) {
				t.Helper()
				client.CloseIdleConnections()
				require.Eventually(t, func() bool { return open.Load() == 0 }, 2*time.Second, 5*time.Millisecond,
					"%s: %d connections are open", path, open.Load())
			}
			for range 20 {
				for range 2 {
					_, _, failed := client.Get(t.Context(), server.URL+"/good")
					require.Nil(t, failed)
				}
				closed("/good")
			}
			require.LessOrEqual(t, ever.Load(), int32(20), "one connection for two documents")
			require.Equal(t, test.protocol, seen.Load())
			for _, path := range []string{"/missing", "/away", "/long", "/cut"} {
				_, _, failed := client.Get(t.Context(), server.URL+path)
				require.NotNil(t, failed, path)
				closed(path)
			}
			_, _, failed := client.Get(t.Context(), strings.Replace(server.URL, "127.0.0.1", "127.0.0.2", 1))
			require.NotNil(t, failed)
			closed("another host")
		})
	}
}
