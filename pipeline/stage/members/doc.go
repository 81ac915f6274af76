// Package members is the stage of referral.members: updates of members become
// the histories that clicks and conversions ask for (§9 (10), (11)), and rows of
// the table members.
//
// A member's updates come in one partition, whose worker writes them to the
// memory that all partitions share, one field an update. Who holds a code is
// never written down: it follows from the histories of those who ever listed it
// (package member), so it does not matter which partition came first.
//
// What does depend on the order is who reports an update that lost its code.
// A worker first writes its batch's updates, then reads the histories of all who
// list the same codes: of two that do so at once at least one sees the other,
// and a claim makes sure that only one of them reports. All of it stands between
// the begin record and the journal, and follows from the begin record: a batch
// taken over writes, reads and claims the same again.
//
// Rewards hear of every update that was applied: a record of referral.credits
// tells the member's ledger what the update says. It is made from the journal's
// record, so a replay publishes the same bytes.
//
// The topic is compacted, so nothing may be read from it twice: the begin record
// and the journal hold all that the batch needs.
//
// [Directory] is the reading side, for other stages.
package members
