package keys

import "strings"

func isCourseKey(s string) bool {
	namespace, rest, found := strings.Cut(s, ":")
	if !found {
		return isOldCourse(s)
	}
	switch namespace {
	case "course-v1", "slashes":
		l, ok := parseLocator(rest)
		return ok && l.identifies(orgCourseRun)
	case "library-v1":
		l, ok := parseLocator(rest)
		return ok && l.identifies(orgLibrary)
	}
	return isCCXLocator(s)
}

func isCCXLocator(s string) bool {
	rest, found := strings.CutPrefix(s, "ccx-v1:")
	if !found {
		return false
	}
	l, ok := parseCCXLocator(rest)
	return ok && l.identifies(orgCourseRun)
}

func isUsageKey(s string) bool {
	namespace, rest, _ := strings.Cut(s, ":")
	switch namespace {
	case "block-v1":
		l, ok := parseLocator(rest)
		return ok && l.identifies(orgCourseRun) && id.spells(l.block)
	case "lib-block-v1":
		l, ok := parseLocator(rest)
		return ok && l.identifies(orgLibrary) && l.blockType != "" && id.spells(l.block)
	case "ccx-block-v1":
		l, ok := parseCCXLocator(rest)
		return ok && l.identifies(orgCourseRun) && l.block != ""
	case "lb":
		return isLibraryUsageLocator(s)
	case "i4x":
		return isOldUsage(rest)
	case "location":
		return isLocation(rest)
	}
	return false
}

func isLibraryUsageLocator(s string) bool {
	return hasFields(s, "lb:", asciiSlug, slug, asciiSlug, slug)
}

// hasFields reports whether s is the prefix and one field for each character
// set, separated by colons.
func hasFields(s, prefix string, sets ...*charset) bool {
	s, found := strings.CutPrefix(s, prefix)
	for i, set := range sets {
		if !found {
			return false
		}
		var field string
		field, s, found = strings.Cut(s, ":")
		if found == (i == len(sets)-1) || !set.spells(field) {
			return false
		}
	}
	return true
}

// isOldCourse reports whether s is Org/Course/Run. The run may be empty.
func isOldCourse(s string) bool {
	org, rest, _ := strings.Cut(s, "/")
	course, run, found := strings.Cut(rest, "/")
	return found && oldName.spells(org) && oldName.spells(course) &&
		(run == "" || oldName.spells(run))
}

// isOldUsage reports whether s is the part after "i4x:" of i4x://Org/Course/type/name@branch.
func isOldUsage(s string) bool {
	s, found := strings.CutPrefix(s, "//")
	if !found {
		return false
	}
	org, s, _ := strings.Cut(s, "/")
	course, s, _ := strings.Cut(s, "/")
	blockType, s, _ := strings.Cut(s, "/") // any type is valid
	name, branch, hasBranch := strings.Cut(s, "@")
	return oldName.spells(org) && oldName.spells(course) && blockType != "" &&
		idOrPercent.spells(name) && (!hasBranch || idOrPercent.spells(branch))
}

// isLocation reports whether s is the part after "location:" of
// location:org+course+run+type+id, a form that was in use for a short time.
func isLocation(s string) bool {
	n := 0
	for part := range strings.SplitSeq(s, "+") {
		if n++; !id.spells(part) {
			return false
		}
	}
	return n == 5
}
