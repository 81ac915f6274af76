package credits

import (
	"github.com/grapevinehq/grapevine/pipeline/program"
	"github.com/grapevinehq/grapevine/pipeline/reward"
)

// The verdicts on a record of referral.credits.
const (
	verdictTaken    byte = 1
	verdictRepeated byte = 2
	verdictInvalid  byte = 3
	verdictPassed   byte = 4 // what rewards do not act on yet
)

// following takes a batch's credits in order. Ledgers do not touch each other:
// one that misses a value waits alone, so that a round of reading serves all.
type following struct {
	ledgers  *reward.Ledgers
	catalog  *program.Catalog
	inputs   []input
	queues   []queue
	known    []bool // by record: the books say that it was taken before
	verdicts []byte
	events   [][]reward.Event
}

// queue are the records of one ledger that are still to be taken, in order.
type queue []int

type ledger struct{ org, beneficiary string }

func follow(ledgers *reward.Ledgers, catalog *program.Catalog, inputs []input) *following {
	f := &following{
		ledgers: ledgers, catalog: catalog, inputs: inputs,
		known: make([]bool, len(inputs)), verdicts: make([]byte, len(inputs)), events: make([][]reward.Event, len(inputs)),
	}
	places := make(map[ledger]int, len(inputs))
	for i := range inputs {
		if inputs[i].problems != nil {
			f.verdicts[i] = verdictInvalid
			continue
		}
		if inputs[i].other {
			f.verdicts[i] = verdictPassed
			continue
		}
		of := ledger{inputs[i].credit.OrgID, inputs[i].credit.BeneficiaryID}
		place, ok := places[of]
		if !ok {
			place = len(f.queues)
			places[of] = place
			f.queues = append(f.queues, nil)
		}
		f.queues[place] = append(f.queues[place], i)
	}
	return f
}

// first are the keys that the credits name themselves.
func (f *following) first() []string {
	var keys []string
	for _, q := range f.queues {
		for _, i := range q {
			c := &f.inputs[i].credit
			keys = append(keys, f.ledgers.Take(programOf(f.catalog, c), c).Missing...)
		}
	}
	return keys
}

// advance takes credits until each ledger is done or misses a value, and
// returns what is missing.
func (f *following) advance() []string {
	var missing []string
	for place, q := range f.queues {
		for len(q) > 0 {
			lacks := f.take(q[0])
			if len(lacks) > 0 {
				missing = append(missing, lacks...)
				break
			}
			q = q[1:]
		}
		f.queues[place] = q
	}
	return missing
}

// take books one credit, or returns what is missing for it.
func (f *following) take(i int) (missing []string) {
	if f.known[i] {
		f.verdicts[i] = verdictRepeated
		return nil
	}
	c := &f.inputs[i].credit
	taken := f.ledgers.Take(programOf(f.catalog, c), c)
	switch {
	case len(taken.Missing) > 0:
		return taken.Missing
	case taken.Repeated:
		f.verdicts[i] = verdictRepeated
	default:
		f.verdicts[i], f.events[i] = verdictTaken, taken.Events
	}
	return nil
}

// verdictName is a verdict for the metrics.
func verdictName(v byte) string {
	switch v {
	case verdictTaken:
		return "taken"
	case verdictRepeated:
		return "redelivered"
	case verdictPassed:
		return "passed"
	default:
		return "invalid"
	}
}
