package golden

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grapevinehq/grapevine/config"
)

func TestCase_loads_whole(t *testing.T) {
	events, err := Events()
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1266 {
		t.Errorf("%d events; want 1266", len(events))
	}
	books, err := Books()
	if err != nil {
		t.Fatal(err)
	}
	for table, n := range map[string]int{"clicks": 718, "conversions": 251, "adjustments": 81, "attributions": 313, "program_daily": 250} {
		if len(books[table]) != n {
			t.Errorf("%d rows of %s; want %d", len(books[table]), table, n)
		}
	}
	path := filepath.Join(t.TempDir(), "programs.yaml")
	if err := os.WriteFile(path, Programs(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadPrograms(path); err != nil {
		t.Errorf("the programs do not load: %v", err)
	}
}

func TestDifferences_tells_each_kind(t *testing.T) {
	want := []Row{{"id": 1, "a": "x", "b": nil}, {"id": 2, "a": "y"}, {"id": 3, "a": "z"}}
	got := []Row{{"id": uint8(1), "a": "x", "b": 7}, {"id": 2, "a": "n"}, {"id": 4}}
	if d := Differences(want, got, []string{"id"}); len(d) != 3 {
		t.Errorf("differences %q; want one wrong, one missing, one too many", d)
	}
	if d := Differences(want[:2], got[:2], []string{"id"}, "a"); d != nil {
		t.Errorf("differences %q; want none", d)
	}
}
