//go:build integration

package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox/postgres"
)

// newShopOf returns a shop with another pool on the tables of s.
func newShopOf(t testing.TB, s *shop, pool *pgxpool.Pool) *shop {
	t.Helper()
	store, err := postgres.New(postgres.Config{Pool: pool, Table: s.table})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	other := &shop{pool: pool, table: s.table, store: store, registry: signalcast.NewRegistry(), placed: s.placed, seen: s.seen, backend: s.backend}
	require.NoError(t, other.registry.Register(s.placed, s.seen))
	config := signalcast.ProducerConfig{
		s.placed.EventType(): {"orders": {EventKeyField: new("customer"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)}},
		s.seen.EventType():   {"seen": {EventKeyField: new("customer"), Enabled: new(true)}},
	}
	d, err := signalcast.NewDispatcher(context.Background(), other.registry, config, s.backend, signalcast.WithOutbox(store), signalcast.WithSharedBackend())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
	return other
}

// cutter is a proxy that closes a connection when the client sends a text: before or after it passes it on. It never passes the
// reply on.
type cutter struct {
	text   atomic.Pointer[string] // nil: pass everything
	before atomic.Bool
	cuts   atomic.Int64
}

func (c *cutter) start(t testing.TB, server string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := new(net.Dialer).DialContext(context.Background(), "tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			passing.Go(func() {
				defer upstream.Close() //nolint:errcheck // a test
				c.requests(client, upstream)
			})
			passing.Go(func() {
				defer client.Close() //nolint:errcheck // a test
				_, _ = io.Copy(client, upstream)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		passing.Wait()
	})
	return listener.Addr().String()
}

func (c *cutter) requests(client, upstream net.Conn) {
	const sync = "S\x00\x00\x00\x04" // the last message of a request
	buffer, found := make([]byte, 1<<20), false
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		text := c.text.Load()
		found = found || text != nil && bytes.Contains(buffer[:n], []byte(*text))
		cut := found && (c.before.Load() || bytes.HasSuffix(buffer[:n], []byte(sync)))
		if cut {
			c.cuts.Add(1)
			_ = client.Close() // the reply is lost
		}
		if cut && c.before.Load() {
			return
		}
		if _, err := upstream.Write(buffer[:n]); err != nil || cut {
			if tcp, ok := upstream.(*net.TCPConn); ok && cut {
				_ = tcp.CloseWrite()
				_, _ = io.Copy(io.Discard, upstream)
			}
			return
		}
	}
}

func TestConnectionCutAfterCommitWasSentHasAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	config, err := pgx.ParseConfig(address(t))
	require.NoError(t, err)
	for name, stored := range map[string]bool{"before the server has it": false, "after the server has it": true} {
		c := &cutter{}
		c.before.Store(!stored)
		addr := c.start(t, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
		pool := newPool(t, func(p *pgxpool.Config) {
			proxy, err := netip.ParseAddrPort(addr)
			require.NoError(t, err)
			p.ConnConfig.Host, p.ConnConfig.Port = proxy.Addr().String(), proxy.Port()
			p.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are sent as text
			p.MaxConns = 1
		})
		victim := newShopOf(t, s, pool)
		text := "commit"
		before := len(s.stored(t))
		var delivery *signalcast.Delivery
		var held *signalcast.Delivery
		err := victim.store.InTx(t.Context(), func(ctx context.Context, _ pgx.Tx) (err error) {
			c.text.Store(&text)
			held, err = victim.seen.SendAsync(ctx, victim.registry, order{"ann", 1})
			require.NoError(t, err)
			delivery, err = victim.placed.SendAsync(ctx, victim.registry, order{"ann", 1})
			return err
		})
		c.text.Store(nil)
		require.EqualValues(t, 1, c.cuts.Load(), name)
		require.ErrorIs(t, err, signalcast.ErrCommitUnknown, name)
		for _, d := range []*signalcast.Delivery{delivery, held} {
			var failed *signalcast.DeliveryError
			require.ErrorAs(t, d.Wait(t.Context()), &failed)
			require.Equal(t, signalcast.FateUnknown, failed.Fate)
		}
		if stored {
			eventually(t, func() bool { return len(s.stored(t)) == before+1 }, name)
		} else {
			require.Len(t, s.stored(t), before, name)
		}
		c.text.Store(&text)
		require.ErrorIs(t, victim.send(t.Context(), "bob", 1), signalcast.ErrCommitUnknown, "a message outside a unit")
		c.text.Store(nil)
		require.NoError(t, victim.send(t.Context(), "bob", 2), "the pool connects again")
	}
	require.Empty(t, s.backend.Messages("seen"))
}

func TestServerErrorBeforeCommitIsKnown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := s.pool.Exec(t.Context(), "alter table "+s.table+" add constraint refused check (topic <> 'orders')")
	require.NoError(t, err)
	err = s.send(t.Context(), "ann", 1)
	require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
	var server *pgconn.PgError
	require.ErrorAs(t, err, &server)
	require.Equal(t, "23514", server.Code)
	require.NotContains(t, err.Error(), "ann", "the error shows no data")
	require.Zero(t, s.pool.Stat().AcquiredConns())
}
