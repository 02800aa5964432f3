package jwtverifier_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

// members are those of a claims set, a header or a JWK.
type members = jwtverifiertest.Claims

const loginNonce = "n-0S6_WzA2Mj"

// A providerRow is the shape of one provider's tokens and documents. Its options
// are those of an example in docs/providers.md.
type providerRow struct {
	section string // the heading there
	example int    // the example below it, counted from 0

	serve func(*testing.T, *providerServer) // what its documents have of their own

	access        tokenShape
	wantClient    string
	wantScopes    []string
	accessAsID    error // what refuses the access token as an ID token
	accessRefused error // what refuses it as an access token, if nothing makes it one

	id         tokenShape
	idAsAccess error // what refuses the ID token as an access token
}

// A tokenShape is a token without what all have: alg, kid, iss, sub, iat, exp.
type tokenShape struct {
	header, claims members
	raw            string // instead, an opaque token
	key            string // the kid that signs; "" means the current one
}

var typJWT = members{"typ": "JWT"}
var typATJWT = members{"typ": "at+jwt"}

// at_hash of some access token: its value is looked at only when asked for.
const someTokenHash = "77QmUPtjPfzWtF2AnpK9RQ"

var providers = []providerRow{
	{
		section: "Okta custom authorization server",
		serve: func(_ *testing.T, s *providerServer) {
			s.SetJWKSHeader("Cache-Control", "max-age=3293198, must-revalidate")
		},
		access: tokenShape{claims: members{"ver": 1, "jti": "AT.1", "aud": "api://default", "cid": "0oa1web",
			"uid": "00u1", "scp": []string{"openid", "orders.read"}, "auth_time": 1}},
		wantClient: "0oa1web",
		wantScopes: []string{"openid", "orders.read"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{claims: members{"ver": 1, "jti": "ID.1", "aud": "0oa1web", "nonce": loginNonce, "at_hash": someTokenHash,
			"amr": []string{"pwd"}, "idp": "00o1", "auth_time": 1, "name": "Ann"}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Okta org authorization server",
		access: tokenShape{header: members{"typ": "application/okta-internal-at+jwt"},
			claims: members{"ver": 1, "aud": "https://example.okta.com", "cid": "0oa1web", "scp": []string{"openid"}}},
		accessRefused: jwtverifier.ErrMisconfigured, // without WithAudience there are no access tokens
		accessAsID:    jwtverifier.ErrTokenType,
		id: tokenShape{claims: members{"ver": 1, "aud": "0oa1web", "nonce": loginNonce, "at_hash": someTokenHash,
			"amr": []string{"pwd"}, "idp": "00o1", "auth_time": 1}},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "Microsoft Entra ID, v2.0 tokens",
		serve:   func(t *testing.T, s *providerServer) { s.editKeys(t, nil, withoutMembers("alg")) },
		access: tokenShape{header: typJWT, claims: members{"ver": "2.0", "aud": "aaaaaaaa-0000-0000-0000-00000000a91a",
			"azp": "bbbbbbbb-0000-0000-0000-00000000c11e", "azpacr": "1", "scp": "Orders.Read Orders.Write",
			"roles": []string{"Reader"}, "tid": "11111111-2222-3333-4444-555555555555", "nbf": 1, "uti": "u"}},
		wantClient: "bbbbbbbb-0000-0000-0000-00000000c11e",
		wantScopes: []string{"Orders.Read", "Orders.Write"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{header: typJWT, claims: members{"ver": "2.0", "aud": "bbbbbbbb-0000-0000-0000-00000000c11e",
			"nonce": loginNonce, "oid": "o", "nbf": 1, "preferred_username": "ann@example.com"}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Microsoft Entra ID, v2.0 tokens", example: 1, // one registration for both
		serve: func(t *testing.T, s *providerServer) { s.editKeys(t, nil, withoutMembers("alg")) },
		access: tokenShape{header: typJWT, claims: members{"ver": "2.0", "aud": "aaaaaaaa-0000-0000-0000-00000000a91a",
			"azp": "aaaaaaaa-0000-0000-0000-00000000a91a", "scp": "Orders.Read", "nbf": 1}},
		wantClient: "aaaaaaaa-0000-0000-0000-00000000a91a",
		wantScopes: []string{"Orders.Read"},
		accessAsID: jwtverifier.ErrNonce,
		id:         tokenShape{header: typJWT, claims: members{"ver": "2.0", "aud": "aaaaaaaa-0000-0000-0000-00000000a91a", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Microsoft Entra ID, v1.0 tokens",
		serve: func(t *testing.T, s *providerServer) {
			login := s.other("https://login.microsoftonline.com")
			metadata := s.Metadata()
			metadata["jwks_uri"] = "https://login.microsoftonline.com/common/discovery/keys"
			login.Respond("/11111111-2222-3333-4444-555555555555/.well-known/openid-configuration", jsonResponse(t, metadata))
			login.Respond("/common/discovery/keys", jsonResponse(t, s.keys(t, withoutMembers("alg"))))
			s.Down() // nobody is to ask there
		},
		access: tokenShape{header: members{"typ": "JWT", "x5t": "key-1"}, claims: members{"ver": "1.0", "aud": "api://orders",
			"appid": "bbbbbbbb-0000-0000-0000-00000000c11e", "appidacr": "1", "scp": "Orders.Read", "nbf": 1}},
		wantClient: "bbbbbbbb-0000-0000-0000-00000000c11e",
		wantScopes: []string{"Orders.Read"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{header: members{"typ": "JWT", "x5t": "key-1"}, claims: members{"ver": "1.0",
			"aud": "bbbbbbbb-0000-0000-0000-00000000c11e", "nonce": loginNonce, "nbf": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Auth0",
		serve: func(_ *testing.T, s *providerServer) {
			s.SetJWKSHeader("Cache-Control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=15")
		},
		access: tokenShape{header: typJWT, claims: members{"aud": []string{"https://api.example.com", "https://example.eu.auth0.com/userinfo"},
			"azp": "web", "scope": "openid read:orders", "gty": "password"}},
		wantClient: "web",
		wantScopes: []string{"openid", "read:orders"},
		accessAsID: jwtverifier.ErrAudience,
		id:         tokenShape{header: typJWT, claims: members{"aud": "web", "nonce": loginNonce, "sid": "s"}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Auth0", // the RFC 9068 profile
		access: tokenShape{header: typATJWT, claims: members{"aud": "https://api.example.com", "client_id": "web",
			"scope": "read:orders", "jti": "j"}},
		wantClient: "web",
		wantScopes: []string{"read:orders"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{header: typJWT, claims: members{"aud": "web", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Keycloak",
		serve:   serveKeycloak,
		access: tokenShape{header: typJWT, claims: members{"typ": "Bearer", "aud": []string{"orders-api", "account"}, "azp": "web",
			"scope": "openid email", "realm_access": members{"roles": []string{"user"}}, "sid": "s"}},
		wantClient: "web",
		wantScopes: []string{"openid", "email"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{header: typJWT, claims: members{"typ": "ID", "aud": "web", "azp": "web", "nonce": loginNonce, "at_hash": someTokenHash}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Keycloak", example: 1, // no audience
		serve:      serveKeycloak,
		access:     tokenShape{header: typJWT, claims: members{"typ": "Bearer", "azp": "web", "scope": "email"}},
		wantClient: "web",
		wantScopes: []string{"email"},
		accessAsID: jwtverifier.ErrMisconfigured,
		id:         tokenShape{header: typJWT, claims: members{"typ": "ID", "aud": "web", "azp": "web", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Amazon Cognito",
		serve:   func(_ *testing.T, s *providerServer) { s.PublishKey() }, // key-2, for access tokens
		access: tokenShape{key: "key-2", claims: members{"token_use": "access", "client_id": "1example23456789", "version": 2,
			"scope": "orders/read", "username": "ann", "auth_time": 1}},
		wantClient: "1example23456789",
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{claims: members{"token_use": "id", "aud": "1example23456789", "nonce": loginNonce, "at_hash": someTokenHash,
			"cognito:username": "ann", "auth_time": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Amazon Cognito", example: 1, // bound to a resource
		access: tokenShape{claims: members{"token_use": "access", "client_id": "1example23456789", "version": 2,
			"aud": "https://api.example.com", "scope": "orders/read"}},
		wantClient: "1example23456789",
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{claims: members{"token_use": "id", "aud": "1example23456789", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Google",
		serve: func(t *testing.T, s *providerServer) {
			metadata := s.Metadata()
			metadata["jwks_uri"] = "https://www.googleapis.com/oauth2/v3/certs"
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond(s.MetadataPaths()[1], jsonResponse(t, metadata))
			s.other("https://www.googleapis.com").Respond("/oauth2/v3/certs", jsonResponse(t, s.keys(t)))
		},
		access:        tokenShape{raw: "ya29.a0AfH6SMBx"},
		accessRefused: jwtverifier.ErrMisconfigured,
		accessAsID:    jwtverifier.ErrMalformed,
		id: tokenShape{header: typJWT, claims: members{"aud": "1234-web.apps.googleusercontent.com", "nonce": loginNonce,
			"azp": "1234-android.apps.googleusercontent.com", "email": "ann@example.com", "email_verified": true, "hd": "example.com"}},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "Zitadel",
		serve:   func(_ *testing.T, s *providerServer) { s.SetJWKSHeader("Cache-Control", "no-cache") },
		access: tokenShape{header: typJWT, claims: members{"aud": []string{"280000000000000002", "280000000000000001"},
			"client_id": "280000000000000002", "jti": "j", "nbf": 1}},
		wantClient: "280000000000000002",
		accessAsID: jwtverifier.ErrAuthorizedParty,
		id: tokenShape{header: typJWT, claims: members{"aud": []string{"280000000000000002", "280000000000000001"},
			"azp": "280000000000000002", "client_id": "280000000000000002", "nonce": loginNonce, "at_hash": someTokenHash, "amr": []string{"pwd"}}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ping and ForgeRock", // PingOne, client credentials
		access: tokenShape{claims: members{"sub": jwtverifiertest.Absent, "aud": "https://api.example.com", "client_id": "service",
			"scope": "orders:read orders:write", "env": "11111111-2222-3333-4444-555555555555"}},
		wantClient: "service",
		wantScopes: []string{"orders:read", "orders:write"},
		accessAsID: jwtverifier.ErrAudience,
		id:         tokenShape{claims: members{"aud": "web", "nonce": loginNonce, "acr": "Single_Factor", "auth_time": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ping and ForgeRock", example: 1, // PingAM
		access: tokenShape{header: typJWT, claims: members{"cts": "OAUTH2_STATELESS_GRANT", "tokenName": "access_token", "token_type": "Bearer",
			"aud": "https://api.example.com", "grant_type": "authorization_code", "scope": []string{"orders/read"},
			"realm": "/", "nonce": loginNonce, "auth_time": 1, "nbf": 1, "expires_in": 3600}},
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrAudience,
		id:         tokenShape{header: typJWT, claims: members{"tokenName": "id_token", "aud": "web", "azp": "web", "nonce": loginNonce, "at_hash": someTokenHash, "realm": "/"}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Duende IdentityServer",
		access: tokenShape{header: typATJWT, claims: members{"aud": []string{"invoice"}, "client_id": "web",
			"scope": []string{"openid", "invoice.read"}, "idp": "local", "amr": []string{"pwd"}, "nbf": 1, "jti": "J"}},
		wantClient: "web",
		wantScopes: []string{"openid", "invoice.read"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{header: typJWT, claims: members{"aud": "web", "nonce": loginNonce, "at_hash": someTokenHash, "amr": []string{"pwd"}, "nbf": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section:       "Dex",
		access:        tokenShape{claims: members{"aud": "web", "nonce": loginNonce, "at_hash": someTokenHash, "name": "Ann"}},
		accessRefused: jwtverifier.ErrMisconfigured,
		id:            tokenShape{claims: members{"aud": "web", "nonce": loginNonce, "at_hash": "another", "name": "Ann"}},
		idAsAccess:    jwtverifier.ErrMisconfigured,
	},
	{
		section: "Ory Hydra",
		serve:   serveHydra,
		access: tokenShape{header: typJWT, key: largeKeyID, claims: members{"aud": []string{"https://api.example.com"}, "client_id": "web",
			"scp": []string{"openid", "offline"}, "ext": members{}, "nbf": 1, "jti": "j"}},
		wantClient: "web",
		wantScopes: []string{"openid", "offline"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{header: typJWT, claims: members{"aud": []string{"web"}, "nonce": loginNonce, "at_hash": someTokenHash,
			"rat": 1, "sid": "s", "auth_time": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ory Hydra", example: 1, // no audience
		serve: serveHydra,
		access: tokenShape{header: typJWT, key: largeKeyID, claims: members{"aud": []string{}, "client_id": "web",
			"scp": []string{}, "ext": members{}, "nbf": 1}},
		wantClient: "web",
		wantScopes: []string{},
		accessAsID: jwtverifier.ErrMisconfigured,
		id:         tokenShape{header: typJWT, claims: members{"aud": []string{"web"}, "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrAudience,
	},
	{
		section: "LemonLDAP::NG", // client credentials
		serve: func(t *testing.T, s *providerServer) {
			s.editKeys(t, nil, withoutMembers("alg"))
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{
				Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<!DOCTYPE html><title>Portal</title>")})
		},
		access: tokenShape{header: typJWT, claims: members{"sub": nil, "aud": []string{"web", "https://api.example.com"},
			"client_id": "web", "scope": "read write", "jti": "j"}},
		wantClient: "web",
		wantScopes: []string{"read", "write"},
		accessAsID: jwtverifier.ErrAuthorizedParty,
		id:         tokenShape{header: typJWT, claims: members{"aud": []string{"web"}, "azp": "web", "nonce": loginNonce, "acr": "loa-1", "auth_time": 1}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Glewlwyd",
		serve: func(t *testing.T, s *providerServer) {
			metadata := s.Metadata()
			metadata["jwks_uri"] = s.URL() + "//jwks"
			s.Respond(s.MetadataPaths()[1], jsonResponse(t, metadata))
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond("/api/oidc//jwks", jsonResponse(t, s.keys(t, withoutMembers("use"))))
		},
		access: tokenShape{header: typATJWT, claims: members{"aud": "https://api.example.com", "client_id": "web", "type": "access_token",
			"scope": "openid g_profile", "jti": "j"}},
		wantClient: "web",
		wantScopes: []string{"openid", "g_profile"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{header: typJWT, claims: members{"aud": "web", "azp": "web", "nonce": loginNonce, "at_hash": someTokenHash,
			"c_hash": someTokenHash, "auth_time": 0, "amr": []string{"password"}}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "django-oauth-toolkit",
		serve: func(t *testing.T, s *providerServer) {
			place := s.MetadataPaths()[1]
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond(place, jwtverifiertest.Response{Status: http.StatusMovedPermanently, Header: http.Header{"Location": {place + "/"}}})
			s.Respond(place+"/", jsonResponse(t, s.Metadata()))
			s.editKeys(t, http.Header{"Cache-Control": {"Cache-Control: public, max-age=3600, stale-while-revalidate=3600"}})
		},
		access:        tokenShape{raw: "hZ2cGtIp9sWmQvTqB0RkL4nXyE7oJd"},
		accessRefused: jwtverifier.ErrMisconfigured,
		accessAsID:    jwtverifier.ErrMalformed,
		id:            tokenShape{header: typJWT, claims: members{"aud": "web", "nonce": loginNonce, "at_hash": someTokenHash, "auth_time": 1, "jti": "j"}},
		idAsAccess:    jwtverifier.ErrMisconfigured,
	},
	{
		section: "node oidc-provider",
		serve: func(_ *testing.T, s *providerServer) {
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
		},
		access: tokenShape{header: typATJWT, claims: members{"aud": "https://api.example.com", "client_id": "service",
			"scope": "orders.read", "jti": "j"}},
		wantClient: "service",
		wantScopes: []string{"orders.read"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{claims: members{"aud": "web", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
}

func serveKeycloak(t *testing.T, s *providerServer) {
	encryption := s.PublishKey()
	s.editKeys(t, http.Header{"Cache-Control": {"no-cache"}}, func(key members) {
		if key["kid"] == encryption {
			key["use"], key["alg"] = "enc", "RSA-OAEP"
		}
		key["x5c"], key["x5t"] = []string{"MIIClTCCAX0CBgGX"}, "x"
	})
}

func serveHydra(t *testing.T, s *providerServer) {
	set := s.keys(t)
	public := largeKey(t).PublicKey
	set["keys"] = append(set["keys"].([]members), members{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": largeKeyID,
		"n": base64.RawURLEncoding.EncodeToString(public.N.Bytes()), "e": "AQAB"})
	answer := jsonResponse(t, set)
	answer.Header = http.Header{"Cache-Control": {"private, no-cache, no-store, must-revalidate"}}
	s.Respond(s.JWKSPath(), answer)
}

// Each example of docs/providers.md accepts the provider's access tokens and ID
// tokens as what they are, and as nothing else.
func TestProviders(t *testing.T) {
	examples := providerExamples(t)
	used := map[string]bool{}
	for _, row := range providers {
		t.Run(fmt.Sprintf("%s %d", row.section, row.example), func(t *testing.T) {
			require.Less(t, row.example, len(examples[row.section]), "no such example in docs/providers.md")
			used[fmt.Sprintf("%s %d", row.section, row.example)] = true
			issuer, opts := evaluateExample(t, examples[row.section][row.example])
			server := &providerServer{Issuer: jwtverifiertest.New(issuer)}
			if row.serve != nil {
				row.serve(t, server)
			}
			verifier, err := jwtverifier.New(issuer, append(opts, jwtverifier.WithHTTPClient(&http.Client{Transport: server}))...)
			require.NoError(t, err)
			access, id := server.mint(t, row.access), server.mint(t, row.id)

			accessToken, err := verifier.VerifyAccessToken(t.Context(), access)
			if row.accessRefused == nil {
				require.NoError(t, err)
				assert.Equal(t, row.wantClient, accessToken.ClientID)
				assert.Equal(t, row.wantScopes, accessToken.Scopes)
			} else {
				requireNone(t, row.accessRefused, accessToken == nil, err)
			}
			accessToken, err = verifier.VerifyAccessToken(t.Context(), id)
			requireNone(t, row.idAsAccess, accessToken == nil, err)

			idToken, err := verifier.VerifyIDToken(t.Context(), id, loginNonce)
			if row.accessAsID != jwtverifier.ErrMisconfigured {
				require.NoError(t, err)
				assert.Equal(t, "user", idToken.Subject)
			} else {
				requireNone(t, jwtverifier.ErrMisconfigured, idToken == nil, err)
			}
			switch row.accessAsID {
			case nil: // Dex: they are ID tokens
				idToken, err = verifier.VerifyIDToken(t.Context(), access, loginNonce)
				require.NoError(t, err)
				assert.Equal(t, "user", idToken.Subject)
			case jwtverifier.ErrNonce:
				idToken, err = verifier.VerifyIDToken(t.Context(), access, loginNonce)
				requireNone(t, row.accessAsID, idToken == nil, err)
			default: // whatever the nonce
				idToken, err = verifier.VerifyIDToken(t.Context(), access, "", jwtverifier.NoNonce())
				requireNone(t, row.accessAsID, idToken == nil, err)
			}
		})
	}
	for section, list := range examples {
		for i := range list {
			name := fmt.Sprintf("%s %d", section, i)
			assert.Truef(t, used[name], "the example %q of docs/providers.md has no row", name)
		}
	}
}

// What docs/providers.md says besides the options.
func TestProviderRemarks(t *testing.T) {
	verifier := func(t *testing.T, s *providerServer, opts ...jwtverifier.Option) *jwtverifier.Verifier {
		t.Helper()
		v, err := jwtverifier.New(s.URL(), append(opts, jwtverifier.WithHTTPClient(&http.Client{Transport: s}))...)
		require.NoError(t, err)
		return v
	}
	t.Run("issuers that end in a slash", func(t *testing.T) {
		for section, list := range providerExamples(t) {
			slash := section == "Microsoft Entra ID, v1.0 tokens" || section == "Auth0" || section == "LemonLDAP::NG"
			for _, example := range list {
				issuer, _ := evaluateExample(t, example)
				assert.Equal(t, slash, strings.HasSuffix(issuer, "/"), issuer)
			}
		}
	})
	t.Run("Okta org: an access token for an audience is refused", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://example.okta.com")}
		v := verifier(t, s, jwtverifier.WithAudience("https://example.okta.com"))
		raw := s.mint(t, tokenShape{header: members{"typ": "application/okta-internal-at+jwt"}, claims: members{"aud": "https://example.okta.com"}})
		token, err := v.VerifyAccessToken(t.Context(), raw)
		requireNone(t, jwtverifier.ErrTokenType, token == nil, err)
	})
	t.Run("Okta org: the error says why", func(t *testing.T) {
		const hint = "access tokens of an Okta org server"
		s := &providerServer{Issuer: jwtverifiertest.New("https://example.okta.com")}
		v := verifier(t, s, jwtverifier.WithAudience("api://default"))
		raw := s.mint(t, tokenShape{claims: members{"aud": "https://example.okta.com"}})
		_, err := v.VerifyAccessToken(t.Context(), raw)
		require.ErrorIs(t, err, jwtverifier.ErrAudience)
		require.ErrorContains(t, err, hint)
		_, err = v.VerifyAccessToken(t.Context(), s.mint(t, tokenShape{header: members{"kid": "internal"}}))
		require.ErrorIs(t, err, jwtverifier.ErrUnknownKey)
		require.ErrorContains(t, err, hint)
		s.ReplaceKey("key-1") // the Verifier holds the old one
		_, err = v.VerifyAccessToken(t.Context(), s.mint(t, tokenShape{}))
		require.ErrorIs(t, err, jwtverifier.ErrSignature)
		require.ErrorContains(t, err, hint)

		custom := &providerServer{Issuer: jwtverifiertest.New("https://example.okta.com/oauth2/default")}
		_, err = verifier(t, custom, jwtverifier.WithAudience("api://orders")).VerifyAccessToken(t.Context(), custom.AccessToken())
		require.ErrorIs(t, err, jwtverifier.ErrAudience)
		require.NotContains(t, err.Error(), hint)
	})
	t.Run("Entra: the metadata of common is of another issuer", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://login.microsoftonline.com/common/v2.0")}
		metadata := s.Metadata()
		metadata["issuer"] = "https://login.microsoftonline.com/{tenantid}/v2.0"
		s.Respond("", jsonResponse(t, metadata))
		v := verifier(t, s, jwtverifier.WithAudience("a"))
		token, err := v.VerifyAccessToken(t.Context(), s.AccessToken())
		require.Nil(t, token)
		require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
		require.ErrorIs(t, err, jwtverifier.ErrIssuerMismatch)
	})
	t.Run("Entra: a token for Microsoft Graph", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://login.microsoftonline.com/t/v2.0")}
		v := verifier(t, s, jwtverifier.WithAudience("00000003-0000-0000-c000-000000000000"))
		signed := s.mint(t, tokenShape{header: members{"typ": "JWT", "nonce": "hashed"}, claims: members{"aud": "00000003-0000-0000-c000-000000000000"}})
		_, rest, _ := strings.Cut(signed, ".")
		sent := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","nonce":"plain","alg":"RS256","kid":"key-1"}`)) + "." + rest
		token, err := v.VerifyAccessToken(t.Context(), sent)
		requireNone(t, jwtverifier.ErrSignature, token == nil, err)
	})
	t.Run("Keycloak: account is no audience", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://keycloak.example.com/realms/shop")}
		raw := s.mint(t, tokenShape{header: typJWT, claims: members{"typ": "Bearer", "aud": "account", "azp": "web"}})
		for _, opt := range []jwtverifier.Option{jwtverifier.WithAudience("orders-api"), jwtverifier.WithoutAudience()} {
			token, err := verifier(t, s, opt, jwtverifier.WithAuthorizedClients("web")).VerifyAccessToken(t.Context(), raw)
			requireNone(t, jwtverifier.ErrAudience, token == nil, err)
		}
	})
	t.Run("Google: iss without a scheme", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://accounts.google.com")}
		v := verifier(t, s, jwtverifier.WithClientID("web"))
		raw := s.mint(t, tokenShape{claims: members{"iss": "accounts.google.com", "aud": "web"}})
		token, err := v.VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		requireNone(t, jwtverifier.ErrIssuer, token == nil, err)
	})
	t.Run("Dex: another client's azp", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://dex.example.com/dex")}
		raw := s.mint(t, tokenShape{claims: members{"aud": []string{"api", "web"}, "azp": "web"}})
		token, err := verifier(t, s, jwtverifier.WithClientID("api")).VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		requireNone(t, jwtverifier.ErrAuthorizedParty, token == nil, err)
		_, err = verifier(t, s, jwtverifier.WithClientID("api", "web")).VerifyIDToken(t.Context(), raw, "", jwtverifier.NoNonce())
		require.NoError(t, err)
	})
	t.Run("Dex: as an access token", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://dex.example.com/dex")}
		raw := s.mint(t, tokenShape{claims: members{"aud": "web", "at_hash": someTokenHash}})
		token, err := verifier(t, s, jwtverifier.WithAudience("web")).VerifyAccessToken(t.Context(), raw)
		requireNone(t, jwtverifier.ErrTokenType, token == nil, err)
	})
	t.Run("Hydra: the nonce comes again in a refreshed ID token", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://hydra.example.com")}
		v := verifier(t, s, jwtverifier.WithClientID("web"))
		first, err := v.VerifyIDToken(t.Context(), s.mint(t, tokenShape{claims: members{"aud": []string{"web"}, "nonce": loginNonce}}), loginNonce)
		require.NoError(t, err)
		_, err = v.VerifyIDToken(t.Context(), s.mint(t, tokenShape{claims: members{"aud": []string{"web"}, "nonce": loginNonce}}), "", jwtverifier.RefreshOf(first))
		require.NoError(t, err)
		token, err := v.VerifyIDToken(t.Context(), s.mint(t, tokenShape{claims: members{"aud": []string{"web"}, "nonce": "other"}}), "", jwtverifier.RefreshOf(first))
		requireNone(t, jwtverifier.ErrNonce, token == nil, err)
	})
	t.Run("Glewlwyd: auth_time 0 against MaxAge", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://glewlwyd.example.com/api/oidc")}
		v := verifier(t, s, jwtverifier.WithClientID("web"))
		raw := s.mint(t, tokenShape{claims: members{"aud": "web", "auth_time": 0, "nonce": loginNonce}})
		token, err := v.VerifyIDToken(t.Context(), raw, loginNonce, jwtverifier.MaxAge(time.Hour))
		requireNone(t, jwtverifier.ErrAuthTime, token == nil, err)
	})
	t.Run("a single key without kid, alg and use", func(t *testing.T) {
		s := &providerServer{Issuer: jwtverifiertest.New("https://op.example.com")}
		s.editKeys(t, nil, withoutMembers("kid", "alg", "use"))
		v := verifier(t, s, jwtverifier.WithAudience("api"))
		_, err := v.VerifyAccessToken(t.Context(), s.mint(t, tokenShape{header: members{"kid": jwtverifiertest.Absent}, claims: members{"aud": "api"}}))
		require.NoError(t, err)
	})
	t.Run("no-cache counts as five minutes, malformed directives as nothing", func(t *testing.T) {
		for header, want := range map[string]time.Duration{
			"no-cache": 5 * time.Minute,
			"private, no-cache, no-store, must-revalidate":                     5 * time.Minute,
			"Cache-Control: public, max-age=3600, stale-while-revalidate=3600": 15 * time.Minute,
			"Cache-Control: max-age=3600":                                      15 * time.Minute,
			"public, max-age=15, stale-while-revalidate=15, stale-if-error=15": 5 * time.Minute,
			"max-age=3293198, must-revalidate":                                 15 * time.Minute,
		} {
			s := &providerServer{Issuer: jwtverifiertest.New("https://op.example.com")}
			s.SetJWKSHeader("Cache-Control", header)
			v := verifier(t, s, jwtverifier.WithAudience("api"))
			require.NoError(t, v.Prefetch(t.Context()))
			status := v.Status()
			ahead := status.NextRefresh.Sub(status.FetchedAt) // 70 … 90 % of the interval
			assert.GreaterOrEqual(t, ahead, want*7/10, header)
			assert.LessOrEqual(t, ahead, want*9/10, header)
		}
	})
}

// requireNone requires that err is for this reason and no other, and that no
// token came with it.
func requireNone(t *testing.T, want error, none bool, err error) {
	t.Helper()
	require.True(t, none, "a token together with an error")
	require.ErrorIs(t, err, want)
	var refused *jwtverifier.TokenError
	if want == jwtverifier.ErrMisconfigured {
		require.NotErrorAs(t, err, &refused)
		return
	}
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason)
}

// A providerServer is an issuer, and other hosts that its documents are on. It
// is the transport to all of them.
type providerServer struct {
	*jwtverifiertest.Issuer
	others []*jwtverifiertest.Issuer
}

func (s *providerServer) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, o := range s.others {
		if strings.HasPrefix(r.URL.String(), o.URL()+"/") {
			return o.Client().Transport.RoundTrip(r)
		}
	}
	return s.Client().Transport.RoundTrip(r)
}

func (s *providerServer) other(origin string) *jwtverifiertest.Issuer {
	o := jwtverifiertest.New(origin)
	s.others = append(s.others, o)
	return o
}

// keys returns the key set, with each key edited.
func (s *providerServer) keys(t *testing.T, edits ...func(key members)) members {
	t.Helper()
	var set struct{ Keys []members }
	require.NoError(t, json.Unmarshal(s.JWKS(), &set))
	for _, key := range set.Keys {
		for _, edit := range edits {
			edit(key)
		}
	}
	return members{"keys": set.Keys}
}

func (s *providerServer) editKeys(t *testing.T, header http.Header, edits ...func(key members)) {
	t.Helper()
	answer := jsonResponse(t, s.keys(t, edits...))
	answer.Header = header
	s.Respond(s.JWKSPath(), answer)
}

func withoutMembers(names ...string) func(members) {
	return func(key members) {
		maps.DeleteFunc(key, func(name string, _ any) bool {
			for _, n := range names {
				if n == name {
					return true
				}
			}
			return false
		})
	}
}

func jsonResponse(t *testing.T, v any) jwtverifiertest.Response {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	return jwtverifiertest.Response{Body: body}
}

// mint returns a token of this shape, issued now.
func (s *providerServer) mint(t *testing.T, tok tokenShape) string {
	t.Helper()
	if tok.raw != "" {
		return tok.raw
	}
	now := time.Now()
	all := members{"iss": s.URL(), "sub": "user", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, value := range tok.claims {
		if all[name] = value; value == jwtverifiertest.Absent {
			delete(all, name)
		}
	}
	if tok.key == "" {
		return s.Token(tok.header, all)
	}
	header := members{"alg": "RS256", "kid": tok.key}
	maps.Copy(header, tok.header)
	h, err := json.Marshal(header)
	require.NoError(t, err)
	p, err := json.Marshal(all)
	require.NoError(t, err)
	if tok.key != largeKeyID {
		return s.SignWith(tok.key, h, p)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(p)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, largeKey(t), crypto.SHA256, digest[:])
	require.NoError(t, err)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

const largeKeyID = "0f2b7a0c-5b5c-4c39-9d0b-3c9a4f7d2c11"

var makeLargeKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 4096) })

func largeKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := makeLargeKey()
	require.NoError(t, err)
	return key
}

// providerExamples returns the Go examples of docs/providers.md by section.
func providerExamples(t *testing.T) map[string][]string {
	t.Helper()
	document, err := os.ReadFile("docs/providers.md")
	require.NoError(t, err)
	examples := map[string][]string{}
	section, example, inside := "", "", false
	lines := bufio.NewScanner(bytes.NewReader(document))
	for lines.Scan() {
		switch line := strings.TrimSpace(lines.Text()); {
		case line == "```go":
			example, inside = "", true
		case line == "```" && inside:
			examples[section], inside = append(examples[section], example), false
		case inside:
			example += line + "\n"
		case strings.HasPrefix(line, "## "):
			section = strings.TrimPrefix(line, "## ")
		}
	}
	require.NotEmpty(t, examples)
	return examples
}

var exampleOptions = map[string]func(...string) jwtverifier.Option{
	"WithAudience":          jwtverifier.WithAudience,
	"WithClientID":          jwtverifier.WithClientID,
	"WithAuthorizedClients": jwtverifier.WithAuthorizedClients,
	"WithoutAudience":       func(...string) jwtverifier.Option { return jwtverifier.WithoutAudience() },
	"WithStrictTokenType":   func(...string) jwtverifier.Option { return jwtverifier.WithStrictTokenType() },
	"WithMetadataURL":       func(s ...string) jwtverifier.Option { return jwtverifier.WithMetadataURL(s[0]) },
}

// evaluateExample returns the issuer and the options of the call of New in an example.
func evaluateExample(t *testing.T, example string) (issuer string, opts []jwtverifier.Option) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+example+"}\n", 0)
	require.NoError(t, err, example)
	body := file.Decls[0].(*ast.FuncDecl).Body.List
	require.Len(t, body, 1, example)
	call := body[0].(*ast.AssignStmt).Rhs[0].(*ast.CallExpr)
	require.Equal(t, "New", calledName(t, call))
	for _, arg := range call.Args[1:] {
		option := arg.(*ast.CallExpr)
		values := []string{}
		for _, value := range option.Args {
			values = append(values, literalText(t, value))
		}
		require.Contains(t, exampleOptions, calledName(t, option))
		opts = append(opts, exampleOptions[calledName(t, option)](values...))
	}
	return literalText(t, call.Args[0]), opts
}

func calledName(t *testing.T, call *ast.CallExpr) string {
	t.Helper()
	selector := call.Fun.(*ast.SelectorExpr)
	require.Equal(t, "jwtverifier", selector.X.(*ast.Ident).Name)
	return selector.Sel.Name
}

func literalText(t *testing.T, e ast.Expr) string {
	t.Helper()
	s, err := strconv.Unquote(e.(*ast.BasicLit).Value)
	require.NoError(t, err)
	return s
}
