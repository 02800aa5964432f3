package hostile_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bubbleStart is the time at which a synctest bubble begins.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// The keys: K1, K2 and K3 are published or can be, KX never is.
var (
	key1 = sync.OnceValue(newRSAKey)
	key2 = sync.OnceValue(newRSAKey)
	key3 = sync.OnceValue(newRSAKey)
	keyX = sync.OnceValue(newRSAKey)
)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// seg64 returns the base64url of s, as it stands in a token.
func seg64[T ~string | ~[]byte](s T) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// rs256Over returns input with its RS256 signature behind it, whatever the input.
// A signature is always the same, and costs a hundred times as much as a look at
// it, so that each is made once.
func rs256Over(key *rsa.PrivateKey, input string) string {
	digest := sha256.Sum256([]byte(input))
	type signing struct {
		key    *rsa.PrivateKey
		digest [sha256.Size]byte
	}
	made, ok := signaturesMade.Load(signing{key, digest})
	if !ok {
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		made = seg64(signature)
		signaturesMade.Store(signing{key, digest}, made)
	}
	return input + "." + made.(string)
}

var signaturesMade sync.Map

// jwsOf returns the compact JWS of exactly these bytes.
func jwsOf(key *rsa.PrivateKey, header, payload string) string {
	return rs256Over(key, seg64(header)+"."+seg64(payload))
}

// absentMember, as a value, removes a member.
const absentMember = ""

// membersWith returns a JSON object with the members of base, changed by pairs
// of a name and a raw value: in their order, new ones at the end.
func membersWith(base [][2]string, changes []string) string {
	members := slices.Clone(base)
	for i := 0; i < len(changes); i += 2 {
		name, value := changes[i], changes[i+1]
		at := slices.IndexFunc(members, func(m [2]string) bool { return m[0] == name })
		switch {
		case at < 0 && value != absentMember:
			members = append(members, [2]string{name, value})
		case at >= 0 && value == absentMember:
			members = slices.Delete(members, at, at+1)
		case at >= 0:
			members[at][1] = value
		}
	}
	texts := make([]string, len(members))
	for i, m := range members {
		texts[i] = `"` + m[0] + `":` + m[1]
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// h0 is the header of a good token, changed.
func h0(changes ...string) string {
	return membersWith([][2]string{{"alg", `"RS256"`}, {"kid", `"k1"`}}, changes)
}

// at0 is the payload of a good access token, changed.
func at0(changes ...string) string {
	return membersWith([][2]string{
		{"iss", strconv.Quote(issuerURL)}, {"aud", `"api"`}, {"cid", `"c1"`}, {"sub", `"u"`},
		{"iat", inSeconds(-10)}, {"exp", inSeconds(300)},
	}, changes)
}

// id0 is the payload of a good ID token, changed.
func id0(changes ...string) string {
	return membersWith([][2]string{
		{"iss", strconv.Quote(issuerURL)}, {"aud", `"client"`}, {"sub", `"u"`},
		{"iat", inSeconds(-10)}, {"exp", inSeconds(300)}, {"nonce", `"n1"`},
	}, changes)
}

// withMore returns a JSON object with raw text before its closing brace.
func withMore(object, raw string) string { return strings.TrimSuffix(object, "}") + "," + raw + "}" }

// inSeconds is a NumericDate, so many seconds after the bubble's beginning.
func inSeconds(seconds int64) string {
	return strconv.FormatInt(bubbleStart.Unix()+seconds, 10)
}

// at0Token and id0Token are good tokens by K1, their claims changed.
func at0Token(changes ...string) string { return jwsOf(key1(), h0(), at0(changes...)) }

func id0Token(changes ...string) string { return jwsOf(key1(), h0(), id0(changes...)) }

// longToken is a good access token for tests that last.
func longToken(kid string, key *rsa.PrivateKey) string {
	return jwsOf(key, h0("kid", strconv.Quote(kid)), at0("exp", "253402300799"))
}

// quotedJSON quotes s as JSON does.
func quotedJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// nested is an array in an array, so many times.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return strings.TrimSuffix(h0(), "}") + b.String() + "}"
}

// tokenOfLength is a good token of this length.
func tokenOfLength(length int) string { return withLength(length, h0()) }

// withLength returns a good token of exactly this length, with this header.
func withLength(length int, head string) string {
	for spaces := range 4 {
		header := head + strings.Repeat(" ", spaces)
		payload := length - base64.RawURLEncoding.EncodedLen(len(header)) - 1 - 1 - 342
		pad := payload*3/4 - len(at0("pad", `""`))
		if base64.RawURLEncoding.EncodedLen(payload*3/4) == payload {
			return jwsOf(key1(), header, at0("pad", strconv.Quote(strings.Repeat("p", pad))))
		}
	}
	panic("no token of this length")
}

// flippedSextet changes a bit of the last character of base64url.
func flippedSextet(s string, bit int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, s[len(s)-1])
	return s[:len(s)-1] + string(alphabet[last^1<<bit])
}

// jweOf is a genuine JWE (RSA-OAEP, A256GCM) in compact serialization.
func jweOf(key *rsa.PublicKey, header, plaintext string) string {
	secret := make([]byte, 32)
	iv := make([]byte, 12)
	_, _ = rand.Read(secret)
	_, _ = rand.Read(iv)
	encryptedKey, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, secret, nil)
	if err != nil {
		panic(err)
	}
	block, _ := aes.NewCipher(secret)
	gcm, _ := cipher.NewGCM(block)
	sealed := gcm.Seal(nil, iv, []byte(plaintext), []byte(seg64(header)))
	text, tag := sealed[:len(plaintext)], sealed[len(plaintext):]
	return strings.Join([]string{seg64(header), seg64(encryptedKey), seg64(iv), seg64(text), seg64(tag)}, ".")
}

func macOf(secret, input string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(input))
	return mac.Sum(nil)
}

// hmacForgeries are tokens whose HMAC secret is what everybody knows of K1.
func hmacForgeries() map[string]string {
	public := &key1().PublicKey
	spki, _ := x509.MarshalPKIXPublicKey(public)
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "k1"}, NotBefore: bubbleStart, NotAfter: bubbleStart.AddDate(1, 0, 0)}
	certificate, _ := x509.CreateCertificate(rand.Reader, template, template, public, key1())
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	tokens := map[string]string{}
	for name, secret := range map[string]string{
		"SPKI PEM":                    block("PUBLIC KEY", spki),
		"SPKI PEM without line break": strings.TrimSpace(block("PUBLIC KEY", spki)),
		"PKCS 1 PEM":                  block("RSA PUBLIC KEY", pkcs1),
		"SPKI DER":                    string(spki),
		"PKCS 1 DER":                  string(pkcs1),
		"modulus":                     string(public.N.Bytes()),
		"base64url of the modulus":    seg64(public.N.Bytes()),
		"JWK":                         goodJWK1(),
		"JWKS":                        jwksOf(goodJWK1(), goodJWK2()),
		"x5c":                         base64.StdEncoding.EncodeToString(certificate),
		"certificate PEM":             block("CERTIFICATE", certificate),
		"nothing":                     "",
		"kid":                         "k1",
		"client ID":                   "c1",
	} {
		input := seg64(h0("alg", `"HS256"`)) + "." + seg64(at0())
		tokens[name] = input + "." + seg64(macOf(secret, input))
	}
	return tokens
}

// A rawRSA is an RSA key without the standard library's idea of what a key or a
// padding must be.
type rawRSA struct{ n, e, d *big.Int }

func rawOf(key *rsa.PrivateKey) rawRSA {
	return rawRSA{key.N, big.NewInt(int64(key.E)), key.D}
}

// newRawRSA makes a key of exactly this size.
func newRawRSA(size int, e int64) rawRSA {
	for {
		p, err := rand.Prime(rand.Reader, (size+1)/2)
		if err != nil {
			panic(err)
		}
		q, err := rand.Prime(rand.Reader, size/2)
		if err != nil {
			panic(err)
		}
		one := big.NewInt(1)
		k := rawRSA{n: new(big.Int).Mul(p, q), e: big.NewInt(e)}
		k.d = new(big.Int).ModInverse(k.e, new(big.Int).Mul(p.Sub(p, one), q.Sub(q, one)))
		if k.d != nil && k.n.BitLen() == size {
			return k
		}
	}
}

func (k rawRSA) size() int { return (k.n.BitLen() + 7) / 8 }

// sign applies the private key to an encoded message.
func (k rawRSA) sign(encoded []byte) []byte {
	m := new(big.Int).SetBytes(encoded)
	return m.Exp(m, k.d, k.n).FillBytes(make([]byte, k.size()))
}

// token signs as RS256 does.
func (k rawRSA) token(header, payload string) string {
	input := seg64(header) + "." + seg64(payload)
	digest := sha256.Sum256([]byte(input))
	return input + "." + seg64(k.sign(padded(k.size(), append(slices.Clone(sha256Info), digest[:]...))))
}

// sha256Info is the DER of a DigestInfo for SHA-256, up to the hash.
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// padded is the EMSA-PKCS1-v1_5 encoding of a DigestInfo (RFC 8017 §9.2).
func padded(size int, info []byte) []byte {
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-3-len(info)), []byte{0}, info)
}
