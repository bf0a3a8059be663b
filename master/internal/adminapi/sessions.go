package adminapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

type kickInput struct {
	ID     int64  `path:"id" minimum:"1"`
	Reason string `query:"reason" maxLength:"200" doc:"why, for people"`
}

func (s *server) registerSessions() {
	list := listOf("sessions", store.LiveSessionFilters)
	list.Summary = "List the streams that run on all slaves now"
	list.Description = "q looks in user ids, devices' and clients' names and addresses. A session ends 90 s after its last sign of life."
	register(s, list, account.Viewer, func(ctx context.Context, in *ListInput) (*pageOutput[store.PlaySession], error) {
		page, err := s.Sessions.Live(ctx, in.query())
		return &pageOutput[store.PlaySession]{page}, err
	})
	register(s, tagged(huma.Operation{
		OperationID: "kick-session", Summary: "Kick a stream",
		Description: "Its slave cuts it within two seconds, and refuses it for ten minutes.",
		Method:      http.MethodDelete, Path: "sessions/{id}",
	}, "sessions"), account.Operator, func(ctx context.Context, in *kickInput) (*struct{}, error) {
		kicked, err := s.Sessions.Kick(ctx, in.ID, in.Reason)
		if err != nil {
			return nil, err
		}
		s.Log.InfoContext(ctx, "Stream kicked", "session_id", in.ID, "by", principalOf(ctx).Name, "reason", in.Reason)
		return nil, s.Store.Audit(ctx, "kick", "sessions", in.ID, kicked, map[string]string{"reason": in.Reason})
	})
}
