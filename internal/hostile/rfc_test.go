package hostile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// The RSA examples of the RFCs are JWSs, not tokens for anybody: the one names
// an issuer that is no URL, the other is no JSON at all. What can be shown is
// that their signatures are accepted, since only then is the payload looked at.

// RFC 7515, Appendix A.2.
const (
	rfc7515Key = `{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS` +
		`-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k` +
		`G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`
	rfc7515Token = "eyJhbGciOiJSUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" +
		"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" +
		"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)

// RFC 7520, sections 3.3 and 4.1.
const (
	rfc7520Key = `{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","e":"AQAB","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTD` +
		`vNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJls` +
		`de3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"}`
	rfc7520Token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9" +
		".SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4" +
		".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv" +
		"746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJ" +
		"ushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
)

func TestRFCExamples(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, key, token string
		want             error
		part             string
		unknown          error // with the key of another
	}{
		// Its iss is "joe", who can be nobody's issuer.
		{
			name:    "RFC 7515 A.2",
			key:     rfc7515Key,
			token:   rfc7515Token,
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
			unknown: jwtverifier.ErrSignature,
		},
		{
			name:    "RFC 7520 4.1",
			key:     rfc7520Key,
			token:   rfc7520Token,
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			unknown: jwtverifier.ErrUnknownKey,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			verifierOf := func(entries ...string) *jwtverifier.Verifier {
				v, err := jwtverifier.New(issuerURL, jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(entries...))))
				require.NoError(t, err)
				return v
			}
			v := verifierOf(row.key)
			_, err := v.VerifyAccessToken(t.Context(), row.token)
			refused := refusedBecause(t, err, row.want, row.token)
			assert.Equal(t, row.part, refused.Part, "the signature was accepted")

			// The same with one bit of the payload, or of the signature, changed.
			segments := strings.Split(row.token, ".")
			payload := segments[0] + "." + flippedSextet(segments[1][:40], 5) + segments[1][40:] + "." + segments[2]
			signature := segments[0] + "." + segments[1] + "." + flippedSextet(segments[2][:40], 5) + segments[2][40:]
			for _, raw := range []string{payload, signature} {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				refusedBecause(t, err, jwtverifier.ErrSignature, raw)
			}

			_, err = verifierOf(goodJWK1()).VerifyAccessToken(t.Context(), row.token)
			refusedBecause(t, err, row.unknown, row.token)
		})
	}
}
