package hindsight

import (
	"cmp"
	"slices"
	"time"

	"github.com/uhdadmin/media-gateway/master/internal/chain"
	"github.com/uhdadmin/media-gateway/master/internal/library"
	"github.com/uhdadmin/media-gateway/master/internal/render"
	"github.com/uhdadmin/media-gateway/shared/api"
)

// playerJudge counts whom a whitelist turns away.
type playerJudge struct {
	whitelist *chain.Whitelist
	known     map[client]verdict

	people people
	all    counting
	items  map[verdict]*counting // refused ones
}

// client is what a request says of the application that sent it.
type client struct {
	named bool // it states a name; else its User-Agent may
	name  string
	of    string // its version, or the User-Agent
}

// verdict is what the whitelist makes of a client. Clients that share one are one item of the answer.
type verdict struct {
	reason    chain.Reason
	who       chain.Client
	userAgent string
	lowest    string
}

func newPlayerJudge(q *Question, p people) (*playerJudge, error) {
	players := slices.Clone(q.Players)
	players = slices.DeleteFunc(players, func(p library.Player) bool { return !p.Entry().Fits(q.ServiceType) })
	rules := api.LuaConfig{MinVersions: map[string]string{}, Unidentified: q.Unidentified}
	render.Whitelist(&rules, players)
	whitelist, err := chain.NewWhitelist(&rules)
	if err != nil {
		return nil, err
	}
	return &playerJudge{whitelist: whitelist, known: map[client]verdict{}, people: p, items: map[verdict]*counting{}}, nil
}

// judge counts the request. A browser that asks leave for a request to another origin cannot say which client it is.
func (j *playerJudge) judge(r *request) {
	if string(r.method) == "OPTIONS" {
		return
	}
	v := j.verdict(r)
	if v.reason == "" {
		return
	}
	j.all.add(r, j.people)
	item := j.items[v]
	if item == nil {
		item = &counting{}
		j.items[v] = item
	}
	item.add(r, j.people)
}

func (j *playerJudge) verdict(r *request) verdict {
	c := client{named: len(r.client) > 0 && string(r.kind) != "user_agent"}
	if c.named {
		c.name, c.of = string(r.client), string(r.version)
	} else {
		c.of = string(r.agent)
	}
	v, known := j.known[c]
	if known {
		return v
	}
	if len(j.known) >= maxMemo {
		clear(j.known)
	}
	if c.named {
		v.who = chain.Client{Name: c.name, Version: c.of}
	} else {
		v.who, v.userAgent = j.whitelist.ByAgent(c.of), c.of
	}
	if v.reason, v.lowest = j.whitelist.Refuse(v.who); v.reason == "" {
		v = verdict{}
	}
	j.known[c] = v
	return v
}

func (j *playerJudge) answer() *Players {
	a := &Players{Tally: j.all.tally(), Clients: len(j.items), Items: []PlayerItem{}, Earlier: []EarlierItem{}}
	for v, c := range j.items {
		a.Items = append(a.Items, PlayerItem{
			Client: v.who.Name, Version: v.who.Version, UserAgent: v.userAgent, Reason: string(v.reason), Lowest: v.lowest,
			LastSeen: time.UnixMilli(c.lastSeen).UTC(), Tally: c.tally(),
		})
	}
	slices.SortFunc(a.Items, func(x, y PlayerItem) int {
		return cmp.Or(cmp.Compare(y.Refused-y.Already, x.Refused-x.Already), cmp.Compare(y.Refused, x.Refused),
			cmp.Compare(x.Client, y.Client), cmp.Compare(x.Version, y.Version), cmp.Compare(x.UserAgent, y.UserAgent))
	})
	a.Items = a.Items[:min(len(a.Items), maxItems)]
	return a
}
