// Package judge says what the books must be, from the input topics and the
// contract alone, and names every difference to the books as they are. It is a
// second implementation of docs/contract.md, as plain as it can be: it imports
// nothing of the pipeline, and keeps to maps, fractions and one pass over each
// topic.
//
//	judge.go       a case, and its trial in the order of the topics
//	report.go      differences, and what was judged
//	evidence.go    what is read: records of topics, rows of tables
//	kafka.go, clickhouse.go  the same of an installation
//	published.go   what was published: equal ids are equal bytes
//
// What is first come, first served by nature (contract §1, §9) is taken from the
// books where the contract does not settle it, and held against itself: of those
// who claim one id exactly one has it.
package judge
