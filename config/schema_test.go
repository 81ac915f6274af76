package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/config/strict"
	"github.com/grapevinehq/grapevine/internal/generated"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

//go:generate go test . -run TestDocs -update

const (
	schemaFile = "../docs/programs.schema.json"
	here       = "github.com/grapevinehq/grapevine/config"
)

func TestDocs_schema(t *testing.T) {
	generated.UpToDate(t, schemaFile, programsSchema(t), "./config")
}

// validate has the schema judge a file; the tree is that of the file.
func validate(t *testing.T, path string) (root *strict.Node, err error) {
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
	root = strict.Parse(path, text, &Problems{}) // of keys that stand twice, the first
	if root == nil {
		t.Fatal(path, "is not YAML")
	}
	return root, c.MustCompile("programs.schema.json").Validate(plain(root))
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
		return json.Number(strings.TrimLeft(n.Text[:len(n.Text)-1], "0_") + n.Text[len(n.Text)-1:]) // 010 is 10 to editors
	case strict.Null:
		return nil
	case strict.Bool:
		b, _ := strconv.ParseBool(n.Text)
		return b
	default:
		return n.Text
	}
}

func TestSchema_accepts_what_is_good(t *testing.T) {
	for _, path := range []string{example, golden, "../programs.yaml", "testdata/warned/programs.yaml", "testdata/merged.yaml"} {
		load(t, path)
		if _, err := validate(t, path); err != nil {
			t.Errorf("%s: %#v", path, err)
		}
	}
}

// The comments of bad files tell what a schema can find, "problem", from what it
// cannot, "compiler".
func TestSchema_refuses_each_problem_that_a_schema_can_see(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		root, err := validate(t, path)
		var invalid *validator.ValidationError
		if err != nil && !errors.As(err, &invalid) {
			t.Fatal(err)
		}
		found := map[int]bool{}
		lines(found, root, invalid)
		want := expected(t, path, "problem")
		for line := range want {
			if !found[line] {
				t.Errorf("%s:%d: the schema sees nothing of: %v", path, line, want[line])
			}
		}
		for line := range found {
			if want[line] == nil {
				t.Errorf("%s:%d: the schema sees something, and the comment does not say so", path, line)
			}
		}
	}
}

// lines are those that an error of the schema is about.
func lines(found map[int]bool, root *strict.Node, e *validator.ValidationError) {
	if e == nil {
		return
	}
	var keys []string // that the error is about, or else the value
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		keys = k.Properties
	case *kind.PropertyNames:
		keys = []string{k.Property}
	default:
		for _, cause := range e.Causes {
			lines(found, root, cause)
		}
		if len(e.Causes) > 0 {
			return
		}
	}
	at := root
	for _, step := range e.InstanceLocation {
		if at.Kind == strict.List {
			i, _ := strconv.Atoi(step)
			at = at.Items[i]
			continue
		}
		at = at.Get(step)
	}
	if keys == nil {
		found[at.Pos.Line] = true
	}
	for _, p := range at.Pairs {
		if slices.Contains(keys, p.Key) {
			found[p.Pos.Line] = true
		}
	}
}

// A schema that refused a good text would make people leave it.
func TestSchema_of_texts_accepts_every_good_one(t *testing.T) {
	pattern := regexp.MustCompile(textPattern)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"{", "}", "{{", "}}", "{{tier}}", "{{ amount }}", "teir", "tier", " ", "\n", "ü"}), 0, 9).Draw(t, "text"), "")
		if good := program.CheckText(text) == nil; good != pattern.MatchString(text) {
			t.Errorf("%q: good is %v", text, good)
		}
	})
}
