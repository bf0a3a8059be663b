package analytics

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// all reads a list to its end, in pages of a limit.
func all[T any](t *testing.T, a *Analytics, k *Kind[T], s Selection) []T {
	t.Helper()
	var rows []T
	for pages := 0; ; pages++ {
		page, err := k.Page(t.Context(), a, s)
		if err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		if len(page.Items) > s.Limit || pages > 20_000 {
			t.Fatalf("%s: %d rows in a page of %d, page %d", k.Name, len(page.Items), s.Limit, pages)
		}
		if isShort := len(page.Items) < s.Limit && page.Next != ""; isShort && page.SearchedTo == nil || page.Next == "" && page.SearchedTo != nil {
			t.Fatalf("%s: %d rows in a page of %d, next %q, and searched to %v", k.Name, len(page.Items), s.Limit, page.Next, page.SearchedTo)
		}
		rows = append(rows, page.Items...)
		if page.Next == "" {
			return rows
		}
		s.Cursor = page.Next
	}
}

// TestAccessLogsAreFound: with every filter, in every order of pages, exactly the rows there are, the newest
// first.
func TestAccessLogsAreFound(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		random := rand.New(rand.NewPCG(9, 10))
		rows, _ := traffic(random, 2000, at.AddDate(0, 0, -12), at)
		db := newDatabase()
		store(t, db, rows, nil)
		a := New(Config{DB: db.Reader()})
		for i := range 30 {
			s := Selection{Limit: []int{7, 100, 10_000}[random.IntN(3)], Where: map[string]string{}}
			if i%2 == 0 {
				s.From = at.Add(-time.Duration(random.IntN(300)) * time.Hour).Add(-time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			if i%3 == 0 {
				s.To = at.Add(-time.Duration(random.IntN(300))*time.Hour + 1234*time.Millisecond)
			}
			if i%5 == 0 {
				s.Patience = 1 // answers after every step
			}
			like := rows[random.IntN(len(rows))]
			for _, f := range []struct{ column, value string }{
				{"user_id", like.UserID},
				{"ip", like.IP},
				{"client_name", like.ClientName},
				{"status", strconv.FormatInt(like.Status, 10)},
				{"server_id", strconv.FormatInt(like.ServerID, 10)},
				{"request_id", like.RequestID},
				{"user_id", "nobody"},
			} {
				if random.IntN(5) == 0 {
					s.Where[f.column] = f.value
				}
			}
			var want []string
			for _, r := range slices.SortedStableFunc(slices.Values(rows), func(x, y telemetry.AccessLog) int { return -cmp.Compare(x.Time, y.Time) }) {
				fits := func(column, value string) bool { v, ok := s.Where[column]; return !ok || v == value }
				if fits("user_id", r.UserID) && fits("ip", r.IP) && fits("client_name", r.ClientName) && fits("status", strconv.FormatInt(r.Status, 10)) &&
					fits("server_id", strconv.FormatInt(r.ServerID, 10)) && fits("request_id", r.RequestID) &&
					(s.From.IsZero() || !r.Time.Time().Before(s.From)) && (s.To.IsZero() || r.Time.Time().Before(s.To)) {
					want = append(want, r.RequestID)
				}
			}
			var got []string
			last := telemetry.Millis(1 << 60)
			for _, r := range all(t, a, AccessLogs, s) {
				got = append(got, r.RequestID)
				if r.Time/1000 > last/1000 {
					t.Errorf("%v: a row of %s comes after one of %s", s, r.Time.Time(), last.Time())
				}
				last = r.Time
			}
			slices.Sort(got) // within a second rows are in the order in which they came
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%+v finds %d rows, want %d", s, len(got), len(want))
			}
		}
	})
}

// TestEveryKindPages: lists of all kinds, in small pages, hold each row once and in order.
func TestEveryKindPages(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		random := rand.New(rand.NewPCG(11, 12))
		rows, usage := traffic(random, 3000, at.AddDate(0, 0, -3), at)
		db := newDatabase()
		store(t, db, rows, usage)
		a := New(Config{DB: db.Reader()})
		pages(t, a, BlockedRequests, "reason", "reason1")
		pages(t, a, PlaybackSessions, "user_id", "user3")
		pages(t, a, Devices, "device_id", "device3")
		pages(t, a, UserActivities, "user_id", "user3")
		pages(t, a, APICalls, "method", "GET")
		pages(t, a, Bandwidth, "ip", "192.0.2.3")
		pages(t, a, MediaAccesses, "server_id", "2")
		for _, list := range []func() (int, error){
			func() (int, error) {
				p, err := LoginEvents.Page(t.Context(), a, Selection{Limit: 5, Where: map[string]string{"success": "true"}})
				return len(p.Items), err
			},
			func() (int, error) {
				p, err := RealtimeSessions.Page(t.Context(), a, Selection{Limit: 5, Where: map[string]string{"is_paused": "false"}, From: at})
				return len(p.Items), err
			},
			func() (int, error) {
				p, err := PlaybackEvents.Page(t.Context(), a, Selection{Limit: 5, To: at})
				return len(p.Items), err
			},
		} {
			if n, err := list(); n != 0 || err != nil {
				t.Errorf("an empty list has %d rows, %v", n, err)
			}
		}
	})
}

func pages[T comparable](t *testing.T, a *Analytics, k *Kind[T], column, value string) {
	t.Helper()
	whole := all(t, a, k, Selection{Limit: 100_000})
	small := all(t, a, k, Selection{Limit: 7})
	if len(whole) < 8 || !slices.Equal(whole, small) {
		t.Errorf("%s: %d rows in pages of 7, %d in one", k.Name, len(small), len(whole))
	}
	some := all(t, a, k, Selection{Limit: 7, Where: map[string]string{column: value}})
	if len(some) == 0 || len(some) > len(whole) || column != "method" && len(some) == len(whole) {
		t.Errorf("%s: %s=%s finds %d of %d", k.Name, column, value, len(some), len(whole))
	}
	middle := at.AddDate(0, 0, -1)
	late := all(t, a, k, Selection{Limit: 1000, From: middle})
	early := all(t, a, k, Selection{Limit: 1000, To: middle.Truncate(max(k.unit, time.Millisecond))})
	if !slices.Equal(slices.Concat(late, early), whole) {
		t.Errorf("%s: %d rows after and %d before a time, of %d", k.Name, len(late), len(early), len(whole))
	}
}

func TestSelectionErrors(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		a := New(Config{DB: newDatabase().Reader()})
		for _, c := range []struct {
			s    Selection
			name string
		}{
			{Selection{Where: map[string]string{"user": "x"}}, "user"},
			{Selection{Where: map[string]string{"uri": "x"}}, "uri"},
			{Selection{Where: map[string]string{"status": "ok"}}, "status"},
			{Selection{Cursor: "x"}, "cursor"},
			{Selection{Cursor: nextCursor([]any{"1"})}, "cursor"},
			{Selection{Cursor: nextCursor([]any{1, 2})}, "cursor"},
		} {
			c.s.Limit = 1
			_, err := AccessLogs.Page(t.Context(), a, c.s)
			if e, ok := errors.AsType[*ParamError](err); !ok || e.Name != c.name {
				t.Errorf("%+v gives %v, want a complaint about %s", c.s, err, c.name)
			}
		}
		if _, err := LoginEvents.Page(t.Context(), a, Selection{Limit: 1, Where: map[string]string{"success": "perhaps"}}); err == nil {
			t.Error("success=perhaps is taken")
		}
	})
}
