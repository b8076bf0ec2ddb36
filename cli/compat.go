package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast/compat"
)

func (s *session) compat() *cobra.Command {
	var against string
	level, update := choice(compat.Forward.String()), false
	command := s.withAction(&cobra.Command{
		Use:   "compat --against FILE [--level LEVEL] [--update]",
		Short: "Report the changes of schemas that break consumers",
		Long: `Report the changes of schemas that break consumers. FILE holds the schemas of an
earlier version. --update writes the present schemas to FILE.

problem   The level forbids the change.
change    The level permits the change.

The level says which consumers on Kafka must be able to read which events.

  forward    consumers with the old schema read new events, as Open edX requires
  backward   consumers with the new schema read old events
  full       both
  exact      no schema changes

On Redis, messages carry no schema. A consumer there reads only events that were written
with its own schema, so Redis needs the level exact. Each line of the output names the
consumers that the change breaks.`,
		Example: "  " + s.Name + " compat --against schemas.json --update\n  " + s.Name + " compat --against schemas.json --format github",
		Args:    arguments(0, 0, "no arguments"),
	}, func(context.Context, []string) error {
		report, err := s.compareSchemas(against, string(level), update)
		if err != nil {
			return err
		}
		s.writeCompat(report)
		if len(report.Problems) > 0 {
			return errProblems
		}
		return nil
	})
	flags := command.Flags()
	flags.StringVar(&against, "against", "", "the `FILE` with the schemas of an earlier version")
	flags.BoolVar(&update, "update", false, "write the present schemas to FILE, after the comparison")
	addChoice(command, flags, &level, "level", "which changes are problems", "forward", "backward", "full", "exact")
	addChoice(command, flags, &s.format, "format", "the form of the output; github means annotations of GitHub Actions", "text", "json", "github")
	_ = command.MarkFlagRequired("against")
	return command
}

const formatGitHub choice = "github"

// compatReport is the JSON form of the output.
type compatReport struct {
	File       string           `json:"file"`
	Level      string           `json:"level"`
	EventTypes int              `json:"event_types"`
	Added      []string         `json:"new_event_types"`
	Updated    bool             `json:"updated"`
	Problems   []compat.Finding `json:"problems"`
	Changes    []compat.Finding `json:"changes"`
}

// compareSchemas compares the schemas in a file with the present ones. If update is set, it then writes the
// present ones to the file, and a missing file counts as empty.
func (s *session) compareSchemas(file, level string, update bool) (*compatReport, error) {
	now, err := compat.NewSnapshot(s.Registry)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	switch {
	case update && errors.Is(err, fs.ErrNotExist):
		text = []byte("{}")
	case err != nil:
		return nil, usageError{err}
	}
	old, err := compat.ParseSnapshot(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	all, err := old.Check(now, compat.Exact)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	report := &compatReport{file, level, len(now), []string{}, update, []compat.Finding{}, []compat.Finding{}}
	for _, eventType := range sorted(now) {
		if _, existed := old[eventType]; !existed {
			report.Added = append(report.Added, eventType)
		}
	}
	for _, f := range all {
		if levelNamed(level).Forbids(f) {
			report.Problems = append(report.Problems, f)
		} else {
			report.Changes = append(report.Changes, f)
		}
	}
	if !update {
		return report, nil
	}
	if text, err = now.Text(); err != nil {
		return nil, err
	}
	return report, os.WriteFile(file, text, 0o644) //nolint:gosec // the file belongs into the repository of the service
}

func levelNamed(name string) compat.Level {
	for _, level := range compat.Levels() {
		if level.String() == name {
			return level
		}
	}
	return compat.Forward
}

func (s *session) writeCompat(report *compatReport) {
	switch s.format {
	case formatJSON:
		_ = writeJSON(s, report)
		return
	case formatGitHub:
		for _, f := range report.Problems {
			s.printf("::error file=%s::%s\n", gitHubProperty(report.File), gitHubText(f.String()))
		}
		for _, f := range report.Changes {
			s.printf("::notice file=%s::%s\n", gitHubProperty(report.File), gitHubText(f.String()))
		}
	default:
		for _, f := range report.Problems {
			s.printf("%s %s\n", s.paint(red, "problem"), f)
		}
		for _, f := range report.Changes {
			s.printf("%s %s\n", s.paint(yellow, "change"), f)
		}
	}
	verdict := "no problems"
	if n := len(report.Problems); n > 0 {
		verdict = count(n, "problem")
	}
	s.printf("%s, %s: %s, %d of them new, level %s\n", verdict,
		count(len(report.Changes), "other change"), count(report.EventTypes, "event type"), len(report.Added), report.Level)
	if report.Updated {
		s.printf("wrote the present schemas to %s\n", report.File)
	}
}

// gitHubText escapes the text of an annotation of GitHub Actions.
func gitHubText(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// gitHubProperty escapes a property of an annotation, such as its file.
func gitHubProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(gitHubText(text))
}
