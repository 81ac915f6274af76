package fulfillments

import (
	"context"
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/event"
)

// waitingKey is the key, in the partition's own memory, of those who wait.
const waitingKey = "waiting"

// waiters reads who waits.
func (w *worker) waiters(ctx context.Context) (list []waiter, err error) {
	values, err := w.session.Memory.Get(ctx, []string{waitingKey})
	if err == nil && values[0] != nil {
		err = decode(values[0], &list)
	}
	if err != nil {
		return nil, fmt.Errorf("read the fulfilments that wait: %w", err)
	}
	return list, nil
}

// over tells whether a wait has ended at a time, in milliseconds since the epoch.
func (w *waiter) over(now int64) bool { return now-w.Time >= Wait.Milliseconds() }

// reread decodes an event that waits.
func (w *worker) reread(who *waiter) (*event.Fulfillment, error) {
	e := new(event.Fulfillment)
	if problems := event.DecodeFulfillment(who.record(), e, w.Limits); problems != nil {
		return nil, fmt.Errorf("the fulfilment at offset %d waits and is not valid any more: %s", who.Offset, event.Detail(problems))
	}
	return e, nil
}

func (w *worker) rereadAll(list []waiter) (events []*event.Fulfillment, err error) {
	for i := range list {
		e, err := w.reread(&list[i])
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// rewardsOf looks up the rewards of events, each once.
func (s *Stage) rewardsOf(ctx context.Context, events []*event.Fulfillment) (map[RewardQuery]Reward, error) {
	rewards := make(map[RewardQuery]Reward, len(events))
	var queries []RewardQuery
	for _, e := range events {
		q := queryOf(e)
		if _, asked := rewards[q]; !asked {
			rewards[q] = Reward{}
			queries = append(queries, q)
		}
	}
	if len(queries) == 0 {
		return rewards, nil
	}
	found, err := s.Rewards.Rewards(ctx, queries)
	if err != nil {
		return nil, fmt.Errorf("look up %d rewards: %w", len(queries), err)
	}
	for i, r := range found {
		rewards[queries[i]] = r
	}
	return rewards, nil
}

func queryOf(e *event.Fulfillment) RewardQuery {
	return RewardQuery{OrgID: e.OrgID, ProgramID: e.ProgramID, RewardID: e.RewardID}
}

// looking puts looks at very many waiters off, so that they take a small share of
// the time: who waits for what never comes is looked at for all of [Wait].
type looking struct{ next time.Time }

const (
	manyWait     = 1000 // fewer are looked at whenever the partition rests
	lookingShare = 20   // how many times as long as a look took the next one is put off
)

func (l *looking) due(now time.Time) bool { return !now.Before(l.next) }

func (l *looking) took(waiters int, began, ended time.Time) {
	if waiters > manyWait {
		l.next = ended.Add(lookingShare * ended.Sub(began))
	}
}

// Due implements pipeline.Timekeeper: a wait is over, or its reward has come.
func (w *worker) Due(ctx context.Context, now int64) (bool, error) {
	began := time.Now()
	if !w.looking.due(began) {
		return false, nil
	}
	list, err := w.waiters(ctx)
	if err != nil {
		return false, err
	}
	defer func() { w.looking.took(len(list), began, time.Now()) }()
	for i := range list {
		if list[i].over(now) {
			return true, nil
		}
	}
	events, err := w.rereadAll(list)
	if err != nil {
		return false, err
	}
	rewards, err := w.rewardsOf(ctx, events)
	for _, r := range rewards {
		if r.Known {
			return true, err
		}
	}
	return false, err
}
