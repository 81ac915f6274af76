package judge

import (
	"fmt"
	"io"
)

// Difference is one thing that the books or a topic say otherwise than the
// contract.
type Difference struct {
	Where    string // table, view or topic, by the contract's name
	Key      string // which row or record of it
	Expected string
	Found    string
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s: expected %s, found %s", d.Where, d.Key, d.Expected, d.Found)
}

// Report is what a trial came to.
type Report struct {
	Differences []Difference   // the first of them, at most Case.Most
	Total       int            // all of them
	Events      int            // records of the input topics that were judged
	Rows        map[string]int // rows that were compared, by table or view
}

// WriteTo tells the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var written int64
	tell := func(format string, args ...any) error {
		n, err := fmt.Fprintf(w, format, args...)
		written += int64(n)
		return err
	}
	for _, d := range r.Differences {
		if err := tell("%s\n", d); err != nil {
			return written, err
		}
	}
	if more := r.Total - len(r.Differences); more > 0 {
		if err := tell("and %d more\n", more); err != nil {
			return written, err
		}
	}
	return written, tell("%d events judged, %d differences\n", r.Events, r.Total)
}

// differ notes a difference.
func (t *trial) differ(where, key string, expected, found any) {
	t.report.Total++
	if len(t.report.Differences) < t.most {
		t.report.Differences = append(t.report.Differences, Difference{where, key, fmt.Sprint(expected), fmt.Sprint(found)})
	}
}
