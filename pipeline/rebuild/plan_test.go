package rebuild

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

// journals is a changelog of which only the partitions are asked.
type journals struct {
	Changelog
	partitions []Partition
}

func (j journals) Partitions(context.Context) ([]Partition, error) { return j.partitions, nil }

func TestMake_refuses_what_the_books_do_not_hold(t *testing.T) {
	at := func(id int) pipeline.Partition { return pipeline.Partition{Topic: "t", Incarnation: "i", ID: id} }
	tests := []struct {
		name       string
		partitions []Partition
		commits    []Commit
		refusal    string
		complete   bool
	}{
		{"acknowledged", []Partition{{Partition: at(1), Number: 4, Since: 1}}, []Commit{{at(1), 4}}, "", true},
		{"bound", []Partition{{Partition: at(1), Number: 4, Since: 1}}, []Commit{{at(1), 3}}, "", false},
		{"the commit has expired", []Partition{{Partition: at(1), Number: 4, Since: 1}}, nil, "", false},
		{"a partition with nothing but gaps", []Partition{{Partition: at(1), Number: 4, Since: 1}}, []Commit{{at(1), 4}, {at(2), 0}}, "", true},
		{"the changelog is behind", []Partition{{Partition: at(1), Number: 4, Since: 1}}, []Commit{{at(1), 5}}, "has completed batch 5 of t/1, the changelog ends with batch 4", false},
		{"no changelog", nil, []Commit{{at(1), 5}}, "the changelog ends with batch 0", false},
		{"begun by an earlier release", []Partition{{Partition: at(1), Number: 4, Since: 3}}, nil, "begins with batch 3", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := Make(t.Context(), journals{partitions: tt.partitions}, tt.commits)
			if tt.refusal != "" {
				if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), tt.refusal) {
					t.Fatalf("got %v, want a refusal: %s", err, tt.refusal)
				}
				return
			}
			if err != nil || plan.Partitions[0].Complete != tt.complete {
				t.Errorf("got %+v (%v)", plan, err)
			}
		})
	}
}

// A run that was cut off goes on only where nothing was worked since.
func TestMake_names_a_run_by_what_was_worked(t *testing.T) {
	at := pipeline.Partition{Topic: "t", Incarnation: "i", ID: 1}
	run := func(number, completed uint64) string {
		plan, err := Make(t.Context(), journals{partitions: []Partition{{Partition: at, Number: number, Since: 1}}}, []Commit{{at, completed}})
		if err != nil {
			t.Fatal(err)
		}
		return plan.Run
	}
	first := run(4, 4)
	for _, again := range []struct {
		number, completed uint64
		same              bool
	}{{4, 4, true}, {4, 3, false}, {5, 4, false}} {
		if got := run(again.number, again.completed); (got == first) != again.same {
			t.Errorf("%+v is run %s, the first %s", again, got, first)
		}
	}
}
