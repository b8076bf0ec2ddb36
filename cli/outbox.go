package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/outbox"
)

// storeFlags name the outbox to open.
type storeFlags struct{ url, table string }

func (f *storeFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.url, "outbox", "", "the `URL` of the database; postgres://… or sqlite:FILE")
	command.Flags().StringVar(&f.table, "table", "", "the `NAME` of the table with the rows; default: signalcast_outbox")
	_ = command.MarkFlagRequired("outbox")
}

func (s *session) outbox() *cobra.Command {
	command := &cobra.Command{
		Use:   "outbox",
		Short: "Show and change the rows of an outbox",
		Long: `Show and change the rows of an outbox, which hold messages for the relay.

The URL of the database is one of

` + storeForms,
	}
	command.AddCommand(s.outboxStatus(), s.outboxList(), s.outboxRetry(), s.outboxDrop(), s.outboxMigrate())
	return command
}

// withStore sets the function f that a command runs with the open outbox. Unless check is nil, it checks the flags first.
func (s *session) withStore(command *cobra.Command, check func() error, f func(ctx context.Context, st *store) error) *cobra.Command {
	return s.withTables(command, func(ctx context.Context, flags storeFlags) error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		st, err := openStore(ctx, flags.url, flags.table)
		if err != nil {
			return err
		}
		defer st.close()
		if err := st.Prepare(ctx, nil); err != nil {
			return err
		}
		return f(ctx, st)
	})
}

// withTables sets the function f that a command runs, and adds the flags of an outbox.
func (s *session) withTables(command *cobra.Command, f func(ctx context.Context, flags storeFlags) error) *cobra.Command {
	var flags storeFlags
	command.Args = arguments(0, 0, "no arguments")
	command = s.withAction(command, func(ctx context.Context, _ []string) error { return f(ctx, flags) })
	flags.add(command)
	return command
}

// outboxState is the JSON form of an outbox.Status.
type outboxState struct {
	Pending       int64   `json:"pending"`
	Failing       int64   `json:"failing"`
	Parked        int64   `json:"parked"`
	OldestSeconds float64 `json:"oldest_seconds"`
	Relay         string  `json:"relay,omitempty"`
}

func stateOf(status outbox.Status) outboxState {
	state := outboxState{Pending: status.Pending, Failing: status.Failing, Parked: status.Parked, Relay: status.Lease.Holder}
	if !status.Oldest.IsZero() {
		state.OldestSeconds = status.Now.Sub(status.Oldest).Seconds()
	}
	return state
}

func (s *session) outboxStatus() *cobra.Command {
	return s.withStore(&cobra.Command{
		Use:   "status --outbox URL",
		Short: "Count the rows of an outbox, and name the relay with the lease",
		Long: `Count the rows of an outbox, and name the relay with the lease.

  pending  rows that are not published yet
  failing  pending rows whose last attempt failed; the relay retries them
  parked   rows that the relay does not retry, until "outbox retry"
  oldest   the age of the oldest pending row
  relay    the relay that has the lease

The exit code is 1 if a row is parked or failing.`,
		Example: "  " + s.Name + " outbox status --outbox postgres://localhost/app",
	}, nil, func(ctx context.Context, st *store) error {
		status, err := st.Status(ctx)
		if err != nil {
			return err
		}
		state := stateOf(status)
		if s.format == formatJSON {
			if err := writeJSON(s, state); err != nil {
				return err
			}
		} else {
			oldest := "none"
			if !status.Oldest.IsZero() {
				oldest = duration(status.Now.Sub(status.Oldest))
			}
			s.table([][]string{
				{"pending", strconv.FormatInt(state.Pending, 10)},
				{"failing", strconv.FormatInt(state.Failing, 10)},
				{"parked", strconv.FormatInt(state.Parked, 10)},
				{"oldest", oldest},
				{"relay", cmp.Or(state.Relay, "none")},
			})
		}
		if state.Parked+state.Failing > 0 {
			return errProblems
		}
		return nil
	})
}

// duration returns d as text, rounded for a reader.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

// filterFlags select rows of an outbox.
type filterFlags struct {
	filter    outbox.Filter
	sequences []string
	all       bool
}

func (f *filterFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringSliceVar(&f.sequences, "sequence", nil, "the `NUMBER` of a row; may be repeated")
	flags.StringVar(&f.filter.Topic, "topic", "", "only rows of this `TOPIC`, prefix included")
	flags.StringVar(&f.filter.EventType, "event-type", "", "only rows of this `EVENT_TYPE`")
}

// addWithAll adds the flags of a command that changes rows, which also needs --all.
func (f *filterFlags) addWithAll(command *cobra.Command) {
	f.add(command)
	command.Flags().BoolVar(&f.all, "all", false, "all rows")
}

// parse sets the rest of the filter from the flags.
func (f *filterFlags) parse() error {
	for _, text := range f.sequences {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usageError{fmt.Errorf("--sequence: found %q; want a number that outbox list shows", text)}
		}
		f.filter.Sequences = append(f.filter.Sequences, n)
	}
	if f.filter.Limit < 0 {
		return usageError{fmt.Errorf("--limit: found %d; want a number, or 0 for all rows", f.filter.Limit)}
	}
	return nil
}

// parseSelection is parse for a command that changes rows. It returns an error if no flag selects rows.
func (f *filterFlags) parseSelection() error {
	err := f.parse()
	if err == nil && !f.all && len(f.filter.Sequences) == 0 && f.filter.Topic == "" && f.filter.EventType == "" {
		err = usageError{errors.New("found no selection; want --sequence, --topic, --event-type or --all")}
	}
	return err
}

// outboxRow is the JSON form of an outbox.Row.
type outboxRow struct {
	Sequence  int64           `json:"sequence"`
	EventType string          `json:"event_type"`
	EventID   string          `json:"event_id,omitempty"`
	Topic     string          `json:"topic"`
	StoredAt  time.Time       `json:"stored_at"`
	ParkedAt  *time.Time      `json:"parked_at,omitempty"`
	Attempts  int             `json:"attempts"`
	Error     string          `json:"error,omitempty"`
	Key       json.RawMessage `json:"key,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

func rowOf(r outbox.Row, withData bool) (outboxRow, error) {
	row := outboxRow{Sequence: r.Sequence, EventType: r.EventType, Topic: r.Topic, StoredAt: r.StoredAt, Attempts: r.Attempts, Error: r.LastError}
	if !r.ParkedAt.IsZero() {
		row.ParkedAt = &r.ParkedAt
	}
	if r.Message == nil {
		row.Error = cmp.Or(row.Error, r.Err.Error())
		return row, nil
	}
	row.EventID = r.Message.Event.ID.String()
	if !withData {
		return row, nil
	}
	var err error
	if row.Value, err = decoded(r.Message.Event.ValueSchema, r.Message.Event.Value); err != nil {
		return row, fmt.Errorf("row %d: %w", r.Sequence, err)
	}
	if r.Message.Key != nil {
		if row.Key, err = decoded(r.Message.KeySchema, r.Message.Key); err != nil {
			return row, fmt.Errorf("row %d: %w", r.Sequence, err)
		}
	}
	return row, nil
}

func (s *session) outboxList() *cobra.Command {
	var filter filterFlags
	data := false
	command := s.withStore(&cobra.Command{
		Use:   "list --outbox URL",
		Short: "List the parked rows, or the pending ones",
		Long: `List the parked rows, or with --pending the pending ones.

Event data and keys are shown only with --data.`,
		Example: "  " + s.Name + " outbox list --outbox sqlite:app.db --topic prod-enrollments",
	}, filter.parse, func(ctx context.Context, st *store) error {
		found, err := st.List(ctx, filter.filter)
		if err != nil {
			return err
		}
		rows := make([]outboxRow, len(found))
		for i, r := range found {
			if rows[i], err = rowOf(r, data); err != nil {
				return err
			}
		}
		if s.format == formatJSON {
			return writeJSON(s, rows)
		}
		s.writeRows(rows)
		return nil
	})
	filter.add(command)
	command.Flags().BoolVar(&filter.filter.Pending, "pending", false, "list pending rows instead of parked ones")
	command.Flags().IntVar(&filter.filter.Limit, "limit", 100, "list at most this `NUMBER` of rows; 0 means all")
	command.Flags().BoolVar(&data, "data", false, "show event data and keys")
	return command
}

func (s *session) writeRows(rows []outboxRow) {
	if len(rows) == 0 {
		s.printf("no rows\n")
		return
	}
	table := [][]string{{"SEQUENCE", "EVENT TYPE", "TOPIC", "STORED", "ATTEMPTS", "ERROR"}}
	for _, r := range rows {
		line, _, _ := strings.Cut(r.Error, "\n")
		table = append(table, []string{
			strconv.FormatInt(r.Sequence, 10), r.EventType, r.Topic, r.StoredAt.UTC().Format(time.RFC3339), strconv.Itoa(r.Attempts), line,
		})
	}
	s.table(table)
	for _, r := range rows {
		if r.Value != nil {
			s.printf("\nsequence  %d\nkey       %s\nvalue     %s\n", r.Sequence, cmp.Or(string(r.Key), "none"), r.Value)
		}
	}
}

func (s *session) outboxRetry() *cobra.Command {
	var filter filterFlags
	command := s.withStore(&cobra.Command{
		Use:   "retry --outbox URL (--all | --sequence NUMBER | --topic TOPIC | --event-type EVENT_TYPE)",
		Short: "Let the relay publish parked rows again",
		Long: `Let the relay publish parked rows again.

The rows get new numbers, behind all others. Later events with equal keys may be
published already, so the retried ones can be out of order.`,
		Example: "  " + s.Name + " outbox retry --outbox sqlite:app.db --topic prod-enrollments",
	}, filter.parseSelection, func(ctx context.Context, st *store) error {
		n, err := st.Retry(ctx, filter.filter)
		return s.writeCount(n, "retried", err)
	})
	filter.addWithAll(command)
	return command
}

func (s *session) outboxDrop() *cobra.Command {
	var filter filterFlags
	command := s.withStore(&cobra.Command{
		Use:   "drop --outbox URL (--all | --sequence NUMBER | --topic TOPIC | --event-type EVENT_TYPE)",
		Short: "Delete parked rows, or pending ones, for good",
		Long: `Delete parked rows, or with --pending pending ones, for good. Their events are not
published.`,
		Example: "  " + s.Name + " outbox drop --outbox sqlite:app.db --sequence 42",
	}, filter.parseSelection, func(ctx context.Context, st *store) error {
		n, err := st.Drop(ctx, filter.filter)
		return s.writeCount(n, "dropped", err)
	})
	filter.addWithAll(command)
	command.Flags().BoolVar(&filter.filter.Pending, "pending", false, "delete pending rows instead of parked ones")
	return command
}

// writeCount writes the number of rows that a command changed.
func (s *session) writeCount(n int, what string, err error) error {
	if err != nil {
		return err
	}
	if s.format == formatJSON {
		return writeJSON(s, map[string]int{what: n})
	}
	s.printf("%s %s\n", count(n, "row"), what)
	return nil
}

func (s *session) outboxMigrate() *cobra.Command {
	printOnly := false
	command := s.withTables(&cobra.Command{
		Use:   "migrate [--print] --outbox URL",
		Short: "Create the tables, or bring them to the present version",
		Long: `Create the tables, or bring them to the present version. The command does nothing if
they have it already.

With --print, print the SQL instead of running it.`,
		Example: "  " + s.Name + " outbox migrate --outbox postgres://localhost/app",
	}, func(ctx context.Context, flags storeFlags) error {
		st, err := openStore(ctx, flags.url, flags.table)
		if err != nil {
			return err
		}
		defer st.close()
		if printOnly {
			s.printf("%s\n", strings.TrimSpace(strings.Join(st.migrations, "\n")))
			return nil
		}
		if err := st.Migrate(ctx); err != nil {
			return err
		}
		s.printf("the tables have the present version\n")
		return nil
	})
	command.Flags().BoolVar(&printOnly, "print", false, "print the SQL, and do not run it")
	return command
}
