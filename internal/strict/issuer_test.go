package strict

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzClaimedIssuer: whenever the strict decoder accepts a payload, the scan finds
// the same iss in it.
func FuzzClaimedIssuer(f *testing.F) {
	const good = `{"aud":["iss","a"],"x":{"iss":"b"},"\u0069ss" : "https:\/\/i.example","y":"\"}"}`
	iss, ok := ClaimedIssuer(good)
	require.True(f, ok)
	require.True(f, iss.Is("https://i.example"), "the good seed")

	for _, seed := range []string{
		good, ``, ` {} `, `{`, `}`, `null`, `[]`, `{"iss"}`, `{"iss":}`, `{"iss":"`, `{"iss":"\`, `{"iss":1}`, `{"iss":null}`,
		`{"iss":["a"]}`, `{"iss":{"iss":"a"}}`, `{"iss":"a"}x`, `{"iss":"a"}{"iss":"b"}`, `{"iss":"a","iss":"b"}`,
		`{"iss":"a","\u0069ss":"b"}`, `{"x":"iss","iss":"a"}`, `{"x":["iss"],"iss":"a"}`, `{"iss":"\ud800"}`, `{"ISS":"a"}`, "{\"iss\":\"a\xff\"}",
		"\t\r\n {\n\"iss\"\t:\r\"a\"\n}\n", `{"x":[[[]]],"iss":"a"}`, `{"x":"\\","iss":"a"}`, `{"x":"\\\"","iss":"a"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		iss, ok := ClaimedIssuer(Value(payload))
		var c issuerMember
		if _, err := Object([]byte(payload), &c); err != nil {
			return
		}
		assert.True(t, ok)
		want, _ := c.iss.Text()
		got, _ := iss.Text()
		assert.Equal(t, want, got)
	})
}

type issuerMember struct{ iss Value }

func (m *issuerMember) Member(name []byte) *Value {
	if string(name) == "iss" {
		return &m.iss
	}
	return nil
}
