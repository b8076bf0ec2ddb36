package signalcast_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestErrorBeginsWithTheNumberOfProblems(t *testing.T) {
	t.Parallel()
	_, err := signalcast.ParseProducerConfig([]byte(`{"a": 1, "b": 2}`))
	require.EqualError(t, err, "2 problems in the configuration:\n"+
		"line 1, column 7: a: found a number; want an object of topics\n"+
		"line 1, column 15: b: found a number; want an object of topics")
}

func TestProblemsNameTheLayer(t *testing.T) {
	t.Parallel()
	_, err := signalcast.ParseLayer("site.json", []byte("{\"a\":\n 1}"))
	require.EqualError(t, err, "site.json:2:2: a: found a number; want an object of topics")
}

func TestHostileTextDoesNotMakeTheErrorGrow(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString(`{"first": 1`)
	for i := range 10 * signalcast.MaxProblems {
		fmt.Fprintf(&text, `,"e%d": 1`, i)
	}
	text.WriteString(`}`)
	_, err := signalcast.ParseProducerConfig([]byte(text.String()))
	var invalid *signalcast.ValidationError
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Problems, signalcast.MaxProblems)
	require.Equal(t, "first", invalid.Problems[0].EventType)
	require.Equal(t, 9*signalcast.MaxProblems+1, invalid.Omitted)
	require.True(t, strings.HasPrefix(err.Error(), "10001 problems in the configuration:\n"))
	require.True(t, strings.HasSuffix(err.Error(), "\nand 9001 more"))
}
