package testbed

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// sharedPostgres starts the one server of a test binary. Nothing there is worth keeping, so it does not
// wait for the disk.
var sharedPostgres = sync.OnceValues(func() (*PostgresServer, error) {
	return StartPostgres("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB", "max_connections=200")
})

// Postgres returns the DATABASE_URL of an empty database for this test alone, on a server that the tests of
// one binary share: it starts with the first that asks and ends with the binary. A machine without
// PostgreSQL skips the test and says so.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := sharedPostgres()
	if errors.Is(err, ErrNoPostgres) {
		t.Skip("NOT TESTED ON POSTGRESQL: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := server.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.DropDatabase(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return server.URL(name)
}
