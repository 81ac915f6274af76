package members

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

func TestMain(m *testing.M) {
	code := enginetest.Run(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func TestStage_rows_and_dead_letters(t *testing.T) {
	w := newWorld(t, 1)
	full := map[string]any{
		"status": "banned", "referral_codes": []string{"R"}, "coupon_codes": []string{"C"}, "segments": []string{"s"},
		"attributes": map[string]any{"a": "b", "n": 1.5, "t": true}, "locale": "de", "currency": "EUR", "email_hash": "h",
	}
	out := w.parts[0].batch(t, smooth,
		update("acme", "m", "e1", 10, full),
		update("nowhere", "m", "e2", 10, nil),
		event.Record{Time: kafkaTime, Key: []byte("acme/m"), Value: []byte("?")},
		update("acme", "m", "e1", 10, full), // redelivered
		tombstone("acme", "other"),
	)
	if got, want := counts(out), (map[string]int{"applied": 1, "unknown_program": 1, "invalid": 1, "redelivered": 1, "forgotten": 1}); !reflect.DeepEqual(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	b := out.Blocks[0]
	for name, want := range map[string]any{
		"org_id": []string{"acme", "acme"}, "program_id": []string{"", ""}, "member_id": []string{"m", "other"}, "time": []int64{10_000, kafkaTime},
		"event_id": []string{"e1", ""}, "source": []string{"crm", ""}, "kafka_offset": []int64{0, 4}, "kafka_partition": []int32{0, 0},
		"kafka_topic": []string{Topic, Topic}, "status": []string{"banned", ""}, "forgotten": []uint8{0, 1},
		"referral_codes": [][]string{{"R"}, {}}, "coupon_codes": [][]string{{"C"}, {}}, "segments": [][]string{{"s"}, {}},
		"attributes": []string{`{"a":"b","n":1.5,"t":true}`, "{}"}, "locale": []string{"de", ""}, "currency": []string{"EUR", ""}, "email_hash": []string{"h", ""},
	} {
		if got := column(t, b, name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	var letters []string
	for _, d := range out.DeadLetters {
		letters = append(letters, fmt.Sprint(d.Reason, " ", d.Original.Position.Offset, " ", string(d.Original.Key)))
	}
	if want := []string{"unknown_program 1 nowhere/m", "invalid 2 acme/m"}; !slices.Equal(letters, want) {
		t.Errorf("letters %q, want %q", letters, want)
	}
}

// Rewards are told of what was applied, in order, in the same bytes by whichever
// worker carries the batch out.
func TestStage_tells_rewards(t *testing.T) {
	want := []event.MemberChanged{
		{
			OrgID: "acme", MemberID: "m", Time: 10_000, Offset: 0, DecidedAt: kafkaTime, Status: event.Banned, Locale: "de", Currency: "EUR", Segments: []string{"s"},
			Attributes: []event.Attribute{{Key: "a", Kind: 's', String: "b"}, {Key: "n", Kind: 'n', Number: 1.5}, {Key: "t", Kind: 'b', Bool: true}},
		},
		{OrgID: "globex", MemberID: "m", Time: 5_000, Offset: 2, DecidedAt: kafkaTime, Status: event.Active},
		{OrgID: "acme", MemberID: "m", Time: kafkaTime, Offset: 4, DecidedAt: kafkaTime, Forgotten: true},
	}
	var before []pipeline.Message
	for _, how := range []crash{smooth, afterBegin, afterClaim, afterFill} {
		out := newWorld(t, 1).parts[0].batch(t, how,
			update("acme", "m", "e1", 10, map[string]any{
				"status": "banned", "referral_codes": []string{"R"}, "segments": []string{"s"}, "locale": "de", "currency": "EUR",
				"attributes": map[string]any{"a": "b", "n": 1.5, "t": true},
			}),
			update("acme", "m", "e1", 10, nil), // redelivered
			update("globex", "m", "e1", 5, nil),
			update("nowhere", "m", "e1", 5, nil),
			tombstone("acme", "m"),
		)
		var got []event.MemberChanged
		for _, m := range out.Messages {
			var in event.Inbound
			if p := event.DecodeCredits(&event.Record{Key: m.Key, Value: m.Value}, &in); p != nil || m.Topic != "referral.credits" || in.Type != event.TypeMemberChanged {
				t.Fatalf("%s: %q in %s", m.Topic, p, m.Value)
			}
			got = append(got, *in.Changed)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d: got  %+v\nwant %+v", how, got, want)
		}
		if before != nil && !reflect.DeepEqual(out.Messages, before) {
			t.Errorf("%d: the bytes differ", how)
		}
		before = out.Messages
	}
}

func TestStage_redeliveries_of_another_batch_and_worker(t *testing.T) {
	w := newWorld(t, 1)
	p := w.parts[0]
	p.batch(t, smooth, update("acme", "m", "e1", 10, nil))
	p.takeOver(t)
	out := p.batch(t, smooth, update("acme", "m", "e1", 20, nil), update("acme", "n", "e1", 20, nil), update("acme", "m", "e2", 20, nil))
	if got := counts(out); got["redelivered"] != 1 || got["applied"] != 2 {
		t.Errorf("%v", got)
	}
}

func TestStage_code_taken_by_the_record_of_now(t *testing.T) {
	w := newWorld(t, 1)
	w.parts[0].batch(t, smooth, update("acme", "keeper", "e1", 10, codes("TWICE")))
	out := w.parts[0].batch(t, smooth, update("acme", "thief", "e2", 20, codes("TWICE", "OWN")))
	if len(out.DeadLetters) != 1 {
		t.Fatalf("%+v", out.DeadLetters)
	}
	d := out.DeadLetters[0]
	if d.Reason != "code_taken" || d.Detail != `the referral code "TWICE" is held by "keeper"` || d.EventID != "e2" || d.Source != "crm" ||
		d.Original.Position != (pipeline.Position{Topic: Topic, Offset: 1}) || len(d.Original.Headers) != 1 ||
		!strings.Contains(string(d.Original.Value), `"e2"`) {
		t.Errorf("%+v %+v", d, d.Original)
	}
	if w.owner(t, member.Referral, "TWICE", 30) != "keeper" || w.owner(t, member.Referral, "OWN", 30) != "thief" || w.owner(t, member.Coupon, "OWN", 30) != "" {
		t.Error("the codes are another's")
	}
	if w.rows != 2 {
		t.Errorf("%d rows: the update is applied, without the code", w.rows)
	}
}

func TestStage_code_taken_from_a_record_of_before(t *testing.T) {
	w := newWorld(t, 2)
	w.parts[1].batch(t, smooth, update("acme", "late", "e1", 20, codes("C")))
	out := w.parts[0].batch(t, smooth, update("acme", "early", "e2", 10, codes("C")))
	if len(out.DeadLetters) != 1 {
		t.Fatalf("%+v", out.DeadLetters)
	}
	if d := out.DeadLetters[0]; d.EventID != "e1" || d.Original.Position.Partition != 1 || string(d.Original.Key) != "acme/late" {
		t.Errorf("%+v", d)
	}
	again := w.parts[0].batch(t, smooth, update("acme", "early", "e3", 30, codes("C")))
	if len(again.DeadLetters) != 0 {
		t.Errorf("reported twice: %+v", again.DeadLetters)
	}
}

// A detail travels as a header, and a member may list as many codes as fit in a MiB.
func TestStage_code_taken_tells_of_many_codes_in_short(t *testing.T) {
	w := newWorld(t, 1)
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprint(i, strings.Repeat("é", 200)))
	}
	w.parts[0].batch(t, smooth, update("acme", "keeper", "e1", 10, codes(many...)))
	out := w.parts[0].batch(t, smooth, update("acme", "thief", "e2", 20, codes(many...)))
	if len(out.DeadLetters) != 1 {
		t.Fatalf("%d dead letters", len(out.DeadLetters))
	}
	if d := out.DeadLetters[0].Detail; len(d) > 8<<10 || !strings.HasPrefix(d, `the referral code "0é`) || !strings.HasSuffix(d, "; and 1980 more") {
		t.Errorf("a detail of %d bytes: %.100s", len(d), d)
	}
}

// An update that replaces another of its time sets free what that one held, and
// so another's earlier claim comes before a third's.
func TestStage_code_taken_when_an_update_is_replaced(t *testing.T) {
	w := newWorld(t, 2)
	w.parts[0].batch(t, smooth, update("acme", "a", "e1", 2, codes("C")), update("acme", "a", "e2", 4, codes()))
	w.parts[1].batch(t, smooth, update("acme", "b", "e3", 3, codes("C")))
	w.parts[0].batch(t, smooth, update("acme", "c", "e4", 5, codes("C")))
	out := w.parts[0].batch(t, smooth, update("acme", "a", "e5", 2, codes()))
	if len(out.DeadLetters) != 1 || out.DeadLetters[0].EventID != "e4" {
		t.Errorf("%+v", out.DeadLetters)
	}
}

func TestStage_two_partitions_at_once_report_once(t *testing.T) {
	for _, how := range []crash{smooth, afterBegin, afterClaim, afterFill} {
		w := newWorld(t, 2)
		w.afterApply = func() { w.parts[1].batch(t, smooth, update("acme", "b", "e2", 20, codes("C"))) }
		w.parts[0].batch(t, how, update("acme", "a", "e1", 10, codes("C")))
		if len(w.letters) != 1 || w.letters[0].EventID != "e2" {
			t.Errorf("%d: %+v", how, w.letters)
		}
	}
}

func TestStage_a_forgotten_member_leaves_nothing(t *testing.T) {
	w := newWorld(t, 1)
	p := w.parts[0]
	p.batch(t, smooth, update("acme", "m", "e1", 10, codes("C")), update("acme", "m", "e2", 10, codes("D")), update("acme", "n", "e3", 15, codes("C")))
	p.batch(t, smooth, update("acme", "m", "e4", 20, codes("C")), tombstone("acme", "m"))
	for key, fields := range w.shared {
		for field := range fields {
			if strings.Contains(key, "acmem") || field == "m" {
				t.Errorf("%s %s is left", key, field)
			}
		}
	}
	if got := w.owner(t, member.Referral, "C", 30); got != "n" {
		t.Errorf("the code is %q's", got)
	}
	p.batch(t, smooth, tombstone("acme", "m"), update("acme", "m", "e5", 30, codes("D")))
	if got := w.owner(t, member.Referral, "D", 5); got != "m" {
		t.Errorf("the code is %q's", got)
	}
}

func TestStage_every_batch_claims(t *testing.T) {
	w := newWorld(t, 1)
	w.parts[0].batch(t, smooth, event.Record{Time: kafkaTime, Value: []byte("?")})
	if w.parts[0].claimed != 1 {
		t.Error("a batch without claims did not visit the slot groups")
	}
}

// Whatever the order of arrival, the partitions, the crashes and who comes in
// between: codes belong to who they belong to by the updates alone, and every
// update that lost a code is reported exactly once.
func TestStage_codes_do_not_depend_on_arrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, 2)
		var known [3][]member.Update
		var offset [2]int64
		draw := func(partition int) (records []event.Record) {
			for range rapid.IntRange(1, 3).Draw(t, "records") {
				m := rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "member")
				if m%2 != partition { // a, c on 0; b on 1
					continue
				}
				list := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"C", "D"}), 0, 2, rapid.ID[string]).Draw(t, "codes")
				seconds := rapid.Int64Range(1, 6).Draw(t, "time")
				id := fmt.Sprint("e", partition, "-", offset[partition])
				records = append(records, update("acme", string(rune('a'+m)), id, seconds, codes(list...)))
				known[m] = append(known[m], member.Update{Time: seconds * 1000, Partition: partition, Offset: offset[partition], ReferralCodes: list})
				offset[partition]++
			}
			return records
		}
		for range rapid.IntRange(1, 6).Draw(t, "batches") {
			first := rapid.IntRange(0, 1).Draw(t, "partition")
			if rapid.Bool().Draw(t, "another in between") {
				other := draw(1 - first)
				w.afterApply = func() { w.parts[1-first].batch(t, smooth, other...) }
			}
			how := rapid.SampledFrom([]crash{smooth, afterBegin, afterClaim, afterFill}).Draw(t, "crash")
			w.parts[first].batch(t, how, draw(first)...)
		}
		reported := map[string]int{}
		for _, d := range w.letters {
			reported[fmt.Sprint(d.Original.Position.Partition, ".", d.Original.Position.Offset)]++
		}
		for _, code := range []string{"C", "D"} {
			var histories []*member.History
			for m := range known {
				histories = append(histories, member.NewHistory(string(rune('a'+m)), slices.Clone(known[m])))
			}
			want := member.Settle(member.Referral, code, histories)
			for s := int64(0); s < 8; s++ {
				if got := w.owner(t, member.Referral, code, s); got != want.OwnerAt(s*1000) {
					t.Fatalf("%s at %d: %q, want %q", code, s, got, want.OwnerAt(s*1000))
				}
			}
			for _, l := range want.Losses {
				if n := reported[place(l.Update.Partition, l.Update.Offset)]; n != 1 {
					t.Fatalf("the loss of %s by %s is reported %d times", code, l.MemberID, n)
				}
			}
		}
		for at, n := range reported {
			if n != 1 {
				t.Fatalf("%s is reported %d times", at, n)
			}
		}
	})
}

func TestDirectory_answers_as_of_a_time(t *testing.T) {
	w := newWorld(t, 1)
	w.parts[0].batch(t, smooth,
		update("acme", "m", "e1", 10, map[string]any{"status": "active", "locale": "en", "referral_codes": []string{"R"}}),
		update("acme", "m", "e2", 20, map[string]any{"status": "banned", "locale": "de", "referral_codes": []string{"R"}}),
		update("globex", "m", "e3", 10, map[string]any{"coupon_codes": []string{"R"}}),
	)
	ctx := context.Background()
	d := NewDirectory(w, 100)
	members, err := d.Members(ctx, pipeline.Progress{}, []MemberQuery{{"acme", "m", 0}, {"acme", "m", 20_000}, {"acme", "x", 0}, {"globex", "m", 0}, {"acme", "", 0}})
	if err != nil {
		t.Fatal(err)
	}
	if members[0].Locale != "en" || members[1].Locale != "de" || members[2] != nil || members[3] == nil || members[4] != nil {
		t.Errorf("%+v", members)
	}
	referrers, err := d.Referrers(ctx, pipeline.Progress{}, []ReferrerQuery{
		{"acme", "", "R", 15_000}, {"acme", "", "R", 25_000}, {"acme", "m", "", 25_000}, {"acme", "stranger", "R", 25_000}, {"globex", "", "R", 25_000},
	})
	want := []Referrer{{"m", false}, {"m", true}, {"", true}, {"m", false}, {"", false}}
	if err != nil || !slices.Equal(referrers, want) {
		t.Errorf("%+v, %v", referrers, err)
	}
}

func TestDirectory_reads_again_when_members_moved(t *testing.T) {
	w := newWorld(t, 1)
	ctx, d := context.Background(), NewDirectory(w, 100)
	ask := func(numbers ...uint64) (owner string, reads int) {
		t.Helper()
		before := w.reads
		owners, err := d.Owners(ctx, pipeline.Progress{Numbers: map[string][]uint64{Topic: numbers}}, []CodeQuery{{"acme", member.Referral, "C", 0}, {"acme", member.Referral, "C", 1}})
		if err != nil {
			t.Fatal(err)
		}
		return owners[0], w.reads - before
	}
	if owner, reads := ask(0); owner != "" || reads != 1 {
		t.Errorf("%q after %d reads", owner, reads)
	}
	w.parts[0].batch(t, smooth, update("acme", "m", "e1", 10, codes("C")))
	if owner, reads := ask(0); owner != "" || reads != 0 {
		t.Errorf("what is not there is not kept: %q after %d reads", owner, reads)
	}
	if owner, reads := ask(1); owner != "m" || reads != 2 {
		t.Errorf("%q after %d reads", owner, reads)
	}
	if owner, reads := ask(0, 0); owner != "m" || reads != 2 {
		t.Errorf("another partition came: %q after %d reads", owner, reads)
	}
	if owner, reads := ask(1); owner != "m" || reads != 0 {
		t.Errorf("an older question: %q after %d reads", owner, reads)
	}
}

// However little it keeps, a directory answers as one that keeps everything.
func TestDirectory_is_bounded(t *testing.T) {
	w := newWorld(t, 1)
	var records []event.Record
	for i := range 20 {
		records = append(records, update("acme", fmt.Sprint("m", i), fmt.Sprint("e", i), int64(i+1), codes(fmt.Sprint("C", i))))
	}
	w.parts[0].batch(t, smooth, records...)
	small, large := NewDirectory(w, 1), NewDirectory(w, 1000)
	rapid.Check(t, func(t *rapid.T) {
		queries := rapid.SliceOf(rapid.Custom(func(t *rapid.T) ReferrerQuery {
			q := ReferrerQuery{OrgID: "acme", At: rapid.Int64Range(0, 25_000).Draw(t, "at")}
			if i := rapid.IntRange(0, 21).Draw(t, "code"); i > 0 {
				q.Code = fmt.Sprint("C", i)
			}
			if i := rapid.IntRange(0, 21).Draw(t, "member"); i > 0 {
				q.ReferrerID = fmt.Sprint("m", i)
			}
			return q
		})).Draw(t, "queries")
		got, err := small.Referrers(context.Background(), pipeline.Progress{}, queries)
		if err != nil {
			t.Fatal(err)
		}
		want, err := large.Referrers(context.Background(), pipeline.Progress{}, queries)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v, %v", got, want, err)
		}
		if n := len(small.shelf.members) + len(small.shelf.codes) + len(small.old.members) + len(small.old.codes); n > 3 {
			t.Fatalf("%d are kept", n)
		}
	})
}

func BenchmarkReferrers(b *testing.B) {
	w := newWorld(b, 1)
	var records []event.Record
	for i := range 1000 {
		records = append(records, update("acme", fmt.Sprint("m", i), fmt.Sprint("e", i), int64(i+1), codes(fmt.Sprint("C", i))))
	}
	w.parts[0].batch(b, smooth, records...)
	d := NewDirectory(w, DefaultDirectoryLimit)
	queries := make([]ReferrerQuery, 20_000)
	for i := range queries {
		queries[i] = ReferrerQuery{OrgID: "acme", Code: fmt.Sprint("C", i%1000), At: 5_000}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Referrers(context.Background(), pipeline.Progress{}, queries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(queries)), "ns/click")
}

// The names of headers are any bytes, and a member may list any number of codes
// within the size of an event: no record holds the partition up.
func TestStage_takes_what_no_reader_would_expect(t *testing.T) {
	w := newWorld(t, 1)
	many := make([]string, 140_000)
	for i := range many {
		many[i] = strconv.FormatInt(int64(i), 36)
	}
	large := update("acme", "large", "e1", 10, codes(many...))
	if len(large.Value) > event.MaxValueBytes {
		t.Fatalf("%d bytes", len(large.Value))
	}
	bytes := []event.Header{{Key: "\xff\xfe", Value: []byte("\xfd")}}
	odd, broken := update("acme", "odd", "e2", 20, codes("ODD")), update("acme", "broken", "e3", 30, nil)
	odd.Headers, broken.Headers, broken.Value = bytes, bytes, []byte("\xff")
	for _, how := range []crash{afterBegin, afterFill} {
		w.parts[0].batch(t, how, large, odd, broken)
		large.Value, odd.Value = update("acme", "large", "e4", 40, codes(many...)).Value, update("acme", "thief", "e5", 50, codes("ODD")).Value
		odd.Key = []byte("acme/thief")
	}
	if got := w.owner(t, member.Referral, many[77_777], 60); got != "large" {
		t.Errorf("the code belongs to %q", got)
	}
	var letters []string
	for _, l := range w.letters {
		letters = append(letters, l.Reason+" "+l.Original.Headers[0].Key)
	}
	if want := []string{"invalid \xff\xfe", "invalid \xff\xfe", "code_taken \xff\xfe"}; !slices.Equal(letters, want) {
		t.Errorf("letters %q, want %q", letters, want)
	}
}
