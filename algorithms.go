package jwtverifier

import (
	"errors"
	"fmt"
	"slices"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
)

// algorithms are those accepted, without repetitions. They are not read from the
// server's metadata: that could only widen them (RFC 8725 §3.1).
type algorithms []*jose.Algorithm

// with returns l with these added.
func (l algorithms) with(more ...*jose.Algorithm) algorithms {
	for _, a := range more {
		if !slices.Contains(l, a) {
			l = append(l, a)
		}
	}
	return l
}

// named returns the accepted algorithm of this alg, nil if there is none.
func (l algorithms) named(alg string) *jose.Algorithm {
	if a := jose.ByName(alg); slices.Contains(l, a) {
		return a
	}
	return nil
}

func (l algorithms) names() []string {
	names := make([]string, len(l))
	for i, a := range l {
		names[i] = a.Name()
	}
	return names
}

// of returns the one algorithm that the key of an entry serves, or why it serves
// none. What the entry says of itself decides, and never the token (RFC 8725 §3.1).
func (l algorithms) of(m *jose.JWK) (*jose.Algorithm, error) {
	kty, err := textOf("kty", m.KeyType)
	switch {
	case err != nil:
		return nil, err
	case !jose.IsKeyType(kty):
		return nil, fmt.Errorf("kty %s is not accepted", strict.Quote(kty, maxAlgorithmText))
	case m.Algorithm == "":
		return l.ofType(m.Type())
	}
	alg, err := textOf("alg", m.Algorithm)
	if err != nil {
		return nil, err
	}
	quoted := strict.Quote(alg, maxAlgorithmText)
	switch a := jose.ByName(alg); {
	case a == nil:
		return nil, fmt.Errorf("alg %s is not accepted", quoted)
	case a.KeyType() != m.Type():
		return nil, fmt.Errorf("alg %s does not fit %s", quoted, typeText(m.Type()))
	case !slices.Contains(l, a):
		return nil, fmt.Errorf("alg %s is not accepted: WithAlgorithms", quoted)
	default:
		return a, nil
	}
}

// ofType returns the one algorithm that a key serves of which nothing is known except
// its type. For an RSA key, which would fit six, that is RS256, which servers mean
// that do not say, or else the only one that it can be.
func (l algorithms) ofType(t jose.KeyType) (*jose.Algorithm, error) {
	fitting := jose.ByKeyType(t)
	if len(fitting) == 0 {
		return nil, fmt.Errorf("%s is not accepted", typeText(t))
	}
	usual := fitting[0].Name()
	fitting = slices.DeleteFunc(fitting, func(a *jose.Algorithm) bool { return !slices.Contains(l, a) })
	switch {
	case len(fitting) == 1 || slices.Contains(fitting, jose.RS256):
		return fitting[0], nil
	case len(fitting) == 0:
		return nil, fmt.Errorf("no alg: %s is for %s, which is not accepted: WithAlgorithms", typeText(t), usual)
	}
	return nil, fmt.Errorf("no alg: %s could be for %s or %s", typeText(t), fitting[0].Name(), fitting[1].Name())
}

func typeText(t jose.KeyType) string {
	text := "kty " + strict.Quote(t.Type, maxAlgorithmText)
	switch {
	case t.Curve != "":
		text += " with crv " + strict.Quote(t.Curve, maxAlgorithmText)
	case t != jose.RS256.KeyType():
		text += " without crv"
	}
	return text
}

// textOf returns the string that a member must be.
func textOf(name string, v strict.Value) (string, error) {
	s, ok := v.Text()
	switch {
	case v == "":
		return "", errors.New(name + " is missing")
	case !ok:
		return "", errors.New(name + " is not a string")
	}
	return s, nil
}
