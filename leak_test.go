package jwtverifier_test

import (
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

// TestMain runs the suite and then looks for what it left behind: there must be
// no more goroutines and no more open sockets than before.
func TestMain(m *testing.M) {
	flag.Parse()
	goroutines, sockets := runtime.NumGoroutine(), leakOpenSockets()
	code := m.Run()
	if code == 0 && !leakFuzzing() && !leftNothing(goroutines, sockets) {
		code = 1
	}
	os.Exit(code)
}

// leftNothing waits a little, since a connection's goroutines end after it.
func leftNothing(goroutines, sockets int) bool {
	// What tests asked for with http.Get and the like is none of the package's.
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for range 100 {
		if !leaked(goroutines, sockets) {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Printf("FAIL: leak: %d goroutines and %d sockets before, %d and %d after\n",
		goroutines, sockets, runtime.NumGoroutine(), leakOpenSockets())
	_ = pprof.Lookup("goroutine").WriteTo(os.Stdout, 1)
	return false
}

// leaked reports whether there are more than before.
func leaked(goroutines, sockets int) bool {
	return runtime.NumGoroutine() > goroutines || leakOpenSockets() > sockets
}

// leakOpenSockets returns how many sockets the process has open, 0 where the system
// does not say.
func leakOpenSockets() int {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, entry := range entries {
		if target, err := os.Readlink(dir + "/" + entry.Name()); err == nil && strings.HasPrefix(target, "socket:") {
			n++
		}
	}
	return n
}

// leakFuzzing reports whether the process fuzzes, or works for one that does.
func leakFuzzing() bool {
	for _, name := range []string{"test.fuzz", "test.fuzzworker"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" && f.Value.String() != "false" {
			return true
		}
	}
	return false
}

// TestLeakCheckSees proves that the check after the suite is not blind. It leaks
// many, since what earlier tests started may be ending meanwhile.
func TestLeakCheckSees(t *testing.T) {
	goroutines, sockets := runtime.NumGoroutine(), leakOpenSockets()
	end := make(chan struct{})
	for range 100 {
		go func() { <-end }()
	}
	if !leaked(goroutines+50, sockets+1000) {
		t.Error("goroutines are not seen")
	}
	close(end)
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("this system does not say which sockets are open")
	}
	for range 10 {
		defer newMatrixServer(t).close()
	}
	if !leaked(goroutines+1000, sockets+5) {
		t.Error("listening sockets are not seen")
	}
	if leaked(goroutines+1000, sockets+1000) {
		t.Error("a leak is seen where there is none")
	}
}
