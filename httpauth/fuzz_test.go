package httpauth_test

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
)

// Independent of the package: RFC 9110 §5.6.2 (token), §11.2 (token68), §11.4.
var (
	bearerCredentials = regexp.MustCompile(`^[ \t]*(?i:bearer) +([A-Za-z0-9\-._~+/]+=*)[ \t]*$`)
	otherScheme       = regexp.MustCompile("^[ \\t]*([A-Za-z0-9!#$%&'*+\\-.^_`|~]+)( |[ \\t]*$)")
)

// FuzzAuthorization: what reaches the Verifier is exactly the token68 of one
// bearer credential, and every other answer is one of two fixed ones.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"Bearer abc", "bearer  a.b.c==", "Bearer", "Bearer ", "Bearer\tabc", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b",
		"Basic dXNlcjpwYXNz", "", " ", "\tBearer abc ", "Bearer \x00", "Bearer tökén", "Bearer, abc", ", Bearer abc", "abc", "Bearer a, Bearer b",
	} {
		f.Add(seed)
	}
	var seen []string
	guard := newGuard(f, verifierFunc(func(_ context.Context, raw string) (*jwtverifier.AccessToken, error) {
		seen = append(seen, raw)
		return &jwtverifier.AccessToken{}, nil
	}))
	h := guard.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.Equal(f, 200, serve(h, request("Bearer good")).Code)

	f.Fuzz(func(t *testing.T, field string) {
		if len(field) > 64<<10 {
			t.Skip("TestLongHeaders is about those")
		}
		seen = nil
		w := serve(h, request(field))
		scheme := otherScheme.FindStringSubmatch(field)
		switch m := bearerCredentials.FindStringSubmatch(field); {
		case m != nil:
			require.Equal(t, []string{m[1]}, seen)
			require.Equal(t, 200, w.Code)
			return
		case scheme != nil && !strings.EqualFold(scheme[1], "bearer"):
			require.Equal(t, 401, w.Code)
			require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
			require.Equal(t, required, w.Body.String())
		default:
			require.Equal(t, 400, w.Code)
			require.Equal(t, strings.Replace(invalidRequest, `realm="api", `, "", 1), w.Header().Get("WWW-Authenticate"))
			require.Equal(t, oneHeader, w.Body.String())
		}
		require.Empty(t, seen)

		// A second header changes the answer to 400, whatever the first one is.
		require.Equal(t, 400, serve(h, request(field, "Bearer good")).Code)
		require.Empty(t, seen)
	})
}

// FuzzChallenge: New and RequireScopes refuse what cannot be sent, and an
// independent parser reads everything else back.
func FuzzChallenge(f *testing.F) {
	f.Add("api", "read", "mcp")
	f.Add(`say "hi" \ there, error="none"`, "orders:read", "a/b")
	f.Add(" ", "https://api.example/scope?x=1#y", "%22")
	f.Add("", "", "")
	f.Add("a\r\nSet-Cookie: x=y", "a b", "é")
	f.Add("\x7f", `"`, `\`)

	guardWith := func(realm, path string) (*httpauth.Guard, error) {
		return httpauth.New(accepts(&jwtverifier.AccessToken{}, new(int)), httpauth.WithRealm(realm), withMetadata("https://api.example/"+path))
	}
	good, err := guardWith("api", "mcp")
	require.NoError(f, err)
	require.Equal(f, 403, serve(good.RequireScopes("read")(served), request("Bearer x")).Code)

	f.Fuzz(func(t *testing.T, realm, scope, path string) {
		guard, err := guardWith(realm, path)
		if err != nil {
			require.ErrorIs(t, err, jwtverifier.ErrMisconfigured)
			if _, err := guardWith("api", path); err == nil {
				require.False(t, regexp.MustCompile(`^[ -~]+$`).MatchString(realm), "refused the realm")
			}
			guard = good
			realm, path = "api", "mcp"
		}
		validScope := regexp.MustCompile(`^[!#-\[\]-~]+$`).MatchString(scope)
		require.Equal(t, !validScope, panics(func() { guard.RequireScopes(scope) }))

		url := "https://api.example/.well-known/oauth-protected-resource"
		if path != "" {
			url += "/" + path
		}
		want := [][2]string{{"realm", realm}, {"resource_metadata", url}}
		require.Equal(t, want, parseChallenge(t, serve(guard.Handler(served), request()).Header()))
		if validScope {
			want = [][2]string{{"realm", realm}, {"error", "insufficient_scope"}, {"error_description", "the access token lacks a required scope"},
				{"scope", scope}, {"resource_metadata", url}}
			w := serve(guard.RequireScopes(scope)(served), request("Bearer x"))
			require.Equal(t, want, parseChallenge(t, w.Header()))
		}
	})
}

func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}

// parseChallenge reads the one WWW-Authenticate field of one Bearer challenge by
// the grammar of RFC 9110 §5.6 and §11, byte by byte. It accepts nothing else.
func parseChallenge(t *testing.T, h http.Header) [][2]string {
	t.Helper()
	require.Len(t, h.Values("WWW-Authenticate"), 1)
	params, err := parseBearer(h.Get("WWW-Authenticate"))
	require.NoError(t, err, h.Get("WWW-Authenticate"))
	return params
}

func parseBearer(s string) (params [][2]string, err error) {
	take := func(accept func(c byte) bool) string {
		n := 0
		for n < len(s) && accept(s[n]) {
			n++
		}
		taken := s[:n]
		s = s[n:]
		return taken
	}
	tchar := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c))
	}
	space := func(c byte) bool { return c == ' ' || c == '\t' }
	literal := func(c byte) bool {
		ok := s != "" && s[0] == c
		if ok {
			s = s[1:]
		}
		return ok
	}

	if scheme := take(tchar); !strings.EqualFold(scheme, "Bearer") {
		return nil, errors.New("scheme " + scheme)
	}
	if s == "" {
		return nil, nil
	}
	if take(func(c byte) bool { return c == ' ' }) == "" {
		return nil, errors.New("no space after the scheme")
	}
	for {
		name := take(tchar)
		if name == "" || !literal('=') || !literal('"') {
			return nil, errors.New("not name=quoted-string")
		}
		var value strings.Builder
		for !literal('"') {
			if literal('\\') {
				if s == "" || s[0] != '\t' && (s[0] < ' ' || s[0] == 0x7f) {
					return nil, errors.New("broken quoted-pair")
				}
				value.WriteByte(s[0])
				s = s[1:]
				continue
			}
			// Of qdtext, obs-text (non-ASCII) is left out on purpose.
			if s == "" || s[0] != '\t' && s[0] < ' ' || s[0] >= 0x7f {
				return nil, errors.New("broken quoted-string")
			}
			value.WriteByte(s[0])
			s = s[1:]
		}
		params = append(params, [2]string{name, value.String()})
		take(space)
		if s == "" {
			return params, nil
		}
		if !literal(',') {
			return nil, errors.New("no comma between parameters")
		}
		take(space)
	}
}

// The parser of the tests must itself refuse what is not a challenge.
func TestParseBearer(t *testing.T) {
	params, err := parseBearer(`bearer a="b\"\\c" , d=""`)
	require.NoError(t, err)
	assert.Equal(t, [][2]string{{"a", `b"\c`}, {"d", ""}}, params)
	for _, s := range []string{``, `Basic a="b"`, `Bearer `, `Bearer a`, `Bearer a="b`, `Bearer a="b""`, `Bearer a="b" c="d"`, `Bearer a="b",`, "Bearer a=\"\n\"", `Bearer a="\`, "Bearer\ta=\"b\""} {
		_, err := parseBearer(s)
		assert.Error(t, err, s)
	}
}

// RFC 6750 §3: error and error_description have a narrower alphabet than a
// quoted-string.
func TestDescriptions(t *testing.T) {
	for _, reason := range append(reasons, jwtverifier.ErrNonce, jwtverifier.ErrTokenHash, jwtverifier.ErrAuthTime, jwtverifier.ErrAuthorizedParty) {
		guard := newGuard(t, fails(&jwtverifier.TokenError{Reason: reason}))
		_, err := guard.Check(request("Bearer x"))
		denied, ok := errors.AsType[*httpauth.DeniedError](err)
		require.True(t, ok)
		assert.Regexp(t, `^[ !#-\[\]-~]+$`, denied.Description)
		if denied.Challenge != "" {
			_, err := parseBearer(denied.Challenge)
			assert.NoError(t, err)
		}
	}
}
