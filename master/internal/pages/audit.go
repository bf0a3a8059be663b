package pages

import (
	"maps"
	"net/url"
	"slices"
	"time"
)

// auditEntry is who did what, and what there was before and after.
type auditEntry struct {
	At         time.Time `json:"at"`
	Actor      string    `json:"actor"`
	Address    string    `json:"address"`
	Action     string    `json:"action"`
	Resource   string    `json:"resource"`
	ResourceID int64     `json:"resource_id"`
	Before     row       `json:"before"`
	After      row       `json:"after"`
	Hidden     []string  `json:"hidden"`
}

// auditChange is one field that an entry tells of.
type auditChange struct{ Field, Before, After string }

// auditLine is an entry ready to be shown.
type auditLine struct {
	auditEntry
	Name    string        // of what it is about; "" where it has none
	Link    string        // to its page; "" where it has none, or is gone
	Changes []auditChange // fields that differ; of what was made or deleted, all that say something
}

// Whole reports whether the entry is of something that was made or deleted: all its fields are told, which nobody needs at
// first sight.
func (l auditLine) Whole() bool { return (l.Before == nil) != (l.After == nil) }

type auditPage struct {
	Filters []field
	Chosen  map[string]string
	Period  period
	Lines   []auditLine
	First   bool
	Next    string
}

var auditFilters = []field{
	{Name: "actor"},
	{Name: "action", Kind: choice, Options: []string{
		"create", "update", "delete", "publish", "schedule", "start", "promote", "halt", "cancel", "apply", "kick", "erase", "login", "login-failed",
	}},
	{Name: "resource", Kind: choice, Options: []string{
		"servers", "tokens", "profiles", "players", "uri-rules", "location-rules", "nginx-maps", "proxy-headers", "settings", "rate-limit-rules",
		"stream-rules", "enforcements", "drafts", "snapshots", "rollouts", "sessions", "users", "api-keys", "auth", "privacy",
	}},
	{Name: "resource_id", Kind: integer},
	{Name: "address"},
}

// showAudit lists who did what, the newest first.
func showAudit(v *visit) error {
	asked := v.r.URL.Query()
	p := auditPage{
		Filters: auditFilters, Chosen: map[string]string{"q": asked.Get("q")}, First: asked.Get("cursor") == "",
		Period: v.period("30d", "24h", "7d", "30d", "365d"),
	}
	query := p.Period.query(v)
	query.Del("tz") // the moments say it all
	query.Set("limit", "50")
	for _, name := range append([]string{"q", "cursor"}, names(auditFilters)...) {
		if value := asked.Get(name); value != "" {
			query.Set(name, value)
			p.Chosen[name] = value
		}
	}
	list, err := pageOf[auditEntry](v, "audit", query)
	if err != nil {
		return err
	}
	for _, e := range list.Items {
		p.Lines = append(p.Lines, v.auditLine(e))
	}
	p.Next = nextPage(v, list.NextCursor)
	return v.show("audit", p)
}

func (v *visit) auditLine(e auditEntry) auditLine {
	line := auditLine{auditEntry: e, Changes: v.changes(e)}
	now := e.After
	if now == nil {
		now = e.Before
	}
	for _, name := range []string{"name", "client_name", "username", "dimension_value", "apply_value", "host", "note"} {
		if line.Name == "" {
			line.Name = abridged(plain(now[name]))
		}
	}
	if e.ResourceID != 0 && e.Action != "delete" && (e.Resource == "snapshots" || resourceAt(e.Resource) != nil) {
		line.Link = Prefix + e.Resource + "/" + plain(now["id"])
	}
	return line
}

// changes are the fields that differ, in the order of the resource's form.
func (v *visit) changes(e auditEntry) (changes []auditChange) {
	r := resourceAt(e.Resource)
	if r == nil {
		r = &resource{path: e.Resource}
	}
	order := names(r.fields)
	for _, name := range slices.Sorted(maps.Keys(merged(e.Before, e.After))) {
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for _, name := range order {
		if slices.Contains([]string{"id", "created_at", "updated_at", "revision"}, name) || encoded(e.Before[name], "") == encoded(e.After[name], "") {
			continue
		}
		f := r.fieldIn(name, plain(merged(e.Before, e.After)["name"]))
		before, after := abridged(v.say(r.path, f, e.Before[name])), abridged(v.say(r.path, f, e.After[name]))
		if before != "" || after != "" {
			changes = append(changes, auditChange{v.fieldName(r.path, f), before, after})
		}
	}
	for _, name := range e.Hidden {
		changes = append(changes, auditChange{Field: v.fieldName(r.path, field{Name: name}), After: v.T("audit.hidden")})
	}
	return changes
}

// fieldIn is the field of that name in a row with the title: what a setting's value is depends on that.
func (r *resource) fieldIn(name, title string) field {
	if r.path == "settings" && name == "value" {
		return settingValue(title)
	}
	return r.field(name)
}

// fieldName is a field's label; of one that no form has, its name in the API.
func (v *visit) fieldName(resource string, f field) string {
	if v.Has(resource+"."+f.Texts()) || v.Has("field."+f.Texts()) {
		return v.Label(resource, f.Texts())
	}
	return f.Name
}

func merged(before, after row) row {
	all := row{}
	maps.Copy(all, before)
	maps.Copy(all, after)
	return all
}

// maxShort is how many characters of a value a list shows.
const maxShort = 200

// abridged cuts a long text: custom_nginx has up to 64 KiB.
func abridged(text string) string {
	if runes := []rune(text); len(runes) > maxShort {
		return string(runes[:maxShort]) + "…"
	}
	return text
}

// Query of the page that shows only what one actor, or one row, is about.
func (l auditLine) Query(name string) string {
	value := map[string]string{"actor": l.Actor, "address": l.Address}[name]
	return "?" + url.Values{name: {value}, "span": {"365d"}}.Encode()
}
