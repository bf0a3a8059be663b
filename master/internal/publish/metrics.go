package publish

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/render"
)

type metrics struct{ publishes *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "uhd_publishes_total",
		Help: "Publishes by result: published; invalid, preflight, busy and stale are refused; error.",
	}, []string{"result"})}
	for _, result := range []string{"published", "invalid", "preflight", "busy", "stale", "error"} {
		m.publishes.WithLabelValues(result)
	}
	if reg != nil {
		reg.MustRegister(m.publishes)
	}
	return m
}

func (m metrics) count(err error) { m.publishes.WithLabelValues(resultOf(err)).Inc() }

func resultOf(err error) string {
	if err == nil {
		return "published"
	}
	if _, ok := errors.AsType[fleet.FieldErrors](err); ok || errors.Is(err, render.ErrInvalid) {
		return "invalid"
	}
	if _, ok := errors.AsType[*PreflightError](err); ok {
		return "preflight"
	}
	if _, ok := errors.AsType[*BusyError](err); ok {
		return "busy"
	}
	if _, ok := errors.AsType[*StaleError](err); ok {
		return "stale"
	}
	return "error"
}

// Refused reports whether err is something that an operator must mend, so that trying again is no use.
func Refused(err error) bool { return err != nil && resultOf(err) != "error" }
