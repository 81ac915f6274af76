package simulate

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

var start = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func options(t *rapid.T) Options {
	return Options{
		Seed: rapid.Uint64().Draw(t, "seed"), Start: start, Span: time.Minute,
		Programs: []Program{
			{OrgID: "acme", ID: "a", Currency: "EUR", DedupeWindow: time.Hour},
			{OrgID: "acme", ID: "b", Currency: "USD", DedupeWindow: 3 * time.Second},
			{OrgID: "other", ID: "a", Currency: "JPY", DedupeWindow: 0},
		},
		Clicks:     rapid.IntRange(0, 3000).Draw(t, "clicks"),
		Duplicates: rapid.Float64Range(0, 0.5).Draw(t, "duplicates"), Redelivered: rapid.Float64Range(0, 0.3).Draw(t, "redelivered"),
		Bots: rapid.Float64Range(0, 0.2).Draw(t, "bots"), Codes: rapid.Float64Range(0, 1).Draw(t, "codes"),
		Visitors: rapid.IntRange(1, 2000).Draw(t, "visitors"), Referrers: rapid.IntRange(1, 50).Draw(t, "referrers"), Members: rapid.IntRange(0, 60).Draw(t, "members"),
	}
}

// TestTruth_is_what_a_plain_count_of_the_events_finds decides every event anew,
// by the letter of the contract, from nothing but its bytes.
func TestTruth_is_what_a_plain_count_of_the_events_finds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := options(t)
		s := newSimulation(o, nil)
		got := newCounter(o)
		for i := range o.Clicks {
			c := s.clicker.next(start.UnixMilli() + int64(i)*60_000/int64(o.Clicks))
			got.click(t, s.people.appendVisitor(nil, c.visitor), s.renderer.click(nil, &c))
		}
		for i, want := range s.truth().Programs {
			if got.programs[i] != want {
				t.Fatalf("got  %+v\nwant %+v", got.programs[i], want)
			}
		}
	})
}

// counter is a plain second implementation of the verdicts.
type counter struct {
	windows  []time.Duration
	programs []ProgramTruth
	taken    map[string]bool
	last     map[string]time.Time
	visitors map[string]bool
}

func newCounter(o Options) *counter {
	c := &counter{taken: make(map[string]bool), last: make(map[string]time.Time), visitors: make(map[string]bool)}
	for _, p := range o.Programs {
		c.windows = append(c.windows, p.DedupeWindow)
		c.programs = append(c.programs, ProgramTruth{OrgID: p.OrgID, ProgramID: p.ID, Currency: p.Currency})
	}
	return c
}

func (c *counter) click(t *rapid.T, key, value []byte) {
	var click event.Click
	if problems := event.DecodeClick(&event.Record{Key: key, Value: value, Time: start.Add(time.Hour).UnixMilli()}, &click, event.DefaultLimits); problems != nil {
		t.Fatalf("%v: %s", problems, value)
	}
	i := 0
	for c.programs[i].OrgID != click.OrgID || c.programs[i].ProgramID != click.ProgramID {
		i++
	}
	p, at := &c.programs[i], time.UnixMilli(click.Time)
	if c.taken[click.ID] {
		p.RedeliveredClicks++
		return
	}
	c.taken[click.ID] = true
	p.Clicks++
	who := click.OrgID + click.ProgramID + click.VisitorID
	id := who + click.LinkID + click.ReferrerID + click.ReferralCode
	last, counted := c.last[id]
	switch {
	case click.UserAgent[0] == 'f' || len(click.UserAgent) > 24 && click.UserAgent[13:24] == "compatible;":
		p.BotClicks++
	case counted && at.Sub(last).Abs() < c.windows[i]:
		p.DuplicateClicks++
	default:
		p.UniqueClicks++
		c.last[id] = at
		if !c.visitors[who] {
			c.visitors[who] = true
			p.Visitors++
		}
	}
}

func TestEvents_decode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := options(t)
		s := newSimulation(o, nil)
		for m := range uint32(o.Members) {
			value := s.renderer.member(nil, m, start.UnixMilli())
			org := s.people.orgs[m%uint32(len(s.people.orgs))]
			record := event.Record{Key: appendMember([]byte(org+"/"), m), Value: value, Time: start.UnixMilli()}
			var member event.Member
			if problems := event.DecodeMember(&record, &member, event.DefaultLimits); problems != nil {
				t.Fatalf("%v: %s", problems, value)
			}
		}
		visitor := rapid.Uint32Range(0, uint32(o.Visitors-1)).Draw(t, "visitor")
		c := conversion{n: 1, time: start.UnixMilli(), visitor: visitor, program: s.people.programOf(visitor), currency: "EUR"}
		c.kind, c.amount = purchase(rand.New(rand.NewPCG(o.Seed, 1)))
		value := s.renderer.conversion(nil, &c)
		record := event.Record{Key: s.people.appendCustomer(nil, visitor), Value: value, Time: start.UnixMilli()}
		var decoded event.Decoded
		if problems := event.DecodeConversions(&record, &decoded, event.DefaultLimits); problems != nil {
			t.Fatalf("%v: %s", problems, value)
		}
		if !json.Valid(value) {
			t.Fatalf("no JSON: %s", value)
		}
	})
}

func TestClicks_are_of_about_450_bytes(t *testing.T) {
	o := Options{Seed: 1, Start: start, Programs: []Program{{OrgID: "acme", ID: "us-store", Currency: "USD"}}, Visitors: 1000, Referrers: 100}
	s := newSimulation(o, nil)
	size := 0
	for range 1000 {
		c := s.clicker.next(start.UnixMilli())
		size += len(s.renderer.click(nil, &c))
	}
	if mean := size / 1000; mean < 400 || mean > 600 {
		t.Errorf("%d bytes", mean)
	}
}

func TestCheck_names_every_problem(t *testing.T) {
	err := Options{Duplicates: 0.9, Bots: 0.9, Rate: -1, Clicks: -1}.Check()
	for _, want := range []string{"more than all clicks", "no program", "visitors must", "referrers must", "rate must"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func BenchmarkClicks(b *testing.B) {
	o := Options{
		Seed: 1, Start: start, Span: time.Minute, Duplicates: 0.1, Visitors: 250_000, Referrers: 1000,
		Programs: []Program{{OrgID: "acme", ID: "us-store", Currency: "USD", DedupeWindow: time.Hour}},
	}
	s := newSimulation(o, nil)
	var to []byte
	b.ReportAllocs()
	for b.Loop() {
		c := s.clicker.next(start.UnixMilli())
		to = s.renderer.click(to[:0], &c)
	}
	b.SetBytes(int64(len(to)))
}
