package adminapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/uhdadmin/media-gateway/master/internal/account"
	"github.com/uhdadmin/media-gateway/master/internal/publish"
)

type previewInput struct {
	Body struct {
		Previewed
		ProfileID  int64 `json:"profile_id" doc:"only hosts that have a server with this profile"`
		SnapshotID int64 `json:"snapshot_id" doc:"preview a rollback to this snapshot; what is configured now when absent"`
	}
}

// Previewed is what previews take, of what is configured and of drafts. It is exported for huma, as FormatInput is.
type Previewed struct {
	Host   string `json:"host" doc:"only this one; all hosts when absent"`
	InFull int    `json:"in_full" minimum:"0" doc:"how many groups come with their files and what differs: those first that nginx refuses, then those that change; all when absent"`
}

type previewOutput struct {
	ETag string `header:"ETag" doc:"of what is configured: If-Match of a publish"`
	Body *publish.Preview
}

type diffInput struct {
	ID    int64 `path:"id" minimum:"1"`
	Other int64 `path:"other" minimum:"0" doc:"another snapshot, or 0 for what is configured now"`

	Host   string `query:"host" doc:"only this one; all hosts when absent"`
	InFull int    `query:"in_full" minimum:"0" doc:"how many groups come with what differs, the first ones; all when absent"`
}

func (s *server) registerPreview() {
	register(s, tagged(huma.Operation{
		OperationID: "preview", Summary: "What a publish would do",
		Description: "Renders each host's files, compares them with what its slave runs, and asks nginx about them. Nothing is stored.",
		Method:      http.MethodPost, Path: "preview",
	}, "preview"), account.Operator, func(ctx context.Context, in *previewInput) (*previewOutput, error) {
		preview, err := s.Publisher.Preview(ctx, publish.Question{
			Host: in.Body.Host, Profile: in.Body.ProfileID, Snapshot: in.Body.SnapshotID, InFull: in.Body.InFull,
		})
		if err != nil {
			return nil, err
		}
		return &previewOutput{strconv.Quote(preview.Hash), preview}, nil
	})
	register(s, tagged(huma.Operation{
		OperationID: "diff-snapshots", Summary: "What differs between two snapshots",
		Description: "What operators edit, and what this master renders of it for each host.",
		Method:      http.MethodGet, Path: "snapshots/{id}/diff/{other}",
	}, "snapshots"), account.Viewer, func(ctx context.Context, in *diffInput) (*struct{ Body *publish.Comparison }, error) {
		diff, err := s.Publisher.Compare(ctx, publish.Pair{From: in.ID, To: in.Other, Host: in.Host, InFull: in.InFull})
		return &struct{ Body *publish.Comparison }{diff}, err
	})
}
