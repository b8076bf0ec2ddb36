package keys

import (
	"unicode"
	"unicode/utf8"
)

// consistsOf reports whether s is not empty and allowed holds for all of it.
func consistsOf(s string, allowed func(rune) bool) bool {
	for _, r := range s {
		if !allowed(r) {
			return false
		}
	}
	return s != ""
}

// isID: the names within a course's or block's key.
func isID(r rune) bool { return isSlug(r) || r == '~' || r == ':' }

// isIDOrPercent: as isID, with the percent sign that old keys may have.
func isIDOrPercent(r rune) bool { return isID(r) || r == '%' }

// isOldName: the names within Org/Course/Run.
func isOldName(r rune) bool { return isSlug(r) || r == '%' }

// isSlug: the names within a library's key.
func isSlug(r rune) bool {
	if r < utf8.RuneSelf {
		return isASCIISlug(r)
	}
	// What the reference's regular expressions take for a letter, \w: marks are not among it.
	return unicode.IsLetter(r) || unicode.IsNumber(r)
}

func isASCIISlug(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '-' || r == '.'
}

func isLowerHex(r rune) bool { return '0' <= r && r <= '9' || 'a' <= r && r <= 'f' }

func isHex(r rune) bool { return isLowerHex(r) || 'A' <= r && r <= 'F' }
