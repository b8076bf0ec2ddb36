package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/consume"
)

func (s *session) lag() *cobra.Command {
	var flags busFlags
	command := s.withAction(&cobra.Command{
		Use:   "lag --bus URL --group NAME TOPIC...",
		Short: "Show how far a consumer group is behind",
		Long: `Show how far a consumer group is behind, for each partition or stream.

  members  processes of the group that read the partition or stream
  behind   messages that the group has not acknowledged; "unknown" if the group has no
           position yet, and if Redis does not know it
  oldest   the age of the oldest of these messages, on Redis

TOPIC is the full name, with the prefix. The URL of the broker is one of

` + busForms,
		Example: "  " + s.Name + " lag --bus redis://127.0.0.1:6379/0 --group catalog dev-course-enrollments",
		Args:    arguments(1, maxTopics, "one TOPIC or more"),
	}, func(ctx context.Context, topics []string) error {
		source, closeSource, err := openBus(flags.url, flags.group, topics, consume.Start{})
		if err != nil {
			return err
		}
		defer closeSource()
		list, err := source.Lag(ctx)
		if err != nil {
			return err
		}
		rows := [][]string{{"topic", "partition", "members", "behind", "oldest"}}
		for _, l := range list {
			age := time.Duration(0)
			oldest := "-"
			if !l.Oldest.IsZero() {
				age = time.Since(l.Oldest)
				oldest = duration(age)
			}
			if s.format == formatJSON {
				err := writeJSONLine(s, struct {
					Topic         string  `json:"topic"`
					Partition     int32   `json:"partition"`
					Members       int     `json:"members"`
					Behind        int64   `json:"behind"` // -1 means unknown
					OldestSeconds float64 `json:"oldest_seconds"`
				}{l.Topic, l.Partition, l.Members, l.Behind, age.Seconds()})
				if err != nil {
					return err
				}
			}
			rows = append(rows, []string{l.Topic, strconv.Itoa(int(l.Partition)), strconv.Itoa(l.Members), known(l.Behind), oldest})
		}
		if s.format != formatJSON {
			s.table(rows)
		}
		return nil
	})
	flags.add(command, true)
	return command
}

// known returns n as text, or "unknown" if n is negative.
func known(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return strconv.FormatInt(n, 10)
}

func (s *session) replay() *cobra.Command {
	var flags busFlags
	var since string
	var apply bool
	command := s.withAction(&cobra.Command{
		Use:   "replay --bus URL --group NAME --since TIME TOPIC... [--apply]",
		Short: "Move a consumer group to a time, to read messages again",
		Long: `Move a consumer group to a time. The group reads the messages since that time again, or
skips the messages before it.

The group must have no members: stop its consumers first. Without --apply, the command
shows what it would do. Receivers get the events again, so they should use an inbox.

TOPIC is the full name, with the prefix. The URL of the broker is one of

` + busForms,
		Example: "  " + s.Name + " replay --bus redis://127.0.0.1:6379/0 --group catalog --since 1h dev-course-enrollments",
		Args:    arguments(1, maxTopics, "one TOPIC or more"),
	}, func(ctx context.Context, topics []string) error {
		start, err := timeOf(since, time.Now())
		if err != nil {
			return usageError{fmt.Errorf("--since: found %q; want a time such as 2026-01-31T08:00:00Z, or a duration ago such as 1h", since)}
		}
		source, closeSource, err := openBus(flags.url, flags.group, topics, consume.Start{})
		if err != nil {
			return err
		}
		defer closeSource()
		moves, err := source.Replay(ctx, start, apply)
		if err != nil {
			return err
		}
		rows := [][]string{{"topic", "partition", "from", "to", "messages"}}
		for _, m := range moves {
			if s.format == formatJSON {
				err := writeJSONLine(s, struct {
					Topic     string `json:"topic"`
					Partition int32  `json:"partition"`
					From      string `json:"from"`
					To        string `json:"to"`
					Messages  int64  `json:"messages"` // -1 means unknown
					Applied   bool   `json:"applied"`
				}{m.Topic, m.Partition, m.From, m.To, m.Messages, apply})
				if err != nil {
					return err
				}
			}
			rows = append(rows, []string{m.Topic, strconv.Itoa(int(m.Partition)), m.From, m.To, known(m.Messages)})
		}
		if s.format == formatJSON {
			return nil
		}
		s.table(rows)
		if !apply {
			fmt.Fprintln(s, "nothing was changed; add --apply to move the group")
		}
		return nil
	})
	flags.add(command, true)
	command.Flags().StringVar(&since, "since", "", "the `TIME` to read from, such as 2026-01-31T08:00:00Z, or a duration ago, such as 1h")
	command.Flags().BoolVar(&apply, "apply", false, "move the group")
	_ = command.MarkFlagRequired("since")
	return command
}
