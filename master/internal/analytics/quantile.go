package analytics

// Quantile returns the value below which the share q (0 to 1) of what a histogram counted lies, or 0 when
// it counted nothing. bounds are the buckets' upper ends, ascending; counts has one more, of what lies
// beyond the last. Within a bucket values count as spread evenly, as Prometheus' histogram_quantile does;
// what lies beyond the last bound counts as that bound.
func Quantile(q float64, bounds []float64, counts []int64) float64 {
	var total int64
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return 0
	}
	rank := q * float64(total)
	var below float64
	for i, upper := range bounds {
		n := float64(counts[i])
		if n > 0 && below+n >= rank {
			lower := 0.0
			if i > 0 {
				lower = bounds[i-1]
			}
			return lower + (upper-lower)*max(0, rank-below)/n
		}
		below += n
	}
	return bounds[len(bounds)-1]
}
