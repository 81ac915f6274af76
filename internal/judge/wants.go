package judge

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// want is what a reward of a single conversion must be worth, and how it must be
// called.
type want struct {
	amount  int64
	c       *conversion
	rule    *rule
	reward  *reward
	role    string
	bracket string // the sum that it is a part of; its own amount is not promised then
}

// sum is what rewards must be worth together: those of a tier over its occurrences,
// or of a period's brackets.
type sum struct {
	revenue  *big.Int // credited, in what the metric counts
	versions []*version
	rule     *rule
	reward   *reward // of brackets
	role     string
	org      string
	program  string
	at       int64
	capped   bool
	found    map[string]int64 // by tier and reward; of brackets under ""
	rejected map[string]bool  // a person took one back
}

// expectations work out what the rules give for all conversions as they stand.
func (t *trial) expectations() {
	for _, c := range t.all {
		if !c.attributed {
			continue
		}
		last := c.last()
		ppm := make([]int64, len(c.parties))
		for i := range c.parties {
			ppm[i] = c.parties[i].ppm
		}
		net := split(last.net, ppm)
		var passed []*rule
		for i := range c.parties {
			p := &c.parties[i]
			for _, r := range p.rules {
				if !slices.Contains(passed, r) {
					passed = append(passed, r)
				}
				switch r.Type {
				case "tiers":
					t.tierSum(c, r, p, net[i])
				case "per_conversion":
					t.perConversion(c, r, p.referrer, "referrer", net[i], i, ppm)
				}
			}
		}
		for _, r := range passed {
			if r.Type == "per_conversion" {
				t.perConversion(c, r, c.customer, "referee", last.net, -1, nil)
			}
		}
	}
}

// perConversion wants the rewards of a rule for one side of a conversion.
func (t *trial) perConversion(c *conversion, r *rule, to, role string, net int64, i int, ppm []int64) {
	for j := range r.Rewards {
		w := &r.Rewards[j]
		if cmp.Or(w.To, "referrer") != role {
			continue
		}
		one := want{c: c, rule: r, reward: w, role: role}
		fixed := func(n int64) int64 {
			if !c.last().counts {
				return 0
			}
			if i >= 0 {
				return split(n, ppm)[i]
			}
			return n
		}
		switch {
		case len(w.Brackets) > 0:
			one.bracket = t.bracketSum(c, r, w, to, role, net)
		case w.BasisPoints != nil:
			one.amount = ratio(net, *w.BasisPoints)
		case w.Quantity > 0:
			one.amount = fixed(w.Quantity)
		default:
			one.amount = fixed(w.Flat)
		}
		if w.Max != nil {
			one.amount = min(one.amount, *w.Max)
		}
		t.wants[c.org+"/"+named(c.org, c.program, r.ID, w.ID, c.id, to)] = &one
	}
}

// ratio is so many basis points of an amount, half up; what no int64 holds ends there.
func ratio(amount, basisPoints int64) int64 {
	r := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(amount), big.NewInt(basisPoints)), big.NewInt(10_000))
	n, ok := halfUp(r)
	if !ok {
		return math.MaxInt64
	}
	return n
}

func (t *trial) sumOf(kind string, c *conversion, r *rule, to string, parts ...string) (key string, s *sum) {
	key = fmt.Sprint(kind, " ", c.org, "/", c.program, "/", r.ID, "/", to, "/", period(r.Period, c.time, c.version.zone), "/", parts)
	s = t.sums[key]
	if s == nil {
		s = &sum{revenue: new(big.Int), rule: r, org: c.org, program: c.program, at: c.time, found: map[string]int64{}, rejected: map[string]bool{}}
		t.sums[key] = s
	}
	if !slices.Contains(s.versions, c.version) {
		s.versions = append(s.versions, c.version)
	}
	return key, s
}

func (t *trial) bracketSum(c *conversion, r *rule, w *reward, to, role string, net int64) string {
	key, s := t.sumOf("brackets", c, r, to, w.ID, role)
	s.reward, s.role, s.capped = w, role, s.capped || w.Max != nil
	if c.last().counts {
		s.revenue.Add(s.revenue, big.NewInt(net))
	}
	return key
}

// tierSum adds a conversion to the sum of a rule of tiers.
func (t *trial) tierSum(c *conversion, r *rule, p *party, net int64) {
	_, s := t.sumOf("tiers", c, r, p.referrer)
	if !c.last().counts {
		return
	}
	n := new(big.Int)
	switch r.Metric {
	case "revenue":
		n.SetInt64(net)
	case "points":
		n.Mul(big.NewInt(p.ppm), big.NewInt(r.Points[c.kind]))
	default:
		n.SetInt64(p.ppm)
	}
	s.revenue.Add(s.revenue, n)
}

// bracketed is the exact total of a table, rounded once (§9 (25)).
func bracketed(w *reward, revenue *big.Int) int64 {
	total := new(big.Rat)
	for i, b := range w.Brackets {
		part := new(big.Int).Sub(revenue, big.NewInt(b.From))
		if i+1 < len(w.Brackets) {
			if room := big.NewInt(w.Brackets[i+1].From - b.From); part.Cmp(room) > 0 {
				part = room
			}
		}
		if part.Sign() > 0 {
			total.Add(total, new(big.Rat).SetFrac(part.Mul(part, big.NewInt(b.BasisPoints)), big.NewInt(10_000)))
		}
	}
	n, _ := halfUp(total)
	return n
}

// table is that of the version at the period's first instant, or else of the
// earliest one that has the rule (§9 (25), (41)).
func (t *trial) table(c *catalog, s *sum) *reward {
	p := c.orgs[s.org].programs[s.program]
	find := func(v *version) *reward {
		for _, r := range v.Rules {
			for i := range r.Rewards {
				if r.ID == s.rule.ID && r.Rewards[i].ID == s.reward.ID && len(r.Rewards[i].Brackets) > 0 {
					return &r.Rewards[i]
				}
			}
		}
		return nil
	}
	zone := s.versions[0].zone
	if start, ok := begin(s.rule.Period, s.at, zone); ok {
		if v := p.at(start); v != nil {
			if w := find(v); w != nil {
				return w
			}
		}
	}
	for _, v := range p.versions {
		if w := find(v); w != nil {
			return w
		}
	}
	return s.reward
}

// tierGives is what a version gives for a sum: by tier and reward.
func tierGives(v *version, rule string, reached *big.Int) map[string]int64 {
	gives := map[string]int64{}
	for _, r := range v.Rules {
		if r.ID != rule || r.Type != "tiers" {
			continue
		}
		unit := big.NewInt(whole)
		if r.Metric == "revenue" {
			unit = big.NewInt(1)
		}
		for _, tier := range r.Tiers {
			step := func(threshold int64, id string) bool {
				if reached.Cmp(new(big.Int).Mul(big.NewInt(threshold), unit)) < 0 {
					return false
				}
				for _, w := range tier.Rewards {
					gives[id+" "+w.ID] = w.Amount + w.Quantity
				}
				return true
			}
			if step(tier.Threshold, tier.ID) && tier.Repeat > 0 {
				for n := int64(1); step(tier.Threshold+n*tier.Repeat, tier.ID+"+"+strconv.FormatInt(n, 10)); n++ {
					continue
				}
			}
		}
	}
	return gives
}

// compareRewards holds every reward against what the rules give: released and held
// add up to that (§9 (28)), and what a person took back is nothing.
func (t *trial) compareRewards() {
	for id, s := range t.rewards {
		if s.first == nil {
			continue // a row without an event: rewardEvents tells
		}
		d := &s.first.data
		w := t.wants[id]
		switch {
		case s.rejected && s.all() != 0:
			t.differ("rewards", s.key(), "nothing is left: a person took it back", s.all())
		case d.TierID != "":
			t.tierStands(s)
		case d.BeneficiaryRole == "member":
			t.grantStands(s)
		case w == nil:
			t.differ("rewards", s.key(), "no such reward: no rule gives it", s.all())
			continue
		case w.bracket != "":
			t.sums[w.bracket].found[""] += s.all()
			t.sums[w.bracket].rejected[""] = t.sums[w.bracket].rejected[""] || s.rejected
		case !s.rejected && s.all() != w.amount:
			t.differ("rewards", s.key(), fmt.Sprint(w.amount), fmt.Sprintf("%d released and %d held", s.net, s.held))
		}
		if w != nil && d.TierID == "" && d.BeneficiaryRole != "member" {
			t.compareName(s, w.c, w.rule, w.reward, w.role)
		}
	}
	for id, w := range t.wants {
		if s := t.rewards[id]; w.amount != 0 && w.bracket == "" && (s == nil || s.first == nil) {
			t.differ("rewards", fmt.Sprintf("%s/%s %s for %s (%s)", w.c.org, w.c.program, w.rule.ID, w.c.id, id), fmt.Sprint(w.amount), "no reward")
		}
	}
	for key, s := range t.sums {
		t.compareSum(key, s)
	}
}

// compareSum compares what rewards are worth together.
func (t *trial) compareSum(key string, s *sum) {
	if s.reward != nil {
		total, got := bracketed(t.table(t.knowing(s.org, s.program), s), s.revenue), s.found[""]
		if got > total || got < total && !s.capped && !s.rejected[""] {
			t.differ("rewards", key, fmt.Sprint(total), got)
		}
		return
	}
	var given []map[string]int64
	for _, v := range s.versions {
		given = append(given, tierGives(v, s.rule.ID, s.revenue))
	}
	for _, gives := range given {
		for what := range gives {
			if _, ok := s.found[what]; !ok {
				s.found[what] = 0
			}
		}
	}
	for what, got := range s.found {
		fits := got == 0 && s.rejected[what]
		var told []int64
		for _, gives := range given { // of versions that differ, each may have made the crossing (§9 (26))
			fits = fits || gives[what] == got
			told = append(told, gives[what])
		}
		if !fits {
			t.differ("rewards", key+" "+what, fmt.Sprint("one of ", told, " for ", s.revenue), got)
		}
	}
}

// tierStands adds a reward of a tier to the sum that it is for.
func (t *trial) tierStands(s *standing) {
	d := &s.first.data
	c := t.found[name(s.first.org, s.first.program, d.ConversionID)]
	if c == nil || !c.attributed || !slices.ContainsFunc(c.parties, func(p party) bool { return p.referrer == d.BeneficiaryID }) {
		t.differ("rewards", s.key(), "a conversion that credits the beneficiary", d.ConversionID)
		return
	}
	for _, r := range c.version.Rules {
		if r.ID != d.RuleID || r.Type != "tiers" {
			continue
		}
		key, sum := t.sumOf("tiers", c, r, d.BeneficiaryID)
		what := d.TierID + " " + d.Reward
		sum.found[what] += s.all()
		sum.rejected[what] = sum.rejected[what] || s.rejected
		tierID := d.TierID
		for _, tier := range r.Tiers {
			base, _, repeated := cutStep(tierID)
			if tier.ID != tierID && (!repeated || tier.ID != base || tier.Repeat == 0) {
				continue
			}
			for i := range tier.Rewards {
				if tier.Rewards[i].ID == d.Reward {
					t.compareName(s, c, r, &tier.Rewards[i], "referrer")
					return
				}
			}
		}
		t.differ("rewards", s.key(), "a tier and reward of "+key, what)
		return
	}
	t.differ("rewards", s.key(), "a rule of the version of "+d.ConversionID, d.RuleID)
}

// cutStep cuts the id of a repeated step, <tier>+<n>.
func cutStep(id string) (tier string, n int64, ok bool) {
	for i := len(id) - 1; i > 0; i-- {
		if id[i] == '+' {
			n, err := strconv.ParseInt(id[i+1:], 10, 64)
			return id[:i], n, err == nil && n > 0
		}
	}
	return id, 0, false
}

// compareName compares what stays the same in all events of a reward.
func (t *trial) compareName(s *standing, c *conversion, r *rule, w *reward, role string) {
	d := s.first.data
	available, _ := instant(d.AvailableAt)
	got := Row{
		"rule_version": d.RuleVersion, "period": d.Period, "beneficiary_role": d.BeneficiaryRole, "reward_type": d.RewardType, "currency": d.Currency, "unit": d.Unit,
		"available_at": available, "conversion_time": s.at, "day": s.day, "budget_id": s.budget,
	}
	want := Row{
		"rule_version": c.version.ValidFrom.UTC().Format("2006-01-02T15:04:05Z07:00"), "period": period(r.Period, c.time, c.version.zone), "beneficiary_role": role,
		"reward_type": w.Type, "currency": "", "unit": "", "available_at": c.time + r.hold, "conversion_time": c.time, "day": dayIn(c.time, c.version.zone),
		"budget_id": r.Budget,
	}
	if w.Quantity > 0 {
		want["unit"] = w.Unit
		if w.Type == "points" {
			want["unit"] = cmp.Or(w.Unit, "points")
		}
	} else {
		want["currency"] = c.version.Currency
	}
	t.compare("rewards", s.key(), want, got)
	if r.hold == 0 && s.first.data.Status == "pending" {
		t.differ("rewards", s.key(), "approved at once: there is no hold", "pending")
	}
}
