package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/consumers"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// Verifier reads the engines of one installation.
type Verifier struct {
	Kafka *consumers.Cluster
	Books *analytics.Books
	Redis *state.Store
	// Event finds what a record in Kafka says of itself; ok is false where Kafka has it
	// no more. May be nil.
	Event func(ctx context.Context, position string) (event Event, ok bool)
	// Progress is told of each check before it begins. May be nil.
	Progress func(check string)
	// Patience is how long rewards may take to work what attribution handed over.
	Patience time.Duration
	// Visitors has the views that count them compared too, which reads a row for each
	// program, day and visitor.
	Visitors bool
}

// poll is how often commits are looked at while something is waited for.
const poll = 200 * time.Millisecond

// Event is what a record says of itself.
type Event struct{ OrgID, ProgramID, Day, ID, Source string }

// Report is what was compared, and what differs.
type Report struct {
	Began       time.Time            `json:"began"`
	Seconds     float64              `json:"seconds"`
	Partitions  int                  `json:"partitions"`
	Batches     uint64               `json:"batches"`
	Checks      []string             `json:"checks"`
	Skipped     []Skipped            `json:"skipped"`
	Differences []analytics.Findings `json:"-"`
}

// Skipped is a check that could not be made now, and why.
type Skipped struct {
	Check string `json:"check"`
	Why   string `json:"why"`
}

// Total counts the differences.
func (r *Report) Total() (n uint64) {
	for _, d := range r.Differences {
		n += d.Total
	}
	return n
}

// check is one comparison.
type check struct {
	name string
	make func(context.Context) (analytics.Findings, error)
}

// Verify makes every comparison of a scope. An error means that it could not be
// finished, not that something differs.
func (v *Verifier) Verify(ctx context.Context, scope analytics.Scope) (*Report, error) {
	r := &Report{Began: time.Now().UTC(), Checks: []string{}, Skipped: []Skipped{}}
	scope.Clicks = v.Kafka.Names().Kafka(consumers.Clicks)
	places, err := v.places(ctx)
	if err != nil {
		return nil, err
	}
	r.Partitions = len(places)
	for _, p := range places {
		r.Batches += p.completed
	}
	audit := v.Books.Audit(cut(places, false), scope)
	checks := []check{
		{"commits", func(ctx context.Context) (analytics.Findings, error) { return v.commits(ctx, places, audit, scope) }},
		{"rows beyond what is bound", func(ctx context.Context) (analytics.Findings, error) { return v.beyond(ctx, scope) }},
	}
	for _, table := range analytics.SealedTables() {
		checks = append(checks, check{"rows of " + table, func(ctx context.Context) (analytics.Findings, error) { return audit.Rows(ctx, table) }})
	}
	for _, name := range analytics.Invariants() {
		if name == "credits" || name == "program_totals" && !v.Visitors {
			continue // credits ask how far rewards are
		}
		checks = append(checks, check{name, func(ctx context.Context) (analytics.Findings, error) { return audit.Invariant(ctx, name) }})
	}
	checks = append(checks, v.ofRedis(places, audit, r, scope)...)
	for _, c := range checks {
		if err := v.run(ctx, r, c); err != nil {
			return nil, err
		}
	}
	if err := v.credits(ctx, r, places, scope); err != nil {
		return nil, err
	}
	r.Seconds = time.Since(r.Began).Seconds()
	return r, nil
}

// ofRedis are the comparisons with Redis. What Redis does not have at all is one
// difference, not one for each thing that it lacks.
func (v *Verifier) ofRedis(places []place, audit *analytics.Audit, r *Report, scope analytics.Scope) []check {
	lost := false
	unlessLost := func(compare func(context.Context) (analytics.Findings, error)) func(context.Context) (analytics.Findings, error) {
		return func(ctx context.Context) (analytics.Findings, error) {
			if lost {
				return analytics.Findings{}, nil
			}
			return compare(ctx)
		}
	}
	return []check{
		{"installation", func(ctx context.Context) (f analytics.Findings, err error) {
			f, err = v.installations(ctx)
			lost = f.Total > 0
			return f, err
		}},
		{"journals", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.journals(ctx, places, audit) })},
		{"remembered events", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.remembered(ctx, places, scope) })},
		{"remembered conversions", unlessLost(func(ctx context.Context) (analytics.Findings, error) {
			return v.conversions(ctx, places, audit, r, scope)
		})},
		{"identity links", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.links(ctx, places, audit, scope) })},
		{"members", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.members(ctx, places, audit, r, scope) })},
		{"ledgers", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.rewards(ctx, places, audit, r, scope) })},
		{"holds", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.holds(ctx, places, audit, r) })},
		{"budgets", unlessLost(func(ctx context.Context) (analytics.Findings, error) { return v.budgets(ctx, r, scope) })},
	}
}

// run makes one comparison and takes what it found into the report.
func (v *Verifier) run(ctx context.Context, r *Report, c check) error {
	if v.Progress != nil {
		v.Progress(c.name)
	}
	f, err := c.make(ctx)
	if err != nil {
		return err
	}
	r.Checks = append(r.Checks, c.name)
	if f.Total == 0 {
		return nil
	}
	f.Check = c.name
	for i := range f.Found {
		v.identify(ctx, &f.Found[i])
	}
	r.Differences = append(r.Differences, f)
	return nil
}

// identify asks Kafka who an event is of which nothing stands.
func (v *Verifier) identify(ctx context.Context, f *analytics.Finding) {
	if f.ID != "" || f.OrgID != "" || f.Position == "" || v.Event == nil {
		return
	}
	if e, ok := v.Event(ctx, f.Position); ok {
		f.OrgID, f.ProgramID, f.Day, f.ID, f.Source = e.OrgID, e.ProgramID, e.Day, e.ID, e.Source
	}
}

// found is one difference of a check that names few.
func found(f *analytics.Findings, one analytics.Finding) {
	f.Found = append(f.Found, one)
	f.Total++
}

// commits holds the group's commits against Kafka's log and the last account of each
// partition: an acknowledged batch ends where the commit stands, or before it.
func (v *Verifier) commits(ctx context.Context, places []place, audit *analytics.Audit, _ analytics.Scope) (f analytics.Findings, err error) {
	accounts, err := audit.Accounts(ctx)
	if err != nil {
		return f, err
	}
	ends := make(map[string]analytics.Account, len(accounts))
	for _, a := range accounts {
		ends[a.Partition.String()] = a
	}
	for _, p := range places {
		position := fmt.Sprintf("%s/%d", p.partition, p.committed)
		if p.foreign {
			found(&f, analytics.Finding{Position: position, Text: "the group's commit was made by another program"})
		}
		if p.committed > p.end {
			found(&f, analytics.Finding{Position: position, Text: fmt.Sprintf("the group's commit is beyond the end of the partition, %d: the topic was cut or made anew", p.end)})
		}
		if a, ok := ends[p.partition.String()]; ok && a.End > p.committed {
			found(&f, analytics.Finding{Position: position, Text: fmt.Sprintf("the group's commit is before offset %d, where the acknowledged batch %d ended", a.End, a.Number)})
		}
	}
	return f, nil
}

// beyond looks for rows that nobody can have written: the books are read before the
// commits.
func (v *Verifier) beyond(ctx context.Context, scope analytics.Scope) (f analytics.Findings, err error) {
	lasts, err := v.Books.Audit(nil, scope).Lasts(ctx)
	if err != nil {
		return f, err
	}
	places, err := v.places(ctx)
	if err != nil {
		return f, err
	}
	return v.Books.Audit(cut(places, true), scope).Beyond(lasts), nil
}

// credits compares what attribution handed over with what rewards took, when they have
// taken all that lay there when the audit began.
func (v *Verifier) credits(ctx context.Context, r *Report, places []place, scope analytics.Scope) error {
	const name = "credits"
	later, caught, err := v.taken(ctx)
	if err != nil {
		return err
	}
	if !caught {
		r.Skipped = append(r.Skipped, Skipped{name, fmt.Sprintf("rewards did not catch up within %s", v.Patience)})
		return nil
	}
	judged := append(of(later, consumers.Credits), without(places, consumers.Credits)...)
	audit := v.Books.Audit(cut(judged, false), scope)
	return v.run(ctx, r, check{name, func(ctx context.Context) (analytics.Findings, error) { return audit.Invariant(ctx, name) }})
}

// taken waits until rewards have acknowledged what now lies in the topic of credits.
func (v *Verifier) taken(ctx context.Context) (places []place, caught bool, err error) {
	until := time.Now().Add(v.Patience)
	ends := make(map[string]int64)
	for {
		if places, err = v.places(ctx); err != nil {
			return nil, false, err
		}
		caught = true
		for _, p := range of(places, consumers.Credits) {
			if _, known := ends[p.partition.String()]; !known {
				ends[p.partition.String()] = p.end
			}
			caught = caught && p.committed >= ends[p.partition.String()]
		}
		if caught || time.Now().After(until) {
			return places, caught, nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

// without are the places of other topics.
func without(places []place, contract string) (out []place) {
	for _, p := range places {
		if p.contract != contract {
			out = append(out, p)
		}
	}
	return out
}
