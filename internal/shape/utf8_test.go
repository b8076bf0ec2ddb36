package shape_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The encoder checks eight bytes at a time, and the last bytes possibly twice.
func TestEncodingChecksEveryByteForUTF8(t *testing.T) {
	t.Parallel()
	for length := range 40 {
		text := strings.Repeat("x", length)
		for at := range length {
			for insert, valid := range map[string]bool{"é": true, "\u007f": true, "\xc3": false, "\x80": false} {
				compiled, ref := compileField(t, text[:at]+insert+text[at:])
				_, err := compiled.AppendAvro(nil, ref)
				require.Equal(t, valid, err == nil, "%q at %d of %d bytes: %v", insert, at, length, err)
			}
		}
	}
}
