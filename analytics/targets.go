package analytics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// TakeUp writes down the goals and budgets of a configuration that begins to decide:
// views report against them. One that was taken up last is not written again.
func (b *Books) TakeUp(ctx context.Context, catalog *program.Catalog) error {
	for table, rows := range map[string]func(driver.Batch, *program.Catalog, time.Time) error{"goals": goalRows, "budgets": budgetRows} {
		if err := b.takeUp(ctx, table, catalog, rows); err != nil {
			return fmt.Errorf("write down the %s of configuration %s: %w", table, catalog.Revision, err)
		}
	}
	return nil
}

func (b *Books) takeUp(ctx context.Context, table string, catalog *program.Catalog, rows func(driver.Batch, *program.Catalog, time.Time) error) error {
	var last string
	if err := b.conn.QueryRow(ctx, "SELECT toString(argMax(config_revision, taken_at)) FROM "+table).Scan(&last); err != nil {
		return err
	}
	if last == catalog.Revision {
		return nil
	}
	at := time.Now().Truncate(time.Millisecond)
	token := fmt.Sprintf("%s/%d", catalog.Revision, at.UnixMilli()) // of two workers in one millisecond
	batch, err := b.conn.PrepareBatch(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token})), "INSERT INTO "+table)
	if err != nil {
		return err
	}
	if err := rows(batch, catalog, at); err != nil {
		return err
	}
	return batch.Send()
}

// goalRows are the goals of every program, after a row that says that it is there:
// one that lost its goals has none.
func goalRows(batch driver.Batch, catalog *program.Catalog, at time.Time) error {
	for _, org := range ordered(catalog.Orgs) {
		for _, p := range ordered(org.Programs) {
			if err := batch.Append(org.ID, p.ID, "", "", int64(0), at, at, map[string]int64{}, catalog.Revision, at); err != nil {
				return err
			}
			for _, g := range p.Goals {
				err := batch.Append(org.ID, p.ID, g.ID, string(g.Metric), g.Target, time.UnixMilli(g.From), time.UnixMilli(g.To), pointsOf(p, g.Metric), catalog.Revision, at)
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// pointsOf are the points that a goal counts: those of the first rule of each version
// that counts points.
func pointsOf(p *program.Program, metric program.Metric) map[string]int64 {
	points := map[string]int64{}
	if metric != program.Points {
		return points
	}
	for _, v := range p.Versions {
		if i := slices.IndexFunc(v.Rules, func(r *program.Rule) bool { return len(r.PointsOf) > 0 }); i >= 0 {
			for kind, n := range v.Rules[i].PointsOf {
				points[v.ValidFromRaw+"/"+string(kind)] = n
			}
		}
	}
	return points
}

// budgetRows are the budgets of every org, after a row that says that it is there.
func budgetRows(batch driver.Batch, catalog *program.Catalog, at time.Time) error {
	for _, org := range ordered(catalog.Orgs) {
		if err := batch.Append(org.ID, "", "", "", "", int64(0), "", catalog.Revision, at); err != nil {
			return err
		}
		for _, b := range ordered(org.Budgets) {
			period := b.Period
			if period == "" {
				period = program.Lifetime
			}
			if err := batch.Append(org.ID, "", b.ID, b.Team, string(period), b.LimitMinor, b.Currency, catalog.Revision, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// ordered are the values of a map in the order of their ids.
func ordered[T any](byID map[string]T) []T {
	list := make([]T, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		list = append(list, byID[id])
	}
	return list
}
