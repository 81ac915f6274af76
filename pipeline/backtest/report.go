package backtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Options say what is run, and what is told of it.
type Options struct {
	History History
	Catalog *program.Catalog
	// Org and Program, where they are set, are all that is told of. An org is run
	// whole: its programs share members, segments and budgets.
	Org, Program string
	Window       Window
	Top          int   // people that are told of, by currency and unit
	Now          int64 // until when what is due by the clock is done, ms
	// Rows are about how many rows are read at once; 0 is 50,000.
	Rows int
	// Told hears how far the run is; may be nil.
	Told func(Progress)
}

// Window chooses rewards by the time of their conversion: from From up to, and not
// at, To, in milliseconds since the epoch.
type Window struct{ From, To int64 }

// Always is the window that has everything in it.
var Always = Window{earliest, latest}

// part is what of a worth the window shows.
func (w Window) part(of worth) worth {
	if !of.known || of.time < w.From || of.time >= w.To && w.To != latest {
		return worth{}
	}
	return of
}

// Progress is how far a run is.
type Progress struct {
	Org        string
	Orgs, Of   int // that are done, of all
	Rows, Most int // of the org's, about
}

// Sums are rewards then and now: won in the run, paid in truth.
type Sums struct {
	RewardsWon, RewardsPaid int64 // whose net value is above 0
	Won, Paid               int64 // net, in minor units or units
	HeldWon, HeldPaid       int64 // withheld, beside it
	Changed                 int64 // rewards whose net value differs
}

// Difference is what the run would cost more.
func (s *Sums) Difference() int64 { return s.Won - s.Paid }

// Add adds other sums.
func (s *Sums) Add(o *Sums) {
	s.RewardsWon, s.RewardsPaid = s.RewardsWon+o.RewardsWon, s.RewardsPaid+o.RewardsPaid
	s.Won, s.Paid = s.Won+o.Won, s.Paid+o.Paid
	s.HeldWon, s.HeldPaid = s.HeldWon+o.HeldWon, s.HeldPaid+o.HeldPaid
	s.Changed += o.Changed
}

func (s *Sums) add(won, paid worth) {
	s.Won, s.Paid = s.Won+won.net, s.Paid+paid.net
	s.HeldWon, s.HeldPaid = s.HeldWon+won.held, s.HeldPaid+paid.held
	if won.net > 0 {
		s.RewardsWon++
	}
	if paid.net > 0 {
		s.RewardsPaid++
	}
	if won.net != paid.net {
		s.Changed++
	}
}

// RuleLine is what one rule gives, in one currency or unit.
type RuleLine struct {
	OrgID, ProgramID, RuleID, Currency, Unit string
	Sums
}

// PersonLine is what one person gets of one program, in one currency or unit.
type PersonLine struct {
	OrgID, ProgramID, BeneficiaryID, Currency, Unit string
	Sums
}

// Report is what a run came to.
type Report struct {
	Revision string // of the configuration that was run
	Rules    []RuleLine
	People   []PersonLine
	// Conversions that were run, and how many of them other configurations decided.
	Conversions, Other int
	// Refused are conversions that the configuration does not take, by reason.
	Refused map[string]int
}

// readAtOnce is the default of Options.Rows.
const readAtOnce = 50_000

// Run runs the history of all orgs, or of one, one after the other.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Rows == 0 {
		o.Rows = readAtOnce
	}
	if o.Told == nil {
		o.Told = func(Progress) {}
	}
	orgs := []string{o.Org}
	if o.Org == "" {
		var err error
		if orgs, err = o.History.Orgs(ctx); err != nil {
			return nil, fmt.Errorf("read which orgs there are: %w", err)
		}
	}
	report := &Report{Revision: o.Catalog.Revision, Refused: map[string]int{}}
	for i, org := range orgs {
		o.Told(Progress{Org: org, Orgs: i, Of: len(orgs)})
		told := func(rows, most int) { o.Told(Progress{org, i, len(orgs), rows, most}) }
		if err := report.add(ctx, &o, org, told); err != nil {
			return nil, fmt.Errorf("org %s: %w", org, err)
		}
	}
	slices.SortFunc(report.Rules, func(a, b RuleLine) int {
		return cmp.Or(
			cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.ProgramID, b.ProgramID), cmp.Compare(a.RuleID, b.RuleID),
			cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency),
		)
	})
	return report, nil
}

// add runs an org, and adds what it comes to.
func (r *Report) add(ctx context.Context, o *Options, org string, told func(rows, most int)) error {
	rewards := newRewards(org)
	if known := o.Catalog.Orgs[org]; known != nil {
		if err := r.replay(ctx, o, known, rewards, told); err != nil {
			return err
		}
	}
	if err := o.History.Rewards(ctx, org, rewards.paid); err != nil {
		return fmt.Errorf("read what was paid: %w", err)
	}
	rules, people := rewards.sum(func(program string) bool { return o.Program == "" || program == o.Program }, o.Window)
	for k, s := range rules {
		r.Rules = append(r.Rules, RuleLine{org, k.program, k.rule, k.currency, k.unit, *s})
	}
	for k, s := range people {
		r.People = append(r.People, PersonLine{org, k.program, k.person, k.currency, k.unit, *s})
	}
	r.People = largest(r.People, o.Top)
	return nil
}

func (r *Report) replay(ctx context.Context, o *Options, org *program.Org, rewards *rewards, told func(rows, most int)) error {
	spans, err := o.History.Spans(ctx, org.ID, o.Rows, org.WatchesClicks)
	if err != nil {
		return fmt.Errorf("read how long the history is: %w", err)
	}
	var rows, most int
	for _, s := range spans {
		most += s.Rows
	}
	run := newReplay(o.History, o.Catalog, org, o.Now, rewards)
	if err := run.run(ctx, spans, func(n int) { rows += n; told(rows, most) }); err != nil {
		return err
	}
	for revision, n := range run.decided {
		r.Conversions += n
		if revision != o.Catalog.Revision {
			r.Other += n
		}
	}
	for reason, n := range run.refused {
		r.Refused[reason] += n
	}
	return nil
}
