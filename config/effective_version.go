package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// version fills in what a merged version leaves to defaults and to the version
// after it, and brings it in the order in which it is compiled.
func (b *effectiveBuilder) version(merged, next *strict.Node) *strict.Node {
	v := b.under(versionDefaults(), strict.Arrange(merged, reflect.TypeFor[VersionSpec]()))
	if v.Get("valid_to") == nil && next != nil {
		end := *next
		b.out.origins[&end] = Origin{Layer: FromNext, File: next.Pos.File, Line: next.Pos.Line, Column: next.Pos.Column}
		v = strict.Merge(v, one("valid_to", &end))
	}
	if a := v.Get("attribution"); a != nil {
		v = strict.Merge(v.Without("attribution"), one("attribution", b.attribution(a)))
	}
	if rules := v.Get("rules"); rules != nil {
		filled := *rules
		filled.Items = make([]*strict.Node, len(rules.Items))
		for i, rule := range rules.Items {
			filled.Items[i] = b.rule(rule)
		}
		v = strict.Merge(v.Without("rules"), one("rules", &filled))
	}
	b.use("currencies", v.Get("currency").Text)
	return strict.Arrange(v, reflect.TypeFor[VersionSpec]())
}

// versionDefaults is what lies under every version.
func versionDefaults() string {
	return fmt.Sprintf("{locale: %s, timezone: UTC, dedupe_window: %s, attribution_grace: %s, attribution: {model: %s, window: %s, order: [%s], binding: customer}}",
		defaultLocale, short(defaultDedupeWindow), short(defaultGrace), program.LastClick, short(defaultWindow), strings.Join(texts(defaultOrder), ", "))
}

// short is a duration without the zeros behind it: 72h, not 72h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// under lays defaults under a value and remembers that they are. Equal defaults
// are the same values everywhere.
func (b *effectiveBuilder) under(defaults string, over *strict.Node) *strict.Node {
	tree := b.defaults[defaults]
	if tree == nil {
		tree = strict.Parse("", []byte(defaults), &Problems{})
		strict.Each(tree, func(n *strict.Node) { b.out.origins[n] = Origin{Layer: FromDefault} })
		b.defaults[defaults] = tree
	}
	return strict.Merge(tree, over)
}

// attribution leaves out of the shadow models the one that pays, and tells the
// half-life where a model has one.
func (b *effectiveBuilder) attribution(a *strict.Node) *strict.Node {
	model := a.Get("model").Text
	decays := model == string(program.TimeDecay)
	if shadow := a.Get("shadow"); shadow != nil {
		others := *shadow
		others.Items = slices.DeleteFunc(slices.Clone(shadow.Items), func(m *strict.Node) bool { return m.Text == model })
		decays = decays || slices.ContainsFunc(others.Items, func(m *strict.Node) bool { return m.Text == string(program.TimeDecay) })
		a = strict.Merge(a.Without("shadow"), one("shadow", &others))
	}
	if decays {
		a = b.under("half_life: "+short(defaultHalfLife), a)
	}
	return a
}

func (b *effectiveBuilder) rule(rule *strict.Node) *strict.Node {
	of := program.RuleType(rule.Get("type").Text)
	if of != program.Grant {
		rule = b.under("period: "+string(program.Lifetime), rule)
	}
	if rule.Get("limit") != nil {
		rule = b.under("limit: {period: "+string(program.Lifetime)+"}", rule)
	}
	if rewards := rule.Get("rewards"); rewards != nil {
		rule = strict.Merge(rule.Without("rewards"), one("rewards", b.rewards(rewards, of)))
	}
	if tiers := rule.Get("tiers"); tiers != nil {
		sorted := *tiers
		sorted.Items = slices.SortedStableFunc(slices.Values(tiers.Items), func(x, y *strict.Node) int { return threshold(x) - threshold(y) })
		for i, tier := range sorted.Items {
			if rewards := tier.Get("rewards"); rewards != nil {
				sorted.Items[i] = strict.Merge(tier.Without("rewards"), one("rewards", b.rewards(rewards, of)))
			}
		}
		rule = strict.Merge(rule.Without("tiers"), one("tiers", &sorted))
	}
	if budget := rule.Get("budget"); budget != nil {
		b.use("budgets", budget.Text)
	}
	for _, key := range []string{"segments", "except_segments"} {
		if list := rule.Get(key); list != nil {
			for _, id := range list.Items {
				b.use("segments", id.Text)
			}
		}
	}
	if segment := rule.Get("segment"); segment != nil {
		b.use("segments", segment.Text)
	}
	return rule
}

func (b *effectiveBuilder) rewards(list *strict.Node, of program.RuleType) *strict.Node {
	filled := *list
	filled.Items = make([]*strict.Node, len(list.Items))
	for i, reward := range list.Items {
		if of == program.PerConversion {
			reward = b.under("to: "+string(program.ToReferrer), reward)
		}
		if kind := reward.Get("type"); reward.Get("quantity") != nil && kind != nil && kind.Text == "points" {
			reward = b.under("unit: "+defaultUnit, reward)
		}
		filled.Items[i] = reward
	}
	return &filled
}

func threshold(tier *strict.Node) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(tier.Get("threshold").Text, "_", "")) // it was read before
	return n
}

func one(key string, value *strict.Node) *strict.Node {
	return &strict.Node{Kind: strict.Map, Pairs: []strict.Pair{{Key: key, Value: value}}}
}
