//go:build unix

package configfile_test

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// A read of a FIFO without a writer blocks in the system call.
func TestFIFOInPlaceOfTheFileDelaysNothing(t *testing.T) {
	t.Parallel()
	path := write(t, "site.yaml", ordersTo("orders"))
	s := watch(t, configfile.File(path))
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	defer func() {
		writer, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Check(ctx), context.DeadlineExceeded)
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test", By: "test"}))
	require.Equal(t, 1, s.Status().Generation)
	require.ErrorIs(t, s.Close(ctx), context.DeadlineExceeded)
}
