package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// ErrSettings means that Redis, or the client, is set up in a way that the
// pipeline cannot rest on. The error says what to change.
var ErrSettings = errors.New("redis has the wrong settings")

// Options of a store.
type Options struct {
	// Log takes outages and warnings; nil is slog.Default().
	Log *slog.Logger
	// Encoder is the version of the records' encoding, kept with the journal.
	Encoder int
	// OnError is told of every failed attempt, for metrics: the operation is one
	// of a few names. It may be called from several goroutines. May be nil.
	OnError func(operation string, err error)
}

// Store is an installation's Redis. Many goroutines may use it.
type Store struct {
	client  redis.UniversalClient
	options Options
	log     *slog.Logger

	mu           sync.RWMutex
	installation string

	volatile sync.Map // addresses of servers without an append-only file: each is warned of once
}

// Open checks that Redis answers and has the settings that the pipeline rests
// on, or else returns ErrSettings. It waits for a Redis that is away until ctx
// ends. The client is a *redis.Client (one primary, sentinels included) or a
// *redis.ClusterClient, and stays the caller's to close. Installation or
// Initialise must be called next: the other methods need the installation's id.
func Open(ctx context.Context, client redis.UniversalClient, options Options) (*Store, error) {
	s := &Store{client: client, options: options, log: options.Log}
	if s.log == nil {
		s.log = slog.Default()
	}
	if err := checkClient(client); err != nil {
		return nil, err
	}
	if err := s.CheckSettings(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// CheckSettings asks every primary again whether it has the settings that the
// pipeline rests on: somebody may have changed them, or a failover.
func (s *Store) CheckSettings(ctx context.Context) error {
	return s.retry(ctx, "settings", func() error { return s.checkServers(ctx) })
}

// checkClient refuses a client that may read from replicas, or that spreads
// keys without regard to slots.
func checkClient(client redis.UniversalClient) error {
	switch c := client.(type) {
	case *redis.Client:
		return nil
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return fmt.Errorf("%w: the client reads from replicas, which may be behind: turn ReadOnly, RouteByLatency and RouteRandomly off", ErrSettings)
		}
		return nil
	default:
		return fmt.Errorf("%w: a %T is not supported: use a single primary, sentinels or a cluster", ErrSettings, client)
	}
}

// checkServers looks at every primary. INFO answers where CONFIG is forbidden,
// as on most managed services.
func (s *Store) checkServers(ctx context.Context) error {
	return s.eachPrimary(ctx, func(ctx context.Context, client *redis.Client) error {
		info, err := client.Info(ctx, "memory").Result()
		if err != nil {
			return fmt.Errorf("ask %s for its settings: %w", client.Options().Addr, err)
		}
		if policy := infoField(info, "maxmemory_policy"); policy != "noeviction" {
			return fmt.Errorf("%w: maxmemory-policy of %s is %q and would drop what must be remembered: set it to noeviction (CONFIG SET maxmemory-policy noeviction, and in the configuration or parameter group of the server)",
				ErrSettings, client.Options().Addr, policy)
		}
		if info, err = client.Info(ctx, "persistence").Result(); err == nil && infoField(info, "aof_enabled") == "0" {
			if _, told := s.volatile.LoadOrStore(client.Options().Addr, true); !told {
				s.log.WarnContext(ctx, "redis keeps no append-only file: a restart may lose data, and then `grapevine rebuild` is needed; set appendonly yes", "redis", client.Options().Addr)
			}
		}
		return nil
	})
}

// eachPrimary calls do for the server, or for every primary of a cluster, where
// calls may run side by side.
func (s *Store) eachPrimary(ctx context.Context, do func(ctx context.Context, client *redis.Client) error) error {
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, do)
	case *redis.Client:
		return do(ctx, c)
	default:
		return checkClient(s.client)
	}
}

// infoField is the value of one line of INFO.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// id is the installation that the store belongs to.
func (s *Store) id() (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.installation == "" {
		return "", errors.New("redis: the installation is not known: call Installation or Initialise first")
	}
	return s.installation, nil
}

func (s *Store) belongTo(installation string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.installation = installation
}
