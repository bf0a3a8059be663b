package analytics

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuantile(t *testing.T) {
	bounds := []float64{10, 20, 40}
	for _, c := range []struct {
		q      float64
		counts []int64
		want   float64
	}{
		{0.5, []int64{0, 0, 0, 0}, 0},
		{0.5, []int64{10, 0, 0, 0}, 5},
		{1, []int64{10, 0, 0, 0}, 10},
		{0, []int64{0, 10, 0, 0}, 10},
		{0.5, []int64{5, 5, 0, 0}, 10},
		{0.75, []int64{5, 5, 0, 0}, 15},
		{0.95, []int64{0, 0, 20, 0}, 39},
		{0.95, []int64{10, 0, 0, 90}, 40}, // beyond the last bound
	} {
		if got := Quantile(c.q, bounds, c.counts); got != c.want {
			t.Errorf("q%v of %v is %v, want %v", c.q, c.counts, got, c.want)
		}
	}
}

// TestQuantileLiesInItsBucket: interpolation never leaves the bucket in which the true value lies.
func TestQuantileLiesInItsBucket(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bounds := []float64{1, 2, 5, 10, 20, 50, 100}
	for range 2000 {
		values := make([]float64, 1+random.IntN(200))
		counts := make([]int64, len(bounds)+1)
		for i := range values {
			values[i] = random.Float64() * random.Float64() * 120
			counts[bucket(bounds, values[i])]++
		}
		slices.Sort(values)
		q := random.Float64()
		got := Quantile(q, bounds, counts)
		at := int(q * float64(len(values))) // the true value is this one or, by another definition, a neighbour
		low, high := values[max(0, at-1)], values[min(len(values)-1, at+1)]
		lowest, highest := 0.0, bounds[min(bucket(bounds, high), len(bounds)-1)]
		if b := bucket(bounds, low); b > 0 {
			lowest = bounds[min(b, len(bounds))-1]
		}
		if got < lowest || got > highest {
			t.Fatalf("q%v of %v is %v, outside of %v to %v", q, values, got, lowest, highest)
		}
	}
}

func bucket(bounds []float64, v float64) int {
	i, _ := slices.BinarySearch(bounds, v)
	return i
}
