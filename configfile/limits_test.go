package configfile_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// limits writes the section on limits in docs/configuration.md.
func TestDocumentedLimitsAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	const page = "../docs/configuration.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	section := regexp.MustCompile(`(?s)\n## Limits\n.*?(\n## |$)`)
	want := section.ReplaceAllString(string(text), "\n"+limits()+"$1")
	if !section.MatchString(string(text)) {
		want = string(text) + "\n" + limits()
	}
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text))
}

func limits() string {
	var b strings.Builder
	b.WriteString("## Limits\n\nThe settings of a topic:\n\n| setting | values |\n|---|---|\n")
	settings := reflect.TypeFor[signalcast.TopicConfig]()
	for field := range settings.Fields() {
		values := map[reflect.Kind]string{reflect.String: "a string", reflect.Bool: "a boolean"}[field.Type.Elem().Kind()]
		if field.Type == reflect.TypeFor[*signalcast.Mode]() {
			values = "immediate, on-commit or outbox"
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fmt.Fprintf(&b, "| `%s` | %s, or null to inherit |\n", name, values)
	}
	b.WriteString("\nThe limits are constants of the packages:\n\n| limit | value | constant |\n|---|---|---|\n")
	for _, l := range []struct {
		what     string
		value    int
		unit     string
		constant string
	}{
		{"size of a text in JSON", signalcast.MaxConfigBytes >> 20, "MiB", "signalcast.MaxConfigBytes"},
		{"size of a text in YAML or TOML", configfile.MaxBytes >> 10, "KiB", "configfile.MaxBytes"},
		{"problems that one error lists; it counts the others", signalcast.MaxProblems, "", "signalcast.MaxProblems"},
	} {
		fmt.Fprintf(&b, "| %s | %s | `%s` |\n", l.what, strings.TrimSpace(fmt.Sprint(l.value, " ", l.unit)), l.constant)
	}
	return b.String()
}
