package app_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: a master that has ended leaves no goroutine.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
