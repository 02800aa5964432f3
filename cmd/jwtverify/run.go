package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"example.com/jwtverifier"
)

// The exit statuses. 64 is EX_USAGE of sysexits.h.
const (
	exitAccepted    = 0
	exitRefused     = 1
	exitUnavailable = 2
	exitUsage       = 64
)

// console is where a run reads and writes.
type console struct {
	in        io.Reader
	out, errs io.Writer
	prompt    bool // somebody sits at in
	colour    bool // out understands it, and nobody objects
}

// run is the whole command. It returns the exit status.
func run(ctx context.Context, args []string, c console) int {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		io.WriteString(c.out, usage())
		return exitAccepted
	}
	var verifier *jwtverifier.Verifier
	watch := &watcher{}
	if err == nil {
		verifier, err = o.verifier(watch)
	}
	var in input
	if err == nil {
		in, err = readToken(o.file, c)
	}
	if err != nil {
		fmt.Fprintf(c.errs, "jwtverify: %s\n", plain(bare(err), maxErrorText))
		fmt.Fprintln(c.errs, "jwtverify -h lists the flags")
		return exitUsage
	}

	// From here on an interrupt ends the waiting, and what is known is reported.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	r := judge(ctx, verifier, watch, o, in)
	if o.json {
		c.out.Write(r.json())
	} else {
		c.out.Write(r.text(c.colour))
	}
	switch r.Verdict {
	case accepted:
		return exitAccepted
	case refused:
		return exitRefused
	}
	return exitUnavailable
}

// readToken reads the token from the file, or from standard input without one.
func readToken(file string, c console) (input, error) {
	from, name := c.in, "standard input"
	switch {
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return input{}, err
		}
		defer f.Close()
		from, name = f, file
	case c.prompt:
		// A terminal's line discipline cuts lines there.
		fmt.Fprintln(c.errs, "Paste the token, then press Enter and Ctrl-D. For more than 4,000 bytes use -file.")
	}
	text, err := io.ReadAll(io.LimitReader(from, maxInputBytes))
	if err != nil {
		return input{}, fmt.Errorf("reading %s: %w", name, err)
	}
	in := clean(string(text))
	if in.raw == "" {
		return input{}, fmt.Errorf("no token in %s", name)
	}
	return in, nil
}
