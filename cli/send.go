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
	command := s.does(&cobra.Command{
		Use:   "send --config CONFIG... --data FILE --to URL EVENT_TYPE",
		Short: "Send an event and show the receipts",
		Long: `Send an event to every topic that the configuration enables for it, and show the
receipts. The exit code is 1 unless every topic acknowledges the event.

URL is one of

` + backendForms,
		Example: "  " + s.Name + " send org.openedx.learning.course.enrollment.created.v1 -c site.yaml --data event.json --to redis://127.0.0.1:6379/0\n" +
			"  cat event.json | " + s.Name + " send org.openedx.learning.course.enrollment.created.v1 -c site.yaml --data - --to memory:",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.completeEventType,
	}, func(ctx context.Context, args []string) error {
		if timeout < time.Millisecond {
			return usageError{fmt.Errorf("--timeout: found %v; want 1ms or more", timeout)}
		}
		backend, err := openBackend(to, timeout)
		if err != nil {
			return usageError{err}
		}
		defer func() { _ = backend.Close(ctx) }() // the dispatcher has closed it when all is well
		e, err := flags.read(s, args[0])
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, timeout+backendGrace)
		defer cancel()
		receipts, err := e.send(ctx, s, flags.prefix, backend)
		if err != nil {
			return err
		}
		return s.writeReceipts(e, receipts)
	})
	flags.add(command)
	command.Flags().StringVar(&to, "to", "", "the `URL` of the broker")
	command.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait for the acknowledgements")
	_ = command.MarkFlagRequired("data")
	_ = command.MarkFlagRequired("to")
	return command
}

// backendGrace is how long after its own timeout a backend may report a failure.
const backendGrace = 15 * time.Second

// receipt is the outcome for one topic.
type receipt struct {
	Topic     string `json:"topic"`
	Delivered bool   `json:"delivered"`
	ID        string `json:"id,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	Fate      string `json:"fate,omitempty"` // of a message that was not delivered
	Error     string `json:"error,omitempty"`
}

// send sends the event and returns the outcomes. With an error there are none.
func (e *event) send(ctx context.Context, s *session, prefix string, b signalcast.Backend) ([]receipt, error) {
	var mu sync.Mutex // hooks are called on the backend's goroutines
	receipts := []receipt{}
	add := func(r receipt) {
		mu.Lock()
		defer mu.Unlock()
		receipts = append(receipts, r)
	}
	failed := func(err *signalcast.DeliveryError) {
		add(receipt{Topic: err.Topic, Fate: err.Fate.String(), Error: err.Err.Error()})
	}
	d, err := e.dispatcher(ctx, s, prefix, b, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(m *signalcast.Message, r signalcast.Receipt) {
			delivered := receipt{Topic: m.Topic, Delivered: true, ID: r.ID}
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
	closed := d.Close(ctx) // every outcome is known then
	mu.Lock()
	defer mu.Unlock()
	var other *signalcast.DeliveryError
	if sent != nil && !errors.As(sent, &other) {
		return nil, sent
	}
	if len(receipts) == 0 && closed != nil {
		return nil, closed
	}
	slices.SortFunc(receipts, func(a, b receipt) int { return cmp.Compare(a.Topic, b.Topic) })
	return receipts, nil
}

func (s *session) writeReceipts(e *event, receipts []receipt) error {
	if s.format == formatJSON {
		if err := writeJSON(s, struct {
			Receipts []receipt `json:"receipts"`
		}{receipts}); err != nil {
			return err
		}
	} else {
		for _, r := range receipts {
			switch {
			case !r.Delivered:
				s.printf("%s  %s: %s: %s\n", s.paint(red, "not delivered"), r.Topic, r.Fate, r.Error)
			case r.ID != "":
				s.printf("%s  %s: ID %s\n", s.paint(green, "delivered"), r.Topic, r.ID)
			case r.Offset == nil:
				s.printf("%s  %s\n", s.paint(green, "delivered"), r.Topic)
			default:
				s.printf("%s  %s: partition %d, offset %d\n", s.paint(green, "delivered"), r.Topic, *r.Partition, *r.Offset)
			}
		}
	}
	switch {
	case len(receipts) == 0:
		return fmt.Errorf("nothing was sent: %s", e.whyNowhere())
	case slices.ContainsFunc(receipts, func(r receipt) bool { return !r.Delivered }):
		return errProblems
	default:
		return nil
	}
}
