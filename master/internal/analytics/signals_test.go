package analytics

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
)

// roaming makes requests of a dozen users, each from more places and devices than the one before.
func roaming(random *rand.Rand, n int, from, to time.Time) []telemetry.AccessLog {
	rows := make([]telemetry.AccessLog, n)
	for i := range rows {
		user := random.IntN(12)
		address := fmt.Sprintf("10.%d.%d.%d", user, random.IntN(2+user), random.IntN(3))
		if random.IntN(3) == 0 {
			address = fmt.Sprintf("2001:db8:%x::%x", user*16+random.IntN(1+user/2), random.IntN(4))
		}
		began := from.Add(time.Duration(random.Int64N(int64(to.Sub(from)))))
		rows[i] = telemetry.AccessLog{
			Time: telemetry.MillisOf(began), ServerID: 1 + random.Int64N(2), UserID: fmt.Sprint("user", user), IP: address,
			DeviceID: fmt.Sprint("device", random.IntN(2+user)), DeviceName: "TV", ClientName: "Infuse", Verdict: "allow", Status: 200,
			RequestTimeUS: random.Int64N(int64(3 * time.Hour / time.Microsecond)), BytesSent: 1000,
		}
		if random.IntN(3) == 0 {
			rows[i].Streaming, rows[i].ItemID, rows[i].PlaySessionID = true, "item", fmt.Sprint("play", i)
		}
		if random.IntN(20) == 0 {
			rows[i].UserID = ""
		}
	}
	return rows
}

// TestSharing: users, days and counts are those that looking at every row gives.
func TestSharing(t *testing.T) {
	onEach(t, func(t *testing.T, newDatabase func() telemetry.Database) {
		random := rand.New(rand.NewPCG(13, 14))
		from := time.Date(2026, 10, 22, 0, 0, 0, 0, time.UTC)
		rows := roaming(random, 2500, from, from.AddDate(0, 0, 8))
		db := newDatabase()
		store(t, db, rows, nil)
		// Of the first half of the days only hours are known, as of what older masters have stored.
		since := from.AddDate(0, 0, 4).UnixMilli()
		err := db.Write(t.Context(), func(ctx context.Context, tx bun.IDB) error {
			_, err := tx.NewRaw("DELETE FROM seats_daily WHERE day < ?", since).Exec(ctx)
			if err == nil {
				_, err = tx.NewRaw("UPDATE seats_since SET day = ?", since).Exec(ctx)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		a := New(Config{DB: db.Reader()})
		sessions := all(t, a, PlaybackSessions, Selection{Limit: 100_000})
		for i := range 24 {
			zone, err := time.LoadLocation(zones[i%len(zones)])
			if err != nil {
				t.Fatal(err)
			}
			q := Sharing{
				Span:     Span{From: from.Add(time.Duration(random.IntN(150)) * time.Hour), Zone: zone},
				Networks: 2 + random.IntN(6), Devices: 2 + random.IntN(6), MinOverlap: time.Duration(1+random.IntN(900)) * time.Second, Limit: 10_000,
			}
			q.Span.To = q.Span.From.Add(time.Duration(1+random.IntN(90)) * time.Hour)
			if i%3 == 0 {
				q.Servers = []int64{2}
			}
			if i%4 == 0 {
				q.UserID = "User-7"
			}
			got, err := a.Sharing(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]int{}
			for _, s := range got.Items {
				found[strings.Join([]string{s.Kind, s.UserID, s.Day}, " ")] = s.Count
				checkEvidence(t, s)
			}
			want := crowdedByRows(q, rows)
			maps.Copy(want, distantByPairs(q, sessions))
			if !maps.Equal(found, want) {
				t.Fatalf("%+v: found %v, want %v", q, found, want)
			}
		}
	})
}

func checkEvidence(t *testing.T, s Signal) {
	t.Helper()
	if len(s.Evidence) < 2 || len(s.Evidence) > maxEvidence {
		t.Errorf("%+v has %d rows of evidence", s, len(s.Evidence))
	}
	for _, e := range s.Evidence {
		if e.Network == "" || e.DeviceName != "TV" || e.ClientName != "Infuse" || !e.From.Before(e.To) || (e.Pair > 0) != (s.Kind == DistantStreams) {
			t.Errorf("%s has the evidence %+v", s.Kind, e)
		}
	}
}

// crowdedByRows counts networks and devices by day from the rows.
func crowdedByRows(q Sharing, rows []telemetry.AccessLog) map[string]int {
	v4, v6, devices := map[string]map[string]bool{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	days, err := q.Span.Buckets(Day)
	if err != nil {
		panic(err)
	}
	note := func(sets map[string]map[string]bool, key, value string) {
		if sets[key] == nil {
			sets[key] = map[string]bool{}
		}
		sets[key][value] = true
	}
	for _, r := range rows {
		for _, d := range days {
			if r.UserID == "" || r.Time.Time().Before(d.From) || !r.Time.Time().Before(d.To) || !ofSharing(q, r.UserID, r.ServerID) {
				continue
			}
			key := r.UserID + " " + d.From.In(q.Span.Zone).Format(time.DateOnly)
			if strings.Contains(r.IP, ":") {
				note(v6, key, strings.Join(strings.Split(r.IP, ":")[:3], ":"))
			} else {
				note(v4, key, r.IP[:strings.LastIndex(r.IP, ".")])
			}
			note(devices, key, r.DeviceID)
		}
	}
	found := map[string]int{}
	for key, set := range devices {
		if len(set) >= q.Devices {
			found[ManyDevices+" "+key] = len(set)
		}
		if n := max(len(v4[key]), len(v6[key])); n >= q.Networks {
			found[ManyNetworks+" "+key] = n
		}
	}
	return found
}

func ofSharing(q Sharing, user string, server int64) bool {
	return (len(q.Servers) == 0 || slices.Contains(q.Servers, server)) && (q.UserID == "" || user == "user7")
}

// distantByPairs compares every play session with every other.
func distantByPairs(q Sharing, sessions []telemetry.PlaybackSession) map[string]int {
	type overlap struct {
		n     int
		first telemetry.Millis
	}
	users := map[string]*overlap{}
	network := func(ip string) string {
		if strings.Contains(ip, ":") {
			return strings.Join(strings.Split(ip, ":")[:3], ":")
		}
		return ip[:strings.LastIndex(ip, ".")]
	}
	for i, x := range sessions {
		for _, y := range sessions[:i] {
			begin, end := max(x.StartedAt, y.StartedAt), min(x.LastSeenAt, y.LastSeenAt)
			if x.UserID == "" || x.UserID != y.UserID || x.DeviceID == y.DeviceID || network(x.IP) == network(y.IP) ||
				strings.Contains(x.IP, ":") != strings.Contains(y.IP, ":") || end-begin < telemetry.Millis(q.MinOverlap.Milliseconds()) ||
				!ofSharing(q, x.UserID, x.ServerID) || !ofSharing(q, y.UserID, y.ServerID) ||
				end <= telemetry.MillisOf(q.Span.From) || begin >= telemetry.MillisOf(q.Span.To) {
				continue
			}
			o := users[x.UserID]
			if o == nil {
				o = &overlap{first: begin}
				users[x.UserID] = o
			}
			o.n++
			o.first = min(o.first, begin)
		}
	}
	found := map[string]int{}
	for user, o := range users {
		found[strings.Join([]string{DistantStreams, user, o.first.Time().In(q.Span.Zone).Format(time.DateOnly)}, " ")] = o.n
	}
	return found
}
