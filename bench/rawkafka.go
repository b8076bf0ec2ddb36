package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawBatch is a batch of records for one partition, encoded by hand.
type rawBatch struct {
	data  []byte
	count int
}

// The size of the header of a batch in format version 2, and the records of a batch.
const (
	batchHeader  = 61
	batchRecords = 800
)

func (b *rawBatch) add(c *kafkaContests, r *record, scratch []byte) []byte {
	if len(b.data) == 0 {
		b.data = append(b.data, make([]byte, batchHeader)...)
	}
	scratch = append(scratch[:0], 0, 0) // attributes, time
	scratch = binary.AppendVarint(scratch, int64(b.count))
	scratch = appendText(scratch, string(r.key))
	scratch = appendText(scratch, string(r.value))
	scratch = appendLong(scratch, int64(len(c.headers)))
	c.setHeaders(r, func(_ int, key string, value []byte) {
		scratch = appendText(scratch, key)
		scratch = append(appendLong(scratch, int64(len(value))), value...)
	})
	b.data = append(appendLong(b.data, int64(len(scratch))), scratch...)
	b.count++
	return scratch
}

func (b *rawBatch) finish() []byte {
	d := b.data
	clear(d[:batchHeader])
	now := uint64(time.Now().UnixMilli())                 //nolint:gosec // not negative
	binary.BigEndian.PutUint32(d[8:], uint32(len(d)-12))  //nolint:gosec // some megabytes
	d[16] = 2                                             // format version
	binary.BigEndian.PutUint32(d[23:], uint32(b.count-1)) //nolint:gosec // at most batchRecords
	binary.BigEndian.PutUint64(d[27:], now)               // of the first record
	binary.BigEndian.PutUint64(d[35:], now)               // of the last record
	for i := 43; i < 57; i++ {                            // no producer, epoch and sequence
		d[i] = 0xff
	}
	binary.BigEndian.PutUint32(d[57:], uint32(b.count)) //nolint:gosec // at most batchRecords
	binary.BigEndian.PutUint32(d[17:], crc32.Checksum(d[21:], crc32.MakeTable(crc32.Castagnoli)))
	return d
}

// writeRaw returns a function that writes hand-encoded requests to a socket,
// without idempotence and retries. It shows how fast the server is.
func (c *kafkaContests) writeRaw(topic string, partitions int) func(ctx context.Context, n, _ int) error {
	return func(ctx context.Context, n, _ int) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.brokers[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		sent, responses := make(chan struct{}, 3), make(chan error, 1) // at most 3 requests in flight
		batches := make([]rawBatch, partitions)
		go func() { responses <- readResponses(bufio.NewReader(conn), sent) }()
		format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))
		var scratch, buffer []byte
		for i := 0; i < n && err == nil; {
			for range min(batchRecords*partitions, n-i) {
				var r record
				if r, err = encode(&c.events[i%len(c.events)]); err != nil {
					break
				}
				b := &batches[int(crc32.ChecksumIEEE(r.key))%partitions]
				scratch = b.add(c, &r, scratch)
				i++
			}
			buffer = format.AppendRequest(buffer[:0], produceRequest(topic, batches), int32(i)) //nolint:gosec // any number will do
			sent <- struct{}{}
			if err == nil {
				_, err = conn.Write(buffer)
			}
			for p := range batches {
				batches[p] = rawBatch{data: batches[p].data[:0]}
			}
		}
		close(sent)
		return errors.Join(err, <-responses)
	}
}

func produceRequest(topic string, batches []rawBatch) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Version, request.Acks, request.TimeoutMillis = 9, -1, 10_000
	into := kmsg.NewProduceRequestTopic()
	into.Topic = topic
	for i := range batches {
		if batches[i].count > 0 {
			partition := kmsg.NewProduceRequestTopicPartition()
			partition.Partition, partition.Records = int32(i), batches[i].finish() //nolint:gosec // few partitions
			into.Partitions = append(into.Partitions, partition)
		}
	}
	request.Topics = append(request.Topics, into)
	return request
}

// readResponses reads one response for each sent request.
func readResponses(r *bufio.Reader, sent <-chan struct{}) (err error) {
	var size [4]byte
	for range sent {
		if err != nil {
			continue
		}
		if _, err = io.ReadFull(r, size[:]); err != nil {
			continue
		}
		body := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err = io.ReadFull(r, body); err != nil {
			continue
		}
		response := kmsg.NewPtrProduceResponse()
		response.Version = 9
		if err = response.ReadFrom(body[5:]); err != nil { // after correlation ID and tags
			continue
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					err = fmt.Errorf("partition %d: error %d", p.Partition, p.ErrorCode)
				}
			}
		}
	}
	return err
}
