package jwtverifier_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
	"example.com/jwtverifier/jwtverifiertest"
)

func TestNewRefuses(t *testing.T) {
	const issuer = "https://issuer.example"
	aud := jwtverifier.WithAudience("a")
	for _, test := range []struct {
		name string
		opts []jwtverifier.Option
	}{
		{"neither audience nor client ID", nil},
		{"nil option", []jwtverifier.Option{aud, nil}},
		{"no audience", []jwtverifier.Option{jwtverifier.WithAudience()}},
		{"empty audience", []jwtverifier.Option{jwtverifier.WithAudience("a", "")}},
		{"no client ID", []jwtverifier.Option{aud, jwtverifier.WithClientID()}},
		{"empty client ID", []jwtverifier.Option{jwtverifier.WithClientID("")}},
		{"no authorized client", []jwtverifier.Option{aud, jwtverifier.WithAuthorizedClients()}},
		{"empty authorized client", []jwtverifier.Option{aud, jwtverifier.WithAuthorizedClients("")}},
		{"authorized clients without audience", []jwtverifier.Option{jwtverifier.WithClientID("c"), jwtverifier.WithAuthorizedClients("c")}},
		{"WithoutAudience alone", []jwtverifier.Option{jwtverifier.WithoutAudience()}},
		{"WithoutAudience and WithAudience", []jwtverifier.Option{aud, jwtverifier.WithoutAudience(), jwtverifier.WithAuthorizedClients("c")}},
		{"required claim without a name", []jwtverifier.Option{aud, jwtverifier.WithRequiredClaim("")}},
		{"required claim without a name, with a value", []jwtverifier.Option{aud, jwtverifier.WithRequiredClaim("", "a")}},
		{"required claim with an empty value", []jwtverifier.Option{aud, jwtverifier.WithRequiredClaim("a", "b", "")}},
		{"required claim with an empty list", []jwtverifier.Option{aud, jwtverifier.WithRequiredClaim("a", []string{}...)}},
		{"negative leeway", []jwtverifier.Option{aud, jwtverifier.WithLeeway(-1)}},
		{"leeway over 5 min", []jwtverifier.Option{aud, jwtverifier.WithLeeway(5*time.Minute + 1)}},
		{"nil client", []jwtverifier.Option{aud, jwtverifier.WithHTTPClient(nil)}},
		{"nil clock", []jwtverifier.Option{aud, jwtverifier.WithClock(nil)}},
		{"nil logger", []jwtverifier.Option{aud, jwtverifier.WithLogger(nil)}},
		{"interval under 1 min", []jwtverifier.Option{aud, jwtverifier.WithRefreshInterval(time.Minute - 1)}},
		{"interval over 24 h", []jwtverifier.Option{aud, jwtverifier.WithRefreshInterval(24*time.Hour + 1)}},
		{"negative max stale", []jwtverifier.Option{aud, jwtverifier.WithMaxStale(-1)}},
		{"max stale over 7 d", []jwtverifier.Option{aud, jwtverifier.WithMaxStale(7*24*time.Hour + 1)}},
		{"token cache of 0", []jwtverifier.Option{aud, jwtverifier.WithTokenCache(0)}},
		{"token cache over 2^24", []jwtverifier.Option{aud, jwtverifier.WithTokenCache(1<<24 + 1)}},
		{"empty metadata URL", []jwtverifier.Option{aud, jwtverifier.WithMetadataURL("")}},
		{"relative metadata URL", []jwtverifier.Option{aud, jwtverifier.WithMetadataURL("/metadata")}},
		{"http metadata URL", []jwtverifier.Option{aud, jwtverifier.WithMetadataURL("http://issuer.example/m")}},
		{"empty JWKS URL", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL("")}},
		{"http JWKS URL", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL("http://issuer.example/keys")}},
		{"file JWKS URL", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL("file:///etc/passwd")}},
		{"JWKS URL with a user", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL("https://u:p@issuer.example/keys")}},
		{"two sources", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL(issuer + "/keys"), jwtverifier.WithMetadataURL(issuer + "/m")}},
		{"static keys and a URL", []jwtverifier.Option{aud, jwtverifier.WithJWKSURL(issuer + "/keys"), jwtverifier.WithStaticKeys(jwtverifiertest.New("").JWKS())}},
		{"static keys nil", []jwtverifier.Option{aud, jwtverifier.WithStaticKeys(nil)}},
		{"static keys garbage", []jwtverifier.Option{aud, jwtverifier.WithStaticKeys([]byte("{"))}},
		{"static keys without an eligible one", []jwtverifier.Option{aud, jwtverifier.WithStaticKeys([]byte(`{"keys":[{"kty":"EC"}]}`))}},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, err := jwtverifier.New(issuer, test.opts...)
			require.Nil(t, v)
			requireMisconfigured(t, err)
		})
	}
}

func TestWithPublicKeysRefuses(t *testing.T) {
	server := jwtverifiertest.New("")
	for range 4 {
		server.PublishKey()
	}
	key := func(i int) *rsa.PublicKey { return server.PublicKey("key-" + strconv.Itoa(i)).(*rsa.PublicKey) }
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	short := &rsa.PublicKey{N: new(big.Int).Rsh(key(2).N, 1), E: 65537}
	short.N.SetBit(short.N, 0, 1)
	public := jwtverifier.WithPublicKeys
	const exclude = "WithMetadataURL, WithJWKSURL, WithStaticKeys and WithPublicKeys exclude each other"
	for _, row := range []struct {
		name string
		opts []jwtverifier.Option
		want string
	}{
		{"none", []jwtverifier.Option{public()}, "WithPublicKeys without a key"},
		{"none, after a good one", []jwtverifier.Option{public(key(1)), public()}, "WithPublicKeys without a key"},
		{"nil", []jwtverifier.Option{public(nil)}, "WithPublicKeys: key 1: nil"},
		{"a nil key, second", []jwtverifier.Option{public(key(1), (*rsa.PublicKey)(nil))}, "WithPublicKeys: key 2: nil"},
		{"the first that is wrong", []jwtverifier.Option{public(key(1), nil, "x")}, "WithPublicKeys: key 2: nil"},
		{"too short", []jwtverifier.Option{public(key(1), short)}, "WithPublicKeys: key 2: n has 2047 bits, want 2048 to 8192"},
		{"a private key", []jwtverifier.Option{public(private)}, "WithPublicKeys: key 1: *rsa.PrivateKey is a private key, of which only the public one is needed here"},
		{"another type of key", []jwtverifier.Option{public(key(1), key(2), &curve.PublicKey)}, `WithPublicKeys: no alg: kty "EC" with crv "P-256" is for ES256, which is not accepted: WithAlgorithms`},
		{"another type", []jwtverifier.Option{public([]byte("-----BEGIN"))}, "WithPublicKeys: key 1: []uint8 is no key for any algorithm: want a key as crypto/x509 returns it"},
		{"five keys", []jwtverifier.Option{public(key(1), key(2), key(3), key(4), key(5))}, "WithPublicKeys: more than 4 keys"},
		{"five keys in two options", []jwtverifier.Option{public(key(1), key(2), key(3)), public(key(4), key(5))}, "WithPublicKeys: more than 4 keys"},
		{"static keys", []jwtverifier.Option{public(key(1)), jwtverifier.WithStaticKeys(server.JWKS())}, exclude},
		{"a JWKS URL", []jwtverifier.Option{public(key(1)), jwtverifier.WithJWKSURL("https://issuer.example/keys")}, exclude},
		{"a metadata URL", []jwtverifier.Option{jwtverifier.WithMetadataURL("https://issuer.example/m"), public(key(1))}, exclude},
	} {
		t.Run(row.name, func(t *testing.T) {
			v, err := jwtverifier.New("https://issuer.example", append(row.opts, jwtverifier.WithAudience("a"))...)
			require.Nil(t, v)
			requireMisconfigured(t, err)
			require.EqualError(t, err, "jwtverifier: misconfigured: "+row.want)
		})
	}
}

func TestWithPublicKeys(t *testing.T) {
	server := jwtverifiertest.New("")
	key := func(kid string) *rsa.PublicKey { return server.PublicKey(kid).(*rsa.PublicKey) }
	withoutKeyID := func(server *jwtverifiertest.Issuer) string {
		return server.Token(values{"kid": jwtverifiertest.Absent}, server.AccessTokenClaims())
	}
	stranger := jwtverifiertest.New(server.URL())
	require.NotEqual(t, key("key-1"), stranger.PublicKey("key-1"))

	t.Run("one key, without kid", func(t *testing.T) {
		v := newVerifier(t, server, jwtverifier.WithPublicKeys(key("key-1")))
		_, err := v.VerifyAccessToken(t.Context(), withoutKeyID(server))
		require.NoError(t, err)
		_, err = v.VerifyAccessToken(t.Context(), withoutKeyID(stranger))
		requireReason(t, err, jwtverifier.ErrSignature)
		_, err = v.VerifyAccessToken(t.Context(), stranger.AccessToken())
		requireReason(t, err, jwtverifier.ErrUnknownKey)
	})
	t.Run("status", func(t *testing.T) {
		v := newVerifier(t, server, jwtverifier.WithPublicKeys(key("key-1")))
		status := v.Status()
		assert.Equal(t, jwtverifier.Status{State: jwtverifier.StateFresh, KeyIDs: []string{""}, FetchedAt: status.FetchedAt}, status)
		assert.WithinDuration(t, time.Now(), status.FetchedAt, time.Minute)
		assert.True(t, status.Ready())
		assert.NoError(t, v.Prefetch(t.Context()))
		assert.NoError(t, v.Refresh(t.Context()))
		var all map[string]any
		requireMisconfigured(t, v.Metadata(t.Context(), &all))
	})
	t.Run("the keys are copied", func(t *testing.T) {
		given := key("key-1")
		opt := jwtverifier.WithPublicKeys(given)
		given.N.SetInt64(15)
		given.E = 3
		for range 2 { // an option makes several Verifiers
			_, err := newVerifier(t, server, opt).VerifyAccessToken(t.Context(), withoutKeyID(server))
			require.NoError(t, err)
		}
	})
	for _, path := range append(server.MetadataPaths(), server.JWKSPath()) {
		assert.Zero(t, server.Requests(path), path)
	}
}

// None of the keys has a kid, so that a token's kid rules none of them out.
func TestWithPublicKeysWhateverTheKid(t *testing.T) {
	server := jwtverifiertest.New("")
	stranger := jwtverifiertest.New(server.URL())
	public := []crypto.PublicKey{server.PublicKey("key-1")}
	for range 3 {
		public = append(public, server.PublicKey(server.PublishKey()))
	}
	token := func(by *jwtverifiertest.Issuer, keyID any) string {
		return by.Token(values{"kid": keyID}, by.AccessTokenClaims())
	}
	for name, opts := range map[string][]jwtverifier.Option{
		"one key":            {jwtverifier.WithPublicKeys(public[0])},
		"four keys":          {jwtverifier.WithPublicKeys(public...)},
		"two twice":          {jwtverifier.WithPublicKeys(public[3], public[2]), jwtverifier.WithPublicKeys(public[1], public[0])},
		"some of them again": {jwtverifier.WithPublicKeys(public...), jwtverifier.WithPublicKeys(public[2], public[2])},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVerifier(t, server, opts...)
			signers := []string{"key-1"}
			if name != "one key" {
				signers = []string{"key-1", "key-2", "key-3", "key-4"}
			}
			for _, signer := range signers {
				server.UseKey(signer)
				for _, keyID := range []any{jwtverifiertest.Absent, "key-1", "key-2", "other"} {
					verified, err := v.VerifyAccessToken(t.Context(), token(server, keyID))
					if assert.NoError(t, err, "by %s, kid %v", signer, keyID) && keyID != jwtverifiertest.Absent {
						assert.Equal(t, keyID, verified.KeyID)
					}
				}
			}
			_, err := v.VerifyAccessToken(t.Context(), token(stranger, jwtverifiertest.Absent))
			requireReason(t, err, jwtverifier.ErrSignature)
			_, err = v.VerifyAccessToken(t.Context(), token(stranger, "key-1"))
			requireReason(t, err, jwtverifier.ErrUnknownKey)
			assert.Zero(t, server.Requests(server.JWKSPath()))
		})
	}
}

func TestIssuerIdentifier(t *testing.T) {
	insecure := []jwtverifier.Option{jwtverifier.WithInsecureHTTP()}
	for _, test := range []struct {
		issuer string
		opts   []jwtverifier.Option
		want   string // the problem; "": there is none
	}{
		{"https://h", nil, ""},
		{"https://h/", nil, ""},
		{"https://h:8443/oauth2/default", nil, ""},
		{"https://h/a//b", nil, ""},
		{"https://H.example/%41", nil, ""},
		{"https://[::1]:8443", nil, ""},
		{"https://h/~!*'(),;:$&+=@", nil, ""},
		{"http://localhost:8080/realms/x", nil, ""},
		{"http://127.0.0.1", nil, ""},
		{"http://127.9.9.9", nil, ""},
		{"http://[::1]", nil, ""},
		{"http://h", insecure, ""},
		{"http://10.0.0.1", insecure, ""},

		{"", nil, "is empty"},
		{"h", nil, "is not an absolute URL: one that is none needs WithMetadataURL, WithJWKSURL, WithStaticKeys or WithPublicKeys"},
		{"urn:example:issuer", nil, "is not an absolute URL: one that is none needs WithMetadataURL"},
		{"/h", nil, "not an absolute URL"},
		{"//h", nil, "not https"},
		{"https:h", nil, "not an absolute URL"},
		{"https://", nil, "not an absolute URL"},
		{"https://:443", nil, "not an absolute URL"},
		{"http://h", nil, "http and not of a loopback host"},
		{"http://localhost.evil.example", nil, "http and not of a loopback host"},
		{"http://128.0.0.1", nil, "http and not of a loopback host"},
		{"http://0x7f000001", nil, "http and not of a loopback host"},
		{"ftp://h", nil, "not https"},
		{"ftp://h", insecure, "not https"},
		{"file:///etc/passwd", insecure, "not an absolute URL"},
		{"https://h?", nil, "a query"},
		{"https://h?a=b", nil, "a query"},
		{"https://h#", nil, "a fragment"},
		{"https://h/#a", nil, "a fragment"},
		{"https://u@h", nil, "a user name"},
		{"https://u:p@h", nil, "a user name"},
		{"https://@h", nil, "a user name"},
		{"https://h/.", nil, "a dot segment"},
		{"https://h/a/../b", nil, "a dot segment"},
		{"https://h/a/%2e%2E/b", nil, "a dot segment"},
		{"https://h/.%2e", nil, "a dot segment"},
		{"https://h/a b", nil, "a character that no URL has"},
		{" https://h", nil, "a character that no URL has"},
		{"https://h\n", nil, "a character that no URL has"},
		{"https://h/\x00", nil, "a character that no URL has"},
		{"https://h/\x7f", nil, "a character that no URL has"},
		{"https://h\\evil", nil, "a character that no URL has"},
		{"https://b\u00fccher.example", nil, "a character that no URL has"},
		{"https://h:port", nil, "not an absolute URL"},
		{"https://[fe80::1%25eth0]", nil, "an IPv6 zone"},
		{"https://h/" + strings.Repeat("a", 2048), nil, "longer than 2048 bytes"},
		{"http://h", nil, "WithInsecureHTTP"},
		{"https://h/{tenantid}/v2.0", nil, "braces"},
		{"https://h/.well-known/openid-configuration", nil, "is a discovery URL"},
		{"https://h/x/.well-known/oauth-authorization-server", nil, "is a discovery URL"},
		{"https://h/.well-known/oauth-authorization-server/x", nil, "is a discovery URL"},
	} {
		t.Run(test.issuer, func(t *testing.T) {
			v, err := jwtverifier.New(test.issuer, append(test.opts, jwtverifier.WithAudience("a"))...)
			if test.want != "" {
				require.Nil(t, v)
				requireMisconfigured(t, err)
				require.ErrorContains(t, err, test.want)
				require.Less(t, len(err.Error()), 1024)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.issuer, v.Issuer())
		})
	}
}

// TestIssuerThatIsNoURL: only where something is derived from it must an issuer be a
// URL (RFC 7519 §2, StringOrURI).
func TestIssuerThatIsNoURL(t *testing.T) {
	const at = "https://keys.example/"
	keys := jwtverifiertest.New("").JWKS()
	sources := map[string]jwtverifier.Option{
		"WithJWKSURL":     jwtverifier.WithJWKSURL(at),
		"WithMetadataURL": jwtverifier.WithMetadataURL(at),
		"WithStaticKeys":  jwtverifier.WithStaticKeys(keys),
		"WithPublicKeys":  jwtverifier.WithPublicKeys(jwtverifiertest.New("").PublicKey("key-1")),
	}
	for _, test := range []struct{ issuer, want string }{
		{"auth-service", ""},
		{"urn:example:issuer", ""},
		{"http://keycloak:8080/realms/x", ""},
		{"https://h/a?b=c#d", ""},
		{"h:8080/x y~!", ""},
		{strings.Repeat("a", 2048), ""},

		{"", "is empty"},
		{strings.Repeat("a", 2049), "longer than 2048 bytes"},
		{"a\n", "other characters than printable ASCII"},
		{"a\x7f", "other characters than printable ASCII"},
		{"b\u00fccher", "other characters than printable ASCII"},
		{"https://login.example/{tenantid}/v2.0", "braces"},
		{"a}", "braces"},
		{"https://h/.well-known/openid-configuration", "is a discovery URL"},
		{"https://h/x/.well-known/oauth-authorization-server", "is a discovery URL"},
		{"https://h/.well-known/oauth-authorization-server/x", "is a discovery URL"},
	} {
		for name, source := range sources {
			t.Run(name+" "+test.issuer[:min(len(test.issuer), 50)], func(t *testing.T) {
				v, err := jwtverifier.New(test.issuer, jwtverifier.WithAudience("a"), source)
				if test.want != "" {
					require.Nil(t, v)
					requireMisconfigured(t, err)
					require.ErrorContains(t, err, test.want)
					return
				}
				require.NoError(t, err)
				require.Equal(t, test.issuer, v.Issuer())
			})
		}
	}

	issuer := jwtverifiertest.New("")
	v, err := jwtverifier.New("auth-service", jwtverifier.WithAudience(jwtverifiertest.Audience), jwtverifier.WithStaticKeys(issuer.JWKS()))
	require.NoError(t, err)
	token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"iss": "auth-service"}))
	require.NoError(t, err)
	require.Equal(t, "auth-service", token.Issuer)
	_, err = v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	requireReason(t, err, jwtverifier.ErrIssuer)
}

// TestIssuerHint: what is wrong with a URL is said without the way to have none.
func TestIssuerHint(t *testing.T) {
	for _, issuer := range []string{"https://h:port", "http://h", "https://h?a=b"} {
		_, err := jwtverifier.New(issuer, jwtverifier.WithAudience("a"))
		requireMisconfigured(t, err)
		require.NotContains(t, err.Error(), "WithJWKSURL", issuer)
	}
	_, err := jwtverifier.New("https://h")
	require.EqualError(t, err, "jwtverifier: misconfigured: none of WithAudience, WithoutAudience and WithClientID: no token could be accepted")
}

// TestUnverifiedCertificates: a transport that takes any certificate is as good as
// http.
func TestUnverifiedCertificates(t *testing.T) {
	careless := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	v, err := jwtverifier.New("https://h", jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(careless))
	require.Nil(t, v)
	requireMisconfigured(t, err)
	require.ErrorContains(t, err, "InsecureSkipVerify")
	require.ErrorContains(t, err, "WithInsecureHTTP")

	_, err = jwtverifier.New("https://h", jwtverifier.WithInsecureHTTP(), jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(careless))
	require.NoError(t, err)
	for _, transport := range []http.RoundTripper{&http.Transport{}, &http.Transport{TLSClientConfig: &tls.Config{}}, (*http.Transport)(nil)} {
		_, err = jwtverifier.New("https://h", jwtverifier.WithAudience("a"), jwtverifier.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)
	}
}

func TestNewAcceptsTheBounds(t *testing.T) {
	for name, opt := range map[string]jwtverifier.Option{
		"leeway 0":         jwtverifier.WithLeeway(0),
		"leeway 5 min":     jwtverifier.WithLeeway(5 * time.Minute),
		"interval 1 min":   jwtverifier.WithRefreshInterval(time.Minute),
		"interval 24 h":    jwtverifier.WithRefreshInterval(24 * time.Hour),
		"max stale 0":      jwtverifier.WithMaxStale(0),
		"max stale 7 d":    jwtverifier.WithMaxStale(7 * 24 * time.Hour),
		"token cache 1":    jwtverifier.WithTokenCache(1),
		"token cache 2^24": jwtverifier.WithTokenCache(1 << 24),
	} {
		_, err := jwtverifier.New("https://issuer.example", jwtverifier.WithAudience("a"), opt)
		require.NoError(t, err, name)
	}
}

func TestListsAddUpAndAreCopied(t *testing.T) {
	issuer := jwtverifiertest.New("")
	audiences := []string{"a", "b"}
	opt := jwtverifier.WithAudience(audiences...)
	audiences[0] = "changed"
	v, err := jwtverifier.New(issuer.URL(), opt, jwtverifier.WithAudience("c"), jwtverifier.WithHTTPClient(issuer.Client()))
	require.NoError(t, err)
	for aud, good := range map[string]bool{"a": true, "b": true, "c": true, "changed": false} {
		_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"aud": aud}))
		if good {
			require.NoError(t, err, aud)
		} else {
			requireReason(t, err, jwtverifier.ErrAudience)
			require.ErrorContains(t, err, `want "a", "b", "c"`)
		}
	}
	// The same Option value makes several Verifiers, each with lists of its own.
	_, err = jwtverifier.New(issuer.URL(), opt, jwtverifier.WithAudience("d"))
	require.NoError(t, err)
	_, err = v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"aud": "d"}))
	requireReason(t, err, jwtverifier.ErrAudience)
}

func TestScalarsTheLastOneWins(t *testing.T) {
	issuer, v := newPair(t, jwtverifier.WithLeeway(0), jwtverifier.WithLeeway(5*time.Minute))
	_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"exp": time.Now().Add(-4 * time.Minute).Unix()}))
	require.NoError(t, err)
}

func TestLeewayBounds(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	issuer := jwtverifiertest.New("")
	for _, leeway := range []time.Duration{0, time.Minute, 5 * time.Minute} {
		v := newVerifier(t, issuer, jwtverifier.WithLeeway(leeway), jwtverifier.WithClock(func() time.Time { return at }))
		seconds := at.Unix()
		l := int64(leeway.Seconds())
		for _, test := range []struct {
			name  string
			claim string
			value any
			want  error
		}{
			{"exp just good", "exp", seconds - l + 1, nil},
			{"exp a fraction good", "exp", float64(seconds-l) + 0.5, nil},
			{"exp on the dot", "exp", seconds - l, jwtverifier.ErrExpired},
			{"nbf on the dot", "nbf", seconds + l, nil},
			{"nbf too late", "nbf", seconds + l + 1, jwtverifier.ErrNotYetValid},
			{"nbf a fraction too late", "nbf", float64(seconds+l) + 0.5, jwtverifier.ErrNotYetValid},
			{"iat on the dot", "iat", seconds + l, nil},
			{"iat too late", "iat", seconds + l + 1, jwtverifier.ErrIssuedAt},
		} {
			c := values{"iat": seconds, "exp": seconds + 600}
			c[test.claim] = test.value
			_, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(c))
			if test.want == nil {
				require.NoError(t, err, test.name)
			} else {
				requireReason(t, err, test.want)
			}
		}
	}
}

func TestStrictTokenType(t *testing.T) {
	issuer, lax := newPair(t)
	strict := newVerifier(t, issuer, jwtverifier.WithStrictTokenType())
	absent := any(jwtverifiertest.Absent)
	for _, test := range []struct {
		typ         any
		lax, strict error
	}{
		{"at+jwt", nil, nil},
		{"AT+JWT", nil, nil},
		{"application/at+jwt", nil, nil},
		{"Application/At+Jwt", nil, nil},
		{"JWT", nil, jwtverifier.ErrTokenType},
		{"application/jwt", nil, jwtverifier.ErrTokenType},
		{absent, nil, jwtverifier.ErrTokenType},
		{"", jwtverifier.ErrTokenType, jwtverifier.ErrTokenType},
		{"application/", jwtverifier.ErrTokenType, jwtverifier.ErrTokenType},
		{"application/application/jwt", jwtverifier.ErrTokenType, jwtverifier.ErrTokenType},
		{"at+jwt ", jwtverifier.ErrTokenType, jwtverifier.ErrTokenType},
		{"dpop+jwt", jwtverifier.ErrTokenType, jwtverifier.ErrTokenType},
		{nil, nil, jwtverifier.ErrTokenType}, // null is absent
		{1, jwtverifier.ErrMalformed, jwtverifier.ErrMalformed},
	} {
		raw := issuer.Token(values{"typ": test.typ}, issuer.AccessTokenClaims())
		for v, want := range map[*jwtverifier.Verifier]error{lax: test.lax, strict: test.strict} {
			_, err := v.VerifyAccessToken(t.Context(), raw)
			if want == nil {
				require.NoError(t, err, test.typ)
			} else {
				requireReason(t, err, want)
			}
		}
	}
}

func TestWithoutAudience(t *testing.T) {
	issuer := jwtverifiertest.New("")
	v, err := jwtverifier.New(issuer.URL(), jwtverifier.WithoutAudience(), jwtverifier.WithAuthorizedClients("c"), jwtverifier.WithHTTPClient(issuer.Client()))
	require.NoError(t, err)
	for _, test := range []struct {
		name string
		aud  any
		want error
	}{
		{"absent", jwtverifiertest.Absent, nil},
		{"empty array", []string{}, nil},
		{"one", "a", jwtverifier.ErrAudience},
		{"array", []string{"a"}, jwtverifier.ErrAudience},
		{"empty string", "", jwtverifier.ErrAudience},
		{"null", nil, nil},
		{"false", false, jwtverifier.ErrAudience},
	} {
		token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"aud": test.aud, "cid": "c"}))
		if test.want == nil {
			require.NoError(t, err, test.name)
			require.Empty(t, token.Audience)
		} else {
			requireReason(t, err, test.want)
		}
	}
	_, err = v.VerifyAccessToken(t.Context(), issuer.AccessToken(values{"aud": jwtverifiertest.Absent, "cid": "other"}))
	requireReason(t, err, jwtverifier.ErrClientID)
}

// Over a real TLS server, with everything that a client brings along.
func TestWithHTTPClientOverTLS(t *testing.T) {
	issuer, err := jwtverifiertest.StartTLS("/oauth2/default")
	require.NoError(t, err)
	defer issuer.Close()
	issuer.SetJWKSHeader("Set-Cookie", "session=1")

	client := issuer.Client()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { panic("asked") }
	v := newVerifier(t, issuer, jwtverifier.WithHTTPClient(client))
	client.Transport = nil // the Verifier has its own copy
	token, err := v.VerifyAccessToken(t.Context(), issuer.AccessToken())
	require.NoError(t, err)
	require.Equal(t, issuer.URL(), token.Issuer)
	u, err := url.Parse(issuer.URL())
	require.NoError(t, err)
	require.Empty(t, jar.Cookies(u))

	// A client without a transport, or none, does not trust the certificate.
	for _, opts := range [][]jwtverifier.Option{nil, {jwtverifier.WithHTTPClient(&http.Client{})}} {
		v, err := jwtverifier.New(issuer.URL(), append(opts, jwtverifier.WithAudience("a"))...)
		require.NoError(t, err)
		err = v.Prefetch(t.Context())
		require.ErrorIs(t, err, jwtverifier.ErrUnavailable)
		var untrusted *tls.CertificateVerificationError
		require.ErrorAs(t, err, &untrusted)
	}
}

// A nil among many is found by its place, counted from 1.
func TestNilIsNamed(t *testing.T) {
	aud := jwtverifier.WithAudience("a")
	_, err := jwtverifier.New("https://issuer.example", aud, jwtverifier.WithLeeway(0), nil)
	require.EqualError(t, err, "jwtverifier: misconfigured: option 3 is nil")
	_, err = jwtverifier.New("https://issuer.example", nil, aud)
	require.EqualError(t, err, "jwtverifier: misconfigured: option 1 is nil")

	_, v := newPair(t)
	_, err = v.VerifyIDToken(t.Context(), "", "n", jwtverifier.MaxAge(0), nil)
	require.EqualError(t, err, "jwtverifier: misconfigured: IDTokenCheck 2 is nil")
}
