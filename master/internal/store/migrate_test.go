package store

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// TestMigrationsKeepData: tables of every earlier version, each with rows in it, come up to date with what is
// in them.
func TestMigrationsKeepData(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		testMigrations(t, goose.DialectSQLite3, "sqlite", func() string { return "sqlite://" + filepath.Join(t.TempDir(), "m.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		testMigrations(t, goose.DialectPostgres, "postgres", func() string { return testbed.Postgres(t) })
	})
}

func testMigrations(t *testing.T, dialect goose.Dialect, dir string, newURL func() string) {
	files, err := fs.Sub(migrations, "migrations/"+dir)
	if err != nil {
		t.Fatal(err)
	}
	sources := 1
	for i := 0; i < sources; i++ {
		databaseURL := newURL()
		db := rawDatabase(t, databaseURL)
		provider, err := goose.NewProvider(dialect, db.DB, files)
		if err != nil {
			t.Fatal(err)
		}
		sources = len(provider.ListSources())
		version := provider.ListSources()[i]
		if _, err := provider.UpTo(t.Context(), version.Version); err != nil {
			t.Fatal(err)
		}
		for _, source := range provider.ListSources()[:i+1] {
			fill(t, db, filepath.Base(source.Path))
		}
		before := countRows(t, db)
		for table, n := range before {
			if n == 0 {
				t.Errorf("the table %s of %s has no rows: add some to store/testdata/migrations/%s", table, version.Path, version.Path)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s := openURL(t, databaseURL)
		if version.Version < 8 { // else the rows came after the migration that looked whether there are any
			if added, err := s.AddStartingSet(t.Context(), true); err != nil || added {
				t.Errorf("from %s: a database in use gets the starting set: %v, %v", version.Path, added, err)
			}
		}
		after := countRows(t, s.db)
		for table, n := range before {
			if after[table] < n {
				t.Errorf("from %s: %s has %d rows, had %d", version.Path, table, after[table], n)
			}
		}
		t.Run(filepath.Base(version.Path), func(t *testing.T) { readFilled(t, s, version.Version) })
	}
}

// fill adds the rows that go with a migration, in the schema as that migration leaves it.
func fill(t *testing.T, db *bun.DB, migration string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "migrations", migration))
	if err != nil {
		t.Fatalf("each migration needs rows to be tried on: %v", err)
	}
	for statement := range strings.SplitSeq(string(text), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := db.DB.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v in %s", migration, err, statement)
		}
	}
}

// countRows returns how many rows each table has.
func countRows(t *testing.T, db *bun.DB) map[string]int {
	t.Helper()
	list := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if onPostgres(db) {
		list = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	}
	var tables []string
	if err := db.NewRaw(list).Scan(t.Context(), &tables); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, table := range tables {
		n := 0
		if err := db.NewRaw("SELECT COUNT(*) FROM ?", bun.Ident(table)).Scan(t.Context(), &n); err != nil {
			t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

// readFilled reads what fill has written since the version through the store: it decodes, is accepted as it is,
// and has kept its values.
func readFilled(t *testing.T, s *Store, version int64) {
	player := readAll(t, s.Players)[0]
	if player.ClientName != "Infuse" || player.UAPatterns[0] != "^Infuse" || player.CreatedAt.Hour() != 20 {
		t.Errorf("player %+v", player)
	}
	server := readAll(t, s.Servers)[0]
	if server.Upstream[0].Weight != 3 || *server.ProfileID != 3 || server.Revision != 4 || server.UpstreamScheme == "" || !server.UpstreamTLSVerify {
		t.Errorf("server %+v", server)
	}
	profile := readAll(t, s.Profiles)[2]
	if profile.PlayerIDs[0] != 1 || profile.ConcurrentStreams.MaxStreams != 2 || profile.FakeCountsValue != 7 || profile.LocationRuleIDs == nil {
		t.Errorf("profile %+v", profile)
	}
	if token := readAll(t, s.Tokens)[0]; token.Scopes[0] != "media_slave:1" || token.ExpiresAt.Year() != 2099 {
		t.Errorf("token %+v", token)
	}
	if limit := readAll(t, s.RateLimitRules)[0]; limit.BandwidthMonthlyBytes != 9_000_000_000_000 {
		t.Errorf("rate limit %+v", limit)
	}
	if ban := readAll(t, s.Enforcements)[0]; ban.EffectiveUntil.Year() != 2099 || ban.Automatic != nil {
		t.Errorf("enforcement %+v", ban)
	}
	if key := readAll(t, s.APIKeys)[0]; key.Scopes == nil || (version >= 7) != (len(key.Scopes) == 1) {
		t.Errorf("API key %+v", key)
	}
	readAll(t, s.URIRules)
	readAll(t, s.StreamRules)
	readAll(t, s.Users)
	if version >= 2 {
		hosts, err := s.Hosts(t.Context())
		if err != nil || len(hosts) != 1 || hosts[0].Agent == nil {
			t.Errorf("hosts %+v, %v", hosts, err)
		}
		distributions, err := s.Distributions(t.Context(), Query{})
		if err != nil || len(distributions.Items) != 1 || distributions.Items[0].Status != "delivered" {
			t.Errorf("distributions %+v, %v", distributions, err)
		}
		snapshots, err := s.Snapshots(t.Context(), Query{})
		if err != nil || len(snapshots.Items) != 1 {
			t.Errorf("snapshots %+v, %v", snapshots, err)
		}
	}
	if version >= 3 {
		settings, err := s.ReadSettings(t.Context())
		if err != nil || len(settings.TrustedProxies) != 1 {
			t.Errorf("settings %+v, %v", settings, err)
		}
	}
	if version >= 5 {
		live, err := s.LiveSessions(t.Context(), Query{}, time.Date(2026, 11, 22, 20, 0, 1, 0, time.UTC))
		if err != nil || len(live.Items) != 1 || live.Items[0].Bytes != 9_000_000_000 {
			t.Errorf("live sessions %+v, %v", live, err)
		}
		periods, err := s.QuotaPeriods(t.Context())
		if err != nil || len(periods) != 1 {
			t.Errorf("quota periods %+v, %v", periods, err)
		}
	}
	if version >= 7 {
		log, err := s.AuditLog(t.Context(), Query{})
		if err != nil || len(log.Items) != 1 || log.Items[0].Hidden[0] != "password" {
			t.Errorf("audit log %+v, %v", log, err)
		}
	}
	if version >= 10 {
		if draft := readAll(t, s.Drafts)[0]; *draft.ProfileID != 3 || draft.ServerIDs[0] != 1 || draft.Document != nil {
			t.Errorf("draft %+v", draft)
		}
	}
}

// readAll returns the rows of a table, which must be valid as they are.
func readAll[T any](t *testing.T, table Table[T]) []T {
	t.Helper()
	page, err := table.List(t.Context(), Query{})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("%s: %d rows, %v", reflect.TypeFor[T](), len(page.Items), err)
	}
	for i := range page.Items {
		if row, ok := any(&page.Items[i]).(interface{ Validate() error }); ok && row.Validate() != nil {
			t.Errorf("%s: %v", fmt.Sprintf("%+v", page.Items[i]), row.Validate())
		}
	}
	return page.Items
}

// rawDatabase opens a database without bringing its tables up to date.
func rawDatabase(t *testing.T, databaseURL string) *bun.DB {
	t.Helper()
	if path, ok := strings.CutPrefix(databaseURL, "sqlite://"); ok {
		db, err := openSQLite(path)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db, pool, err := openPostgres(t.Context(), databaseURL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return db
}
