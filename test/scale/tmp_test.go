package scale_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

func readMeasuredPlain(t *testing.T) (m scale.Measured) {
	t.Helper()
	text, err := os.ReadFile("testdata/measured.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}
