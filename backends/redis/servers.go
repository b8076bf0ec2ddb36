package redis

import (
	"context"
	"errors"
	"time"

	"github.com/signalcast/signalcast/internal/rawconn"
)

// servers are the servers that a backend writes to: one, or the nodes of a cluster.
type servers struct {
	conns   *rawconn.Set
	single  *node    // nil in a cluster
	cluster *cluster // nil for one server
}

func newServers(c Config) servers {
	s := servers{conns: rawconn.New()}
	if c.URL != "" || c.MasterName != "" {
		s.single = newNode(c, "", newClient(c, "", s.conns), s.conns, nil)
		return s
	}
	s.cluster = newCluster(c.Addrs,
		func(addr string) client { return newClient(c, addr, s.conns) },
		func(addr string, client client) *node {
			return newNode(c, addr, client, s.conns, func() { s.cluster.ask() })
		}, c.ReadTimeout)
	return s
}

// get returns a working session with the server of the stream, and keeps the server in
// stream.node. It waits for a session until the deadline. If get returns an error, no entry was
// written.
func (s *servers) get(ctx context.Context, stream *stream, deadline time.Time) (*session, error) {
	if s.single != nil {
		return s.single.get(ctx, deadline)
	}
	for {
		n, err := s.cluster.master(ctx, stream.name, deadline)
		if err != nil {
			return nil, err
		}
		to := s.cluster.at(stream.migratingTo)
		if to == nil || to == n {
			stream.migratingTo, to = "", n
		}
		stream.node = to
		session, err := to.get(ctx, deadline)
		switch {
		case errors.Is(err, errLeft): // the view is another one now
			continue
		case err != nil:
			s.cluster.ask()
			return nil, err
		}
		session.asking = to != n
		return session, nil
	}
}

// retire closes a session whose server failed or rejected a command. In a cluster, the stream
// may have moved.
func (s *servers) retire(session *session) {
	session.node.retire(session)
	if s.cluster != nil {
		s.cluster.ask()
	}
}

// close closes all connections, which ends every wait for a reply. A client would first wait
// for the replies of Sentinels.
func (s *servers) close() error {
	s.conns.CloseAll()
	if s.cluster != nil {
		return s.cluster.close()
	}
	return s.single.client.Close()
}
