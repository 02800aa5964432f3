package main

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// footprint builds one program for each library, a server with one guarded route,
// and prints what is linked into it.
func footprint(out io.Writer) {
	const peer = "golangjwt" // what sizes are compared with
	programs := []struct{ library, rest, dir, tags, module string }{
		{"net/http", ", and no guard", "nethttp", "", ""},
		{"golang-jwt", ", and a key set of one's own", peer, "", "github.com/golang-jwt/jwt/v5"},
		{"jwtverifier", "", "jwtverifier", "", "example.com/jwtverifier"},
		{"jwtverifier", " with the tag `jwtverifier_nojwx`", "jwtverifier", "jwtverifier_nojwx", "example.com/jwtverifier"},
		{"go-oidc", "", "gooidc", "", "github.com/coreos/go-oidc/v3"},
		{"keyfunc", ", with golang-jwt", "keyfunc", "", "github.com/MicahParks/keyfunc/v3"},
		{"okta-jwt-verifier", "", "okta", "", "github.com/okta/okta-jwt-verifier-golang/v2"},
	}
	dir := must(os.MkdirTemp("", "footprint"))
	defer os.RemoveAll(dir)

	sizes := make([]int64, len(programs))
	others := make([]int, len(programs)) // modules, except the library's own
	names := make([]string, len(programs))
	var unit int64
	for i, p := range programs {
		binary := filepath.Join(dir, "program")
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags", p.tags, "-o", binary, "./footprint/"+p.dir)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		check(build.Run())
		sizes[i] = must(os.Stat(binary)).Size()
		names[i] = p.library
		for _, m := range must(buildinfo.ReadFile(binary)).Deps {
			switch {
			case m.Path != p.module:
				others[i]++
			case m.Replace == nil: // this one's version is the checkout
				names[i] += " " + m.Version
			}
		}
		names[i] += p.rest
		if p.dir == peer {
			unit = sizes[i]
		}
	}

	var rows [][]string
	for i := range programs {
		rows = append(rows, []string{names[i], fmt.Sprint(others[i]), fmt.Sprint(sizes[i]), fmt.Sprintf("%.2f", float64(sizes[i])/float64(unit))})
	}
	table(out, "What an embedder links: a net/http server with one guarded route",
		[]string{"", "other modules linked", "bytes", "× golang-jwt"}, rows)
	note(out, "Built with `CGO_ENABLED=0 go build -trimpath -ldflags='-s -w'`; modules as `go version -m` lists them.")
}
