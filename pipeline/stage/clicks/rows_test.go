package clicks

import (
	"testing"
	"time"
)

// The clocks of these zones go over midnight, forward or back: the day that is
// kept from the clicks before must not reach into the next, nor the next back.
func TestDayCache_follows_the_zone_over_every_change_of_its_clocks(t *testing.T) {
	for _, c := range []struct{ zone, change string }{
		{"Asia/Amman", "2021-10-28T22:00:00Z"},          // 1:00 again 0:00, east of UTC: midnight comes twice
		{"America/Havana", "2025-11-02T05:00:00Z"},      // the same, west of it
		{"America/St_Johns", "2006-10-29T02:31:00Z"},    // 0:01 again 23:01 of the day before
		{"Asia/Beirut", "2025-03-29T22:00:00Z"},         // no midnight at all
		{"America/New_York", "2025-11-02T06:00:00Z"},    // a day of 25 hours
		{"Europe/Berlin", "2025-03-30T01:00:00Z"},       // one of 23
		{"Pacific/Apia", "2011-12-30T10:00:00Z"},        // a whole day left out
		{"Australia/Lord_Howe", "2025-04-05T15:00:00Z"}, // half an hour
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		change, err := time.Parse(time.RFC3339, c.change)
		if err != nil {
			t.Fatal(err)
		}
		var forth, back dayCache
		for minutes := -2 * 24 * 60; minutes <= 2*24*60; minutes += 7 {
			for cache, at := range map[*dayCache]time.Time{
				&forth: change.Add(time.Duration(minutes) * time.Minute), &back: change.Add(-time.Duration(minutes) * time.Minute),
			} {
				got := time.Unix(int64(cache.day(at.UnixMilli(), zone))*86400, 0).UTC().Format(time.DateOnly)
				if want := at.In(zone).Format(time.DateOnly); got != want {
					t.Fatalf("%s in %s: %s, want %s", at.Format(time.RFC3339), c.zone, got, want)
				}
			}
		}
	}
}
