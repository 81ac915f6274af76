package analytics

import (
	"errors"
	"fmt"
	"testing"
)

func TestInstallation_is_recorded_once(t *testing.T) {
	b := opened(t)
	if id, err := b.Installation(t.Context()); id != "" || err != nil {
		t.Fatalf("new books belong to %q, %v", id, err)
	}
	type answer struct {
		id  string
		err error
	}
	answers := make(chan answer)
	for i := range 4 {
		go func() {
			id, err := b.RecordInstallation(t.Context(), fmt.Sprintf("id-%d", i))
			answers <- answer{id, err}
		}()
	}
	var standing string
	for range 4 {
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		if standing == "" {
			standing = a.id
		}
		if a.id != standing {
			t.Errorf("books belong to %s and to %s", standing, a.id)
		}
	}
	if id, err := b.RecordInstallation(t.Context(), "later"); id != standing || err != nil {
		t.Errorf("got %s, %v, want %s", id, err, standing)
	}
}

func TestConfiguration_is_kept_by_revision(t *testing.T) {
	b := opened(t)
	if _, err := b.Configuration(t.Context(), "r1"); !errors.Is(err, ErrUnknownRevision) {
		t.Fatalf("got %v, want ErrUnknownRevision", err)
	}
	for range 2 {
		if err := b.RecordConfiguration(t.Context(), "r1", []byte("version: 1\n")); err != nil {
			t.Fatal(err)
		}
	}
	text, err := b.Configuration(t.Context(), "r1")
	if err != nil || string(text) != "version: 1\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if n := one(t, b, "SELECT count() FROM configurations"); n != "1" {
		t.Errorf("%s rows, want 1", n)
	}
}
