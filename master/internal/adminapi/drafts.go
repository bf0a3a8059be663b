package adminapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/configfile"
	"github.com/uhdadmin/media-gateway/master/internal/draft"
	"github.com/uhdadmin/media-gateway/master/internal/fleet"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/preflight"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
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
	register(s, tagged(huma.Operation{
		OperationID: "preview-draft", Summary: "What applying and publishing a draft would do",
		Description: "As preview, once the draft is applied; then it is undone. The draft's own rows are named by their place in it.",
		Method:      http.MethodPost, Path: "drafts/{id}/preview",
	}, "drafts"), account.Operator, s.previewDraft)
	register(s, s.answers(tagged(huma.Operation{
		OperationID: "apply-draft", Summary: "Apply a draft and publish what is configured then; the draft is gone",
		Description: "All of it happens, or nothing: not when the draft is wrong, nor when nginx refuses what comes of it. Rate limits and stream rules hold at once. " +
			"With at the rest is configured now, too, and published then (202). Takes what publishing takes, and of API keys the scopes of all that the draft changes.",
		Method: http.MethodPost, Path: "drafts/{id}/apply", DefaultStatus: http.StatusCreated,
	}, "drafts")), account.Operator, s.applyDraft)
}

type draftCheck struct {
	Changes []configfile.RowChange `json:"changes"`
	Errors  []*huma.ErrorDetail    `json:"errors" doc:"empty: the draft can be previewed"`
}

type previewDraftInput struct {
	ID   int64 `path:"id" minimum:"1"`
	Body Previewed
}

type previewDraftOutput struct {
	ETag string `header:"ETag" doc:"of what is configured and of what the draft changes: If-Match of applying it"`
	Body draftPreview
}

type draftPreview struct {
	draft.Preview
	Refused []refusal `json:"refused" doc:"what nginx would refuse"`
}

// refusal is one configuration that nginx refuses, and where to mend that.
type refusal struct {
	fleet.Group
	huma.ErrorDetail
}

type applyDraftInput struct {
	ID      int64  `path:"id" minimum:"1"`
	IfMatch string `header:"If-Match" doc:"ETag of a preview: 412 when what is configured, or what the draft changes in it, is another by now"`
	Body    PublishBody
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

func (s *server) previewDraft(ctx context.Context, in *previewDraftInput) (*previewDraftOutput, error) {
	preview, err := s.Drafts.Preview(ctx, in.ID, in.Body.Host, in.Body.InFull)
	if err != nil {
		return nil, err
	}
	out := &previewDraftOutput{strconv.Quote(preview.Hash), draftPreview{*preview, []refusal{}}}
	for _, g := range preview.Groups {
		if g.Preflight.Status == preflight.Failed {
			verdict := publish.Preflight{Group: g.Group, Verdict: g.Preflight}
			out.Body.Refused = append(out.Body.Refused, refusal{g.Group, *refusedBy(verdict)})
		}
	}
	return out, nil
}

func (s *server) applyDraft(ctx context.Context, in *applyDraftInput) (*publishOutput, error) {
	req, err := s.publishRequest(ctx, in.IfMatch, in.Body)
	if err != nil {
		return nil, err
	}
	guard := func(changes []configfile.RowChange) error { return guardDraft(principalOf(ctx), changes) }
	if in.Body.At != nil {
		return scheduled(s.Drafts.Schedule(ctx, in.ID, req, *in.Body.At, guard))
	}
	return published(s.Drafts.Publish(ctx, in.ID, req, guard))
}
