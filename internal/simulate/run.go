package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// Topics are the topics to write to, by their names in Kafka.
type Topics struct{ Clicks, Conversions, Members string }

// Progress is told of now and then.
type Progress struct {
	Members, Clicks, Conversions int64        // made so far
	Acknowledged                 int64        // events that Kafka has
	Truth                        ProgramTruth // of all programs together, so far
}

// tick is how often paced traffic is written.
const tick = 50 * time.Millisecond

// simulation is one run.
type simulation struct {
	options  Options
	people   *population
	clicker  *clicker
	renderer *renderer
	counts   *counts
	random   *rand.Rand

	members, clicks, conversions *writer
	acked                        atomic.Int64
	converted                    uint64
	key                          []byte
	tell                         func(Progress)
	told                         time.Time
}

// Run makes the traffic and writes it. It returns when Kafka has acknowledged all
// of it with what must come of it, also when ctx ends traffic without end; an
// error tells how much Kafka has acknowledged. tell may be nil.
func Run(ctx context.Context, client *kafka.Client, topics Topics, o Options, tell func(Progress)) (Truth, error) {
	if err := o.Check(); err != nil {
		return Truth{}, err
	}
	s := newSimulation(o, tell)
	// Traffic that is interrupted still writes what it has counted.
	writing := context.WithoutCancel(ctx)
	for _, topic := range []struct {
		name string
		to   **writer
	}{{topics.Members, &s.members}, {topics.Clicks, &s.clicks}, {topics.Conversions, &s.conversions}} {
		w, err := newWriter(writing, client, topic.name, &s.acked)
		if err != nil {
			return Truth{}, err
		}
		defer w.close()
		*topic.to = w
	}
	if err := s.run(ctx); err != nil {
		return s.truth(), fmt.Errorf("%w; %d events had been acknowledged", err, s.acked.Load())
	}
	return s.truth(), nil
}

func newSimulation(o Options, tell func(Progress)) *simulation {
	if tell == nil {
		tell = func(Progress) {}
	}
	people := newPopulation(o)
	counted := newCounts(o)
	random := rand.New(rand.NewPCG(o.Seed, 0x67726170657669))
	return &simulation{
		options: o, people: people, counts: counted, random: random, tell: tell,
		clicker:  &clicker{options: o, people: people, random: random, truth: counted},
		renderer: &renderer{people: people, run: strconv.FormatInt(o.Start.UnixMilli(), 36), second: -1},
	}
}

// run writes members first, then clicks, then the conversions of who clicked.
func (s *simulation) run(ctx context.Context) error {
	if err := s.writeMembers(); err != nil {
		return err
	}
	if s.options.Rate > 0 {
		return s.paced(ctx)
	}
	return s.atOnce(ctx)
}

func (s *simulation) writeMembers() error {
	for m := range uint32(s.options.Members) {
		s.key = append(s.key[:0], s.people.orgs[m%uint32(len(s.people.orgs))]...)
		s.key = appendMember(append(s.key, '/'), m)
		err := s.members.add(s.key, func(to []byte) []byte { return s.renderer.member(to, m, s.options.Start.UnixMilli()) })
		if err != nil {
			return err
		}
		s.counts.members++
	}
	return s.members.flush()
}

// atOnce writes as fast as Kafka takes it; times are spread over the span.
func (s *simulation) atOnce(ctx context.Context) error {
	start, span := s.options.Start.UnixMilli(), s.options.Span.Milliseconds()
	for i := range int64(s.options.Clicks) {
		if i%1024 == 0 {
			if ctx.Err() != nil {
				break
			}
			s.progress()
		}
		if err := s.writeClick(start + int64(float64(i)*float64(span)/float64(s.options.Clicks))); err != nil {
			return err
		}
	}
	if err := s.clicks.flush(); err != nil {
		return err
	}
	for i := range s.options.Conversions {
		if i%1024 == 0 {
			if ctx.Err() != nil {
				break
			}
			s.progress()
		}
		if err := s.writeConversion(start + span + int64(i)*1000/int64(s.options.Conversions)); err != nil {
			return err
		}
	}
	return s.conversions.flush()
}

// paced writes at a rate until all is written or ctx ends. Each tick's clicks are
// in Kafka before conversions of theirs are written.
func (s *simulation) paced(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	began := time.Now()
	for {
		due := int64(time.Since(began).Seconds() * s.options.Rate)
		if s.options.Clicks >= 0 {
			due = min(due, int64(s.options.Clicks))
		}
		for now := time.Now().UnixMilli(); s.counts.clicks < due; {
			if err := s.writeClick(now); err != nil {
				return err
			}
		}
		if err := s.clicks.flush(); err != nil {
			return err
		}
		for now, due := time.Now().UnixMilli(), s.conversionsDue(); s.converted < due; {
			if err := s.writeConversion(now); err != nil {
				return err
			}
		}
		if err := s.conversions.flush(); err != nil {
			return err
		}
		s.tell(s.soFar())
		if s.options.Clicks >= 0 && s.counts.clicks >= int64(s.options.Clicks) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// conversionsDue keeps conversions in step with clicks.
func (s *simulation) conversionsDue() uint64 {
	if s.options.Clicks < 0 {
		return uint64(float64(s.counts.clicks) * s.options.PerClick)
	}
	if s.counts.clicks >= int64(s.options.Clicks) {
		return uint64(s.options.Conversions)
	}
	return uint64(float64(s.counts.clicks) / float64(s.options.Clicks) * float64(s.options.Conversions))
}

func (s *simulation) writeClick(now int64) error {
	c := s.clicker.next(now)
	s.key = s.people.appendVisitor(s.key[:0], c.visitor)
	return s.clicks.add(s.key, func(to []byte) []byte { return s.renderer.click(to, &c) })
}

func (s *simulation) writeConversion(now int64) error {
	visitor := s.converts()
	c := conversion{n: s.converted, time: now, visitor: visitor, program: s.people.programOf(visitor)}
	c.currency = s.people.programs[c.program].Currency
	c.kind, c.amount = purchase(s.random)
	s.converted++
	s.counts.conversion(c.program, visitor, c.amount)
	s.key = s.people.appendCustomer(s.key[:0], visitor)
	return s.conversions.add(s.key, func(to []byte) []byte { return s.renderer.conversion(to, &c) })
}

// converts picks someone who clicked; when nobody did in this run, the visitors
// one after the other, as they clicked in a run before.
func (s *simulation) converts() (visitor uint32) {
	came := min(s.clicker.keys, uint64(s.people.visitors))
	if came == 0 {
		return uint32(s.converted % uint64(s.people.visitors))
	}
	for range 100 { // who came may be a crawler
		if visitor = uint32(s.random.Uint64N(came)); s.counts.visited(visitor) {
			break
		}
	}
	return visitor
}

// purchase is what becomes of a click, and for how much in minor units.
func purchase(random *rand.Rand) (kind string, amount int64) {
	amount = 500 + random.Int64N(20_000)
	switch u := random.Float64(); {
	case u < 0.1:
		return "lead", 0
	case u < 0.3:
		return "signup", 0
	case u < 0.9:
		return "sale", amount
	default:
		return "renewal", amount
	}
}

// progress tells how far it is, not too often.
func (s *simulation) progress() {
	if time.Since(s.told) > time.Second/2 {
		s.told = time.Now()
		s.tell(s.soFar())
	}
}

func (s *simulation) soFar() Progress {
	return Progress{
		Members: s.counts.members, Clicks: s.counts.clicks, Conversions: int64(s.converted),
		Acknowledged: s.acked.Load(), Truth: s.truth().Sum(),
	}
}

func (s *simulation) truth() Truth {
	return Truth{
		Seed: s.options.Seed, Run: s.renderer.run, Written: s.acked.Load(),
		Clicks: s.counts.clicks, Members: s.counts.members, Programs: s.counts.programs,
	}
}
