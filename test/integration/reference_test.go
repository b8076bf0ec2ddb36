//go:build integration

package integration_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// received is an event as a receiver of the reference gets it.
type received struct {
	Data     json.RawMessage     `json:"data"`
	Metadata signalcast.Metadata `json:"metadata"`
}

// readWithReference reads count events with the consumer of the reference, run by a checker of test/reference.
// It returns the events and the log of the consumer. It returns an error if events are missing or the log is not empty.
func readWithReference(t *testing.T, checker string, count int, args ...string) (events []received, log string, err error) {
	t.Helper()
	args = append([]string{filepath.Join("..", "reference", checker), "--count", strconv.Itoa(count), "--strict"}, args...)
	cmd := exec.CommandContext(t.Context(), setting(t, "SIGNALCAST_TEST_PYTHON"), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	lines := bufio.NewScanner(&stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event received
		require.NoError(t, json.Unmarshal(lines.Bytes(), &event))
		events = append(events, event)
	}
	require.NoError(t, lines.Err())
	return events, stderr.String(), err
}

// setting returns an environment variable that test/run_integration.sh sets.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "found %s unset; run test/run_integration.sh", name)
	return value
}
