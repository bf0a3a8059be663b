package traffic_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"github.com/uhdadmin/media-gateway/supervisor/internal/accesslog"
	"github.com/uhdadmin/media-gateway/supervisor/internal/traffic"
)

// TestCounts: requests by verdict and status, refusals by reason, times without streams and refusals, and each
// byte once, whether a record or the access line told of it.
func TestCounts(t *testing.T) {
	c := traffic.New()
	for _, e := range []accesslog.Entry{
		{Verdict: []byte("allow"), Status: 200, BytesSent: 1000, RequestTime: .02},
		{Verdict: []byte("allow"), Status: 502, BytesSent: 10, RequestTime: 60},
		{Verdict: []byte("reject"), Status: 403, BytesSent: 100, Reason: []byte("client_not_allowed"), RequestTime: 3},
		{Epoch: []byte("e"), Bytes: 4000},
		{Verdict: []byte("allow"), Status: 206, ItemID: []byte("film"), BytesSent: 5000, Accounted: 4000, RequestTime: 7200},
		{Verdict: []byte("allow"), Status: 204, ItemID: []byte("film"), Playback: accesslog.Playback{Event: []byte("stop")}, RequestTime: .005},
		{Status: 0},
	} {
		c.Add(&e)
	}
	expected := `
# HELP uhd_refused_requests_total Requests that the access chain refused, by reason.
# TYPE uhd_refused_requests_total counter
uhd_refused_requests_total{reason="client_not_allowed"} 1
# HELP uhd_sent_bytes_total Bytes sent to players, counted while they flow.
# TYPE uhd_sent_bytes_total counter
uhd_sent_bytes_total 6110
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(expected), "uhd_refused_requests_total", "uhd_sent_bytes_total"); err != nil {
		t.Error(err)
	}
	text, err := testutil.CollectAndFormat(c, expfmt.TypeTextPlain, "uhd_requests_total", "uhd_request_seconds")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`uhd_requests_total{status="2xx",verdict="allow"} 3`,
		`uhd_requests_total{status="5xx",verdict="allow"} 1`,
		`uhd_requests_total{status="4xx",verdict="reject"} 1`,
		`uhd_requests_total{status="none",verdict="none"} 1`,
		`uhd_request_seconds_bucket{le="0.005"} 2`,
		`uhd_request_seconds_bucket{le="0.025"} 3`,
		`uhd_request_seconds_bucket{le="+Inf"} 4`,
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %s in:\n%s", line, text)
		}
	}
}

// TestReasonsAreBounded: garbage in the log makes no label without end, and none that is no text.
func TestReasonsAreBounded(t *testing.T) {
	c := traffic.New()
	for i := range 1000 {
		c.Add(&accesslog.Entry{Verdict: []byte("reject"), Status: 403, Reason: fmt.Appendf(nil, "\xff%d", i)})
	}
	if n := testutil.CollectAndCount(c, "uhd_refused_requests_total"); n > 65 {
		t.Errorf("%d reasons", n)
	}
}

// BenchmarkAdd: what a line costs.
func BenchmarkAdd(b *testing.B) {
	c := traffic.New()
	e := accesslog.Entry{Verdict: []byte("allow"), Status: 200, BytesSent: 1000, RequestTime: .02}
	b.ReportAllocs()
	for b.Loop() {
		c.Add(&e)
	}
}
