package volatile

import (
	"context"
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline"
)

// drawer is what a budget knows of one partition.
type drawer struct {
	fence   fence
	number  uint64                    // of the batch that drew last
	answers map[string]pipeline.Drawn // to its draws
}

// Draw implements pipeline.Budgets.
func (m *Memory) Draw(_ context.Context, b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.begun(b); err != nil && len(draws) > 0 {
		return nil, err
	}
	return m.drawAll(b, draws)
}

// Give implements pipeline.Budgets.
func (m *Memory) Give(_ context.Context, b pipeline.Bounds, gives []pipeline.Draw) error {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	if err := m.journalled(b); err != nil && len(gives) > 0 {
		return err
	}
	_, err := m.drawAll(b, gives)
	return err
}

func (m *Memory) drawAll(b pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
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

// begun refuses a batch whose begin record does not stand.
func (m *Memory) begun(b pipeline.Bounds) error {
	if err := m.ordered("draw for", b, m.own.filled); err != nil {
		return err
	}
	switch {
	case b.Number == m.own.filled:
		return m.refused("draw for", b, pipeline.ErrFenced)
	case m.own.journal.Bounds.Number != b.Number:
		return fmt.Errorf("draw for batch %d of %s: it has no begin record", b.Number, m.partition)
	}
	return nil
}

// journalled refuses a batch whose record does not stand.
func (m *Memory) journalled(b pipeline.Bounds) error {
	if err := m.ordered("give for", b, m.own.filled); err != nil {
		return err
	}
	if b.Number != m.own.filled {
		return fmt.Errorf("give for batch %d of %s: it is not journalled", b.Number, m.partition)
	}
	return nil
}

// drawer finds the budget, and what it knows of the partition, brought up to
// this batch.
func (m *Memory) drawer(b pipeline.Bounds, d *pipeline.Draw) (*budget, *drawer, error) {
	of := m.store.budgets[d.Budget]
	if of == nil {
		of = newBudget()
		m.store.budgets[d.Budget] = of
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
			of.wait(waiter{d.Time, d.Reward, name, d.Ref, d.Amount})
		}
	case pipeline.DrawGive:
		if d.Amount > of.used {
			return answer, fmt.Errorf("draw on %s: %d is given back of %d: %w", d.Budget, d.Amount, of.used, pipeline.ErrStateLost)
		}
		of.used -= d.Amount
	case pipeline.DrawLeave:
		of.leave(d.Reward)
	case pipeline.DrawCollect:
		answer.Collected = of.collect(name)
	}
	of.release(d.Limit)
	return answer, nil
}

// Granted implements pipeline.Budgets.
func (m *Memory) Granted(_ context.Context, budgets []string) ([]bool, error) {
	m.store.mutex.Lock()
	defer m.store.mutex.Unlock()
	granted := make([]bool, len(budgets))
	for i, name := range budgets {
		granted[i] = m.store.budgets[name].gaveTo(m.name)
	}
	return granted, nil
}
