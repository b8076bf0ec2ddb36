package kafkatest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Server is a real broker of one test.
type Server struct {
	Brokers []string

	dir string
	pid int
}

// StartServer starts a broker with the options of test/servers/kafka.sh. The caller must be a test
// two directories below the root. The broker ends with the test.
func StartServer(t testing.TB, options ...string) *Server {
	t.Helper()
	s := &Server{dir: t.TempDir()}
	t.Cleanup(func() {
		s.Resume(t)
		s.run(t, "stop")
	})
	s.start(t, append([]string{"start"}, options...)...)
	return s
}

// Read returns the records of a topic, of each partition in the order of writing.
func (s *Server) Read(t testing.TB, topic string) []*kgo.Record {
	t.Helper()
	return Read(t, topic, kgo.SeedBrokers(s.Brokers...))
}

// Suspend stops the broker process with SIGSTOP.
func (s *Server) Suspend(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Resume ends Suspend.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

// Kill ends the broker with SIGKILL.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.run(t, "kill9")
	s.pid = 0
}

// Restart starts the broker again with its data, at the same address.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.start(t, "restart")
}

func (s *Server) start(t testing.TB, command ...string) {
	t.Helper()
	s.run(t, command...)
	for line := range strings.Lines(s.run(t, "env")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "KAFKA_BROKERS":
			s.Brokers = []string{value}
		case "KAFKA_PID":
			pid, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			s.pid = pid
		}
	}
}

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if s.pid == 0 {
		return
	}
	if err := syscall.Kill(s.pid, sig); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) run(t testing.TB, args ...string) string {
	t.Helper()
	script := filepath.Join("..", "..", "test", "servers", "kafka.sh")
	command := exec.Command("bash", append([]string{script, "--dir", s.dir}, args...)...) //nolint:noctx,gosec // ends by itself, of a test
	var out, failure bytes.Buffer
	command.Stdout, command.Stderr = &out, &failure
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), failure.Bytes())
	}
	return out.String()
}
