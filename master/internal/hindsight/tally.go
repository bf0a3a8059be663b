package hindsight

// people numbers users, so that a set of them is one of numbers.
type people map[string]int

func (p people) number(user []byte) int {
	n, known := p[string(user)]
	if !known {
		n = len(p)
		p[string(user)] = n
	}
	return n
}

// counting is a Tally that grows.
type counting struct {
	refused, already int64
	users            map[int]struct{}
	lastSeen         int64 // in milliseconds
}

func (c *counting) add(r *request, p people) {
	c.refused++
	c.lastSeen = max(c.lastSeen, r.time)
	if r.refused() {
		c.already++
		return
	}
	if len(r.user) == 0 {
		return
	}
	if c.users == nil {
		c.users = map[int]struct{}{}
	}
	c.users[p.number(r.user)] = struct{}{}
}

func (c *counting) tally() Tally { return Tally{c.refused, c.already, len(c.users)} }
