package providers_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

const loginNonce = "n-0S6_WzA2Mj"

// A provider is the shape of one provider's tokens and documents. Its options
// are those of an example in docs/providers.md.
type provider struct {
	section string // the heading there
	example int    // the example below it, counted from 0

	serve func(*testing.T, *server) // what its documents have of their own

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

var (
	typJWT   = members{"typ": "JWT"}
	typATJWT = members{"typ": "at+jwt"}
)

// at_hash of some access token: its value is looked at only when asked for.
const someTokenHash = "77QmUPtjPfzWtF2AnpK9RQ"

var providers = []provider{
	{
		section: "Okta custom authorization server",
		serve: func(_ *testing.T, s *server) {
			s.SetJWKSHeader("Cache-Control", "max-age=3293198, must-revalidate")
		},
		access: tokenShape{claims: members{
			"ver":       1,
			"jti":       "AT.1",
			"aud":       "api://default",
			"cid":       "0oa1web",
			"uid":       "00u1",
			"scp":       []string{"openid", "orders.read"},
			"auth_time": 1,
		}},
		wantClient: "0oa1web",
		wantScopes: []string{"openid", "orders.read"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{claims: members{
			"ver":       1,
			"jti":       "ID.1",
			"aud":       "0oa1web",
			"nonce":     loginNonce,
			"at_hash":   someTokenHash,
			"amr":       []string{"pwd"},
			"idp":       "00o1",
			"auth_time": 1,
			"name":      "Ann",
		}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Okta org authorization server",
		access: tokenShape{
			header: members{"typ": "application/okta-internal-at+jwt"},
			claims: members{
				"ver": 1,
				"aud": "https://example.okta.com",
				"cid": "0oa1web",
				"scp": []string{"openid"},
			},
		},
		accessRefused: jwtverifier.ErrMisconfigured, // without WithAudience there are no access tokens
		accessAsID:    jwtverifier.ErrTokenType,
		id: tokenShape{claims: members{
			"ver":       1,
			"aud":       "0oa1web",
			"nonce":     loginNonce,
			"at_hash":   someTokenHash,
			"amr":       []string{"pwd"},
			"idp":       "00o1",
			"auth_time": 1,
		}},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "Microsoft Entra ID, v2.0 tokens",
		serve:   func(t *testing.T, s *server) { s.editKeys(t, nil, withoutMembers("alg")) },
		access: tokenShape{
			header: typJWT,
			claims: members{
				"ver":    "2.0",
				"aud":    "aaaaaaaa-0000-0000-0000-00000000a91a",
				"azp":    "bbbbbbbb-0000-0000-0000-00000000c11e",
				"azpacr": "1",
				"scp":    "Orders.Read Orders.Write",
				"roles":  []string{"Reader"},
				"tid":    "11111111-2222-3333-4444-555555555555",
				"nbf":    1,
				"uti":    "u",
			},
		},
		wantClient: "bbbbbbbb-0000-0000-0000-00000000c11e",
		wantScopes: []string{"Orders.Read", "Orders.Write"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"ver":                "2.0",
				"aud":                "bbbbbbbb-0000-0000-0000-00000000c11e",
				"nonce":              loginNonce,
				"oid":                "o",
				"nbf":                1,
				"preferred_username": "ann@example.com",
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Microsoft Entra ID, v2.0 tokens",
		example: 1, // one registration for both
		serve:   func(t *testing.T, s *server) { s.editKeys(t, nil, withoutMembers("alg")) },
		access: tokenShape{
			header: typJWT,
			claims: members{
				"ver": "2.0",
				"aud": "aaaaaaaa-0000-0000-0000-00000000a91a",
				"azp": "aaaaaaaa-0000-0000-0000-00000000a91a",
				"scp": "Orders.Read",
				"nbf": 1,
			},
		},
		wantClient: "aaaaaaaa-0000-0000-0000-00000000a91a",
		wantScopes: []string{"Orders.Read"},
		accessAsID: jwtverifier.ErrNonce,
		id: tokenShape{
			header: typJWT,
			claims: members{"ver": "2.0", "aud": "aaaaaaaa-0000-0000-0000-00000000a91a", "nonce": loginNonce},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Microsoft Entra ID, v1.0 tokens",
		serve: func(t *testing.T, s *server) {
			login := s.other("https://login.microsoftonline.com")
			metadata := s.Metadata()
			metadata["jwks_uri"] = "https://login.microsoftonline.com/common/discovery/keys"
			login.Respond("/11111111-2222-3333-4444-555555555555/.well-known/openid-configuration", jsonResponse(t, metadata))
			login.Respond("/common/discovery/keys", jsonResponse(t, s.keys(t, withoutMembers("alg"))))
			s.Down() // nobody is to ask there
		},
		access: tokenShape{
			header: members{"typ": "JWT", "x5t": "key-1"},
			claims: members{
				"ver":      "1.0",
				"aud":      "api://orders",
				"appid":    "bbbbbbbb-0000-0000-0000-00000000c11e",
				"appidacr": "1",
				"scp":      "Orders.Read",
				"nbf":      1,
			},
		},
		wantClient: "bbbbbbbb-0000-0000-0000-00000000c11e",
		wantScopes: []string{"Orders.Read"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{
			header: members{"typ": "JWT", "x5t": "key-1"},
			claims: members{
				"ver":   "1.0",
				"aud":   "bbbbbbbb-0000-0000-0000-00000000c11e",
				"nonce": loginNonce,
				"nbf":   1,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Auth0",
		serve: func(_ *testing.T, s *server) {
			s.SetJWKSHeader("Cache-Control", "public, max-age=15, stale-while-revalidate=15, stale-if-error=15")
		},
		access: tokenShape{
			header: typJWT,
			claims: members{
				"aud":   []string{"https://api.example.com", "https://example.eu.auth0.com/userinfo"},
				"azp":   "web",
				"scope": "openid read:orders",
				"gty":   "password",
			},
		},
		wantClient: "web",
		wantScopes: []string{"openid", "read:orders"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{
			header: typJWT,
			claims: members{"aud": "web", "nonce": loginNonce, "sid": "s"},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Auth0", // the RFC 9068 profile
		access: tokenShape{
			header: typATJWT,
			claims: members{
				"aud":       "https://api.example.com",
				"client_id": "web",
				"scope":     "read:orders",
				"jti":       "j",
			},
		},
		wantClient: "web",
		wantScopes: []string{"read:orders"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{
			header: typJWT,
			claims: members{"aud": "web", "nonce": loginNonce},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Keycloak",
		serve:   serveKeycloak,
		access: tokenShape{
			header: typJWT,
			claims: members{
				"typ":          "Bearer",
				"aud":          []string{"orders-api", "account"},
				"azp":          "web",
				"scope":        "openid email",
				"realm_access": members{"roles": []string{"user"}},
				"sid":          "s",
			},
		},
		wantClient: "web",
		wantScopes: []string{"openid", "email"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"typ":     "ID",
				"aud":     "web",
				"azp":     "web",
				"nonce":   loginNonce,
				"at_hash": someTokenHash,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Keycloak",
		example: 1, // no audience
		serve:   serveKeycloak,
		access: tokenShape{
			header: typJWT,
			claims: members{"typ": "Bearer", "azp": "web", "scope": "email"},
		},
		wantClient: "web",
		wantScopes: []string{"email"},
		accessAsID: jwtverifier.ErrMisconfigured,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"typ":   "ID",
				"aud":   "web",
				"azp":   "web",
				"nonce": loginNonce,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Keycloak",
		example: 2, // docker compose
		serve: func(t *testing.T, s *server) {
			inner := s.other("http://keycloak:8080")
			inner.Respond("/realms/shop/protocol/openid-connect/certs", jsonResponse(t, s.keys(t)))
			s.Down() // by the name that tokens say
		},
		access: tokenShape{
			header: typJWT,
			claims: members{
				"typ":   "Bearer",
				"aud":   "orders-api",
				"azp":   "web",
				"scope": "email",
			},
		},
		wantClient: "web",
		wantScopes: []string{"email"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"typ":   "ID",
				"aud":   "web",
				"azp":   "web",
				"nonce": loginNonce,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Amazon Cognito",
		serve:   func(_ *testing.T, s *server) { s.PublishKey() }, // key-2, for access tokens
		access: tokenShape{
			key: "key-2",
			claims: members{
				"token_use": "access",
				"client_id": "1example23456789",
				"version":   2,
				"scope":     "orders/read",
				"username":  "ann",
				"auth_time": 1,
			},
		},
		wantClient: "1example23456789",
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{claims: members{
			"token_use":        "id",
			"aud":              "1example23456789",
			"nonce":            loginNonce,
			"at_hash":          someTokenHash,
			"cognito:username": "ann",
			"auth_time":        1,
		}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Amazon Cognito",
		example: 1, // bound to a resource
		access: tokenShape{claims: members{
			"token_use": "access",
			"client_id": "1example23456789",
			"version":   2,
			"aud":       "https://api.example.com",
			"scope":     "orders/read",
		}},
		wantClient: "1example23456789",
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{claims: members{"token_use": "id", "aud": "1example23456789", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Google",
		serve: func(t *testing.T, s *server) {
			metadata := s.Metadata()
			metadata["jwks_uri"] = "https://www.googleapis.com/oauth2/v3/certs"
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond(s.MetadataPaths()[1], jsonResponse(t, metadata))
			s.other("https://www.googleapis.com").Respond("/oauth2/v3/certs", jsonResponse(t, s.keys(t)))
		},
		access:        tokenShape{raw: "ya29.a0AfH6SMBx"},
		accessRefused: jwtverifier.ErrMisconfigured,
		accessAsID:    jwtverifier.ErrMalformed,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":            "1234-web.apps.googleusercontent.com",
				"nonce":          loginNonce,
				"azp":            "1234-android.apps.googleusercontent.com",
				"email":          "ann@example.com",
				"email_verified": true,
				"hd":             "example.com",
			},
		},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "Zitadel",
		serve:   func(_ *testing.T, s *server) { s.SetJWKSHeader("Cache-Control", "no-cache") },
		access: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       []string{"280000000000000002", "280000000000000001"},
				"client_id": "280000000000000002",
				"jti":       "j",
				"nbf":       1,
			},
		},
		wantClient: "280000000000000002",
		accessAsID: jwtverifier.ErrAuthorizedParty,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       []string{"280000000000000002", "280000000000000001"},
				"azp":       "280000000000000002",
				"client_id": "280000000000000002",
				"nonce":     loginNonce,
				"at_hash":   someTokenHash,
				"amr":       []string{"pwd"},
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ping and ForgeRock", // PingOne, client credentials
		access: tokenShape{claims: members{
			"sub":       jwtverifiertest.Absent,
			"aud":       "https://api.example.com",
			"client_id": "service",
			"scope":     "orders:read orders:write",
			"env":       "11111111-2222-3333-4444-555555555555",
		}},
		wantClient: "service",
		wantScopes: []string{"orders:read", "orders:write"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{claims: members{
			"aud":       "web",
			"nonce":     loginNonce,
			"acr":       "Single_Factor",
			"auth_time": 1,
		}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ping and ForgeRock",
		example: 1, // PingAM
		access: tokenShape{
			header: typJWT,
			claims: members{
				"cts":        "OAUTH2_STATELESS_GRANT",
				"tokenName":  "access_token",
				"token_type": "Bearer",
				"aud":        "https://api.example.com",
				"grant_type": "authorization_code",
				"scope":      []string{"orders/read"},
				"realm":      "/",
				"nonce":      loginNonce,
				"auth_time":  1,
				"nbf":        1,
				"expires_in": 3600,
			},
		},
		wantScopes: []string{"orders/read"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"tokenName": "id_token",
				"aud":       "web",
				"azp":       "web",
				"nonce":     loginNonce,
				"at_hash":   someTokenHash,
				"realm":     "/",
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Duende IdentityServer",
		access: tokenShape{
			header: typATJWT,
			claims: members{
				"aud":       []string{"invoice"},
				"client_id": "web",
				"scope":     []string{"openid", "invoice.read"},
				"idp":       "local",
				"amr":       []string{"pwd"},
				"nbf":       1,
				"jti":       "J",
			},
		},
		wantClient: "web",
		wantScopes: []string{"openid", "invoice.read"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":     "web",
				"nonce":   loginNonce,
				"at_hash": someTokenHash,
				"amr":     []string{"pwd"},
				"nbf":     1,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Dex",
		access: tokenShape{claims: members{
			"aud":     "web",
			"nonce":   loginNonce,
			"at_hash": someTokenHash,
			"name":    "Ann",
		}},
		accessRefused: jwtverifier.ErrMisconfigured,
		id: tokenShape{claims: members{
			"aud":     "web",
			"nonce":   loginNonce,
			"at_hash": "another",
			"name":    "Ann",
		}},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "Ory Hydra",
		serve:   serveHydra,
		access: tokenShape{
			header: typJWT,
			key:    largeKeyID,
			claims: members{
				"aud":       []string{"https://api.example.com"},
				"client_id": "web",
				"scp":       []string{"openid", "offline"},
				"ext":       members{},
				"nbf":       1,
				"jti":       "j",
			},
		},
		wantClient: "web",
		wantScopes: []string{"openid", "offline"},
		accessAsID: jwtverifier.ErrAudience,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       []string{"web"},
				"nonce":     loginNonce,
				"at_hash":   someTokenHash,
				"rat":       1,
				"sid":       "s",
				"auth_time": 1,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Ory Hydra",
		example: 1, // no audience
		serve:   serveHydra,
		access: tokenShape{
			header: typJWT,
			key:    largeKeyID,
			claims: members{
				"aud":       []string{},
				"client_id": "web",
				"scp":       []string{},
				"ext":       members{},
				"nbf":       1,
			},
		},
		wantClient: "web",
		wantScopes: []string{},
		accessAsID: jwtverifier.ErrMisconfigured,
		id: tokenShape{
			header: typJWT,
			claims: members{"aud": []string{"web"}, "nonce": loginNonce},
		},
		idAsAccess: jwtverifier.ErrAudience,
	},
	{
		section: "LemonLDAP::NG", // client credentials
		serve: func(t *testing.T, s *server) {
			s.editKeys(t, nil, withoutMembers("alg"))
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{
				Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<!DOCTYPE html><title>Portal</title>")})
		},
		access: tokenShape{
			header: typJWT,
			claims: members{
				"sub":       nil,
				"aud":       []string{"web", "https://api.example.com"},
				"client_id": "web",
				"scope":     "read write",
				"jti":       "j",
			},
		},
		wantClient: "web",
		wantScopes: []string{"read", "write"},
		accessAsID: jwtverifier.ErrAuthorizedParty,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       []string{"web"},
				"azp":       "web",
				"nonce":     loginNonce,
				"acr":       "loa-1",
				"auth_time": 1,
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "Glewlwyd",
		serve: func(t *testing.T, s *server) {
			metadata := s.Metadata()
			metadata["jwks_uri"] = s.URL() + "//jwks"
			s.Respond(s.MetadataPaths()[1], jsonResponse(t, metadata))
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond("/api/oidc//jwks", jsonResponse(t, s.keys(t, withoutMembers("use"))))
		},
		access: tokenShape{
			header: typATJWT,
			claims: members{
				"aud":       "https://api.example.com",
				"client_id": "web",
				"type":      "access_token",
				"scope":     "openid g_profile",
				"jti":       "j",
			},
		},
		wantClient: "web",
		wantScopes: []string{"openid", "g_profile"},
		accessAsID: jwtverifier.ErrTokenType,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       "web",
				"azp":       "web",
				"nonce":     loginNonce,
				"at_hash":   someTokenHash,
				"c_hash":    someTokenHash,
				"auth_time": 0,
				"amr":       []string{"password"},
			},
		},
		idAsAccess: jwtverifier.ErrTokenType,
	},
	{
		section: "django-oauth-toolkit",
		serve: func(t *testing.T, s *server) {
			place := s.MetadataPaths()[1]
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
			s.Respond(place, jwtverifiertest.Response{
				Status: http.StatusMovedPermanently,
				Header: http.Header{"Location": {place + "/"}},
			})
			s.Respond(place+"/", jsonResponse(t, s.Metadata()))
			s.editKeys(t, http.Header{"Cache-Control": {"Cache-Control: public, max-age=3600, stale-while-revalidate=3600"}})
		},
		access:        tokenShape{raw: "hZ2cGtIp9sWmQvTqB0RkL4nXyE7oJd"},
		accessRefused: jwtverifier.ErrMisconfigured,
		accessAsID:    jwtverifier.ErrMalformed,
		id: tokenShape{
			header: typJWT,
			claims: members{
				"aud":       "web",
				"nonce":     loginNonce,
				"at_hash":   someTokenHash,
				"auth_time": 1,
				"jti":       "j",
			},
		},
		idAsAccess: jwtverifier.ErrMisconfigured,
	},
	{
		section: "node oidc-provider",
		serve: func(_ *testing.T, s *server) {
			s.Respond(s.MetadataPaths()[0], jwtverifiertest.Response{Status: http.StatusNotFound})
		},
		access: tokenShape{
			header: typATJWT,
			claims: members{
				"aud":       "https://api.example.com",
				"client_id": "service",
				"scope":     "orders.read",
				"jti":       "j",
			},
		},
		wantClient: "service",
		wantScopes: []string{"orders.read"},
		accessAsID: jwtverifier.ErrTokenType,
		id:         tokenShape{claims: members{"aud": "web", "nonce": loginNonce}},
		idAsAccess: jwtverifier.ErrTokenType,
	},
}

func serveKeycloak(t *testing.T, s *server) {
	encryption := s.PublishKey()
	s.editKeys(t, http.Header{"Cache-Control": {"no-cache"}}, func(key members) {
		if key["kid"] == encryption {
			key["use"], key["alg"] = "enc", "RSA-OAEP"
		}
		key["x5c"], key["x5t"] = []string{"MIIClTCCAX0CBgGX"}, "x"
	})
}

func serveHydra(t *testing.T, s *server) {
	set := s.keys(t)
	public := largeKey(t).PublicKey
	set["keys"] = append(set["keys"].([]members), members{
		"kty": "RSA",
		"use": "sig",
		"alg": "RS256",
		"kid": largeKeyID,
		"n":   base64.RawURLEncoding.EncodeToString(public.N.Bytes()),
		"e":   "AQAB",
	})
	answer := jsonResponse(t, set)
	answer.Header = http.Header{"Cache-Control": {"private, no-cache, no-store, must-revalidate"}}
	s.Respond(s.JWKSPath(), answer)
}

// Each example of docs/providers.md accepts the provider's access tokens and ID
// tokens as what they are, and as nothing else.
func TestProviders(t *testing.T) {
	examples := documentedExamples(t)
	used := map[string]bool{}
	for _, row := range providers {
		t.Run(fmt.Sprintf("%s %d", row.section, row.example), func(t *testing.T) {
			require.Less(t, row.example, len(examples[row.section]), "no such example in docs/providers.md")
			used[fmt.Sprintf("%s %d", row.section, row.example)] = true
			issuer, opts := evaluate(t, examples[row.section][row.example])
			s := &server{Issuer: jwtverifiertest.New(issuer)}
			if row.serve != nil {
				row.serve(t, s)
			}
			verifier, err := jwtverifier.New(issuer, append(opts, jwtverifier.WithHTTPClient(&http.Client{Transport: s}))...)
			require.NoError(t, err)
			access, id := s.mint(t, row.access), s.mint(t, row.id)

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
