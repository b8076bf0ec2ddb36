package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast/backends/backendkit"
)

const (
	// notifyInterval is the shortest time between two NOTIFY of a store.
	notifyInterval = 5 * time.Millisecond
	// channelPrefix is the name of the channel before the OID of the table of rows.
	channelPrefix = "signalcast_outbox_"
	notifySQL     = "select pg_notify('" + channelPrefix + "' || {oid}, '')"
	channelSQL    = "select {oid}::bigint"
)

// notifier sends NOTIFY after commits. A NOTIFY in the transaction of the events would let only one transaction commit at a time.
type notifier struct {
	requests chan struct{} // holds a token if a NOTIFY is due
	cancel   context.CancelFunc
	done     chan struct{}
}

func startNotifier(pool *pgxpool.Pool, statement string) *notifier {
	ctx, cancel := context.WithCancel(context.Background())
	n := &notifier{make(chan struct{}, 1), cancel, make(chan struct{})}
	go n.run(ctx, pool, statement)
	return n
}

func (n *notifier) request() {
	select {
	case n.requests <- struct{}{}:
	default:
	}
}

func (n *notifier) run(ctx context.Context, pool *pgxpool.Pool, statement string) {
	defer close(n.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.requests:
			_, _ = pool.Exec(ctx, statement) // without it, relays poll
			timer.Reset(notifyInterval)
		case <-ctx.Done():
			return
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

func (n *notifier) close() {
	n.cancel()
	<-n.done
}

// listener wakes a reader when another process has committed.
type listener struct {
	store  *Store
	reader *reader
	cancel context.CancelFunc
	done   chan struct{}
}

func startListener(s *Store, r *reader) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{s, r, cancel, make(chan struct{})}
	go l.run(ctx)
	return l
}

// run listens until ctx ends, and connects again after a failure.
func (l *listener) run(ctx context.Context) {
	defer close(l.done)
	for failures := 0; ctx.Err() == nil; {
		err := l.listen(ctx, func() {
			if failures > 0 {
				l.store.logger.LogAttrs(ctx, slog.LevelInfo, "outbox listener works again", l.table())
			}
			failures = 0
		})
		if ctx.Err() != nil {
			return
		}
		if failures == 0 {
			l.store.logger.LogAttrs(ctx, slog.LevelWarn, "outbox listener fails, connecting again", l.table(), slog.Any("error", err))
		}
		failures++
		_ = backendkit.Pause(ctx, failures, 0) // an error is that of ctx
	}
}

// listen wakes the reader for each notification, until the connection fails. It calls connected when it listens.
func (l *listener) listen(ctx context.Context, connected func()) error {
	config := l.store.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return err //nolint:wrapcheck // logged
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return err //nolint:wrapcheck // logged
	}
	defer closeConn(ctx, conn)
	var oid int64
	if err := conn.QueryRow(ctx, l.store.names.sql(channelSQL)).Scan(&oid); err != nil {
		return err //nolint:wrapcheck // logged
	}
	if _, err := conn.Exec(ctx, "listen "+channelPrefix+strconv.FormatInt(oid, 10)); err != nil {
		return err //nolint:wrapcheck // logged
	}
	connected()
	for {
		l.reader.wake() // also once after connecting: notifications may have been missed
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

func (l *listener) table() slog.Attr { return slog.String("table", l.store.names.display) }

func (l *listener) close() {
	l.cancel()
	<-l.done
}
