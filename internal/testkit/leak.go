// Package testkit is what the tests of several packages share: the check for
// leaks, and an issuer whose answers and clock a test decides. Only tests import it.
package testkit

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and then looks for what they left behind: there
// must be no more goroutines and no more open sockets than before. The checks, if
// there are any, are about the whole suite: they are made when all tests ran, and
// passed.
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
func Main(m *testing.M, checks ...func() error) {
	flag.Parse()
	before := held()
	code := m.Run()
	if code == 0 && allSelected() {
		for _, check := range checks {
			if err := check(); err != nil {
				fmt.Printf("FAIL: %v\n", err)
				code = 1
			}
		}
	}
	if code == 0 && !fuzzing() && !before.restored() {
		code = 1
	}
	os.Exit(code)
}

// allSelected reports whether no flag selects some of the tests.
func allSelected() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return true
}

// resources are what a process holds.
type resources struct{ goroutines, sockets int }

func held() resources { return resources{runtime.NumGoroutine(), openSockets()} }

// exceeds reports whether r is more than before, in one of the two.
func (r resources) exceeds(before resources) bool {
	return r.goroutines > before.goroutines || r.sockets > before.sockets
}

// restored waits a little, since a connection's goroutines end after it.
func (r resources) restored() bool {
	// What tests asked for with http.Get and the like is none of the package's.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for range 100 {
		if !held().exceeds(r) {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Printf("FAIL: leak: before %+v, after %+v\n", r, held())
	_ = pprof.Lookup("goroutine").WriteTo(os.Stdout, 1)
	return false
}

// openSockets returns how many sockets the process has open, 0 where the system
// does not say.
func openSockets() int {
	entries, err := os.ReadDir(descriptors)
	if err != nil {
		return 0
	}
	n := 0
	for _, entry := range entries {
		if target, err := os.Readlink(descriptors + "/" + entry.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

const descriptors = "/proc/self/fd"

// fuzzing reports whether the process fuzzes, or works for one that does: then
// goroutines of the fuzzing engine are left.
func fuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			return true
		}
	}
	return false
}

// OwnGoroutines counts the goroutines that the root package and internal/web have
// started and that still run.
func OwnGoroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("\ncreated by example.com/jwtverifier.")) +
		bytes.Count(stacks, []byte("\ncreated by example.com/jwtverifier/internal/web."))
}
