package strict

// Union returns the entries of a table for all bytes of s, or-ed. It is how to ask
// whether long strings hold only certain bytes: anybody can have 64 KiB looked at, and
// eight at a time take half as long as one.
func Union(table *[256]byte, s string) byte {
	var all byte
	for ; len(s) >= 8; s = s[8:] {
		all |= table[s[0]] | table[s[1]] | table[s[2]] | table[s[3]] |
			table[s[4]] | table[s[5]] | table[s[6]] | table[s[7]]
	}
	for i := range len(s) {
		all |= table[s[i]]
	}
	return all
}
