package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// snapshot is one publish.
type snapshot struct {
	ID          int64     `json:"id"`
	Note        string    `json:"note"`
	PublishedBy string    `json:"published_by"`
	CreatedAt   time.Time `json:"created_at"`
	Rollout     *rollout  `json:"rollout"`
}

type snapshotsPage struct {
	Snapshots []snapshot
	Open      []*rollout // that people can still stop
	First     string     // links of the pager; "" for none
	Next      string
}

func showSnapshots(v *visit) error {
	query := url.Values{"limit": {"50"}}
	p := snapshotsPage{}
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		query.Set("cursor", cursor)
		p.First = Prefix + "snapshots"
	}
	page, err := pageOf[snapshot](v, "snapshots", query)
	if err != nil {
		return err
	}
	p.Snapshots = page.Items
	if page.NextCursor != "" {
		p.Next = "?cursor=" + url.QueryEscape(page.NextCursor)
	}
	if p.Open, err = openRollouts(v); err != nil {
		return err
	}
	return v.show("snapshots", p)
}

// comparison is what differs between two snapshots, or between one and what is configured.
type comparison struct {
	From, To string
	Choices  []snapshot // the newest
	Content  []diffLine
	Groups   []group // those of which anything differs
	Brief    []group // the last of many, which are only named
	Host     string  // that is shown alone; "" for all
	Failure  string
}

// shownDiff is how many bytes of what differs a page shows; a link leads to each of the hosts that are left.
const shownDiff = 40 << 10

func showComparison(v *visit) error {
	asked := v.r.URL.Query()
	p := comparison{From: asked.Get("from"), To: cmp.Or(asked.Get("to"), "0"), Host: asked.Get("host")}
	newest, err := pageOf[snapshot](v, "snapshots", url.Values{"limit": {"100"}})
	if err != nil {
		return err
	}
	p.Choices = newest.Items
	if p.From == "" {
		return v.show("compare", p)
	}
	var diff struct {
		Content string  `json:"content"`
		Groups  []group `json:"groups"`
	}
	query := url.Values{"host": {p.Host}, "in_full": {strconv.Itoa(shownGroups)}}
	err = v.get("snapshots/"+url.PathEscape(p.From)+"/diff/"+url.PathEscape(p.To)+"?"+query.Encode(), &diff)
	if problem := refusal(err); problem != nil {
		p.Failure = problem.Detail
		return v.showAs(problem.Status, "compare", p)
	}
	if err != nil {
		return err
	}
	size := 0
	for _, g := range diff.Groups {
		size += len(g.Diff)
		switch {
		case p.Host == "" && len(p.Groups) > 0 && (size > shownDiff || len(p.Groups) >= shownGroups):
			p.Brief = append(p.Brief, g)
		default:
			p.Groups = append(p.Groups, g)
		}
	}
	if p.Host == "" {
		p.Content = diffLines(diff.Content)
	}
	return v.show("compare", p)
}

// rollbackPage is what a rollback would do.
type rollbackPage struct {
	snapshot
	publishPage
}

func showRollback(v *visit) error { return previewRollback(v, http.StatusOK, publishPage{}) }

func previewRollback(v *visit, status int, p publishPage) error {
	page := rollbackPage{publishPage: p}
	page.Host = v.r.URL.Query().Get("host")
	id := v.r.PathValue("id")
	if err := v.get("snapshots/"+url.PathEscape(id), &page.snapshot); err != nil {
		return err
	}
	var seen struct {
		Groups []group `json:"groups"`
	}
	_, err := v.call(http.MethodPost, "preview", map[string]any{"snapshot_id": page.ID, "host": page.Host, "in_full": shownGroups}, &seen)
	if problem := refusal(err); problem != nil {
		page.Failure = problem.Detail
		return v.showAs(problem.Status, "rollback", page)
	}
	if err != nil {
		return err
	}
	page.arrange(seen.Groups)
	return v.showAs(status, "rollback", page)
}

// rollBack publishes the content of an earlier snapshot again.
func rollBack(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	var made struct {
		ID int64 `json:"id"`
	}
	body := map[string]any{"note": form.Get("note"), "allow_shrink": form.Has("allow_shrink")}
	_, err = v.call(http.MethodPost, "snapshots/"+url.PathEscape(v.r.PathValue("id"))+"/rollback", body, &made)
	if problem := refusal(err); problem != nil {
		return previewRollback(v, problem.Status, publishPage{Failure: problem.Detail, order: order{form}})
	}
	if err != nil {
		return err
	}
	return v.redirect(Prefix+"snapshots/"+strconv.FormatInt(made.ID, 10), "said.rolled_back")
}
