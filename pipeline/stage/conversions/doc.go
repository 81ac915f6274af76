// Package conversions is stage one of the pipeline: conversions, adjustments and
// identity links become attributions and credits (contract §4, §9 (15)-(22),
// (37)-(39)).
//
// A batch goes through it as pipeline.Work tells: lookup.go reads what is
// remembered, facts.go holds it as one value that can be journalled, claim.go
// and claimants.go claim conversion and order ids, decide.go (with conversion.go, adjustment.go
// and rules.go) decides event by event in the order of the partition, record.go
// holds what was decided, and outcome.go makes rows and messages of it. What
// becomes of adjustments that wait stands in waiting.go, pending.go and expiry.go.
//
// The package knows events, the compiled configuration, attribution and money.
// It must not know Redis, ClickHouse or Kafka: what it needs of them stands in
// ports.go.
package conversions
