package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/loop"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// installationBooks is where ClickHouse keeps which installation it belongs to.
type installationBooks interface {
	Installation(ctx context.Context) (string, error)
	RecordInstallation(ctx context.Context, id string) (string, error)
}

// joinInstallation makes sure that Redis, the books and the group's commits
// belong to one installation, and begins a new one when none of the three knows
// any. It returns the installation's id.
func joinInstallation(ctx context.Context, store *state.Store, books installationBooks, cluster *consumers.Cluster) (string, error) {
	// The books first: another worker that begins at this moment tells Redis before it
	// tells them, so what they know now, Redis knows as well when it is asked.
	inBooks, err := books.Installation(ctx)
	if err != nil {
		return "", err
	}
	inRedis, err := store.Installation(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case inRedis != "" && inRedis == inBooks:
		return inRedis, nil
	case inRedis != "" && inBooks != "":
		return "", fmt.Errorf("redis belongs to installation %s, the books to %s: point redis.addr and clickhouse.addr at engines of one installation: %w", inRedis, inBooks, pipeline.ErrStateLost)
	case inRedis == "" && inBooks != "":
		return "", fmt.Errorf("the books belong to installation %s, but Redis is empty: point redis.addr at its Redis, or run `grapevine rebuild`: %w", inBooks, pipeline.ErrStateLost)
	}
	worked, err := hasWorked(ctx, cluster)
	if err != nil {
		return "", err
	}
	if worked {
		return "", fmt.Errorf("the consumer group has worked batches, but the books (and Redis: %t) are empty: point clickhouse.* and redis.* at the engines of before, or use a new kafka.group: %w", inRedis == "", pipeline.ErrStateLost)
	}
	if inRedis == "" {
		if inRedis, err = store.Initialise(ctx, uuid.NewString()); err != nil {
			return "", err
		}
	}
	if inBooks, err = books.RecordInstallation(ctx, inRedis); err != nil {
		return "", err
	}
	if inBooks != inRedis {
		return "", fmt.Errorf("the books were taken by installation %s while %s began: start again: %w", inBooks, inRedis, pipeline.ErrStateLost)
	}
	return inRedis, nil
}

// hasWorked tells whether the group has completed a batch of any partition.
func hasWorked(ctx context.Context, cluster *consumers.Cluster) (bool, error) {
	lags, err := cluster.Lags(ctx)
	if err != nil {
		return false, fmt.Errorf("read the group's commits: %w", err)
	}
	for _, l := range lags {
		if m, ok := loop.ParseMetadata(l.Metadata); ok && m.Completed() > 0 {
			return true, nil
		}
	}
	return false, nil
}

// registerTopics notes the topics' ids and partition counts, and stops when
// they are not what they were: a changed partitioning would count twice.
func registerTopics(ctx context.Context, store *state.Store, cluster *consumers.Cluster) (incarnations map[string]string, err error) {
	names := cluster.Names()
	incarnations = make(map[string]string)
	for _, contract := range consumers.Inputs() {
		name := names.Kafka(contract)
		described, err := cluster.Describe(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("describe topic %s: %w", name, err)
		}
		topic, ok := described[name]
		if !ok {
			return nil, fmt.Errorf("topic %s does not exist: create it, or let `run` do so (create_topics: true)", name)
		}
		now := state.Topic{Incarnation: topic.Incarnation, Partitions: topic.Partitions}
		before, err := store.RegisterTopic(ctx, name, now)
		if err != nil {
			return nil, err
		}
		if before != now {
			return nil, topicChanged(name, before, now)
		}
		incarnations[contract] = topic.Incarnation
	}
	return incarnations, nil
}

func topicChanged(name string, before, now state.Topic) error {
	if before.Incarnation != now.Incarnation {
		return fmt.Errorf("topic %s was deleted and made anew: its offsets begin again, and what was counted would be counted twice; begin a new installation (kafka.group, Redis and clickhouse.database of its own): %w", name, pipeline.ErrOffsetsLost)
	}
	return fmt.Errorf("topic %s had %d partitions and has %d: keys have moved to partitions that do not remember them; write to a topic with %d partitions, or begin a new installation: %w", name, before.Partitions, now.Partitions, before.Partitions, pipeline.ErrOffsetsLost)
}

// hashSecrets finds the secrets that an ip and user agent are hashed under, and
// makes sure that all workers of the installation use the same.
func hashSecrets(ctx context.Context, store *state.Store, s *config.Settings) ([][click.SecretBytes]byte, bool, error) {
	if !s.HashSecret.Set() {
		secret, err := store.HashSecret(ctx)
		if err != nil {
			return nil, false, err
		}
		return [][click.SecretBytes]byte{sha256.Sum256(secret)}, true, nil
	}
	secrets := [][click.SecretBytes]byte{sha256.Sum256([]byte(s.HashSecret.Reveal()))}
	if s.HashSecretPrevious.Set() {
		secrets = append(secrets, sha256.Sum256([]byte(s.HashSecretPrevious.Reveal())))
	}
	return secrets, false, sameSecret(ctx, store, secrets)
}

// sameSecret compares with the secret that the first worker brought. A rotated
// secret is known by the one before it.
func sameSecret(ctx context.Context, store *state.Store, secrets [][click.SecretBytes]byte) error {
	for _, secret := range secrets {
		sum := sha256.Sum256(append([]byte("grapevine hash secret check"), secret[:]...))
		mark := hex.EncodeToString(sum[:8])
		stands, err := store.SetMeta(ctx, "hash_secret", []byte(mark))
		if err != nil {
			return err
		}
		if string(stands) == mark {
			return nil
		}
	}
	return errors.New("hash_secret is not the one that this installation's workers use: set the same everywhere, and to rotate it give the first one as hash_secret_previous")
}

// hashSecretName is under which the workers agree on a hash secret.
const hashSecretName = "hash_secret"

// recordAgreed keeps in the books what the workers agreed on in Redis, for a Redis
// that is made anew: what the topics were at first, and the generated hash secret or
// the mark of the one that is set.
func recordAgreed(ctx context.Context, store *state.Store, books *analytics.Books, cluster *consumers.Cluster) error {
	names := []string{hashSecretName}
	for _, contract := range consumers.Inputs() {
		names = append(names, state.TopicName(cluster.Names().Kafka(contract)))
	}
	for _, name := range names {
		value, err := store.Meta(ctx, name)
		if err != nil {
			return mended(err)
		}
		if value == nil {
			continue
		}
		if err := books.RecordAgreed(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}
