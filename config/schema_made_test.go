package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/money"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// schema is a part of a JSON Schema.
type schema = map[string]any

// programsSchema is the JSON Schema of program files, made from the types that
// they are read into. It refuses nothing that is good, and of what is wrong all
// that can be seen in one place of one file: what refers to another place, or is
// there by way of a template, is the compiler's business.
func programsSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Mapper: mapped}
	if err := r.AddGoComments(here, "."); err != nil {
		t.Fatal(err)
	}
	reflected := r.Reflect(&ProgramsFile{})
	reflected.ID = ""
	reflected.Title = "Grapevine programs"
	text, err := json.Marshal(reflected)
	if err != nil {
		t.Fatal(err)
	}
	root := schema{}
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	definitions := root["$defs"].(schema)
	describe(root, "ProgramsFile")
	for name, definition := range definitions {
		describe(definition.(schema), name)
	}
	inherited(definitions)
	conditions(definitions)
	texts := schema{"type": "string", "minLength": 1, "maxLength": maxText, "pattern": textPattern}
	rule := properties(definitions, "RuleSpec")
	for _, key := range []string{"name", "message"} {
		put(rule[key], "additionalProperties", orNull(texts), "propertyNames", schema{"pattern": localePattern}, "minProperties", 1)
	}
	put(rule["points"], "additionalProperties", orNull(schema{"type": "integer", "minimum": 0, "maximum": 1_000_000_000}), "propertyNames", schema{"enum": enums[reflect.TypeFor[event.Kind]()]}, "minProperties", 1)
	nullable(definitions)
	if text, err = json.MarshalIndent(root, "", "  "); err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

const (
	idPattern       = `^\S(.*\S)?$`
	durationPattern = `^\+?(0|([0-9]*\.?[0-9]+(ns|us|µs|ms|s|m|h))+)$`
	ratePattern     = `^0*([1-9][0-9]*(\.[0-9]{1,18})?|0?\.[0-9]{0,17}[1-9][0-9]{0,17})$`
	localePattern   = `^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8})*$`
	zonePattern     = `^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$`
	cidrPattern     = `^[0-9A-Fa-f:.]+/[0-9]{1,3}$`
)

// textPattern is [program.CheckText] as a regular expression: other letters,
// known placeholders, and braces that do not stand in twos.
var textPattern = func() string {
	other, known := `[^{}]`, `\{\s*(`+strings.Join(program.Placeholders, "|")+`)\s*\}\}`
	return `^(` + other + `|\}?\{(\}\{)*(` + other + `|` + known + `|\}` + other + `)|\}` + other + `)*(\}?\{(\}\{)*\}?|\})?$`
}()

// mapped are the types that are written as plain values.
func mapped(of reflect.Type) *jsonschema.Schema {
	if words, ok := enums[of]; ok {
		return &jsonschema.Schema{Type: "string", Enum: anyOf(words)}
	}
	longest := uint64(maxID)
	switch of {
	case reflect.TypeFor[ID]():
		return &jsonschema.Schema{Type: "string", Pattern: idPattern, MaxLength: &longest}
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: durationPattern}, {Const: 0}}}
	case reflect.TypeFor[Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[Currency]():
		return &jsonschema.Schema{Type: "string", Enum: anyOf(currencies())}
	case reflect.TypeFor[Decimal]():
		return &jsonschema.Schema{OneOf: []*jsonschema.Schema{{Type: "string", Pattern: ratePattern}, {Type: "number", ExclusiveMinimum: "0"}}}
	case reflect.TypeFor[Zone]():
		return &jsonschema.Schema{Type: "string", Pattern: zonePattern, Not: &jsonschema.Schema{Const: "Local"}, Examples: []any{"UTC", "Europe/Berlin", "America/New_York"}}
	case reflect.TypeFor[Locale]():
		return &jsonschema.Schema{Type: "string", Pattern: localePattern, Examples: []any{"en", "de-AT"}}
	case reflect.TypeFor[CIDR]():
		return &jsonschema.Schema{Type: "string", Pattern: cidrPattern, Examples: []any{"198.51.100.0/24"}}
	}
	return nil
}

func anyOf(words []string) (out []any) {
	for _, w := range words {
		out = append(out, w)
	}
	return out
}

// currencies are all codes that are known.
func currencies() (codes []string) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, a := range letters {
		for _, b := range letters {
			for _, c := range letters {
				if code := string([]rune{a, b, c}); money.Known(code) {
					codes = append(codes, code)
				}
			}
		}
	}
	return codes
}

// describe makes sentences for editors out of Go comments.
func describe(definition schema, name string) {
	if text, ok := definition["description"].(string); ok {
		text = strings.TrimPrefix(oneLine(text, name, name), name+" ") // "AttributionSpec says" of a definition
		definition["description"] = strings.ToUpper(text[:1]) + text[1:]
	}
	for key, property := range definition["properties"].(schema) {
		text, ok := property.(schema)["description"].(string)
		if field, _, _ := strings.Cut(text, " "); ok && strings.EqualFold(field, strings.ReplaceAll(key, "_", "")) {
			property.(schema)["description"] = oneLine(text, field, key)
		}
	}
}

// fromTemplate are the definitions whose keys a template may supply.
var fromTemplate = []string{"VersionSpec", "TemplateSpec", "RuleSpec", "TierSpec", "RewardSpec", "LimitSpec", "AttributionSpec"}

// inherited asks of a version only what no template can supply, and all of it
// in a program without one.
func inherited(definitions schema) {
	for _, name := range fromTemplate {
		definition := definitions[name].(schema)
		required, _ := definition["required"].([]any)
		definition["required"] = slices.DeleteFunc(required, func(key any) bool { return key != "id" && key != "valid_from" })
		if len(definition["required"].([]any)) == 0 {
			delete(definition, "required")
		}
	}
	put(definitions["ProgramSpec"],
		"if", below("template", absent),
		"then", below("versions", items(schema{
			"required":   []string{"currency"},
			"properties": schema{"rules": items(schema{"required": []string{"type"}, "properties": schema{"limit": eitherOf("count", "amount_minor")}, "allOf": complete})},
		})))
}

// complete is what a rule without a template needs by its type.
var complete = []schema{
	whereType(program.Tiers, schema{
		"required":   []string{"metric", "tiers"},
		"properties": schema{"tiers": items(schema{"required": []string{"threshold"}, "properties": schema{"rewards": completeReward("amount_minor", "quantity")}})},
		"if":         schema{"required": []string{"metric"}, "properties": schema{"metric": schema{"const": program.Points}}},
		"then":       schema{"required": []string{"points"}},
		"else":       schema{"if": schema{"required": []string{"metric"}}, "then": below("points", absent)},
	}),
	whereType(program.PerConversion, schema{
		"required":   []string{"rewards"},
		"properties": schema{"rewards": completeReward("flat_minor", "quantity", "basis_points", "brackets")},
	}),
	whereType(program.Grant, schema{
		"required":   []string{"rewards"},
		"anyOf":      eitherOf("segment", "when")["anyOf"],
		"properties": schema{"rewards": completeReward("amount_minor", "quantity")},
	}),
}

func completeReward(ways ...string) schema {
	return items(schema{
		"required": []string{"type"},
		"anyOf":    eitherOf(ways...)["anyOf"],
		"if":       given("quantity"),
		"then":     schema{"anyOf": []schema{given("unit"), {"properties": schema{"type": schema{"const": "points"}}}}},
		"else":     below("unit", absent),
	})
}

func eitherOf(keys ...string) schema {
	var either []schema
	for _, key := range keys {
		either = append(either, schema{"required": []string{key}})
	}
	return schema{"anyOf": either}
}

// conditions are those between keys of one map.
func conditions(definitions schema) {
	var ofRules []schema
	for _, of := range []program.RuleType{program.Tiers, program.PerConversion, program.Grant} {
		foreign := schema{}
		for key, types := range keysOf {
			if !slices.Contains(types, of) {
				foreign[key] = absent
			}
		}
		rewards := items(schema{"properties": foreignOf(of)})
		if of == program.Tiers {
			foreign["tiers"] = items(schema{"properties": schema{"rewards": rewards}})
		} else {
			foreign["rewards"] = rewards
		}
		ofRules = append(ofRules, whereType(of, schema{"properties": foreign}))
	}
	put(definitions["RuleSpec"], "allOf", ofRules)
	ways := []string{"amount_minor", "flat_minor", "quantity", "basis_points", "brackets"}
	var both []schema
	for i, way := range ways {
		for _, other := range ways[:i] {
			both = append(both, schema{"not": given(way, other)})
		}
	}
	both = append(both, schema{"not": given("quantity", "max_amount_minor")})
	put(definitions["RewardSpec"], "allOf", both)
	put(definitions["AccessSpec"],
		"if", schema{"properties": schema{"role": schema{"const": "analyst"}}},
		"then", schema{"required": []string{"programs"}, "properties": schema{"programs": schema{"minItems": 1}}},
		"else", below("programs", schema{"maxItems": 0}))
	for definition, keys := range map[string][]string{"RuleSpec": {"kinds", "segments", "except_segments"}, "AttributionSpec": {"order", "shadow"}, "AccessSpec": {"programs"}} {
		for _, key := range keys {
			put(properties(definitions, definition)[key], "uniqueItems", true)
		}
	}
}

func foreignOf(of program.RuleType) schema {
	if of == program.PerConversion {
		return schema{"amount_minor": absent}
	}
	return schema{"flat_minor": absent, "basis_points": absent, "brackets": absent, "max_amount_minor": absent, "to": absent}
}

// absent is a key that may not be there, or be null.
var absent = schema{"type": "null"}

func given(keys ...string) schema {
	not := schema{}
	for _, key := range keys {
		not[key] = schema{"not": absent}
	}
	return schema{"required": keys, "properties": not}
}

func whereType(of program.RuleType, then schema) schema {
	return schema{"if": schema{"required": []string{"type"}, "properties": schema{"type": schema{"const": of}}}, "then": then}
}

func items(of schema) schema { return schema{"items": of} }

func below(key string, is schema) schema { return schema{"properties": schema{key: is}} }

func properties(definitions schema, name string) schema {
	return definitions[name].(schema)["properties"].(schema)
}

func put(into any, pairs ...any) {
	for i := 0; i < len(pairs); i += 2 {
		into.(schema)[pairs[i].(string)] = pairs[i+1]
	}
}

// nullable lets null take an inherited value away.
func nullable(definitions schema) {
	for _, name := range fromTemplate {
		definition := definitions[name].(schema)
		required, _ := definition["required"].([]any)
		all := definition["properties"].(schema)
		for key, property := range all {
			if !slices.Contains(required, any(key)) {
				all[key] = orNull(property.(schema))
			}
		}
	}
}

func orNull(property schema) schema {
	if of, plain := property["type"].(string); plain {
		property["type"] = []string{of, "null"}
		if words, ok := property["enum"].([]any); ok {
			property["enum"] = append(words, nil)
		}
		return property
	}
	out := schema{}
	if text, ok := property["description"]; ok {
		out["description"] = text
		delete(property, "description")
	}
	out["anyOf"] = []schema{property, absent}
	return out
}
