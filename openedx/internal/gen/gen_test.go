package gen_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/openedx/internal/gen"
)

func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := gen.Files(filepath.Join("..", "..", "..", "testdata", "golden"))
	require.NoError(t, err)
	root := filepath.Join("..", "..")
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date; run go generate ./openedx", name)
	}
	inPackages, err := filepath.Glob(filepath.Join(root, "*", "*_gen.go"))
	require.NoError(t, err)
	inRoot, err := filepath.Glob(filepath.Join(root, "*_gen.go"))
	require.NoError(t, err)
	require.Len(t, files, len(inPackages)+len(inRoot), "found a generated file of an older catalogue")
}

func TestFilesRejectsCatalogueWithoutGoForm(t *testing.T) {
	t.Parallel()
	const (
		record = `{"name": "openedx_events.learning.data.UserData", "avro_name": "UserData", "module": "openedx_events.learning.data",
			"fields": [{"name": "id", "type": {"kind": "int"}}]}`
		argument = `{"name": "user", "type": {"kind": "record", "name": "openedx_events.learning.data.UserData"}}`
	)
	for name, c := range map[string]struct{ records, variable, argument, platform, want string }{
		"an argument of an unknown record": {
			"", "SESSION_LOGIN_COMPLETED", argument, `{}`, `found record "openedx_events.learning.data.UserData"; want one of the catalogue`,
		},
		"an argument that is not a record": {
			record, "SESSION_LOGIN_COMPLETED", `{"name": "user", "type": {"kind": "int"}}`, `{}`, "want one record",
		},
		"a variable without a summary": {
			record, "NEW_THING_HAPPENED", argument, `{}`, "want one in summaries.go",
		},
		"a key path of the platform that does not exist": {
			record, "SESSION_LOGIN_COMPLETED", argument, `{"x.v1": {"t": {"event_key_field": "user.name"}}}`, `found the key path "user.name" in the settings of the platform; want one of ["user.id"]`,
		},
		"an attribute of an unknown kind": {
			`{"name": "openedx_events.learning.data.UserData", "avro_name": "UserData", "module": "openedx_events.learning.data",
				"fields": [{"name": "id", "type": {"kind": "decimal"}}]}`,
			"SESSION_LOGIN_COMPLETED", argument, `{}`, `found kind "decimal"; want one with a Go type`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			catalog := `{"records": [` + c.records + `], "signals": [{"event_type": "x.v1", "variable": "` + c.variable + `",
				"module": "openedx_events.learning.signals", "serialisable": true, "init_data": [` + c.argument + `]}]}`
			require.NoError(t, os.WriteFile(filepath.Join(dir, "catalog.json"), []byte(catalog), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "platform_config.json"), []byte(c.platform), 0o600))
			_, err := gen.Files(dir)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := gen.Files(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}
