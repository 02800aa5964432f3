package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/jwtverifier"
)

// maxTimeout is how long a jwtverifier waits for one document, at the most.
const maxTimeout = 5 * time.Second

// options are what the flags say.
type options struct {
	issuer               string
	audiences            list
	noAudience           bool
	clientIDs            list
	nonce                string
	noNonce              bool
	clients              list
	leeway               time.Duration
	algorithms           list
	strictType           bool
	senderConstrained    bool
	metadataURL, jwksURL string
	insecureHTTP         bool
	timeout              time.Duration
	file                 string
	json                 bool
	showClaims           bool
}

// list is a flag that can be repeated, and takes several values with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(values string) error {
	for value := range strings.SplitSeq(values, ",") {
		value = strings.TrimSpace(value)
		if value == "" {
			return errors.New("empty value")
		}
		*l = append(*l, value)
	}
	return nil
}

func (o *options) flags() *flag.FlagSet {
	f := flag.NewFlagSet("jwtverify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.issuer, "issuer", "", "the `URL` of the authorization server that you trust, byte for byte as in iss")
	f.Var(&o.audiences, "audience", "judge an access token for this `audience`; several with commas or repeated")
	f.BoolVar(&o.noAudience, "no-audience", false, "judge an access token of a server that names no audience; needs -clients")
	f.Var(&o.clientIDs, "client-id", "judge an ID token for this `client`; several with commas or repeated")
	f.StringVar(&o.nonce, "nonce", "", "the `nonce` that the login of the ID token was started with")
	f.BoolVar(&o.noNonce, "no-nonce", false, "compare no nonce")
	f.Var(&o.clients, "clients", "accept access tokens of these `clients` only")
	f.DurationVar(&o.leeway, "leeway", time.Minute, "tolerated clock skew, up to 5m")
	f.Var(&o.algorithms, "algorithms", "accept these signature `algorithms`, not RS256")
	f.BoolVar(&o.strictType, "strict-type", false, "require typ at+jwt of an access token (RFC 9068)")
	f.BoolVar(&o.senderConstrained, "sender-constrained", false, "accept an access token with cnf; its proof is not checked here")
	f.StringVar(&o.metadataURL, "metadata-url", "", "read the metadata from this `URL`, not the well-known ones")
	f.StringVar(&o.jwksURL, "jwks-url", "", "read the keys from this `URL`, without discovery")
	f.BoolVar(&o.insecureHTTP, "http", false, "allow http beyond loopback hosts: anyone who can change the traffic can forge keys")
	f.DurationVar(&o.timeout, "timeout", maxTimeout, "longest wait for one document, up to 5s")
	f.StringVar(&o.file, "file", "", "read the token from this `path`, not from standard input")
	f.BoolVar(&o.json, "json", false, "write JSON, for machines")
	f.BoolVar(&o.showClaims, "show-claims", false, "show every claim and header parameter")
	return f
}

// usage is the text of -h.
func usage() string {
	var b strings.Builder
	b.WriteString(`Judges one token against a real authorization server, and explains.

  jwtverify -issuer URL -audience A             < token.txt   an access token
  jwtverify -issuer URL -client-id C -nonce N   < token.txt   an ID token

Exit status: 0 accepted, 1 refused, 2 could not be judged, 64 called wrongly.

`)
	f := new(options).flags()
	f.SetOutput(&b)
	f.PrintDefaults()
	return b.String()
}

// tokenLike finds a JWT: "eyJ" is how the base64 of {" begins.
var tokenLike = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.`)

var errArgument = errors.New("a token is never taken as an argument: the shell's history would keep it, and the process list show it. " +
	"Give it on standard input, or name a file with -file PATH")

// parseOptions reads the flags and looks at what they say together. Its errors
// never repeat an argument that could be a token.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	f := o.flags()
	if slices.ContainsFunc(args, tokenLike.MatchString) {
		return nil, errArgument
	}
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, errArgument
	}
	access, id := len(o.audiences) > 0 || o.noAudience, len(o.clientIDs) > 0
	switch {
	case o.issuer == "":
		return nil, errors.New("-issuer is missing: whom to trust is for you to say. The token's own iss proves nothing")
	case access && id:
		return nil, errors.New("both -audience and -client-id: a token is an access token or an ID token, and judged as one of them")
	case !access && !id:
		return nil, errors.New("give -audience to judge an access token, or -client-id with -nonce to judge an ID token")
	case access && (o.nonce != "" || o.noNonce):
		return nil, errors.New("-nonce and -no-nonce are for ID tokens, with -client-id")
	case id && (o.nonce != "") == o.noNonce:
		return nil, errors.New("an ID token needs either -nonce, that which its login was started with, or -no-nonce")
	case id && (len(o.clients) > 0 || o.strictType || o.senderConstrained):
		return nil, errors.New("-clients, -strict-type and -sender-constrained are for access tokens, with -audience")
	case o.timeout <= 0 || o.timeout > maxTimeout:
		return nil, fmt.Errorf("-timeout is not more than 0 and at most %v, which is a service's limit", maxTimeout)
	}
	return o, nil
}

// kind is "access" or "id", as everywhere in jwtverifier.
func (o *options) kind() string {
	if len(o.clientIDs) > 0 {
		return kindID
	}
	return kindAccess
}

// accepted returns the algorithms that are accepted.
func (o *options) accepted() []string {
	if len(o.algorithms) == 0 {
		return []string{"RS256"}
	}
	return o.algorithms
}

// verifier makes what a service would make from these options.
func (o *options) verifier(w *watcher) (*jwtverifier.Verifier, error) {
	opts := []jwtverifier.Option{
		jwtverifier.WithLeeway(o.leeway),
		jwtverifier.WithHTTPClient(&http.Client{Timeout: o.timeout}),
		jwtverifier.WithObserver(w.observer()),
	}
	with := func(given bool, opt jwtverifier.Option) {
		if given {
			opts = append(opts, opt)
		}
	}
	with(len(o.audiences) > 0, jwtverifier.WithAudience(o.audiences...))
	with(o.noAudience, jwtverifier.WithoutAudience())
	with(len(o.clientIDs) > 0, jwtverifier.WithClientID(o.clientIDs...))
	with(len(o.clients) > 0, jwtverifier.WithAuthorizedClients(o.clients...))
	with(len(o.algorithms) > 0, jwtverifier.WithAlgorithms(o.algorithms...))
	with(o.strictType, jwtverifier.WithStrictTokenType())
	with(o.senderConstrained, jwtverifier.WithSenderConstrainedTokens())
	with(o.metadataURL != "", jwtverifier.WithMetadataURL(o.metadataURL))
	with(o.jwksURL != "", jwtverifier.WithJWKSURL(o.jwksURL))
	with(o.insecureHTTP, jwtverifier.WithInsecureHTTP())
	verifier, err := jwtverifier.New(o.issuer, opts...)
	if err != nil && !o.insecureHTTP && strings.HasPrefix(o.issuer, "http://") {
		return nil, fmt.Errorf("%w; -http would allow it, for a network that you trust", err)
	}
	return verifier, err
}
