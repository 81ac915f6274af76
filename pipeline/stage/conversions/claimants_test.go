package conversions

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// One event id of one source and customer is one event: what comes second is a
// redelivery if the first was taken, and claims only if it was not.
func TestStage_an_event_id_that_is_used_twice_in_a_batch(t *testing.T) {
	taken := sale("t", 1, data{"conversion_id": "taken", "customer_id": "d"})
	second := func(more data) sent {
		base := data{"conversion_id": "two"}
		for k, v := range more {
			base[k] = v
		}
		return sale("X", 2, base)
	}
	last := sale("b", 3, data{"conversion_id": "two"})
	for _, c := range []struct {
		name          string
		batch         []sent
		want, letters []string
	}{
		{
			"after an adjustment that is refused", []sent{taken, adjusted("X", 1, "taken", nil), second(nil), last},
			[]string{"t:unattributed", "X:unattributed", "b:duplicate"}, []string{"2:invalid"},
		},
		{
			"after an adjustment that waits", []sent{adjusted("X", 1, "two", nil), second(nil), last},
			[]string{"b:unattributed"}, nil,
		},
		{
			"after a duplicate without a rate", []sent{taken, sale("X", 1, data{"conversion_id": "taken", "currency": "GBP"}), second(nil), last},
			[]string{"t:unattributed", "X:duplicate", "b:unattributed"}, nil,
		},
		{
			"after a dead letter without a rate", []sent{sale("X", 1, data{"conversion_id": "one", "currency": "GBP"}), second(nil), last},
			[]string{"X:unattributed", "b:duplicate"}, []string{"1:no_exchange_rate"},
		},
		{
			"after an inactive one", []sent{sale("X", -24*100, nil), second(nil), last},
			[]string{"X:inactive", "b:unattributed"}, nil,
		},
		{
			"after a counted one", []sent{sale("X", 1, nil), second(nil), last},
			[]string{"X:unattributed", "b:unattributed"}, nil,
		},
		{
			"of another customer", []sent{sale("X", 1, nil), second(data{"customer_id": "d"}), last},
			[]string{"X:unattributed", "X:unattributed", "b:duplicate"}, nil,
		},
		{
			"of another program", []sent{sale("X", 1, nil), second(data{"program": "nope"}), last},
			[]string{"X:unattributed", "b:unattributed"}, []string{"2:unknown_program"},
		},
		{
			"again and again", []sent{
				taken, adjusted("X", 1, "taken", nil), sale("X", 1, data{"conversion_id": "one", "currency": "GBP"}),
				second(nil), adjusted("X", 1, "two", nil), last,
				adjusted("Y", 1, "taken", nil), sale("Y", 1, data{"conversion_id": "two"}), sale("Y", 1, data{"conversion_id": "three"}),
				sale("c", 1, data{"conversion_id": "three"}),
			},
			[]string{"t:unattributed", "X:unattributed", "b:duplicate", "Y:duplicate", "c:unattributed"},
			[]string{"2:invalid", "3:no_exchange_rate", "7:invalid"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.send(c.batch...)
			var got []string
			for _, r := range s.rows[conversionsTable] {
				got = append(got, fmt.Sprintf("%s:%s", r["event_id"], r["verdict"]))
			}
			expect(t, "verdicts", got, c.want)
			expect(t, "dead letters", s.reasons(), c.letters)
			s.checkClaims(t)
		})
	}
}

// A worker dies among its claims, another partition claims meanwhile, and the
// successor asks again: every claim belongs to a conversion that is stored for
// it, and every counted conversion owns its ids.
func TestClaim_outlives_a_crash(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &scene{world: newWorld(t, []byte(programs), 2)}
		s.hot, s.full = drawHot(rt), rapid.Bool().Draw(rt, "full filter")
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			mine, others := s.records(drawEvents(rt)...), s.records(drawEvents(rt)...)
			p, rival := s.parts[0], s.parts[1]
			facts := p.begin(mine)
			p.crash(mine, facts, rapid.IntRange(0, 30).Draw(rt, "claims"))
			rival.work(others)
			p.takeOver()
			p.finish(mine, facts)
			s.checkClaims(rt)
		}
	})
}

// What asked before the crash and was told of nobody is told of a rival after
// it; but a conversion of the same event id has claimed since.
func TestClaim_stands_by_what_was_built_on_an_answer(t *testing.T) {
	for _, c := range []struct {
		claims  int // before the crash: the answer to the first, then a claim
		want    []string
		letters []string
	}{
		{1, []string{"r:unattributed", "X:duplicate"}, nil},
		{2, []string{"r:unattributed", "X:unattributed"}, []string{"1:no_exchange_rate"}},
	} {
		s := &scene{world: newWorld(t, []byte(programs), 2)}
		mine := s.records(sale("X", 1, data{"conversion_id": "one", "currency": "GBP"}), sale("X", 1, data{"conversion_id": "two"}))
		facts := s.parts[0].begin(mine)
		s.parts[0].crash(mine, facts, c.claims)
		s.sendTo(s.parts[1], sale("r", 1, data{"conversion_id": "one", "customer_id": "d"}))
		s.parts[0].takeOver()
		s.parts[0].finish(mine, facts)
		var got []string
		for _, r := range s.rows[conversionsTable] {
			got = append(got, fmt.Sprintf("%s:%s", r["event_id"], r["verdict"]))
		}
		expect(t, "verdicts", got, c.want)
		expect(t, "dead letters", s.reasons(), c.letters)
		s.checkClaims(t)
	}
}

// checkClaims compares the claims with the rows: every id has one row that claims
// it, whether the memory has the claim or has released it.
func (s *scene) checkClaims(t interface{ Errorf(string, ...any) }) {
	owners := map[pipeline.ClaimID]string{}
	for _, r := range s.rows[conversionsTable] {
		owner, claims := fmt.Sprintf("%d/%d", r["partition"], r["offset"]), owns(r["claims"].(uint8))
		if want, ok := claimsOf(r); !slices.Contains(want, claims) || !ok {
			t.Errorf("%s, %s (%s), claims %b; want one of %b", owner, r["verdict"], r["reason"], claims, want)
		}
		org, program := r["org_id"].(string), r["program_id"].(string)
		for _, q := range []ClaimQuery{{org, program, "", r["conversion_id"].(string)}, {org, program, event.Kind(r["kind"].(string)), r["order_id"].(string)}} {
			bit := ownsConversion
			if q.Kind != "" {
				bit = ownsOrder
			}
			if claims&bit == 0 {
				continue
			}
			id := pipeline.NewClaimID(q.key())
			if first := owners[id]; first != "" {
				t.Errorf("%v is claimed by %s and by %s", q, first, owner)
			}
			if owners[id] = owner; s.claims[id] != owner && !s.old[id] {
				t.Errorf("%v of %s is neither claimed nor released: %q", q, owner, s.claims[id])
			}
		}
	}
	for id, owner := range s.claims {
		if owners[id] != owner {
			t.Errorf("%x is claimed by %s, and the rows tell of %q", id, owner, owners[id])
		}
	}
}

// claimsOf is what a stored conversion may claim by its verdict.
func claimsOf(r golden.Row) (claims []owns, ok bool) {
	counts := map[string][]owns{
		attributed: {ownsConversion}, unattributed: {ownsConversion}, inactive: {0},
		byConversion: {0}, byOrder: {0, ownsConversion}, // one with a rate keeps its own
	}
	by := r["verdict"].(string)
	if by == duplicate {
		by = r["reason"].(string)
	}
	claims, ok = counts[by]
	if claims[0] == ownsConversion && r["order_id"] != "" {
		claims = []owns{ownsConversion | ownsOrder}
	}
	return claims, ok
}
