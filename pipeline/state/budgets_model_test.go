package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/grapevinehq/grapevine/internal/enginetest"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/state"
	"github.com/grapevinehq/grapevine/pipeline/volatile"
)

// drawing is one partition that draws on budgets, with all workers that it ever
// had.
type drawing struct {
	p       pipeline.Partition
	workers []twin
	number  uint64            // of its present batch, which has begun
	before  map[string]uint64 // by budget, the batch that drew last before the present one
	last    map[string]uint64 // the present one included
	made    []made            // the draws of all batches
	gives   []pipeline.Draw   // of the present batch, when it is journalled and its events are being published
}

// worker is the present one.
func (d *drawing) worker() twin { return d.workers[len(d.workers)-1] }

// stale is one that may have been replaced and does not know.
func (d *drawing) stale(r *rapid.T) pipeline.Memory {
	return rapid.SampledFrom(d.workers).Draw(r, "worker").redis
}

// twin is a worker on Redis, and its like on the plain memory.
type twin struct{ redis, plain pipeline.Memory }

// made is a draw as it was answered.
type made struct {
	number uint64
	draw   pipeline.Draw
	answer pipeline.Drawn
}

// account is what the ledgers know of one budget.
type account struct {
	limit, most int64                    // of the last draw; the greatest ever
	held        map[string]int64         // by reward: taken or collected, and not given back
	freed       int64                    // given back by batches that are not published yet
	waits       map[string]pipeline.Draw // by reward: those that wait, or were not collected
}

// budgetModel is several partitions on a few budgets.
type budgetModel struct {
	client   *redis.Client
	store    *state.Store
	plain    *volatile.Store
	drawers  []*drawing
	accounts map[string]*account
	budgets  []string
	limit    int64
	scale    int64
	draws    int
}

// Partitions draw in any order, with workers that are stale, and requests that are
// repeated or arrive late. Redis answers as the plain memory does, in which there
// is no script and no encoding; and by the ledgers' own books no budget exceeds its
// limit, what it counts as used is what they hold or have not yet told that they freed,
// and nothing waits while the oldest fits.
func TestBudgets_under_any_interleaving(t *testing.T) {
	client := connect(t, enginetest.Redis(t))
	store, err := state.Open(t.Context(), client, state.Options{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		_, err = store.Initialise(t.Context(), "model")
	}
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		m := newBudgetModel(r, client, store)
		r.Repeat(map[string]func(*rapid.T){
			"draw": m.draw, "draw again": m.draw, "repeat": m.repeat, "next batch": m.next, "take over": m.takeOver,
			"another limit": m.relimit, "astray": m.astray, "": m.check,
		})
	})
}

func newBudgetModel(r *rapid.T, client *redis.Client, store *state.Store) *budgetModel {
	m := &budgetModel{
		client: client, store: store, plain: volatile.New(), accounts: map[string]*account{}, limit: 100,
		scale: rapid.SampledFrom([]int64{1, 99_999_999, 12_345_678_901, 90_071_992_547_409_921}).Draw(r, "scale"),
	}
	run := uuid.NewString()
	for i := range 2 {
		m.budgets = append(m.budgets, fmt.Sprintf("%s/%d", run, i))
		m.accounts[m.budgets[i]] = &account{held: map[string]int64{}, waits: map[string]pipeline.Draw{}}
	}
	for i := range 3 {
		p := somePartition()
		p.ID = i
		d := &drawing{p: p, before: map[string]uint64{}, last: map[string]uint64{}}
		m.drawers = append(m.drawers, d)
		m.raise(r, d, 2)
		m.begin(r, d)
	}
	return m
}

// raise lets a new worker take over.
func (m *budgetModel) raise(r *rapid.T, d *drawing, generation int32) {
	ofRedis, _, err := m.store.TakeOver(context.Background(), d.p, generation, accept)
	if err != nil {
		r.Fatal(err)
	}
	plain, _, err := m.plain.TakeOver(context.Background(), d.p, generation, accept)
	if err != nil {
		r.Fatal(err)
	}
	d.workers = append(d.workers, twin{ofRedis, plain})
}

// begin begins the next batch of a partition.
func (m *budgetModel) begin(r *rapid.T, d *drawing) {
	d.number++
	d.before = maps.Clone(d.last)
	d.both(r, func(memory pipeline.Memory) error {
		_, err := memory.Begin(context.Background(), batch(d.p, d.number), nil)
		return err
	})
}

func (d *drawing) both(r *rapid.T, do func(pipeline.Memory) error) {
	w := d.worker()
	if err := errors.Join(do(w.redis), do(w.plain)); err != nil {
		r.Fatal(err)
	}
}

// journal ends the present batch, with what it frees: by what it tells that is given
// back already, by the budget it is not, until it is told.
func (m *budgetModel) journal(r *rapid.T, d *drawing) {
	d.both(r, func(memory pipeline.Memory) error {
		_, err := memory.Fill(context.Background(), batch(d.p, d.number), nil, nil, pipeline.Writes{})
		return err
	})
	d.gives = []pipeline.Draw{}
	for _, budget := range m.budgets {
		a := m.accounts[budget]
		give := pipeline.Draw{ID: "give", Budget: budget, Limit: m.limit * m.scale, Before: d.before[budget], Op: pipeline.DrawGive}
		for range rapid.IntRange(0, 2).Draw(r, "freed rewards") {
			freed := give
			if m.fillIn(r, d, a, &freed) {
				a.book(&freed, pipeline.Drawn{})
				give.Amount += freed.Amount
			}
		}
		if give.Amount > 0 {
			a.freed += give.Amount
			d.gives = append(d.gives, give)
		}
	}
}

// give gives back what the batch frees, now that it is published; workers that may be
// stale do so before and after.
func (m *budgetModel) give(r *rapid.T, d *drawing) {
	m.late(r, d, d.number, d.gives)
	d.both(r, func(memory pipeline.Memory) error {
		return memory.Give(context.Background(), batch(d.p, d.number), d.gives)
	})
	m.late(r, d, d.number, d.gives)
	for _, give := range d.gives {
		a := m.accounts[give.Budget]
		a.freed -= give.Amount
		d.last[give.Budget] = d.number
		a.limit, a.most = give.Limit, max(a.most, give.Limit)
		d.made = append(d.made, made{d.number, give, pipeline.Drawn{}})
	}
	d.gives = nil
}

func (m *budgetModel) drawer(r *rapid.T) *drawing {
	return m.drawers[rapid.IntRange(0, len(m.drawers)-1).Draw(r, "partition")]
}

// next journals a batch, or what is published of one by then is all, and the next one
// begins.
func (m *budgetModel) next(r *rapid.T) {
	d := m.drawer(r)
	if d.gives == nil {
		m.journal(r, d)
		return
	}
	m.give(r, d)
	m.begin(r, d)
}

func (m *budgetModel) takeOver(r *rapid.T) {
	m.raise(r, m.drawer(r), rapid.Int32Range(1, 3).Draw(r, "generation"))
}

func (m *budgetModel) relimit(r *rapid.T) { m.limit = rapid.Int64Range(0, 102).Draw(r, "limit") }

// draw makes new draws of the present batch, in one call and on one budget. A worker
// that may be stale makes the same ones before or after.
func (m *budgetModel) draw(r *rapid.T) {
	d := m.drawer(r)
	if d.gives != nil {
		return // nothing is decided any more
	}
	budget := rapid.SampledFrom(m.budgets).Draw(r, "budget")
	a := m.accounts[budget]
	var draws []pipeline.Draw
	touched := map[string]bool{} // in this call: what comes of it is not known yet
	for range rapid.IntRange(1, 4).Draw(r, "draws") {
		if rapid.IntRange(0, 5).Draw(r, "turn") == 0 {
			m.relimit(r)
		}
		m.draws++
		draw := pipeline.Draw{
			ID: strconv.Itoa(m.draws), Budget: budget, Limit: m.limit * m.scale, Before: d.before[budget],
			Op: pipeline.DrawOp(rapid.IntRange(1, 4).Draw(r, "op")),
		}
		if m.fillIn(r, d, a, &draw) && !touched[draw.Reward] {
			touched[draw.Reward] = draw.Reward != ""
			draws = append(draws, draw)
		}
	}
	if len(draws) == 0 {
		return
	}
	ahead := m.late(r, d, d.number, draws)
	got, err := d.worker().redis.Draw(context.Background(), batch(d.p, d.number), draws)
	want, refusal := d.worker().plain.Draw(context.Background(), batch(d.p, d.number), draws)
	if err != nil || refusal != nil || !reflect.DeepEqual(got, want) || ahead != nil && !reflect.DeepEqual(ahead, got) {
		r.Fatalf("draws %+v\nredis %+v, %v\nplain %+v, %v\nahead %+v", draws, got, err, want, refusal, ahead)
	}
	d.last[budget] = d.number
	for i, answer := range got {
		d.made = append(d.made, made{d.number, draws[i], answer})
		a.limit, a.most = draws[i].Limit, max(a.most, draws[i].Limit)
		a.book(&draws[i], answer)
	}
}

// late sends draws as a worker did that may be stale by now: nil answers when it is
// told so.
func (m *budgetModel) late(r *rapid.T, d *drawing, number uint64, draws []pipeline.Draw) []pipeline.Drawn {
	if rapid.Bool().Draw(r, "in time") {
		return nil
	}
	answers, err := state.DrawLate(context.Background(), d.stale(r), batch(d.p, number), draws)
	if err != nil && !errors.Is(err, pipeline.ErrFenced) {
		r.Fatalf("late draws %+v: %v", draws, err)
	}
	return answers
}

// fillIn makes of a draw one that the partition's ledgers would make; false when
// they have nothing for it.
func (m *budgetModel) fillIn(r *rapid.T, d *drawing, a *account, draw *pipeline.Draw) bool {
	own := strconv.Itoa(d.p.ID) + "/"
	switch draw.Op {
	case pipeline.DrawTake:
		draw.Reward = own + rapid.StringMatching("[a-h]").Draw(r, "reward")
		draw.Ref, draw.Time = "0:"+draw.Reward, rapid.Int64Range(-2, 5).Draw(r, "time")
		draw.Amount = max(1, m.scale*rapid.Int64Range(1, 60).Draw(r, "amount")-rapid.Int64Range(0, 1).Draw(r, "less"))
	case pipeline.DrawGive:
		if draw.Reward = one(r, own, a.held); draw.Reward == "" {
			return false
		}
		draw.Amount = max(1, a.held[draw.Reward]/rapid.Int64Range(1, 2).Draw(r, "part"))
	case pipeline.DrawLeave:
		if draw.Reward = one(r, own, a.waits); draw.Reward == "" {
			return false
		}
		draw.Time = a.waits[draw.Reward].Time
	}
	return true
}

// one chooses a reward of the partition, "" when there is none.
func one[V any](r *rapid.T, own string, rewards map[string]V) string {
	var names []string
	for _, reward := range slices.Sorted(maps.Keys(rewards)) {
		if strings.HasPrefix(reward, own) {
			names = append(names, reward)
		}
	}
	if names == nil {
		return ""
	}
	return rapid.SampledFrom(names).Draw(r, "reward")
}

// book enters a draw in the ledgers.
func (a *account) book(draw *pipeline.Draw, answer pipeline.Drawn) {
	switch draw.Op {
	case pipeline.DrawTake:
		delete(a.waits, draw.Reward)
		if answer.Taken {
			a.held[draw.Reward] += draw.Amount
		} else {
			a.waits[draw.Reward] = *draw
		}
	case pipeline.DrawGive:
		if a.held[draw.Reward] -= draw.Amount; a.held[draw.Reward] == 0 {
			delete(a.held, draw.Reward)
		}
	case pipeline.DrawLeave:
		delete(a.waits, draw.Reward)
	case pipeline.DrawCollect:
		for _, grant := range answer.Collected {
			reward := strings.TrimPrefix(grant.Ref, "0:")
			delete(a.waits, reward)
			a.held[reward] += grant.Amount
		}
	}
}

// repeat sends a draw that was made, in any batch, by a worker that may be stale:
// it is answered as it was the first time, or refused.
func (m *budgetModel) repeat(r *rapid.T) {
	d := m.drawer(r)
	if len(d.made) == 0 {
		return
	}
	past := d.made[len(d.made)-1-rapid.IntRange(0, min(5, len(d.made)-1)).Draw(r, "draws ago")]
	answers := m.late(r, d, past.number, []pipeline.Draw{past.draw})
	if answers != nil && (!reflect.DeepEqual(answers[0], past.answer) || past.number < d.last[past.draw.Budget]) {
		r.Fatalf("%+v of batch %d is answered %+v, and was %+v; batch %d drew last", past.draw, past.number, answers[0], past.answer, d.last[past.draw.Budget])
	}
	if past.number == d.number && d.gives == nil {
		answers, err := d.worker().redis.Draw(context.Background(), batch(d.p, d.number), []pipeline.Draw{past.draw})
		if err != nil || !reflect.DeepEqual(answers[0], past.answer) {
			r.Fatalf("%+v is answered %+v, %v, and was %+v", past.draw, answers, err, past.answer)
		}
	}
}

// astray sends new draws of batches that are past, or whose ledgers and budget
// tell of different batches.
func (m *budgetModel) astray(r *rapid.T) {
	d := m.drawer(r)
	budget := rapid.SampledFrom(m.budgets).Draw(r, "budget")
	last := d.last[budget]
	number, want := last+rapid.Uint64Range(1, 2).Draw(r, "ahead"), pipeline.ErrStateLost
	if rapid.Bool().Draw(r, "past") && last > 1 {
		number, want = last-1, pipeline.ErrFenced
	}
	before := last + rapid.SampledFrom([]uint64{1, 2, ^uint64(0)}).Draw(r, "off")
	draw := pipeline.Draw{ID: "astray", Budget: budget, Limit: 1 << 62, Before: before, Op: pipeline.DrawTake, Amount: 1, Reward: "astray"}
	_, err := state.DrawLate(context.Background(), d.worker().redis, batch(d.p, number), []pipeline.Draw{draw})
	if !errors.Is(err, want) {
		r.Fatalf("batch %d, after %d by the ledger and %d by the budget: %v, want %v", number, before, last, err, want)
	}
}

// check reads the budgets' keys and compares them with the ledgers.
func (m *budgetModel) check(r *rapid.T) {
	for _, budget := range m.budgets {
		m.checkBudget(r, budget, m.accounts[budget])
	}
	for _, d := range m.drawers {
		w := d.worker()
		got, err := w.redis.Granted(context.Background(), m.budgets)
		want, _ := w.plain.Granted(context.Background(), m.budgets)
		if err != nil || !slices.Equal(got, want) {
			r.Fatalf("granted %v, %v; want %v", got, err, want)
		}
	}
}

func (m *budgetModel) checkBudget(r *rapid.T, budget string, a *account) {
	tag := groupTag(budget)
	used, err := m.client.HGet(context.Background(), tag+":b:"+budget, "used").Int64()
	if errors.Is(err, redis.Nil) {
		err = nil // nobody has drawn
	}
	queue, failed := m.client.ZRange(context.Background(), tag+":bq:"+budget, 0, -1).Result()
	known, lacking := m.client.HKeys(context.Background(), tag+":bw:"+budget).Result()
	if err = errors.Join(err, failed, lacking); err != nil {
		r.Fatal(err)
	}
	if slices.Sort(known); !slices.Equal(known, slices.Sorted(maps.Keys(a.waits))) {
		r.Fatalf("%s knows %v, the ledgers wait for %v", budget, known, a.waits)
	}
	sum := a.freed
	for _, amount := range a.held {
		sum += amount
	}
	for reward, draw := range a.waits {
		if !slices.Contains(queue, reward) {
			sum += draw.Amount // given, not collected
		}
	}
	if used != sum || used > a.most {
		r.Fatalf("%s: used %d, what the ledgers hold and what is freed and not told are %d, the limit was %d at most", budget, used, sum, a.most)
	}
	for i, reward := range queue {
		draw, known := a.waits[reward]
		if !known {
			r.Fatalf("%s waits in %s, and no ledger knows", reward, budget)
		}
		if i == 0 && draw.Amount <= a.limit-used {
			r.Fatalf("%s waits for %d in %s, which has %d of %d", reward, draw.Amount, budget, used, a.limit)
		}
		if i > 0 {
			if ahead := a.waits[queue[i-1]]; draw.Time < ahead.Time || draw.Time == ahead.Time && draw.Reward < ahead.Reward {
				r.Fatalf("%+v waits behind %+v", draw, ahead)
			}
		}
	}
}

// groupTag is where something lies that is looked up by name.
func groupTag(name string) string { return fmt.Sprintf("{g%02x}", byte(xxhash.Sum64String(name))) }
