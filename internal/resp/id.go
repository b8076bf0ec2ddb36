package resp

import (
	"cmp"
	"strconv"
	"strings"
)

// CompareIDs compares the IDs of two entries of a stream, as the server wrote them: the result is negative if a is the older one.
func CompareIDs(a, b string) int {
	parse := func(id string) (time, sequence uint64) {
		first, second, _ := strings.Cut(id, "-")
		time, _ = strconv.ParseUint(first, 10, 64)
		sequence, _ = strconv.ParseUint(second, 10, 64)
		return time, sequence
	}
	time, sequence := parse(a)
	otherTime, otherSequence := parse(b)
	return cmp.Or(cmp.Compare(time, otherTime), cmp.Compare(sequence, otherSequence))
}
