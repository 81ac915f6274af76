// Package event holds the events of the contract's §2 as values: it decodes the
// ones that Grapevine reads and encodes the ones that it writes.
//
// Decoding is strict, so that nothing that decodes can fail later: every string
// is valid UTF-8, every time fits the books, every number is exact. What is
// wrong with an event is told whole, problem by problem, never just first come.
//
// The package knows the formats and nothing else: no configuration, no state,
// no Kafka, no clock. What needs a catalog (an unknown program, an unknown code)
// is decided by the stages.
//
// Decoded strings point into the record's own bytes wherever they were written
// without escapes. They live as long as the batch that holds the record; who
// keeps one longer clones it.
package event
