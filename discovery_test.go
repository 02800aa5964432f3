package jwtverifier_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/jwtverifiertest"
)

// What another answer is, at which discovery moves on.
var movesOn = map[string]testkit.Answer{
	"404":                      testkit.Text(404, "not found"),
	"401":                      testkit.Text(401, "{}"),
	"204":                      testkit.Text(204, ""),
	"429":                      testkit.Text(429, ""),
	"500":                      testkit.Text(500, "oops"),
	"503":                      testkit.Text(503, ""),
	"HTML with status 200":     testkit.Text(200, "<!doctype html><title>Log in</title>"),
	"empty":                    testkit.Text(200, ""),
	"an array":                 testkit.Text(200, "[]"),
	"null":                     testkit.Text(200, "null"),
	"truncated JSON":           testkit.Text(200, `{"issuer":"`+testkit.Issuer),
	"trailing data":            testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)+"{}"),
	"a name twice":             testkit.Text(200, `{"issuer":"`+testkit.Issuer+`","issuer":"`+testkit.Issuer+`","jwks_uri":"`+testkit.Issuer+`/keys"}`),
	"another issuer":           testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)),
	"a trailing slash more":    testkit.Text(200, testkit.Metadata(testkit.Issuer+"/", testkit.KeysURL)),
	"no issuer":                testkit.Text(200, `{"jwks_uri":"`+testkit.Issuer+`/keys"}`),
	"no jwks_uri":              testkit.Text(200, `{"issuer":"`+testkit.Issuer+`"}`),
	"a relative jwks_uri":      testkit.Text(200, testkit.Metadata(testkit.Issuer, "/tenant/keys")),
	"an http jwks_uri":         testkit.Text(200, testkit.Metadata(testkit.Issuer, "http://issuer.example/tenant/keys")),
	"jwks_uri with userinfo":   testkit.Text(200, testkit.Metadata(testkit.Issuer, "https://u:p@issuer.example/tenant/keys")),
	"jwks_uri with a fragment": testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/keys#1")),
	"jwks_uri too long":        testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/"+strings.Repeat("k", 2048))),
	"over 1 MiB":               testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)+strings.Repeat(" ", 1<<20)),
	"a refused redirect":       testkit.Redirect(302, "https://evil.example/"),
	"a redirect to nowhere":    testkit.Redirect(302, ""),
	"a redirect to no URL":     testkit.Redirect(302, "https://%zz/"),
}

// What is no answer at all, which ends the attempt.
var noAnswer = map[string]testkit.Answer{
	"refused": testkit.Refused,
	"a body that ends early": testkit.Body(func(context.Context) io.Reader {
		return io.MultiReader(strings.NewReader(`{"issuer":`), iotest.ErrReader(io.ErrUnexpectedEOF))
	}),
}

func TestDiscoveryOrder(t *testing.T) {
	forms := []string{testkit.FirstPlace, testkit.SecondPlace, testkit.ThirdPlace}
	for name, answer := range movesOn {
		for others := range 4 {
			t.Run(fmt.Sprintf("%s at the first %d", name, others), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					for _, path := range forms[:others] {
						b.Transport.Answer(path, answer)
					}
					err := b.Verifier.Prefetch(t.Context())
					if others == 3 {
						testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
						require.Equal(t, forms, b.Transport.Take())
						status := b.Verifier.Status()
						require.Equal(t, jwtverifier.StateCold, status.State)
						for _, path := range forms { // the error names each
							require.Contains(t, status.LastError.Error(), testkit.Origin+path)
						}
						return
					}
					require.NoError(t, err)
					require.Equal(t, append(slices.Clone(forms[:others+1]), testkit.KeysPath), b.Transport.Take())
					require.Equal(t, testkit.Origin+forms[others], b.Verifier.Status().MetadataURL)

					// From now on only the winner is asked, whatever the others say.
					b.Transport.Reset()
					require.NoError(t, b.Verifier.Refresh(t.Context()))
					require.Equal(t, []string{forms[others], testkit.KeysPath}, b.Transport.Take())
				})
			})
		}
	}
	for name, answer := range noAnswer {
		for at := range 3 {
			t.Run(fmt.Sprintf("%s at %d ends the attempt", name, at), func(t *testing.T) {
				testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
					for _, path := range forms[:at] {
						b.Transport.Answer(path, testkit.Text(404, ""))
					}
					b.Transport.Answer(forms[at], answer)
					testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
					require.Equal(t, forms[:at+1], b.Transport.Take())
				})
			})
		}
	}
	for name, r := range map[string]jwtverifiertest.Response{
		"hangs before the headers": {Hang: jwtverifiertest.HangHeaders},
		"hangs in the body":        {Hang: jwtverifiertest.HangBody, Body: []byte(`{"issuer":`)},
	} {
		t.Run(name+": ends the attempt", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Issuer.Respond(testkit.FirstPlace, r)
				began := time.Now()
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
				require.Equal(t, testkit.DocumentTimeout, time.Since(began))
				require.Equal(t, []string{testkit.FirstPlace}, b.Transport.Take())
			})
		})
	}
}

func TestWellKnownURLs(t *testing.T) {
	for _, row := range []struct {
		issuer string
		want   []string
	}{
		{"https://issuer.example", []string{
			"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://issuer.example/", []string{
			"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"}},
		{"https://issuer.example/a/b", []string{
			"/a/b/.well-known/oauth-authorization-server", "/a/b/.well-known/openid-configuration",
			"/.well-known/oauth-authorization-server/a/b"}},
		{"https://issuer.example/a/", []string{
			"/a/.well-known/oauth-authorization-server", "/a/.well-known/openid-configuration",
			"/.well-known/oauth-authorization-server/a"}},
	} {
		t.Run(row.issuer, func(t *testing.T) {
			var asked []string
			nowhere := testkit.Text(404, "")
			client := &http.Client{Transport: testkit.Answer(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, strings.TrimPrefix(r.URL.String(), "https://issuer.example"))
				return nowhere(r)
			})}
			v, err := jwtverifier.New(row.issuer, jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(client))
			require.NoError(t, err)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, v.Prefetch(t.Context()))
			require.Equal(t, row.want, asked)
		})
	}
}

// Once there is a winner, only that is asked, until it is gone.
func TestDiscoveryWinner(t *testing.T) {
	outOfReach := map[string]testkit.Answer{
		"429": testkit.Text(429, ""),
		"500": testkit.Text(500, ""),
		"502": testkit.Text(502, ""),
		"503": testkit.Text(503, "{}"),
		"599": testkit.Text(599, ""),
	}
	for name, answer := range noAnswer {
		outOfReach[name] = answer
	}
	for name, answer := range outOfReach {
		t.Run(name+": the last known jwks_uri is read at once", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Warm()
				b.Issuer.RotateKey()
				b.Transport.Answer(testkit.FirstPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
				b.Accepts(b.Token("key-2"))
				status := b.Verifier.Status()
				require.Equal(t, time.Now(), status.FetchedAt)
				require.Zero(t, status.Failures)
				require.Error(t, status.LastError, "what was found wrong is shown")
				require.Equal(t, time.Now(), status.LastErrorAt)

				b.KeysFail(503)
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
			})
		})
	}
	for name, answer := range movesOn {
		if _, ok := outOfReach[name]; ok {
			continue
		}
		t.Run(name+": the others are tried again", func(t *testing.T) {
			testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
				b.Transport.Answer(testkit.FirstPlace, testkit.Text(404, ""))
				b.Warm() // form two wins
				b.Transport.Reset()

				b.Transport.Answer(testkit.SecondPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.SecondPlace, testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
				require.Equal(t, testkit.Origin+testkit.FirstPlace, b.Verifier.Status().MetadataURL)

				// Now form one is the winner, and form three is what is left.
				b.Transport.Answer(testkit.FirstPlace, answer)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				want := []string{testkit.FirstPlace, testkit.SecondPlace, testkit.ThirdPlace, testkit.KeysPath}
				require.Equal(t, want, b.Transport.Take())

				// None wins: failed, and nobody reads the keys.
				b.Transport.Answer(testkit.ThirdPlace, answer)
				testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.ThirdPlace, testkit.FirstPlace, testkit.SecondPlace}, b.Transport.Take())
				b.Accepts(b.Token("key-1"))

				// The winner is still the winner.
				b.Transport.Reset()
				time.Sleep(time.Second)
				require.NoError(t, b.Verifier.Refresh(t.Context()))
				require.Equal(t, []string{testkit.ThirdPlace, testkit.KeysPath}, b.Transport.Take())
			})
		})
	}
	t.Run("no answer from the others ends the attempt", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(404, ""))
			b.Transport.Answer(testkit.SecondPlace, testkit.Refused)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, testkit.SecondPlace}, b.Transport.Take())
		})
	})
	t.Run("a winner that hangs leaves time for the keys", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Issuer.Respond(testkit.FirstPlace, jwtverifiertest.Response{Hang: jwtverifiertest.HangBody})
			began := time.Now()
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, testkit.DocumentTimeout, time.Since(began))
			require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
		})
	})
	t.Run("another jwks_uri is followed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Warm()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"//moved")))
			b.Transport.Answer("/tenant//moved", testkit.Text(200, string(b.Issuer.JWKS())))
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant//moved"}, b.Transport.Take())
			require.Equal(t, testkit.Issuer+"//moved", b.Verifier.Status().JWKSURL)

			// And remembered, though it brought no keys.
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.Issuer+"/gone")))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant/gone"}, b.Transport.Take())
			time.Sleep(time.Second)
			b.Transport.Answer(testkit.FirstPlace, testkit.Refused)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, "/tenant/gone"}, b.Transport.Take())
		})
	})
	t.Run("a winner from a cold start whose keys failed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.KeysFail(500)
			require.Error(t, b.Verifier.Prefetch(t.Context()))
			b.Asked(1, 1)
			time.Sleep(time.Second)
			b.Issuer.Reset()
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(503, ""))
			require.NoError(t, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{testkit.FirstPlace, testkit.KeysPath}, b.Transport.Take())
		})
	})
	t.Run("WithMetadataURL: only that", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Transport.Answer("/custom", testkit.Text(404, ""))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
			time.Sleep(time.Second)
			b.Transport.Answer("/custom", testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
			err := b.Verifier.Prefetch(t.Context())
			require.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
			time.Sleep(2 * time.Second)
			b.Transport.Answer("/custom", testkit.Text(200, testkit.Metadata(testkit.Issuer, testkit.KeysURL)))
			require.NoError(t, b.Verifier.Prefetch(t.Context()))
			require.Equal(t, []string{"/custom", testkit.KeysPath}, b.Transport.Take())
			b.Transport.Answer("/custom", testkit.Text(404, ""))
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{"/custom"}, b.Transport.Take())
		}, jwtverifier.WithMetadataURL("https://issuer.example/custom"))
	})
	t.Run("WithJWKSURL: no metadata", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.Equal(t, []string{testkit.KeysPath}, b.Transport.Take())
			require.Equal(t, testkit.KeysURL, b.Verifier.Status().JWKSURL)
			require.Empty(t, b.Verifier.Status().MetadataURL)
		}, jwtverifier.WithJWKSURL(testkit.KeysURL))
	})
}

// A document of another issuer is shown, whether or not another place wins.
func TestIssuerMismatchIsShown(t *testing.T) {
	testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
		b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
		require.NoError(t, b.Verifier.Prefetch(t.Context()))
		status := b.Verifier.Status()
		require.Equal(t, jwtverifier.StateFresh, status.State)
		require.ErrorIs(t, status.LastError, jwtverifier.ErrIssuerMismatch)
		require.Contains(t, status.LastError.Error(), "https://evil.example")
		require.Contains(t, status.LastError.Error(), testkit.Issuer)
		require.False(t, status.LastErrorAt.IsZero())
		require.Zero(t, status.Failures)
		require.True(t, status.Ready())
	})
	t.Run("and the keys failed", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Transport.Answer(testkit.FirstPlace, testkit.Text(200, testkit.Metadata("https://evil.example", testkit.KeysURL)))
			b.KeysFail(500)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Prefetch(t.Context()))
			require.ErrorIs(t, b.Verifier.Status().LastError, jwtverifier.ErrIssuerMismatch)
		})
	})
}

func encoded(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

func TestMetadata(t *testing.T) {
	type endpoints struct {
		Issuer    string `json:"issuer"`
		Authorize string `json:"authorization_endpoint"`
		Extra     string `json:"x_extra"`
	}
	serve := func(b *testkit.Bench, path, extra string) {
		metadata := b.Issuer.Metadata()
		metadata["x_extra"] = extra
		b.Issuer.Respond(path, jwtverifiertest.Response{Body: encoded(b, metadata)})
	}
	t.Run("the whole document, the last one", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			serve(b, testkit.FirstPlace, "first")
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, endpoints{testkit.Issuer, testkit.Issuer + "/authorize", "first"}, got)
			b.Asked(1, 1)

			var whole map[string]any
			require.NoError(t, b.Verifier.Metadata(t.Context(), &whole))
			want := b.Issuer.Metadata()
			want["x_extra"] = "first"
			assert.JSONEq(t, string(encoded(t, want)), string(encoded(t, whole)))

			serve(b, testkit.FirstPlace, "second")
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "first", got.Extra, "not fetched again")
			b.Asked(0, 0)
			require.NoError(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)

			// One that is not accepted does not replace it.
			b.Issuer.Respond("", jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			for _, path := range b.Issuer.MetadataPaths() {
				b.Issuer.Respond(path, jwtverifiertest.Response{Body: []byte(`{"issuer":"https://evil.example","x_extra":"third"}`)})
			}
			require.Error(t, b.Verifier.Refresh(t.Context()))
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, "second", got.Extra)
		})
	})
	t.Run("there though the keys are not", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.KeysFail(500)
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, testkit.Issuer, got.Issuer)
			b.Asked(1, 1)
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			b.Asked(0, 0)
		})
	})
	t.Run("unavailable", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.Down()
			var got endpoints
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Metadata(t.Context(), &got))
			require.Zero(t, got)
			b.Asked(1, 0)
			testkit.Outcome(t, jwtverifier.ErrUnavailable, b.Verifier.Metadata(t.Context(), &got))
			b.Asked(0, 0)
		})
	})
	t.Run("waiting ends with the context", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			b.Issuer.Hang()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			err := b.Verifier.Metadata(ctx, &endpoints{})
			testkit.Outcome(t, jwtverifier.ErrUnavailable, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
		})
	})
	t.Run("nothing that a caller does is seen by another", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			var raw json.RawMessage
			require.NoError(t, b.Verifier.Metadata(t.Context(), &raw))
			clear(raw)
			require.NoError(t, b.Verifier.Metadata(t.Context(), &scribbler{}))
			var got endpoints
			require.NoError(t, b.Verifier.Metadata(t.Context(), &got))
			require.Equal(t, testkit.Issuer, got.Issuer)
		})
	})
	t.Run("a destination that does not fit", func(t *testing.T) {
		testkit.Bubble(t, func(t *testing.T, b *testkit.Bench) {
			var got []int
			err := b.Verifier.Metadata(t.Context(), &got)
			require.Error(t, err)
			require.NotErrorIs(t, err, jwtverifier.ErrUnavailable)
			require.Error(t, b.Verifier.Metadata(t.Context(), &struct {
				Issuer int `json:"issuer"`
			}{}))
			require.Error(t, b.Verifier.Metadata(t.Context(), nil))
			require.Error(t, b.Verifier.Metadata(t.Context(), endpoints{}))
		})
	})
	t.Run("without discovery", func(t *testing.T) {
		issuer := jwtverifiertest.New("")
		for _, source := range []jwtverifier.Option{
			jwtverifier.WithJWKSURL(issuer.JWKSURL()), jwtverifier.WithStaticKeys(issuer.JWKS()),
		} {
			v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(issuer.Client()), source)
			require.NoError(t, err)
			requireMisconfigured(t, v.Metadata(t.Context(), &endpoints{}))
		}
		require.Zero(t, issuer.Requests(""))
	})
}

// TestSchemeOfTheKeys: what was asked by https names no keys by http, whatever the
// issuer is called.
func TestSchemeOfTheKeys(t *testing.T) {
	for _, test := range []struct {
		metadata, keys string
		good           bool
	}{
		{metadata: "https://h/m", keys: "https://k/keys", good: true},
		{metadata: "http://h/m", keys: "http://k/keys", good: true},
		{metadata: "http://h/m", keys: "https://k/keys", good: true},
		{metadata: "https://h/m", keys: "http://k/keys"},
		{metadata: "HTTPS://h/m", keys: "http://k/keys"},
	} {
		for _, name := range []string{"https://issuer.example", "http://issuer.example", "auth-service"} {
			issuer := jwtverifiertest.New("")
			transport := testkit.Answer(func(r *http.Request) (*http.Response, error) {
				body := issuer.JWKS()
				if r.URL.Path == "/m" {
					body = encoded(t, values{"issuer": name, "jwks_uri": test.keys})
				}
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(body))}, nil
			})
			v, err := jwtverifier.New(name, jwtverifier.WithAudience("a"), jwtverifier.WithMetadataURL(test.metadata),
				jwtverifier.WithInsecureHTTP(), jwtverifier.WithHTTPClient(&http.Client{Transport: transport}))
			require.NoError(t, err)
			err = v.Prefetch(t.Context())
			if test.good {
				require.NoError(t, err, "%+v", test)
				continue
			}
			require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
			require.ErrorContains(t, err, "jwks_uri is http though the metadata is https")
		}
	}
}
