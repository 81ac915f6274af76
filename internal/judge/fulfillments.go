package judge

import (
	"fmt"
	"strconv"
	"strings"
)

// fulfillmentEvents judges what was told of rewards: each event of a known reward is
// a row, the others wait.
func (t *trial) fulfillmentEvents() error {
	table := t.beside("fulfillments")
	taken := map[uint64]bool{}
	waiting := map[uint64]int64{} // until when: what waits is stored, too
	for r, err := range t.inputs(topicFulfillments) {
		if err != nil {
			return err
		}
		row := table.one(r.place())
		e, ok := t.decode(topicFulfillments, &r)
		key := e.place.String()
		again := name(strconv.Itoa(e.partition), e.org, e.source, e.id, e.program, e.key)
		refused := ""
		switch {
		case !ok:
			refused = "invalid"
		case t.unknownProgram(topicFulfillments, e):
			refused = "unknown_program"
		case taken[again] || e.written < waiting[again]:
			t.none("fulfillments", key, redelivered, row)
			continue
		}
		if refused != "" {
			t.letters.expect(topicFulfillments, e.place, r.digest(), refused)
			t.none("fulfillments", key, refused, row)
			continue
		}
		s := t.rewards[e.org+"/"+e.texts["reward_id"]]
		if s == nil || s.first == nil || s.first.program != e.program {
			t.none("fulfillments", key, "the reward is not known", row)
			t.unknownReward(&r, e)
			waiting[again] = e.written + patience
			continue
		}
		taken[again] = true
		t.fulfil(e, s, row)
	}
	return table.finish()
}

// unknownReward waits, as adjustments do.
func (t *trial) unknownReward(r *Record, e *event) {
	l := letter{topicFulfillments, e.place, "unknown_reward"}
	if _, booked := t.booked[l]; booked && (t.rest == 0 || t.rest-e.written >= patience) {
		t.letters.expect(l.topic, e.place, r.digest(), l.reason)
		return
	}
	t.waits[letter{topicFulfillments, e.place, ""}] = e
}

func (t *trial) fulfil(e *event, s *standing, row Row) {
	d := &s.first.data
	want := e.textsOf(e.row(t.Topic(topicFulfillments)), "reward_id", "external_id", "decision", "actor", "reason")
	want["event_type"] = strings.TrimSuffix(strings.TrimPrefix(e.kind, "referral.reward."), ".v1")
	want["beneficiary_id"], want["currency"], want["unit"] = d.BeneficiaryID, d.Currency, d.Unit
	t.compare("fulfillments", e.place.String(), want, row)
	if row == nil {
		return
	}
	if n := row.number("amount_minor") + row.number("quantity"); e.kind == typeFulfilled {
		s.fulfilled += n
		if n < 0 || s.fulfilled > s.earned {
			t.differ("fulfillments", e.place.String(), fmt.Sprint("at most what was earned: ", s.earned), s.fulfilled)
		}
	} else if n != 0 {
		t.differ("fulfillments", e.place.String(), "no amount", n)
	}
	switch e.texts["decision"] {
	case "approve":
		s.allowed = true
	case "reject", "reverse":
		s.rejected = true
	}
}

// dueRewards looks at holds: nothing is approved before its time but by a person, who
// is obeyed at once, and nothing that was due at rest is pending but for whom the
// newest update bans (§5, §9 (42)).
func (t *trial) dueRewards() {
	for _, s := range t.rewards {
		if s.first == nil {
			continue
		}
		d := &s.first.data
		due, _ := instant(d.AvailableAt)
		switch {
		case s.early && !s.allowed:
			t.differ("rewards", s.key(), "pending until "+d.AvailableAt, "approved before")
		case s.net == 0 || s.approved:
		case s.allowed && !s.ever:
			t.differ("rewards", s.key(), "approved: a person said so", s.last.data.Status)
		case t.rest != 0 && due <= t.rest && !t.newestOf(s.first.org, d.BeneficiaryID).banned():
			t.differ("rewards", s.key(), "approved: the hold ended at "+d.AvailableAt, s.last.data.Status)
		}
	}
}

// newestOf is the newest update of a member.
func (t *trial) newestOf(org, id string) *update {
	h := t.directory(org).members[id]
	if h == nil || len(h.updates) == 0 {
		return nil
	}
	return h.updates[len(h.updates)-1]
}
