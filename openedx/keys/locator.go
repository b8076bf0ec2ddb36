package keys

import "strings"

// locator is the part after the namespace of a key whose parts are joined by
// plus signs: zero, two or three bare names, then labelled parts.
type locator struct {
	names int // how many bare names: org+course+run
	// The labelled parts, empty where absent.
	version, ccx, blockType, block string
}

// The numbers of bare names that identify a library and a course run.
const (
	orgLibrary   = 2
	orgCourseRun = 3
)

// identifies reports whether l has at least names bare names or a version. The
// version of a course is a MongoDB ObjectId and identifies the course alone.
func (l locator) identifies(names int) bool {
	if l.version != "" {
		return len(l.version) == 24
	}
	return l.names >= names
}

// label identifies a labelled part. The parts of a key have ascending labels.
type label int

const (
	noLabel label = iota
	branchLabel
	versionLabel
	ccxLabel
	typeLabel
	blockLabel
)

func labelOf(s string) label {
	switch s {
	case "branch":
		return branchLabel
	case "version":
		return versionLabel
	case "type":
		return typeLabel
	case "block":
		return blockLabel
	}
	return noLabel
}

// parseLocator parses the locator of a key that is not of a custom course.
func parseLocator(s string) (locator, bool) {
	return parse(s, labelOf, lowerHex, idOrPercent)
}

// parseCCXLocator parses the locator of the key of a custom course. It has the
// part ccx, and its labels and version may be in upper or lower case.
func parseCCXLocator(s string) (locator, bool) {
	l, ok := parse(s, foldedLabelOf, hex, id)
	return l, ok && l.ccx != ""
}

func foldedLabelOf(s string) label {
	switch {
	case strings.EqualFold(s, "branch"):
		return branchLabel
	case strings.EqualFold(s, "version"):
		return versionLabel
	case strings.EqualFold(s, "ccx"):
		return ccxLabel
	case strings.EqualFold(s, "type"):
		return typeLabel
	case strings.EqualFold(s, "block"):
		return blockLabel
	}
	return noLabel
}

// parse splits s at its plus signs. It reports false if a label is unknown,
// repeated or out of order, or if a value has characters outside its set.
func parse(s string, labelOf func(string) label, version, block *charset) (l locator, ok bool) {
	last := noLabel
	for more := true; more; {
		end := id.span(s)
		name, rest := s[:end], s[end:]
		if rest == "" || rest[0] == '+' {
			if l.names++; last != noLabel || l.names > orgCourseRun || name == "" {
				return l, false
			}
			s, more = strings.CutPrefix(rest, "+")
			continue
		}
		this := labelOf(name)
		if rest[0] != '@' || this <= last {
			return l, false
		}
		last = this
		var value string
		value, s, more = strings.Cut(rest[1:], "+")
		allowed := id
		switch this {
		case versionLabel:
			l.version, allowed = value, version
		case ccxLabel:
			l.ccx, allowed = value, number
		case typeLabel:
			l.blockType = value
		case blockLabel:
			l.block, allowed = value, block
		case noLabel, branchLabel:
		}
		if !allowed.spells(value) {
			return l, false
		}
	}
	return l, l.names != 1
}
