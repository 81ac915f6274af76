package config

import (
	"cmp"
	"unicode/utf8"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// maxText bounds a name or message, which every event of its rule carries.
const maxText = 4000

// texts compiles a rule's name or message, by locale; node is the map as it is
// written.
func (c *compiler) texts(node *strict.Node, in map[Locale]string, path string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	written := map[string]strict.Pair{}
	for _, p := range node.Pairs {
		text, ok := in[Locale(p.Key)]
		if !ok {
			continue // no locale, or no text
		}
		at := path + "." + p.Key
		locale := program.PlainLocale(p.Key)
		if first, twice := written[locale]; twice {
			c.problems.Add(p.Pos, at, "is the locale of %q in line %d once more", first.Key, first.Pos.Line)
		}
		written[locale] = p
		out[locale] = text
		if err := program.CheckText(text); err != nil {
			c.problems.Add(p.Value.Pos, at, "%v", err)
		}
		if utf8.RuneCountInString(text) > maxText {
			c.problems.Add(p.Value.Pos, at, "is longer than %d characters", maxText)
		}
	}
	return out
}

// placeholders warns of those that are always empty.
func (c *compiler) placeholders(one *compiledRule, path string) {
	r := one.spec
	for key, texts := range map[string]map[Locale]string{"name": r.Name, "message": r.Message} {
		for _, text := range texts {
			for _, name := range program.PlaceholdersIn(text) {
				if why := alwaysEmpty(name, one); why != "" {
					c.problems.Warn(r.Where(key), path+"."+key, "{{%s}} is always empty: %s", name, why)
				}
			}
		}
	}
}

// localeFits warns of members who get no text.
func (c *compiler) localeFits(one *compiledRule, v *VersionSpec, path string) {
	locale := cmp.Or(string(v.Locale), defaultLocale)
	for _, part := range []struct {
		key   string
		texts map[string]string
	}{{"name", one.rule.Name}, {"message", one.rule.Message}} {
		if len(part.texts) > 0 && program.TextFor(part.texts, locale) == "" {
			c.problems.Warn(one.spec.Where(part.key), path+".rules["+one.rule.ID+"]."+part.key,
				"has no text in the program's locale %q: members whose own it has neither get none", locale)
		}
	}
}

// alwaysEmpty says why a placeholder has nothing to show in a rule.
func alwaysEmpty(placeholder string, in *compiledRule) string {
	switch placeholder {
	case "tier", "metric", "threshold":
		if of := in.rule.Type; of != program.Tiers && of != "" {
			return "a rule " + string(of) + " has no tiers"
		}
	case "amount", "currency":
		if !in.money {
			return "no reward of the rule is money"
		}
	case "quantity", "unit":
		if !in.quantities {
			return "no reward of the rule is a quantity"
		}
	}
	return ""
}
