package analytics

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Figures of a program, of one day or of all. Money is net, in minor units of
// Currency. A rate without a denominator is nil, as is ROI without a margin.
type Figures struct {
	Clicks, UniqueClicks, DuplicateClicks, BotClicks, Visitors uint64
	Conversions, AttributedConversions                         uint64
	RevenueMinor, AttributedRevenueMinor                       int64
	Currency                                                   string
	RewardsEarned                                              uint64
	RewardCostMinor                                            int64
	ConversionRate, ROI                                        *float64
}

// DayFigures are the figures of one day in the program's time zone.
type DayFigures struct {
	Day time.Time // midnight UTC of the date
	Figures
}

// ProgramFigures are the figures of one program over all days.
type ProgramFigures struct {
	OrgID, ProgramID string
	Figures
}

const figures = `clicks, unique_clicks, duplicate_clicks, bot_clicks, visitors, conversions, attributed_conversions,
	revenue_minor, attributed_revenue_minor, currency, rewards_earned, reward_cost_minor, conversion_rate, roi`

// scanned are the places for the columns of figures, in their order.
func (f *Figures) scanned() []any {
	return []any{
		&f.Clicks, &f.UniqueClicks, &f.DuplicateClicks, &f.BotClicks, &f.Visitors, &f.Conversions, &f.AttributedConversions,
		&f.RevenueMinor, &f.AttributedRevenueMinor, &f.Currency, &f.RewardsEarned, &f.RewardCostMinor, &f.ConversionRate, &f.ROI,
	}
}

// Daily returns the days of a program on which something happened, from and to
// included, in order.
func (b *Books) Daily(ctx context.Context, orgID, programID string, from, to time.Time) ([]DayFigures, error) {
	return collect(ctx, b, "program_daily", func(rows driver.Rows, d *DayFigures) error {
		return rows.Scan(append([]any{&d.Day}, d.scanned()...)...)
	}, `SELECT day, `+figures+` FROM program_daily WHERE org_id = ? AND program_id = ? AND day BETWEEN toDate32(?) AND toDate32(?) ORDER BY day`,
		orgID, programID, from.Format(time.DateOnly), to.Format(time.DateOnly))
}

// Totals returns the programs of an org over all days, the one with most clicks
// first; with an empty programID all of them, with an empty orgID those of every
// org.
func (b *Books) Totals(ctx context.Context, orgID, programID string) ([]ProgramFigures, error) {
	return collect(ctx, b, "program_totals", func(rows driver.Rows, p *ProgramFigures) error {
		return rows.Scan(append([]any{&p.OrgID, &p.ProgramID}, p.scanned()...)...)
	}, `SELECT org_id, program_id, `+figures+` FROM program_totals
		WHERE (org_id = ? OR ? = '') AND (program_id = ? OR ? = '') ORDER BY clicks DESC, org_id, program_id`, orgID, orgID, programID, programID)
}

// Leader is one referrer of a program.
type Leader struct {
	OrgID, ProgramID, ReferrerID string
	Clicks, UniqueClicks         uint64
	Conversions                  float64 // sum of credits that count
	RevenueMinor                 int64   // credited, net
	RewardsEarned                uint64
	RewardCostMinor              int64
}

// Leaders returns the referrers of a program with most conversions, then
// revenue, then unique clicks; empty ids are as in Totals.
func (b *Books) Leaders(ctx context.Context, orgID, programID string, limit int) ([]Leader, error) {
	return collect(ctx, b, "referrer_totals", func(rows driver.Rows, l *Leader) error {
		return rows.Scan(&l.OrgID, &l.ProgramID, &l.ReferrerID, &l.Clicks, &l.UniqueClicks, &l.Conversions, &l.RevenueMinor, &l.RewardsEarned, &l.RewardCostMinor)
	}, `SELECT org_id, program_id, referrer_id, clicks, unique_clicks, conversions, revenue_minor, rewards_earned, reward_cost_minor
		FROM referrer_totals WHERE (org_id = ? OR ? = '') AND (program_id = ? OR ? = '')
		ORDER BY conversions DESC, revenue_minor DESC, unique_clicks DESC, referrer_id LIMIT ?`, orgID, orgID, programID, programID, limit)
}

// Balance is what a beneficiary has of one currency or unit.
type Balance struct {
	ProgramID, BeneficiaryID, Currency, Unit                            string
	Earned, Pending, Approved, Reversed, Fulfilled, Net, Held, Overpaid int64
}

// Balances returns the largest balances of a program, one currency or unit after
// the other.
func (b *Books) Balances(ctx context.Context, orgID, programID string, limit int) ([]Balance, error) {
	return collect(ctx, b, "reward_balances", func(rows driver.Rows, l *Balance) error {
		return rows.Scan(&l.ProgramID, &l.BeneficiaryID, &l.Currency, &l.Unit,
			&l.Earned, &l.Pending, &l.Approved, &l.Reversed, &l.Fulfilled, &l.Net, &l.Held, &l.Overpaid)
	}, `SELECT program_id, beneficiary_id, currency, unit, earned, pending, approved, reversed, fulfilled, net, held, overpaid
		FROM reward_balances WHERE org_id = ? AND program_id = ? ORDER BY currency, unit, net DESC, beneficiary_id LIMIT ? BY currency, unit`, orgID, programID, limit)
}

// Count is how many rows have a word.
type Count struct {
	Word string
	N    uint64
}

// Verdicts counts the stored clicks by verdict and the dead letters by reason,
// of all orgs.
func (b *Books) Verdicts(ctx context.Context) (clicks, deadLetters []Count, err error) {
	scan := func(rows driver.Rows, c *Count) error { return rows.Scan(&c.Word, &c.N) }
	clicks, err = collect(ctx, b, "clicks", scan, `SELECT verdict, sum(n) FROM
		(SELECT org_id, program_id, day, currency, verdict, count() AS n FROM clicks GROUP BY org_id, program_id, day, currency, verdict)
		GROUP BY verdict ORDER BY sum(n) DESC, verdict`)
	if err != nil {
		return nil, nil, err
	}
	deadLetters, err = collect(ctx, b, "dead_letters", scan, `SELECT reason, count() FROM dead_letters GROUP BY reason ORDER BY count() DESC, reason`)
	return clicks, deadLetters, err
}

// collect reads every row of a query.
func collect[T any](ctx context.Context, b *Books, from string, scan func(driver.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := b.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	defer rows.Close() //nolint:errcheck // Err tells
	var all []T
	for rows.Next() {
		var one T
		if err := scan(rows, &one); err != nil {
			return nil, fmt.Errorf("read %s: %w", from, err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", from, err)
	}
	return all, nil
}
