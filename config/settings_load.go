package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/grapevinehq/grapevine/config/strict"
)

// EnvPrefix stands before the name of every setting in the environment.
const EnvPrefix = "GRAPEVINE_"

// enginesEnv is read elsewhere and is no setting of a worker.
const enginesEnv = "GRAPEVINE_ENGINES"

// LoadSettings reads the settings of a worker: the defaults, over them the file
// (none when path is empty), over it the environment (as os.Environ gives it;
// an empty variable counts as unset). A *Problems lists every fault.
func LoadSettings(path string, environ []string) (*Settings, error) {
	problems := &Problems{}
	var tree *strict.Node
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		if !blank(text) {
			tree = strict.Parse(path, text, problems)
		}
	}
	fromEnv, warnings := envTree(environ)
	tree = strict.Merge(tree, fromEnv)
	s := Defaults()
	s.Warnings = warnings
	d := &strict.Decoder{Enums: settingEnums, Problems: problems}
	d.Decode(tree, "", &s)
	s.check(problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return &s, nil
}

// blank says whether a file holds nothing but comments: all defaults.
func blank(text []byte) bool {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// setting is one key with its path and the variable that sets it.
type setting struct {
	path []string
	kind reflect.Type
}

func (s setting) key() string { return strings.Join(s.path, ".") }

func (s setting) env() string { return EnvPrefix + strings.ToUpper(strings.Join(s.path, "_")) }

// allSettings walks the keys in the order of the struct.
func allSettings() []setting { return settingsOf(reflect.TypeFor[Settings](), nil) }

func settingsOf(t reflect.Type, prefix []string) (out []setting) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("json")
		if key == "" || key == "-" {
			continue
		}
		path := append(append([]string(nil), prefix...), key)
		if f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[Secret]() {
			out = append(out, settingsOf(f.Type, path)...)
			continue
		}
		out = append(out, setting{path, f.Type})
	}
	return out
}

// envTree makes a tree of what the environment sets. A variable with our
// prefix that is no setting is only warned of: a cluster may put addresses of a
// service called grapevine there.
func envTree(environ []string) (tree *strict.Node, warnings []string) {
	known := map[string]setting{}
	var names []string
	for _, s := range allSettings() {
		known[s.env()] = s
		names = append(names, s.env())
	}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, EnvPrefix) || value == "" || name == enginesEnv {
			continue
		}
		s, ok := known[name]
		if !ok {
			warning := fmt.Sprintf("the environment variable %s is no setting", name)
			if near := strict.Nearest(name, names); near != "" {
				warning += "; did you mean " + near + "?"
			}
			warnings = append(warnings, warning)
			continue
		}
		at := strict.Pos{File: "environment variable " + name}
		node := &strict.Node{Pos: at, Kind: strict.Loose, Text: value}
		for i := len(s.path) - 1; i >= 0; i-- {
			node = &strict.Node{Pos: at, Kind: strict.Map, Pairs: []strict.Pair{{Key: s.path[i], Pos: at, Value: node}}}
		}
		tree = strict.Merge(tree, node)
	}
	return tree, warnings
}
