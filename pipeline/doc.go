// Package pipeline is what the parts of the pipeline agree on: a batch and its
// bounds (batch.go), what a topic does with one (stage.go), what is remembered of
// it (memory.go), and the ports to Kafka and the books (ports.go).
//
// Below it lie the loop that works batches in the order that makes them exact
// (loop), a stage for each input topic (stage/...), the rules of the business as
// pure functions (event, click, member, attribution, reward, money, program), and
// the state in Redis (state, recall).
//
// It knows values and interfaces. It must not know Kafka, SQL, Redis or flags:
// consumers, analytics and pipeline/state implement its ports, cmd wires them.
package pipeline
