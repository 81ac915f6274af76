package pipeline

import "crypto/sha256"

// Claim asks for an id that several partitions may share.
type Claim struct {
	Key    string // whole, without prefix: "conv/<org>/<program>/<id>"
	Offset int64
	// Peek asks for the owner without claiming: won when nobody owns the id, or
	// this very position does. What nobody owns may be owned a moment later.
	Peek bool
}

// Claimed answers a claim.
type Claimed byte

const (
	// ClaimLost means that another position owns the id.
	ClaimLost Claimed = iota
	// ClaimWon means that this very position owns it, or could when it only asked.
	ClaimWon
	// ClaimWonUnlessOld means the same, unless an owner was released: only the books
	// know, and they know for certain when they are asked after this answer.
	ClaimWonUnlessOld
)

// Owned is a claim that is owned by a record of the partition.
type Owned struct {
	ID     ClaimID
	Offset int64
}

// ClaimID is what is remembered of the key of a claim: the first bytes of its
// SHA-256. Two keys never share one by chance.
type ClaimID [20]byte

// NewClaimID hashes the key of a claim.
func NewClaimID(key string) (id ClaimID) {
	sum := sha256.Sum256([]byte(key))
	copy(id[:], sum[:])
	return id
}
