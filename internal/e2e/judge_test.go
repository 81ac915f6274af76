package e2e

import (
	"os"
	"path/filepath"
	"time"

	"github.com/grapevinehq/grapevine/internal/judge"
)

// judge has the topics and the books judged by who shares nothing with the
// pipeline. rest is since when nothing more happens, or zero; earlier are programs
// that decided before those of now.
func (w *world) judge(rest time.Time, earlier ...[]byte) {
	w.t.Helper()
	c := judge.Case{
		Brokers: []string{w.brokers}, TopicPrefix: w.prefix, Topics: w.cluster.Names().Renames, ClickHouseAddr: w.clickHouse, Database: w.database,
		Programs: w.settings["PROGRAMS"], Rest: rest, Most: 12,
	}
	for _, text := range earlier {
		path := filepath.Join(w.t.TempDir(), "earlier.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			w.t.Fatal(err)
		}
		c.Earlier = append(c.Earlier, path)
	}
	report, err := judge.Judge(w.t.Context(), c)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, d := range report.Differences {
		w.t.Errorf("judged: %s", d)
	}
	w.t.Logf("%d events judged, %d differences; rows: %v", report.Events, report.Total, report.Rows)
}
