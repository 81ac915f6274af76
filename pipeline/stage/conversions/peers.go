package conversions

import "slices"

// listedShares is how many shares a credit lists one by one. Credits of a
// conversion with more referrers tell how many there are of each size: else what
// rewards are told of all referrers would grow with the square of their number.
const listedShares = 100

// peers are what credits say of very many shares (see [event.Credit]), to be gone
// through in their order.
type peers struct {
	list   []int64 // size, how many, how many before: for each size, ascending
	places map[int64]int
}

func peersOf(shares []int64) *peers {
	p := &peers{places: make(map[int64]int)}
	sorted := slices.Sorted(slices.Values(shares))
	for _, ppm := range sorted {
		place, known := p.places[ppm]
		if !known {
			place = len(p.list)
			p.places[ppm] = place
			p.list = append(p.list, ppm, 0, 0)
		}
		p.list[place+1]++
	}
	return p
}

// pass moves on to what the share after one of this size has before it.
func (p *peers) pass(ppm int64) { p.list[p.places[ppm]+2]++ }
