package state

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/grapevinehq/grapevine/internal/enginetest"
)

// Two workers that both found an empty Redis: the second is told the first one's id.
func TestInitialise_adopts_the_id_of_who_came_first(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: enginetest.RedisAlone(t).Addr})
	defer client.Close()
	store, err := Open(t.Context(), client, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"first", "second"} {
		answers, err := store.run(t.Context(), initialiseScript, []call{{keys: []string{markers[0]}, args: []any{id}}})
		if err != nil || text(answers[0], 1) != "first" {
			t.Fatalf("%s is told %v, %v; want the id first", id, answers, err)
		}
	}
	if id, err := store.Initialise(t.Context(), "third"); err != nil || id != "first" {
		t.Errorf("a third worker has the id %q, %v; want first", id, err)
	}
}
