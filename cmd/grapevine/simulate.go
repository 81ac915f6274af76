package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/internal/simulate"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// simulateFlags are what can be said about simulated traffic.
type simulateFlags struct {
	config, programs, truth, start string
	options                        simulate.Options
}

func (f *simulateFlags) flags(set *pflag.FlagSet) {
	o := &f.options
	set.StringVar(&f.config, "config", "", "worker configuration `file` (YAML), as for grapevine run")
	set.StringVar(&f.programs, "programs", "", "file or folder of programs (default: as the settings say)")
	set.StringVar(&f.truth, "truth", "", "write what must come out to this file (JSON); - is the terminal")
	set.StringVar(&f.start, "start", "", "time of the first click (RFC 3339); with the same seed the same bytes (default: just now)")
	set.Uint64Var(&o.Seed, "seed", 1, "decides who the people are and what they do")
	set.IntVar(&o.Clicks, "clicks", 100_000, "click events in all")
	set.Float64Var(&o.Duplicates, "duplicates", 0.1, "share of clicks that repeat an earlier one within its window")
	set.Float64Var(&o.Redelivered, "redelivered", 0, "share of clicks that are written a second time")
	set.Float64Var(&o.Bots, "bots", 0, "share of clicks by crawlers")
	set.Float64Var(&o.Codes, "codes", 0, "share of members' clicks that name the referral code instead of the referrer")
	set.IntVar(&o.Conversions, "conversions", 0, "conversions in all; of earlier runs' visitors when there are no clicks")
	set.IntVar(&o.Members, "members", 0, "members to write before anything else")
	set.IntVar(&o.Visitors, "visitors", 250_000, "people who click")
	set.IntVar(&o.Referrers, "referrers", 1_000, "people who are referred by, over all orgs")
	set.Float64Var(&o.Rate, "rate", 0, "clicks a second; 0 is as fast as possible")
}

func newSimulateCommand() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Write test traffic whose outcome is known",
		Long: `Write members, clicks and conversions for the configured programs to Kafka. How
many clicks must come out as unique, duplicate, by bots or redelivered is known
beforehand, and printed; --truth writes it to a file, program by program.

Runs with the same seed have the same people and never share an event id or a
link, so that each run's truth adds to those before.`,
		Example: `  grapevine simulate --clicks 1000000 --duplicates 0.1
  grapevine simulate --clicks 50000 --bots 0.05 --redelivered 0.02 --conversions 1000 --members 1000 --truth truth.json
  grapevine simulate --clicks 600000 --rate 2000   # five minutes of steady traffic`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.flags(c.Flags())
	return c
}

func (f *simulateFlags) run(ctx context.Context, out, progress io.Writer) error {
	if f.options.Clicks < 0 {
		return usageError{fmt.Errorf("--clicks must not be negative")}
	}
	settings, err := config.LoadSettings(f.config, os.Environ())
	if err != nil {
		return err
	}
	catalog, err := config.LoadPrograms(cmp.Or(f.programs, settings.Programs))
	if err != nil {
		return err
	}
	options, err := f.complete(catalog, time.Now())
	if err != nil {
		return err
	}
	began := time.Now()
	truth, err := simulateTraffic(ctx, settings, options, simulateProgress(progress, options, began))
	if err != nil {
		return err
	}
	if err := f.writeTruth(out, truth); err != nil {
		return err
	}
	if f.truth != "-" {
		summariseTruth(out, truth, time.Since(began))
	}
	return nil
}

// complete adds programs and times to what the flags say.
func (f *simulateFlags) complete(catalog *program.Catalog, now time.Time) (simulate.Options, error) {
	o := f.options
	o.Programs = simulatedPrograms(catalog, now)
	o.Span = simulateSpan(o.Programs)
	o.Start = now
	if o.Rate == 0 {
		o.Start = now.Add(-o.Span)
	}
	if f.start != "" {
		start, err := time.Parse(time.RFC3339, f.start)
		if err != nil {
			return o, usageError{fmt.Errorf("--start: %w", err)}
		}
		o.Start = start
	}
	if err := o.Check(); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

// simulatedPrograms are those that are active now, in order.
func simulatedPrograms(catalog *program.Catalog, now time.Time) (programs []simulate.Program) {
	for _, org := range catalog.Orgs {
		for _, p := range org.Programs {
			version, active := p.At(now.UnixMilli())
			if !active || version.ValidFrom > now.Add(-time.Hour).UnixMilli() {
				continue
			}
			window := version.DedupeWindow
			for _, v := range p.Versions {
				window = min(window, v.DedupeWindow)
			}
			programs = append(programs, simulate.Program{OrgID: p.OrgID, ID: p.ID, Currency: version.Currency, DedupeWindow: window})
		}
	}
	slices.SortFunc(programs, func(a, b simulate.Program) int {
		return cmp.Or(cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.ID, b.ID))
	})
	return programs
}

// simulateSpan is the time that clicks without a rate are spread over: short
// enough that every click can be repeated within its window.
func simulateSpan(programs []simulate.Program) time.Duration {
	span := 10 * time.Minute
	for _, p := range programs {
		if p.DedupeWindow > 0 {
			span = min(span, p.DedupeWindow/2)
		}
	}
	return span
}

// simulateTraffic makes missing topics, as a worker does, and writes the traffic.
func simulateTraffic(ctx context.Context, settings *config.Settings, o simulate.Options, tell func(simulate.Progress)) (simulate.Truth, error) {
	cluster, err := openKafka(settings, slog.New(slog.DiscardHandler))
	if err != nil {
		return simulate.Truth{}, err
	}
	defer cluster.Close()
	if settings.CreateTopics {
		_, err = cluster.CreateTopics(ctx, consumers.TopicSettings{Partitions: settings.Kafka.Partitions, Replication: settings.Kafka.ReplicationFactor})
		if err != nil {
			return simulate.Truth{}, fmt.Errorf("kafka at %v: %w", settings.Kafka.Brokers, err)
		}
	}
	client, err := newKafkaClient(settings)
	if err != nil {
		return simulate.Truth{}, err
	}
	defer client.Transport.(*kafka.Transport).CloseIdleConnections()
	names := settings.Kafka.TopicNames()
	return simulate.Run(ctx, client, simulate.Topics{Clicks: names.Clicks, Conversions: names.Conversions, Members: names.Members}, o, tell)
}

// simulateProgress tells how far it is, one line every few seconds.
func simulateProgress(to io.Writer, o simulate.Options, began time.Time) func(simulate.Progress) {
	told := began
	return func(p simulate.Progress) {
		if time.Since(told) < 2*time.Second {
			return
		}
		told = time.Now()
		fmt.Fprintf(to, "%d of %d clicks, %d of %d conversions; %d events acknowledged, %.0f/s\n",
			p.Clicks, o.Clicks, p.Conversions, o.Conversions, p.Acknowledged, float64(p.Acknowledged)/time.Since(began).Seconds())
	}
}

func (f *simulateFlags) writeTruth(out io.Writer, truth simulate.Truth) error {
	if f.truth == "" {
		return nil
	}
	text, err := json.MarshalIndent(truth, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the truth: %w", err)
	}
	text = append(text, '\n')
	if f.truth == "-" {
		_, err = out.Write(text)
		return err
	}
	if err := os.WriteFile(f.truth, text, 0o644); err != nil { //nolint:gosec // nothing secret in it
		return fmt.Errorf("write the truth: %w", err)
	}
	return nil
}

// summariseTruth prints what must come out.
func summariseTruth(out io.Writer, truth simulate.Truth, took time.Duration) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"program", "clicks stored", "unique", "duplicate", "bot", "redelivered", "conversions"})
	row := func(name string, p simulate.ProgramTruth) table.Row {
		return table.Row{name, p.Clicks, p.UniqueClicks, p.DuplicateClicks, p.BotClicks, p.RedeliveredClicks, p.Conversions}
	}
	const most = 20
	for i, p := range truth.Programs {
		if i == most {
			t.AppendRow(table.Row{fmt.Sprintf("and %d more", len(truth.Programs)-most)})
			break
		}
		t.AppendRow(row(p.OrgID+"/"+p.ProgramID, p))
	}
	t.AppendFooter(row("all", truth.Sum()))
	t.Render()
	fmt.Fprintf(out, "%d events acknowledged by Kafka in %.1fs (%.0f/s): %d clicks, %d conversions, %d members. Run %s, seed %d.\n",
		truth.Written, took.Seconds(), float64(truth.Written)/took.Seconds(), truth.Clicks, truth.Sum().Conversions, truth.Members, truth.Run, truth.Seed)
}
