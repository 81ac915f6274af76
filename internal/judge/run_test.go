package judge

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config"
	"github.com/grapevinehq/grapevine/internal/golden"
	pipelineevent "github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// played is a run of the pipeline in this process, and the papers of it.
type played struct {
	*testing.T
	*offline.Run
	path       string   // of the programs that decided last
	earlier    []string // of those before
	source     []byte
	revisions  map[string]string // text by revision
	partitions int
	next       map[string]int64
	records    map[string][]Record // of input topics, as they were produced
}

func play(t *testing.T, programs []byte, partitions int, replay bool, now int64) *played {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, programs, 0o600); err != nil {
		t.Fatal(err)
	}
	catalog, err := config.LoadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	return &played{
		T: t, path: path, source: programs, revisions: map[string]string{catalog.Revision: string(programs)}, partitions: partitions, next: map[string]int64{}, records: map[string][]Record{},
		Run: offline.NewRun(offline.RunOptions{Options: offline.Options{Catalog: catalog, Replay: replay}, Partitions: partitions, Now: now}),
	}
}

// produce writes a record to a topic by its key.
func (p *played) produce(topic string, rec pipelineevent.Record) {
	h := fnv.New32a()
	h.Write(rec.Key)
	partition := int(h.Sum32() % uint32(p.partitions))
	at := fmt.Sprint(topic, partition)
	r := Record{Partition: partition, Offset: p.next[at], Time: rec.Time, Key: rec.Key, Value: rec.Value}
	for _, header := range rec.Headers {
		r.Headers = append(r.Headers, Header{header.Key, header.Value})
	}
	p.next[at]++
	p.records[topic] = append(p.records[topic], r)
	p.ProduceTo(topic, partition, rec)
}

// papers are what the run has read and written.
func (p *played) papers() *papers {
	out := &papers{topics: map[string][]Record{}, tables: map[string][]Row{}}
	for topic, records := range p.records {
		out.topics[topic] = slices.Clone(records)
		slices.SortStableFunc(out.topics[topic], func(a, b Record) int { return a.Partition - b.Partition })
	}
	for _, topic := range []string{topicRewards, topicAttributions, topicSegments, topicCredits} {
		for i, m := range p.Messages(topic) {
			r := Record{Offset: int64(i), Time: p.Now(), Key: m.Key, Value: m.Value}
			for _, h := range m.Headers {
				r.Headers = append(r.Headers, Header{h.Key, h.Value})
			}
			out.topics[topic] = append(out.topics[topic], r)
		}
	}
	for _, table := range []string{
		"clicks", "members", "conversions", "adjustments", "attributions", "identity_links", "credits", "rewards", "fulfillments", "segment_events", "waiting_log",
	} {
		for _, r := range p.Rows(table) {
			out.tables[table] = append(out.tables[table], plainRow(r))
		}
	}
	for revision, text := range p.revisions {
		out.tables["configurations"] = append(out.tables["configurations"], Row{"config_revision": revision, "source": text})
	}
	p.addLetters(out)
	out.tables["waiting"] = waiting(out.tables)
	p.addViews(out)
	return out
}

func plainRow(r offline.Row) Row {
	row := Row{}
	for column, v := range r {
		row[column] = Plain(v, false)
		if days, ok := v.(int32); ok && column == "day" {
			row[column] = time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
		}
	}
	return row
}

// waiting is what the view of the name shows.
func waiting(tables map[string][]Row) (rows []Row) {
	for _, row := range tables["waiting_log"] {
		done := func(of Row) bool {
			return of.place() == row.place() && of.text("kafka_topic") == row.text("kafka_topic")
		}
		if !slices.ContainsFunc(slices.Concat(tables["adjustments"], tables["fulfillments"], tables["dead_letters"]), done) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (p *played) addLetters(out *papers) {
	for _, l := range p.Letters() {
		out.tables["dead_letters"] = append(out.tables["dead_letters"], Row{
			"kafka_topic": l.Position.Topic, "kafka_partition": int64(l.Position.Partition), "kafka_offset": l.Position.Offset, "reason": l.Reason, "detail": l.Detail,
		})
		for _, r := range out.topics[l.Position.Topic] {
			if r.Partition != l.Position.Partition || r.Offset != l.Position.Offset {
				continue
			}
			r.Headers = append(slices.Clone(r.Headers), Header{"gv_reason", []byte(l.Reason)}, Header{"gv_detail", []byte(l.Detail)},
				Header{"gv_topic", []byte(l.Position.Topic)}, Header{"gv_partition", []byte(strconv.Itoa(r.Partition))},
				Header{"gv_offset", []byte(strconv.FormatInt(r.Offset, 10))}, Header{"gv_time", []byte("2026-01-01T00:00:00.000Z")})
			r.Partition, r.Offset = 0, int64(len(out.topics[topicDeadLetters]))
			out.topics[topicDeadLetters] = append(out.topics[topicDeadLetters], r)
		}
	}
}

// addViews adds what the views say, by the judge itself: that ClickHouse says the
// same is for the tests with engines.
func (p *played) addViews(out *papers) {
	t, err := newTrial(p.Context(), p.judged(), out)
	if err == nil {
		err = t.run()
	}
	if err != nil {
		p.Fatal(err)
	}
	add := func(view, key string, of map[subject]*figures, row func(*figures) Row) {
		for s, f := range of {
			if f.nothing() {
				continue
			}
			r := row(f)
			r["org_id"], r["program_id"] = s.org, s.program
			if r[key] = s.of; key == "hour" {
				r[key], _ = instant(s.of)
			}
			out.tables[view] = append(out.tables[view], r)
		}
		slices.SortFunc(out.tables[view], func(a, b Row) int { return compareRows(a, b, []string{"org_id", "program_id", key}) })
	}
	add("program_daily", "day", t.views.days, (*figures).program)
	add("program_hourly", "hour", t.views.hours, (*figures).hourly)
	add("program_totals", "", t.views.totals, (*figures).program)
	add("referrer_totals", "referrer_id", t.views.referrers, (*figures).referrer)
	for of, b := range t.balances() {
		r := b.row()
		r["org_id"], r["program_id"], r["beneficiary_id"], r["currency"], r["unit"] = of.org, of.program, of.beneficiary, of.currency, of.unit
		out.tables["reward_balances"] = append(out.tables["reward_balances"], r)
	}
	slices.SortFunc(out.tables["reward_balances"], func(a, b Row) int {
		return compareRows(a, b, []string{"org_id", "program_id", "beneficiary_id", "currency", "unit"})
	})
}

// judged is the case of the run: everything that was due is over.
func (p *played) judged() *Case {
	return &Case{Programs: p.path, Earlier: p.earlier, Rest: time.UnixMilli(p.Now())}
}

// agree expects no difference.
func agree(t *testing.T, c *Case, e Evidence) Report {
	t.Helper()
	report, err := Try(t.Context(), c, e)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range report.Differences {
		if i == 12 {
			break
		}
		t.Error(d)
	}
	if report.Total > 12 {
		t.Errorf("%d differences in all", report.Total)
	}
	return report
}

// playGolden plays the worked case.
func playGolden(t *testing.T, partitions int) *played {
	t.Helper()
	events, err := golden.Events()
	if err != nil {
		t.Fatal(err)
	}
	p := play(t, golden.Programs(), partitions, partitions > 1, golden.WrittenAt)
	for i := range events {
		p.produce(events[i].Topic, events[i].Record)
		if i+1 < len(events) && events[i+1].Wave == events[i].Wave {
			continue
		}
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Tick(t.Context(), golden.WrittenAt+1); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestJudge_agrees_with_the_worked_case(t *testing.T) {
	for _, partitions := range []int{1, 8} {
		t.Run(fmt.Sprint(partitions, " partitions"), func(t *testing.T) {
			t.Parallel()
			p := playGolden(t, partitions)
			report := agree(t, p.judged(), p.papers())
			if report.Events != 1266 {
				t.Errorf("%d events were judged, not 1266", report.Events)
			}
			t.Log(report.Rows)
		})
	}
}
