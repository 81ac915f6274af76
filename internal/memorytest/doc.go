// Package memorytest is what Redis remembers for the pipeline, kept in this
// process: for tests of stages that need a whole pipeline.Memory, with journals,
// queues and budgets, and for crashes and replays of their batches.
//
// It keeps the rules of the ports: fences, the order of batches, replays that are
// answered as they were the first time, budgets that are never exceeded. Slot
// groups and lost shards it leaves out; package state tests that both answer alike.
//
// It may know the ports of package pipeline, and nothing else of ours.
package memorytest
