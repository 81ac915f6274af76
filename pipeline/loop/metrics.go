package loop

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Metrics of the batch loop. Labels are bounded: topics, partitions, verdicts
// and steps, never anything that an event says.
type Metrics struct {
	Events  *prometheus.CounterVec
	Batches *prometheus.HistogramVec
	Seconds *prometheus.HistogramVec
	Steps   *prometheus.HistogramVec
	Lag     *prometheus.GaugeVec
	Fenced  prometheus.Counter
}

// NewMetrics makes and registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		Events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grapevine_events_total", Help: "Events processed, by type and verdict."}, []string{"type", "verdict"}),
		Batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grapevine_batch_events", Help: "Records in a batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 9)}, []string{"topic"}),
		Seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grapevine_batch_seconds", Help: "Time from the bound to the end of publishing, seconds.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 11)}, []string{"topic"}),
		Steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "grapevine_step_seconds", Help: "Time of one step of a batch, seconds.", Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 11)}, []string{"topic", "step"}),
		Lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "grapevine_lag_events", Help: "Offsets between what was read and the end of the partition."}, []string{"topic", "partition"}),
		Fenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "grapevine_fenced_total", Help: "Partitions that this worker lost while it worked on them."}),
	}
	registry.MustRegister(m.Events, m.Batches, m.Seconds, m.Steps, m.Lag, m.Fenced)
	return m
}

func (m *Metrics) lag(p pipeline.Partition, n int64) {
	m.Lag.WithLabelValues(p.Topic, strconv.Itoa(p.ID)).Set(float64(max(n, 0)))
}

func (m *Metrics) batch(topic string, n int, counts []pipeline.Count, took time.Duration) {
	m.Batches.WithLabelValues(topic).Observe(float64(n))
	m.Seconds.WithLabelValues(topic).Observe(took.Seconds())
	for _, c := range counts {
		m.Events.WithLabelValues(string(c.Type), c.Verdict).Add(float64(c.N))
	}
}

// clock times the steps of one batch.
type clock struct {
	metrics *Metrics
	topic   string
	now     func() time.Time
	last    time.Time
}

func (m *Metrics) clock(topic string, now func() time.Time) *clock {
	return &clock{metrics: m, topic: topic, now: now, last: now()}
}

func (c *clock) lap(step string) {
	t := c.now()
	c.metrics.Steps.WithLabelValues(c.topic, step).Observe(t.Sub(c.last).Seconds())
	c.last = t
}
