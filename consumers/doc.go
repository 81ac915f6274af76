// Package consumers is Grapevine's side of Kafka: the consumer group and its
// generations, reading the partitions it is assigned, committing under the
// generation, waiting for other topics, publishing, and the topics themselves.
//
// It carries the guarantees that the pipeline builds on (contract §7): what an
// aborted transaction wrote is never read, control records and compacted gaps
// neither count nor stall, a commit is refused once the group has moved on, and
// a lease says until when nobody else can own the partition.
//
// It may know package pipeline, whose ports Source, Barrier and Publisher it
// implements, and kafka-go. It must not know what is in a record, nor Redis,
// ClickHouse, flags or files.
//
// A map of the files:
//
//	options.go, names.go      what a cluster is reached by, and how topics are called there
//	cluster.go                the connections shared by everything here
//	exchange.go, frame.go     requests that kafka-go has no message for, or no fitting one
//	fetch.go, recordbatch.go  reading a partition: the request, the record batches, transactions
//	source.go                 one assigned partition, as the pipeline sees it
//	group.go, generation.go   membership, and the handlers of one generation
//	lease.go, balancer.go     heartbeats of our own; who gets which partition
//	offsets.go                commits, log ends, lag
//	barrier.go                waiting until other topics have been processed
//	publisher.go              writing, acknowledged by all replicas
//	topics.go, incarnation.go making topics, and telling a topic from its namesake
package consumers
