package hindsight

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"
)

// Config of a Hindsight; every field is needed but for Now.
type Config struct {
	DB       *bun.DB          // Reader of a telemetry.Database
	Counters Counters         // the store
	Now      func() time.Time // nil: time.Now
}

// Hindsight answers questions.
type Hindsight struct{ cfg Config }

// New returns a Hindsight.
func New(cfg Config) *Hindsight {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Hindsight{cfg}
}

// Ask answers a question, whose entries have passed library's checks.
func (h *Hindsight) Ask(ctx context.Context, q Question) (*Answer, error) {
	now := h.cfg.Now().UTC()
	// From a whole hour on, so that the sums of hours say how many requests there are.
	a := &Answer{From: now.Add(-time.Duration(q.Hours) * time.Hour).Truncate(time.Hour), To: now}
	j, err := newJudges(&q, a.From)
	if err != nil {
		return nil, err
	}
	if err := h.examine(ctx, &q, a, &j); err != nil {
		return nil, fmt.Errorf("examine requests: %w", err)
	}
	j.answer(a)
	if a.Players != nil && !a.Complete {
		if err := h.earlier(ctx, &q, a, j.players.whitelist); err != nil {
			return nil, err
		}
	}
	if a.RateLimits != nil {
		if err := h.overQuotas(ctx, q.RateLimits, a.From, a.RateLimits); err != nil {
			return nil, err
		}
		a.RateLimits.finish(len(q.RateLimits))
	}
	return a, nil
}

// judges are those that a question needs; nil for the others.
type judges struct {
	paths   *pathJudge
	rates   *rateJudge
	players *playerJudge
}

func newJudges(q *Question, from time.Time) (j judges, err error) {
	people := people{}
	if q.URIRules != nil {
		if j.paths, err = newPathJudge(q, people); err != nil {
			return j, err
		}
	}
	if q.RateLimits != nil {
		j.rates = newRateJudge(q, from)
	}
	if q.Players != nil {
		j.players, err = newPlayerJudge(q, people)
	}
	return j, err
}

// judge goes the way of the access chain: a path that is skipped or blocked meets neither rates nor whitelist.
func (j *judges) judge(r *request) {
	if j.paths != nil && j.paths.judge(r) {
		return
	}
	if j.rates != nil {
		j.rates.judge(r)
	}
	if j.players != nil {
		j.players.judge(r)
	}
}

func (j *judges) answer(a *Answer) {
	if j.paths != nil {
		a.URIRules = j.paths.answer()
	}
	if j.rates != nil {
		a.RateLimits = &Limits{Rates: []RateItem{}, Quotas: []QuotaItem{}, Idle: []int{}}
		j.rates.answer(a.RateLimits)
	}
	if j.players != nil {
		a.Players = j.players.answer()
	}
}

// finish sums up who was over a limit, and cuts the lists.
func (l *Limits) finish(rules int) {
	met := make([]bool, rules)
	values := map[[2]string]bool{}
	for _, item := range l.Rates {
		met[item.Rule], values[[2]string{item.ApplyTo, item.Value}] = true, true
	}
	for _, item := range l.Quotas {
		met[item.Rule], values[[2]string{item.ApplyTo, item.Value}] = true, true
	}
	l.Values = len(values)
	for i := range met {
		if !met[i] {
			l.Idle = append(l.Idle, i)
		}
	}
	l.Rates, l.Quotas = l.Rates[:min(len(l.Rates), maxItems)], l.Quotas[:min(len(l.Quotas), maxItems)]
}
