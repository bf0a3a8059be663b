package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"github.com/uhdadmin/media-gateway/shared/api"
)

// Admin speaks to a master's admin API as one user.
type Admin struct {
	base string
	http *http.Client
}

// Login signs a user in at the master at base, as in http://127.0.0.1:8000.
func Login(ctx context.Context, base, username, password string) (*Admin, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	a := &Admin{base: base + "/api/v1/admin/", http: &http.Client{Jar: jar, Timeout: time.Minute}}
	return a, a.Do(ctx, http.MethodPost, "auth/login", map[string]string{"username": username, "password": password}, nil)
}

// Do calls path, relative to /api/v1/admin/, with in as the JSON body unless it is nil, and reads the
// answer into out unless that is nil. An error answer is an *api.Problem.
func (a *Admin) Do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := a.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 400 {
		problem := &api.Problem{Status: res.StatusCode, Title: http.StatusText(res.StatusCode)}
		_ = json.Unmarshal(answer, problem) // a body that is no problem document leaves the status
		return fmt.Errorf("%s %s: %w %+v", method, path, problem, problem.Errors)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// Server is what the testbed sets of a server; everything else keeps the API's defaults.
type Server struct {
	ID          int64           `json:"id,omitempty"`
	Name        string          `json:"name"`
	ServiceType api.ServiceType `json:"service_type"`
	Host        string          `json:"host"`
	ServerName  string          `json:"server_name"`
	Upstream    string          `json:"upstream"`
	SSLCertPath string          `json:"ssl_cert_path,omitempty"`
	SSLKeyPath  string          `json:"ssl_key_path,omitempty"`
	ListenHTTP  int             `json:"listen_http"`
	ListenHTTPS int             `json:"listen_https"`
	LuaRoot     string          `json:"lua_root,omitempty"`
	CustomNginx string          `json:"custom_nginx,omitempty"`
	Enabled     bool            `json:"enabled"`
}

// AddServer registers a server, enabled, and returns it with its id.
func (a *Admin) AddServer(ctx context.Context, s Server) (Server, error) {
	s.Enabled = true
	var created struct {
		ID int64 `json:"id"`
	}
	err := a.Do(ctx, http.MethodPost, "servers", s, &created)
	s.ID = created.ID
	return s, err
}

// PutServer registers a server, or changes the one that has its name.
func (a *Admin) PutServer(ctx context.Context, s Server) (Server, error) {
	var list struct {
		Items []struct {
			ID   int64  `json:"id"`
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := a.Do(ctx, http.MethodGet, "servers?q="+url.QueryEscape(s.Name), nil, &list); err != nil {
		return s, err
	}
	for _, known := range list.Items {
		if known.Name == s.Name {
			s.ID, s.Enabled = known.ID, true
			change := s
			change.ID = 0 // not a field that can be changed
			return s, a.Do(ctx, http.MethodPatch, fmt.Sprintf("servers/%d", s.ID), change, nil)
		}
	}
	return a.AddServer(ctx, s)
}

// NewToken makes a slave token for a server.
func (a *Admin) NewToken(ctx context.Context, serverID int64) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	err := a.Do(ctx, http.MethodPost, fmt.Sprintf("servers/%d/tokens", serverID), map[string]string{"name": "testbed"}, &made)
	return made.Token, err
}

// Publish makes a snapshot for all hosts and returns its id.
func (a *Admin) Publish(ctx context.Context, note string) (int64, error) {
	var made struct {
		ID int64 `json:"id"`
	}
	err := a.Do(ctx, http.MethodPost, "snapshots", map[string]string{"note": note}, &made)
	return made.ID, err
}

// Distribution is what became of a snapshot on one host.
type Distribution struct {
	SnapshotID int64  `json:"snapshot_id"`
	Host       string `json:"host"`
	Version    int64  `json:"version"`
	ConfigHash string `json:"config_hash"`
	Status     string `json:"status"`
	Stage      string `json:"stage"`
	Error      string `json:"error"`
}

// WaitDistribution returns the distribution of a snapshot to a host once the host has acked it, be it
// applied or failed.
func (a *Admin) WaitDistribution(ctx context.Context, snapshotID int64, host string) (Distribution, error) {
	var last Distribution
	for {
		var list struct {
			Items []Distribution `json:"items"`
		}
		path := fmt.Sprintf("distributions?snapshot_id=%d&host=%s", snapshotID, url.QueryEscape(host))
		if err := a.Do(ctx, http.MethodGet, path, nil, &list); err != nil {
			return last, err
		}
		for _, d := range list.Items {
			if d.SnapshotID != snapshotID || d.Host != host {
				continue
			}
			if last = d; d.Status == api.AckApplied || d.Status == api.AckFailed {
				return d, nil
			}
		}
		select {
		case <-ctx.Done():
			return last, fmt.Errorf("host %s has not acked snapshot %d, last %+v: %w", host, snapshotID, last, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
