package auth

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: what has ended leaves no goroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
