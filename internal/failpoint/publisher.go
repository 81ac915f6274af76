package failpoint

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/grapevinehq/grapevine/pipeline"
)

type publisher struct {
	pipeline.Publisher
	writing *atomic.Value
}

// Publish implements pipeline.Publisher, topic by topic, each in two halves.
func (p *publisher) Publish(ctx context.Context, messages []pipeline.Message) error {
	at, _ := p.writing.Load().(string)
	for _, topic := range topicsOf(messages) {
		of := slices.DeleteFunc(slices.Clone(messages), func(m pipeline.Message) bool { return m.Topic != topic })
		if err := around(ctx, at+"publish "+short(topic), func(ctx context.Context) error { return p.halves(ctx, of) }); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) halves(ctx context.Context, messages []pipeline.Message) error {
	half := len(messages) / 2
	if half > 0 {
		if err := p.Publisher.Publish(ctx, messages[:half]); err != nil {
			return err
		}
		halfway(ctx)
	}
	return p.Publisher.Publish(ctx, messages[half:])
}

func topicsOf(messages []pipeline.Message) (topics []string) {
	for _, m := range messages {
		if !slices.Contains(topics, m.Topic) {
			topics = append(topics, m.Topic)
		}
	}
	return topics
}
