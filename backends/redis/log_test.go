package redis_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestLogReportsRecoveryAfterTheFirstWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  fault
		again bool
	}{
		"written":           {again: true},
		"rejected for good": {then: fault{reply: "-WRONGTYPE not a stream\r\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			attempts := 0
			server := startFake(t, &fake{misbehave: func(command []string) fault {
				if command[0] != "XADD" {
					return fault{}
				}
				if attempts++; attempts == 1 {
					return fault{reply: "-OOM command not allowed\r\n"}
				}
				return c.then
			}})
			var log safeBuffer
			b := newBackend(t, redis.Config{URL: server.url(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			flush(t, b)
			require.NoError(t, b.Close(t.Context()))
			require.Contains(t, log.String(), "delivery fails, retrying")
			if c.again {
				require.Contains(t, log.String(), "works again")
			} else {
				require.NotContains(t, log.String(), "works again")
			}
		})
	}
}
