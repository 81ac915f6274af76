package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// manyPrograms writes a file of n programs that share a template, as a company
// with many small programs has.
func manyPrograms(t testing.TB, n int) string {
	t.Helper()
	text, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "    access:")
	_, templates, _ := strings.Cut(string(text), "    templates:")
	templates, _, _ = strings.Cut(templates, "    programs:")
	var out strings.Builder
	out.WriteString(head + "    templates:" + templates + "    programs:\n")
	for i := range n {
		fmt.Fprintf(&out, `      - id: p%d
        template: store
        versions:
          - valid_from: 2026-01-01T00:00:00Z
            currency: USD
            locale: en
            timezone: America/New_York
            rules:
              - id: give-and-get
                type: per_conversion
                kinds: [signup, sale]
                first_only: true
                when: 'conversion.amount_minor >= %d'
                rewards:
                  - {id: get, to: referrer, type: credit, flat_minor: 1000}
                  - {id: give, to: referee, type: discount, flat_minor: 500}
`, i, i%50)
	}
	return saved(t, out.String())
}

// rules counts those of all versions.
func rules(c *program.Catalog) (n int) {
	for _, count := range Summary(c) {
		n += count.Rules
	}
	return n
}

func TestLoadPrograms_loads_many_programs(t *testing.T) {
	c := load(t, manyPrograms(t, 1000))
	if len(c.Orgs["acme"].Programs) != 1000 || rules(c) != 2000 {
		t.Error("programs are missing")
	}
	// What they inherit untouched is there once.
	if a, b := c.Program("acme", "p1").Versions[0].Rules[0], c.Program("acme", "p2").Versions[0].Rules[0]; a != b || a.ID != "milestones" {
		t.Error("a rule of the template is compiled for every program")
	}
}

func BenchmarkLoadPrograms_10000(b *testing.B) {
	path := manyPrograms(b, 10_000)
	for b.Loop() {
		load(b, path)
	}
}

// A folder of 10,000 files, one a program.
func BenchmarkLoadPrograms_10000_files(b *testing.B) {
	folder := b.TempDir()
	for i := range 10_000 {
		text := fmt.Sprintf("version: 1\norgs: [{id: acme, programs: [{id: p%d, versions: [{valid_from: 2026-01-01T00:00:00Z, currency: USD,\n"+
			"  rules: [{id: thanks, type: per_conversion, rewards: [{id: x, type: cash, basis_points: 500}]}]}]}]}]\n", i)
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("p%d.yaml", i)), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		load(b, folder)
	}
}

// What an event asks of the configuration: its program, and the version of its
// time, of one program and of ten thousand, of one version and of a hundred.
func BenchmarkProgram_lookup(b *testing.B) {
	for _, programs := range []int{1, 10_000} {
		for _, versions := range []int{1, 100} {
			c := &program.Catalog{Orgs: map[string]*program.Org{"acme": {Programs: map[string]*program.Program{}}}}
			for i := range programs {
				p := &program.Program{OrgID: "acme", ID: fmt.Sprintf("p%d", i)}
				for v := range versions {
					p.Versions = append(p.Versions, &program.Version{ValidFrom: int64(v)})
				}
				c.Orgs["acme"].Programs[p.ID] = p
			}
			b.Run(fmt.Sprintf("programs=%d/versions=%d", programs, versions), func(b *testing.B) {
				b.ReportAllocs()
				last, at := fmt.Sprintf("p%d", programs-1), int64(versions/2)
				for b.Loop() {
					if v, active := c.Program("acme", last).At(at); v.ValidFrom != at || !active {
						b.Fatal("not found")
					}
				}
			})
		}
	}
}

func TestProgram_lookup_allocates_nothing(t *testing.T) {
	c := load(t, manyPrograms(t, 100))
	if n := testing.AllocsPerRun(100, func() {
		if v, active := c.Program("acme", "p50").At(1_800_000_000_000); v == nil || !active {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
