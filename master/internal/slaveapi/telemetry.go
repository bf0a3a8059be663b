package slaveapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// maxKey bounds an Idempotency-Key, in bytes.
const maxKey = 200

// mountTelemetry adds what slaves report of their traffic.
func (a *API) mountTelemetry(r chi.Router) {
	for _, report := range telemetry.Reports {
		r.Post("/telemetry/"+string(report), a.gated(a.reports, "telemetry/"+string(report), a.telemetry(report)))
	}
}

// telemetry stores a batch and answers when it is safe.
func (a *API) telemetry(report telemetry.Report) handler {
	return func(_ http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
		key := r.Header.Get("Idempotency-Key")
		if len(key) > maxKey {
			return nil, problem(http.StatusBadRequest, fmt.Sprintf("Idempotency-Key takes at most %d bytes", maxKey))
		}
		batch, err := a.readBatch(report, key, r, slave)
		if err != nil {
			return nil, err
		}
		result, err := a.cfg.Telemetry.Store(batch)
		if err != nil {
			return nil, err
		}
		return api.ReportAnswer{Accepted: result.Accepted, Duplicate: result.Duplicate}, nil
	}
}

// readBatch decodes the request's body.
func (a *API) readBatch(report telemetry.Report, key string, r *http.Request, slave auth.Slave) (*telemetry.Batch, error) {
	b := batchBodies.Get().(*batchBody)
	defer b.release()
	text, err := b.read(r)
	if err != nil {
		return nil, err
	}
	batch := a.cfg.Telemetry.NewBatch(telemetry.Sender{
		Source:   slave.Group.Host + " " + string(slave.Group.ServiceType),
		ServerID: slave.ServerID,
		Servers:  slave.Siblings,
	}, key)
	switch err := batch.Decode(report, text); {
	case errors.Is(err, telemetry.ErrTooLarge):
		return nil, problem(http.StatusRequestEntityTooLarge, err.Error())
	case err != nil:
		return nil, problem(http.StatusBadRequest, err.Error())
	}
	return batch, nil
}
