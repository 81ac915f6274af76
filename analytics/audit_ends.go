package analytics

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Account is what stands of one batch, as its partition's worker told.
type Account struct {
	Partition pipeline.Partition
	Number    uint64
	First     int64
	End       int64
	Time      int64 // ms
}

// Accounts are those of the last acknowledged batch of each partition.
func (a *Audit) Accounts(ctx context.Context) (list []Account, err error) {
	const query = `
SELECT toString(kafka_incarnation) AS i, kafka_partition AS p, batch, any(kafka_offset), any(end_offset), any(toUnixTimestamp64Milli(ingested))
FROM batches
WHERE written = '' AND (kafka_incarnation, kafka_partition, batch) IN (SELECT i, p, n FROM cut)
GROUP BY i, p, batch`
	err = a.ask(ctx, "the last batches", query, nil, func(rows driver.Rows) error {
		var one Account
		var partition int32
		err := rows.Scan(&one.Partition.Incarnation, &partition, &one.Number, &one.First, &one.End, &one.Time)
		one.Partition.ID = int(partition)
		one.Partition.Topic = a.topicOf(one.Partition)
		list = append(list, one)
		return err
	})
	return list, err
}

// Beyond are rows that no batch of now can have written: of partitions that the group
// does not know, or of batches after the last that was bound. The audit's cut says
// what that is: it was read after the books were.
func (a *Audit) Beyond(lasts map[string][]Last) (f Findings) {
	f.Check = "rows beyond what is bound"
	bound := make(map[pipeline.Partition]Standing)
	for _, s := range a.cut {
		bound[pipeline.Partition{Incarnation: s.Partition.Incarnation, ID: s.Partition.ID}] = s
	}
	for _, table := range append(SealedTables(), batchesTable) {
		for _, last := range lasts[table] {
			s, known := bound[last.Partition]
			at := fmt.Sprintf("incarnation %s partition %d", last.Partition.Incarnation, last.Partition.ID)
			switch {
			case !known:
				f.add(a.scope.Limit, Finding{Position: at, Text: fmt.Sprintf("%s has rows of a topic that is none of the group's", table)})
			case last.Number > s.Completed:
				f.add(a.scope.Limit, Finding{
					Position: fmt.Sprintf("%s batch %d", s.Partition, last.Number),
					Text:     fmt.Sprintf("%s has rows of this batch, and the group has bound %d at most", table, s.Completed),
				})
			}
		}
	}
	return f
}

// Last is the highest batch of a partition that has rows in a table.
type Last struct {
	Partition pipeline.Partition // without its topic
	Number    uint64
}

// Lasts reads it of every table.
func (a *Audit) Lasts(ctx context.Context) (map[string][]Last, error) {
	lasts := make(map[string][]Last)
	for _, name := range append(SealedTables(), batchesTable) {
		t, err := a.books.table(ctx, name)
		if err != nil {
			return nil, err
		}
		partition := t.partitionColumn()
		query := `SELECT toString(kafka_incarnation), ` + partition + `, max(batch) FROM
(
    SELECT kafka_incarnation, ` + partition + `, batch, count() FROM ` + name + ` GROUP BY kafka_incarnation, ` + partition + `, batch
)
GROUP BY kafka_incarnation, ` + partition
		err = a.ask(ctx, "the last batches of "+name, query, clickhouse.Parameters{}, func(rows driver.Rows) error {
			var last Last
			var id int32
			err := rows.Scan(&last.Partition.Incarnation, &id, &last.Number)
			last.Partition.ID = int(id)
			lasts[name] = append(lasts[name], last)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return lasts, nil
}
