// Package simulate makes referral traffic whose outcome is known beforehand:
// members, clicks with a known share of duplicates, redeliveries and bots, and
// conversions of visitors who clicked. It counts, while it makes them, what the
// pipeline must make of them (see [Truth]).
//
// It knows the events and their Kafka topics (contract §2) and imports no rule of
// the pipeline: verdicts are so by construction, not by calling what is to be
// tested.
package simulate
