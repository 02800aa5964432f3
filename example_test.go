package jwtverifier_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

var publicKeyPEM = []byte(`-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAlJppL3mMYNr+AE7JaKLw
q07FLQNmnZmA3DBbTvZ4MxGHArLAr6AcsOlV9Zte6yIquxRPDm4/yOV0X0OgzZuh
BZ/zk1bDp4Hwc/kZfXHPVnmauMHM739kZqzUX0Ebtt+L3EAe5nXaHG7eWMpQ0+qA
xCgzHhTgqv9J+f31x/V+fn3XF9YlqWVVB06NTDp/ozfTIG7yWvCUCA+Uysttcdqi
0NPxn34KJbGVu9VjPPJUylKxKcoiyjFbIx2XLYjJQjNP42qwDkdZh69MP5A+nN7z
18tosu2Cus6XQtjh7wa9zKFAVMRKG/KOIdhPpzsuIAb1xKQXxSvd4K7+Jw/ELZD7
KwIDAQAB
-----END PUBLIC KEY-----
`)

func ExampleNew() {
	// One Verifier per issuer, for the life of the program.
	verifier, err := jwtverifier.New("https://example.okta.com/oauth2/default",
		jwtverifier.WithAudience("api://default"),
		jwtverifier.WithAuthorizedClients("0oa1example"),
		jwtverifier.WithTokenCache(10_000),
		jwtverifier.WithLogger(slog.Default()))
	if err != nil {
		panic(err) // a mistake in the lines above
	}
	fmt.Println(verifier.Issuer(), verifier.Status().State)
	// Output: https://example.okta.com/oauth2/default cold
}

func ExampleVerifier_VerifyAccessToken() {
	issuer := jwtverifiertest.New("") // stands for your authorization server
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithAudience("api://default"),
		jwtverifier.WithHTTPClient(issuer.Client()))
	if err != nil {
		panic(err)
	}

	for _, raw := range []string{issuer.AccessToken(), "not a token"} {
		token, err := verifier.VerifyAccessToken(context.Background(), raw)
		switch {
		case errors.Is(err, jwtverifier.ErrInvalidToken):
			fmt.Println(http.StatusUnauthorized, err)
		case errors.Is(err, jwtverifier.ErrUnavailable):
			fmt.Println(http.StatusServiceUnavailable, err)
		case err != nil:
			fmt.Println(http.StatusInternalServerError, err)
		default:
			fmt.Println(http.StatusOK, token.Subject, token.HasScopes("read"))
		}
	}
	// Output:
	// 200 user true
	// 401 jwtverifier: malformed token: not three segments
}

func ExampleVerifier_VerifyIDToken() {
	issuer := jwtverifiertest.New("")
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithClientID("client"),
		jwtverifier.WithHTTPClient(issuer.Client()))
	if err != nil {
		panic(err)
	}

	nonce := "n-0S6_WzA2Mj" // made for this login, kept in the browser's session
	token, err := verifier.VerifyIDToken(context.Background(), issuer.IDToken(nonce), nonce,
		jwtverifier.MaxAge(time.Hour))
	if err != nil {
		fmt.Println(err)
		return
	}
	var profile struct {
		Name string `json:"name"`
	}
	if err := token.Claims(&profile); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Subject, profile.Name)
	// Output: user Test User
}

func ExampleIssuers() {
	staff, customers := jwtverifiertest.New("https://staff.example"), jwtverifiertest.New("https://customers.example")
	var verifiers []*jwtverifier.Verifier
	for _, issuer := range []*jwtverifiertest.Issuer{staff, customers} {
		verifier, err := jwtverifier.New(issuer.URL(),
			jwtverifier.WithAudience("api://default"), jwtverifier.WithHTTPClient(issuer.Client()))
		if err != nil {
			panic(err)
		}
		verifiers = append(verifiers, verifier)
	}
	issuers, err := jwtverifier.NewIssuers(verifiers...)
	if err != nil {
		panic(err)
	}
	token, err := issuers.VerifyAccessToken(context.Background(), customers.AccessToken())
	fmt.Println(token.Issuer, err)
	// Output: https://customers.example <nil>
}

func ExampleVerifier_Status() {
	issuer := jwtverifiertest.New("")
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithAudience("api://default"), jwtverifier.WithHTTPClient(issuer.Client()))
	if err != nil {
		panic(err)
	}
	fmt.Println(verifier.Status().State, verifier.Status().Ready())
	if err := verifier.Prefetch(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(verifier.Status().State, verifier.Status().Ready(), verifier.Status().KeyIDs)
	// Output:
	// cold false
	// fresh true [key-1]
}

func ExampleVerifier_Metadata() {
	issuer := jwtverifiertest.New("")
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithClientID("client"), jwtverifier.WithHTTPClient(issuer.Client()))
	if err != nil {
		panic(err)
	}
	var endpoints struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
	}
	if err := verifier.Metadata(context.Background(), &endpoints); err != nil {
		fmt.Println(err)
	}
	fmt.Println(endpoints.Token)
	// Output: https://issuer.example/token
}

func ExampleWithPublicKeys() {
	block, _ := pem.Decode(publicKeyPEM) // the file that the issuer gave you
	if block == nil {
		panic("not PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes) // "RSA PUBLIC KEY": ParsePKCS1PublicKey
	if err != nil {
		panic(err)
	}
	verifier, err := jwtverifier.New("auth-service",
		jwtverifier.WithAudience("api://default"), jwtverifier.WithPublicKeys(key))
	if err != nil {
		panic(err)
	}
	fmt.Println(verifier.Issuer(), verifier.Status().State)
	// Output: auth-service fresh
}

func ExampleUnavailableError() {
	issuer := jwtverifiertest.New("")
	issuer.Respond("", jwtverifiertest.Response{Status: 503, Header: http.Header{"Retry-After": {"30"}}})
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithAudience("api://default"), jwtverifier.WithHTTPClient(issuer.Client()))
	if err != nil {
		panic(err)
	}
	_, err = verifier.VerifyAccessToken(context.Background(), issuer.AccessToken())
	if unavailable, ok := errors.AsType[*jwtverifier.UnavailableError](err); ok {
		fmt.Println("try again in", unavailable.RetryAfter)
	}
	if fetch, ok := errors.AsType[*jwtverifier.FetchError](err); ok {
		fmt.Println("the server said", fetch.StatusCode)
	}
	// Output:
	// try again in 30s
	// the server said 503
}

func ExampleWithObserver() {
	issuer := jwtverifiertest.New("")
	verifier, err := jwtverifier.New(issuer.URL(),
		jwtverifier.WithAudience("api://default"),
		jwtverifier.WithHTTPClient(issuer.Client()),
		jwtverifier.WithObserver(jwtverifier.Observer{
			VerifyDone: func(i jwtverifier.VerifyDoneInfo) {
				fmt.Fprintln(os.Stdout, i.Kind, i.Code) // count it
			},
		}))
	if err != nil {
		panic(err)
	}
	_, _ = verifier.VerifyAccessToken(context.Background(), issuer.AccessToken())
	_, _ = verifier.VerifyAccessToken(context.Background(), "not a token")
	// Output:
	// access ok
	// access malformed
}
