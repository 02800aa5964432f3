package hostile_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

func TestSignature(t *testing.T) {
	t.Parallel()
	signature := jwtverifier.ErrSignature
	input := seg64(h0()) + "." + seg64(at0())
	good := rs256Over(key1(), input)
	raw, _ := base64.RawURLEncoding.DecodeString(good[len(input)+1:])
	signed := func(signature []byte) string { return input + "." + seg64(signature) }
	other := jwsOf(key1(), h0("x", `1`), at0("sub", `"v"`))
	oh, rest, _ := strings.Cut(other, ".")
	op, os, _ := strings.Cut(rest, ".")
	h, p, _ := strings.Cut(input, ".")
	s := good[len(input)+1:]
	private := rawOf(key1())
	n := private.n

	rows := []attack{
		{name: "t/100 by a key that is not published", token: jwsOf(keyX(), h0(), at0()), want: signature},
		{name: "t/101 by another published key", token: jwsOf(key2(), h0(), at0()), want: signature},
		{name: "t/101 by K1 under the kid of K2", token: jwsOf(key1(), h0("kid", `"k2"`), at0()), want: signature},
		{name: "t/101 by K2 under its own kid", token: jwsOf(key2(), h0("kid", `"k2"`), at0())},
		{name: "t/102 payload and signature of another", token: h + "." + op + "." + os, want: signature},
		{name: "t/102 signature of another", token: h + "." + p + "." + os, want: signature},
		{name: "t/102 payload of another", token: h + "." + op + "." + s, want: signature},
		{name: "t/102 header of another", token: oh + "." + p + "." + s, want: signature},
		{name: "t/104 signature a byte shorter", token: signed(raw[:len(raw)-1]), want: signature},
		{name: "t/104 signature without its first byte", token: signed(raw[1:]), want: signature},
		{name: "t/104 a zero in front of the signature", token: signed(append([]byte{0}, raw...)), want: signature},
		{name: "t/104 a zero behind the signature", token: signed(append(slices.Clone(raw), 0)), want: signature},
		{name: "t/104 signature twice", token: signed(append(slices.Clone(raw), raw...)), want: signature},
		{name: "t/104 signature plus the modulus", token: signed(new(big.Int).Add(new(big.Int).SetBytes(raw), n).Bytes()), want: signature},
		{
			name:  "t/104 modulus minus the signature",
			token: signed(new(big.Int).Sub(n, new(big.Int).SetBytes(raw)).FillBytes(make([]byte, 256))),
			want:  signature,
		},
		{name: "t/104 the modulus", token: signed(n.Bytes()), want: signature},
		{name: "t/104 zero", token: signed(make([]byte, 256)), want: signature},
		{name: "t/104 one", token: signed(big.NewInt(1).FillBytes(make([]byte, 256))), want: signature},
		{name: "t/104 one byte", token: signed([]byte{1}), want: signature},
		{name: "t/104 all bits set", token: signed(bytes.Repeat([]byte{0xff}, 256)), want: signature},
		{name: "t/104 signature in reverse", token: signed(reversed(raw)), want: signature},
		{name: "t/117 signature of 1,024 bytes", token: signed(append(slices.Clone(raw), make([]byte, 768)...)), want: signature},
		{
			name:  "t/117 signature of 1,025 bytes",
			token: signed(append(slices.Clone(raw), make([]byte, 769)...)),
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
		{
			name:  "t/117 1 MiB of signature",
			token: signed(make([]byte, 1<<20)),
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
		{
			name:  "t/116 encrypted unsigned token",
			token: jweOf(&key1().PublicKey, `{"alg":"RSA-OAEP","enc":"A256GCM","kid":"k1","cty":"JWT"}`, seg64(`{"alg":"none"}`)+"."+p+"."),
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
		{
			name:  "t/116 unsigned token in a signed one",
			token: jwsOf(key1(), h0("cty", `"JWT"`), seg64(`{"alg":"none"}`)+"."+p+"."),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
	}

	// A signature that begins with a zero byte must keep it.
	for i := 0; ; i++ {
		input := seg64(h0()) + "." + seg64(at0("jti", strconv.Itoa(i)))
		token := rs256Over(key1(), input)
		s, _ := base64.RawURLEncoding.DecodeString(token[len(input)+1:])
		if s[0] != 0 {
			continue
		}
		rows = append(rows,
			attack{name: "t/104 signature that begins with a zero", token: token},
			attack{name: "t/104 leading zero left out", token: input + "." + seg64(s[1:]), want: signature},
		)
		break
	}

	digest := sha256.Sum256([]byte(input))
	hash := digest[:]
	der := func(tag byte, content ...[]byte) []byte {
		body := slices.Concat(content...)
		return append([]byte{tag, byte(len(body))}, body...)
	}
	oid := []byte{0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}
	null := []byte{0x05, 0x00}
	info := slices.Concat(sha256Info, hash)
	rows = append(rows, attack{name: "t/105 the right encoding", token: signed(private.sign(padded(256, info)))})
	for name, info := range map[string][]byte{
		"no NULL":                         der(0x30, der(0x30, oid), der(0x04, hash)),
		"two NULLs":                       der(0x30, der(0x30, oid, null, null), der(0x04, hash)),
		"NULL with a content":             der(0x30, der(0x30, oid, []byte{0x05, 0x01, 0x00}), der(0x04, hash)),
		"an empty string for NULL":        der(0x30, der(0x30, oid, []byte{0x04, 0x00}), der(0x04, hash)),
		"NULL with a long length":         der(0x30, der(0x30, oid, []byte{0x05, 0x81, 0x00}), der(0x04, hash)),
		"outer length in long form":       slices.Concat([]byte{0x30, 0x81, 0x31}, info[2:]),
		"outer length in two bytes":       slices.Concat([]byte{0x30, 0x82, 0x00, 0x31}, info[2:]),
		"indefinite outer length":         slices.Concat([]byte{0x30, 0x80}, info[2:], []byte{0, 0}),
		"inner length in long form":       der(0x30, slices.Concat([]byte{0x30, 0x81, 0x0d}, oid, null), der(0x04, hash)),
		"hash length in long form":        der(0x30, der(0x30, oid, null), slices.Concat([]byte{0x04, 0x81, 0x20}, hash)),
		"OID length in long form":         der(0x30, der(0x30, slices.Concat([]byte{0x06, 0x81, 0x09}, oid[2:]), null), der(0x04, hash)),
		"outer length too small":          slices.Concat([]byte{0x30, 0x30}, info[2:]),
		"outer length too large":          slices.Concat([]byte{0x30, 0x32}, info[2:]),
		"trailing byte in the sequence":   der(0x30, der(0x30, oid, null), der(0x04, hash), []byte{0}),
		"trailing NULL in the sequence":   der(0x30, der(0x30, oid, null), der(0x04, hash), null),
		"trailing byte":                   slices.Concat(info, []byte{0}),
		"trailing garbage":                slices.Concat(info, bytes.Repeat([]byte{0xa5}, 100)),
		"OID of SHA-224":                  der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x04}), null), der(0x04, hash)),
		"OID of SHA-384":                  der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x02}), null), der(0x04, hash)),
		"OID of SHA-512/256":              der(0x30, der(0x30, slices.Concat(oid[:10], []byte{0x06}), null), der(0x04, hash)),
		"OID of sha256WithRSAEncryption":  der(0x30, der(0x30, []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}, null), der(0x04, hash)),
		"OID with a leading zero":         der(0x30, der(0x30, slices.Concat([]byte{0x06, 0x0a, 0x80}, oid[2:]), null), der(0x04, hash)),
		"empty OID":                       der(0x30, der(0x30, []byte{0x06, 0x00}, null), der(0x04, hash)),
		"no algorithm":                    der(0x30, der(0x04, hash)),
		"only the hash":                   hash,
		"hash a byte shorter":             der(0x30, der(0x30, oid, null), der(0x04, hash[:31])),
		"hash with a leading zero":        der(0x30, der(0x30, oid, null), der(0x04, []byte{0}, hash)),
		"empty hash":                      der(0x30, der(0x30, oid, null), der(0x04)),
		"a hash of zeros":                 der(0x30, der(0x30, oid, null), der(0x04, make([]byte, 32))),
		"hash as a bit string":            der(0x30, der(0x30, oid, null), der(0x03, []byte{0}, hash)),
		"hash in hexadecimal":             der(0x30, der(0x30, oid, null), der(0x04, fmt.Appendf(nil, "%x", hash))),
		"members in the other order":      der(0x30, der(0x04, hash), der(0x30, oid, null)),
		"a set for a sequence":            slices.Concat([]byte{0x31}, info[1:]),
		"the hash of the hash":            der(0x30, der(0x30, oid, null), der(0x04, sumOf256(hash))),
		"the hash of payload only":        der(0x30, der(0x30, oid, null), der(0x04, sumOf256([]byte(p)))),
		"the hash of the decoded payload": der(0x30, der(0x30, oid, null), der(0x04, sumOf256([]byte(at0())))),
		"nothing":                         {},
	} {
		rows = append(rows, attack{name: "t/105 DigestInfo: " + name, token: signed(private.sign(padded(256, info))), want: signature})
	}
	right := padded(256, info)
	encoding := func(change func(e []byte) []byte) string {
		return signed(private.sign(change(slices.Clone(right))))
	}
	fill := 256 - 3 - len(info)
	for name, change := range map[string]func(e []byte) []byte{
		"block type 0":                     func(e []byte) []byte { e[1] = 0; return e },
		"block type 2":                     func(e []byte) []byte { e[1] = 2; return e },
		"zeros for the padding":            func(e []byte) []byte { clear(e[2 : 2+fill]); return e },
		"a zero inside the padding":        func(e []byte) []byte { e[2+fill/2] = 0; return e },
		"another byte inside the padding":  func(e []byte) []byte { e[2+fill/2] = 0xfe; return e },
		"another first byte of padding":    func(e []byte) []byte { e[2] = 0x7f; return e },
		"another last byte of padding":     func(e []byte) []byte { e[1+fill] = 0xfe; return e },
		"no separator":                     func(e []byte) []byte { e[2+fill] = 0xff; return e },
		"another separator":                func(e []byte) []byte { e[2+fill] = 1; return e },
		"no padding, garbage behind":       func([]byte) []byte { return behind([]byte{0, 1, 0}, info) },
		"8 bytes of padding, the rest 00":  func([]byte) []byte { return behind(padded(11+len(info), info)) },
		"8 bytes of padding, the rest FF":  func([]byte) []byte { return behind(padded(11+len(info), info), bytes.Repeat([]byte{0xff}, 194)) },
		"7 bytes of padding":               func([]byte) []byte { return behind([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 7), []byte{0}, info) },
		"DigestInfo shifted left by one":   func([]byte) []byte { return behind(padded(255, info)) },
		"DigestInfo twice":                 func([]byte) []byte { return padded(256, append(slices.Clone(info), info...)) },
		"the padding only":                 func([]byte) []byte { return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 254)) },
		"ISO 9796 style trailer":           func(e []byte) []byte { e[255] = 0xbc; return e },
		"the complement of the right bits": func(e []byte) []byte { e[255] ^= 0xff; return e },
	} {
		rows = append(rows, attack{name: "t/105 padding: " + name, token: encoding(change), want: signature})
	}
	// Its padding is right, except the first byte, which must be 0.
	rows = append(rows, attack{name: "t/105 padding: first byte 1", want: signature, token: encoding(func(e []byte) []byte {
		e[0] = 1
		if new(big.Int).SetBytes(e).Cmp(n) >= 0 {
			e[0] = 0
			e[1] = 3
		}
		return e
	})})
	hashed := func(hash crypto.Hash, sum []byte) string {
		s, err := rsa.SignPKCS1v15(nil, key1(), hash, sum)
		require.NoError(t, err)
		return signed(s)
	}
	sum1, sum384, sum512 := sha1.Sum([]byte(input)), sha512.Sum384([]byte(input)), sha512.Sum512([]byte(input))
	sum224, sum512256 := sha256.Sum224([]byte(input)), sha512.Sum512_256([]byte(input))
	unhashed, err := rsa.SignPKCS1v15(nil, key1(), 0, hash)
	require.NoError(t, err)
	pss, err := rsa.SignPSS(rand.Reader, key1(), crypto.SHA256, hash, nil)
	require.NoError(t, err)
	rows = append(rows,
		attack{name: "t/106 SHA-1", token: hashed(crypto.SHA1, sum1[:]), want: signature},
		attack{name: "t/106 SHA-224", token: hashed(crypto.SHA224, sum224[:]), want: signature},
		attack{name: "t/106 SHA-384", token: hashed(crypto.SHA384, sum384[:]), want: signature},
		attack{name: "t/106 SHA-512", token: hashed(crypto.SHA512, sum512[:]), want: signature},
		attack{name: "t/106 SHA-512/256", token: hashed(crypto.SHA512_256, sum512256[:]), want: signature},
		attack{name: "t/106 no DigestInfo", token: signed(unhashed), want: signature},
		attack{name: "t/106 PSS", token: signed(pss), want: signature},
	)

	// With e=3 a number whose cube begins like an encoded message can be found
	// without the private key, if what follows the hash is not looked at.
	three := newRawRSA(2048, 3)
	threeJWKS := jwksOf(goodJWK1(), jwkOfNumbers("k3", three.n, three.e))
	threeInput := seg64(h0("kid", `"k3"`)) + "." + seg64(at0())
	threeHash := sha256.Sum256([]byte(threeInput))
	prefix := padded(11+len(sha256Info)+32, slices.Concat(sha256Info, threeHash[:]))
	root := cubeRootAbove(new(big.Int).SetBytes(behind(prefix)))
	cube := new(big.Int).Exp(root, big.NewInt(3), nil).FillBytes(make([]byte, 256))
	require.Equal(t, prefix, cube[:len(prefix)], "the forgery is well made")
	rows = append(rows,
		attack{name: "t/107 e=3, genuine", token: three.token(h0("kid", `"k3"`), at0()), jwks: threeJWKS},
		attack{
			name:  "t/107 e=3, forged by a cube root",
			token: threeInput + "." + seg64(root.FillBytes(make([]byte, 256))),
			want:  signature,
			jwks:  threeJWKS,
		},
		attack{
			name:  "t/107 e=3, cube root without leading zeros",
			token: threeInput + "." + seg64(root.Bytes()),
			want:  signature,
			jwks:  threeJWKS,
		},
	)
	runAttacks(t, "signature", rows)
}

func TestSignatureBits(t *testing.T) {
	t.Parallel()
	header, payload := h0(), at0()
	good := jwsOf(key1(), header, payload)
	input := seg64(header) + "." + seg64(payload)
	signature, _ := base64.RawURLEncoding.DecodeString(good[len(input)+1:])

	// eachBit calls f with b, one bit of it changed at a time.
	eachBit := func(b []byte, f func(changed []byte)) {
		for i := range 8 * len(b) {
			changed := slices.Clone(b)
			changed[i/8] ^= 1 << (i % 8)
			f(changed)
		}
	}
	refused := func(t *testing.T, v *jwtverifier.Verifier, raw string, reasons ...error) {
		token, err := v.VerifyAccessToken(t.Context(), raw)
		require.Nil(t, token)
		var refused *jwtverifier.TokenError
		require.ErrorAs(t, err, &refused)
		require.Contains(t, reasons, refused.Reason)
		refusedBecause(t, err, refused.Reason, raw)
	}
	inBubble := func(t *testing.T, requests []string, f func(*testing.T, *jwtverifier.Verifier)) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			v := site.verifier(t)
			_, err := v.VerifyAccessToken(t.Context(), good)
			require.NoError(t, err)
			f(t, v)
			assert.Equal(t, requests, site.askedFor(), "requests")
		})
	}
	runRow(t, "t/099 each bit of the signature", func(t *testing.T) {
		inBubble(t, onceOrAgain(false), func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit(signature, func(changed []byte) { refused(t, v, input+"."+seg64(changed), jwtverifier.ErrSignature) })
		})
	})
	runRow(t, "t/099 each bit of the payload", func(t *testing.T) {
		inBubble(t, onceOrAgain(false), func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit([]byte(payload), func(changed []byte) {
				refused(t, v, seg64(header)+"."+seg64(changed)+"."+seg64(signature), jwtverifier.ErrSignature)
			})
		})
	})
	runRow(t, "t/099 each bit of the header", func(t *testing.T) {
		// Among the bits are those of kid.
		inBubble(t, onceOrAgain(true), func(t *testing.T, v *jwtverifier.Verifier) {
			eachBit([]byte(header), func(changed []byte) {
				refused(t, v, seg64(changed)+"."+seg64(payload)+"."+seg64(signature),
					jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature)
			})
		})
	})
	runRow(t, "t/100 no request, however old the keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			site := newSite()
			v := site.verifier(t)
			require.NoError(t, v.Prefetch(t.Context()))
			forged := jwsOf(keyX(), h0(), at0("exp", "4102444800"))
			for range 20 {
				time.Sleep(30 * time.Second) // up to 10 min; keys are fetched ahead from 10.5 min on
				_, err := v.VerifyAccessToken(t.Context(), forged)
				refusedBecause(t, err, jwtverifier.ErrSignature, forged)
			}
			assert.Equal(t, 2, site.requests())
		})
	})
}

func sumOf256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func reversed(b []byte) []byte {
	b = slices.Clone(b)
	slices.Reverse(b)
	return b
}

// behind is an encoded message of 256 bytes with zeros at its end.
func behind(parts ...[]byte) []byte {
	e := slices.Concat(parts...)
	return append(e, make([]byte, 256-len(e))...)
}

// cubeRootAbove is the smallest number whose cube is at least n.
func cubeRootAbove(n *big.Int) *big.Int {
	root, three := new(big.Int), big.NewInt(3)
	for bit := n.BitLen()/3 + 1; bit >= 0; bit-- {
		root.SetBit(root, bit, 1)
		if new(big.Int).Exp(root, three, nil).Cmp(n) >= 0 {
			root.SetBit(root, bit, 0)
		}
	}
	return root.Add(root, big.NewInt(1))
}
