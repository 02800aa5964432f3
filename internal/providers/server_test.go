package providers_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// members are those of a claims set, a header or a JWK.
type members = jwtverifiertest.Claims

// requireNone requires that err is for this reason and no other, and that no
// token came with it.
func requireNone(t *testing.T, want error, none bool, err error) {
	t.Helper()
	require.True(t, none, "a token together with an error")
	require.ErrorIs(t, err, want)
	var refused *jwtverifier.TokenError
	if want == jwtverifier.ErrMisconfigured {
		require.NotErrorAs(t, err, &refused)
		return
	}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
}

// A server is an issuer, and other hosts that its documents are on. It
// is the transport to all of them.
type server struct {
	*jwtverifiertest.Issuer
	others []*jwtverifiertest.Issuer
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, o := range s.others {
		if strings.HasPrefix(r.URL.String(), o.URL()+"/") {
			return o.Client().Transport.RoundTrip(r)
		}
	}
	return s.Client().Transport.RoundTrip(r)
}

func (s *server) other(origin string) *jwtverifiertest.Issuer {
	o := jwtverifiertest.New(origin)
	s.others = append(s.others, o)
	return o
}

// keys returns the key set, with each key edited.
func (s *server) keys(t *testing.T, edits ...func(key members)) members {
	t.Helper()
	var set struct{ Keys []members }
	require.NoError(t, json.Unmarshal(s.JWKS(), &set))
	for _, key := range set.Keys {
		for _, edit := range edits {
			edit(key)
		}
	}
	return members{"keys": set.Keys}
}

func (s *server) editKeys(t *testing.T, header http.Header, edits ...func(key members)) {
	t.Helper()
	answer := jsonResponse(t, s.keys(t, edits...))
	answer.Header = header
	s.Respond(s.JWKSPath(), answer)
}

func withoutMembers(names ...string) func(members) {
	return func(key members) {
		maps.DeleteFunc(key, func(name string, _ any) bool { return slices.Contains(names, name) })
	}
}

func jsonResponse(t *testing.T, v any) jwtverifiertest.Response {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return jwtverifiertest.Response{Body: body}
}

// mint returns a token of this shape, issued now.
func (s *server) mint(t *testing.T, tok tokenShape) string {
	t.Helper()
	if tok.raw != "" {
		return tok.raw
	}
	now := time.Now()
	all := members{"iss": s.URL(), "sub": "user", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range tok.claims {
		if all[name] = value; value == jwtverifiertest.Absent {
			delete(all, name)
		}
	}
	if tok.key == "" {
		return s.Token(tok.header, all)
	}
	header := members{"alg": "RS256", "kid": tok.key}
	maps.Copy(header, tok.header)
	h, err := json.Marshal(header)
	require.NoError(t, err)
	p, err := json.Marshal(all)
	require.NoError(t, err)
	if tok.key != largeKeyID {
		return s.SignWith(tok.key, h, p)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, largeKey(t), crypto.SHA256, digest[:])
	require.NoError(t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const largeKeyID = "0f2b7a0c-5b5c-4c39-9d0b-3c9a4f7d2c11"

var makeLargeKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 4096) })

func largeKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := makeLargeKey()
	require.NoError(t, err)
	return key
}
