// Package analytics keeps the books in ClickHouse: the tables of contract §6,
// the writer that inserts a batch exactly once, the questions that the stages
// ask of the books, the views, and the reports made from them.
//
// The schema stands in schema/tables, one migration a table, and schema/views.
// What the views answer from is kept as projections inside the parts of clicks,
// so a row and the sums made of it are one file on disk, inserted, repeated and
// lost together: no view can be ahead of its table or behind it.
//
// It may know the values of pipeline and its subfolders, and ClickHouse. It must
// not know Kafka, Redis or flags, and decides nothing: what it is given, it
// stores.
package analytics
