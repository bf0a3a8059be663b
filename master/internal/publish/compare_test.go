package publish_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// TestInFull: of many groups only the first come with their texts, those that change before the others; and what is
// answered from memory is what a master that has rendered nothing yet answers.
func TestInFull(t *testing.T) {
	m := newMaster(t)
	servers := map[string]*fleet.Server{}
	for i := range 4 {
		host := fmt.Sprintf("203.0.113.%d", 10+i)
		servers[host] = m.addServer(host, fmt.Sprintf("%c.com", 'a'+i), api.Emby)
	}
	first := m.publish(publish.Request{})
	for _, d := range first.Distributions {
		if err := m.store.Acknowledge(t.Context(), d.Group(), api.Ack{SnapshotID: api.Int(first.ID), Status: api.AckApplied}); err != nil {
			t.Fatal(err)
		}
	}
	m.change(servers["203.0.113.12"].ID, func(s *fleet.Server) { s.ServerName = "new.com" })
	m.change(servers["203.0.113.13"].ID, func(s *fleet.Server) { s.ServerName = "newer.com" })
	preview := func(inFull int) *publish.Preview {
		t.Helper()
		p, err := m.pub.Preview(t.Context(), publish.Question{InFull: inFull})
		if err != nil || len(p.Groups) != 4 {
			t.Fatalf("%+v, %v", p, err)
		}
		return p
	}
	brief, all := preview(1), preview(0)
	for i, g := range brief.Groups {
		changed, shown := i >= 2, i == 2
		if g.Changed != changed || (g.RenderedNginx != "") != shown || (g.Diff != "") != shown || g.ConfigHash != all.Groups[i].ConfigHash || g.ServerCount != 1 {
			t.Errorf("group %d: changed %v, rendered %d bytes, diff %q", i, g.Changed, len(g.RenderedNginx), g.Diff)
		}
	}
	second := m.publish(publish.Request{})
	compare := func(q publish.Pair) []publish.GroupDiff {
		t.Helper()
		c, err := m.pub.Compare(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return c.Groups
	}
	pair := publish.Pair{From: first.ID, To: second.ID}
	diffs := compare(pair)
	if len(diffs) != 2 || diffs[0].Host != "203.0.113.12" || diffs[0].Diff == "" || diffs[1].Diff == "" {
		t.Errorf("%+v", diffs)
	}
	if one := compare(publish.Pair{From: first.ID, To: second.ID, InFull: 1}); len(one) != 2 || one[0] != diffs[0] || one[1].Host != diffs[1].Host || one[1].Diff != "" {
		t.Errorf("one in full: %+v", one)
	}
	if one := compare(publish.Pair{From: first.ID, To: second.ID, Host: "203.0.113.13", InFull: 1}); len(one) != 1 || one[0] != diffs[1] {
		t.Errorf("of one host: %+v", one)
	}
	remembered := preview(0)
	m.open()
	if !reflect.DeepEqual(preview(0), remembered) || !reflect.DeepEqual(compare(pair), diffs) {
		t.Error("a master that has rendered nothing yet answers otherwise")
	}
}

// BenchmarkFleet asks what pages do of 500 hosts: first of a master that has rendered nothing, then again.
func BenchmarkFleet(b *testing.B) {
	f := openFleet(b, 500)
	for _, question := range []struct {
		name string
		ask  func(*publish.Publisher) error
	}{
		{"preview", func(p *publish.Publisher) error {
			_, err := p.Preview(b.Context(), publish.Question{InFull: 20})
			return err
		}},
		{"rollback", func(p *publish.Publisher) error {
			_, err := p.Preview(b.Context(), publish.Question{InFull: 20, Snapshot: f.first})
			return err
		}},
		{"compare", func(p *publish.Publisher) error {
			_, err := p.Compare(b.Context(), publish.Pair{From: f.first, To: f.second, InFull: 20})
			return err
		}},
	} {
		b.Run(question.name+"/first", func(b *testing.B) {
			for b.Loop() {
				if err := question.ask(publish.New(f.config)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(question.name+"/again", func(b *testing.B) {
			p := publish.New(f.config)
			if err := question.ask(p); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := question.ask(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
