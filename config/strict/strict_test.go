package strict

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

type colour string

type thing struct {
	At     `json:"-"`
	ID     string         `json:"id" jsonschema:"required,minLength=1"`
	Count  *int64         `json:"count" jsonschema:"minimum=1,maximum=99"`
	Ratio  float64        `json:"ratio"`
	On     bool           `json:"on"`
	Wait   time.Duration  `json:"wait"`
	Hue    colour         `json:"hue"`
	Things []thing        `json:"things" jsonschema:"minItems=1"`
	Weight map[colour]int `json:"weight" jsonschema:"minProperties=1,minimum=0"`
	Names  []string       `json:"names"`
	inner
}

type inner struct {
	Deep string `json:"deep"`
}

func decode(text string) (thing, error) {
	problems := &Problems{}
	root := Parse("f", []byte(text), problems)
	var out thing
	d := Decoder{Problems: problems, Enums: map[reflect.Type][]string{reflect.TypeFor[colour](): {"red", "green"}}}
	d.Decode(root, "", &out)
	return out, problems.Err()
}

func TestDecode_fills_what_the_file_says(t *testing.T) {
	got, err := decode(`
id: a
count: 1_0
ratio: 2
on: true
wait: 90m
hue: red
things: [{id: b, deep: down}]
weight: {green: 3}
names: [x, r2:7001]
`)
	if err != nil {
		t.Fatal(err)
	}
	if *got.Count != 10 || got.ID != "a" || got.Ratio != 2 || !got.On || got.Wait != 90*time.Minute || got.Hue != "red" {
		t.Errorf("%+v", got)
	}
	if got.Things[0].Deep != "down" || got.Weight["green"] != 3 || got.Names[1] != "r2:7001" {
		t.Errorf("%+v", got)
	}
	if at := got.Things[0].Where("deep"); at != (Pos{"f", 8, 24}) {
		t.Error(at)
	}
	if at := got.Things[0].KeyAt("deep"); at != (Pos{"f", 8, 18}) {
		t.Error(at)
	}
}

func TestDecode_reports_each_fault_where_it_stands(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                          `f:1:1: lacks the key "id"`,
		"id: ~":                       `f:1:1: lacks the key "id"`,
		"id: ''":                      `f:1:5: id: must not be empty`,
		"id: a\nthngs: []":            `f:2:1: unknown key "thngs"; did you mean "things"?`,
		"id: a\nthings: []":           `f:2:9: things: must not be empty`,
		"id: a\nthings: [~]":          `f:2:10: things[0]: is empty`,
		"id: a\nthings: [{id: b}, 5]": `f:2:19: things[1]: must be a map, not "5"`,
		"id: a\nweight: {}":           `f:2:9: weight: must not be empty`,
		"id: a\nweight: {blue: 1}":    `f:2:10: weight: must be one of red, green, not "blue"`,
		"id: a\nweight: {red: -1}":    `f:2:15: weight.red: must be at least 0, not -1`,
		"id: a\nhue: rde":             `did you mean "red"?`,
		"id: a\non: yes":              `f:2:5: on: must be true or false, not "yes"`,
		"id: a\nratio: .nan":          `f:2:8: ratio: must be a number, not ".nan"`,
		"id: a\ncount: 100":           `f:2:8: count: must be at most 99, not 100`,
		"id: a\ncount: 0x5":           `must be a whole number, not "0x5"`,
		"id: a\nwait: -1s":            `f:2:7: wait: must not be negative: -1s`,
		"id: a\nwait: 2d":             `such as 720h or 90m (2d is 48h)`,
		"id: a\nwait: {}":             `must be a duration such as 720h, not a map`,
		"id: a\nid: b":                `f:2:1: the key "id" stands here again; it was given in line 1`,
		"id: a\n<<: 5":                `f:2:5: << takes a map or a list of maps`,
		"id: a\n[x]: 5":               `f:2:1: a key must be a plain text`,
		"id: &x [*x]":                 `f:1:9: the anchor &x contains itself`,
		"id: !!str 5":                 `the tag !!str is not supported`,
		"id: a\nb: 'x":                `f:2:6: is not YAML: found`,
		"id: a\nb: \"x\ny: 1":         `f:3:5: is not YAML: found unexpected end of stream (while scanning a quoted scalar from line 2 on)`,
		"id: a\nb: [\x02]":            `f:2:5: is not YAML: control characters are not allowed`,
		"id: a\n\tb: 1":               `f:2:1: is not YAML: found a tab character that violates indentation (while scanning a plain scalar from line 1 on); indent with spaces, not with tabs`,
		"id: a\nb: \xff":              `f:2:4: is not UTF-8`,
	} {
		_, err := decode(text)
		var problems *Problems
		if !errors.As(err, &problems) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestDecode_follows_anchors_and_merge_keys(t *testing.T) {
	got, err := decode(`
id: a
things:
  - &one {id: b, ratio: 1, deep: x}
  - {<<: *one, id: c}
  - *one
`)
	if err != nil {
		t.Fatal(err)
	}
	if c := got.Things[1]; c.ID != "c" || c.Ratio != 1 || c.Deep != "x" {
		t.Errorf("%+v", c)
	}
	if !reflect.DeepEqual(got.Things[0].ID, got.Things[2].ID) {
		t.Errorf("%+v", got.Things[2])
	}
}

func TestProblems_are_told_once_and_not_without_end(t *testing.T) {
	p := &Problems{}
	for i := range maxProblems + 5 {
		for range 3 {
			p.Add(Pos{"f", i + 1, 1}, "a", "is wrong: %s", strings.Repeat("ä", 1000))
			p.Warn(Pos{"f", i + 1, 1}, "a", "is odd")
		}
	}
	if len(p.List) != maxProblems || p.More != 5 || p.Count() != maxProblems+5 || !p.Full() || len(p.Warnings) != maxProblems {
		t.Errorf("%d listed, %d more, %d warnings", len(p.List), p.More, len(p.Warnings))
	}
	if text := p.List[0].Text; len(text) > maxProblemText+len("…") || !utf8.ValidString(text) || !strings.HasSuffix(text, "ä…") {
		t.Errorf("text of %d bytes", len(text))
	}
	if !strings.HasSuffix(p.Error(), "and 5 more problems at least; the rest was not looked at") {
		t.Error("does not say that there are more")
	}
}

func TestMerge_counts_the_values_of_what_it_makes(t *testing.T) {
	problems := &Problems{}
	under := Parse("u", []byte("a: [1, 2]\nb: {c: 1, d: [{id: x, e: 1}, {id: y}]}\n"), problems)
	over := Parse("o", []byte("a: [3]\nb: {d: [{id: x, f: 2}, {id: z}]}\n"), problems)
	// {a: [3], b: {c: 1, d: [{id: x, e: 1, f: 2}, {id: y}, {id: z}]}}
	if under.Values() != 12 || over.Values() != 10 || Merge(under, over).Values() != 14 || problems.Err() != nil {
		t.Errorf("%d, %d, %d values", under.Values(), over.Values(), Merge(under, over).Values())
	}
}

func TestNearest_guesses_only_what_is_near(t *testing.T) {
	words := []string{"brokers", "group", "tls", "max_events"}
	for written, want := range map[string]string{
		"broker": "brokers", "rgoup": "group", "tsl": "tls", "max_evnts": "max_events", "colour": "", "": "",
	} {
		if got := Nearest(written, words); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

// tree draws a small tree with ids, such as templates and versions are.
func tree(depth int) *rapid.Generator[*Node] {
	return rapid.Custom(func(t *rapid.T) *Node {
		kinds := []Kind{String, Null}
		if depth > 0 {
			kinds = append(kinds, Map, List, Map)
		}
		switch k := rapid.SampledFrom(kinds).Draw(t, "kind"); k {
		case Map:
			return mapOf(t, depth)
		case List:
			out := &Node{Kind: List}
			for i := range rapid.IntRange(0, 3).Draw(t, "items") {
				item := mapOf(t, depth)
				item.Pairs = append([]Pair{{Key: "id", Value: &Node{Kind: String, Text: string(rune('a' + i))}}}, item.Without("id").Pairs...)
				out.Items = append(out.Items, item)
			}
			return out
		default:
			return &Node{Kind: k, Text: rapid.StringMatching("[xyz]").Draw(t, "text")}
		}
	})
}

func mapOf(t *rapid.T, depth int) *Node {
	out := &Node{Kind: Map}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"k", "l", "m"}), 0, 3, rapid.ID).Draw(t, "keys") {
		out.Pairs = append(out.Pairs, Pair{Key: key, Value: tree(depth-1).Draw(t, key)})
	}
	return out
}

func show(n *Node) string {
	switch n.Kind {
	case Map:
		out := "{"
		for _, p := range n.Pairs {
			out += p.Key + ":" + show(p.Value) + " "
		}
		return out + "}"
	case List:
		out := "["
		for _, item := range n.Items {
			out += show(item) + " "
		}
		return out + "]"
	case Null:
		return "~"
	default:
		return n.Text
	}
}

func TestMerge_laws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		under, over := tree(3).Draw(t, "under"), tree(3).Draw(t, "over")
		before, after := show(under), show(over)
		merged := Merge(under, over)
		if again := Merge(merged, over); show(again) != show(merged) {
			t.Fatalf("laying it over twice is something else: %s, %s", show(merged), show(again))
		}
		if self := Merge(under, under); show(self) != before {
			t.Fatalf("over itself %s became %s", before, show(self))
		}
		if Merge(under, nil) != under || Merge(nil, over) != over {
			t.Fatal("nothing changes something")
		}
		if show(under) != before || show(over) != after {
			t.Fatal("merging changed its inputs")
		}
		if over.Kind == Map && under.Kind == Map {
			for _, p := range under.Pairs {
				if over.Get(p.Key) == nil && show(merged.Get(p.Key)) != show(p.Value) {
					t.Fatalf("%s was not inherited", p.Key)
				}
			}
			for _, p := range over.Pairs {
				if p.Value.Kind == Null && merged.Get(p.Key).Kind != Null {
					t.Fatalf("null did not take %s away", p.Key)
				}
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add("id: a\nthings: [{id: b, <<: {ratio: 1}}]\n")
	f.Add("id: &x {<<: *x}")
	f.Add("a: |\n  x\n---\nb")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := decode(text)
		var problems *Problems
		if err != nil && !errors.As(err, &problems) {
			t.Error(err)
		}
	})
}

func TestPrint_writes_what_is_read_back_as_it_was(t *testing.T) {
	texts := rapid.OneOf(rapid.SampledFrom([]string{
		"plain", "two words", "720h", "2026-01-01T00:00:00Z", "10", "1.5", "1e3", "0x1", "true", "No", "~", "", " x", "x ", "a: b", "a #b",
		"'", `"`, `say "a" 'b'`, `back\slash`, "line\nbreak", "tab\t", "\u0085", "\U0001F980", "\ufeff", "[x]", "{x}", "a,b", "- a", "*a", "&a", "!a", "%a", "@a", "|", ">", "a:", "<<", "=", "é",
	}), rapid.String())
	var tree func(depth int) *rapid.Generator[*Node]
	tree = func(depth int) *rapid.Generator[*Node] {
		return rapid.Custom(func(t *rapid.T) *Node {
			n := &Node{Kind: rapid.SampledFrom([]Kind{String, List, Map}).Draw(t, "kind")}
			if depth == 0 {
				n.Kind = String
			}
			switch n.Kind {
			case List:
				n.Items = rapid.SliceOfN(tree(depth-1), 0, 4).Draw(t, "items")
			case Map:
				for _, key := range rapid.SliceOfNDistinct(texts, 0, 4, rapid.ID).Draw(t, "keys") {
					n.Pairs = append(n.Pairs, Pair{Key: key, Value: tree(depth-1).Draw(t, "value")})
				}
			default:
				n.Text = texts.Draw(t, "text")
			}
			return n
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		root := &Node{Kind: Map, Pairs: []Pair{{Key: "root", Value: tree(3).Draw(t, "tree")}}}
		apart := rapid.Bool().Draw(t, "apart")
		var out strings.Builder
		for _, line := range Print(root, func(_, _ *Node) bool { return !apart }) {
			out.WriteString(line.Text + "\n")
		}
		problems := &Problems{}
		back := Parse("printed", []byte(out.String()), problems)
		if err := problems.Err(); err != nil || !same(root, back) {
			t.Fatalf("%s\n%v", out.String(), err)
		}
	})
}

// same compares trees but for their places.
func same(a, b *Node) bool {
	if a.Kind != b.Kind || a.Text != b.Text || len(a.Items) != len(b.Items) || len(a.Pairs) != len(b.Pairs) {
		return false
	}
	for i := range a.Items {
		if !same(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Pairs {
		if a.Pairs[i].Key != b.Pairs[i].Key || !same(a.Pairs[i].Value, b.Pairs[i].Value) {
			return false
		}
	}
	return true
}
