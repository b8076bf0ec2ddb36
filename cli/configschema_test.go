package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/configschema"
)

func TestConfigSchemaIsThatOfTheRegistry(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	want, err := configschema.JSONSchema(p.Registry)
	require.NoError(t, err)
	require.Equal(t, string(want), p.fine(t, "config-schema"))
	require.Equal(t, cli.ExitUsage, p.run("config-schema", "site.yaml").code)
}
