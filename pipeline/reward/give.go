package reward

import (
	"maps"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Give is what one account gets back of a batch, once that is published. If others
// had the room before, a reward of another partition could be told of before what it
// takes the place of, and who adds up what is told would find more than the budget.
type Give struct {
	Account string `cbor:"1,keyasint"`
	Limit   int64  `cbor:"2,keyasint"`
	Before  uint64 `cbor:"3,keyasint"` // as in a draw: the account may have been drawn on by this batch, or else not
	Amount  int64  `cbor:"4,keyasint"`
}

// Draw is how the account gets it: one draw a batch.
func (g *Give) Draw() pipeline.Draw {
	return pipeline.Draw{ID: "give", Budget: g.Account, Limit: g.Limit, Before: g.Before, Op: pipeline.DrawGive, Amount: g.Amount}
}

// free notes what a reward no longer needs of its account.
func (l *Ledgers) free(account string, amount int64) {
	l.drew(account)
	l.accounts.write(accountKey(account)).Gives += amount
	l.freed[account] += amount
}

// Gives are what accounts get back of all that was taken.
func (l *Ledgers) Gives() []Give {
	var gives []Give
	for _, account := range slices.Sorted(maps.Keys(l.freed)) {
		d := l.drawOn(account, pipeline.DrawGive)
		gives = append(gives, Give{Account: account, Limit: d.Limit, Before: d.Before, Amount: l.freed[account]})
	}
	return gives
}
