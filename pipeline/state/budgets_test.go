package state_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"reflect"
	"strconv"
	"testing"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

func take(id string, limit, amount, time int64, reward string) pipeline.Draw {
	return pipeline.Draw{ID: id, Limit: limit, Op: pipeline.DrawTake, Amount: amount, Time: time, Reward: reward, Ref: "ledger of " + reward}
}

func give(id string, limit, amount int64) pipeline.Draw {
	return pipeline.Draw{ID: id, Limit: limit, Op: pipeline.DrawGive, Amount: amount}
}

func leave(id string, limit int64, reward string) pipeline.Draw {
	return pipeline.Draw{ID: id, Limit: limit, Op: pipeline.DrawLeave, Reward: reward}
}

func collect(id string, limit int64) pipeline.Draw {
	return pipeline.Draw{ID: id, Limit: limit, Op: pipeline.DrawCollect}
}

// taken, waits and collected are answers.
var taken, waits = pipeline.Drawn{Taken: true}, pipeline.Drawn{}

func collected(amount int64, rewards ...string) (d pipeline.Drawn) {
	for _, reward := range rewards {
		d.Collected = append(d.Collected, pipeline.Grant{Ref: "ledger of " + reward, Amount: amount})
	}
	return d
}

// onBoth runs a test on Redis, and on the memory that stands in for it in the
// tests of other packages.
func onBoth(t *testing.T, test func(t *testing.T, takeOver func(p pipeline.Partition, generation int32) pipeline.Memory)) {
	t.Run("redis", func(t *testing.T) {
		store, _ := alone(t)
		test(t, func(p pipeline.Partition, generation int32) pipeline.Memory {
			memory, _ := takeOver(t, store, p, generation)
			return memory
		})
	})
	t.Run("plain", func(t *testing.T) {
		plain := volatile.New()
		test(t, func(p pipeline.Partition, generation int32) pipeline.Memory {
			memory, _, err := plain.TakeOver(t.Context(), p, generation, refuse)
			if err != nil {
				t.Fatal(err)
			}
			return memory
		})
	})
}

// begin begins a batch, after those before it.
func begin(t testing.TB, memory pipeline.Memory, b pipeline.Bounds) {
	t.Helper()
	_, err := memory.Begin(t.Context(), b, nil)
	if errors.Is(err, pipeline.ErrStateLost) { // the one before is not there
		before := batch(b.Partition, b.Number-1)
		begin(t, memory, before)
		if _, err = memory.Fill(t.Context(), before, nil, nil, pipeline.Writes{}); err == nil {
			_, err = memory.Begin(t.Context(), b, nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// drawn draws on one budget, for which the batch before is the last that drew.
func drawn(t testing.TB, memory pipeline.Memory, b pipeline.Bounds, budget string, draws ...pipeline.Draw) []pipeline.Drawn {
	t.Helper()
	begin(t, memory, b)
	answers, err := memory.Draw(t.Context(), b, onBudget(budget, b.Number-1, draws))
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func onBudget(budget string, before uint64, draws []pipeline.Draw) []pipeline.Draw {
	for i := range draws {
		draws[i].Budget, draws[i].Before = budget, before
	}
	return draws
}

func wantDrawn(t testing.TB, got []pipeline.Drawn, want ...pipeline.Drawn) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the budget answers %+v, want %+v", got, want)
	}
}

func wantGranted(t testing.TB, memory pipeline.Memory, budgets []string, want ...bool) {
	t.Helper()
	got, err := memory.Granted(t.Context(), budgets)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("granted %v, %v; want %v", got, err, want)
	}
}

func TestDraw_gives_room_to_the_oldest_as_long_as_it_fits(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p, other := somePartition(), somePartition()
		memory, rival := takeOver(p, 1), takeOver(other, 1)
		const b = "acme/2026-11"
		wantDrawn(t, drawn(t, memory, batch(p, 1), b,
			take("1", 100, 60, 5, "a"), take("2", 100, 50, 9, "b"), take("3", 100, 30, 7, "c"), take("4", 100, 20, 7, "e"), take("5", 100, 20, 7, "d"),
		), taken, waits, taken, waits, waits)
		wantDrawn(t, drawn(t, rival, batch(other, 1), b, take("1", 100, 15, 6, "f"), collect("2", 100)), waits, pipeline.Drawn{})
		wantGranted(t, memory, []string{b, "none"}, false, false)

		// 25 more: the oldest, f, and d, of those of equal time the first; e and b wait.
		wantDrawn(t, drawn(t, memory, batch(p, 2), b, give("1", 100, 25)), pipeline.Drawn{})
		wantGranted(t, memory, []string{"none", b}, false, true)
		wantGranted(t, rival, []string{b}, true)
		wantDrawn(t, drawn(t, rival, batch(other, 2), b, collect("1", 100), collect("2", 100)), collected(15, "f"), pipeline.Drawn{})
		wantGranted(t, rival, []string{b}, false)
		wantDrawn(t, drawn(t, memory, batch(p, 3), b, collect("1", 100)), collected(20, "d"))
	})
}

func TestDraw_leave_gives_back_what_was_not_collected(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const b = "b"
		drawn(t, memory, batch(p, 1), b,
			take("1", 100, 100, 1, "a"), take("2", 100, 70, 2, "b"), take("3", 100, 60, 3, "c"), take("4", 100, 40, 4, "d"), give("5", 100, 80)) // b has room
		wantDrawn(t, drawn(t, memory, batch(p, 2), b, leave("1", 100, "b"), leave("2", 100, "none"), leave("3", 100, "d"), collect("4", 100)),
			pipeline.Drawn{}, pipeline.Drawn{}, pipeline.Drawn{}, collected(60, "c"))
		wantDrawn(t, drawn(t, memory, batch(p, 3), b, take("1", 100, 20, 5, "e"), take("2", 100, 1, 6, "f"), collect("3", 100)), taken, waits, pipeline.Drawn{})
	})
}

func TestDraw_of_a_reward_that_waits_replaces_it(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const b = "b"
		wantDrawn(t, drawn(t, memory, batch(p, 1), b,
			take("1", 100, 90, 1, "a"), take("2", 100, 20, 2, "b"), take("3", 100, 10, 2, "b"), give("4", 100, 5), // b left, 10 taken
			take("5", 100, 30, 3, "c"), give("6", 100, 25), take("7", 100, 31, 3, "c"), give("8", 100, 1), collect("9", 100),
		), taken, waits, taken, pipeline.Drawn{}, waits, pipeline.Drawn{}, waits, pipeline.Drawn{}, collected(31, "c"))
		wantDrawn(t, drawn(t, memory, batch(p, 1), "behind", // what b leaves is for c, who waits
			take("1", 100, 70, 1, "a"), take("2", 100, 50, 2, "b"), take("3", 100, 40, 3, "c"), give("4", 100, 30), take("5", 100, 30, 2, "b"), collect("6", 100),
		), taken, waits, waits, pipeline.Drawn{}, waits, collected(40, "c"))
	})
}

func TestDraw_gives_the_room_of_a_higher_limit_to_who_waits(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const b = "b"
		drawn(t, memory, batch(p, 1), b, take("1", 100, 90, 1, "a"), take("2", 100, 30, 2, "b"), take("3", 100, 30, 3, "c"))
		wantDrawn(t, drawn(t, memory, batch(p, 2), b, take("1", 120, 15, 4, "d"), collect("2", 120)), waits, collected(30, "b"))
		wantDrawn(t, drawn(t, memory, batch(p, 3), b, collect("1", 120), collect("2", 150)), pipeline.Drawn{}, collected(30, "c"))
		wantDrawn(t, drawn(t, memory, batch(p, 4), b, give("1", 80, 70), collect("2", 80)), pipeline.Drawn{}, pipeline.Drawn{})
		wantDrawn(t, drawn(t, memory, batch(p, 5), b, give("1", 80, 15), collect("2", 80), take("3", -1, 1, 1, "e")), pipeline.Drawn{}, collected(15, "d"), waits)
	})
}

func TestDraw_is_exact_up_to_the_greatest_amount(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		for i, limit := range []int64{math.MaxInt64, 1<<53 + 1, 10_000_000_000, 9_999_999_999, 10_000_000_001} {
			b := string(rune('a' + i))
			wantDrawn(t, drawn(t, memory, batch(p, 1), b,
				take("1", limit, limit-1, 1, "a"), take("2", limit, 2, 2, "b"), take("3", limit, 1, 3, "c"), take("4", limit, math.MaxInt64, 4, "d"),
				give("5", limit, 1), give("6", limit, 1), collect("7", limit), give("8", limit, limit),
			), taken, waits, taken, waits, pipeline.Drawn{}, pipeline.Drawn{}, collected(2, "b"), pipeline.Drawn{})
		}
	})
}

func TestDraw_answers_a_repeated_draw_as_the_first_time(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const b = "b"
		draws := func() []pipeline.Draw {
			return []pipeline.Draw{take("1", 100, 60, 1, "a"), take("2", 100, 60, 2, "b"), give("3", 100, 60), collect("4", 100), take("1", 100, 1, 1, "z")}
		}
		want := []pipeline.Drawn{taken, waits, {}, collected(60, "b"), taken}
		wantDrawn(t, drawn(t, memory, batch(p, 1), b, draws()...), want...)
		wantDrawn(t, drawn(t, memory, batch(p, 1), b, draws()...), want...)
		successor := takeOver(p, 2)
		wantDrawn(t, drawn(t, successor, batch(p, 1), b, draws()...), want...)
		wantDrawn(t, drawn(t, successor, batch(p, 1), b, take("5", 100, 41, 3, "c"), take("6", 100, 40, 4, "d")), waits, taken)
		wantDrawn(t, drawn(t, successor, batch(p, 2), b, take("1", 100, 1, 5, "e")), waits)
	})
}

func TestDraw_remembers_the_answers_to_many_draws(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const n = 1234
		var draws []pipeline.Draw
		for i := range n {
			draws = append(draws, take(strconv.Itoa(i), n, 1, int64(i), strconv.Itoa(i)))
		}
		for time := range 2 {
			for i, answer := range drawn(t, memory, batch(p, 1), "b", draws...) {
				if !answer.Taken {
					t.Fatalf("draw %d, made %d times, does not fit", i, time+1)
				}
			}
		}
	})
}

func TestDraw_notices_a_budget_that_is_older_or_newer_than_the_ledger(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const b = "b"
		try := func(n, before uint64) error {
			begin(t, memory, batch(p, n))
			_, err := memory.Draw(t.Context(), batch(p, n), onBudget(b, before, []pipeline.Draw{give("g", 100, 1)}))
			return err
		}
		drawn(t, memory, batch(p, 1), b, take("1", 100, 10, 1, "a"))
		drawn(t, memory, batch(p, 2), b, take("1", 100, 10, 2, "b"))
		wantError(t, "a draw that the budget does not know", try(5, 4), pipeline.ErrStateLost)
		wantError(t, "a draw that the ledger does not know", try(5, 0), pipeline.ErrStateLost)
		if err := try(5, 2); err != nil {
			t.Errorf("a draw after batches that did not draw: %v", err)
		}

		_, err := memory.Draw(t.Context(), batch(p, 5), onBudget(b, 2, []pipeline.Draw{take("1", 100, 5, 3, "c"), give("2", 100, 25)}))
		wantError(t, "more is given back than was taken", err, pipeline.ErrStateLost)
		wantDrawn(t, drawn(t, memory, batch(p, 5), b, give("3", 100, 24), take("4", 100, 100, 4, "d"), take("5", 99, 99, 5, "e")), pipeline.Drawn{}, taken, waits)
	})
}

func TestDraw_by_a_stale_worker_is_refused_on_budgets_that_nobody_has_drawn_on(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		try := func(memory pipeline.Memory, n uint64) error {
			_, err := memory.Draw(t.Context(), batch(p, n), onBudget("b", 0, []pipeline.Draw{take("1", 100, 100, 1, "a")}))
			return err
		}
		old := takeOver(p, 1)
		if err := try(old, 1); err == nil {
			t.Error("batch 1 drew and had not begun")
		}
		begin(t, old, batch(p, 1))
		memory := takeOver(p, 2)
		wantError(t, "the old generation, once the next has taken over", try(old, 1), pipeline.ErrFenced)
		begin(t, memory, batch(p, 2))
		wantError(t, "the old generation, after its batch", try(old, 1), pipeline.ErrFenced)
		wantError(t, "a batch that is filled", try(memory, 1), pipeline.ErrFenced)
		wantError(t, "a batch that is to come", try(memory, 4), pipeline.ErrStateLost)
		if err := try(memory, 2); err != nil {
			t.Error(err)
		}
		if _, err := memory.Fill(t.Context(), batch(p, 2), nil, nil, pipeline.Writes{}); err != nil {
			t.Fatal(err)
		}
		wantError(t, "the last batch, which is filled", try(memory, 2), pipeline.ErrFenced)
	})
}

// A batch gives back when it is journalled and published; so does who carries it out
// again.
func TestGive_gives_back_once(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p, q := somePartition(), somePartition()
		q.ID++
		memory, other := takeOver(p, 1), takeOver(q, 1)
		drawn(t, memory, batch(p, 1), "b", take("1", 100, 90, 1, "a"))
		wantDrawn(t, drawn(t, other, batch(q, 1), "b", take("1", 100, 60, 2, "b"), take("2", 100, 60, 3, "c")), waits, waits)
		for n := uint64(1); n <= 2; n++ {
			if _, err := memory.Fill(t.Context(), batch(p, n), nil, nil, pipeline.Writes{}); err != nil {
				t.Fatal(err)
			}
		}
		wantGranted(t, other, []string{"b"}, false)
		gives := onBudget("b", 1, []pipeline.Draw{give("give", 100, 60)})
		successor := takeOver(p, 2)
		for _, by := range []pipeline.Memory{successor, successor} {
			if err := by.Give(t.Context(), batch(p, 2), gives); err != nil {
				t.Fatal(err)
			}
		}
		wantError(t, "the stale worker", memory.Give(t.Context(), batch(p, 2), gives), pipeline.ErrFenced)
		wantDrawn(t, drawn(t, other, batch(q, 2), "b", collect("1", 100)), collected(60, "b"))
		drawn(t, successor, batch(p, 3), "b", collect("1", 100))
		wantError(t, "a batch that is past", successor.Give(t.Context(), batch(p, 2), gives), pipeline.ErrFenced)
	})
}

func TestDraw_that_arrives_late_changes_nothing(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	old, _ := takeOver(t, store, p, 1)
	late := func(memory pipeline.Memory, n, before uint64, draw pipeline.Draw) ([]pipeline.Drawn, error) {
		return state.DrawLate(t.Context(), memory, batch(p, n), onBudget("b", before, []pipeline.Draw{draw}))
	}
	first := take("1", 100, 60, 1, "a")
	begin(t, old, batch(p, 1))
	if answers, err := late(old, 1, 0, first); err != nil || !answers[0].Taken {
		t.Fatalf("%+v, %v", answers, err)
	}
	memory, _ := takeOver(t, store, p, 2)
	wantDrawn(t, drawn(t, memory, batch(p, 1), "b", first, take("2", 100, 60, 2, "b")), taken, waits)
	drawn(t, memory, batch(p, 2), "b", take("1", 100, 10, 3, "c"))
	before := snapshot(t, client)
	_, err := late(old, 1, 0, first)
	wantError(t, "the old generation", err, pipeline.ErrFenced)
	_, err = late(old, 3, 2, take("1", 100, 1, 1, "z"))
	wantError(t, "the old generation, as if in time", err, pipeline.ErrFenced)
	_, err = late(memory, 1, 0, first)
	wantError(t, "an older batch", err, pipeline.ErrFenced)
	if answers, err := late(memory, 2, 1, take("1", 100, 10, 3, "c")); err != nil || !answers[0].Taken {
		t.Errorf("a draw again: %+v, %v", answers, err)
	}
	if after := snapshot(t, client); !maps.Equal(after, before) {
		t.Error("late draws have changed something")
	}
}

func TestDraw_serves_many_budgets_in_one_call(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p := somePartition()
		memory := takeOver(p, 1)
		const budgets = 300 // more than there are slot groups
		var draws []pipeline.Draw
		for i := range 3 * budgets {
			draw := take(strconv.Itoa(i), 2, 1, int64(i), "r")
			draw.Budget, draw.Reward = fmt.Sprintf("acme/%d", i%budgets), strconv.Itoa(i)
			draws = append(draws, draw)
		}
		begin(t, memory, batch(p, 1))
		answers, err := memory.Draw(t.Context(), batch(p, 1), draws)
		if err != nil {
			t.Fatal(err)
		}
		for i, answer := range answers {
			if answer.Taken != (i < 2*budgets) {
				t.Fatalf("draw %d: %+v", i, answer)
			}
		}
	})
}

func TestDraw_gives_room_to_many_at_once(t *testing.T) {
	onBoth(t, func(t *testing.T, takeOver func(pipeline.Partition, int32) pipeline.Memory) {
		p, other := somePartition(), somePartition()
		memory, rival := takeOver(p, 1), takeOver(other, 1)
		const b, n = "b", 2345
		var draws, others []pipeline.Draw
		for i := range n {
			draws = append(draws, take(fmt.Sprint("t", i), 1, 2, int64(i), fmt.Sprint("r", i)))
			others = append(others, take(fmt.Sprint("t", i), 1, 2, int64(i), fmt.Sprint("s", i)))
		}
		drawn(t, memory, batch(p, 1), b, draws...)
		drawn(t, rival, batch(other, 1), b, others...)
		// r0, s0, r1, s1, ... are the oldest; first there is room for 1500 of them.
		for _, step := range []struct {
			memory pipeline.Memory
			p      pipeline.Partition
			limit  int64
			reward string
			from   int
			to     int
		}{
			{memory, p, 3001, "r", 0, 750},
			{rival, other, 3001, "s", 0, 750},
			{rival, other, 2 * 2 * n, "s", 750, 1750},
			{rival, other, 2 * 2 * n, "s", 1750, n},
			{memory, p, 2 * 2 * n, "r", 750, 1750},
			{memory, p, 2 * 2 * n, "r", 1750, n},
		} {
			var rewards []string
			for i := step.from; i < step.to; i++ {
				rewards = append(rewards, fmt.Sprint(step.reward, i))
			}
			bounds := batch(step.p, 2+uint64(step.from+250)/1000)
			wantDrawn(t, drawn(t, step.memory, bounds, b, collect("c", step.limit)), collected(2, rewards...))
			wantGranted(t, step.memory, []string{b}, step.to == 1750)
		}
	})
}

func TestDraw_refuses_what_no_ledger_asks_for(t *testing.T) {
	store, _ := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	begin(t, memory, batch(p, 1))
	mixed := onBudget("b", 0, []pipeline.Draw{collect("1", 1), collect("2", 1)})
	mixed[1].Before = 1
	for name, draws := range map[string][]pipeline.Draw{
		"takes nothing":   {take("1", 100, 0, 1, "a")},
		"gives less":      {give("1", 100, -1)},
		"no op":           {{ID: "1", Budget: "b"}},
		"a time too late": {take("1", 100, 1, 1<<53+1, "a")},
		"two befores":     mixed,
	} {
		if _, err := memory.Draw(t.Context(), batch(p, 1), draws); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := memory.Give(t.Context(), batch(p, 1), onBudget("b", 0, []pipeline.Draw{take("1", 100, 1, 1, "a")})); err == nil {
		t.Error("a take among what is given back: no error")
	}
	if answers, err := memory.Draw(t.Context(), batch(p, 1), nil); err != nil || len(answers) != 0 {
		t.Errorf("no draws: %v, %v", answers, err)
	}
}

func TestDraw_goes_on_giving_room_to_very_many(t *testing.T) {
	store, client := alone(t)
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	const n = 12_000
	var draws []pipeline.Draw
	for i := range n {
		draws = append(draws, take(strconv.Itoa(i), 0, 1, int64(i), strconv.Itoa(i)))
	}
	drawn(t, memory, batch(p, 1), "b", draws...)
	wantDrawn(t, drawn(t, memory, batch(p, 2), "b", collect("1", 2*n), take("2", 2*n, 1, 0, "late"))[1:], waits)
	if waiting := client.ZCard(t.Context(), groupTag("b")+":bq:b").Val(); waiting != n-10_000+1 {
		t.Errorf("%d wait", waiting)
	}
	got := 1000
	for number := uint64(3); number < 15; number++ {
		got += len(drawn(t, memory, batch(p, number), "b", collect("1", 2*n))[0].Collected)
	}
	if got != n+1 {
		t.Errorf("%d of %d were given room", got, n+1)
	}
	wantDrawn(t, drawn(t, memory, batch(p, 15), "b", take("1", 2*n, n-1, 1, "last")), taken)
}

func TestDraw_on_a_full_redis_changes_nothing_until_there_is_room(t *testing.T) {
	_, client := alone(t)
	seen := make(errorsSeen, 100)
	store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(slog.DiscardHandler), OnError: seen.add})
	if err == nil {
		_, err = store.Installation(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	p := somePartition()
	memory, _ := takeOver(t, store, p, 1)
	drawn(t, memory, batch(p, 1), "b", take("1", 100, 60, 1, "a"), take("2", 100, 60, 2, "b"))
	begin(t, memory, batch(p, 2))
	before := snapshot(t, client)
	if err := client.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	done := make(chan []pipeline.Drawn, 1)
	go func() {
		answers, err := memory.Draw(t.Context(), batch(p, 2), onBudget("b", 1, []pipeline.Draw{give("1", 100, 60), collect("2", 100)}))
		if err != nil {
			t.Error(err)
		}
		done <- answers
	}()
	seen.await(t, 2)
	if after := snapshot(t, client); !maps.Equal(after, before) {
		t.Error("a draw that was refused for want of memory has changed something")
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	wantDrawn(t, <-done, pipeline.Drawn{}, collected(60, "b"))
}
