package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

const (
	example = "../examples/programs.yaml"
	golden  = "testdata/golden/programs.yaml"
)

func load(t testing.TB, path string) *program.Catalog {
	t.Helper()
	c, err := LoadPrograms(path)
	if err != nil {
		t.Fatalf("load %s:\n%v", path, err)
	}
	return c
}

func millis(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func TestLoadPrograms_loads_the_examples_as_they_are(t *testing.T) {
	for _, path := range []string{example, golden, "../programs.yaml"} {
		load(t, path)
	}
}

func TestLoadPrograms_merges_the_template_under_the_version(t *testing.T) {
	c := load(t, example)
	v, active := c.Program("acme", "eu-store").At(millis(t, "2026-05-01T00:00:00Z"))
	if !active || v.Currency != "EUR" || v.Locale != "de" || v.Zone.String() != "Europe/Berlin" || *v.Margin != 0.55 {
		t.Errorf("version %+v", v)
	}
	want := program.Attribution{
		Model: program.PositionBased, Window: 2160 * time.Hour, HalfLife: 168 * time.Hour,
		Order:        []program.CandidateKind{program.CandidateCoupon, program.CandidateClick, program.CandidateTouch},
		BindCustomer: true, Shadow: []program.Model{program.Linear}, Grace: 2 * time.Second,
	}
	if !reflect.DeepEqual(v.Attribution, want) {
		t.Errorf("attribution %+v, want %+v", v.Attribution, want)
	}
	if len(v.Rules) != 2 || v.Rules[0].ID != "milestones" || v.Rules[1].ID != "commission" {
		t.Fatalf("rules %+v", v.Rules)
	}
	if r := v.Rules[0]; r.File != example || r.Line != 38 || r.Message["de"] == "" || !r.Kinds[event.KindSale] || r.Kinds[event.KindLead] {
		t.Errorf("rule %+v", r)
	}
}

func TestLoadPrograms_compiles_rules(t *testing.T) {
	c := load(t, example)
	v, _ := c.Program("acme", "partners").At(millis(t, "2026-05-01T00:00:00Z"))
	brackets := v.Rules[0].Rewards[0].Brackets
	if want := []program.Bracket{{FromMinor: 0, BasisPoints: 800}, {FromMinor: 1000000, BasisPoints: 1200}, {FromMinor: 5000000, BasisPoints: 1500}}; !reflect.DeepEqual(brackets, want) {
		t.Errorf("brackets %+v", brackets)
	}
	if v.Rules[0].Period != program.Quarter || v.Rules[0].Hold != 720*time.Hour || v.Rules[0].When == nil {
		t.Errorf("rule %+v", v.Rules[0])
	}
	if p := v.Rules[1]; p.PointsOf[event.KindSale] != 20 || len(p.Tiers) != 2 || p.Tiers[1].Rewards[0].AmountMinor != 150000 {
		t.Errorf("rule %+v", p)
	}
	v, _ = c.Program("acme", "us-store").At(millis(t, "2026-12-01T00:00:00Z"))
	get := v.Rules[1]
	if !get.FirstOnly || get.Limit.AmountMinor != 30000 || get.Limit.Period != program.Month || get.Budget != "growth-monthly" {
		t.Errorf("rule %+v", get)
	}
	if get.Rewards[1].To != program.ToReferee || get.Rewards[1].AmountMinor != 1000 {
		t.Errorf("rewards %+v", get.Rewards)
	}
	v, _ = c.Program("acme", "eu-store").At(millis(t, "2026-12-01T00:00:00Z"))
	if r := v.Rules[1].Rewards[0]; !r.HasBasisPoints || r.BasisPoints != 500 || !r.HasMax || r.MaxAmountMinor != 5000 || r.To != program.ToReferrer {
		t.Errorf("reward %+v", r)
	}
	if tier := v.Rules[0].Tiers[2]; tier.RepeatEvery != 5 || len(tier.Rewards) != 2 {
		t.Errorf("tier %+v", tier)
	}
}

func TestLoadPrograms_orders_versions_half_open(t *testing.T) {
	p := load(t, example).Program("acme", "us-store")
	for at, want := range map[string]string{
		"2025-12-31T23:59:59.999Z": "2026-01-01T00:00:00Z inactive",
		"2026-01-01T00:00:00Z":     "2026-01-01T00:00:00Z",
		"2026-10-31T23:59:59.999Z": "2026-01-01T00:00:00Z",
		"2026-11-01T00:00:00Z":     "2026-11-01T00:00:00Z",
	} {
		v, active := p.At(millis(t, at))
		got := v.ValidFromRaw
		if !active {
			got += " inactive"
		}
		if got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
	}
	ended := load(t, example).Program("acme", "partners")
	if _, active := ended.At(millis(t, "2027-01-01T00:00:00Z")); active {
		t.Error("active at valid_to")
	}
}

func TestLoadPrograms_takes_versions_that_touch_in_any_order(t *testing.T) {
	c, err := loadText(t, `version: 1
orgs:
  - id: o
    programs:
      - id: p
        versions:
          - {valid_from: 2026-07-01T00:00:00Z, valid_to: 2026-12-01T00:00:00Z, currency: USD}
          - {valid_from: 2026-01-01T00:00:00Z, valid_to: 2026-07-01T00:00:00Z, currency: EUR}
`)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{"2026-06-30T23:59:59Z": "EUR", "2026-07-01T00:00:00Z": "USD"} {
		if v, active := c.Program("o", "p").At(millis(t, at)); !active || v.Currency != want {
			t.Errorf("at %s: %s, active %v", at, v.Currency, active)
		}
	}
}

func TestLoadPrograms_keeps_rates_exact_and_sorted(t *testing.T) {
	rates := load(t, example).Rates
	want := []program.Rate{
		{From: "EUR", To: "USD", ValidFrom: millis(t, "2026-01-01T00:00:00Z"), Text: "1.0825", Numerator: 10825, Denominator: 10000},
		{From: "EUR", To: "USD", ValidFrom: millis(t, "2026-10-01T00:00:00Z"), Text: "1.1010", Numerator: 11010, Denominator: 10000},
		{From: "JPY", To: "USD", ValidFrom: millis(t, "2026-01-01T00:00:00Z"), Text: "0.006412", Numerator: 6412, Denominator: 1000000},
	}
	if !reflect.DeepEqual(rates, want) {
		t.Errorf("rates %+v", rates)
	}
}

func TestLoadPrograms_knows_the_longest_windows(t *testing.T) {
	c := load(t, example)
	if c.LongestDedupeWindow != 24*time.Hour || c.LongestWindow != 2160*time.Hour {
		t.Errorf("longest %s, %s", c.LongestDedupeWindow, c.LongestWindow)
	}
}

func TestLoadPrograms_knows_which_orgs_watch_clicks(t *testing.T) {
	c, err := loadText(t, `
version: 1
orgs:
  - {id: none, segments: [{id: s, when: 'stats.conversions > 1'}, {id: outside}]}
  - {id: by-segment, segments: [{id: s, when: 'stats.unique_clicks > 1'}]}
  - id: by-grant
    programs:
      - id: p
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: EUR
            rules: [{id: g, type: grant, when: 'stats.unique_clicks > 1', rewards: [{id: x, type: cash, amount_minor: 1}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	for org, want := range map[string]bool{"none": false, "by-segment": true, "by-grant": true} {
		if got := c.Orgs[org].WatchesClicks; got != want {
			t.Errorf("%s: %v", org, got)
		}
	}
}

func TestLoadPrograms_knows_which_stats_conversions_are_filtered_by(t *testing.T) {
	c, err := loadText(t, `
version: 1
orgs:
  - id: o
    segments:
      - {id: outside}
      - {id: plain, when: 'member.status == "active"'}
      - {id: sold, when: 'stats.conversions > 1'}
      - {id: seen, when: 'stats.unique_clicks > 1'}
      - {id: late, when: 'stats.last_conversion_at != nil'}
    programs:
      - id: p
        versions:
          - {valid_from: 2026-01-01T00:00:00Z, currency: EUR}
          - valid_from: 2026-02-01T00:00:00Z
            currency: EUR
            rules: [{id: g, type: grant, segment: sold, rewards: [{id: x, type: cash, amount_minor: 1}]}]
          - valid_from: 2026-03-01T00:00:00Z
            currency: EUR
            rules:
              - {id: a, type: tiers, metric: revenue, segments: [outside, plain, sold], tiers: [{id: t, threshold: 1}]}
              - {id: b, type: per_conversion, except_segments: [seen], rewards: [{id: x, to: referrer, type: cash, flat_minor: 1}]}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []program.Stats
	for _, v := range c.Program("o", "p").Versions {
		got = append(got, v.SegmentStats)
	}
	if want := []program.Stats{0, 0, program.StatConversions | program.StatUniqueClicks}; !slices.Equal(got, want) {
		t.Errorf("%b, want %b", got, want)
	}
}

func TestLoadPrograms_gives_defaults_to_a_bare_program(t *testing.T) {
	v := only(t, "- {valid_from: 2026-01-01T00:00:00Z, currency: EUR}", "")
	if v.Locale != "en" || v.Zone != time.UTC || v.DedupeWindow != time.Hour || v.Margin != nil || v.ValidTo != 0 || len(v.Rules) != 0 {
		t.Errorf("version %+v", v)
	}
	a := v.Attribution
	if a.Model != program.LastClick || a.Window != 720*time.Hour || len(a.Order) != 3 || !a.BindCustomer || a.Shadow != nil || a.MaxWait != 0 {
		t.Errorf("attribution %+v", a)
	}
}

// only loads one version over one template.
func only(t testing.TB, version, template string) *program.Version {
	t.Helper()
	text := "version: 1\norgs:\n  - id: o\n    templates:\n      - id: t\n" + indent(template, 8) +
		"    programs:\n      - id: p\n        template: t\n        versions:\n" + indent(version, 10)
	c, err := loadText(t, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return c.Program("o", "p").Versions[0]
}

func indent(text string, by int) string {
	if text == "" {
		return ""
	}
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+pad) + "\n"
}

func TestTemplates_merge_deep(t *testing.T) {
	template := `
currency: USD
dedupe_window: 2h
margin: 0.5
attribution: {shadow: [linear], order: [click]}
rules:
  - id: steps
    type: tiers
    metric: conversions
    kinds: [sale, lead]
    tiers:
      - {id: a, threshold: 3, rewards: [{id: x, type: cash, amount_minor: 1}]}
      - {id: c, threshold: 9}
  - id: kept
    type: per_conversion
    rewards: [{id: x, type: cash, flat_minor: 5}]`
	v := only(t, `
- valid_from: 2026-01-01T00:00:00Z
  margin: null
  attribution: {shadow: [first_click, time_decay], window: 1h}
  rules:
    - id: new
      type: per_conversion
      rewards: [{id: x, type: cash, flat_minor: 5}]
    - id: steps
      kinds: [renewal]
      tiers:
        - {id: a, rewards: [{id: x, amount_minor: 7}, {id: y, type: points, quantity: 2}]}
        - {id: b, threshold: 5}`, strings.TrimLeft(template, "\n"))
	if v.Margin != nil || v.Currency != "USD" || v.DedupeWindow != 2*time.Hour {
		t.Errorf("version %+v", v)
	}
	if a := v.Attribution; len(a.Shadow) != 2 || a.Window != time.Hour || len(a.Order) != 1 {
		t.Errorf("attribution %+v", a)
	}
	var ids []string
	for _, r := range v.Rules {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); got != "steps kept new" {
		t.Fatalf("rules %s", got)
	}
	steps := v.Rules[0]
	if !reflect.DeepEqual(steps.Kinds, map[event.Kind]bool{event.KindRenewal: true}) {
		t.Errorf("kinds %v", steps.Kinds)
	}
	want := []program.Tier{
		{ID: "a", Threshold: 3, Rewards: []program.Reward{
			{ID: "x", Type: "cash", AmountMinor: 7}, {ID: "y", Type: "points", Quantity: 2, Unit: "points"},
		}},
		{ID: "b", Threshold: 5, Rewards: []program.Reward{}},
		{ID: "c", Threshold: 9, Rewards: []program.Reward{}},
	}
	if !reflect.DeepEqual(steps.Tiers, want) {
		t.Errorf("tiers %+v", steps.Tiers)
	}
}

// testdata/merged.yaml has four versions over one template: the first says
// nothing more, the second changes and takes away, the others nearly nothing.
func TestVersions_inherit_from_their_template_alone(t *testing.T) {
	versions := load(t, merged).Program("acme", "over").Versions
	first, second, third, fourth := versions[0], versions[1], versions[2], versions[3]

	if first.Zone.String() != "Europe/Berlin" || first.DedupeWindow != 2*time.Hour || *first.Margin != 0.5 || first.Currency != "EUR" || first.Locale != "de" ||
		first.Attribution.Grace != time.Second || first.Attribution.MaxWait != time.Minute {
		t.Errorf("version %+v", first)
	}
	want := program.Attribution{
		Model: program.Linear, Window: 48 * time.Hour, HalfLife: time.Hour, Order: []program.CandidateKind{program.CandidateClick},
		Shadow: []program.Model{program.TimeDecay}, Grace: time.Second, MaxWait: time.Minute,
	}
	if !reflect.DeepEqual(first.Attribution, want) {
		t.Errorf("attribution %+v", first.Attribution)
	}
	// null takes away, so that the default holds, not the template.
	if second.Zone != time.UTC || second.DedupeWindow != time.Hour || second.Margin != nil || second.Attribution.Model != program.LastClick ||
		second.Attribution.HalfLife != defaultHalfLife || len(second.Attribution.Order) != 3 || second.Attribution.MaxWait != 0 || second.Attribution.BindCustomer {
		t.Errorf("version %+v", second)
	}
	steps := second.Rules[0]
	if second.Rules[2].ID != "new" || steps.Limit != nil || steps.Hold != 0 || steps.When != nil || steps.MinAmountMinor != 100 ||
		!reflect.DeepEqual(steps.PointsOf, map[event.Kind]int64{event.KindLead: 1}) || !reflect.DeepEqual(steps.Name, map[string]string{"en": "Step", "fr": "Marche"}) {
		t.Errorf("rule %+v", steps)
	}
	if len(steps.Tiers) != 3 || steps.Tiers[0].Rewards[0].AmountMinor != 2 || steps.Tiers[2].RepeatEvery != 0 || len(steps.Tiers[2].Rewards) != 0 {
		t.Errorf("tiers %+v", steps.Tiers)
	}
	if kept := second.Rules[1].Rewards[0]; !kept.HasBasisPoints || kept.BasisPoints != 50 || kept.AmountMinor != 0 || kept.MaxAmountMinor != 4 {
		t.Errorf("reward %+v", kept)
	}
	// The third has none of the second; an empty list changes nothing, an
	// attribution of null leaves the defaults.
	if !reflect.DeepEqual(third.Rules, first.Rules) || third.Zone.String() != "Europe/Berlin" || third.Attribution.Model != program.LastClick || !third.Attribution.BindCustomer {
		t.Errorf("version %+v", third)
	}
	if len(fourth.Rules) != 0 || fourth.Attribution.Model != program.Linear {
		t.Errorf("version %+v", fourth)
	}
}

func TestLoadPrograms_brings_the_files_of_a_folder_together(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "a.yaml", "version: 1\norgs: [{id: o, name: O, teams: [{id: t}]}]\n")
	write(t, folder, "sub/b.yml", `
version: 1
orgs: [{id: o, programs: [{id: p, team: t, versions: [{valid_from: 2026-01-01T00:00:00Z, currency: EUR}]}]}]
`)
	write(t, folder, ".hidden/c.yaml", "this: is not read\n")
	write(t, folder, "README.md", "nor this\n")
	c := load(t, folder)
	if c.Program("o", "p") == nil || c.Orgs["o"].Name != "O" {
		t.Errorf("orgs %+v", c.Orgs)
	}
	write(t, folder, "z.yaml", "version: 1\norgs: [{id: o, name: Other, teams: [{id: t}]}]\n")
	_, err := LoadPrograms(folder)
	if err == nil || !strings.Contains(err.Error(), "has two names") || !strings.Contains(err.Error(), "a.yaml:2:38") {
		t.Errorf("error %v", err)
	}
}

func TestLoadPrograms_follows_links_as_a_mounted_map_has_them(t *testing.T) {
	volume := t.TempDir()
	write(t, volume, "..2026_11_01/programs.yaml", "version: 1\norgs: [{id: mounted}]\n")
	for link, to := range map[string]string{"..data": "..2026_11_01", "programs.yaml": "..data/programs.yaml"} {
		if err := os.Symlink(to, filepath.Join(volume, link)); err != nil {
			t.Fatal(err)
		}
	}
	linked := filepath.Join(t.TempDir(), "programs")
	if err := os.Symlink(volume, linked); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{volume, linked} {
		if c := load(t, path); len(c.Orgs) != 1 || c.Orgs["mounted"] == nil {
			t.Errorf("%s: orgs %v", path, c.Orgs)
		}
	}
}

func TestLoadPrograms_says_what_it_could_not_read(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none.yaml")} {
		if _, err := LoadPrograms(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error %v", err)
		}
	}
}

func write(t testing.TB, folder, name, text string) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(t.TempDir(), "whole") // a watcher that looks every millisecond must not find it half written
	if err := os.WriteFile(whole, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(whole, path); err != nil {
		t.Fatal(err)
	}
}
