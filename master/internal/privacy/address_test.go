package privacy

import "testing"

func TestKeep(t *testing.T) {
	for _, c := range []struct{ ip, truncated string }{
		{"203.0.113.77", "203.0.113.0/24"},
		{"203.0.113.0/24", "203.0.113.0/24"}, // cut already
		{"::ffff:203.0.113.77", "203.0.113.0/24"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"},
		{"2001:db8:1::/48", "2001:db8:1::/48"},
		{"fe80::1%eth0", "fe80::/48"},
		{"unix:", ""},
		{"203.0.113.77 ", ""},
		{"", ""},
	} {
		if got := Truncated.Keep(c.ip); got != c.truncated {
			t.Errorf("%q is cut to %q, want %q", c.ip, got, c.truncated)
		}
		if got := Full.Keep(c.ip); got != c.ip {
			t.Errorf("%q is kept as %q", c.ip, got)
		}
		if got := None.Keep(c.ip); got != "" {
			t.Errorf("of %q stays %q", c.ip, got)
		}
		if got := Addresses("").Keep(c.ip); got != "" {
			t.Errorf("without a setting that is known, of %q stays %q", c.ip, got)
		}
	}
}

func BenchmarkTruncate(b *testing.B) {
	for b.Loop() {
		Truncated.Keep("203.0.113.77")
	}
}
