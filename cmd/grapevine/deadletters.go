package main

import (
	"errors"
	"os"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
)

func newDeadLettersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dead-letters",
		Short: "Look at the events that could not be processed, and send them again",
		Long: `Look at the topic referral.dead-letters: every event that was refused, with its
original bytes and all the reasons. Once the cause is mended, replay sends events
through the front door again.`,
		Example: `  grapevine dead-letters list --since 1d
  grapevine dead-letters show referral.clicks/3/1042
  grapevine dead-letters replay --reason unknown_program --org acme --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageError{errors.New("dead-letters needs one of its commands: list, show, replay")}
		},
	}
	c.AddCommand(newDeadLettersListCommand(), newDeadLettersShowCommand(), newDeadLettersReplayCommand())
	return c
}

// deadLetters is the topic, for reading.
type deadLetters struct {
	topicReader
	names consumers.Names
}

// openDeadLetters readies the reading of the topic.
func openDeadLetters(path string) (*deadLetters, error) {
	settings, err := config.LoadSettings(path, os.Environ())
	if err != nil {
		return nil, err
	}
	client, err := newKafkaClient(settings)
	if err != nil {
		return nil, err
	}
	names := topicNames(settings.Kafka)
	return &deadLetters{topicReader{client: client, topic: names.Kafka(consumers.DeadLetters)}, names}, nil
}

func (d *deadLetters) close() { d.client.Transport.(*kafka.Transport).CloseIdleConnections() }
