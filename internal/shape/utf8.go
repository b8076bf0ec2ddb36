package shape

import (
	"encoding/binary"
	"unicode/utf8"
)

// isUTF8 reports whether s is valid UTF-8. It reads eight bytes at a time: most strings of an
// event are short and ASCII, and [utf8.ValidString] reads those byte by byte. The last eight bytes
// may overlap bytes that were read before.
func isUTF8(s string) bool {
	var all uint64
	if last := len(s) - 8; last < 0 {
		for i := range len(s) {
			all |= uint64(s[i])
		}
	} else {
		for i := 0; i < last; i += 8 {
			all |= binary.NativeEndian.Uint64([]byte(s[i : i+8]))
		}
		all |= binary.NativeEndian.Uint64([]byte(s[last:]))
	}
	const notASCII = 0x8080808080808080
	return all&notASCII == 0 || utf8.ValidString(s)
}
