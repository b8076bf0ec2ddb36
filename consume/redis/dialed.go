package redis

import (
	"context"
	"net"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/internal/rawconn"
	"github.com/signalcast/signalcast/internal/resp"
)

// dialed is a hook of a client. It notes the connections of the client, and turns its panics into errors: go-redis panics if a
// server announces an impossible length.
type dialed struct{ conns *rawconn.Set }

func (d dialed) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return d.conns.Add(addr, conn), nil
	}
}

func (dialed) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, command goredis.Cmder) error {
		return guarded(func() error { return next(ctx, command) })
	}
}

func (dialed) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, commands []goredis.Cmder) error {
		return guarded(func() error { return next(ctx, commands) })
	}
}

// guarded calls the client and returns its panic as an error.
func guarded(call func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = resp.ErrProtocol
		}
	}()
	return call()
}

// watchConns makes conns note every connection of a client.
func watchConns(client goredis.UniversalClient, conns *rawconn.Set) {
	hook := dialed{conns}
	if cluster, ok := client.(*goredis.ClusterClient); ok {
		cluster.OnNewNode(func(node *goredis.Client) { node.AddHook(hook) })
		return
	}
	client.AddHook(hook)
}
