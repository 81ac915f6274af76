package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
)

// openKafka readies the connections to Kafka; it does not connect yet.
func openKafka(s *config.Settings, log *slog.Logger) (*consumers.Cluster, error) {
	encryption, err := tlsConfig("kafka", s.Kafka.TLS)
	if err != nil {
		return nil, err
	}
	return consumers.Open(consumers.Options{
		Brokers: s.Kafka.Brokers,
		Group:   s.Kafka.Group,
		Names:   topicNames(s.Kafka),
		TLS:     encryption,
		SASL: consumers.SASL{
			Mechanism: strings.ToUpper(string(s.Kafka.SASL.Mechanism)),
			Username:  s.Kafka.SASL.Username,
			Password:  s.Kafka.SASL.Password.Reveal(),
		},
		SessionTimeout: s.Kafka.SessionTimeout, RebalanceTimeout: s.Kafka.RebalanceTimeout,
		Heartbeat: s.Kafka.HeartbeatInterval,
		Grace:     s.ShutdownTimeout - leavingTakes(s.ShutdownTimeout),
		Log:       log,
	})
}

// topicNames maps the contract's topic names to the configured ones.
func topicNames(k config.Kafka) consumers.Names {
	names := consumers.Names{Prefix: k.TopicPrefix, Renames: make(map[string]string)}
	for contract, renamed := range map[string]string{
		consumers.Clicks:       k.Topics.Clicks,
		consumers.Conversions:  k.Topics.Conversions,
		consumers.Members:      k.Topics.Members,
		consumers.Fulfillments: k.Topics.Fulfillments,
		consumers.Credits:      k.Topics.Credits,
		consumers.Rewards:      k.Topics.Rewards,
		consumers.Attributions: k.Topics.Attributions,
		consumers.Segments:     k.Topics.Segments,
		consumers.DeadLetters:  k.Topics.DeadLetters,
	} {
		if renamed != "" {
			names.Renames[contract] = renamed
		}
	}
	return names
}

// openRedis makes the client, for one server or a cluster.
func openRedis(s *config.Settings) (redis.UniversalClient, error) {
	encryption, err := tlsConfig("redis", s.Redis.TLS)
	if err != nil {
		return nil, err
	}
	addrs := s.Redis.Addrs
	if len(addrs) == 0 {
		addrs = []string{s.Redis.Addr}
	}
	redis.SetLogger(quiet{}) // package state tells of outages itself, once each
	return redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:         addrs,
		IsClusterMode: s.Redis.Cluster || len(addrs) > 1,
		Username:      s.Redis.Username,
		Password:      s.Redis.Password.Reveal(),
		DB:            s.Redis.DB,
		PoolSize:      s.Redis.PoolSize,
		TLSConfig:     encryption,
		ClientName:    "grapevine",
		// Without it a call to a Redis that hangs outlives its context.
		ContextTimeoutEnabled: true,
	}), nil
}

// quiet drops what the Redis client says of single connections.
type quiet struct{}

// Printf implements the client's logger.
func (quiet) Printf(context.Context, string, ...any) {}
