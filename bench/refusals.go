package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

const (
	maxToken  = 64 << 10
	maxHeader = 8 << 10

	// The most members and elements that a header may have; just below, since
	// what else it has counts too.
	members  = 40
	elements = 1000
)

type refusal struct {
	name, raw string
	want      error
}

// refusals measures what a token costs that is refused, in multiples of a fresh
// one that is accepted.
func refusals(out io.Writer) {
	issuer := newIssuer()
	good := mint(issuer, nil)
	v := newVerifier(issuer)

	header, _, _ := strings.Cut(good, ".")
	unsigned := good[:strings.LastIndexByte(good, '.')]
	refuse(out, v, good, "Refusals", []refusal{
		{"malformed: no dots", good[:300], jwtverifier.ErrMalformed},
		{"malformed: header is not JSON", "AAAA" + good[len(header):], jwtverifier.ErrMalformed},
		{"over 64 KiB", strings.Repeat("A", maxToken+1), jwtverifier.ErrMalformed},
		{"wrong alg", encode(`{"alg":"HS256","kid":"`+keyID+`"}`) + good[len(header):], jwtverifier.ErrAlgorithm},
		{"unknown kid, within the cooldown", encode(`{"alg":"RS256","kid":"other"}`) + good[len(header):], jwtverifier.ErrUnknownKey},
		{"bad signature", unsigned + "." + wrongSignature, jwtverifier.ErrSignature},
		{"expired", mint(issuer, jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}), jwtverifier.ErrExpired},
	})

	const known = `{"alg":"RS256","kid":"` + keyID + `"`
	full := func(member func(i int) string) string {
		var b strings.Builder
		for i := 0; b.Len() < maxHeader-len(known)-20; i++ {
			b.WriteString("," + member(i))
		}
		return known + b.String() + "}"
	}
	nested := func(open, inner, end string) string {
		depth := (maxHeader - len(known) - 20) / (len(open) + len(end))
		return known + `,"x":` + strings.Repeat(open, depth) + inner + strings.Repeat(end, depth) + "}"
	}
	worst := []refusal{
		{"64 KiB of dots", strings.Repeat(".", maxToken), jwtverifier.ErrMalformed},
		{"64 KiB without a dot", strings.Repeat("A", maxToken), jwtverifier.ErrMalformed},
		{"64 KiB, the last character is not base64url", fill(known+"}", maxToken-1) + "!", jwtverifier.ErrMalformed},
		{"64 KiB of payload, unknown kid", fill(`{"alg":"RS256","kid":"other"}`, maxToken), jwtverifier.ErrUnknownKey},
		{"64 KiB of payload, known kid, bad signature", fill(known+"}", maxToken), jwtverifier.ErrSignature},
		{"48 KiB of header", fill(known+`,"x":"`+strings.Repeat("x", 48<<10)+`"}`, maxToken), jwtverifier.ErrMalformed},
		{"8 KiB header of short members", fill(full(func(i int) string { return fmt.Sprintf(`"%s":0`, short(i)) }), maxToken), nil},
		{"8 KiB header of members with escaped names", fill(full(func(i int) string { return fmt.Sprintf(`"\u%04x":0`, 0x100+i) }), maxToken), nil},
		{"8 KiB header of members with arrays", fill(full(func(i int) string { return fmt.Sprintf(`"%s":[]`, short(i)) }), maxToken), nil},
		{"8 KiB header of nested arrays", fill(nested("[", "0", "]"), maxToken), nil},
		{"8 KiB header of nested objects", fill(nested(`{"":`, "0", "}"), maxToken), nil},
		{"8 KiB header with an array of numbers", fill(known+`,"x":[`+strings.Repeat("0,", 4000)+`0]}`, maxToken), nil},
		{"8 KiB header with an escaped kid", fill(`{"alg":"RS256","kid":"`+strings.Repeat(`\u00e9`, 1100)+`"}`, maxToken), jwtverifier.ErrUnknownKey},
		{"the same 8 KiB header of short members, a payload of 1 KiB", fill(full(func(i int) string { return fmt.Sprintf(`"%s":0`, short(i)) }), 12<<10+300), nil},
	}
	for name, header := range complexHeaders(known) {
		worst = append(worst, refusal{"8 KiB header, as much as is allowed: " + name, fill(header, maxToken), jwtverifier.ErrSignature})
	}
	slices.SortStableFunc(worst, func(a, b refusal) int { return strings.Compare(a.name, b.name) })
	refuse(out, v, good, "The worst that anybody can send", worst)
}

func refuse(out io.Writer, v *jwtverifier.Verifier, good, title string, all []refusal) {
	functions := []func(){accept(v, good)}
	for _, r := range all {
		functions = append(functions, func() { _, _ = v.VerifyAccessToken(context.Background(), r.raw) })
	}
	ns := interleave(500, functions...)
	var rows [][]string
	for i, r := range all {
		_, err := v.VerifyAccessToken(context.Background(), r.raw)
		refused, ok := errors.AsType[*jwtverifier.TokenError](err)
		if !ok || r.want != nil && refused.Reason != r.want {
			panic(fmt.Sprintf("%s: %v", r.name, err))
		}
		count, bytes := allocated(functions[i+1])
		rows = append(rows, []string{r.name, refused.Code(), times(undisturbed(ns[i+1], ns[0])), fmt.Sprint(count), fmt.Sprint(bytes)})
	}
	table(out, title, []string{"", "refused as", "× fresh", "allocations", "bytes"}, rows)
}

// wrongSignature is as long as a 2048-bit key's, and below its modulus.
var wrongSignature = base64.RawURLEncoding.EncodeToString(append([]byte{1}, make([]byte, 255)...))

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// fill returns a token with this header, a wrong signature, and a payload that
// brings it to size bytes, or a little less.
func fill(header string, size int) string {
	head := encode(header)
	room := max(4, size-len(head)-len(wrongSignature)-2) / 4 * 4
	return head + "." + strings.Repeat("A", room) + "." + wrongSignature
}

// complexHeaders are as complex as the package allows, each in its own way.
func complexHeaders(known string) map[string]string {
	member := func(i int) string { return fmt.Sprintf(`,"%s%d":0`, strings.Repeat("x", 150), i) }
	escaped := func(i int) string { return fmt.Sprintf(`,"\u%04x%s":0`, 0x100+i, strings.Repeat("x", 150)) }
	repeat := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return known + b.String()
	}
	return map[string]string{
		"members":                    repeat(members, member) + "}",
		"members with escaped names": repeat(members-5, escaped) + "}",
		"members with names of escapes": repeat(18, func(i int) string {
			return fmt.Sprintf(`,"\u%04x%s":0`, 0x100+i, strings.Repeat(`\u00e9`, 36))
		}) + "}",
		"an array of numbers":   known + `,"x":[` + strings.Repeat("0,", elements/2) + `0]}`,
		"an array of strings":   known + `,"x":[` + strings.Repeat(`"AAAA",`, elements) + `0]}`,
		"an array of exponents": known + `,"x":[` + strings.Repeat(`1.234567890123456789e100,`, elements/32) + `0]}`,
		"half of each":          repeat(members/2-2, escaped) + `,"x":[` + strings.Repeat(`"AAAA",`, elements/2-60) + `0]}`,
		"one string":            known + `,"x":"` + strings.Repeat("x", 8000) + `"}`,
		"escapes":               known + `,"x":"` + strings.Repeat(`\u00e9`, 1090) + `"}`,
	}
}

// short returns one of 3,844 names of two letters or digits.
func short(i int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return string([]byte{letters[i/len(letters)], letters[i%len(letters)]})
}
