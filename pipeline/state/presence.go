package state

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// What workers say of themselves lies in one hash, a field for each. Nothing
// rests on it: it is told by the clock of Redis, without fence or installation,
// and whoever speaks removes the words of those who have long been silent.

// presenceKey is the hash: worker → presence.
var presenceKey = metaGroup.key("workers")

// Silent is after how long without a word a worker is taken to be gone.
const Silent = time.Minute

// Presence is what a worker said of itself, and how long ago.
type Presence struct {
	Worker string
	Note   []byte
	Ago    time.Duration
}

// presence is how it lies in Redis.
type presence struct {
	At   int64  `json:"at"` // ms, by the clock of Redis
	Note []byte `json:"note"`
}

// Announce says something of a worker, over what it said before. It tries once:
// the worker will speak again.
func (s *Store) Announce(ctx context.Context, worker string, note []byte) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return fmt.Errorf("announce worker %s: ask Redis for the time: %w", worker, err)
	}
	value, err := json.Marshal(presence{now.UnixMilli(), note})
	if err != nil {
		return fmt.Errorf("announce worker %s: %w", worker, err)
	}
	if err := s.client.HSet(ctx, presenceKey, worker, value).Err(); err != nil {
		return fmt.Errorf("announce worker %s: %w", worker, err)
	}
	_, gone, err := present(ctx, s.client, now)
	if err == nil && len(gone) > 0 {
		err = s.client.HDel(ctx, presenceKey, gone...).Err()
	}
	if err != nil {
		return fmt.Errorf("forget workers that are gone: %w", err)
	}
	return nil
}

// Withdraw takes back what a worker said: it stops.
func (s *Store) Withdraw(ctx context.Context, worker string) error {
	if err := s.client.HDel(ctx, presenceKey, worker).Err(); err != nil {
		return fmt.Errorf("withdraw worker %s: %w", worker, err)
	}
	return nil
}

// Present lists the workers that spoke less than [Silent] ago, by name. It needs
// no Store: who asks may have no installation yet.
func Present(ctx context.Context, client redis.UniversalClient) ([]Presence, error) {
	now, err := client.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("list the workers: ask Redis for the time: %w", err)
	}
	workers, _, err := present(ctx, client, now)
	if err != nil {
		return nil, fmt.Errorf("list the workers: %w", err)
	}
	return workers, nil
}

func present(ctx context.Context, client redis.UniversalClient, now time.Time) (workers []Presence, gone []string, err error) {
	values, err := client.HGetAll(ctx, presenceKey).Result()
	if err != nil {
		return nil, nil, err
	}
	for _, worker := range slices.SortedFunc(maps.Keys(values), strings.Compare) {
		var p presence
		err := json.Unmarshal([]byte(values[worker]), &p)
		ago := now.Sub(time.UnixMilli(p.At))
		if err != nil || ago >= Silent {
			gone = append(gone, worker)
			continue
		}
		workers = append(workers, Presence{Worker: worker, Note: p.Note, Ago: max(ago, 0)})
	}
	return workers, gone, nil
}
