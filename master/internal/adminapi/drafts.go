package adminapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/draft"
	"github.com/uhdadmin/media-gateway/master/internal/library"
)

type createDraftInput struct{ Body draft.Beginning }

func (s *server) registerDrafts() {
	drafts := resource[library.Draft]{
		path: "drafts", one: "draft", table: s.Store.Drafts, fresh: library.NewDraft, readOnly: []string{"profile_id", "created_by"}, schema: draftSchema,
	}
	drafts.registerReads(s)
	register(s, tagged(huma.Operation{
		OperationID: "create-draft", Summary: "Begin a draft",
		Description: "Empty, with a copy of a profile, or with a profile that it changes.",
		Method:      http.MethodPost, Path: "drafts", DefaultStatus: http.StatusCreated,
	}, "drafts"), account.Operator, func(ctx context.Context, in *createDraftInput) (*createdOutput[library.Draft], error) {
		row, err := s.Drafts.Begin(ctx, in.Body, principalOf(ctx).Name)
		if err != nil {
			return nil, err
		}
		return drafts.created(row), nil
	})
	drafts.registerChanges(s)
	register(s, tagged(huma.Operation{
		OperationID: "check-draft", Summary: "What a draft would change, or what is wrong with it",
		Description: "Rows are looked at first; only when each is right by itself, also what they refer to, and what is configured already.",
		Method:      http.MethodPost, Path: "drafts/{id}/check",
	}, "drafts"), account.Operator, s.checkDraft)
}

type draftCheck struct {
	Changes []configfile.RowChange `json:"changes"`
	Errors  []*huma.ErrorDetail `json:"errors" doc:"empty: the draft can be previewed"`
}

func (s *server) checkDraft(ctx context.Context, in *idInput) (*struct{ Body draftCheck }, error) {
	changes, errs, err := s.Drafts.Check(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body draftCheck }{draftCheck{append([]configfile.RowChange{}, changes...), []*huma.ErrorDetail{}}}
	for _, e := range errs {
		out.Body.Errors = append(out.Body.Errors, &huma.ErrorDetail{Location: "body." + e.Field, Message: e.Message})
	}
	return out, nil
}
