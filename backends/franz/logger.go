package franz

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// logger gives the warnings of franz-go to slog. They are about brokers,
// partitions and batches, and hold nothing of the records.
type logger struct{ *slog.Logger }

func (l logger) Level() kgo.LogLevel {
	if l.Enabled(context.Background(), slog.LevelWarn) {
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

func (l logger) Log(_ kgo.LogLevel, message string, pairs ...any) {
	attributes := make([]slog.Attr, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes = append(attributes, slog.Any(fmt.Sprint(pairs[i]), pairs[i+1]))
	}
	l.LogAttrs(context.Background(), slog.LevelWarn, message, attributes...) //nolint:sloglint // franz-go's own messages
}
