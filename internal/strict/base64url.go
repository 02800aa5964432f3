package strict

import "encoding/base64"

// Base64URL is RFC 7515's base64url, without padding. Decode only what
// [IsBase64URL] has accepted: the standard library skips line breaks.
var Base64URL = base64.RawURLEncoding.Strict()

// IsBase64URL reports whether s is strict base64url, one spelling only: without
// padding and line breaks (which the standard library's decoder skips even when
// it is strict), and with zero trailing bits. It costs a fraction of decoding:
// what anybody can send is not decoded before there is a reason to.
func IsBase64URL(s string) bool {
	if s == "" {
		return true
	}
	seen := Union(&digit, s)
	unused := [4]byte{0: 0, 2: 0b1111, 3: 0b11} // bits of the last digit
	return seen&noDigit == 0 && len(s)%4 != 1 && digit[s[len(s)-1]]&unused[len(s)%4] == 0
}

// digit is the value of each base64url digit, and noDigit for other bytes.
var digit = func() (values [256]byte) {
	for i := range values {
		values[i] = noDigit
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		values[c] = byte(i)
	}
	return values
}()

const noDigit = 1 << 6
