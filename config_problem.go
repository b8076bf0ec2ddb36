package signalcast

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxProblems is the number of problems that a [ValidationError] lists. Further ones are counted.
const MaxProblems = 1000

// ValidationError reports everything that is wrong with a configuration: with its
// text, with its structure, or with its names and key paths.
type ValidationError struct {
	// Problems is sorted by layer, position and path. It is never empty.
	Problems []Problem
	// Omitted is the number of problems beyond the first [MaxProblems].
	Omitted int
}

// ProblemCode names a kind of [Problem]. Codes are stable; texts are not.
type ProblemCode string

// The kinds of problems.
const (
	CodeSyntax           ProblemCode = "syntax"             // not well-formed text of its language
	CodeTooLarge         ProblemCode = "too_large"          // a text beyond MaxConfigBytes, or another limit
	CodeUnreadable       ProblemCode = "unreadable"         // a source that could not be read
	CodeInvalidText      ProblemCode = "invalid_text"       // not Unicode
	CodeWrongType        ProblemCode = "wrong_type"         // a value of another type
	CodeUnknownField     ProblemCode = "unknown_field"      // a name that is no setting
	CodeDuplicateKey     ProblemCode = "duplicate_key"      // a name that appears twice in one object
	CodeEmptyName        ProblemCode = "empty_name"         // an empty event type, topic or field
	CodeMissing          ProblemCode = "missing"            // a setting that must be present
	CodeConflict         ProblemCode = "conflict"           // settings that exclude each other
	CodeUnknownEventType ProblemCode = "unknown_event_type" // an event type that is not registered
	CodeKeyPath          ProblemCode = "key_path"           // a path that is no event key of the event type
	CodeUnknownMode      ProblemCode = "unknown_mode"       // a mode that does not exist
	CodeNoOutbox         ProblemCode = "no_outbox"          // mode outbox in a dispatcher without an outbox
)

// Problem is one fault of a configuration.
type Problem struct {
	// Code is the kind of the problem.
	Code ProblemCode
	// Layer is the name of the layer at fault, usually a file. It is empty if unknown.
	Layer string
	// Position is the place in the text of the layer.
	Position
	// ConfigPath is the place in the configuration. For an unknown name it
	// ends in that name, for a missing setting in the name of the setting.
	ConfigPath
	// Found says what was found: "found a string", "unknown field".
	Found string
	// Want says what is allowed: "true or false". It may be empty.
	Want string
	// Nearest is the known name or key path that is most similar to the one found,
	// or empty.
	Nearest string
}

// Error has one line for each problem, after a line with their number if there are several.
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

// String returns the problem on one line:
// `site.json:3:9: org.example.user.created.v1 → users → enabeld: unknown field; want event_key_field, enabled, keyless or mode (did you mean "enabled"?)`.
func (p Problem) String() string {
	var text strings.Builder
	for _, where := range []string{p.place(), p.ConfigPath.String()} {
		if where != "" {
			text.WriteString(where + ": ")
		}
	}
	text.WriteString(p.Found)
	if p.Want != "" {
		text.WriteString("; want " + p.Want)
	}
	if p.Nearest != "" {
		text.WriteString(" (did you mean " + strconv.Quote(p.Nearest) + "?)")
	}
	return text.String()
}

// place returns layer:line:column, without the parts that are unknown.
func (p Problem) place() string {
	switch {
	case p.Line == 0:
		return p.Layer
	case p.Layer == "":
		return fmt.Sprintf("line %d, column %d", p.Line, p.Column)
	default:
		return fmt.Sprintf("%s:%d:%d", p.Layer, p.Line, p.Column)
	}
}

func compareProblems(a, b Problem) int {
	return cmp.Or(
		cmp.Compare(a.Layer, b.Layer),
		cmp.Compare(a.Line, b.Line),
		cmp.Compare(a.Column, b.Column),
		cmp.Compare(a.EventType, b.EventType),
		cmp.Compare(a.Topic, b.Topic),
		cmp.Compare(a.Field, b.Field),
		cmp.Compare(a.Found, b.Found),
	)
}

// problemList collects problems in any order. It keeps the first MaxProblems
// in sorted order, so that hostile input cannot make it grow.
type problemList struct {
	list    []Problem
	omitted int
}

func (l *problemList) add(p Problem) {
	l.list = append(l.list, p)
	if len(l.list) >= 2*MaxProblems {
		l.truncate()
	}
}

func (l *problemList) truncate() {
	slices.SortStableFunc(l.list, compareProblems)
	if extra := len(l.list) - MaxProblems; extra > 0 {
		l.list = l.list[:MaxProblems]
		l.omitted += extra
	}
}

// err returns a *ValidationError with the problems, or nil.
func (l *problemList) err() error {
	if len(l.list) == 0 {
		return nil
	}
	l.truncate()
	return &ValidationError{Problems: l.list, Omitted: l.omitted}
}

// maxShown is the number of bytes of a name that messages show.
const maxShown = 80

// display returns a name from a configuration for a message. A name with unusual
// characters is quoted, a long one shortened.
func display(name string) string {
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	name = shorten(name, maxShown)
	if strings.Trim(name, usual) == "" {
		return name
	}
	return strconv.Quote(name)
}

// shorten cuts a text for a message at about limit bytes.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
