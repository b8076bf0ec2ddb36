package signalcast_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestAFateHasAText(t *testing.T) {
	t.Parallel()
	for fate, text := range map[signalcast.Fate]string{
		signalcast.FateUnknown:    "unknown",
		signalcast.FateNotWritten: "not written",
		signalcast.FatePending:    "pending",
		77:                        "Fate(77)",
	} {
		require.Equal(t, text, fate.String())
	}
}

func TestADeliveryErrorOfABackendNeedsNoMessage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := error(&signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: broken})
	require.EqualError(t, err, "not written: broken")
	require.ErrorIs(t, err, broken)
}
