package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"github.com/grapevinehq/grapevine/config"
)

func newRewardsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "rewards",
		Short:   "Follow the reward events",
		Long:    "Read the reward events that the pipeline publishes.",
		Example: "  grapevine rewards tail --from-beginning",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("rewards needs one of its commands: tail")}
		},
	}
	c.AddCommand(newRewardsTailCommand())
	return c
}

// rewardsFlags say which reward events are shown, and how.
type rewardsFlags struct {
	config, org    string
	fromBeginning  bool
	noFollow, json bool
	max            int
}

func newRewardsTailCommand() *cobra.Command {
	var f rewardsFlags
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show reward events as they are published",
		Long: `Show the events of the topic referral.rewards, one a line, as they come, until
interrupted. Events of one member come in their order.`,
		Example: `  grapevine rewards tail
  grapevine rewards tail --from-beginning --org acme --max 20
  grapevine rewards tail --from-beginning --no-follow --json | jq .data.amount_minor`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.tail(cmd.Context(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	c.Flags().StringVar(&f.org, "org", "", "this org alone")
	c.Flags().BoolVar(&f.fromBeginning, "from-beginning", false, "begin with the oldest event that Kafka still has, not with new ones")
	c.Flags().BoolVar(&f.noFollow, "no-follow", false, "stop at the end instead of waiting for more")
	c.Flags().BoolVar(&f.json, "json", false, "whole events as JSON, one a line")
	c.Flags().IntVar(&f.max, "max", 0, "stop after so many events; 0 is never")
	return c
}

// errEnough ends the reading of a topic.
var errEnough = errors.New("enough")

func (f *rewardsFlags) tail(ctx context.Context, out io.Writer) error {
	if f.max < 0 {
		return usageError{fmt.Errorf("--max must not be negative")}
	}
	settings, err := config.LoadSettings(f.config, os.Environ())
	if err != nil {
		return err
	}
	client, err := newKafkaClient(settings)
	if err != nil {
		return err
	}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	topic := &topicReader{client: client, topic: settings.Kafka.TopicNames().Rewards}
	ranges, err := topic.ranges(ctx)
	if err != nil {
		return err
	}
	if !f.fromBeginning {
		for i := range ranges {
			ranges[i].first = ranges[i].end
		}
	}
	shown := 0
	err = topic.read(ctx, ranges, !f.noFollow, func(r topicRecord) error {
		event, err := parseReward(r.Value)
		if err != nil {
			return fmt.Errorf("record %s/%d/%d: %w", topic.topic, r.Partition, r.Offset, err)
		}
		if f.org != "" && event.Org != f.org {
			return nil
		}
		if err := f.show(out, event, r.Value); err != nil {
			return err
		}
		if shown++; shown == f.max {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) || ctx.Err() != nil { // interrupted is how it ends
		return nil
	}
	return err
}

func (f *rewardsFlags) show(out io.Writer, event rewardEvent, raw []byte) error {
	line := event.line()
	if f.json {
		line = printableJSON(raw)
	}
	_, err := fmt.Fprintln(out, line)
	return err
}
