package config

import (
	"strings"
	"sync"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func member(attributes map[string]any, segments ...string) program.Env {
	return program.Env{
		Member:     program.MemberEnv("m1", "active", "de", segments, attributes),
		Conversion: program.ConversionEnv("sale", "hired", 1500, "EUR", map[string]any{"plan": "pro"}),
		Program:    program.ProgramEnv("acme", "shop", "EUR", "UTC"),
		Stats:      program.StatsEnv(2_500_000, 100, 7, 0),
	}
}

func TestExpressions_hold_or_not(t *testing.T) {
	gold := member(map[string]any{"plan": "gold", "age": 41.0, "staff": true}, "vip", "eu")
	for _, c := range []struct {
		at   place
		when string
		env  program.Env
		want bool
	}{
		{inRule, `member.attributes.plan == "gold"`, gold, true},
		{inRule, `member.attributes.plan == "gold"`, member(nil), false},
		{inRule, `member.attributes.tier != "trial"`, member(nil), true}, // a missing attribute is nil
		{inRule, `member.attributes.tier != "trial"`, program.Env{}, true},
		{inRule, `member.attributes.age >= 18`, gold, true},
		{inRule, `member.attributes.age == 41`, gold, true},
		{inRule, `member.attributes.age >= 18`, member(nil), false}, // fails at run time
		{inRule, `member.attributes.plan >= 18`, gold, false},
		{inRule, `member.attributes.staff`, gold, true},
		{inRule, `member.attributes.plan`, gold, false}, // no boolean
		{inRule, `member.attributes["plan"] in ["gold", "silver"]`, gold, true},
		{inRule, `"vip" in member.segments`, gold, true},
		{inRule, `"vip" in member.segments`, program.Env{}, false},
		{inRule, `any(member.segments, # startsWith "e")`, gold, true},
		{inRule, `conversion.amount_minor >= 500 && conversion.kind == "sale"`, gold, true},
		{inRule, `conversion.name == "hired" && conversion.metadata.plan == "pro"`, gold, true},
		{inRule, `conversion.metadata.none == nil`, gold, true},
		{inRule, `program.currency == conversion.currency && program.org == "acme"`, gold, true},
		{inRule, `member.status == "active" && member.locale matches "^de"`, gold, true},
		{inSegment, `stats.conversions >= 2.5 && stats.unique_clicks > 0`, gold, true},
		{inSegment, `stats.last_conversion_at == nil`, gold, true},
		{inGrant, `stats.revenue_minor == 100 && program.id == "shop"`, gold, true},
	} {
		e, err := compileExpression(c.when, c.at)
		if err != nil {
			t.Errorf("%s: %v", c.when, err)
			continue
		}
		if got := e.Holds(c.env); got != c.want {
			_, err := e.Program.Eval(c.env)
			t.Errorf("%s: %v, want %v (%v)", c.when, got, c.want, err)
		}
	}
}

func TestExpressions_tell_which_stats_they_look_at(t *testing.T) {
	const clicks, all = program.StatUniqueClicks, program.AllStats
	for when, want := range map[string]program.Stats{
		`true`:                                              0,
		`member.attributes.stats == 1`:                      0,
		`member.attributes.unique_clicks == 1`:              0,
		`member.id == "stats"`:                              0,
		`stats.unique_clicks > 3`:                           clicks,
		`stats?.unique_clicks > 3`:                          clicks,
		`stats["unique_clicks"] > 3`:                        clicks,
		`stats["unique_" + "clicks"] > 3`:                   clicks,
		`stats[member.id] == nil`:                           all,
		`get(stats, "unique_clicks") == 3`:                  all,
		`len(keys(stats)) > 3`:                              all,
		`$env.stats.unique_clicks > 3`:                      all,
		`let s = stats; s.unique_clicks > 3`:                all,
		`any([stats], .unique_clicks > 3)`:                  all,
		`stats.conversions >= 1 && stats.revenue_minor > 2`: program.StatConversions | program.StatRevenue,
		`stats.last_conversion_at != nil || any(member.segments, # == "x" && stats.unique_clicks > 1)`: program.StatLastConversion | clicks,
	} {
		e, err := compileExpression(when, inGrant)
		if err != nil {
			t.Errorf("%s: %v", when, err)
			continue
		}
		if e.Stats != want {
			t.Errorf("%s: %04b, want %04b", when, e.Stats, want)
		}
	}
	var none *program.Expression
	if none.Uses(all) {
		t.Error("no expression looks at stats")
	}
}

func TestExpressions_are_refused_when_they_cannot_run(t *testing.T) {
	for when, want := range map[string]string{
		`member.plan == "gold"`:                                "column 8 of the expression: unknown field plan",
		`stats.conversions > 1`:                                "sees member, conversion, program",
		`conversion.amount_minor`:                              "bool",
		`conversion.amount_minor == "much"`:                    "mismatched types",
		`member.id = "x"`:                                      "column",
		`now().Year() > 2020`:                                  "now",
		`len(1..1000000) > 1`:                                  "ranges",
		`all(member.segments, any(member.segments, # == "x"))`: "a loop within a loop",
		`len(repeat("x", 1000000)) > 1`:                        "repeat",
		strings.Repeat(`true || `, 500) + `true`:               "nodes",
		strings.Repeat(" ", 5000) + `true`:                     "longer than 4096 bytes",
		``:                                                     "unexpected",
	} {
		_, err := compileExpression(when, inRule)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", when, err, want)
		}
	}
}

func TestExpressions_run_side_by_side(t *testing.T) {
	e, err := compileExpression(`member.attributes.n == conversion.amount_minor`, inRule)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			env := program.Env{
				Member:     program.MemberEnv("m", "", "", nil, map[string]any{"n": float64(i)}),
				Conversion: program.ConversionEnv("sale", "", int64(i), "EUR", nil),
			}
			for range 200 {
				if !e.Holds(env) {
					t.Error("does not hold")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzExpression(f *testing.F) {
	f.Add(`member.attributes.tier != "trial" || any(member.segments, # == "x")`)
	f.Add(`get(conversion.metadata, "a") ?? "b" == split(member.id, "-")[0]`)
	env := member(map[string]any{"tier": "x"}, "a")
	f.Fuzz(func(_ *testing.T, source string) {
		if e, err := compileExpression(source, inRule); err == nil {
			e.Holds(env)
		}
	})
}

func BenchmarkExpression(b *testing.B) {
	e, err := compileExpression(`conversion.amount_minor >= 500 && member.attributes.tier != "trial"`, inRule)
	if err != nil {
		b.Fatal(err)
	}
	env := member(map[string]any{"tier": "gold"})
	b.ReportAllocs()
	for b.Loop() {
		e.Holds(env)
	}
}
