package memorytest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/grapevinehq/grapevine/pipeline"
)

// budget is what one budget has come to, and who waits for it.
type budget struct {
	used    int64
	waiting []waiter // by the conversion's time, then by reward
	granted []waiter // not collected, in the order that they were given room
	drawers map[string]*drawer
}

// waiter is a reward that did not fit.
type waiter struct {
	time              int64
	reward, name, ref string // name: of the partition
	amount            int64
}

// drawer is what a budget knows of one partition.
type drawer struct {
	fence   fence
	number  uint64                    // of the batch that drew last
	answers map[string]pipeline.Drawn // to its draws
}

// Draw implements pipeline.Budgets.
func (m *Memory) Draw(_ context.Context, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	m.redis.mutex.Lock()
	defer m.redis.mutex.Unlock()
	drawn := make([]pipeline.Drawn, len(draws))
	for i := range draws {
		of, from, err := m.drawer(b, &draws[i])
		if err != nil {
			return nil, err
		}
		answer, made := from.answers[draws[i].ID]
		if !made {
			if answer, err = of.draw(m.name, &draws[i]); err != nil {
				return nil, err
			}
			from.answers[draws[i].ID] = answer
		}
		drawn[i] = answer
	}
	return drawn, nil
}

// drawer finds the budget, and what it knows of the partition, brought up to
// this batch.
func (m *Memory) drawer(b pipeline.Bounds, d *pipeline.Draw) (*budget, *drawer, error) {
	of := m.redis.budgets[d.Budget]
	if of == nil {
		of = &budget{drawers: map[string]*drawer{}}
		m.redis.budgets[d.Budget] = of
	}
	from := of.drawers[m.name]
	if from == nil {
		from = &drawer{fence: fence{generation: -1}, answers: map[string]pipeline.Drawn{}}
		of.drawers[m.name] = from
	}
	switch {
	case m.fence.behind(from.fence), b.Number < from.number:
		return nil, nil, m.refused("draw on "+d.Budget+" for", b, pipeline.ErrFenced)
	case b.Number > from.number && from.number != d.Before:
		return nil, nil, m.refused("draw on "+d.Budget+" for", b, pipeline.ErrStateLost)
	case b.Number > from.number:
		from.number, from.answers = b.Number, map[string]pipeline.Drawn{}
	}
	from.fence = m.fence
	return of, from, nil
}

func (of *budget) draw(name string, d *pipeline.Draw) (pipeline.Drawn, error) {
	var answer pipeline.Drawn
	of.release(d.Limit)
	switch d.Op {
	case pipeline.DrawTake:
		of.leave(d.Reward)
		of.release(d.Limit)
		if answer.Taken = d.Amount <= d.Limit-of.used; answer.Taken {
			of.used += d.Amount
		} else {
			of.waiting = append(of.waiting, waiter{d.Time, d.Reward, name, d.Ref, d.Amount})
			slices.SortFunc(of.waiting, func(a, b waiter) int {
				return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.reward, b.reward))
			})
		}
	case pipeline.DrawGive:
		if d.Amount > of.used {
			return answer, fmt.Errorf("draw on %s: %d is given back of %d: %w", d.Budget, d.Amount, of.used, pipeline.ErrStateLost)
		}
		of.used -= d.Amount
	case pipeline.DrawLeave:
		of.leave(d.Reward)
	case pipeline.DrawCollect:
		of.granted = slices.DeleteFunc(of.granted, func(w waiter) bool {
			if w.name == name {
				answer.Collected = append(answer.Collected, pipeline.Grant{Ref: w.ref, Amount: w.amount})
			}
			return w.name == name
		})
	}
	of.release(d.Limit)
	return answer, nil
}

// leave drops a reward that waits, or gives back the room that it was given.
func (of *budget) leave(reward string) {
	of.waiting = slices.DeleteFunc(of.waiting, func(w waiter) bool { return w.reward == reward })
	of.granted = slices.DeleteFunc(of.granted, func(w waiter) bool {
		if w.reward == reward {
			of.used -= w.amount
		}
		return w.reward == reward
	})
}

// release gives room to those who wait, as long as the oldest fits.
func (of *budget) release(limit int64) {
	for len(of.waiting) > 0 && of.waiting[0].amount <= limit-of.used {
		of.used += of.waiting[0].amount
		of.granted = append(of.granted, of.waiting[0])
		of.waiting = of.waiting[1:]
	}
}

// Granted implements pipeline.Budgets.
func (m *Memory) Granted(_ context.Context, budgets []string) ([]bool, error) {
	m.redis.mutex.Lock()
	defer m.redis.mutex.Unlock()
	granted := make([]bool, len(budgets))
	for i, name := range budgets {
		if of := m.redis.budgets[name]; of != nil {
			granted[i] = slices.ContainsFunc(of.granted, func(w waiter) bool { return w.name == m.name })
		}
	}
	return granted, nil
}
