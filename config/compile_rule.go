package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// keysOf are the keys that not every type of rule takes.
var keysOf = map[string][]program.RuleType{
	"kinds":            {program.Tiers, program.PerConversion},
	"min_amount_minor": {program.Tiers, program.PerConversion},
	"period":           {program.Tiers, program.PerConversion},
	"metric":           {program.Tiers},
	"points":           {program.Tiers},
	"tiers":            {program.Tiers},
	"first_only":       {program.PerConversion},
	"rewards":          {program.PerConversion, program.Grant},
	"segment":          {program.Grant},
}

func (c *compiler) rule(spec *RuleSpec, s *scope, path string) *program.Rule {
	out := &program.Rule{
		ID: string(spec.ID), Type: spec.Type,
		Name:           c.texts(spec.Node().Get("name"), spec.Name, path+".name"),
		Message:        c.texts(spec.Node().Get("message"), spec.Message, path+".message"),
		Kinds:          kinds(spec.Kinds),
		MinAmountMinor: spec.MinAmountMinor,
		Segments:       texts(spec.Segments),
		ExceptSegments: texts(spec.ExceptSegments),
		Period:         cmp.Or(spec.Period, program.Lifetime),
		Metric:         spec.Metric,
		PointsOf:       spec.Points,
		FirstOnly:      spec.FirstOnly,
		Segment:        string(spec.Segment),
		Budget:         string(spec.Budget),
		Hold:           spec.Hold,
		Limit:          c.limit(spec.Limit, path+".limit"),
		File:           spec.Where("").File,
		Line:           spec.Where("").Line,
	}
	at := inRule
	if spec.Type == program.Grant {
		at = inGrant
	}
	out.When = c.expression(spec.When, at, spec.Where("when"), path+".when")
	c.noRepetition(texts(spec.Kinds), spec.Where("kinds"), path+".kinds")
	c.references(spec, s, path)
	c.foreignKeys(spec, path)
	switch spec.Type {
	case program.Tiers:
		c.tiers(spec, out, path)
	case program.PerConversion:
		if !spec.Has("rewards") {
			c.problems.Add(spec.Where(""), path, "a rule per_conversion needs `rewards`")
		}
		out.Rewards = c.rewards(spec.Rewards, spec.Type, path)
	case program.Grant:
		c.grant(spec, out, path)
	}
	return out
}

func kinds(list []event.Kind) map[event.Kind]bool {
	if len(list) == 0 {
		return nil
	}
	out := make(map[event.Kind]bool, len(list))
	for _, k := range list {
		out[k] = true
	}
	return out
}

func (c *compiler) references(spec *RuleSpec, s *scope, path string) {
	for _, id := range spec.Segments {
		c.known(id, s.segments, "segment", spec.Where("segments"), path)
	}
	for _, id := range spec.ExceptSegments {
		c.known(id, s.segments, "segment", spec.Where("except_segments"), path)
		if slices.Contains(spec.Segments, id) {
			c.problems.Add(spec.Where("except_segments"), path, "the segment %q is both asked for and excepted", id)
		}
	}
	c.noRepetition(texts(spec.Segments), spec.Where("segments"), path+".segments")
	c.noRepetition(texts(spec.ExceptSegments), spec.Where("except_segments"), path+".except_segments")
	c.known(spec.Segment, s.segments, "segment", spec.Where("segment"), path)
	c.known(spec.Budget, s.budgets, "budget", spec.Where("budget"), path)
}

// foreignKeys reports keys that a rule of another type would take.
func (c *compiler) foreignKeys(spec *RuleSpec, path string) {
	if spec.Type == "" {
		return // reported already
	}
	for _, key := range slices.Sorted(maps.Keys(keysOf)) {
		if spec.Has(key) && !slices.Contains(keysOf[key], spec.Type) {
			c.problems.Add(spec.KeyAt(key), path, "a rule %s takes no `%s`; it belongs to %s",
				spec.Type, key, strings.Join(texts(keysOf[key]), " and "))
		}
	}
}

func (c *compiler) limit(spec *LimitSpec, path string) *program.Limit {
	if spec == nil {
		return nil
	}
	out := &program.Limit{Period: cmp.Or(spec.Period, program.Lifetime)}
	if spec.Count == nil && spec.AmountMinor == nil {
		c.problems.Add(spec.Where(""), path, "needs a `count` or an `amount_minor`")
	}
	if spec.Count != nil {
		out.Count = *spec.Count
	}
	if spec.AmountMinor != nil {
		out.AmountMinor = *spec.AmountMinor
	}
	return out
}

func (c *compiler) grant(spec *RuleSpec, out *program.Rule, path string) {
	if spec.Segment == "" && spec.When == "" {
		c.problems.Add(spec.Where(""), path, "a grant needs a `segment` or a `when`")
	}
	if !spec.Has("rewards") {
		c.problems.Add(spec.Where(""), path, "a grant needs `rewards`")
	}
	out.Rewards = c.rewards(spec.Rewards, spec.Type, path)
}

func (c *compiler) tiers(spec *RuleSpec, out *program.Rule, path string) {
	if spec.Metric == "" && !spec.Has("metric") {
		c.problems.Add(spec.Where(""), path, "a rule of tiers needs a `metric`: conversions, revenue or points")
	}
	if !spec.Has("tiers") {
		c.problems.Add(spec.Where(""), path, "a rule of tiers needs `tiers`")
	}
	c.points(spec, path)
	once := c.distinct("tier")
	for i := range spec.Tiers {
		t := &spec.Tiers[i]
		at := path + ".tiers[" + string(t.ID) + "]"
		once.first(t.ID, t.Where("id"), at)
		tier := program.Tier{ID: string(t.ID), Threshold: t.Threshold, Rewards: c.rewards(t.Rewards, spec.Type, at)}
		if t.RepeatEvery != nil {
			tier.RepeatEvery = *t.RepeatEvery
		}
		out.Tiers = append(out.Tiers, tier)
	}
	c.ascending(spec.Tiers, path)
	slices.SortStableFunc(out.Tiers, func(a, b program.Tier) int { return cmp.Compare(a.Threshold, b.Threshold) })
	c.sortedTiers(spec, out, path)
}

// ascending checks the thresholds of tiers that were written in one list.
func (c *compiler) ascending(tiers []TierSpec, path string) {
	for i := range tiers {
		t := &tiers[i]
		if i == 0 || !t.SameList(tiers[i-1].At) || !t.Has("threshold") || !tiers[i-1].Has("threshold") {
			continue
		}
		if before := tiers[i-1].Threshold; t.Threshold <= before {
			c.problems.Add(t.Where("threshold"), path+".tiers["+string(t.ID)+"]", "thresholds must ascend: %d after %d", t.Threshold, before)
		}
	}
}

// sortedTiers checks what only holds of the tiers in their order, which a
// version may have added to those of its template.
func (c *compiler) sortedTiers(spec *RuleSpec, out *program.Rule, path string) {
	place := func(id, key string) strict.Pos {
		for i := range spec.Tiers {
			if string(spec.Tiers[i].ID) == id {
				return spec.Tiers[i].Where(key)
			}
		}
		return spec.Where("tiers")
	}
	for i, t := range out.Tiers {
		at := path + ".tiers[" + t.ID + "]"
		if i > 0 && t.Threshold == out.Tiers[i-1].Threshold {
			c.problems.Add(place(t.ID, "threshold"), at, "the tier %q has the same threshold", out.Tiers[i-1].ID)
		}
		if t.RepeatEvery == 0 {
			continue
		}
		if i < len(out.Tiers)-1 {
			c.problems.Add(place(t.ID, "repeat_every"), at, "`repeat_every` belongs to the last tier, %q", out.Tiers[len(out.Tiers)-1].ID)
		}
		for _, other := range out.Tiers {
			// A repeated step is called <tier>+<n>.
			if step, ok := strings.CutPrefix(other.ID, t.ID+"+"); ok && strings.Trim(step, "0123456789") == "" {
				c.problems.Add(place(other.ID, "id"), path, "the tier %q has the name of a repeated step of %q", other.ID, t.ID)
			}
		}
	}
}

func (c *compiler) points(spec *RuleSpec, path string) {
	byPoints := spec.Metric == program.Points
	switch {
	case byPoints && !spec.Has("points"):
		c.problems.Add(spec.Where(""), path, "the metric points needs `points`, the weight of each kind")
	case !byPoints && spec.Has("points") && spec.Metric != "":
		c.problems.Add(spec.KeyAt("points"), path, "`points` belongs to the metric points, not %s", spec.Metric)
	}
	for kind := range spec.Points {
		if len(spec.Kinds) > 0 && !slices.Contains(spec.Kinds, kind) {
			c.problems.Add(spec.Where("points"), path, "`points` weighs %q, which `kinds` leaves out", kind)
		}
	}
}
