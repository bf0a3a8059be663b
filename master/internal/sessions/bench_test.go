package sessions_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
	"github.com/uhdadmin/media-gateway/master/internal/sessions"
	"github.com/uhdadmin/media-gateway/master/internal/store"
	"github.com/uhdadmin/media-gateway/shared/api"
)

type nothing struct{}

func (nothing) Current(fleet.Group) publish.Entry { return publish.Entry{} }

type noLimits struct{}

func (noLimits) Current() api.RateLimits { return api.RateLimits{} }

func BenchmarkCheckIn(b *testing.B) {
	st, err := store.Open(b.Context(), "sqlite://"+filepath.Join(b.TempDir(), "master.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	desk := sessions.New(sessions.Config{Store: st, Limits: noLimits{}, Published: nothing{}, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
	slave := sessions.Slave{Group: fleet.Group{Host: "h", ServiceType: api.Emby}, ServerID: 1}
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			_, err := desk.CheckIn(b.Context(), slave, api.CheckIn{PlaySessionID: fmt.Sprint(i), UserID: fmt.Sprint(i % 2000), DeviceID: fmt.Sprint(i % 3), ClientIP: "192.0.2.1", MaxStreams: 2})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
