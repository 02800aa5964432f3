package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits on what a terminal is shown.
const (
	maxValueText = 100 // bytes of a claim or parameter
	maxURLText   = 200
	maxReason    = 300
	maxErrorText = 900
	maxLines     = 40 // members of a token, or keys
)

const timeFormat = "2006-01-02 15:04:05 UTC"

// page is the text that is being written.
type page struct {
	bytes.Buffer
	colour bool
}

// The colours are those of ANSI, so that they fit the terminal's own scheme.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *page) paint(code, s string) string {
	if !p.colour || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

func (p *page) heading(title, note string) {
	p.line("%s", strings.TrimRight(p.paint(bold, title)+"  "+p.paint(dim, note), " "))
}

// text returns the report for people.
func (r *report) text(colour bool) []byte {
	p := &page{colour: colour}
	r.writeToken(p)
	p.line("")
	r.writeServer(p)
	p.line("")
	r.writeRules(p)
	p.line("")
	r.writeVerdict(p)
	return p.Bytes()
}

func (r *report) writeToken(p *page) {
	note := "what it says of itself; not verified, anybody could have written it"
	if r.Token.Verified {
		note = "what it says, signed by the issuer"
	}
	p.heading("Token", note)
	if len(r.Token.Header)+len(r.Token.Claims) == 0 {
		p.line("    nothing in it can be read")
	}
	r.writeMembers(p, r.Token.Header, readHeader, nil)
	if len(r.Token.Header) > 0 && len(r.Token.Claims) > 0 {
		p.line("")
	}
	r.writeMembers(p, r.Token.Claims, readClaims, r.Token.Times)
}

// writeMembers writes those that rules read, in their order, then the others.
func (r *report) writeMembers(p *page, m map[string]json.RawMessage, order []string, times map[string]moment) {
	names := slices.DeleteFunc(slices.Clone(order), func(name string) bool { return m[name] == nil })
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(order, name) {
			names = append(names, name)
		}
	}
	for i, name := range names {
		if i == maxLines {
			p.line("    … and %d more", len(names)-i)
			return
		}
		text := value(m[name])
		if t, ok := times[name]; ok {
			text = t.At.Format(timeFormat) + ", " + t.relative(name)
		}
		p.line("    %-10s %s", plain(name, maxValueText), text)
	}
}

// relative says how far the time of a claim is from now.
func (m moment) relative(claim string) string {
	d := time.Duration(m.Seconds) * time.Second
	words := map[string][2]string{ // past, future
		"auth_time": {"logged in %s ago", "logged in %s from now"},
		"iat":       {"issued %s ago", "issued %s from now"},
		"nbf":       {"began %s ago", "begins in %s"},
		"exp":       {"expired %s ago", "expires in %s"},
	}[claim]
	if d <= 0 {
		return fmt.Sprintf(words[0], span(-d))
	}
	return fmt.Sprintf(words[1], span(d))
}

// span is a duration as people say it.
func span(d time.Duration) string {
	d = d.Round(time.Second)
	unit := func(big, small time.Duration, bigName, smallName string) string {
		text := fmt.Sprintf("%d %s", d/big, bigName)
		if rest := d % big / small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, smallName)
		}
		return text
	}
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 10*time.Minute: // here a leeway can matter
		return unit(time.Minute, time.Second, "min", "s")
	}
	d = d.Round(time.Minute)
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return unit(time.Hour, time.Minute, "h", "min")
	}
	return unit(day, time.Hour, "d", "h")
}

func (r *report) writeServer(p *page) {
	p.heading("Discovery", "of "+plain(r.Issuer, maxURLText))
	if !r.discovery {
		p.line("    skipped, as -jwks-url says: that the keys are the issuer's is your word")
	}
	if r.interrupted {
		p.line("    %s ended before the server had answered", p.paint(red, "✗"))
	}
	r.writeFetches(p, "metadata")

	usable := 0
	for _, k := range r.Keys {
		if k.Usable {
			usable++
		}
	}
	p.line("")
	note := "none"
	if len(r.Keys) > 0 {
		note = fmt.Sprintf("%d usable, %d skipped", usable, len(r.Keys)-usable)
	}
	p.heading("Keys", note)
	r.writeFetches(p, "keys")
	// The token's first: with many keys the rest is cut.
	keys := slices.Clone(r.Keys)
	slices.SortStableFunc(keys, func(a, b keyEntry) int { return rank(a) - rank(b) })
	for i, k := range keys {
		if i == maxLines {
			p.line("      … and %d more", len(keys)-i)
			break
		}
		mark, text := p.paint(green, "✓"), "usable"
		if !k.Usable {
			mark, text = p.paint(dim, "–"), p.paint(dim, "skipped: "+plain(k.Reason, maxReason))
		}
		if k.Token {
			text += p.paint(bold, ", the one that the token names")
		}
		name := "(no kid)"
		if k.KeyID != "" {
			name = plain(k.KeyID, maxValueText)
		}
		p.line("      %s %-20s %s", mark, name, text)
	}
}

func rank(k keyEntry) int {
	if k.Token {
		return 0
	}
	return 1
}

func (r *report) writeFetches(p *page, document string) {
	for _, f := range r.Fetches {
		if f.Document != document {
			continue
		}
		mark, status, size := p.paint(green, "✓"), "–", "–"
		if !f.Accepted {
			mark = p.paint(red, "✗")
		}
		if f.Status != 0 {
			status = strconv.Itoa(f.Status)
		}
		if f.Bytes > 0 {
			size = fmt.Sprintf("%d B", f.Bytes)
		}
		took := fmt.Sprintf("%.0f ms", f.Milliseconds)
		if f.Milliseconds < 10 {
			took = fmt.Sprintf("%.1f ms", f.Milliseconds)
		}
		p.line("    %s %3s %9s %8s  %s", mark, status, size, took, plain(f.URL, maxURLText))
		if f.Error != "" {
			p.line("                                %s", plain(f.Error, maxReason))
		}
	}
}

func (r *report) writeRules(p *page) {
	p.heading("Rules", "for "+kindName(r.Kind)+", in the order in which a service checks them; the leeway is "+span(r.leeway))
	for _, rule := range r.Rules {
		name := fmt.Sprintf("%-10s", rule.Name)
		switch rule.Result {
		case passed:
			p.line("    %s %s %s", p.paint(green, "✓"), name, rule.Text)
		case failed:
			p.line("    %s %s %s", p.paint(red, "✗"), p.paint(bold, name), p.paint(red, plain(rule.Text, maxReason)))
			r.writeSays(p, rule)
		case unavailable:
			p.line("    %s %s %s", p.paint(yellow, "?"), p.paint(bold, name), p.paint(yellow, rule.Text))
		case notAsked:
			p.line("    %s %s %s", p.paint(yellow, "·"), name, p.paint(yellow, rule.Text))
		default:
			p.line("    %s %s", p.paint(dim, "–"), p.paint(dim, strings.TrimRight(name, " ")))
		}
	}
}

// writeSays writes what the token says below what was wanted, for comparison.
func (r *report) writeSays(p *page, rule ruleResult) {
	const indent = "                 "
	for _, s := range rule.Says {
		text := "nothing"
		if s.Value != nil {
			text = value(s.Value)
		}
		if t, ok := r.Token.Times[s.Name]; ok && s.In == "payload" {
			text = t.At.Format(timeFormat) + ", " + t.relative(s.Name)
		}
		where := ""
		if s.Name != rule.Name {
			where = fmt.Sprintf("  (%s of the %s)", s.Name, s.In)
		}
		p.line("%ssays  %s%s", indent, text, p.paint(dim, where))
	}
	if len(rule.Want) > 0 {
		wanted := make([]string, len(rule.Want))
		for i, w := range rule.Want {
			wanted[i] = quote(w)
		}
		text := strings.Join(wanted, ", ")
		if _, ok := r.Token.Times[rule.Name]; ok {
			text = rule.Want[0] // words, not a value
		}
		p.line("%swant  %s", indent, text)
	}
}

func (r *report) writeVerdict(p *page) {
	switch r.Verdict {
	case accepted:
		end := ""
		if t, ok := r.Token.Times["exp"]; ok {
			end = " It " + t.relative("exp") + "."
		}
		p.line("%s as %s.%s", p.paint(bold+";"+green, "Accepted"), kindName(r.Kind), end)
	case refused:
		p.line("%s as %s: %s", p.paint(bold+";"+red, "Refused"), kindName(r.Kind), plain(strings.TrimPrefix(r.Error, "jwtverifier: "), maxErrorText))
	default:
		p.line("%s: the server's keys could not be had, which says nothing about the token.", p.paint(bold+";"+yellow, "Not judged"))
		if r.RetryAfter >= 2 {
			p.line("A service would ask again in %s.", span(time.Duration(r.RetryAfter*float64(time.Second))))
		}
	}
	for _, h := range r.Hints {
		p.line("%s %s", p.paint(yellow, "hint:"), h) // foreign text in it is quoted
	}
}

func kindName(kind string) string {
	if kind == kindID {
		return "an ID token"
	}
	return "an access token"
}

// value is a JSON value of the token's, on one line.
func value(raw json.RawMessage) string {
	var list []string
	if s := str(raw); s != "" {
		return quote(s)
	} else if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		for i := range list {
			list[i] = strconv.QuoteToASCII(list[i])
		}
		return cut(strings.Join(list, ", "), maxValueText)
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "?"
	}
	return plain(b.String(), maxValueText)
}

// quote returns foreign text in quotes and in ASCII: what a terminal would obey
// is escaped, and letters that only look alike look different.
func quote(s string) string { return cut(strconv.QuoteToASCII(s), maxValueText) }

// plain is the same without quotes, for text that has its own.
func plain(s string, limit int) string {
	var b strings.Builder
	for _, c := range s[:min(len(s), limit+1)] {
		if c >= ' ' && c < 0x7f {
			b.WriteRune(c)
		} else {
			escaped := strconv.QuoteRuneToASCII(c)
			b.WriteString(escaped[1 : len(escaped)-1])
		}
	}
	return cut(b.String(), limit)
}

// cut returns at most limit bytes of ASCII.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
