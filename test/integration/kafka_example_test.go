//go:build integration

package integration_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKafkaExamplePrintsTheOutputOfItsReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../examples/kafka/README.md")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "../../examples/kafka/run.sh")
	var log bytes.Buffer
	cmd.Stderr = &log

	out, err := cmd.Output()

	require.NoError(t, err, log.String())
	require.Contains(t, string(readme), "```\n"+string(out)+"```\n")
}
