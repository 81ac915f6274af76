// Package backtest runs recorded history through the stages of the pipeline under
// another configuration, and tells who would have won what beside what was paid.
//
//	history.go   what the books hold, as a port
//	records.go   rows made events again
//	replay.go    one org, from its first batch to its last
//	batch.go     one batch of it, through its stage
//	handover.go  when ledgers take what follows from a batch
//	span.go      what is read at once
//	schedule.go  in which order batches are worked
//	sight.go     which touches and members a conversion could see
//	books.go     what stages ask while they run
//	rewards.go   what became of every reward, then and now
//	report.go    the sums of it
//
// Conversions, adjustments, links, members and people's decisions go through the
// stages anew, in the batches and in the order in which they were worked. Verdicts on
// clicks stand as they were: what they were made of is kept nowhere.
//
// The package may know package offline and the ports; no SQL.
package backtest
