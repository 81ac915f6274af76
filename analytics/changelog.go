package analytics

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/changelog"
	"github.com/grapevinehq/grapevine/pipeline/rebuild"
	"github.com/grapevinehq/grapevine/pipeline/stage/clicks"
)

// Changelog reads what workers wrote down of what Redis held.
type Changelog struct{ history *History }

var _ rebuild.Changelog = (*Changelog)(nil)

// Changelog is that of these books.
func (b *Books) Changelog() *Changelog { return &Changelog{b.History()} }

// sorting bounds what ClickHouse keeps in memory of rows that it must sort.
const sorting = " SETTINGS max_bytes_before_external_sort = 500000000"

// Partitions implements rebuild.Changelog.
func (c *Changelog) Partitions(ctx context.Context) (list []rebuild.Partition, err error) {
	since := make(map[pipeline.Partition]uint64)
	const marks = `SELECT kafka_topic, kafka_incarnation, kafka_partition, value FROM changelog FINAL
		WHERE kind = '` + changelog.KindValue + `' AND key = '` + changelog.SinceKey + `'`
	err = c.history.each(ctx, "since when there is a changelog", marks, func(rows driver.Rows) error {
		var id int32
		var p pipeline.Partition
		var value string
		if err := rows.Scan(&p.Topic, &p.Incarnation, &id, &value); err != nil {
			return err
		}
		p.ID = int(id)
		since[p], err = strconv.ParseUint(value, 10, 64)
		return err
	})
	if err != nil {
		return nil, err
	}
	const journals = `SELECT kafka_topic, kafka_incarnation, kafka_partition, batch, value FROM changelog FINAL
		WHERE kind = '` + changelog.KindJournal + `' ORDER BY kafka_topic, kafka_incarnation, kafka_partition`
	err = c.history.each(ctx, "the journals of the changelog", journals, func(rows driver.Rows) error {
		var id int32
		var p rebuild.Partition
		var value string
		if err := rows.Scan(&p.Topic, &p.Incarnation, &id, &p.Number, &value); err != nil {
			return err
		}
		p.ID = int(id)
		p.Since = since[p.Partition]
		var j changelog.Journal
		if err := j.Decode([]byte(value)); err != nil {
			return err
		}
		p.Shares, p.Claims = j.Shares, j.Claims
		list = append(list, p)
		return nil
	})
	return list, err
}

// Rows implements rebuild.Changelog.
func (c *Changelog) Rows(ctx context.Context, p pipeline.Partition, take func(r *changelog.Row, batch uint64) error) error {
	const query = `SELECT kind, key, member, piece, value, rank, gone, batch FROM changelog FINAL
		WHERE kafka_incarnation = ? AND kafka_partition = ?
		ORDER BY kafka_incarnation, kafka_partition, kind, key, member, piece` + sorting
	return c.history.each(ctx, "the changelog of "+p.String(), query, func(rows driver.Rows) error {
		var batch uint64
		r, err := scanRow(rows, &batch)
		if err != nil {
			return err
		}
		return take(r, batch)
	}, p.Incarnation, p.ID)
}

// Under implements rebuild.Changelog.
func (c *Changelog) Under(ctx context.Context, topic, kind, prefix string, take func(pipeline.Partition, *changelog.Row) error) error {
	const query = `SELECT kind, key, member, piece, value, rank, gone, kafka_incarnation, kafka_partition FROM changelog FINAL
		WHERE kafka_topic = ? AND kind = ? AND startsWith(key, ?) AND gone = 0
		ORDER BY kafka_incarnation, kafka_partition, kind, key, member, piece` + sorting
	return c.history.each(ctx, "the changelog of "+topic, query, func(rows driver.Rows) error {
		p := pipeline.Partition{Topic: topic}
		var id int32
		r, err := scanRow(rows, &p.Incarnation, &id)
		if err != nil {
			return err
		}
		p.ID = int(id)
		return take(p, r)
	}, topic, kind, prefix)
}

// scanRow takes the columns of a row, and those behind them.
func scanRow(rows driver.Rows, more ...any) (*changelog.Row, error) {
	var r changelog.Row
	var value string
	var piece int64
	var gone uint8
	err := rows.Scan(append([]any{&r.Kind, &r.Key, &r.Member, &piece, &value, &r.Rank, &gone}, more...)...)
	r.Piece, r.Value, r.Gone = uint64(piece), []byte(value), gone != 0 //nolint:gosec // written from a number of batches
	return &r, err
}

// Clicks implements rebuild.Changelog.
func (c *Changelog) Clicks(ctx context.Context, p pipeline.Partition, from int64, last uint64, take func(at int64, s *clicks.Stored) error) error {
	const query = `SELECT toUnixTimestamp64Milli(ingested), org_id, program_id, referrer_id, link_id, visitor_id, actor_hash, source, event_id,
			verdict = 'unique', toUnixTimestamp64Milli(time)
		FROM clicks
		WHERE ingested >= fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND kafka_incarnation = ? AND kafka_partition = ? AND batch <= ?
		ORDER BY batch, kafka_offset` + sorting
	return c.history.each(ctx, "the clicks of "+p.String(), query, func(rows driver.Rows) error {
		var at int64
		var s clicks.Stored
		var unique uint8
		err := rows.Scan(&at, &s.OrgID, &s.ProgramID, &s.ReferrerID, &s.LinkID, &s.VisitorID, &s.ActorHash, &s.Source, &s.EventID, &unique, &s.Time)
		if err != nil {
			return err
		}
		s.Unique = unique != 0
		return take(at, &s)
	}, from, p.Incarnation, p.ID, last)
}

// Configurations implements rebuild.Changelog.
func (c *Changelog) Configurations(ctx context.Context, take func(revision string, source []byte) error) error {
	return c.history.each(ctx, "the configurations", "SELECT config_revision, source FROM configurations", func(rows driver.Rows) error {
		var revision, source string
		if err := rows.Scan(&revision, &source); err != nil {
			return err
		}
		return take(revision, []byte(source))
	})
}

// Agreed implements rebuild.Changelog.
func (c *Changelog) Agreed(ctx context.Context) (map[string][]byte, error) {
	return c.history.books.Agreed(ctx)
}
