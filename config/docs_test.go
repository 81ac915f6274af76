package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/grapevinehq/grapevine/internal/generated"
)

const settingsIntro = `# Settings of a worker

<!-- Generated from config/settings.go by ` + "`go generate ./config`" + `. -->

A worker reads its settings from a YAML file (` + "`--config FILE`" + `) and from the
environment, which goes before the file. Every key has a variable: ` + "`GRAPEVINE_`" + ` and
the path in capitals with ` + "`_`" + `, so ` + "`kafka.brokers`" + ` is ` + "`GRAPEVINE_KAFKA_BROKERS`" + `.
Lists are separated by commas there, and maps are written as ` + "`key=value,key=value`" + `; an empty variable counts as unset. The
defaults reach what ` + "`grapevine up`" + ` starts.

Durations are written as ` + "`500ms`" + `, ` + "`30s`" + `, ` + "`10m`" + ` or ` + "`72h`" + `. Paths are relative to where
the worker is started. A secret can stand in a file instead, named by the key with
` + "`_file`" + ` behind it, and is never printed. An unknown key is refused with its line, and
` + "`grapevine check --config FILE`" + ` names every problem at once.

` + "```yaml" + `
kafka:
  brokers: [kafka-1:9092, kafka-2:9092]
  sasl: {mechanism: scram-sha-512, username: grapevine, password_file: /run/secrets/kafka}
redis:
  addr: redis:6379
clickhouse:
  addr: clickhouse:9000
  password_file: /run/secrets/clickhouse
programs: /etc/grapevine/programs
hash_secret_file: /run/secrets/hash
` + "```" + `
`

func TestDocs_settings(t *testing.T) {
	r := &jsonschema.Reflector{}
	if err := r.AddGoComments(here, "."); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString(settingsIntro)
	defaults := Defaults()
	out.WriteString("\n## The worker\n\n" + tableHead)
	sections(t, &out, r.CommentMap, reflect.ValueOf(defaults), nil)
	generated.UpToDate(t, "../docs/configuration.md", []byte(out.String()), "./config")
}

const tableHead = "| key | default | what |\n|---|---|---|\n"

// sections writes the plain keys of a struct as a table, then a section for
// each struct within it.
func sections(t *testing.T, out *strings.Builder, comments map[string]string, v reflect.Value, path []string) {
	var nested []int
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("json")
		if key == "" || key == "-" {
			continue
		}
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Secret]() {
			nested = append(nested, i)
			continue
		}
		comment := comments[here+"."+v.Type().Name()+"."+f.Name]
		if comment == "" {
			t.Errorf("%s.%s has no comment", v.Type().Name(), f.Name)
		}
		name := strings.Join(append(append([]string(nil), path...), key), ".")
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", name, shown(v.Field(i)), oneLine(comment, f.Name, key)+choices(f.Type))
	}
	for _, i := range nested {
		f := v.Type().Field(i)
		below := append(append([]string(nil), path...), f.Tag.Get("json"))
		comment := comments[here+"."+v.Type().Name()+"."+f.Name]
		fmt.Fprintf(out, "\n## %s\n\n%s\n\n%s", strings.Join(below, "."), oneLine(comment, f.Name, f.Tag.Get("json")), tableHead)
		sections(t, out, comments, v.Field(i), below)
	}
}

// oneLine makes a sentence of a table out of a Go comment: "Programs is the
// file" becomes "The file", a name that is no word becomes the key.
func oneLine(comment, name, key string) string {
	text := strings.Join(strings.Fields(comment), " ")
	for _, verb := range []string{" is ", " are "} {
		if rest, ok := strings.CutPrefix(text, name+verb); ok {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	if rest, ok := strings.CutPrefix(text, name+" "); ok && !strings.EqualFold(name, key) {
		return "`" + key + "` " + rest
	}
	return text
}

func choices(of reflect.Type) string {
	words, ok := settingEnums[of]
	if !ok {
		return ""
	}
	return " One of `" + strings.Join(words, "`, `") + "`."
}

func shown(v reflect.Value) string {
	text := fmt.Sprint(v.Interface())
	switch x := v.Interface().(type) {
	case []string:
		text = strings.Join(x, ",")
	case time.Duration:
		text = short(x)
	}
	if v.Kind() == reflect.Map && v.Len() == 0 {
		text = ""
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

func TestDocs_programs(t *testing.T) {
	const path = "../docs/programs.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := &jsonschema.Reflector{}
	if err := r.AddGoComments(here, "."); err != nil {
		t.Fatal(err)
	}
	var keys strings.Builder
	for _, part := range []struct {
		title string
		of    reflect.Type
	}{
		{"A file", reflect.TypeFor[ProgramsFile]()},
		{"exchange_rates", reflect.TypeFor[RateSpec]()},
		{"bots.networks", reflect.TypeFor[NetworkSpec]()},
		{"bots.user_agents", reflect.TypeFor[AgentSpec]()},
		{"orgs", reflect.TypeFor[OrgSpec]()},
		{"orgs.teams", reflect.TypeFor[TeamSpec]()},
		{"orgs.budgets", reflect.TypeFor[BudgetSpec]()},
		{"orgs.segments", reflect.TypeFor[SegmentSpec]()},
		{"orgs.access", reflect.TypeFor[AccessSpec]()},
		{"orgs.programs", reflect.TypeFor[ProgramSpec]()},
		{"orgs.programs.goals", reflect.TypeFor[GoalSpec]()},
		{"orgs.programs.versions, orgs.templates", reflect.TypeFor[VersionSpec]()},
		{"attribution", reflect.TypeFor[AttributionSpec]()},
		{"rules", reflect.TypeFor[RuleSpec]()},
		{"rules.limit", reflect.TypeFor[LimitSpec]()},
		{"rules.tiers", reflect.TypeFor[TierSpec]()},
		{"rules.rewards, rules.tiers.rewards", reflect.TypeFor[RewardSpec]()},
		{"rules.rewards.brackets", reflect.TypeFor[BracketSpec]()},
	} {
		fmt.Fprintf(&keys, "### %s\n\n| key | what |\n|---|---|\n", part.title)
		programKeys(t, &keys, r.CommentMap, part.of)
		keys.WriteString("\n")
	}
	want := between(t, string(page), "keys", strings.TrimRight(keys.String(), "\n")+"\n")
	generated.UpToDate(t, path, []byte(want), "./config")
}

// between replaces what stands between two marks of a page.
func between(t *testing.T, page, mark, text string) string {
	t.Helper()
	first, last := "<!-- "+mark+":begin -->\n", "<!-- "+mark+":end -->"
	before, rest, found := strings.Cut(page, first)
	_, after, closed := strings.Cut(rest, last)
	if !found || !closed {
		t.Fatalf("the page has no marks %q", mark)
	}
	return before + first + text + last + after
}

func programKeys(t *testing.T, out *strings.Builder, comments map[string]string, of reflect.Type) {
	t.Helper()
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous && f.Type.Name() == "VersionBody" {
			programKeys(t, out, comments, f.Type)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		comment := comments[here+"."+of.Name()+"."+f.Name]
		if comment == "" {
			t.Errorf("%s.%s has no comment", of.Name(), f.Name)
		}
		name := "`" + key + "`"
		if strings.Contains(f.Tag.Get("jsonschema"), "required") {
			name += " *"
		}
		fmt.Fprintf(out, "| %s | %s%s |\n", name, oneLine(comment, f.Name, key), words(f.Type))
	}
	if _, isFile := of.FieldByName("ExchangeRates"); isFile {
		out.WriteString("\n(* is required, be it by way of a template.)\n")
	}
}

// words are the values that a key takes, where they are few.
func words(of reflect.Type) string {
	if of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	list, ok := enums[of]
	if !ok {
		return ""
	}
	return " One of `" + strings.Join(list, "`, `") + "`."
}
