package conversions

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// Whatever the credits and the amount, the parts of those who know no more than how
// many credits there are of each size add up to a split over all of them.
func TestProperty_peers_split_as_shares_do(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 50), 1, 4).Draw(t, "weights")
		shares := money.Split(1_000_000, rapid.SliceOfN(rapid.SampledFrom(sizes), listedShares+1, 300).Draw(t, "shares"))
		net := rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Min(0), rapid.Map(rapid.Int64Range(0, 1000), func(n int64) int64 { return n * 100_000 })).Draw(t, "net")
		d, c := decision{}, conversion{Shares: shares, NetMinor: net, Counts: true}
		for i := range shares {
			c.Parties = append(c.Parties, beneficiary{Role: event.RoleReferrer, Index: i})
		}
		c.Parties = append(c.Parties, beneficiary{Role: event.RoleReferee, Index: -1})
		d.handOver("c", &c)
		want, i := append(money.Split(net, shares), net), 0
		for credit := range d.HandOver[0].credits("o", "p", 0) {
			if credit.Shares != nil || (credit.Peers == nil) != (credit.Index < 0) {
				t.Fatalf("credit %d has shares %v and peers %v", i, credit.Shares, credit.Peers)
			}
			if got := reward.Credited(credit); got != want[i] {
				t.Fatalf("part %d of %d is %d, not %d, among %v", i, net, got, want[i], credit.Peers)
			}
			i++
		}
		if i != len(want) {
			t.Fatalf("%d credits, not %d", i, len(want))
		}
	})
}

// A record of a release that listed every share is carried out as that would have
// done it, and so is one with few referrers.
func TestCredits_list_shares_where_the_record_says_so(t *testing.T) {
	many := conversion{Shares: money.Split(1_000_000, make([]int64, listedShares+1)), Parties: []beneficiary{{Role: event.RoleReferrer}}}
	few := decision{}
	few.handOver("c", &conversion{Shares: many.Shares[:listedShares], Parties: many.Parties})
	for _, h := range []handOver{{Standing: many}, few.HandOver[0]} {
		for credit := range h.credits("o", "p", 0) {
			if len(credit.Shares) != len(h.Standing.Shares) || credit.Peers != nil {
				t.Errorf("%d shares, peers %v", len(credit.Shares), credit.Peers)
			}
		}
	}
}
