package analytics

import (
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

func TestRecorded(t *testing.T) {
	b := opened(t)
	write(t, b, batch(1, 0, 2), block(t, b, "fulfillments", 2, values{
		"org_id": []string{"o", "o"}, "program_id": []string{"p", "p"}, "reward_id": []string{"r", "r"},
		"source": []string{"bank", "bank"}, "event_id": []string{"e1", "e2"},
	}))
	queries := []pipeline.EventQuery{
		{OrgID: "o", ProgramID: "p", By: "r", Source: "bank", EventID: "e2"},
		{OrgID: "o", ProgramID: "p", By: "r", Source: "shop", EventID: "e2"},
		{OrgID: "o", ProgramID: "p", By: "r", Source: "bank", EventID: "e1"},
		{OrgID: "o", ProgramID: "p", By: "r", Source: "bank", EventID: "e1"},
		{OrgID: "o", ProgramID: "q", By: "r", Source: "bank", EventID: "e1"},
	}
	got, err := b.Recorded(t.Context(), "fulfillments", queries)
	if want := []bool{true, false, true, true, false}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got, err := b.Recorded(t.Context(), "clicks", nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := b.Recorded(t.Context(), "credits", queries); err == nil {
		t.Error("credits are no events of a front door, and were asked for")
	}
}
