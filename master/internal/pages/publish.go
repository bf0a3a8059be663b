package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// group is one host's configuration: what it would become, and what nginx says of it.
type group struct {
	Host        string  `json:"host"`
	ServiceType string  `json:"service_type"`
	ServerCount int64   `json:"server_count"`
	Changed     bool    `json:"changed"`
	Diff        string  `json:"diff"`
	Rendered    string  `json:"rendered_nginx"`
	Preflight   verdict `json:"preflight"`
	Error       string  `json:"error"`

	Cut bool `json:"-"` // its texts are longer than what is shown
}

// verdict is what the real nginx says of a configuration.
type verdict struct {
	Status string `json:"status"` // passed, failed or not_run
	Cause  string `json:"cause"`
	Line   int64  `json:"line"`
	Text   string `json:"text"`
	Field  string `json:"field"`
	Origin *struct {
		Resource string `json:"resource"`
		ID       int64  `json:"id"`
		Name     string `json:"name"`
		Field    string `json:"field"`
	} `json:"origin"`
	Skipped []string `json:"skipped"`
}

// Short reports whether what differs can be read at a glance.
func (g group) Short() bool { return strings.Count(g.Diff, "\n") <= 60 }

// Lines of a diff, with whether each was added or removed.
func (g group) Lines() []diffLine { return diffLines(g.Diff) }

type diffLine struct{ Kind, Text string }

func diffLines(diff string) []diffLine {
	var list []diffLine
	for line := range strings.Lines(diff) {
		line = strings.TrimSuffix(line, "\n")
		kind := "same"
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "@@"):
			kind = "where"
		case strings.HasPrefix(line, "+"):
			kind = "added"
		case strings.HasPrefix(line, "-"):
			kind = "removed"
		}
		list = append(list, diffLine{kind, line})
	}
	return list
}

// publishPage is the preview of all hosts, and the form that publishes it.
type publishPage struct {
	Hash    string  // of what is previewed: a publish of anything else is refused
	Groups  []group // those to look at first: refused, then changed
	Brief   int     // how many of them, the last, are only named: all would make too long a page
	Host    string  // the only one that is shown; "" for all
	Changed int
	Failed  int
	Failure string
	Stale   bool
	order
}

// order is what was entered of where to publish, and when.
type order struct{ form url.Values }

// Entered is what a field of the form has.
func (o order) Entered(name string) string { return o.form.Get(name) }

// Picked reports whether the host was picked.
func (o order) Picked(host string) bool { return slices.Contains(o.form["hosts"], host) }

func showPublish(v *visit) error {
	return preview(v, http.StatusOK, publishPage{Host: v.r.URL.Query().Get("host")})
}

func preview(v *visit, status int, p publishPage) error {
	var seen struct {
		Hash   string  `json:"hash"`
		Groups []group `json:"groups"`
	}
	_, err := v.call(http.MethodPost, "preview", map[string]any{"host": p.Host, "in_full": shownGroups}, &seen)
	if problem := refusal(err); problem != nil {
		p.Failure = problem.Detail
		return v.showAs(problem.Status, "publish", p)
	}
	if err != nil {
		return err
	}
	p.Hash = seen.Hash
	p.arrange(seen.Groups)
	return v.showAs(status, "publish", p)
}

const (
	shownGroups = 20       // that a page shows with what differs
	shownBytes  = 40 << 10 // of what is rendered, and of what differs
)

// arrange puts first what is to be looked at, and counts.
func (p *publishPage) arrange(groups []group) {
	p.Groups = slices.Clone(groups)
	slices.SortStableFunc(p.Groups, func(a, b group) int { return cmp.Compare(a.rank(), b.rank()) })
	size := 0
	for i := range p.Groups {
		g := &p.Groups[i]
		g.cut()
		size += len(g.Diff) + len(g.Rendered)
		if i >= shownGroups || i > 0 && size > shownBytes {
			p.Brief++
		}
		if g.Changed {
			p.Changed++
		}
		if g.Preflight.Status == "failed" {
			p.Failed++
		}
	}
}

// cut leaves out the end of texts that are too long for a page.
func (g *group) cut() {
	for _, text := range []*string{&g.Diff, &g.Rendered} {
		if len(*text) > shownBytes/2 {
			*text = (*text)[:strings.LastIndexByte((*text)[:shownBytes/2], '\n')+1]
			g.Cut = true
		}
	}
}

// rank is how soon people want to see the group.
func (g group) rank() int {
	switch {
	case g.Preflight.Status == "failed":
		return 0
	case g.Changed:
		return 1
	}
	return 2
}

// Whole are the groups that are shown with what differs, and Named the others.
func (p publishPage) Whole() []group { return p.Groups[:len(p.Groups)-p.Brief] }
func (p publishPage) Named() []group { return p.Groups[len(p.Groups)-p.Brief:] }

// Hosts are those of the groups, each once.
func (p publishPage) Hosts() []string {
	hosts := make([]string, len(p.Groups))
	for i, g := range p.Groups {
		hosts[i] = g.Host
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// publish sends out what was previewed: to all hosts, to chosen ones, or to canaries first; now or at a time.
func publish(v *visit) error {
	form, err := v.form()
	if err != nil {
		return err
	}
	var done struct {
		ID         int64      `json:"id"`
		DueAt      *time.Time `json:"due_at"`
		SnapshotID int64      `json:"snapshot_id"`
	}
	answer, err := v.call(http.MethodPost, "snapshots", order{form}.body(v.Zone), &done, "If-Match", form.Get("etag"))
	var problem *Problem
	switch {
	case errors.As(err, &problem) && problem.Status == http.StatusPreconditionFailed:
		return preview(v, problem.Status, publishPage{Stale: true, order: order{form}})
	case refusal(err) != nil:
		return preview(v, problem.Status, publishPage{Failure: problem.Detail, order: order{form}})
	case err != nil:
		return err
	case answer.status == http.StatusAccepted:
		return v.redirect(Prefix+"snapshots", "said.scheduled")
	}
	return v.redirect(Prefix+"snapshots/"+strconv.FormatInt(done.ID, 10), "said.published")
}

// body is what the form asks for, as the admin API takes it.
func (o order) body(zone *time.Location) map[string]any {
	body := map[string]any{"note": o.Entered("note"), "allow_shrink": o.form.Has("allow_shrink")}
	switch o.Entered("to") {
	case "some":
		body["hosts"] = o.form["hosts"]
	case "canary":
		percent, _ := strconv.Atoi(o.Entered("percent"))
		canary := map[string]any{"percent": percent}
		if soak := o.Entered("soak"); soak != "" {
			canary["soak"] = soak + "m"
		}
		body["canary"] = canary
	}
	if when, _ := (field{Name: "at", Kind: moments}).read(o.form, "", zone); when != nil {
		body["at"] = when
	}
	return body
}
