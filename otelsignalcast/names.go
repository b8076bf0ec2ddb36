package otelsignalcast

import "go.opentelemetry.io/otel/attribute"

// These names are those of OpenTelemetry's semantic conventions, version 1.43.0, for messaging, CloudEvents and errors. The
// conventions for messaging are not stable yet, so these names can change. docs/telemetry.md lists all names.
const (
	schemaURL = "https://opentelemetry.io/schemas/1.43.0"

	keySystem        = attribute.Key("messaging.system")
	keyOperationName = attribute.Key("messaging.operation.name")
	keyOperationType = attribute.Key("messaging.operation.type")
	keyDestination   = attribute.Key("messaging.destination.name")
	keyPartition     = attribute.Key("messaging.destination.partition.id")
	keyGroup         = attribute.Key("messaging.consumer.group.name")
	keyMessageID     = attribute.Key("messaging.message.id")
	keyOffset        = attribute.Key("messaging.kafka.offset")
	keyEventID       = attribute.Key("cloudevents.event_id")
	keyEventType     = attribute.Key("cloudevents.event_type")
	keyErrorType     = attribute.Key("error.type")

	operationSend    = "send"
	operationProcess = "process"
	otherError       = "_OTHER"

	metricSent            = "messaging.client.sent.messages"
	metricConsumed        = "messaging.client.consumed.messages"
	metricSendDuration    = "messaging.client.operation.duration"
	metricProcessDuration = "messaging.process.duration"
)

// These names are not in the conventions.
const (
	scope = "github.com/signalcast/signalcast/otelsignalcast"

	keyOutcome = attribute.Key("signalcast.outcome")
	keyBuffer  = attribute.Key("signalcast.buffer")

	metricPending          = "signalcast.pending.messages"
	metricRejected         = "signalcast.rejected.messages"
	metricSuppressed       = "signalcast.suppressed.messages"
	metricStored           = "signalcast.stored.messages"
	metricDeadLetter       = "signalcast.dead_letter.messages"
	metricInvalid          = "signalcast.invalid.events"
	metricTroubles         = "signalcast.troubles"
	metricSwitches         = "signalcast.switches"
	metricBuffer           = "signalcast.buffer.messages"
	metricBufferLimit      = "signalcast.buffer.messages.limit"
	metricBufferBytes      = "signalcast.buffer.size"
	metricBufferBytesLimit = "signalcast.buffer.size.limit"

	metricGeneration       = "signalcast.config.generation"
	metricReloadSuccessful = "signalcast.config.reload.successful"
	metricReloadTime       = "signalcast.config.reload.time"

	metricConsumerPending   = "signalcast.consumer.pending.messages"
	metricConsumerLost      = "signalcast.consumer.lost.messages"
	metricConsumerFailed    = "signalcast.consumer.failed.attempts"
	metricConsumerRetrying  = "signalcast.consumer.retrying"
	metricConsumerTroubles  = "signalcast.consumer.troubles"
	metricConsumerLag       = "signalcast.consumer.lag"
	metricConsumerOldestAge = "signalcast.consumer.oldest.age"

	metricRelayLeading    = "signalcast.relay.leading"
	metricRelayMessages   = "signalcast.relay.messages"
	metricRelayInFlight   = "signalcast.relay.in_flight"
	metricRelayHeld       = "signalcast.relay.held_lanes"
	metricRelayErrors     = "signalcast.relay.database.errors"
	metricOutboxPending   = "signalcast.outbox.pending"
	metricOutboxParked    = "signalcast.outbox.parked"
	metricOutboxOldestAge = "signalcast.outbox.oldest.age"
)

// The values of keyOutcome and keyBuffer.
const (
	outcomeDelivered    = "delivered"
	outcomeFailed       = "failed"
	outcomeHandled      = "handled"
	outcomeSkipped      = "skipped"
	outcomeDeadLettered = "dead_lettered"
	outcomeDropped      = "dropped"
	outcomeParked       = "parked"

	bufferMain        = "main"
	bufferDeadLetters = "dead_letters"
)
