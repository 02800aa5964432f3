package hostile_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// What the tests of threats have in common: an authorization server in memory
// of which every byte can be chosen, tokens of which every byte can be chosen,
// and one runner that asserts what holds for every refusal.

const (
	threatIssuer   = "https://as.example/tenant"
	threatMetadata = threatIssuer + "/.well-known/oauth-authorization-server" // the first place that is asked
	threatOpenID   = threatIssuer + "/.well-known/openid-configuration"
	threatInserted = "https://as.example/.well-known/oauth-authorization-server/tenant"
	threatJWKS     = threatIssuer + "/keys"
)

// threatStart is the time at which a synctest bubble begins.
var threatStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// The keys: K1, K2 and K3 are published or can be, KX never is.
var (
	threatK1 = sync.OnceValue(newThreatKey)
	threatK2 = sync.OnceValue(newThreatKey)
	threatK3 = sync.OnceValue(newThreatKey)
	threatKX = sync.OnceValue(newThreatKey)
)

func newThreatKey() *rsa.PrivateKey {
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
	made, ok := threatSignatures.Load(signing{key, digest})
	if !ok {
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		made = seg64(signature)
		threatSignatures.Store(signing{key, digest}, made)
	}
	return input + "." + made.(string)
}

var threatSignatures sync.Map

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
		{"iss", strconv.Quote(threatIssuer)}, {"aud", `"api"`}, {"cid", `"c1"`}, {"sub", `"u"`},
		{"iat", inThreatTime(-10)}, {"exp", inThreatTime(300)},
	}, changes)
}

// id0 is the payload of a good ID token, changed.
func id0(changes ...string) string {
	return membersWith([][2]string{
		{"iss", strconv.Quote(threatIssuer)}, {"aud", `"client"`}, {"sub", `"u"`},
		{"iat", inThreatTime(-10)}, {"exp", inThreatTime(300)}, {"nonce", `"n1"`},
	}, changes)
}

// withMore returns a JSON object with raw text before its closing brace.
func withMore(object, raw string) string { return strings.TrimSuffix(object, "}") + "," + raw + "}" }

// inThreatTime is a NumericDate, so many seconds after the bubble's beginning.
func inThreatTime(seconds int64) string {
	return strconv.FormatInt(threatStart.Unix()+seconds, 10)
}

// at0Token and id0Token are good tokens by K1, their claims changed.
func at0Token(changes ...string) string { return jwsOf(threatK1(), h0(), at0(changes...)) }
func id0Token(changes ...string) string { return jwsOf(threatK1(), h0(), id0(changes...)) }

// longToken is a good access token for tests that last.
func longToken(kid string, key *rsa.PrivateKey) string {
	return jwsOf(key, h0("kid", strconv.Quote(kid)), at0("exp", "253402300799"))
}

// jwkOf is a JWKS entry of this public key, changed.
func jwkOf(kid string, key *rsa.PublicKey, changes ...string) string {
	return jwkOfNumbers(kid, key.N, big.NewInt(int64(key.E)), changes...)
}

func jwkOfNumbers(kid string, n, e *big.Int, changes ...string) string {
	quotedID, _ := json.Marshal(kid)
	return membersWith([][2]string{
		{"kty", `"RSA"`}, {"use", `"sig"`}, {"alg", `"RS256"`}, {"kid", string(quotedID)},
		{"n", `"` + seg64(n.Bytes()) + `"`}, {"e", `"` + seg64(e.Bytes()) + `"`},
	}, changes)
}

func goodJWK1() string { return jwkOf("k1", &threatK1().PublicKey) }
func goodJWK2() string { return jwkOf("k2", &threatK2().PublicKey) }

// jwksOf is a JWKS document of these entries.
func jwksOf(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }

// metadataOf is the metadata of threatIssuer, changed.
func metadataOf(changes ...string) string {
	return membersWith([][2]string{
		{"issuer", strconv.Quote(threatIssuer)}, {"jwks_uri", strconv.Quote(threatJWKS)},
		{"response_types_supported", `["code"]`},
	}, changes)
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

// sha256Info is the DER of a DigestInfo for SHA-256, up to the hash.
var sha256Info = []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// padded is the EMSA-PKCS1-v1_5 encoding of a DigestInfo (RFC 8017 §9.2).
func padded(size int, info []byte) []byte {
	return slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-3-len(info)), []byte{0}, info)
}

// token signs as RS256 does.
func (k rawRSA) token(header, payload string) string {
	input := seg64(header) + "." + seg64(payload)
	digest := sha256.Sum256([]byte(input))
	return input + "." + seg64(k.sign(padded(k.size(), append(slices.Clone(sha256Info), digest[:]...))))
}

// A siteAnswer is what a threatSite does with one request.
type siteAnswer func(*http.Request) (*http.Response, error)

// A threatSite is an authorization server in memory, and the transport to it.
type threatSite struct {
	mu      sync.Mutex // guards all fields
	answers map[string]siteAnswer
	asked   []string      // URLs, in order
	headers []http.Header // of the requests, in order
	open    int           // bodies that were not closed
}

// newThreatSite publishes these JWKS entries, or else K1 and K2. Its metadata is
// only where it is looked for first.
func newThreatSite(entries ...string) *threatSite {
	if len(entries) == 0 {
		entries = []string{goodJWK1(), goodJWK2()}
	}
	s := &threatSite{answers: map[string]siteAnswer{}}
	s.set(answerWith(200, metadataOf()), threatMetadata)
	s.set(answerWith(200, jwksOf(entries...)), threatJWKS)
	return s
}

// set makes the site answer requests for these URLs.
func (s *threatSite) set(a siteAnswer, urls ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range urls {
		s.answers[u] = a
	}
}

// publish changes the keys.
func (s *threatSite) publish(entries ...string) {
	s.set(answerWith(200, jwksOf(entries...)), threatJWKS)
}

// requests returns how many there were so far.
func (s *threatSite) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// askedFor returns the URLs of the requests so far.
func (s *threatSite) askedFor() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *threatSite) unclosed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// RoundTrip implements http.RoundTripper.
func (s *threatSite) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	s.headers = append(s.headers, r.Header.Clone())
	answer := s.answers[r.URL.String()]
	s.mu.Unlock()
	if answer == nil {
		answer = answerWith(404, "not found")
	}
	resp, err := answer(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	resp.Body = &siteBody{Reader: resp.Body, ctx: r.Context(), close: sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	})}
	return resp, nil
}

// A siteBody obeys the request's context, as a socket's body does.
type siteBody struct {
	io.Reader
	ctx   context.Context
	close func()
}

func (b *siteBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.Reader.Read(p)
}

func (b *siteBody) Close() error {
	b.close()
	return nil
}

// answerWith answers with this status, body, and header of names and values.
func answerWith(status int, body string, header ...string) siteAnswer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, status, strings.NewReader(body), header...), nil
	}
}

func answerFrom(r *http.Request, status int, body io.Reader, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		Status: fmt.Sprint(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(body), ContentLength: -1, Request: r,
	}
}

// verifier returns a verifier of the site's tokens, of both kinds, that
// remembers access tokens: what is asked twice is asked of that memory too.
func (s *threatSite) verifier(t *testing.T, opts ...jwtverifier.Option) *jwtverifier.Verifier {
	t.Helper()
	v, err := jwtverifier.New(threatIssuer, append([]jwtverifier.Option{
		jwtverifier.WithAudience("api"), jwtverifier.WithAuthorizedClients("c1"), jwtverifier.WithClientID("client"),
		jwtverifier.WithTokenCache(16), jwtverifier.WithHTTPClient(&http.Client{Transport: s}),
	}, opts...)...)
	require.NoError(t, err)
	return v
}

// threatReasons are all the sentinels but ErrInvalidToken, which each refusal
// matches. TestThreatSentinels compares the list with the package.
var threatReasons = []error{
	jwtverifier.ErrMalformed, jwtverifier.ErrAlgorithm, jwtverifier.ErrUnknownKey, jwtverifier.ErrSignature,
	jwtverifier.ErrTokenType, jwtverifier.ErrIssuer, jwtverifier.ErrAudience, jwtverifier.ErrAuthorizedParty,
	jwtverifier.ErrClientID, jwtverifier.ErrNonce, jwtverifier.ErrClaim, jwtverifier.ErrConfirmation,
	jwtverifier.ErrTokenHash, jwtverifier.ErrAuthTime, jwtverifier.ErrIssuedAt, jwtverifier.ErrNotYetValid,
	jwtverifier.ErrExpired,
	jwtverifier.ErrUnavailable, jwtverifier.ErrMisconfigured, jwtverifier.ErrIssuerMismatch,
}

// onlyReasons asserts that these sentinels match, and no others.
func onlyReasons(t *testing.T, err error, want ...error) {
	t.Helper()
	require.Error(t, err)
	for _, reason := range append([]error{jwtverifier.ErrInvalidToken}, threatReasons...) {
		require.Equal(t, slices.Contains(want, reason), errors.Is(err, reason), "matches %q: %v", reason, err)
	}
}

// threatWindow is how much of a secret may not be found in an error.
const threatWindow = 16

// configuredText is what errors may name: it was configured, not received.
var configuredText = strings.Join([]string{
	strconv.Quote(threatIssuer), `"api"`, `"client"`, `"c1"`, `"RS256"`,
	threatMetadata, threatOpenID, threatInserted, threatJWKS,
	`"https://b.example"`, strconv.Quote(strconv.Quote(threatIssuer)), strconv.Quote(strconv.Quote(threatJWKS)), // the latter two as in a log
}, ", ")

// repeats returns what text repeats of secret, but for what was configured.
func repeats(text, secret string) string {
	secret = secret[:min(len(secret), 256<<10)]
	for i := 0; i+threatWindow <= len(text); i++ {
		if window := text[i : i+threatWindow]; strings.Contains(secret, window) && !strings.Contains(configuredText, window) {
			return window
		}
	}
	return ""
}

// oneShortLine asserts what holds for the text of every error.
func oneShortLine(t *testing.T, err error) {
	t.Helper()
	text := err.Error()
	require.LessOrEqual(t, len(text), 1024, "text of the error")
	for i := range len(text) {
		require.True(t, ' ' <= text[i] && text[i] <= '~', "byte %#x in the text of the error: %q", text[i], text)
	}
}

// refusedBecause asserts that raw was refused for this reason alone, and all
// that holds for every refusal. It returns the error's parts.
func refusedBecause(t *testing.T, err, want error, raw string) *jwtverifier.TokenError {
	t.Helper()
	onlyReasons(t, err, jwtverifier.ErrInvalidToken, want)
	var refused *jwtverifier.TokenError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
	oneShortLine(t, err)

	text := err.Error()
	require.Empty(t, repeats(text, raw), "a part of the token in %q", text)
	segments := strings.Split(raw[:min(len(raw), 4<<10)], ".")
	for _, segment := range segments {
		if len(segment) >= 8 {
			require.NotContains(t, text, segment)
		}
	}
	if len(segments) > 1 {
		payload := payloadOf(raw)
		require.Empty(t, repeats(text, payload), "a part of the payload in %q", text)
		var claims any
		_ = json.Unmarshal([]byte(payload), &claims)
		for _, value := range leavesOf(claims) {
			if len(value) >= 4 && !strings.Contains(configuredText, value) {
				require.NotContains(t, text, value, "a claim's value")
			}
		}
	}
	return refused
}

// payloadOf returns what the second segment says, if there is one.
func payloadOf(raw string) string {
	_, rest, _ := strings.Cut(raw, ".")
	segment, _, _ := strings.Cut(rest, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(segment)
	return string(payload)
}

// leavesOf returns the strings and numbers in a JSON value.
func leavesOf(v any) (leaves []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case []any:
		for _, element := range v[:min(len(v), 100)] {
			leaves = append(leaves, leavesOf(element)...)
		}
	case map[string]any:
		for _, element := range v {
			leaves = append(leaves, leavesOf(element)...)
		}
	}
	return leaves
}

// unavailable asserts that a token could not be judged, for no reason that is a
// token's, and all that holds for every such error.
func unavailable(t *testing.T, err error, also ...error) *jwtverifier.UnavailableError {
	t.Helper()
	onlyReasons(t, err, append([]error{jwtverifier.ErrUnavailable}, also...)...)
	var u *jwtverifier.UnavailableError
	require.ErrorAs(t, err, &u)
	oneShortLine(t, err)
	return u
}

// A threat is a token that differs from a good one in one thing. It is asked of
// a verifier without keys, and once more of the same one when it has them.
type threat struct {
	name  string // begins with the number of the threat
	token string
	want  error  // nil: it is accepted
	part  string // where it is refused; that of the table by default
	claim string // the claim or header parameter that is named, if it matters

	jwks string               // the server's key set; K1 and K2 by default
	opts []jwtverifier.Option // of the verifier, besides the usual ones
	id   *idThreat            // nil: it is an access token
	good string               // what is accepted by the same verifier; AT0 or ID0 by default

	accepted func(*testing.T, *jwtverifier.AccessToken)
	refused  func(*testing.T, error)
}

// An idThreat is a call of VerifyIDToken.
type idThreat struct {
	nonce  string
	checks []jwtverifier.IDTokenCheck
}

// asID0 is how ID0 is verified.
var asID0 = &idThreat{nonce: "n1"}

// runThreats runs each row in a bubble of its own.
func runThreats(t *testing.T, part string, rows []threat) {
	t.Helper()
	for _, row := range rows {
		if row.part == "" {
			row.part = part
		}
		t.Run(row.name, func(t *testing.T) { synctest.Test(t, row.run) })
	}
}

func (row threat) run(t *testing.T) {
	site := newThreatSite()
	if row.jwks != "" {
		site.set(answerWith(200, row.jwks), threatJWKS)
	}
	good := row.good
	switch {
	case good != "":
	case row.id != nil:
		good = id0Token()
	default:
		good = at0Token()
	}
	var told lockedBuffer // by the log and the observer
	v := site.verifier(t, append([]jwtverifier.Option{told.logger(), told.observer()}, row.opts...)...)

	row.ask(t, v, row.token, row.want)
	early := row.want != nil && row.want != jwtverifier.ErrUnknownKey && (row.part == "token" || row.part == "header")
	if early {
		assert.Zero(t, site.requests(), "requests for a token that no key can save")
		_, err := v.VerifyIDToken(t.Context(), row.token, "n1")
		refusedBecause(t, err, row.want, row.token)
	}

	row.ask(t, v, good, nil) // the twin
	row.ask(t, v, row.token, row.want)
	assert.Equal(t, []string{threatMetadata, threatJWKS}, site.askedFor(), "requests")
	assert.Zero(t, site.unclosed())

	assert.Contains(t, told.String(), "VerifyDoneInfo")
	assert.Empty(t, repeats(told.spaced(), row.token), "a part of the token")
	assert.Empty(t, repeats(told.spaced(), payloadOf(row.token)), "a part of the payload")
}

// ask has a token verified and asserts the outcome.
func (row threat) ask(t *testing.T, v *jwtverifier.Verifier, raw string, want error) {
	t.Helper()
	var access *jwtverifier.AccessToken
	var err error
	if row.id == nil {
		access, err = v.VerifyAccessToken(t.Context(), raw)
		require.Equal(t, err == nil, access != nil)
	} else {
		var id *jwtverifier.IDToken
		id, err = v.VerifyIDToken(t.Context(), raw, row.id.nonce, row.id.checks...)
		require.Equal(t, err == nil, id != nil)
	}
	if want == nil {
		require.NoError(t, err)
		if row.accepted != nil && raw == row.token {
			row.accepted(t, access)
		}
		return
	}
	refused := refusedBecause(t, err, want, raw)
	assert.Equal(t, row.part, refused.Part)
	if row.claim != "" {
		assert.Equal(t, row.claim, refused.Claim)
	}
	if row.refused != nil {
		row.refused(t, err)
	}
}

// tokenOfLength is a good token of this length.
func tokenOfLength(length int) string {
	for spaces := range 4 {
		header := h0() + strings.Repeat(" ", spaces)
		payload := length - base64.RawURLEncoding.EncodedLen(len(header)) - 1 - 1 - 342
		pad := payload*3/4 - len(at0("pad", `""`))
		if base64.RawURLEncoding.EncodedLen(payload*3/4) == payload {
			return jwsOf(threatK1(), header, at0("pad", strconv.Quote(strings.Repeat("p", pad))))
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

// kidShownShortly asserts that an error shows at most 64 bytes of a kid, quoted.
func kidShownShortly(t *testing.T, err error) {
	t.Helper()
	_, shown, found := strings.Cut(err.Error(), ": kid ")
	require.True(t, found, "%q", err)
	assert.LessOrEqual(t, len(shown), 64)
	assert.True(t, strings.HasPrefix(shown, `"`) && strings.HasSuffix(shown, `"`), "%s", shown)
}

func deflated(s string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
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

func macOf(secret, input string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(input))
	return mac.Sum(nil)
}

// hmacForgeries are tokens whose HMAC secret is what everybody knows of K1.
func hmacForgeries() map[string]string {
	public := &threatK1().PublicKey
	spki, _ := x509.MarshalPKIXPublicKey(public)
	pkcs1 := x509.MarshalPKCS1PublicKey(public)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "k1"}, NotBefore: threatStart, NotAfter: threatStart.AddDate(1, 0, 0)}
	certificate, _ := x509.CreateCertificate(rand.Reader, template, template, public, threatK1())
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

// signedAs is AT0, genuinely signed by K1 with another algorithm.
func signedAs(alg string, hash crypto.Hash, pss bool) string {
	input := seg64(h0("alg", strconv.Quote(alg))) + "." + seg64(at0())
	digester := hash.New()
	_, _ = digester.Write([]byte(input))
	digest := digester.Sum(nil)
	var signature []byte
	var err error
	if pss {
		signature, err = rsa.SignPSS(rand.Reader, threatK1(), hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	} else {
		signature, err = rsa.SignPKCS1v15(nil, threatK1(), hash, digest)
	}
	if err != nil {
		panic(err)
	}
	return input + "." + seg64(signature)
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

func withSubject(want string) func(*testing.T, *jwtverifier.AccessToken) {
	return func(t *testing.T, token *jwtverifier.AccessToken) {
		t.Helper()
		assert.Equal(t, want, token.Subject)
	}
}

func withScopes(want ...string) func(*testing.T, *jwtverifier.AccessToken) {
	return func(t *testing.T, token *jwtverifier.AccessToken) {
		t.Helper()
		assert.ElementsMatch(t, want, token.Scopes)
		assert.True(t, token.HasScopes(want...))
		assert.False(t, token.HasScopes("admin"))
	}
}

// manyKeys are eligible keys under kids of their own. Their moduli are short to
// write: the document must stay below its own limit.
func manyKeys(n int) []string {
	entries := make([]string, n)
	modulus := new(big.Int).SetBit(big.NewInt(1), 2047, 1)
	for i := range entries {
		modulus.Add(modulus, big.NewInt(2))
		entries[i] = jwkOfNumbers("m"+strconv.Itoa(i), modulus, big.NewInt(65537))
	}
	return entries
}

// onlyAskedItsOwn asserts that no other host was asked.
func onlyAskedItsOwn(t *testing.T, s *threatSite) {
	t.Helper()
	for _, u := range s.askedFor() {
		require.True(t, strings.HasPrefix(u, "https://as.example/"), "asked for %s", u)
	}
}

// A lockedBuffer is a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// spaced returns what was written, so that its own JSON is no part of a token's.
func (l *lockedBuffer) spaced() string {
	return strings.NewReplacer(`:"`, `: "`, `",`, `" ,`).Replace(l.String())
}

// logger logs everything to the buffer, but for the time.
func (l *lockedBuffer) logger() jwtverifier.Option {
	return jwtverifier.WithLogger(slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
}

// observer prints every event to the buffer.
func (l *lockedBuffer) observer() jwtverifier.Option {
	tell := func(event any, err error) { fmt.Fprintf(l, "%#v %q\n", event, fmt.Sprint(err)) }
	return jwtverifier.WithObserver(jwtverifier.Observer{
		FetchDone:    func(i jwtverifier.FetchDoneInfo) { tell(i, i.Err) },
		RefreshDone:  func(i jwtverifier.RefreshDoneInfo) { tell(i, i.Err) },
		KeysChanged:  func(i jwtverifier.KeysChangedInfo) { tell(i, nil) },
		StateChanged: func(i jwtverifier.StateChangedInfo) { tell(i, nil) },
		UnknownKey:   func(i jwtverifier.UnknownKeyInfo) { tell(i, nil) },
		VerifyDone:   func(i jwtverifier.VerifyDoneInfo) { tell(i, nil) },
	})
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// hang is a server that accepts a request and never answers.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

// delayed answers later.
func delayed(d time.Duration, answer siteAnswer) siteAnswer {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(d):
			return answer(r)
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
}

// hangsAfter is a body that never ends, after a beginning.
func hangsAfter(beginning string) siteAnswer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, 200, io.MultiReader(strings.NewReader(beginning), readerFunc(func([]byte) (int, error) {
			<-r.Context().Done()
			return 0, context.Cause(r.Context())
		}))), nil
	}
}

// drips is a body that comes byte by byte.
func drips(body string, every time.Duration) siteAnswer {
	return func(r *http.Request) (*http.Response, error) {
		rest := body
		return answerFrom(r, 200, readerFunc(func(p []byte) (int, error) {
			select {
			case <-time.After(every):
			case <-r.Context().Done():
				return 0, context.Cause(r.Context())
			}
			if rest == "" {
				return 0, io.EOF
			}
			n := copy(p[:1], rest)
			rest = rest[n:]
			return n, nil
		})), nil
	}
}

// breaks is a body that breaks off with this error.
func breaks(beginning string, err error) siteAnswer {
	return func(r *http.Request) (*http.Response, error) {
		return answerFrom(r, 200, io.MultiReader(strings.NewReader(beginning), readerFunc(func([]byte) (int, error) { return 0, err }))), nil
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func noConnection(err error) siteAnswer {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func redirectTo(status int, location string) siteAnswer {
	return answerWith(status, "", "Location", location)
}

// A wireServer answers on a real socket with bytes of its own choice.
type wireServer struct {
	issuer string
	mu     sync.Mutex
	keys   func(net.Conn) // nil: the good answer
	hits   int
}

func newWireServer(t *testing.T) *wireServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wireServer{issuer: "http://" + listener.Addr().String()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.serve(conn) })
		}
	})
	return w
}

func (w *wireServer) serve(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	w.mu.Lock()
	w.hits++
	keys := w.keys
	w.mu.Unlock()
	switch {
	case r.URL.Path != "/keys":
		_, _ = io.WriteString(conn, wireAnswer(metadataOf("issuer", strconv.Quote(w.issuer), "jwks_uri", strconv.Quote(w.issuer+"/keys"))))
	case keys == nil:
		_, _ = io.WriteString(conn, wireAnswer(jwksOf(goodJWK1(), goodJWK2())))
	default:
		keys(conn)
	}
}

func (w *wireServer) answerKeys(with func(net.Conn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys = with
}

func wireAnswer(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// wireToken is a good token of a server on a socket.
func wireToken(issuer string) string {
	now := time.Now().Unix()
	return at0Token("iss", strconv.Quote(issuer), "iat", strconv.FormatInt(now, 10), "exp", strconv.FormatInt(now+300, 10))
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// threatCertificate makes a certificate for 127.0.0.1, or an authority.
func threatCertificate(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, change func(*x509.Certificate)) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "threats"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		parent, parentKey = template, key
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	} else {
		template.SerialNumber = big.NewInt(2)
		template.Subject.CommonName = "127.0.0.1"
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return key, certificate
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// accepts and refuses are one verification in a test that has many.
func accepts(t *testing.T, v *jwtverifier.Verifier, raw string) {
	t.Helper()
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.NoError(t, err)
	require.NotNil(t, token)
}

func refuses(t *testing.T, v *jwtverifier.Verifier, raw string, want error) {
	t.Helper()
	token, err := v.VerifyAccessToken(t.Context(), raw)
	require.Nil(t, token)
	if want == jwtverifier.ErrUnavailable {
		unavailable(t, err)
		return
	}
	refusedBecause(t, err, want, raw)
}

// keepsBytes keeps what it is given, and does not copy it.
type keepsBytes []byte

func (k *keepsBytes) UnmarshalJSON(b []byte) error {
	*k = b
	return nil
}

// credulous is a jws.Verifier that believes everything.
type credulous struct{}

func (credulous) Algorithm() jwa.SignatureAlgorithm { return jwa.RS256 }

func (credulous) Verify(_, _ []byte, _ any) error { return nil }

type evilField struct{}

func (*evilField) UnmarshalJSON([]byte) error { return errors.New("evil") }

// packageFiles parses the source of package jwtverifier.
func packageFiles(t *testing.T) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	require.NotEmpty(t, files)
	return files
}

// sentinelOf returns the name of the sentinel that an expression is, "" if none.
func sentinelOf(x ast.Expr, local map[string]string) string {
	switch x := x.(type) {
	case *ast.KeyValueExpr:
		return sentinelOf(x.Value, local)
	case *ast.Ident:
		return local[x.Name]
	case *ast.SelectorExpr:
		if p, ok := x.X.(*ast.Ident); ok && p.Name == "jwtverifier" && strings.HasPrefix(x.Sel.Name, "Err") {
			return x.Sel.Name
		}
	}
	return ""
}

func holdsNumber(n ast.Node) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && threatNumber.MatchString(l.Value) {
			found = true
		}
		return !found
	})
	return found
}
