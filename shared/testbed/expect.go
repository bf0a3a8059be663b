package testbed

import (
	"fmt"
	"testing"
	"time"
)

// patience bounds every wait for a condition: long, since only what is broken meets it.
const patience = time.Minute

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Eventually waits until a condition holds; what says which, should it never.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	Await(t, patience, func() error {
		if condition() {
			return nil
		}
		return fmt.Errorf("never: %s", what)
	})
}

// Await waits until check returns nil. Its last error says what is still wrong when patience ends.
func Await(t testing.TB, patience time.Duration, check func() error) {
	t.Helper()
	// Between two looks: short at first, for most conditions hold soon; then longer, for checks cost something.
	pause := 5 * time.Millisecond
	for deadline := time.Now().Add(patience); ; time.Sleep(pause) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		pause = min(pause*5/4, 100*time.Millisecond)
	}
}
