package redis

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// outcome is what the server answered to one XADD: the ID of the new entry, or
// an error, which says that nothing was written if it is a reply and leaves it open else.
type outcome struct {
	id  string
	err error
}

var errUnexpectedReply = errors.New("unexpected reply")

// write writes the batch, all messages of one stream, and returns their outcomes
// in the same order. Several messages are one transaction: when the server
// refuses one of them, out of memory say, none behind it overtakes it.
func (s *session) write(ctx context.Context, batch []*pending, maxLen *int64) []outcome {
	if len(batch) == 1 {
		cmd := redis.NewStringCmd(ctx, batch[0].command(maxLen, s.idempotent)...)
		_ = s.conn.Process(ctx, cmd) // cmd has the error
		return []outcome{{cmd.Val(), cmd.Err()}}
	}
	pipe := s.conn.Pipeline()
	multi := redis.NewStatusCmd(ctx, "MULTI")
	_ = pipe.Process(ctx, multi) // only adds to the pipeline
	adds := make([]*redis.StatusCmd, len(batch))
	for i, p := range batch {
		adds[i] = redis.NewStatusCmd(ctx, p.command(maxLen, s.idempotent)...)
		_ = pipe.Process(ctx, adds[i])
	}
	exec := redis.NewSliceCmd(ctx, "EXEC")
	_ = pipe.Process(ctx, exec)
	_, _ = pipe.Exec(ctx) // every command has its own error

	outcomes := make([]outcome, len(batch))
	switch {
	case isReply(multi.Err()):
		// The user may XADD and not MULTI: each message was written on its own.
		for i, add := range adds {
			outcomes[i] = outcome{add.Val(), add.Err()}
		}
	case exec.Err() != nil:
		for i, add := range adds {
			outcomes[i].err = exec.Err()
			if isReply(exec.Err()) && isReply(add.Err()) {
				outcomes[i].err = add.Err() // why the transaction was refused
			}
		}
	default:
		replies := exec.Val()
		for i := range outcomes {
			if len(replies) == len(batch) {
				outcomes[i] = toOutcome(replies[i])
			} else {
				outcomes[i].err = errUnexpectedReply
			}
		}
	}
	return outcomes
}

func toOutcome(reply any) outcome {
	switch r := reply.(type) {
	case string:
		return outcome{id: r}
	case error:
		return outcome{err: r}
	default:
		return outcome{err: errUnexpectedReply}
	}
}
