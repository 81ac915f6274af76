package config

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// compiler turns decoded files into a catalog and collects what is wrong.
type compiler struct {
	problems *Problems
	decoder  *strict.Decoder // of files
	versions *strict.Decoder // of versions with their template, but for their rules
	whole    *strict.Decoder // of rules with their template
	compiled map[expressionKey]compiledExpression
	rules    map[ruleKey]*compiledRule

	again  bool           // an earlier revision is loaded again: it passed the checks of its time
	unread bool           // a file could not be read, so that a reference to nothing may be to that
	read   int            // values of all files
	merged int            // values of all rules with their templates
	lent   int            // rules of all versions
	over   bool           // they are too many, which was told
	rates  map[pair]int64 // when the first rate of a pair of currencies begins
}

// Bounds of what is compiled: templates multiply what is written.
const (
	maxMerged = strict.MaxValues
	maxLent   = 2_000_000
)

// doubt reports what could be carried out and cannot be meant.
func (c *compiler) doubt(at strict.Pos, path, format string, args ...any) {
	if !c.again {
		c.problems.Add(at, path, format, args...)
	}
}

// Ten thousand programs share a few expressions: each is compiled once.
type expressionKey struct {
	source string
	at     place
}

type compiledExpression struct {
	expression *program.Expression
	err        error
}

func newCompiler() *compiler {
	problems := &Problems{}
	return &compiler{
		problems: problems,
		decoder:  decoder(problems),
		versions: &strict.Decoder{Enums: enums, Problems: problems, RawTypes: map[reflect.Type]bool{reflect.TypeFor[RuleSpec](): true}},
		whole:    &strict.Decoder{Enums: enums, Problems: problems},
		rules:    map[ruleKey]*compiledRule{},
		compiled: map[expressionKey]compiledExpression{},
	}
}

func (c *compiler) expression(source string, at place, pos strict.Pos, path string) *program.Expression {
	if source == "" {
		return nil
	}
	key := expressionKey{source, at}
	done, known := c.compiled[key]
	if !known {
		done.expression, done.err = compileExpression(source, at)
		c.compiled[key] = done
	}
	if done.err != nil {
		c.problems.Add(pos, path, "is not an expression that can run: %v", done.err)
	}
	return done.expression
}

// distinct notes ids and reports those that stand twice.
type distinct struct {
	c    *compiler
	what string
	seen map[ID]strict.Pos
}

func (c *compiler) distinct(what string) distinct { return distinct{c, what, map[ID]strict.Pos{}} }

func (d distinct) first(id ID, at strict.Pos, path string) bool {
	if id == "" {
		return false // reported as missing
	}
	if before, twice := d.seen[id]; twice {
		d.c.problems.Add(at, path, "the %s %q stands here again; the first is at %s", d.what, id, before)
		return false
	}
	d.seen[id] = at
	return true
}

// catalog compiles what all files hold together.
func (c *compiler) catalog(parts []*ProgramsFile, orgs []*OrgSpec) *program.Catalog {
	out := &program.Catalog{Orgs: map[string]*program.Org{}}
	var rates []RateSpec
	for _, part := range parts {
		rates = append(rates, part.ExchangeRates...)
		out.Bots.Networks = append(out.Bots.Networks, networks(part.Bots)...)
		out.Bots.UserAgents = append(out.Bots.UserAgents, agents(part.Bots)...)
	}
	out.Rates = c.rateTable(rates)
	for _, org := range orgs {
		if org.ID != "" && !c.problems.Full() {
			out.Orgs[string(org.ID)] = c.org(org)
		}
	}
	longest(out)
	return out
}

// orgs brings the parts of each org together, over all files.
func (c *compiler) orgs(parts []*ProgramsFile) []*OrgSpec {
	var order []*OrgSpec
	byID := map[ID]*OrgSpec{}
	for _, part := range parts {
		once := c.distinct("org")
		for i := range part.Orgs {
			next := &part.Orgs[i]
			path := "orgs[" + string(next.ID) + "]"
			if next.ID != "" && !once.first(next.ID, next.Where("id"), path) {
				continue
			}
			whole := byID[next.ID]
			if whole == nil {
				byID[next.ID] = next
				order = append(order, next)
				continue
			}
			c.join(whole, next, path)
		}
	}
	return order
}

func (c *compiler) join(whole, part *OrgSpec, path string) {
	if whole.Name == "" {
		whole.Name = part.Name
	} else if part.Name != "" && part.Name != whole.Name {
		c.problems.Add(part.Where("name"), path, "has two names; the other, %q, is at %s", whole.Name, whole.Where("name"))
	}
	whole.Teams = append(whole.Teams, part.Teams...)
	whole.Budgets = append(whole.Budgets, part.Budgets...)
	whole.Segments = append(whole.Segments, part.Segments...)
	whole.Access = append(whole.Access, part.Access...)
	whole.Templates = append(whole.Templates, part.Templates...)
	whole.Programs = append(whole.Programs, part.Programs...)
}

func networks(b BotsSpec) (out []program.BotNetwork) {
	for _, n := range b.Networks {
		out = append(out, program.BotNetwork{Name: string(n.Name), CIDR: string(n.CIDR)})
	}
	return out
}

func agents(b BotsSpec) (out []program.BotAgent) {
	for _, a := range b.UserAgents {
		out = append(out, program.BotAgent{Name: string(a.Name), Contains: a.Contains})
	}
	return out
}

// pair is two currencies of exchange rates.
type pair struct{ from, to Currency }

// rateTable sorts exchange rates by pair and time.
func (c *compiler) rateTable(specs []RateSpec) []program.Rate {
	type key struct {
		pair
		at int64
	}
	c.rates = map[pair]int64{}
	seen := map[key]strict.Pos{}
	out := make([]program.Rate, 0, len(specs))
	for i := range specs {
		s := &specs[i]
		if s.From == s.To && s.From != "" {
			c.problems.Add(s.Where("to"), "exchange_rates", "must be another currency than `from`")
		}
		k := key{pair{s.From, s.To}, s.ValidFrom.UnixMilli()}
		if before, twice := seen[k]; twice {
			c.problems.Add(s.Where(""), "exchange_rates", "the rate from %s to %s at %s stands here again; the first is at %s",
				s.From, s.To, instant(s.ValidFrom), before)
		}
		seen[k] = s.Where("")
		if first, known := c.rates[k.pair]; !known || k.at < first {
			c.rates[k.pair] = k.at
		}
		out = append(out, program.Rate{
			From: string(s.From), To: string(s.To), ValidFrom: k.at,
			Text: s.Rate.Text, Numerator: s.Rate.Numerator, Denominator: s.Rate.Denominator,
		})
	}
	slices.SortFunc(out, func(a, b program.Rate) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.ValidFrom, b.ValidFrom))
	})
	return out
}

// longest looks for what bounds the memory of clicks and touches.
func longest(out *program.Catalog) {
	for org := range maps.Values(out.Orgs) {
		for p := range maps.Values(org.Programs) {
			for _, v := range p.Versions {
				out.LongestDedupeWindow = max(out.LongestDedupeWindow, v.DedupeWindow)
				out.LongestWindow = max(out.LongestWindow, v.Attribution.Window)
			}
		}
	}
}
