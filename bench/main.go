// Bench measures what verifying a token costs: against the least that it can
// cost, and against other libraries.
//
//	go run .                    every figure, as Markdown
//	go run . -write FILE        the same into a file
//	go run . -only peers,cores  some of the sections
//	go run . -guard             fails if a ratio or a number of allocations has become worse
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
)

var sections = []struct {
	name  string
	print func(io.Writer)
}{
	{"peers", peers},
	{"refusals", refusals},
	{"algorithms", algorithms},
	{"keys", keys},
	{"remembered", remembered},
	{"caches", caches},
	{"sizes", sizes},
	{"cores", cores},
	{"refreshes", refreshes},
	{"memory", memory},
	{"footprint", footprint},
}

func main() {
	file := flag.String("write", "", "write the Markdown to this file")
	only := flag.String("only", "", "sections to measure, with commas between; all of them if empty")
	guarding := flag.Bool("guard", false, "compare with the limits and exit with 1 if one is broken")
	flag.Parse()
	if *guarding {
		if !guard(os.Stdout) {
			os.Exit(1)
		}
		return
	}

	var document bytes.Buffer
	out := io.MultiWriter(os.Stdout, &document)
	fmt.Fprintf(out, "Measured with %s on %s/%s, %d cores. Interleaved rounds in one process; absolute times are not portable.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, s := range sections {
		if *only == "" || slices.Contains(strings.Split(*only, ","), s.name) {
			s.print(out)
		}
	}
	if *file != "" {
		check(os.WriteFile(*file, document.Bytes(), 0o644))
	}
}

// table prints a Markdown table. The first column is text, the others numbers.
func table(out io.Writer, title string, header []string, rows [][]string) {
	fmt.Fprintf(out, "\n### %s\n\n| %s |\n|---|%s\n", title, strings.Join(header, " | "), strings.Repeat("--:|", len(header)-1))
	for _, row := range rows {
		fmt.Fprintf(out, "| %s |\n", strings.Join(row, " | "))
	}
}

func note(out io.Writer, format string, args ...any) { fmt.Fprintf(out, "\n"+format+"\n", args...) }

// times prints a ratio, small ones as fractions.
func times(r float64) string {
	switch {
	case r < 0.2:
		return fmt.Sprintf("1/%.0f", 1/r)
	case r < 10:
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.0f", r)
}
