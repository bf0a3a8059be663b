package showcase

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// as sends in, as JSON, to path of the slaves' API in the name of a host's slave, and reads the answer into out unless that is nil.
func (f *Fleet) as(ctx context.Context, host int, method, path string, in, out any) error {
	var body []byte
	switch in := in.(type) {
	case nil:
	case []byte:
		body = in
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, f.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+f.Tokens[host])
	res, err := f.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, res.Status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// What hosts are like: the last four by themselves, all others up to date.
const (
	upToDate = iota
	behind   // has not fetched what was published last
	failed   // refuses it
	degraded // applied it, and says that something is wrong
	unseen   // never heard of
)

func (f *Fleet) state(host int) int { return max(0, host-f.Hosts+5) }

// publish publishes twice; slaves come, take it or do not. A third publish is to go out at night.
func (f *Fleet) publish(ctx context.Context) error {
	if _, err := f.admin.Publish(ctx, "first configuration"+f.Suffix); err != nil {
		return err
	}
	for host := range f.Hosts {
		if f.state(host) == unseen {
			continue
		}
		if err := f.apply(ctx, host, api.Ack{Status: api.AckApplied}); err != nil {
			return err
		}
	}
	if err := f.add(ctx, "uri-rules", row{"name": f.name("no package lists"), "action": "block", "match_type": "prefix", "pattern": "/Packages"}); err != nil {
		return err
	}
	if _, err := f.admin.Publish(ctx, "no package lists"+f.Suffix); err != nil {
		return err
	}
	for host := range f.Hosts {
		ack := api.Ack{Status: api.AckApplied}
		switch f.state(host) {
		case unseen, behind:
			continue
		case failed:
			ack = api.Ack{
				Status: api.AckFailed, Stage: "test",
				Error: "nginx: [emerg] cannot load certificate \"/etc/ssl/media.pem\": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)\n" +
					"nginx: configuration file /opt/slave/conf/nginx.conf test failed" + f.Suffix,
			}
		}
		if err := f.apply(ctx, host, ack); err != nil {
			return err
		}
	}
	return f.add(ctx, "snapshots", row{"note": f.text("at night"), "at": f.Now.AddDate(0, 0, 1).UTC()})
}

// apply has the slave of a host say that it lives and what became of what is published for it.
func (f *Fleet) apply(ctx context.Context, host int, ack api.Ack) error {
	var now api.Version
	if err := f.as(ctx, host, http.MethodGet, api.PathMediaSlave+"/config/version?current=0&hash=", nil, &now); err != nil {
		return err
	}
	status := "ready"
	if f.state(host) == degraded {
		status = "degraded"
	}
	beat := api.Heartbeat{
		AgentVersion: "1.4." + fmt.Sprint(host%3), CurrentConfigVersion: api.Int(now.Version), Status: status,
		Metadata: map[string]any{"certificates": []api.Certificate{
			{Path: "/etc/ssl/media.pem", NotAfter: f.Now.AddDate(0, 0, 9+23*(host%4)).UTC()},
		}},
	}
	if err := f.as(ctx, host, http.MethodPost, api.PathMediaSlave+"/heartbeat", beat, nil); err != nil {
		return err
	}
	ack.SnapshotID, ack.Version, ack.ConfigHash = api.Int(now.SnapshotID), api.Int(now.Version), now.ConfigHash
	ack.Timings = map[string]int64{"fetch": 12, "test": 41, "reload": 230}
	return f.as(ctx, host, http.MethodPost, api.PathMediaSlave+"/ack", ack, nil)
}
