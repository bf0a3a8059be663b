package app_test

import (
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/shared/showcase"
	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// maxPage is how many bytes a page may have, before compression.
const maxPage = 150_000

// TestPageSizes: with 500 servers on as many hosts, no page that links lead to is too large for a slow line. How long
// pages take, `make bench-pages` tells, with millions of rows behind them.
func TestPageSizes(t *testing.T) {
	m := startMaster(t, "PREFLIGHT=off")
	admin, err := testbed.Login(t.Context(), m.url, "root", adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := showcase.Fill(t.Context(), admin, m.url, showcase.Config{Hosts: 500, Servers: 500, Rows: 3000, Streams: 150}); err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, m)
	b.signIn("root", adminPassword)
	last := time.Now()
	crawl(b, 2, func(path, page string) {
		t.Logf("%-60s %6.1f KB  %v", path, float64(len(page))/1000, time.Since(last).Round(time.Millisecond))
		last = time.Now()
		if len(page) > maxPage {
			t.Errorf("%s has %d bytes, at most %d are allowed", path, len(page), maxPage)
		}
	})
}
