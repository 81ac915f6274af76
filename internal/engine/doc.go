// Package engine starts the three engines that Grapevine works on, so that a
// machine with nothing installed can run the demo, the tests and the
// benchmarks: ClickHouse, a Redis-compatible server, and Kafka.
//
// ClickHouse and Redis are the real servers. One that is on PATH is used;
// otherwise a pinned one is fetched once (pins.json, [Folder]). ClickHouse then is
// libchdb, which is ClickHouse as a shared library, and runs in a child process
// of this same binary: main functions and TestMain call [MaybeRunChild] first.
// Kafka is franz-go's kfake inside this process ([StartKafka]), or Apache Kafka
// in KRaft mode where Java and Maven are at hand ([StartApacheKafka]).
//
// Everything listens on loopback only. Children never outlive the process that
// started them, not even when it is killed, and data folders survive a kill. A
// ClickHouse that ends by itself can be started again on its data (keep.go).
//
// The package knows operating system processes, files and sockets. It must not
// know anything of Grapevine's topics, tables, keys or configuration.
package engine
