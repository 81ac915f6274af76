package state_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
)

func TestTakeOver_fences_older_generations(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	old, _ := takeOver(t, store, p, 4)
	fill(t, old, p, 1, 1)
	takeOver(t, store, p, 5)
	attempts := map[string]func() error{
		"begin": func() error { _, err := old.Begin(t.Context(), batch(p, 2), nil); return err },
		"fill": func() error {
			_, err := old.Fill(t.Context(), batch(p, 2), nil, nil, pipeline.Writes{Set: []pipeline.KeyValue{{Key: "log", Value: []byte("!")}}})
			return err
		},
		"replay":   func() error { _, err := old.Fill(t.Context(), batch(p, 1), nil, nil, pipeline.Writes{}); return err },
		"takeover": func() error { _, _, err := store.TakeOver(t.Context(), p, 4, refuse); return err },
	}
	for name, attempt := range attempts {
		wantError(t, name+" of the old generation", attempt(), pipeline.ErrFenced)
	}
	if got := value(t, old, "log"); got != "1," {
		t.Errorf("memory is %q, want 1,", got)
	}
}

func TestTakeOver_begins_an_era_when_kafka_knows_the_lower_generation(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	old, _ := takeOver(t, store, p, 40)
	fill(t, old, p, 1, 2)

	asked := 0
	anew, journal, err := store.TakeOver(t.Context(), p, 1, func(context.Context) error { asked++; return nil })
	if err != nil || asked != 1 {
		t.Fatalf("takeover: %v after %d questions, want one", err, asked)
	}
	if !journal.Filled || journal.Bounds != batch(p, 2) {
		t.Errorf("the journal is %+v, want batch 2", journal)
	}
	_, err = old.Begin(t.Context(), batch(p, 3), nil)
	wantError(t, "begin of the era before", err, pipeline.ErrFenced)
	fill(t, anew, p, 3, 3)

	later, _ := takeOver(t, store, p, 2)
	fill(t, later, p, 4, 4)
	_, err = anew.Begin(t.Context(), batch(p, 5), nil)
	wantError(t, "begin of the generation before", err, pipeline.ErrFenced)
	if got := value(t, later, "log"); got != "1,2,3,4," {
		t.Errorf("memory is %q, want 1,2,3,4,", got)
	}
}

// A release that does not know how a record is encoded leaves it to one that does.
func TestTakeOver_leaves_a_record_of_a_newer_release_alone(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	fill(t, memory, p, 1, 1)
	encode := func(version int) {
		t.Helper()
		keys, err := client.Keys(t.Context(), "*:journal:*").Result()
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		if err := client.HSet(t.Context(), keys[0], "encoder", version).Err(); err != nil {
			t.Fatal(err)
		}
	}
	encode(8)
	if _, _, err := store.TakeOver(t.Context(), p, 2, refuse); err == nil || !strings.Contains(err.Error(), "newer release") || errors.Is(err, pipeline.ErrStateLost) {
		t.Errorf("the takeover of a newer record: %v", err)
	}
	encode(6)
	if _, journal := takeOver(t, store, p, 3); !journal.Filled || journal.Encoder != 6 {
		t.Errorf("the takeover of an older record finds %+v", journal)
	}
}

func TestTakeOver_by_the_same_generation_goes_on(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	first, _ := takeOver(t, store, p, 7)
	fill(t, first, p, 1, 1)
	again, journal := takeOver(t, store, p, 7)
	if journal.Bounds.Number != 1 {
		t.Errorf("the journal is %+v, want batch 1", journal)
	}
	fill(t, again, p, 2, 2)
}
