package e2e

import (
	"fmt"

	"github.com/grapevinehq/grapevine/consumers"
)

// settled is a sale of which nothing is changed any more, and one of those who may
// have a reward for it. What persons decide about such a reward comes to the same
// whenever it is read.
type settled struct{ conversion, member string }

// decisions are what became of the rewards of settled sales, the oldest first. Some
// were paid, some a person approves or rejects, and some rewards there are none of.
func (g *traffic) decisions(n int) {
	n = min(n, len(g.settled))
	for _, s := range g.settled[:n] {
		g.decide("thanks", "share", s, "reward.fulfilled", map[string]any{"external_id": "tx-" + s.conversion})
		switch g.IntN(4) {
		case 0:
			g.decide("patience", "late", s, "reward.decided", map[string]any{"decision": "reject", "actor": "eve", "reason": "no customer"})
		case 1:
			g.decide("patience", "late", s, "reward.decided", map[string]any{"decision": "reverse", "actor": "eve"})
		case 2:
			g.decide("patience", "late", s, "reward.fulfillment_failed", map[string]any{"reason": "no account"})
		default:
			g.decide("patience", "late", s, "reward.decided", map[string]any{"decision": "approve", "actor": "eve"})
		}
	}
	g.settled = g.settled[n:]
}

func (g *traffic) decide(rule, reward string, s settled, what string, data map[string]any) {
	id := named("acme", "later", rule, reward, s.conversion, s.member)
	data["reward_id"] = id
	g.write(consumers.Fulfillments, id, fmt.Sprintf("referral.%s.v1", what), "later", g.at(), data)
}
