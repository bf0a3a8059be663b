package slaveapi

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/uhdadmin/media-gateway/master/internal/auth"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// maxOldCounters is how many counters older agents, who know of no bound, may send at once.
const maxOldCounters = 50_000

// quotaBody is an api.QuotaSync as slaves of all ages send it.
type quotaBody struct {
	SlaveID  text               `json:"slave_id"`
	TimeZone text               `json:"time_zone"`
	Counters list[quotaCounter] `json:"counters"`
}

type quotaCounter struct {
	Scope          text    `json:"scope"`
	Dimension      text    `json:"dimension"`
	DimensionValue text    `json:"dimension_value"`
	PeriodType     text    `json:"period_type"`
	PeriodKey      text    `json:"period_key"`
	RequestCount   api.Int `json:"request_count"`
	BandwidthBytes api.Int `json:"bandwidth_bytes"`
}

// syncQuotas stores what a slave has counted and answers what is left.
func (a *API) syncQuotas(w http.ResponseWriter, r *http.Request, slave auth.Slave) (any, error) {
	var body quotaBody
	if err := readLargeBody(w, r, &body); err != nil {
		return nil, err
	}
	if len(body.Counters) > maxOldCounters {
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("counters takes at most %d at once", api.MaxQuotaCounters))
	}
	in := api.QuotaSync{
		SlaveID: string(body.SlaveID), TimeZone: string(body.TimeZone), Counters: make([]api.QuotaCounter, len(body.Counters)),
	}
	for i, c := range body.Counters {
		in.Counters[i] = api.QuotaCounter{
			Scope: string(c.Scope), Dimension: string(c.Dimension), DimensionValue: string(c.DimensionValue),
			PeriodType: string(c.PeriodType), PeriodKey: string(c.PeriodKey),
			RequestCount: c.RequestCount, BandwidthBytes: c.BandwidthBytes,
		}
	}
	answer, err := a.cfg.Quotas.Sync(r.Context(), slave.Group, in)
	switch {
	case errors.Is(err, quota.ErrZone):
		return nil, problem(http.StatusBadRequest, err.Error())
	case err != nil:
		return nil, fmt.Errorf("quota sync: %w", err)
	}
	return answer, nil
}
