package signalcasttest

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/compat"
)

// UpdateSchemas is the environment variable that makes [RequireCompatible] write its file.
const UpdateSchemas = "SIGNALCAST_UPDATE_SCHEMAS"

// RequireCompatible fails the test if a schema of registry differs from the one in file. The file is
// a [compat.Snapshot] and belongs into version control:
//
//	signalcasttest.RequireCompatible(t, registry, "testdata/schemas.json")
//
// The failure lists the changes with the consumers that they break. Changes that the level
// [compat.Forward] forbids come first. If the variable [UpdateSchemas] is not empty, RequireCompatible
// writes the file, and fails the test only for forbidden changes.
func RequireCompatible(t testing.TB, registry *signalcast.Registry, file string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	now, err := compat.NewSnapshot(registry)
	check(err)
	text, err := now.Text()
	check(err)
	update := os.Getenv(UpdateSchemas) != "" //nolint:forbidigo // a test has no other settings
	stored, err := os.ReadFile(file)         //nolint:gosec // the test names the file
	if update {
		check(os.WriteFile(file, text, 0o644)) //nolint:gosec // the file belongs into version control
	}
	switch {
	case update && errors.Is(err, fs.ErrNotExist), err == nil && bytes.Equal(stored, text):
		return
	case errors.Is(err, fs.ErrNotExist):
		t.Fatalf("%s: missing; run the test with %s=1 to create it", file, UpdateSchemas)
	}
	check(err)
	old, err := compat.ParseSnapshot(stored)
	check(err)
	findings, err := old.Check(now, compat.Exact)
	check(err)
	forbidden, permitted := split(findings)
	switch {
	case len(forbidden) > 0 && update:
		t.Fatalf("%s: updated, though changes break consumers:%s", file, list(forbidden))
	case len(forbidden) > 0:
		t.Fatalf("%s: changes break consumers:%s\nuse a new event type, or run the test with %s=1 to accept the changes",
			file, list(append(forbidden, permitted...)), UpdateSchemas)
	case !update:
		t.Fatalf("%s: out of date, though no change breaks old consumers on Kafka%s\nrun the test with %s=1 to update it", file, list(permitted), UpdateSchemas)
	}
}

// split returns the findings that the level Forward forbids, and the others.
func split(findings []compat.Finding) (forbidden, permitted []compat.Finding) {
	for _, f := range findings {
		if compat.Forward.Forbids(f) {
			forbidden = append(forbidden, f)
		} else {
			permitted = append(permitted, f)
		}
	}
	return forbidden, permitted
}

func list(findings []compat.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString("\n\t" + f.String())
	}
	return b.String()
}
