package rollout_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/rollout"
	"github.com/uhdadmin/media-gateway/shared/api"
)

func TestOptions(t *testing.T) {
	var o rollout.CanaryOptions
	if err := json.Unmarshal([]byte(`{"soak": "90", "ack_timeout": "2m"}`), &o); err != nil {
		t.Fatal(err)
	}
	o.SetDefaults()
	if err := o.Validate(); err != nil || o.Count != 1 || time.Duration(o.Soak) != 90*time.Second || time.Duration(o.AckTimeout) != 2*time.Minute || *o.Max5xxRate != 0.05 {
		t.Errorf("%+v, %v", o, err)
	}
	if b, err := json.Marshal(o); err != nil || !strings.Contains(string(b), `"soak":"1m30s"`) {
		t.Errorf("%s, %v", b, err)
	}
	for field, bad := range map[string]rollout.CanaryOptions{
		"canary.count":            {Count: 1, Percent: 10},
		"canary.percent":          {Percent: 101},
		"canary.soak":             {Soak: rollout.Duration(-1)},
		"canary.ack_timeout":      {AckTimeout: rollout.Duration(10000 * time.Hour)},
		"canary.required_acks":    {RequiredAcks: -1},
		"canary.max_5xx_rate":     {Max5xxRate: new(1.5)},
		"canary.max_refusal_rate": {MaxRefusalRate: new(-0.5)},
		"canary.min_requests":     {MinRequests: -1},
	} {
		errs, ok := errors.AsType[fleet.FieldErrors](bad.Validate())
		if !ok || errs[0].Field != field {
			t.Errorf("%s: %v", field, errs)
		}
	}
}

func candidates(n int, offline ...int) []rollout.Candidate {
	list := make([]rollout.Candidate, n)
	for i := range list {
		list[i] = rollout.Candidate{Host: "host" + string(rune('a'+i)), Changed: true, Online: !slices.Contains(offline, i)}
	}
	return list
}

// TestChoose: as many as asked for, of those that are online and change, the same each time.
func TestChoose(t *testing.T) {
	all := candidates(10, 0, 1, 2)
	all[9].Changed = false
	for _, c := range []struct {
		o    rollout.CanaryOptions
		want int
	}{
		{rollout.CanaryOptions{Count: 1}, 1},
		{rollout.CanaryOptions{Count: 3}, 3},
		{rollout.CanaryOptions{Count: 30}, 6},
		{rollout.CanaryOptions{Percent: 1}, 1},
		{rollout.CanaryOptions{Percent: 50}, 5},
		{rollout.CanaryOptions{Hosts: []string{"hostd", "hoste"}}, 2},
	} {
		got, err := rollout.Choose(c.o, all, "seed")
		if err != nil || len(got) != c.want {
			t.Errorf("%+v: %v, %v, want %d", c.o, got, err, c.want)
		}
		for _, host := range got {
			if slices.Contains([]string{"hosta", "hostb", "hostc", "hostj"}, host) {
				t.Errorf("%+v chooses %s", c.o, host)
			}
		}
		slices.Reverse(all)
		if again, _ := rollout.Choose(c.o, all, "seed"); !slices.Equal(got, again) {
			t.Errorf("%+v: %v, then %v", c.o, got, again)
		}
	}
	first := map[string]bool{}
	for _, seed := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		got, _ := rollout.Choose(rollout.CanaryOptions{Count: 1}, all, seed)
		first[got[0]] = true
	}
	if len(first) < 2 {
		t.Errorf("always the same host goes first: %v", first)
	}
	if _, err := rollout.Choose(rollout.CanaryOptions{Count: 1}, candidates(2, 0, 1), ""); err == nil {
		t.Error("chosen although nobody is online")
	}
	if _, err := rollout.Choose(rollout.CanaryOptions{Hosts: []string{"hosta", "nowhere"}}, candidates(2, 0), ""); err == nil || !strings.Contains(err.Error(), "hosts[0]") || !strings.Contains(err.Error(), "hosts[1]") {
		t.Errorf("%v", err)
	}
	if got, err := rollout.Choose(rollout.CanaryOptions{Count: 1}, []rollout.Candidate{{Host: "a", Online: true}}, ""); got != nil || err != nil {
		t.Errorf("nothing changes: %v, %v", got, err)
	}
}

func TestJudge(t *testing.T) {
	counts := func(requests, refused, errors int64) rollout.Tally {
		return rollout.Tally{Requests: requests, Refused: refused, Errors5xx: errors}
	}
	quiet := counts(1000, 10, 5)
	for name, c := range map[string]struct {
		after, before, others rollout.Tally
		want                  string
	}{
		"well":                    {quiet, quiet, quiet, ""},
		"5xx":                     {counts(100, 0, 10), quiet, quiet, "h answers 5xx to 10.0% of 100 requests: at most 5.0%"},
		"refusals":                {counts(100, 50, 0), quiet, quiet, "h refuses 50.0%"},
		"too few":                 {counts(49, 49, 49), quiet, quiet, ""},
		"it was so before":        {counts(100, 0, 10), counts(1000, 0, 90), quiet, ""},
		"it is so elsewhere":      {counts(100, 0, 10), quiet, counts(1000, 0, 90), ""},
		"worse than before":       {counts(100, 0, 30), counts(1000, 0, 90), quiet, "before it was 9.0%"},
		"nothing known of before": {counts(100, 0, 10), counts(3, 0, 3), counts(0, 0, 0), "answers 5xx"},
		"a maximum is no minimum": {counts(100, 0, 4), counts(1000, 0, 0), counts(1000, 0, 0), ""},
	} {
		o := rollout.CanaryOptions{}
		o.SetDefaults()
		r := &rollout.Rates{Canaries: []rollout.GroupTally{{Group: fleet.Group{Host: "h", ServiceType: api.Emby}, After: c.after, Before: c.before}}, Others: c.others}
		got := rollout.Judge(o, r)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if r.Enough != (c.after.Requests >= 50) {
			t.Errorf("%s: enough %v", name, r.Enough)
		}
	}
	// Quiet canaries tell together.
	o := rollout.CanaryOptions{}
	o.SetDefaults()
	r := &rollout.Rates{Others: quiet}
	for range 3 {
		r.Canaries = append(r.Canaries, rollout.GroupTally{After: counts(20, 0, 5), Before: counts(20, 0, 0)})
	}
	if got := rollout.Judge(o, r); !strings.Contains(got, "together") || !r.Enough {
		t.Errorf("%q", got)
	}
}
