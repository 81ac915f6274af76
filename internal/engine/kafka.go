package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

const kafkaName = "Kafka"

// KafkaOptions say how to start the Kafka that runs inside this process.
type KafkaOptions struct {
	Dir        string // data folder, kept between runs; empty: memory only
	Port       Port
	SyncWrites bool // flush every batch to disk, as no Kafka does by default
}

// Kafka is a Kafka-compatible broker inside this process.
type Kafka struct {
	Addr     string // host:port, plain text
	cluster  *kfake.Cluster
	sessions *sessions
	ended    chan struct{}
}

// StartKafka starts franz-go's kfake, a single broker: groups with generations
// and offset metadata, transactions, and a data folder. It returns when it
// answers.
func StartKafka(ctx context.Context, o KafkaOptions) (*Kafka, error) {
	return onFreePort(o.Port.Number == 0, func() (*Kafka, error) { return startKafka(ctx, o) })
}

func startKafka(ctx context.Context, o KafkaOptions) (*Kafka, error) {
	port, err := o.Port.choose(kafkaName)
	if err != nil {
		return nil, err
	}
	options := []kfake.Opt{
		kfake.Ports(port),
		kfake.ClusterID("grapevine"),
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
	}
	if o.Dir != "" {
		options = append(options, kfake.DataDir(o.Dir))
	}
	if o.SyncWrites {
		options = append(options, kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(options...)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &PortTakenError{Engine: kafkaName, Port: port, Change: o.Port.Change}
	}
	if err != nil {
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	k := &Kafka{Addr: strings.Join(cluster.ListenAddrs(), ","), cluster: cluster, ended: make(chan struct{})}
	if err := awaitAnswer(ctx, k.ended, k.answers); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	k.sessions = watchSessions(cluster, k.Addr)
	return k, nil
}

func (k *Kafka) answers(ctx context.Context) error { return kafkaAnswers(ctx, k.Addr) }

// kafkaAnswers asks a broker for its metadata.
func kafkaAnswers(ctx context.Context, addr string) error {
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(addr), Transport: transport}
	answer, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return err
	}
	if len(answer.Brokers) == 0 {
		return errors.New("the metadata name no broker")
	}
	return nil
}

// Faults gives tests the broker itself, to inject faults and look inside.
func (k *Kafka) Faults() *kfake.Cluster { return k.cluster }

// Stop ends the broker; a data folder is written out first.
func (k *Kafka) Stop(context.Context) error {
	k.sessions.stop()
	k.cluster.Close()
	return nil
}
