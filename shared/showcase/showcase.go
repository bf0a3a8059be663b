// Package showcase fills a master with a fleet that has been in use for a day, so that its pages have something to show:
// servers on hosts in every state, a library, publishes, requests and refusals, streams that run, quotas that are used
// up. All of it comes by the APIs that admins and slaves use, so it is nothing that a real fleet could not say.
package showcase

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// Config of a fleet. What is zero is as stated.
type Config struct {
	Hosts   int           // with a slave each; 0: 6, at least 5
	Servers int           // over all hosts; 0: 8, at least one per host
	Rows    int           // of the access log; 0: 4,000
	Span    time.Duration // over which they are spread, up to Now; 0: 24 hours
	Streams int           // that run; 0: 9
	Suffix  string        // added to every name and text that people or players choose
	Now     time.Time
}

// Fleet is what was made.
type Fleet struct {
	Config
	Servers []testbed.Server
	Tokens  []string // of a slave per host

	admin *testbed.Admin
	url   string
	http  *http.Client
}

// Fill makes the fleet at the master at url, as in http://127.0.0.1:8000.
func Fill(ctx context.Context, admin *testbed.Admin, url string, cfg Config) (*Fleet, error) {
	f := &Fleet{Config: cfg.withDefaults(), admin: admin, url: url, http: &http.Client{Timeout: time.Minute}}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"library", f.addLibrary},
		{"servers", f.addServers},
		{"limits", f.addLimits},
		{"people", f.addPeople},
		{"publishes", f.publish},
		{"drafts", f.addDrafts},
		{"requests", f.reportRequests},
		{"streams", f.startStreams},
		{"quotas", f.useQuotas},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("showcase: %s: %w", step.name, err)
		}
	}
	return f, nil
}

func (c Config) withDefaults() Config {
	if c.Hosts == 0 {
		c.Hosts = 6
	}
	c.Hosts = max(c.Hosts, 5)
	if c.Servers == 0 {
		c.Servers = 8
	}
	c.Servers = max(c.Servers, c.Hosts)
	if c.Rows == 0 {
		c.Rows = 4000
	}
	if c.Span == 0 {
		c.Span = 24 * time.Hour
	}
	if c.Streams == 0 {
		c.Streams = 9
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	return c
}

// row is the body of a request to the admin API.
type row map[string]any

// add makes rows of one resource.
func (f *Fleet) add(ctx context.Context, resource string, rows ...row) error {
	for _, r := range rows {
		if err := f.admin.Do(ctx, http.MethodPost, resource, r, nil); err != nil {
			return err
		}
	}
	return nil
}
