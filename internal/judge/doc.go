// Package judge says what the books must be, from the input topics and the contract
// alone, and names every difference to the books as they are. It is a second
// implementation of docs/contract.md, as plain as it can be: it imports nothing of
// the pipeline, and keeps to maps, fractions and one pass over each topic.
//
//	judge.go                     a case, and its trial in the order of the topics
//	report.go, rows.go           differences; rows read beside the records they come of
//	evidence.go                  what is read: records of topics, rows of tables
//	kafka.go, clickhouse.go      the same of an installation
//	json.go, event.go, data.go   what an event is, and what makes it invalid
//	spec.go, programs.go         the program files, as far as they are needed
//	updates.go, members.go, codes.go  who a member was at a time, who held a code
//	clicks.go, bots.go           the verdict on every click
//	conversions.go, claims.go, adjust.go  what became of every conversion
//	attribute.go, credit.go, money.go     who gets credit, and how it is shared
//	candidates.go                who was considered, and why they have no say
//	filters.go, compare.go       what a referrer passes; rows and events of conversions
//	credits.go                   what rewards were told
//	movements.go, standings.go   reward events, each following from the one before
//	wants.go, periods.go         what the rules give
//	limits.go                    limits and budgets
//	fulfillments.go, segments.go decisions and payments; segments and grants
//	views.go, figures.go         what the views must show
//	letters.go, published.go     dead letters; equal ids are equal bytes
//
// What is first come, first served by nature (contract §1, §9) is taken from the
// books where the contract does not settle it, and held against itself: of those who
// claim one id exactly one has it, a budget is never exceeded, nothing is held while
// the oldest of it fits. Of members and clicks that reached Kafka about when an event
// did or later, the books may know those up to any moment since.
//
// Rows are read once, beside their topic, and only what decides later events is kept:
// a million events take some hundred megabytes.
package judge
