package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/rebuild"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

func newRebuildCommand() *cobra.Command {
	var path string
	var force bool
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Make anew what Redis remembers, of what ClickHouse holds",
		Long: `Make anew what Redis remembers, of what ClickHouse holds, after Redis lost data, or
to move to a new Redis or from one server to a cluster: redis.addr names the Redis that
is filled. Dedupe memory, touches, links, bindings, ledgers, holds, budgets and journals
come out as the workers left them, and grapevine run goes on as if nothing had happened.

Stop all workers first: rebuild refuses while the consumer group has members, and no
worker starts before it is done. What Grapevine keeps in that Redis is deleted first.
It refuses a Redis that has lost nothing, or that holds another installation, unless
--force is given. A rebuild that was cut off goes on when it is run again.`,
		Example: `  grapevine rebuild
  grapevine rebuild --config worker.yaml
  GRAPEVINE_REDIS_ADDRS=redis-1:6379,redis-2:6379,redis-3:6379 grapevine rebuild`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.LoadSettings(path, os.Environ())
			if err != nil {
				return err
			}
			r := &rebuilding{settings: settings, force: force, out: cmd.OutOrStdout(), progress: cmd.ErrOrStderr()}
			r.log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			return r.run(cmd.Context())
		},
	}
	c.Flags().StringVar(&path, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().BoolVar(&force, "force", false, "also a Redis that has lost nothing, or that holds another installation: all that Grapevine keeps there is deleted")
	return c
}

// rebuilding is one run of the command.
type rebuilding struct {
	settings      *config.Settings
	force         bool
	out, progress io.Writer
	log           *slog.Logger

	cluster *consumers.Cluster
	client  redis.UniversalClient
	store   *state.Store
	books   *analytics.Books
}

// errWorkers means that the consumer group has members.
var errWorkers = errors.New("workers run")

func (r *rebuilding) run(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	defer r.close()
	installation, err := r.books.Installation(ctx)
	if err != nil {
		return err
	}
	if installation == "" {
		return fmt.Errorf("database %s at %v belongs to no installation: there is nothing to make Redis anew of; `grapevine run` begins one", r.settings.ClickHouse.Database, r.settings.ClickHouse.Addresses())
	}
	began := time.Now()
	if err := r.alone(ctx); err != nil {
		return err
	}
	plan, err := r.plan(ctx)
	if err != nil {
		return err
	}
	restored := make([]state.Restored, len(plan.Partitions))
	for i, p := range plan.Partitions {
		restored[i] = state.Restored{Partition: p.Partition, Number: p.Number, Shares: p.Shares, Claims: p.Claims}
	}
	if err := r.may(ctx, installation, restored); err != nil {
		return err
	}
	return r.store.Hold(ctx, func(ctx context.Context) error {
		if err := r.outlast(ctx, began); err != nil {
			return err
		}
		return r.fill(ctx, installation, plan, restored)
	})
}

// connect reaches all three engines: a rebuild waits for none of them.
func (r *rebuilding) connect(ctx context.Context) (err error) {
	if r.cluster, err = openKafka(r.settings, r.log); err != nil {
		return err
	}
	if r.client, err = openRedis(r.settings); err != nil {
		return err
	}
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	if r.store, err = state.Open(ctx, r.client, state.Options{Log: r.log, Encoder: recordEncoder}); err != nil {
		return err
	}
	if r.books, err = openBooks(r.settings, r.log, func(string) {}); err != nil {
		return err
	}
	if err := r.books.Ping(ctx); err != nil {
		return err
	}
	if r.settings.Migrate {
		if err := r.books.Migrate(ctx); err != nil {
			return err
		}
	}
	return r.books.Check(ctx)
}

func (r *rebuilding) close() {
	r.cluster.Close()
	if err := errors.Join(r.client.Close(), r.books.Close()); err != nil {
		r.log.Warn("close the connections", "error", err)
	}
}

// alone refuses while the consumer group has members.
func (r *rebuilding) alone(ctx context.Context) error {
	n, err := r.cluster.Members(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: the consumer group %s has %d members; stop them (one that was killed leaves the group after %s)", errWorkers, r.settings.Kafka.Group, n, r.settings.Kafka.SessionTimeout)
	}
	return nil
}

// plan finds what is made anew, and makes sure that the books hold all of it.
func (r *rebuilding) plan(ctx context.Context) (*rebuild.Plan, error) {
	agreed, err := r.books.Agreed(ctx)
	if err != nil {
		return nil, err
	}
	if agreed[hashSecretName] == nil && !r.settings.HashSecret.Set() {
		return nil, fmt.Errorf("%w: no hash_secret is set, and the generated one is not in ClickHouse: set the hash_secret of the workers", rebuild.ErrIncomplete)
	}
	lags, err := r.cluster.Lags(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the group's commits: %w", err)
	}
	topics, err := r.topics(ctx)
	if err != nil {
		return nil, err
	}
	if err := unchanged(agreed, topics); err != nil {
		return nil, err
	}
	commits := make([]rebuild.Commit, len(lags))
	for i, l := range lags {
		name := r.cluster.Names().Kafka(l.Topic)
		commits[i] = rebuild.Commit{
			Partition: pipeline.Partition{Topic: name, Incarnation: topics[name].Incarnation, ID: l.Partition},
			Completed: completed(l.Metadata),
		}
	}
	return rebuild.Make(ctx, r.books.Changelog(), commits)
}

func (r *rebuilding) topics(ctx context.Context) (map[string]consumers.Topic, error) {
	var names []string
	for _, contract := range consumers.Inputs() {
		names = append(names, r.cluster.Names().Kafka(contract))
	}
	return r.cluster.Describe(ctx, names...)
}

// unchanged refuses topics that were made anew or repartitioned since they were first
// read: what is remembered of offsets that are gone is of no use for others.
func unchanged(agreed map[string][]byte, topics map[string]consumers.Topic) error {
	for name, topic := range topics {
		stands := agreed[state.TopicName(name)]
		if stands == nil {
			continue
		}
		var before state.Topic
		if err := json.Unmarshal(stands, &before); err != nil {
			return fmt.Errorf("read what is agreed on topic %s: %w", name, err)
		}
		if now := (state.Topic{Incarnation: topic.Incarnation, Partitions: topic.Partitions}); now != before {
			return topicChanged(name, before, now)
		}
	}
	return nil
}

// may refuses to delete what is not lost.
func (r *rebuilding) may(ctx context.Context, installation string, partitions []state.Restored) error {
	found, err := r.store.Survey(ctx, installation, partitions)
	if err != nil || r.force || found.Empty {
		return err
	}
	switch {
	case found.Other != "":
		return fmt.Errorf("this Redis holds installation %s, the books are of %s: point redis.* at another one, or give --force to delete what it holds", found.Other, installation)
	case found.Whole:
		return errors.New("this Redis has lost nothing: it knows every batch that ClickHouse does; give --force to make it anew all the same")
	}
	return nil
}

// outlast waits until no worker of before can still write: what one sent before it
// was stopped is refused when its lease is over.
func (r *rebuilding) outlast(ctx context.Context, began time.Time) error {
	wait := r.settings.Kafka.SessionTimeout - time.Since(began)
	if wait > 0 {
		fmt.Fprintf(r.progress, "waiting %s until no lease of a worker of before holds\n", wait.Round(100*time.Millisecond))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
	return r.alone(ctx)
}

// fill makes Redis anew. What was planned must still be so: somebody may have worked
// in the meantime.
func (r *rebuilding) fill(ctx context.Context, installation string, before *rebuild.Plan, partitions []state.Restored) error {
	plan, err := r.plan(ctx)
	if err != nil {
		return err
	}
	if plan.Run != before.Run {
		return fmt.Errorf("%w: batches were worked while this rebuild waited; stop them and run it again", errWorkers)
	}
	id, err := uuid.Parse(installation)
	if err != nil {
		return fmt.Errorf("installation id %q: %w", installation, err)
	}
	memory, err := r.store.Restore(ctx, installation, plan.Run, time.Now().Unix(), partitions)
	if err != nil {
		return err
	}
	if memory.Resumed() {
		fmt.Fprintln(r.progress, "going on where a rebuild was cut off")
	}
	began := time.Now()
	done, err := rebuild.Run(ctx, rebuild.Options{
		Plan: plan, Changelog: r.books.Changelog(), Memory: memory, Hasher: recall.NewHasher(id),
		Clicks: r.cluster.Names().Kafka(consumers.Clicks), Credits: r.cluster.Names().Kafka(consumers.Credits),
		Told: tellRebuild(r.progress, time.Now),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "Redis is made anew: %d partitions, %s rows in %s. Start the workers: grapevine run\n",
		len(plan.Partitions), formatCount(done.Rows), time.Since(began).Round(time.Millisecond))
	return nil
}

// tellRebuild writes how far a rebuild is, now and then.
func tellRebuild(to io.Writer, now func() time.Time) func(rebuild.Progress) {
	began := now()
	last := began
	return func(p rebuild.Progress) {
		if now().Sub(last) < progressPause && p.Done < p.Of {
			return
		}
		last = now()
		fmt.Fprintf(to, "%s: %d of %d done, %s rows after %s\n", printable(p.Unit), p.Done, p.Of, formatCount(p.Rows), last.Sub(began).Round(time.Second))
	}
}
