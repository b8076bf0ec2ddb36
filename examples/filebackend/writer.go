package filebackend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
)

// retryPause is the time between two attempts to open a file.
const retryPause = 50 * time.Millisecond

// write is the writer: one goroutine, so that the lines of a topic keep the
// order in which their messages were taken.
func (b *Backend) write() {
	defer close(b.written)
	for batch := b.next(); len(batch) > 0; batch = b.next() {
		b.deliver(batch)
		b.release(batch)
	}
}

// next waits for messages and returns all there are; none when the backend was closed.
func (b *Backend) next() []*entry {
	for {
		b.mu.Lock()
		batch, closing, changed := b.queue, b.closing, b.changed
		b.queue = nil
		b.mu.Unlock()
		if len(batch) > 0 || closing {
			return batch
		}
		<-changed
	}
}

// deliver tries until the outcome of every message is known.
func (b *Backend) deliver(left []*entry) {
	for failures := 0; !isClosed(b.outOfTime); failures++ {
		var err error
		if left, err = b.attempt(left); len(left) == 0 {
			return
		}
		if failures == 0 {
			b.config.Logger.LogAttrs(context.Background(), slog.LevelWarn, "cannot open files, trying again",
				slog.Int("messages", len(left)), slog.Any("error", err))
		}
		select {
		case <-time.After(retryPause):
		case <-b.outOfTime:
		}
	}
	b.abandon(left)
}

// abandon reports messages that Close has no time for.
func (b *Backend) abandon(entries []*entry) {
	b.givenUp += len(entries)
	for _, e := range entries {
		e.done(signalcast.Receipt{}, &signalcast.DeliveryError{
			Fate: signalcast.FateNotWritten, Err: signalcast.ErrClosed,
		})
	}
}

// attempt appends each topic's lines to its file, and returns the messages of
// the topics whose file cannot be opened now, and why.
func (b *Backend) attempt(batch []*entry) (left []*entry, cause error) {
	var topics []string
	byTopic := map[string][]*entry{}
	for _, e := range batch {
		if byTopic[e.topic] == nil {
			topics = append(topics, e.topic)
		}
		byTopic[e.topic] = append(byTopic[e.topic], e)
	}
	for _, topic := range topics {
		entries := byTopic[topic]
		path := filepath.Join(b.config.Dir, topic+".jsonl")
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600) //nolint:gosec // Publish has checked the topic
		if err != nil {
			left, cause = append(left, entries...), err
			continue
		}
		offset, err := appendEntries(file, entries)
		for _, e := range entries {
			if err != nil {
				e.done(signalcast.Receipt{}, err)
				continue
			}
			e.done(signalcast.Receipt{ID: strconv.FormatInt(offset, 10)}, nil)
			offset += int64(len(e.line))
		}
	}
	return left, cause
}

// appendEntries writes and syncs the lines, and returns where the first begins.
// After an error any of them may be in the file, or a part of one.
func appendEntries(file *os.File, entries []*entry) (offset int64, err error) {
	var text bytes.Buffer
	offset, err = endOfLines(file, &text)
	for _, e := range entries {
		text.Write(e.line)
	}
	if err == nil {
		_, err = file.Write(text.Bytes())
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return 0, &signalcast.DeliveryError{Fate: signalcast.FateUnknown, Err: fmt.Errorf("append to file: %w", err)}
	}
	return offset, nil
}

// endOfLines returns where the next line begins. A last line without an end is
// what a crash left of one: it gets its end, and readers skip it.
func endOfLines(file *os.File, text *bytes.Buffer) (int64, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return 0, err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], size-1); err != nil {
		return 0, err
	}
	if last[0] != '\n' {
		text.WriteByte('\n')
		size++
	}
	return size, nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
