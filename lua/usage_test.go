package lua_test

import (
	"net/http"
	"testing"
)

// TestUsageClosed: an nginx that is about to end makes no more records, so its access log has all bytes.
func TestUsageClosed(t *testing.T) {
	const size = 20 << 20
	g := startFilms(t, rulesOf("one", "/x"), size, 0, true)
	g.get(t, "/Videos/7/stream.mkv?DeviceId=before")
	if l := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "before" }); l.Accounted == 0 {
		t.Fatal("nothing is reported while it runs")
	}
	if a := g.admin(t, http.MethodPost, "/usage?close=1&max=1000", ""); a.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", a.Status, a.body)
	}
	before := len(g.takeUsage(t, 1000))
	if before == 0 {
		t.Error("what was reported cannot be read any more")
	}
	g.get(t, "/Videos/7/stream.mkv?DeviceId=after")
	if l := g.awaitLog(t, func(l logLine) bool { return l.DeviceID == "after" }); l.Accounted != 0 || l.BytesSent < size {
		t.Errorf("logged %d bytes, %d of them reported", l.BytesSent, l.Accounted)
	}
	if n := len(g.takeUsage(t, 1000)); n != 0 {
		t.Errorf("%d records more", n)
	}
}
