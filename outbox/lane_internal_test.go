package outbox

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// flightBackend keeps the messages that it accepts.
type flightBackend struct {
	signalcast.Backend

	done []func(signalcast.Receipt, error)
}

func (b *flightBackend) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	b.done = append(b.done, done)
	return nil
}

// laneTerm is a term whose reads are made by the test. All rows are of one lane.
type laneTerm struct {
	*term

	backend *flightBackend
	trusted *trust
}

func newLaneTerm(t *testing.T) *laneTerm {
	t.Helper()
	b := &flightBackend{}
	r := &Relay{backend: b, log: slog.New(slog.DiscardHandler)}
	require.NoError(t, r.config.setDefaults())
	return &laneTerm{newTerm(r, Lease{}), b, newTrust(r, Lease{}, time.Now())}
}

func rowsOf(sequences ...int64) (rows []Row) {
	for _, n := range sequences {
		rows = append(rows, Row{Sequence: n, Topic: "a", Message: &signalcast.Message{}})
	}
	return rows
}

// fetched accepts rows of a read of all lanes, and readLane those of a read of the lane.
func (t *laneTerm) fetched(sequences ...int64) { t.accept(readResult{rows: rowsOf(sequences...)}) }

func (t *laneTerm) readLane(sequences ...int64) {
	l := t.lanes[laneKey{"a", 0}]
	t.accept(readResult{rows: rowsOf(sequences...), lane: &laneRead{l.key(), l.after, l.epoch}})
}

// published returns the sequences that are published now.
func (t *laneTerm) published() (sequences []int64) {
	t.publishQueue(t.trusted)
	for _, f := range t.lanes[laneKey{"a", 0}].flights {
		sequences = append(sequences, f.row.Sequence)
	}
	return sequences
}

// finishAll reports an outcome for each message in flight, in order.
func (t *laneTerm) finishAll(outcomes ...error) {
	done := t.backend.done
	t.backend.done = nil
	for i, err := range outcomes {
		done[i](signalcast.Receipt{}, err)
	}
	t.complete()
}

// after returns where the next read of the lane starts.
func (t *laneTerm) after() int64 { return t.lanes[laneKey{"a", 0}].after }

var errBroker = errors.New("timed out")

func TestLateRowOfALaneThatHasPassedIt(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(1)
	l.published()
	l.finishAll(errBroker)
	many := make([]int64, laneBatch)
	for i := range many {
		many[i] = int64(i + 1)
		if i > 9 {
			many[i]++ // row 11 is not visible
		}
	}
	l.readLane(many...)
	require.True(t, l.lanes[laneKey{"a", 0}].behind, "a full batch")
	l.fetched(11, 12)
	require.Equal(t, int64(11), l.queue[len(l.queue)-1].row.Sequence, "12 is queued already")
}

func TestLateRowOfALaneThatWaitsForItsFlights(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(3, 4)
	require.Equal(t, []int64{3, 4}, l.published())
	l.backend.done[0](signalcast.Receipt{}, errBroker)
	l.complete()
	l.fetched(2) // the lane waits for row 4
	require.Empty(t, l.queue)
	l.backend.done[1](signalcast.Receipt{}, nil)
	l.complete()
	require.Equal(t, int64(1), l.after(), "row 2 is read")
}

func TestLateRowThatIsQueuedWhenAnotherFails(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(3)
	require.Equal(t, []int64{3}, l.published())
	l.fetched(4, 2)
	l.finishAll(errBroker)
	require.Equal(t, int64(1), l.after())
	require.Empty(t, l.published(), "the queue holds no valid rows")
}

func TestLateRowThatIsInFlightWhenAnotherFails(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(3, 2)
	require.Equal(t, []int64{3, 2}, l.published())
	l.finishAll(errBroker, errBroker)
	require.Equal(t, int64(1), l.after())
}

func TestRowsThatALaneHasReadAreNotQueuedAgain(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(1)
	l.published()
	l.finishAll(errBroker)
	l.readLane(1, 2, 3, 5)
	require.Equal(t, []int64{1, 2, 3, 5}, l.published())
	l.finishAll(nil, errBroker, nil, nil)
	require.Equal(t, int64(1), l.after(), "row 1 was delivered")
	l.fetched(2, 3)
	require.Empty(t, l.published())
	l.readLane(2, 3, 5)
	require.Len(t, l.lanes[laneKey{"a", 0}].ahead, 1, "row 5 only")
	l.fetched(5, 6)
	require.Equal(t, []int64{2, 3, 5, 6}, l.published())
	require.Empty(t, l.lanes[laneKey{"a", 0}].ahead)
}

func TestReadOfALaneThatFailedMeanwhileIsIgnored(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(1)
	l.published()
	lane := l.lanes[laneKey{"a", 0}]
	l.finishAll(errBroker)
	stale := laneRead{lane.key(), lane.after, lane.epoch}
	l.setAside(lane, 0)
	l.accept(readResult{rows: rowsOf(1), lane: &stale})
	require.Empty(t, l.queue)
	require.True(t, lane.behind)
}

func TestNothingIsPublishedWithoutTrustInTheLease(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.fetched(1)
	l.trusted = newTrust(l.Relay, Lease{}, time.Now().Add(-l.config.Lease*3/4))
	require.Empty(t, l.published())
	require.Empty(t, l.backend.done)
}

func TestAFullQueueStopsReads(t *testing.T) {
	t.Parallel()
	l := newLaneTerm(t)
	l.full = true
	many := make([]int64, l.config.Batch/2)
	for i := range many {
		many[i] = int64(i + 1)
	}
	l.fetched(many...)
	l.published()
	l.ask()
	require.False(t, l.reads.asked)
	l.full = false
	l.published()
	l.ask()
	require.True(t, l.reads.asked)
}
