// Package changelog is what every batch writes down of what it changed in Redis,
// so that Redis can be made anew when it lost data (docs/rebuild.md).
//
// A batch's rows are its first effect outside of Redis: its journal, the values,
// queues and shared fields that it set, the ids that it claimed. They stand in the
// table `changelog` of the books, of each key the row of the highest batch. What is
// not there was never followed by another effect, so the batch may be worked anew.
//
// Between the journal in Redis and the table the rows stand in the journal itself,
// sealed to the record: a successor that finds a record finds the rows that belong
// to it.
//
// The package knows values and the ports of package pipeline; no engine, and not
// what a value means.
package changelog
