// Package offline runs the stages of the pipeline in one process, over memory: the
// same stages that a worker runs on Kafka, Redis and ClickHouse, batch by batch, in
// an order that its caller chooses. A run over recorded history is made of it, and
// so are tests of all rules together.
//
//	pipeline.go  the stages at work on partitions, one batch at a time
//	batch.go     the life of a batch, as package loop has it
//	run.go       a run: records that wait to be worked, and what came of them
//	order.go     who goes before whom
//	tables.go    the books of a run, and what stages ask of them
//
// Nothing here takes the time from a clock. The package may know the stages and
// the ports; no engine.
package offline
