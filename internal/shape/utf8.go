package shape

import (
	"encoding/binary"
	"unicode/utf8"
)

// isUTF8 is [utf8.ValidString]. Most texts of an event are short and ASCII: of
// those the last bytes are looked at together too, if need be a second time,
// which takes a fifth of the instructions.
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
