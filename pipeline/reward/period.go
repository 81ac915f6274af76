package reward

import (
	"fmt"
	"time"

	"github.com/grapevinehq/grapevine/pipeline/program"
)

// PeriodName names the period that holds a time (milliseconds since the epoch)
// in a zone, as contract §2 writes it: `lifetime`, `2026`, `2026-Q4`, `2026-11`,
// or the ISO week `2026-W47` with its ISO year. An empty kind is lifetime.
func PeriodName(kind program.Period, ms int64, zone *time.Location) string {
	t := time.UnixMilli(ms).In(zone)
	switch kind {
	case program.Year:
		return fmt.Sprintf("%04d", t.Year())
	case program.Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), quarter(t.Month())+1)
	case program.Month:
		return fmt.Sprintf("%04d-%02d", t.Year(), int(t.Month()))
	case program.Week:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	default:
		return string(program.Lifetime)
	}
}

// PeriodStart is the first instant (milliseconds since the epoch) of the period
// that holds a time in a zone; ok is false for a lifetime, which has none.
func PeriodStart(kind program.Period, ms int64, zone *time.Location) (start int64, ok bool) {
	t := time.UnixMilli(ms).In(zone)
	year, month, day := t.Date()
	switch kind {
	case program.Year:
		month, day = time.January, 1
	case program.Quarter:
		month, day = time.Month(quarter(month)*3+1), 1
	case program.Month:
		day = 1
	case program.Week:
		day -= (int(t.Weekday()) + 6) % 7
	default:
		return 0, false
	}
	return dayStart(year, month, day, zone).UnixMilli(), true
}

// PeriodEnd is the first instant (milliseconds since the epoch) after the period
// that holds a time in a zone; ok is false for a lifetime, which has none.
func PeriodEnd(kind program.Period, ms int64, zone *time.Location) (end int64, ok bool) {
	start, ok := PeriodStart(kind, ms, zone)
	if !ok {
		return 0, false
	}
	days := map[program.Period]int64{program.Week: 8, program.Month: 32, program.Quarter: 93, program.Year: 367}[kind]
	return PeriodStart(kind, start+days*86_400_000, zone) // a day or a few into the next one
}

// Day is the day of a time (milliseconds since the epoch) in a zone, in days
// since the epoch.
func Day(ms int64, zone *time.Location) int32 {
	year, month, day := time.UnixMilli(ms).In(zone).Date()
	return int32(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86_400) //nolint:gosec // events lie in years of four digits
}

func quarter(m time.Month) int { return (int(m) - 1) / 3 }

// dayStart is the first instant of a day: midnight, or what a change of the
// clocks makes of it. [time.Date] leaves open which side of a change it takes.
func dayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	since, until := t.ZoneBounds()
	switch {
	case t.Day() != noon.Day(): // midnight was skipped, and t lies before the change
		return until
	case t.Hour() != 0 || t.Minute() != 0: // skipped, and t lies after it
		return since
	case since.IsZero():
		return t
	}
	// Midnight came twice when the clocks went back over it: the first one counts.
	_, before := since.Add(-time.Second).Zone()
	_, after := t.Zone()
	if first := t.Add(time.Duration(after-before) * time.Second); before > after && first.Before(since) {
		return first
	}
	return t
}
