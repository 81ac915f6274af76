package analytics

import (
	"fmt"
	"strings"

	"github.com/grapevinehq/grapevine/pipeline/attribution"
	"github.com/grapevinehq/grapevine/pipeline/program"
)

// skippedBecause says in words why a candidate has no say.
var skippedBecause = map[string]string{
	attribution.SelfReferral:  "the referrer is the customer",
	attribution.SameEmail:     "referrer and customer have one email address",
	attribution.BannedMember:  "the referrer was banned at that time",
	attribution.OutsideWindow: "not within the attribution window",
	attribution.UnknownCoupon: "nobody held this coupon code at that time",
	attribution.UnknownClick:  "the program has no unique click of this id",
	attribution.Outranked:     "a kind that goes before this one decided",
}

// Explain says in words why each candidate has credit or not, and why each other
// click was no candidate. settings are those of the version that decided; nil
// where they are not known any more.
func (e *Explanation) Explain(settings *program.Attribution) {
	for i := range e.Candidates {
		e.Candidates[i].Why = e.whyCandidate(&e.Candidates[i])
	}
	for i := range e.Clicks {
		e.Clicks[i].Why = e.whyOther(&e.Clicks[i], settings)
	}
}

// payingModel is the model that paid; empty when nobody has credit.
func (e *Explanation) payingModel() string {
	for _, c := range e.Credits {
		if c.Paying {
			return c.Model
		}
	}
	return ""
}

func (e *Explanation) whyCandidate(c *Candidate) string {
	model := program.Model(e.payingModel())
	switch {
	case c.Skipped != "":
		if why, ok := skippedBecause[c.Skipped]; ok {
			return why
		}
		return c.Skipped
	case c.Kind == attribution.Bound && c.CreditPPM > 0:
		return "bound to the customer" + e.causedBy()
	case c.CreditPPM == attribution.Whole:
		return "has the credit, by " + string(model)
	case c.CreditPPM > 0:
		return "shares the credit, by " + string(model)
	case model == program.LastClick:
		return "counts, but last_click credits the newest touch"
	case model == program.FirstClick:
		return "counts, but first_click credits the oldest touch"
	}
	return "counts, but its share comes to nothing"
}

// causedBy names the conversion that settled this one.
func (e *Explanation) causedBy() string {
	if e.Cause == nil {
		return ""
	}
	return " by conversion " + e.Cause.ConversionID
}

// unlike says in words what a click is whose verdict is not unique.
var unlike = map[string]string{
	"duplicate": "repeats a click within the dedupe window",
	"bot":       "made by a bot",
	"inactive":  "the program was not active at that time",
	"banned":    "the referrer was banned at that time",
}

func (e *Explanation) whyOther(o *OtherClick, settings *program.Attribution) string {
	at := &e.Conversion.Time
	switch why, known := unlike[o.Verdict]; {
	case known && o.Verdict == "bot":
		return why + ": " + o.Reason
	case known:
		return why
	case o.Time.After(*at):
		return "after the conversion"
	case !o.LinkedByThen:
		return "its visitor was linked to the customer only later"
	case strings.HasPrefix(e.Conversion.Reason, attribution.Bound):
		return "the customer was bound" + e.causedBy()
	case settings == nil:
		return "not within the attribution window, or known too late"
	case o.Time.Before(at.Add(-settings.Window)):
		return fmt.Sprintf("more than %gh before the conversion", settings.Window.Hours())
	}
	return "reached Kafka after the conversion was decided"
}
