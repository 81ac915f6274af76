package attribution

import (
	"time"

	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Whole is the credit of one conversion, in parts per million.
const Whole = 1_000_000

// Models are all models, in the order of the contract.
var Models = []program.Model{
	program.LastClick, program.FirstClick, program.Linear, program.PositionBased, program.TimeDecay,
}

// Share gives each touch its credit by a model: parts per million that add up
// to Whole. Touches are in order, the newest last; there is at least one.
func Share(model program.Model, touches []Touch, halfLife time.Duration) []int64 {
	n := len(touches)
	weights := make([]int64, n)
	switch model {
	case program.FirstClick:
		weights[0] = 1
	case program.Linear:
		for i := range weights {
			weights[i] = 1
		}
	case program.PositionBased:
		byPosition(weights)
	case program.TimeDecay:
		return money.SplitBig(Whole, decayed(touches, halfLife))
	default: // program.LastClick
		weights[n-1] = 1
	}
	return money.Split(Whole, weights)
}

// byPosition weighs the first and the last touch 40 % each, the others share
// 20 %: as integers 2(n-2) : 1 : ... : 1 : 2(n-2).
func byPosition(weights []int64) {
	n := len(weights)
	for i := range weights {
		weights[i] = 1
	}
	if n > 2 {
		weights[0], weights[n-1] = int64(2*(n-2)), int64(2*(n-2))
	}
}
