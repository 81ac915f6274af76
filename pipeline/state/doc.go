// Package state is what Redis remembers for the pipeline: the journal and the
// own memory of every partition, ids that partitions share, what one topic's
// partitions let others read, and what the workers of an installation agree on.
//
// Keys lie in 256 slot groups, {g00} to {gff}. Every script works on one group
// and checks that group's marker, a hash that names the installation and, by
// partition, the fence (era and generation) and the number of the last batch.
// A lower fence is pipeline.ErrFenced; a marker that is missing, of another
// installation or behind the batch before is pipeline.ErrStateLost. That is how
// a zombie is stopped, and how a shard that is empty, or older than the books,
// is noticed before anything is written that rests on it.
//
// Each Lua script lies beside the Go that calls it, with its keys in a comment.
//
// The package may know go-redis and the values and ports of package pipeline.
// It must not know Kafka, ClickHouse, or what the stages put into their values.
package state
