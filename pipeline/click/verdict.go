package click

// Verdict is what became of a click (§3), in the order in which they are asked.
type Verdict string

// The verdicts. The first three are dead letters, a redelivered click is dropped
// and counted, the rest are stored; only unique ones are touches.
const (
	Invalid             Verdict = "invalid"
	UnknownProgram      Verdict = "unknown_program"
	UnknownReferralCode Verdict = "unknown_referral_code"
	Redelivered         Verdict = "redelivered"
	Inactive            Verdict = "inactive"
	Banned              Verdict = "banned"
	Bot                 Verdict = "bot"
	Duplicate           Verdict = "duplicate"
	Unique              Verdict = "unique"
)

// Stored tells whether clicks of this verdict are rows of the table clicks.
func (v Verdict) Stored() bool {
	switch v {
	case Inactive, Banned, Bot, Duplicate, Unique:
		return true
	}
	return false
}

// Facts are what the verdict on a click of a known program and referrer, never
// taken before, depends on.
type Facts struct {
	Active bool   // the program has a version at the click's time
	Banned bool   // the referrer was banned at the click's time
	Bot    string // the name of the bot rule that it meets, empty for none

	Counted     bool  // a click of the same key has been counted
	LastCounted int64 // the time of the one counted last in partition order, ms (§9 (12))
}

// Judge gives the verdict on a click at a time (ms) under a dedupe window (ms),
// and its reason: the bot rule's name.
func Judge(f Facts, time, window int64) (v Verdict, reason string) {
	switch {
	case !f.Active:
		return Inactive, ""
	case f.Banned:
		return Banned, ""
	case f.Bot != "":
		return Bot, f.Bot
	case f.Counted && distance(time, f.LastCounted) < window:
		return Duplicate, ""
	}
	return Unique, ""
}

func distance(a, b int64) int64 {
	if a < b {
		return b - a
	}
	return a - b
}
