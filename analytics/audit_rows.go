package analytics

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// row is one row of a batch, as it was sealed or as it stands.
type row struct {
	offset int64
	mark   uint16 // of its hash
}

// drill names the rows by which a batch differs. When enough are named, the rows of
// further batches are only counted.
func (a *Audit) drill(ctx context.Context, t *table, d differs, f *Findings) error {
	if len(f.Found) >= a.scope.Limit {
		f.Total += max(d.sealed, d.stored) - min(d.sealed, d.stored, max(d.sealed, d.stored)-1)
		return nil
	}
	if d.accounts != 1 {
		text := fmt.Sprintf("batch %d has %d accounts of what it wrote to %s, where %d rows stand", d.batch, d.accounts, t.name, d.stored)
		f.add(a.scope.Limit, Finding{Position: fmt.Sprintf("%s batch %d", d.partition, d.batch), Text: text})
		return nil
	}
	sealed, err := a.sealedRows(ctx, t, d)
	if err != nil {
		return err
	}
	surplus, err := a.surplus(ctx, t, d, sealed)
	if err != nil {
		return err
	}
	for _, found := range compared(t.name, d, sealed, surplus) {
		if a.within(&found) {
			f.add(a.scope.Limit, found)
		}
	}
	return nil
}

func (f *Findings) add(limit int, one Finding) {
	if f.Total++; len(f.Found) < limit {
		f.Found = append(f.Found, one)
	}
}

// within tells whether a row is of the org and program asked for. Of one that is
// missing nobody knows.
func (a *Audit) within(f *Finding) bool {
	return f.OrgID == "" || (a.scope.OrgID == "" || f.OrgID == a.scope.OrgID) && (a.scope.ProgramID == "" || f.ProgramID == a.scope.ProgramID)
}

// sealedRows are those that a batch wrote, and how many of each are still to be found.
type sealedRows struct {
	left map[row]int
	all  map[row]bool
}

func (a *Audit) sealedRows(ctx context.Context, t *table, d differs) (sealedRows, error) {
	s := sealedRows{left: make(map[row]int), all: make(map[row]bool)}
	const query = `SELECT offsets, marks FROM batches
WHERE kafka_incarnation = {incarnation:String} AND kafka_partition = {partition:Int32} AND batch = {batch:UInt64} AND written = {table:String}`
	err := a.ask(ctx, "rows of "+t.name, query, d.parameters(t), func(rows driver.Rows) error {
		var offsets []int64
		var marks []uint16
		if err := rows.Scan(&offsets, &marks); err != nil {
			return err
		}
		for i := range min(len(offsets), len(marks)) {
			one := row{offsets[i], marks[i]}
			s.left[one]++
			s.all[one] = true
		}
		return nil
	})
	return s, err
}

// surplusRow is a row that stands and that the batch did not write.
type surplusRow struct {
	row
	Finding
}

// surplus reads the rows of a batch, and takes those that it wrote out of what is left
// to be found.
func (a *Audit) surplus(ctx context.Context, t *table, d differs, sealed sealedRows) (list []surplusRow, err error) {
	identity, day := "org_id, program_id, event_id, source", "toString(toDate(time))"
	if _, ok := t.types["org_id"]; !ok {
		identity, day = "'', '', key, ''", "''"
	}
	if _, ok := t.types["day"]; ok {
		day = "toString(day)"
	}
	query := `SELECT kafka_offset, toUInt16(bitAnd(cityHash64(` + seals[t.name].expression + `), 65535)), toString(kafka_topic), kafka_partition, ` + day + `, ` + identity + `
FROM ` + t.name + `
WHERE kafka_incarnation = {incarnation:String} AND ` + t.partitionColumn() + ` = {partition:Int32} AND batch = {batch:UInt64}
    AND ingested = fromUnixTimestamp64Milli({ingested:Int64}, 'UTC')`
	err = a.ask(ctx, "rows of "+t.name, query, d.parameters(t), func(rows driver.Rows) error {
		var s surplusRow
		var topic string
		var partition int32
		if err := rows.Scan(&s.offset, &s.mark, &topic, &partition, &s.Day, &s.OrgID, &s.ProgramID, &s.ID, &s.Source); err != nil {
			return err
		}
		if sealed.left[s.row] > 0 {
			sealed.left[s.row]--
			return nil
		}
		s.Position = fmt.Sprintf("%s/%d/%d", topic, partition, s.offset)
		list = append(list, s)
		return nil
	})
	return list, err
}

// compared says of each row what is wrong with it.
func compared(table string, d differs, sealed sealedRows, surplus []surplusRow) (found []Finding) {
	missing := make(map[int64]int)
	for one, n := range sealed.left {
		if n > 0 {
			missing[one.offset] += n
		}
	}
	for _, s := range surplus {
		switch {
		case missing[s.offset] > 0:
			missing[s.offset]--
			s.Text = fmt.Sprintf("the row in %s is not what batch %d wrote", table, d.batch)
		case sealed.all[s.row]:
			s.Text = fmt.Sprintf("the row in %s stands more often than batch %d wrote it", table, d.batch)
		default:
			s.Text = fmt.Sprintf("the row in %s was not written by batch %d, whose number it has", table, d.batch)
		}
		found = append(found, s.Finding)
	}
	for offset, n := range missing {
		for range n {
			found = append(found, Finding{Position: position(d.partition, offset), Text: fmt.Sprintf("a row that batch %d wrote to %s is missing", d.batch, table)})
		}
	}
	slices.SortStableFunc(found, func(x, y Finding) int { return strings.Compare(x.Position, y.Position) })
	return found
}
