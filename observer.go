package jwtverifier

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"example.com/jwtverifier/internal/strict"
)

// tokenKind is "access" or "id", as observers see it.
type tokenKind string

const (
	accessKind tokenKind = "access"
	idKind     tokenKind = "id"
)

// An Observer is told what a Verifier does, for metrics and traces. Each
// function may be nil. They are called outside every lock, some of them from
// several goroutines at once and while a caller waits, so they must be quick. A
// panic of theirs is not recovered. They are told no token, no claim, and no
// part of a document but kids, as received: quote and cut them before you log
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

	// UnknownKey is called for each token that no key of the current set fits,
	// before its verification waits for a refresh; never with static keys.
	UnknownKey func(UnknownKeyInfo)

	// VerifyDone is called at the end of each verification, but for
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

// SkippedKey is an entry of a JWKS that was not taken as a key.
type SkippedKey struct {
	Index  int    // in the keys array
	KeyID  string // "" if it has none, or none that could be read
	Reason string
}

// StateChangedInfo is about the age of the keys.
type StateChangedInfo struct{ From, To State }

// UnknownKeyInfo is about a token that no held key fits.
type UnknownKeyInfo struct {
	// Admitted is true if a refresh is started for it, and false if one is
	// under way already, the last one is too recent, or a back-off runs.
	Admitted bool
}

// VerifyDoneInfo is about one verification.
type VerifyDoneInfo struct {
	Kind     string // "access" or "id"
	Code     string // "ok", a TokenError's Code, or "unavailable"
	Cached   bool   // it came from the token cache
	Duration time.Duration
}

// WithObserver has this Observer told what the Verifier does. Without one
// nothing is measured.
func WithObserver(o Observer) Option {
	return func(c *config) error {
		c.observer = o
		return nil
	}
}

// startWatch returns the time if somebody wants to know how long a verification
// took.
func (c *config) startWatch() time.Time {
	if c.observer.VerifyDone == nil {
		return time.Time{}
	}
	return time.Now()
}

func (c *config) judged(kind tokenKind, began time.Time, remembered bool, err error) {
	if c.observer.VerifyDone == nil {
		return
	}
	code := "ok"
	if refused, ok := errors.AsType[*TokenError](err); ok {
		code = refused.Code()
	} else if err != nil {
		code = "unavailable"
	}
	c.observer.VerifyDone(VerifyDoneInfo{Kind: string(kind), Code: code, Cached: remembered, Duration: time.Since(began)})
}

func (c *config) unknownKey(admitted bool) {
	if c.observer.UnknownKey != nil {
		c.observer.UnknownKey(UnknownKeyInfo{Admitted: admitted})
	}
}

// refreshed tells the observers of the end of a refresh.
func (c *config) refreshed(a *attempt, info RefreshDoneInfo) {
	for _, o := range [...]*Observer{&c.observer, &c.log} {
		if o.FetchDone != nil {
			for _, fetch := range a.fetches {
				o.FetchDone(fetch)
			}
		}
		if o.KeysChanged != nil {
			if changed := a.set.changes(a.previous); changed != nil {
				o.KeysChanged(*changed)
			}
		}
		if o.RefreshDone != nil {
			o.RefreshDone(info)
		}
	}
}

// changes returns how s differs from the set before it, nil if it does not.
func (s *keySet) changes(previous *keySet) *KeysChangedInfo {
	if s == nil {
		return nil
	}
	if previous == nil {
		previous = &keySet{}
	}
	c := &KeysChangedInfo{Added: s.without(previous), Removed: previous.without(s), Skipped: slices.Clone(s.skipped)}
	if len(c.Added)+len(c.Removed) == 0 && slices.Equal(s.skipped, previous.skipped) {
		return nil
	}
	return c
}

// without returns the kids of the keys of s that are not in other.
func (s *keySet) without(other *keySet) []string {
	var ids []string
	for id, keys := range s.byID {
		for _, k := range keys {
			if !slices.Contains(other.byID[id], k) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// observe tells the observers of a State that differs from the last one told.
func (s *keySource) observe() {
	s.mu.Lock()
	change := StateChangedInfo{From: s.lastState, To: s.set.Load().state(time.Now())}
	s.lastState = change.To
	s.mu.Unlock()
	if change.From == change.To {
		return
	}
	for _, o := range [...]*Observer{&s.config.observer, &s.config.log} {
		if o.StateChanged != nil {
			o.StateChanged(change)
		}
	}
}

// maxLoggedKeys bounds how many kids or skipped entries one log line names.
const maxLoggedKeys = 20

// logTo returns the Observer that WithLogger stands for.
func logTo(logger *slog.Logger, issuer string) Observer {
	log := func(level slog.Level, message string, attrs ...slog.Attr) {
		attrs = append([]slog.Attr{slog.String("issuer", issuer)}, attrs...)
		logger.LogAttrs(context.Background(), level, "jwtverifier: "+message, attrs...)
	}
	return Observer{
		FetchDone: func(i FetchDoneInfo) {
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

func loggedIDs(ids []string) []string {
	logged := []string{}
	for _, id := range ids[:min(len(ids), maxLoggedKeys)] {
		logged = append(logged, loggedID(id))
	}
	return logged
}

func loggedID(id string) string { return strict.OneLine(id, maxKeyIDText) }
