package main

// What keeps figures from where they shall be, in runs in which they are not.
const (
	whyWhole  = "code by hand keeps no outcome, no counters and no table that can be replaced while running"
	whyTopics = "each topic has a message, an outcome and a function that reports it"
	whyAvro   = "a program that is interpreted, against straight code"
	whyHamba  = "checking the course key and formatting three times is most of the work, the same for all; code by hand is not far below 0.5× itself"
	whyFranz  = "the Delivery comes on top of what the client needs of each message; on two processors shared with the broker all memory " +
		"that is touched counts"
	whyWriter = "the bare client itself gets there barely or not at all, compare its line: all wait for the broker, which shares the two processors"
	whySync   = "franz-go sends up to five small requests at once where one larger would do, which the broker and the 64 that are woken share the " +
		"processors with; signalcast with kafka-go sends what has come together while the last batch was on its way, compare its line"
	whyOne   = "the broker's answer and waking up are most of the time, the same for all; compare the spreads of the figures"
	whyRedis = "the server is what all of them wait for: a raw socket, which does nothing else, is not faster; signalcast, alone but for " +
		"the line about transactions, keeps the order of a stream when an entry is refused"
	whyRedisSync       = "as above; and a goroutine that is woken for each event, for all"
	whyConfig          = "4,000 routes are given a compiled key, and compared with those in service to tell what has changed"
	whyReferenceConfig = "the reference checks neither topics nor key paths and makes no table"
	whyReference       = "the reference does next to nothing then; an event that it encodes is the row above"
	whyReferenceKafka  = "as against the bare client; the reference uses librdkafka, written in C, on a thread of its own"
	whyTopicsGrowth    = "the same code runs; more memory is touched, and the collector marks ten thousand routes in each cycle"
	whySenders         = "64 goroutines share two processors and the collector"
	whyLoad            = "the live heap is bounded by the buffer of 10,000 messages; a longer round meets a collector's cycle at its worst more often"
	whyMemory          = "the rest is for each event type: its schema's text"
)
