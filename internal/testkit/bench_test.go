package testkit

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"example.com/jwtverifier"
)

// A failing is a test that notes that it failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	runtime.Goexit()
}

// TestOutcome proves that the check of outcomes, which most tests of fetching end
// with, is not blind.
func TestOutcome(t *testing.T) {
	refusal := func(reason error) error { return &jwtverifier.TokenError{Reason: reason} }
	unavailable := error(&jwtverifier.UnavailableError{})
	for _, row := range []struct {
		name      string
		want, err error
		fails     bool
	}{
		{name: "accepted"},
		{name: "refused", want: jwtverifier.ErrExpired, err: refusal(jwtverifier.ErrExpired)},
		{name: "unavailable", want: jwtverifier.ErrUnavailable, err: unavailable},
		{name: "an error, none wanted", err: unavailable, fails: true},
		{name: "none, an error wanted", want: jwtverifier.ErrUnavailable, fails: true},
		{
			name:  "another reason",
			want:  jwtverifier.ErrExpired,
			err:   refusal(jwtverifier.ErrSignature),
			fails: true,
		},
		{
			name:  "two reasons",
			want:  jwtverifier.ErrExpired,
			err:   refusal(errors.Join(jwtverifier.ErrExpired, jwtverifier.ErrSignature)),
			fails: true,
		},
		{
			name:  "a reason without its family",
			want:  jwtverifier.ErrExpired,
			err:   jwtverifier.ErrExpired,
			fails: true,
		},
		{
			name:  "refused, not unavailable",
			want:  jwtverifier.ErrUnavailable,
			err:   refusal(jwtverifier.ErrExpired),
			fails: true,
		},
		{
			name:  "unavailable and refused",
			want:  jwtverifier.ErrUnavailable,
			err:   errors.Join(unavailable, refusal(jwtverifier.ErrExpired)),
			fails: true,
		},
		{
			name:  "unavailable and misconfigured",
			want:  jwtverifier.ErrUnavailable,
			err:   fmt.Errorf("%w: %w", unavailable, jwtverifier.ErrMisconfigured),
			fails: true,
		},
		{
			name:  "two lines",
			want:  jwtverifier.ErrUnavailable,
			err:   fmt.Errorf("one\ntwo: %w", unavailable),
			fails: true,
		},
		{
			name:  "long",
			want:  jwtverifier.ErrUnavailable,
			err:   fmt.Errorf("%s: %w", strings.Repeat("x", 1024), unavailable),
			fails: true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			judged := &failing{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				Outcome(judged, row.want, row.err)
			}()
			<-ended
			assert.Equal(t, row.fails, judged.failed)
		})
	}
}
