package clicks

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// work is one batch of clicks.
type work struct {
	*worker
	bounds   pipeline.Bounds
	records  []event.Record
	clicks   []event.Click
	problems map[int]string // by index, of what does not decode

	catalog *program.Catalog
	answers []Answer
	ids     []identity
	found   recall.Found
	again   map[int]bool // by index, of dead letters that came again: taken long ago
	rec     record
	scratch []byte
}

// LookUp implements pipeline.Work: who the referrers are, and what is
// remembered of the clicks' keys.
func (b *work) LookUp(ctx context.Context, progress pipeline.Progress) error {
	if err := b.configure(ctx); err != nil {
		return err
	}
	if err := b.askMembers(ctx, progress); err != nil {
		return err
	}
	keys := make([]recall.Key, 0, len(b.clicks))
	b.ids = make([]identity, len(b.clicks))
	for i := range b.clicks {
		if b.refuse(i) != accepted {
			continue
		}
		c := &b.clicks[i]
		b.ids[i] = b.identify(c, b.referrer(i), b.hashers[0])
		keys = append(keys, b.ids[i].key)
		for _, id := range b.earlier(c, b.referrer(i)) {
			keys = append(keys, id.key)
		}
	}
	var err error
	if b.found, err = b.memory.LookUp(ctx, keys); err != nil {
		return err
	}
	b.again, err = pipeline.FindRecorded(ctx, b.Books, Table, b.records, func(i int) (pipeline.EventQuery, bool) {
		c := &b.clicks[i]
		return pipeline.EventQuery{OrgID: c.OrgID, ProgramID: c.ProgramID, By: c.ClickID, Source: c.Source, EventID: c.ID}, b.refuse(i) == accepted
	})
	return err
}

// configure finds the catalog that decides the batch.
func (b *work) configure(ctx context.Context) error {
	catalog, err := b.Catalogs.Revision(ctx, b.bounds.Revision)
	if err != nil {
		return fmt.Errorf("configuration %s: %w", b.bounds.Revision, err)
	}
	b.catalog = catalog
	return b.use(catalog)
}

// askMembers asks one question a click whose program is known.
func (b *work) askMembers(ctx context.Context, progress pipeline.Progress) error {
	questions := make([]Question, 0, len(b.clicks))
	at := make([]int, 0, len(b.clicks))
	for i := range b.clicks {
		c := &b.clicks[i]
		if b.problems[i] != "" || b.catalog.Program(c.OrgID, c.ProgramID) == nil {
			continue
		}
		questions = append(questions, Question{OrgID: c.OrgID, ReferrerID: c.ReferrerID, Code: c.ReferralCode, At: c.Time})
		at = append(at, i)
	}
	answers, err := b.Directory.Referrers(ctx, progress, questions)
	if err != nil {
		return fmt.Errorf("look up %d referrers: %w", len(questions), err)
	}
	b.answers = make([]Answer, len(b.clicks))
	for j, i := range at {
		b.answers[i] = answers[j]
	}
	return nil
}

// refuse tells why a click is a dead letter, or that it is accepted (§3, 1 and
// 2; §9 (3)).
func (b *work) refuse(i int) outcome {
	c := &b.clicks[i]
	switch {
	case b.problems[i] != "":
		return invalid
	case b.catalog.Program(c.OrgID, c.ProgramID) == nil:
		return unknownProgram
	case c.ReferralCode == "":
		return accepted
	case b.answers[i].Owner == "":
		return unknownCode
	case c.ReferrerID != "" && c.ReferrerID != b.answers[i].Owner:
		return disagree
	}
	return accepted
}

// referrer is who the click credits.
func (b *work) referrer(i int) string {
	if id := b.clicks[i].ReferrerID; id != "" {
		return id
	}
	return b.answers[i].Owner
}

// Facts implements pipeline.Work: clicks claim nothing that partitions share.
func (b *work) Facts() ([]byte, error) { return nil, nil }

// TakeFacts implements pipeline.Work.
func (b *work) TakeFacts([]byte) error {
	return fmt.Errorf("clicks have no begin record, and one was found")
}

// Claim implements pipeline.Work.
func (b *work) Claim(context.Context) error { return nil }

// Decide implements pipeline.Work: it judges the clicks in order.
func (b *work) Decide() error {
	b.rec = record{Secret: b.hashers[0].id, Outcomes: make([]byte, len(b.clicks))}
	for i := range b.clicks {
		o := b.refuse(i)
		if o == accepted {
			o = b.judge(i)
		}
		b.rec.Outcomes[i] = byte(o)
	}
	return nil
}

// judge gives the verdict on an accepted click, and lets the rest of the batch
// see it.
func (b *work) judge(i int) outcome {
	c, id := &b.clicks[i], b.ids[i]
	last, counted, seen := b.past(i)
	if seen {
		return redelivered
	}
	version, active := b.catalog.Program(c.OrgID, c.ProgramID).At(c.Time)
	facts := click.Facts{Active: active, Banned: b.answers[i].Banned, Counted: counted, LastCounted: last}
	if active && !facts.Banned {
		facts.Bot = b.agents.Match(c.IP, c.UserAgent)
	}
	verdict, reason := click.Judge(facts, c.Time, version.DedupeWindow.Milliseconds())
	b.found.Remember(recall.Entry{Key: id.key, Event: id.event, Counted: verdict == click.Unique, Time: c.Time})
	if reason != "" {
		b.rec.Reasons = append(b.rec.Reasons, reason)
	}
	if c.ReferrerID == "" {
		b.rec.Owners = append(b.rec.Owners, b.answers[i].Owner)
	}
	return storedAs(verdict)
}

// past is what is remembered of a click, under any secret that is known.
func (b *work) past(i int) (last int64, counted, seen bool) {
	id := b.ids[i]
	if b.found.Seen(id.key, id.event) || b.again[i] {
		return 0, false, true
	}
	last, counted = b.found.LastCounted(id.key)
	if counted {
		return last, true, false // what came under this secret came later
	}
	for _, id := range b.earlier(&b.clicks[i], b.referrer(i)) {
		if b.found.Seen(id.key, id.event) {
			return 0, false, true
		}
		if at, ok := b.found.LastCounted(id.key); ok && !counted {
			last, counted = at, true
		}
	}
	return last, counted, false
}
