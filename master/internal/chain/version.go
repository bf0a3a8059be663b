package chain

import (
	"cmp"
	"math"
	"regexp"
	"strconv"
)

var (
	leading = regexp.MustCompile(`^[ \t-\r]*[vV]?([^A-Za-z]*)`)
	digits  = regexp.MustCompile(`[0-9]+`)
)

// parseVersion returns the numbers of a version up to its first letter, none when it has none: 3.2.32-17.41, 2.0.95g,
// v10.8. See lua/uhd/version.lua.
func parseVersion(text string) []float64 {
	var numbers []float64
	for _, part := range digits.FindAllString(leading.FindStringSubmatch(text)[1], -1) {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			n = math.Inf(1) // hundreds of digits
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// compareVersions compares two versions; missing numbers are 0.
func compareVersions(a, b []float64) int {
	at := func(list []float64, i int) float64 {
		if i < len(list) {
			return list[i]
		}
		return 0
	}
	for i := range max(len(a), len(b)) {
		if c := cmp.Compare(at(a, i), at(b, i)); c != 0 {
			return c
		}
	}
	return 0
}
