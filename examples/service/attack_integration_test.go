//go:build integration

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// argumentsVariable makes the test binary run as the service, with these arguments.
const argumentsVariable = "SIGNALCAST_TEST_SERVICE"

func TestMain(m *testing.M) {
	if arguments := os.Getenv(argumentsVariable); arguments != "" {
		os.Args = append(os.Args[:1], strings.Fields(arguments)...)
		main()
		return
	}
	os.Exit(m.Run())
}

// startServer starts a server of test/servers with an empty folder, and returns a variable that its script prints.
func startServer(t *testing.T, script, variable string) string {
	t.Helper()
	run := func(args ...string) string {
		args = append([]string{"../../test/servers/" + script, "--dir", "../../.run/service/" + script}, args...)
		command := exec.CommandContext(context.WithoutCancel(t.Context()), "bash", args...)
		command.Stderr = t.Output()
		out, err := command.Output()
		require.NoError(t, err)
		return string(out)
	}
	run("stop") // an interrupted run may have left it running
	run("start", "--clean")
	t.Cleanup(func() { run("stop") })
	found := regexp.MustCompile(`(?m)^` + variable + `=(.*)$`).FindStringSubmatch(run("env"))
	require.NotNil(t, found)
	return found[1]
}

// attack kills a service again and again. To choose the moments, it pauses the writes of Redis and locks tables.
type attack struct {
	t        *testing.T
	settings settings
	bus      *goredis.Client
	db       *database
	service  *exec.Cmd
	users    int64
	accepted []enrolled
}

// enrolled is an enrolment: a row, or the data of an event.
type enrolled struct {
	Course string
	User   int64
}

func newAttack(t *testing.T, s settings) *attack {
	t.Helper()
	options, err := goredis.ParseURL(s.redis)
	require.NoError(t, err)
	db, err := openDatabase(t.Context(), s)
	require.NoError(t, err)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.listen = listener.Addr().String() // free from now on
	require.NoError(t, listener.Close())
	a := &attack{t: t, settings: s, bus: goredis.NewClient(options), db: db}
	t.Cleanup(func() {
		_ = a.service.Process.Kill()
		require.NoError(t, db.close())
		require.NoError(t, a.bus.Close())
	})
	require.NoError(t, a.bus.FlushAll(t.Context()).Err())
	a.startService()
	return a
}

func (a *attack) startService() {
	s := a.settings
	arguments := []string{"-listen", s.listen, "-redis", s.redis}
	if s.postgres != "" {
		arguments = append(arguments, "-postgres", s.postgres+"&application_name=service")
	} else {
		arguments = append(arguments, "-dir", s.dir)
	}
	a.service = exec.CommandContext(context.WithoutCancel(a.t.Context()), os.Args[0])
	a.service.Env = append(os.Environ(), argumentsVariable+"="+strings.Join(arguments, " "))
	a.service.Stderr = a.t.Output()
	require.NoError(a.t, a.service.Start())
	a.eventually(func() bool {
		status, err := a.request(http.MethodGet, "/readyz", "")
		return err == nil && status == http.StatusOK
	})
}

// killService kills the service with SIGKILL. PostgreSQL would still execute a statement that it has received, so its sessions
// end too.
func (a *attack) killService() {
	require.NoError(a.t, a.service.Process.Kill())
	_ = a.service.Wait()
	if a.settings.postgres != "" {
		a.count(`select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'service'`)
		a.eventually(func() bool {
			return a.count(`select count(*) from pg_stat_activity where application_name = 'service'`) == 0
		})
	}
}

// stopService stops the service with SIGTERM, and requires that it succeeds.
func (a *attack) stopService() {
	require.NoError(a.t, a.service.Process.Signal(syscall.SIGTERM))
	require.NoError(a.t, a.service.Wait())
}

// settle starts the service if it does not run, and waits until every enrolment is in the read model and acknowledged. One more
// enrolment shows that the relay and the consumer have their leases.
func (a *attack) settle() {
	a.t.Helper()
	if a.service.ProcessState != nil {
		a.startService()
	}
	a.enroll(1)
	a.eventually(func() bool { return a.pending() == 0 && a.handled() == a.created() && a.unacknowledged() == 0 })
}

// eventually waits for a condition, which is checked on the goroutine of the test.
func (a *attack) eventually(condition func() bool) {
	a.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); <-time.After(tick) {
		if time.Now().After(deadline) {
			a.t.Fatalf("found %d enrolments, %d rows in the outbox, %d events, %d effects, %d unacknowledged messages",
				a.created(), a.pending(), a.published(), a.handled(), a.unacknowledged())
		}
	}
}

// pauseBus makes Redis keep back all writes.
func (a *attack) pauseBus() (resume func()) {
	require.NoError(a.t, a.bus.Do(a.t.Context(), "client", "pause", patience.Milliseconds(), "write").Err())
	return func() { require.NoError(a.t, a.bus.Do(a.t.Context(), "client", "unpause").Err()) }
}

// lock keeps others from writing to a table. SQLite locks all tables.
func (a *attack) lock(table string) (unlock func()) {
	ctx := a.t.Context()
	connection, err := a.db.Conn(ctx)
	require.NoError(a.t, err)
	statements := []string{"begin immediate"}
	if a.settings.postgres != "" {
		statements = []string{"begin", "lock table " + table + " in share row exclusive mode"}
	}
	for _, statement := range statements {
		_, err := connection.ExecContext(ctx, statement)
		require.NoError(a.t, err)
	}
	unlock = sync.OnceFunc(func() {
		_, err := connection.ExecContext(context.WithoutCancel(ctx), "rollback")
		require.NoError(a.t, err)
		require.NoError(a.t, connection.Close())
	})
	a.t.Cleanup(unlock) // a failed test must not wait for it
	return unlock
}

// enroll enrols n users.
func (a *attack) enroll(n int) {
	for range n {
		require.NoError(a.t, a.enrollOne())
	}
}

func (a *attack) enrollOne() error {
	a.users++
	e := enrolled{fmt.Sprintf("course-v1:edX+DemoX+%d", a.users%5), a.users}
	status, err := a.request(http.MethodPost, "/enrollments", fmt.Sprintf(`{"course": %q, "user_id": %d, "username": "user"}`, e.Course, e.User))
	if err != nil {
		return err
	}
	require.Equal(a.t, http.StatusCreated, status)
	a.accepted = append(a.accepted, e)
	return nil
}

func (a *attack) request(method, path, body string) (status int, err error) {
	r, err := http.NewRequestWithContext(a.t.Context(), method, "http://"+a.settings.listen+path, strings.NewReader(body))
	require.NoError(a.t, err)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
