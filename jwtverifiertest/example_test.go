package jwtverifiertest_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"example.com/jwtverifier/jwtverifiertest"
)

// The code under test gets the issuer's URL and its client; its callers get
// tokens.
func Example() {
	issuer := jwtverifiertest.New("https://issuer.example/oauth2/default")

	resp, err := issuer.Client().Get(issuer.URL() + "/.well-known/openid-configuration")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	var metadata struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&metadata); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(metadata.JWKSURI)

	valid := func(token string) bool {
		input, signature := token[:strings.LastIndex(token, ".")], token[strings.LastIndex(token, ".")+1:]
		raw, _ := base64.RawURLEncoding.DecodeString(signature)
		digest := sha256.Sum256([]byte(input))
		return rsa.VerifyPKCS1v15(issuer.PublicKey("key-1").(*rsa.PublicKey), crypto.SHA256, digest[:], raw) == nil
	}
	token := issuer.AccessToken(jwtverifiertest.Claims{"scp": []string{"read", "write"}})
	fmt.Println("signed by", issuer.KeyID(), valid(token))
	issuer.RotateKey()
	fmt.Println("signed by", issuer.KeyID(), valid(issuer.AccessToken()))

	issuer.Down()
	_, err = issuer.Client().Get(issuer.JWKSURL())
	fmt.Println(err)
	fmt.Println("asked for the keys", issuer.Requests(issuer.JWKSPath()), "time")

	// Output:
	// https://issuer.example/oauth2/default/keys
	// signed by key-1 true
	// signed by key-2 false
	// Get "https://issuer.example/oauth2/default/keys": dial tcp: connect: connection refused
	// asked for the keys 1 time
}
