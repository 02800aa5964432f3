// Mutate changes one thing at a time in a Go package and runs its tests: what
// they do not notice, nothing tests. .ci/mutation.sh says how it is used.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	pkg      = flag.String("package", ".", "the folder of the package, from the root of its module")
	suites   = flag.String("suites", "", "folders of further tests, with commas between, for what survives the package's own")
	sample   = flag.Int("sample", 0, "how many mutants to draw by lot; 0 means all")
	seed     = flag.Uint64("seed", 1, "what the lot depends on")
	tags     = flag.String("tags", "", "build tags")
	skip     = flag.String("skip", "^$", "tests that are not run")
	listed   = flag.String("equivalents", "", "file with the mutants that no test can notice")
	parallel = flag.Int("parallel", 2, "mutants at work at the same time")
	least    = flag.Int("least", 95, "percentage of the covered mutants that must be killed")
	verbose  = flag.Bool("v", false, "also print what is killed, and by which test")
	list     = flag.Bool("list", false, "print the mutants, and do nothing")
)

func main() {
	flag.Parse()
	ok, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// A fate is what became of a mutant.
type fate int

const (
	survived fate = iota
	killed
	notViable // it does not compile
)

func run() (bool, error) {
	start := time.Now()
	all, sources, err := candidates()
	if err != nil {
		return false, err
	}
	if *list {
		for _, m := range all {
			fmt.Printf("%d:%d: %s\n", m.line, m.col, m.listedAs())
		}
		return true, nil
	}

	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(work)
	tests, err := baseline(work)
	if err != nil {
		return false, err
	}
	known, err := equivalents()
	if err != nil {
		return false, err
	}

	covered := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool {
		return !slices.ContainsFunc(tests, func(s suite) bool { return s.covers(m) })
	})
	drawn := draw(covered)
	fates := make([]fate, len(drawn))
	var group sync.WaitGroup
	next := make(chan int)
	for worker := range *parallel {
		group.Go(func() {
			dir := filepath.Join(work, strconv.Itoa(worker))
			for i := range next {
				fates[i] = judge(dir, drawn[i], sources[drawn[i].file], tests)
			}
		})
	}
	for i := range drawn {
		if i%100 == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d\n", *pkg, i, len(drawn))
		}
		next <- i
	}
	close(next)
	group.Wait()

	count := map[fate]int{}
	equivalent := 0
	for i, m := range drawn {
		switch {
		case fates[i] == survived && known[m.listedAs()]:
			equivalent++
			continue
		case fates[i] == survived:
			fmt.Printf("survived at %d:%d: %s\n", m.line, m.col, m.listedAs())
		case fates[i] == killed && known[m.listedAs()]:
			fmt.Printf("listed as equivalent, but killed: %s\n", m.listedAs())
		}
		count[fates[i]]++
	}
	total := count[killed] + count[survived]
	fmt.Printf("%s: killed %d of %d covered mutants, %.1f %%; %d more are equivalent, %d do not compile; drawn %d of %d covered, %d are not covered; %d s\n",
		*pkg, count[killed], total, 100*float64(count[killed])/float64(max(1, total)), equivalent, count[notViable],
		len(drawn), len(covered), len(all)-len(covered), int(time.Since(start).Seconds()))
	return total > 0 && 100*count[killed] >= *least*total, nil
}

// candidates returns all mutants of the package, and the files.
func candidates() (all []mutant, sources map[string][]byte, err error) {
	names, err := output("go", "list", "-tags", *tags, "-f", `{{join .GoFiles "\n"}}`, "./"+*pkg)
	if err != nil {
		return nil, nil, err
	}
	sources = map[string][]byte{}
	for _, name := range strings.Fields(names) {
		file := filepath.Join(*pkg, name)
		if sources[file], err = os.ReadFile(file); err != nil {
			return nil, nil, err
		}
		found, err := mutants(file, sources[file])
		if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
	}
	return all, sources, nil
}

// draw returns as many as -sample says, in the order of the source.
func draw(from []mutant) []mutant {
	if *sample == 0 || *sample >= len(from) {
		return from
	}
	lot := rand.New(rand.NewPCG(*seed, 0)).Perm(len(from))[:*sample]
	slices.Sort(lot)
	drawn := make([]mutant, len(lot))
	for i, n := range lot {
		drawn[i] = from[n]
	}
	return drawn
}

// A suite is the tests of one folder.
type suite struct {
	dir    string
	took   time.Duration
	blocks map[string][]block // by file
}

type block struct {
	startLine, startCol, endLine, endCol int
	reached                              bool
}

// baseline runs the tests without a mutation: nothing must fail, or every mutant
// would count as killed.
func baseline(work string) (tests []suite, err error) {
	dirs := []string{*pkg}
	if *suites != "" {
		dirs = append(dirs, strings.Split(*suites, ",")...)
	}
	for _, dir := range dirs {
		profile := filepath.Join(work, "profile")
		if _, err := output("go", "test", "-c", "-vet=off", "-tags", *tags, "-cover", "-coverpkg=./"+*pkg, "-o", filepath.Join(work, "base"), "./"+dir); err != nil {
			return nil, err
		}
		if _, err := os.Stat(filepath.Join(work, "base")); err != nil {
			return nil, fmt.Errorf("%s: no tests", dir)
		}
		start := time.Now()
		if err := execute(filepath.Join(work, "base"), dir, 20*time.Minute, "-test.coverprofile", profile); err != nil {
			return nil, fmt.Errorf("without a mutation, the tests of %s: %w", dir, err)
		}
		s := suite{dir: dir, took: time.Since(start)}
		if s.blocks, err = readProfile(profile); err != nil {
			return nil, err
		}
		tests = append(tests, s)
		if err := os.Remove(filepath.Join(work, "base")); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

var profileLine = regexp.MustCompile(`^(?:.*/)?([^/]+\.go):(\d+)\.(\d+),(\d+)\.(\d+) \d+ (\d+)$`)

func readProfile(profile string) (map[string][]block, error) {
	text, err := os.ReadFile(profile)
	if err != nil {
		return nil, err
	}
	blocks := map[string][]block{}
	for line := range strings.Lines(string(text)) {
		if parts := profileLine.FindStringSubmatch(strings.TrimSpace(line)); parts != nil {
			var n [5]int
			for i := range n {
				n[i], _ = strconv.Atoi(parts[i+2])
			}
			file := filepath.Join(*pkg, parts[1])
			blocks[file] = append(blocks[file], block{n[0], n[1], n[2], n[3], n[4] > 0})
		}
	}
	return blocks, nil
}

// covers reports whether the suite reaches the mutant. Conditions of cases, and
// constants, are in no block of a profile, and count as reached.
func (s suite) covers(m mutant) bool {
	for _, b := range s.blocks[m.file] {
		after := m.line > b.startLine || m.line == b.startLine && m.col >= b.startCol
		before := m.line < b.endLine || m.line == b.endLine && m.col < b.endCol
		if after && before {
			return b.reached
		}
	}
	return true
}

// judge builds each suite with the mutant in it, and runs it.
func judge(work string, m mutant, source []byte, tests []suite) fate {
	must(os.MkdirAll(work, 0o700))
	original, err := filepath.Abs(m.file)
	must(err)
	changed, overlay, binary := filepath.Join(work, "mutant.go"), filepath.Join(work, "overlay.json"), filepath.Join(work, "tests")
	must(os.WriteFile(changed, m.apply(source), 0o600))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	must(err)
	must(os.WriteFile(overlay, replace, 0o600))
	for _, s := range tests {
		if !s.covers(m) {
			continue
		}
		if _, err := output("go", "test", "-c", "-vet=off", "-tags", *tags, "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./"+s.dir); err != nil {
			return notViable
		}
		if err := execute(binary, s.dir, 3*s.took+10*time.Second, "-test.failfast"); err != nil {
			if *verbose {
				fmt.Printf("killed by %s at %d:%d: %s\n", killer(err), m.line, m.col, m.listedAs())
			}
			return killed
		}
	}
	return survived
}

var failure = regexp.MustCompile(`--- FAIL: (\S+)|(?m)^(panic: .*|fatal error: .*)$`)

// killer is the first test that failed, or how the tests ended.
func killer(err error) string {
	first := failure.FindStringSubmatch(err.Error())
	if first == nil {
		return strings.TrimSpace(strings.SplitN(err.Error(), "\n", 2)[0])
	}
	return first[1] + first[2]
}

// execute runs a test binary. A mutant that never ends, or takes all the memory,
// is ended.
func execute(binary, dir string, limit time.Duration, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	args = append([]string{"-c", `ulimit -v 8000000; exec "$0" "$@"`, binary,
		"-test.short", "-test.skip", *skip, "-test.timeout", limit.String()}, args...)
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// equivalents reads the list: a mutant a line, and its reason in indented lines.
func equivalents() (map[string]bool, error) {
	known := map[string]bool{}
	if *listed == "" {
		return known, nil
	}
	text, err := os.ReadFile(*listed)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if strings.Contains(lines.Text(), "«") && !strings.HasPrefix(lines.Text(), "#") {
			known[lines.Text()] = true
		}
	}
	return known, lines.Err()
}

func (m mutant) listedAs() string { return m.file + ": " + m.name }

func output(command ...string) (string, error) {
	out, err := exec.Command(command[0], command[1:]...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, exit.Stderr)
	}
	return string(out), err
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
