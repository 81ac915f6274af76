package judge

import (
	"fmt"
	"slices"
	"strings"
)

// creditRowsBooked compares what rewards were told of conversions: for every
// referrer, how the conversion stood after each change. Rules that turn on figures
// of a moment are taken from here.
func (t *trial) creditRowsBooked() error {
	seen := map[uint64]int{} // how many of a party's changes are there
	ids := map[string]bool{}
	referees := map[string][]string{} // rules told, by row
	of := map[string]*conversion{}
	for row, err := range t.rows("credits") {
		if err != nil {
			return err
		}
		key := row.text("source") + " " + row.text("event_id")
		if ids[key] {
			t.differ("credits", key, "one row", "another")
			continue
		}
		ids[key] = true
		c := t.found[name(row.text("org_id"), row.text("program_id"), row.text("conversion_id"))]
		n := row.number("sequence")
		if c == nil || !c.attributed || n < 0 || n >= int64(len(c.states)) || !c.states[n].told {
			t.differ("credits", key, "no row: nothing changed", row.String())
			continue
		}
		want := Row{
			"customer_id": c.customer, "kind": c.kind, "name": c.name, "conversion_time": c.time, "currency": c.version.Currency, "amount_minor": c.amount,
			"net_minor": c.states[n].net, "counts": map[bool]int64{true: 1}[c.states[n].counts],
		}
		switch row.text("role") {
		case "referrer":
			i := slices.IndexFunc(c.parties, func(p party) bool { return p.referrer == row.text("beneficiary_id") })
			if i < 0 {
				t.differ("credits", key, "a referrer with credit", row.text("beneficiary_id"))
				continue
			}
			p := &c.parties[i]
			want["credit_ppm"], want["credited_minor"], want["locale"] = p.ppm, split(c.states[n].net, c.ppm())[i], oneOf(p.locales, row.text("locale"))
			t.rulesTold(key, p, row.texts("rules"))
			seen[name(c.org, c.program, c.id, p.referrer)]++
		default:
			want["beneficiary_id"], want["role"], want["credit_ppm"], want["locale"] = c.customer, "referee", int64(0), oneOf(c.locales, row.text("locale"))
			seen[name(c.org, c.program, c.id, "", "referee")]++
			referees[key], of[key] = row.texts("rules"), c
		}
		t.compare("credits", key, want, row)
	}
	for key, told := range referees { // once it is settled what the referrers passed
		want, got := of[key].refereeRules(), slices.Sorted(slices.Values(told))
		if !slices.Equal(want, got) {
			t.differ("credits", key+" rules", strings.Join(want, ", "), strings.Join(got, ", "))
		}
	}
	t.creditsMissing(seen)
	return nil
}

// refereeRules are those with something for the referee that a referrer passed.
func (c *conversion) refereeRules() (ids []string) {
	for i := range c.parties {
		for _, r := range c.parties[i].rules {
			if !slices.Contains(ids, r.ID) && slices.ContainsFunc(r.Rewards, func(w reward) bool { return w.To == "referee" }) {
				ids = append(ids, r.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// oneOf is what was found where that may be, or else what is likeliest.
func oneOf(these []string, found string) string {
	if slices.Contains(these, found) {
		return found
	}
	return these[len(these)-1]
}

func (c *conversion) ppm() []int64 {
	ppm := make([]int64, len(c.parties))
	for i := range c.parties {
		ppm[i] = c.parties[i].ppm
	}
	return ppm
}

// rulesTold compares the rules that a referrer passed, and settles those that only
// the books can tell.
func (t *trial) rulesTold(key string, p *party, told []string) {
	var want []string
	for _, r := range p.gated {
		if slices.Contains(told, r.ID) {
			p.rules = append(p.rules, r)
		}
	}
	p.gated = nil
	for _, r := range p.rules {
		want = append(want, r.ID)
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(told)); !slices.Equal(want, got) {
		t.differ("credits", key+" rules", strings.Join(want, ", "), strings.Join(got, ", "))
	}
}

func (t *trial) creditsMissing(seen map[uint64]int) {
	for _, c := range t.all {
		if !c.attributed {
			continue
		}
		changes := 0
		for _, s := range c.states {
			if s.told {
				changes++
			}
		}
		for i := range c.parties {
			p := &c.parties[i]
			if n := seen[name(c.org, c.program, c.id, p.referrer)]; n != changes {
				t.differ("credits", fmt.Sprintf("%s/%s %s of %s", c.org, c.program, c.id, p.referrer), fmt.Sprint(changes, " rows"), n)
			}
		}
		if len(c.refereeRules()) == 0 {
			changes = 0
		}
		if n := seen[name(c.org, c.program, c.id, "", "referee")]; n != changes {
			t.differ("credits", fmt.Sprintf("%s/%s %s of the referee", c.org, c.program, c.id), fmt.Sprint(changes, " rows"), n)
		}
	}
}
