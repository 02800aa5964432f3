package hostile_test

import (
	"strconv"
	"strings"
	"time"

	"example.com/jwtverifier"
)

// expiryAttacks are the rows about exp, which are the same for both kinds.
func expiryAttacks(token func(changes ...string) string, id *idCall) []attack {
	claim, expired := jwtverifier.ErrClaim, jwtverifier.ErrExpired
	number := "t/216 "
	if id == nil {
		number = ""
	}
	rows := []attack{
		{
			name:  "t/170 no exp",
			token: token("exp", absentMember),
			want:  claim,
			claim: "exp",
		},
		{
			name:  "t/171 exp 0",
			token: token("exp", `0`),
			want:  expired,
			claim: "exp",
		},
		{name: "t/172 exp 0.5", token: token("exp", `0.5`), want: expired},
		{name: "t/172 exp 1e-5", token: token("exp", `1e-5`), want: expired},
		{name: "t/172 exp 0.0", token: token("exp", `0.0`), want: expired},
		{name: "t/172 exp 0e99", token: token("exp", `0e99`), want: expired},
		{
			name:  "t/174 exp in a string",
			token: token("exp", strconv.Quote(inSeconds(300))),
			want:  claim,
			claim: "exp",
		},
		{name: "t/174 exp a date", token: token("exp", `"2099-01-01T00:00:00Z"`), want: claim},
		{
			name:  "t/176 exp NaN",
			token: token("exp", `NaN`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp Infinity",
			token: token("exp", `Infinity`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp -Infinity",
			token: token("exp", `-Infinity`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp with a plus sign",
			token: token("exp", `+`+inSeconds(300)),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp with a leading zero",
			token: token("exp", `0`+inSeconds(300)),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp in hexadecimal",
			token: token("exp", `0xffffffff`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{
			name:  "t/176 exp with underscores",
			token: token("exp", `4_102_444_800`),
			want:  jwtverifier.ErrMalformed,
			part:  "payload",
		},
		{name: "t/179 exp -1", token: token("exp", `-1`), want: claim},
		{name: "t/179 exp -0", token: token("exp", `-0`), want: expired},
		{name: "t/179 exp -0.0", token: token("exp", `-0.0`), want: expired},
		{name: "t/179 exp -0.001", token: token("exp", `-0.001`), want: claim},
		{name: "t/180 exp with an exponent", token: token("exp", `9.466851e8`)},
		{name: "t/180 exp with a capital exponent", token: token("exp", `9466851E+2`)},
		{name: "t/180 exp with a negative exponent", token: token("exp", inSeconds(300)+`00e-2`)},
		{name: "t/180 exp with a fraction", token: token("exp", inSeconds(300)+`.5`)},
		{name: "t/180 exp with a long fraction", token: token("exp", inSeconds(300)+`.`+strings.Repeat("9", 50))},
		{name: "t/180 exp in the year 9999", token: token("exp", `253402300799`)},
		{
			name:  "t/181 exp of 1 MiB",
			token: token("exp", strings.Repeat("9", 1<<20)),
			want:  jwtverifier.ErrMalformed,
			part:  "token",
		},
		{name: "t/181 exp of 40,000 digits", token: token("exp", strings.Repeat("9", 40_000)), want: claim},
		// They are 10^12, beyond the year 9999. strconv.ParseFloat takes an integer of
		// more than 800 digits for a smaller one, so that the far future is the past.
		{
			name:  "t/181 exp of 900 digits and a negative exponent",
			token: token("exp", "1"+strings.Repeat("0", 899)+"e-887"),
			want:  claim,
			claim: "exp",
		},
		{
			name:  "t/181 nbf of 900 digits and a negative exponent",
			token: token("nbf", "1"+strings.Repeat("0", 899)+"e-887"),
			want:  claim,
			claim: "nbf",
		},
		{
			name:  "t/181 iat of 900 digits and a negative exponent",
			token: token("iat", "1"+strings.Repeat("0", 899)+"e-887"),
			want:  claim,
			claim: "iat",
		},
		{
			name:  "t/181 nbf of 40,000 digits and a negative exponent",
			token: token("nbf", "1"+strings.Repeat("0", 39_999)+"e-39987"),
			want:  claim,
			claim: "nbf",
		},
		{name: "t/181 exp 1e1000000000", token: token("exp", `1e1000000000`), want: claim},
		{name: "t/181 exp 1e-1000000000", token: token("exp", `1e-1000000000`), want: expired},
		{name: "t/181 another claim 1e1000000000", token: token("x", `1e1000000000`)},
		{name: "t/181 another claim of 40,000 digits", token: token("x", strings.Repeat("9", 40_000))},
		{
			name:  "t/182 exp now and no leeway",
			token: token("exp", inSeconds(0)),
			want:  expired,
			opts:  []jwtverifier.Option{jwtverifier.WithLeeway(0)},
		},
		{
			name:  "t/182 exp a second ago and no leeway",
			token: token("exp", inSeconds(-1)),
			want:  expired,
			opts:  []jwtverifier.Option{jwtverifier.WithLeeway(0)},
		},
		{name: "t/182 exp in a second and no leeway", token: token("exp", inSeconds(1)), opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp in a moment and no leeway", token: token("exp", inSeconds(0)+".001"), opts: []jwtverifier.Option{jwtverifier.WithLeeway(0)}},
		{name: "t/182 exp now", token: token("exp", inSeconds(0))},
		{name: "t/182 exp a leeway ago", token: token("exp", inSeconds(-60)), want: expired},
		{name: "t/182 exp a leeway and a second ago", token: token("exp", inSeconds(-61)), want: expired},
		{name: "t/182 exp a leeway less a second ago", token: token("exp", inSeconds(-59))},
		{name: "t/182 exp a leeway less a moment ago", token: token("exp", inSeconds(-60)+".001")},
		{
			name:  "t/182 exp the largest leeway ago",
			token: token("exp", inSeconds(-300)),
			want:  expired,
			opts:  []jwtverifier.Option{jwtverifier.WithLeeway(5 * time.Minute)},
		},
		{
			name:  "t/182 exp the largest leeway less a second ago",
			token: token("exp", inSeconds(-299)),
			opts:  []jwtverifier.Option{jwtverifier.WithLeeway(5 * time.Minute)},
		},
	}
	for _, exp := range []string{
		`null`, `true`, `[1]`, `{}`, `""`, `"abc"`, `"NaN"`, `[` + inSeconds(300) + `]`,
		`{"exp":` + inSeconds(300) + `}`, `"0x7fffffff"`, `" ` + inSeconds(300) + `"`,
	} {
		rows = append(rows, attack{
			name:  "t/175 exp " + exp,
			token: token("exp", exp),
			want:  claim,
			claim: "exp",
		})
	}
	for _, exp := range []string{
		`1e999`, `1e300`, `1e19`, `9223372036854775808`, `18446744073709551616`, `18446744074656371016`,
		`253402300800`, `253402300799.5`, `9007199254740993`, `9223372036854775807`, `1e12`,
	} {
		rows = append(rows, attack{
			name:  "t/177 exp " + exp,
			token: token("exp", exp),
			want:  claim,
			claim: "exp",
		})
	}
	for i := range rows {
		rows[i].id = id
		if id != nil {
			rows[i].name = number + rows[i].name
		}
		if rows[i].opts != nil {
			rows[i].good = token()
		}
	}
	return rows
}
