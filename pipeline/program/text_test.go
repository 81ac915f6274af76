package program_test

import (
	"slices"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

func TestTextFor_goes_from_the_narrow_locale_to_the_wide_one(t *testing.T) {
	texts := map[string]string{"en": "English", "zh": "中文", "zh-hant": "繁體中文", "de-at": "Österreichisch"}
	for _, c := range []struct {
		locales []string
		want    string
	}{
		{[]string{"en"}, "English"},
		{[]string{"EN_us"}, "English"},
		{[]string{"zh-Hant-TW"}, "繁體中文"},
		{[]string{"zh-Hans-CN"}, "中文"},
		{[]string{"de_AT", "en"}, "Österreichisch"},
		{[]string{"de", "en"}, "English"}, // a narrow text is not for all
		{[]string{"", "zh"}, "中文"},
		{[]string{"fr", "it"}, ""},
		{nil, ""},
	} {
		if got := program.TextFor(texts, c.locales...); got != c.want {
			t.Errorf("%q: %q, want %q", c.locales, got, c.want)
		}
	}
}

func TestPlaceholdersIn_names_them_up_to_the_first_that_is_wrong(t *testing.T) {
	for text, want := range map[string][]string{
		"none {of} them":             nil,
		"{{tier}}, {{ amount }}":     {"tier", "amount"},
		"{{tier}} {{teir}} {{unit}}": {"tier"},
		"{{tier}} {{unit":            {"tier"},
	} {
		if got := program.PlaceholdersIn(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
		if err := program.CheckText(text); (err != nil) != (len(want) == 1) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
