package analytics

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/archive"
)

func TestArchived_is_what_a_partition_archived_last(t *testing.T) {
	b := opened(t)
	move := func(bounds pipeline.Bounds, values ...archive.Value) {
		m := archive.Moves{Values: values}
		write(t, b, bounds, m.Block(bounds)...)
	}
	here := batch(1, 0, 10)
	move(here, archive.Value{Key: "a", Data: []byte("old")}, archive.Value{Key: "b", Data: []byte{0, 255, 0}})
	move(batch(2, 10, 20), archive.Value{Key: "a", Data: []byte("new")})
	other := batch(1, 0, 10)
	other.Partition.ID++
	move(other, archive.Value{Key: "a", Data: []byte("of another partition")})
	anew := batch(9, 0, 10)
	anew.Partition.Incarnation = "incarnation-2"
	move(anew, archive.Value{Key: "c", Data: []byte("of another topic")})

	var queries []archive.Query
	for _, key := range []string{"a", "b", "c", "a"} {
		queries = append(queries, archive.Query{Partition: here.Partition, Key: key})
	}
	queries = append(queries, archive.Query{Partition: other.Partition, Key: "a"})
	got, err := b.Archived(t.Context(), queries)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]byte{[]byte("new"), {0, 255, 0}, nil, []byte("new"), []byte("of another partition")}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// While a query is under way, further questions gather, and go out as one.
func TestGather_asks_together_what_is_asked_at_the_same_time(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	var sizes []int
	g := gather[int, string]{query: func(_ context.Context, questions []int) ([]string, error) {
		if sizes = append(sizes, len(questions)); len(sizes) == 1 {
			close(begun)
			<-release
		}
		answers := make([]string, len(questions))
		for i, q := range questions {
			answers[i] = fmt.Sprint(q)
		}
		return answers, nil
	}}
	var all sync.WaitGroup
	check := func(questions ...int) {
		all.Go(func() {
			answers, err := g.ask(t.Context(), questions)
			for i, q := range questions {
				if err != nil || answers[i] != fmt.Sprint(q) {
					t.Errorf("%v: answers %q, %v", questions, answers, err)
				}
			}
		})
	}
	check(1)
	<-begun
	check(2, 3)
	check(4)
	check(5, 6, 7)
	for waiting := 0; waiting < 3; {
		g.mu.Lock()
		waiting = len(g.waiting)
		g.mu.Unlock()
	}
	close(release)
	all.Wait()
	if !slices.Equal(sizes, []int{1, 6}) {
		t.Errorf("queries of %v questions, want 1 and then 6", sizes)
	}
}

func TestGather_fails_those_who_asked_and_no_others(t *testing.T) {
	broken := errors.New("away")
	fail := true
	g := gather[int, int]{query: func(_ context.Context, questions []int) ([]int, error) {
		if fail {
			return nil, broken
		}
		return questions, nil
	}}
	if _, err := g.ask(t.Context(), []int{1}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	fail = false
	if answers, err := g.ask(t.Context(), []int{2}); err != nil || !slices.Equal(answers, []int{2}) {
		t.Errorf("%v, %v after a failure", answers, err)
	}
	if answers, err := g.ask(t.Context(), nil); err != nil || len(answers) != 0 {
		t.Errorf("%v, %v for no question", answers, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	stuck := make(chan struct{})
	g.query = func(_ context.Context, questions []int) ([]int, error) { <-stuck; return questions, nil }
	if _, err := g.ask(gone, []int{3}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v for a caller who is gone", err)
	}
	close(stuck)
}
