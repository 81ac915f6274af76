package analytics

import (
	"reflect"
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/stage/fulfillments"
)

// A reward is what its last event left of it, named as in its first, whatever
// part they lie in; one of another program with the same id is another.
func TestRewards_tells_what_names_a_reward_and_what_is_left(t *testing.T) {
	b := opened(t)
	events := func(number uint64, sequence []int64, conversion []string, remaining []int64) {
		t.Helper()
		n := len(sequence)
		write(t, b, batch(number, 0, 1), block(t, b, "rewards", n, values{
			"org_id": repeated("o", n), "program_id": repeated("p", n), "reward_id": repeated("r", n), "sequence": sequence,
			"beneficiary_id": repeated("m", n), "beneficiary_role": repeated("referrer", n), "rule_id": repeated("ten", n), "reward": repeated("cash", n),
			"tier_id": repeated("gold+1", n), "period": repeated("2026-11", n), "occurrence": repeated(int64(2), n),
			"conversion_id": conversion, "currency": repeated("EUR", n), "remaining_minor": remaining,
		}))
	}
	events(1, []int64{3, 2}, []string{"cv-3", "cv-2"}, []int64{70, 150})
	events(2, []int64{1}, []string{"cv-1"}, []int64{100})
	write(t, b, batch(3, 0, 1), block(t, b, "fulfillments", 3, values{
		"org_id": repeated("o", 3), "program_id": []string{"p", "p", "q"}, "reward_id": repeated("r", 3),
		"event_type": []string{"fulfilled", "fulfilled", "fulfilled"}, "amount_minor": []int64{40, 2, 9},
	}))
	got, err := b.Rewards(t.Context(), []fulfillments.RewardQuery{{OrgID: "o", ProgramID: "q", RewardID: "r"}, {OrgID: "o", ProgramID: "p", RewardID: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []fulfillments.Reward{
		{Fulfilled: 9},
		{
			Known: true, BeneficiaryID: "m", Currency: "EUR", Remaining: 70, Fulfilled: 42, Role: event.RoleReferrer, RuleID: "ten", OwnID: "cash",
			TierID: "gold+1", Period: "2026-11", Occurrence: 2, ConversionID: "cv-1",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func repeated[T any](v T, n int) []T { return slices.Repeat([]T{v}, n) }
