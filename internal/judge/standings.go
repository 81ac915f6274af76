package judge

import (
	"fmt"
	"slices"
	"strconv"
)

// standing is a reward after the events so far.
type standing struct {
	first, last *movement
	net, held   int64
	earned      int64 // all that was ever earned
	approved    bool
	ever        bool   // approved, be it for a while
	early       bool   // before it was available
	at          int64  // of what it is for, as the books have it
	day         string // of that, likewise
	budget      string
	fulfilled   int64
	rejected    bool // a person took it back
	allowed     bool // a person approved it
}

func (s *standing) key() string {
	d := &s.first.data
	return fmt.Sprintf("%s/%s %s of %s (%s)", s.first.org, s.first.program, d.RuleID, d.BeneficiaryID, d.RewardID)
}

func (s *standing) all() int64 { return s.net + s.held }

// rewardEvents reads the rewards twice, from the books and from the topic: the same
// events with the same content, each following from the one before.
func (t *trial) rewardEvents() error {
	if err := t.rewardPlaces(); err != nil {
		return err
	}
	seen := map[string]*movement{}
	t.bounds = t.newLimits()
	for r, err := range t.Records(t.ctx, topicRewards) {
		if err != nil {
			return err
		}
		m := t.readMovement(&r)
		if m == nil || seen[m.source()+" "+m.id()] != nil {
			continue
		}
		seen[m.source()+" "+m.id()] = m
		s := t.standingOf(m)
		if problem := s.take(m); problem != "" {
			t.differ(topicRewards, s.key()+" "+m.id(), "an event that follows from those before", problem)
		}
		t.bounds.after(s, r.Partition)
	}
	for row, err := range t.rows("rewards") {
		if err != nil {
			return err
		}
		key := row.text("source") + " " + row.text("event_id")
		m := seen[key]
		if m == nil {
			t.differ("rewards", key, "no row, or one: the topic has none left", row.String())
			continue
		}
		t.compare("rewards", key, m.row(), row)
		delete(seen, key)
	}
	for key := range seen {
		t.differ("rewards", key, "a row: the topic has it", "none")
	}
	return nil
}

// rewardPlaces reads from the books what the topic does not tell of a reward: the
// time that it is for, and its budget. The rules are asked about both later.
func (t *trial) rewardPlaces() error {
	for row, err := range t.Rows(t.ctx, "rewards") {
		if err != nil {
			return err
		}
		key := row.text("org_id") + "/" + row.text("reward_id")
		s := t.rewards[key]
		if s == nil {
			s = &standing{at: row.number("conversion_time"), day: t.intern(row.text("day")), budget: t.intern(row.text("budget_id"))}
			t.rewards[key] = s
		}
		if s.at != row.number("conversion_time") || s.day != row.text("day") || s.budget != row.text("budget_id") {
			t.differ("rewards", row.text("event_id"), "conversion_time, day and budget_id of the reward's other rows", row.String())
		}
	}
	return nil
}

func (t *trial) standingOf(m *movement) *standing {
	key := m.org + "/" + m.data.RewardID
	s := t.rewards[key]
	if s == nil {
		s = &standing{}
		t.rewards[key] = s
	}
	if s.first == nil {
		s.first = m
		if want := m.rewardID(); want != m.data.RewardID {
			t.differ(topicRewards, m.id(), "reward id "+want, m.data.RewardID)
		}
	}
	return s
}

// take moves a reward by an event; the answer is what is wrong with that.
func (s *standing) take(m *movement) string {
	if s.last != nil {
		a, b := s.last.data, m.data
		b.AmountMinor, b.Quantity, b.RemainingMinor, b.RemainingQuantity, b.Status, b.Reason, b.Name, b.Message =
			a.AmountMinor, a.Quantity, a.RemainingMinor, a.RemainingQuantity, a.Status, a.Reason, a.Name, a.Message
		if a != b || s.last.org != m.org || s.last.program != m.program {
			return fmt.Sprintf("it speaks of another reward than the one before: %+v, %+v", s.last.data, m.data)
		}
	}
	before, by, remaining := s.net, m.data.amount(), m.data.remaining()
	was := s.last
	s.last = m
	switch {
	case by <= 0 || remaining < 0:
		return "it moves nothing"
	case was == nil && m.sequence != 1 || was != nil && m.sequence != was.sequence+1:
		return "sequence " + strconv.FormatInt(m.sequence, 10)
	}
	switch m.kind {
	case "held":
		s.held += by
	case "earned", "increased":
		if (m.kind == "earned") != (s.earned == 0) {
			return m.kind + ": earned is the first that is let through, and that alone"
		}
		if s.held > 0 && s.held != by {
			return "what is held is released whole"
		}
		s.net, s.held, s.earned = s.net+by, 0, s.earned+by
	case "reversed":
		waited := by - (s.net - remaining)
		if waited < 0 || waited > s.held || s.net > remaining && waited != s.held {
			return "what waits is taken back first"
		}
		s.net, s.held = remaining, s.held-waited
	case "approved":
		if s.approved || before != by || before != remaining {
			return "approved twice, or in part"
		}
		due, ok := instant(m.data.AvailableAt)
		s.early = s.early || !ok || m.time < due
		s.approved = true
	}
	if s.net != remaining {
		return fmt.Sprintf("%d remain, not %d", remaining, s.net)
	}
	return s.status(m.data.Status)
}

func (s *standing) status(got string) string {
	want := []string{"pending", "approved"}
	switch {
	case s.net == 0 && s.held > 0:
		want = []string{"held"}
	case s.net == 0:
		want, s.approved = []string{"reversed"}, false // what is given anew is held anew
	case s.approved:
		want = []string{"approved"}
	}
	if !slices.Contains(want, got) {
		return "status " + got
	}
	s.approved = s.approved || got == "approved"
	s.ever = s.ever || s.approved
	return ""
}
