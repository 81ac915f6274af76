package judge

import (
	"hash/maphash"
	"slices"
	"strconv"
)

// The verdicts on clicks that are stored (contract §3).
const (
	inactive  = "inactive"
	banned    = "banned"
	bot       = "bot"
	duplicate = "duplicate"
	unique    = "unique"
)

const redelivered = "redelivered"

// opinion is what the judge makes of a click.
type opinion struct {
	letter   string // the reason, where it is a dead letter
	verdict  string
	reason   string
	referrer string
	version  *version // near the click's time
	again    uint64   // what makes it a redelivery, to be remembered
	counted  uint64   // the key under which it counts
}

// name hashes what names something in memory. Sets of millions of names are kept
// by it.
func name(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, p := range parts {
		h.WriteString(p)
		h.WriteByte(0xff) // in no text, as all are UTF-8
	}
	return h.Sum64()
}

var seed = maphash.MakeSeed()

// touch is a unique click: it can earn credit.
type touch struct {
	time, written   int64
	click, referrer string
}

// touches are all touches, found by visitor and by click.
type touches struct {
	all     []touch
	by      map[uint64]int32 // by name: the place after that of the newest in all
	earlier [][2]int32       // by touch: the same of the one before, of visitor and click
}

func (s *touches) add(t touch, names [2]uint64) {
	s.all = append(s.all, t)
	s.earlier = append(s.earlier, [2]int32{s.by[names[0]], s.by[names[1]]})
	for _, n := range names {
		s.by[n] = int32(len(s.all)) //nolint:gosec // no trial has billions of touches
	}
}

// find are the touches of a name; which is 0 for a visitor's and 1 for a click's.
func (s *touches) find(named uint64, which int) (found []touch) {
	for i := s.by[named]; i > 0; i = s.earlier[i-1][which] {
		found = append(found, s.all[i-1])
	}
	return found
}

// clicks judges all clicks, in the order of their partitions.
func (t *trial) clicks() error {
	table := t.beside("clicks")
	for r, err := range t.inputs(topicClicks) {
		if err != nil {
			return err
		}
		row := table.one(r.place())
		e, ok := t.decode(topicClicks, &r)
		if !ok {
			t.letters.expect(topicClicks, r.place(), r.digest(), "invalid")
			t.none("clicks", r.place().String(), "invalid", row)
			continue
		}
		t.click(&r, e, row)
	}
	return table.finish()
}

func (t *trial) click(r *Record, e *event, row Row) {
	o := t.opinions(e, row)
	key := e.place.String()
	switch {
	case o.letter != "":
		t.letters.expect(topicClicks, e.place, r.digest(), o.letter)
		t.none("clicks", key, o.letter, row)
		return
	case o.verdict == redelivered:
		t.none("clicks", key, redelivered, row)
		return
	}
	t.taken[o.again] = struct{}{}
	want := e.textsOf(e.row(t.Topic(topicClicks)), "visitor_id", "link_id", "campaign_id", "channel", "country", "locale", "landing_url", "referer_url")
	want["click_id"], want["referrer_id"], want["verdict"], want["reason"] = e.or("click_id", e.id), o.referrer, o.verdict, o.reason
	want["currency"], want["day"], want["metadata"] = o.version.Currency, dayIn(e.time, o.version.zone), mapping(e.metadata)
	t.compare("clicks", key, want, row)
	t.hashed(e, row)
	t.views.click(e, &o)
	if o.verdict != unique {
		return
	}
	t.counted[o.counted] = e.time
	who := [3]string{t.intern(e.org), t.intern(o.referrer), strconv.Itoa(e.partition)}
	t.lastClicks[who] = e.time
	who[2] += " newest"
	t.lastClicks[who] = max(t.lastClicks[who], e.time)
	t.touches.add(touch{e.time, e.written, e.or("click_id", e.id), t.intern(o.referrer)}, [2]uint64{
		name("visitor", e.org, e.program, e.texts["visitor_id"]), name("click", e.org, e.program, e.or("click_id", e.id)),
	})
}

// hashed sees to it that one ip and user agent have one hash, and no two the same.
func (t *trial) hashed(e *event, row Row) {
	if row == nil {
		return
	}
	hash := row.text("actor_hash")
	if e.texts["visitor_id"] != "" {
		if hash != "" {
			t.differ("clicks", e.place.String()+" actor_hash", "none beside a visitor", hash)
		}
		return
	}
	actor := name(e.texts["ip"], e.texts["user_agent"])
	before, known := t.actors[actor]
	whose, used := t.hashes[hash]
	if hash == "" || known && before != hash || used && whose != actor {
		t.differ("clicks", e.place.String()+" actor_hash", "one hash for one ip and user agent", "hash "+hash)
	}
	t.actors[actor], t.hashes[hash] = hash, actor
}

// opinions asks what became of a click as of everything that is known of members.
// If that is not what the books say, it asks as of each moment since just before
// the click was written: what came later may have come too late, or not.
func (t *trial) opinions(e *event, row Row) opinion {
	first := t.opinion(t.newest(), e, always, row)
	if t.agrees(e, &first, row) {
		return first
	}
	who := []string{e.texts["referrer_id"], first.referrer}
	for _, h := range t.directory(e.org).listing[code{"referral_codes", e.texts["referral_code"]}] {
		who = append(who, h.id)
	}
	moments := append(t.cuts(e.org, e.written-t.onItsWay, who...), always)
	for _, c := range slices.Backward(t.catalogs) {
		for _, cut := range moments {
			if o := t.opinion(c, e, cut, row); t.agrees(e, &o, row) {
				return o
			}
		}
	}
	return first
}

// agrees tells whether the books have come to an opinion.
func (t *trial) agrees(e *event, o *opinion, row Row) bool {
	switch {
	case o.letter != "":
		_, booked := t.booked[letter{topicClicks, e.place, o.letter}]
		return booked
	case o.verdict == redelivered:
		return row == nil
	}
	return row != nil && row.text("verdict") == o.verdict && row.text("referrer_id") == o.referrer
}

// opinion is the verdict on a click, in the order of the contract (§3).
func (t *trial) opinion(c *catalog, e *event, cut int64, row Row) opinion {
	o := opinion{referrer: e.texts["referrer_id"]}
	if c.orgs[e.org] == nil || c.orgs[e.org].programs[e.program] == nil {
		o.letter = "unknown_program"
		return o
	}
	program := c.orgs[e.org].programs[e.program]
	o.version = program.near(e.time)
	if text := e.texts["referral_code"]; text != "" {
		switch owner := t.owner(e.org, code{"referral_codes", text}, e.time, cut); {
		case owner == "":
			o.letter = "unknown_referral_code"
			return o
		case o.referrer != "" && o.referrer != owner:
			o.letter = "invalid"
			return o
		default:
			o.referrer = owner
		}
	}
	actor := name("visitor", e.texts["visitor_id"])
	if e.texts["visitor_id"] == "" {
		actor = name("hash", e.texts["ip"], e.texts["user_agent"])
	}
	o.counted = name("counted", e.org, e.program, o.referrer, e.texts["link_id"], strconv.Itoa(e.partition)) ^ actor
	o.again = name("again", e.org, e.program, o.referrer, e.texts["link_id"], e.source, e.id) ^ actor
	if _, again := t.taken[o.again]; again {
		o.verdict = redelivered
		return o
	}
	o.verdict, o.reason = t.verdict(c, program, e, &o, cut, row)
	return o
}

func (t *trial) verdict(c *catalog, p *program, e *event, o *opinion, cut int64, row Row) (verdict, reason string) {
	v := p.at(e.time)
	if v == nil {
		return inactive, ""
	}
	if t.memberAt(e.org, o.referrer, e.time, cut).banned() {
		return banned, ""
	}
	if rule := c.bot(e.texts["ip"], e.texts["user_agent"], row.bot()); rule != "" {
		return bot, rule
	}
	if last, ok := t.counted[o.counted]; ok && max(e.time-last, last-e.time) < v.dedupe {
		return duplicate, ""
	}
	return unique, ""
}

// bot is the rule that a row says it met.
func (r Row) bot() string {
	if r.text("verdict") != bot {
		return ""
	}
	return r.text("reason")
}
