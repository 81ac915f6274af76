// Package cases plays cases that stand as text: programs, events, and what must
// come of them, in words that those who write the rules of a program use
// themselves. examples/cases has them, and says how they are written.
//
//	case.go    a case as it stands in its file
//	line.go    a line of events, cut into words
//	event.go   a line as the record that lies in Kafka
//	amount.go  amounts as people write them
//	play.go    a case through the stages of the pipeline
//	told.go    what came of it, as lines
//	reward.go  the lines about rewards, and their ids worked out anew
//
// It imports the pipeline to run it, and no rule of it to know what is right.
package cases
