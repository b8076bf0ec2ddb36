package cli_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/openedx"
)

func TestAsyncAPIDescribesTheConfiguration(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.Defaults = openedx.DefaultConfig()
	const eventType = "org.openedx.learning.course.enrollment.created.v1"
	document := func(args ...string) (d struct {
		Info     struct{ Title, Version string }
		Channels map[string]struct{ Messages map[string]any }
	},
	) {
		require.NoError(t, json.Unmarshal([]byte(p.fine(t, append([]string{"asyncapi", "--prefix", "dev"}, args...)...)), &d))
		return d
	}
	site := config(t, eventType, "enrollments", "enrollment.user.id")
	d := document("-c", "defaults:", "-c", site, "--title", "LMS", "--api-version", "1.4.0")
	require.Equal(t, "LMS", d.Info.Title)
	require.Equal(t, "1.4.0", d.Info.Version)
	require.Len(t, d.Channels, 1)
	require.Contains(t, d.Channels["dev-enrollments"].Messages, eventType)
	require.Greater(t, len(document("-c", "defaults:", "-c", site, "--disabled").Channels), 1)

	outbox := write(t, "outbox.json", `{"`+eventType+`": {"enrollments": {"keyless": true, "enabled": true, "mode": "outbox"}}}`)
	require.Len(t, document("-c", outbox).Channels, 1)

	require.Equal(t, cli.ExitUsage, p.run("asyncapi").code)
	r := p.run("asyncapi", "-c", config(t, eventType, "enrollments", "no_such_field"))
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.errors, "no_such_field")
}
