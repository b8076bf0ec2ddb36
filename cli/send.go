package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
)

func (s *session) send() *cobra.Command {
	var flags eventFlags
	var to string
	timeout := 30 * time.Second
	command := s.withAction(&cobra.Command{
		Use:   "send --config CONFIG... --data FILE --to URL EVENT_TYPE",
		Short: "Send an event and show the receipts",
		Long: `Send an event to every topic that the configuration enables for its type, and
show the receipts. The exit code is 1 unless the broker acknowledges the event for
every topic.

URL is one of

` + backendForms,
		Example: "  " + s.Name + " send org.openedx.learning.course.enrollment.created.v1 -c site.yaml --data event.json --to redis://127.0.0.1:6379/0\n" +
			"  cat event.json | " + s.Name + " send org.openedx.learning.course.enrollment.created.v1 -c site.yaml --data - --to memory:",
		Args:              arguments(1, 1, "one EVENT_TYPE"),
		ValidArgsFunction: s.completeEventType,
	}, func(ctx context.Context, args []string) error {
		backend, err := openBackend(to, timeout)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = backend.Close(ctx) }() // the dispatcher closes it too, unless it does not start
		e, err := flags.read(s, args[0])
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout+backendGrace)
		defer cancel()
		outcomes, err := e.send(ctx, s, backend)
		if err != nil {
			return err
		}
		return s.writeOutcomes(e, outcomes)
	})
	flags.add(command)
	command.Flags().StringVar(&to, "to", "", "the `URL` of the broker")
	command.Flags().DurationVar(&timeout, "timeout", timeout, "the `DURATION` to wait for acknowledgements")
	_ = command.MarkFlagRequired("data")
	_ = command.MarkFlagRequired("to")
	return command
}

// backendGrace is the time that a backend has, after its timeout, to report a failure.
const backendGrace = 15 * time.Second

// outcome is the JSON form of what happened to the message of one topic.
type outcome struct {
	Topic     string `json:"topic"`
	Delivered bool   `json:"delivered"`
	ID        string `json:"id,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Fate      string `json:"fate,omitempty"` // of a message without a receipt
	Error     string `json:"error,omitempty"`
}

// send sends the event and returns the outcomes, sorted by topic. It returns an error if no message
// reached the backend.
func (e *event) send(ctx context.Context, s *session, b signalcast.Backend) ([]outcome, error) {
	var mu sync.Mutex // the backend's goroutines call the hooks
	outcomes := []outcome{}
	add := func(o outcome) {
		mu.Lock()
		defer mu.Unlock()
		outcomes = append(outcomes, o)
	}
	failed := func(err *signalcast.DeliveryError) {
		add(outcome{Topic: err.Topic, Fate: err.Fate.String(), Error: err.Err.Error()})
	}
	d, err := e.dispatcher(ctx, s, b, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(m *signalcast.Message, r signalcast.Receipt) {
			delivered := outcome{Topic: m.Topic, Delivered: true, ID: r.ID}
			if r.HasOffset {
				delivered.Partition, delivered.Offset = &r.Partition, &r.Offset
			}
			add(delivered)
		},
		Failed: failed, Rejected: failed,
	}))
	if err != nil {
		return nil, err
	}
	sent := s.Registry.SendJSON(ctx, e.eventType, e.data, e.options...)
	closed := d.Close(ctx) // waits for every outcome
	mu.Lock()
	defer mu.Unlock()
	if _, reached := errors.AsType[*signalcast.DeliveryError](sent); sent != nil && !reached {
		return nil, e.locate(sent)
	}
	if len(outcomes) == 0 && closed != nil {
		return nil, closed
	}
	slices.SortFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.Topic, b.Topic) })
	return outcomes, nil
}

func (s *session) writeOutcomes(e *event, outcomes []outcome) error {
	if s.format == formatJSON {
		if err := writeJSON(s, struct {
			Receipts []outcome `json:"receipts"`
		}{outcomes}); err != nil {
			return err
		}
	} else {
		for _, o := range outcomes {
			switch {
			case !o.Delivered:
				s.printf("%s  %s: %s: %s\n", s.paint(red, "not delivered"), o.Topic, o.Fate, o.Error)
			case o.ID != "":
				s.printf("%s  %s: ID %s\n", s.paint(green, "delivered"), o.Topic, o.ID)
			case o.Offset == nil:
				s.printf("%s  %s\n", s.paint(green, "delivered"), o.Topic)
			default:
				s.printf("%s  %s: partition %d, offset %d\n", s.paint(green, "delivered"), o.Topic, *o.Partition, *o.Offset)
			}
		}
	}
	switch {
	case len(outcomes) == 0:
		return fmt.Errorf("the event was not sent: %s", e.whyNotSent())
	case slices.ContainsFunc(outcomes, func(o outcome) bool { return !o.Delivered }):
		return errProblems
	default:
		return nil
	}
}
