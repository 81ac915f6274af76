package judge

// claims are the ids that conversions claim in a program: conversion_id, and
// order_id with the kind. Partitions share them. Within one the first has the id;
// of several the contract leaves it open who, and the books tell: exactly one.
type claims struct {
	owners map[uint64]claimed
	lost   map[uint64][]place // first of their partition, and yet duplicates
}

func newClaims() claims { return claims{map[uint64]claimed{}, map[uint64][]place{}} }

type claimed struct{ place }

// take claims an id for a record. books tells whether the books have the record as
// the owner. The answer is whether it is.
func (c *claims) take(t *trial, what string, id uint64, p place, books bool) bool {
	owner, taken := c.owners[id]
	switch {
	case taken && owner.place == p:
		return true
	case taken && owner.partition == p.partition:
		return false
	case taken && books:
		t.differ("conversions", p.String()+" "+what, "a duplicate of "+owner.String(), "one of its own")
		return false
	case taken:
		return false
	case !books:
		c.lost[id] = append(c.lost[id], p)
		return false
	}
	c.owners[id] = claimed{p}
	return true
}

// free tells whether nobody has an id, as far as this partition has come.
func (c *claims) free(id uint64, partition int) (free, certain bool) {
	owner, taken := c.owners[id]
	return !taken, taken && owner.partition == partition
}

// settle sees to it that whoever lost an id lost it to somebody.
func (c *claims) settle(t *trial, what string) {
	for id, places := range c.lost {
		owner, taken := c.owners[id]
		for _, p := range places {
			if !taken || owner.partition == p.partition && p.before(owner.place) {
				t.differ("conversions", p.String()+" "+what, "not a duplicate: nobody has the id before it", "a duplicate")
			}
		}
	}
}
