package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// A scrape is what /metrics answered.
type scrape map[string]*dto.MetricFamily

// value returns the counter, gauge or number of observations with these labels.
func (s scrape) value(name string, labels ...string) float64 {
	for _, m := range s[name].GetMetric() {
		match := 0
		for _, l := range m.GetLabel() {
			for i := 0; i < len(labels); i += 2 {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					match++
				}
			}
		}
		if match == len(labels)/2 {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return 0
}

func TestMetricsThroughRotationAndOutage(t *testing.T) {
	issuer, err := jwtverifiertest.Start("")
	require.NoError(t, err)
	defer issuer.Close()
	handler, err := newHandler(issuer.URL(), jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithTokenCache(10))
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()

	get := func(path, token string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := server.Client().Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	metrics := func() scrape {
		resp, err := server.Client().Get(server.URL + "/metrics")
		require.NoError(t, err)
		defer resp.Body.Close()
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(resp.Body)
		require.NoError(t, err)
		return families
	}

	// The server is down at the start.
	issuer.Down()
	require.Equal(t, 1.0, metrics().value("jwtverifier_keys_state", "state", "cold"))
	status, body := get("/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "cold\n", body)
	status, _ = get("/", issuer.AccessToken())
	require.Equal(t, http.StatusServiceUnavailable, status)
	m := metrics()
	require.Equal(t, 1.0, m.value("jwtverifier_refreshes_total", "outcome", "failure"))
	require.Equal(t, 1.0, m.value("jwtverifier_fetch_duration_seconds", "outcome", "failure"))
	require.Equal(t, 1.0, m.value("jwtverifier_token_duration_seconds", "kind", "access", "code", "unavailable"))

	// It comes up, and the back-off ends.
	issuer.Reset()
	require.Eventually(t, func() bool { status, _ := get("/readyz", ""); return status == http.StatusOK }, 5*time.Second, 50*time.Millisecond)
	token := issuer.AccessToken()
	for range 2 {
		status, body = get("/", token)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "hello\n", body)
	}
	m = metrics()
	require.Equal(t, 1.0, m.value("jwtverifier_keys_state", "state", "fresh"))
	require.Equal(t, 0.0, m.value("jwtverifier_keys_state", "state", "cold"))
	require.Equal(t, 1.0, m.value("jwtverifier_refreshes_total", "outcome", "success"))
	require.Equal(t, 2.0, m.value("jwtverifier_fetch_duration_seconds", "outcome", "success"))
	require.Equal(t, 1.0, m.value("jwtverifier_key_changes_total", "change", "added"))
	require.Equal(t, 1.0, m.value("jwtverifier_token_duration_seconds", "code", "ok", "remembered", "no"))
	require.Equal(t, 1.0, m.value("jwtverifier_token_duration_seconds", "code", "ok", "remembered", "yes"))
	require.InDelta(t, float64(time.Now().Unix()), m.value("jwtverifier_last_refresh_timestamp_seconds"), 30)

	// A rotation is accepted at once. A stranger's kid after it is not asked for.
	issuer.RotateKey()
	issuer.RetireKey("key-1")
	status, _ = get("/", issuer.AccessToken())
	require.Equal(t, http.StatusOK, status)
	status, _ = get("/", issuer.Token(jwtverifiertest.Claims{"kid": "stranger"}, issuer.AccessTokenClaims()))
	require.Equal(t, http.StatusUnauthorized, status)
	m = metrics()
	require.GreaterOrEqual(t, m.value("jwtverifier_unknown_key_tokens_total", "refresh", "no"), 1.0)
	require.Equal(t, 1.0, m.value("jwtverifier_unknown_key_tokens_total", "refresh", "yes"))
	require.GreaterOrEqual(t, m.value("jwtverifier_token_duration_seconds", "code", "unknown_key"), 1.0)
	require.Equal(t, 2.0, m.value("jwtverifier_key_changes_total", "change", "added"))
	require.Equal(t, 1.0, m.value("jwtverifier_key_changes_total", "change", "removed"))

	// An outage: held keys serve, and the service stays ready.
	issuer.Down()
	status, _ = get("/", issuer.AccessToken())
	require.Equal(t, http.StatusOK, status)
	status, body = get("/readyz", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "fresh\n", body)

	_, text := get("/metrics", "")
	require.NotContains(t, text, "key-1")
	resp, err := server.Client().Get(server.URL + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	problems, err := promlint.New(resp.Body).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}
