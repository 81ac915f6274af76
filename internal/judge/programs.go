package judge

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"math"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v4"
)

// readPrograms reads a file or folder of programs that a worker has taken: what it
// would refuse is not looked for.
func readPrograms(path string) (*catalog, error) {
	c := &catalog{orgs: map[string]*org{}, rates: map[[2]string][]rate{}}
	var templates = map[string]map[string]any{} // by org and id
	var specs []orgSpec
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != path && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || name != path && !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var f fileSpec
		if err := yaml.Unmarshal(text, &f); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.files = append(c.files, text)
		for _, o := range f.Orgs {
			for _, t := range o.Templates {
				templates[o.ID+"/"+fmt.Sprint(t["id"])] = t
			}
		}
		specs = append(specs, f.Orgs...)
		return c.shared(&f)
	})
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	for i := range specs {
		if err := c.org(&specs[i], templates); err != nil {
			return nil, fmt.Errorf("read programs of %s: %w", specs[i].ID, err)
		}
	}
	for _, o := range c.orgs {
		for _, s := range o.segments {
			if s.when, err = compiled(s.When); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// shared takes what holds for all orgs.
func (c *catalog) shared(f *fileSpec) error {
	for _, r := range f.Rates {
		of, ok := new(big.Rat).SetString(r.Rate)
		if !ok {
			return fmt.Errorf("rate %q is no number", r.Rate)
		}
		pair := [2]string{r.From, r.To}
		c.rates[pair] = append(c.rates[pair], rate{r.ValidFrom.UnixMilli(), of})
		slices.SortFunc(c.rates[pair], func(a, b rate) int { return cmp.Compare(a.from, b.from) })
	}
	for _, n := range f.Bots.Networks {
		prefix, err := netip.ParsePrefix(n.CIDR)
		if err != nil {
			return err
		}
		c.networks = append(c.networks, network{n.Name, prefix})
	}
	c.agents = append(c.agents, f.Bots.Agents...)
	return nil
}

func (c *catalog) org(spec *orgSpec, templates map[string]map[string]any) error {
	o := c.orgs[spec.ID]
	if o == nil {
		o = &org{id: spec.ID, programs: map[string]*program{}, budgets: map[string]budget{}, segments: map[string]*segment{}}
		c.orgs[spec.ID] = o
	}
	for _, b := range spec.Budgets {
		o.budgets[b.ID] = b
	}
	for _, s := range spec.Segments {
		o.segments[s.ID] = &s
	}
	for _, p := range spec.Programs {
		made := &program{id: p.ID, name: cmp.Or(p.Name, p.ID)}
		for _, v := range p.Versions {
			ready, err := compileVersion(laidOver(templates[spec.ID+"/"+p.Template], v))
			if err != nil {
				return fmt.Errorf("program %s: %w", p.ID, err)
			}
			ready.program, ready.name = p.ID, made.name
			made.versions = append(made.versions, ready)
		}
		made.order()
		o.programs[p.ID] = made
	}
	return nil
}

// order sorts the versions; one without an end holds until the next begins.
func (p *program) order() {
	slices.SortFunc(p.versions, func(a, b *version) int { return cmp.Compare(a.from, b.from) })
	for i, v := range p.versions {
		v.to = math.MaxInt64
		if i+1 < len(p.versions) {
			v.to = p.versions[i+1].from
		}
		if v.ValidTo != nil {
			v.to = v.ValidTo.UnixMilli()
		}
	}
}

// at is the version of a time, nil while the program is not active.
func (p *program) at(ms int64) *version {
	for _, v := range p.versions {
		if v.from <= ms && ms < v.to {
			return v
		}
	}
	return nil
}

// near is the version that gives zone and currency to a row of any time (§9 (13)).
func (p *program) near(ms int64) *version {
	near := p.versions[0]
	for _, v := range p.versions {
		if v.from <= ms {
			near = v
		}
	}
	return near
}

func compileVersion(merged map[string]any) (*version, error) {
	text, err := yaml.Marshal(merged)
	if err != nil {
		return nil, err
	}
	v := &version{}
	if err := yaml.Unmarshal(text, v); err != nil {
		return nil, err
	}
	v.from = v.ValidFrom.UnixMilli()
	if v.zone, err = time.LoadLocation(cmp.Or(v.Timezone, "UTC")); err != nil {
		return nil, err
	}
	v.Locale = cmp.Or(v.Locale, "en")
	a := &v.Attribution
	a.Model, a.Binding = cmp.Or(a.Model, "last_click"), cmp.Or(a.Binding, "customer")
	if len(a.Order) == 0 {
		a.Order = []string{"coupon", "click", "touch"}
	}
	a.Shadow = slices.DeleteFunc(a.Shadow, func(model string) bool { return model == a.Model })
	for _, d := range []struct {
		text, fallback string
		to             *int64
	}{{v.Window, "1h", &v.dedupe}, {a.Window, "720h", &v.window}, {a.HalfLife, "168h", &v.halfLife}} {
		if *d.to, err = milliseconds(cmp.Or(d.text, d.fallback)); err != nil {
			return nil, err
		}
	}
	for _, r := range v.Rules {
		if r.when, err = compiled(r.When); err != nil {
			return nil, err
		}
		if r.hold, err = milliseconds(cmp.Or(r.Hold, "0s")); err != nil {
			return nil, err
		}
		r.Period = cmp.Or(r.Period, "lifetime")
		slices.SortFunc(r.Tiers, func(a, b tier) int { return cmp.Compare(a.Threshold, b.Threshold) })
	}
	return v, nil
}

func milliseconds(text string) (int64, error) {
	d, err := time.ParseDuration(text)
	return d.Milliseconds(), err
}

func compiled(when string) (*vm.Program, error) {
	if when == "" {
		return nil, nil
	}
	return expr.Compile(when)
}

// holds tells whether an expression is true. One that fails as it runs is false
// (§9 (27)), and none at all is true.
func holds(when *vm.Program, seen map[string]any) bool {
	if when == nil {
		return true
	}
	answer, err := expr.Run(when, seen)
	is, ok := answer.(bool)
	return err == nil && ok && is
}

// laidOver lays a version over a template: maps merge by key, lists of things with
// ids by id, anything else is replaced, null takes away (§5).
func laidOver(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range under {
		if key != "id" {
			out[key] = v
		}
	}
	return merged(out, over)
}

func merged(under, over map[string]any) map[string]any {
	out := map[string]any{}
	for key, v := range under {
		out[key] = v
	}
	for key, v := range over {
		was := out[key]
		switch v := v.(type) {
		case nil:
			delete(out, key)
		case map[string]any:
			if was, ok := was.(map[string]any); ok {
				out[key] = merged(was, v)
				continue
			}
			out[key] = merged(nil, v)
		case []any:
			out[key] = v
			if was, ok := was.([]any); ok && haveIDs(was) && haveIDs(v) {
				out[key] = mergedLists(was, v)
			}
		default:
			out[key] = v
		}
	}
	return out
}

func haveIDs(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		m, ok := v.(map[string]any)
		return !ok || m["id"] == nil
	})
}

func mergedLists(under, over []any) []any {
	out := slices.Clone(under)
	for _, v := range over {
		v := v.(map[string]any)
		at := slices.IndexFunc(out, func(u any) bool { return u.(map[string]any)["id"] == v["id"] })
		if at < 0 {
			out = append(out, v)
			continue
		}
		out[at] = merged(out[at].(map[string]any), v)
	}
	return out
}

// revision tells which catalog a recorded configuration is: the one whose files it
// holds, byte for byte. -1 is none.
func (t *trial) revision(source string) int {
	for i, c := range t.catalogs {
		if !slices.ContainsFunc(c.files, func(f []byte) bool { return !bytes.Contains([]byte(source), f) }) {
			return i
		}
	}
	return -1
}
