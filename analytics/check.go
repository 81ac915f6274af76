package analytics

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ErrSettings means that ClickHouse is not set up as exactness needs it; the
// text says what to change.
var ErrSettings = errors.New("clickhouse is not set up for exact books")

// pinned are the settings that every connection sets. A profile whose
// constraints forbid one of them shows in Check.
var pinned = map[string]any{
	"insert_deduplicate": 1,
	"async_insert":       0,
	"deduplicate_blocks_in_dependent_materialized_views": 1,
	"materialized_views_ignore_errors":                   0,
	"optimize_use_projections":                           1,
}

// undivided are settings that could split or join the block of an insert, so that
// its token would not be recognised in a replay. Not every release has them.
var undivided = map[string]string{
	"use_strict_insert_block_limits": "0",
}

// maxSkew is how far ClickHouse's clock may be from the worker's: leases are
// made by the one and checked by the other.
const maxSkew = 2 * time.Second

// lease is the constraint as ClickHouse prints it.
const lease = "CONSTRAINT lease CHECK lease_until > nowInBlock64()"

// exempt tables are written without a lease: what they hold is the same whoever
// writes it.
var exempt = map[string]bool{"configurations": true, "installation": true, "agreed": true, "goals": true, "budgets": true}

// Check looks at the settings that exactness rests on, and tells all that is
// wrong in one [ErrSettings].
func (b *Books) Check(ctx context.Context) error {
	var problems []string
	for _, look := range []func(context.Context) ([]string, error){b.checkSettings, b.checkTables, b.checkViews, b.checkClock} {
		found, err := look(ctx)
		if err != nil {
			return fmt.Errorf("check ClickHouse at %v: %w", b.options.Addr, err)
		}
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %s", ErrSettings, strings.Join(problems, "; "))
	}
	return nil
}

func (b *Books) checkSettings(ctx context.Context) (problems []string, err error) {
	for name, want := range pinned {
		var got string
		if err := b.conn.QueryRow(ctx, "SELECT value FROM system.settings WHERE name = ?", name).Scan(&got); err != nil {
			return nil, fmt.Errorf("read setting %s: %w", name, err)
		}
		if got != fmt.Sprint(want) {
			problems = append(problems, fmt.Sprintf("setting %s is %s: let it be %v for user %q", name, got, want, b.options.Username))
		}
	}
	more, err := b.checkUndivided(ctx)
	return append(problems, more...), err
}

// checkUndivided looks at the settings of undivided that this release has.
func (b *Books) checkUndivided(ctx context.Context) (problems []string, err error) {
	for name, want := range undivided {
		var known uint64
		var got string
		if err := b.conn.QueryRow(ctx, "SELECT count(), any(value) FROM system.settings WHERE name = ?", name).Scan(&known, &got); err != nil {
			return nil, fmt.Errorf("read setting %s: %w", name, err)
		}
		if known > 0 && got != want {
			problems = append(problems, fmt.Sprintf("setting %s is %s: let it be %s for user %q, or a block may be split", name, got, want, b.options.Username))
		}
	}
	return problems, nil
}

// window finds a table's dedupe window in its CREATE statement.
var window = regexp.MustCompile(`(non_replicated|[^_]replicated)_deduplication_window = (\d+)`)

// windowOf is the window of a CREATE statement; what does not name one has the
// default of its engine.
func windowOf(create, engine string) int {
	replicated := strings.HasPrefix(engine, "Replicated")
	for _, m := range window.FindAllStringSubmatch(create, -1) {
		if strings.HasPrefix(m[1], "non_") != replicated {
			n, _ := strconv.Atoi(m[2]) // the expression takes digits alone; too many of them are 0
			return n
		}
	}
	if replicated {
		return 10_000
	}
	return 0
}

func (b *Books) checkTables(ctx context.Context) (problems []string, err error) {
	rows, err := b.conn.Query(ctx, `SELECT name, engine, create_table_query FROM system.tables
		WHERE database = ? AND engine LIKE '%MergeTree' AND name != 'schema_version' ORDER BY name`, b.options.Database)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	seen := make(map[string]bool)
	for rows.Next() {
		var name, engine, create string
		if err := rows.Scan(&name, &engine, &create); err != nil {
			return nil, err
		}
		seen[name] = true
		if !tableNames[name] {
			continue
		}
		if n := windowOf(create, engine); n < DedupeWindow {
			problems = append(problems, fmt.Sprintf("table %s remembers %d tokens: ALTER TABLE %s MODIFY SETTING non_replicated_deduplication_window = %d", name, n, name, DedupeWindow))
		}
		if !exempt[name] && !strings.Contains(create, lease) {
			problems = append(problems, fmt.Sprintf("table %s does not check leases: ALTER TABLE %s ADD %s", name, name, lease))
		}
	}
	for name := range tableNames {
		if !seen[name] {
			problems = append(problems, fmt.Sprintf("table %s is missing: run `grapevine migrate`", name))
		}
	}
	return problems, rows.Err()
}

// checkViews looks at materialized views that somebody attached to the tables: a
// replay would double their targets unless these remember tokens too.
func (b *Books) checkViews(ctx context.Context) (problems []string, err error) {
	rows, err := b.conn.Query(ctx, `
		SELECT v.database || '.' || v.name, t.database || '.' || t.name, t.engine, t.create_table_query
		FROM (SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table)) AS d FROM system.tables WHERE database = ?) AS d
		INNER JOIN system.tables AS v ON v.database = d.d.1 AND v.name = d.d.2
		INNER JOIN system.tables AS t ON position(v.create_table_query, ' TO ' || t.database || '.' || t.name || ' ') > 0
			OR t.name = '.inner_id.' || toString(v.uuid)
		WHERE v.engine = 'MaterializedView'`, b.options.Database)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err tells
	for rows.Next() {
		var view, target, engine, create string
		if err := rows.Scan(&view, &target, &engine, &create); err != nil {
			return nil, err
		}
		if n := windowOf(create, engine); n < DedupeWindow {
			problems = append(problems, fmt.Sprintf("materialized view %s writes to %s, which remembers %d tokens: ALTER TABLE %s MODIFY SETTING non_replicated_deduplication_window = %d",
				view, target, n, target, DedupeWindow))
		}
	}
	return problems, rows.Err()
}

// CheckClock tells whether ClickHouse answers, and is [ErrSettings] when its clock
// and this machine's have parted since [Books.Check]: leases would hold for too long.
func (b *Books) CheckClock(ctx context.Context) error {
	problems, err := b.checkClock(ctx)
	if err != nil {
		return fmt.Errorf("ask ClickHouse at %v: %w", b.options.Addr, err)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%w: %s", ErrSettings, strings.Join(problems, "; "))
	}
	return nil
}

func (b *Books) checkClock(ctx context.Context) ([]string, error) {
	before := time.Now()
	var ms int64
	if err := b.conn.QueryRow(ctx, "SELECT toUnixTimestamp64Milli(now64(3))").Scan(&ms); err != nil {
		return nil, fmt.Errorf("read the clock: %w", err)
	}
	return skewed(before, time.UnixMilli(ms), time.Now()), nil
}

// skewed tells how far ClickHouse's clock is off, if that is too much. It was read
// between two looks at ours.
func skewed(before, there, after time.Time) (problems []string) {
	if there.Before(before.Add(-maxSkew)) || there.After(after.Add(maxSkew)) {
		return []string{fmt.Sprintf("its clock is %s off this machine's: leases need less than %s, synchronise both", there.Sub(before).Round(time.Millisecond), maxSkew)}
	}
	return nil
}
