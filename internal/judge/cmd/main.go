// Command cmd judges the books of an installation at rest by its input topics and
// the contract (package judge), prints every difference, and exits with 1 if there
// is any, with 2 if there can be no judgement.
//
//	go run ./internal/judge/cmd --brokers 127.0.0.1:9092 --clickhouse 127.0.0.1:9000 --programs programs.yaml
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/pflag"

	"github.com/grapevinehq/grapevine/internal/judge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, arguments []string) int {
	c, err := caseOf(arguments)
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	report := judge.Report{}
	if err == nil {
		report, err = judge.Judge(ctx, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if _, err := report.WriteTo(os.Stdout); err != nil {
		return 2
	}
	if report.Total > 0 {
		return 1
	}
	return 0
}

func caseOf(arguments []string) (c judge.Case, err error) {
	flags := pflag.NewFlagSet("judge", pflag.ContinueOnError)
	flags.StringSliceVar(&c.Brokers, "brokers", []string{"127.0.0.1:9092"}, "brokers of Kafka")
	flags.StringVar(&c.TopicPrefix, "topic-prefix", "", "prefix of the topics")
	flags.StringToStringVar(&c.Topics, "topic", nil, "names of topics that are called otherwise, as referral.clicks=clicks")
	flags.StringVar(&c.ClickHouseAddr, "clickhouse", "127.0.0.1:9000", "ClickHouse, native protocol")
	flags.StringVar(&c.Database, "database", "referral", "its database")
	flags.StringVar(&c.Username, "user", "", "its user")
	flags.StringVar(&c.Programs, "programs", "programs.yaml", "file or folder of the programs that decided last")
	flags.StringSliceVar(&c.Earlier, "earlier", nil, "files or folders of those before, the oldest first")
	flags.DurationVar(&c.MaxFutureSkew, "max-future-skew", 10*time.Minute, "max_future_skew of the workers")
	flags.DurationVar(&c.OnItsWay, "on-its-way", time.Second, "how long a record may be under way from its timestamp until it lies in Kafka")
	flags.IntVar(&c.Most, "most", 100, "how many differences are told; all are counted")
	rest := flags.String("rest", "", "since when nothing more happens (RFC 3339): holds that were due by then must be over; nothing is asked of holds without it")
	if err := flags.Parse(arguments); err != nil {
		return c, err
	}
	c.Password = os.Getenv("GRAPEVINE_CLICKHOUSE_PASSWORD")
	if *rest != "" {
		c.Rest, err = time.Parse(time.RFC3339, *rest)
	}
	return c, err
}
