package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/grapevinehq/grapevine/config/strict"
)

//go:generate go test . -run TestDocs -update

var update = flag.Bool("update", false, "write the generated files under docs")

const (
	schemaFile = "../docs/programs.schema.json"
	here       = "github.com/grapevinehq/grapevine/config"
)

// upToDate compares a generated file with what stands there, or writes it.
func upToDate(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is stale: run `go generate ./config`", path)
	}
}

func TestDocs_schema(t *testing.T) {
	upToDate(t, schemaFile, programsSchema(t))
}

// programsSchema is the JSON Schema of program files, made from the types that
// they are read into.
func programsSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Mapper: mapped}
	if err := r.AddGoComments(here, "."); err != nil {
		t.Fatal(err)
	}
	schema := r.Reflect(&ProgramsFile{})
	schema.ID = ""
	schema.Title = "Grapevine programs"
	// What a template may supply cannot be asked of a version.
	for _, inherited := range []string{"VersionSpec", "TemplateSpec", "RuleSpec", "TierSpec", "RewardSpec"} {
		definition := schema.Definitions[inherited]
		definition.Required = slices.DeleteFunc(definition.Required, func(key string) bool { return key != "id" && key != "valid_from" })
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// mapped are the types that are written as plain values.
func mapped(of reflect.Type) *jsonschema.Schema {
	if words, ok := enums[of]; ok {
		out := &jsonschema.Schema{Type: "string"}
		for _, w := range words {
			out.Enum = append(out.Enum, w)
		}
		return out
	}
	longest := uint64(maxID)
	switch of {
	case reflect.TypeFor[ID]():
		return &jsonschema.Schema{Type: "string", Pattern: `^\S(.*\S)?$`, MaxLength: &longest}
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Pattern: `^\+?(0|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+)$`}, {Const: 0},
		}}
	case reflect.TypeFor[Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[Currency]():
		return &jsonschema.Schema{Type: "string", Pattern: "^[A-Z]{3}$"}
	case reflect.TypeFor[Decimal]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
			{Type: "string", Pattern: `^[0-9]+(\.[0-9]+)?$`}, {Type: "number", ExclusiveMinimum: "0"},
		}}
	case reflect.TypeFor[Zone](), reflect.TypeFor[Locale](), reflect.TypeFor[CIDR]():
		return &jsonschema.Schema{Type: "string"}
	}
	return nil
}

func validates(t *testing.T, path string) error {
	t.Helper()
	schema, err := validator.UnmarshalJSON(bytes.NewReader(programsSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("programs.schema.json", schema); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	problems := &Problems{}
	root := strict.Parse(path, text, problems)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("programs.schema.json").Validate(plain(root))
}

// plain is a tree as JSON would hold it.
func plain(n *strict.Node) any {
	switch n.Kind {
	case strict.Map:
		out := map[string]any{}
		for _, p := range n.Pairs {
			out[p.Key] = plain(p.Value)
		}
		return out
	case strict.List:
		out := make([]any, 0, len(n.Items))
		for _, item := range n.Items {
			out = append(out, plain(item))
		}
		return out
	case strict.Int, strict.Float:
		return json.Number(n.Text)
	case strict.Bool:
		b, _ := strconv.ParseBool(n.Text)
		return b
	default:
		return n.Text
	}
}

func TestSchema_accepts_the_examples(t *testing.T) {
	for _, path := range []string{example, golden, "../programs.yaml"} {
		if err := validates(t, path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSchema_refuses_bad_files(t *testing.T) {
	for _, path := range []string{"testdata/bad/values.yaml", "testdata/bad/rules.yaml", "testdata/bad/references.yaml"} {
		if err := validates(t, path); err == nil {
			t.Errorf("%s is accepted", path)
		}
	}
}
