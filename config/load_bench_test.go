package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadPrograms_loads_many_programs(t *testing.T) {
	c := load(t, manyPrograms(t, 1000))
	if len(c.Orgs["acme"].Programs) != 1000 || len(c.Program("acme", "p999").Versions[0].Rules) != 2 {
		t.Error("programs are missing")
	}
}

func BenchmarkLoadPrograms_10000(b *testing.B) {
	path := manyPrograms(b, 10_000)
	for b.Loop() {
		load(b, path)
	}
}

func BenchmarkProgram_lookup(b *testing.B) {
	c := load(b, manyPrograms(b, 1000))
	b.ReportAllocs()
	for b.Loop() {
		if v, active := c.Program("acme", "p500").At(1_800_000_000_000); v == nil || !active {
			b.Fatal("not found")
		}
	}
}
