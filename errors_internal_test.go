package jwtverifier

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFetchErrorText(t *testing.T) {
	cause := errors.New("broken")
	for _, test := range []struct {
		status int
		err    error
		want   string
	}{
		{0, nil, `GET "https://h/"`},
		{0, cause, `GET "https://h/": broken`},
		{200, nil, `GET "https://h/": status 200`},
		{200, cause, `GET "https://h/": broken`},
		{302, cause, `GET "https://h/": status 302: broken`},
		{404, nil, `GET "https://h/": status 404`},
	} {
		require.EqualError(t, &FetchError{URL: "https://h/", StatusCode: test.status, Err: test.err}, test.want)
	}
}
