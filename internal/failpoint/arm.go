package failpoint

import (
	"sync/atomic"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/loop"
)

// Arm puts points around what a loop looks up, journals, claims, draws, shares,
// writes, publishes and gives back.
func Arm(l *loop.Loop) {
	if !On {
		return
	}
	topic := l.Stage.Topic()
	writing := new(atomic.Value)
	l.Stage = armed(l.Stage)
	l.State = state{l.State, topic}
	l.Books = &books{l.Books, topic, writing}
	l.Publisher = &publisher{l.Publisher, writing}
}

// Source puts points around the commits of a partition: bounds and
// acknowledgements.
func Source(topic string, s pipeline.Source) pipeline.Source {
	if !On {
		return s
	}
	return source{s, topic}
}
