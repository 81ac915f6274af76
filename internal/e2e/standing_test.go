package e2e

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/consumers"
)

// toldReward is a reward event as anybody reads it from the topic.
type toldReward struct {
	ID, Source, Type, Orgid, Programid, Time string
	Data                                     struct {
		RewardID          string `json:"reward_id"`
		RuleID            string `json:"rule_id"`
		Reward            string
		RuleVersion       string `json:"rule_version"`
		TierID            string `json:"tier_id"`
		Occurrence        int64
		Period            string
		BeneficiaryID     string `json:"beneficiary_id"`
		BeneficiaryRole   string `json:"beneficiary_role"`
		RewardType        string `json:"reward_type"`
		AmountMinor       int64  `json:"amount_minor"`
		Currency          string
		Quantity          int64
		Unit              string
		RemainingMinor    int64  `json:"remaining_minor"`
		RemainingQuantity int64  `json:"remaining_quantity"`
		ConversionID      string `json:"conversion_id"`
		Status            string
		AvailableAt       string `json:"available_at"`
		Reason            string
	}
	kind     string // earned, held, ...
	sequence int
	written  int64 // to Kafka, ms
}

func (e *toldReward) amount() int64    { return e.Data.AmountMinor + e.Data.Quantity }
func (e *toldReward) remaining() int64 { return e.Data.RemainingMinor + e.Data.RemainingQuantity }

// standing is one reward after the events so far.
type standing struct {
	last            *toldReward
	net, held       int64
	earned          int64 // all that was ever earned
	approved, ended bool  // ended: a person took it back
}

// rewardsTold are the reward events of the topic, each once, partition by
// partition in the order in which they were published.
func (w *world) rewardsTold() (events []*toldReward) {
	w.t.Helper()
	seen := map[string]bool{}
	for _, r := range w.read(consumers.Rewards) {
		e := new(toldReward)
		if err := json.Unmarshal(r.Value, e); err != nil {
			w.t.Fatal(err)
		}
		parts := strings.Split(e.ID, "/")
		e.kind, e.written = parts[1], r.Time
		e.sequence, _ = strconv.Atoi(parts[2])
		if string(r.Key) != e.Orgid+"/"+e.Data.BeneficiaryID || e.Source != "grapevine/"+e.Orgid+"/"+e.Programid || parts[0] != e.Data.RewardID {
			w.t.Errorf("%s: key %s, source %s, org %s", e.ID, r.Key, e.Source, e.Orgid)
		}
		if id := e.Orgid + e.ID; !seen[id] {
			seen[id] = true
			events = append(events, e)
		}
	}
	return events
}

// fold takes the events of all rewards, and sees to it that each follows from the
// one before: what it moves, what remains, its status, and that it speaks of the
// same reward. after hears of each, with the rewards as they then are.
func (w *world) fold(events []*toldReward, after func(*toldReward, map[string]*standing)) map[string]*standing {
	w.t.Helper()
	rewards := map[string]*standing{}
	for _, e := range events {
		s := rewards[e.Data.RewardID]
		if s == nil {
			s = new(standing)
			rewards[e.Data.RewardID] = s
			if want := rewardID(e); want != e.Data.RewardID {
				w.t.Errorf("%s: the reward's id should be %s", e.ID, want)
			}
		}
		if problem := s.take(e); problem != "" {
			w.t.Errorf("%s %s (%s %s): %s", e.Orgid, e.ID, e.Data.RuleID, e.Data.Status, problem)
		}
		if after != nil {
			after(e, rewards)
		}
	}
	return rewards
}

// take moves the standing by an event; the answer is what is wrong with it.
func (s *standing) take(e *toldReward) string {
	if s.last != nil {
		a, b := s.last.Data, e.Data
		b.AmountMinor, b.Quantity, b.RemainingMinor, b.RemainingQuantity, b.Status, b.Reason = a.AmountMinor, a.Quantity, a.RemainingMinor, a.RemainingQuantity, a.Status, a.Reason
		if a != b || s.last.Orgid != e.Orgid || s.last.Programid != e.Programid {
			return "speaks of another reward than the event before"
		}
	}
	before, by := s.net, e.amount()
	switch was := s.last; {
	case by <= 0 || e.remaining() < 0:
		return "moves nothing"
	case was == nil && e.sequence != 1 || was != nil && e.sequence != was.sequence+1:
		return "does not follow the event before"
	case s.ended:
		return "comes after a person took the reward back"
	}
	s.last = e
	switch e.kind {
	case "held":
		s.held += by
	case "earned", "increased":
		if (e.kind == "earned") != (s.earned == 0) {
			return "earned is the first that is let through, and that alone"
		}
		if s.held > 0 && s.held != by {
			return "what is held is released whole"
		}
		s.net, s.held, s.earned = s.net+by, 0, s.earned+by
	case "reversed":
		waited := by - (s.net - e.remaining())
		if waited < 0 || waited > s.held || s.net > e.remaining() && waited != s.held {
			return "what waits is taken back first"
		}
		s.net, s.held = e.remaining(), s.held-waited
		s.ended = strings.HasPrefix(e.Data.Reason, "rejected") || strings.HasPrefix(e.Data.Reason, "reversed")
	case "approved":
		if s.approved || before != by || before != e.remaining() || !strings.HasPrefix(e.Data.Reason, "approved by") && e.Time < e.Data.AvailableAt {
			return "is approved early, twice or in part"
		}
		s.approved = true
	}
	if s.net != e.remaining() {
		return "what remains should be " + strconv.FormatInt(s.net, 10)
	}
	return s.status(e.Data.Status)
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
		return "the status should be one of " + strings.Join(want, ", ")
	}
	s.approved = s.approved || got == "approved"
	return ""
}

// rewardID is the id that a reward has by what its events say.
func rewardID(e *toldReward) string {
	d := &e.Data
	switch {
	case d.TierID != "":
		return named(e.Orgid, e.Programid, d.RuleID, d.TierID, d.Reward, d.Period, d.BeneficiaryID, strconv.FormatInt(d.Occurrence, 10))
	case d.BeneficiaryRole == "member":
		return named(e.Orgid, e.Programid, d.RuleID, d.Reward, d.BeneficiaryID)
	}
	return named(e.Orgid, e.Programid, d.RuleID, d.Reward, d.ConversionID, d.BeneficiaryID)
}

// named is a UUID of version 5 over a name of segments.
func named(segments ...string) string {
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return uuid.NewSHA1(uuid.NewSHA1(uuid.NameSpaceDNS, []byte("grapevine")), []byte(strings.Join(segments, "/"))).String()
}
