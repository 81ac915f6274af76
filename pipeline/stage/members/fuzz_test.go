package members

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// What stands in Redis is our own, but a damaged value must be an error, never a panic.
func FuzzTakeRecord(f *testing.F) {
	w := facts{Inputs: []input{{OrgID: "o", MemberID: "m", EventID: "e", Source: "s", Verdict: applied}, {Verdict: invalid, Detail: "d"}}, Sets: []set{{"k", "f", []byte{1}}}}
	for _, v := range []any{&w, &record{Facts: w, Losses: []loss{{OrgID: "o", MemberID: "m", Detail: "d"}}}, &record{Facts: facts{Inputs: []input{{Verdict: forgotten}}}}} {
		data, err := encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := newWorld(t, 1).parts[0].worker.Decode(pipeline.Bounds{Number: 1, End: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = k.TakeFacts(data)
		if k.TakeRecord(data) == nil {
			_, _ = k.Outcome(t.Context())
		}
	})
}
