package analytics

import (
	"context"
	"fmt"
	"time"
)

// splitSample is how many rows of a table SplitKeys looks at, about.
const splitSample = 2_000_000

// Split is how many keys of a topic were seen on more than one partition.
type Split struct {
	Topic string // the contract's word: clicks or conversions
	Keys  uint64 // visitors or customers; of a sample where there are many rows
}

// SplitKeys counts the visitors and customers whose events of the last while
// lie on several partitions (contract §2): their producers do not partition
// alike, and what is counted by partition order may count them twice.
func (b *Books) SplitKeys(ctx context.Context, last time.Duration) ([]Split, error) {
	splits := []Split{{Topic: "clicks"}, {Topic: "conversions"}}
	for i, key := range []string{"visitor_id", "customer_id"} {
		query := fmt.Sprintf(`
SELECT count() FROM
(
    SELECT 1
    FROM %[1]s
    WHERE ingested >= now64(3) - toIntervalSecond(?) AND %[2]s != ''
        AND cityHash64(%[2]s) %% greatest(1, intDiv((SELECT count() FROM %[1]s WHERE ingested >= now64(3) - toIntervalSecond(?)), ?)) = 0
    GROUP BY org_id, %[2]s
    HAVING uniqExact(kafka_topic, kafka_partition) > 1
)`, splits[i].Topic, key)
		seconds := int64(last.Seconds())
		if err := b.conn.QueryRow(ctx, query, seconds, seconds, splitSample).Scan(&splits[i].Keys); err != nil {
			return nil, fmt.Errorf("count the keys of %s on several partitions: %w", splits[i].Topic, err)
		}
	}
	return splits, nil
}
