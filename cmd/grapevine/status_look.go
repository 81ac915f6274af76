package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/segmentio/kafka-go"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// status is what one look at everything shows.
type status struct {
	Time       time.Time        `json:"time"`
	Kafka      kafkaStatus      `json:"kafka"`
	Redis      engineStatus     `json:"redis"`
	ClickHouse clickhouseStatus `json:"clickhouse"`
	Worker     workerStatus     `json:"worker"`
	Workers    []announced      `json:"workers"`
}

// announced is a worker anywhere, as it said lately of itself in Redis.
type announced struct {
	Name       string  `json:"name"` // host:process
	SecondsAgo float64 `json:"seconds_ago"`
	workerNote
}

// engineStatus tells whether an engine answers; Error is empty when it does. Lacks
// is what it does not have yet, before the first worker has run.
type engineStatus struct {
	Addr  string `json:"addr"`
	Error string `json:"error,omitempty"`
	Lacks string `json:"lacks,omitempty"`
}

type kafkaStatus struct {
	engineStatus
	Group  string        `json:"group"`
	Lag    int64         `json:"lag"`
	Topics []topicStatus `json:"topics"`
}

// topicStatus tells how far the group is with a topic. Rates are offsets a second.
type topicStatus struct {
	Topic      string            `json:"topic"`
	Written    int64             `json:"written"`
	Lag        int64             `json:"lag"`
	WrittenPS  float64           `json:"written_per_second"`
	ConsumedPS float64           `json:"consumed_per_second"`
	Partitions []partitionStatus `json:"partitions"`
}

type partitionStatus struct {
	Partition int   `json:"partition"`
	End       int64 `json:"end"`
	Committed int64 `json:"committed"` // -1: nothing yet
	Lag       int64 `json:"lag"`
}

type clickhouseStatus struct {
	engineStatus
	Clicks      []wordCount `json:"clicks"`       // stored, by verdict
	DeadLetters []wordCount `json:"dead_letters"` // by reason
}

type wordCount struct {
	Word  string `json:"word"`
	Count uint64 `json:"count"`
}

type workerStatus struct {
	URL   string `json:"url"`
	Ready bool   `json:"ready"`
	Says  string `json:"says"`
}

// observer looks at everything from the outside, changing nothing.
type observer struct {
	settings *config.Settings
	cluster  *consumers.Cluster
	redis    redis.UniversalClient
	books    *analytics.Books // nil until they are known to exist
}

func newObserver(s *config.Settings) (*observer, error) {
	cluster, err := openKafka(s, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	client, err := openRedis(s)
	if err != nil {
		cluster.Close()
		return nil, err
	}
	return &observer{settings: s, cluster: cluster, redis: client}, nil
}

func (o *observer) close() {
	o.cluster.Close()
	_ = o.redis.Close() // nothing was written
	if o.books != nil {
		_ = o.books.Close()
	}
}

// lookTimeout bounds one look at one engine.
const lookTimeout = 6 * time.Second

// look asks all engines at once.
func (o *observer) look(ctx context.Context) *status {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	s := &status{}
	var looks sync.WaitGroup
	looks.Go(func() { s.Kafka = o.lookKafka(ctx) })
	looks.Go(func() { s.Redis, s.Workers = o.lookRedis(ctx) })
	looks.Go(func() { s.ClickHouse = o.lookClickHouse(ctx) })
	looks.Go(func() { s.Worker = lookWorker(ctx, o.settings.HTTP.Addr) })
	looks.Wait()
	s.Time = time.Now().UTC()
	return s
}

func (o *observer) lookKafka(ctx context.Context) kafkaStatus {
	s := kafkaStatus{engineStatus: engineStatus{Addr: strings.Join(o.settings.Kafka.Brokers, ",")}, Group: o.settings.Kafka.Group}
	lags, err := o.cluster.Lags(ctx)
	switch {
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		s.Lacks = "no topics yet: `grapevine run` makes them"
	case err != nil:
		s.Error = err.Error()
	}
	for _, l := range lags {
		if n := len(s.Topics); n == 0 || s.Topics[n-1].Topic != l.Topic {
			s.Topics = append(s.Topics, topicStatus{Topic: l.Topic})
		}
		t := &s.Topics[len(s.Topics)-1]
		t.Written += l.End - l.Start
		t.Lag += l.Behind()
		t.Partitions = append(t.Partitions, partitionStatus{l.Partition, l.End, l.Committed, l.Behind()})
		s.Lag += l.Behind()
	}
	return s
}

func (o *observer) lookRedis(ctx context.Context) (engineStatus, []announced) {
	s := engineStatus{Addr: strings.Join(o.settings.Redis.Addresses(), ",")}
	present, err := state.Present(ctx, o.redis)
	if err != nil {
		s.Error = fmt.Sprintf("ask Redis at %s: %v", s.Addr, err)
		return s, nil
	}
	workers := []announced{}
	for _, p := range present {
		w := announced{Name: p.Worker, SecondsAgo: p.Ago.Seconds()}
		if json.Unmarshal(p.Note, &w.workerNote) == nil { // or else of another release
			workers = append(workers, w)
		}
	}
	return s, workers
}

func (o *observer) lookClickHouse(ctx context.Context) clickhouseStatus {
	s := clickhouseStatus{engineStatus: engineStatus{Addr: strings.Join(o.settings.ClickHouse.Addresses(), ",")}}
	err := o.openBooks(ctx)
	if err == nil {
		var clicks, letters []analytics.Count
		clicks, letters, err = o.books.Verdicts(ctx)
		s.Clicks, s.DeadLetters = wordCounts(clicks), wordCounts(letters)
	}
	var lacks notYet
	switch {
	case errors.As(err, &lacks):
		s.Lacks = fmt.Sprintf("no books in database %s yet: `grapevine run` makes them", o.settings.ClickHouse.Database)
	case err != nil:
		s.Error = err.Error()
	}
	return s
}

func (o *observer) openBooks(ctx context.Context) (err error) {
	if o.books == nil {
		o.books, err = readBooks(ctx, o.settings)
	}
	return err
}

func wordCounts(counts []analytics.Count) []wordCount {
	words := make([]wordCount, len(counts))
	for i, c := range counts {
		words[i] = wordCount{c.Word, c.N}
	}
	return words
}

// lookWorker asks the worker of this machine whether it is ready.
func lookWorker(ctx context.Context, addr string) workerStatus {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	s := workerStatus{URL: "http://" + net.JoinHostPort(host, port) + "/readyz"}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		s.Says = err.Error()
		return s
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.Says = "no worker answers here"
		return s
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	s.Ready, s.Says = answer.StatusCode == http.StatusOK, strings.TrimSpace(string(text))
	return s
}

// throughput adds the rates since an earlier look.
func (s *status) throughput(before *status) {
	seconds := s.Time.Sub(before.Time).Seconds()
	if seconds <= 0 {
		return
	}
	earlier := make(map[string]topicStatus, len(before.Kafka.Topics))
	for _, t := range before.Kafka.Topics {
		earlier[t.Topic] = t
	}
	for i := range s.Kafka.Topics {
		t := &s.Kafka.Topics[i]
		b, ok := earlier[t.Topic]
		if !ok {
			continue
		}
		t.WrittenPS = max(0, float64(t.Written-b.Written)/seconds)
		t.ConsumedPS = max(0, float64((t.Written-t.Lag)-(b.Written-b.Lag))/seconds)
	}
}
