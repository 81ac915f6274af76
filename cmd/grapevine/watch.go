package main

import (
	"context"
	"errors"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

const (
	// engineProbe is how often a running worker asks whether its engines answer.
	engineProbe = 2 * time.Second
	// engineTimeout is how long an engine may take before it counts as away.
	engineTimeout = 3 * time.Second
	// splitProbe is how often it is looked for keys on several partitions, and
	// how far back.
	splitProbe = time.Minute
)

// watchEngines keeps /readyz true: it names each engine that does not answer.
// The batches wait for it by themselves. An engine that is no longer set up as
// exactness needs it stops the worker.
func (w *worker) watchEngines(ctx context.Context) error {
	probes := map[string]func(context.Context) error{
		"kafka":      w.tellLag,
		"redis":      w.store.CheckSettings,
		"clickhouse": w.books.CheckClock,
	}
	away := make(map[string]func())
	ticker := time.NewTicker(engineProbe)
	defer ticker.Stop()
	for {
		for name, probe := range probes {
			if err := w.probe(ctx, name, probe, away); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tellLag asks Kafka how far the group is, for the metrics.
func (w *worker) tellLag(ctx context.Context) error {
	lags, err := w.cluster.Lags(ctx)
	for _, l := range lags {
		w.batches.Behind(w.cluster.Names().Kafka(l.Topic), l.Partition, l.Behind())
	}
	return err
}

func (w *worker) probe(ctx context.Context, name string, probe func(context.Context) error, away map[string]func()) error {
	bounded, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	err := probe(bounded)
	if errors.Is(err, state.ErrSettings) || errors.Is(err, analytics.ErrSettings) {
		return err
	}
	switch back, gone := away[name]; {
	case err != nil && !gone && ctx.Err() == nil:
		away[name] = w.health.waits(name)
		w.log.Warn(name+" does not answer; work waits for it", "error", err)
	case err == nil && gone:
		back()
		delete(away, name)
		w.log.Info(name + " answers again")
	}
	return nil
}

// watchKeys warns of producers that do not partition alike (contract §2): a
// visitor or customer on two partitions is remembered on both.
func (w *worker) watchKeys(ctx context.Context) error {
	ticker := time.NewTicker(splitProbe)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		splits, err := w.books.SplitKeys(ctx, splitProbe)
		if err != nil {
			continue // an outage is told by watchEngines
		}
		for _, s := range splits {
			w.metrics.split.WithLabelValues(s.Topic).Set(float64(s.Keys))
			if s.Keys > 0 {
				w.log.Warn("keys lie on several partitions: let all producers of the topic partition alike (murmur2 of the key)", "topic", s.Topic, "keys", s.Keys)
			}
		}
	}
}
