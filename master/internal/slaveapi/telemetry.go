package slaveapi

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/telemetry"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// Bounds of telemetry requests.
const (
	maxKey     = 200             // of an Idempotency-Key, in bytes
	maxBatches = 48              // in memory at a time, some megabytes each; the others wait
	batchWait  = 5 * time.Second // and for so long
)

// mountTelemetry adds what slaves report of their traffic.
func (a *API) mountTelemetry(r chi.Router) {
	for _, report := range telemetry.Reports {
		r.Post("/telemetry/"+string(report), a.handle("telemetry/"+string(report), a.telemetry(report)))
	}
}

// telemetry stores a batch and answers when it is safe.
func (a *API) telemetry(report telemetry.Report) handler {
	return func(_ http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
		key := r.Header.Get("Idempotency-Key")
		if len(key) > maxKey {
			return nil, problem(http.StatusBadRequest, fmt.Sprintf("Idempotency-Key takes at most %d bytes", maxKey))
		}
		leave, err := a.enter(r)
		if err != nil {
			return nil, err
		}
		defer leave()
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

// enter waits until there is room for another batch in memory.
func (a *API) enter(r *http.Request) (leave func(), err error) {
	timer := time.NewTimer(batchWait)
	defer timer.Stop()
	select {
	case a.batches <- struct{}{}:
		return func() { <-a.batches }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	case <-timer.C:
		return nil, fmt.Errorf("%w: too many slaves report at once", api.ErrBusy)
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
