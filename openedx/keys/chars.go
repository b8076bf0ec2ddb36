package keys

import (
	"unicode"
	"unicode/utf8"
)

// charset is a set of characters. others reports whether the set has a character that is not
// ASCII; nil means that it has none.
type charset struct {
	ascii  [utf8.RuneSelf]bool
	others func(rune) bool
}

func newCharset(ascii string, others func(rune) bool) *charset {
	set := &charset{others: others}
	for _, c := range ascii {
		set.ascii[c] = true
	}
	return set
}

const (
	digits    = "0123456789"
	letters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	slugASCII = letters + digits + "_-."
	idASCII   = slugASCII + ":~"
)

//nolint:gochecknoglobals // they never change
var (
	// asciiSlug and slug are the characters of names in the key of a library.
	asciiSlug = newCharset(slugASCII, nil)
	slug      = newCharset(slugASCII, isLetter)

	// id is the set of characters of names in the key of a course or block.
	// idOrPercent adds the percent sign, which old keys may have.
	id          = newCharset(idASCII, isLetter)
	idOrPercent = newCharset(idASCII+"%", isLetter)

	// oldName is the set of characters of names in Org/Course/Run.
	oldName = newCharset(slugASCII+"%", isLetter)

	lowerHex = newCharset(digits+"abcdef", nil)
	hex      = newCharset(digits+"abcdefABCDEF", nil)

	// number is the set of decimal digits of every script.
	number = newCharset(digits, unicode.IsDigit)
)

// isLetter reports whether \w matches r in the regular expressions of the
// reference. It does not match combining marks.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// spells reports whether s is not empty and has only characters in the set.
func (set *charset) spells(s string) bool { return s != "" && set.span(s) == len(s) }

// span returns the length of the longest prefix of s with only characters in the set.
func (set *charset) span(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if !set.ascii[c] {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if set.others == nil || !set.others(r) {
			return i
		}
		i += size
	}
	return len(s)
}
