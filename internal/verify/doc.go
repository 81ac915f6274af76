// Package verify holds the three witnesses of an installation against each other:
// the group's commits in Kafka, the memory in Redis, and the books in ClickHouse.
// docs/verify.md says what is compared, and what each difference means.
//
// It reads and writes nothing. It judges what was acknowledged when it began, so a
// pipeline may run beside it; what it takes of memory does not grow with the books.
package verify
