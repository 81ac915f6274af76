package verify

import (
	"testing"
	"time"

	"github.com/grapevinehq/grapevine/analytics"
	"github.com/grapevinehq/grapevine/pipeline"
	"github.com/grapevinehq/grapevine/pipeline/event"
	"github.com/grapevinehq/grapevine/pipeline/member"
)

func TestUpdateText_says_what_is_remembered_otherwise(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_790_000_000_000).UTC()
	booked := analytics.BookedUpdate{Time: at, Status: "active", Locale: "de", EmailHash: "h", Referral: []string{"ANN"}, Coupon: []string{}, Segments: []string{"vip"}}
	same := member.Update{Time: at.UnixMilli(), Status: event.Status("active"), Locale: "de", EmailHash: "h", ReferralCodes: []string{"ANN"}, Segments: []string{"vip"}}
	other := same
	other.Segments = nil
	encoded := func(u member.Update) []byte {
		b, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	listed, unlisted := []pipeline.SharedSet{{Value: []byte{}}}, []pipeline.SharedSet{{}}
	for name, tt := range map[string]struct {
		value []byte
		codes []pipeline.SharedSet
		told  bool
		gone  bool
	}{
		"the same":            {encoded(same), listed, false, false},
		"missing":             {nil, listed, true, true},
		"of another segment":  {encoded(other), listed, true, false},
		"damaged":             {[]byte{1, 0xff}, listed, true, false},
		"its code is unknown": {encoded(same), unlisted, true, true},
	} {
		if text, gone := updateText(&booked, tt.value, tt.codes); (text != "") != tt.told || gone != tt.gone {
			t.Errorf("%s: %q, gone: %t", name, text, gone)
		}
	}
}

// What is kept to be looked at again is bounded; the rest is counted.
func TestDoubts_keep_no_more_than_they_may(t *testing.T) {
	t.Parallel()
	var d doubts
	for i := range doubtsMost + 7 {
		d.add("o", "p", time.Duration(i).String(), []byte{1}, uint64(i)) //nolint:gosec // a count
	}
	if len(d.values) != doubtsMost || len(d.ids()) != doubtsMost || d.beyond != 7 || d.filled != doubtsMost-1 {
		t.Errorf("%d values are kept, %d beyond, up to batch %d", len(d.values), d.beyond, d.filled)
	}
}
