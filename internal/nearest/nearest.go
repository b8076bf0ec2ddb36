// Package nearest finds the known name that is most similar to an unknown one.
package nearest

import (
	"iter"
	"strings"
)

// Name returns the known name with the fewest edits from name. An edit inserts, deletes or
// replaces one byte. Name ignores case. It returns the first in byte order of several that are
// equally near, and "" if every known name needs more edits than a third of its length or of
// the length of name, whichever is greater.
func Name(name string, known iter.Seq[string]) string {
	var best string
	bestEdits := -1
	name = strings.ToLower(name)
	for candidate := range known {
		limit := max(len(name), len(candidate)) / 3
		if bestEdits >= 0 {
			limit = min(limit, bestEdits)
		}
		n := edits(name, strings.ToLower(candidate), limit)
		if n <= limit && (bestEdits < 0 || n < bestEdits || candidate < best) {
			best, bestEdits = candidate, n
		}
	}
	return best
}

// edits returns the Levenshtein distance between a and b, or limit+1 if it exceeds limit.
func edits(a, b string, limit int) int {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1) // row[j] is the distance between a[:i] and b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
			least = min(least, cost)
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}

func abs(n int) int { return max(n, -n) }
