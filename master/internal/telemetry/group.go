package telemetry

import "slices"

// group is rows by key, in the order of their first appearance.
type group[K comparable, R any] struct {
	index map[K]int32
	rows  []R
	order []*R
}

func newGroup[K comparable, R any]() group[K, R] { return group[K, R]{index: map[K]int32{}} }

// at returns the row with the key, and whether it is new. It is good until the next call.
func (g *group[K, R]) at(key K) (row *R, isNew bool) {
	i, ok := g.index[key]
	if !ok {
		i = int32(len(g.rows))
		g.index[key] = i
		var zero R
		g.rows = append(g.rows, zero)
	}
	return &g.rows[i], !ok
}

func (g *group[K, R]) reset() {
	clear(g.index)
	clear(g.rows) // lets go of texts
	g.rows = g.rows[:0]
}

// block returns the rows in an order.
func (g *group[K, R]) block(t *Table, values func(*R, []Value) []Value, compare func(a, b *R) int) Block {
	g.order = g.order[:0]
	for i := range g.rows {
		g.order = append(g.order, &g.rows[i])
	}
	slices.SortFunc(g.order, compare)
	return Block{Table: t, Len: len(g.order), Values: func(i int, dst []Value) []Value { return values(g.order[i], dst) }}
}
