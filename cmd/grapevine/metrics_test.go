package main

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestMetrics_tell_how_the_programs_stand(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := newWorkerMetrics(registry)
	good := config.WatcherState{Catalog: &program.Catalog{Revision: "abc"}, Taken: time.UnixMilli(1_800_000_000_500)}
	bad := good
	bad.Refused, bad.Since = errors.New("p.yaml:1:1: is empty"), time.UnixMilli(1_800_000_060_000)
	for i, c := range []struct {
		state            config.WatcherState
		refused, counted float64
	}{{good, 0, 0}, {bad, 1, 1}, {bad, 1, 2}, {good, 0, 2}} {
		m.programs(c.state)
		for name, want := range map[string]float64{
			"grapevine_programs_refused": c.refused, "grapevine_programs_taken_timestamp_seconds": 1_800_000_000.5,
			"grapevine_programs_reloads_total refused": c.counted, "grapevine_programs_reloads_total taken": 0,
		} {
			if got := gathered(t, registry)[name]; got != want {
				t.Errorf("step %d: %s is %v, want %v", i, name, got, want)
			}
		}
	}
}

// gathered are counters and gauges by name, and label where there is one.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
