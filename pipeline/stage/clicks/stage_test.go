package clicks

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/bookshelf"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/click"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/recall"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

const day = int64(86_400_000)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// world is what the stage asks: one program, a few members, a partition's memory.
type world struct {
	pipeline.Memory
	books   bookshelf.Shelf
	values  map[string][]byte
	secrets [][click.SecretBytes]byte
	offset  int64
	number  uint64

	catalog  *program.Catalog
	messages []pipeline.Message
}

func newWorld() *world {
	return &world{values: map[string][]byte{}, secrets: [][click.SecretBytes]byte{{1}}, catalog: catalog}
}

func (w *world) Get(_ context.Context, keys []string) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		out[i] = w.values[k]
	}
	return out, nil
}

func (w *world) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return volatile.Tails(w.values, asks), nil
}

func (w *world) Revision(context.Context, string) (*program.Catalog, error) { return w.catalog, nil }

var catalog = &program.Catalog{
	Bots: program.BotRules{Networks: []program.BotNetwork{{Name: "lab", CIDR: "198.51.100.0/24"}}},
	Orgs: map[string]*program.Org{"o": {ID: "o", Programs: map[string]*program.Program{"p": {OrgID: "o", ID: "p", Versions: []*program.Version{
		{ValidFrom: start, ValidTo: start + 30*day, Currency: "USD", Zone: time.UTC, DedupeWindow: time.Hour},
	}}}}},
}

// Referrers knows that ann holds CODE, and that mallory is banned.
func (w *world) Referrers(_ context.Context, _ pipeline.Progress, questions []Question) ([]Answer, error) {
	out := make([]Answer, len(questions))
	for i, q := range questions {
		if q.Code == "CODE" {
			out[i].Owner = "ann"
		}
		out[i].Banned = q.ReferrerID == "mallory"
	}
	return out, nil
}

// clickAt is one click; the zero fields take what most tests want.
type clickAt struct {
	id, program, referrer, code, visitor, link, ip, agent string
	at                                                    time.Duration // after start
	replayed                                              bool
}

func (c clickAt) record(offset int64) event.Record {
	programID := c.program
	if programID == "" {
		programID = "p"
	}
	referrer := ""
	if c.referrer != "" {
		referrer = fmt.Sprintf(`"referrer_id":%q,`, c.referrer)
	}
	if c.code != "" {
		referrer += fmt.Sprintf(`"referral_code":%q,`, c.code)
	}
	who := fmt.Sprintf(`"visitor_id":%q`, c.visitor)
	if c.visitor == "" {
		who = fmt.Sprintf(`"ip":%q,"user_agent":%q`, c.ip, c.agent)
	} else if c.ip != "" {
		who += fmt.Sprintf(`,"ip":%q,"user_agent":%q`, c.ip, c.agent)
	}
	link := ""
	if c.link != "" {
		link = fmt.Sprintf(`,"link_id":%q`, c.link)
	}
	at := start + c.at.Milliseconds()
	value := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"s","type":"referral.click.recorded.v1","time":%q,"orgid":"o","programid":%q,"data":{%s%s%s}}`,
		c.id, time.UnixMilli(at).UTC().Format(time.RFC3339Nano), programID, referrer, who, link)
	rec := event.Record{Offset: offset, Time: start + 60*day, Value: []byte(value)}
	if c.visitor != "" {
		rec.Key = []byte(c.visitor)
	}
	if c.replayed {
		rec.Headers = append(rec.Headers, event.Header{Key: event.OriginOffset, Value: []byte("7")})
	}
	return rec
}

// process takes one batch through the stage as the loop does, and returns the
// verdicts in order.
func (w *world) process(t testing.TB, batch ...clickAt) []string {
	t.Helper()
	ctx := t.Context()
	s := &Stage{Catalogs: w, Directory: w, Books: &w.books, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{9}), Secrets: w.secrets,
		Retention: func() time.Duration { return 73 * time.Hour }}
	worker, err := s.TakeOver(ctx, &pipeline.Session{Memory: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	check(t, err)
	var records []event.Record
	for _, c := range batch {
		records = append(records, c.record(w.offset))
		w.offset++
	}
	w.number++
	bounds := pipeline.Bounds{Number: w.number, Time: start, Partition: pipeline.Partition{Topic: Topic, ID: 1}}
	first, err := worker.Decode(bounds, records)
	check(t, err)
	check(t, first.LookUp(ctx, pipeline.Progress{}))
	facts, err := first.Facts()
	check(t, err)
	if facts != nil {
		t.Fatal("clicks claim nothing")
	}
	check(t, first.Decide())
	record, err := first.Record()
	check(t, err)
	check(t, first.TakeRecord(record))
	outcome, err := first.Outcome(ctx)
	check(t, err)

	// A replay by another worker comes to the same rows.
	second, err := worker.Decode(bounds, records)
	check(t, err)
	check(t, second.TakeRecord(record))
	again, err := second.Outcome(ctx)
	check(t, err)
	if a, b := fmt.Sprint(outcome.Blocks, outcome.Messages), fmt.Sprint(again.Blocks, again.Messages); a != b {
		t.Fatalf("a replay writes\n%s\nand not\n%s", b, a)
	}
	w.messages = append(w.messages, outcome.Messages...)
	w.books.Write(outcome.Blocks)

	for _, kv := range outcome.Writes.Set {
		w.values[kv.Key] = kv.Value
	}
	for _, kv := range outcome.Writes.Append {
		w.values[kv.Key] = append(w.values[kv.Key], kv.Value...)
	}
	verdicts := make([]string, len(batch))
	for i := range verdicts {
		verdicts[i] = string(verdictOf(record, i, t))
	}
	return verdicts
}

func verdictOf(data []byte, i int, t testing.TB) click.Verdict {
	var rec record
	check(t, decodeRecord(data, &rec))
	return verdicts[rec.Outcomes[i]]
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStage_verdicts(t *testing.T) {
	const browser = "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"
	tests := []struct {
		name    string
		batches [][]clickAt
		want    []string
	}{
		{"a second click within the window is a duplicate, at the window it is not", [][]clickAt{{
			{id: "1", referrer: "ann", visitor: "v"},
			{id: "2", referrer: "ann", visitor: "v", at: time.Hour - time.Millisecond},
			{id: "3", referrer: "ann", visitor: "v", at: time.Hour},
		}}, []string{"unique", "duplicate", "unique"}},
		{"the same over batches", [][]clickAt{
			{{id: "1", referrer: "ann", visitor: "v"}},
			{{id: "2", referrer: "ann", visitor: "v", at: time.Minute}},
			{{id: "3", referrer: "ann", visitor: "v", at: 2 * time.Hour}},
		}, []string{"unique", "duplicate", "unique"}},
		{"the window reaches both ways: last counted follows the partition", [][]clickAt{{
			{id: "1", referrer: "ann", visitor: "v", at: 5 * time.Hour},
			{id: "2", referrer: "ann", visitor: "v", at: 4*time.Hour + time.Minute},
			{id: "3", referrer: "ann", visitor: "v", at: 3 * time.Hour},
			{id: "4", referrer: "ann", visitor: "v", at: 5 * time.Hour},
		}}, []string{"unique", "duplicate", "unique", "unique"}},
		{"another referrer, link or visitor is another key", [][]clickAt{{
			{id: "1", referrer: "ann", visitor: "v"},
			{id: "2", referrer: "bob", visitor: "v"},
			{id: "3", referrer: "ann", visitor: "v", link: "l"},
			{id: "4", referrer: "ann", visitor: "w"},
		}}, []string{"unique", "unique", "unique", "unique"}},
		{"a redelivery is dropped, in the batch and later, also of a duplicate", [][]clickAt{
			{{id: "1", referrer: "ann", visitor: "v"}, {id: "1", referrer: "ann", visitor: "v"}, {id: "2", referrer: "ann", visitor: "v"}},
			{{id: "2", referrer: "ann", visitor: "v"}, {id: "1", referrer: "ann", visitor: "v", at: 9 * time.Hour}},
		}, []string{"unique", "redelivered", "duplicate", "redelivered", "redelivered"}},
		{"the same id with another referrer is another event", [][]clickAt{{
			{id: "1", referrer: "ann", visitor: "v"}, {id: "1", referrer: "bob", visitor: "v"},
		}}, []string{"unique", "unique"}},
		{"before bot comes banned, before banned inactive", [][]clickAt{{
			{id: "1", referrer: "mallory", visitor: "v", ip: "198.51.100.7", agent: browser, at: -time.Hour},
			{id: "2", referrer: "mallory", visitor: "v", ip: "198.51.100.7", agent: browser},
			{id: "3", referrer: "ann", visitor: "v", ip: "198.51.100.7", agent: browser},
			{id: "4", referrer: "ann", visitor: "v", ip: "192.0.2.7", agent: browser},
		}}, []string{"inactive", "banned", "bot", "unique"}},
		{"dead letters remember nothing", [][]clickAt{
			{{id: "1", program: "nowhere", referrer: "ann", visitor: "v"}, {id: "2", code: "NOPE", visitor: "v"}, {id: "3", code: "CODE", referrer: "bob", visitor: "v"}},
			{{id: "2", code: "CODE", visitor: "v"}, {id: "4", referrer: "ann", visitor: "v"}},
		}, []string{"unknown_program", "unknown_referral_code", "invalid", "unique", "duplicate"}},
		{"without a visitor, ip and user agent are the actor", [][]clickAt{{
			{id: "1", referrer: "ann", ip: "192.0.2.7", agent: browser},
			{id: "2", referrer: "ann", ip: "192.0.2.7", agent: browser},
			{id: "3", referrer: "ann", ip: "192.0.2.8", agent: browser},
		}}, []string{"unique", "duplicate", "unique"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			var got []string
			for _, batch := range tt.batches {
				got = append(got, w.process(t, batch...)...)
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("got  %v\nwant %v", got, tt.want)
			}
		})
	}
}

// A producer without visitor ids may key clicks by ip and user agent: raw, they
// stand in the topic of dead letters alone.
func TestStage_withholds_ip_and_user_agent_from_the_books(t *testing.T) {
	const ip, agent = "192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0"
	w := newWorld()
	for name, c := range map[string]struct {
		click   clickAt
		key     string
		private []string
	}{
		"no visitor":    {clickAt{id: "1", program: "nowhere", referrer: "ann", ip: ip, agent: agent}, ip + "|" + agent, []string{ip, agent}},
		"another key":   {clickAt{id: "2", referrer: "ann", visitor: "v", ip: ip, agent: agent}, ip + "|" + agent, []string{ip, agent}},
		"the visitor's": {clickAt{id: "3", program: "nowhere", referrer: "ann", visitor: ip, ip: ip, agent: agent}, ip, nil},
	} {
		rec := c.click.record(0)
		rec.Key = []byte(c.key)
		letters := w.outcome(t, rec).DeadLetters
		if len(letters) != 1 || !slices.Equal(letters[0].Private, c.private) {
			t.Errorf("%s: %+v", name, letters)
		}
		if d := letters[0].Detail; c.private != nil && (strings.Contains(d, ip) || strings.Contains(d, "Firefox")) {
			t.Errorf("%s: the detail tells %q", name, d)
		}
	}
}

// outcome is what becomes of one record, which is then forgotten.
func (w *world) outcome(t testing.TB, rec event.Record) pipeline.Outcome {
	t.Helper()
	s := &Stage{Catalogs: w, Directory: w, Limits: event.DefaultLimits, Recall: recall.NewHasher([16]byte{9}), Secrets: w.secrets,
		Retention: func() time.Duration { return 73 * time.Hour }}
	worker, err := s.TakeOver(t.Context(), &pipeline.Session{Memory: w, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	check(t, err)
	work, err := worker.Decode(pipeline.Bounds{Number: 1, Time: start}, []event.Record{rec})
	check(t, err)
	check(t, work.LookUp(t.Context(), pipeline.Progress{}))
	check(t, work.Decide())
	record, err := work.Record()
	check(t, err)
	check(t, work.TakeRecord(record))
	outcome, err := work.Outcome(t.Context())
	check(t, err)
	return outcome
}

func TestStage_rotated_secret_still_knows_what_was_clicked(t *testing.T) {
	c := clickAt{id: "1", referrer: "ann", ip: "192.0.2.7", agent: "Mozilla/5.0 Firefox"}
	w := newWorld()
	w.process(t, c)
	w.secrets = [][click.SecretBytes]byte{{2}, {1}}
	later := c
	later.id = "2"
	if got := w.process(t, c, later); !slices.Equal(got, []string{"redelivered", "duplicate"}) {
		t.Fatalf("under the new secret: %v", got)
	}
	w.secrets = [][click.SecretBytes]byte{{3}}
	if got := w.process(t, c); !slices.Equal(got, []string{"unique"}) {
		t.Fatalf("without the old secret: %v", got)
	}
}

// Where batches end makes no difference.
func TestStage_verdicts_do_not_depend_on_batches(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(rt, "clicks")
		all := make([]clickAt, n)
		for i := range all {
			all[i] = clickAt{
				id:       fmt.Sprint(rapid.IntRange(0, 20).Draw(rt, "id")),
				referrer: rapid.SampledFrom([]string{"ann", "bob", "mallory"}).Draw(rt, "referrer"),
				visitor:  rapid.SampledFrom([]string{"v", "w"}).Draw(rt, "visitor"),
				at:       time.Duration(rapid.IntRange(0, 10).Draw(rt, "at")) * 20 * time.Minute,
			}
		}
		want := newWorld().process(t, all...)
		w := newWorld()
		var got []string
		for rest := all; len(rest) > 0; {
			k := rapid.IntRange(1, len(rest)).Draw(rt, "batch")
			got = append(got, w.process(t, rest[:k]...)...)
			rest = rest[k:]
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("in batches %v, at once %v", got, want)
		}
	})
}
