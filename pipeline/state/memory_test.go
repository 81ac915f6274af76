package state_test

import (
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

func TestPartition_writes_and_reads_its_own_memory(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, journal := takeOver(t, store, p, 1)
	if journal.Exists {
		t.Fatalf("a new partition has journal %+v", journal)
	}
	first := pipeline.Writes{
		Set:    []pipeline.KeyValue{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte("2")}},
		Append: []pipeline.KeyValue{{Key: "c", Value: []byte("x\x00")}, {Key: "c", Value: []byte("y")}},
	}
	if _, err := memory.Fill(t.Context(), batch(p, 1), nil, []byte("r"), first); err != nil {
		t.Fatal(err)
	}
	second := pipeline.Writes{
		Delete: []string{"a", "c"},
		Set:    []pipeline.KeyValue{{Key: "b", Value: []byte("3")}},
		Append: []pipeline.KeyValue{{Key: "c", Value: []byte("z")}, {Key: "b", Value: []byte("4")}},
	}
	if _, err := memory.Fill(t.Context(), batch(p, 2), nil, []byte("r"), second); err != nil {
		t.Fatal(err)
	}
	got, err := memory.Get(t.Context(), []string{"a", "b", "c", "none"})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]byte{nil, []byte("34"), []byte("z"), nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("memory is %q, want %q", got, want)
	}
	tails, err := memory.Tails(t.Context(), []pipeline.TailAsk{{Key: "b"}, {Key: "b", From: 1}, {Key: "b", From: 2}, {Key: "none", From: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%q", tails), `["34" "4" "" ""]`; got != want {
		t.Errorf("tails are %s, want %s", got, want)
	}
}

func TestPartition_memories_are_apart(t *testing.T) {
	store, _ := alone(t)
	topic := somePartition()
	const partitions = 600 // more than two to a slot group
	for i := range partitions {
		p := topic
		p.ID = i
		memory, _ := takeOver(t, store, p, 1)
		fill(t, memory, p, 1, 1)
		if got := value(t, memory, "log"); got != "1," {
			t.Fatalf("partition %d reads %q", i, got)
		}
	}
}

func TestPartition_replay_returns_the_recorded_journal(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	fill(t, memory, p, 1, 1)
	begun, err := memory.Begin(t.Context(), batch(p, 2), []byte("first facts"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (pipeline.Journal{Exists: true, Bounds: batch(p, 2), Facts: []byte("first facts")}); !reflect.DeepEqual(begun, want) {
		t.Fatalf("begin answers %+v, want %+v", begun, want)
	}

	other, found := takeOver(t, store, p, 2)
	if !reflect.DeepEqual(found, begun) {
		t.Fatalf("the takeover finds %+v, want %+v", found, begun)
	}
	longer := batch(p, 2)
	longer.End += 5
	again, err := other.Begin(t.Context(), longer, []byte("second facts"))
	if err != nil || !reflect.DeepEqual(again, begun) {
		t.Fatalf("a second begin answers %+v, %v; want %+v", again, err, begun)
	}
	_, err = other.Fill(t.Context(), longer, []byte("second facts"), []byte("record"), pipeline.Writes{})
	wantError(t, "fill with other bounds than begun", err, pipeline.ErrFenced)

	fill(t, other, p, 2, 2)
	want := pipeline.Journal{Exists: true, Filled: true, Bounds: batch(p, 2), Facts: []byte("first facts"), Record: []byte("record 2"), Encoder: 7}
	twice, err := other.Fill(t.Context(), longer, nil, []byte("other"), pipeline.Writes{Append: []pipeline.KeyValue{{Key: "log", Value: []byte("!")}}})
	if err != nil || !reflect.DeepEqual(twice, want) {
		t.Errorf("a second fill answers %+v, %v; want %+v", twice, err, want)
	}
	late, err := other.Begin(t.Context(), longer, nil)
	if err != nil || !reflect.DeepEqual(late, want) {
		t.Errorf("a begin after the fill answers %+v, %v; want %+v", late, err, want)
	}
	third, found := takeOver(t, store, p, 3)
	if !reflect.DeepEqual(found, want) {
		t.Errorf("the takeover finds %+v, want %+v", found, want)
	}
	if got := value(t, third, "log"); got != "1,2," {
		t.Errorf("memory is %q after replays, want 1,2,", got)
	}
}

func TestPartition_late_requests_change_nothing(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	fill(t, memory, p, 1, 3)
	late := map[string]func(n uint64) error{
		"begin": func(n uint64) error { _, err := memory.Begin(t.Context(), batch(p, n), nil); return err },
		"fill": func(n uint64) error {
			_, err := memory.Fill(t.Context(), batch(p, n), nil, []byte("late"), pipeline.Writes{Append: []pipeline.KeyValue{{Key: "log", Value: []byte("!")}}})
			return err
		},
	}
	for name, request := range late {
		for _, n := range []uint64{1, 2} {
			wantError(t, fmt.Sprintf("%s of batch %d after 3", name, n), request(n), pipeline.ErrFenced)
		}
	}
	if _, err := memory.Begin(t.Context(), batch(p, 4), []byte("f")); err != nil {
		t.Fatal(err)
	}
	for name, request := range late {
		wantError(t, name+" of batch 3 after the begin of 4", request(3), pipeline.ErrFenced)
		wantError(t, name+" of batch 6 after 3", request(6), pipeline.ErrStateLost)
	}
	if got := value(t, memory, "log"); got != "1,2,3," {
		t.Errorf("memory is %q, want 1,2,3,", got)
	}
	if _, journal := takeOver(t, store, p, 1); journal.Filled || journal.Bounds.Number != 4 {
		t.Errorf("the journal is %+v, want the begin of batch 4", journal)
	}
}

func TestFill_takes_many_writes(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const n = 12_345
	keys := make([]string, n)
	var first, second pipeline.Writes
	for i := range keys {
		keys[i] = strconv.Itoa(i)
		first.Set = append(first.Set, pipeline.KeyValue{Key: keys[i], Value: []byte("s")})
		first.Append = append(first.Append, pipeline.KeyValue{Key: keys[i], Value: []byte(keys[i])})
	}
	second.Delete = keys[1:]
	if _, err := memory.Fill(t.Context(), batch(p, 1), nil, make([]byte, 5<<20), first); err != nil {
		t.Fatal(err)
	}
	values, err := memory.Get(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	for i, value := range values {
		if string(value) != "s"+keys[i] {
			t.Fatalf("key %s reads %q", keys[i], value)
		}
	}
	if _, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, second); err != nil {
		t.Fatal(err)
	}
	if values, err = memory.Get(t.Context(), keys); err != nil {
		t.Fatal(err)
	}
	for i, value := range values {
		if (value == nil) != (i > 0) {
			t.Fatalf("key %s reads %q after the deletes", keys[i], value)
		}
	}
}
