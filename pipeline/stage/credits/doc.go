// Package credits is stage two of the pipeline: it books the credits that
// attribution hands over on referral.credits in the ledgers of their
// beneficiaries, and publishes the reward events that follow (contract §5).
//
// The topic is keyed by beneficiary, so a partition's worker is the only writer
// of its ledgers: they live in the partition's own memory, are read in one call
// a batch, and change in the same atomic step as the journal. Credits are taken
// in the order of the partition. The stage waits for nothing: whatever a credit
// needs was decided with its conversion.
//
// The package knows the ports of package pipeline and the rules of package
// reward; it must not know Kafka, Redis or ClickHouse.
package credits
