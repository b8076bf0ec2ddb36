package keys

import (
	"unicode"
	"unicode/utf8"
)

// charset is a set of characters. low and high are bitmaps of the code points 0
// to 63 and 64 to 127. others reports whether the set has a further character;
// nil means that it has none.
type charset struct {
	low, high uint64
	others    func(rune) bool
}

const (
	digits       = 0x3ff << '0'
	upper        = (1<<26 - 1) << ('A' - 64)
	lower        = (1<<26 - 1) << ('a' - 64)
	hexDigits    = 1<<6 - 1
	underscore   = 1 << ('_' - 64)
	tilde        = 1 << ('~' - 64)
	slugLow      = digits | 1<<'-' | 1<<'.'
	slugHigh     = upper | lower | underscore
	idLow        = slugLow | 1<<':'
	idHigh       = slugHigh | tilde
	lowerHexHigh = hexDigits << ('a' - 64)
)

// asciiSlug and slug are the characters of names in the key of a library.
func asciiSlug() charset { return charset{slugLow, slugHigh, nil} }
func slug() charset      { return charset{slugLow, slugHigh, isLetter} }

// id is the set of characters of names in the key of a course or block.
// idOrPercent adds the percent sign, which old keys may have.
func id() charset          { return charset{idLow, idHigh, isLetter} }
func idOrPercent() charset { return charset{idLow | 1<<'%', idHigh, isLetter} }

// oldName is the set of characters of names in Org/Course/Run.
func oldName() charset { return charset{slugLow | 1<<'%', slugHigh, isLetter} }

func lowerHex() charset { return charset{digits, lowerHexHigh, nil} }
func hex() charset      { return charset{digits, lowerHexHigh | hexDigits<<('A'-64), nil} }

// number is the set of decimal digits of every script.
func number() charset { return charset{digits, 0, unicode.IsDigit} }

// isLetter reports whether \w matches r in the regular expressions of the
// reference. It does not match combining marks.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// spells reports whether s is not empty and has only characters in the set.
func (set charset) spells(s string) bool { return s != "" && set.span(s) == len(s) }

// span returns the length of the longest prefix of s with only characters in the set.
func (set charset) span(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c < 64:
			if set.low>>c&1 == 0 {
				return i
			}
			i++
		case c < utf8.RuneSelf:
			if set.high>>(c-64)&1 == 0 {
				return i
			}
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if set.others == nil || !set.others(r) {
				return i
			}
			i += size
		}
	}
	return len(s)
}
