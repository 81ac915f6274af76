package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Largest record batches that our topics take, in bytes: an event has 1 MiB at
// most, and a dead letter carries any refused record whole (contract §9 (2)).
const (
	maxMessage    = 2 << 20
	maxDeadLetter = 4 << 20
)

// TopicSettings are for the topics that [Cluster.CreateTopics] makes.
type TopicSettings struct {
	Partitions  int // of every topic; default 8
	Replication int // copies of every partition; default: as the broker is set up
}

// CreateTopics makes those of our topics that are missing, waits until they can
// be used, and tells which it made, by their names in Kafka. Topics that exist
// are left as they are.
func (c *Cluster) CreateTopics(ctx context.Context, s TopicSettings) (created []string, err error) {
	defaultTo(&s.Partitions, 8)
	defaultTo(&s.Replication, -1)
	names := c.options.Names
	have, err := c.Describe(ctx, names.all(allTopics())...)
	if err != nil {
		return nil, err
	}
	var missing []kafka.TopicConfig
	for _, topic := range allTopics() {
		if _, exists := have[names.Kafka(topic)]; !exists {
			missing = append(missing, topicConfig(topic, names.Kafka(topic), s))
			created = append(created, names.Kafka(topic))
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if err := c.create(ctx, missing); err != nil {
		return nil, err
	}
	return created, c.awaitLeaders(ctx, created)
}

func topicConfig(contract, name string, s TopicSettings) kafka.TopicConfig {
	size := maxMessage
	if contract == DeadLetters {
		size = maxDeadLetter
	}
	config := kafka.TopicConfig{
		Topic: name, NumPartitions: s.Partitions, ReplicationFactor: s.Replication,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "max.message.bytes", ConfigValue: strconv.Itoa(size)}},
	}
	if contract == Members {
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "compact"})
	}
	return config
}

func (c *Cluster) create(ctx context.Context, topics []kafka.TopicConfig) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	answer, err := c.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
	if err != nil {
		return fmt.Errorf("create %d topics: %w", len(topics), err)
	}
	var problems []error
	for name, err := range answer.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) { // another worker was faster
			problems = append(problems, fmt.Errorf("create topic %s: %w", name, err))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}

// awaitLeaders waits until every partition of the topics has a leader that our
// connections know of.
func (c *Cluster) awaitLeaders(ctx context.Context, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := backoff{first: 10 * time.Millisecond, most: 200 * time.Millisecond}
	for {
		err := c.leading(ctx, topics)
		if err == nil {
			return nil
		}
		if retry.wait(ctx) != nil {
			return fmt.Errorf("wait for the new topics to have leaders: %w", err)
		}
	}
}

func (c *Cluster) leading(ctx context.Context, topics []string) error {
	described, err := c.Describe(ctx, topics...)
	if err != nil {
		return err
	}
	for _, name := range topics {
		if topic := described[name]; topic.Partitions == 0 || topic.leaderless > 0 {
			return fmt.Errorf("topic %s: %w", name, kafka.LeaderNotAvailable)
		}
	}
	known, err := c.leaders(ctx, topics)
	if err != nil {
		return err
	}
	for _, name := range topics {
		if len(known[name]) != described[name].Partitions {
			return fmt.Errorf("topic %s: %w", name, kafka.LeaderNotAvailable)
		}
	}
	return nil
}
