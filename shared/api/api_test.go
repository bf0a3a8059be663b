package api_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestContentHash(t *testing.T) {
	base := hash(t, `{"version":1,"config_hash":"x","mode":"multi_server","rendered_nginx":"a<b","lua_configs":{"1":{"skip_list":[]}}}`)
	for name, tt := range map[string]struct {
		doc  string
		same bool
	}{
		"other version, epoch, snapshot, signature": {`{"version":2,"epoch":9,"snapshot_id":7,"signature":"s","mode":"multi_server","rendered_nginx":"a<b","lua_configs":{"1":{"skip_list":[]}}}`, true},
		"other order and spaces":                    {"{ \"rendered_nginx\": \"a<b\",\n\"lua_configs\":{\"1\": {\"skip_list\": []}},\"mode\":\"multi_server\"}", true},
		"other content":                             {`{"mode":"multi_server","rendered_nginx":"a>b","lua_configs":{"1":{"skip_list":[]}}}`, false},
		"a member nobody here knows":                {`{"mode":"multi_server","rendered_nginx":"a<b","lua_configs":{"1":{"skip_list":[]}},"new":1}`, false},
		"content moved between members":             {`{"mode":"multi_servera","rendered_nginx":"<b","lua_configs":{"1":{"skip_list":[]}}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if same := hash(t, tt.doc) == base; same != tt.same {
				t.Errorf("same hash = %v, want %v", same, tt.same)
			}
		})
	}
	if _, err := api.ContentHash([]byte(`{"mode":`)); err == nil {
		t.Error("a truncated document has a hash")
	}
}

func hash(t *testing.T, doc string) string {
	t.Helper()
	h, err := api.ContentHash([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestUnwrap(t *testing.T) {
	for name, tt := range map[string]struct {
		body, want string
		err        error
	}{
		"bare":           {`{"version":1}`, `{"version":1}`, nil},
		"envelope":       {`{"code":200,"message":"ok","data":{"version":1}}`, `{"version":1}`, nil},
		"code zero":      {`{"code":0,"message":"","data":{"version":1}}`, `{"version":1}`, nil},
		"error envelope": {`{"code":401,"message":"bad token","data":null}`, "", api.ErrUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := api.Unwrap([]byte(tt.body))
			if string(got) != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %s, %v; want %s, %v", got, err, tt.want, tt.err)
			}
		})
	}
	if _, err := api.Unwrap([]byte("<html>")); err == nil {
		t.Error("HTML is no answer")
	}
}

func TestInt(t *testing.T) {
	for in, want := range map[string]api.Int{
		`{"snapshot_id":42}`: 42, `{"snapshot_id":"42"}`: 42, `{"snapshot_id":null}`: 0, `{}`: 0,
		`{"snapshot_id":1.7069592e+09}`: 1706959200, `{"snapshot_id":""}`: 0,
	} {
		var ack api.Ack
		if err := json.Unmarshal([]byte(in), &ack); err != nil || ack.SnapshotID != want {
			t.Errorf("%s: got %d, %v; want %d", in, ack.SnapshotID, err, want)
		}
	}
	for _, in := range []string{`{"snapshot_id":1.5}`, `{"snapshot_id":"x"}`, `{"snapshot_id":1e300}`} {
		var ack api.Ack
		if err := json.Unmarshal([]byte(in), &ack); err == nil {
			t.Errorf("%s was taken as %d", in, ack.SnapshotID)
		}
	}
}

func TestStatusesAndSentinelsAgree(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable} {
		problem := &api.Problem{Status: status}
		if got := api.StatusOf(problem); got != status {
			t.Errorf("problem %d came back as %d", status, got)
		}
	}
}
