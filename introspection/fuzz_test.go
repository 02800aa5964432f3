package introspection_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/internal/testkit"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

// FuzzAnswer: only an answer that says active: true to every reader of JSON is
// accepted, and nothing of an answer gets into an error.
func FuzzAnswer(f *testing.F) {
	for _, row := range refusals() {
		f.Add(row.body)
	}
	good := members(`"sub":"alice","aud":["a"],"exp":253402300799,"scope":"a b","iss":"https://issuer.example"`)
	for _, seed := range []string{good, active, `{"active":true,"active":false}`, `{"Active":true}`, `null`, `[]`, ``, `{"active":1e999}`} {
		f.Add(seed)
	}
	var body string
	v, client := inMemory(f, jwtverifiertest.New(""), func(r *http.Request) (*http.Response, error) { return testkit.Text(200, body)(r) })
	c := newClient(f, v, introspection.WithHTTPClient(client))
	introspect := func(t testing.TB, answer string) (*introspection.Response, error) {
		body = answer
		return c.Introspect(t.Context(), opaque)
	}
	_, err := introspect(f, good)
	require.NoError(f, err)

	f.Fuzz(func(t *testing.T, answer string) {
		r, err := introspect(t, answer)
		if err != nil {
			require.Nil(t, r)
			require.True(t, errors.Is(err, jwtverifier.ErrInvalidToken) != errors.Is(err, jwtverifier.ErrUnavailable))
			require.NotErrorIs(t, err, jwtverifier.ErrMisconfigured)
			if len(answer) > 40 { // shorter ones are found in any text
				require.NotContains(t, err.Error(), answer)
			}
			return
		}
		require.True(t, r.Active)
		var lenient map[string]any
		if err := json.Unmarshal([]byte(answer), &lenient); err == nil { // it refuses 1e999
			require.Equal(t, true, lenient["active"])
			require.Len(t, lenient, countMembers(t, r))
			if sub, ok := lenient["sub"].(string); ok {
				require.Equal(t, sub, r.Subject)
			}
		}
	})
}

// countMembers counts the members of the answer.
func countMembers(t *testing.T, r *introspection.Response) int {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, r.Claims(&all))
	return len(all)
}
