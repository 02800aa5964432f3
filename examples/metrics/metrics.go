package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"example.com/jwtverifier"
)

// observe registers the metrics and returns the Observer that feeds them. No
// label has a value that a client or the server can choose.
func observe(registry prometheus.Registerer) jwtverifier.Observer {
	with := promauto.With(registry)
	tokens := with.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "jwtverifier_token_duration_seconds",
		Help:    "Verifications, by kind of token, outcome, and whether the token was remembered.",
		Buckets: []float64{1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10},
	}, []string{"kind", "code", "remembered"})
	fetches := with.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "jwtverifier_fetch_duration_seconds",
		Help:    "Requests for metadata and keys, by outcome.",
		Buckets: []float64{0.01, 0.03, 0.1, 0.3, 1, 3, 10},
	}, []string{"outcome"})
	refreshes := with.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtverifier_refreshes_total",
		Help: "Refreshes of metadata and keys, by outcome.",
	}, []string{"outcome"})
	refreshed := with.NewGauge(prometheus.GaugeOpts{
		Name: "jwtverifier_last_refresh_timestamp_seconds",
		Help: "When the last refresh succeeded.",
	})
	keys := with.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtverifier_key_changes_total",
		Help: "Keys that a refresh added or removed, and entries that it skipped.",
	}, []string{"change"})
	state := with.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jwtverifier_keys_state",
		Help: "1 for the state that the keys were last seen in.",
	}, []string{"state"})
	unknown := with.NewCounterVec(prometheus.CounterOpts{
		Name: "jwtverifier_unknown_key_tokens_total",
		Help: "Tokens that no held key fitted, by whether a refresh was started for them.",
	}, []string{"refresh"})
	state.WithLabelValues(jwtverifier.StateCold.String()).Set(1)

	outcome := func(err error) string {
		if err != nil {
			return "failure"
		}
		return "success"
	}
	yesNo := map[bool]string{true: "yes", false: "no"}
	return jwtverifier.Observer{
		VerifyDone: func(i jwtverifier.VerifyDoneInfo) {
			tokens.WithLabelValues(i.Kind, i.Code, yesNo[i.Cached]).Observe(i.Duration.Seconds())
		},
		FetchDone: func(i jwtverifier.FetchDoneInfo) {
			fetches.WithLabelValues(outcome(i.Err)).Observe(i.Duration.Seconds())
		},
		RefreshDone: func(i jwtverifier.RefreshDoneInfo) {
			refreshes.WithLabelValues(outcome(i.Err)).Inc()
			if i.Err == nil {
				refreshed.SetToCurrentTime()
			}
		},
		KeysChanged: func(i jwtverifier.KeysChangedInfo) {
			keys.WithLabelValues("added").Add(float64(len(i.Added)))
			keys.WithLabelValues("removed").Add(float64(len(i.Removed)))
			keys.WithLabelValues("skipped").Add(float64(len(i.Skipped)))
		},
		StateChanged: func(i jwtverifier.StateChangedInfo) {
			state.WithLabelValues(i.From.String()).Set(0)
			state.WithLabelValues(i.To.String()).Set(1)
		},
		UnknownKey: func(i jwtverifier.UnknownKeyInfo) { unknown.WithLabelValues(yesNo[i.Admitted]).Inc() },
	}
}
