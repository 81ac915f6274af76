package cases

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/grapevinehq/grapevine/pipeline/offline"
)

// rewardID is the id of a reward by the name that a case gives it, its segments
// escaped already: contract §5, word for word.
func rewardID(org, program, name string) string {
	namespace := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("grapevine"))
	return uuid.NewSHA1(namespace, []byte(url.PathEscape(org)+"/"+url.PathEscape(program)+"/"+name)).String()
}

// rewardEvent is what whoever pays reads.
type rewardEvent struct {
	ID        string
	OrgID     string
	ProgramID string
	Type      string
	Data      struct {
		RewardID    string `json:"reward_id"`
		Rule        string `json:"rule_id"`
		Reward      string
		Tier        string `json:"tier_id"`
		Occurrence  int64
		Period      string
		Beneficiary string `json:"beneficiary_id"`
		Role        string `json:"beneficiary_role"`
		Amount      int64  `json:"amount_minor"`
		Remaining   int64  `json:"remaining_minor"`
		Currency    string
		Quantity    int64
		Left        int64 `json:"remaining_quantity"`
		Unit        string
		Conversion  string `json:"conversion_id"`
		Status      string
		AvailableAt time.Time `json:"available_at"`
		Reason      string
		Name        string
		Message     string
	}
}

// name is the reward's name in contract §5, without org and program.
func (e *rewardEvent) name() string {
	d := &e.Data
	var parts []string
	switch {
	case d.Tier != "":
		parts = []string{d.Rule, d.Tier, d.Reward, d.Period, d.Beneficiary, fmt.Sprint(d.Occurrence)}
	case d.Conversion != "":
		parts = []string{d.Rule, d.Reward, d.Conversion, d.Beneficiary}
	default:
		parts = []string{d.Rule, d.Reward, d.Beneficiary}
	}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

func (e *rewardEvent) verb() string {
	return strings.TrimSuffix(strings.TrimPrefix(e.Type, "referral.reward."), ".v1")
}

// moved is what the event moves, and left what remains after it.
func (e *rewardEvent) moved() int64 { return e.Data.Amount + e.Data.Quantity }
func (e *rewardEvent) left() int64  { return e.Data.Remaining + e.Data.Left }
func (e *rewardEvent) unit() string { return e.Data.Currency + e.Data.Unit }

// line tells the event. What remains is told where the amount does not say it.
func (e *rewardEvent) line(name string) string {
	line := e.verb() + " " + name + " " + major(e.moved(), e.unit())
	switch e.verb() {
	case "earned", "approved":
		if e.left() != e.moved() {
			line += " leaves " + major(e.left(), e.unit())
		}
	default:
		if e.left() != 0 {
			line += " leaves " + major(e.left(), e.unit())
		}
	}
	if e.Data.Role != "referrer" {
		line += " to the " + e.Data.Role
	}
	if e.Data.Status == "pending" {
		line += " pending until " + e.Data.AvailableAt.UTC().Format("2006-01-02T15:04Z07:00")
	}
	return line + bracketed(e.Data.Reason)
}

// standing is how a reward stands after its last event.
type standing struct {
	event    rewardEvent
	withheld int64
	sequence int
}

// tellRewards tells reward events, and holds each against what the contract says of
// its id and its sequence.
func (t *teller) tellRewards(run *offline.Run) error {
	messages := run.Messages("referral.rewards")
	var told, texts []string
	for _, m := range messages[t.seen["rewards"]:] {
		var e rewardEvent
		if err := json.Unmarshal(m.Value, &e); err != nil {
			return err
		}
		name := scope(e.OrgID, e.ProgramID) + e.name()
		if want := rewardID(e.OrgID, e.ProgramID, e.name()); e.Data.RewardID != want {
			return fmt.Errorf("%s has the id %s, not %s", name, e.Data.RewardID, want)
		}
		if err := t.follow(name, &e); err != nil {
			return err
		}
		told = append(told, e.line(name))
		if e.Data.Name+e.Data.Message != "" {
			texts = append(texts, fmt.Sprintf("%s %s: %s", e.verb(), name, strings.TrimSpace(e.Data.Name+" | "+e.Data.Message)))
		}
	}
	t.seen["rewards"] = len(messages)
	t.add("rewards", told)
	t.add("texts", texts)
	return nil
}

// follow holds an event against the one before: what remains is what it moved, and
// nothing is below zero.
func (t *teller) follow(name string, e *rewardEvent) error {
	s := t.standing[name]
	if s == nil {
		s = &standing{}
		t.standing[name] = s
	}
	s.sequence++
	if want := fmt.Sprintf("%s/%s/%d", e.Data.RewardID, e.verb(), s.sequence); e.ID != want {
		return fmt.Errorf("%s: event %s, not %s", name, e.ID, want)
	}
	before, after := s.event.left(), e.left()
	switch e.verb() {
	case "held":
		s.withheld += e.moved()
	case "earned", "increased":
		if after != before+e.moved() {
			return fmt.Errorf("%s: %s of %d leaves %d after %d", name, e.verb(), e.moved(), after, before)
		}
		s.withheld = max(s.withheld-e.moved(), 0)
	case "reversed":
		s.withheld -= e.moved() - (before - after)
	}
	if after < 0 || s.withheld < 0 || e.moved() <= 0 {
		return fmt.Errorf("%s: %s of %d leaves %d, and %d withheld", name, e.verb(), e.moved(), after, s.withheld)
	}
	s.event = *e
	return nil
}

// end tells how everything stands: rewards that are above zero, and what each
// beneficiary has of each currency and unit.
func (t *teller) end() {
	type account struct{ who, unit string }
	net, held := map[account]int64{}, map[account]int64{}
	for _, name := range slices.Sorted(maps.Keys(t.standing)) {
		s := t.standing[name]
		e := &s.event
		a := account{scope(e.OrgID, "") + e.Data.Beneficiary, e.unit()}
		net[a] += e.left()
		held[a] += s.withheld
		if e.left() != 0 {
			t.came["net"] = append(t.came["net"], name+" "+major(e.left(), e.unit()))
		}
	}
	for a, n := range net {
		line := a.who + " " + major(n, a.unit)
		if held[a] != 0 {
			line += ", held " + major(held[a], a.unit)
		}
		if n != 0 || held[a] != 0 {
			t.came["balances"] = append(t.came["balances"], line)
		}
	}
	slices.Sort(t.came["balances"])
}
