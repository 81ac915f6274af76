package failpoint

import (
	"context"

	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// stage, worker and work only reach for the look-up.
type stage struct{ pipeline.Stage }

// armed is a stage with points, that can do what it could without them.
func armed(s pipeline.Stage) pipeline.Stage {
	if r, ok := s.(pipeline.Retraceable); ok {
		return retraceable{stage{s}, r}
	}
	return stage{s}
}

type retraceable struct {
	stage
	inner pipeline.Retraceable
}

// Retraces implements pipeline.Retraceable.
func (s retraceable) Retraces(key string) bool { return s.inner.Retraces(key) }

// TakeOver implements pipeline.Stage.
func (s stage) TakeOver(ctx context.Context, session *pipeline.Session) (pipeline.Worker, error) {
	inner, err := s.Stage.TakeOver(ctx, session)
	if err != nil {
		return nil, err
	}
	w := worker{inner, s.Topic()}
	if keeper, ok := inner.(pipeline.Timekeeper); ok {
		return timekeeper{w, keeper}, nil
	}
	return w, nil
}

type worker struct {
	pipeline.Worker
	topic string
}

type timekeeper struct {
	worker
	pipeline.Timekeeper
}

// Decode implements pipeline.Worker.
func (w worker) Decode(b pipeline.Bounds, records []event.Record) (pipeline.Work, error) {
	inner, err := w.Worker.Decode(b, records)
	if err != nil {
		return nil, err
	}
	return work{inner, placeOf(w.topic, b) + "look up"}, nil
}

type work struct {
	pipeline.Work
	effect string
}

// LookUp implements pipeline.Work. It has no effect that could be half done.
func (w work) LookUp(ctx context.Context, progress pipeline.Progress) error {
	return around(ctx, w.effect, func(context.Context) error { return w.Work.LookUp(ctx, progress) })
}
