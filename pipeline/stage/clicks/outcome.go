package clicks

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
)

// Outcome implements pipeline.Work: rows, memory, dead letters and what rewards
// are told, all of the record.
func (b *work) Outcome(ctx context.Context) (pipeline.Outcome, error) {
	if b.catalog == nil { // a replay looks nothing else up
		if err := b.configure(ctx); err != nil {
			return pipeline.Outcome{}, err
		}
	}
	hasher, err := b.hasher()
	if err != nil {
		return pipeline.Outcome{}, err
	}
	var (
		out     pipeline.Outcome
		rows    = newRows(len(b.clicks))
		entries = make([]recall.Entry, 0, len(b.clicks))
		reasons = b.rec.Reasons
		owners  = b.rec.Owners
		counts  [len(verdicts)]int
		late    int
		told    told
	)
	for i := range b.clicks {
		o := outcome(b.rec.Outcomes[i])
		if o == accepted || int(o) >= len(verdicts) {
			return pipeline.Outcome{}, fmt.Errorf("batch %d: outcome %d is unknown to this release", b.bounds.Number, o)
		}
		counts[o]++
		if !o.stored() {
			if o != redelivered {
				out.DeadLetters = append(out.DeadLetters, b.letter(i, o))
			}
			continue
		}
		c := &b.clicks[i]
		row := row{referrer: c.ReferrerID, verdict: string(verdicts[o])}
		if row.referrer == "" {
			if row.referrer, owners, err = pop(owners); err != nil {
				return pipeline.Outcome{}, err
			}
		}
		if o == bot {
			if row.reason, reasons, err = pop(reasons); err != nil {
				return pipeline.Outcome{}, err
			}
		}
		id := b.recalled(i, c, row.referrer, hasher)
		entries = append(entries, recall.Entry{Key: id.key, Event: id.event, Counted: o == unique, Time: c.Time})
		if c.VisitorID == "" {
			row.actorHash, _ = hasher.Actor(c)
		}
		of := b.catalog.Program(c.OrgID, c.ProgramID)
		if of == nil {
			return pipeline.Outcome{}, fmt.Errorf("batch %d stored the click at offset %d, of which no program is known in Kafka: the topic was made anew, or the journal is damaged", b.bounds.Number, b.records[i].Offset)
		}
		row.version, _ = of.At(c.Time)
		if o == unique && b.records[i].Time-c.Time > row.version.Attribution.Grace.Milliseconds() {
			late++
		}
		if o == unique && b.watching != nil && b.watching[c.OrgID] {
			told.add(c, row.referrer, &b.bounds, b.records[i].Offset)
		}
		rows.add(c, b.records[i].Offset, row)
	}
	if out.Messages, err = told.messages(); err != nil {
		return pipeline.Outcome{}, err
	}
	out.Writes = b.memory.Write(entries, recall.TimesOf(b.bounds, b.records))
	if len(entries) > 0 {
		out.Blocks = []pipeline.Block{rows.block(b.bounds.Partition)}
	}
	out.Counts = tally(counts[:])
	if late > 0 {
		out.Counts = append(out.Counts, pipeline.Count{Type: event.TypeClick, Verdict: Late, N: late})
	}
	return out, nil
}

// Late is counted beside the verdict: a touch that reached Kafka more than
// attribution_grace after it happened. A conversion that it would have changed
// may have been decided before (contract §4); it changes no decision.
const Late = "late"

// recalled is the identity that the look-up found already, or in a replay finds now.
func (b *work) recalled(i int, c *event.Click, referrer string, h secretHasher) identity {
	if b.ids != nil {
		return b.ids[i]
	}
	return b.identify(c, referrer, h)
}

// pop takes the first of a list.
func pop(list []string) (string, []string, error) {
	if len(list) == 0 {
		return "", nil, fmt.Errorf("the record has fewer entries than its outcomes need")
	}
	return list[0], list[1:], nil
}

// hasher is the one that the record was decided with.
func (b *work) hasher() (secretHasher, error) {
	for _, h := range b.hashers {
		if h.id == b.rec.Secret {
			return h, nil
		}
	}
	return secretHasher{}, fmt.Errorf("batch %d was decided under another hash secret: add the one of before to hash_secret_previous", b.bounds.Number)
}

// tally sums the outcomes by verdict: two of them are invalid.
func tally(counts []int) []pipeline.Count {
	var out []pipeline.Count
	for o, n := range counts {
		if n > 0 {
			out = append(out, pipeline.Count{Type: event.TypeClick, Verdict: string(verdicts[o]), N: n})
		}
	}
	return out
}

// letter is the dead letter of a refused click.
func (b *work) letter(i int, o outcome) pipeline.DeadLetter {
	c := &b.clicks[i]
	d := pipeline.DeadLetter{Index: i, Reason: string(verdicts[o]), OrgID: c.OrgID, ProgramID: c.ProgramID, EventID: c.ID, Source: c.Source}
	if string(b.records[i].Key) != c.VisitorID { // made of whatever the producer had at hand
		d.Private = []string{c.IP, c.UserAgent}
	}
	switch o {
	case invalid:
		d.Detail = b.problems[i]
	case disagree:
		d.Detail = fmt.Sprintf("referral_code %q belongs to another member than referrer_id %q", c.ReferralCode, c.ReferrerID)
	case unknownProgram:
		d.Detail = fmt.Sprintf("org %q has no program %q", c.OrgID, c.ProgramID)
	case unknownCode:
		d.Detail = fmt.Sprintf("nobody in org %q held referral_code %q then", c.OrgID, c.ReferralCode)
	}
	return d
}

// row is what a stored click adds to what its event says.
type row struct {
	referrer, verdict, reason, actorHash string
	version                              *program.Version
}
