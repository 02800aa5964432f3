package introspection_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/introspection"
)

// TestNothingSentIsRepeated: a server that sends back what it was sent, in answers
// that net/http and the decoder of JSON quote.
func TestNothingSentIsRepeated(t *testing.T) {
	const (
		hardToken  = `qX7"\zK9!wQ3`
		hardSecret = `Zw8"\é日Yv5`
	)
	// What the server makes of the request, and where in its answer it puts that.
	items := map[string]func(r *http.Request, form url.Values, body string) string{
		"token":      func(_ *http.Request, form url.Values, _ string) string { return form.Get("token") },
		"token, cut": func(_ *http.Request, form url.Values, _ string) string { return form.Get("token")[1:11] },
		"token, escaped": func(_ *http.Request, form url.Values, _ string) string {
			return strconv.QuoteToASCII(form.Get("token"))
		},
		"secret":          func(*http.Request, url.Values, string) string { return hardSecret },
		"secret, cut":     func(*http.Request, url.Values, string) string { return hardSecret[1:] },
		"secret, escaped": func(*http.Request, url.Values, string) string { return strconv.QuoteToASCII(hardSecret) },
		"credentials":     func(r *http.Request, _ url.Values, _ string) string { return r.Header.Get("Authorization") },
		"without the scheme": func(r *http.Request, _ url.Values, _ string) string {
			return strings.TrimPrefix(r.Header.Get("Authorization"), "Basic ")
		},
		"all of the form": func(_ *http.Request, _ url.Values, body string) string { return body },
		"the form, cut":   func(_ *http.Request, _ url.Values, body string) string { return body[1 : len(body)-1] },
		"the form as JSON": func(_ *http.Request, form url.Values, _ string) string {
			line, _ := json.Marshal(form)
			return string(line)
		},
		"decoded secret": func(r *http.Request, _ url.Values, _ string) string { _, password, _ := r.BasicAuth(); return password },
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	document := func(body string) string { return ok + "Content-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body }
	quoted := func(s string) string { text, _ := json.Marshal(s); return string(text) }
	places := map[string]func(item string) string{
		"no HTTP":         func(item string) string { return item + "\r\n\r\n" },
		"version":         func(item string) string { return "HTTP/" + item + " 200 OK\r\n\r\n" },
		"status":          func(item string) string { return "HTTP/1.1 " + item + "\r\n\r\n" },
		"status text":     func(item string) string { return "HTTP/1.1 400 " + item + "\r\n\r\n" },
		"header":          func(item string) string { return ok + item + "\r\n\r\n" },
		"length":          func(item string) string { return ok + "Content-Length: " + item + "\r\n\r\n" },
		"encoding":        func(item string) string { return ok + "Transfer-Encoding: " + item + "\r\n\r\n" },
		"chunk":           func(item string) string { return ok + "Transfer-Encoding: chunked\r\n\r\n" + item + "\r\n" },
		"late header":     func(item string) string { return ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + item + "\r\n\r\n" },
		"redirect":        func(item string) string { return "HTTP/1.1 302 Found\r\nLocation: http://[::1" + item + "\r\n\r\n" },
		"Retry-After":     func(item string) string { return "HTTP/1.1 503 Busy\r\nRetry-After: " + item + "\r\n\r\n" },
		"no JSON":         func(item string) string { return document(item) },
		"active":          func(item string) string { return document(`{"active":` + quoted(item) + `}`) },
		"a name, twice":   func(item string) string { return document(`{` + quoted(item) + `:1,` + quoted(item) + `:1}`) },
		"scope of a type": func(item string) string { return document(members(`"scope":{` + quoted(item) + `:1}`)) },
		"iss":             func(item string) string { return document(members(`"iss":` + quoted(item))) },
		"token_use":       func(item string) string { return document(members(`"token_use":` + quoted(item))) },
		"cnf":             func(item string) string { return document(members(`"cnf":` + quoted(item))) },
	}
	for how, opts := range map[string][]introspection.Option{
		"basic": nil,
		"post":  {introspection.WithClientSecretPost()},
	} {
		for place, put := range places {
			t.Run(how+", "+place, func(t *testing.T) {
				var item func(r *http.Request, form url.Values, body string) string
				var credentials string
				s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					form, _ := url.ParseQuery(string(body))
					credentials = r.Header.Get("Authorization")
					speaks(put(item(r, form, string(body))))(w, r)
				})
				c, err := introspection.New(s.verifier(t), clientID, hardSecret, opts...)
				require.NoError(t, err)
				for name, made := range items {
					item = made
					r, err := c.Introspect(t.Context(), hardToken)
					require.Nil(t, r)
					require.Error(t, err)
					text := printed(err)
					for _, sent := range []string{hardToken, hardSecret, url.QueryEscape(hardToken), url.QueryEscape(hardSecret), credentials} {
						for i := 0; i+4 <= len(sent); i++ {
							require.NotContains(t, text, sent[i:i+4], name)
						}
					}
				}
			})
		}
	}
}

// TestClaimsRepeatNoValue: neither does what comes of decoding an answer.
func TestClaimsRepeatNoValue(t *testing.T) {
	s := newServer(t, answers(200, members(`"at":"1970-`+leaked+`","n":123456789,"in":{"`+leaked+`":"`+leaked+`"}`)))
	r, err := s.client(t).Introspect(t.Context(), opaque)
	require.NoError(t, err)
	for name, row := range map[string]struct {
		dst  any
		want string
	}{
		"a time": {
			dst: &struct {
				At time.Time `json:"at"`
			}{},
			want: `introspection: decoding claims: "at": does not fit Go type time.Time`,
		},
		"a number": {
			dst: &struct {
				N int8 `json:"n"`
			}{},
			want: `introspection: decoding claims: "n": does not fit Go type int8`,
		},
		"a member's member": {
			dst: &struct {
				In map[string]int `json:"in"`
			}{},
			want: `introspection: decoding claims: "in": does not fit Go type int`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := r.Claims(row.dst)
			require.EqualError(t, err, row.want)
			for _, family := range []error{jwtverifier.ErrInvalidToken, jwtverifier.ErrUnavailable, jwtverifier.ErrMisconfigured} {
				assert.False(t, errors.Is(err, family))
			}
			assert.NotContains(t, printed(err), leaked)
			assert.NotContains(t, printed(err), "123456789")
		})
	}
}
