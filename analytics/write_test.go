package analytics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/grapevinehq/grapevine/pipeline"
)

// clickBlock are clicks of 7 visitors on 3 days of 2 programs, every fourth a duplicate.
func clickBlock(t testing.TB, b *Books, first int64, rows int) pipeline.Block {
	var program, visitor, referrer, verdict, id []string
	var at, offset []int64
	var day []int32
	for i := range rows {
		n := int(first) + i
		program = append(program, fmt.Sprintf("p%d", n%2))
		visitor = append(visitor, fmt.Sprintf("v%d", n%7))
		referrer = append(referrer, fmt.Sprintf("m%d", n%3))
		verdict = append(verdict, []string{"unique", "unique", "unique", "duplicate"}[n%4])
		id = append(id, fmt.Sprintf("c%d", n))
		at = append(at, int64(n)*3_600_000)
		day = append(day, int32(n/24))
		offset = append(offset, int64(n))
	}
	org := repeat("acme", rows)
	return block(t, b, "clicks", rows, values{
		"org_id": org, "program_id": program, "visitor_id": visitor, "referrer_id": referrer, "verdict": verdict,
		"click_id": id, "event_id": id, "time": at, "day": day, "kafka_offset": offset,
		"kafka_topic": repeat("referral.clicks", rows), "kafka_partition": repeat(int32(3), rows),
	})
}

// sums are what each projection of clicks adds up to, and the table itself.
func sums(t testing.TB, b *Books) string {
	t.Helper()
	out := []string{one(t, b, "SELECT count(), uniqExact(kafka_offset) FROM clicks")}
	for name, query := range map[string]string{
		"by_hour":     `SELECT org_id, program_id, day, toInt64(floor(toUnixTimestamp64Milli(time) / 3600000)) AS hours, currency, channel, verdict, reason, count() AS n FROM clicks GROUP BY ALL`,
		"by_visitor":  `SELECT org_id, program_id, day, visitor_id, actor_hash, countIf(verdict = 'unique') AS n FROM clicks GROUP BY ALL`,
		"by_referrer": `SELECT org_id, program_id, referrer_id, count() AS n FROM clicks GROUP BY ALL`,
	} {
		out = append(out, name+" "+one(t, b, `SELECT sum(n) FROM (`+query+`) SETTINGS force_optimize_projection_name = '`+name+`'`))
	}
	return strings.Join(sorted(out), ", ")
}

func TestWrite_replay_changes_neither_table_nor_projections(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 100)
	write(t, b, bounds, clickBlock(t, b, 0, 100))
	before := sums(t, b)
	if want := "100 100, by_hour 100, by_referrer 100, by_visitor 75"; before != want {
		t.Fatalf("after the first write: %s, want %s", before, want)
	}
	write(t, b, bounds, clickBlock(t, b, 0, 100))
	if after := sums(t, b); after != before {
		t.Errorf("after the replay: %s, before: %s", after, before)
	}
	write(t, b, batch(2, 100, 150), clickBlock(t, b, 100, 50))
	if want, got := "150 150", one(t, b, "SELECT count(), uniqExact(kafka_offset) FROM clicks"); got != want {
		t.Errorf("after the next batch: %s, want %s", got, want)
	}
}

func TestWrite_other_installations_and_incarnations_are_other_batches(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 10)
	write(t, b, bounds, clickBlock(t, b, 0, 10))
	bounds.Partition.Incarnation = "incarnation-2"
	write(t, b, bounds, clickBlock(t, b, 0, 10))
	b.BelongTo("installation-2")
	write(t, b, bounds, clickBlock(t, b, 0, 10))
	if n := one(t, b, "SELECT count() FROM clicks"); n != "30" {
		t.Errorf("%s rows, want 30", n)
	}
}

func TestWrite_without_the_lease_is_fenced(t *testing.T) {
	b := opened(t)
	err := b.Write(t.Context(), batch(1, 0, 10), func() time.Time { return time.Now().Add(-time.Millisecond) }, []pipeline.Block{clickBlock(t, b, 0, 10)})
	if !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("got %v, want ErrFenced", err)
	}
	if n := one(t, b, "SELECT count() FROM clicks"); n != "0" {
		t.Errorf("%s rows written", n)
	}
}

// A worker that stops for a while, in the middle of an insert, is refused by
// ClickHouse itself.
func TestWrite_sent_after_the_lease_is_refused(t *testing.T) {
	b := opened(t)
	until := time.Now().Add(300 * time.Millisecond)
	table, err := b.table(t.Context(), "clicks")
	if err != nil {
		t.Fatal(err)
	}
	ready, err := table.arrange(batch(1, 0, 10), clickBlock(t, b, 0, 10))
	if err != nil {
		t.Fatal(err)
	}
	columns := append(ready.columns, pipeline.Column{Name: leaseColumn, Data: repeat(until.UnixMilli(), 10)})
	var names []string
	for _, c := range columns {
		names = append(names, c.Name)
	}
	late, err := b.conn.PrepareBatch(t.Context(), "INSERT INTO clicks ("+strings.Join(names, ",")+")")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		if err := late.Column(i).Append(c.Data); err != nil {
			t.Fatal(err)
		}
	}
	for one(t, b, "SELECT toUnixTimestamp64Milli(now64(3)) > ?", until.UnixMilli()) == "0" {
	}
	if err := late.Send(); !refused(err) {
		t.Errorf("got %v, want the constraint's refusal", err)
	}
	if n := one(t, b, "SELECT count() FROM clicks"); n != "0" {
		t.Errorf("%s rows written", n)
	}
}

func TestWrite_replay_with_a_new_lease_is_recognised(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 10)
	for i := range 3 {
		lease := func() time.Time { return time.Now().Add(time.Duration(i+1) * time.Minute) }
		if err := b.Write(t.Context(), bounds, lease, []pipeline.Block{clickBlock(t, b, 0, 10)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := one(t, b, "SELECT count() FROM clicks"); n != "10" {
		t.Errorf("%s rows, want 10", n)
	}
}

// forget makes a table forget all tokens.
func forget(t *testing.T, b *Books, table string) {
	t.Helper()
	for _, window := range []int{0, DedupeWindow} {
		if err := b.conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE %s MODIFY SETTING non_replicated_deduplication_window = %d", table, window)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrite_of_an_old_batch_asks_the_table_first(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 10)
	bounds.Time -= 2 * DefaultTrust.Milliseconds()
	write(t, b, bounds, clickBlock(t, b, 0, 10))
	forget(t, b, "clicks")
	write(t, b, bounds, clickBlock(t, b, 0, 10))
	if n := one(t, b, "SELECT count() FROM clicks"); n != "10" {
		t.Fatalf("%s rows after the replay, want 10", n)
	}
	err := b.Write(t.Context(), bounds, held, []pipeline.Block{clickBlock(t, b, 0, 9)})
	if !errors.Is(err, ErrBooksDiffer) {
		t.Errorf("got %v, want ErrBooksDiffer", err)
	}
}

// An update can take a code from one on another partition: the dead letter tells
// that record's place, and is this batch's row.
func TestWrite_of_an_old_batch_knows_its_letters_about_other_partitions(t *testing.T) {
	b := opened(t)
	bounds := batch(1, 0, 10)
	bounds.Time -= 2 * DefaultTrust.Milliseconds()
	letters := func() pipeline.Block {
		return block(t, b, "dead_letters", 2, values{"kafka_topic": repeat("referral.clicks", 2), "kafka_partition": []int32{3, 5}, "kafka_offset": []int64{7, 900}})
	}
	write(t, b, bounds, letters())
	forget(t, b, "dead_letters")
	write(t, b, bounds, letters())
	if n := one(t, b, "SELECT count() FROM dead_letters"); n != "2" {
		t.Fatalf("%s rows after the replay, want 2", n)
	}
	bounds.Partition.ID = 5 // whose batch of the same number and time is another
	write(t, b, bounds, letters())
	if n := one(t, b, "SELECT count() FROM dead_letters"); n != "4" {
		t.Fatalf("%s rows after another partition's batch, want 4", n)
	}
}

func TestWrite_retries_until_the_table_is_back(t *testing.T) {
	retried := make(chan string, 100)
	b := opened(t)
	b.options.Retried = func(table string) { retried <- table }
	rows := clickBlock(t, b, 0, 10)
	rename := func(from, to string) {
		if err := b.conn.Exec(t.Context(), "RENAME TABLE "+from+" TO "+to); err != nil {
			t.Error(err)
		}
	}
	rename("clicks", "away")
	done := make(chan error)
	go func() { done <- b.Write(t.Context(), batch(1, 0, 10), held, []pipeline.Block{rows}) }()
	if table := <-retried; table != "clicks" {
		t.Errorf("retried %s", table)
	}
	rename("away", "clicks")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := one(t, b, "SELECT count() FROM clicks"); n != "10" {
		t.Errorf("%s rows, want 10", n)
	}
}

func TestWrite_ends_with_its_context(t *testing.T) {
	b := opened(t)
	rows := clickBlock(t, b, 0, 10)
	if err := b.conn.Exec(t.Context(), "DROP TABLE clicks"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b.options.Retried = func(string) { cancel() }
	if err := b.Write(ctx, batch(1, 0, 10), held, []pipeline.Block{rows}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestWrite_refuses_blocks_that_do_not_fit(t *testing.T) {
	b := opened(t)
	good := func() pipeline.Block { return clickBlock(t, b, 0, 4) }
	for _, c := range []struct {
		name   string
		blocks func() []pipeline.Block
		want   string
	}{
		{"a column is missing", func() []pipeline.Block {
			k := good()
			for i, column := range k.Columns {
				if column.Name == "verdict" {
					k.Columns = append(k.Columns[:i:i], k.Columns[i+1:]...)
				}
			}
			return []pipeline.Block{k}
		}, "lacks verdict"},
		{"an unknown column", func() []pipeline.Block {
			k := good()
			k.Columns = append(k.Columns, pipeline.Column{Name: "ip", Data: make([]string, 4)})
			return []pipeline.Block{k}
		}, "clicks.ip: the table has no such column"},
		{"a short column", func() []pipeline.Block {
			k := good()
			k.Columns[0].Data = []string{"x"}
			return []pipeline.Block{k}
		}, "1 values for 4 rows"},
		{"a column of another type", func() []pipeline.Block {
			k := good()
			for i := range k.Columns {
				if k.Columns[i].Name == "kafka_offset" {
					k.Columns[i].Data = []string{"a", "b", "c", "d"}
				}
			}
			return []pipeline.Block{k}
		}, "kafka_offset"},
		{"two blocks of one table", func() []pipeline.Block { return []pipeline.Block{good(), good()} }, "two blocks"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := b.Write(t.Context(), batch(1, 0, 4), held, c.blocks())
			if !errors.Is(err, ErrBlock) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrBlock with %q", err, c.want)
			}
		})
	}
}

func TestWrite_takes_two_hundred_months_at_once(t *testing.T) {
	b := opened(t)
	var at []int64
	for i := range 200 {
		at = append(at, time.Date(2000, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	}
	write(t, b, batch(1, 0, 200), block(t, b, "clicks", 200, values{"time": at}))
	if got := one(t, b, "SELECT count(), uniqExact(toYYYYMM(time)), uniqExact(_part) FROM clicks"); got != "200 200 1" {
		t.Errorf("rows, months, parts: %s, want 200 200 1", got)
	}
}

func TestHas_tells_whether_a_batch_left_rows(t *testing.T) {
	b := opened(t)
	write(t, b, batch(4, 100, 110), clickBlock(t, b, 100, 10))
	other := func(change func(*pipeline.Bounds)) pipeline.Bounds {
		bounds := batch(5, 105, 120)
		change(&bounds)
		return bounds
	}
	for _, c := range []struct {
		name   string
		bounds pipeline.Bounds
		want   bool
	}{
		{"overlapping offsets", batch(5, 105, 120), true},
		{"the last offset", batch(5, 109, 110), true},
		{"offsets after", batch(5, 110, 120), false},
		{"offsets before", batch(3, 90, 100), false},
		{"timers of the same number", batch(4, 110, 110), true},
		{"timers of another number", batch(5, 105, 105), false},
		{"another partition", other(func(b *pipeline.Bounds) { b.Partition.ID = 4 }), false},
		{"another topic", other(func(b *pipeline.Bounds) { b.Partition.Topic = "x" }), false},
		{"the topic made anew", other(func(b *pipeline.Bounds) { b.Partition.Incarnation = "y" }), false},
	} {
		got, err := b.Has(t.Context(), c.bounds, []string{"dead_letters", "waiting", "clicks"})
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestRefused_is_the_constraint_alone(t *testing.T) {
	if !refused(fmt.Errorf("x: %w", &clickhouse.Exception{Code: 469})) || refused(&clickhouse.Exception{Code: 60}) || refused(nil) {
		t.Error("refused must hold for code 469 and nothing else")
	}
}
