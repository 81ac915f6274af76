package main

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/grapevinehq/grapevine/config"
)

// workerMetrics are those of the engines' sides; the batch loop has its own.
type workerMetrics struct {
	redis      *prometheus.CounterVec
	clickhouse *prometheus.CounterVec
	barrier    prometheus.Histogram
	revision   *prometheus.GaugeVec
	reloads    *prometheus.CounterVec
	taken      prometheus.Gauge
	refused    prometheus.Gauge
	split      *prometheus.GaugeVec
	members    *prometheus.HistogramVec
}

func newWorkerMetrics(registry prometheus.Registerer) *workerMetrics {
	m := &workerMetrics{
		redis: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grapevine_redis_errors_total", Help: "Failed attempts at Redis, by operation; they are repeated."}, []string{"operation"}),
		clickhouse: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grapevine_clickhouse_errors_total", Help: "Failed inserts, by table; they are repeated."}, []string{"table"}),
		barrier: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "grapevine_barrier_wait_seconds", Help: "How long a batch waited for the topics that go before it.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 11)}),
		revision: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "grapevine_programs_revision", Help: "1 for the revision of the programs that decides new batches."}, []string{"revision"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "grapevine_programs_reloads_total", Help: "Changes of the programs, by whether they were taken."}, []string{"result"}),
		taken: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "grapevine_programs_taken_timestamp_seconds", Help: "When the revision that decides new batches was taken."}),
		refused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "grapevine_programs_refused", Help: "1 while the files on disk are refused and an earlier revision decides."}),
		split: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "grapevine_split_keys", Help: "Visitors (clicks) and customers (conversions) of the last minute that lie on several partitions; of a sample where there are many."}, []string{"topic"}),
	}
	m.members = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "grapevine_member_request_seconds", Help: "How long requests for member progress took, by the status of the answer.", Buckets: prometheus.ExponentialBuckets(0.001, 3, 9)}, []string{"status"})
	registry.MustRegister(m.redis, m.clickhouse, m.barrier, m.revision, m.reloads, m.taken, m.refused, m.split, m.members)
	for _, result := range []string{reloadTaken, reloadRefused} {
		m.reloads.WithLabelValues(result)
	}
	return m
}

// What became of a change of the programs.
const (
	reloadTaken   = "taken"
	reloadRefused = "refused"
)

// programs notes how the programs stand after a change.
func (m *workerMetrics) programs(s config.WatcherState) {
	m.taken.Set(float64(s.Taken.UnixMilli()) / 1000)
	if s.Refused != nil {
		m.reloads.WithLabelValues(reloadRefused).Inc()
		m.refused.Set(1)
		return
	}
	m.refused.Set(0)
}

func (m *workerMetrics) redisError(operation string, _ error) {
	m.redis.WithLabelValues(operation).Inc()
}

func (m *workerMetrics) insertRetried(table string) { m.clickhouse.WithLabelValues(table).Inc() }

func (m *workerMetrics) barrierWaited(d time.Duration) { m.barrier.Observe(d.Seconds()) }

// memberAsked notes a request for member progress.
func (m *workerMetrics) memberAsked(status int, took time.Duration) {
	m.members.WithLabelValues(strconv.Itoa(status)).Observe(took.Seconds())
}

// decides notes which revision decides.
func (m *workerMetrics) decides(revision string) {
	m.revision.Reset()
	m.revision.WithLabelValues(revision).Set(1)
}
