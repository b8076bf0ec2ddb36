// Package rediscluster makes a Redis Cluster of running servers, for tests.
package rediscluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is the number of slots of every Redis Cluster.
const slots = 16384

// Form makes a cluster of empty nodes that run with cluster-enabled: masters first, then one
// replica for each of the first masters, in the same order. Each master gets the same share of
// the slots. Form returns the IDs of the nodes when all of them agree.
func Form(ctx context.Context, nodes []*redis.Client, masters int) (ids []string, err error) {
	for i, node := range nodes {
		id, err := node.Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
		ids = append(ids, id)
		if i < masters {
			first, next := slots*i/masters, slots*(i+1)/masters
			if err := node.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", first, next-1).Err(); err != nil {
				return nil, fmt.Errorf("node %d: %w", i, err)
			}
			if err := node.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
				return nil, fmt.Errorf("node %d: %w", i, err)
			}
		}
		if err := meet(ctx, nodes[0], node); err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
	}
	known := "cluster_known_nodes:" + strconv.Itoa(len(nodes))
	if err := await(ctx, nodes, func(node *redis.Client) bool {
		info, _ := node.ClusterInfo(ctx).Result()
		return strings.Contains(info, known)
	}); err != nil {
		return nil, err
	}
	replicas := nodes[masters:]
	for i, replica := range replicas {
		if err := replica.ClusterReplicate(ctx, ids[i]).Err(); err != nil {
			return nil, fmt.Errorf("replica %d: %w", i, err)
		}
	}
	return ids, await(ctx, nodes, func(node *redis.Client) bool { return complete(ctx, node, masters, len(replicas)) })
}

func meet(ctx context.Context, first, node *redis.Client) error {
	bus, err := node.ConfigGet(ctx, "cluster-port").Result()
	if err != nil {
		return err //nolint:wrapcheck // wrapped by Form
	}
	host, port, err := net.SplitHostPort(node.Options().Addr)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by Form
	}
	return first.Do(ctx, "CLUSTER", "MEET", host, port, bus["cluster-port"]).Err() //nolint:wrapcheck // wrapped by Form
}

// complete reports whether a node knows all masters and replicas and is in sync.
func complete(ctx context.Context, node *redis.Client, masters, replicas int) bool {
	info, _ := node.ClusterInfo(ctx).Result()
	role, _ := node.Info(ctx, "replication").Result()
	shares, _ := node.ClusterSlots(ctx).Result() //nolint:staticcheck // as the backend does
	replicated := 0
	for _, s := range shares {
		if len(s.Nodes) > 1 {
			replicated++
		}
	}
	return strings.Contains(info, "cluster_state:ok") && len(shares) == masters && replicated == replicas &&
		(strings.Contains(role, "role:master") || strings.Contains(role, "master_link_status:up"))
}

// await waits until ready returns true for every node, or ctx ends.
func await(ctx context.Context, nodes []*redis.Client, ready func(*redis.Client) bool) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for i, node := range nodes {
		for !ready(node) {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return fmt.Errorf("waiting for node %d: %w", i, ctx.Err())
			}
		}
	}
	return nil
}

// Role returns the role of a server in its replication, "master" or "slave". It returns "" if the server does not reply.
func Role(ctx context.Context, node *redis.Client) string {
	reply, _ := node.Do(ctx, "ROLE").Slice()
	if len(reply) == 0 {
		return ""
	}
	role, _ := reply[0].(string)
	return role
}

// Migrate moves the slot of a stream from one node to another, with all its keys.
func Migrate(ctx context.Context, stream string, from, to *redis.Client, fromID, toID string) error {
	slot, err := from.ClusterKeySlot(ctx, stream).Result()
	if err != nil {
		return fmt.Errorf("slot of %s: %w", stream, err)
	}
	host, port, err := net.SplitHostPort(to.Options().Addr)
	if err != nil {
		return fmt.Errorf("address of the target: %w", err)
	}
	run := func(at *redis.Client, args ...any) error {
		if err := at.Do(ctx, args...).Err(); err != nil {
			return fmt.Errorf("%v: %w", args, err)
		}
		return nil
	}
	err = errors.Join(run(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromID), run(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toID))
	for err == nil {
		keys, errKeys := from.ClusterGetKeysInSlot(ctx, int(slot), 100).Result()
		if errKeys != nil {
			return fmt.Errorf("keys of slot %d: %w", slot, errKeys)
		}
		if len(keys) == 0 {
			return errors.Join(run(to, "CLUSTER", "SETSLOT", slot, "NODE", toID), run(from, "CLUSTER", "SETSLOT", slot, "NODE", toID))
		}
		for _, key := range keys {
			err = errors.Join(err, run(from, "MIGRATE", host, port, key, 0, 10_000))
		}
	}
	return err
}
