package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/signalcast/signalcast/outbox"
)

func (s *session) relay() *cobra.Command {
	var flags storeFlags
	var to string
	var untilEmpty bool
	timeout := 2 * time.Minute
	command := s.withAction(&cobra.Command{
		Use:   "relay --outbox URL --to URL",
		Short: "Publish the rows of an outbox",
		Long: `Publish the rows of an outbox, until the command is interrupted.

Several relays of one outbox may run. One publishes at a time; the others stand by.
On a terminal, a line shows the pending rows and the rate. The log goes to standard
error.

The URL of the database is one of

` + storeForms + `

The URL of the broker is one of

` + brokerForms,
		Example: "  " + s.Name + " relay --outbox postgres://localhost/app --to redis://127.0.0.1:6379/0",
		Args:    arguments(0, 0, "no arguments"),
	}, func(ctx context.Context, _ []string) error {
		if scheme, _, _ := strings.Cut(to, ":"); scheme == "memory" {
			return usageError{fmt.Errorf("--to: found memory:, which would lose the rows when the command ends; want one of\n%s", brokerForms)}
		}
		backend, err := openBackend(to, timeout)
		if err != nil {
			return usageError{err}
		}
		st, err := openStore(ctx, flags.url, flags.table)
		if err != nil {
			return errors.Join(err, backend.Close(ctx))
		}
		defer st.close()
		p := newProgress(s, st)
		relay, err := outbox.NewRelay(st, backend, outbox.Config{Logger: slog.New(slog.NewTextHandler(p, nil))})
		if err != nil {
			return errors.Join(err, backend.Close(ctx))
		}
		running, stop := context.WithCancel(ctx)
		defer stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.show(running, relay, untilEmpty, stop)
		}()
		err = relay.Run(running)
		stop()
		<-done
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), backendGrace)
		defer cancel()
		return errors.Join(err, backend.Close(closing))
	})
	flags.add(command)
	command.Flags().StringVar(&to, "to", "", "the `URL` of the broker")
	command.Flags().DurationVar(&timeout, "timeout", timeout, "the `DURATION` that an attempt waits for the acknowledgement")
	command.Flags().BoolVar(&untilEmpty, "until-empty", false, "stop when no row is pending")
	_ = command.MarkFlagRequired("to")
	return command
}

// progress shows the pending rows and the rate in one line of a terminal. It also writes the log, so that it can
// remove that line before each line of the log.
type progress struct {
	log      io.Writer
	terminal io.Writer // nil if standard error is a file or a pipe
	store    outbox.Store
}

func newProgress(s *session, st outbox.Store) *progress {
	p := &progress{log: s.Stderr, store: st}
	if file, isFile := s.Stderr.(*escapeWriter).w.(*os.File); isFile && term.IsTerminal(int(file.Fd())) {
		p.terminal = file
	}
	return p
}

// print replaces the line on the terminal by line.
func (p *progress) print(line string) {
	if p.terminal != nil {
		const clearLine = "\r\x1b[K"
		fmt.Fprint(p.terminal, clearLine+line)
	}
}

// Write writes a line of the log.
func (p *progress) Write(line []byte) (int, error) {
	p.print("")
	return p.log.Write(line)
}

// show shows the progress every second until ctx ends. With untilEmpty, it ends when no row is pending, and calls stop. It also looks when as
// many rows are deleted as were pending.
func (p *progress) show(ctx context.Context, relay *outbox.Relay, untilEmpty bool, stop func()) {
	if p.terminal == nil && !untilEmpty {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, last := relay.Stats(), time.Now()
	for ctx.Err() == nil {
		stats := relay.Stats() // first, so that every row that is deleted after the look is counted
		status, err := p.store.Status(ctx)
		pending := int64(-1)
		if err == nil {
			rate := float64(stats.Deleted-before.Deleted) / time.Since(last).Seconds()
			before, last, pending = stats, time.Now(), status.Pending
			line := strconv.FormatInt(status.Pending, 10) + " pending, " + strconv.Itoa(int(rate)) + " rows/s"
			if !status.Oldest.IsZero() {
				line += ", oldest " + duration(status.Now.Sub(status.Oldest))
			}
			if status.Parked > 0 {
				line += ", " + strconv.FormatInt(status.Parked, 10) + " parked"
			}
			if !stats.Leading {
				line += ", standing by"
			}
			p.print(line)
		}
		if err == nil && untilEmpty && status.Pending == 0 {
			break
		}
		awaitNext(ctx, tick.C, func() bool { return untilEmpty && pending >= 0 && relay.Stats().Deleted-before.Deleted >= pending })
	}
	p.print("")
	if untilEmpty {
		stop()
	}
}

// awaitNext waits for a tick, for done, or until ctx ends.
func awaitNext(ctx context.Context, tick <-chan time.Time, done func() bool) {
	looks := time.NewTicker(20 * time.Millisecond)
	defer looks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			return
		case <-looks.C:
			if done() {
				return
			}
		}
	}
}
