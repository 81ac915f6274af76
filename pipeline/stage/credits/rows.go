package credits

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// origin are the columns that say where a row came from (contract §6). The
// position is that of the record which caused it; what came by the clock has the
// first one of the batch.
type origin struct {
	org, program, event, source, topic []string
	time, offset                       []int64
	partition                          []int32
}

func (o *origin) grow(n int) {
	pipeline.Grow(n, &o.org, &o.program, &o.event, &o.source, &o.topic)
	pipeline.Grow(n, &o.time, &o.offset)
	pipeline.Grow(n, &o.partition)
}

func (o *origin) add(b *work, index int, org, program, id string, ms int64) {
	offset := b.bounds.First
	if index != clock {
		offset = b.records[index].Offset
	}
	var source string
	if program != "" {
		source = event.Source(org, program)
	} else {
		source = event.OrgSource(org)
	}
	o.org = append(o.org, org)
	o.program = append(o.program, program)
	o.event = append(o.event, id)
	o.source = append(o.source, source)
	o.topic = append(o.topic, b.bounds.Partition.Topic)
	o.partition = append(o.partition, int32(b.bounds.Partition.ID)) //nolint:gosec // Kafka counts partitions in 32 bits
	o.offset = append(o.offset, offset)
	o.time = append(o.time, ms)
}

func (o *origin) columns() []pipeline.Column {
	return []pipeline.Column{
		{Name: "org_id", Data: o.org},
		{Name: "program_id", Data: o.program},
		{Name: "time", Data: o.time},
		{Name: "event_id", Data: o.event},
		{Name: "source", Data: o.source},
		{Name: "kafka_topic", Data: o.topic},
		{Name: "kafka_partition", Data: o.partition},
		{Name: "kafka_offset", Data: o.offset},
	}
}

// blocks are the rows of credits, of rewards, and of segment events.
func (b *work) blocks() []pipeline.Block {
	var blocks []pipeline.Block
	for _, block := range []pipeline.Block{b.creditRows(), b.rewardRows(), b.segmentRows()} {
		if block.Rows > 0 {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// segmentRows are the segments entered and left. Their time is that of what
// caused it.
func (b *work) segmentRows() pipeline.Block {
	var at origin
	var segments, members, kinds []string
	var sequences []int64
	for i := range b.standing.Passages {
		p := &b.standing.Passages[i].Passage
		at.add(b, b.standing.Passages[i].Index, p.OrgID, "", passageID(p), p.At)
		segments, members = append(segments, p.SegmentID), append(members, p.MemberID)
		kinds, sequences = append(kinds, passageName(p)), append(sequences, p.Sequence)
	}
	return pipeline.Block{Table: TableSegments, Rows: len(segments), Columns: append(at.columns(),
		pipeline.Column{Name: "segment_id", Data: segments},
		pipeline.Column{Name: "member_id", Data: members},
		pipeline.Column{Name: "event_type", Data: kinds},
		pipeline.Column{Name: "sequence", Data: sequences},
	)}
}

// creditRows are the credits that were taken, also those that earned nothing.
// Their time is the conversion's.
func (b *work) creditRows() pipeline.Block {
	var at origin
	var texts [8][]string
	var numbers [8][]int64
	var counts []uint8
	var shares, peers [][]int64
	var rules [][]string
	at.grow(len(b.inputs))
	for j := range texts {
		pipeline.Grow(len(b.inputs), &texts[j])
		pipeline.Grow(len(b.inputs), &numbers[j])
	}
	for i, v := range b.standing.Verdicts {
		if v != verdictTaken || b.inputs[i].Type != event.TypeCredit {
			continue
		}
		c := &b.inputs[i].Credit
		at.add(b, i, c.OrgID, c.ProgramID, event.CreditID(c), c.ConversionTime)
		for j, s := range []string{c.ConversionID, c.BeneficiaryID, string(c.Role), c.CustomerID, string(c.Kind), c.Name, c.Locale, c.Currency} {
			texts[j] = append(texts[j], s)
		}
		for j, n := range []int64{c.Sequence, c.ConversionTime, c.DecidedAt, c.AmountMinor, c.NetMinor, c.CreditPPM, int64(c.Index), reward.Credited(c)} {
			numbers[j] = append(numbers[j], n)
		}
		counts = append(counts, bit(c.Counts))
		shares, peers, rules = append(shares, c.Shares), append(peers, c.Peers), append(rules, c.Rules)
	}
	columns := at.columns()
	for j, name := range []string{"conversion_id", "beneficiary_id", "role", "customer_id", "kind", "name", "locale", "currency"} {
		columns = append(columns, pipeline.Column{Name: name, Data: texts[j]})
	}
	for j, name := range []string{"sequence", "conversion_time", "decided_at", "amount_minor", "net_minor", "credit_ppm", "share_index", "credited_minor"} {
		columns = append(columns, pipeline.Column{Name: name, Data: numbers[j]})
	}
	columns = append(columns,
		pipeline.Column{Name: "counts", Data: counts},
		pipeline.Column{Name: "shares", Data: shares},
		pipeline.Column{Name: "peers", Data: peers},
		pipeline.Column{Name: "rules", Data: rules},
	)
	return pipeline.Block{Table: TableCredits, Rows: len(counts), Columns: columns}
}

// rewardRows are the reward events. Their time is that of the event.
func (b *work) rewardRows() pipeline.Block {
	var at origin
	var texts [18][]string
	var numbers [10][]int64
	var days []int32
	at.grow(len(b.standing.Rewards))
	for j := range texts {
		pipeline.Grow(len(b.standing.Rewards), &texts[j])
	}
	for j := range numbers {
		pipeline.Grow(len(b.standing.Rewards), &numbers[j])
	}
	for i := range b.standing.Rewards {
		r := &b.standing.Rewards[i]
		e := &r.Event
		_, _, drawnCurrency, drawnPeriod := reward.AccountOf(e.Account)
		at.add(b, r.Index, e.OrgID, e.ProgramID, e.ID(), e.Time)
		for j, s := range []string{
			e.RewardID, string(e.Type), string(e.Status), e.RuleID, e.RuleVersion, e.Reward, e.TierID, e.Period,
			e.BeneficiaryID, string(e.BeneficiaryRole), e.RewardType, e.Currency, e.Unit, e.ConversionID, e.BudgetID, e.Reason,
			drawnCurrency, drawnPeriod,
		} {
			texts[j] = append(texts[j], s)
		}
		days = append(days, e.Day)
		money, remaining, quantity, left := e.Amount, e.Remaining, int64(0), int64(0)
		if e.Currency == "" {
			money, remaining, quantity, left = 0, 0, e.Amount, e.Remaining
		}
		for j, n := range []int64{e.Sequence, e.Occurrence, money, quantity, remaining, left, e.ConversionTime, e.AvailableAt, e.Withheld, e.Drawn} {
			numbers[j] = append(numbers[j], n)
		}
	}
	columns := at.columns()
	for j, name := range []string{
		"reward_id", "event_type", "status", "rule_id", "rule_version", "reward", "tier_id", "period",
		"beneficiary_id", "beneficiary_role", "reward_type", "currency", "unit", "conversion_id", "budget_id", "reason",
		"drawn_currency", "drawn_period",
	} {
		columns = append(columns, pipeline.Column{Name: name, Data: texts[j]})
	}
	for j, name := range []string{
		"sequence", "occurrence", "amount_minor", "quantity", "remaining_minor", "remaining_quantity", "conversion_time", "available_at", "withheld", "drawn_minor",
	} {
		columns = append(columns, pipeline.Column{Name: name, Data: numbers[j]})
	}
	columns = append(columns, pipeline.Column{Name: "day", Data: days})
	return pipeline.Block{Table: TableRewards, Rows: len(b.standing.Rewards), Columns: columns}
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}
