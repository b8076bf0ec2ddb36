// Package filebackend appends messages to files of JSON lines, one file for each
// topic. It is the example of docs/writing-a-backend.md.
package filebackend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// Config configures a [Backend].
type Config struct {
	// Dir is the directory of the files. It must be set. While it cannot be written
	// to, messages stay in the buffer.
	Dir string
	// Queue configures the buffer and the retries.
	Queue backendkit.QueueConfig
}

// Backend is a [signalcast.Backend] that appends messages to files. A message is
// delivered when its file is synced. Only one Backend may write to a directory. All
// methods are safe for concurrent use.
type Backend struct {
	*backendkit.Queue

	dir string
}

var _ signalcast.Backend = (*Backend)(nil)

// New returns a Backend. Close ends its writer.
func New(c Config) (*Backend, error) {
	if c.Dir == "" {
		return nil, errors.New("file backend: Config.Dir: found nothing; want the directory to write to")
	}
	b := &Backend{dir: c.Dir}
	var err error
	if b.Queue, err = backendkit.NewQueue(c.Queue, b.write); err != nil {
		return nil, fmt.Errorf("file backend: Config.Queue: %w", err)
	}
	return b, nil
}

// Prepare rejects topics that cannot be the name of a file.
func (b *Backend) Prepare(_ context.Context, routes []signalcast.Route) error {
	if b.Closed() {
		return signalcast.ErrClosed
	}
	var faults []error
	for _, r := range routes {
		faults = append(faults, checkTopic(r.Topic)) // nil for a valid name
	}
	return errors.Join(faults...)
}

// Publish rejects topics that cannot be the name of a file, and accepts all others into the
// queue.
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if err := checkTopic(m.Topic); err != nil {
		return err
	}
	return b.Queue.Publish(ctx, m, done)
}

// write appends the messages of each topic to its file. Messages whose file cannot be opened
// are retried.
func (b *Backend) write(_ context.Context, batch []*backendkit.Item) error {
	byTopic := map[string][]*backendkit.Item{}
	for _, item := range batch {
		byTopic[item.Message.Topic] = append(byTopic[item.Message.Topic], item)
	}
	var cause error
	for topic, items := range byTopic {
		file, err := os.OpenFile(filepath.Join(b.dir, topic+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
		if err != nil {
			cause = err
			continue
		}
		offsets, err := appendItems(file, items)
		for i, item := range items {
			if err != nil {
				item.Failed(err) // a part of it may be in the file
				continue
			}
			item.Delivered(signalcast.Receipt{ID: strconv.FormatInt(offsets[i], 10)})
		}
	}
	return cause
}

// appendItems writes and syncs the lines, and returns the offset of each.
func appendItems(file *os.File, items []*backendkit.Item) (offsets []int64, err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Seek(0, io.SeekEnd)
	last := []byte("\n")
	if err == nil && size > 0 {
		_, err = file.ReadAt(last, size-1)
	}
	if err != nil {
		return nil, fmt.Errorf("read the end of the file: %w", err)
	}
	var text bytes.Buffer
	if last[0] != '\n' {
		text.WriteByte('\n') // a crash left a part of a line, which readers skip
	}
	for _, item := range items {
		offsets = append(offsets, size+int64(text.Len()))
		if err := json.NewEncoder(&text).Encode(lineOf(item.Message)); err != nil {
			return nil, fmt.Errorf("line of a message: %w", err)
		}
	}
	_, err = file.Write(text.Bytes())
	return offsets, errors.Join(err, file.Sync())
}
