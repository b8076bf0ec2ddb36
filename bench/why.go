package main

// What keeps figures from where they shall be.
const (
	whyWhole = "code by hand keeps no outcome, no counters and no table that can be replaced while running; " +
		"the Delivery alone makes an event's memory half as large again"
	whyTopics      = "each topic has a message, a result, counters and a function that reports its fate, and gets its key encoded anew"
	whyTopicAllocs = "one for the function that reports a message's fate; with many topics the keys outgrow the first buffer"
	whyAvro        = "a program that is interpreted, against straight code"
	whyHamba       = "checking the course key and formatting three times is most of the work, the same for all; code by hand is not far below 0.5× itself"
	whyFranz       = "a message holds twice the memory of the bare client's record: the Delivery, the framed key and value, and the headers once for " +
		"the buffer and once for the client; on two processors shared with the broker all of it counts"
	whySync  = "processor time per event is what limits 64 callers on two processors shared with the broker: memory as above, and a goroutine that is woken for each event"
	whyOne   = "the broker's answer and waking up are most of the time; compare the spreads of the figures"
	whyRedis = "a batch is a transaction, so that nothing overtakes a message that the server refuses; go-redis pays for the same promise " +
		"in the line about transactions; a stream has one batch in flight where the peers have two"
	whyRedisSync = "one batch is in flight for a stream, while the 64 connections of go-redis, or rueidis's pipe, keep the server busy all the time"
	whyConfig    = "4,000 routes are sorted, compared with those in service to tell what changed, and given the compiled key and counters of each; " +
		"merging is a quarter of the time"
	whyReferenceConfig = "the reference checks neither topics nor key paths and makes no table; what takes the time here is said above"
	whyReference       = "the reference does next to nothing then; an event that it encodes is the row above"
	whyReferenceKafka  = "as against the bare client; the reference uses librdkafka, written in C, on a thread of its own"
	whyTopicsGrowth    = "the same code runs; more memory is touched, and the collector marks ten thousand routes in each cycle"
	whySenders         = "64 goroutines share two processors and the collector"
	whyLoad            = "the live heap is bounded by the buffer of 10,000 messages; a longer round meets a collector's cycle at its worst more often"
	whyMemory          = "the rest is for each event type: its schema's text and its compiled encoder"
)
