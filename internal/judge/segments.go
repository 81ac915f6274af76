package judge

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// stats are a member's figures over its lifetime and all programs of the org.
type stats struct {
	ppm, clicks int64
	revenue     big.Int
	latest      int64
	converted   bool
}

func (s *stats) seen() map[string]any {
	if s == nil {
		s = &stats{}
	}
	seen := map[string]any{
		"conversions": float64(s.ppm) / whole, "revenue_minor": int(s.revenue.Int64()), "unique_clicks": int(s.clicks), "last_conversion_at": any(nil),
	}
	if s.converted {
		seen["last_conversion_at"] = seenTime(s.latest)
	}
	return seen
}

// figuresOf are the figures of all members in the end, by org and id.
func (t *trial) figuresOf() map[[2]string]*stats {
	all := map[[2]string]*stats{}
	of := func(org, member string) *stats {
		s := all[[2]string{org, member}]
		if s == nil {
			s = &stats{}
			all[[2]string{org, member}] = s
		}
		return s
	}
	for _, c := range t.all {
		if !c.attributed {
			continue
		}
		net := split(c.last().net, c.ppm())
		for i := range c.parties {
			s := of(c.org, c.parties[i].referrer)
			if !s.converted || c.time > s.latest {
				s.latest, s.converted = c.time, true
			}
			if c.last().counts {
				s.ppm += c.parties[i].ppm
				s.revenue.Add(&s.revenue, big.NewInt(net[i]))
			}
		}
	}
	for who, f := range t.views.referrers {
		of(who.org, who.of).clicks += f.unique
	}
	return all
}

// membership is a member's in a segment, as events tell it.
type membership struct {
	sequence int64
	in       bool
}

// segmentEvents compares the topic and the table of segments with each other, and
// who is in which segment in the end with what the segments say.
func (t *trial) segmentEvents() error {
	memberships, rows, err := t.segmentsTold()
	if err != nil {
		return err
	}
	for row, err := range t.rows("segment_events") {
		if err != nil {
			return err
		}
		key := row.text("source") + " " + row.text("event_id")
		want, ok := rows[key]
		if !ok {
			t.differ("segment_events", key, "no row, or one", row.String())
			continue
		}
		t.compare("segment_events", key, want, row)
		delete(rows, key)
	}
	for key := range rows {
		t.differ("segment_events", key, "a row: the topic has it", "none")
	}
	for org, d := range t.members {
		t.inSegments(org, d, memberships)
	}
	return nil
}

func (t *trial) segmentsTold() (map[string]*membership, map[string]Row, error) {
	memberships, rows := map[string]*membership{}, map[string]Row{}
	for r, err := range t.Records(t.ctx, topicSegments) {
		if err != nil {
			return nil, nil, err
		}
		var o outgoing
		var d struct {
			MemberID  string `json:"member_id"`
			SegmentID string `json:"segment_id"`
			At        string `json:"at"`
		}
		if json.Unmarshal(r.Value, &o) != nil || json.Unmarshal(o.Data, &d) != nil {
			continue // published tells
		}
		key := o.Source + " " + o.ID
		if _, again := rows[key]; again {
			continue
		}
		kind := strings.TrimSuffix(strings.TrimPrefix(o.Type, "referral.segment."), ".v1")
		who := name(o.OrgID, d.SegmentID, d.MemberID)
		m := memberships[strconv.FormatUint(who, 16)]
		if m == nil {
			m = &membership{}
			memberships[strconv.FormatUint(who, 16)] = m
		}
		id := fmt.Sprintf("%s/%s/%s/%d", url.PathEscape(d.SegmentID), url.PathEscape(d.MemberID), kind, m.sequence+1)
		if o.ID != id || (kind == "entered") == m.in || kind != "entered" && kind != "left" || string(r.Key) != o.OrgID+"/"+d.MemberID || o.Source != "grapevine/"+o.OrgID {
			t.differ(topicSegments, key, "entering and leaving in turn, next "+id, string(r.Key)+" "+string(r.Value))
		}
		m.sequence, m.in = m.sequence+1, kind == "entered"
		at, _ := instant(d.At)
		rows[key] = Row{
			"org_id": o.OrgID, "program_id": "", "time": at, "event_id": o.ID, "source": o.Source, "segment_id": d.SegmentID, "member_id": d.MemberID,
			"event_type": kind, "sequence": m.sequence,
		}
	}
	return memberships, rows, nil
}

// inSegments compares who is in the segments of an org.
func (t *trial) inSegments(org string, d *directory, memberships map[string]*membership) {
	o := t.newest().orgs[org]
	if o == nil {
		return
	}
	for id, s := range o.segments {
		for member := range d.members {
			m := t.newestOf(org, member)
			want := false
			if m != nil {
				want, _ = segmentHolds(s, id, member, m, t.stats[[2]string{org, member}].seen())
			}
			told := memberships[strconv.FormatUint(name(org, id, member), 16)]
			if got := told != nil && told.in; got != want {
				t.differ(topicSegments, org+"/"+member+" in "+id, want, got)
			}
		}
	}
}

// grantStands looks at a reward of a grant: it is worth what the rule gives, to a
// known member.
func (t *trial) grantStands(s *standing) {
	d := &s.first.data
	if h := t.directory(s.first.org).members[d.BeneficiaryID]; h == nil || len(h.all) == 0 {
		t.differ("rewards", s.key(), "no grant: the member is not known", s.all())
	}
	var gives []int64
	for _, c := range t.catalogs {
		if !c.knows(s.first.org, s.first.program) {
			continue
		}
		for _, v := range c.orgs[s.first.org].programs[s.first.program].versions {
			for _, r := range v.Rules {
				if r.ID != d.RuleID || r.Type != "grant" || v.ValidFrom.UTC().Format("2006-01-02T15:04:05Z07:00") != d.RuleVersion || s.at < v.from || s.at >= v.to {
					continue
				}
				for _, w := range r.Rewards {
					available, _ := instant(d.AvailableAt)
					if w.ID == d.Reward && w.Type == d.RewardType && available == s.at+r.hold && s.budget == r.Budget && s.day == dayIn(s.at, v.zone) {
						gives = append(gives, w.Amount+w.Quantity)
					}
				}
			}
		}
	}
	if !slices.Contains(gives, s.all()) && (!s.rejected || s.all() != 0) {
		t.differ("rewards", s.key(), fmt.Sprint("one of ", gives), s.all())
	}
}

// grantsMissing expects a grant for whom it holds in the end (§9 (30)), where every
// event that may have been the last to change that says the same rule.
func (t *trial) grantsMissing() {
	for _, o := range t.newest().orgs {
		for _, p := range o.programs {
			for member := range t.directory(o.id).members {
				t.grantMissing(o, p, member)
			}
		}
	}
}

func (t *trial) grantMissing(o *org, p *program, member string) {
	m := t.newestOf(o.id, member)
	if m == nil || m.banned() {
		return
	}
	var common []*rule
	for i, ms := range t.lastly[[2]string{o.id, member}] {
		v := p.at(ms)
		var here []*rule
		if v != nil {
			for _, r := range v.Rules {
				if r.Type == "grant" && t.grantHolds(o, p, v, r, member, m) {
					here = append(here, r)
				}
			}
		}
		if i == 0 {
			common = here
		}
		common = slices.DeleteFunc(slices.Clone(common), func(r *rule) bool {
			return !slices.ContainsFunc(here, func(h *rule) bool { return h.ID == r.ID })
		})
	}
	for _, r := range common {
		for _, w := range r.Rewards {
			if s := t.rewards[o.id+"/"+named(o.id, p.id, r.ID, w.ID, member)]; (s == nil || s.first == nil) && w.Amount+w.Quantity > 0 {
				t.differ("rewards", fmt.Sprintf("%s/%s %s of %s", o.id, p.id, r.ID, member), "a grant", "none")
			}
		}
	}
}

func (t *trial) grantHolds(o *org, p *program, v *version, r *rule, member string, m *update) bool {
	figures := t.stats[[2]string{o.id, member}].seen()
	in := func(id string) bool {
		is, _ := segmentHolds(o.segments[id], id, member, m, figures)
		return is
	}
	if r.Segment != "" && !in(r.Segment) || len(r.Segments) > 0 && !slices.ContainsFunc(r.Segments, in) || slices.ContainsFunc(r.Except, in) {
		return false
	}
	return holds(r.when, map[string]any{"member": seenMember(member, m), "stats": figures, "program": seenProgram(o.id, p.id, v)})
}

// lastEvents are, of each member, the times of those events of which one was the
// last that rewards heard of: the last of every partition.
func (t *trial) lastEvents() {
	last := map[[2]string]map[string]int64{}
	note := func(org, member, of string, ms int64) {
		key := [2]string{org, member}
		if last[key] == nil {
			last[key] = map[string]int64{}
		}
		last[key][of] = ms
	}
	for org, d := range t.members {
		for member, h := range d.members {
			if n := len(h.all); n > 0 {
				note(org, member, "update", h.all[n-1].time)
			}
		}
	}
	turns := map[uint64]int{}
	for _, c := range t.all {
		for i := range c.parties {
			of := name(c.org, c.parties[i].referrer, strconv.Itoa(c.partition))
			for _, s := range c.states {
				if s.told && s.turn > turns[of] {
					turns[of] = s.turn
					note(c.org, c.parties[i].referrer, fmt.Sprint("change ", c.partition), s.time)
					note(c.org, c.parties[i].referrer, fmt.Sprint("conversion ", c.partition), c.time)
				}
			}
		}
	}
	for who, ms := range t.lastClicks {
		note(who[0], who[1], "click "+who[2], ms)
	}
	for who, all := range last {
		for _, ms := range all {
			t.lastly[who] = append(t.lastly[who], ms)
		}
	}
}
