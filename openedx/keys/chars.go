package keys

import (
	"unicode"
	"unicode/utf8"
)

// charset is a set of characters: bitmaps of the ASCII ones below and from
// code point 64, and a function for all others. Nil: no others.
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

// asciiSlug and slug are for the names within a library's key.
func asciiSlug() charset { return charset{slugLow, slugHigh, nil} }
func slug() charset      { return charset{slugLow, slugHigh, isLetter} }

// id is for the names within a course's or block's key, idOrPercent has the
// percent sign that old keys may have.
func id() charset          { return charset{idLow, idHigh, isLetter} }
func idOrPercent() charset { return charset{idLow | 1<<'%', idHigh, isLetter} }

// oldName is for the names within Org/Course/Run.
func oldName() charset { return charset{slugLow | 1<<'%', slugHigh, isLetter} }

func lowerHex() charset { return charset{digits, lowerHexHigh, nil} }
func hex() charset      { return charset{digits, lowerHexHigh | hexDigits<<('A'-64), nil} }

// number is a decimal number in any script.
func number() charset { return charset{digits, 0, unicode.IsDigit} }

// isLetter is what the reference's regular expressions take for a letter, \w:
// marks are not among it.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// spells reports whether s is not empty and all its characters are in the set.
func (set charset) spells(s string) bool { return s != "" && set.span(s) == len(s) }

// span is the length of the longest beginning of s that has only characters in the set.
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
