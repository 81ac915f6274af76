package clicks

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// A dead letter took nothing, so it is taken when it is replayed; once, however
// often and late that is.
func TestStage_takes_a_replayed_click_once_however_late(t *testing.T) {
	w := newWorld()
	letter := clickAt{id: "1", referrer: "ann", visitor: "v", program: "q"}
	step := func(want string, batch ...clickAt) {
		t.Helper()
		for _, got := range w.process(t, batch...) {
			if got != want {
				t.Fatalf("verdict %s, want %s", got, want)
			}
		}
	}
	step("unknown_program", letter)
	again := letter
	again.replayed = true
	step("unknown_program", again, again) // the cause is not mended yet
	mended := *w.catalog.Orgs["o"]
	mended.Programs = maps.Clone(mended.Programs)
	mended.Programs["q"] = mended.Programs["p"]
	w.catalog = &program.Catalog{Orgs: map[string]*program.Org{"o": &mended}}
	if got := w.process(t, again, again); !slices.Equal(got, []string{"unique", "redelivered"}) {
		t.Fatalf("%q", got)
	}
	step("redelivered", again)
	clear(w.values) // the memory has forgotten
	step("redelivered", again, again)

	// Its producer sent it once more, which the memory cannot tell by now; a replay can.
	resent := clickAt{id: "2", referrer: "ann", visitor: "u", program: "q"}
	step("unique", resent)
	clear(w.values)
	resent.replayed = true
	step("redelivered", resent)
	clear(w.values)
	resent.id, resent.at = "3", 3*time.Hour // marked as a replay, and was never taken: it loses nothing
	step("unique", resent)
}

// The books are asked about replays alone.
func TestStage_asks_nothing_about_other_clicks(t *testing.T) {
	w := newWorld()
	w.process(t, clickAt{id: "1", referrer: "ann", visitor: "v"}, clickAt{id: "2", referrer: "ann", visitor: "w"})
	if w.books.Asked != 0 {
		t.Errorf("%d clicks were looked up in the books", w.books.Asked)
	}
	w.process(t, clickAt{id: "1", referrer: "ann", visitor: "v"}, clickAt{id: "3", referrer: "ann", visitor: "v", replayed: true}, clickAt{id: "4", program: "none", replayed: true})
	if w.books.Asked != 1 {
		t.Errorf("%d clicks were looked up in the books, want one", w.books.Asked)
	}
}
