package field

import (
	"errors"
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"unicode"
)

// What a pattern may cost. Backtracking tries the ways in which a piece can match: repeated without an
// end, more than one way is exponential; written out, their number multiplies.
const (
	maxLoops = 8    // repetitions without an end
	bounded  = 32   // a repetition of more counts as one without an end
	maxWays  = 4096 // ways through everything else
	maxSize  = 8192 // PCRE code units, roughly; one expression has 65536, and repetitions are written out
	maxDepth = 50   // groups in groups; PCRE takes 250
)

// cost of one node, with all below it.
type cost struct {
	loops int     // repetitions without an end
	ways  float64 // in which it can match the same place: 1 for what has no choice
	size  int     // compiled, with bounded repetitions written out
	depth int
}

// checkCost refuses what would be slow, or too large for PCRE.
func checkCost(tree *syntax.Regexp) error {
	c, err := costOf(tree)
	switch {
	case err != nil:
		return err
	case c.loops > maxLoops:
		return fmt.Errorf("has %d repetitions without an end, at most %d are allowed: it would be slow on long paths", c.loops, maxLoops)
	case c.ways > maxWays:
		return errors.New("has too many alternatives and optional parts that could match the same text: it could take exponential time; write fewer, or split it into several rules")
	case c.size > maxSize:
		return errors.New("is too large once its repetitions are written out: write smaller counts")
	case c.depth > maxDepth:
		return fmt.Errorf("has groups nested more than %d deep", maxDepth)
	}
	return nil
}

func costOf(re *syntax.Regexp) (cost, error) {
	sum := cost{ways: 1, size: 8}
	alternate := re.Op == syntax.OpAlternate
	if alternate {
		sum.ways = 0
	}
	most := 1.0 // ways of one alternative
	for _, sub := range re.Sub {
		c, err := costOf(sub)
		if err != nil {
			return sum, err
		}
		sum.loops += c.loops
		sum.size = min(sum.size+c.size, math.MaxInt32)
		sum.depth, most = max(sum.depth, c.depth), max(most, c.ways)
		if alternate {
			sum.ways += c.ways
		} else {
			sum.ways *= c.ways
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		sum.size += 8 * len(re.Rune)
	case syntax.OpCharClass:
		sum.size += 40
	case syntax.OpCapture:
		sum.depth++
	case syntax.OpAlternate:
		if distinct(re.Sub) {
			sum.ways = most // the first character chooses
		}
	case syntax.OpQuest:
		return sum.repeated(re, 0, 1)
	case syntax.OpStar, syntax.OpPlus:
		return sum.repeated(re, 0, -1)
	case syntax.OpRepeat:
		return sum.repeated(re, re.Min, re.Max)
	}
	return sum, nil
}

// repeated is the cost of what c is about, low to high times; high -1 is without an end.
func (c cost) repeated(re *syntax.Regexp, low, high int) (cost, error) {
	endless := high < 0 || high > bounded && high != low
	if endless && (c.loops > 0 || c.ways > 1) {
		return c, fmt.Errorf("repeats something that has itself a choice, %s, like (a+)+ or (a|ab)*: it could take exponential time; write it without the inner repetition, option or alternative", re)
	}
	switch sub := re.Sub[0]; sub.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return c, fmt.Errorf("repeats what matches no character, %s: leave the repetition away", re)
	}
	n := max(low, high, 1)
	c.size = min(c.size*n, math.MaxInt32)
	if endless {
		c.loops = 1
		return c, nil
	}
	c.loops *= n
	c.ways = math.Pow(c.ways, float64(n)) * float64(n-low+1)
	return c, nil
}

// distinct reports whether the first character tells which of the alternatives it is, in any case.
func distinct(alternatives []*syntax.Regexp) bool {
	var taken []rune // pairs: from, to
	for _, re := range alternatives {
		first, ok := firstRunes(re)
		if !ok {
			return false
		}
		for pair := range slices.Chunk(first, 2) {
			for other := range slices.Chunk(taken, 2) {
				if pair[0] <= other[1] && other[0] <= pair[1] {
					return false
				}
			}
		}
		taken = append(taken, first...)
	}
	return true
}

// firstRunes returns the ranges of characters that re can begin with, in both cases; false where it may
// be empty or cannot be told.
func firstRunes(re *syntax.Regexp) ([]rune, bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return bothCases([]rune{re.Rune[0], re.Rune[0]}), true
	case syntax.OpCharClass:
		return bothCases(re.Rune), true
	case syntax.OpCapture, syntax.OpPlus:
		return firstRunes(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return firstRunes(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if sub.Op == syntax.OpEmptyMatch || sub.Op == syntax.OpCapture && sub.Sub[0].Op == syntax.OpEmptyMatch {
				continue
			}
			return firstRunes(sub)
		}
	}
	return nil, false
}

// bothCases adds to ranges what its letters are in the other case; ASCII is what PCRE folds here.
func bothCases(ranges []rune) []rune {
	all := slices.Clone(ranges)
	for pair := range slices.Chunk(ranges, 2) {
		for r := max(pair[0], 'A'); r <= min(pair[1], 'z'); r++ {
			if unicode.IsLetter(r) {
				all = append(all, r^0x20, r^0x20)
			}
		}
	}
	return all
}
