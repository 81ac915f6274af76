package main

import (
	"context"
	"sync"
	"time"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/stage/clicks"
)

// The types of this file stand in for what a floor leaves out.

type noBooks struct{}

func (noBooks) Write(context.Context, pipeline.Bounds, func() time.Time, []pipeline.Block) error {
	return nil
}

func (noBooks) Has(context.Context, pipeline.Bounds, []string) (bool, error) { return false, nil }

// keepBooks keeps the blocks in memory.
type keepBooks struct {
	noBooks
	mutex       sync.Mutex
	byPartition map[int][]keptBatch
}

type keptBatch struct {
	bounds pipeline.Bounds
	blocks []pipeline.Block
}

func (k *keepBooks) Write(_ context.Context, b pipeline.Bounds, _ func() time.Time, blocks []pipeline.Block) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.byPartition == nil {
		k.byPartition = make(map[int][]keptBatch)
	}
	k.byPartition[b.Partition.ID] = append(k.byPartition[b.Partition.ID], keptBatch{b, blocks})
	return nil
}

type noBarrier struct{}

func (noBarrier) Wait(context.Context, []string) (pipeline.Progress, error) {
	return pipeline.Progress{}, nil
}

type noPublisher struct{}

func (noPublisher) Publish(context.Context, []pipeline.Message) error { return nil }

// nobody knows no members.
type nobody struct{}

func (nobody) Referrers(_ context.Context, _ pipeline.Progress, questions []clicks.Question) ([]clicks.Answer, error) {
	return make([]clicks.Answer, len(questions)), nil
}

// forgetful remembers nothing.
type forgetful struct{}

func (forgetful) TakeOver(context.Context, pipeline.Partition, int32, func(context.Context) error) (pipeline.Memory, pipeline.Journal, error) {
	return forgetful{}, pipeline.Journal{}, nil
}
func (forgetful) CheckShared(context.Context, pipeline.Partition, uint64) error { return nil }
func (forgetful) Get(_ context.Context, keys []string) ([][]byte, error) {
	return make([][]byte, len(keys)), nil
}
func (forgetful) Tails(_ context.Context, asks []pipeline.TailAsk) ([][]byte, error) {
	return make([][]byte, len(asks)), nil
}
func (forgetful) Begin(_ context.Context, b pipeline.Bounds, facts []byte) (pipeline.Journal, error) {
	return pipeline.Journal{Exists: true, Bounds: b, Facts: facts}, nil
}
func (forgetful) Fill(_ context.Context, b pipeline.Bounds, facts, record []byte, _ pipeline.Writes) (pipeline.Journal, error) {
	return pipeline.Journal{Exists: true, Filled: true, Bounds: b, Facts: facts, Record: record}, nil
}
func (forgetful) ApplyShared(context.Context, pipeline.Bounds, []pipeline.SharedSet) error {
	return nil
}
func (forgetful) Claim(_ context.Context, _ pipeline.Bounds, claims []pipeline.Claim) ([]pipeline.Claimed, error) {
	won := make([]pipeline.Claimed, len(claims))
	for i := range won {
		won[i] = pipeline.ClaimWon
	}
	return won, nil
}
func (forgetful) Release(context.Context, pipeline.Bounds, []pipeline.Owned) error { return nil }
func (forgetful) Heads(_ context.Context, asks []pipeline.QueueAsk) ([][]pipeline.QueueMember, error) {
	return make([][]pipeline.QueueMember, len(asks)), nil
}
func (forgetful) Draw(_ context.Context, _ pipeline.Bounds, draws []pipeline.Draw) ([]pipeline.Drawn, error) {
	drawn := make([]pipeline.Drawn, len(draws))
	for i := range drawn {
		drawn[i].Taken = true
	}
	return drawn, nil
}
func (forgetful) Give(context.Context, pipeline.Bounds, []pipeline.Draw) error { return nil }
func (forgetful) Granted(_ context.Context, budgets []string) ([]bool, error) {
	return make([]bool, len(budgets)), nil
}
