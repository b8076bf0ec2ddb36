package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/signalcast/signalcast"
)

const (
	// cancelPatience bounds the wait for the reply to a COMMIT whose context has ended.
	cancelPatience = 5 * time.Second
	// rollbackPatience bounds a ROLLBACK.
	rollbackPatience = 5 * time.Second
)

// commit executes the statements of batch and COMMIT in one round trip. It returns nil if and only if the transaction
// was committed. The error wraps ErrCommitUnknown if COMMIT was sent and its reply lost. If ctx ends
// meanwhile, commit asks the server to cancel the statements, so that the outcome is known.
func (s *Store) commit(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) error {
	if err := ctx.Err(); err != nil {
		return s.fail("commit", err)
	}
	batch.Queue("commit")
	watched, release := cancelling(ctx, conn)
	unknown, err := execute(conn.SendBatch(watched, batch), batch.Len())
	release()
	switch {
	case err == nil:
		return nil
	case unknown:
		return fmt.Errorf("postgres: commit: %w: %w", signalcast.ErrCommitUnknown, err)
	case ctx.Err() != nil && isCode(err, codeQueryCanceled):
		return fmt.Errorf("postgres: commit: %w: %w", ctx.Err(), err)
	}
	return s.fail("commit", err)
}

// execute reads the results of n statements, the last of which is COMMIT. It reports whether the outcome of an error is
// unknown.
func execute(results pgx.BatchResults, n int) (unknown bool, err error) {
	defer results.Close() //nolint:errcheck // COMMIT has its result, and the pool drops a broken connection
	var tag pgconn.CommandTag
	for i := range n {
		if tag, err = results.Exec(); err != nil {
			return unknownOutcome(err, i == n-1), err
		}
	}
	if tag.String() != "COMMIT" {
		return false, pgx.ErrTxCommitRollback
	}
	return false, nil
}

// unknownOutcome reports whether a transaction may be committed although a statement returned err. atCommit says that the
// statement was COMMIT.
func unknownOutcome(err error, atCommit bool) bool {
	if pgconn.SafeToRetry(err) {
		return false // nothing was sent
	}
	if _, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok {
		return false // COMMIT was not sent
	}
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok, pgErr.Code == codeCompletionUnknown, strings.HasPrefix(pgErr.Code, classConnectionFailure):
		return true
	case pgErr.SeverityUnlocalized == "ERROR":
		return false
	}
	// The server ends the connection. If it did so at an earlier statement, it did not execute COMMIT. An error without the
	// name of a routine is that of a proxy, which does not know.
	return atCommit || pgErr.Routine == ""
}

// cancelling returns a context for statements on conn. If ctx ends, the server is asked to cancel
// them, and the context ends somewhat later. release ends the watch.
func cancelling(ctx context.Context, conn *pgx.Conn) (watched context.Context, release func()) {
	uncancelled := context.WithoutCancel(ctx)
	watched, abandon := context.WithCancel(uncancelled)
	replied, ended := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		bounded, cancel := context.WithTimeout(uncancelled, cancelPatience)
		defer cancel()
		_ = conn.PgConn().CancelRequest(bounded) // without effect if it fails
		select {
		case <-replied:
		case <-bounded.Done():
			abandon()
		}
	})
	return watched, func() {
		if !stop() {
			close(replied)
			<-ended
			closeConn(ctx, conn) // the request may cancel a later statement of the connection
		}
		abandon()
	}
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackPatience)
	defer cancel()
	_ = conn.Close(bounded) // the connection is of no use either way
}

// rollback ends an open transaction. If it fails, the pool drops the connection, which ends the transaction too.
func rollback(ctx context.Context, conn *pgx.Conn) {
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackPatience)
	defer cancel()
	_, _ = conn.Exec(bounded, "rollback") // see above
}

func isCode(err error, code string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == code
}
