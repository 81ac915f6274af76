package offline

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
	"github.com/grapevinehq/grapevine/pipeline/stage/conversions"
	"github.com/grapevinehq/grapevine/pipeline/stages"
)

// Tables are the books of a run: all rows that it wrote, and the answers to what
// stages ask of them, as the tables in ClickHouse give them.
type Tables struct {
	Standings
	blocks map[string][]Written

	visitors    map[attribution.VisitorQuery][]attribution.Touch // From and To are 0 in the keys
	clicks      map[attribution.ClickQuery][]attribution.Touch
	unique      map[reward.Person]int64
	conversions map[conversions.ConversionQuery]conversions.Stored
	claims      map[conversions.ClaimQuery]bool
	credits     map[taken]bool
	figures     Figures
	archived    map[cold][]byte
	recorded    map[recorded]bool
}

var _ stages.Books = (*Tables)(nil)

// cold names a value that left a partition's memory.
type cold struct {
	topic     string
	partition int
	key       string
}

// recorded names an event in its table.
type recorded struct {
	table string
	pipeline.EventQuery
}

// taken names a credit.
type taken struct {
	org, program, conversion string
	sequence                 int64
	role, beneficiary        string
}

// Written is what a batch wrote to a table.
type Written struct {
	pipeline.Block
	Bounds pipeline.Bounds
}

// NewTables makes tables without rows.
func NewTables() *Tables {
	return &Tables{
		blocks: map[string][]Written{}, visitors: map[attribution.VisitorQuery][]attribution.Touch{},
		clicks: map[attribution.ClickQuery][]attribution.Touch{}, unique: map[reward.Person]int64{},
		conversions: map[conversions.ConversionQuery]conversions.Stored{}, claims: map[conversions.ClaimQuery]bool{}, credits: map[taken]bool{},
		figures: Figures{}, Standings: Standings{}, archived: map[cold][]byte{}, recorded: map[recorded]bool{},
	}
}

// Rows are all rows of a table, in the order in which they were written, with what
// every row has of its batch.
func (t *Tables) Rows(table string) (all []Row) {
	for i := range t.blocks[table] {
		b := &t.blocks[table][i].Bounds
		for _, row := range rows(&t.blocks[table][i].Block) {
			row["kafka_incarnation"], row["batch"], row["ingested"] = b.Partition.Incarnation, b.Number, b.Time
			all = append(all, row)
		}
	}
	return all
}

// Blocks are the same rows as they were written.
func (t *Tables) Blocks(table string) []Written { return t.blocks[table] }

// Write adds the rows of a batch.
func (t *Tables) Write(bounds pipeline.Bounds, blocks []pipeline.Block) error {
	for i := range blocks {
		c := ColumnsOf(&blocks[i])
		t.blocks[blocks[i].Table] = append(t.blocks[blocks[i].Table], Written{blocks[i], bounds})
		if by := pipeline.RecordedBy[blocks[i].Table]; by != "" {
			t.record(blocks[i].Table, by, c)
		}
		switch blocks[i].Table {
		case "clicks":
			t.writeClicks(c)
		case "conversions":
			t.writeConversions(c)
		case "credits":
			t.writeCredits(c)
			t.figures.Take(c)
		case "rewards":
			t.TakeRewards(c, nil)
		case "fulfillments":
			t.TakeFulfillments(c)
		case archive.Table:
			t.writeArchive(c)
		}
		if err := c.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tables) record(table, by string, c *Columns) {
	orgs, programs, keys, sources, ids := c.Texts("org_id"), c.Texts("program_id"), c.Texts(by), c.Texts("source"), c.Texts("event_id")
	for i := range orgs {
		t.recorded[recorded{table, pipeline.EventQuery{OrgID: orgs[i], ProgramID: programs[i], By: keys[i], Source: sources[i], EventID: ids[i]}}] = true
	}
}

// Recorded implements pipeline.Recorded.
func (t *Tables) Recorded(_ context.Context, table string, queries []pipeline.EventQuery) ([]bool, error) {
	answers := make([]bool, len(queries))
	for i, q := range queries {
		answers[i] = t.recorded[recorded{table, q}]
	}
	return answers, nil
}

func (t *Tables) writeClicks(c *Columns) {
	orgs, programs, visitors, ids := c.Texts("org_id"), c.Texts("program_id"), c.Texts("visitor_id"), c.Texts("click_id")
	referrers, verdicts, times := c.Texts("referrer_id"), c.Texts("verdict"), c.Numbers("time")
	for i := range orgs {
		if verdicts[i] != "unique" {
			continue
		}
		touch := attribution.Touch{Time: times[i], ClickID: ids[i], ReferrerID: referrers[i]}
		visitor := attribution.VisitorQuery{OrgID: orgs[i], ProgramID: programs[i], VisitorID: visitors[i]}
		click := attribution.ClickQuery{OrgID: orgs[i], ProgramID: programs[i], ClickID: ids[i]}
		t.visitors[visitor] = append(t.visitors[visitor], touch)
		t.clicks[click] = append(t.clicks[click], touch)
		t.unique[reward.Person{OrgID: orgs[i], ID: referrers[i]}]++
	}
}

func (t *Tables) writeConversions(c *Columns) {
	orgs, programs, ids := c.Texts("org_id"), c.Texts("program_id"), c.Texts("conversion_id")
	customers, verdicts := c.Texts("customer_id"), c.Texts("verdict")
	kinds, orders, claims := c.Texts("kind"), c.Texts("order_id"), column[uint8](c, "claims")
	for i := range orgs {
		if claims[i]&1 != 0 {
			t.claims[conversions.ClaimQuery{OrgID: orgs[i], ProgramID: programs[i], ID: ids[i]}] = true
		}
		if claims[i]&2 != 0 {
			t.claims[conversions.ClaimQuery{OrgID: orgs[i], ProgramID: programs[i], Kind: event.Kind(kinds[i]), ID: orders[i]}] = true
		}
		if verdicts[i] == "inactive" {
			continue
		}
		q := conversions.ConversionQuery{OrgID: orgs[i], ProgramID: programs[i], ConversionID: ids[i]}
		stored := t.conversions[q]
		stored.Claimed = true
		if verdicts[i] == "attributed" || verdicts[i] == "unattributed" {
			stored.CustomerID = customers[i]
		}
		t.conversions[q] = stored
	}
}

func (t *Tables) writeCredits(c *Columns) {
	orgs, programs, ids := c.Texts("org_id"), c.Texts("program_id"), c.Texts("conversion_id")
	roles, beneficiaries, sequences := c.Texts("role"), c.Texts("beneficiary_id"), c.Numbers("sequence")
	for i := range orgs {
		t.credits[taken{orgs[i], programs[i], ids[i], sequences[i], roles[i], beneficiaries[i]}] = true
	}
}

// ByVisitor implements attribution.Touches.
func (t *Tables) ByVisitor(_ context.Context, queries []attribution.VisitorQuery) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		from, to := q.From, q.To
		q.From, q.To = 0, 0
		answers[i] = within(t.visitors[q], from, to)
	}
	return answers, nil
}

// ByClickID implements attribution.Touches.
func (t *Tables) ByClickID(_ context.Context, queries []attribution.ClickQuery) ([][]attribution.Touch, error) {
	answers := make([][]attribution.Touch, len(queries))
	for i, q := range queries {
		answers[i] = t.clicks[q]
	}
	return answers, nil
}

func within(touches []attribution.Touch, from, to int64) (found []attribution.Touch) {
	for _, touch := range touches {
		if from <= touch.Time && touch.Time <= to {
			found = append(found, touch)
		}
	}
	return found
}

// Conversions implements conversions.Books.
func (t *Tables) Conversions(_ context.Context, queries []conversions.ConversionQuery) ([]conversions.Stored, error) {
	answers := make([]conversions.Stored, len(queries))
	for i, q := range queries {
		answers[i] = t.conversions[q]
	}
	return answers, nil
}

// Claimed implements conversions.Books.
func (t *Tables) Claimed(_ context.Context, queries []conversions.ClaimQuery) ([]bool, error) {
	answers := make([]bool, len(queries))
	for i, q := range queries {
		answers[i] = t.claims[q]
	}
	return answers, nil
}

// Taken implements credits.Books.
func (t *Tables) Taken(_ context.Context, credits []*event.Credit) ([]bool, error) {
	answers := make([]bool, len(credits))
	for i, c := range credits {
		answers[i] = t.credits[taken{c.OrgID, c.ProgramID, c.ConversionID, c.Sequence, string(c.Role), c.BeneficiaryID}]
	}
	return answers, nil
}

// Stats implements conversions.Books.
func (t *Tables) Stats(_ context.Context, of program.Stats, queries []conversions.StatsQuery) ([]conversions.Stats, error) {
	return StatsOf(of, queries, t.figures, t.unique), nil
}

// UniqueClicks implements credits.Books.
func (t *Tables) UniqueClicks(_ context.Context, members []reward.Person) ([]int64, error) {
	answers := make([]int64, len(members))
	for i, m := range members {
		answers[i] = t.unique[m]
	}
	return answers, nil
}

func (t *Tables) writeArchive(c *Columns) {
	topics, partitions, keys, values := c.Texts("kafka_topic"), column[int32](c, "kafka_partition"), c.Texts("key"), c.Texts("value")
	for i := range keys {
		t.archived[cold{topics[i], int(partitions[i]), keys[i]}] = []byte(values[i])
	}
}

// Archived implements archive.Books.
func (t *Tables) Archived(_ context.Context, queries []archive.Query) ([][]byte, error) {
	values := make([][]byte, len(queries))
	for i, q := range queries {
		values[i] = t.archived[cold{q.Partition.Topic, q.Partition.ID, q.Key}]
	}
	return values, nil
}
