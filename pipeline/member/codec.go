package member

import (
	"fmt"

	"github.com/grapevinehq/grapevine/pipeline/codec"
	"github.com/grapevinehq/grapevine/pipeline/event"
)

// format is the first byte of an encoded update: the version of the encoding.
const format = 1

// Of takes an update from its event, at its place in the topic. Nothing of it
// points into the record's bytes any more once it is encoded.
func Of(e *event.Member, partition int, offset int64) Update {
	return Update{
		Time: e.Time, Partition: partition, Offset: offset, Status: e.Status, Segments: e.Segments, Attributes: e.Attributes,
		EmailHash: e.EmailHash, Locale: e.Locale, Currency: e.Currency, ReferralCodes: e.ReferralCodes, CouponCodes: e.CouponCodes,
	}
}

// Encode writes an update as it is remembered: equal updates give equal bytes.
func (u *Update) Encode() ([]byte, error) {
	b, err := codec.Marshal(u)
	if err != nil {
		return nil, fmt.Errorf("encode a member's update at offset %d: %w", u.Offset, err)
	}
	return append([]byte{format}, b...), nil
}

// Decode reads what Encode wrote.
func (u *Update) Decode(b []byte) error {
	if len(b) == 0 || b[0] != format {
		return fmt.Errorf("a member's update is encoded in a way that this release does not know: run the release that wrote it, or a newer one")
	}
	*u = Update{}
	if err := codec.Unmarshal(b[1:], u); err != nil {
		return fmt.Errorf("decode a member's update: %w", err)
	}
	return nil
}
