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

// received is one event as a receiver of the Python reference got it.
type received struct {
	Data     json.RawMessage     `json:"data"`
	Metadata signalcast.Metadata `json:"metadata"`
}

// readWithReference lets the reference's own consumer read count events, by one of the checkers in test/reference.
// It returns what the reference received and what it logged; err is not nil if that was not as it should be.
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

// setting is what test/run_integration.sh says about the servers it started.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s is not set: run test/run_integration.sh", name)
	return value
}
