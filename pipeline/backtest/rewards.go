package backtest

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// rewards are those of one org, as they came out of the run and as they stand in
// the books. They are many, so what they have in common stands apart.
type rewards struct {
	org    string
	of     map[uuid.UUID]*both
	kinds  shelf[kindOf]
	people shelf[string]
}

// kindOf is what rewards of one rule have in common.
type kindOf struct{ program, rule, currency, unit string }

// both is one reward, won in the run and paid in truth.
type both struct {
	kind, person int32
	won, paid    worth
}

// worth is what a reward is worth after its last event.
type worth struct {
	known     bool
	net, held int64
	time      int64 // of the conversion of its first event
}

// shelf gives equal values one number.
type shelf[T comparable] struct {
	numbers map[T]int32
	values  []T
}

func (s *shelf[T]) number(v T) int32 {
	n, known := s.numbers[v]
	if !known {
		if s.numbers == nil {
			s.numbers = map[T]int32{}
		}
		n = int32(len(s.values)) //nolint:gosec // far fewer kinds and people than that
		s.numbers[v], s.values = n, append(s.values, v)
	}
	return n
}

func newRewards(org string) *rewards { return &rewards{org: org, of: map[uuid.UUID]*both{}} }

func (r *rewards) reward(id string, kind kindOf, person string) (*both, error) {
	key, err := uuid.Parse(id)
	if err != nil {
		return nil, fmt.Errorf("reward id %q: %w", id, err)
	}
	b := r.of[key]
	if b == nil {
		b = &both{kind: r.kinds.number(kind), person: r.people.number(person)}
		r.of[key] = b
	}
	return b, nil
}

// won takes reward events of the run, in the order of their sequences.
func (r *rewards) won(c *offline.Columns) error {
	programs, ids, rules, people := c.Texts("program_id"), c.Texts("reward_id"), c.Texts("rule_id"), c.Texts("beneficiary_id")
	currencies, units, times := c.Texts("currency"), c.Texts("unit"), c.Numbers("conversion_time")
	money, quantities, withheld := c.Numbers("remaining_minor"), c.Numbers("remaining_quantity"), c.Numbers("withheld")
	if err := c.Err(); err != nil {
		return err
	}
	for i := range ids {
		b, err := r.reward(ids[i], kindOf{programs[i], rules[i], currencies[i], units[i]}, people[i])
		if err != nil {
			return err
		}
		if !b.won.known {
			b.won.known, b.won.time = true, times[i]
		}
		b.won.net, b.won.held = money[i]+quantities[i], withheld[i]
	}
	return nil
}

// paid takes a reward of the books.
func (r *rewards) paid(p *Paid) error {
	b, err := r.reward(p.RewardID, kindOf{p.ProgramID, p.RuleID, p.Currency, p.Unit}, p.BeneficiaryID)
	if err == nil {
		b.paid = worth{true, p.Net, p.Held, p.Time}
	}
	return err
}

// person is what one beneficiary has of a program, by currency or unit.
type personOf struct {
	program, person, currency, unit string
}

// sum adds up the rewards of those programs, of conversions in the window.
func (r *rewards) sum(of func(program string) bool, w Window) (byRule map[kindOf]*Sums, byPerson map[personOf]*Sums) {
	byRule, byPerson = map[kindOf]*Sums{}, map[personOf]*Sums{}
	for _, b := range r.of {
		kind := r.kinds.values[b.kind]
		if !of(kind.program) {
			continue
		}
		won, paid := w.part(b.won), w.part(b.paid)
		if !won.known && !paid.known {
			continue
		}
		person := personOf{kind.program, r.people.values[b.person], kind.currency, kind.unit}
		if byRule[kind] == nil {
			byRule[kind] = &Sums{}
		}
		if byPerson[person] == nil {
			byPerson[person] = &Sums{}
		}
		byRule[kind].add(won, paid)
		byPerson[person].add(won, paid)
	}
	return byRule, byPerson
}

// largest are those people whose sums differ most, and among equals those who have
// most: so many by currency and unit.
func largest(lines []PersonLine, top int) []PersonLine {
	slices.SortFunc(lines, func(a, b PersonLine) int {
		return cmp.Or(
			cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Currency, b.Currency),
			-cmp.Compare(abs(a.Difference()), abs(b.Difference())), -cmp.Compare(max(a.Won, a.Paid), max(b.Won, b.Paid)),
			cmp.Compare(a.OrgID, b.OrgID), cmp.Compare(a.ProgramID, b.ProgramID), cmp.Compare(a.BeneficiaryID, b.BeneficiaryID),
		)
	})
	var kept []PersonLine
	for i, n := 0, 0; i < len(lines); i++ {
		if i > 0 && (lines[i].Currency != lines[i-1].Currency || lines[i].Unit != lines[i-1].Unit) {
			n = 0
		}
		if n < top {
			kept = append(kept, lines[i])
			n++
		}
	}
	return kept
}

func abs(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}
