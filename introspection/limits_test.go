package introspection_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

// An endless body counts what is read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func (e *endless) Close() error { return nil }

func TestNoMoreIsReadThanTheLimit(t *testing.T) {
	body := &endless{}
	v, client := inMemory(t, jwtverifiertest.New(""), func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: body}, nil
	})
	r, err := newClient(t, v, introspection.WithHTTPClient(client)).Introspect(t.Context(), opaque)
	require.Nil(t, r)
	requireReason(t, err, jwtverifier.ErrUnavailable, nil)
	require.ErrorContains(t, err, "longer than 1 MiB")
	require.Equal(t, tooLong, body.read, "bytes read")
}

// TestOldTLS: a server that speaks nothing newer than TLS 1.1 is sent nothing.
func TestOldTLS(t *testing.T) {
	for version, row := range map[uint16]struct {
		says      string
		untrusted bool // it comes to the certificate, which the test does not have the client trust
	}{
		tls.VersionTLS10: {says: "protocol version not supported"},
		tls.VersionTLS11: {says: "protocol version not supported"},
		tls.VersionTLS12: {says: "unknown authority", untrusted: true},
	} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request came through") }))
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
			server.StartTLS()
			defer server.Close()
			issuer := jwtverifiertest.New("")
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithStaticKeys(issuer.JWKS()))
			require.NoError(t, err)
			_, err = newClient(t, v, introspection.WithEndpoint(server.URL)).Introspect(t.Context(), opaque)
			requireReason(t, err, jwtverifier.ErrUnavailable, nil)
			assert.ErrorContains(t, err, row.says)
			_, untrusted := errors.AsType[x509.UnknownAuthorityError](err)
			assert.Equal(t, row.untrusted, untrusted)
		})
	}
}

func TestTimeout(t *testing.T) {
	hangs := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	for name, row := range map[string]struct {
		timeout  time.Duration // of the caller's http.Client
		metadata jwtverifiertest.Response
		want     time.Duration
	}{
		"none":   {want: 5 * time.Second},
		"less":   {timeout: 2 * time.Second, want: 2 * time.Second},
		"longer": {timeout: time.Hour, want: 5 * time.Second},
		// Finding the endpoint is part of the call.
		"no metadata":   {metadata: jwtverifiertest.Response{Delay: time.Hour}, want: 5 * time.Second},
		"slow metadata": {metadata: jwtverifiertest.Response{Delay: 3 * time.Second}, want: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwtverifiertest.New("")
				if row.metadata.Delay > 0 {
					var err error
					row.metadata.Body, err = json.Marshal(issuer.Metadata())
					require.NoError(t, err)
					issuer.Respond(issuer.MetadataPaths()[0], row.metadata)
				}
				v, client := inMemory(t, issuer, hangs)
				client.Timeout = row.timeout
				began := time.Now()
				r, err := newClient(t, v, introspection.WithHTTPClient(client)).Introspect(t.Context(), opaque)
				require.Nil(t, r)
				requireReason(t, err, jwtverifier.ErrUnavailable, nil)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, row.want, time.Since(began))
				time.Sleep(time.Minute) // let the refresh end
			})
		})
	}
}
