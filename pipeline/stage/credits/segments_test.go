package credits

import (
	"fmt"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// holds stands in for a compiled expression.
type holds func(program.Env) bool

func (h holds) Eval(env program.Env) (bool, error) { return h(env), nil }

func busy(env program.Env) bool { return env.Stats["unique_clicks"].(int64) >= 3 }

// clickable has a segment of members with three unique clicks, and a grant for it.
func clickable(limit int64) *program.Catalog {
	c := budgeted(limit, &program.Rule{ID: "thanks", Type: program.Grant, Period: program.Lifetime, Segment: "b/usy",
		Rewards: []program.Reward{{ID: "gift", Type: "gift_card", AmountMinor: 500}}})
	c.Orgs["o"].Segments = []program.Segment{{ID: "b/usy", When: &program.Expression{Program: holds(busy)}}}
	c.Orgs["o"].WatchesClicks = true
	return c
}

func clickOf(t tester, offset int64, m event.MemberClicked) event.Record {
	t.Helper()
	key, value, err := event.EncodeMemberClicked(&m)
	succeed(t, err)
	return structured(offset, key, value)
}

func decisionOf(t tester, offset int64, row map[string]any, decision event.Decision) event.Record {
	t.Helper()
	text := func(column string) string { return row[column].(string) }
	key, value, err := event.EncodeRewardDecision(&event.RewardDecision{
		OrgID: text("org_id"), ProgramID: text("program_id"), RewardID: text("reward_id"), BeneficiaryID: text("beneficiary_id"),
		Role: event.Role(text("beneficiary_role")), RuleID: text("rule_id"), Reward: text("reward"), TierID: text("tier_id"),
		Period: text("period"), Occurrence: row["occurrence"].(int64), ConversionID: text("conversion_id"),
		Decision: decision, Actor: "olaf", Reason: "looked at", Source: "crm", EventID: fmt.Sprint(offset), Time: golden.WrittenAt, DecidedAt: golden.WrittenAt + 9000,
	})
	succeed(t, err)
	return structured(offset, key, value)
}

func TestStage_segments_and_grants_follow_clicks(t *testing.T) {
	w := newWorld(t, clickable(700))
	ann, bob := reward.Person{OrgID: "o", ID: "ann"}, reward.Person{OrgID: "o", ID: "bob"}
	w.clicks[ann], w.clicks[bob] = 2, 5
	w.work([]event.Record{
		changeOf(t, 1, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: 5, Status: event.Active}),
		changeOf(t, 2, event.MemberChanged{OrgID: "o", MemberID: "bob", Time: golden.WrittenAt, Status: event.Active}),
	})
	w.expect(t, "thanks earned 500/500; ")
	w.clicks[ann] = 3
	w.work([]event.Record{clickOf(t, 3, event.MemberClicked{OrgID: "o", MemberID: "ann", Time: golden.WrittenAt + 7, DecidedAt: golden.WrittenAt + 8})})
	w.expect(t, "thanks held 500/0; ")
	if row := w.rows[TableRewards][1]; row["conversion_id"] != "" || row["conversion_time"] != golden.WrittenAt+int64(7) || row["time"] != golden.WrittenAt+int64(8) || row["beneficiary_role"] != "member" {
		t.Errorf("row %v", row)
	}
	w.work([]event.Record{decisionOf(t, 4, w.rows[TableRewards][0], event.Reject)})
	w.settle()
	w.expect(t, "thanks reversed 500/0; thanks earned 500/500; ")
	if w.counts["taken"] != 4 {
		t.Errorf("counts %v", w.counts)
	}
}

func TestStage_segment_events_are_those_of_the_contract(t *testing.T) {
	w := newWorld(t, clickable(0))
	w.clicks[reward.Person{OrgID: "o", ID: "ann"}] = 5
	w.work([]event.Record{changeOf(t, 7, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: golden.WrittenAt, Status: event.Active})})
	w.work([]event.Record{changeOf(t, 8, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: golden.WrittenAt + 1, Forgotten: true})})
	var values []string
	for _, m := range w.messages {
		if m.Topic == "referral.segments" {
			values = append(values, string(m.Key)+" "+string(m.Value))
		}
	}
	want := []string{
		`o/ann {"specversion":"1.0","id":"b%2Fusy/ann/entered/1","source":"` + event.OrgSource("o") + `","type":"referral.segment.entered.v1",` +
			`"time":"2026-01-01T00:00:00.000Z","orgid":"o","datacontenttype":"application/json","data":{"member_id":"ann","segment_id":"b/usy","at":"2026-01-01T00:00:00.000Z"}}`,
		`o/ann {"specversion":"1.0","id":"b%2Fusy/ann/left/2","source":"` + event.OrgSource("o") + `","type":"referral.segment.left.v1",` +
			`"time":"2026-01-01T00:00:00.001Z","orgid":"o","datacontenttype":"application/json","data":{"member_id":"ann","segment_id":"b/usy","at":"2026-01-01T00:00:00.001Z"}}`,
	}
	if strings.Join(values, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %s\nwant %s", strings.Join(values, "\n"), strings.Join(want, "\n"))
	}
	row := w.rows[TableSegments][1]
	if row["org_id"] != "o" || row["program_id"] != "" || row["segment_id"] != "b/usy" || row["member_id"] != "ann" || row["event_type"] != "left" ||
		row["sequence"] != int64(2) || row["event_id"] != "b%2Fusy/ann/left/2" || row["kafka_offset"] != int64(8) || row["source"] != event.OrgSource("o") {
		t.Errorf("row %v", row)
	}
}

func TestStage_decision_of_another_partition_or_org_is_a_dead_letter(t *testing.T) {
	w := newWorld(t, catalogOf(flatRule()))
	w.take(credit("c1", "ann", "r"))
	record := decisionOf(t, 2, w.rows[TableRewards][0], event.Reject)
	record.Key = []byte("o/bob")
	w.work([]event.Record{record})
	if len(w.letters) != 1 || w.letters[0].ProgramID != "p" || w.letters[0].OrgID != "o" {
		t.Errorf("letters %+v", w.letters)
	}
	w.expect(t, "c1 earned 1000/1000; ")
}
