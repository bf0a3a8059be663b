package usage

import (
	"slices"
	"strings"
	"time"

	"github.com/uhdadmin/media-gateway/shared/period"
	"github.com/uhdadmin/media-gateway/supervisor/internal/spool"
)

// Count is what was used.
type Count struct {
	Requests int64 // that reached the media server
	Bytes    int64 // that were sent to players
}

func (c Count) plus(d Count) Count { return Count{c.Requests + d.Requests, c.Bytes + d.Bytes} }

// Positions say which lines of the spool are counted.
type Positions struct {
	Access spool.Position `json:"access"`
	Usage  spool.Position `json:"usage"`
}

// behind reports whether p has counted less of one of the logs than q.
func (p Positions) behind(q Positions) bool {
	return p.Access.Before(q.Access) || p.Usage.Before(q.Usage)
}

// subject is one value of a dimension of one media server. Its text names it in memory, in Redis and in the
// snapshot alike: dimension, scope and value with a space between them.
type subject string

func subjectOf(dimension, scope, value string) subject {
	return subject(dimension + " " + scope + " " + value)
}

func (s subject) parts() (dimension, scope, value string) {
	dimension, rest, _ := strings.Cut(string(s), " ")
	scope, value, _ = strings.Cut(rest, " ")
	return dimension, scope, value
}

// maxSubjects bounds the book: some 500 MB. A slave whose players are that many is many slaves.
const maxSubjects = 2_000_000

// book is all counters that are kept: of each subject in each period that runs or has ended not long ago.
//
// Subjects have numbers, and a period is rows by number, in pages. So a million counters take some 50 MB
// and hold hardly a pointer, and a period that is over goes at once.
type book struct {
	zone     *time.Location
	at       Positions // the counters are of all lines before
	change   uint64    // rises with each batch of lines
	subjects []subject // by number
	numbers  map[subject]uint32
	scopes   []string // of the subjects
	tables   []*table
	latest   periods // that a line was counted in
	counters int     // that are not 0
	remade   int     // how often subjects were given other numbers
}

// table is one period.
type table struct {
	period.Period
	pages []*page
	over  time.Time // since when it was not needed any more, by the monotonic clock; zero: it is
}

// pageRows is small: who is there within an hour is few of those within a month.
const pageRows = 16

type page [pageRows]counter

type counter struct {
	Count
	changed uint64 // book.change of its last line; 0: none
}

func newBook(zone *time.Location) *book {
	return &book{zone: zone, change: 1, numbers: map[subject]uint32{}}
}

// number returns the number of the subject with the text name; ok is false when there is no room for it.
func (b *book) number(name []byte) (n uint32, ok bool) {
	if n, ok := b.numbers[subject(name)]; ok {
		return n, true
	}
	if len(b.subjects) >= maxSubjects {
		return 0, false
	}
	return b.enter(subject(name)), true
}

func (b *book) enter(s subject) uint32 {
	n := uint32(len(b.subjects))
	b.subjects = append(b.subjects, s)
	b.numbers[s] = n
	if _, scope, _ := s.parts(); !slices.Contains(b.scopes, scope) {
		b.scopes = append(b.scopes, strings.Clone(scope))
	}
	return n
}

// periods is one of each kind, in the order of period.Kinds.
type periods [len(period.Kinds)]*table

// periodsAt returns the periods that a time is in.
func (b *book) periodsAt(t time.Time) (p periods) {
	for kind := range p {
		p[kind] = b.table(kind, t)
	}
	return p
}

// add counts c for a subject in periods. It reports whether that is the subject's first in the running change.
func (b *book) add(n uint32, in periods, c Count) (first bool) {
	for _, t := range in {
		row := t.row(n)
		if row.changed == 0 {
			b.counters++
		}
		first = row.changed != b.change
		row.Count = row.plus(c)
		row.changed = b.change
	}
	return first // of the longest period
}

// set makes a counter of the table hold c, as of the running change.
func (b *book) set(t *table, n uint32, c Count) {
	row := t.row(n)
	if row.changed == 0 {
		b.counters++
	}
	row.Count, row.changed = c, b.change
}

// table returns the period of the kind, an index of period.Kinds, that a time is in.
func (b *book) table(kind int, at time.Time) *table {
	if t := b.latest[kind]; t != nil && t.Holds(at) {
		return t
	}
	t := b.open(period.Of(period.Kinds[kind], at, b.zone))
	b.latest[kind] = t
	return t
}

func (b *book) open(p period.Period) *table {
	if t := b.find(p.Kind, p.Key); t != nil {
		return t
	}
	t := &table{Period: p}
	b.tables = append(b.tables, t)
	return t
}

func (b *book) find(kind period.Kind, key string) *table {
	for _, t := range b.tables {
		if t.Kind == kind && t.Key == key {
			return t
		}
	}
	return nil
}

// row returns a subject's counter, made where there is none.
func (t *table) row(n uint32) *counter {
	i := int(n / pageRows)
	if i >= len(t.pages) {
		t.pages = append(t.pages, make([]*page, i+1-len(t.pages))...)
	}
	if t.pages[i] == nil {
		t.pages[i] = new(page)
	}
	return &t.pages[i][n%pageRows]
}

// get returns a subject's counter, the zero one where there is none.
func (t *table) get(n uint32) counter {
	i := int(n / pageRows)
	if t == nil || i >= len(t.pages) || t.pages[i] == nil {
		return counter{}
	}
	return t.pages[i][n%pageRows]
}

// sum returns what a value of a dimension has used in a period of all media servers.
func (b *book) sum(t *table, dimension, value string) (total Count) {
	for _, scope := range b.scopes {
		if n, ok := b.numbers[subjectOf(dimension, scope, value)]; ok {
			total = total.plus(t.get(n).Count)
		}
	}
	return total
}
