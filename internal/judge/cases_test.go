package judge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/internal/cases"
)

// Every case that is written down for people is judged.
func TestJudge_agrees_with_the_cases(t *testing.T) {
	paths, err := filepath.Glob("../../examples/cases/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c, err := cases.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			came, err := c.Run(t.Context(), t.TempDir(), 1)
			if err != nil {
				t.Fatal(err)
			}
			if came.Run == nil {
				return // refused: nothing ran
			}
			p := playedCase(t, came)
			agree(t, p.judged(), p.papers())
		})
	}
}

// playedCase is a case as a run of ours, each topic in one partition.
func playedCase(t *testing.T, came *cases.Played) *played {
	t.Helper()
	p := &played{T: t, Run: came.Run, records: map[string][]Record{}, revisions: map[string]string{}}
	for topic, records := range came.Records {
		for i, rec := range records {
			r := Record{Offset: int64(i), Time: rec.Time, Key: rec.Key, Value: rec.Value}
			for _, h := range rec.Headers {
				r.Headers = append(r.Headers, Header{h.Key, h.Value})
			}
			p.records[topic] = append(p.records[topic], r)
		}
	}
	for i, catalog := range came.Programs {
		_, text, _ := strings.Cut(string(catalog.Source), ".yaml\n") // behind what names the file
		path := filepath.Join(t.TempDir(), fmt.Sprint(i, ".yaml"))
		if err := os.WriteFile(path, []byte(strings.TrimSuffix(text, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		p.revisions[catalog.Revision] = string(catalog.Source)
		if p.path != "" {
			p.earlier = append(p.earlier, p.path)
		}
		p.path = path
	}
	return p
}
