package simulate

import (
	"slices"
	"strconv"
)

// population are the people of a seed, and which program each visitor is of.
type population struct {
	programs []Program
	orgs     []string       // in order
	orgOf    []int          // by program
	seed     uint64         //
	tag      string         // the seed in ids
	visitors uint32         //
	perOrg   []uint32       // referrers of each org
	members  uint32         //
	byOrg    map[string]int //
}

func newPopulation(o Options) *population {
	p := &population{
		programs: o.Programs, seed: mix64(o.Seed), tag: strconv.FormatUint(o.Seed, 36),
		visitors: uint32(o.Visitors), members: uint32(o.Members), byOrg: make(map[string]int),
	}
	for _, program := range o.Programs {
		if !slices.Contains(p.orgs, program.OrgID) {
			p.byOrg[program.OrgID] = len(p.orgs)
			p.orgs = append(p.orgs, program.OrgID)
		}
		p.orgOf = append(p.orgOf, p.byOrg[program.OrgID])
	}
	for i := range p.orgs {
		p.perOrg = append(p.perOrg, uint32((o.Referrers-i+len(p.orgs)-1)/len(p.orgs)))
	}
	for i, n := range p.perOrg {
		p.perOrg[i] = max(n, 1)
	}
	return p
}

// programOf is the program that a visitor is interested in.
func (p *population) programOf(visitor uint32) int {
	return int(mix64(p.seed+uint64(visitor)) % uint64(len(p.programs)))
}

// referrer picks a referrer of an org by a number from 0 to 1: a few are popular.
func (p *population) referrer(org int, u float64) uint32 {
	k := uint32(u * u * u * float64(p.perOrg[org]))
	return k*uint32(len(p.orgs)) + uint32(org)
}

// isMember tells whether a referrer's member update is written.
func (p *population) isMember(referrer uint32) bool { return referrer < p.members }

func (p *population) appendVisitor(to []byte, visitor uint32) []byte {
	to = append(to, 'v')
	to = append(to, p.tag...)
	to = append(to, '-')
	return appendHex(to, mix32(visitor))
}

func (p *population) appendCustomer(to []byte, visitor uint32) []byte {
	to = append(to, 'c')
	to = append(to, p.tag...)
	to = append(to, '-')
	return appendHex(to, mix32(visitor))
}

func appendMember(to []byte, member uint32) []byte {
	to = append(to, "member-"...)
	return strconv.AppendUint(to, uint64(member), 10)
}

func appendCode(to []byte, member uint32) []byte {
	to = append(to, "FRIEND"...)
	return strconv.AppendUint(to, uint64(member), 10)
}

// mix32 scatters numbers; no two have the same result.
func mix32(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x7feb352d
	x ^= x >> 15
	x *= 0x846ca68b
	return x ^ x>>16
}

func mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func appendHex(to []byte, x uint32) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		to = append(to, digits[x>>shift&15])
	}
	return to
}
