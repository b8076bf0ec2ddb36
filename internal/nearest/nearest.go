// Package nearest finds the known name that a wrong one was probably meant to be.
package nearest

import (
	"iter"
	"strings"
)

// Name returns the known name with the fewest edits (insert, delete, replace
// one byte; case aside) from want, of several the first in byte order. It
// returns "" when more than a third of the name would have to change.
func Name(want string, known iter.Seq[string]) string {
	var best string
	bestEdits := -1
	want = strings.ToLower(want)
	for name := range known {
		limit := max(len(want), len(name)) / 3
		if bestEdits >= 0 {
			limit = min(limit, bestEdits)
		}
		n := edits(want, strings.ToLower(name), limit)
		if n <= limit && (bestEdits < 0 || n < bestEdits || name < best) {
			best, bestEdits = name, n
		}
	}
	return best
}

// edits returns the Levenshtein distance of a and b, or limit+1 for any larger one.
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
	row := make([]int, len(b)+1) // distances of a[:i] to every b[:j]
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
