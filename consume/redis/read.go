package redis

import (
	"context"
	"strconv"
	"time"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/resp"
)

// leasedReader reads entries of a stream that were not delivered to any member, while this member holds the lease.
//
// The check of the lease and the read are one step of the server. If they were two, a member that is suspended between them could get
// entries after another member has acquired the lease, and that member would handle later entries first. So the connection
// watches the lease, checks its value, and reads in a transaction. The server executes the transaction only if the lease has not changed
// since the watch began. A script would do the same, but the server spends more on its reply than on reading the entries.
type leasedReader struct {
	links

	group, member string
	lease, token  string
	armed         bool // the connection watches the lease, and this member held it when the watch began
	sent          int  // the COUNT of a read whose reply was not received; 0 means none
}

// read reads up to n entries, and calls add with their messages. held is false if another member has the lease. If the reply has n
// entries, read asks for as many more as next returns, which the following call reads: the server works while the consumer handles
// the entries. If next returned more than 0, the following call ignores its own n.
func (r *leasedReader) read(ctx context.Context, n int, add func([]consume.Message), next func() int) (count int, held bool, err error) {
	err = r.with(ctx, func(l *link) error {
		for executed := false; !executed; {
			if r.sent == 0 {
				if held, err = r.send(l, n); err != nil || !held {
					return err
				}
			}
			n, r.sent = r.sent, 0
			if count, executed, err = r.receive(l, n, add); err != nil {
				return err
			}
		}
		held = true
		if count == n && r.armed {
			if more := next(); more > 0 {
				_, err = r.send(l, more)
			}
		}
		return err
	})
	if err != nil {
		r.armed, r.sent = false, 0 // for another connection
	}
	return count, held, err
}

// send sends the commands of a read. held is false if another member has the lease; nothing was sent then.
func (r *leasedReader) send(l *link, n int) (held bool, err error) {
	if !r.armed {
		r.arm(l)
		if err := l.flush(); err != nil {
			return false, err
		}
		if err := r.readArmed(l); err != nil || !r.armed {
			return false, err
		}
	}
	r.request(l, n)
	r.sent = n
	return true, l.flush()
}

// request adds the commands of a read, and those that prepare the next one.
func (r *leasedReader) request(l *link, n int) {
	l.addAsking() // holds until the end of the transaction
	l.command("MULTI")
	l.command("XREADGROUP", "GROUP", r.group, r.member, "COUNT", strconv.Itoa(n), "STREAMS", r.stream, ">")
	l.command("EXEC")
	r.arm(l)
}

// arm adds the commands that watch the lease.
func (r *leasedReader) arm(l *link) {
	l.command("UNWATCH")
	l.addAsking()
	l.command("WATCH", r.lease)
	l.addAsking()
	l.command("GET", r.lease)
}

// readArmed reads the replies to the commands of arm.
func (r *leasedReader) readArmed(l *link) (err error) {
	if err := l.in.Status(); err != nil {
		return err
	}
	if err := l.readAsking(); err != nil {
		return err
	}
	if err := l.in.Status(); err != nil {
		return err
	}
	if err := l.readAsking(); err != nil {
		return err
	}
	r.armed, err = l.in.Equal(r.token)
	return err
}

// receive reads the replies to the commands of request. executed is false if the lease has changed.
func (r *leasedReader) receive(l *link, n int, add func([]consume.Message)) (count int, executed bool, err error) {
	r.armed = false
	if err := l.readAsking(); err != nil {
		return 0, false, err
	}
	for range 2 { // MULTI and XREADGROUP
		if err := l.in.Status(); err != nil {
			return 0, false, err
		}
	}
	replies, err := l.in.Array()
	switch {
	case err != nil:
		return 0, false, err
	case replies > 1:
		return 0, false, resp.ErrProtocol
	case replies == 1:
		if count, err = l.readStream(r.stream, n, add); err != nil {
			return 0, false, err
		}
	}
	return count, replies == 1, r.readArmed(l)
}

// await waits until the stream has an entry after the one with the ID last, at most for the given time.
func (r *leasedReader) await(ctx context.Context, last string, wait time.Duration) (found bool, err error) {
	err = r.with(ctx, func(l *link) error {
		l.addAsking()
		l.command("XREAD", "COUNT", "1", "BLOCK", milliseconds(wait), "STREAMS", r.stream, last)
		r.arm(l)
		r.armed = false
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.readAsking(); err != nil {
			return err
		}
		n, err := l.in.Streams()
		if err != nil {
			return err
		}
		found = n > 0
		for range n {
			if err := l.in.Skip(); err != nil {
				return err
			}
		}
		return r.readArmed(l)
	})
	if err != nil {
		r.armed = false
	}
	return found, err
}

// claim makes this member the owner of pending entries, and calls add with their messages. Entries that were removed are left out.
func (r *leasedReader) claim(ctx context.Context, ids []string, add func([]consume.Message)) error {
	err := r.with(ctx, func(l *link) error {
		l.addAsking()
		l.begin(5 + len(ids))
		for _, argument := range [...]string{"XCLAIM", r.stream, r.group, r.member, "0"} {
			l.out = resp.AppendBulk(l.out, argument)
		}
		for _, id := range ids {
			l.out = resp.AppendBulk(l.out, id)
		}
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.readAsking(); err != nil {
			return err
		}
		n, err := l.in.Array()
		if err != nil {
			return err
		}
		return l.readEntries(r.stream, n, len(ids), add)
	})
	if err != nil {
		r.armed = false
	}
	return err
}
