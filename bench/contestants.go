package main

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	cap "github.com/hashicorp/cap/jwt"
	"github.com/lestrrat-go/jwx/v2/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v2/jwt"
	okta "github.com/okta/okta-jwt-verifier-golang/v2"
)

// A contestant verifies access tokens: signature, iss, aud and exp, and returns
// two claims, of which cid is in no standard. It holds the keys when it is made.
type contestant struct {
	name, module string
	verify       func(raw string) (sub, cid string, err error)
}

func contestants(issuer *jwtverifiertest.Issuer) []contestant {
	ctx := context.Background()
	public := public(issuer)
	return []contestant{
		{"jwtverifier, fresh", "", ours(newVerifier(issuer))},
		{"jwtverifier, fresh, and Claims into a map", "", oursAndClaims(newVerifier(issuer))},
		{"jwtverifier, remembered", "", ours(newVerifier(issuer, jwtverifier.WithTokenCache(1024)))},
		{"golang-jwt", "github.com/golang-jwt/jwt/v5", golangJWT(func(t *jwt.Token) (any, error) {
			if t.Header["kid"] != keyID {
				return nil, errors.New("unknown kid")
			}
			return public, nil
		})},
		{"go-oidc", "github.com/coreos/go-oidc/v3", goOIDC(oidc.ClientContext(ctx, issuer.Client()))},
		{"okta-jwt-verifier", "github.com/okta/okta-jwt-verifier-golang/v2", oktaVerifier(issuer)},
		{"jwx jwt.Parse", "github.com/lestrrat-go/jwx/v2", jwx(must(jwk.Parse(jwks(issuer))))},
		{"cap", "github.com/hashicorp/cap", hashicorp(oidc.ClientContext(ctx, issuer.Client()), issuer.JWKSURL())},
	}
}

// floor is what any verification must do: decode the signature, hash the signing
// input, and apply RSA.
func floor(public *rsa.PublicKey, raw string) {
	end := strings.LastIndexByte(raw, '.')
	signature := must(base64.RawURLEncoding.DecodeString(raw[end+1:]))
	digest := sha256.Sum256([]byte(raw[:end]))
	check(rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature))
}

func public(issuer *jwtverifiertest.Issuer) *rsa.PublicKey {
	return issuer.PublicKey("key-1").(*rsa.PublicKey)
}

func ours(v *jwtverifier.Verifier) func(string) (string, string, error) {
	return func(raw string) (string, string, error) {
		t, err := v.VerifyAccessToken(context.Background(), raw)
		if err != nil {
			return "", "", err
		}
		return t.Subject, t.ClientID, nil
	}
}

func oursAndClaims(v *jwtverifier.Verifier) func(string) (string, string, error) {
	return func(raw string) (string, string, error) {
		t, err := v.VerifyAccessToken(context.Background(), raw)
		if err != nil {
			return "", "", err
		}
		var all map[string]any
		err = t.Claims(&all)
		return t.Subject, text(all["cid"]), err
	}
}

func golangJWT(key jwt.Keyfunc) func(string) (string, string, error) {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuerURL),
		jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
	return func(raw string) (string, string, error) {
		all := jwt.MapClaims{}
		_, err := parser.ParseWithClaims(raw, all, key)
		return text(all["sub"]), text(all["cid"]), err
	}
}

func goOIDC(ctx context.Context) func(string) (string, string, error) {
	verifier := must(oidc.NewProvider(ctx, issuerURL)).Verifier(&oidc.Config{ClientID: audience})
	return func(raw string) (string, string, error) {
		t, err := verifier.Verify(ctx, raw)
		if err != nil {
			return "", "", err
		}
		var all map[string]any
		err = t.Claims(&all)
		return t.Subject, text(all["cid"]), err
	}
}

func oktaVerifier(issuer *jwtverifiertest.Issuer) func(string) (string, string, error) {
	verifier := must((&okta.JwtVerifier{
		Issuer:           issuerURL,
		ClaimsToValidate: map[string]string{"aud": audience, "cid": client},
		Client:           issuer.Client(),
		Timeout:          time.Hour,
		Cleanup:          time.Hour,
	}).New())
	return func(raw string) (string, string, error) {
		t, err := verifier.VerifyAccessToken(raw)
		if err != nil {
			return "", "", err
		}
		return text(t.Claims["sub"]), text(t.Claims["cid"]), nil
	}
}

func jwx(keys jwk.Set) func(string) (string, string, error) {
	return func(raw string) (string, string, error) {
		t, err := jwxjwt.Parse([]byte(raw), jwxjwt.WithKeySet(keys), jwxjwt.WithIssuer(issuerURL),
			jwxjwt.WithAudience(audience), jwxjwt.WithRequiredClaim("exp"), jwxjwt.WithAcceptableSkew(leeway))
		if err != nil {
			return "", "", err
		}
		cid, _ := t.Get("cid")
		return t.Subject(), text(cid), nil
	}
}

func hashicorp(ctx context.Context, jwksURL string) func(string) (string, string, error) {
	validator := must(cap.NewValidator(must(cap.NewJSONWebKeySet(ctx, jwksURL, ""))))
	expected := cap.Expected{Issuer: issuerURL, Audiences: []string{audience},
		SigningAlgorithms: []cap.Alg{cap.RS256}, ClockSkewLeeway: leeway}
	return func(raw string) (string, string, error) {
		all, err := validator.Validate(ctx, raw, expected)
		return text(all["sub"]), text(all["cid"]), err
	}
}

func text(claim any) string {
	s, _ := claim.(string)
	return s
}

// admit checks that a contestant does the work that it is timed for.
func admit(c contestant, issuer *jwtverifiertest.Issuer) error {
	good := mint(issuer, nil)
	sub, cid, err := c.verify(good)
	if err != nil || sub != subject || cid != client {
		return fmt.Errorf("%s: a good token: sub %q, cid %q, %w", c.name, sub, cid, err)
	}
	end := strings.LastIndexByte(good, '.') + 1
	for name, bad := range map[string]string{
		"signature": good[:end] + "AAAA" + good[end+4:],
		"iss":       mint(issuer, jwtverifiertest.Claims{"iss": "https://other.example"}),
		"aud":       mint(issuer, jwtverifiertest.Claims{"aud": "api://other"}),
		"exp":       mint(issuer, jwtverifiertest.Claims{"exp": time.Now().Add(-time.Hour).Unix()}),
	} {
		if _, _, err := c.verify(bad); err == nil {
			return fmt.Errorf("%s accepts a token with a wrong %s", c.name, name)
		}
	}
	return nil
}

// version returns the version of a module that this program was built with.
func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == module {
			return " " + m.Version
		}
	}
	return ""
}
