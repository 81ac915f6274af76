package analytics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
)

// auditChunk is how many batches of every partition are compared in one query.
const auditChunk = 20_000

// SealedTables are those whose rows are held against batches.
func SealedTables() []string { return slices.Sorted(maps.Keys(seals)) }

// Rows holds the rows of a table against what the batches wrote there: by batch, and
// row by row in those that differ.
func (a *Audit) Rows(ctx context.Context, table string) (Findings, error) {
	f := Findings{Check: "rows of " + table}
	t, err := a.books.table(ctx, table)
	if err != nil {
		return f, err
	}
	for first := uint64(1); first <= a.last(); first += auditChunk {
		differing, err := a.differing(ctx, t, first)
		if err != nil {
			return f, err
		}
		for _, d := range differing {
			if err := a.drill(ctx, t, d, &f); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// last is the highest number of a batch that is judged.
func (a *Audit) last() (number uint64) {
	for _, s := range a.cut {
		number = max(number, s.Completed)
	}
	return number
}

// differs is a batch whose rows are not those that it wrote.
type differs struct {
	partition      pipeline.Partition
	batch          uint64
	sealed, stored uint64
	accounts       uint64 // rows of batches about it: 1, when all is well
	ingested       int64  // ms; 0 where there is no account
}

func (d *differs) parameters(t *table) clickhouse.Parameters {
	return clickhouse.Parameters{
		"table": t.name, "incarnation": d.partition.Incarnation, "partition": strconv.Itoa(d.partition.ID),
		"batch": strconv.FormatUint(d.batch, 10), "ingested": strconv.FormatInt(d.ingested, 10),
	}
}

// differing compares sums by batch. The projection by_batch answers for the rows.
func (a *Audit) differing(ctx context.Context, t *table, first uint64) (list []differs, err error) {
	partition, sum := t.partitionColumn(), "sum(cityHash64("+seals[t.name].expression+"))"
	query := `
SELECT incarnation, partition, number, sealed, stored, accounts, at
FROM
(
    SELECT incarnation, partition, number, sum(written_rows) AS sealed, sum(stored_rows) AS stored, sum(account) AS accounts, max(ms) AS at,
        sum(written_sum) = sum(stored_sum) AS equal, toDate32(fromUnixTimestamp64Milli(at, 'UTC')) AS date
    FROM
    (
        SELECT toString(kafka_incarnation) AS incarnation, kafka_partition AS partition, batch AS number, rows AS written_rows,
            toUInt64(0) AS stored_rows, checksum AS written_sum, toUInt64(0) AS stored_sum, toUInt64(1) AS account, toUnixTimestamp64Milli(ingested) AS ms
        FROM batches
        WHERE written = {table:String} AND batch >= {first:UInt64} AND batch < {end:UInt64}
        UNION ALL
        SELECT toString(kafka_incarnation), ` + partition + `, batch, toUInt64(0),
            count(), toUInt64(0), ` + sum + `, toUInt64(0), toInt64(0)
        FROM ` + t.name + `
        WHERE batch >= {first:UInt64} AND batch < {end:UInt64}
        GROUP BY kafka_incarnation, ` + partition + `, batch
    )
    GROUP BY incarnation, partition, number
    HAVING (sealed != stored OR NOT equal) AND (at = 0 OR date BETWEEN toDate32({from:String}) AND toDate32({to:String}))
) AS b
INNER JOIN cut ON cut.i = b.incarnation AND cut.p = b.partition
WHERE number <= cut.n
ORDER BY incarnation, partition, number`
	more := clickhouse.Parameters{"table": t.name, "first": strconv.FormatUint(first, 10), "end": strconv.FormatUint(first+auditChunk, 10)}
	err = a.ask(ctx, "rows of "+t.name, query, more, func(rows driver.Rows) error {
		var d differs
		var partition int32
		err := rows.Scan(&d.partition.Incarnation, &partition, &d.batch, &d.sealed, &d.stored, &d.accounts, &d.ingested)
		d.partition.ID = int(partition)
		d.partition.Topic = a.topicOf(d.partition)
		list = append(list, d)
		return err
	})
	return list, err
}

func (a *Audit) topicOf(p pipeline.Partition) string {
	for _, s := range a.cut {
		if s.Partition.Incarnation == p.Incarnation && s.Partition.ID == p.ID {
			return s.Partition.Topic
		}
	}
	return ""
}

// position names a place in Kafka.
func position(p pipeline.Partition, offset int64) string { return fmt.Sprintf("%s/%d", p, offset) }
