package adminapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/analytics"
)

// sharingInput sets what counts as a sign of a shared account.
type sharingInput struct {
	From       string  `query:"from" doc:"a time as in 2026-11-22T18:00:00Z, a day of tz as in 2026-11-22, or Unix seconds; seven days before to when absent, at most 31"`
	To         string  `query:"to" doc:"likewise, not included; a day is: up to its end; now when absent"`
	TZ         string  `query:"tz" doc:"the zone of days, as in Asia/Shanghai; UTC when absent"`
	ServerIDs  []int64 `query:"server_id" doc:"only these servers, comma-separated"`
	UserID     string  `query:"user_id" doc:"only this user"`
	Networks   int     `query:"networks" minimum:"2" default:"6" doc:"networks (IPv4 /24, IPv6 /48) of a user in a day; a phone on the road has some"`
	Devices    int     `query:"devices" minimum:"2" default:"6" doc:"devices of a user in a day"`
	MinOverlap int     `query:"min_overlap" minimum:"1" default:"120" doc:"seconds for which two streams of a user in distant networks overlap"`
	Limit      int     `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	FormatInput
}

func (s *server) registerSignals() {
	registerTable[analytics.Signals](s, huma.Operation{
		OperationID: "sharing-signals", Summary: "Accounts that look shared, with the evidence", Path: "signals/sharing", Tags: []string{"analytics"},
		Description: "Users that were seen in many networks or on many devices in a day, and users of whom two devices played in different networks at once. Nothing is done about them: families and travellers look alike, so look at the evidence first. Two addresses of different families, IPv4 and IPv6, may be one home and are not compared.",
	}, s.sharing)
}

func (s *server) sharing(ctx context.Context, in *sharingInput) (*table, error) {
	span, err := analytics.ParseSpan(in.From, in.To, in.TZ, time.Now(), 7*24*time.Hour)
	if err != nil {
		return nil, err
	}
	answer, err := s.Analytics.Sharing(ctx, analytics.Sharing{
		Span: span, Servers: in.ServerIDs, UserID: in.UserID, Networks: in.Networks, Devices: in.Devices,
		MinOverlap: time.Duration(in.MinOverlap) * time.Second, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	if in.Format == "csv" {
		return asCSV(s, "sharing", in.FormatInput, rowsOf(answer.Items)), nil
	}
	return asJSON(answer), nil
}
