package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// telemetryRows is how many rows a page has: with all that stands behind them some 100 KB.
const telemetryRows = 50

// How long a search for rare rows may take, in milliseconds. Who opens a page sees at once what is found at once, and how
// far back that was; who then asks to go on has agreed to wait.
const (
	patienceAtFirst = "50"
	patienceToGoOn  = "700"
)

// filtersAtHand is how many filters are seen without opening the rest.
const filtersAtHand = 6

// telemetryPage is a list of one kind of telemetry, the newest first.
type telemetryPage struct {
	Kind           *telemetryKind
	Tabs           []tab
	Period         period
	Filters        []telemetryFilter
	MoreFilters    []telemetryFilter // that are asked for less
	IsNarrowedMore bool              // by one of these
	Rows           []telemetryRow
	IsNarrowed     bool // by a filter
	IsFirst        bool
	Next           string     // the page after this one; "" for none
	SearchedTo     *time.Time // where the search was cut short
	CSV            string     // all rows of the selection, from the admin API itself
	Failure        string

	servers map[string]string // names by id
}

// Path of the kind.
func (k *telemetryKind) Path() string { return k.path }

// Columns of the table.
func (k *telemetryKind) Columns() []column { return k.columns }

// HasMore reports whether more stands behind each row.
func (k *telemetryKind) HasMore() bool { return len(k.more) > 0 }

// tab leads to another view of the same selection.
type tab struct {
	Name      string // of its text
	Link      string
	IsCurrent bool
}

// telemetryFilter is a filter with its value.
type telemetryFilter struct {
	field
	Value   string
	Choices []option
	Error   string
}

// telemetryRow is a row of the table, and what stands behind it.
type telemetryRow struct {
	Cells []cell
	More  []cell
}

// showTelemetryKinds is the list of the eleven.
func showTelemetryKinds(v *visit) error { return v.show("telemetry-kinds", telemetryKinds) }

func showTelemetry(v *visit) error {
	kind := telemetryKindAt(v.r.PathValue("kind"))
	if kind == nil {
		return &Problem{Status: http.StatusNotFound, Detail: v.T("problem.no_page")}
	}
	asked := v.r.URL.Query()
	servers, err := serverChoices(v)
	if err != nil {
		return err
	}
	p := telemetryPage{Kind: kind, Period: v.period("24h", "1h", "24h", "7d", "30d"), IsFirst: asked.Get("cursor") == "", servers: map[string]string{}}
	for _, s := range servers {
		p.servers[s.Value] = s.Text
	}
	query := p.Period.query(v)
	for _, f := range kind.filters {
		if value := asked.Get(f.Name); value != "" {
			query.Set(f.Name, value)
			p.IsNarrowed = true
		}
	}
	p.Tabs = kind.tabs(p.Period, query)
	p.CSV = apiPrefix + "telemetry/" + kind.path + "?format=csv&bom=true&" + query.Encode()
	problem := (*Problem)(nil)
	if p.Period.Error == "" {
		if problem, err = p.read(v, query); err != nil {
			return err
		}
	}
	faults := problem.faults(v, "query.")
	for i, f := range kind.filters {
		filter := telemetryFilter{f, asked.Get(f.Name), f.telemetryChoices(v, servers), faults.take(f.Name, f.Kind)}
		if i < filtersAtHand {
			p.Filters = append(p.Filters, filter)
			continue
		}
		p.MoreFilters = append(p.MoreFilters, filter)
		p.IsNarrowedMore = p.IsNarrowedMore || filter.Value != ""
	}
	p.Failure = faults.rest()
	if problem != nil || p.Period.Error != "" {
		return v.showAs(http.StatusUnprocessableEntity, "telemetry", p)
	}
	return v.show("telemetry", p)
}

// read fills in the rows; what the API does not take of the visitor's filters is a problem.
func (p *telemetryPage) read(v *visit, query url.Values) (*Problem, error) {
	query.Set("limit", strconv.Itoa(telemetryRows))
	query.Set("patience_ms", patienceAtFirst)
	if cursor := v.r.URL.Query().Get("cursor"); cursor != "" {
		query.Set("cursor", cursor)
		if v.r.URL.Query().Has("patience") {
			query.Set("patience_ms", patienceToGoOn)
		}
	}
	var list struct {
		page[row]
		SearchedTo *time.Time `json:"searched_to"`
	}
	err := v.get("telemetry/"+p.Kind.path+"?"+query.Encode(), &list)
	if problem := refusal(err); problem != nil {
		return problem, nil
	}
	if err != nil {
		return nil, err
	}
	p.SearchedTo = list.SearchedTo
	for _, r := range list.Items {
		p.Rows = append(p.Rows, telemetryRow{p.cells(v, p.Kind.columns, r), p.more(v, r)})
	}
	if list.NextCursor != "" {
		p.Next = v.With("cursor", list.NextCursor)
		if p.SearchedTo != nil {
			p.Next = v.With("cursor", list.NextCursor, "patience", "more")
		}
	}
	return nil, nil
}

// tabs lead to the other kinds, with the period and the filters that those know as well.
func (k *telemetryKind) tabs(p period, query url.Values) []tab {
	var list []tab
	for _, other := range telemetryKinds {
		link := p.link()
		for _, f := range other.filters {
			if value := query.Get(f.Name); value != "" && slices.Contains(names(k.filters), f.Name) {
				link.Set(f.Name, value)
			}
		}
		list = append(list, tab{"telemetry." + other.path, Prefix + "telemetry/" + other.path + "?" + link.Encode(), other == k})
	}
	return list
}

// telemetryChoices are what a filter can be set to; nil: anything.
func (f field) telemetryChoices(v *visit, servers []option) []option {
	if f.Kind == oneOf {
		return servers
	}
	var list []option
	for _, value := range f.Options {
		text := v.Option(value)
		if f.Kind == flag {
			text = v.T("flag." + value)
		}
		list = append(list, option{value, text})
	}
	return list
}
