package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/consume"
)

// deadLetterFlags select the dead letters of a topic and a consumer group.
type deadLetterFlags struct {
	busFlags

	suffix string
	idle   time.Duration
}

func (f *deadLetterFlags) add(command *cobra.Command) {
	f.busFlags.add(command, true)
	command.Flags().StringVar(&f.suffix, "suffix", "dead", "the `SUFFIX` of the names of dead-letter topics")
	command.Flags().DurationVar(&f.idle, "idle", 2*time.Second, "stop when no dead letter comes for this `DURATION`, if the broker does not tell which is the last")
}

func (f *deadLetterFlags) topic(topic string) string {
	return consume.DeadLetterTopic(topic, f.group, f.suffix)
}

func (s *session) deadLetter() *cobra.Command {
	command := &cobra.Command{
		Use:   "deadletter",
		Short: "Show the dead letters of a consumer group, and publish them again",
		Long: `Show the dead letters of a consumer group, and publish them again.

The dead letters of topic "orders" and group "catalog" are on the topic
"orders-catalog-dead". The URL of the broker is one of

` + busForms,
	}
	command.AddCommand(s.deadLetterList(), s.deadLetterReplay())
	return command
}

func (s *session) deadLetterList() *cobra.Command {
	var flags deadLetterFlags
	command := s.withAction(&cobra.Command{
		Use:     "list --bus URL --group NAME TOPIC",
		Short:   "Show the dead letters of a topic",
		Long:    "Show the dead letters of a topic, the oldest first, with the reason of each. The command changes nothing.",
		Example: "  " + s.Name + " deadletter list --bus redis://127.0.0.1:6379/0 --group catalog dev-course-enrollments",
		Args:    arguments(1, 1, "one TOPIC"),
	}, func(ctx context.Context, topics []string) error {
		source, closeSource, err := openBus(flags.url, "", []string{flags.topic(topics[0])}, consume.Earliest())
		if err != nil {
			return err
		}
		defer closeSource()
		r := &topicReader{
			source: source, registry: s.Registry, ends: &ends{}, idle: flags.idle,
			show: s.showMessage, report: s.reportUnlessMissing,
		}
		return r.run(ctx)
	})
	flags.add(command)
	return command
}

func (s *session) deadLetterReplay() *cobra.Command {
	var flags deadLetterFlags
	var apply bool
	command := s.withAction(&cobra.Command{
		Use:   "replay --bus URL --group NAME TOPIC [--apply]",
		Short: "Publish the dead letters of a topic to the topic again",
		Long: `Publish each dead letter of a topic to the topic again, once.

Every group of the topic gets the messages, not only the group that failed. An inbox makes
repeated events harmless. The broker records which dead letters were published, as the
position of the group "NAME-replay". Without --apply, the command shows how many wait.`,
		Example: "  " + s.Name + " deadletter replay --bus redis://127.0.0.1:6379/0 --group catalog dev-course-enrollments --apply",
		Args:    arguments(1, 1, "one TOPIC"),
	}, func(ctx context.Context, topics []string) error {
		dead := flags.topic(topics[0])
		source, closeSource, err := openBus(flags.url, flags.group+"-replay", []string{dead}, consume.Earliest())
		if err != nil {
			return err
		}
		defer closeSource()
		if !apply {
			return s.showWaiting(ctx, source, dead)
		}
		published := 0
		r := &topicReader{
			source: source, registry: s.Registry, ends: &ends{}, idle: flags.idle,
			report: s.reportUnlessMissing,
		}
		r.publish = func(ctx context.Context, m *consume.Message) error {
			if err := source.Publish(ctx, topics[0], m, nil); err != nil {
				return err
			}
			published++
			return nil
		}
		err = r.run(ctx)
		if err != nil && published == 0 {
			return err
		}
		if s.format == formatJSON {
			_ = writeJSONLine(s, map[string]int{"published": published})
		} else {
			fmt.Fprintf(s, "published %s to %s\n", count(published, "dead letter"), topics[0])
		}
		return err
	})
	flags.add(command)
	command.Flags().BoolVar(&apply, "apply", false, "publish the dead letters")
	return command
}

// reportUnlessMissing reports a trouble, unless it is that the dead-letter topic does not exist yet.
func (s *session) reportUnlessMissing(err error) {
	if !isMissingTopic(err) {
		s.reportTrouble(err)
	}
}

// showWaiting writes how many dead letters wait to be published again.
func (s *session) showWaiting(ctx context.Context, source consume.Operator, dead string) error {
	list, err := source.Lag(ctx)
	if err != nil && !isMissingTopic(err) {
		return err
	}
	waiting := int64(0)
	for _, l := range list {
		if l.Newest == nil {
			continue
		}
		if l.Behind < 0 {
			waiting = -1
			break
		}
		waiting += l.Behind
	}
	switch {
	case s.format == formatJSON:
		return writeJSONLine(s, map[string]int64{"waiting": waiting})
	case waiting < 0:
		fmt.Fprintf(s, "no dead letter of %s was published again yet; add --apply to publish them all\n", dead)
	default:
		fmt.Fprintf(s, "%d dead letters of %s wait; add --apply to publish them\n", waiting, dead)
	}
	return nil
}
