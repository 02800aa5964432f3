package jwtverifier

import (
	"net/http"
	"time"

	"example.com/jwtverifier/internal/jose"
	"example.com/jwtverifier/internal/strict"
	"example.com/jwtverifier/internal/web"
)

// What the fuzz targets reach besides the public API.

// RetryAfter is retryAfter.
func RetryAfter(value string, now time.Time) time.Duration { return web.RetryAfter(value, now) }

// IntervalFor is intervalFor.
func IntervalFor(configured time.Duration, h http.Header) time.Duration {
	return web.Lifetime(h, minInterval, configured)
}

var plainHeader = header{alg: `"RS256"`, algorithm: jose.RS256}

// JudgeAccessClaims judges a payload as VerifyAccessToken does once the
// signature holds, under a header without kid and typ.
func JudgeAccessClaims(v *Verifier, payload []byte) (*AccessToken, error) {
	t := signedToken{header: plainHeader, payload: strict.Base64URL.EncodeToString(payload)}
	if err := t.readClaims(v.rules.namedClaims()); err != nil {
		return nil, err
	}
	return v.rules.accessToken(&t.header, &t.claims, v.rules.now(time.Time{}))
}

// JudgeIDClaims is the same for VerifyIDToken.
func JudgeIDClaims(v *Verifier, payload []byte, nonce string) (*IDToken, error) {
	t := signedToken{header: plainHeader, payload: strict.Base64URL.EncodeToString(payload)}
	if err := t.readClaims(v.rules.namedClaims()); err != nil {
		return nil, err
	}
	return v.rules.idToken(&t.header, &t.claims, v.rules.now(time.Time{}), &idTokenChecks{nonce: nonce})
}
