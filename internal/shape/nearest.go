package shape

// nearest returns the name most like the one given, or "" if none is like it:
// more than a third of it would have to change.
func nearest(name string, known []string) string {
	near := closest(name, known)
	if near == "" || distance(name, near) > max(2, len(name)/3) {
		return ""
	}
	return near
}

// closest returns the name with the least distance, the first of several.
func closest(name string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(name, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance returns how many bytes must be changed, added or removed to make b
// of a. Names are compared up to their first hundred bytes.
func distance(a, b string) int {
	const enough = 100
	a, b = a[:min(len(a), enough)], b[:min(len(b), enough)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
