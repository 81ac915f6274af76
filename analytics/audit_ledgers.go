package analytics

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// auditPage is how many conversions or rewards are compared with a memory at once.
const auditPage = 10_000

// page is where a reading by primary key goes on: after these three.
type page [3]string

// pages reads a query page by page, in the order of org, program and a third id, of which
// only some may be asked for; take gets the rows of each. at tells of a row where it stands.
func pages[T any](ctx context.Context, a *Audit, what, query string, s Standing, only []string, scan func(driver.Rows) (T, error), at func(T) page, take func([]T) error) error {
	named, err := ext.NewTable("only", ext.Column("id", "String"))
	if err != nil {
		return err
	}
	for _, id := range only {
		if err := named.Append(id); err != nil {
			return err
		}
	}
	if only != nil {
		query = strings.ReplaceAll(query, anyID, "IN (SELECT id FROM only)")
	}
	var after page
	for {
		var list []T
		parameters := clickhouse.Parameters{
			"incarnation": s.Partition.Incarnation, "partition": strconv.Itoa(s.Partition.ID), "last": strconv.FormatUint(s.Completed, 10),
			"o": after[0], "g": after[1], "c": after[2], "page": strconv.Itoa(auditPage),
		}
		err := a.askOf(ctx, what, query, []*ext.Table{named}, parameters, func(rows driver.Rows) error {
			one, err := scan(rows)
			list = append(list, one)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		if err := take(list); err != nil {
			return err
		}
		after = at(list[len(list)-1])
	}
}

// anyID stands in a query where a few ids can be asked for.
const anyID = "IS NOT NULL"

// ofPartition chooses rows of one partition that are judged, of the scope, after a page.
const ofPartition = `kafka_incarnation = {incarnation:String} AND kafka_partition = {partition:Int32} AND batch <= {last:UInt64}
    AND ({org:String} = '' OR org_id = {org:String}) AND ({program:String} = '' OR program_id = {program:String})`

// ClaimingConversion is a conversion that claims its id: one that was attributed or
// unattributed, as it stands, or a duplicate by its order alone.
type ClaimingConversion struct {
	OrgID, ProgramID, ID, Day, CustomerID, VisitorID string
	Kind, OrderID                                    string
	Counted                                          bool // no duplicate
	ClaimsOrder                                      bool
	Offset                                           int64
	NetMinor                                         int64
	Counts                                           bool
	Applied                                          uint64 // adjustments
}

// EachConversion hands the conversions of a partition that claim their id to take, some
// at a time; only those of some ids, where any are given.
func (a *Audit) EachConversion(ctx context.Context, s Standing, only []string, take func([]ClaimingConversion) error) error {
	const chosen = `FROM conversions
        WHERE bitTest(claims, 0) AND ` + ofPartition + ` AND (org_id, program_id, conversion_id) > ({o:String}, {g:String}, {c:String})
            AND conversion_id ` + anyID + ` AND day BETWEEN toDate32({from:String}) AND toDate32({to:String})
        ORDER BY org_id, program_id, conversion_id
        LIMIT {page:UInt64}`
	const query = `
SELECT o, g, c, toString(anyIf(d, what = 0)), anyIf(customer, what = 0), anyIf(visitor, what = 0), anyIf(of_kind, what = 0), anyIf(of_order, what = 0),
    anyIf(counted, what = 0), anyIf(owns_order, what = 0), anyIf(at, what = 0), sum(minor), argMax(after, place), countIf(what = 1)
FROM
(
    SELECT * FROM
    (
        SELECT toString(org_id) AS o, toString(program_id) AS g, conversion_id AS c, day AS d, customer_id AS customer, visitor_id AS visitor, kafka_offset AS at,
            toString(kind) AS of_kind, order_id AS of_order, verdict IN ('attributed', 'unattributed') AS counted, bitTest(claims, 1) AS owns_order,
            amount_minor AS minor, toUInt8(1) AS after, (toUInt8(0), ingested, batch, kafka_offset) AS place, toUInt8(0) AS what
        ` + chosen + `
    )
    UNION ALL
    SELECT toString(org_id), toString(program_id), conversion_id, day, '', '', toInt64(0),
        '', '', 0, 0,
        amount_minor, counts_after, (toUInt8(1), ingested, batch, kafka_offset), toUInt8(1)
    FROM adjustments
    WHERE ` + ofPartition + ` AND (org_id, program_id, conversion_id) IN (SELECT org_id, program_id, conversion_id ` + chosen + `)
)
GROUP BY o, g, c
ORDER BY o, g, c`
	scan := func(rows driver.Rows) (c ClaimingConversion, err error) {
		var counted, order, counts uint8
		err = rows.Scan(&c.OrgID, &c.ProgramID, &c.ID, &c.Day, &c.CustomerID, &c.VisitorID, &c.Kind, &c.OrderID, &counted, &order,
			&c.Offset, &c.NetMinor, &counts, &c.Applied)
		c.Counted, c.ClaimsOrder, c.Counts = counted == 1, order == 1, counts == 1
		return c, err
	}
	return pages(ctx, a, "conversions", query, s, only, scan, func(c ClaimingConversion) page { return page{c.OrgID, c.ProgramID, c.ID} }, take)
}

// BookedReward is a reward after its last event.
type BookedReward struct {
	OrgID, ProgramID, ID, Day, BeneficiaryID, Role string
	RuleID, Reward, TierID, Period, ConversionID   string
	Occurrence, Sequence, Net, Held                int64
	Status                                         string
}

// EachReward hands the rewards of a partition to take, some at a time; only those of some
// ids, where any are given.
func (a *Audit) EachReward(ctx context.Context, s Standing, only []string, take func([]BookedReward) error) error {
	const query = `
SELECT toString(org_id) AS o, toString(program_id) AS g, reward_id, toString(any(day)), any(beneficiary_id), toString(any(beneficiary_role)),
    toString(any(rule_id)), toString(any(reward)), toString(any(tier_id)), toString(any(period)), any(conversion_id), any(occurrence),
    max(sequence), argMax(remaining_minor + remaining_quantity, sequence), argMax(withheld, sequence), toString(argMax(status, sequence))
FROM rewards
WHERE ` + ofPartition + ` AND (org_id, program_id, reward_id) > ({o:String}, {g:String}, {c:String})
    AND reward_id ` + anyID + ` AND day BETWEEN toDate32({from:String}) AND toDate32({to:String})
GROUP BY org_id, program_id, reward_id
ORDER BY org_id, program_id, reward_id
LIMIT {page:UInt64}
SETTINGS optimize_aggregation_in_order = 1`
	scan := func(rows driver.Rows) (r BookedReward, err error) {
		err = rows.Scan(&r.OrgID, &r.ProgramID, &r.ID, &r.Day, &r.BeneficiaryID, &r.Role, &r.RuleID, &r.Reward, &r.TierID, &r.Period, &r.ConversionID,
			&r.Occurrence, &r.Sequence, &r.Net, &r.Held, &r.Status)
		return r, err
	}
	return pages(ctx, a, "rewards", query, s, only, scan, func(r BookedReward) page { return page{r.OrgID, r.ProgramID, r.ID} }, take)
}

// Remembered counts, of a partition, the events that batches took since the one that was
// read at a time: records but those that left no row, or a dead letter. Where several
// batches were read in that millisecond, some of them may be before it.
func (a *Audit) Remembered(ctx context.Context, s Standing, sinceMs int64) (least, most uint64, err error) {
	const query = `
SELECT sumIf(taken, read_at > {since:Int64}), sumIf(taken, read_at = {since:Int64}), countIf(read_at = {since:Int64})
FROM
(
    SELECT any(toUnixTimestamp64Milli(ingested)) AS read_at, toInt64(any(records)) - toInt64(sumIf(rows, written = ''))
        - toInt64(sumIf(arrayUniq(arrayFilter(o -> o >= kafka_offset AND o < end_offset, if(written = 'dead_letters', offsets, []))), written = 'dead_letters')) AS taken
    FROM batches
    WHERE kafka_incarnation = {incarnation:String} AND kafka_partition = {partition:Int32} AND batch <= {last:UInt64}
        AND ingested >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND written IN ('', 'dead_letters')
    GROUP BY batch
)`
	parameters := clickhouse.Parameters{
		"incarnation": s.Partition.Incarnation, "partition": strconv.Itoa(s.Partition.ID), "last": strconv.FormatUint(s.Completed, 10), "since": strconv.FormatInt(sinceMs, 10),
	}
	var later, then int64
	var batches uint64
	err = a.ask(ctx, "remembered events", query, parameters, func(rows driver.Rows) error { return rows.Scan(&later, &then, &batches) })
	least, most = uint64(later), uint64(later+then) //nolint:gosec // counts
	if batches == 1 {
		least = most
	}
	return least, most, err
}

// Pending counts the rewards of a partition that wait for the end of their hold.
func (a *Audit) Pending(ctx context.Context, s Standing) (n uint64, err error) {
	const query = `
SELECT count() FROM
(
    SELECT argMax(status, sequence) AS last FROM rewards
    WHERE kafka_incarnation = {incarnation:String} AND kafka_partition = {partition:Int32} AND batch <= {last:UInt64}
    GROUP BY org_id, program_id, reward_id
    HAVING last = 'pending'
)`
	parameters := clickhouse.Parameters{
		"incarnation": s.Partition.Incarnation, "partition": strconv.Itoa(s.Partition.ID), "last": strconv.FormatUint(s.Completed, 10),
	}
	err = a.ask(ctx, "pending rewards", query, parameters, func(rows driver.Rows) error { return rows.Scan(&n) })
	return n, err
}

// BudgetNet is what rewards have of one period of a budget, by batches that are judged:
// of rewards in its currency, and how many are in others.
func (a *Audit) BudgetNet(ctx context.Context, org, budget, currency, period string) (net *big.Int, others uint64, err error) {
	const query = `
SELECT toString(sumIf(toInt128(left), money = {currency:String})), countIf(money != {currency:String} AND left > 0)
FROM
(
    SELECT argMax(remaining_minor, sequence) AS left, toString(any(currency)) AS money
    FROM rewards AS r
    INNER JOIN cut ON cut.i = toString(r.kafka_incarnation) AND cut.p = r.kafka_partition
    WHERE batch <= cut.n AND org_id = {org_of:String} AND budget_id = {budget:String} AND currency != ''
        AND {period:String} IN ('lifetime', toString(toYear(conversion_time)), concat(toString(toYear(conversion_time)), '-Q', toString(toQuarter(conversion_time))),
            formatDateTime(conversion_time, '%Y-%m'), formatDateTime(conversion_time, '%G-W%V'))
    GROUP BY program_id, reward_id
)`
	var text string
	parameters := clickhouse.Parameters{"org_of": org, "budget": budget, "currency": currency, "period": period}
	err = a.ask(ctx, "budgets", query, parameters, func(rows driver.Rows) error { return rows.Scan(&text, &others) })
	net, _ = new(big.Int).SetString(text, 10)
	return net, others, err
}

// EachBudget hands to take the budgets that rewards have something of, by batches that
// are judged, in periods that are not among the known ones: by org and budget, names of
// periods of one kind.
func (a *Audit) EachBudget(ctx context.Context, known map[[2]string][]string, take func(org, budget, periods string)) error {
	const query = `
SELECT org, budget, groupUniqArray(1000)(p1), groupUniqArray(1000)(p2), groupUniqArray(1000)(p3), groupUniqArray(1000)(p4), groupUniqArray(1000)(p5)
FROM
(
    SELECT toString(org_id) AS org, toString(any(budget_id)) AS budget, argMax(remaining_minor, sequence) AS left, any(conversion_time) AS at,
        'lifetime' AS p1, toString(toYear(at)) AS p2, concat(toString(toYear(at)), '-Q', toString(toQuarter(at))) AS p3, formatDateTime(at, '%Y-%m') AS p4, formatDateTime(at, '%G-W%V') AS p5
    FROM rewards AS r
    INNER JOIN cut ON cut.i = toString(r.kafka_incarnation) AND cut.p = r.kafka_partition
    WHERE batch <= cut.n AND budget_id != '' AND currency != '' AND ({org:String} = '' OR org_id = {org:String})
    GROUP BY org_id, program_id, reward_id
    HAVING left > 0
)
GROUP BY org, budget`
	return a.ask(ctx, "budgets", query, nil, func(rows driver.Rows) error {
		var org, budget string
		kinds := make([][]string, 5)
		if err := rows.Scan(&org, &budget, &kinds[0], &kinds[1], &kinds[2], &kinds[3], &kinds[4]); err != nil {
			return err
		}
		of := known[[2]string{org, budget}]
		if len(of) == 0 {
			take(org, budget, "any period")
			return nil
		}
		for _, periods := range kinds {
			lacking := slices.DeleteFunc(slices.Clone(periods), func(p string) bool { return slices.Contains(of, p) })
			if len(lacking) < len(periods) && len(lacking) > 0 {
				take(org, budget, strings.Join(lacking, " "))
			}
		}
		return nil
	})
}
