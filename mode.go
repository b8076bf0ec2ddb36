package signalcast

import "slices"

// Mode says when the messages of a route are published, relative to the database transaction
// of a [Unit]. A message keeps the mode of its route at the time of sending.
//
//	mode        outside a unit               inside a unit
//	immediate   published at once            published at once, whatever the transaction does
//	on-commit   published at once            published after the commit, withdrawn on rollback
//	outbox      stored in a transaction of   stored in the same transaction; published by a
//	            its own                      relay, at least once
type Mode string

// The modes.
const (
	ModeImmediate Mode = "immediate"
	// ModeOnCommit is the default. The message is lost if the process ends between the commit
	// and the acknowledgement of the broker.
	ModeOnCommit Mode = "on-commit"
	// ModeOutbox needs an [Outbox]. See [WithOutbox].
	ModeOutbox Mode = "outbox"
)

func modeNames() []string {
	return []string{string(ModeImmediate), string(ModeOnCommit), string(ModeOutbox)}
}

func (m Mode) valid() bool { return slices.Contains(modeNames(), string(m)) }

// WithDefaultMode sets the mode of topics whose configuration has none. The default is
// ModeOnCommit.
func WithDefaultMode(m Mode) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.mode = m }}
}

// mode returns the mode of a valid topic.
func (d *Dispatcher) mode(t TopicConfig) Mode {
	if t.Mode == nil {
		return d.options.mode
	}
	return *t.Mode
}
