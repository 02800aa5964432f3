package testkit

import (
	"flag"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

// TestLeaksAreSeen proves that the check is not blind. It leaks many, since what
// earlier tests started may be ending meanwhile.
func TestLeaksAreSeen(t *testing.T) {
	before := held()
	end := make(chan struct{})
	for range 100 {
		go func() { <-end }()
	}
	assert.True(t, held().exceeds(resources{before.goroutines + 50, before.sockets + 1000}), "goroutines")
	close(end)
	if _, err := os.Stat(descriptors); err != nil {
		t.Skip("this system does not say which sockets are open")
	}
	for range 10 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
	}
	assert.True(t, held().exceeds(resources{before.goroutines + 1000, before.sockets + 5}), "sockets")
	assert.False(t, held().exceeds(resources{before.goroutines + 1000, before.sockets + 1000}), "where there is no leak")
}

// TestRestoredWaits: what ends a little later is no leak.
func TestRestoredWaits(t *testing.T) {
	before := held()
	go time.Sleep(200 * time.Millisecond)
	assert.True(t, before.restored())
}

// TestAllSelected: a run of some of the tests does not count as one of all.
func TestAllSelected(t *testing.T) {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		value := flag.Lookup(name).Value
		before := value.String()
		require.NoError(t, value.Set("some"))
		assert.False(t, allSelected(), name)
		require.NoError(t, value.Set(before))
	}
}
