package clicks

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// topicCredits is where rewards are told of members who were clicked.
const topicCredits = "referral.credits"

// watching are the orgs whose segments or grants look at clicks, nil when none
// does.
func watching(catalog *program.Catalog) map[string]bool {
	var orgs map[string]bool
	for id, org := range catalog.Orgs {
		if !org.WatchesClicks {
			continue
		}
		if orgs == nil {
			orgs = make(map[string]bool)
		}
		orgs[id] = true
	}
	return orgs
}

// told collects what the ledgers of members are told: once for each of them,
// however many unique clicks the batch has.
type told struct {
	index map[clicked]int
	list  []event.MemberClicked // in the order of their first click
}

type clicked struct{ org, member string }

func (t *told) add(c *event.Click, member string, bounds *pipeline.Bounds, offset int64) {
	who := clicked{c.OrgID, member}
	i, known := t.index[who]
	if !known {
		if t.index == nil {
			t.index = make(map[clicked]int)
		}
		i = len(t.list)
		t.index[who] = i
		t.list = append(t.list, event.MemberClicked{
			OrgID: c.OrgID, MemberID: member, Time: c.Time, Partition: bounds.Partition.ID, DecidedAt: bounds.Time,
		})
	}
	t.list[i].Time = max(t.list[i].Time, c.Time)
	t.list[i].Offset = offset
}

func (t *told) messages() ([]pipeline.Message, error) {
	if len(t.list) == 0 {
		return nil, nil
	}
	messages := make([]pipeline.Message, len(t.list))
	for i := range t.list {
		key, value, err := event.EncodeMemberClicked(&t.list[i])
		if err != nil {
			return nil, err
		}
		messages[i] = pipeline.Structured(topicCredits, key, value)
	}
	return messages, nil
}
