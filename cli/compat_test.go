package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/compat"
)

type orderV1 struct {
	Number string `avro:"number"`
	Total  int64  `avro:"total"`
}

type orderV2 struct {
	Number string  `avro:"number"`
	Note   *string `avro:"note"`
}

// orders returns the command over one signal with data of type T.
func orders[T any](t *testing.T) program {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signalcast.NewSignal[T]("org.example.order.placed.v1")))
	return program{cli.Command{Name: "shop-events", Registry: registry}}
}

func TestCompatReportsChangesSinceTheLastUpdate(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "schemas.json")
	require.Equal(t, "no problems, 0 other changes: 1 event type, 1 of them new, level forward\nwrote the present schemas to "+file+"\n",
		orders[orderV1](t).fine(t, "compat", "--against", file, "--update"))
	require.Equal(t, "no problems, 0 other changes: 1 event type, 0 of them new, level exact\n",
		orders[orderV1](t).fine(t, "compat", "--against", file, "--level", "exact"))

	const (
		problem = "org.example.order.placed.v1: total: missing; want long; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer\n"
		change  = "org.example.order.placed.v1: note: found a new field of type null or string; breaks every consumer on Redis until it has the schema of the producer\n"
		verdict = "1 problem, 1 other change: 1 event type, 0 of them new, level forward\n"
	)
	r := orders[orderV2](t).run("compat", "--against", file)
	require.Equal(t, result{code: cli.ExitProblems, out: "problem " + problem + "change " + change + verdict}, r)
	r = orders[orderV2](t).run("compat", "--against", file, "--format", "github")
	require.Equal(t, result{code: cli.ExitProblems, out: "::error file=" + file + "::" + problem + "::notice file=" + file + "::" + change + verdict}, r)
	orders[orderV2](t).fine(t, "compat", "--against", file, "--level", "backward")
	require.Equal(t, cli.ExitProblems, orders[orderV2](t).run("compat", "--against", file, "--level", "full").code)

	var report struct{ Problems, Changes []compat.Finding }
	require.NoError(t, json.Unmarshal([]byte(orders[orderV2](t).run("compat", "--against", file, "--format", "json").out), &report))
	require.Equal(t, compat.CodeFieldRemoved, report.Problems[0].Code)
	require.True(t, report.Problems[0].BreaksOldConsumers)
	require.Equal(t, "note", report.Changes[0].Path)

	require.Equal(t, cli.ExitProblems, orders[orderV2](t).run("compat", "--against", file, "--update").code, "an update reports the problems once more")
	orders[orderV2](t).fine(t, "compat", "--against", file, "--level", "exact")
}

func TestCompatEscapesAnnotations(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "100%,a:b.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"org.example.50%.v1": {}}`), 0o600))
	r := orders[orderV1](t).run("compat", "--against", file, "--format", "github")
	require.Contains(t, r.out, "100%25%2Ca%3Ab.json::org.example.50%25.v1: missing; want the event type; ")
}

func TestCompatReportsFilesThatItCannotRead(t *testing.T) {
	t.Parallel()
	p := orders[orderV1](t)
	r := p.run("compat", "--against", filepath.Join(t.TempDir(), "none.json"))
	require.Equal(t, cli.ExitUsage, r.code)
	require.Contains(t, r.errors, "none.json: no such file or directory")

	list := write(t, "list.json", "[]")
	r = p.run("compat", "--against", list)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.errors, list+": snapshot of schemas: found text that does not parse; want a JSON object")

	r = p.run("compat", "--against", write(t, "enum.json", `{"org.example.order.placed.v1": {"type": "enum"}}`), "--update")
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.errors, `old schema of "org.example.order.placed.v1": found type "enum"; want boolean, long, double, string, bytes, or a record that is defined before`)

	require.Contains(t, p.run("compat", "--against", list, "--level", "strict").errors, `--level: found "strict"; want forward, backward, full or exact`)
	require.Contains(t, p.run("compat", "--against", list, "--format", "xml").errors, `--format: found "xml"; want text, json or github`)
	require.Contains(t, p.run("__complete", "compat", "--format", "").out, "github\n")
	require.Contains(t, p.run("__complete", "compat", "--level", "").out, "backward\n")
	require.NotContains(t, p.run("__complete", "lint", "--format", "").out, "github\n")
}
