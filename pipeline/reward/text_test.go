package reward_test

import (
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestTexts_are_in_the_beneficiarys_locale_then_the_programs(t *testing.T) {
	rule := tiersRule(program.Revenue, program.Tier{ID: "gold", Threshold: 2050, Rewards: cash("x", 1250)})
	rule.Name = map[string]string{"en": "Tier {{ tier }}", "de": "Stufe {{tier}}", "de-CH": "Stufä {{tier}}"}
	rule.Message = map[string]string{
		"en": "{{program}} {{period}}: {{metric}} of {{threshold}} {{currency}} gives {{amount}}{{quantity}}{{unit}}",
	}
	for _, c := range []struct{ locale, name string }{
		{"", "Tier gold"}, {"en", "Tier gold"}, {"de", "Stufe gold"}, {"de-AT", "Stufe gold"}, {"de_AT", "Stufe gold"},
		{"de-CH", "Stufä gold"}, {"fr", "Tier gold"},
	} {
		credit := sale("c", 2100, "m")
		credit.Locale = c.locale
		e := newBook(t, oneRule(rule)).take(credit)[0]
		if e.Name != c.name {
			t.Errorf("in %q: %q, want %q", c.locale, e.Name, c.name)
		}
		if want := "p lifetime: 21.00 of 20.50 USD gives 12.50"; e.Message != want {
			t.Errorf("in %q: %q, want %q", c.locale, e.Message, want)
		}
	}
}

func TestTexts_without_one_in_either_locale_are_left_out(t *testing.T) {
	rule := tiersRule(program.Conversions, program.Tier{ID: "t", Threshold: 1, Rewards: []program.Reward{{ID: "x", Quantity: 3, Unit: "mug"}}})
	rule.Name = map[string]string{"it": "Livello"}
	rule.Message = map[string]string{"en": "{{metric}}/{{threshold}}: {{quantity}} {{unit}}{{amount}}"}
	e := newBook(t, oneRule(rule)).take(sale("c", 0, "m"))[0]
	if e.Name != "" || e.Message != "1/1: 3 mug" {
		t.Errorf("name %q, message %q", e.Name, e.Message)
	}
}
