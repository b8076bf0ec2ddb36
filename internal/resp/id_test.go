package resp_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/resp"
)

func TestIDsAreComparedAsNumbers(t *testing.T) {
	t.Parallel()
	ids := []string{"0-1", "9-0", "9-9", "9-10", "10-0", "18446744073709551615-18446744073709551615"}
	mixed := []string{ids[4], ids[2], ids[5], ids[0], ids[3], ids[1]}
	slices.SortFunc(mixed, resp.CompareIDs)
	require.Equal(t, ids, mixed)
	require.Zero(t, resp.CompareIDs("9-10", "9-10"))
}
