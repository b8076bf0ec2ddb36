package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// Versions returns the platform and the versions of Go, of the named servers and of the client libraries, for a page.
func Versions(t testing.TB, servers ...string) string {
	t.Helper()
	output := func(command ...string) string {
		text, err := exec.CommandContext(t.Context(), command[0], command[1:]...).Output() //nolint:gosec // of this function
		must(t, err)
		return string(text)
	}
	file := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "servers", name)) //nolint:gosec // of this function
		must(t, err)
		return string(text)
	}
	found := []string{runtime.GOOS + "/" + runtime.GOARCH, runtime.Version()}
	for _, server := range servers {
		var text, pattern string
		switch server {
		case "Redis":
			text, pattern = output("redis-server", "--version"), `v=(\S+)`
		case "PostgreSQL":
			text, pattern = output("psql", "--version"), `(\d\S*)`
		case "Kafka":
			text, pattern = file("kafka/pom.xml"), `<kafka.version>(.*)</kafka.version>`
		case "Apicurio Registry":
			text, pattern = file("registry.sh"), `(?m)^version=(\S+)`
		default:
			t.Fatalf("found unknown server %q", server)
		}
		version := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if version == nil {
			t.Fatalf("%s: found no %s in its version", server, pattern)
		}
		found = append(found, server+" "+version[1])
	}
	modules := output("go", "list", "-m", "-f", "{{.Path}} {{.Version}}",
		"github.com/redis/go-redis/v9", "github.com/twmb/franz-go", "github.com/segmentio/kafka-go")
	for line := range strings.Lines(modules) {
		found = append(found, strings.TrimPrefix(strings.TrimSpace(line), "github.com/"))
	}
	return strings.Join(found, ", ")
}
