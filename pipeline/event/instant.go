package event

// The first and the last instant that an event may have, in milliseconds:
// ClickHouse's DateTime64 and Date32 hold the years 1900 to 2299, and a year at
// either end is left to time zones and holds.
const (
	earliest = -2177452800000 // 1901-01-01T00:00:00Z
	latest   = 10382255999999 // 2298-12-31T23:59:59.999Z
)

// parseInstant reads an RFC 3339 time of up to nanoseconds and truncates it to
// the millisecond before or at it. Leap seconds are not taken.
func parseInstant(s string) (ms int64, ok bool) {
	if len(s) < len("2006-01-02T15:04:05Z") {
		return 0, false
	}
	year, month, day := number4(s), number2(s[5:]), number2(s[8:])
	hour, minute, second := number2(s[11:]), number2(s[14:]), number2(s[17:])
	if year|month|day|hour|minute|second < 0 ||
		s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' ||
		month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	milli, rest, ok := parseFraction(s[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	seconds := daysSinceEpoch(year, month, day)*86400 + int64(hour)*3600 + int64(minute)*60 + int64(second)
	return (seconds-offset)*1000 + milli, true
}

// parseFraction reads an optional fraction of a second of one to nine digits.
func parseFraction(s string) (milli int64, rest string, ok bool) {
	if s[0] != '.' {
		return 0, s, true
	}
	n := 1
	for ; n < len(s) && s[n]-'0' < 10; n++ {
		if n <= 3 {
			milli = milli*10 + int64(s[n]-'0')
		}
	}
	for d := n; d <= 3; d++ {
		milli *= 10
	}
	return milli, s[n:], n > 1 && n <= 10
}

// parseOffset reads Z or the distance from UTC, in seconds.
func parseOffset(s string) (seconds int64, ok bool) {
	if len(s) == 1 {
		return 0, s[0]|0x20 == 'z'
	}
	if len(s) != len("+00:00") || s[3] != ':' || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, minute := number2(s[1:]), number2(s[4:])
	if hour|minute < 0 || hour > 23 || minute > 59 {
		return 0, false
	}
	seconds = int64(hour)*3600 + int64(minute)*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// number2 reads two digits, -1 where there are none.
func number2(s string) int {
	tens, ones := s[0]-'0', s[1]-'0'
	if tens > 9 || ones > 9 {
		return -1
	}
	return int(tens)*10 + int(ones)
}

func number4(s string) int {
	high, low := number2(s), number2(s[2:])
	if high|low < 0 {
		return -1
	}
	return high*100 + low
}

var monthDays = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func daysIn(year, month int) int {
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		return 29
	}
	return monthDays[month]
}

// daysSinceEpoch counts days of the Gregorian calendar from 1970-01-01, with
// years that begin in March so that the leap day comes last.
func daysSinceEpoch(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	leaps := year/4 - year/100 + year/400
	inYear := (153*(month-3)+2)/5 + day - 1
	return int64(year*365+leaps+inYear) - 719468
}
