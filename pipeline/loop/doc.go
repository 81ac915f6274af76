// Package loop works one assigned partition of an input topic, alone and in
// order, batch by batch. The order of the steps in batch.go is the delivery
// guarantee of contract §7; docs/exactly-once.md gives the reasons.
//
// The package knows the ports of package pipeline and nothing of Kafka, Redis
// or ClickHouse; what a topic means is its stage's business.
package loop
