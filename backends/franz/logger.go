package franz

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/backends/backendkit"
)

// logger writes the warnings of franz-go to slog. They are about brokers, partitions
// and batches, and contain no record data. franz-go repeats a warning for each attempt,
// and logger writes it once a minute.
type logger struct {
	log *backendkit.Log

	mu      sync.Mutex
	written map[string]time.Time // by message and subject, when it was last written
}

const (
	repeatAfter = time.Minute
	maxWritten  = 1000 // the largest number of entries of written
)

func newLogger(log *backendkit.Log) *logger {
	return &logger{log: log, written: map[string]time.Time{}}
}

// repeats reports whether the same warning was written less than repeatAfter ago. Otherwise it records the warning as
// written. The first pair is the subject of a warning. Warnings with the same message and subject are the same.
func (l *logger) repeats(message string, pairs []any) bool {
	key := message + fmt.Sprint(pairs[:min(2, len(pairs))]...)
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.written[key]
	if ok && time.Since(last) < repeatAfter {
		return true
	}
	if len(l.written) >= maxWritten {
		clear(l.written)
	}
	l.written[key] = time.Now()
	return false
}

func (l *logger) Level() kgo.LogLevel {
	if l.log.Logger().Enabled(context.Background(), slog.LevelWarn) {
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

func (l *logger) Log(_ kgo.LogLevel, message string, pairs ...any) {
	if l.repeats(message, pairs) {
		return
	}
	attributes := make([]slog.Attr, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes = append(attributes, slog.Any(fmt.Sprint(pairs[i]), pairs[i+1]))
	}
	l.log.Logger().LogAttrs(context.Background(), slog.LevelWarn, message, attributes...) //nolint:sloglint // franz-go's own messages
}
