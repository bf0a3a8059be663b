package adminapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/erasure"
	"github.com/uhdadmin/media-gateway/master/internal/store"
)

const erasuresPath = "privacy/erasures"

type erasureInput struct {
	Body struct {
		UserID string `json:"user_id" required:"true" minLength:"1" maxLength:"200" doc:"as the media server calls the user; with or without dashes"`
	}
}

type erasureOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     *erasure.Job
}

type erasuresInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" doc:"rows per page; 100 when absent"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

func (s *server) registerPrivacy() {
	register(s, tagged(huma.Operation{
		OperationID: "erase-user", Summary: "Erase what telemetry holds of a user",
		Description: "Deletes in the background: rows with the user's id in all kinds, rows without any user's id of devices that were the user's, the user's rollups, and the hours of rollups by address in which nobody else was seen there. What is reported later, by a slave that was away, is not covered. Answers 202 with a new job, or 200 with the one that is under way for this user.",
		Method:      http.MethodPost, Path: erasuresPath, DefaultStatus: http.StatusAccepted,
	}, "privacy"), account.Admin, s.erase)
	register(s, tagged(huma.Operation{
		OperationID: "list-erasures", Summary: "List erasures of users, the newest first", Method: http.MethodGet, Path: erasuresPath,
		RejectUnknownQueryParameters: true,
	}, "privacy"), account.Viewer, s.erasures)
	register(s, tagged(huma.Operation{
		OperationID: "get-erasure", Summary: "How far an erasure has come", Method: http.MethodGet, Path: erasuresPath + "/{id}",
	}, "privacy"), account.Viewer, func(ctx context.Context, in *idInput) (*struct{ Body *erasure.Job }, error) {
		job, err := s.Eraser.Job(ctx, in.ID)
		if errors.Is(err, erasure.ErrNotFound) {
			err = store.ErrNotFound
		}
		return &struct{ Body *erasure.Job }{job}, err
	})
}

func (s *server) erase(ctx context.Context, in *erasureInput) (*erasureOutput, error) {
	job, isNew, err := s.Eraser.Order(ctx, in.Body.UserID, principalOf(ctx).Name)
	if err != nil {
		return nil, err
	}
	out := &erasureOutput{Status: http.StatusOK, Location: fmt.Sprintf("%s/%s/%d", Prefix, erasuresPath, job.ID), Body: job}
	if isNew {
		out.Status = http.StatusAccepted
		if err := s.Store.Audit(ctx, "erase", "privacy", job.ID, nil, nil); err != nil { // not whom: that is to be forgotten
			return nil, err
		}
	}
	return out, nil
}

func (s *server) erasures(ctx context.Context, in *erasuresInput) (*pageOutput[*erasure.Job], error) {
	var before int64
	if in.Cursor != "" {
		var err error
		if before, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil {
			return nil, &store.QueryError{Name: "cursor", Takes: "the next_cursor of an earlier page"}
		}
	}
	limit := in.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	jobs, err := s.Eraser.Jobs(ctx, before, limit+1)
	if err != nil {
		return nil, err
	}
	page := store.Page[*erasure.Job]{Items: jobs}
	if len(jobs) > limit {
		page.Items, page.Next = jobs[:limit], strconv.FormatInt(jobs[limit-1].ID, 10)
	}
	return &pageOutput[*erasure.Job]{page}, nil
}
