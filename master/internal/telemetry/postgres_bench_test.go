package telemetry

import (
	"testing"

	"github.com/uhdadmin/media-gateway/shared/testbed"
)

// BenchmarkIngestPostgres is BenchmarkIngest into a server that waits for its disk, as servers must.
func BenchmarkIngestPostgres(b *testing.B) {
	server, err := testbed.StartPostgres("shared_buffers=1GB", "max_wal_size=8GB")
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	name, err := server.CreateDatabase(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	benchmarkIngest(b, openPostgres(b, server.URL(name)))
}
