package enginetest

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/engine"
)

const (
	clusterNodes = 3
	clusterSlots = 16384
)

// RedisCluster starts a Redis Cluster of three primaries that only this test uses,
// each with a third of the slots, and returns their addresses.
func RedisCluster(t testing.TB) (addrs []string) {
	t.Helper()
	nodes := make([]*redis.Client, clusterNodes)
	for i := range nodes {
		addrs = append(addrs, clusterNode(t))
		nodes[i] = redis.NewClient(&redis.Options{Addr: addrs[i]})
		defer nodes[i].Close() //nolint:errcheck // of a test
		if err := nodes[i].ClusterAddSlotsRange(t.Context(), i*clusterSlots/clusterNodes, (i+1)*clusterSlots/clusterNodes-1).Err(); err != nil {
			t.Fatal(err)
		}
	}
	host, port, err := net.SplitHostPort(addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	settings, err := nodes[0].ConfigGet(t.Context(), "cluster-port").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes[1:] {
		if err := node.Do(t.Context(), "cluster", "meet", host, port, settings["cluster-port"]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for _, node := range nodes {
		for !meets(t, node) {
			if time.Now().After(deadline) {
				t.Fatalf("the cluster of %v is not ready within a minute", addrs)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return addrs
}

// meets tells whether a node knows all others, and all slots.
func meets(t testing.TB, node *redis.Client) bool {
	info := node.ClusterInfo(t.Context()).Val()
	return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(clusterNodes))
}

// clusterNode starts one node and returns its address.
func clusterNode(t testing.TB) string {
	t.Helper()
	server, err := engine.StartRedis(t.Context(), engine.RedisOptions{Dir: t.TempDir(), Args: []string{
		"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(FreePort(t)), "--cluster-node-timeout", "5000",
	}})
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, server.Stop)
	return server.Addr
}
