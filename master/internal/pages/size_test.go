package pages

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"
)

// TestSizes: sizes are shown and entered with units, and what is shown is read as the same number.
func TestSizes(t *testing.T) {
	fields := []field{{Name: "bytes", Kind: size}}
	read := func(entered string) any {
		return readFields(fields, url.Values{"bytes": {entered}}, "", time.UTC)["bytes"]
	}
	for entered, want := range map[string]any{
		"0": json.Number("0"), "17": json.Number("17"), "200 GiB": json.Number("214748364800"), "200gib": json.Number("214748364800"),
		"1.5 TB": json.Number("1500000000000"), "8MB": json.Number("8000000"), "12 GiB ": json.Number("12884901888"),
		// The API refuses these and says why.
		"much": "much", "-5": json.Number("-5"), "1.5": json.Number("1.5"), "3 apples": "3 apples",
	} {
		if got := read(entered); got != want {
			t.Errorf("%q is read as %v, want %v", entered, got, want)
		}
	}
	for bytes, want := range map[string]string{
		"0": "0", "999": "999", "1000": "1 kB", "1024": "1 KiB", "1025": "1025", "8000000": "8 MB", "214748364800": "200 GiB",
		"3298534883328": "3 TiB", "1000000000000": "1 TB", "1536000": "1500 KiB", "9223372036854775807": "9223372036854775807",
		"1152921504606846976": "1048576 TiB", "much": "much",
	} {
		shown := fields[0].shown(json.Number(bytes), time.UTC)
		if shown != want {
			t.Errorf("%s is shown as %q, want %q", bytes, shown, want)
		}
		if bytes != "much" {
			if again := read(shown); again != json.Number(bytes) {
				t.Errorf("%s, shown as %q, is read as %v", bytes, shown, again)
			}
		}
	}
}
