// Package volatile is what Redis remembers for the pipeline, kept in this process:
// a whole pipeline.Memory for each partition, with journals, queues and budgets,
// and what partitions share. A run over recorded history needs no other, nor do
// tests of stages, of crashes and of replays.
//
// It keeps the rules of the ports: fences, the order of batches, replays that are
// answered as they were the first time, budgets that are never exceeded. Slot
// groups and lost shards it leaves out, and the bound on how many a budget gives
// room in one call; package state tests that both answer alike.
//
// It may know the ports of package pipeline, and nothing else of ours.
package volatile
