package analytics

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/backtest"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// History reads the books as a history, to be run again.
type History struct{ books *Books }

var _ backtest.History = (*History)(nil)

// History is that of these books.
func (b *Books) History() *History { return &History{b} }

// originOf are the columns of an Origin, of tables whose rows have one.
const originOf = "kafka_incarnation, kafka_partition, batch, toUnixTimestamp64Milli(ingested), kafka_offset"

// inSpan chooses rows of an org by when their batch was read.
const inSpan = "org_id = ? AND ingested >= fromUnixTimestamp64Milli(toInt64(?)) AND ingested < fromUnixTimestamp64Milli(toInt64(?))"

// scanOrigin takes an Origin, as originOf has it, and what follows.
func scanOrigin(rows driver.Rows, o *backtest.Origin, more ...any) error {
	var partition int32
	to := append([]any{&o.Incarnation, &partition, &o.Batch, &o.At, &o.Offset}, more...)
	err := rows.Scan(to...)
	o.Partition = int(partition)
	return err
}

// each hands every row of a query to take.
func (h *History) each(ctx context.Context, what, query string, take func(driver.Rows) error, args ...any) error {
	rows, err := h.books.conn.Query(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("ask ClickHouse for %s: %w", what, err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("read %s from ClickHouse: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read %s from ClickHouse: %w", what, err)
	}
	return nil
}

// Orgs implements backtest.History.
func (h *History) Orgs(ctx context.Context) (orgs []string, err error) {
	const query = `SELECT DISTINCT org FROM
		(
			SELECT DISTINCT toString(org_id) AS org FROM conversions
			UNION ALL SELECT DISTINCT toString(org_id) FROM members
			UNION ALL SELECT DISTINCT toString(org_id) FROM rewards
		)
		ORDER BY org`
	err = h.each(ctx, "the orgs", query, func(rows driver.Rows) error {
		var org string
		err := rows.Scan(&org)
		orgs = append(orgs, org)
		return err
	})
	return orgs, err
}

// Decided implements backtest.History.
func (h *History) Decided(ctx context.Context, org string) (ids []string, err error) {
	err = h.each(ctx, "the rewards that people decided about", "SELECT DISTINCT reward_id FROM fulfillments WHERE org_id = ? AND event_type = 'decided'",
		func(rows driver.Rows) error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		}, org)
	return ids, err
}

// MemberBatches implements backtest.History.
func (h *History) MemberBatches(ctx context.Context, org string) (list []backtest.Origin, err error) {
	const query = `SELECT kafka_incarnation, kafka_partition, batch, toUnixTimestamp64Milli(any(ingested)), max(kafka_offset) FROM members
		WHERE org_id = ? GROUP BY kafka_incarnation, kafka_partition, batch`
	err = h.each(ctx, "the batches of members", query, func(rows driver.Rows) error {
		var o backtest.Origin
		err := scanOrigin(rows, &o)
		list = append(list, o)
		return err
	}, org)
	return list, err
}

// Decisions implements backtest.History.
func (h *History) Decisions(ctx context.Context, s backtest.Span) (list []backtest.Decision, err error) {
	query := "SELECT " + originOf + `, program_id, event_id, source, toUnixTimestamp64Milli(time), reward_id, decision, actor, reason
		FROM fulfillments WHERE ` + inSpan + " AND event_type = 'decided'"
	err = h.each(ctx, "decisions", query, func(rows driver.Rows) error {
		d := backtest.Decision{Event: event.Fulfillment{Envelope: event.Envelope{OrgID: s.Org}}}
		e := &d.Event
		var decision string
		err := scanOrigin(rows, &d.Origin, &e.ProgramID, &e.ID, &e.Source, &e.Time, &e.RewardID, &decision, &e.Actor, &e.Reason)
		e.Decision = event.Decision(decision)
		list = append(list, d)
		return err
	}, s.Org, s.From, s.To)
	return list, err
}

// Clicks implements backtest.History.
func (h *History) Clicks(ctx context.Context, s backtest.Span) (list []backtest.Clicks, err error) {
	query := `SELECT kafka_incarnation, kafka_partition, batch, toUnixTimestamp64Milli(any(ingested)), max(kafka_offset),
			referrer_id, toUnixTimestamp64Milli(max(time)), toInt64(count())
		FROM clicks WHERE ` + inSpan + ` AND verdict = 'unique' GROUP BY kafka_incarnation, kafka_partition, batch, referrer_id`
	err = h.each(ctx, "clicks", query, func(rows driver.Rows) error {
		var c backtest.Clicks
		err := scanOrigin(rows, &c.Origin, &c.MemberID, &c.Time, &c.Unique)
		list = append(list, c)
		return err
	}, s.Org, s.From, s.To)
	return list, err
}

// Credits implements backtest.History. They were taken after they were decided, by
// clocks that may differ a little.
func (h *History) Credits(ctx context.Context, s backtest.Span) (list []backtest.Credit, err error) {
	const query = "SELECT " + originOf + `, program_id, event_id, toUnixTimestamp64Milli(decided_at) FROM credits
		WHERE org_id = ? AND decided_at >= fromUnixTimestamp64Milli(toInt64(?)) AND decided_at < fromUnixTimestamp64Milli(toInt64(?))
		AND ingested >= fromUnixTimestamp64Milli(toInt64(?)) - INTERVAL 1 HOUR`
	err = h.each(ctx, "credits", query, func(rows driver.Rows) error {
		var c backtest.Credit
		err := scanOrigin(rows, &c.Origin, &c.ProgramID, &c.ID, &c.DecidedAt)
		list = append(list, c)
		return err
	}, s.Org, s.From, s.To, s.From)
	return list, err
}

// Others implements backtest.History. A reward event's time is when its cause was
// decided.
func (h *History) Others(ctx context.Context, s backtest.Span) (list []backtest.Other, err error) {
	const query = "SELECT DISTINCT " + originOf + `, beneficiary_id, toUnixTimestamp64Milli(time) FROM rewards
		WHERE org_id = ? AND time >= fromUnixTimestamp64Milli(toInt64(?)) AND time < fromUnixTimestamp64Milli(toInt64(?))
		AND ingested >= fromUnixTimestamp64Milli(toInt64(?)) - INTERVAL 1 HOUR`
	err = h.each(ctx, "what else ledgers took", query, func(rows driver.Rows) error {
		var o backtest.Other
		err := scanOrigin(rows, &o.Origin, &o.BeneficiaryID, &o.DecidedAt)
		list = append(list, o)
		return err
	}, s.Org, s.From, s.To, s.From)
	return list, err
}

// CreditBatches implements backtest.History.
func (h *History) CreditBatches(ctx context.Context, s backtest.Span) (list []backtest.CreditBatch, err error) {
	query := `SELECT kafka_incarnation, kafka_partition, batch, any(at), toInt64(0), max(decided) FROM
		(
			SELECT kafka_incarnation, kafka_partition, batch, toUnixTimestamp64Milli(ingested) AS at, toUnixTimestamp64Milli(decided_at) AS decided FROM credits WHERE ` + inSpan + `
			UNION ALL
			SELECT kafka_incarnation, kafka_partition, batch, toUnixTimestamp64Milli(ingested), toUnixTimestamp64Milli(time) FROM rewards WHERE ` + inSpan + `
		)
		GROUP BY kafka_incarnation, kafka_partition, batch`
	err = h.each(ctx, "batches of credits", query, func(rows driver.Rows) error {
		var b backtest.CreditBatch
		err := scanOrigin(rows, &b.Origin, &b.LastDecided)
		list = append(list, b)
		return err
	}, s.Org, s.From, s.To, s.Org, s.From, s.To)
	return list, err
}

// Rewards implements backtest.History.
func (h *History) Rewards(ctx context.Context, org string, take func(*backtest.Paid) error) error {
	const query = `SELECT reward_id, toString(program_id), toString(any(rule_id)), any(beneficiary_id), toString(any(currency)), toString(any(unit)),
			toUnixTimestamp64Milli(argMin(conversion_time, sequence)), argMax(remaining_minor + remaining_quantity, sequence), argMax(withheld, sequence)
		FROM rewards WHERE org_id = ? GROUP BY program_id, reward_id`
	return h.each(ctx, "rewards", query, func(rows driver.Rows) error {
		var p backtest.Paid
		if err := rows.Scan(&p.RewardID, &p.ProgramID, &p.RuleID, &p.BeneficiaryID, &p.Currency, &p.Unit, &p.Time, &p.Net, &p.Held); err != nil {
			return err
		}
		return take(&p)
	}, org)
}
