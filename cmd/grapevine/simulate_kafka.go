package main

import (
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/grapevinehq/grapevine/config"
)

// newKafkaClient is a client of its own for the tools beside the pipeline:
// producing traffic, and reading topics outside the consumer group.
func newKafkaClient(s *config.Settings) (*kafka.Client, error) {
	encryption, err := tlsConfig("kafka", s.Kafka.TLS)
	if err != nil {
		return nil, err
	}
	mechanism, err := saslMechanism(s.Kafka.SASL)
	if err != nil {
		return nil, err
	}
	return &kafka.Client{
		Addr:      kafka.TCP(s.Kafka.Brokers...),
		Timeout:   30 * time.Second,
		Transport: &kafka.Transport{ClientID: "grapevine-tools", TLS: encryption, SASL: mechanism, MetadataTTL: time.Second},
	}, nil
}

func saslMechanism(s config.SASL) (sasl.Mechanism, error) {
	switch s.Mechanism {
	case config.NoSASL:
		return nil, nil
	case config.Plain:
		return plain.Mechanism{Username: s.Username, Password: s.Password.Reveal()}, nil
	case config.ScramSHA256:
		return scram.Mechanism(scram.SHA256, s.Username, s.Password.Reveal())
	case config.ScramSHA512:
		return scram.Mechanism(scram.SHA512, s.Username, s.Password.Reveal())
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism %q is unknown", s.Mechanism)
}
