package adminapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/quota"
)

type quotaInput struct {
	Dimension string  `query:"dimension" enum:"user,device,ip,global,profile" default:"user" doc:"what is counted together"`
	Value     string  `query:"value" maxLength:"256" doc:"only this user, device, …"`
	Period    string  `query:"period" enum:"hourly,daily,weekly,monthly" default:"daily"`
	PeriodKey string  `query:"period_key" maxLength:"16" doc:"as in 2026-11-22T20, 2026-11-22, 2026-W47, 2026-11; the period that runs when absent"`
	Zone      string  `query:"tz" maxLength:"64" doc:"IANA name of the zone that slaves count in; UTC when absent"`
	AtLeast   float64 `query:"at_least" minimum:"0" doc:"only where this share of a quota is used, as in 0.8; a page may then have fewer rows than limit, none even, and a next one"`
	Limit     int     `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor    string  `query:"cursor" maxLength:"256" doc:"next_cursor of the page before"`
}

func (s *server) registerQuotas() {
	register(s, tagged(huma.Operation{
		OperationID: "list-quota-usage", Summary: "List what users, devices or addresses have used, and what their quotas leave",
		Description: "Over all slaves and media servers, in the order of values, as of the slaves' last quota sync. Periods are kept for two days after their end.",
		Method:      http.MethodGet, Path: "quota-usage",
	}, "quota-usage"), account.Viewer, func(ctx context.Context, in *quotaInput) (*pageOutput[quota.Usage], error) {
		page, err := s.Quotas.Usage(ctx, quota.UsageQuery{
			Dimension: in.Dimension, Value: in.Value, PeriodType: in.Period, PeriodKey: in.PeriodKey, Zone: in.Zone,
			Limit: in.Limit, After: in.Cursor, AtLeast: in.AtLeast,
		})
		return &pageOutput[quota.Usage]{page}, err
	})
}
