package state_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
)

// second is another worker of the same installation.
func second(t testing.TB, store *state.Store, addr string) *state.Store {
	t.Helper()
	other, err := state.Open(t.Context(), connect(t, addr), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := store.Installation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if id, err := other.Installation(t.Context()); err != nil || id != want {
		t.Fatalf("the second worker finds installation %q, %v; want %q", id, err, want)
	}
	return other
}

func TestHashSecret_is_the_same_for_every_worker(t *testing.T) {
	store, client := alone(t)
	secret, err := store.HashSecret(t.Context())
	if err != nil || len(secret) != 32 {
		t.Fatalf("secret of %d bytes, %v; want 32", len(secret), err)
	}
	again, err := second(t, store, client.Options().Addr).HashSecret(t.Context())
	if err != nil || !bytes.Equal(again, secret) {
		t.Errorf("the second worker has another secret, %v", err)
	}
}

func TestHashSecret_is_not_generated_beside_a_configured_one(t *testing.T) {
	store, _ := alone(t)
	if _, err := store.SetMeta(t.Context(), "hash_secret", []byte("a mark")); err != nil {
		t.Fatal(err)
	}
	_, err := store.HashSecret(t.Context())
	wantError(t, "a generated secret", err, state.ErrSecretConfigured)
}

func TestRegisterTopic_returns_what_was_registered_first(t *testing.T) {
	store, client := alone(t)
	first := state.Topic{Incarnation: "one", Partitions: 8}
	for _, offered := range []state.Topic{first, {Incarnation: "two", Partitions: 8}, {Incarnation: "one", Partitions: 16}} {
		standing, err := second(t, store, client.Options().Addr).RegisterTopic(t.Context(), "referral.clicks", offered)
		if err != nil || standing != first {
			t.Errorf("offered %+v: %+v, %v; want %+v", offered, standing, err, first)
		}
	}
}

func TestRevision_is_kept_by_its_hash(t *testing.T) {
	store, _ := alone(t)
	source := []byte(strings.Repeat("programs:\n", 1000))
	if _, found, err := store.Revision(t.Context(), "abc"); found || err != nil {
		t.Errorf("a revision that nobody kept: found %v, %v", found, err)
	}
	for range 2 {
		if err := store.PutRevision(t.Context(), "abc", source); err != nil {
			t.Fatal(err)
		}
	}
	got, found, err := store.Revision(t.Context(), "abc")
	if err != nil || !found || !bytes.Equal(got, source) {
		t.Errorf("read %d bytes, found %v, %v; want %d", len(got), found, err, len(source))
	}
}

func TestMeta_of_an_unknown_name_is_nil(t *testing.T) {
	store, client := alone(t)
	if value, err := store.Meta(t.Context(), "x"); value != nil || err != nil {
		t.Errorf("read %q, %v", value, err)
	}
	if value, err := store.SetMeta(t.Context(), "x", nil); value == nil || len(value) != 0 || err != nil {
		t.Errorf("set nothing: %q, %v", value, err)
	}
	remove(t, client, "")
	_, err := store.Meta(t.Context(), "x")
	wantError(t, "meta of a Redis that lost everything", err, pipeline.ErrStateLost)
}
