package otelsignalcast

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// instruments are all metrics. Only the histograms cost time for each message; the callback observes the others at collection.
type instruments struct {
	sendDuration, processDuration metric.Float64Histogram

	sent, rejected, suppressed, stored, deadLetter, invalid metric.Int64ObservableCounter
	pending, troubles, switches                             metric.Int64ObservableUpDownCounter
	buffer, bufferLimit, bufferBytes, bufferBytesLimit      metric.Int64ObservableUpDownCounter

	generation, reloadSuccessful metric.Int64ObservableGauge
	reloadTime                   metric.Float64ObservableGauge

	consumed, consumerLost, consumerFailed              metric.Int64ObservableCounter
	consumerPending, consumerRetrying, consumerTroubles metric.Int64ObservableUpDownCounter
	consumerLag                                         metric.Int64ObservableGauge
	consumerOldestAge                                   metric.Float64ObservableGauge

	relayMessages, relayErrors metric.Int64ObservableCounter
	relayInFlight, relayHeld   metric.Int64ObservableUpDownCounter

	relayLeading, outboxPending, outboxParked metric.Int64ObservableGauge
	outboxOldestAge                           metric.Float64ObservableGauge

	observables []metric.Observable // all but the histograms
}

// newInstruments creates the instruments. docs/telemetry.md explains them.
func newInstruments(meter metric.Meter) (*instruments, error) {
	f := factory{meter: meter}
	const messages, seconds = "{message}", "s"
	i := &instruments{
		sendDuration:    f.histogram(metricSendDuration, "Time from Publish to the outcome or rejection of a message."),
		processDuration: f.histogram(metricProcessDuration, "Time of one attempt of the receivers to handle a message."),

		sent:       f.counter(metricSent, messages, "Messages with an outcome: delivered or failed."),
		rejected:   f.counter(metricRejected, messages, "Messages that were not accepted."),
		suppressed: f.counter(metricSuppressed, messages, "Messages that a switch kept back."),
		stored:     f.counter(metricStored, messages, "Messages stored in the outbox."),
		deadLetter: f.counter(metricDeadLetter, messages, "Failed messages that were delivered to a dead-letter topic."),
		invalid:    f.counter(metricInvalid, "{event}", "Events that cannot be encoded."),

		pending:          f.upDown(metricPending, messages, "Accepted messages without an outcome."),
		troubles:         f.upDown(metricTroubles, "{topic}", "Topics to which messages cannot be delivered at present."),
		switches:         f.upDown(metricSwitches, "{switch}", "Switches in effect."),
		buffer:           f.upDown(metricBuffer, messages, "Messages in the buffer."),
		bufferLimit:      f.upDown(metricBufferLimit, messages, "Limit of the messages in the buffer."),
		bufferBytes:      f.upDown(metricBufferBytes, "By", "Memory of the messages in the buffer."),
		bufferBytesLimit: f.upDown(metricBufferBytesLimit, "By", "Limit of the memory of the messages in the buffer."),

		generation:       f.gauge(metricGeneration, "{configuration}", "Number of configurations that were in effect, including the present one."),
		reloadSuccessful: f.gauge(metricReloadSuccessful, "", "1 if the configuration of the sources is in effect, else 0."),
		reloadTime:       f.floatGauge(metricReloadTime, seconds, "Unix time when the configuration in effect was applied."),

		consumed:       f.counter(metricConsumed, messages, "Received messages by outcome."),
		consumerLost:   f.counter(metricConsumerLost, messages, "Messages that the broker removed before they were read."),
		consumerFailed: f.counter(metricConsumerFailed, "{attempt}", "Failed attempts to handle a message."),

		consumerPending:  f.upDown(metricConsumerPending, messages, "Messages that were read and are not handled."),
		consumerRetrying: f.upDown(metricConsumerRetrying, messages, "Messages that wait for their next attempt, at most 100."),
		consumerTroubles: f.upDown(metricConsumerTroubles, "{topic}", "Topics that cannot be read at present."),

		consumerLag:       f.gauge(metricConsumerLag, messages, "Messages that are not handled, including those not read yet."),
		consumerOldestAge: f.floatGauge(metricConsumerOldestAge, seconds, "Age of the oldest message that was read and is not handled. 0 without one."),
	}
	f.addRelayInstruments(i)
	i.observables = f.observables
	return i, errors.Join(f.errs...)
}

// addRelayInstruments creates the instruments of relays and the outbox.
func (f *factory) addRelayInstruments(i *instruments) {
	const rows = "{row}"
	i.relayLeading = f.gauge(metricRelayLeading, "", "1 if a relay of the process has the lease, else 0.")
	i.relayMessages = f.counter(metricRelayMessages, "{message}", "Attempts to publish a row, and rows that were parked.")
	i.relayErrors = f.counter(metricRelayErrors, "{operation}", "Failed operations of the database.")
	i.relayInFlight = f.upDown(metricRelayInFlight, "{message}", "Messages that relays gave to the backend and that have no outcome.")
	i.relayHeld = f.upDown(metricRelayHeld, "{lane}", "Lanes that wait for a failed row.")
	i.outboxPending = f.gauge(metricOutboxPending, rows, "Rows that are not published yet.")
	i.outboxParked = f.gauge(metricOutboxParked, rows, "Rows that an operator must retry or drop.")
	i.outboxOldestAge = f.floatGauge(metricOutboxOldestAge, "s", "Age of the oldest pending row. 0 without one.")
}

// factory creates instruments. It keeps the observable ones for the callback, and the errors.
type factory struct {
	meter       metric.Meter
	observables []metric.Observable
	errs        []error
}

func (f *factory) histogram(name, description string) metric.Float64Histogram {
	h, err := f.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	f.errs = append(f.errs, err)
	return h
}

func (f *factory) counter(name, unit, description string) metric.Int64ObservableCounter {
	c, err := f.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	f.add(c, err)
	return c
}

func (f *factory) upDown(name, unit, description string) metric.Int64ObservableUpDownCounter {
	c, err := f.meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	f.add(c, err)
	return c
}

func (f *factory) gauge(name, unit, description string) metric.Int64ObservableGauge {
	g, err := f.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	f.add(g, err)
	return g
}

func (f *factory) floatGauge(name, unit, description string) metric.Float64ObservableGauge {
	g, err := f.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	f.add(g, err)
	return g
}

func (f *factory) add(o metric.Observable, err error) {
	f.observables, f.errs = append(f.observables, o), append(f.errs, err)
}
