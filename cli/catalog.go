package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (s *session) catalog() *cobra.Command {
	keys := false
	command := s.withAction(&cobra.Command{
		Use:   "catalog [--keys] [TEXT...]",
		Short: "List the known event types",
		Long: `List the known event types, or those whose names contain every TEXT.
With --keys, list the valid key paths of each event type too.`,
		Example: "  " + s.Name + " catalog\n  " + s.Name + " catalog --keys enrollment",
	}, func(_ context.Context, args []string) error {
		entries := []catalogEntry{}
		for _, d := range s.Registry.Definitions() {
			entries = append(entries, catalogEntry{d.EventType(), d.MinorVersion(), d.Doc(), s.Registry.KeyPaths(d.EventType()), ""})
		}
		for _, eventType := range sorted(s.Unsupported) {
			entries = append(entries, catalogEntry{EventType: eventType, Unsupported: s.Unsupported[eventType]})
		}
		found := []catalogEntry{}
		for _, e := range entries {
			if e.matches(args) {
				found = append(found, e)
			}
		}
		if s.format == formatJSON {
			return writeJSON(s, found)
		}
		if len(found) == 0 {
			fmt.Fprintf(s.Stderr, "%s: no event type contains %s\n", s.Name, strings.Join(args, " and "))
		}
		for _, e := range found {
			switch {
			case e.Unsupported != "":
				s.printf("%s\n  cannot be sent: %s\n", e.EventType, e.Unsupported)
			case e.Doc == "":
				s.printf("%s\n", e.EventType)
			default:
				s.printf("%s\n  %s\n", e.EventType, e.Doc)
			}
			if keys {
				for _, path := range e.KeyPaths {
					s.printf("    %s\n", path)
				}
			}
		}
		return nil
	})
	command.Flags().BoolVar(&keys, "keys", false, "list the valid key paths")
	return command
}

type catalogEntry struct {
	EventType    string   `json:"event_type"`
	MinorVersion int64    `json:"minor_version"`
	Doc          string   `json:"doc,omitempty"`
	KeyPaths     []string `json:"key_paths"`
	Unsupported  string   `json:"unsupported,omitempty"` // the reason why it cannot be sent
}

func (e catalogEntry) matches(texts []string) bool {
	for _, text := range texts {
		if !strings.Contains(e.EventType, text) {
			return false
		}
	}
	return true
}
