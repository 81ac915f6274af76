package state

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Usage is what one class of keys takes in Redis.
type Usage struct {
	Keys  int
	Bytes int64 // values, keys and what Redis needs to find them
}

// scanStep is about how many keys one step of Usage looks at.
const scanStep = 1000

// Usage measures the memory of every key, by class: marker, journal, claims,
// shared, budgets, revision, meta, workers, rebuild, and memory/<letters that own keys begin with>. It reads all keys: it
// is for benchmarks and for an operator, not for a worker.
func (s *Store) Usage(ctx context.Context) (map[string]Usage, error) {
	var mu sync.Mutex
	total := make(map[string]Usage)
	err := s.eachPrimary(ctx, func(ctx context.Context, client *redis.Client) error {
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			keys, next, err := client.Scan(ctx, cursor, "{g??}:*", scanStep).Result()
			if err != nil {
				return err
			}
			cursor = next
			sizes, err := sizesOf(ctx, client, keys)
			if err != nil {
				return err
			}
			mu.Lock()
			for i, key := range keys {
				u := total[classOf(key)]
				u.Keys++
				u.Bytes += sizes[i]
				total[classOf(key)] = u
			}
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("measure the memory of redis: %w", err)
	}
	return total, nil
}

// sizesOf measures some keys of one server.
func sizesOf(ctx context.Context, client *redis.Client, keys []string) ([]int64, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	commands := make([]*redis.IntCmd, len(keys))
	if _, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			commands[i] = pipe.MemoryUsage(ctx, key)
		}
		return nil
	}); err != nil && !errors.Is(err, redis.Nil) { // a key may go meanwhile
		return nil, err
	}
	sizes := make([]int64, len(keys))
	for i, command := range commands {
		sizes[i] = command.Val()
	}
	return sizes, nil
}

// classOf tells what a key is for.
func classOf(key string) string {
	_, rest, _ := strings.Cut(key, "}:")
	kind, own, _ := strings.Cut(rest, ":")
	switch kind {
	case "marker", "journal", "meta", "workers":
		return kind
	case "restoring", "restored", "rebuilder":
		return "rebuild"
	case "s":
		return "shared"
	case "rev":
		return "revision"
	case "b", "bq", "bw", "bg", "bo":
		return "budgets"
	}
	if strings.HasPrefix(kind, "c") || kind == "old" {
		return "claims"
	}
	letters := strings.IndexFunc(own, func(r rune) bool { return r < 'A' || r > 'z' })
	if letters < 0 {
		letters = len(own)
	}
	return "memory/" + own[:letters]
}
