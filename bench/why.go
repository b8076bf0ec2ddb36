package main

// Reasons to print if a goal is not met.
const (
	whyWhole        = "code by hand keeps no outcomes and no counters, and its routes cannot be replaced while it runs"
	whyTopics       = "each topic needs a message, an outcome and a function that reports it"
	whyAvro         = "signalcast interprets a program; code by hand is compiled"
	whyDecode       = "signalcast interprets a program; code by hand is compiled"
	whyDecodeHamba  = "signalcast parses three times, which hamba/avro leaves as strings"
	whyDecodeAllocs = "one for the result, one for all strings, and one for each of three fields that are pointers"
	whyHamba        = "all contenders check the course key and format three times, which is most of the work"
	whyFranz        = "each message needs a Delivery in addition to the memory of the client; the two processors are shared with the broker"
	whyWriter       = "the client alone hardly reaches the goal, see its line: all contenders wait for the broker, which shares the two processors"
	whySync         = "franz-go sends up to five small requests at once, where one larger request would be cheaper for broker and callers; " +
		"signalcast with kafka-go sends larger requests, see its line"
	whyOne   = "all contenders spend most of the time waiting for the broker; compare the spreads"
	whyRedis = "all contenders wait for the server, and a raw socket is not faster; only signalcast and the line with transactions " +
		"keep the order if the server rejects an entry"
	whyRedisSync       = "all contenders wait for the server and wake one goroutine for each event"
	whyConfig          = "4,000 routes get a compiled key and are compared with the current routes"
	whyReferenceConfig = "the reference does not check topics and key paths and builds no route table"
	whyReference       = "the reference does almost no work here; the row above is for an event that it encodes"
	whyReferenceKafka  = "the reference uses librdkafka, written in C, on a thread of its own"
	whyTopicsGrowth    = "the code is the same, but the garbage collector marks ten thousand routes in each cycle"
	whySenders         = "64 goroutines and the garbage collector share two processors"
	whyLoad            = "the buffer of 10,000 messages bounds the live heap; a longer round meets more collector cycles at their peak"
	whyMemory          = "most of the rest is the schema text of each event type"
	whyConsumeKafka    = "franz-go with a decoder alone takes about 1.5 times the processor time of franz-go; decision 16 says where the time goes"
	whyKeeping         = "signalcast also copies records out of the buffers of the client and passes them to workers"
	whyConsume         = "only signalcast decodes events and reads their keys; the server shares two processors with the consumer"
	whyTx              = "the event adds a lock and an insert to the commit, and 16 columns to encode; client and database share two processors: see the line with two inserts"
	whyForwarder       = "the broker and the database share two processors with the relay"
	whyRelay           = "PostgreSQL reads and deletes each row on the processors that broker and relay share"
	whyJobs            = "PostgreSQL reads and deletes each row on the processors that the relay shares"
	whyHindered        = "the relay reads the gap with each batch; dead rows cannot be removed while a snapshot needs them"
	whyLatency         = "one read, one request to Redis, and the wake-up of four goroutines on two processors"
)
