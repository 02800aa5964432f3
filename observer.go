package jwtverifier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// An Observer sees what a Verifier does, for metrics and traces. Each
// function may be nil. They are called outside every lock, some of them from
// several goroutines at once and while a caller waits, so they must be quick. A
// panic of theirs is not recovered. They get no token, no claim, and of
// a document only kids, as received: quote and cut them before you log
// them.
type Observer struct {
	// FetchDone is called for each document that a refresh asked for, when
	// the refresh has ended.
	FetchDone func(FetchDoneInfo)

	// RefreshDone is called when a refresh has ended, after FetchDone and
	// KeysChanged.
	RefreshDone func(RefreshDoneInfo)

	// KeysChanged is called when a refresh brought other keys than were held,
	// or skipped other entries.
	KeysChanged func(KeysChangedInfo)

	// StateChanged is called when the keys are first seen to be in another
	// State: at the end of a refresh, or when a token asks for them.
	StateChanged func(StateChangedInfo)

	// UnknownKey is called once for each token that no key of the set held fits,
	// when a newer set has been looked at, if one could be had; never with static
	// keys.
	UnknownKey func(UnknownKeyInfo)

	// VerifyDone is called at the end of each verification, except for
	// ErrMisconfigured and for what Issuers refuses before it has chosen.
	VerifyDone func(VerifyDoneInfo)
}

// FetchDoneInfo is about one request for a document.
type FetchDoneInfo struct {
	URL        string // as requested, before redirects
	StatusCode int    // 0 if there was no answer
	Duration   time.Duration
	Bytes      int   // of the document, after decompression
	Err        error // a *FetchError, or nil if the document was accepted
}

// RefreshDoneInfo is about one refresh.
type RefreshDoneInfo struct {
	Duration   time.Duration
	Err        error         // nil if it brought keys
	RetryAfter time.Duration // the back-off after a failure
	Recovered  bool          // the first success after failures
}

// KeysChangedInfo is about the keys that a refresh brought.
type KeysChangedInfo struct {
	Added, Removed []string // kids; a kid is in both if its key is another now
	Skipped        []SkippedKey
}

// StateChangedInfo is about the age of the keys.
type StateChangedInfo struct{ From, To State }

// UnknownKeyInfo is about a token that no held key fits.
type UnknownKeyInfo struct {
	// Admitted is true if a refresh was started for it, and false if one was
	// under way already, the last one was too recent, or a back-off ran.
	Admitted bool
}

// VerifyDoneInfo is about one verification.
type VerifyDoneInfo struct {
	Kind     string // "access" or "id"
	Code     string // "ok", a TokenError's Code, or "unavailable"
	Cached   bool   // it came from the token cache
	Duration time.Duration
}

// observers are those that a Verifier reports to.
type observers struct {
	own Observer // the embedder's
	log Observer // the logger's
}

// started returns the time if somebody wants to know how long a verification
// took.
func (o *observers) started() time.Time {
	if o.own.VerifyDone == nil {
		return time.Time{}
	}
	return time.Now()
}

func (o *observers) verified(kind tokenKind, began time.Time, remembered bool, err error) {
	if o.own.VerifyDone == nil {
		return
	}
	code := "ok"
	if refused, ok := errors.AsType[*TokenError](err); ok {
		code = refused.Code()
	} else if err != nil {
		code = "unavailable"
	}
	o.own.VerifyDone(VerifyDoneInfo{Kind: string(kind), Code: code, Cached: remembered, Duration: time.Since(began)})
}

func (o *observers) unknownKey(admitted bool) {
	if o.own.UnknownKey != nil {
		o.own.UnknownKey(UnknownKeyInfo{Admitted: admitted})
	}
}

// refreshed reports the end of a refresh; changed is nil if it brought no change.
func (o *observers) refreshed(fetches []FetchDoneInfo, changed *KeysChangedInfo, info RefreshDoneInfo) {
	for _, each := range [...]*Observer{&o.own, &o.log} {
		if each.FetchDone != nil {
			for _, fetch := range fetches {
				each.FetchDone(fetch)
			}
		}
		if each.KeysChanged != nil && changed != nil {
			each.KeysChanged(*changed)
		}
		if each.RefreshDone != nil {
			each.RefreshDone(info)
		}
	}
}

func (o *observers) stateChanged(info StateChangedInfo) {
	for _, each := range [...]*Observer{&o.own, &o.log} {
		if each.StateChanged != nil {
			each.StateChanged(info)
		}
	}
}

// logTo returns the Observer that WithLogger stands for.
func logTo(logger *slog.Logger, issuer string) Observer {
	log := func(level slog.Level, message string, attrs ...slog.Attr) {
		attrs = append([]slog.Attr{slog.String("issuer", issuer)}, attrs...)
		logger.LogAttrs(context.Background(), level, "jwtverifier: "+message, attrs...)
	}
	insecure := &once{}
	return Observer{
		FetchDone: func(i FetchDoneInfo) {
			if web.IsInsecure(i.URL) && insecure.first(i.URL) {
				log(slog.LevelWarn, "fetches by http, which anyone on the way can change", slog.String("url", strict.Cut(i.URL, maxURLText)))
			}
			if errors.Is(i.Err, ErrIssuerMismatch) {
				log(slog.LevelError, "metadata is of another issuer", slog.String("error", i.Err.Error()))
			}
		},
		RefreshDone: func(i RefreshDoneInfo) {
			switch {
			case i.Err != nil:
				log(slog.LevelWarn, "refresh failed", slog.String("error", strict.Cut(i.Err.Error(), maxErrorText)),
					slog.Duration("retry_after", i.RetryAfter))
			case i.Recovered:
				log(slog.LevelInfo, "refresh recovered")
			}
		},
		KeysChanged: func(i KeysChangedInfo) {
			log(slog.LevelInfo, "keys changed", slog.Any("added", loggedIDs(i.Added)), slog.Any("removed", loggedIDs(i.Removed)),
				slog.Int("skipped", len(i.Skipped)))
			for _, skipped := range i.Skipped[:min(len(i.Skipped), maxLoggedKeys)] {
				log(slog.LevelInfo, "key skipped", slog.Int("index", skipped.Index),
					slog.String("kid", loggedID(skipped.KeyID)), slog.String("reason", skipped.Reason))
			}
		},
		StateChanged: func(i StateChangedInfo) {
			level := slog.LevelInfo
			switch i.To {
			case StateStale:
				level = slog.LevelWarn
			case StateExpired:
				level = slog.LevelError
			}
			log(level, "keys are "+i.To.String(), slog.String("before", i.From.String()))
		},
	}
}

// once knows what has been logged, up to a bound: it is of the server's choosing.
type once struct {
	mu   sync.Mutex
	seen []string
}

func (o *once) first(s string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(o.seen, s) || len(o.seen) == maxLoggedKeys {
		return false
	}
	o.seen = append(o.seen, s)
	return true
}

func loggedIDs(ids []string) []string {
	logged := []string{}
	for _, id := range ids[:min(len(ids), maxLoggedKeys)] {
		logged = append(logged, loggedID(id))
	}
	return logged
}

func loggedID(id string) string { return strict.OneLine(id, maxKeyIDText) }
