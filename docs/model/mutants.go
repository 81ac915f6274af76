package main

// mutant is the model without one guard.
type mutant struct {
	name    string
	model   string // MUTANT_... of the model; empty: as the name
	drops   string
	file    string // where the guard is
	code    string // and what stands there
	refuted string // the property that breaks; empty: none does, the guard is one of two
	defines []string
}

// define are the defines of the mutant's model.
func (m mutant) define() []string {
	name := m.model
	if name == "" {
		name = m.name
	}
	return append([]string{"MUTANT_" + name}, m.defines...)
}

// mutants drop one guard each, in a composition that needs it.
var mutants = []mutant{
	{
		name: "BOUND", drops: "the bound: what a batch is about to do is told to Kafka first",
		file: "pipeline/loop/batch.go", code: `if err := r.source.Commit(ctx, b.bounds.First, boundMetadata(b.bounds)); err != nil {`,
		refuted: "once", defines: []string{"CRASHES=1", "SPARE=0", "LOSSES=1"},
	},
	{
		name: "JOURNAL", drops: "the rule that the journal wins over a commit that is older",
		file: "pipeline/loop/takeover.go", code: `case offset < 0 || j.Exists && j.Bounds.Number > m.Number:`,
		refuted: "false_alarm", defines: []string{"CRASHES=1", "SPARE=0", "FAILS=1", "LATE=1"},
	},
	{
		name: "ACCUSE", drops: "asking Kafka whose the partition is before data is said to be lost",
		file: "pipeline/loop/takeover.go", code: `return fmt.Errorf("make sure that the partition is still ours: %w", err)`,
		refuted: "false_alarm", defines: []string{"CRASHES=0", "SPARE=1", "DRIFT=0"},
	},
	{
		name: "HAS", drops: "asking the books for rows of a batch that was bound and not begun",
		file: "pipeline/loop/takeover.go", code: `written, err := r.written(ctx, b, j)`,
		refuted: "same", defines: []string{"CRASHES=1", "SPARE=0", "LOSSES=1"},
	},
	{
		name: "CLOCK_ROWS", drops: "passing over rows of the batch by the clock before",
		file: "pipeline/loop/takeover.go", code: `b.First++`,
		refuted: "false_alarm", defines: []string{"RECORDS=1", "ARRIVALS=1", "CRASHES=1", "SPARE=0", "DRIFT=0", "HOLDS=1", "TICKS=1"},
	},
	{
		name: "REWIND", drops: "the look of an idle worker whether its commit still stands",
		file: "pipeline/loop/batch.go", code: `if offset < r.committed || m.Completed() < r.last.number {`,
		refuted: "finished", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0", "LATE=1"},
	},
	{
		name: "ACK", drops: "acknowledging last",
		file: "pipeline/loop/batch.go", code: `r.committed, r.bound = b.bounds.First, true`,
		refuted: "durable", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0"},
	},
	{
		name: "PUBLISH_FIRST", drops: "publishing after the books",
		file: "pipeline/loop/batch.go", code: `if err := r.Publisher.Publish(ctx, messages); err != nil {`,
		refuted: "told_after_books", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0"},
	},
	{
		name: "TIME", drops: "the time of a batch in its bounds: the clock is asked when it is carried out",
		file: "pipeline/batch.go", code: `// ms since the epoch: when the batch was read, never falling within a partition`,
		refuted: "same", defines: []string{"CRASHES=1", "SPARE=0", "DRIFT=0", "TICKS=1"},
	},
	{
		name: "STANDS", drops: "the record that stands: a later one takes its place",
		file: "pipeline/state/fill.lua", code: `if standing[4] and standing[1] == ARGV[5] then return stands(standing, 'STANDS') end`,
		refuted: "memory_once", defines: []string{"CRASHES=0", "SPARE=0", "FAILS=1", "LATE=1"},
	},
	{
		name: "ATOMIC", drops: "journal and memory in one step: the memory is written in a second",
		file: "pipeline/state/fill.lua", code: `call('MSET', unpack(pairs))`,
		refuted: "memory_once", defines: []string{"CRASHES=1", "SPARE=0", "DRIFT=0"},
	},
	{
		name: "ORDER", drops: "the refusal of a batch older than the recorded one",
		file: "pipeline/state/marker.lua", code: `if number < last.number then`,
		refuted: "memory_once", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0", "LATE=1"},
	},
	{
		name: "NEXT", drops: "the refusal of a batch that is not the next one",
		file: "pipeline/state/marker.lua", code: `elseif number > last.number + 1 then`,
		refuted: "memory_whole", defines: []string{"RECORDS=3", "CRASHES=0", "SPARE=0", "LOSSES=1"},
	},
	{
		name: "GENERATION", drops: "the fence in Redis",
		file: "pipeline/state/marker.lua", code: `if behind(tonumber(ARGV[3]), tonumber(ARGV[4]), last) then`,
		refuted: "zombie", defines: []string{"CRASHES=0", "SPARE=1"},
	},
	{
		name: "CONFIRM", drops: "asking Kafka before a new era begins",
		file: "pipeline/state/partition.go", code: `if err := confirm(ctx); err != nil {`,
		refuted: "zombie", defines: []string{"CRASHES=0", "SPARE=1", "DRIFT=0"},
	},
	{
		name: "COMMIT", drops: "generation and member in a commit",
		file: "consumers/source.go", code: `GenerationID: int(s.member.generation),`,
		refuted: "zombie", defines: []string{"CRASHES=0", "SPARE=1", "DRIFT=0"},
	},
	{
		name: "LEASE", drops: "the lease that ClickHouse checks",
		file: "analytics/schema/tables/00026_changelog.sql", code: `CONSTRAINT lease CHECK lease_until > nowInBlock64()`,
		refuted: "once", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0", "LATE=1", "TICKS=1"},
	},
	{
		name: "TOKEN", drops: "the token of an insert",
		file: "analytics/write.go", code: `"insert_deduplication_token": token`,
		refuted: "once", defines: []string{"CRASHES=1", "SPARE=0", "DRIFT=0"},
	},
	{
		name: "NUMBER", drops: "the batch's number in the token",
		file: "analytics/write.go", code: `p.Topic, p.Incarnation, p.ID, bounds.Number, bounds.First, bounds.End)`,
		refuted: "told_after_books", defines: []string{"RECORDS=1", "CRASHES=0", "SPARE=0", "DRIFT=0", "HOLDS=2", "TICKS=2"},
	},
	{
		name: "ASK", drops: "asking the table when the token may be forgotten",
		file: "analytics/write.go", code: `if time.Since(time.UnixMilli(bounds.Time)) > b.options.Trust {`,
		refuted: "once", defines: []string{"CRASHES=1", "SPARE=0", "DRIFT=0", "TICKS=1"},
	},
	{
		name: "ASK_LEASE", drops: "one lease for the question and the insert: the insert takes a new one",
		file: "analytics/write.go", code: `return b.try(ctx, bounds, token, until, i)`,
		refuted: "once", defines: []string{"RECORDS=1", "CRASHES=0", "SPARE=0", "DRIFT=0", "FAILS=1", "LATE=1", "TICKS=2"},
	},
	{
		name: "VIEW", drops: "sums as parts of a part: a view of its own can fail behind the rows",
		file: "analytics/schema/tables/00001_clicks.sql", code: `PROJECTION`,
		refuted: "view_exact", defines: []string{"CRASHES=0", "SPARE=0", "DRIFT=0", "FAILS=1"},
	},
	{
		name: "BEGIN", drops: "the begin record",
		file: "pipeline/loop/batch.go", code: `if j, err = r.memory.Begin(ctx, b.bounds, facts); err != nil {`,
		refuted: "id_once", defines: []string{"PARTS=2", "CLAIMS", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "FAILS=1"},
	},
	{
		name: "FACTS", drops: "the facts of the begin record that stands: each attempt goes by its own",
		file: "pipeline/loop/batch.go", code: `facts = j.Facts`,
		refuted: "id_once", defines: []string{"PARTS=2", "CLAIMS", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "FAILS=2", "LATE=1"},
	},
	{
		name: "OWNER", drops: "the owner of a claim: whoever comes second loses, be it the same",
		file: "pipeline/state/claim.lua", code: `call('HGET', KEYS[i], field) == owner`,
		refuted: "id_once", defines: []string{"PARTS=2", "CLAIMS", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "DRIFT=0", "FAILS=1"},
	},
	{
		name: "LEDGER", drops: "the credits that a ledger knows",
		file: "pipeline/reward/credit.go", code: `b.credit.Sequence < b.entry.Next {`,
		refuted: "reward_once", defines: []string{"PARTS=2", "STAGES", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "DRIFT=0", "FAILS=1"},
	},
	{
		name: "CREDITS", drops: "looking an old credit up in the table `credits`",
		file: "pipeline/stage/credits/facts.go", code: `if c := &in.Credit; b.old(c) && !b.ledgers.Knows(c) {`,
		refuted: "reward_once", defines: []string{"PARTS=2", "STAGES", "FIRST_ONLY", "RECORDS=1", "CRASHES=0", "SPARE=0", "DRIFT=0", "FAILS=1", "FORGETS=1"},
	},
	{
		name: "RECORD", drops: "carrying a filled record out at once",
		file: "pipeline/loop/batch.go", code: `case j.Filled:`,
		refuted: "", defines: []string{"CRASHES=1", "SPARE=0", "FAILS=1", "LATE=1"},
	},
	{
		name: "PUBLISH_LEASE", drops: "the look at the lease before publishing",
		file: "pipeline/loop/batch.go", code: `if !r.source.Lease().After(r.Now()) {`,
		refuted: "", defines: []string{"RECORDS=1", "CRASHES=1", "SPARE=1"},
	},
	{
		name: "TAKEOVER", drops: "the demand for the very fence that the takeover left",
		file: "pipeline/state/home.lua", code: `return {'LOST', 'takeover',`,
		refuted: "", defines: []string{"RECORDS=3", "CRASHES=1", "SPARE=0", "LOSSES=1"},
	},
	{
		name: "GENERATION_DATA", model: "GENERATION", drops: "the fence in Redis, and only data is looked at",
		file: "pipeline/state/marker.lua", code: `if behind(tonumber(ARGV[3]), tonumber(ARGV[4]), last) then`,
		refuted: "", defines: []string{"RECORDS=1", "CRASHES=1", "SPARE=1", "DATA_ONLY"},
	},
	{
		name: "COMMIT_DATA", model: "COMMIT", drops: "generation and member in a commit, and only data is looked at",
		file: "consumers/source.go", code: `MemberID:     s.member.id,`,
		refuted: "", defines: []string{"RECORDS=1", "CRASHES=1", "SPARE=1", "DATA_ONLY"},
	},
}
