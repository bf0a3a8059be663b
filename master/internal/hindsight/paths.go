package hindsight

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// maxMemo is how many texts a judge remembers its verdict of; then it forgets them all.
const maxMemo = 100_000

// pathJudge counts what URI rules meet.
type pathJudge struct {
	rules       []library.URIRule
	skip, block *chain.PathRules
	skips       []int // index in rules of each rule of skip
	blocks      []int
	known       map[string]*decision

	people  people
	all     counting
	skipped int64
	items   []pathItem // by rule
}

type pathItem struct {
	counting
	example string
}

// decision is what rules make of a path.
type decision struct {
	skipped bool
	met     []int // indexes of the rules that do
}

func newPathJudge(q *Question, p people) (*pathJudge, error) {
	j := &pathJudge{rules: q.URIRules, known: map[string]*decision{}, people: p, items: make([]pathItem, len(q.URIRules))}
	var skip, block []api.PathRule
	for i := range q.URIRules {
		u := &q.URIRules[i]
		if !u.Entry().Fits(q.ServiceType) {
			continue
		}
		rule := api.PathRule{Pattern: u.Pattern, MatchType: u.MatchType}
		if u.Action == library.ActionSkip {
			skip, j.skips = append(skip, rule), append(j.skips, i)
		} else {
			block, j.blocks = append(block, rule), append(j.blocks, i)
		}
	}
	var err error
	if j.skip, err = chain.CompilePaths(skip); err != nil {
		return nil, fmt.Errorf("skip rules: %w", err)
	}
	if j.block, err = chain.CompilePaths(block); err != nil {
		return nil, fmt.Errorf("block rules: %w", err)
	}
	return j, nil
}

// judge counts the request, and reports whether the rules for paths have decided it: no other check looks at it.
func (j *pathJudge) judge(r *request) bool {
	d := j.known[string(r.uri)]
	if d == nil {
		if len(j.known) >= maxMemo {
			clear(j.known)
		}
		d = j.decide(string(r.uri))
		j.known[string(r.uri)] = d
	}
	if len(d.met) == 0 {
		return false
	}
	for _, i := range d.met {
		item := &j.items[i]
		item.add(r, j.people)
		if item.example == "" {
			item.example = string(r.uri)
		}
	}
	if d.skipped {
		j.skipped++
	} else {
		j.all.add(r, j.people)
	}
	return true
}

func (j *pathJudge) decide(uri string) *decision {
	path := chain.ReadPath(uri)
	d := &decision{skipped: j.skip.Skips(path)}
	met, index := j.block.Met(path), j.blocks
	if d.skipped {
		met, index = j.skip.Met(path), j.skips
	}
	for _, i := range met {
		d.met = append(d.met, index[i])
	}
	return d
}

func (j *pathJudge) answer() *Paths {
	a := &Paths{Tally: j.all.tally(), Skipped: j.skipped, Items: []PathItem{}, Idle: []int{}}
	for i := range j.items {
		item, rule := &j.items[i], &j.rules[i]
		if item.refused == 0 {
			a.Idle = append(a.Idle, i)
			continue
		}
		a.Items = append(a.Items, PathItem{
			Rule: i, Name: rule.Name, Action: rule.Action, Example: item.example, LastSeen: time.UnixMilli(item.lastSeen).UTC(), Tally: item.tally(),
		})
	}
	slices.SortStableFunc(a.Items, func(x, y PathItem) int { return cmp.Compare(y.Refused, x.Refused) })
	a.Items = a.Items[:min(len(a.Items), maxItems)]
	return a
}
