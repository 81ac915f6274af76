package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

const merged = "testdata/merged.yaml"

func effective(t testing.TB, path string, of Selection) *Effective {
	t.Helper()
	programs, err := ReadPrograms(path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := programs.Effective(of)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func written(e *Effective) string {
	var out strings.Builder
	for _, line := range e.Lines() {
		out.WriteString(line.Text + "\n")
	}
	return out.String()
}

// What is printed is a file of programs without templates. It decides what the
// files decide that it was made of: nothing is missing, no default is another.
func TestEffective_loads_to_the_same_rules(t *testing.T) {
	for _, path := range []string{example, golden, merged, "../programs.yaml", "testdata/warned/programs.yaml"} {
		text := written(effective(t, path, Selection{}))
		again, err := loadText(t, text)
		if err != nil {
			t.Fatalf("%s:\n%s\n%v", path, text, err)
		}
		if strings.Contains(text, "template") {
			t.Errorf("%s: templates are left:\n%s", path, text)
		}
		want := load(t, path)
		if !reflect.DeepEqual(rulesOf(again), rulesOf(want)) {
			t.Errorf("%s: other rules:\n%s", path, text)
		}
		if _, err := validate(t, saved(t, text)); err != nil {
			t.Errorf("%s: the schema: %#v", path, err)
		}
		if twice := written(effective(t, saved(t, text), Selection{})); twice != text {
			t.Errorf("%s: printed twice it is\n%s\n%s", path, text, twice)
		}
	}
}

// rulesOf ends each version where the next begins, and takes away what is of the
// files and not of the rules.
func rulesOf(c *program.Catalog) *program.Catalog {
	c.Revision, c.Source = "", nil
	for _, org := range strip(c).Orgs {
		for _, p := range org.Programs {
			for i, v := range p.Versions {
				if i+1 < len(p.Versions) && v.ValidTo == 0 {
					v.ValidTo = p.Versions[i+1].ValidFrom
				}
				for _, r := range v.Rules {
					r.Line = 0
				}
			}
		}
	}
	return c
}

func saved(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every value stands where its origin says.
func TestEffective_knows_where_each_value_stands(t *testing.T) {
	for _, path := range []string{example, merged} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		e := effective(t, path, Selection{})
		layers := map[Layer]int{}
		strict.Each(e.root, func(n *strict.Node) {
			origin, ok := e.origins[n]
			if len(n.Items)+len(n.Pairs) > 0 {
				return
			}
			layers[origin.Layer]++
			if !ok || origin.Layer == FromDefault {
				if origin.File != "" || !ok {
					t.Errorf("%+v has the origin %+v", n, origin)
				}
				return
			}
			there := strings.TrimLeft(lines[origin.Line-1][origin.Column-1:], `"'[{`)
			if origin.File != path || !strings.HasPrefix(there, n.Text) {
				t.Errorf("%q comes from %+v, where %.40q stands", n.Text, origin, there)
			}
		})
		for _, layer := range []Layer{FromFile, FromVersion, FromTemplate, FromDefault, FromNext} {
			if layers[layer] == 0 {
				t.Errorf("%s: no value of the layer %s", path, layer)
			}
		}
	}
}

func TestEffective_tells_template_from_version(t *testing.T) {
	text, err := json.Marshal(effective(t, example, Selection{Org: "acme", Program: "eu-store"}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Programs struct{ Orgs []struct{ ID string } }
		Origins  map[string]Origin
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	version := "orgs[acme].programs[eu-store].versions[2026-01-01T00:00:00Z]."
	for path, want := range map[string]Origin{
		version + "currency":                                      {FromVersion, "", example, 104, 23},
		version + "attribution.model":                             {FromVersion, "", example, 107, 34},
		version + "attribution.binding":                           {FromTemplate, "store", example, 35, 96},
		version + "attribution.order[0]":                          {FromTemplate, "store", example, 35, 64},
		version + "attribution_grace":                             {Layer: FromDefault},
		version + "rules[milestones].tiers[gold].repeat_every":    {FromTemplate, "store", example, 54, 31},
		version + "rules[commission].rewards[share].basis_points": {FromVersion, "", example, 113, 79},
		"orgs[acme].budgets[emea-quarterly].limit_minor":          {FromFile, "", example, 22, 72},
	} {
		if got.Origins[path] != want {
			t.Errorf("%s comes from %+v, want %+v", path, got.Origins[path], want)
		}
	}
}

func TestEffective_selects_a_program_with_what_it_refers_to(t *testing.T) {
	text := written(effective(t, example, Selection{Org: "acme", Program: "us-store", At: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}))
	for _, there := range []string{"growth-monthly", "id: vip", "2026-11-01T00:00:00Z", "{from: EUR, to: USD", "load-test", "q4-sales"} {
		if !strings.Contains(text, there) {
			t.Errorf("%s is missing:\n%s", there, text)
		}
	}
	for _, elsewhere := range []string{"emea", "dormant", "eu-store", "2026-01-01T00:00:00Z\n", "globex", "olaf"} {
		if strings.Contains(text, elsewhere) {
			t.Errorf("%s is none of it:\n%s", elsewhere, text)
		}
	}
	if _, err := loadText(t, text); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestEffective_at_a_time_shows_the_version_valid_then(t *testing.T) {
	for at, want := range map[string]string{
		"2025-12-31T23:59:59.999Z": "",
		"2026-01-01T00:00:00Z":     "2026-01-01T00:00:00Z",
		"2026-10-31T23:59:59.999Z": "2026-01-01T00:00:00Z",
		"2026-11-01T00:00:00Z":     "2026-11-01T00:00:00Z",
	} {
		e := effective(t, example, Selection{Org: "acme", Program: "us-store", At: time.UnixMilli(millis(t, at))})
		text := written(e)
		if inactive := len(e.Inactive) == 1 && e.Inactive[0] == "acme/us-store"; inactive != (want == "") {
			t.Errorf("at %s: inactive %v", at, e.Inactive)
		}
		if strings.Count(text, "valid_from: ")-strings.Count(text, "valid_from: 2026-01-01T00:00:00Z, rate")-strings.Count(text, "valid_from: 2026-10-01T00:00:00Z, rate") > 1 ||
			want != "" && !strings.Contains(text, "- valid_from: "+want+"\n") {
			t.Errorf("at %s:\n%s", at, text)
		}
	}
}

func TestEffective_fills_in_what_decides_and_leaves_out_what_does_not(t *testing.T) {
	e := effective(t, saved(t, `version: 1
orgs:
  - id: o
    templates:
      - id: t
        currency: EUR
        attribution: &both {model: linear, shadow: [linear, time_decay]}
        rules: [{id: r, type: per_conversion, limit: {count: 2}, rewards: [{id: x, type: cash, flat_minor: 1}]}]
    programs:
      - id: p
        template: t
        versions:
          - {valid_from: 2026-01-01T00:00:00Z, valid_to: 2026-02-01T00:00:00Z}
          - {valid_from: 2026-03-01T00:00:00Z, attribution: *both, rules: []}
`), Selection{})
	got := map[string][]string{} // where each line comes from, by what it says
	for _, line := range e.Lines() {
		for _, value := range line.Values[:min(1, len(line.Values))] {
			text := strings.TrimLeft(line.Text, " -")
			got[text] = append(got[text], string(e.Origin(value).Layer))
		}
	}
	for text, want := range map[string][]string{
		"valid_to: 2026-02-01T00:00:00Z": {"version"}, // a gap is a gap
		"half_life: 168h":                {"default", "default"},
		"shadow: [time_decay]":           {"template", "version"}, // one anchor, two layers
		"period: lifetime":               {"default", "default", "default", "default"},
		"count: 2":                       {"template", "template"},
		"to: referrer":                   {"default", "default"},
		"binding: customer":              {"default", "default"},
	} {
		if !reflect.DeepEqual(got[text], want) {
			t.Errorf("%s comes from %q, want %q", text, got[text], want)
		}
	}
	if strings.Contains(written(effective(t, example, Selection{Org: "acme", Program: "us-store"})), "half_life") {
		t.Error("a half-life where nothing decays")
	}
}

func TestEffective_says_which_program_might_be_meant(t *testing.T) {
	programs, err := ReadPrograms(example)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[string]string{"us-stroe": "there is no program acme/us-stroe; did you mean acme/us-store?", "nothing-like-it": "there is no program acme/nothing-like-it"} {
		if _, err := programs.Effective(Selection{Org: "acme", Program: asked}); err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
	}
}

// Whatever is good is printed, and what is printed decides the same.
func FuzzEffective(f *testing.F) {
	for _, path := range []string{example, merged, "testdata/warned/programs.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("version: 1\norgs: [{id: a, templates: [{id: t, currency: EUR}], programs: [{id: p, template: t, versions: [&x {valid_from: 2026-01-01T00:00:00Z, <<: {margin: 1}}]}]}]")
	f.Fuzz(func(t *testing.T, text string) {
		programs, err := newCompiler().compile([]sourceFile{{"p.yaml", "p.yaml", []byte(text)}})
		if err != nil {
			return
		}
		e, err := programs.Effective(Selection{})
		if err != nil {
			t.Fatal(err)
		}
		printed := written(e)
		again, err := newCompiler().compile([]sourceFile{{"p.yaml", "p.yaml", []byte(printed)}})
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if !reflect.DeepEqual(rulesOf(again.Catalog), rulesOf(programs.Catalog)) {
			t.Errorf("other rules:\n%s", printed)
		}
	})
}
