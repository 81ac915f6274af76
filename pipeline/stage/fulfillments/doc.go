// Package fulfillments is the stage of referral.fulfillments: what became of
// rewards outside, paid, failed or decided by a person (§9 (6)), becomes rows of
// the table fulfillments, with what the event is about: all of the reward that
// remains and was not fulfilled before.
//
// A decision about a reward that is known is handed to the ledger of the
// reward's beneficiary, on referral.credits, with what names the reward there.
//
// An event about a reward that the books do not know waits in the partition's
// own memory. Each later batch of the partition asks again; once a record of the
// partition is 72 hours younger it is a dead letter (§9 (8)).
//
// The package knows the ports of package pipeline and its own; no engine.
package fulfillments
