package main

import (
	"fmt"
	"math"
	"strings"
)

// goal is a limit for the ratio of two contenders, or for a figure of one.
type goal struct {
	what    string
	contest string
	// contender and against are names. If against is empty, the limit is for the figure of contender.
	contender, against string
	of                 metric
	// faster inverts the ratio: how many times faster contender is.
	faster bool
	// One of atLeast and atMost is set.
	atLeast, atMost float64
	unit            string
	// why is the reason to print if the goal is not met.
	why string
}

// value returns the figure and whether the goal is met. found is false if the
// contest was not run.
func (g goal) value(results map[string][]result) (value float64, met, found bool) {
	contender, ok := find(results[g.contest], g.contender)
	if !ok {
		return 0, false, false
	}
	if g.against == "" {
		value = math.Round(contender.median(g.of)*100) / 100 // the measurement itself allocates sometimes
	} else {
		against, ok := find(results[g.contest], g.against)
		switch {
		case !ok:
			return 0, false, false
		case g.faster:
			value = against.ratio(contender, g.of)
		default:
			value = contender.ratio(against, g.of)
		}
	}
	if g.atLeast > 0 {
		return value, value >= g.atLeast, true
	}
	return value, value <= g.atMost, true
}

func find(results []result, name string) (result, bool) {
	for _, r := range results {
		if r.name == name {
			return r, true
		}
	}
	return result{}, false
}

// limit returns the goal as text.
func (g goal) limit() string {
	if g.atLeast > 0 {
		return "≥ " + strings.TrimSuffix(figure(g.atLeast), ".0") + g.unit
	}
	return "≤ " + figure(g.atMost) + g.unit
}

// short returns by how much a value misses the goal.
func (g goal) short(value float64) string {
	if g.atLeast > 0 {
		return fmt.Sprintf("%.2g %% too slow", (1-value/g.atLeast)*100)
	}
	if g.atMost == 0 {
		return figure(value) + " too many"
	}
	return fmt.Sprintf("%.2g %% too much", (value/g.atMost-1)*100)
}

const (
	idleContest       = "idle"
	wholeContest      = "whole event"
	topicsContest     = "further topics"
	avroContest       = "Avro"
	decodeContest     = "decoding"
	configContest     = "configuration"
	configuredContest = "configured topics"
	sendersContest    = "senders"
	memoryContest     = "memory"
	loadContest       = "load"
	redisAsync        = "Redis, not waiting"
	redisSync         = "Redis, 64 waiting"
	kafkaAsync1       = "Kafka, 1 partition, not waiting"
	kafkaAsync6       = "Kafka, 6 partitions, not waiting"
	kafkaSync64       = "Kafka, 64 waiting"
	kafkaSync1        = "Kafka, 1 waiting"
	consumeRedis      = "consuming: Redis"
	consumeKafka      = "consuming: Kafka"
	outboxTx1         = "outbox: transactions, 1 writer"
	outboxTx8         = "outbox: transactions, 8 writers"
	outboxRedis       = "outbox: PostgreSQL to Redis"
	outboxKafka       = "outbox: PostgreSQL to Kafka"
	outboxDiscard     = "outbox: PostgreSQL to nowhere"
	outboxHindered    = "outbox: open transactions and pending rows"
	outboxLatency     = "outbox: latency"
)

func faster(what, contest, contender, against string, atLeast float64, why string) goal {
	return goal{what: what, contest: contest, contender: contender, against: against, of: byTime, faster: true, atLeast: atLeast, unit: "×", why: why}
}

func costs(what, contest, contender, against string, of metric, atMost float64, why string) goal {
	return goal{what: what, contest: contest, contender: contender, against: against, of: of, atMost: atMost, unit: "×", why: why}
}

func allocates(what, contest, contender string, atMost float64, why string) goal {
	return goal{what: what, contest: contest, contender: contender, of: byAllocs, atMost: atMost, unit: " allocations", why: why}
}

// goals returns the rows of the table, in order.
func goals() []goal {
	rows := []goal{
		costs("A signal without receivers and topics, against a map lookup by hand", idleContest, ours, byHand, byTime, 2, ""),
		allocates("… allocations", idleContest, ours, 0, ""),
		costs("A whole event to one topic, discarded, against code by hand", wholeContest, ours, byHand, byTime, 1.5, whyWhole),
		allocates("… allocations", wholeContest, ours, 2, ""),
		costs("Each further topic, against the first", topicsContest, furtherTopic, firstTopic, byTime, 0.15, whyTopics),
		allocates("… allocations", topicsContest, furtherTopic, 1, whyTopics),
		costs("Avro encoding, against code by hand", avroContest, ours, byHand, byTime, 1.5, whyAvro),
		costs("Avro encoding, against hamba/avro", avroContest, ours, bareHamba, byTime, 0.5, whyHamba),
		allocates("… allocations", avroContest, ours, 0, ""),
		costs("Decoding, against code by hand", decodeContest, ours, byHand, byTime, 1.05, whyDecode),
		costs("Decoding, against hamba/avro, which leaves times as strings", decodeContest, ours, bareHamba, byTime, 0.6, whyDecodeHamba),
		allocates("… allocations", decodeContest, ours, 4, whyDecodeAllocs),
	}
	for _, contest := range []string{kafkaAsync1, kafkaAsync6} {
		rows = append(
			rows,
			faster(contest+": with franz-go, against franz-go", contest, oursFranz, bareFranz, 0.85, whyFranz),
			faster(contest+": with kafka-go, against its Writer", contest, oursKafka, bareKafka, 0.85, whyFranz),
			faster(contest+": with franz-go, against kafka-go's Writer", contest, oursFranz, bareKafka, 1.3, whyWriter),
		)
	}
	rows = append(
		rows,
		faster("Kafka, 64 callers waiting: with franz-go, against franz-go", kafkaSync64, oursFranz, bareFranz, 0.9, whySync),
		faster("Kafka, 64 callers waiting: with kafka-go, against franz-go", kafkaSync64, oursKafka, bareFranz, 0.9, whySync),
		faster("Kafka, 64 callers waiting: with franz-go, against watermill", kafkaSync64, oursFranz, watermillLib, 1.3, whySync),
		faster("Kafka, 64 callers waiting: with kafka-go, against watermill", kafkaSync64, oursKafka, watermillLib, 1.3, whySync),
		faster("Kafka, 1 caller waiting: with franz-go, against franz-go", kafkaSync1, oursFranz, bareFranz, 0.95, whyOne),
		faster("Kafka, 1 caller waiting: with kafka-go, against franz-go", kafkaSync1, oursKafka, bareFranz, 0.95, whyOne),
		faster("Kafka, 1 caller waiting: with kafka-go, against kafka-go's Writer", kafkaSync1, oursKafka, bareKafka, 0.95, whyOne),
		faster("Kafka, 1 caller waiting: with kafka-go, against watermill", kafkaSync1, oursKafka, watermillLib, 0.95, whyOne),
		faster("Redis, not waiting: against a raw socket", redisAsync, ours, rawSocket, 0.9, whyRedis),
		faster("Redis, not waiting: against watermill", redisAsync, ours, watermillLib, 2, whyRedis),
		faster("Redis, not waiting: against rueidis", redisAsync, ours, bareRueidis, 1.1, whyRedis),
		faster("Redis, 64 callers waiting: against rueidis", redisSync, ours, bareRueidis, 1, whyRedisSync),
		faster("Redis, 64 callers waiting: against go-redis", redisSync, ours, bareRedis, 1.7, whyRedisSync),
		faster("Outbox: a transaction with an event, against one without, 1 writer", outboxTx1, ours, noEvent, 0.8, whyTx),
		faster("… 8 writers", outboxTx8, ours, noEvent, 0.8, whyTx),
		faster("Outbox: PostgreSQL to Redis, against watermill's forwarder", outboxRedis, ours, watermillLib, 7, whyForwarder),
		faster("… against events sent to the backend", outboxRedis, ours, fromMemory, 0.6, whyRelay),
		faster("Outbox: PostgreSQL to Kafka, with franz-go, against watermill's forwarder", outboxKafka, oursFranz, watermillLib, 15, whyForwarder),
		faster("… with franz-go, against events sent to the backend", outboxKafka, oursFranz, fromMemoryFranz, 0.6, whyRelay),
		faster("… with kafka-go, against watermill's forwarder", outboxKafka, oursKafka, watermillLib, 15, whyForwarder),
		faster("… with kafka-go, against events sent to the backend", outboxKafka, oursKafka, fromMemoryKafka, 0.6, whyRelay),
		faster("Outbox: PostgreSQL to a backend that discards, against jobs of River that do nothing", outboxDiscard, ours, riverLib, 8, whyJobs),
		faster("… with a transaction open, against none", outboxHindered, openTransaction, ours, 0.8, whyHindered),
		faster("… with many rows pending, against none", outboxHindered, manyPending, ours, 0.8, whyHindered),
		goal{
			what: "Outbox: median time from the commit to the acknowledgement, woken in process", contest: outboxLatency, contender: wokenInProcess,
			of: inMilliseconds, atMost: 1, unit: " ms", why: whyLatency,
		},
		goal{
			what: "… woken by NOTIFY", contest: outboxLatency, contender: wokenByNotify,
			of: inMilliseconds, atMost: 5, unit: " ms", why: whyLatency,
		},
		faster("Consuming: Redis, against a raw socket that decodes nothing", consumeRedis, ours, rawSocket, 0.8, whyConsume),
		faster("… against go-redis, which decodes nothing", consumeRedis, ours, bareRedis, 1.15, whyConsume),
		faster("… against watermill", consumeRedis, ours, watermillLib, 18, whyConsume),
		faster("… against the Python reference", consumeRedis, ours, reference, 80, whyConsume),
		faster("Consuming: Kafka, against a group of franz-go that decodes nothing", consumeKafka, ours, bareFranz, 0.75, whyConsumeKafka),
		costs("… processor time", consumeKafka, ours, bareFranz, byProcessor, 1.45, whyConsumeKafka),
		faster("… against a group of franz-go that decodes, without order, retries and counts", consumeKafka, ours, franzDecoding, 0.75, whyKeeping),
		costs("… processor time", consumeKafka, ours, franzDecoding, byProcessor, 1.45, whyKeeping),
		faster("… against watermill", consumeKafka, ours, watermillLib, 3.5, whyConsumeKafka),
		faster("… against the Python reference", consumeKafka, ours, reference, 60, whyConsumeKafka),
		costs("A configuration of 1,000 event types with 4 topics merged, checked and activated, against code by hand",
			configContest, ours, byHand, byTime, 3, whyConfig),
		faster("… against the Python reference", configContest, ours, reference, 5, whyReferenceConfig),
		faster("Against the Python reference: one event, encoded and discarded", wholeContest, ours, reference, 50, whyWhole),
		faster("… one event, which the reference discards without encoding it", wholeContest, ours, referenceIdle, 50, whyReference),
		faster("… Redis", redisAsync, ours, reference, 50, whyRedis),
		faster("… Kafka, with franz-go", kafkaAsync1, oursFranz, reference, 100, whyReferenceKafka),
		costs("Growth: an event with 10,000 topics configured, against 1", configuredContest, tenThousand, single, byTime, 1.2, whyTopicsGrowth),
		costs("Growth: processor time of an event with 64 senders, against 1", sendersContest, manySenders, oneSender, byProcessor, 1.2, whySenders),
		costs("Growth: the largest heap for 5 times as many events at full load", loadContest, muchLoad, someLoad, byHeap, 1.2, whyLoad),
		goal{
			what: "Growth: memory for each of 10,000 routes, 4 for each event type", contest: memoryContest, contender: wholeRoute,
			of: byBytes, atMost: 1024, unit: " bytes", why: whyMemory,
		},
	)
	return rows
}
