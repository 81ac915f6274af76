package fulfillments

import (
	"encoding/json"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// What stands in Redis is our own, but a damaged value must be an error, never a panic.
func FuzzTakeRecord(f *testing.F) {
	value, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": "i", "source": "s", "type": event.TypeFulfilled, "time": "2025-11-01T00:00:00Z", "orgid": "acme", "programid": "us-store",
		"data": map[string]any{"reward_id": "r"},
	})
	if err != nil {
		f.Fatal(err)
	}
	rec := event.Record{Key: []byte("r"), Value: value, Time: kafkaTime}
	for _, r := range []record{
		{Decisions: []decision{{Verdict: stored, Reward: Reward{Known: true, Remaining: 5}, Amount: 5}}},
		{Decisions: []decision{{Verdict: waiting}}, Waiting: []waiter{{Key: rec.Key, Value: value, Time: kafkaTime}}, Changed: true},
		{Decisions: []decision{{Verdict: invalid}}, Ended: []ended{{Waiter: waiter{Key: rec.Key, Value: value, Time: kafkaTime}, Decision: decision{Verdict: unknownReward}}}},
	} {
		data, err := encode(&r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t)
		w.own[waitingKey] = data // who reads the list of those who wait takes no harm either
		k, err := w.worker.Decode(pipeline.Bounds{Number: 1, End: 1, Time: kafkaTime}, []event.Record{rec})
		if err != nil {
			t.Fatal(err)
		}
		_ = k.LookUp(t.Context(), pipeline.Progress{})
		if k.TakeRecord(data) == nil {
			_, _ = k.Outcome(t.Context())
		}
	})
}
