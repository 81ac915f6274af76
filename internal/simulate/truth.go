package simulate

// Truth is what the pipeline must make of what was written.
type Truth struct {
	Seed     uint64         `json:"seed"`
	Run      string         `json:"run"`      // what event ids begin with
	Written  int64          `json:"written"`  // events that Kafka acknowledged
	Clicks   int64          `json:"clicks"`   // click events written, redelivered ones included
	Members  int64          `json:"members"`  // member updates
	Programs []ProgramTruth `json:"programs"` //
}

// ProgramTruth is that of one program.
type ProgramTruth struct {
	OrgID                 string `json:"org_id"`
	ProgramID             string `json:"program_id"`
	Clicks                int64  `json:"clicks"` // stored
	UniqueClicks          int64  `json:"unique_clicks"`
	DuplicateClicks       int64  `json:"duplicate_clicks"`
	BotClicks             int64  `json:"bot_clicks"`
	RedeliveredClicks     int64  `json:"redelivered_clicks"` // dropped, not stored
	Visitors              int64  `json:"visitors"`           // distinct, of unique clicks
	Conversions           int64  `json:"conversions"`
	AttributedConversions int64  `json:"attributed_conversions"` // known only of visitors who clicked in this run
	RevenueMinor          int64  `json:"revenue_minor"`
	Currency              string `json:"currency"`
}

// Sum adds up the counts of all programs; ids, currency and revenue are left out.
func (t Truth) Sum() ProgramTruth {
	var sum ProgramTruth
	for _, p := range t.Programs {
		sum.Clicks += p.Clicks
		sum.UniqueClicks += p.UniqueClicks
		sum.DuplicateClicks += p.DuplicateClicks
		sum.BotClicks += p.BotClicks
		sum.RedeliveredClicks += p.RedeliveredClicks
		sum.Visitors += p.Visitors
		sum.Conversions += p.Conversions
		sum.AttributedConversions += p.AttributedConversions
	}
	return sum
}

// counts gathers the truth while events are made.
type counts struct {
	programs []ProgramTruth
	clicks   int64
	members  int64
	seen     []uint64 // a bit for each visitor
}

func newCounts(o Options) *counts {
	c := &counts{programs: make([]ProgramTruth, len(o.Programs)), seen: make([]uint64, (o.Visitors+63)/64)}
	for i, p := range o.Programs {
		c.programs[i] = ProgramTruth{OrgID: p.OrgID, ProgramID: p.ID, Currency: p.Currency}
	}
	return c
}

func (c *counts) click(program int, v verdict) {
	c.clicks++
	p := &c.programs[program]
	switch v {
	case redelivered:
		p.RedeliveredClicks++
		return
	case unique:
		p.UniqueClicks++
	case duplicate:
		p.DuplicateClicks++
	case bot:
		p.BotClicks++
	}
	p.Clicks++
}

// visit notes a visitor's unique click. A visitor has one program alone.
func (c *counts) visit(program int, visitor uint32) {
	word, bit := &c.seen[visitor/64], uint64(1)<<(visitor%64)
	if *word&bit == 0 {
		*word |= bit
		c.programs[program].Visitors++
	}
}

func (c *counts) visited(visitor uint32) bool {
	return c.seen[visitor/64]&(1<<(visitor%64)) != 0
}

func (c *counts) conversion(program int, visitor uint32, amount int64) {
	p := &c.programs[program]
	p.Conversions++
	p.RevenueMinor += amount
	if c.visited(visitor) {
		p.AttributedConversions++
	}
}
