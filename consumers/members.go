package consumers

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// Members counts the members of the consumer group: workers that run, or that died
// less than a session timeout ago.
func (c *Cluster) Members(ctx context.Context) (int, error) {
	answer, err := c.client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{c.options.Group}})
	if err != nil {
		return 0, fmt.Errorf("describe the consumer group %s: %w", c.options.Group, err)
	}
	n := 0
	for _, g := range answer.Groups {
		if g.Error != nil {
			return 0, fmt.Errorf("describe the consumer group %s: %w", c.options.Group, g.Error)
		}
		n += len(g.Members)
	}
	return n, nil
}
