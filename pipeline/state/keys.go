package state

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/grapevinehq/grapevine/pipeline"
)

// Groups is the number of slot groups. It never changes: keys are found by it.
const Groups = 256

// group is one slot group: all of its keys lie in one slot of a cluster.
type group uint8

const hexDigits = "0123456789abcdef"

// tag is the hash tag of the group, as {g0a}.
func (g group) tag() string {
	return string([]byte{'{', 'g', hexDigits[g>>4], hexDigits[g&15], '}'})
}

// key is a key of the group.
func (g group) key(rest string) string { return g.tag() + ":" + rest }

// marker is the key of the group's marker.
func (g group) marker() string { return markers[g] }

// markers are the keys of all markers, made once.
var markers = func() (keys [Groups]string) {
	for i := range keys {
		keys[i] = group(i).key("marker")
	}
	return keys
}()

// claimKeys are the keys that every script about claims begins with, by group:
// the marker, and the filter of what was released.
var claimKeys = func() (keys [Groups][2]string) {
	for i := range keys {
		keys[i] = [2]string{group(i).marker(), group(i).key("old")}
	}
	return keys
}()

// groupOf is the slot group of something that is looked up by name.
func groupOf(name string) group { return group(xxhash.Sum64String(name)) }

// partitionName names a partition in markers: a topic made anew has another.
func partitionName(p pipeline.Partition) string {
	return p.Incarnation + "/" + strconv.Itoa(p.ID)
}

// A marker keeps one field by partition and kind of call, so that each kind has
// its own sequence of batches.
const (
	journalField = "j/" // the partition's own memory: number:era:generation:alias
	claimField   = "c/" // claims: number:era:generation
	shareField   = "s/" // shared fields: number:era:generation
)

// drawField is the like in the hash of a budget: number:era:generation of the
// partition's last draw.
const drawField = "d/"

// claimBuckets is how many hashes of a group the claims are spread over: with
// up to 128 claims in each they stay in the compact encoding, 134 million in all.
const claimBuckets = 4096

// claimPlace is where a claim lies: the group, the bucket within it and the
// field within that, 16 bytes of SHA-256: two ids never share a field by chance.
func claimPlace(id pipeline.ClaimID) (g group, bucket int, field string) {
	place := binary.BigEndian.Uint32(id[16:])
	return group(place), int(place>>8) % claimBuckets, string(id[:16])
}

// claimBucket is the key of a bucket of claims.
func claimBucket(g group, bucket int) string {
	return g.key("c" + strconv.FormatInt(int64(bucket), 36))
}

// claimOwner is a record's position in Kafka in 10 to 18 bytes: 8 bytes of
// SHA-256 of the topic's incarnation, then partition and offset as varints.
func claimOwner(incarnation [8]byte, partition int, offset int64) []byte {
	owner := append(make([]byte, 0, 24), incarnation[:]...)
	owner = binary.AppendUvarint(owner, uint64(partition))
	return binary.AppendUvarint(owner, uint64(offset))
}

// incarnationHash shortens a topic's id for claimOwner.
func incarnationHash(incarnation string) (short [8]byte) {
	sum := sha256.Sum256([]byte(incarnation))
	copy(short[:], sum[:])
	return short
}
