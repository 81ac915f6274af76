package credits

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/internal/golden"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// due tells what the worker says of a time.
func (w *world) due(now int64) bool {
	w.t.Helper()
	due, err := w.worker.(pipeline.Timekeeper).Due(context.Background(), now)
	succeed(w.t, err)
	return due
}

// clocks works timer batches until nothing is due at a time.
func (w *world) clocks(now int64) {
	w.t.Helper()
	w.bounds.Time = now
	for n := 0; w.due(now); n++ {
		if n == 100 {
			w.t.Fatal("batches of timers never end")
		}
		w.work(nil)
	}
}

// told are the types of the messages so far, of a topic.
func (w *world) told(topic string) string {
	w.t.Helper()
	var types []string
	for _, m := range w.messages {
		if m.Topic == topic {
			var e struct{ Type string }
			succeed(w.t, json.Unmarshal(m.Value, &e))
			part := strings.Split(e.Type, ".")
			types = append(types, part[2])
		}
	}
	return strings.Join(types, " ")
}

const day = 24 * 3600 * 1000

func TestStage_batch_of_timers_approves_what_is_due(t *testing.T) {
	rule := flatRule()
	rule.Hold = 24 * time.Hour
	w := newWorld(t, catalogOf(rule))
	w.work(recordsOf(t, []event.Credit{credit("c1", "ann", "r"), credit("c2", "bob", "r")}))
	if w.due(golden.WrittenAt + day - 1) {
		t.Error("something is due too early")
	}
	w.clocks(golden.WrittenAt + day)
	if got := w.told(TopicRewards); got != "earned earned approved approved" {
		t.Errorf("published %s", got)
	}
	row := w.rows[TableRewards][2]
	if row["event_type"] != "approved" || row["status"] != "approved" || row["kafka_offset"] != w.bounds.First || row["time"] != golden.WrittenAt+int64(day) {
		t.Errorf("row %v", row)
	}
	if w.due(golden.WrittenAt + 100*day) {
		t.Error("something is due for ever")
	}
}

func TestStage_batch_of_records_does_first_what_is_due(t *testing.T) {
	rule := flatRule()
	rule.Hold = 24 * time.Hour
	w := newWorld(t, catalogOf(rule))
	first := credit("c1", "ann", "r")
	w.work(recordsOf(t, []event.Credit{first}))
	w.bounds.Time = golden.WrittenAt + day
	cancel := first
	cancel.Sequence, cancel.Counts, cancel.NetMinor = 1, false, 0
	w.work(recordsOf(t, []event.Credit{cancel, credit("c2", "ann", "r")}))
	if got := w.told(TopicRewards); got != "earned approved reversed earned" {
		t.Errorf("published %s", got)
	}
	// c2's hold is over already: the next batch approves it.
	w.clocks(w.bounds.Time)
	if got := w.told(TopicRewards); got != "earned approved reversed earned approved" {
		t.Errorf("published %s", got)
	}
}

func TestStage_more_is_due_than_one_batch_does(t *testing.T) {
	rule := flatRule()
	rule.Hold = time.Hour
	w := newWorld(t, catalogOf(rule))
	var credits []event.Credit
	for i := range duePerBatch + 10 {
		credits = append(credits, credit(fmt.Sprint("c", i), fmt.Sprint("m", i%7), "r"))
	}
	w.work(recordsOf(t, credits))
	before := w.bounds.Number
	w.clocks(golden.WrittenAt + day)
	if n := len(w.messages); n != 2*len(credits) || w.bounds.Number != before+2 {
		t.Errorf("%d messages in %d batches", n, w.bounds.Number-before)
	}
}

func TestStage_members_are_known_by_their_newest_update(t *testing.T) {
	rule := flatRule()
	rule.Hold = time.Hour
	w := newWorld(t, catalogOf(rule))
	w.work([]event.Record{
		recordOf(t, 1, credit("c1", "ann", "r")),
		changeOf(t, 2, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: 5, Status: event.Banned}),
	})
	w.clocks(golden.WrittenAt + day)
	if got := w.told(TopicRewards); got != "earned" {
		t.Errorf("a banned member has %s", got)
	}
	w.work([]event.Record{changeOf(t, 3, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: 6, Offset: 1, Status: event.Active})})
	if got := w.told(TopicRewards); got != "earned approved" {
		t.Errorf("after the ban: %s", got)
	}
	w.work([]event.Record{changeOf(t, 4, event.MemberChanged{OrgID: "o", MemberID: "ann", Time: 6, Offset: 1, Status: event.Active})})
	if w.counts["redelivered"] != 1 || w.counts["taken"] != 3 {
		t.Errorf("counts %v", w.counts)
	}
}

// changeOf is a member's update as it lies in Kafka.
func changeOf(t tester, offset int64, m event.MemberChanged) event.Record {
	t.Helper()
	key, value, err := event.EncodeMemberChanged(&m)
	succeed(t, err)
	return structured(offset, key, value)
}

func structured(offset int64, key, value []byte) event.Record {
	return event.Record{
		Offset: offset, Time: golden.WrittenAt, Key: key, Value: value,
		Headers: []event.Header{{Key: event.ContentType, Value: []byte(event.StructuredContentType)}},
	}
}
