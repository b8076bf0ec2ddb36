package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/consume"
)

func (s *session) tail() *cobra.Command {
	var flags busFlags
	var from string
	var limit int
	var idle time.Duration
	command := s.withAction(&cobra.Command{
		Use:   "tail --bus URL TOPIC...",
		Short: "Show the events on topics",
		Long: `Show the events on topics as they arrive, until the command is interrupted.

tail belongs to no consumer group, so other readers get the events too. TOPIC is the
full name, with the prefix. A message that cannot be decoded is shown with the reason.
With --format json, each message is one line.

The URL of the broker is one of

` + busForms,
		Example: "  " + s.Name + " tail --bus redis://127.0.0.1:6379/0 --from beginning --count 3 dev-course-enrollments",
		Args:    arguments(1, maxTopics, "one TOPIC or more"),
	}, func(ctx context.Context, topics []string) error {
		start, err := startOf(from, time.Now())
		if err != nil {
			return usageError{err}
		}
		if limit < 0 {
			return usageError{fmt.Errorf("--count: found %d; want a number, or 0 for no limit", limit)}
		}
		source, closeSource, err := openBus(flags.url, "", topics, start)
		if err != nil {
			return err
		}
		defer closeSource()
		r := &topicReader{
			source: source, registry: s.Registry, limit: limit, idle: idle,
			show: s.showMessage, report: s.reportTrouble,
		}
		return r.run(ctx)
	})
	flags.add(command, false)
	command.Flags().StringVar(&from, "from", "now", "where to begin: now, beginning, a `TIME` such as 2026-01-31T08:00:00Z, or a duration ago such as 15m")
	command.Flags().IntVar(&limit, "count", 0, "stop after this `NUMBER` of messages; 0 means no limit")
	command.Flags().DurationVar(&idle, "idle", 0, "stop when no message comes for this `DURATION`; 0 means no limit")
	return command
}

// startOf returns the start that --from names.
func startOf(text string, now time.Time) (consume.Start, error) {
	switch text {
	case "now":
		return consume.Latest(), nil
	case "beginning":
		return consume.Earliest(), nil
	}
	t, err := timeOf(text, now)
	if err != nil {
		return consume.Start{}, fmt.Errorf("--from: found %q; want now, beginning, a time such as 2026-01-31T08:00:00Z, or a duration ago such as 15m", text)
	}
	return consume.Since(t), nil
}

// timeOf parses a time, or a duration before now.
func timeOf(text string, now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	return time.Parse(time.RFC3339, text)
}
