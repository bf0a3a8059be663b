package usage

// clone returns a copy of the counters, to be read while the book goes on.
func (b *book) clone() *book {
	copied := &book{zone: b.zone, at: b.at, change: b.change, subjects: b.subjects, counters: b.counters}
	for _, t := range b.tables {
		used := 0
		for _, p := range t.pages {
			if p != nil {
				used++
			}
		}
		slab := make([]page, 0, used)
		pages := make([]*page, len(t.pages))
		for i, p := range t.pages {
			if p != nil {
				slab = append(slab, *p)
				pages[i] = &slab[len(slab)-1]
			}
		}
		copied.tables = append(copied.tables, &table{Period: t.Period, pages: pages})
	}
	return copied
}

// empty reports whether nothing was counted.
func (t *table) empty() bool {
	for _, p := range t.pages {
		if p != nil {
			return false
		}
	}
	return true
}
