package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"

	"example.com/jwtverifier"
	"example.com/jwtverifier/httpauth"
	"example.com/jwtverifier/introspection"
	"example.com/jwtverifier/jwtverifiertest"
)

// What a refusal may cost, in fresh verifications.
const (
	usual   = 1.0 / 20 // malformed, of another algorithm or of an unknown kid, up to 1 KiB
	anySize = 1.0      // the same, however long
	worst   = 4.0      // whatever anybody can send

	// Where the first two do not hold, what is true instead.
	oneByOne       = 1.3      // as many blanks as are read, taken off one by one
	longHeader     = 1.35     // 64 KiB with 8 KiB of header, of which each byte is looked at
	manyStrings    = 1.2      // 1,000 strings in the header, and what the door adds
	unsignedIssuer = 1.9      // Issuers have read as much of the payload as they do
	usualAtIssuers = 1.0 / 13 // iss is read first, wherever it is
	usualAtGuard   = 1.0 / 12 // a Guard looks at the field and writes an answer
)

// A refusal is what anybody can send, and what must come of it.
type refusal struct {
	name string
	sent []string // one token, or the values of Authorization
	want string   // the code of the token's error, or the status
	most float64  // fresh verifications that it may cost
}

// A door is where strangers' tokens come in.
type door struct {
	name     string
	send     func(sent []string) error
	refusals []refusal
}

// refusals prints what it costs to refuse, in multiples of a fresh token that is
// accepted.
func refusals(out io.Writer) {
	issuer := newIssuer()
	fresh := accept(newVerifier(issuer), mint(issuer, nil))
	for _, d := range doors(issuer) {
		costs := d.costs(500, fresh)
		var rows [][]string
		for i, r := range d.refusals {
			count, bytes := allocated(func() { _ = d.send(r.sent) })
			rows = append(rows, []string{r.name, r.want, times(costs[i]), times(r.most), fmt.Sprint(count), fmt.Sprint(bytes)})
		}
		table(out, "Refusals: "+d.name, []string{"", "refused as", "× fresh", "limit", "allocations", "bytes"}, rows)
	}
}

// costs returns what each refusal costs, in calls of fresh. It panics if one is not
// refused as it must be.
func (d *door) costs(rounds int, fresh func()) []float64 {
	functions := []func(){fresh}
	for _, r := range d.refusals {
		if got := outcome(d.send(r.sent)); got != r.want {
			panic(fmt.Sprintf("%s: %s: %s instead of %s", d.name, r.name, got, r.want))
		}
		functions = append(functions, func() { _ = d.send(r.sent) })
	}
	ns := interleave(rounds, functions...)
	costs := make([]float64, len(d.refusals))
	for i := range costs {
		costs[i] = undisturbed(ns[i+1], ns[0])
	}
	return costs
}

// outcome returns the status of an answer, or the code of a token's error.
func outcome(err error) string {
	if denied, ok := errors.AsType[*httpauth.DeniedError](err); ok {
		return strconv.Itoa(denied.Status)
	}
	if refused, ok := errors.AsType[*jwtverifier.TokenError](err); ok {
		return refused.Code()
	}
	return fmt.Sprint(err)
}

// doors returns every way in for a token, each with what strangers send there.
func doors(issuer *jwtverifiertest.Issuer) []door {
	v := newVerifier(issuer)
	everyday, costly := everydayTokens(issuer), costlyTokens(v)
	four, late := withFourKeys(issuer), lateIssuers(v, knownKey, "signature", worst)
	other := newVerifier(newIssuerAt(otherURL)) // the kids are the same
	several, severalOfFour := must(jwtverifier.NewIssuers(v, other)), must(jwtverifier.NewIssuers(four, other))
	guard, guardOfFour := must(httpauth.New(v, httpauth.WithRealm("api"))), must(httpauth.New(four, httpauth.WithRealm("api")))
	client := must(introspection.New(v, "client", "secret", introspection.WithEndpoint(issuerURL+"/introspect"),
		introspection.WithHTTPClient(&http.Client{Transport: noNetwork{}})))
	mostStrings := []string{mostComplex + "an array of strings, no payload, wrong alg", mostComplex + "an array of strings, 12 KiB, unknown kid"}
	asking := must(introspection.NewVerifier(v, client))
	fields := slices.Concat(costlyFields(mint(issuer, nil)),
		allow(asFields(everyday), usualAtGuard, "malformed: header is not JSON", "wrong alg", "unknown kid, within the cooldown"),
		allow(asFields(complexTokens(v)), manyStrings, mostStrings...))
	costly = allow(costly, manyStrings, mostStrings...)
	return []door{
		{"a Verifier", verifying(v), slices.Concat(everyday, costly)},
		{"a Verifier with four keys of one kid", verifying(four), late},
		{"Issuers", verifying(several), slices.Concat(allow(everyday, usualAtIssuers, "unknown kid, within the cooldown"), costlyPayloads(v), late, allow(lateIssuers(v, unknownKey, "unknown_key", unsignedIssuer), usualAtIssuers, "late iss"))},
		{"Issuers, four keys of one kid", verifying(severalOfFour), late},
		{"httpauth, Guard.Check", checking(guard), fields},
		{"httpauth, Guard.Check, four keys of one kid", checking(guardOfFour), asFields(late)},
		{"httpauth, Guard.Handler", serving(guard), fields},
		{"introspection, Verifier", verifying(asking), slices.Concat(everyday, costly)},
		{"introspection, Client.Introspect", func(sent []string) error {
			_, err := client.Introspect(context.Background(), sent[0])
			return err
		}, notAsked()},
	}
}

// allow returns the refusals with another limit for those of these names.
func allow(refusals []refusal, most float64, names ...string) []refusal {
	refusals = slices.Clone(refusals)
	for _, name := range names {
		i := slices.IndexFunc(refusals, func(r refusal) bool { return r.name == name })
		if i < 0 {
			panic("no refusal is called " + name)
		}
		refusals[i].most = most
	}
	return refusals
}

// withFourKeys returns a Verifier with the most keys of one kid that are tried.
func withFourKeys(issuer *jwtverifiertest.Issuer) *jwtverifier.Verifier {
	keys := map[string][]*big.Int{}
	for range 4 {
		keys[keyID] = append(keys[keyID], modulus(issuer, issuer.PublishKey()))
	}
	return newVerifier(issuer, jwtverifier.WithStaticKeys(publicSet(keys)))
}

func verifying(v httpauth.AccessTokenVerifier) func([]string) error {
	return func(sent []string) error {
		_, err := v.VerifyAccessToken(context.Background(), sent[0])
		return err
	}
}

func checking(guard *httpauth.Guard) func([]string) error {
	r := must(http.NewRequest(http.MethodGet, "/", nil))
	return func(sent []string) error {
		r.Header["Authorization"] = sent
		_, err := guard.Check(r)
		return err
	}
}

func serving(guard *httpauth.Guard) func([]string) error {
	h := guard.Handler(http.NotFoundHandler())
	r, w := must(http.NewRequest(http.MethodGet, "/", nil)), &answer{header: http.Header{}}
	return func(sent []string) error {
		r.Header["Authorization"] = sent
		h.ServeHTTP(w, r)
		return w
	}
}

// An answer is a ResponseWriter that costs next to nothing, and an error whose text
// is the status.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }
func (a *answer) Error() string               { return strconv.Itoa(a.status) }

// noNetwork is there for what must be refused without a request.
type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	panic("a request about a token that must be refused")
}
