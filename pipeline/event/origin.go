package event

// The headers that a replayed dead letter has beside the original's: where its
// event stood when it was refused first. They claim nothing that could be believed
// wrongly: an event that has them is looked for in the books for good, and not only
// in the memory of taken events, which forgets. Who forges them has his own event
// looked for, no more.
const (
	OriginTopic     = "gv_origin_topic"
	OriginPartition = "gv_origin_partition"
	OriginOffset    = "gv_origin_offset"
)

// Replayed tells whether the record is a dead letter that was sent again.
func (r *Record) Replayed() bool {
	for i := range r.Headers {
		if r.Headers[i].Key == OriginOffset {
			return true
		}
	}
	return false
}
