package judge

import (
	"fmt"
	"time"
)

// period names the period of a time in a zone, as events do (§2).
func period(kind string, ms int64, zone *time.Location) string {
	at := time.UnixMilli(ms).In(zone)
	switch kind {
	case "year":
		return fmt.Sprintf("%04d", at.Year())
	case "quarter":
		return fmt.Sprintf("%04d-Q%d", at.Year(), (int(at.Month())+2)/3)
	case "month":
		return at.Format("2006-01")
	case "week":
		year, week := at.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return "lifetime"
}

// begin is the first instant of that period; ok is false for a lifetime. Days begin
// at midnight, or where that is left out by a change of clocks, at the change.
func begin(kind string, ms int64, zone *time.Location) (start int64, ok bool) {
	at := time.UnixMilli(ms).In(zone)
	year, month, day := at.Date()
	switch kind {
	case "year":
		month, day = 1, 1
	case "quarter":
		month, day = (month-1)/3*3+1, 1
	case "month":
		day = 1
	case "week":
		day -= (int(at.Weekday()) + 6) % 7
	default:
		return 0, false
	}
	first := time.Date(year, month, day, 0, 0, 0, 0, zone)
	return first.UnixMilli(), true
}
