package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
)

func newDeadLettersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dead-letters",
		Short: "Look at the events that could not be processed, and why",
		Long: `Look at the topic referral.dead-letters: every event that was refused, with its
original bytes and all the reasons.`,
		Example: `  grapevine dead-letters list
  grapevine dead-letters show referral.clicks/3/1042`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("dead-letters needs one of its commands: list, show")}
		},
	}
	c.AddCommand(newDeadLettersListCommand(), newDeadLettersShowCommand())
	return c
}

// openDeadLetters readies the reading of the topic.
func openDeadLetters(path string) (topic *topicReader, closeTopic func(), err error) {
	settings, err := config.LoadSettings(path, os.Environ())
	if err != nil {
		return nil, nil, err
	}
	client, err := newKafkaClient(settings)
	if err != nil {
		return nil, nil, err
	}
	return &topicReader{client: client, topic: settings.Kafka.TopicNames().DeadLetters},
		client.Transport.(*kafka.Transport).CloseIdleConnections, nil
}

// The headers that a dead letter has beside the original's (contract §2).
const (
	headerReason    = "gv_reason"
	headerDetail    = "gv_detail"
	headerTopic     = "gv_topic"
	headerPartition = "gv_partition"
	headerOffset    = "gv_offset"
	headerTime      = "gv_time"
)

// origin is where a dead letter's event stood: topic/partition/offset.
func (r *topicRecord) origin() string {
	return fmt.Sprintf("%s/%s/%s", r.header(headerTopic), r.header(headerPartition), r.header(headerOffset))
}
