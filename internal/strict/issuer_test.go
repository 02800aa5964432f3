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

func TestClaimedIssuer(t *testing.T) {
	for payload, want := range map[Value]Value{
		`{}`:                               ``,
		" \t\r\n{ } \t\r\n":                ``,
		`{"iss":"a"}`:                      `"a"`,
		`{"iss":""}`:                       `""`,
		`{"iss":"\"a\\"}`:                  `"\"a\\"`,
		`{"iss":"\u0061"}`:                 `"\u0061"`,
		"{ \"iss\" \t:\r\n \"a\" }":        `"a"`,
		`{"iss":1}`:                        ``,
		`{"iss":null,"iss":"a"}`:           ``, // only the first counts
		`{"iss":{"iss":"a"}}`:              ``,
		`{"iss":"a","iss":"b"}`:            `"a"`,
		`{"iss":"a"`:                       `"a"`, // finds no other fault
		`{"a":"iss","iss":"b"}`:            `"b"`,
		`{"a":"\\","iss":"b"}`:             `"b"`,
		`{"a":"\"","iss":"b"}`:             `"b"`,
		`{"a":"}","iss":"b"}`:              `"b"`,
		`{"a":{"iss":"a"},"iss":"b"}`:      `"b"`,
		`{"a":[{"iss":"a"},[]],"iss":"b"}`: `"b"`,
		`{"a":["iss"],"b":1}`:              ``,
		"{\xff}":                           ``,

		// What is called iss.
		`{"\u0069\u0073\u0073":"a"}`: `"a"`,
		`{"\u0069ss":"a"}`:           `"a"`,
		`{"i\u0073s":"a"}`:           `"a"`,
		`{"is\u0073":"a"}`:           `"a"`,
		`{"":"a"}`:                   ``,
		`{"i":"a"}`:                  ``,
		`{"is":"a"}`:                 ``,
		`{"ss":"a"}`:                 ``,
		`{"it":"a"}`:                 ``,
		`{"isx":"a"}`:                ``,
		`{"issx":"a"}`:               ``,
		`{"xiss":"a"}`:               ``,
		`{"ISS":"a"}`:                ``,
		`{"\u0049ss":"a"}`:           ``,
		`{"is\u007":"a"}`:            ``,
		`{"is\u00730":"a"}`:          ``,
		`{"\iss":"a"}`:               ``,
	} {
		iss, ok := ClaimedIssuer(payload)
		assert.True(t, ok, payload)
		assert.Equal(t, want, iss, payload)
	}
	for _, payload := range []Value{
		``, ` `, `null`, `1`, `"a"`, `[]`, `["iss"]`, `[{"iss":"a"}]`, `}`, `x{"iss":"a"}`,
		`{`, `{"a":1`, `{"a":[}`, `{}x`, `{}{}`, `{"a":1}]`,
		`{"`, `{"a`, `{"iss`, `{"iss\`, `{"iss\"`, `{"iss":"`, `{"iss":"a`, `{"iss":"a\"`, `{"iss":"a\`, `{"iss"`, `{"iss" `,
	} {
		iss, ok := ClaimedIssuer(payload)
		assert.False(t, ok, payload)
		assert.Empty(t, iss, payload)
	}
}
