package signalcast

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxProblems is how many problems a [ValidationError] lists. Further ones are counted.
const MaxProblems = 1000

// ValidationError reports everything that is wrong with a configuration: in its
// text, its structure, or against a registry.
type ValidationError struct {
	// Problems is sorted by source, position and path. It is never empty.
	Problems []Problem
	// Omitted is the number of problems beyond the first [MaxProblems].
	Omitted int
}

// Problem is one fault of a configuration.
type Problem struct {
	// Source is the name of the layer at fault, mostly a file. It is empty when unknown.
	Source string
	// Position is the place in Source.
	Position
	// ConfigPath is the place in the configuration. For an unknown name it
	// ends in that name, for a missing one in the one missing.
	ConfigPath
	// Found says what was found: "found a string", "unknown setting".
	Found string
	// Allowed says what is allowed instead: "allowed is a boolean".
	Allowed string
	// Nearest is the known name or key path most like the one found, or empty.
	Nearest string
}

// Error has one line for each problem, and their number first when there are several.
func (e *ValidationError) Error() string {
	var text strings.Builder
	if n := len(e.Problems) + e.Omitted; n > 1 {
		fmt.Fprintf(&text, "%d problems in the configuration:\n", n)
	}
	for i, p := range e.Problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(p.String())
	}
	if e.Omitted > 0 {
		fmt.Fprintf(&text, "\nand %d more", e.Omitted)
	}
	return text.String()
}

// String gives the problem on one line:
// `site.json:3:9: org.example.user.created.v1 → users → enabeld: unknown setting; known are … (did you mean "enabled"?)`.
func (p Problem) String() string {
	var text strings.Builder
	for _, where := range []string{p.place(), p.ConfigPath.String()} {
		if where != "" {
			text.WriteString(where + ": ")
		}
	}
	text.WriteString(p.Found + "; " + p.Allowed)
	if p.Nearest != "" {
		text.WriteString(" (did you mean " + strconv.Quote(p.Nearest) + "?)")
	}
	return text.String()
}

// place is source:line:column, as far as known.
func (p Problem) place() string {
	switch {
	case p.Line == 0:
		return p.Source
	case p.Source == "":
		return fmt.Sprintf("line %d, column %d", p.Line, p.Column)
	default:
		return fmt.Sprintf("%s:%d:%d", p.Source, p.Line, p.Column)
	}
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Source, b.Source),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.EventType, b.EventType),
		cmp.Compare(a.Topic, b.Topic),
		cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Found, b.Found),
	)
}

// problemList collects problems in any order and keeps the first MaxProblems
// in sorted order, so that hostile input cannot make it grow.
type problemList struct {
	list    []Problem
	omitted int
}

func (l *problemList) add(p Problem) {
	l.list = append(l.list, p)
	if len(l.list) >= 2*MaxProblems {
		l.cut()
	}
}

func (l *problemList) cut() {
	slices.SortStableFunc(l.list, compareProblems)
	if extra := len(l.list) - MaxProblems; extra > 0 {
		l.list = l.list[:MaxProblems]
		l.omitted += extra
	}
}

// err returns a *ValidationError with the problems, or nil when there are none.
func (l *problemList) err() error {
	if len(l.list) == 0 {
		return nil
	}
	l.cut()
	return &ValidationError{Problems: l.list, Omitted: l.omitted}
}

// maxShown is how many bytes of a name messages show.
const maxShown = 80

// display shows a name from a configuration in a message: quoted unless it is
// made of the usual characters, and cut when it is long.
func display(name string) string {
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	name = cut(name, maxShown)
	if strings.Trim(name, usual) == "" {
		return name
	}
	return strconv.Quote(name)
}

// cut shortens a text to about as many bytes, for messages.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
