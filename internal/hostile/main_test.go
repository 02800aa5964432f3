package hostile_test

import (
	"testing"

	"example.com/jwtverifier/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
