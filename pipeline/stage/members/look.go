package members

import (
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

// UpdateField is where an update of a member is shared, without its value.
func UpdateField(orgID, memberID string, partition int, offset int64) pipeline.SharedSet {
	return pipeline.SharedSet{Key: memberRef{orgID, memberID}.key(), Field: place(partition, offset)}
}

// ClaimantField is where it is shared that a member listed a code.
func ClaimantField(orgID string, ns member.Namespace, code, memberID string) pipeline.SharedSet {
	return pipeline.SharedSet{Key: codeRef{orgID, ns, code}.key(), Field: memberID}
}
