// Package rebuild makes anew what Redis remembers, of what the books hold: the
// changelog that every batch wrote, and for the memory of clicks their rows
// (docs/rebuild.md).
//
// It goes unit by unit, one for each partition, and notes which are done: a run that
// was cut off goes on with the others. It reads rows in the order of their keys, so
// what it keeps in memory does not grow with what is remembered.
//
// The package knows the ports of package pipeline and its own; no Redis, no SQL and
// no Kafka.
package rebuild
