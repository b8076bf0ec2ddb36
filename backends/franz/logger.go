package franz

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/backends/backendkit"
)

// logger writes the warnings of franz-go to slog. They are about brokers, partitions
// and batches, and contain no record data.
type logger struct{ log *backendkit.Log }

func (l logger) Level() kgo.LogLevel {
	if l.log.Logger().Enabled(context.Background(), slog.LevelWarn) {
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

func (l logger) Log(_ kgo.LogLevel, message string, pairs ...any) {
	attributes := make([]slog.Attr, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		attributes = append(attributes, slog.Any(fmt.Sprint(pairs[i]), pairs[i+1]))
	}
	l.log.Logger().LogAttrs(context.Background(), slog.LevelWarn, message, attributes...) //nolint:sloglint // franz-go's own messages
}
