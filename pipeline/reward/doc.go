// Package reward says what a credit earns: the rules and ledgers of contract §5
// and rulings §9 (23) to (28), (31), (40), (41) and (43).
//
// A ledger is what is remembered of one beneficiary of one org. It is kept as
// many small values under keys of their own ([Ledgers]): one for each
// conversion, one for each sum that tiers or brackets count, and one of
// lifetime figures. So a credit reads a handful of values however long a member
// has been at it, and old values can be moved elsewhere one by one.
//
// Everything here is pure: values in, events and values out, no clock, no I/O,
// nothing random. The package knows events, the compiled configuration and
// money; it must not know Kafka, Redis, ClickHouse or how a batch is worked.
//
// Holds that end, limits, budgets and grants need time or other members, and are
// not here: a reward under a hold is booked as pending, and nothing more.
package reward
