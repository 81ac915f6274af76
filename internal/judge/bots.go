package judge

import (
	"net/netip"
	"strings"
)

// crawlers are the common ones that the built-in list knows for certain (§9 (14)).
var crawlers = []string{"Googlebot", "bingbot", "AhrefsBot", "facebookexternalhit"}

// bot names the rule by which a click is a bot's: networks, then configured agents,
// then the built-in list (§9 (44)). What else that list has is not the contract's: a
// reason in the books is taken for one of its entries if the user agent says so.
func (c *catalog) bot(ip, agent, booked string) string {
	if at, err := netip.ParseAddr(ip); err == nil {
		for _, n := range c.networks {
			if n.prefix.Contains(at.Unmap().WithZone("")) {
				return n.name
			}
		}
	}
	if agent == "" {
		return ""
	}
	for _, a := range c.agents {
		if strings.Contains(agent, a.Contains) {
			return a.Name
		}
	}
	if booked != "" && strings.Contains(agent, strings.TrimPrefix(booked, "^")) {
		return booked
	}
	for _, name := range crawlers {
		if strings.Contains(agent, name) {
			return name
		}
	}
	return ""
}
