package click

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// Bots knows bots by network, by the configured user agents and by the built-in
// list of crawlers, in this order (§9 (44)). It is immutable.
type Bots struct {
	networks networks
	agents   []program.BotAgent
	crawlers *patterns
}

// NewBots compiles the configured rules and adds the built-in list.
func NewBots(rules program.BotRules) (*Bots, error) {
	b := &Bots{agents: rules.UserAgents, crawlers: crawlers()}
	for _, n := range rules.Networks {
		prefix, err := netip.ParsePrefix(n.CIDR)
		if err != nil {
			return nil, fmt.Errorf("bot network %s: %w", n.Name, err)
		}
		b.networks.add(prefix, n.Name)
	}
	return b, nil
}

// Match names the rule by which a click is a bot's, empty when it is nobody's.
// An ip that is none is in no network; an empty user agent is no bot.
func (b *Bots) Match(ip, userAgent string) (rule string) {
	if rule = b.Network(ip); rule != "" {
		return rule
	}
	return b.Agent(userAgent)
}

// Network names the configured network that an ip lies in, the first in the
// order of the configuration.
func (b *Bots) Network(ip string) (rule string) {
	if ip == "" || len(b.networks.names) == 0 {
		return ""
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	return b.networks.find(addr.Unmap().WithZone(""))
}

// Agent names the rule that a user agent meets.
func (b *Bots) Agent(userAgent string) (rule string) {
	if userAgent == "" {
		return ""
	}
	for _, a := range b.agents {
		if a.Contains != "" && strings.Contains(userAgent, a.Contains) {
			return a.Name
		}
	}
	return b.crawlers.find(userAgent)
}

// networks finds the first of many prefixes with one look-up for each length of
// prefix in use.
type networks struct {
	names   []string
	index   map[netip.Prefix]int
	lengths []prefixLength
}

type prefixLength struct {
	bits int
	is4  bool
}

func (n *networks) add(p netip.Prefix, name string) {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	if n.index == nil {
		n.index = map[netip.Prefix]int{}
	}
	if _, known := n.index[p]; known {
		return
	}
	n.index[p] = len(n.names)
	n.names = append(n.names, name)
	length := prefixLength{bits: p.Bits(), is4: p.Addr().Is4()}
	for _, l := range n.lengths {
		if l == length {
			return
		}
	}
	n.lengths = append(n.lengths, length)
}

func (n *networks) find(a netip.Addr) (name string) {
	first := len(n.names)
	for _, l := range n.lengths {
		if l.is4 != a.Is4() {
			continue
		}
		p, err := a.Prefix(l.bits)
		if err != nil {
			continue
		}
		if i, ok := n.index[p]; ok && i < first {
			first = i
		}
	}
	if first == len(n.names) {
		return ""
	}
	return n.names[first]
}

// AgentCache remembers what the last user agents met: there are few browsers
// and many clicks. It has a fixed number of places and is one goroutine's.
type AgentCache struct {
	bots   *Bots
	seed   maphash.Seed
	places [agentPlaces]agentPlace
}

const (
	agentPlaces  = 1 << 12
	maxCachedLen = 512 // longer user agents are looked up each time
)

type agentPlace struct{ agent, rule string }

// NewAgentCache makes a cache in front of bots.
func NewAgentCache(bots *Bots) *AgentCache {
	return &AgentCache{bots: bots, seed: maphash.MakeSeed()}
}

// Match is that of [Bots].
func (c *AgentCache) Match(ip, userAgent string) (rule string) {
	if rule = c.bots.Network(ip); rule != "" || userAgent == "" {
		return rule
	}
	if len(userAgent) > maxCachedLen {
		return c.bots.Agent(userAgent)
	}
	p := &c.places[maphash.String(c.seed, userAgent)%agentPlaces]
	if p.agent != userAgent {
		// The agent points into the batch's buffer: what is kept is a copy.
		p.agent = strings.Clone(userAgent)
		p.rule = c.bots.Agent(userAgent)
	}
	return p.rule
}
