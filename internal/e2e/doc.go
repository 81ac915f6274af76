// Package e2e tests the program as a whole: the real binary, in processes of
// its own, against real engines. What stands in Kafka and ClickHouse afterwards
// is compared row by row with a worked case, or with a run without faults.
//
// It knows the program by its public interface alone: commands, settings,
// topics, tables and views. It must not reach into the pipeline.
package e2e
