package adminapi

import (
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// countRequests is a middleware that counts the answers of each operation.
func countRequests(reg prometheus.Registerer) func(huma.Context, func(huma.Context)) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "uhd_admin_requests_total",
		Help: "Requests of the admin API by operation and HTTP status.",
	}, []string{"operation", "status"})
	reg.MustRegister(requests)
	return func(ctx huma.Context, next func(huma.Context)) {
		next(ctx)
		requests.WithLabelValues(ctx.Operation().OperationID, strconv.Itoa(ctx.Status())).Inc()
	}
}
