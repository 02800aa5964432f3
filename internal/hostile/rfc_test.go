package hostile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/jwtverifier"
)

// The examples of the RFCs are JWSs, not tokens for anybody: the one names
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

// RFC 7515, Appendices A.3 and A.4.
const (
	rfc7515KeyA3   = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	rfc7515TokenA3 = "eyJhbGciOiJFUzI1NiJ9" +
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfc7515KeyA4 = `{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",` +
		`"y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`
	rfc7515TokenA4 = "eyJhbGciOiJFUzUxMiJ9" +
		".UGF5bG9hZA" +
		".AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"
)

// RFC 8037, Appendix A.4.
const (
	rfc8037Key   = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037Token = "eyJhbGciOiJFZERTQSJ9" +
		".RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc" +
		".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

// RFC 7520, sections 3.1, 4.2 and 4.3. The payload is the one of 4.1.
const (
	rfc7520KeyEC = `{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",` +
		`"y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`
	rfc7520HeaderPS384 = "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	rfc7520PS384       = "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-" +
		"UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAe" +
		"QTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
	rfc7520HeaderES512 = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9"
	rfc7520ES512       = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2pu" +
		"Qens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
)

// rfc7520Of returns the token of RFC 7520's payload with this header and signature.
func rfc7520Of(header, signature string) string {
	return header + "." + strings.Split(rfc7520Token, ".")[1] + "." + signature
}

func TestRFCExamples(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, key, token string
		alg              string // "": RS256
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
		{
			name:    "RFC 7515 A.3",
			key:     rfc7515KeyA3,
			token:   rfc7515TokenA3,
			alg:     "ES256",
			want:    jwtverifier.ErrIssuer,
			part:    "claims",
			unknown: jwtverifier.ErrSignature,
		},
		{
			name:    "RFC 7515 A.4",
			key:     rfc7515KeyA4,
			token:   rfc7515TokenA4,
			alg:     "ES512",
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			unknown: jwtverifier.ErrSignature,
		},
		{
			name:    "RFC 8037 A.4",
			key:     rfc8037Key,
			token:   rfc8037Token,
			alg:     "EdDSA",
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			unknown: jwtverifier.ErrSignature,
		},
		{
			name:    "RFC 7520 4.2", // the key does not say its alg: PS384 is the only RSA one here
			key:     rfc7520Key,
			token:   rfc7520Of(rfc7520HeaderPS384, rfc7520PS384),
			alg:     "PS384",
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			unknown: jwtverifier.ErrUnknownKey,
		},
		{
			name:    "RFC 7520 4.3",
			key:     rfc7520KeyEC,
			token:   rfc7520Of(rfc7520HeaderES512, rfc7520ES512),
			alg:     "ES512",
			want:    jwtverifier.ErrMalformed,
			part:    "payload",
			unknown: jwtverifier.ErrUnknownKey,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			verifierOf := func(entries ...string) *jwtverifier.Verifier {
				opts := []jwtverifier.Option{jwtverifier.WithAudience("api"), jwtverifier.WithStaticKeys([]byte(jwksOf(entries...)))}
				if row.alg != "" {
					opts = append(opts, jwtverifier.WithAlgorithms(row.alg))
				}
				v, err := jwtverifier.New(issuerURL, opts...)
				require.NoError(t, err)
				return v
			}
			v := verifierOf(row.key)
			_, err := v.VerifyAccessToken(t.Context(), row.token)
			refused := refusedBecause(t, err, row.want, row.token)
			assert.Equal(t, row.part, refused.Part, "the signature was accepted")

			// The same with one bit of the payload, or of the signature, changed.
			segments := strings.Split(row.token, ".")
			payload := segments[0] + "." + flippedSextet(segments[1][:10], 5) + segments[1][10:] + "." + segments[2]
			signature := segments[0] + "." + segments[1] + "." + flippedSextet(segments[2][:40], 5) + segments[2][40:]
			for _, raw := range []string{payload, signature} {
				_, err := v.VerifyAccessToken(t.Context(), raw)
				refusedBecause(t, err, jwtverifier.ErrSignature, raw)
			}

			_, err = verifierOf(otherOf(row.alg)).VerifyAccessToken(t.Context(), row.token)
			refusedBecause(t, err, row.unknown, row.token)
		})
	}
}

// otherOf is a key for the same algorithm.
func otherOf(alg string) string {
	switch alg {
	case "ES256":
		return ecJWK("other", keyP256())
	case "ES512":
		return ecJWK("other", keyP521())
	case "EdDSA":
		return edJWK("other", edPublic())
	case "PS384":
		return jwkOf("other", &key1().PublicKey, "alg", `"PS384"`)
	}
	return goodJWK1()
}
