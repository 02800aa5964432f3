package main

import (
	"fmt"
	"io"
)

// peers compares the contestants on one token.
func peers(out io.Writer) {
	issuer := newIssuer()
	raw := mint(issuer, nil)
	key := public(issuer)
	all := contestants(issuer)
	names := []string{"the floor: base64, SHA-256, `rsa.VerifyPKCS1v15`", "the floor once more (noise)"}
	functions := []func(){func() { floor(key, raw) }, func() { floor(key, raw) }}
	for _, c := range all {
		check(admit(c, issuer))
		names = append(names, c.name+version(c.module))
		functions = append(functions, func() {
			sub, cid, err := c.verify(raw)
			check(err)
			if sub != subject || cid != client {
				panic(c.name + ": other claims than the token's")
			}
		})
	}

	ns := interleave(2000, functions...)
	var rows [][]string
	for i, name := range names {
		count, bytes := allocated(functions[i])
		rows = append(rows, []string{name, times(ratio(ns[i], ns[0])), times(undisturbed(ns[i], ns[0])),
			fmt.Sprint(count), fmt.Sprint(bytes), fmt.Sprintf("%.0f", median(ns[i]))})
	}
	table(out, fmt.Sprintf("One access token of %d bytes, %d claims, RS256 with 2048 bits", len(raw), len(claims())),
		[]string{"", "× floor, median", "× floor, undisturbed", "allocations", "bytes", "ns (here; not portable)"}, rows)

	fresh, remembered := ns[2], ns[4]
	note(out, "A remembered token costs 1/%.0f of a fresh one.", undisturbed(fresh, remembered))
}
