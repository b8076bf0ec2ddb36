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

var (
	errUnexpectedReply = errors.New("unexpected reply")
	errNonsense        = errors.New("reply that the client cannot read")
)

// guarded makes a call of the client and turns its panic into an error. go-redis
// makes room for whatever length a server announces, and panics where no memory
// has that many addresses; what was written is open then, as without an answer.
func guarded(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errNonsense
		}
	}()
	return call()
}

// write writes the batch, all messages of one stream, and returns their outcomes
// in the same order. Several messages are one transaction: when the server
// refuses one of them, out of memory say, none behind it overtakes it.
func (s *session) write(ctx context.Context, batch []*pending, maxLen *int64) []outcome {
	defer s.forget(batch)
	if len(batch) == 1 {
		add := s.add(ctx, 0, batch[0], maxLen)
		err := guarded(func() error { return s.conn.Process(ctx, add) })
		return []outcome{{add.Val(), err}}
	}
	pipe := s.conn.Pipeline()
	multi := redis.NewStatusCmd(ctx, "MULTI")
	_ = pipe.Process(ctx, multi) // only adds to the pipeline
	for i, p := range batch {
		_ = pipe.Process(ctx, s.add(ctx, i, p, maxLen))
	}
	adds := s.adds[:len(batch)]
	exec := redis.NewSliceCmd(ctx, "EXEC")
	_ = pipe.Process(ctx, exec)
	err := guarded(func() error {
		_, err := pipe.Exec(ctx)
		return err //nolint:wrapcheck // every command has its own
	})

	outcomes := make([]outcome, len(batch))
	switch {
	case errors.Is(err, errNonsense):
		for i := range outcomes {
			outcomes[i].err = err
		}
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

// add returns the i-th command of a batch, with the arguments that store p.
// The commands of a session are used again and again; the number of their
// arguments stays the same.
func (s *session) add(ctx context.Context, i int, p *pending, maxLen *int64) *redis.StatusCmd {
	if i == len(s.adds) {
		args := p.appendCommand(nil, maxLen, s.idempotent)
		s.args = append(s.args, args)
		s.adds = append(s.adds, redis.NewStatusCmd(ctx, args...))
		return s.adds[i]
	}
	p.appendCommand(s.args[i][:0], maxLen, s.idempotent)
	s.adds[i].SetVal("")
	s.adds[i].SetErr(nil)
	return s.adds[i]
}

// forget drops the references of the commands to the batch.
func (s *session) forget(batch []*pending) {
	for i := range batch {
		clear(s.args[i])
	}
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
