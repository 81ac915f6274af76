package simulate

import "math/rand/v2"

// verdict that a click must get.
type verdict uint8

const (
	unique verdict = iota
	duplicate
	bot
	redelivered
)

// click is all that an event is rendered from: rendering it again gives the same
// bytes.
type click struct {
	n        uint64 // of the event
	time     int64  // ms
	visitor  uint32
	program  int32
	referrer uint32
	round    uint32 // how often the visitor has come back: names the link
	traits   uint32 // country, browser and the like
	bot      bool
	byCode   bool
}

// recent keeps the last clicks of a kind.
type recent struct {
	clicks []click
	next   int
}

const recentClicks = 4096

func (r *recent) add(c click) {
	if len(r.clicks) < recentClicks {
		r.clicks = append(r.clicks, c)
		return
	}
	r.clicks[r.next] = c
	r.next = (r.next + 1) % recentClicks
}

func (r *recent) pick(random *rand.Rand) (click, bool) {
	if len(r.clicks) == 0 {
		return click{}, false
	}
	return r.clicks[random.IntN(len(r.clicks))], true
}

// clicker decides what is clicked.
//
// A unique click has a key (visitor, link) that no other of the run has: visitors
// come one after the other, and each time that they come round again they follow
// another link. A duplicate repeats a unique click's key within half of the
// window; it is not counted itself, so the unique one stays the last counted.
type clicker struct {
	options Options
	people  *population
	random  *rand.Rand
	truth   *counts

	events  uint64 // that have an id of their own
	keys    uint64 // that have been used
	counted recent // unique clicks
	written recent // all that are stored
}

// next decides the click of a time (ms).
func (c *clicker) next(now int64) click {
	u := c.random.Float64()
	switch o := &c.options; {
	case u < o.Redelivered:
		if earlier, ok := c.written.pick(c.random); ok {
			c.truth.click(int(earlier.program), redelivered)
			return earlier
		}
	case u < o.Redelivered+o.Duplicates:
		if again, ok := c.repeat(now); ok {
			c.truth.click(int(again.program), duplicate)
			c.written.add(again)
			return again
		}
	case u < o.Redelivered+o.Duplicates+o.Bots:
		fresh := c.fresh(now)
		fresh.bot = true
		c.truth.click(int(fresh.program), bot)
		c.written.add(fresh)
		return fresh
	}
	fresh := c.fresh(now)
	c.truth.click(int(fresh.program), unique)
	c.truth.visit(int(fresh.program), fresh.visitor)
	c.counted.add(fresh)
	c.written.add(fresh)
	return fresh
}

// fresh makes a click of a new key.
func (c *clicker) fresh(now int64) click {
	visitor := uint32(c.keys % uint64(c.people.visitors))
	round := uint32(c.keys / uint64(c.people.visitors))
	c.keys++
	program := c.people.programOf(visitor)
	f := click{
		n: c.events, time: now, visitor: visitor, round: round, program: int32(program),
		referrer: c.people.referrer(c.people.orgOf[program], c.random.Float64()),
		traits:   c.random.Uint32(),
	}
	f.byCode = c.options.Codes > 0 && c.people.isMember(f.referrer) && c.random.Float64() < c.options.Codes
	c.events++
	return f
}

// repeat makes another event of a counted click's key, when one is recent enough.
func (c *clicker) repeat(now int64) (click, bool) {
	again, ok := c.counted.pick(c.random)
	if !ok {
		return click{}, false
	}
	if window := c.people.programs[again.program].DedupeWindow.Milliseconds(); (now-again.time)*2 >= window {
		return click{}, false
	}
	again.n, again.time = c.events, now
	c.events++
	return again, true
}
