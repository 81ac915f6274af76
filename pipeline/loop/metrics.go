package loop

import (
	"strconv"
	"sync"
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
	Failed  *prometheus.CounterVec

	mutex  sync.Mutex
	worked map[string]bool // partitions, topic/partition
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
			Name: "grapevine_lag_events", Help: "Offsets between the group's commit and the end of a partition that this worker works."}, []string{"topic", "partition"}),
		Fenced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "grapevine_fenced_total", Help: "Partitions that this worker lost while it worked on them."}),
		Failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grapevine_batch_failures_total", Help: "Batches that failed and were taken over again: a number that goes on growing is a partition that stands still."}, []string{"topic"}),
		worked: make(map[string]bool),
	}
	registry.MustRegister(m.Events, m.Batches, m.Seconds, m.Steps, m.Lag, m.Fenced, m.Failed)
	return m
}

// works notes that the partition is worked here, until done is called: then its
// lag is another worker's to tell.
func (m *Metrics) works(p pipeline.Partition) (done func()) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.worked[p.String()] = true
	return func() {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		delete(m.worked, p.String())
		m.Lag.DeleteLabelValues(p.Topic, strconv.Itoa(p.ID))
	}
}

// Behind tells how far the group's commit of a partition, topic by its name in
// Kafka, is from the end. It is asked of Kafka and not of the batches: these
// stand still while an engine is away, and the lag grows.
func (m *Metrics) Behind(topic string, partition int, offsets int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if p := (pipeline.Partition{Topic: topic, ID: partition}); m.worked[p.String()] {
		m.Lag.WithLabelValues(topic, strconv.Itoa(partition)).Set(float64(offsets))
	}
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
